package api

import (
	"encoding/json"
	"slices"
)

// TextOrList is a value that is one text in some places and a list of texts in others, such as what a filter of a report
// is set to. It keeps which of the two it is, and whatever else comes, which has no texts and fails nobody's answer. The
// zero TextOrList stands for null.
//
//nolint:recvcheck // only what reads it changes it
type TextOrList struct {
	texts []string
	list  bool
	// other is the JSON text of what is neither.
	other string
}

// Text returns the TextOrList that is one text.
func Text(text string) TextOrList { return TextOrList{texts: []string{text}} }

// List returns the TextOrList that is a list of texts, possibly empty.
func List(texts ...string) TextOrList { return TextOrList{texts: slices.Clone(texts), list: true} }

// Texts returns the elements of the list, or the one text.
func (v TextOrList) Texts() []string { return slices.Clone(v.texts) }

// IsList reports whether it is a list.
func (v TextOrList) IsList() bool { return v.list }

// IsZero reports whether it is null.
func (v TextOrList) IsZero() bool { return !v.list && v.texts == nil && v.other == "" }

// MarshalJSON writes a text, an array, null, or what came.
func (v TextOrList) MarshalJSON() ([]byte, error) {
	switch {
	case v.other != "":
		return []byte(v.other), nil
	case v.IsZero():
		return []byte("null"), nil
	case v.list && v.texts == nil:
		return []byte("[]"), nil
	case v.list:
		return json.Marshal(v.texts)
	default:
		return json.Marshal(v.texts[0])
	}
}

// UnmarshalJSON reads a text, an array of texts, or null, and keeps whatever else comes.
func (v *TextOrList) UnmarshalJSON(data []byte) error { return Unmarshal(data, v) }

func (v *TextOrList) readJSON(r *reader) error {
	*v = TextOrList{}
	raw, err := r.tokens.ReadValue()
	if err != nil {
		return err
	}
	switch raw.Kind() {
	case 'n':
	case '"':
		v.texts = []string{r.text(raw)}
	case '[':
		if v.texts, v.list = listOfTexts(r, raw); !v.list {
			v.other = r.texts.keep(raw)
		}
	default:
		v.other = r.texts.keep(raw)
	}
	return nil
}

// listOfTexts returns the elements of a JSON array; the second result is false when one of them is no text.
func listOfTexts(r *reader, array []byte) ([]string, bool) {
	var list []string
	elements := newReader(array)
	defer elements.free()
	_, _ = elements.tokens.ReadToken()
	for elements.tokens.PeekKind() == '"' {
		raw, _ := elements.tokens.ReadValue() // it has been read before
		list = append(list, r.text(raw))
	}
	if elements.tokens.PeekKind() != ']' {
		return nil, false
	}
	return list, true
}
