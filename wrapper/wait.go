package basiq

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"
)

// WaitOption changes how [JobsService.Watch], [JobsService.Wait] and the calls that wait go about it.
type WaitOption func(*waitConfig) error

type waitConfig struct {
	shortest, longest time.Duration
	ceiling           time.Duration
	// perSecond and atOnce bound the looks of those who wait for many jobs.
	perSecond float64
	atOnce    int
	// keepLast keeps the jobs that are waited for as they were last seen.
	keepLast bool
	answer   func(context.Context, MFAChallenge) ([]Secret, error)
	// answered is the challenge that was answered last, as long as the job may go on showing it.
	answered *MFAChallenge
	// required ends the wait at a challenge that nobody is there to answer.
	required bool
	userID   string
}

// newWaitConfig reads the options of a call, whose name is operation.
func newWaitConfig(operation string, options []WaitOption) (waitConfig, error) {
	// The whole of a job takes 3 to 30 seconds as a rule, and no interval for polling is published.
	config := waitConfig{
		shortest: time.Second, longest: 5 * time.Second, ceiling: 15 * time.Minute,
		perSecond: defaultPollsPerSecond, atOnce: defaultPollsAtOnce,
	}
	for _, option := range options {
		if option == nil {
			return config, invalidInput(operation, "options", "one of them is nil")
		}
		if err := option(&config); err != nil {
			return config, invalidInput(operation, "options", err.Error())
		}
	}
	return config, nil
}

// WithMFA has answer called when the bank asks the user for a second factor, and sends what it returns: one answer for
// each question; another number of them ends the wait, with [ErrMFARequired]. Its context ends when the challenge does. Its error ends the wait.
// It is called once for a challenge, however long the job goes on showing it.
func WithMFA(answer func(ctx context.Context, challenge MFAChallenge) ([]Secret, error)) WaitOption {
	return func(c *waitConfig) error {
		if answer == nil {
			return errors.New("WithMFA: the function is nil")
		}
		c.answer = answer
		return nil
	}
}

// WithPollInterval sets how long to wait between looks at the job: shortest after a change, then half as long again each
// time, up to longest. By default 1 s and 5 s. Shortest must be 100 ms at least, and longest not less than shortest.
func WithPollInterval(shortest, longest time.Duration) WaitOption {
	return func(c *waitConfig) error {
		if shortest < 100*time.Millisecond || longest < shortest {
			return errors.New("WithPollInterval: shortest must be 100 ms at least, and longest not less than shortest")
		}
		c.shortest, c.longest = shortest, longest
		return nil
	}
}

// WithPollRate bounds how often [JobsService.WaitEach] and [JobsService.WaitAll] look at their jobs, all together: perSecond
// times a second, after atOnce at once, and never more than atOnce under way at the same time. By default 50 and 16. A job that
// is due waits for its turn, so that with many jobs some of them are seen less often than [WithPollInterval] says. A look that
// is tried again counts once: [WithRateLimit] bounds what is sent. PerSecond must be more than 0, and atOnce 1 at least. It is
// of no effect on those who wait for one job, whose looks come one after the other.
func WithPollRate(perSecond float64, atOnce int) WaitOption {
	return func(c *waitConfig) error {
		if !(perSecond > 0) || atOnce < 1 { // and so it is no NaN
			return errors.New("WithPollRate: perSecond must be more than 0, and atOnce 1 at least")
		}
		c.perSecond, c.atOnce = perSecond, atOnce
		return nil
	}
}

// WithMaxWait bounds the whole wait, whatever the context allows: 15 minutes by default. A wait that reaches it ends
// with [ErrWaitedTooLong]. It must be more than 0.
func WithMaxWait(ceiling time.Duration) WaitOption {
	return func(c *waitConfig) error {
		if ceiling <= 0 {
			return errors.New("WithMaxWait: give more than 0")
		}
		c.ceiling = ceiling
		return nil
	}
}

