package basiq

import (
	"context"
	"time"
)

// An Observer is a set of functions that are called when a call, an attempt or a wait begins or ends. It is the base for
// metrics and traces; package basiqotel implements OpenTelemetry with it. A function that is nil is not called.
//
// The functions run in the goroutine of the event, so they delay it. They must be fast and safe for concurrent use. A
// panic in them is raised like a panic in [Middleware]. They receive no URLs, headers or bodies, and no IDs of users,
// connections or other resources, except in the caller's context. Do not export the fields Err: they hold errors of the
// network, of functions of the caller and of token requests, whose texts may contain such IDs, but no secrets.
//
// Each started call ends exactly once, and so does each attempt and each wait for a job, also if a function of the
// caller panics. All times come from the clock of package time. A call takes as long as its attempts and its waits
// together, and the time to encode the request and to decode the response.
type Observer struct {
	// CallStarted is called when a call starts, after its arguments were checked. Each page of a list, each poll of a
	// wait for a job and each token request is a call. It returns the context of the call, which must be ctx or be
	// derived from it.
	CallStarted func(ctx context.Context, call CallInfo) context.Context
	// CallEnded is called when a call ends, after the response was decoded. A call of [Client.Raw] ends before that.
	CallEnded func(ctx context.Context, call CallInfo, result CallResult)
	// AttemptStarted is called when an attempt starts, after its waits. It returns the context of the attempt, which
	// must be ctx or be derived from it. The context of the attempt's requests is derived from the result.
	AttemptStarted func(ctx context.Context, call CallInfo) context.Context
	// AttemptEnded is called when the response of an attempt was read, or when the attempt failed.
	AttemptEnded func(ctx context.Context, call CallInfo, result AttemptResult)
	// Waited is called after a call has waited, between attempts or, if [CallInfo].Attempt has started and has not
	// ended, inside an attempt.
	Waited func(ctx context.Context, call CallInfo, wait WaitInfo)
	// JobWaitStarted is called when a wait for a job starts, for each job of a [JobsService.WaitEach]. It returns the
	// context of the wait, which must be ctx or be derived from it.
	JobWaitStarted func(ctx context.Context) context.Context
	// JobWaitEnded is called when a wait for a job ends.
	JobWaitEnded func(ctx context.Context, result JobWaitResult)
}

// WithObserver adds an observer of every call. It can be given more than once. The functions of several observers are called
// in the order of the options, each with the context that the previous one returned. A nil context has no effect.
func WithObserver(observer Observer) Option {
	return setting("WithObserver", true, "", func(c *config) { c.observers = append(c.observers, &observer) })
}

// CallResult describes how a call ended.
type CallResult struct {
	// Duration is the time since the start of the call, waits included.
	Duration time.Duration
	// Waited is the total duration of the waits of the call.
	Waited time.Duration
	// Attempts is the number of attempts.
	Attempts int
	// StatusCode is the HTTP status of the last attempt. It is 0 if the last attempt had no response.
	StatusCode int
	// Failure is the kind of error that the call returns. It is empty if the call succeeded.
	Failure Failure
	// CorrelationID identifies the last response for Basiq's support. It is empty if the response has none.
	CorrelationID string
	// Bytes is the size of all response bodies, after decompression.
	Bytes int64
	// Items is the number of items if the response is a list.
	Items int
	// Err is the error of a call without a response, as it is returned. It is nil if there was a response.
	Err error
}

// AttemptResult describes how an attempt ended.
type AttemptResult struct {
	// Duration is the time since the start of the attempt, without the waits inside it.
	Duration time.Duration
	// Waited is the total duration of the waits inside the attempt: for a token, and for the rate limit if the attempt
	// sent more than one request.
	Waited time.Duration
	// Requests is how many requests the attempt handed to the transport. It is 0 if middleware or a missing token
	// ended the attempt, and 2 if Basiq rejected the first token.
	Requests int
	// StatusCode is the HTTP status. It is 0 without a response.
	StatusCode int
	// Failure is the kind of error. It is empty after a complete response with a 2xx status.
	Failure Failure
	// CorrelationID identifies the response for Basiq's support. It is empty if the response has none.
	CorrelationID string
	// Throttled is set if the server asked the client to slow down: with 429, with Retry-After, or by rejecting a token
	// request as one too many.
	Throttled bool
	// Bytes is the size of the response body, after decompression.
	Bytes int64
	// Err is the reason why the response is missing or incomplete, without URL and secrets. It is nil after a complete
	// response.
	Err error
}

