package basiq

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// observers are the observers of a client, in the order of their options.
type observers []*Observer

// started calls one function of each observer, and returns the context that the last one returned. An observer that
// returns nil does not change the context.
func (o observers) started(ctx context.Context, function func(*Observer, context.Context) context.Context) context.Context {
	for _, observer := range o {
		if next := function(observer, ctx); next != nil {
			ctx = next //nolint:fatcontext // each observer may add to the context
		}
	}
	return ctx
}

// observation is what the observers learn about one call. A call of a client without observers has none.
type observation struct {
	observers observers
	started   time.Time
	result    CallResult
	// attempt is the attempt in progress, or nil.
	attempt        *attempt
	attemptStarted time.Time
	ended          bool
}

// start begins the observation of a call, before its request is made.
func (s *callState) start(config *config) {
	s.config = config
	if len(config.observers) == 0 {
		return
	}
	s.observation = &observation{observers: config.observers, started: time.Now()}
	info := s.info()
	s.Context = config.observers.started(s.Context, func(o *Observer, ctx context.Context) context.Context {
		if o.CallStarted == nil {
			return ctx
		}
		return o.CallStarted(ctx, info)
	})
}

// end ends the observation of a call, with the number of items in the response and the error of the call.
func (s *callState) end(items int, err error) {
	if s == nil || s.observation == nil || s.observation.ended {
		return
	}
	o := s.observation
	o.ended = true
	o.result.Failure = s.failureOf(err)
	if o.attempt != nil { // a panic
		s.endAttempt(outcome{err: errUnfinished})
	}
	o.result.Duration, o.result.Attempts, o.result.Items = time.Since(o.started), int(s.attempts.Load()), items
	if failure, ok := err.(*TransportError); ok { //nolint:errorlint // only the error of this call; other errors may have IDs in their texts
		o.result.Err = failure
	}
	info := s.info()
	for _, observer := range o.observers {
		if observer.CallEnded != nil {
			observer.CallEnded(s, info, o.result)
		}
	}
}

// endRaw ends the observation of a call of [Client.Raw], whose caller decodes the response.
func (s *callState) endRaw(resp *http.Response, err error) {
	if s.observation == nil {
		return
	}
	if err == nil && resp != nil && s.observation.result.Failure != "" {
		err = &Error{StatusCode: resp.StatusCode, isInvalid: resp.StatusCode < 300}
	}
	s.end(0, err)
}

// startAttempt begins the observation of an attempt.
func (s *callState) startAttempt(record *attempt) {
	o := s.observation
	if o == nil {
		return
	}
	info := s.info()
	o.attempt, o.attemptStarted = record, time.Now()
	record.Context = o.observers.started(record.Context, func(o *Observer, ctx context.Context) context.Context {
		if o.AttemptStarted == nil {
			return ctx
		}
		return o.AttemptStarted(ctx, info)
	})
}

// endAttempt ends the observation of an attempt.
func (s *callState) endAttempt(last outcome) {
	o := s.observation
	if o == nil {
		return
	}
	result := AttemptResult{
		Duration: max(0, time.Since(o.attemptStarted)-last.waited), Waited: last.waited, Requests: last.requests,
		Throttled: last.throttled, Err: last.err, Failure: s.attemptFailure(last),
	}
	if last.resp != nil {
		body := bodyOf(last.resp).bytes()
		result.StatusCode, result.Bytes = last.resp.StatusCode, int64(len(body))
		if result.StatusCode >= 300 {
			result.CorrelationID = singleLine(s.failure(result.StatusCode, nil, body).CorrelationID)
		}
	}
	o.result.StatusCode, o.result.CorrelationID = result.StatusCode, result.CorrelationID
	o.result.Failure = result.Failure
	o.result.Bytes += result.Bytes
	o.result.Waited += result.Waited
	record, info := o.attempt, s.info()
	o.attempt = nil
	for _, observer := range o.observers {
		if observer.AttemptEnded != nil {
			observer.AttemptEnded(record, info, result)
		}
	}
}

// beginWait returns the start of a wait between attempts, which is zero if the call is not observed.
func (s *callState) beginWait() time.Time {
	if s.observation == nil {
		return time.Time{}
	}
	return time.Now()
}

// endWait reports a wait between attempts.
func (s *callState) endWait(reason WaitReason, began time.Time) {
	if s.observation == nil {
		return
	}
	duration := time.Since(began)
	s.observation.result.Waited += duration
	s.waited(s, reason, duration)
}

