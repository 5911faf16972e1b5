package basiq

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// maxWaiting is how many jobs a WaitEach waits for concurrently. It bounds the memory if jobIDs is endless.
const maxWaiting = 10_000

// WaitEach polls many jobs concurrently and yields each job once, as soon as its wait ends. It scales to thousands:
//
//	for job, err := range client.Jobs.WaitEach(ctx, slices.Values(jobIDs)) {
//		failure, failed := errors.AsType[*basiq.JobError](err)
//		ended, early := errors.AsType[*basiq.WaitError](err)
//		switch {
//		case failed: // the job failure.JobID failed
//		case early: // the wait for ended.JobID ended before the job did
//		case err != nil:
//			return err // invalid input
//		default: // the job succeeded
//		}
//	}
//
// Each job is waited for as by [JobsService.Wait], and [WithMaxWait] counts from when its ID is read. An error does not end
// the other waits. A [WaitError] usually has no Job, because jobs are not kept between two polls. A function given to
// [WithMFA] may be called for several jobs concurrently. [WithPollRate] limits the polls of all jobs together, and a
// delay that the server asks for applies to all of them.
//
// The function jobIDs runs in its own goroutine, so that a slow source does not delay results. It is not read further
// while 10,000 jobs are waited for, nor after ctx has ended. Every ID that was read is yielded. An invalid or duplicate ID
// is yielded as an [InputError], which does not end the other waits; duplicates are detected by keeping all IDs.
//
// Jobs are polled while the loop's body runs. Leaving the loop does not stop the jobs. It waits until all requests have
// ended and jobIDs has returned, so jobIDs must not block forever. A panic in jobIDs, in a middleware or in the function
// of [WithMFA] is raised in the loop's goroutine, with its original stack.
//
// A nil ctx or jobIDs, or an invalid option, is yielded as a single [InputError]. operationId: getJobs, once for each poll.
func (s *JobsService) WaitEach(ctx context.Context, jobIDs iter.Seq[string], options ...WaitOption) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		const operation = "Jobs.WaitEach"
		config, err := newWaits(ctx, operation, options)
		if err == nil && jobIDs == nil {
			err = invalidInput(operation, "jobIDs", "missing")
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for result := range s.waitEach(ctx, operation, jobIDs, config) {
			if !yield(result.job, result.err) {
				return
			}
		}
	}
}

// WaitAll waits for several jobs concurrently, for example those of the consent page, and returns them in the order of
// jobIDs. Each job is waited for as by [JobsService.WaitEach]. An error does not end the other waits.
//
// The error is nil if all jobs succeeded. Otherwise it wraps the [JobError] or [WaitError] of each job that did not. A job
// is nil if no poll of it succeeded. [ErrInvalidInput] is returned for an invalid or duplicate ID and for an invalid
// option; no request was sent then. operationId: getJobs, once for each poll.
func (s *JobsService) WaitAll(ctx context.Context, jobIDs []string, options ...WaitOption) ([]*Job, error) {
	const operation = "Jobs.WaitAll"
	config, err := newWaits(ctx, operation, options)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(jobIDs))
	for _, jobID := range jobIDs {
		if err := checkNewID(operation, jobID, seen); err != nil {
			return nil, err
		}
	}
	config.keepLast = true
	jobs, failures := make([]*Job, len(jobIDs)), make([]error, len(jobIDs))
	for result := range s.waitEach(ctx, operation, slices.Values(jobIDs), config) {
		jobs[result.index], failures[result.index] = result.job, result.err
	}
	for i, jobID := range jobIDs {
		if jobs[i] == nil && failures[i] == nil { // ctx ended before the ID was read
			failures[i] = &WaitError{JobID: jobID, Err: ctx.Err()}
		}
	}
	failures = slices.DeleteFunc(failures, func(err error) bool { return err == nil })
	if len(failures) == 0 {
		return jobs, nil
	}
	return jobs, &waitAllError{total: len(jobIDs), failures: failures}
}

// waitAllError holds the errors of the jobs of a WaitAll that did not succeed.
type waitAllError struct {
	total    int
	failures []error
}

// Error returns the number of jobs that did not succeed and the first error.
func (e *waitAllError) Error() string {
	return oneLine(fmt.Sprintf("basiq: %d of %d jobs: %s", len(e.failures), e.total, strings.TrimPrefix(e.failures[0].Error(), "basiq: ")))
}

// Unwrap returns the errors of all jobs that did not succeed.
func (e *waitAllError) Unwrap() []error { return e.failures }

