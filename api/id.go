package api

import (
	"errors"
	"fmt"
)

// ErrBadID is the error for an ID that must not become part of a URL.
var ErrBadID = errors.New("invalid ID")

// ID is an ID in the path of a request. An ID that is empty, `.` or `..` would change which resource the URL addresses:
// DELETE /users/u1/connections/.. deletes the user. The generated client returns the error of [ID.MarshalText] instead.
type ID string

// Validate returns an error that wraps [ErrBadID] unless id is printable ASCII without characters that are special in a URL.
// It also rejects the words that Basiq's paths contain in place of an ID. Basiq's IDs are UUIDs, digits, or codes such as
// AU00000.
func (id ID) Validate() error {
	switch id {
	case "":
		return fmt.Errorf("%w: must not be empty", ErrBadID)
	case ".", "..":
		return fmt.Errorf("%w: must not be \".\" or \"..\"", ErrBadID)
	case "refresh", "types", "transactions", "account", "balance", "identity", "income", "expense-ratio":
		return fmt.Errorf("%w: %q is a reserved word of the API's paths", ErrBadID, string(id))
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c <= ' ' || c >= 0x7f:
			return fmt.Errorf("%w: must not contain spaces, control characters or non-ASCII characters", ErrBadID)
		case c == '/', c == '\\', c == '?', c == '#', c == '%':
			return fmt.Errorf("%w: must not contain %q", ErrBadID, c)
		}
	}
	return nil
}

// MarshalText returns the ID, or the error of [ID.Validate].
func (id ID) MarshalText() ([]byte, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	return []byte(id), nil
}