// waited reports a wait. ctx is the context of the call or of the attempt.
func (s *callState) waited(ctx context.Context, reason WaitReason, duration time.Duration) {
	if s.observation == nil || duration <= 0 {
		return
	}
	info := s.info()
	for _, observer := range s.observation.observers {
		if observer.Waited != nil {
			observer.Waited(ctx, info, WaitInfo{Reason: reason, Duration: duration})
		}
	}
}

// failureOf returns the kind of the error that a call returns.
func (s *callState) failureOf(err error) Failure {
	last := s.observation.result.Failure
	switch failure := err.(type) { //nolint:errorlint // an error below a TransportError is of another call
	case nil:
		return ""
	case *Error:
		if !failure.isInvalid {
			return FailureStatus
		}
		return cmp.Or(last, FailureInvalidResponse)
	case *TransportError:
		if s.Err() != nil {
			return contextFailure(s.Err())
		}
		if _, throttled := errors.AsType[*ThrottledError](failure.Err); throttled {
			return FailureThrottled
		}
		if errors.Is(failure.Err, errRateLimit) {
			return FailureRateLimit
		}
		return cmp.Or(last, FailureNotSent)
	case *safeError: // the context ended during a wait
		return contextFailure(s.Err())
	}
	if errors.Is(err, errUnfinished) {
		return FailurePanic
	}
	return FailureInvalidInput
}

// attemptFailure returns the kind of failure of an attempt.
func (s *callState) attemptFailure(last outcome) Failure {
	switch {
	case last.resp != nil && last.resp.StatusCode >= 300:
		return FailureStatus
	case last.err == nil:
		return ""
	case errors.Is(last.err, errUnfinished):
		return FailurePanic
	case errors.Is(last.err, ErrResponseTooLarge):
		return FailureInvalidResponse
	case s.Err() != nil:
		return contextFailure(s.Err())
	}
	if _, noToken := errors.AsType[*tokenError](last.err); noToken {
		return FailureToken
	}
	if errors.Is(last.err, errRateLimit) || errors.Is(last.err, ErrTooManyTokenRequests) {
		return FailureRateLimit
	}
	if last.requests == 0 {
		return FailureNotSent
	}
	if _, dns := errors.AsType[*net.DNSError](last.err); dns {
		return FailureDNS
	}
	_, badCertificate := errors.AsType[*tls.CertificateVerificationError](last.err)
	_, notTLS := errors.AsType[tls.RecordHeaderError](last.err)
	if badCertificate || notTLS || isHandshakeAlert(last.err) {
		return FailureTLS
	}
	if timeout, ok := errors.AsType[net.Error](last.err); ok && timeout.Timeout() || errors.Is(last.err, context.DeadlineExceeded) {
		return FailureTimeout
	}
	return FailureConnection
}

// contextFailure returns the kind of failure of a call whose context ended with err.
func contextFailure(err error) Failure {
	if errors.Is(err, context.DeadlineExceeded) {
		return FailureTimeout
	}
	return FailureCanceled
}

// startJobWait begins the observation of a wait for a job, and returns its context.
func (o observers) startJobWait(ctx context.Context) context.Context {
	return o.started(ctx, func(o *Observer, ctx context.Context) context.Context {
		if o.JobWaitStarted == nil {
			return ctx
		}
		return o.JobWaitStarted(ctx)
	})
}

// endJobWait ends the observation of a wait for a job.
func (o observers) endJobWait(ctx context.Context, result JobWaitResult) {
	for _, observer := range o {
		if observer.JobWaitEnded != nil {
			observer.JobWaitEnded(ctx, result)
		}
	}
}

// outcome returns the outcome of a wait that ended with err.
func (w *wait) outcome(parent context.Context, err error) JobWaitOutcome {
	failure, ended := err.(*WaitError) //nolint:errorlint // only the error of this wait
	if !ended {
		switch {
		case err != nil:
			return JobWaitFailed
		case w.job != nil && w.job.Done():
			return JobWaitSucceeded
		}
		return JobWaitLeft
	}
	switch {
	case errors.Is(failure.Err, ErrMFARequired):
		return JobWaitMFARequired
	case errors.Is(failure.Err, ErrJobQueued):
		return JobWaitQueued
	case failure.Err == ErrWaitTimeout: //nolint:errorlint // not of a nested wait of a function of the caller
		return JobWaitTimeout
	case parent.Err() != nil && errors.Is(failure.Err, parent.Err()):
		return JobWaitCanceled
	}
	return JobWaitError
}
