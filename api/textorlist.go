package api

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
)

// TextOrList is a value that is one text in some places and a list of texts in others, such as what a filter of a report
// is set to. It keeps which of the two it is, and whatever else comes, which has no texts and fails nobody's answer. The
// zero TextOrList stands for null.
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

// UnmarshalJSON decodes a string, an array of strings, or null. It keeps any other value, and returns no error.
func (v *TextOrList) UnmarshalJSON(data []byte) error {
	*v = TextOrList{}
	switch jsontext.Value(data).Kind() {
	case 'n':
	case '"':
		v.texts = []string{text(data)}
	default:
		var texts []string
		if Unmarshal(data, &texts) == nil && !hasNull(data, texts) {
			v.texts, v.list = texts, true
		} else {
			v.other = string(data)
		}
	}
	return nil
}

// hasNull reports whether the JSON array that texts were decoded from has a null in it.
func hasNull(data []byte, texts []string) bool {
	var elements []*string
	return slices.Contains(texts, "") && (Unmarshal(data, &elements) != nil || slices.Contains(elements, nil))
}
