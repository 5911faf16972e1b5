package api

import "encoding/json"

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
func (list *OneOrMany[T]) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]T)(list))
	}
	if string(data) == "null" {
		*list = nil
		return nil
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*list = []T{one}
	return nil
}

// First returns the first element, or nil when there is none.
func (list OneOrMany[T]) First() *T {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}
