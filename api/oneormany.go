package api

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
)

// OneOrMany is a list that Basiq also writes as its only element, or as null.
type OneOrMany[T any] []T

// MarshalJSON returns null, the only element, or an array.
func (list OneOrMany[T]) MarshalJSON() ([]byte, error) {
	switch len(list) {
	case 0:
		return []byte("null"), nil
	case 1:
		return json.Marshal(list[0])
	default:
		return json.Marshal([]T(list))
	}
}

// UnmarshalJSON decodes an array, one element, or null. The list is nil if the only element is of another JSON kind: its
// zero value would pass for data. The error is a [*MistypedError] then, as for a mistyped field of an element.
func (list *OneOrMany[T]) UnmarshalJSON(data []byte) error {
	*list = nil
	if jsontext.Value(data).Kind() == '[' {
		return Unmarshal(data, (*[]T)(list))
	}
	var one *T
	err := Unmarshal(data, &one)
	mistyped, ok := errors.AsType[*MistypedError](err)
	if one != nil && (!ok || mistyped.Field != "") {
		*list = []T{*one}
	}
	if ok {
		mistyped.Field = strings.TrimSuffix("0."+mistyped.Field, ".")
	}
	return err
}

// First returns the first element, or nil if the list is empty.
func (list OneOrMany[T]) First() *T {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}
