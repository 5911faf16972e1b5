package basiq

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/basiq-go/basiq-go/gen"
)

// Errors by status, for errors.Is.
var (
	// ErrBadRequest is status 400: the request is invalid. The details name the parameter.
	ErrBadRequest = errors.New("bad request")
	// ErrUnauthorized is status 401: the token is invalid, or not for this user.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden is status 403: the wrong scope, a limit, or a key that is not enabled, depending on the code.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound is status 404, or the code resource-not-found with another status. Two other errors have status 404 and
	// do not match it: [ErrInvalidAPIKey] and [ErrWrongAPIVersion].
	ErrNotFound = errors.New("not found")
	// ErrConflict is status 409: the resource exists already.
	ErrConflict = errors.New("conflict")
	// ErrGone is status 410: the resource no longer exists.
	ErrGone = errors.New("gone")
	// ErrRequestTooLarge is status 413: the request is too large.
	ErrRequestTooLarge = errors.New("too large")
	// ErrTooManyRequests is status 429.
	ErrTooManyRequests = errors.New("too many requests")
	// ErrUnavailable is status 502, 503, 504, or 520 to 530, with which content delivery networks report that the server
	// behind them does not respond.
	ErrUnavailable = errors.New("unavailable")
)

// statusErrors has the errors that depend on a single status alone.
var statusErrors = map[int]error{
	http.StatusBadRequest:            ErrBadRequest,
	http.StatusUnauthorized:          ErrUnauthorized,
	http.StatusForbidden:             ErrForbidden,
	http.StatusProxyAuthRequired:     ErrProxyAuth,
	http.StatusConflict:              ErrConflict,
	http.StatusGone:                  ErrGone,
	http.StatusRequestEntityTooLarge: ErrRequestTooLarge,
	http.StatusTooManyRequests:       ErrTooManyRequests,
}

var (
	// ErrInvalidAPIKey is returned if Basiq does not know the API key, or if the key belongs to the other environment. Basiq
	// responds to POST /token with 404 then.
	ErrInvalidAPIKey = errors.New("invalid API key: it must be exactly as in Basiq's dashboard")
	// ErrTooManyTokenRequests is returned after more than 1,500 token requests in five minutes from this address. Basiq
	// responds to POST /token with 403 "Invalid request" then. Make one Client and keep it.
	ErrTooManyTokenRequests = errors.New("too many token requests")
	// ErrWrongAPIVersion is returned if the client's API version does not have the operation; see [WithAPIVersion].
	ErrWrongAPIVersion = errors.New("the client's API version has no such operation; see basiq.WithAPIVersion")
	// ErrResponseTooLarge is returned if a response is larger than [WithMaxResponseBytes] allows.
	ErrResponseTooLarge = errors.New("response too large")
	// ErrMFARejected is matched if Basiq or the bank rejected the answers to a challenge, or if they came too late: by the
	// [JobError] of a job that failed for this reason, and by the [Error] of [JobsService.AnswerMFA]. The job is over.
	// Refresh the connection to get a new challenge. Banks lock logins after too many wrong answers.
	ErrMFARejected = errors.New("MFA answers rejected")
	// ErrInvalidInput is returned if an argument is invalid. No request was sent.
	ErrInvalidInput = errors.New("invalid input")

	// errRedirect is the reason of an Error with a status of 3xx.
	errRedirect = errors.New("redirects are not followed; is the base URL right?")
)

// ErrorDetail describes one fault of a request.
type ErrorDetail = gen.ErrorDetail

// ErrorSource names the part of the request that an [ErrorDetail] is about.
type ErrorSource = gen.ErrorSource

// What an Error keeps of a response. Basiq's error bodies are below 1 KiB; the rest is proxies' HTML.
const (
	maxErrorBody    = 16 << 10
	maxErrorText    = 1 << 10
	maxErrorDetails = 32
	// maxParsedErrorBody is far above any error of Basiq's: each byte can cost a hundred in memory.
	maxParsedErrorBody = 256 << 10
)

// Error is a response that reports a failure, or that is unusable. It holds at most 16 KiB of the body, 32 details, and
// 1 KiB of each text.
//
//nolint:recvcheck // an Error that was copied must print as safely
type Error struct {
	// Operation is the name of the Go method that was called, for example "Connections.Get". A page or a document has that
	// of the operation that it comes from.
	Operation string
	// StatusCode is the HTTP status. It is below 300 if only the body is unusable: then Basiq has carried out the call.
	StatusCode int
	// CorrelationID identifies the response for Basiq's support. It is empty if the response has none.
	CorrelationID string
	// Details holds all faults that Basiq lists. It is empty if the body is not Basiq's, for example a proxy's.
	Details []ErrorDetail
	// RetryAfter is how long to wait, from the header of that name. It is 0 if the response has none.
	RetryAfter time.Duration

	// A function, because fmt prints unexported fields without asking their type, and follows pointers.
	body   func() []byte
	reason error
	// maybeApplied is set if an attempt may have been carried out.
	maybeApplied bool
}