// newWaits checks the arguments of WaitEach and WaitAll, except the IDs.
func newWaits(ctx context.Context, operation string, options []WaitOption) (waitConfig, error) {
	if err := checkContext(ctx, operation); err != nil {
		return waitConfig{}, err
	}
	config, err := newWaitConfig(operation, options)
	config.required = config.answer == nil
	return config, err
}

// checkNewID returns an [InputError] if the ID is invalid or in seen, and adds it to seen.
func checkNewID(operation, jobID string, seen map[string]bool) error {
	if err := checkIDs(&Operation{Name: operation}, id{"jobIDs", jobID}); err != nil {
		return err
	}
	if seen[jobID] {
		return invalidInput(operation, "jobIDs", "duplicate ID")
	}
	seen[jobID] = true
	return nil
}

// waitResult is the result of the wait for one job.
type waitResult struct {
	// index is the position of the job's ID.
	index int
	job   *Job
	err   error
	// panicked is the panic of a caller's function.
	panicked *recovered
}

// waiter waits for many jobs, with one goroutine for each and one that reads the IDs.
type waiter struct {
	jobs      *JobsService
	operation string
	config    waitConfig
	limits    *pollLimits
	// room holds an element for each job that is waited for.
	room    chan struct{}
	results chan waitResult
	// left is set when the caller has left the loop.
	left atomic.Bool
	all  sync.WaitGroup
}

func (s *JobsService) waitEach(ctx context.Context, operation string, jobIDs iter.Seq[string], config waitConfig) iter.Seq[waitResult] {
	return func(yield func(waitResult) bool) {
		ctx, cancel := context.WithCancel(ctx)
		w := &waiter{
			jobs: s, operation: operation, config: config, limits: newPollLimits(config),
			room: make(chan struct{}, maxWaiting), results: make(chan waitResult),
		}
		w.all.Go(func() { w.read(ctx, jobIDs) })
		go func() {
			w.all.Wait()
			close(w.results)
		}()
		var panicked *recovered
		defer func() {
			w.left.Store(true)
			cancel()
			for result := range w.results { // until all goroutines have ended
				if panicked == nil {
					panicked = result.panicked
				}
			}
			panicked.raise()
		}()
		for result := range w.results {
			if panicked = result.panicked; panicked != nil || !yield(result) {
				return
			}
		}
	}
}

// read starts a wait for each ID.
func (w *waiter) read(ctx context.Context, jobIDs iter.Seq[string]) {
	// An error without a job's ID is sent only if jobIDs panics or ends its goroutine.
	result := waitResult{err: errUnfinished}
	defer func() {
		if result.panicked = catch(recover()); result.panicked != nil || result.err != nil {
			w.results <- result
		}
	}()
	// If ctx has ended before, the IDs are read nevertheless, to yield an error for each.
	ended, index, seen := ctx.Err() != nil, 0, make(map[string]bool)
	for jobID := range jobIDs {
		if w.left.Load() {
			break
		}
		w.room <- struct{}{}
		w.start(ctx, index, jobID, checkNewID(w.operation, jobID, seen))
		index++
		if ctx.Err() != nil && (!ended || index == maxWaiting) {
			break
		}
	}
	result.err = nil
}

// start waits for a job in a new goroutine, or sends the error of its ID.
func (w *waiter) start(ctx context.Context, index int, jobID string, err error) {
	w.all.Go(func() {
		// The error is sent if a caller's function ends the goroutine with runtime.Goexit.
		result := waitResult{index: index, err: &WaitError{JobID: jobID, Err: errAbandoned}}
		defer func() {
			result.panicked = catch(recover())
			w.results <- result
			<-w.room
		}()
		if err != nil {
			result.err = err
			return
		}
		single := wait{jobs: w.jobs, config: w.config, jobID: jobID, limits: w.limits}
		result.job, result.err = single.run(ctx, func(*Job) bool { return true })
	})
}

// pollLimits limits the polls of many waits.
type pollLimits struct {
	inFlight chan struct{}
	rate     *rate.Limiter
}

func newPollLimits(config waitConfig) *pollLimits {
	return &pollLimits{
		inFlight: make(chan struct{}, config.concurrency),
		rate:     rate.NewLimiter(rate.Limit(config.pollRate), config.concurrency),
	}
}

// acquire waits until a poll may start, or returns the error of ctx. The poll must call release.
func (l *pollLimits) acquire(ctx context.Context) error {
	select {
	case l.inFlight <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !sleep(ctx, l.rate.Reserve().Delay()) {
		l.release()
		return ctx.Err()
	}
	return nil
}

func (l *pollLimits) release() { <-l.inFlight }