// WaitInfo describes a wait of a call.
type WaitInfo struct {
	Reason   WaitReason
	Duration time.Duration
}

// WaitReason is the reason of a wait. Values may be added.
type WaitReason string

// The reasons of waits.
const (
	// WaitBackoff is the delay before a retry.
	WaitBackoff WaitReason = "backoff"
	// WaitThrottled is a delay that the server has caused: a Retry-After of the call itself, or a 429 of another call of
	// the operation.
	WaitThrottled WaitReason = "throttled"
	// WaitRateLimit is a wait for the limiter of [WithRateLimit], or for the client's own limit of token requests. It is
	// reported even if the limiter returns immediately.
	WaitRateLimit WaitReason = "rate_limit"
	// WaitToken is a wait for the [TokenSource]. It is reported even if the token is cached.
	WaitToken WaitReason = "token"
)

// Failure is a kind of failure of a call or an attempt. Values may be added.
type Failure string

// The kinds of failures.
const (
	// FailureStatus is a response with a status that is not 2xx.
	FailureStatus Failure = "status"
	// FailureInvalidResponse is a response with a 2xx status and an unusable body.
	FailureInvalidResponse Failure = "invalid_response"
	// FailureTimeout is a request without a complete response in time, or a deadline of the call's context.
	FailureTimeout Failure = "timeout"
	// FailureCanceled is a context that was canceled.
	FailureCanceled Failure = "canceled"
	// FailureDNS is a host name that could not be resolved.
	FailureDNS Failure = "dns"
	// FailureTLS is a failed TLS handshake, for example because of a certificate.
	FailureTLS Failure = "tls"
	// FailureConnection is any other error of the network.
	FailureConnection Failure = "connection"
	// FailureToken means that no token was available.
	FailureToken Failure = "token"
	// FailureThrottled means that the call was not sent because Basiq throttles its operation; see [ThrottledError].
	FailureThrottled Failure = "throttled"
	// FailureRateLimit means that a limiter did not allow a request.
	FailureRateLimit Failure = "rate_limit"
	// FailureInvalidInput means that the request was not sent because of an argument or the API version.
	FailureInvalidInput Failure = "invalid_input"
	// FailureNotSent is any other error without a request: of middleware, or of a file that could not be read again.
	FailureNotSent Failure = "not_sent"
	// FailurePanic means that a function of the caller has panicked or has called runtime.Goexit.
	FailurePanic Failure = "panic"
)

// JobWaitResult describes how a wait for a job ended.
type JobWaitResult struct {
	Outcome JobWaitOutcome
	// Duration is the time since the start of the wait.
	Duration time.Duration
	// Waited is how long the wait was idle between polls. The rest are the calls, and the function of [WithMFA].
	Waited time.Duration
	// Polls is the number of polls, including failed polls.
	Polls int
}

// JobWaitOutcome is the result of a wait for a job. Values may be added.
type JobWaitOutcome string

// The results of waits for jobs.
const (
	// JobWaitSucceeded means that the job succeeded.
	JobWaitSucceeded JobWaitOutcome = "succeeded"
	// JobWaitFailed means that the job failed; see [JobError].
	JobWaitFailed JobWaitOutcome = "failed"
	// JobWaitMFARequired means that the wait ended with [ErrMFARequired].
	JobWaitMFARequired JobWaitOutcome = "mfa_required"
	// JobWaitQueued means that the wait ended with [ErrJobQueued].
	JobWaitQueued JobWaitOutcome = "queued"
	// JobWaitTimeout means that the wait ended with [ErrWaitTimeout].
	JobWaitTimeout JobWaitOutcome = "timeout"
	// JobWaitCanceled means that the context of the wait ended.
	JobWaitCanceled JobWaitOutcome = "canceled"
	// JobWaitLeft means that the loop over [JobsService.Watch] was left before the job was over.
	JobWaitLeft JobWaitOutcome = "left"
	// JobWaitError is any other error; see [JobsService.Wait].
	JobWaitError JobWaitOutcome = "error"
)
