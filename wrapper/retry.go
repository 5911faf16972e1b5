package basiq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// retrier is the outermost Doer: it sends a request until it is answered, as often as the operation allows.
type retrier struct {
	next      Doer
	policy    Retry
	bodyLimit int64
	logger    *slog.Logger
	baseURL   *url.URL
	// budget is that of all operations but POST /token, for which so many may wait: it has one of its own.
	budget, tokenBudget retryBudget

	pauses *pauses
}

func newRetrier(next Doer, config config) *retrier {
	return &retrier{
		next: next, policy: config.retry, bodyLimit: config.bodyLimit, logger: config.logger, baseURL: config.baseURL,
		pauses: newPauses(config.retry.MaxDelay),
	}
}

// outcome is what came of one attempt.
type outcome struct {
	resp *http.Response
	// err is why there is no answer, or why its body ended early.
	err error
	// sent says whether the request was handed to the http.Client, arrived whether it may have reached Basiq.
	sent, arrived bool
}

// Do sends req and returns the last attempt's answer, with its body in memory, or its error.
func (r *retrier) Do(req *http.Request) (*http.Response, error) {
	state := stateFrom(req.Context())
	if state == nil || !state.claimed.CompareAndSwap(false, true) { // a call through Raw
		req, state = withState(req, r.baseURL)
		state.claimed.Store(true)
	}
	ctx := req.Context()
	var out outcome
	for {
		if err := r.pauses.wait(ctx, state.operation, r.policy); err != nil {
			return r.heldBack(ctx, state, out, err)
		}
		if out.resp != nil {
			bodyOf(out.resp).release()
		}
		state.attempts.Add(1)
		start := time.Now()
		out = r.attempt(req, state)
		state.everArrived = state.everArrived || out.arrived
		r.log(ctx, state, out, time.Since(start))

		wait, again := r.another(req, state, out)
		if !again {
			if out.resp == nil {
				return nil, newTransportError(state, out.err)
			}
			return out.resp, nil // one with a broken body is still an answer: its status counts
		}
		state.unsure = state.unsure || out.unsure()
		if !sleep(ctx, wait) {
			return nil, interrupted(ctx, state, out)
		}
		var err error
		if req, err = rewind(req); err != nil {
			return nil, newTransportError(state, err)
		}
	}
}

// heldBack returns what a call comes to that a pause keeps from being sent, or being sent again: out is its last attempt, if
// there was one.
func (r *retrier) heldBack(ctx context.Context, state *callState, out outcome, err error) (*http.Response, error) {
	_, paused := errors.AsType[*PausedError](err)
	switch {
	case !paused && (out.resp != nil || out.err != nil):
		return nil, interrupted(ctx, state, out)
	case paused && out.resp != nil:
		return out.resp, nil // Basiq's own answer says more
	default:
		return nil, newTransportError(state, err)
	}
}

// attempt sends req once and reads the answer into memory, so that an answer that breaks off counts as a failed
// attempt, and nothing of it is left on the connection.
func (r *retrier) attempt(req *http.Request, state *callState) outcome {
	if err := req.Context().Err(); err != nil {
		return outcome{err: err}
	}
	state.sent.Store(false)
	state.reached.Store(0)
	resp, err := r.next.Do(req)
	out := outcome{err: err, sent: state.sent.Load(), arrived: state.reached.Load() > 0 || state.underway.Load() > 0}
	switch {
	case err != nil && resp != nil && resp.Body != nil: // a hook's doing
		_ = resp.Body.Close()
		return out
	case err == nil && resp == nil:
		out.err = errors.New("a hook returned neither an answer nor an error")
		return out
	case err != nil:
		return out
	case resp.Body == nil: // a hook's own answer
		resp.Body = http.NoBody
	}
	body := readBody(resp, r.bodyLimit, state.pooled)
	resp.Body = body
	out.resp, out.err = resp, body.err
	return out
}

