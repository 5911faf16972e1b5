package api

import (
	"encoding/json"
	"slices"
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

// UnmarshalJSON reads a text, an array of texts, or null, and keeps whatever else comes.
func (v *TextOrList) UnmarshalJSON(data []byte) error {
	*v = TextOrList{}
	var text string
	var list []*string
	switch {
	case string(data) == "null":
	case json.Unmarshal(data, &text) == nil:
		v.texts = []string{text}
	case json.Unmarshal(data, &list) == nil && !slices.Contains(list, nil):
		v.list = true
		for _, text := range list {
			v.texts = append(v.texts, *text)
		}
	default:
		v.other = string(data)
	}
	return nil
}
