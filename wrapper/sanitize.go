package basiq

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// withoutCause returns err without the errors that come from a context's cause. With errgroup the cause is the error of
// another call, and errors.Is would match it. If ctx has ended and err is its cause, or wraps it, the result has err's
// text and unwraps to ctx.Err().
func withoutCause(ctx context.Context, err error) error {
	ended := ctx.Err()
	if err == nil || ended == nil {
		return err
	}
	cause := context.Cause(ctx)
	if sameError(cause, ended) {
		return err
	}
	fromCause := false
	walkErrors(cause, func(other error) {
		walkErrors(err, func(node error) { fromCause = fromCause || sameError(node, other) && !sameError(node, ended) })
	})
	if !fromCause {
		return err
	}
	return newSafeError(truncate(err.Error()), ended)
}

// contextError returns the error of a context that has ended, with its cause as text.
func contextError(ctx context.Context) error {
	ended, cause := ctx.Err(), context.Cause(ctx)
	if sameError(cause, ended) {
		return ended
	}
	return newSafeError(ended.Error()+": "+truncate(cause.Error()), ended)
}

// safeError is an error with its own text and a tree of errors that programs may match. It implements [net.Error].
type safeError struct {
	text    string
	timeout bool
	tree    []error
	// is matches the original error. It is a function, so that printing or unwrapping does not reveal the original.
	is func(target error) bool
}

// newSafeError returns an error with a text that wraps err.
func newSafeError(text string, err error) *safeError {
	return &safeError{text: text, timeout: errors.Is(err, context.DeadlineExceeded), tree: []error{err}}
}

func (e *safeError) Error() string        { return e.text }
func (e *safeError) Unwrap() []error      { return e.tree }
func (e *safeError) Is(target error) bool { return e.is != nil && e.is(target) }
func (e *safeError) Timeout() bool        { return e.timeout }
func (e *safeError) Temporary() bool      { return e.timeout }

// walkErrors calls visit for each error in err's tree.
func walkErrors(err error, visit func(error)) {
	if err == nil {
		return
	}
	visit(err)
	switch wrapper := err.(type) { //nolint:errorlint // this function walks the tree
	case interface{ Unwrap() error }:
		walkErrors(wrapper.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			walkErrors(inner, visit)
		}
	}
}

// sameError reports whether both are the same value.
func sameError(a, b error) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b //nolint:errorlint // compares the value, not the tree
}

// withoutURL returns a transport's error without the URL, which contains IDs of users.
func withoutURL(err error) error {
	for {
		withURL, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = cmp.Or(withURL.Err, errors.New("unknown error"))
	}
}

// safeErrors are errors of the standard library that programs match and whose texts contain no part of a response.
var safeErrors = []error{
	context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, os.ErrDeadlineExceeded,
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// sanitizeError removes from a transport's error the URL and the secrets of the request. If the error may be about a
// response, it also removes the parts that net/http quotes, because a server may have repeated a secret in them.
func sanitizeError(err error, hide redactor, ofResponse bool) error {
	err = withoutURL(err)
	sanitized := &safeError{
		text: sanitizeText(err, hide, ofResponse),
		is:   func(target error) bool { return errors.Is(err, target) },
	}
	changed := false
	walkErrors(err, func(node error) {
		changed = changed || sanitizeText(node, hide, ofResponse) != node.Error()
		_, errno := node.(syscall.Errno) //nolint:errorlint // this function walks the tree
		if errno || slices.ContainsFunc(safeErrors, func(kind error) bool { return sameError(kind, node) }) {
			sanitized.tree = append(sanitized.tree, node)
		}
		if timeout, ok := node.(interface{ Timeout() bool }); ok {
			sanitized.timeout = sanitized.timeout || timeout.Timeout()
		}
	})
	if !changed {
		return err
	}
	return sanitized
}

func sanitizeText(err error, hide redactor, ofResponse bool) string {
	text := err.Error()
	if ofResponse {
		_, badHeader := errors.AsType[textproto.ProtocolError](err)
		if badHeader || strings.Contains(text, "malformed ") {
			return "invalid HTTP response"
		}
	}
	if hide != nil { // before quoted parts are removed, because a secret may contain a quote
		text = hide(text)
	}
	if ofResponse {
		text, _, _ = strings.Cut(text, ", debug=") // of a GOAWAY
		text = quoted.ReplaceAllString(text, "[redacted]")
	}
	return text
}
