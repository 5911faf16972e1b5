package api

import (
	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
)

// Reference refers to another resource. Basiq sends either its ID or an object that contains the ID. The ID of a number is
// its digits. The zero Reference is null.
type Reference struct {
	// ID is the ID, or "" if there is none.
	ID string
	// rawValue holds any value except a string, so that it is marshaled as it was received.
	rawValue
}

// String returns the ID.
func (r Reference) String() string { return r.ID }

// IsZero reports whether Basiq sent null, "" or nothing.
func (r Reference) IsZero() bool { return r.ID == "" && r.raw == "" }

// MarshalJSON returns the ID, the object that was received, or null.
func (r Reference) MarshalJSON() ([]byte, error) {
	if r.raw != "" || r.ID == "" {
		return r.rawValue.MarshalJSON()
	}
	return json.Marshal(r.ID)
}

// UnmarshalJSON decodes an ID, an object with an ID, or null. It keeps any other value. It returns nil.
func (r *Reference) UnmarshalJSON(data []byte) error {
	*r = Reference{}
	switch jsontext.Value(data).Kind() {
	case '"':
		r.ID = text(data)
		return nil
	case '0':
		r.ID = string(data)
	case '{':
		var object struct{ ID string }
		if Unmarshal(data, &object) == nil {
			r.ID = object.ID
		}
	default: // has no ID
	}
	return r.rawValue.UnmarshalJSON(data)
}
