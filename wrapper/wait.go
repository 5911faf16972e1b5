package basiq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"net/http"
	"strings"
	"time"
)

var (
	// ErrMFARequired is returned if the job waits for the user to answer a challenge and [WithMFA] was not given. The
	// WaitError's Job holds the challenge: call [JobsService.AnswerMFA], then wait again with [AfterMFA].
	ErrMFARequired = errors.New("the bank asks the user for a second factor; see basiq.WithMFA")
	// ErrJobQueued is returned if Basiq has queued the job because the institution is unavailable. Basiq retries every
	// two hours for up to seven days.
	ErrJobQueued = errors.New("the institution is out of reach, and Basiq tries again every two hours")
	// ErrOtherUser is returned if the job belongs to a user other than the one of [WaitForUser].
	ErrOtherUser = errors.New("the job works for another user")
	// ErrWaitedTooLong is returned if the job was not over within [WithMaxWait].
	ErrWaitedTooLong = errors.New("the job was not over in time")

	errNoConnection = errors.New("the job names no connection")
	errAbandoned    = errors.New("the wait was abandoned")
)

// WaitError is returned if a wait ended before its job did. The job continues: wait for it again with JobID. If the job
// is over, see [Job.Done], only its connection could not be read.
type WaitError struct {
	// JobID is the job's ID.
	JobID string
	// Job is the job as of the last successful poll. It is nil if there was none, or if [JobsService.WaitEach] did not
	// keep it.
	Job *Job
	// Err is why the wait ended: the context's error, [ErrMFARequired], [ErrJobQueued], [ErrOtherUser], [ErrWaitedTooLong],
	// the error of the function given to [WithMFA], or that of a call.
	Err error
	// LastErr is the failure of the most recent poll, or of the most recent delivery of an MFA answer. It is nil if that
	// succeeded, or if it is Err. While the server asks for a delay, it may be from a poll of another job.
	LastErr error
}

// Error returns in one line why the wait ended, and why the most recent poll failed.
func (e *WaitError) Error() string {
	text := fmt.Sprintf("basiq: waiting for job %s: %v", cut(e.JobID), e.Err)
	if e.LastErr != nil {
		text += " (last poll: " + strings.TrimPrefix(cut(e.LastErr.Error()), "basiq: ") + ")"
	}
	return oneLine(text)
}

// Unwrap returns Err and LastErr, without those that are nil.
func (e *WaitError) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Err, e.LastErr} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// Watch polls a job until it is over. It yields the job as it is now, then every change of it:
//
//	for job, err := range client.Jobs.Watch(ctx, jobID) {
//		if err != nil {
//			return err
//		}
//		done, total := job.Progress()
//		fmt.Printf("%d of %d steps\n", done, total)
//	}
//
// An error is yielded once and last, with the job as of the last successful poll. It is a [JobError] if the job failed,
// and a [WaitError] if the wait ended before the job did. Leaving the loop does not stop the job: it can be watched again
// by its ID, also from another process. What ends a wait is described at [JobsService.Wait].
//
// A challenge of the bank is in [Job.MFA], also for a while after it was answered. Answer it once, or use [WithMFA],
// which does. operationId: getJobs, once for each poll.
func (s *JobsService) Watch(ctx context.Context, jobID string, options ...WaitOption) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		config, err := newWatch(ctx, "Jobs.Watch", jobID, options)
		if err != nil {
			yield(nil, err)
			return
		}
		w := wait{jobs: s, config: config, jobID: jobID}
		if job, err := w.run(ctx, func(job *Job) bool { return yield(job, nil) }); err != nil {
			yield(job, err)
		}
	}
}

// newWatch checks the arguments of Watch and Wait.
func newWatch(ctx context.Context, operation, jobID string, options []WaitOption) (waitConfig, error) {
	if err := checkContext(ctx, operation); err != nil {
		return waitConfig{}, err
	}
	if err := checkIDs(&Operation{Name: operation}, id{"jobID", jobID}); err != nil {
		return waitConfig{}, err
	}
	config, err := newWaitConfig(operation, options)
	config.keepLast = true
	return config, err
}

// Wait polls a job until it is over and returns it. Use [JobsService.Watch] to show its progress.
//
// Errors: a [JobError] if the job failed, and a [WaitError] if the wait ended before the job did. A wait ends with its
// context, after [WithMaxWait] ([ErrWaitedTooLong]), if the bank asks for a second factor and [WithMFA] was not given
// ([ErrMFARequired]), if Basiq queued the job ([ErrJobQueued]), and if Basiq rejects the poll or the API key with an error
// code. [ErrInvalidInput] is returned for an invalid ID or option.
//
// A poll that fails for any other reason does not end the wait, for example with 429, 5xx, a transport error or a
// response that is not Basiq's. The job is polled again later, with a backoff, and after at most a minute if the server
// asks for a delay. Polls are not retried and do not use the client's retry budget.
//
// With an error Wait returns the job as of the last successful poll, or nil. operationId: getJobs, once for each poll.
func (s *JobsService) Wait(ctx context.Context, jobID string, options ...WaitOption) (*Job, error) {
	config, err := newWatch(ctx, "Jobs.Wait", jobID, options)
	if err != nil {
		return nil, err
	}
	return s.wait(ctx, jobID, config)
}

func (s *JobsService) wait(ctx context.Context, jobID string, config waitConfig) (*Job, error) {
	config.keepLast, config.required = true, config.answer == nil
	w := wait{jobs: s, config: config, jobID: jobID}
	return w.run(ctx, func(*Job) bool { return true })
}