// interruptedError is a call whose context ended while it waited to try again.
type interruptedError struct {
	operation  string
	ctx, cause error
	// last is what the last attempt came to.
	last error
}

func interrupted(ctx context.Context, state *callState, out outcome) error {
	e := &interruptedError{operation: state.operation.Name, ctx: ctx.Err(), cause: context.Cause(ctx)}
	if out.resp == nil {
		e.last = newTransportError(state, out.err)
		return e
	}
	body := bodyOf(out.resp)
	e.last = state.failure(out.resp.StatusCode, out.resp.Header, body.bytes())
	body.release()
	return e
}

// Error says what ended the call, and what it was waiting for.
func (e *interruptedError) Error() string {
	return oneLine(fmt.Sprintf("basiq: %s: %v, while waiting to try again after %s", e.operation, e.cause,
		strings.TrimPrefix(e.last.Error(), "basiq: "+e.operation+": ")))
}

// Unwrap returns the last attempt's error, the context's and its cause. In this order: the cause may be the error of
// another call.
func (e *interruptedError) Unwrap() []error { return []error{e.last, e.ctx, e.cause} }

// unsure reports whether the operation may have been carried out, or not, for all that the outcome tells.
func (o outcome) unsure() bool {
	if o.resp == nil {
		return o.arrived
	}
	return o.arrived && (o.err != nil || o.resp.StatusCode == http.StatusRequestTimeout || o.resp.StatusCode >= 500)
}

// another decides whether to send again, and after how long.
func (r *retrier) another(req *http.Request, state *callState, out outcome) (time.Duration, bool) {
	ctx, attempts := req.Context(), int(state.attempts.Load())
	wait, asked := r.policy.wait(attempts, out)
	r.pause(state.operation, out, wait, asked)
	if !r.repeatable(state.operation, out) {
		if out.resp != nil && out.resp.StatusCode < 500 {
			r.budgetOf(state.operation).earn(attempts > 1)
		}
		return 0, false
	}
	if attempts >= r.policy.MaxAttempts || asked > r.policy.MaxDelay || ctx.Err() != nil || !rewindable(req) {
		return 0, false
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return 0, false // the error at hand says more than the deadline would
	}
	return wait, r.budgetOf(state.operation).spend()
}

func (r *retrier) budgetOf(op *Operation) *retryBudget {
	if op == opPostToken {
		return &r.tokenBudget
	}
	return &r.budget
}

// wait returns how long to wait after an attempt that has failed, and how much of that Basiq has asked for.
func (p Retry) wait(attempt int, out outcome) (wait, asked time.Duration) {
	if out.resp != nil {
		if out.resp.StatusCode < 300 && out.err == nil {
			return 0, 0
		}
		asked = retryAfter(out.resp.Header, time.Now())
	}
	if asked > 0 {
		// Not before it was asked for, and not all at once then.
		return min(asked+p.jitter(), p.MaxDelay), asked
	}
	return p.backoff(attempt), 0
}

// pause has the other callers of an operation leave it alone too when Basiq wants that: for as long as it has asked for, or
// after a 429 that asks for nothing, as long as this call does.
func (r *retrier) pause(op *Operation, out outcome, wait, asked time.Duration) {
	if out.resp == nil || !wantsPause(out.resp.StatusCode, asked) {
		return
	}
	if asked > 0 {
		wait = asked
	}
	r.pauses.begin(op, out.resp.StatusCode, wait)
}

