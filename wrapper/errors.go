package basiq

import (
	"bytes"
	"cmp"
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
	// ErrUnauthorized is status 401: the token is invalid, or not valid for this user.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden is status 403. Depending on the code, the scope is wrong, a limit is reached, or the key is not
	// enabled.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound is status 404, or the code resource-not-found with another status. Two other errors have status 404
	// and do not match it: [ErrInvalidAPIKey] and [ErrWrongAPIVersion].
	ErrNotFound = errors.New("not found")
	// ErrConflict is status 409: the resource already exists.
	ErrConflict = errors.New("conflict")
	// ErrGone is status 410: the resource no longer exists.
	ErrGone = errors.New("gone")
	// ErrRequestTooLarge is status 413: the request is too large.
	ErrRequestTooLarge = errors.New("request too large")
	// ErrTooManyRequests is status 429.
	ErrTooManyRequests = errors.New("too many requests")
	// ErrUnavailable is status 502, 503, 504, or 520 to 530, with which content delivery networks report that the
	// server behind them does not respond.
	ErrUnavailable = errors.New("unavailable")
)

// statusErrors maps a status to its error. It contains the errors with a single status.
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
	// ErrInvalidAPIKey is returned if the API key does not exist or belongs to the other environment. Basiq then
	// responds to POST /token with 404.
	ErrInvalidAPIKey = errors.New("invalid API key: must be exactly as shown in Basiq's dashboard")
	// ErrTooManyTokenRequests is returned after more than 1,500 token requests in five minutes from this address. Basiq
	// then responds to POST /token with 403 "Invalid request". Create one Client and reuse it.
	ErrTooManyTokenRequests = errors.New("too many token requests")
	// ErrWrongAPIVersion is returned if the client's API version does not have the operation; see [WithAPIVersion].
	ErrWrongAPIVersion = errors.New("operation not available in the client's API version; see basiq.WithAPIVersion")
	// ErrResponseTooLarge is returned if a response is larger than [WithMaxResponseBytes] allows.
	ErrResponseTooLarge = errors.New("response too large")
	// ErrMFARejected is matched if Basiq or the bank rejected the answers to a challenge, or if they came too late: by the
	// [JobError] of a job that failed for this reason, and by the [Error] of [JobsService.AnswerMFA]. The job is over.
	// Refresh the connection to get a new challenge. Banks lock logins after too many wrong answers.
	ErrMFARejected = errors.New("MFA answers rejected")
	// ErrInvalidInput is returned if an argument is invalid. No request was sent.
	ErrInvalidInput = errors.New("invalid input")
	// ErrProxyAuth is returned if a proxy responds with 407: the credentials for the proxy are missing or wrong. The
	// call is not retried, because proxies lock accounts.
	ErrProxyAuth = errors.New("proxy authentication required")
	// ErrConsentState is returned if the state in a redirect from the consent page differs from the state that was
	// sent. Do not use the redirect, because it may be forged.
	ErrConsentState = errors.New("state in the redirect does not match")

	// errRedirect is the reason of an Error with a status of 3xx.
	errRedirect = errors.New("unexpected redirect (redirects are not followed)")
)

// Errors that end a wait for a job, see [JobsService.Wait].
var (
	// ErrMFARequired is returned if the job waits for the user to answer a challenge and [WithMFA] was not given. The
	// WaitError's Job holds the challenge: call [JobsService.AnswerMFA], then wait again with [WithAnsweredMFA].
	ErrMFARequired = errors.New("bank requires a second factor from the user; see basiq.WithMFA")
	// ErrJobQueued is returned if Basiq has queued the job because the institution is unavailable. Basiq retries every
	// two hours for up to seven days.
	ErrJobQueued = errors.New("institution unavailable; Basiq has queued the job and retries every two hours")
	// ErrUserMismatch is returned if the job belongs to a user other than the one of [WithUser].
	ErrUserMismatch = errors.New("job belongs to another user")
	// ErrWaitTimeout is returned if the job was not over within [WithMaxWait].
	ErrWaitTimeout = errors.New("job not over within the maximum wait")
)

// ErrorDetail describes one problem of a request.
type ErrorDetail = gen.ErrorDetail

// ErrorSource names the part of the request that an [ErrorDetail] is about.
type ErrorSource = gen.ErrorSource

// The limits of an Error. Error bodies of Basiq are smaller than 1 KiB. Larger bodies are usually the HTML of a proxy.
const (
	maxErrorBody    = 16 << 10
	maxErrorText    = 1 << 10
	maxErrorDetails = 32
	// maxParsedErrorBody is far above the size of Basiq's errors. Each byte can take 100 bytes of memory when it is
	// parsed.
	maxParsedErrorBody = 256 << 10
)

