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

// These limits prevent a client from sending too many requests:
//
//   - Retry-After: the retrier waits for the delay that a response requests. A delay above [RetryPolicy].MaxDelay ends the
//     call.
//   - Throttling, in this file: after a 429, or a 503 with Retry-After, all calls of the operation wait, not only the call
//     that got the response.
//   - The retry budget (retrybudget.go): at most 100 unsuccessful retries, plus one for every ten calls that get a response
//     below 500. It limits how much retries multiply an outage.
//   - The token bucket (auth.go): a burst of at most 100 token requests, and two a second after that.
//   - [WithRateLimit]: the limit of the caller, for every request.
//
// Before a retry, a call waits for Retry-After or the backoff, if the budget has a retry left. Before each attempt it
// waits while its operation is throttled, then for the rate limit. A token request also waits for the bucket. The time
// of an attempt excludes all of these waits.

// ThrottledError reports that a call was not sent, because Basiq throttles its operation for longer than the call can
// wait. It is the Err of a [TransportError]. It matches [ErrTooManyRequests] or [ErrUnavailable], by StatusCode, and
// [ErrTooManyTokenRequests] if token requests are throttled.
type ThrottledError struct {
	// RetryAfter is how long the operation is still throttled.
	RetryAfter time.Duration
	// StatusCode is the status of the response that throttled the operation. 0 means 429.
	StatusCode int
	// tokens is set for POST /token, which Basiq throttles with 403.
	tokens bool
}

// Error returns the status and how long the operation is still throttled.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("operation throttled by Basiq (status %d) for another %v", e.status(), e.RetryAfter.Round(time.Millisecond))
}

func (e *ThrottledError) status() int { return cmp.Or(e.StatusCode, http.StatusTooManyRequests) }

// Is reports whether target is the error of the status that throttled the operation.
func (e *ThrottledError) Is(target error) bool {
	return e.tokens && target == ErrTooManyTokenRequests || (&Error{StatusCode: e.status()}).Is(target)
}

// throttle records which operations Basiq throttles.
type throttle struct {
	// policy limits holds. An operation is not held for longer than MaxDelay, and a call does not wait for longer.
	policy RetryPolicy

	// held is set while holds has entries, so that other calls take no lock.
	held  atomic.Bool
	mu    sync.Mutex
	holds map[*Operation]hold
}

// hold is the throttling of one operation.
type hold struct {
	// until is when the hold ends. asked is the end that Basiq has requested.
	until, asked time.Time
	status       int
	// streak counts consecutive 429 responses without a delay, each received after the previous hold.
	streak int
}

// observe holds the calls of an operation after a 429, or a 503 with a delay. The hold takes as long as Basiq has
// requested, but at most limit. After a 429 without a delay it takes delay, and longer for each consecutive 429. Any
// other response ends the streak. Holds do not add up; the hold that ends last is used.
func (t *throttle) observe(op *Operation, status int, asked, delay, limit time.Duration) {
	if !t.held.Load() && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now, held := time.Now(), t.holds[op]
	active := now.Before(held.until) // the request was sent before the hold; its response counts only with a delay
	next := hold{status: status}
	switch {
	case asked > 0 && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable):
		if active && now.Add(asked).Before(held.asked) {
			return
		}
	case active:
		return
	case status == http.StatusTooManyRequests:
		asked, next.streak = delay, held.streak+1
		if next.streak > 1 {
			asked = max(delay, t.policy.backoff(next.streak))
		}
	default:
		delete(t.holds, op)
		t.held.Store(len(t.holds) > 0)
		return
	}
	next.until, next.asked = now.Add(min(asked, limit)), now.Add(asked)
	t.holds[op] = next
	t.held.Store(true)
}

// wait waits until calls of an operation are not held. It reports whether it has waited. It returns a [ThrottledError] if
// Basiq has requested more than MaxDelay, if the context would end first, or if the waits would exceed MaxDelay in total. If
// the context ends during the wait, it returns the context's error.
func (t *throttle) wait(ctx context.Context, op *Operation) (held bool, err error) {
	for waited := time.Duration(0); t.held.Load(); {
		t.mu.Lock()
		hold := t.holds[op]
		t.mu.Unlock()
		left, asked := time.Until(hold.until), time.Until(hold.asked)
		if left <= 0 {
			return held, nil
		}
		left = min(left+t.policy.jitter(), t.policy.MaxDelay) // jitter, so that the waiting calls do not continue at the same time
		waited += left
		deadline, bounded := ctx.Deadline()
		if max(asked, waited) > t.policy.MaxDelay || bounded && time.Until(deadline) <= left {
			return held, &ThrottledError{RetryAfter: asked, StatusCode: hold.status, tokens: op == opPostToken}
		}
		held = true
		if !sleep(ctx, left) {
			return held, contextError(ctx)
		}
	}
	return held, nil
}
