package api

import (
	"encoding/json"
	"reflect"
)

// OneOrMany is a list that may also be written as its only element, or as null.
type OneOrMany[T any] []T

// MarshalJSON writes the only element by itself, as Basiq does, more as an array, and none as null.
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

// UnmarshalJSON reads an array, one element, or null.
func (list *OneOrMany[T]) UnmarshalJSON(data []byte) error { return Unmarshal(data, list) }

func (list *OneOrMany[T]) readJSON(r *reader) error {
	*list = nil
	switch r.tokens.PeekKind() {
	case 'n', '[':
		return r.read(shapeOf(reflect.TypeFor[[]T]()), reflect.ValueOf((*[]T)(list)).Elem())
	default:
		one := make([]T, 1)
		if err := r.read(shapeOf(reflect.TypeFor[T]()), reflect.ValueOf(one).Index(0)); err != nil {
			return err
		}
		*list = one
		return nil
	}
}

// First returns the first element, or nil when there is none.
func (list OneOrMany[T]) First() *T {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}
