package basiq

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"

	json "github.com/go-json-experiment/json/v1"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// CallInfo describes the call that middleware, a [Limiter], a [TokenSource], a transport or an [Observer] is handling.
type CallInfo struct {
	// Operation is the operation that the call makes.
	Operation Operation
	// Attempt counts the attempts of this call, from 1. It is 0 before the first attempt, for example in a [Limiter].
	Attempt int
	// Page counts the pages that the list has requested, from 1. It is 0 if the call does not request a page.
	Page int
	// Poll counts the polls of the wait for a job, from 1. It is 0 if the call is not a poll.
	Poll int
	// Server is the host and the port of the base URL, for example "au-api.basiq.io:443".
	Server string
}

type contextKey int

const (
	callKey contextKey = iota
	attemptKey
	scopeKey
	optionsKey
)

// callOptions holds what the context of a call specifies.
type callOptions struct {
	// noRetry is set for a call that makes one attempt.
	noRetry bool
	// poll is the number of the poll of a wait for a job.
	poll int
	// raw is where the JSON of the response is stored. It may be nil.
	raw *rawJSON
}

// callState holds the state of one call. It is the context of the call's request.
type callState struct {
	context.Context //nolint:containedctx // a callState is a context

	operation *Operation
	// owned is set by the retrier that uses the state. A call that middleware makes with this context must not use it.
	owned atomic.Bool
	// attempts counts the attempts. It is atomic because goroutines of middleware may read it.
	attempts atomic.Int32
	// pooled is set if the caller releases the response's body.
	pooled bool
	// maybeApplied is set once Basiq may have carried out an attempt.
	maybeApplied bool
	// page is the number of the page of a list.
	page    int
	options callOptions
	// redactor is set once a request has failed.
	redactor atomic.Pointer[requestRedactor]
	// config is the configuration of the client.
	config *config
	// observation is nil without observers.
	observation *observation
}

// info returns the description of the call as it is at present.
func (s *callState) info() CallInfo {
	info := CallInfo{Operation: *s.operation, Attempt: int(s.attempts.Load()), Page: s.page, Poll: s.options.poll}
	if s.config != nil {
		info.Server = s.config.server
	}
	return info
}

// Value returns the state itself under its key.
func (s *callState) Value(key any) any {
	switch key {
	case callKey:
		return s
	case optionsKey: // apply to this call only, not to calls that middleware or a TokenSource makes for it
		return nil
	}
	return s.Context.Value(key)
}

func callFrom(ctx context.Context) *callState {
	call, _ := ctx.Value(callKey).(*callState)
	return call
}

func newCall(ctx context.Context, op *Operation) *callState {
	options, _ := ctx.Value(optionsKey).(callOptions)
	return &callState{Context: ctx, operation: op, options: options}
}

// withCall returns a request of [Client.Raw] with a new state. The path determines the operation.
func withCall(req *http.Request, baseURL *url.URL) (*http.Request, *callState) {
	path := strings.TrimPrefix(req.URL.EscapedPath(), baseURL.EscapedPath())
	call := newCall(req.Context(), matchOperation(req.Method, path))
	return req.WithContext(call), call //nolint:contextcheck // the state is the context of the call
}

// withoutRetries returns a context whose calls make one attempt, and store no raw JSON. poll is the number of the poll, or
// 0.
func withoutRetries(ctx context.Context, poll int) context.Context {
	return context.WithValue(ctx, optionsKey, callOptions{noRetry: true, poll: poll})
}

// CallFromContext returns the call that a context belongs to. It works in [Middleware], in a transport, in a [Limiter],
// in a [TokenSource] and in the functions of an [Observer], except CallStarted. The second result is false if the context
// does not belong to a call.
func CallFromContext(ctx context.Context) (CallInfo, bool) {
	call := callFrom(ctx)
	if call == nil {
		return CallInfo{}, false
	}
	return call.info(), true
}

// response is a response with a 2xx status.
type response struct {
	op        *Operation
	call      *callState
	status    int
	mediaType string
	logger    *slog.Logger
	// body is valid until it is released.
	body *bufferedBody
	// raw is where the JSON of the response is stored once it has been checked. It may be nil.
	raw     *rawJSON
	unknown *unknownFields
}

// end releases the body of a response that was decoded, and ends the call with the number of items and the error.
func (r response) end(items int, err error) {
	r.body.release()
	r.call.end(items, err)
}

// requester sends the request of a call with the generated client, whose Doer is the chain. The bind functions return a
// requester for a method of the generated client, with its IDs in the path and its input: a body or query parameters.
type requester func(ctx context.Context, editors ...gen.RequestEditorFn) (*http.Response, error)

func bindID(request func(context.Context, api.ID, ...gen.RequestEditorFn) (*http.Response, error), first string) requester {
	return func(ctx context.Context, editors ...gen.RequestEditorFn) (*http.Response, error) {
		return request(ctx, api.ID(first), editors...)
	}
}