// AfterMFA says that challenge has been answered, with [JobsService.AnswerMFA]. A job goes on showing a challenge for a
// while after that; without this option, waiting again would end with [ErrMFARequired] again, or answer it again.
func AfterMFA(challenge MFAChallenge) WaitOption {
	return func(c *waitConfig) error {
		c.answered = &challenge
		return nil
	}
}

// WaitForUser names the user that the job works for, whose token an MFA answer needs. Jobs of connections tell by
// themselves as a rule, and the calls that wait know it. A job that tells of another user ends the wait with
// [ErrOtherUser]: so give it wherever the job's id has come from a browser.
func WaitForUser(userID string) WaitOption {
	return func(c *waitConfig) error {
		c.userID = userID
		return nil
	}
}

// Watch follows a job until it is over. It yields the job as it is now, then every change of it:
//
//	for job, err := range client.Jobs.Watch(ctx, jobID) {
//		if err != nil {
//			return err
//		}
//		done, total := job.Progress()
//		fmt.Printf("%d of %d steps\n", done, total)
//	}
//
// An error comes once and last, with the job as it was last seen: a [JobError] when the job has failed, a [WaitError]
// when the wait has ended before the job did. Leaving the loop leaves the job alone; it goes on, and its id is all that
// is needed to watch it again, from another process too.
//
// A challenge of the bank shows as [Job.MFA], for a while even after it was answered. There is no second try, so answer it
// once: [WithMFA] sees to that. operationId: getJobs, again and again.
func (s *JobsService) Watch(ctx context.Context, jobID string, options ...WaitOption) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		config, err := newWatch("Jobs.Watch", jobID, options)
		if err != nil {
			yield(nil, err)
			return
		}
		s.watch(ctx, jobID, config)(yield)
	}
}

// newWatch checks the arguments of Watch and Wait.
func newWatch(operation, jobID string, options []WaitOption) (waitConfig, error) {
	if err := checkIDs(&Operation{Name: operation}, id{"jobID", jobID}); err != nil {
		return waitConfig{}, err
	}
	return newWaitConfig(operation, options)
}

func (s *JobsService) watch(ctx context.Context, jobID string, config waitConfig) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		ctx, cancel := context.WithTimeoutCause(ctx, config.ceiling, ErrWaitedTooLong)
		defer cancel()
		w := watcher{jobs: s, config: config, jobID: jobID}
		w.run(ctx, yield)
	}
}

// Wait waits until a job is over and returns it. The steps can be shown meanwhile by ranging over [JobsService.Watch]
// instead.
//
// Errors: a [JobError] when the job has failed; a [WaitError] when the wait has ended before the job did: because the
// context ended, because the bank asks for a second factor and [WithMFA] was not given ([ErrMFARequired]), because Basiq
// has put the job aside ([ErrJobQueued]), because it took too long ([ErrWaitedTooLong]), or because a call failed;
// [ErrInvalidInput] for an id or an option that cannot be right. With an error comes the job as it was last seen, or nil.
// operationId: getJobs, again and again.
func (s *JobsService) Wait(ctx context.Context, jobID string, options ...WaitOption) (*Job, error) {
	config, err := newWatch("Jobs.Wait", jobID, options)
	if err != nil {
		return nil, err
	}
	return s.wait(ctx, jobID, config)
}

func (s *JobsService) wait(ctx context.Context, jobID string, config waitConfig) (*Job, error) {
	config.required = config.answer == nil
	var last *Job
	for job, err := range s.watch(ctx, jobID, config) {
		if err != nil {
			return job, err
		}
		last = job
	}
	return last, nil
}

