package basiq

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// attempt is the context of one attempt of a call, and records what was sent in it. Each attempt has its own record, so
// that a request which middleware left running cannot change the record of a later attempt.
type attempt struct {
	context.Context //nolint:containedctx // an attempt is a context

	mu sync.Mutex
	// ended is set when the attempt's outcome is known to the retrier. Nothing is sent in its name afterwards.
	ended bool
	// sent is set once a request was handed to the http.Client.
	handedToTransport bool
	// maybeApplied counts the requests that may have been carried out: those in flight, and those whose outcome does not
	// prove the opposite.
	maybeApplied int
	// permitted is set while a rate limit permit is held that no request has used.
	permitted atomic.Bool
	// waited is how long requests inside the attempt waited for the rate limit or a token.
	waited atomic.Int64
}

// Value returns the attempt itself under its key.
func (a *attempt) Value(key any) any {
	if key == attemptKey {
		return a
	}
	return a.Context.Value(key)
}

func attemptFrom(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey).(*attempt)
	return a
}

var errAttemptEnded = errors.New("the attempt that the request belongs to has ended")

// begin records that a request is about to be handed to the http.Client. It returns an error if the attempt has ended.
func (a *attempt) begin() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return errAttemptEnded
	}
	a.handedToTransport = true
	a.maybeApplied++
	return nil
}

// markNotApplied records that a request was certainly not carried out.
func (a *attempt) markNotApplied() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.maybeApplied--
}

// end ends the attempt and adds to its outcome what was recorded.
func (a *attempt) end(out *outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	out.handedToTransport, out.maybeApplied, out.waited = a.handedToTransport, a.maybeApplied > 0, time.Duration(a.waited.Load())
}

// addWait records a wait inside the attempt.
func (a *attempt) addWait(start time.Time) { a.waited.Add(int64(time.Since(start))) }
