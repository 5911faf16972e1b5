package shared

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

const (
	// tolerance is how late a slot may be used. Within a second at most this part of a second's slots come in addition.
	tolerance = 25 * time.Millisecond
	// backlog is how far the reservations of all processes together reach into the future, if the rate permits.
	backlog = 200 * time.Millisecond
	// leadHalfLife is how long it takes until a slow statement counts half. It is a time and not a number of blocks: blocks with
	// a long lead take long, and make the other processes reserve small blocks.
	leadHalfLife = 200 * time.Millisecond
	// freshness is how old the known holds may be when a request is sent.
	freshness = 200 * time.Millisecond
	// maxWait is how long a request waits for the end of holds.
	maxWait = 30 * time.Second
	// firstHold and longestHold are the shortest and the longest hold after a response without Retry-After. maxRetryAfter is
	// the longest hold after a response with it.
	firstHold     = time.Second
	longestHold   = 30 * time.Second
	maxRetryAfter = time.Hour
	// tokenOperation is the operationId of token requests.
	tokenOperation = "postToken"
)

// Limiter is a [basiq.Limiter] whose rate all processes with the same database and name share. Its middleware shares
// throttling.
type Limiter struct {
	table    limitTable
	interval time.Duration

	mu      sync.Mutex
	queue   []*waiter
	running bool          // dispatch is running
	emptied chan struct{} // receives a value when the queue becomes empty
	holds   map[string]hold
	// knownAt is when holds was read.
	knownAt time.Time
}

var _ basiq.Limiter = (*Limiter)(nil)

// waiter is a request that waits for a slot.
type waiter struct {
	operation string
	done      chan permit // has room for one
}

// permit is the result of waiting: a slot or an error.
type permit struct {
	slot time.Time
	err  error
}

func (p permit) late() bool { return p.err == nil && time.Since(p.slot) > tolerance }

// hold is the throttling of an operation.
type hold struct {
	until  time.Time
	status int
}

// errHeld is sent to a waiter whose operation is held.
var errHeld = errors.New("operation is held")

// limitTable is the shared schedule and the holds of a limiter.
type limitTable interface {
	// reserve reserves n slots, the first at least lead from now. first is the time of the first slot, and
	// holding is set if operations are held.
	reserve(ctx context.Context, n int, interval, lead time.Duration) (first time.Time, holding bool, err error)
	// holds returns the operations that are held.
	holds(ctx context.Context) (map[string]hold, error)
	// hold holds an operation for a duration, or if it is 0 for one that grows with each consecutive hold.
	hold(ctx context.Context, operation string, status int, asked time.Duration) error
}

// Limiter returns a limiter of rate requests per second. All processes with the same name must use the same rate, which
// must be from 0.01 to 10,000.
func (s *Store) Limiter(name string, rate float64) (*Limiter, error) {
	if name == "" || !(rate >= 0.01 && rate <= 10_000) {
		return nil, fmt.Errorf("%w: Limiter: a name and a rate in the range [0.01, 10000] are required", basiq.ErrInvalidInput)
	}
	return newLimiter(&sqlLimit{store: s, name: name}, rate), nil
}

func newLimiter(table limitTable, rate float64) *Limiter {
	return &Limiter{table: table, interval: time.Duration(float64(time.Second) / rate), emptied: make(chan struct{}, 1)}
}

// Wait returns when the request of ctx has its slot. If the request's operation is throttled, it waits up to 30 s, or
// returns a [basiq.ThrottledError] if that, or the deadline of ctx, is too short. It returns [ErrDatabase] if the database
// fails.
func (l *Limiter) Wait(ctx context.Context) error {
	operation := operationOf(ctx)
	for waited := time.Duration(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if held, left := l.held(operation); left > 0 {
			waited += left
			deadline, bounded := ctx.Deadline()
			if waited > maxWait || bounded && time.Until(deadline) <= left {
				return &basiq.ThrottledError{RetryAfter: left, StatusCode: held.status}
			}
			if err := sleep(ctx, left); err != nil {
				return err
			}
			continue
		}
		switch p, err := l.permit(ctx, operation); {
		case err != nil:
			return err
		case !errors.Is(p.err, errHeld):
			return p.err
		}
	}
}

// permit waits for a slot. If the goroutine gets it too late, because the processor is busy, it waits for another one,
// before all others. Token requests also come before all others, because the others wait for the token.
func (l *Limiter) permit(ctx context.Context, operation string) (permit, error) {
	w := &waiter{operation: operation, done: make(chan permit, 1)}
	for first := operation == tokenOperation; ; first = true {
		l.enqueue(w, first) //nolint:contextcheck // slots are reserved for all callers
		select {
		case p := <-w.done:
			if !p.late() {
				return p, nil
			}
		case <-ctx.Done():
			l.remove(w)
			return permit{}, ctx.Err()
		}
	}
}

