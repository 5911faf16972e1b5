package basiq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/basiq-go/basiq-go/api"
)

// Call is what a hook may know of the call it stands in.
type Call struct {
	// Operation is the operation that is called.
	Operation Operation
	// Attempt counts the attempts of this call, from 1.
	Attempt int
}

type contextKey int

const (
	callKey contextKey = iota
	scopeKey
)

// callState accompanies one call through the chain, as the context of its request. What hooks can reach from goroutines of
// their own is atomic.
type callState struct {
	context.Context //nolint:containedctx // it is a context, which knows of the call

	operation *Operation
	// claimed is set by the retrier that the state is for. A hook that makes calls of its own hands on our context, and
	// its calls must not take this one's name.
	claimed atomic.Bool
	// attempts counts what was tried.
	attempts atomic.Int32
	// sent and reached are of the attempt under way: whether the request was handed to the http.Client, and how often it may
	// have reached Basiq without being refused for its token. underway counts those whose end is not known: a hook may
	// leave before. The sender keeps these, so that nothing a hook says counts as evidence.
	sent     atomic.Bool
	reached  atomic.Int32
	underway atomic.Int32
	// pooled says that whoever makes the call releases the body of its answer.
	pooled bool
	// redactor is set once something has failed.
	redactor atomic.Pointer[redactor]
	// everArrived is set once any attempt may have reached Basiq.
	everArrived bool
	// unsure is set once an attempt may have been carried out without our learning of it.
	unsure bool
}

// Value returns the state itself under its key.
func (s *callState) Value(key any) any {
	if key == callKey {
		return s
	}
	return s.Context.Value(key)
}

func stateFrom(ctx context.Context) *callState {
	state, _ := ctx.Value(callKey).(*callState)
	return state
}

// withState returns a request that nobody has named, with a state of its own: its operation is found by its path.
func withState(req *http.Request, baseURL *url.URL) (*http.Request, *callState) {
	path := strings.TrimPrefix(req.URL.EscapedPath(), baseURL.EscapedPath())
	state := &callState{Context: req.Context(), operation: matchOperation(req.Method, path)}
	return req.WithContext(state), state //nolint:contextcheck // the state is its context
}

// CallFromContext returns what is known of the call that a request belongs to; ctx is the request's. The second result
// is false for a context that does not come from this package.
func CallFromContext(ctx context.Context) (Call, bool) {
	state := stateFrom(ctx)
	if state == nil {
		return Call{}, false
	}
	return Call{Operation: *state.operation, Attempt: int(state.attempts.Load())}, true
}

// answer is an answer with a 2xx status.
type answer struct {
	op        *Operation
	status    int
	mediaType string
	// body is good until it is released.
	body *bufferedBody
}

// ask makes a call that sends no body. query and accept may be empty.
func (c *Client) ask(ctx context.Context, op *Operation, ids []id, query, accept string) (answer, error) {
	state := &callState{Context: ctx, operation: op, pooled: true}
	req, err := c.newRequest(state, op, ids, query, accept) //nolint:contextcheck // the state is the caller's context
	if err != nil {
		return answer{}, err
	}
	resp, err := c.raw.Client.Do(req) //nolint:bodyclose // see finish
	return finish(state, resp, err)
}

// send makes a call that sends a body, or a query of its own, through the generated client, whose Doer is the chain of
// retries, hooks and authorization.
func (c *Client) send(ctx context.Context, op *Operation, request func(ctx context.Context) (*http.Response, error)) (answer, error) {
	state := &callState{Context: ctx, operation: op, pooled: true}
	resp, err := request(state) //nolint:bodyclose,contextcheck // see finish; the state is the caller's context
	return finish(state, resp, err)
}

// finish looks at what came of a call. What is not an answer with a 2xx status comes back as an error.
func finish(state *callState, resp *http.Response, err error) (answer, error) {
	op := state.operation
	if err != nil {
		return answer{}, callError(state, err)
	}
	body := bodyOf(resp)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer body.release()
		failure := state.failure(resp.StatusCode, resp.Header, body.bytes())
		if op.repeat == repeatDelete && state.unsure && failure.Code() != "" &&
			(errors.Is(failure, ErrNotFound) || errors.Is(failure, ErrGone)) {
			// An earlier attempt got through, and only its answer was lost. A 404 without a code may be a proxy's.
			return answer{op: op, status: http.StatusNoContent}, nil
		}
		return answer{}, failure
	}
	if body.err != nil {
		defer body.release()
		return answer{}, unreadable(op, resp.StatusCode, body.bytes(), body.err)
	}
	return answer{op: op, status: resp.StatusCode, mediaType: resp.Header.Get("Content-Type"), body: body}, nil
}

