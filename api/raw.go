package api

// rawValue holds the JSON text of a value of any kind, or "" for null. It is marshaled as it was received.
type rawValue struct{ raw string }

// IsZero reports whether the value is null or missing.
func (v rawValue) IsZero() bool { return v.raw == "" }

// MarshalJSON returns the text as it was received.
func (v rawValue) MarshalJSON() ([]byte, error) {
	if v.raw == "" {
		return []byte("null"), nil
	}
	return []byte(v.raw), nil
}

// UnmarshalJSON stores a copy of data. It returns nil.
func (v *rawValue) UnmarshalJSON(data []byte) error {
	v.raw = ""
	if string(data) != "null" {
		v.raw = string(data)
	}
	return nil
}