// keep keeps a bounded copy of a body.
func (e *Error) keep(body []byte) {
	kept := bytes.Clone(body[:min(len(body), maxErrorBody)])
	e.body = func() []byte { return kept }
}

// newError returns the Error of a response with a status that is not 2xx.
func newError(op *Operation, status int, header http.Header, body []byte) *Error {
	e := &Error{Operation: op.Name, StatusCode: status, RetryAfter: retryAfter(header, time.Now())}
	e.keep(body)
	var envelope gen.ErrorResponse
	if len(body) <= maxParsedErrorBody {
		// A field of an unexpected kind must not lose the others.
		if _, err := decode(body, &envelope); err != nil {
			envelope = gen.ErrorResponse{}
		}
	}
	e.CorrelationID = cut(envelope.CorrelationID)
	e.Details = slices.Clip(envelope.Data[:min(len(envelope.Data), maxErrorDetails)])
	if len(e.Details) == 0 && envelope.Message != "" {
		e.Details = []ErrorDetail{{Detail: envelope.Message}}
	}
	for i := range e.Details {
		detail := &e.Details[i]
		detail.Detail, detail.Code = cmp.Or(detail.Detail, detail.Details), cut(detail.Code)
		for _, text := range texts(detail) {
			*text = cut(*text)
		}
	}
	e.reason = namedReason(op, e)
	return e
}

// texts returns the texts of a detail, except its code.
func texts(d *ErrorDetail) [6]*string {
	return [...]*string{&d.Type, &d.Title, &d.Detail, &d.Details, &d.Source.Parameter, &d.Source.Pointer}
}

// namedReason returns the error for a status with a meaning of its own.
func namedReason(op *Operation, e *Error) error {
	switch status := e.StatusCode; {
	case op == opPostToken && status == http.StatusNotFound && e.Code() != "": // and not a proxy that has no such page
		return ErrInvalidAPIKey
	case op == opPostToken && (status == http.StatusTooManyRequests ||
		status == http.StatusForbidden && strings.Contains(strings.ToLower(e.Detail()), "invalid request")):
		return ErrTooManyTokenRequests
	case status == http.StatusNotFound && bytes.Contains(e.Body(), []byte("Route not found for this API version")):
		return ErrWrongAPIVersion
	case status >= 300 && status < 400:
		return errRedirect
	}
	return nil
}

// cut bounds what a server can put into an error.
func cut(s string) string {
	if len(s) <= maxErrorText {
		return s
	}
	return strings.ToValidUTF8(s[:maxErrorText], "") + "…"
}

// first returns the first detail, or an empty one.
func (e *Error) first() ErrorDetail {
	if len(e.Details) == 0 {
		return ErrorDetail{}
	}
	return e.Details[0]
}

// Code returns the code of the first detail, or "".
func (e *Error) Code() Code { return Code(e.first().Code) }

// Title returns the title of the first detail, or "".
func (e *Error) Title() string { return e.first().Title }

// Detail returns the detail of the first detail, or its title if it has none.
func (e *Error) Detail() string { return detailOrTitle(e.first()) }

func detailOrTitle(d ErrorDetail) string { return cmp.Or(d.Detail, d.Title) }

// Body returns the body, or its first 16 KiB. It may repeat what the request held: do not log it.
func (e *Error) Body() []byte {
	if e.body == nil {
		return nil
	}
	return e.body()
}

// Error describes the failure in one line: operation, status, code, details and correlation ID.
func (e *Error) Error() string {
	var short [256]byte
	b := append(append(append(short[:0], "basiq: "...), e.Operation...), ": "...)
	b = strconv.AppendInt(b, int64(e.StatusCode), 10)
	if code := e.Code(); code != "" {
		b = append(append(b, ' '), code...)
	}
	for _, detail := range e.Details {
		b = append(append(b, ": "...), detailOrTitle(detail)...)
	}
	if e.reason != nil {
		b = append(append(b, ": "...), e.reason.Error()...)
	} else if len(e.Details) == 0 {
		b = append(b, " "+http.StatusText(e.StatusCode)+": unexpected response body"...)
	}
	if e.CorrelationID != "" {
		b = append(append(append(b, " (correlation "...), e.CorrelationID...), ')')
	}
	return oneLine(string(b))
}

