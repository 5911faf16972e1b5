package basiq

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// retrier is the outermost stage of the chain: it makes as many attempts as the operation and the policy allow.
type retrier struct {
	next     Doer
	config   config
	budget   retryBudget
	throttle throttle
}

func newRetrier(next Doer, config config) *retrier {
	return &retrier{next: next, config: config, throttle: throttle{policy: config.retry, holds: make(map[*Operation]hold)}}
}

// outcome is the result of one attempt.
type outcome struct {
	resp *http.Response
	// err is the reason why the response is missing or its body is incomplete.
	err error
	// maybeApplied is set if Basiq may have carried it out.
	maybeApplied bool
	// requests is how many requests were handed to the transport.
	requests int
	// waited is how long requests inside the attempt waited for the rate limit or a token.
	waited time.Duration
	// throttled is set if the server asked the client to slow down.
	throttled bool
}

// Do sends req and returns the last attempt's response, with its body in memory, or its error.
func (r *retrier) Do(req *http.Request) (resp *http.Response, err error) {
	call := callFrom(req.Context())
	if call == nil || !call.owned.CompareAndSwap(false, true) { // a call through Raw
		req, call = withCall(req, r.config.baseURL)
		call.owned.Store(true)
		call.start(&r.config)
		err = errUnfinished // remains if a function of the caller panics
		defer func() { call.endRaw(resp, err) }()
	}
	return r.do(req, call)
}

// do makes the attempts of a call.
func (r *retrier) do(req *http.Request, call *callState) (*http.Response, error) {
	if err := call.operation.checkVersion(r.config.version); err != nil {
		closeBody(req)
		return nil, err
	}
	ctx := req.Context()
	var last outcome
	for {
		record, err := r.prepare(ctx, call)
		if err != nil {
			closeBody(req)
			return throttledResult(ctx, call, last, err)
		}
		if last.resp != nil {
			bodyOf(last.resp).release()
		}
		call.attempts.Add(1)
		call.startAttempt(record)
		last = r.attempt(req, call, record)
		delay, retry := r.nextDelay(req, call, &last)
		call.endAttempt(last)
		call.maybeApplied = call.maybeApplied || last.maybeApplied
		if retry {
			if !backOff(ctx, call, last, delay) {
				return nil, interrupted(ctx, call, last)
			}
			retry = r.budget.spend() // after the wait, because a call that is canceled during the wait must not spend a retry
		}
		if !retry {
			if last.resp == nil {
				return nil, newTransportError(ctx, call, last.err)
			}
			return last.resp, nil // even if its body is incomplete, because the status is known
		}
		if req, err = rewind(req); err != nil {
			return nil, newTransportError(ctx, call, err)
		}
	}
}

// prepare waits until an attempt may be made, and returns its record.
func (r *retrier) prepare(ctx context.Context, call *callState) (*attempt, error) {
	began := call.beginWait()
	held, err := r.throttle.wait(ctx, call.operation)
	if held {
		call.endWait(WaitThrottled, began)
		began = call.beginWait()
	}
	if err == nil && r.config.limiter != nil {
		err = limit(ctx, r.config.limiter)
		call.endWait(WaitRateLimit, began)
	}
	record := &attempt{Context: ctx, call: call}
	record.permitted.Store(true)
	return record, err
}

// backOff waits before a retry. It reports false if the context ended first.
func backOff(ctx context.Context, call *callState, last outcome, delay time.Duration) bool {
	began := call.beginWait()
	completed := sleep(ctx, delay)
	if last.throttled {
		call.endWait(WaitThrottled, began)
	} else {
		call.endWait(WaitBackoff, began)
	}
	return completed
}

// throttledResult returns the result of a call whose next attempt must not be sent. last is its last attempt, or zero.
func throttledResult(ctx context.Context, call *callState, last outcome, err error) (*http.Response, error) {
	switch retried := last.resp != nil || last.err != nil; {
	case retried && ctx.Err() != nil:
		return nil, interrupted(ctx, call, last)
	case last.resp != nil:
		return last.resp, nil // the response of Basiq is more specific
	}
	return nil, newTransportError(ctx, call, err)
}

// attempt sends req once and reads the response into memory, so that an incomplete response counts as a failed
// attempt and no part of a response is left on the connection.
func (r *retrier) attempt(req *http.Request, call *callState, record *attempt) (out outcome) {
	ctx := req.Context()
	if ctx.Err() != nil {
		closeBody(req)
		return outcome{err: contextError(ctx)}
	}
	defer func() {
		record.end(&out)
		out.err = withoutCause(ctx, out.err)
	}()
	resp, err := r.next.Do(req.WithContext(record)) //nolint:contextcheck // the record is the attempt's context
	switch {
	case err != nil:
		if resp != nil && resp.Body != nil { // from middleware
			_ = resp.Body.Close()
		}
		return outcome{err: err}
	case resp == nil:
		return outcome{err: errors.New("middleware returned nil response and nil error")}
	case resp.Body == nil: // a response made by middleware
		resp.Body = http.NoBody
	}
	resp.Request = req
	body := readBody(resp, r.config.bodyLimit, call.pooled)
	resp.Body = body
	return outcome{resp: resp, err: body.err}
}