// Error is a response that reports a failure, or that is unusable. It holds at most 16 KiB of the body, 32 details, and
// 1 KiB of each text.
//
//nolint:recvcheck // an Error that was copied must print as safely
type Error struct {
	// Operation is the name of the Go method that was called, for example "Connections.Get". An error of a page or a
	// document has the name of the operation that returns it.
	Operation string
	// StatusCode is the HTTP status. It is below 300 if Basiq has carried out the call but the body is unusable.
	StatusCode int
	// CorrelationID identifies the response for Basiq's support. It is empty if the response has none.
	CorrelationID string
	// Details holds all problems that Basiq lists. It is empty if the body is not a Basiq error, for example if a proxy
	// sent it.
	Details []ErrorDetail
	// RetryAfter is how long to wait, from the header of that name. It is 0 if the response has none.
	RetryAfter time.Duration

	// body is a function, because fmt prints unexported fields without calling their methods, and follows pointers.
	body   func() []byte
	reason error
	// isInvalid is set if the response is unusable because of reason.
	isInvalid bool
	// maybeApplied is set if Basiq may have carried out an attempt.
	maybeApplied bool
}

// setBody stores a copy of the first bytes of a body.
func (e *Error) setBody(body []byte) {
	kept := bytes.Clone(body[:min(len(body), maxErrorBody)])
	e.body = func() []byte { return kept }
}

// newError returns the Error of a response with a status that is not 2xx.
func newError(op *Operation, status int, header http.Header, body []byte) *Error {
	e := &Error{Operation: op.Name, StatusCode: status, RetryAfter: RetryAfter(header)}
	e.setBody(body)
	var envelope gen.ErrorResponse
	if len(body) <= maxParsedErrorBody {
		// A field of an unexpected kind does not affect the other fields.
		if _, err := decode(body, &envelope); err != nil {
			envelope = gen.ErrorResponse{}
		}
	}
	e.CorrelationID = truncate(envelope.CorrelationID)
	e.Details = slices.Clip(envelope.Data[:min(len(envelope.Data), maxErrorDetails)])
	if len(e.Details) == 0 && envelope.Message != "" {
		e.Details = []ErrorDetail{{Detail: envelope.Message}}
	}
	for i := range e.Details {
		detail := &e.Details[i]
		detail.Detail, detail.Code = cmp.Or(detail.Detail, detail.Details), truncate(detail.Code)
		for _, text := range texts(detail) {
			*text = truncate(*text)
		}
	}
	e.reason = namedReason(op, e)
	return e
}

// texts returns the texts of a detail, except its code.
func texts(d *ErrorDetail) [6]*string {
	return [...]*string{&d.Type, &d.Title, &d.Detail, &d.Details, &d.Source.Parameter, &d.Source.Pointer}
}

// namedReason returns the error for a response with a special meaning, or nil.
func namedReason(op *Operation, e *Error) error {
	switch status := e.StatusCode; {
	case op == opPostToken && status == http.StatusNotFound && e.Code() != "": // without a code it may come from a proxy
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

// truncate limits the length of a text from a server.
func truncate(s string) string {
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

// Body returns the body, or its first 16 KiB. Do not log it, because it may repeat secrets of the request.
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
	if e.isInvalid {
		return singleLine(fmt.Sprintf("%sinvalid response (%d %s): %v", string(b), e.StatusCode, http.StatusText(e.StatusCode), e.reason))
	}
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
	return singleLine(string(b))
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

// Is reports whether target is the error of the status, or the [Code] of one of the details.
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

// Unwrap returns the error that explains the status, such as [ErrInvalidAPIKey], or the reason why the body is
// unusable.
func (e *Error) Unwrap() error { return e.reason }

// InputError is an invalid argument. No request was sent.
type InputError struct {
	// Operation is the name of the Go method that was called, as in [Error].
	Operation string
	// Argument names the argument.
	Argument string
	// Problem describes why it is invalid. It does not contain the value.
	Problem string

	// isID is set if Argument is an ID.
	isID bool
	// reason is an error with the text of Problem, or nil.
	reason error
}

// Error describes the problem in one line.
func (e *InputError) Error() string {
	invalid := ""
	if e.isID {
		invalid = "invalid "
	}
	return fmt.Sprintf("basiq: %s: %s%s: %s", e.Operation, invalid, e.Argument, e.Problem)
}

// Unwrap returns [ErrWrongAPIVersion] for a call that the client's API version does not have, and nil otherwise.
func (e *InputError) Unwrap() error { return e.reason }

// Is reports whether target is [ErrInvalidInput].
func (e *InputError) Is(target error) bool { return target == ErrInvalidInput }

func invalidInput(operation, argument, problem string) error {
	return &InputError{Operation: operation, Argument: argument, Problem: problem}
}

// singleLine replaces control characters and line separators with spaces. Errors contain texts of servers and are
// logged.
func singleLine(s string) string {
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
