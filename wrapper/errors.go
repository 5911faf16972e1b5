package basiq

import (
	"bytes"
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

// Errors by status, for errors.Is. An [Error] is one of them when its status says so, and so is what wraps it. Only
// ErrNotFound looks closer.
var (
	// ErrBadRequest is status 400: the request is not valid. The details name the parameter.
	ErrBadRequest = errors.New("bad request")
	// ErrUnauthorized is status 401: the token is not good, or not for this user.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden is status 403: wrong scope, a limit, or a key that is not enabled. The code says which.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound is status 404, or the code resource-not-found with another status. It is neither a wrong API key, which
	// Basiq answers with 404 too, see [ErrInvalidAPIKey], nor an operation that is missing, see [ErrWrongAPIVersion].
	ErrNotFound = errors.New("not found")
	// ErrConflict is status 409: it exists already.
	ErrConflict = errors.New("conflict")
	// ErrGone is status 410: it exists no more.
	ErrGone = errors.New("gone")
	// ErrTooLarge is status 413: what was sent is too large.
	ErrTooLarge = errors.New("too large")
	// ErrTooManyRequests is status 429.
	ErrTooManyRequests = errors.New("too many requests")
	// ErrUnavailable is status 502, 503, 504, or 520 to 530, with which content delivery networks report that the server
	// behind them does not respond.
	ErrUnavailable = errors.New("unavailable")
)

var (
	// ErrInvalidAPIKey says that Basiq does not know the API key, or that it belongs to the other environment. Basiq
	// answers POST /token with 404 then.
	ErrInvalidAPIKey = errors.New("the API key is not valid; copy it from the dashboard exactly as it stands there")
	// ErrTooManyTokenRequests says that there were more than 1,500 token requests in five minutes from this address.
	// Basiq answers POST /token with 403 "Invalid request" then. Make one Client and keep it.
	ErrTooManyTokenRequests = errors.New("too many token requests")
	// ErrWrongAPIVersion says that the client's API version has no such operation; see [WithAPIVersion].
	ErrWrongAPIVersion = errors.New("the client's API version has no such operation; see basiq.WithAPIVersion")
	// ErrResponseTooLarge says that an answer was larger than [WithMaxResponseBytes] allows.
	ErrResponseTooLarge = errors.New("the answer is too large")
	// ErrInvalidInput is every error that is an argument's fault. Nothing was sent.
	ErrInvalidInput = errors.New("invalid input")
)

// ErrorDetail is one thing that is wrong with a request.
type ErrorDetail = gen.ErrorDetail

// ErrorSource is what an [ErrorDetail] is about.
type ErrorSource = gen.ErrorSource

// What an Error keeps of an answer. Basiq's bodies are below 1 KiB; the rest is proxies' HTML.
const (
	maxErrorBody    = 16 << 10
	maxErrorText    = 1 << 10
	maxErrorDetails = 32
	// maxParsedErrorBody is far above any error of Basiq's: each byte can cost a hundred in memory.
	maxParsedErrorBody = 256 << 10
)

// Error is an answer that reports a failure, or that cannot be read. It holds at most 16 KiB of the body, 32 details, and
// 1 KiB of each text.
//
//nolint:recvcheck // an Error that was copied must print as safely
type Error struct {
	// Operation is the operation that was called, by the name of its Go method, for example "Connections.Get"; a page or a
	// document has the name of the operation that it comes from.
	Operation string
	// StatusCode is the HTTP status. It is below 300 when Basiq reports success and only its body is unusable: then
	// what was asked for has been done.
	StatusCode int
	// CorrelationID names the answer. Basiq's support asks for it. Empty when the answer has none.
	CorrelationID string
	// Details is what is wrong, all that Basiq lists. Empty when the body is not Basiq's, but a proxy's for example.
	Details []ErrorDetail
	// RetryAfter is how long to wait, from the header of that name; 0 when the answer has none.
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

// newError makes an Error of an answer that is no success. Whatever the body is, the status is kept.
func newError(op *Operation, status int, header http.Header, body []byte) *Error {
	e := &Error{Operation: op.Name, StatusCode: status}
	e.keep(body)
	e.RetryAfter = retryAfter(header, time.Now())
	var envelope gen.ErrorResponse
	if len(body) <= maxParsedErrorBody {
		// A field of an unexpected kind must not lose the others.
		if _, err := decode(body, &envelope); err != nil {
			envelope = gen.ErrorResponse{}
		}
	}
	e.CorrelationID = cut(envelope.CorrelationID)
	for _, detail := range envelope.Data[:min(len(envelope.Data), maxErrorDetails)] {
		if detail.Detail == "" {
			detail.Detail = detail.Details
		}
		detail.Type, detail.Code, detail.Title = cut(detail.Type), cut(detail.Code), cut(detail.Title)
		detail.Source.Parameter, detail.Source.Pointer = cut(detail.Source.Parameter), cut(detail.Source.Pointer)
		detail.Detail, detail.Details = cut(detail.Detail), cut(detail.Details)
		e.Details = append(e.Details, detail)
	}
	if len(e.Details) == 0 && envelope.Message != "" {
		e.Details = []ErrorDetail{{Detail: cut(envelope.Message)}}
	}
	e.reason = namedReason(op, e)
	return e
}

// namedReason finds what a status means where it does not mean what it says.
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

// errRedirect is the reason of an Error with a status of 3xx.
var errRedirect = errors.New("redirects are not followed; is the base URL right?")

// cut bounds what a server can put into an error.
func cut(s string) string {
	if len(s) <= maxErrorText {
		return s
	}
	return strings.ToValidUTF8(s[:maxErrorText], "") + "…"
}

// Code returns the code of the first detail, or "" when there is none.
func (e *Error) Code() Code {
	if len(e.Details) == 0 {
		return ""
	}
	return Code(e.Details[0].Code)
}

// Title returns the title of the first detail, or "" when there is none.
func (e *Error) Title() string {
	if len(e.Details) == 0 {
		return ""
	}
	return e.Details[0].Title
}

// Detail returns the detail of the first detail, or its title when it has none.
func (e *Error) Detail() string {
	if len(e.Details) == 0 {
		return ""
	}
	return detailOrTitle(e.Details[0])
}

func detailOrTitle(d ErrorDetail) string {
	if d.Detail == "" {
		return d.Title
	}
	return d.Detail
}

// Body returns the body as it came, or its first 16 KiB. It may hold what the request did: do not log it.
func (e *Error) Body() []byte {
	if e.body == nil {
		return nil
	}
	return e.body()
}

// Error says what is wrong in one line: the operation, the status, the code, what Basiq says, the correlation id.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("basiq: " + e.Operation + ": " + strconv.Itoa(e.StatusCode))
	if code := e.Code(); code != "" {
		b.WriteString(" " + string(code))
	}
	switch {
	case len(e.Details) > 0:
		for _, detail := range e.Details {
			b.WriteString(": " + detailOrTitle(detail))
		}
		if e.reason != nil {
			b.WriteString(": " + e.reason.Error())
		}
	case e.reason != nil:
		b.WriteString(": " + e.reason.Error())
	default:
		b.WriteString(" " + http.StatusText(e.StatusCode) + ": the body is not one of Basiq's")
	}
	if e.CorrelationID != "" {
		b.WriteString(" (correlation " + e.CorrelationID + ")")
	}
	return oneLine(b.String())
}

// Format prints what Error returns, under every verb: the body must not be printed.
func (e Error) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// LogValue logs operation, status, code and correlation id.
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

// Is reports whether the error is target: one of the errors by status, or a [Code] of one of its details.
func (e *Error) Is(target error) bool {
	for i := range e.Details {
		if Code(e.Details[i].Code).is(target) {
			return true
		}
	}
	switch target {
	case ErrBadRequest:
		return e.StatusCode == http.StatusBadRequest
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized
	case ErrForbidden:
		return e.StatusCode == http.StatusForbidden
	case ErrNotFound:
		return (e.StatusCode == http.StatusNotFound || CodeResourceNotFound.is(e.Code())) &&
			e.Operation != opPostToken.Name && !errors.Is(e.reason, ErrWrongAPIVersion)
	case ErrConflict:
		return e.StatusCode == http.StatusConflict
	case ErrGone:
		return e.StatusCode == http.StatusGone
	case ErrTooLarge:
		return e.StatusCode == http.StatusRequestEntityTooLarge
	case ErrTooManyRequests:
		return e.StatusCode == http.StatusTooManyRequests
	case ErrUnavailable:
		return e.StatusCode >= http.StatusBadGateway && e.StatusCode <= http.StatusGatewayTimeout ||
			e.StatusCode >= 520 && e.StatusCode <= 530
	case ErrProxyAuth:
		return e.StatusCode == http.StatusProxyAuthRequired
	}
	return false
}

// Unwrap returns what the status really means where that has a name of its own, such as [ErrInvalidAPIKey], or why a
// body could not be read.
func (e *Error) Unwrap() error { return e.reason }

// TransportError is the error of a call that got no response. See [MayHaveBeenDone].
type TransportError struct {
	// Operation is the operation that was called, by the name of its Go method, for example "Connections.Get". A page or a
	// document has the name of the operation that it comes from.
	Operation string
	// Attempts is how many attempts were made. A request that is sent again with a new token is part of the same attempt.
	Attempts int
	// MayHaveArrived reports whether Basiq may have received the request and carried it out. If it is false, there is proof
	// that no attempt did, and calling again cannot do anything twice.
	MayHaveArrived bool
	// Err is why the last attempt failed: the network's error, the context's, or that of getting a token.
	Err error
}

func newTransportError(call *callState, err error) *TransportError {
	return &TransportError{
		Operation: call.operation.Name, Attempts: int(call.attempts.Load()), MayHaveArrived: call.maybeApplied,
		Err: ownError(call, err),
	}
}

// Error describes the failure in one line, without the URL.
func (e *TransportError) Error() string {
	reason := "unknown error"
	if e.Err != nil {
		reason = cut(e.Err.Error())
	}
	if _, ok := errors.AsType[*tokenError](e.Err); ok && !e.MayHaveArrived {
		return oneLine("basiq: " + e.Operation + ": no access token: " + reason)
	}
	if _, ok := errors.AsType[*PausedError](e.Err); ok && e.Attempts == 0 {
		return oneLine("basiq: " + e.Operation + ": not sent: " + reason)
	}
	arrived := "the request did not reach Basiq"
	if e.MayHaveArrived {
		arrived = "the request may have reached Basiq"
	}
	attempts := "1 attempt"
	if e.Attempts != 1 {
		attempts = strconv.Itoa(e.Attempts) + " attempts"
	}
	return oneLine(fmt.Sprintf("basiq: %s: no response after %s: %s (%s)", e.Operation, attempts, reason, arrived))
}

// Unwrap returns Err.
func (e *TransportError) Unwrap() error { return e.Err }

// MayHaveBeenDone reports whether Basiq may have carried out a call whose error is err, or is in err's tree: whether the
// call got no response after it may have arrived ([TransportError]), or got 408 or 5xx, or success in a form that cannot be
// read ([Error]), or has started a job ([WaitError], [JobError]). After a create, check whether the resource exists before
// calling again. If it is false, calling again cannot do anything twice.
func MayHaveBeenDone(err error) bool {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case nil:
		return false
	case *WaitError, *JobError:
		return true
	case *TransportError: // what is below it has been considered
		return e != nil && e.MayHaveArrived
	case *Error:
		return e != nil && (e.maybeApplied || e.StatusCode < 300 || e.StatusCode == http.StatusRequestTimeout || e.StatusCode >= 500)
	case interface{ Unwrap() error }:
		return MayHaveBeenDone(e.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), MayHaveBeenDone)
	}
	return false
}

// InputError is an invalid argument. No request was sent.
type InputError struct {
	// Operation is the operation that was called, by the name of its Go method, for example "Connections.Get". A page or a
	// document has the name of the operation that it comes from.
	Operation string
	// Argument names the argument.
	Argument string
	// Problem describes what is wrong with it. It does not repeat the value.
	Problem string

	// reason is an error that Problem is the text of.
	reason error
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

// oneLine replaces what would break a log's line. A server's words go into errors, and errors into logs.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
