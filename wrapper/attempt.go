package basiq

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// attempt is the context of one attempt of a call, and records the requests of the attempt. Each attempt has its own
// record, so that a request that middleware left running cannot change the record of a later attempt.
type attempt struct {
	context.Context //nolint:containedctx // an attempt is a context

	call *callState

	mu sync.Mutex
	// ended is set when the retrier has the attempt's outcome. The attempt sends no requests afterwards.
	ended bool
	// permitted is set while the attempt has a permit of the rate limit that no request has used.
	permitted atomic.Bool
	// requests counts the requests that were handed to the transport.
	requests int
	// maybeApplied counts the requests that Basiq may have carried out: requests in flight, and requests whose outcome
	// does not prove the opposite.
	maybeApplied int
	// waited is how long requests inside the attempt waited for the rate limit or a token.
	waited time.Duration
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

// begin records that a request is about to be handed to the transport. It returns an error if the attempt has ended.
func (a *attempt) begin() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return errAttemptEnded
	}
	a.requests++
	a.maybeApplied++
	return nil
}

// markNotApplied records that a request was certainly not carried out.
func (a *attempt) markNotApplied() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.maybeApplied--
}

// end ends the attempt and copies the record to its outcome.
func (a *attempt) end(out *outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	out.requests, out.maybeApplied, out.waited = a.requests, a.maybeApplied > 0, a.waited
}

// addWait records a wait inside the attempt, unless the attempt has ended.
func (a *attempt) addWait(reason WaitReason, start time.Time) {
	duration := time.Since(start)
	a.mu.Lock()
	ended := a.ended
	if !ended {
		a.waited += duration
	}
	a.mu.Unlock()
	if !ended {
		a.call.waited(a, reason, duration)
	}
}
