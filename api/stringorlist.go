package api

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
)

// StringOrList is a value that is either one text or a list of texts, such as the value of a report filter. The text of a
// number is its digits. It keeps any other JSON value, for which Strings returns nil. The zero StringOrList is null.
type StringOrList struct{ rawValue }

// String returns a StringOrList that is one text.
func String(text string) StringOrList { return textOrList(text) }

// List returns a StringOrList that is a list of texts, possibly empty.
func List(texts ...string) StringOrList { return textOrList(append([]string{}, texts...)) }

func textOrList(value any) StringOrList {
	data, _ := json.Marshal(value) // marshaling strings cannot fail
	return StringOrList{rawValue{string(data)}}
}

// Strings returns the elements of the list, or the one text.
func (v StringOrList) Strings() []string {
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
func (v StringOrList) IsList() bool { return v.raw != "" && v.raw[0] == '[' && v.Strings() != nil }
