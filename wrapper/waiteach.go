package basiq

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// maxWaiting is how many jobs a WaitEach waits for concurrently. It limits the memory if jobIDs is endless.
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
// Each job is waited for as by [JobsService.Wait], and [WithMaxWait] counts from when its ID is read. An error does not
// end the other waits. A [WaitError] usually has no Job, because jobs are not kept between two polls. A function given
// to [WithMFA] may be called for several jobs concurrently. [WithPollRate] limits the polls of all jobs together.
//
// The function jobIDs runs in its own goroutine. It is not read further while 10,000 jobs are waited for, nor after ctx
// has ended. Every ID that was read is yielded. An invalid or duplicate ID is yielded as an [InputError]; duplicates
// are detected by keeping all IDs. A nil ctx or jobIDs, or an invalid option, is yielded as a single [InputError].
//
// Jobs are polled while the loop's body runs. Leaving the loop does not stop the jobs. It waits until all requests have
// ended and jobIDs has returned, so jobIDs must not block forever. A panic in jobIDs, in a middleware or in the
// function of [WithMFA] is raised in the loop's goroutine, with its original stack. operationId: getJobs, once for each
// poll.
func (s *JobsService) WaitEach(ctx context.Context, jobIDs iter.Seq[string], options ...WaitOption) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		const operation = "Jobs.WaitEach"
		config, err := newWaitConfig(ctx, operation, options)
		if err == nil && jobIDs == nil {
			err = invalidInput(operation, "jobIDs", "must not be nil")
		}
		if err != nil {
			yield(nil, err)
			return
		}
		config.keepLast = false
		raw := rawOf(ctx)
		for result := range s.waitEach(ctx, operation, jobIDs, config) {
			raw.set(nil)
			if result.raw != nil {
				raw.set(*result.raw)
			}
			if !yield(result.job, result.err) {
				return
			}
		}
	}
}

// WaitAll waits for several jobs concurrently, for example the jobs of the consent page, and returns them in the order
// of jobIDs. Each job is waited for as by [JobsService.WaitEach]. An error does not end the other waits.
//
// The error is nil if all jobs succeeded. Otherwise it wraps the [JobError] or [WaitError] of each job that did not. A
// job is nil if no poll of it succeeded. [ErrInvalidInput] is returned for an invalid or duplicate ID and for an
// invalid option; no request was sent then. operationId: getJobs, once for each poll.
func (s *JobsService) WaitAll(ctx context.Context, jobIDs []string, options ...WaitOption) ([]*Job, error) {
	const operation = "Jobs.WaitAll"
	config, err := newWaitConfig(ctx, operation, options)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(jobIDs))
	for _, jobID := range jobIDs {
		if err := checkNewID(operation, jobID, seen); err != nil {
			return nil, err
		}
	}
	jobs, failures := make([]*Job, len(jobIDs)), make([]error, len(jobIDs))
	for result := range s.waitEach(ctx, operation, slices.Values(jobIDs), config) {
		jobs[result.index], failures[result.index] = result.job, result.err
	}
	for i, jobID := range jobIDs {
		if jobs[i] == nil && failures[i] == nil { // ctx ended before the ID was read
			failures[i] = &WaitError{JobID: jobID, Err: ctx.Err()}
		}
	}
	if failures = withoutNil(failures...); len(failures) > 0 {
		return jobs, &waitAllError{total: len(jobIDs), failures: failures}
	}
	return jobs, nil
}

// waitAllError holds the errors of the jobs of a WaitAll that did not succeed.
type waitAllError struct {
	total    int
	failures []error
}

// Error returns the number of jobs that did not succeed and the first error.
func (e *waitAllError) Error() string {
	return singleLine(fmt.Sprintf("basiq: %d of %d jobs: %s", len(e.failures), e.total, strings.TrimPrefix(e.failures[0].Error(), "basiq: ")))
}

// Unwrap returns the errors of all jobs that did not succeed.
func (e *waitAllError) Unwrap() []error { return e.failures }

// checkNewID returns an [InputError] if the ID is invalid or in seen, and adds it to seen.
func checkNewID(operation, jobID string, seen map[string]bool) error {
	if seen[jobID] {
		return invalidInput(operation, "jobIDs", "duplicate ID")
	}
	seen[jobID] = true
	return checkIDs(&Operation{Name: operation}, pathParam{"jobIDs", jobID})
}

// waitResult is the result of the wait for the job whose ID is at index. It is zero if all IDs were read.
type waitResult struct {
	index int
	job   *Job
	err   error
	// raw is the JSON of the job. It is nil if the caller did not request it.
	raw *rawJSON
	// panicked is the panic of a caller's function.
	panicked *recovered
}

// pollLimits limits the polls of many waits.
type pollLimits struct {
	inFlight chan struct{}
	rate     *rate.Limiter
}

// waitEach waits for many jobs, with one goroutine for each and one that reads the IDs.
func (s *JobsService) waitEach(ctx context.Context, operation string, jobIDs iter.Seq[string], config waitConfig) iter.Seq[waitResult] {
	return func(yield func(waitResult) bool) {
		ended := ctx.Err() != nil // then the IDs are read nevertheless, to yield an error for each
		ctx, cancel := context.WithCancel(ctx)
		config.limits = &pollLimits{make(chan struct{}, config.concurrency), rate.NewLimiter(rate.Limit(config.pollRate), config.concurrency)}
		var (
			all     sync.WaitGroup
			left    atomic.Bool // the caller has left the loop
			room    = make(chan struct{}, maxWaiting+1)
			results = make(chan waitResult)
		)
		// start calls run in a new goroutine. It sends abandoned if a caller's function calls runtime.Goexit.
		start := func(abandoned waitResult, run func() waitResult) {
			room <- struct{}{}
			all.Go(func() {
				result := abandoned
				defer func() {
					result.panicked = catch(recover())
					results <- result
					<-room
				}()
				result = run()
			})
		}
		start(waitResult{err: errUnfinished}, func() waitResult {
			index, seen := 0, make(map[string]bool)
			for jobID := range jobIDs {
				if left.Load() {
					break
				}
				result, err := waitResult{index: index, err: &WaitError{JobID: jobID, Err: errAbandoned}}, checkNewID(operation, jobID, seen)
				start(result, func() waitResult {
					if result.err = err; err == nil {
						ctx := ctx
						if rawOf(ctx) != nil { // it belongs to the goroutine of the loop
							result.raw = new(rawJSON)
							ctx = ContextWithRawJSON(ctx, (*[]byte)(result.raw))
						}
						result.job, result.err = s.wait(ctx, jobID, config)
					}
					return result
				})
				if index++; ctx.Err() != nil && (!ended || index == maxWaiting) {
					break
				}
			}
			return waitResult{}
		})
		go func() {
			all.Wait()
			close(results)
		}()
		yieldResults(results, yield, func() {
			left.Store(true)
			cancel()
		})
	}
}

// yieldResults yields the results of jobs. Then it calls leave, waits until all goroutines have ended and raises a
// panic.
func yieldResults(results <-chan waitResult, yield func(waitResult) bool, leave func()) {
	var panicked *recovered
	defer func() {
		leave()
		for result := range results {
			panicked = cmp.Or(panicked, result.panicked)
		}
		panicked.raise()
	}()
	for result := range results {
		panicked = result.panicked
		if panicked != nil || result != (waitResult{}) && !yield(result) {
			return
		}
	}
}
