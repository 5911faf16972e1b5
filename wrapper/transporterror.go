package basiq

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// TransportError is the error of a call without a response. See [MayHaveSucceeded].
type TransportError struct {
	// Operation is the name of the Go method that was called, as in [Error].
	Operation string
	// Attempts is how many attempts were made. A request that is resent with a new token belongs to the same attempt.
	Attempts int
	// RequestMayHaveBeenReceived reports whether Basiq may have received the request and carried it out. If it is
	// false, there is proof that no attempt was carried out, and calling again is safe.
	RequestMayHaveBeenReceived bool
	// Err is the error of the last attempt: an error of the network, of the context, or of the token request.
	Err error
}

func newTransportError(ctx context.Context, call *callState, err error) *TransportError {
	return &TransportError{
		Operation: call.operation.Name, Attempts: int(call.attempts.Load()), RequestMayHaveBeenReceived: call.maybeApplied,
		Err: withoutCause(ctx, err),
	}
}

// Error describes the failure in one line, without the URL.
func (e *TransportError) Error() string {
	reason := "unknown error"
	if e.Err != nil {
		reason = truncate(e.Err.Error())
	}
	_, noToken := errors.AsType[*tokenError](e.Err)
	_, paused := errors.AsType[*ThrottledError](e.Err)
	switch {
	case noToken && !e.RequestMayHaveBeenReceived:
		reason = "no access token: " + reason
	case paused && e.Attempts == 0:
		reason = "not sent: " + reason
	default:
		attempts, arrived := "attempts", "did not reach Basiq"
		if e.Attempts == 1 {
			attempts = "attempt"
		}
		if e.RequestMayHaveBeenReceived {
			arrived = "may have reached Basiq"
		}
		reason = fmt.Sprintf("no response after %d %s: %s (the request %s)", e.Attempts, attempts, reason, arrived)
	}
	return singleLine("basiq: " + e.Operation + ": " + reason)
}

// Unwrap returns Err.
func (e *TransportError) Unwrap() error { return e.Err }

// MayHaveSucceeded reports whether Basiq may have carried out a call whose error is err or is wrapped by err. That is
// the case if Basiq may have received the request but its response is missing ([TransportError]), if the response is
// 408, 5xx, or an unusable 2xx ([Error]), or if a job has started ([WaitError], [JobError]). After a create, check
// whether the resource exists before calling again. If it is false, calling again is safe.
func MayHaveSucceeded(err error) bool {
	switch e := err.(type) { //nolint:errorlint // this function walks the tree
	case nil:
		return false
	case *WaitError, *JobError:
		return true
	case *TransportError: // the errors that it wraps are considered already
		return e != nil && e.RequestMayHaveBeenReceived
	case *Error:
		return e != nil && (e.maybeApplied || e.StatusCode < 300 || e.StatusCode == http.StatusRequestTimeout || e.StatusCode >= 500)
	case interface{ Unwrap() error }:
		return MayHaveSucceeded(e.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), MayHaveSucceeded)
	}
	return false
}
