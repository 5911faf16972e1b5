package basiq

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	json "github.com/go-json-experiment/json/v1"
)

var (
	errNoConnection = errors.New("job does not name its connection")
	errNoReport     = errors.New("job does not name its report")
	errNoUser       = errors.New("job does not name its user; see basiq.WithUser")
	errAbandoned    = errors.New("wait abandoned")
)

// WaitError is returned if a wait ended before its job did. The job continues: wait for it again with JobID. If the job
// is over, see [Job.Done], only its connection or report could not be read.
type WaitError struct {
	// JobID is the job's ID.
	JobID string
	// Job is the job as of the last successful poll. It is nil if there was none, or if [JobsService.WaitEach] did not
	// keep it.
	Job *Job
	// Err is the reason why the wait ended; see [JobsService.Wait].
	Err error
	// LastErr is the failure of the most recent poll, or of the most recent delivery of an MFA answer. It is nil if
	// that succeeded, or if it is Err.
	LastErr error
}

// Error returns in one line why the wait ended, and why the most recent poll failed.
func (e *WaitError) Error() string {
	text := "basiq: waiting for job " + cmp.Or(truncate(e.JobID), "(unknown)")
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.LastErr != nil {
		text += " (last poll: " + strings.TrimPrefix(truncate(e.LastErr.Error()), "basiq: ") + ")"
	}
	return singleLine(text)
}

// Unwrap returns Err and LastErr if they are not nil.
func (e *WaitError) Unwrap() []error { return withoutNil(e.Err, e.LastErr) }

func withoutNil(errs ...error) []error {
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// Watch polls a job until it is over. It yields the current state of the job, then every change:
//
//	for job, err := range client.Jobs.Watch(ctx, jobID) {
//		if err != nil {
//			return err
//		}
//		done, total := job.Progress()
//		fmt.Printf("%d of %d steps\n", done, total)
//	}
//
// The last element may be an error of [JobsService.Wait], with the job as of the last successful poll. Leaving the loop
// does not stop the job: it can be watched again by its ID, also from another process.
//
// A challenge of the bank does not end the wait. It is in [Job.MFA], also for a while after it was answered. Answer it
// once, or use [WithMFA]. operationId: getJobs, once for each poll.
func (s *JobsService) Watch(ctx context.Context, jobID string, options ...WaitOption) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		config, err := newWaitConfig(ctx, "Jobs.Watch", options, pathParam{"jobID", jobID})
		if err != nil {
			yield(nil, err)
			return
		}
		config.changed = func(job *Job) bool { return yield(job, nil) }
		if job, err := s.wait(ctx, jobID, config); err != nil {
			yield(job, err)
		}
	}
}

// Wait polls a job until it is over and returns it. Use [JobsService.Watch] to show its progress.
//
// Errors: a [JobError] if the job failed, and a [WaitError] if the wait ended before the job did. A wait ends with its
// context, after [WithMaxWait] ([ErrWaitTimeout]), if the bank asks for a second factor and [WithMFA] was not given
// ([ErrMFARequired]) or its function fails, if Basiq queued the job ([ErrJobQueued]), if it belongs to another user
// ([ErrUserMismatch]), and if Basiq rejects the poll or the API key with an error code. [ErrInvalidInput] is returned
// for an invalid ID or option.
//
// A poll that fails for any other reason does not end the wait, for example with 429, 5xx, a transport error or a
// response that is not Basiq's. The job is polled again later, with a backoff, and after at most a minute if the server
// asks for a delay. Polls are not retried and do not use the client's retry budget.
//
// With an error Wait returns the job as of the last successful poll, or nil. operationId: getJobs, once for each poll.
func (s *JobsService) Wait(ctx context.Context, jobID string, options ...WaitOption) (*Job, error) {
	config, err := newWaitConfig(ctx, "Jobs.Wait", options, pathParam{"jobID", jobID})
	if err != nil {
		return nil, err
	}
	return s.wait(ctx, jobID, config)
}

// maxServerDelay is the longest delay that a server can impose on a wait.
const maxServerDelay = time.Minute

// wait is the state of the wait for one job.
type wait struct {
	waitConfig

	jobs  *JobsService
	jobID string
	// job is the job as of the last successful poll, and seen its fingerprint.
	job  *Job
	seen uint64
	// raw is where the JSON of job is stored. It may be nil.
	raw *rawJSON
	// failure is why the most recent poll failed, or nil.
	failure error
	// interval grows between two changes. delay is the time until the next poll.
	interval, delay time.Duration
	// undelivered is a challenge whose MFA answers Basiq has not received yet.
	undelivered *MFAChallenge
	answers     []Secret
	expires     time.Time
	// polls counts the polls, and idle is the time between them.
	polls int
	idle  time.Duration
}

// wait polls the job until the wait is over, and reports the wait to the observers.
func (s *JobsService) wait(ctx context.Context, jobID string, config waitConfig) (*Job, error) {
	observers := s.client.config.observers
	ctx = observers.startJobWait(ctx)
	w := wait{waitConfig: config, jobs: s, jobID: jobID, raw: rawOf(ctx)}
	w.raw.set(nil)
	outcome, started := JobWaitError, time.Now() // the outcome remains if a function of the caller panics
	defer func() {
		observers.endJobWait(ctx, JobWaitResult{Outcome: outcome, Duration: time.Since(started), Waited: w.idle, Polls: w.polls})
	}()
	job, err := w.run(ctx)
	outcome = w.outcome(ctx, err)
	return job, err
}

