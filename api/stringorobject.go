package api

import (
	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
)

// StringOrObject is a value that Basiq sends either as a string or as an object that T represents. The zero StringOrObject is
// null.
type StringOrObject[T any] struct {
	// Text is the string, or "" if the value is not a string.
	Text string
	// Object is the object, or nil if the value is not an object.
	Object *T
	// rawValue holds a value of any other JSON kind.
	rawValue
}

// IsZero reports whether Basiq sent null, "" or nothing.
func (v StringOrObject[T]) IsZero() bool { return v.Text == "" && v.Object == nil && v.raw == "" }

// MarshalJSON returns the object, the string, the value of another kind as it was received, or null.
func (v StringOrObject[T]) MarshalJSON() ([]byte, error) {
	switch {
	case v.Object != nil:
		return json.Marshal(v.Object)
	case v.Text != "":
		return json.Marshal(v.Text)
	default:
		return v.rawValue.MarshalJSON()
	}
}

// UnmarshalJSON decodes a string, an object or null. It keeps a value of any other JSON kind. The error of a mistyped
// field of the object is a [*TypeError].
func (v *StringOrObject[T]) UnmarshalJSON(data []byte) error {
	*v = StringOrObject[T]{}
	switch jsontext.Value(data).Kind() {
	case '"':
		v.Text = text(data)
		return nil
	case '{':
		v.Object = new(T)
		return UnmarshalOnce(data, v.Object) // the caller may already decode the text twice
	default:
		return v.rawValue.UnmarshalJSON(data)
	}
}
