package api

import (
	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
)

// Reference names another thing: by its id alone in most answers, by an object that has the id in others. The zero
// Reference stands for null, and for nothing sent.
type Reference struct {
	// ID is the id, or "" when there is none.
	ID string
	// raw is the JSON text of what came as an object, which goes out as it came.
	raw string
}

// String returns the id.
func (r Reference) String() string { return r.ID }

// IsZero reports whether there is nothing in r: Basiq sent null or "", or nothing.
func (r Reference) IsZero() bool { return r.ID == "" && r.raw == "" }

// MarshalJSON writes an id, the object that came, or null.
func (r Reference) MarshalJSON() ([]byte, error) {
	switch {
	case r.raw != "":
		return []byte(r.raw), nil
	case r.ID == "":
		return []byte("null"), nil
	default:
		return json.Marshal(r.ID)
	}
}

// UnmarshalJSON decodes an ID, an object with an ID, or null. It keeps any other value without an ID, and returns no error.
func (r *Reference) UnmarshalJSON(data []byte) error {
	*r = Reference{}
	switch jsontext.Value(data).Kind() {
	case 'n':
	case '"':
		r.ID = text(data)
	default:
		r.raw = string(data)
		var object struct{ ID string }
		if Unmarshal(data, &object) == nil {
			r.ID = object.ID
		}
	}
	return nil
}