// run polls the job until the wait is over.
func (w *wait) run(parent context.Context) (*Job, error) {
	// The parent ends before ctx, so parent.Err() is set if the parent is the reason. The cause of ctx is not used,
	// because it may be the ErrWaitTimeout of another wait.
	ctx, cancel := context.WithTimeout(parent, w.maxWait)
	defer cancel()
	for {
		done, err := w.step(ctx)
		if done && err == nil {
			return w.job, nil
		}
		if !done {
			if !w.keepLast {
				w.job = nil
				w.raw.set(nil)
			}
			if w.sleep(ctx, w.delay) {
				continue
			}
			err = cmp.Or(parent.Err(), ErrWaitTimeout)
		}
		if failure, failed := err.(*JobError); failed { //nolint:errorlint // only the job's own error, not a wrapped one
			return w.job, failure
		}
		return w.job, &WaitError{JobID: w.jobID, Job: w.job, Err: err, LastErr: w.failure}
	}
}

// step polls the job and handles its state. It reports whether the wait is over, and the error that ended it. If it is
// not over, the next poll is due after w.delay, unless ctx has ended.
func (w *wait) step(ctx context.Context) (bool, error) {
	job, err := w.poll(ctx)
	if err != nil {
		return w.fail(ctx, err), err
	}
	w.failure = nil
	if owner, known := job.UserID(); known && w.userID != "" && !strings.EqualFold(owner, w.userID) {
		w.job = nil // do not show another user's job
		w.raw.set(nil)
		return true, ErrUserMismatch
	}
	text, _ := json.Marshal(job.Job) // a job that was decoded can be encoded
	sum := maphash.Bytes(fingerprintSeed, text)
	isChanged := sum != w.seen
	w.job, w.seen = job, sum
	switch failure := job.Err(); {
	case failure != nil:
		return true, failure
	case job.Queued():
		return true, ErrJobQueued
	case isChanged && w.changed != nil && !w.changed(job), job.Done():
		return true, nil
	}
	w.backOff(isChanged, 0)
	return w.handleMFA(ctx, job)
}

// fingerprintSeed is the seed of the hashes that detect changes of a job without keeping it.
var fingerprintSeed = maphash.MakeSeed()

// poll gets the job with a single attempt.
func (w *wait) poll(ctx context.Context) (*Job, error) {
	if w.limits != nil {
		began := time.Now()
		select {
		case w.limits.inFlight <- struct{}{}:
			defer func() { <-w.limits.inFlight }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		w.idle += time.Since(began)
		if !w.sleep(ctx, w.limits.rate.Reserve().Delay()) {
			return nil, ctx.Err()
		}
	}
	w.polls++
	ctx = withoutRetries(ctx, w.polls)
	var raw []byte
	if w.raw != nil {
		ctx = ContextWithRawJSON(ctx, &raw)
	}
	job, err := w.jobs.Get(ctx, w.jobID)
	if err == nil {
		w.raw.set(raw)
	}
	return job, err
}

// sleep is the function sleep, and adds its duration to the time between polls.
func (w *wait) sleep(ctx context.Context, d time.Duration) bool {
	began := time.Now()
	defer func() { w.idle += time.Since(began) }()
	return sleep(ctx, d)
}

// fail records the failure of a poll or of the delivery of an MFA answer. It reports whether the failure ends the wait.
func (w *wait) fail(ctx context.Context, err error) bool {
	switch {
	case ctx.Err() != nil:
		return false // the wait ends because of ctx, not because of the canceled call
	case endsWait(err):
		w.failure = nil
		return true
	}
	w.failure = err
	w.backOff(false, serverDelay(err))
	return false
}

// backOff sets the interval after a poll, and the delay until the next one.
func (w *wait) backOff(isChanged bool, serverDelay time.Duration) {
	if isChanged || w.interval == 0 {
		w.interval = w.shortest
	} else {
		w.interval = min(w.interval+w.interval/2, w.longest)
	}
	w.delay = max(w.interval, min(serverDelay, maxServerDelay))
}

var temporaryRejections = []int{
	http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusTooEarly, http.StatusTooManyRequests,
}

// endsWait reports whether a failed call ends the wait: because Basiq rejects the call or the key, or because the call
// is invalid. Every other failure may be temporary.
func endsWait(err error) bool {
	response, ok := err.(*Error) //nolint:errorlint // an *Error below a TransportError is of another call
	token, noToken := errors.AsType[*tokenError](err)
	if noToken {
		response, ok = errors.AsType[*Error](token)
		ok = ok && response.Operation == opPostToken.Name
	}
	if errors.Is(err, ErrInvalidInput) || noToken && errors.Is(token, ErrInvalidAPIKey) {
		return true
	}
	if !ok || errors.Is(response, ErrTooManyTokenRequests) || slices.Contains(temporaryRejections, response.StatusCode) {
		return false
	}
	return errors.Is(response, ErrWrongAPIVersion) || response.StatusCode/100 == 4 && response.Code() != ""
}

// serverDelay returns the delay that the server has requested, or 0.
func serverDelay(err error) time.Duration {
	if throttled, ok := errors.AsType[*ThrottledError](err); ok {
		return throttled.RetryAfter
	}
	if response, ok := err.(*Error); ok { //nolint:errorlint // an *Error below a TransportError is of another call
		return response.RetryAfter
	}
	return 0
}
