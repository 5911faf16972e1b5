package api

import "encoding/json"

// TextOrList is a value that is one text in some places and a list of texts in others, such as what a filter of a report
// is set to. It keeps which of the two it is. The zero TextOrList stands for null.
type TextOrList struct {
	texts []string
	list  bool
}

// Text returns the TextOrList that is one text.
func Text(text string) TextOrList { return TextOrList{texts: []string{text}} }

// List returns the TextOrList that is a list of texts, possibly empty.
func List(texts ...string) TextOrList { return TextOrList{texts: texts, list: true} }

// Texts returns the elements of the list, or the one text.
func (v TextOrList) Texts() []string { return v.texts }

// IsList reports whether it is a list.
func (v TextOrList) IsList() bool { return v.list }

// IsZero reports whether it is null.
func (v TextOrList) IsZero() bool { return !v.list && v.texts == nil }

// MarshalJSON writes a text, an array, or null.
func (v TextOrList) MarshalJSON() ([]byte, error) {
	switch {
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

// UnmarshalJSON reads a text, an array of texts, or null.
func (v *TextOrList) UnmarshalJSON(data []byte) error {
	*v = TextOrList{}
	if len(data) > 0 && data[0] == '[' {
		v.list = true
		return json.Unmarshal(data, &v.texts)
	}
	if string(data) == "null" {
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	v.texts = []string{text}
	return nil
}