func operationOf(ctx context.Context) string {
	call, _ := basiq.CallFromContext(ctx)
	return call.Operation.ID
}

// held returns the hold of an operation and how long it lasts.
func (l *Limiter) held(operation string) (hold, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.holds[operation]
	return h, time.Until(h.until)
}

func (l *Limiter) enqueue(w *waiter, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first {
		l.queue = slices.Insert(l.queue, 0, w)
	} else {
		l.queue = append(l.queue, w)
	}
	if !l.running {
		l.running = true
		go l.dispatch()
	}
}

func (l *Limiter) remove(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.queue, w); i >= 0 {
		l.queue = slices.Delete(l.queue, i, i+1)
	}
	if len(l.queue) == 0 {
		select {
		case l.emptied <- struct{}{}:
		default:
		}
	}
}

// waitFor waits for the time of a slot, and reports false if all waiters have left before.
func (l *Limiter) waitFor(slot time.Time) bool {
	timer := time.NewTimer(time.Until(slot))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case <-l.emptied:
			if l.waiting() == 0 {
				return false
			}
		}
	}
}

// waiting returns the number of waiters. If the number is 0, dispatch must return, because enqueue starts another one.
func (l *Limiter) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = len(l.queue) > 0
	return len(l.queue)
}

// dispatch reserves slots and gives them to the waiters until all have one. A block of slots is as large as the
// backlog permits, which all processes see alike. It grows slowly and shrinks fast, so that they get equal shares.
func (l *Limiter) dispatch() {
	ctx := context.Background() // no caller's context, because the slots are for all
	largest := max(1, int(backlog/l.interval))
	block, lead, measured := 1, time.Duration(0), time.Now()
	for n := l.waiting(); n > 0; n = l.waiting() {
		n = min(n, block)
		sent := time.Now()
		first, holding, err := l.table.reserve(ctx, n, l.interval, lead)
		took := time.Since(sent)
		if err == nil {
			err = l.refresh(ctx, holding)
		}
		if err != nil {
			l.fail(err)
			continue
		}
		// A slow statement leaves in doubt when the slots are. If all statements are slow, they are slow alike.
		certain := took <= lead+tolerance
		lead = max(took, time.Duration(float64(lead)*math.Exp2(-time.Since(measured).Seconds()/leadHalfLife.Seconds())))
		if measured = time.Now(); !certain {
			continue
		}
		switch end := first.Add(time.Duration(n) * l.interval); {
		case end.Sub(sent) > backlog+lead:
			block = max(1, n/2)
		case n == block:
			block = min(block+1, largest)
		}
		for i := range n {
			slot := first.Add(time.Duration(i) * l.interval)
			if !l.waitFor(slot) {
				return
			}
			if !l.use(ctx, slot) {
				break
			}
		}
	}
}

// refresh records that the holds are known. It reads them if there are any.
func (l *Limiter) refresh(ctx context.Context, holding bool) error {
	var holds map[string]hold
	at := time.Now()
	if holding {
		var err error
		if holds, err = l.table.holds(ctx); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds, l.knownAt = holds, at
	return nil
}

// use gives a slot to the first waiter whose operation is not held, unless it is too late for the slot. It reports whether
// there may be more waiters.
func (l *Limiter) use(ctx context.Context, slot time.Time) bool {
	l.mu.Lock()
	fresh := time.Since(l.knownAt) <= freshness
	l.mu.Unlock()
	if !fresh {
		if err := l.refresh(ctx, true); err != nil {
			l.fail(err)
			return false
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p := permit{slot: slot}
	if p.late() {
		return true
	}
	for len(l.queue) > 0 {
		w := l.queue[0]
		l.queue = l.queue[1:]
		if !time.Now().Before(l.holds[w.operation].until) {
			w.done <- p
			break
		}
		w.done <- permit{err: errHeld}
	}
	return len(l.queue) > 0
}

// fail returns an error to all waiters.
func (l *Limiter) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.queue {
		w.done <- permit{err: err}
	}
	l.queue = nil
}

// Middleware records responses that throttle an operation, so that all processes hold back. Pass it to
// [basiq.WithMiddleware].
func (l *Limiter) Middleware(next basiq.Doer) basiq.Doer {
	return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := next.Do(req)
		if err != nil || resp == nil {
			return resp, err
		}
		asked := min(basiq.RetryAfter(resp.Header), maxRetryAfter)
		if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable && asked > 0 {
			// The response is returned even if the hold cannot be recorded: the client itself holds back too.
			_ = l.table.hold(context.WithoutCancel(req.Context()), operationOf(req.Context()), resp.StatusCode, asked)
			l.mu.Lock()
			l.knownAt = time.Time{}
			l.mu.Unlock()
		}
		return resp, nil
	})
}