// WaitAll waits for several jobs at once, such as those that the consent page has started, and returns them in the order
// of jobIDs. Each is waited for as [JobsService.WaitEach] does, which does not wait for the last before it tells of the first;
// one that fails ends nobody else's wait.
//
// The error is nil when all jobs have succeeded. Otherwise it holds the error of each that has not, a [JobError] or a
// [WaitError], for errors.Is; jobs that were never seen are nil in the result. Errors before anything is sent:
// [ErrInvalidInput] for an id or an option that cannot be right, or an id that is there twice. operationId: getJobs,
// again and again.
func (s *JobsService) WaitAll(ctx context.Context, jobIDs []string, options ...WaitOption) ([]*Job, error) {
	config, err := newWaits("Jobs.WaitAll", jobIDs, options)
	if err != nil {
		return nil, err
	}
	config.keepLast = true
	jobs, failures := make([]*Job, len(jobIDs)), make([]error, len(jobIDs))
	for end := range s.waits(ctx, jobIDs, config) {
		jobs[end.index], failures[end.index] = end.job, end.err
	}
	failures = slices.DeleteFunc(failures, func(err error) bool { return err == nil })
	if len(failures) == 0 {
		return jobs, nil
	}
	return jobs, &waitAllError{total: len(jobIDs), failures: failures}
}

// waitAllError is what has become of those jobs of a WaitAll that have not succeeded.
type waitAllError struct {
	total    int
	failures []error
}

// Error counts the jobs and says what the first came to.
func (e *waitAllError) Error() string {
	return oneLine(fmt.Sprintf("basiq: %d of %d jobs: %s", len(e.failures), e.total, strings.TrimPrefix(e.failures[0].Error(), "basiq: ")))
}

// Unwrap returns the errors of all jobs that have not succeeded.
func (e *waitAllError) Unwrap() []error { return e.failures }

// watcher is one Watch.
type watcher struct {
	jobs   *JobsService
	config waitConfig
	jobID  string

	last *Job
}

func (w *watcher) run(ctx context.Context, yield func(*Job, error) bool) {
	interval := w.config.shortest
	for {
		job, err := w.jobs.Get(ctx, w.jobID)
		if err != nil {
			w.stop(ctx, yield, err)
			return
		}
		if w.config.others(job) {
			w.last = nil // it is nobody's business here
			w.stop(ctx, yield, ErrOtherUser)
			return
		}
		changed := w.last == nil || !reflect.DeepEqual(job.Job, w.last.Job)
		w.last = job
		failure := job.Err()
		switch {
		case failure != nil:
			yield(job, failure)
			return
		case job.Queued():
			w.stop(ctx, yield, ErrJobQueued)
			return
		case changed && !yield(job, nil), job.Done():
			return
		}
		challenge, err := w.challenge(job)
		if err == nil && challenge != nil {
			err = w.meet(ctx, challenge)
		}
		if err != nil {
			if failure := w.refused(ctx, err); failure != nil {
				yield(failure.Job, failure)
			} else {
				w.stop(ctx, yield, err)
			}
			return
		}
		if changed {
			interval = w.config.shortest
		} else {
			interval = min(interval+interval/2, w.config.longest)
		}
		if !sleep(ctx, interval) {
			w.stop(ctx, yield, ctx.Err())
			return
		}
	}
}

// stop ends the watch with an error.
func (w *watcher) stop(ctx context.Context, yield func(*Job, error) bool, err error) {
	if cause := context.Cause(ctx); errors.Is(cause, ErrWaitedTooLong) {
		err = cause
	}
	yield(w.last, &WaitError{JobID: w.jobID, Job: w.last, Err: err})
}

// others reports whether a job works for another user than the caller says.
func (c *waitConfig) others(job *Job) bool {
	owner, known := job.UserID()
	return known && c.userID != "" && !strings.EqualFold(owner, c.userID)
}

