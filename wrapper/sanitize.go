package basiq

import (
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
	"time"
)

// ownError returns err without what a context's cause brought into it: with errgroup the cause is the error of another
// call, and errors.Is would find it. If ctx has ended and err is its cause, or wraps it, the result has err's text and
// unwraps to ctx.Err().
func ownError(ctx context.Context, err error) error {
	ended := ctx.Err()
	if err == nil || ended == nil {
		return err
	}
	cause := context.Cause(ctx)
	if sameError(cause, ended) {
		return err
	}
	var borrowed []error
	walkErrors(cause, func(node error) { borrowed = append(borrowed, node) })
	found := false
	walkErrors(err, func(node error) {
		found = found || !sameError(node, ended) && slices.ContainsFunc(borrowed, func(other error) bool { return sameError(node, other) })
	})
	if !found {
		return err
	}
	return &contextError{err: ended, text: cut(err.Error())}
}

// endedError returns the error of a context that has ended, with its cause as text.
func endedError(ctx context.Context) error {
	ended, cause := ctx.Err(), context.Cause(ctx)
	if sameError(cause, ended) {
		return ended
	}
	return &contextError{err: ended, text: ended.Error() + ": " + cut(cause.Error())}
}

// contextError is a context's error with a text of its own.
type contextError struct {
	err  error
	text string
}

func (e *contextError) Error() string { return e.text }
func (e *contextError) Unwrap() error { return e.err }

// Timeout reports whether the context's deadline has passed.
func (e *contextError) Timeout() bool { return errors.Is(e.err, context.DeadlineExceeded) }

// Temporary makes it a [net.Error].
func (e *contextError) Temporary() bool { return e.Timeout() }

// timeoutError is an attempt that took too long, as net/http's error for a client's Timeout is.
type timeoutError time.Duration

func (e timeoutError) Error() string {
	return "no complete response within " + time.Duration(e).String()
}

// Timeout reports true, as the error of a [net.Error] that timed out does.
func (timeoutError) Timeout() bool { return true }

// Temporary makes it a [net.Error].
func (timeoutError) Temporary() bool { return true }

// Is reports whether target is the error of a context whose deadline has passed.
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// walkErrors calls visit for each error in err's tree.
func walkErrors(err error, visit func(error)) {
	if err == nil {
		return
	}
	visit(err)
	switch wrapper := err.(type) { //nolint:errorlint // the tree is walked here
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
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// withoutURL returns a transport's error without the URL, which holds the IDs of users.
func withoutURL(err error) error {
	for {
		withURL, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = withURL.Err
	}
}

// sanitizedError is a transport's error whose text had to be changed. What programs decide by is kept.
type sanitizedError struct {
	text    string
	timeout bool
	kinds   []error
	// is is a function, so that nothing that prints or unwraps the error comes upon the original.
	is func(target error) bool
}

func (e *sanitizedError) Error() string   { return e.text }
func (e *sanitizedError) Unwrap() []error { return e.kinds }

// Is reports whether the original error is target.
func (e *sanitizedError) Is(target error) bool { return e.is(target) }

// Timeout reports whether the error was a timeout, as a [net.Error] does.
func (e *sanitizedError) Timeout() bool { return e.timeout }

// Temporary makes it a [net.Error].
func (e *sanitizedError) Temporary() bool { return e.timeout }

// kinds are the errors of the standard library whose identity means something and whose text holds nothing of a response.
var kinds = []error{
	context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, os.ErrDeadlineExceeded,
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// sanitizeError takes out of a transport's error what must not be shown: the URL, the request's secrets, and, if the
// error may be about a response, what net/http quotes of it, in which a server may have repeated a secret.
func sanitizeError(err error, hide redactor, ofResponse bool) error {
	err = withoutURL(err)
	if err == nil {
		return nil
	}
	sanitized := &sanitizedError{
		text: sanitizeText(err, hide, ofResponse),
		is:   func(target error) bool { return errors.Is(err, target) },
	}
	changed := sanitized.text != err.Error()
	walkErrors(err, func(node error) {
		changed = changed || sanitizeText(node, hide, ofResponse) != node.Error()
		if _, errno := node.(syscall.Errno); errno || slices.ContainsFunc(kinds, func(kind error) bool { return sameError(kind, node) }) { //nolint:errorlint // the tree is walked here
			sanitized.kinds = append(sanitized.kinds, node)
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
		if badHeader || strings.Contains(text, "malformed ") || strings.HasPrefix(text, "failed to parse Location header ") {
			return "invalid HTTP response"
		}
	}
	if hide != nil { // before quotes are cut out, because a secret may contain one
		text = hide(text)
	}
	if ofResponse {
		if before, _, goAway := strings.Cut(text, ", debug="); goAway {
			text = before
		}
		text = quoted.ReplaceAllString(text, "[redacted]")
	}
	return text
}