// failure makes an Error of an answer to the call that is no success, without the secrets that the call carried.
func (s *callState) failure(status int, header http.Header, body []byte) *Error {
	e := newError(s.operation, status, header, body)
	if hide := s.redactor.Load(); hide != nil {
		e.redact(*hide)
	}
	e.unsure = s.unsure
	return e
}

// callError turns what the chain or the generated client returned into the caller's error.
func callError(state *callState, err error) error {
	if !state.claimed.Load() {
		return fmt.Errorf("basiq: %s: the request cannot be made: %w", state.operation.Name, err)
	}
	return err
}

// unreadable makes an Error of an answer that reports success but has a body that is of no use. The status stays: what
// was asked for has been done.
func unreadable(op *Operation, status int, body []byte, reason error) *Error {
	e := &Error{Operation: op.Name, StatusCode: status}
	if op != opPostToken { // whose body is a secret
		e.keep(body)
	}
	e.reason = fmt.Errorf("done, but the answer cannot be read: %w", reason)
	return e
}

// read decodes an answer, and releases its body.
func read[T any](answer answer) (*T, error) {
	defer answer.body.release()
	value := new(T)
	if err := decode(answer.body.bytes(), value); err != nil {
		return nil, unreadable(answer.op, answer.status, answer.body.bytes(), err)
	}
	return value, nil
}

// readThing is read for an answer that is one thing, which must have an id.
func readThing[T any](answer answer, idOf func(*T) string) (*T, error) {
	value, err := read[T](answer)
	if err == nil && idOf(value) == "" {
		return nil, unreadable(answer.op, answer.status, nil, errors.New("there is no id in it"))
	}
	return value, err
}

// The media types of answers.
const (
	mediaJSON = "application/json"
	mediaPDF  = "application/pdf"
)

// get makes a call whose answer is the thing that ids in the path name.
func get[T any](ctx context.Context, c *Client, op *Operation, ids []id, idOf func(*T) string) (*T, error) {
	answer, err := c.ask(ctx, op, ids, "", "")
	if err != nil {
		return nil, err
	}
	return readThing(answer, idOf)
}

// getDocument makes a call whose answer is a document of mediaType.
func getDocument(ctx context.Context, c *Client, op *Operation, ids []id, mediaType string) ([]byte, error) {
	answer, err := c.ask(ctx, op, ids, "", mediaType)
	if err != nil {
		return nil, err
	}
	defer answer.body.release()
	body := answer.body.bytes()
	switch got, _, err := mime.ParseMediaType(answer.mediaType); {
	case err != nil, got != mediaType && (!isCSV(got) || !isCSV(mediaType)):
		return nil, unreadable(op, answer.status, body, errors.New("it is not of the type "+mediaType))
	case len(body) == 0:
		return nil, unreadable(op, answer.status, nil, errors.New("there is no document in it"))
	}
	return bytes.Clone(body), nil
}

// isCSV reports whether a media type is one of those that Basiq's documents have for CSV.
func isCSV(mediaType string) bool { return mediaType == "text/csv" || mediaType == "application/csv" }

// carryOut makes a call whose answer says nothing but that it was done, about a thing that ids in the path name.
func carryOut(ctx context.Context, c *Client, op *Operation, ids []id) error {
	answer, err := c.ask(ctx, op, ids, "", "")
	if err != nil {
		return err
	}
	answer.body.release()
	return nil
}

// maxObjects is how many objects and nulls an answer may have, far above any list of Basiq's: each of them takes up to a
// hundred times its size in memory.
const maxObjects = 1 << 18

// decode is the one place where an answer's body becomes a value.
func decode(body []byte, value any) error {
	// Two bytes are the least that one takes.
	if len(body) > 2*maxObjects && bytes.Count(body, []byte("{"))+bytes.Count(body, []byte("null")) > maxObjects {
		return fmt.Errorf("%w: it has more than %d objects", ErrResponseTooLarge, maxObjects)
	}
	err := api.Unmarshal(body, value)
	if mistyped, ok := errors.AsType[*api.MistypedError](err); ok && mistyped.Field == "" {
		return errors.New("it is no JSON object")
	}
	return err
}

func isMistyped(err error) bool {
	_, ok := errors.AsType[*api.MistypedError](err)
	return ok
}