// repeatable reports whether an outcome is a failure that sending again may mend, and the operation may be sent again.
func (r *retrier) repeatable(op *Operation, out outcome) bool {
	if out.resp == nil {
		// A certificate stays as it is, the getting of a token has its own retries, and what was not handed to the
		// http.Client is a hook's refusal.
		_, badCertificate := errors.AsType[*tls.CertificateVerificationError](out.err)
		_, noToken := errors.AsType[*tokenError](out.err)
		if badCertificate || noToken || !out.sent {
			return false
		}
		return !out.arrived || op.Repeatable()
	}
	switch status := out.resp.StatusCode; {
	case status == http.StatusTooManyRequests:
		return true
	case errors.Is(out.err, ErrResponseTooLarge):
		return false
	case status == http.StatusRequestTimeout, status >= 500 && status != http.StatusNotImplemented:
		return op.Repeatable()
	case out.err != nil && (status < 300 || status == http.StatusUnauthorized || status == http.StatusForbidden):
		return op.Repeatable() // of a refusal that broke off nobody knows whether it was the token's
	}
	return false
}

// backoff draws the wait after an attempt: full jitter, so that callers that failed together do not come back together.
func (p Retry) backoff(attempt int) time.Duration {
	return rand.N(doubled(p.BaseDelay, attempt, p.MaxDelay) + 1) //nolint:gosec // spreads load; secrecy is not wanted
}

// jitter draws what keeps callers apart that would all come back at the same time.
func (p Retry) jitter() time.Duration { return p.backoff(1) }

// doubled returns first for n = 1, and twice as much for each further n, up to most.
func doubled(first time.Duration, n int, most time.Duration) time.Duration {
	for range n - 1 {
		if first >= most/2 {
			return most
		}
		first *= 2
	}
	return first
}

// retryAfter reads the header of that name, which holds seconds or a date: 0 when there is none that can be read.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	const most = 365 * 24 * time.Hour // more would overflow a Duration at some point
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseUint(value, 10, 64)
		if err != nil { // more than fits
			return most
		}
		return time.Duration(min(seconds, uint64(most/time.Second))) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), most)
}

// sleep waits, and reports whether it could: false when the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// rewindable reports whether the request's body, if it has one, can be sent a second time.
func rewindable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// rewind returns the request with its body at the start again. It must be rewindable.
func rewind(req *http.Request) (*http.Request, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	again.Body = body
	return again, nil
}

// log records an attempt. Only what is on this list may be logged: nothing that was sent, and no id.
func (r *retrier) log(ctx context.Context, state *callState, out outcome, took time.Duration) {
	if !r.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	op := state.operation
	attributes := []slog.Attr{
		slog.String("operation", op.Name),
		slog.String("method", op.Method),
		slog.String("path", op.Path),
		slog.Int("attempt", int(state.attempts.Load())),
		slog.Duration("duration", took),
	}
	if out.resp != nil {
		attributes = append(attributes, slog.Int("status", out.resp.StatusCode))
		if out.resp.StatusCode >= 300 {
			if id := state.failure(out.resp.StatusCode, nil, bodyOf(out.resp).bytes()).CorrelationID; id != "" {
				attributes = append(attributes, slog.String("correlation_id", oneLine(id)))
			}
		}
	}
	if out.err != nil {
		attributes = append(attributes, slog.String("error", oneLine(cut(out.err.Error()))))
	}
	r.logger.LogAttrs(ctx, slog.LevelDebug, "basiq call", attributes...)
}

// retryBudget keeps an outage from being made worse. Retries that mend their call cost nothing in the end, so that a server
// that fails now and then is retried for as long as it does; those that mend nothing are paid for by calls that succeed.
type retryBudget struct {
	mu sync.Mutex
	// spent is in tenths of a retry.
	spent int
}

const (
	// budgetSize is how many retries can be spent before any are earned: enough for the callers who are under way when a
	// connection breaks that they share.
	budgetSize = 100
	// budgetTenths is what a call that is answered earns: one retry for ten calls.
	budgetTenths = 1
)

func (b *retryBudget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent+10 > 10*budgetSize {
		return false
	}
	b.spent += 10
	return true
}

// earn takes notice of a call that was answered: at the first attempt, or by a retry, which it gets back.
func (b *retryBudget) earn(retried bool) {
	earned := budgetTenths
	if retried {
		earned += 10
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(b.spent-earned, 0)
}