// challenge returns the job's challenge, if it has one that is to be answered now, or why it cannot be.
func (w *watcher) challenge(job *Job) (*MFAChallenge, error) {
	challenge := job.MFA()
	switch {
	case challenge == nil:
		w.config.answered = nil // so the next one is another, even if it asks the same
		return nil, nil         // there is none
	case challenge.same(w.config.answered):
		return nil, nil // it was answered
	case w.config.required:
		return nil, ErrMFARequired
	case w.config.answer == nil:
		return nil, nil // who watches sees it
	}
	if w.config.userID != "" {
		challenge.UserID = w.config.userID
	}
	if challenge.UserID == "" {
		return nil, errors.New("the job does not tell whose it is; give basiq.WaitForUser")
	}
	return challenge, nil
}

// meet has a challenge answered.
func (w *watcher) meet(ctx context.Context, challenge *MFAChallenge) error {
	answers, err := w.ask(ctx, challenge)
	if err != nil {
		return err
	}
	if len(answers) != len(challenge.Questions) && len(challenge.Questions) > 0 {
		return fmt.Errorf("%d answers for %d questions: %w", len(answers), len(challenge.Questions), ErrMFARequired)
	}
	w.config.answered = challenge
	_, err = w.jobs.AnswerMFA(ctx, challenge.UserID, w.jobID, answers...)
	return err
}

// refused looks whether the job has failed because Basiq refused the answer: then the wait is over, and not only ended.
func (w *watcher) refused(ctx context.Context, err error) *JobError {
	if answer, ok := errors.AsType[*Error](err); !ok || answer.StatusCode >= 500 {
		return nil
	}
	if job, getErr := w.jobs.Get(ctx, w.jobID); getErr == nil {
		if failure, failed := errors.AsType[*JobError](job.Err()); failed {
			failure.Err = err
			return failure
		}
	}
	return nil
}

// ask calls the caller's function, for as long as the challenge is good.
func (w *watcher) ask(ctx context.Context, challenge *MFAChallenge) ([]Secret, error) {
	if challenge.ValidFor > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, challenge.ValidFor)
		defer cancel()
	}
	return w.config.answer(ctx, *challenge)
}

// same reports whether both ask the same.
func (c *MFAChallenge) same(other *MFAChallenge) bool {
	return other != nil && (other.JobID == c.JobID || other.JobID == "") && other.Method == c.Method && other.Description == c.Description &&
		slices.Equal(other.Questions, c.Questions)
}

var (
	// ErrMFARequired says that the job waits for the user to answer a challenge, and [WithMFA] was not given. The WaitError's
	// Job tells the challenge: call [JobsService.AnswerMFA], then wait again with [AfterMFA].
	ErrMFARequired = errors.New("the bank asks the user for a second factor; see basiq.WithMFA")
	// ErrJobQueued says that Basiq has put the job aside because the institution is out of reach, and tries again every
	// two hours for up to seven days. Look again in an hour or so.
	ErrJobQueued = errors.New("the institution is out of reach, and Basiq tries again every two hours")
	// ErrOtherUser says that the job works for another user than [WaitForUser] names.
	ErrOtherUser = errors.New("the job works for another user")
	// ErrWaitedTooLong says that the job was not over within [WithMaxWait].
	ErrWaitedTooLong = errors.New("the job was not over in time")

	errNoConnection = errors.New("the job names no connection")
	errAbandoned    = errors.New("the wait was abandoned")
)

// WaitError is a wait that ended before it came to what was waited for. The job goes on without it: wait for it again with
// JobID. Where the job is over, see [Job.Done], only its connection could not be read.
type WaitError struct {
	// JobID is the job's id.
	JobID string
	// Job is the job as it was last seen; nil when it was not, or where [JobsService.WaitEach] has not kept it.
	Job *Job
	// Err is why the wait ended: the context's error, [ErrMFARequired], [ErrJobQueued], [ErrOtherUser], [ErrWaitedTooLong],
	// the error of the function given to [WithMFA], or that of a call.
	Err error
}

// Error says why the wait ended in one line.
func (e *WaitError) Error() string {
	return oneLine(fmt.Sprintf("basiq: waiting for job %s: %v", e.JobID, e.Err))
}

// Unwrap returns Err.
func (e *WaitError) Unwrap() error { return e.Err }
