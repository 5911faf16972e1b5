package conformance

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// observedCalls records what an observer learns, call by call.
type observedCalls struct {
	mu    sync.Mutex
	calls []*observedCall
}

type observedCall struct {
	operation      string
	started, ended time.Time
	open           int // attempts in progress
	attempts       []basiq.AttemptResult
	waits          []basiq.WaitInfo
	result         *basiq.CallResult
}

type observedKey struct{}

func (o *observedCalls) observer() basiq.Observer {
	// of calls f with the call of a context.
	of := func(ctx context.Context, f func(*observedCall)) {
		o.mu.Lock()
		defer o.mu.Unlock()
		f(ctx.Value(observedKey{}).(*observedCall))
	}
	return basiq.Observer{
		CallStarted: func(ctx context.Context, call basiq.CallInfo) context.Context {
			o.mu.Lock()
			defer o.mu.Unlock()
			started := &observedCall{operation: call.Operation.ID, started: time.Now()}
			o.calls = append(o.calls, started)
			return context.WithValue(ctx, observedKey{}, started)
		},
		AttemptStarted: func(ctx context.Context, _ basiq.CallInfo) context.Context {
			of(ctx, func(c *observedCall) { c.open++ })
			return ctx
		},
		AttemptEnded: func(ctx context.Context, _ basiq.CallInfo, result basiq.AttemptResult) {
			of(ctx, func(c *observedCall) {
				c.open--
				c.attempts = append(c.attempts, result)
			})
		},
		Waited: func(ctx context.Context, _ basiq.CallInfo, wait basiq.WaitInfo) {
			of(ctx, func(c *observedCall) { c.waits = append(c.waits, wait) })
		},
		CallEnded: func(ctx context.Context, _ basiq.CallInfo, result basiq.CallResult) {
			of(ctx, func(c *observedCall) { c.result, c.ended = &result, time.Now() })
		},
	}
}

// clear forgets all calls.
func (o *observedCalls) clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = nil
}

// check compares every call with the clock, and all calls with the attempts that middleware has counted by operation.
// took is the duration of the call of s. At least as many requests are reported as have arrived, except for those that
// net/http has replayed.
func (o *observedCalls) check(t *testing.T, attempts map[string]int, s subject, took time.Duration, end ending) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	var total time.Duration
	var last basiq.Failure
	counted, requests := map[string]int{}, 0
	faulted := s.operation
	if s.kind.forToken {
		faulted = "postToken"
	}
	for _, call := range o.calls {
		require.NotNil(t, call.result, "%s has not ended", call.operation)
		assert.Zero(t, call.open, "attempts in progress")
		assert.Len(t, call.attempts, call.result.Attempts)
		assert.Equal(t, call.ended.Sub(call.started), call.result.Duration)
		var inAttempts, waited time.Duration
		var bytes int64
		for _, attempt := range call.attempts {
			inAttempts += attempt.Duration
			bytes += attempt.Bytes
			if call.operation == faulted {
				requests += attempt.Requests
			}
		}
		for _, wait := range call.waits {
			assert.Positive(t, wait.Duration)
			waited += wait.Duration
		}
		assert.Equal(t, waited, call.result.Waited)
		assert.Equal(t, call.result.Duration, inAttempts+waited, "attempts and waits of %s", call.operation)
		assert.Equal(t, bytes, call.result.Bytes)
		if n := len(call.attempts); n > 0 {
			assert.Equal(t, call.attempts[n-1].StatusCode, call.result.StatusCode)
			counted[call.operation] += n
		}
		if call.operation == s.operation {
			total += call.result.Duration
			last = call.result.Failure
		}
	}
	assert.Equal(t, attempts, counted, "attempts")
	assert.Equal(t, took, total, "duration")
	assert.Equal(t, end.err == nil, last == "", "failure %q of %v", last, end.err)
	assert.GreaterOrEqual(t, requests, min(end.arrived, end.attempts), "requests")
}
