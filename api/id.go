package api

import (
	"errors"
	"fmt"
)

// ErrBadID is the error for an id that must not become part of a URL.
var ErrBadID = errors.New("not an id")

// ID is an id in the path of a request: of a user, a connection, a job.
//
// An id stands between two slashes, so one that is empty, `.` or `..` would make the URL name another thing:
// DELETE /users/u1/connections/.. deletes the user. The generated client turns an ID into text with
// [ID.MarshalText] and gives up on its error, so no such request can be built.
type ID string

// Validate reports why id cannot stand in a path, as an error that is [ErrBadID], or nil when it can.
//
// Basiq's ids are UUIDs, hexadecimal or decimal digits, or codes such as AU00000. Validate takes any printable ASCII
// but what has a meaning in a path, and refuses the words that stand in the API's own paths where an id could.
func (id ID) Validate() error {
	switch id {
	case "":
		return fmt.Errorf("%w: it is empty", ErrBadID)
	case ".", "..":
		return fmt.Errorf("%w: it is a step in a path", ErrBadID)
	case "refresh", "types", "transactions":
		return fmt.Errorf("%w: the API uses this word as a path of its own", ErrBadID)
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c <= ' ' || c >= 0x7f:
			return fmt.Errorf("%w: it has a space, a control character or a character beyond ASCII", ErrBadID)
		case c == '/', c == '\\', c == '?', c == '#', c == '%':
			return fmt.Errorf("%w: it has the character %q, which has a meaning in a URL", ErrBadID, c)
		}
	}
	return nil
}

// MarshalText returns the id as it stands in a path, or the error of [ID.Validate].
func (id ID) MarshalText() ([]byte, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	return []byte(id), nil
}