func bindIDs(request func(context.Context, api.ID, api.ID, ...gen.RequestEditorFn) (*http.Response, error), first, second string) requester {
	return func(ctx context.Context, editors ...gen.RequestEditorFn) (*http.Response, error) {
		return request(ctx, api.ID(first), api.ID(second), editors...)
	}
}

func bindInput[B any](request func(context.Context, B, ...gen.RequestEditorFn) (*http.Response, error), input B) requester {
	return func(ctx context.Context, editors ...gen.RequestEditorFn) (*http.Response, error) {
		return request(ctx, input, editors...)
	}
}

func bindIDInput[B any](request func(context.Context, api.ID, B, ...gen.RequestEditorFn) (*http.Response, error), first string, input B) requester {
	return func(ctx context.Context, editors ...gen.RequestEditorFn) (*http.Response, error) {
		return request(ctx, api.ID(first), input, editors...)
	}
}

func bindIDsInput[B any](request func(context.Context, api.ID, api.ID, B, ...gen.RequestEditorFn) (*http.Response, error), first, second string, input B) requester {
	return func(ctx context.Context, editors ...gen.RequestEditorFn) (*http.Response, error) {
		return request(ctx, api.ID(first), api.ID(second), input, editors...)
	}
}

// do checks the IDs in the path of a call, makes it, and returns a response with a 2xx status, or an error. A response
// must be ended.
func (c *Client) do(ctx context.Context, op *Operation, ids []pathParam, request requester, editors ...gen.RequestEditorFn) (response, error) {
	return c.doPage(ctx, op, ids, 0, request, editors...)
}

// doPage is do for the page of a list with a number, from 1.
func (c *Client) doPage(ctx context.Context, op *Operation, ids []pathParam, page int, request requester, editors ...gen.RequestEditorFn) (_ response, err error) {
	if ctx == nil {
		return response{}, invalidInput(op.Name, "ctx", "nil context")
	}
	if err := checkIDs(op, ids...); err != nil {
		return response{}, err
	}
	call := newCall(ctx, op)
	call.pooled, call.page = true, page
	call.options.raw.set(nil)
	call.start(&c.config)
	err = errUnfinished // remains if a function of the caller panics
	defer func() {
		if err != nil {
			call.end(0, err)
		}
	}()
	resp, err := request(call, editors...) //nolint:bodyclose,contextcheck // the body is in memory; the state is the caller's context
	if err != nil {
		if !call.owned.Load() { // the generated client could not make the request
			err = fmt.Errorf("basiq: %s: invalid request: %w", op.Name, err)
		}
		return response{}, err
	}
	return c.checkResponse(call, resp)
}

// checkResponse returns an error if the status is not 2xx or if the body is incomplete.
func (c *Client) checkResponse(call *callState, resp *http.Response) (response, error) {
	op, body := call.operation, bodyOf(resp)
	switch status := resp.StatusCode; {
	case status < 200 || status > 299:
		defer body.release()
		failure := call.failure(status, resp.Header, body.bytes())
		if op.retries == retryDelete && call.maybeApplied && rejects(status) && failure.Code() != "" &&
			(errors.Is(failure, ErrNotFound) || errors.Is(failure, ErrGone)) {
			// An earlier attempt deleted the resource, but its response was lost. A 404 without a code may come from a
			// proxy.
			return response{op: op, call: call, status: http.StatusNoContent, logger: c.config.logger}, nil
		}
		return response{}, failure
	case body.err != nil:
		defer body.release()
		return response{}, invalidResponse(op, status, body.bytes(), body.err)
	case status > http.StatusAccepted && status != http.StatusNoContent: // partial content, or a response of a proxy
		defer body.release()
		return response{}, invalidResponse(op, status, body.bytes(), errors.New("unexpected status"))
	}
	return response{
		op: op, call: call, status: resp.StatusCode, mediaType: resp.Header.Get("Content-Type"), body: body,
		logger: c.config.logger, raw: call.options.raw, unknown: c.config.unknown,
	}, nil
}

// failure returns the Error of a response with a non-2xx status. It redacts the secrets of the call.
func (s *callState) failure(status int, header http.Header, body []byte) *Error {
	e := newError(s.operation, status, header, body)
	if hide := s.redactor.Load(); hide != nil {
		e.redact(hide.redact)
	}
	e.maybeApplied = s.maybeApplied
	return e
}

// invalidResponse returns the Error of a response with a 2xx status and an unusable body. It keeps the status, because
// the operation has been carried out.
func invalidResponse(op *Operation, status int, body []byte, reason error) *Error {
	e := &Error{Operation: op.Name, StatusCode: status, reason: reason, isInvalid: true}
	if !hasSecret(op) {
		e.setBody(body)
	}
	return e
}

// read decodes and ends a response. check returns an error for a value that cannot be the response.
func read[T any](resp response, check func(*T) error) (_ *T, err error) {
	defer func() { resp.end(0, err) }()
	value, err := decodeResponse[T](resp)
	if err != nil {
		return nil, err
	}
	if err := check(value); err != nil {
		return nil, invalidResponse(resp.op, resp.status, nil, err)
	}
	resp.storeRaw()
	return value, nil
}

