package basiq

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// What keeps a client from sending too much:
//
//   - Retry-After: the retrier waits as long as a response asks for, at most [Retry].MaxDelay.
//   - Throttling, in this file: after a 429, or a 503 with Retry-After, all calls of the operation wait, not only the one
//     that got the response.
//   - The retry budget (retrybudget.go): at most 100 retries that did not help their call, plus one for ten calls that
//     succeed. It bounds what an outage multiplies.
//   - The token bucket (auth.go): at most 100 token requests at once and two a second after that.
//   - [WithRateLimit]: the caller's own limit, for every request.
//
// A call passes them in this order, before each attempt: throttling, budget (for a retry), backoff or Retry-After, rate
// limit, and for a token request the bucket. None of these waits is part of an attempt's time.

// PausedError reports that a call was not sent, because Basiq has lately throttled another call of the same operation for
// longer than this call can wait. It is the Err of a [TransportError], and matches [ErrTooManyRequests] or
// [ErrUnavailable], by StatusCode.
type PausedError struct {
	// RetryAfter is how long the operation is still throttled.
	RetryAfter time.Duration
	// StatusCode is the status of the response that throttled the operation: 429 if it is 0.
	StatusCode int
	// tokens is set for POST /token, which Basiq throttles with 403.
	tokens bool
}

// Error says for how long the operation is still throttled.
func (e *PausedError) Error() string {
	return fmt.Sprintf("operation throttled by Basiq (status %d) for another %v", e.status(), e.RetryAfter.Round(time.Millisecond))
}

func (e *PausedError) status() int { return cmp.Or(e.StatusCode, http.StatusTooManyRequests) }

// Is reports whether target is the error of the status that throttled the operation.
func (e *PausedError) Is(target error) bool {
	return e.tokens && target == ErrTooManyTokenRequests || (&Error{StatusCode: e.status()}).Is(target)
}

// throttles reports whether a response throttles its operation, where asked is its Retry-After: a 429 does, and a 503
// that says for how long.
func throttles(status int, asked time.Duration) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable && asked > 0
}

// throttle remembers which operations Basiq throttles. While there are none, it costs one atomic load.
type throttle struct {
	// longest is [Retry].MaxDelay: no server can hold an operation for longer, and no call waits for longer.
	longest time.Duration

	count atomic.Int64
	mu    sync.Mutex
	holds map[*Operation]hold
}

// hold is the throttling of one operation.
type hold struct {
	// until is when calls are sent again, asked when Basiq wants to see them again.
	until, asked time.Time
	status       int
	// streak counts the responses in a row that did not say for how long, each after the hold of the one before.
	streak int
}

func newThrottle(longest time.Duration) *throttle {
	return &throttle{longest: longest, holds: make(map[*Operation]hold)}
}

// hold holds calls of an operation for d, after a response with status, but for no longer than most. Holds do not add up:
// the one that ends last counts.
func (t *throttle) hold(op *Operation, status int, d, most time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(op, hold{status: status}, d, most)
}

// holdLonger is hold for a response that does not say for how long: for d, and longer each time in a row.
func (t *throttle) holdLonger(op *Operation, status int, d time.Duration, policy Retry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	held := t.holds[op]
	if time.Until(held.until) > 0 { // the request was in flight already
		return
	}
	streak := held.streak + 1
	t.set(op, hold{status: status, streak: streak}, max(d, policy.backoff(streak)), t.longest)
}

// set replaces the hold of an operation unless that ends later. The throttle is locked.
func (t *throttle) set(op *Operation, next hold, d, most time.Duration) {
	now := time.Now()
	next.until, next.asked = now.Add(min(d, most)), now.Add(d)
	if held := t.holds[op]; now.Before(held.until) && next.asked.Before(held.asked) {
		return
	}
	t.holds[op] = next
	t.count.Store(int64(len(t.holds)))
}

// clear forgets the hold of an operation after a response that is not throttled, unless the request was in flight before.
func (t *throttle) clear(op *Operation) {
	if t.count.Load() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Until(t.holds[op].until) <= 0 {
		delete(t.holds, op)
		t.count.Store(int64(len(t.holds)))
	}
}

// remaining returns how long calls of an operation are still held, and the error for those that cannot wait: nil if the
// operation is not throttled.
func (t *throttle) remaining(op *Operation) (time.Duration, *PausedError) {
	if t.count.Load() == 0 {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	held := t.holds[op]
	left := time.Until(held.until)
	if left <= 0 {
		return 0, nil
	}
	return left, &PausedError{RetryAfter: time.Until(held.asked), StatusCode: held.status, tokens: op == opPostToken}
}

// wait waits until calls of an operation are no longer held. It returns a [PausedError] instead if Basiq has asked for
// more than the longest hold, if the context would end first, or beyond the longest hold in total. If the context ends
// during the wait, it returns the context's error.
func (t *throttle) wait(ctx context.Context, op *Operation, policy Retry) error {
	var waited time.Duration
	for {
		left, paused := t.remaining(op)
		if paused == nil {
			return nil
		}
		left = min(left+policy.jitter(), t.longest) // or all that wait would come back together
		deadline, bounded := ctx.Deadline()
		if paused.RetryAfter > t.longest || waited+left > t.longest || bounded && time.Until(deadline) <= left {
			return paused
		}
		if !sleep(ctx, left) {
			return endedError(ctx)
		}
		waited += left
	}
}