// maxServerDelay is the longest delay that a server can impose on a wait.
const maxServerDelay = time.Minute

// wait polls one job until it is over.
type wait struct {
	jobs   *JobsService
	config waitConfig
	jobID  string
	// limits are shared by the waits for many jobs. They are nil for a single job.
	limits *pollLimits

	// job is the job as of the last successful poll, and seen its fingerprint.
	job  *Job
	seen uint64
	// failure is why the most recent poll failed, or nil.
	failure error
	// interval grows between two changes. delay is the time until the next poll.
	interval, delay time.Duration
	undelivered     *mfaAnswers
}

// run polls the job until the wait is over. It calls changed for the first state of the job and for each further one; the
// wait is over if changed returns false.
func (w *wait) run(parent context.Context, changed func(*Job) bool) (*Job, error) {
	// Contexts end in order: if the parent's end is the reason, it is visible before that of ctx. The cause of a context
	// is not evidence, because the parent's cause may be the ErrWaitedTooLong of another wait.
	ctx, cancel := context.WithTimeout(parent, w.config.maxWait)
	defer cancel()
	for {
		done, err := w.step(ctx, changed)
		if !done && !w.config.keepLast {
			w.job = nil
		}
		switch {
		case !done && sleep(ctx, w.delay):
			continue
		case !done && parent.Err() != nil:
			err = parent.Err()
		case !done:
			err = ErrWaitedTooLong
		case err == nil:
			return w.job, nil
		}
		if failure, failed := err.(*JobError); failed { //nolint:errorlint // it is the job's own, or that of Basiq's refusal
			return w.job, failure
		}
		return w.job, &WaitError{JobID: w.jobID, Job: w.job, Err: err, LastErr: w.failure}
	}
}

// step polls the job and handles its state. It reports whether the wait is over, and the error that ended it. If it is
// not over, the next poll is due after w.delay, unless ctx has ended.
func (w *wait) step(ctx context.Context, changed func(*Job) bool) (bool, error) {
	job, err := w.poll(ctx)
	if err != nil {
		return w.fail(ctx, err), err
	}
	w.failure = nil
	if w.config.belongsToOther(job) {
		w.job = nil // do not show another user's job
		return true, ErrOtherUser
	}
	sum := fingerprint(job)
	isChanged := sum != w.seen
	w.job, w.seen = job, sum
	switch failure := job.Err(); {
	case failure != nil:
		return true, failure
	case job.Queued():
		return true, ErrJobQueued
	case isChanged && !changed(job), job.Done():
		return true, nil
	}
	w.backOff(isChanged)
	w.delay = w.interval
	return w.handleMFA(ctx, job)
}

// poll gets the job with a single attempt.
func (w *wait) poll(ctx context.Context) (*Job, error) {
	if w.limits != nil {
		if err := w.limits.acquire(ctx); err != nil {
			return nil, err
		}
		defer w.limits.release()
	}
	return w.jobs.Get(withoutRetries(ctx), w.jobID)
}

// fail records the failure of a poll or of the delivery of an answer. It reports whether the failure ends the wait.
func (w *wait) fail(ctx context.Context, err error) bool {
	switch {
	case ctx.Err() != nil:
		return false // the end of ctx ends the wait, not the call that it interrupted
	case endsWait(err):
		w.failure = nil
		return true
	}
	w.failure = err
	w.backOff(false)
	w.delay = max(w.interval, min(serverDelay(err), maxServerDelay))
	return false
}

// backOff sets the interval after a poll.
func (w *wait) backOff(isChanged bool) {
	if isChanged || w.interval == 0 {
		w.interval = w.config.shortest
	} else {
		w.interval = min(w.interval+w.interval/2, w.config.longest)
	}
}

// endsWait reports whether a failed call ends the wait: because Basiq itself rejects the call or the key, or because the
// call is invalid. Every other failure may be temporary.
func endsWait(err error) bool {
	if errors.Is(err, ErrInvalidInput) {
		return true
	}
	response, ok := err.(*Error) //nolint:errorlint // an *Error below a TransportError is of another call
	if token, noToken := errors.AsType[*tokenError](err); noToken {
		if errors.Is(token, ErrInvalidAPIKey) {
			return true
		}
		response, ok = errors.AsType[*Error](token)
		ok = ok && response.Operation == opPostToken.Name
	}
	if !ok || errors.Is(response, ErrTooManyTokenRequests) {
		return false
	}
	if errors.Is(response, ErrWrongAPIVersion) {
		return true
	}
	switch response.StatusCode {
	case http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return response.StatusCode >= 400 && response.StatusCode < 500 && response.Code() != ""
}

// serverDelay returns the delay that the server asked for, or 0.
func serverDelay(err error) time.Duration {
	if paused, ok := errors.AsType[*PausedError](err); ok {
		return paused.RetryAfter
	}
	if response, ok := err.(*Error); ok { //nolint:errorlint // an *Error below a TransportError is of another call
		return response.RetryAfter
	}
	return 0
}

var fingerprintSeed = maphash.MakeSeed()

// fingerprint returns a hash of the job, to detect changes without keeping the job.
func fingerprint(job *Job) uint64 {
	text, err := json.Marshal(job.Job)
	if err != nil {
		return maphash.String(fingerprintSeed, err.Error())
	}
	return maphash.Bytes(fingerprintSeed, text)
}