// Format implements [fmt.Formatter]. It prints what Error returns, so that no verb prints the body.
func (e Error) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// LogValue implements [slog.LogValuer].
func (e *Error) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	return slog.GroupValue(
		slog.String("operation", e.Operation),
		slog.Int("status", e.StatusCode),
		slog.String("code", string(e.Code())),
		slog.String("correlation_id", e.CorrelationID),
		slog.String("message", e.Error()),
	)
}

// Is reports whether target is the error of the status, or a [Code] of one of the details.
func (e *Error) Is(target error) bool {
	if slices.ContainsFunc(e.Details, func(detail ErrorDetail) bool { return Code(detail.Code).is(target) }) {
		return true
	}
	switch target {
	case nil:
		return false
	case ErrNotFound:
		return (e.StatusCode == http.StatusNotFound || CodeResourceNotFound.is(e.Code())) &&
			e.Operation != opPostToken.Name && !errors.Is(e.reason, ErrWrongAPIVersion)
	case ErrMFARejected:
		return e.Operation == opPostJobMFA.Name && e.StatusCode == http.StatusBadRequest && !CodeParameterNotSupplied.is(e.Code())
	case ErrUnavailable:
		return e.StatusCode >= 502 && e.StatusCode <= 504 || e.StatusCode >= 520 && e.StatusCode <= 530
	}
	return statusErrors[e.StatusCode] == target
}

// Unwrap returns the error that explains the status, such as [ErrInvalidAPIKey], or why the body is unusable.
func (e *Error) Unwrap() error { return e.reason }

// TransportError is the error of a call that got no response. See [MayHaveSucceeded].
type TransportError struct {
	// Operation is the name of the Go method that was called, as in [Error].
	Operation string
	// Attempts is how many attempts were made. A request that is repeated with a new token belongs to the same attempt.
	Attempts int
	// RequestMayHaveBeenReceived reports whether Basiq may have received the request and carried it out. If it is false, there is proof
	// that no attempt did, and calling again is safe.
	RequestMayHaveBeenReceived bool
	// Err is why the last attempt failed: an error of the network, of the context, or of the token request.
	Err error
}

func newTransportError(ctx context.Context, call *callState, err error) *TransportError {
	return &TransportError{
		Operation: call.operation.Name, Attempts: int(call.attempts.Load()), RequestMayHaveBeenReceived: call.maybeApplied,
		Err: ownError(ctx, err),
	}
}

// Error describes the failure in one line, without the URL.
func (e *TransportError) Error() string {
	reason := "unknown error"
	if e.Err != nil {
		reason = cut(e.Err.Error())
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
	return oneLine("basiq: " + e.Operation + ": " + reason)
}

// Unwrap returns Err.
func (e *TransportError) Unwrap() error { return e.Err }

// MayHaveSucceeded reports whether Basiq may have carried out a call whose error is err, or is in err's tree. That is the
// case if the request may have arrived and got no response ([TransportError]), if the response is 408, 5xx, or an unusable
// 2xx ([Error]), or if a job has started ([WaitError], [JobError]). After a create, check whether the resource exists
// before calling again. If it is false, calling again is safe.
func MayHaveSucceeded(err error) bool {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case nil:
		return false
	case *WaitError, *JobError:
		return true
	case *TransportError: // what is below it has been considered
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

// InputError is an invalid argument. No request was sent.
type InputError struct {
	// Operation is the name of the Go method that was called, as in [Error].
	Operation string
	// Argument names the argument.
	Argument string
	// Problem describes what is wrong with it. It does not repeat the value.
	Problem string

	reason error // if Problem is its text
}

// Error describes the problem in one line.
func (e *InputError) Error() string {
	return fmt.Sprintf("basiq: %s: %s: %s", e.Operation, e.Argument, e.Problem)
}

// Unwrap returns [ErrWrongAPIVersion] for a call that the client's API version does not have, and nil otherwise.
func (e *InputError) Unwrap() error { return e.reason }

// Is reports whether target is [ErrInvalidInput].
func (e *InputError) Is(target error) bool { return target == ErrInvalidInput }

func invalidInput(operation, argument, problem string) error {
	return &InputError{Operation: operation, Argument: argument, Problem: problem}
}

// oneLine replaces what would break a line of a log: a server's text goes into errors, and errors into logs.
func oneLine(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
