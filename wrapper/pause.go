package basiq

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// PausedError says that a call was not sent, because Basiq has lately answered another call of the same operation with
// 429 or 503 and asked to be left alone for longer than this call can wait. It is the Err of a [TransportError], and is
// [ErrTooManyRequests] or [ErrUnavailable], whichever Basiq's answer was.
type PausedError struct {
	// RetryAfter is how long Basiq still wants to be left alone.
	RetryAfter time.Duration

	status int
}

// Error says how long the pause goes on.
func (e *PausedError) Error() string {
	return fmt.Sprintf("Basiq has answered another call of this operation with %d and asked for a pause, which goes on for %v",
		e.status, e.RetryAfter.Round(time.Millisecond))
}

// Is reports whether target is the error of the status that the pause comes from.
func (e *PausedError) Is(target error) bool { return (&Error{StatusCode: e.status}).Is(target) }

// wantsPause reports whether an answer asks all callers to leave its operation alone, where asked is its Retry-After: a 429
// does, and a 503 that says for how long.
func wantsPause(status int, asked time.Duration) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable && asked > 0
}

// pauses remembers which operations Basiq wants to be left alone, so that one caller's 429 holds back the others too. While
// there are none, which is the rule, it costs one atomic load.
type pauses struct {
	// longest is [Retry].MaxDelay: no server can keep an operation shut for longer, and no call is held back for longer.
	longest time.Duration

	count atomic.Int64
	mu    sync.Mutex
	of    map[*Operation]pause
}

// pause is that of one operation.
type pause struct {
	// until is when calls are sent again, asked when Basiq wants to see them again.
	until, asked time.Time
	status       int
}

func newPauses(longest time.Duration) *pauses {
	return &pauses{longest: longest, of: make(map[*Operation]pause)}
}

// begin holds back calls of an operation for d, since Basiq has answered one with status. Pauses do not add up: that which
// ends last counts.
func (p *pauses) begin(op *Operation, status int, d time.Duration) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := now.Add(d)
	if held, known := p.of[op]; known && now.Before(held.until) && asked.Before(held.asked) {
		return
	}
	p.of[op] = pause{until: now.Add(min(d, p.longest)), asked: asked, status: status}
	p.count.Store(int64(len(p.of)))
}

// left returns how long calls of an operation are still held back, and what to tell those who cannot wait: nil when there
// is no pause.
func (p *pauses) left(op *Operation) (time.Duration, *PausedError) {
	if p.count.Load() == 0 {
		return 0, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	held, known := p.of[op]
	if !known {
		return 0, nil
	}
	left := time.Until(held.until)
	if left <= 0 {
		delete(p.of, op)
		p.count.Store(int64(len(p.of)))
		return 0, nil
	}
	return left, &PausedError{RetryAfter: time.Until(held.asked), status: held.status}
}

// wait returns when calls of an operation are not held back any more. It does not wait when Basiq has asked for more than
// the longest pause, when the context would end first, or beyond the longest pause in all: then it returns a [PausedError].
// When the context ends meanwhile, that is the error.
func (p *pauses) wait(ctx context.Context, op *Operation, policy Retry) error {
	var waited time.Duration
	for {
		left, paused := p.left(op)
		if paused == nil {
			return nil
		}
		left = min(left+policy.jitter(), p.longest) // or all who wait would come back together
		deadline, bounded := ctx.Deadline()
		if paused.RetryAfter > p.longest || waited+left > p.longest || bounded && time.Until(deadline) <= left {
			return paused
		}
		if !sleep(ctx, left) {
			return ctx.Err()
		}
		waited += left
	}
}
