package api

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
)

// OneOrMany is a list that Basiq also sends as its only element without an array around it. It is marshaled in the form in
// which it was received. The zero OneOrMany is null.
type OneOrMany[T any] struct {
	// Items are the elements. It is nil for null.
	Items []T
	// Single is set if the only element was not in an array.
	Single bool
}

// Many returns a OneOrMany that is an array.
func Many[T any](items ...T) OneOrMany[T] { return OneOrMany[T]{Items: append([]T{}, items...)} }

// IsZero reports whether list is null or missing.
func (list OneOrMany[T]) IsZero() bool { return list.Items == nil }

// MarshalJSON returns null, the single element, or an array.
func (list OneOrMany[T]) MarshalJSON() ([]byte, error) {
	if list.Single && len(list.Items) == 1 {
		return json.Marshal(list.Items[0])
	}
	return json.Marshal(list.Items)
}

// UnmarshalJSON decodes an array, one element, or null. If the only element has the wrong JSON kind, Items is nil, because a
// zero value would look like data. The error is then a [*TypeError], as for a mistyped field of an element.
func (list *OneOrMany[T]) UnmarshalJSON(data []byte) error {
	*list = OneOrMany[T]{}
	if jsontext.Value(data).Kind() == '[' {
		return UnmarshalOnce(data, &list.Items) // the caller may already decode the text twice
	}
	var one *T
	err := UnmarshalOnce(data, &one)
	mistyped, ok := errors.AsType[*TypeError](err)
	if one != nil && (!ok || mistyped.Field != "") {
		*list = OneOrMany[T]{Items: []T{*one}, Single: true}
	}
	if ok {
		mistyped.Field = strings.TrimSuffix("0."+mistyped.Field, ".")
	}
	return err
}

// First returns the first element, or nil if the list is empty.
func (list OneOrMany[T]) First() *T {
	if len(list.Items) == 0 {
		return nil
	}
	return &list.Items[0]
}
