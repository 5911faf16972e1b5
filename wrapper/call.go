package basiq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
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

// callState accompanies one call through the chain. What hooks can reach from goroutines of their own is atomic.
type callState struct {
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
	// redactor is set once something has failed.
	redactor atomic.Pointer[redactor]
	// everArrived is set once any attempt may have reached Basiq.
	everArrived bool
	// unsure is set once an attempt may have been carried out without our learning of it.
	unsure bool
}

func stateFrom(ctx context.Context) *callState {
	state, _ := ctx.Value(callKey).(*callState)
	return state
}

// withState returns a request that nobody has named, with a state of its own: its operation is found by its path.
func withState(req *http.Request, baseURL *url.URL) (*http.Request, *callState) {
	path := strings.TrimPrefix(req.URL.EscapedPath(), baseURL.EscapedPath())
	state := &callState{operation: matchOperation(req.Method, path)}
	return req.WithContext(context.WithValue(req.Context(), callKey, state)), state
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
	status    int
	mediaType string
	body      []byte
}

// send makes one call. request sends it through the generated client, whose Doer is the chain of retries, hooks and
// authorization. What is not an answer with a 2xx status comes back as an error.
func (c *Client) send(ctx context.Context, op *Operation, request func(ctx context.Context) (*http.Response, error)) (*answer, error) {
	state := &callState{operation: op}
	resp, err := request(context.WithValue(ctx, callKey, state))
	if err != nil {
		return nil, callError(op, state, err)
	}
	defer func() { _ = resp.Body.Close() }()

	body, err := io.ReadAll(resp.Body) // in memory already, see attempt
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		failure := state.failure(resp.StatusCode, resp.Header, body)
		if op.repeat == repeatDelete && state.unsure && failure.Code() != "" &&
			(errors.Is(failure, ErrNotFound) || errors.Is(failure, ErrGone)) {
			// An earlier attempt got through, and only its answer was lost. A 404 without a code may be a proxy's.
			return &answer{status: http.StatusNoContent}, nil
		}
		return nil, failure
	}
	if err != nil {
		return nil, unreadable(op, resp.StatusCode, body, err)
	}
	return &answer{status: resp.StatusCode, mediaType: resp.Header.Get("Content-Type"), body: body}, nil
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
func callError(op *Operation, state *callState, err error) error {
	if !state.claimed.Load() {
		return fmt.Errorf("basiq: %s: the request cannot be made: %w", op.Name, err)
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

// receive makes a call whose answer has a body and decodes it.
func receive[T any](ctx context.Context, c *Client, op *Operation, request func(ctx context.Context) (*http.Response, error)) (*T, int, error) {
	answer, err := c.send(ctx, op, request)
	if err != nil {
		return nil, 0, err
	}
	value, err := read[T](op, answer)
	if err != nil {
		return nil, 0, err
	}
	return value, answer.status, nil
}

// read decodes an answer.
func read[T any](op *Operation, answer *answer) (*T, error) {
	value := new(T)
	if err := decode(answer.body, value); err != nil {
		return nil, unreadable(op, answer.status, answer.body, err)
	}
	return value, nil
}

// readThing is read for an answer that is one thing, which must have an id.
func readThing[T any](op *Operation, answer *answer, idOf func(*T) string) (*T, error) {
	value, err := read[T](op, answer)
	if err == nil && idOf(value) == "" {
		return nil, unreadable(op, answer.status, nil, errors.New("there is no id in it"))
	}
	return value, err
}

// The media types of answers.
const (
	mediaJSON = "application/json"
	mediaPDF  = "application/pdf"
)

// receiveDocument makes a call whose answer is a document of mediaType, which the request must ask for with accept.
func receiveDocument(ctx context.Context, c *Client, op *Operation, mediaType string, request func(ctx context.Context, accept gen.RequestEditorFn) (*http.Response, error)) ([]byte, error) {
	answer, err := c.send(ctx, op, func(ctx context.Context) (*http.Response, error) {
		return request(ctx, func(_ context.Context, req *http.Request) error {
			req.Header.Set("Accept", mediaType)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	switch got, _, err := mime.ParseMediaType(answer.mediaType); {
	case err != nil, got != mediaType && (!isCSV(got) || !isCSV(mediaType)):
		return nil, unreadable(op, answer.status, answer.body, errors.New("it is not of the type "+mediaType))
	case len(answer.body) == 0:
		return nil, unreadable(op, answer.status, nil, errors.New("there is no document in it"))
	}
	return answer.body, nil
}

// receiveThing makes a call whose answer is one thing, which must have an id.
func receiveThing[T any](ctx context.Context, c *Client, op *Operation, idOf func(*T) string, request func(ctx context.Context) (*http.Response, error)) (*T, int, error) {
	answer, err := c.send(ctx, op, request)
	if err != nil {
		return nil, 0, err
	}
	value, err := readThing(op, answer, idOf)
	return value, answer.status, err
}

// isCSV reports whether a media type is one of those that Basiq's documents have for CSV.
func isCSV(mediaType string) bool { return mediaType == "text/csv" || mediaType == "application/csv" }

// get is receiveThing for a thing that ids in the path name.
func get[T any](ctx context.Context, c *Client, op *Operation, ids []id, idOf func(*T) string, request func(ctx context.Context) (*http.Response, error)) (*T, error) {
	if err := checkIDs(op, ids...); err != nil {
		return nil, err
	}
	value, _, err := receiveThing(ctx, c, op, idOf, request)
	return value, err
}

// carryOut makes a call whose answer says nothing but that it was done, about a thing that ids in the path name.
func carryOut(ctx context.Context, c *Client, op *Operation, ids []id, request func(ctx context.Context) (*http.Response, error)) error {
	if err := checkIDs(op, ids...); err != nil {
		return err
	}
	_, err := c.send(ctx, op, request)
	return err
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

// id is an id among the arguments of a call.
type id struct{ argument, value string }

// checkIDs refuses ids that would change what the URL means. The generated client would refuse them too, but could not
// say which argument it was.
func checkIDs(op *Operation, ids ...id) error {
	for _, id := range ids {
		if err := api.ID(id.value).Validate(); err != nil {
			return invalidInput(op.Name, id.argument, err.Error())
		}
	}
	return nil
}