// interrupted returns the error of a call whose context ended while it waited to retry. It wraps the last attempt's
// error and the context's.
func interrupted(ctx context.Context, call *callState, last outcome) error {
	var failure error
	if last.resp == nil {
		failure = newTransportError(ctx, call, last.err)
	} else {
		body := bodyOf(last.resp)
		defer body.release()
		failure = call.failure(last.resp.StatusCode, last.resp.Header, body.bytes())
	}
	prefix, ended := "basiq: "+call.operation.Name+": ", contextError(ctx)
	return &safeError{
		text: singleLine(prefix + ended.Error() + ", while waiting to retry after " + strings.TrimPrefix(failure.Error(), prefix)),
		tree: []error{failure, ended}, timeout: errors.Is(ended, context.DeadlineExceeded),
	}
}

// nextDelay decides whether to retry, and after how long.
func (r *retrier) nextDelay(req *http.Request, call *callState, last *outcome) (time.Duration, bool) {
	ctx, attempts := req.Context(), int(call.attempts.Load())
	delay, asked := r.config.retry.delay(attempts, *last)
	last.throttled = r.observeThrottling(call, *last, delay, asked) || asked > 0
	if !shouldRetry(call.operation, *last) {
		if last.resp != nil && last.resp.StatusCode < 500 {
			r.budget.earn(attempts > 1)
		}
		return 0, false
	}
	if call.options.noRetry || attempts >= r.config.retry.MaxAttempts || asked > r.config.retry.MaxDelay || ctx.Err() != nil || !rewindable(req) {
		return 0, false
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= delay {
		return 0, false // the last error is more specific than the error of the deadline
	}
	return delay, r.budget.left()
}

// observeThrottling delays the other calls of an operation if Basiq throttles it. It reports whether the status says so.
func (r *retrier) observeThrottling(call *callState, last outcome, delay, asked time.Duration) bool {
	if last.resp == nil {
		return false
	}
	status, limit := last.resp.StatusCode, r.config.retry.MaxDelay
	if call.operation == opPostToken && status == http.StatusForbidden &&
		errors.Is(call.failure(status, nil, bodyOf(last.resp).bytes()), ErrTooManyTokenRequests) {
		status, asked, limit = http.StatusTooManyRequests, tokenRequestsHold, tokenRequestsHold
	}
	r.throttle.observe(call.operation, status, asked, delay, limit)
	return status == http.StatusTooManyRequests
}

// shouldRetry reports whether an outcome is a temporary failure and the operation is safe to retry.
func shouldRetry(op *Operation, last outcome) bool {
	safe := op.Idempotent() || !last.maybeApplied
	if last.resp == nil {
		// A failed token request was already retried. A request that was not handed to the transport was rejected by
		// middleware.
		_, noToken := errors.AsType[*tokenError](last.err)
		return safe && last.requests > 0 && !noToken && !isPermanent(last)
	}
	switch status := last.resp.StatusCode; {
	case status == http.StatusTooManyRequests, status == http.StatusTooEarly, status == http.StatusMisdirectedRequest:
		return safe // Basiq did not process the request
	case errors.Is(last.err, ErrResponseTooLarge):
		return false
	case status == http.StatusRequestTimeout, status >= 500 && status != http.StatusNotImplemented:
		return op.Idempotent()
	case last.err != nil && (status < 300 || status == http.StatusUnauthorized || status == http.StatusForbidden):
		return op.Idempotent() // an incomplete 401 or 403 may mean that the token is invalid
	}
	return false
}

// delay returns how long to wait after a failed attempt, and the delay that Basiq has requested.
func (p RetryPolicy) delay(attempt int, last outcome) (delay, asked time.Duration) {
	if last.resp != nil && (last.resp.StatusCode >= 300 || last.err != nil) {
		asked = RetryAfter(last.resp.Header)
	}
	if asked > 0 {
		// The jitter prevents that all callers retry at the end of the requested delay.
		return min(asked+p.jitter(), p.MaxDelay), asked
	}
	return p.backoff(attempt), 0
}

// backoff returns a random delay after an attempt, with full jitter, so that calls that failed together are not retried
// together.
func (p RetryPolicy) backoff(attempt int) time.Duration {
	limit := p.BaseDelay
	for range attempt - 1 {
		limit = min(2*limit, p.MaxDelay)
	}
	return rand.N(limit + 1) //nolint:gosec // the delay does not have to be unpredictable
}

// jitter returns a random delay for callers that would otherwise continue at the same time.
func (p RetryPolicy) jitter() time.Duration { return p.backoff(1) }

// sleep waits, and reports false if the context ended first.
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
	if body, ok := req.Body.(*streamBody); ok {
		return body.source.rewindable()
	}
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// rewind returns a copy of the request with a new body. The request must be rewindable.
func rewind(req *http.Request) (*http.Request, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	rewound := req.WithContext(req.Context())
	rewound.Body = body
	return rewound, nil
}