// decodeResponse decodes a response.
func decodeResponse[T any](resp response) (*T, error) {
	value := new(T)
	mismatch, err := decode(resp.body.bytes(), value)
	if err != nil {
		// Another call may already use the connection, so only a body that can belong to another request is a reason to
		// close it. A text that is not JSON comes from a proxy.
		if body := bytes.TrimSpace(resp.body.bytes()); len(body) == 0 || json.Valid(body) {
			resp.body.closeConn()
		}
		return nil, invalidResponse(resp.op, resp.status, resp.body.bytes(), err)
	}
	if mismatch != nil {
		resp.logger.Warn("basiq: response field of an unexpected kind",
			slog.String("operation", resp.op.Name),
			slog.String("field", mismatch.Field), slog.String("kind", mismatch.Kind))
	}
	resp.unknown.compare(resp.op, resp.body.bytes(), reflect.TypeFor[T]())
	return value, nil
}

// resource describes a kind of resource: its type in responses, or "", and the function that returns type and ID.
type resource[T any] struct {
	kind     string
	identity func(*T) (kind, id string)
}

// has reports whether a resource can have the type kind. A list is never a resource, even if it has an ID.
func (r resource[T]) has(kind string) bool {
	return kind == "" || strings.EqualFold(kind, r.kind) || r.kind == "" && !strings.EqualFold(kind, "list")
}

// read decodes a response that is one resource. want is the expected ID, or "". A resource with another ID or
// of another type belongs to another request: a proxy may have left it on the connection, so the connection is closed.
func (r resource[T]) read(resp response, want string, checks ...func(*T) error) (_ *T, err error) {
	defer func() { resp.end(0, err) }()
	value, err := decodeResponse[T](resp)
	if err != nil {
		return nil, err
	}
	kind, got := r.identity(value)
	switch {
	case strings.TrimSpace(got) == "":
		err = errors.New("missing id")
	case !r.has(kind):
		err = errors.New("resource has another type")
	case want != "" && !strings.EqualFold(got, want):
		err = errors.New("resource has another ID")
	}
	for _, check := range checks {
		err = cmp.Or(err, check(value))
	}
	if err == nil {
		resp.storeRaw()
		return value, nil
	}
	resp.body.closeConn()
	return nil, invalidResponse(resp.op, resp.status, nil, err) // without the body, which may hold data of another user
}

// get makes a call whose response is the resource with the last of ids, or a new resource if ids is empty.
func get[T any](ctx context.Context, c *Client, op *Operation, ids []pathParam, r resource[T], request requester) (*T, error) {
	resp, err := c.do(ctx, op, ids, request)
	if err != nil {
		return nil, err
	}
	want := ""
	if len(ids) > 0 {
		want = ids[len(ids)-1].value
	}
	return r.read(resp, want)
}

// The media types of responses.
const (
	mediaJSON = "application/json"
	mediaPDF  = "application/pdf"
)

// pdfMagic is the prefix of every PDF document.
const pdfMagic = "%PDF-"

// getDocument makes a call whose response is a document of mediaType.
func getDocument(ctx context.Context, c *Client, op *Operation, ids []pathParam, mediaType string, request requester) (_ []byte, err error) {
	resp, err := c.do(ctx, op, ids, request, func(_ context.Context, req *http.Request) error {
		req.Header.Set("Accept", mediaType)
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer func() { resp.end(0, err) }()
	body := resp.body.bytes()
	switch got, _, err := mime.ParseMediaType(resp.mediaType); {
	case err != nil, got != mediaType && (!isCSV(got) || !isCSV(mediaType)):
		return nil, invalidResponse(op, resp.status, body, errors.New("media type is not "+mediaType))
	case len(body) == 0:
		return nil, invalidResponse(op, resp.status, nil, errors.New("empty document"))
	case mediaType == mediaPDF && !bytes.HasPrefix(body, []byte(pdfMagic)):
		return nil, invalidResponse(op, resp.status, body, errors.New("not a PDF document"))
	}
	return bytes.Clone(body), nil
}

// isCSV reports whether Basiq documents a media type for CSV.
func isCSV(mediaType string) bool { return mediaType == "text/csv" || mediaType == "application/csv" }

// doNoContent makes a call whose response has no content, or nothing of interest.
func doNoContent(ctx context.Context, c *Client, op *Operation, ids []pathParam, request requester) (err error) {
	resp, err := c.do(ctx, op, ids, request)
	if err != nil {
		return err
	}
	defer func() { resp.end(0, err) }()
	// A page of a proxy with status 200 does not prove that Basiq received the request.
	if body := bytes.TrimSpace(resp.body.bytes()); len(body) > 0 && body[0] != '{' && body[0] != '[' {
		return invalidResponse(op, resp.status, body, errors.New("unexpected response body"))
	}
	return nil
}
