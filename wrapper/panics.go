package basiq

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// recovered is a panic of a caller's function in a goroutine of this package, where the caller cannot recover it and it
// would crash the program. raise raises it in the caller's goroutine, with its original stack.
type recovered struct {
	value any
	stack []byte
}

// errUnfinished is returned if a caller's function called runtime.Goexit.
var errUnfinished = errors.New("basiq: a function of the caller called runtime.Goexit")

// catch returns the panic that recover returned, or nil. Deferred functions must call it as catch(recover()), because
// recover works only if the deferred function calls it directly.
func catch(value any) *recovered {
	if value == nil {
		return nil
	}
	if r, ok := value.(*recovered); ok {
		return r
	}
	return &recovered{value: value, stack: debug.Stack()}
}

// raise panics with r unless r is nil.
func (r *recovered) raise() {
	if r != nil {
		panic(r)
	}
}

// Error returns the value of the panic and its stack.
func (r *recovered) Error() string { return fmt.Sprintf("%v\n\n%s", r.value, r.stack) }

// Unwrap returns the value of the panic if it is an error.
func (r *recovered) Unwrap() error {
	err, _ := r.value.(error)
	return err
}
