package api

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
)

// TextOrList is a value that is either one text or a list of texts, such as the value of a report filter. The text of a
// number is its digits. It keeps any other JSON value, for which Texts returns nil. The zero TextOrList is null.
type TextOrList struct{ rawValue }

// Text returns a TextOrList that is one text.
func Text(text string) TextOrList { return textOrList(text) }

// List returns a TextOrList that is a list of texts, possibly empty.
func List(texts ...string) TextOrList { return textOrList(append([]string{}, texts...)) }

func textOrList(value any) TextOrList {
	data, _ := json.Marshal(value) // marshaling strings cannot fail
	return TextOrList{rawValue{string(data)}}
}

// Texts returns the elements of the list, or the one text.
func (v TextOrList) Texts() []string {
	switch jsontext.Value(v.raw).Kind() {
	case '"':
		return []string{text([]byte(v.raw))}
	case '0':
		return []string{v.raw}
	default: // may be a list
	}
	var texts []*string
	if Unmarshal([]byte(v.raw), &texts) != nil || slices.Contains(texts, nil) {
		return nil
	}
	list := make([]string, len(texts))
	for i, element := range texts {
		list[i] = *element
	}
	return list
}

// IsList reports whether v is a list of texts.
func (v TextOrList) IsList() bool { return v.raw != "" && v.raw[0] == '[' && v.Texts() != nil }
