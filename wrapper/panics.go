package basiq

import (
	"fmt"
	"runtime/debug"
)

// recovered is a panic that was recovered in one goroutine, to be raised in another. It is the value of the panic that
// raise causes, so that the original stack is printed.
type recovered struct {
	value any
	stack []byte
}

// catch returns the panic of which value is the result of recover, or nil if there was none.
func catch(value any) *recovered {
	if value == nil {
		return nil
	}
	return &recovered{value: value, stack: debug.Stack()}
}

// raise panics if there was a panic.
func (r *recovered) raise() {
	if r != nil {
		panic(r)
	}
}

// Error returns the value and the stack of the original panic.
func (r *recovered) Error() string { return fmt.Sprintf("%v\n\noriginal stack:\n%s", r.value, r.stack) }

// Unwrap returns the value of the original panic if it is an error.
func (r *recovered) Unwrap() error {
	err, _ := r.value.(error)
	return err
}
