package basiq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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

// callState accompanies one call through the chain.
type callState struct {
	operation *Operation
	// attempts counts what was tried. Atomic, because a hook may look from a goroutine of its own.
	attempts atomic.Int32
	// arrived is set once an attempt may have reached Basiq.
	arrived bool
	// unsure is set once an attempt may have been carried out without our learning of it.
	unsure bool
}

func stateFrom(ctx context.Context) *callState {
	state, _ := ctx.Value(callKey).(*callState)
	return state
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
	status int
	body   []byte
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
		failure := newError(op, resp.StatusCode, resp.Header, body)
		if op.repeat == repeatDelete && state.unsure && errors.Is(failure, ErrNotFound) {
			// An earlier attempt got through, and only its answer was lost.
			return &answer{status: http.StatusNoContent}, nil
		}
		return nil, failure
	}
	if err != nil {
		return nil, unreadable(op, resp.StatusCode, body, err)
	}
	return &answer{status: resp.StatusCode, body: body}, nil
}

// callError turns what the chain or the generated client returned into the caller's error.
func callError(op *Operation, state *callState, err error) error {
	token, noToken := errors.AsType[*tokenError](err)
	switch {
	case noToken:
		return fmt.Errorf("basiq: %s: no access token: %w", op.Name, token.err)
	case errors.Is(err, api.ErrBadID):
		return invalidInput(op.Name, "id", err.Error())
	case state.attempts.Load() == 0:
		return fmt.Errorf("basiq: %s: the request cannot be made: %w", op.Name, err)
	default:
		return &TransportError{Operation: op.Name, Attempts: int(state.attempts.Load()), MayHaveArrived: state.arrived, Err: err}
	}
}

// unreadable makes an Error of an answer that reports success but has a body that is of no use. The status stays: what
// was asked for has been done.
func unreadable(op *Operation, status int, body []byte, reason error) *Error {
	e := &Error{Operation: op.Name, StatusCode: status}
	if op != opPostToken { // whose body is a secret
		e.body = body[:min(len(body), maxErrorBody)]
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
	value := new(T)
	if err := decode(answer.body, value); err != nil {
		return nil, 0, unreadable(op, answer.status, answer.body, err)
	}
	return value, answer.status, nil
}

// decode is the one place where an answer's body becomes a value.
func decode(body []byte, value any) error {
	err := json.Unmarshal(body, value)
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		// Its text repeats the value, which may be anything.
		return fmt.Errorf("the field %q is not of the kind %s", mistyped.Field, mistyped.Type)
	}
	return err
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

// sender is the innermost Doer: it hands the request to the http.Client.
type sender struct {
	client    *http.Client
	userAgent string
}

// Do sends the request. It may add headers to it: the authorizer has cloned it.
func (s *sender) Do(req *http.Request) (*http.Response, error) {
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", s.userAgent)
	resp, err := s.client.Do(req)
	// A url.Error repeats the URL, and with it the ids of people.
	if withURL, ok := errors.AsType[*url.Error](err); ok {
		err = withURL.Err
	}
	return resp, err
}
