package basiq

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

const (
	// defaultPollsPerSecond and defaultPollsAtOnce are this package's own choice, for Basiq publishes no limit. They see each of
	// 5,000 jobs every 100 s, which take 30 s as a rule, and each of 250 every 5 s, which is as often as one alone.
	defaultPollsPerSecond = 50
	defaultPollsAtOnce    = 16
	// longestHold bounds how long no job is looked at after a 429 that does not say when to come back.
	longestHold = time.Minute
)

// WaitEach waits for many jobs at once, thousands if need be, and yields each of them once, when its wait is over, the first
// that is seen to be over first:
//
//	for job, err := range client.Jobs.WaitEach(ctx, jobIDs) {
//		failure, failed := errors.AsType[*basiq.JobError](err)
//		ended, lost := errors.AsType[*basiq.WaitError](err)
//		switch {
//		case failed: // the job failure.JobID is over, and why
//		case lost: // ended.JobID is still to be waited for, or to be given up
//		case err != nil:
//			return err // nothing was sent
//		default: // the job has succeeded
//		}
//	}
//
// Each is waited for as [JobsService.Wait] does, and its error ends nobody else's wait: a [JobError] for one that has failed, a
// [WaitError] for one whose wait has ended before. Those still waited for when ctx ends, or after [WithMaxWait], come as a
// WaitError each, without their Job, because only what is due is kept of a job meanwhile: 5,000 of them take some hundred
// KiB. A function given to [WithMFA] may be called for several jobs at once: its challenge says which.
//
// How often the jobs are looked at, all together, [WithPollRate] bounds. While Basiq answers with 429, or asks for a pause, no
// job is looked at, and no wait ends for it while there is time: they go on when the pause is over.
//
// The jobs are looked at while the loop's body runs, too; those that are over meanwhile wait for it. Leaving the loop leaves
// the jobs alone, and returns when nothing is under way any more.
//
// An error before anything is sent comes alone: [ErrInvalidInput] for an id or an option that cannot be right, or an id that
// is there twice. operationId: getJobs, again and again.
func (s *JobsService) WaitEach(ctx context.Context, jobIDs []string, options ...WaitOption) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		config, err := newWaits("Jobs.WaitEach", jobIDs, options)
		if err != nil {
			yield(nil, err)
			return
		}
		for end := range s.waits(ctx, jobIDs, config) {
			if !yield(end.job, end.err) {
				return
			}
		}
	}
}

// newWaits checks the arguments of WaitEach and WaitAll.
func newWaits(operation string, jobIDs []string, options []WaitOption) (waitConfig, error) {
	seen := make(map[string]bool, len(jobIDs))
	for _, jobID := range jobIDs {
		if err := checkIDs(&Operation{Name: operation}, id{"jobIDs", jobID}); err != nil {
			return waitConfig{}, err
		}
		if seen[jobID] {
			return waitConfig{}, invalidInput(operation, "jobIDs", "one of them is there twice")
		}
		seen[jobID] = true
	}
	config, err := newWaitConfig(operation, options)
	config.required = config.answer == nil
	return config, err
}

// waitEnd is what the wait for a job has come to.
type waitEnd struct {
	// index is the place of the job's id among those that were given.
	index int
	job   *Job
	err   error
}

// waits waits for many jobs.
func (s *JobsService) waits(ctx context.Context, jobIDs []string, config waitConfig) iter.Seq[waitEnd] {
	return func(yield func(waitEnd) bool) {
		ctx, cancel := context.WithTimeoutCause(ctx, config.ceiling, ErrWaitedTooLong)
		p := newPoller(s, jobIDs, config, cancel)
		defer p.stop()
		p.group.Go(func() { p.run(ctx) })
		for end := range p.out {
			if !yield(end) {
				return
			}
		}
	}
}

// poller looks at many jobs in turn. What is in it belongs to the goroutine of run, which begins one for each look and for each
// challenge that is to be answered, and hears from it once.
type poller struct {
	jobs   *JobsService
	config waitConfig
	ids    []string
	cancel context.CancelFunc
	group  sync.WaitGroup

	// due are the jobs that wait for their next look, and over is what has become of those whose wait is over, until the
	// caller takes it. With the others a goroutine is busy: underway counts them.
	due      dueJobs
	over     []waitEnd
	underway int
	reports  chan report
	out      chan waitEnd

	// room is that for looks under way at the same time, rate is how often they may begin, and next when another may.
	room *semaphore.Weighted
	rate *rate.Limiter
	next time.Time
	// held is until when Basiq is left alone, refusal why, and refusals how often in a row it has not said for how long.
	held     time.Time
	refusal  error
	refusals int

	seed maphash.Seed
	// panicked is what a function of the caller's has panicked with.
	panicked any
}

// polledJob is what is kept of a job between two looks. While one is under way, it belongs to its goroutine.
type polledJob struct {
	index int
	// at is when the next look is due, interval how long after the last, and seen the fingerprint of what that has shown.
	at       time.Time
	interval time.Duration
	seen     uint64
	answered *MFAChallenge
	// last is the job itself, where it is kept.
	last *Job
}

// report is what a goroutine says of a job: that its wait is over, that it has a challenge, that Basiq did not want to be
// asked, or else that it goes on.
type report struct {
	job *polledJob
	// look says that it comes from a look, which has its room until it is heard of. So goroutines are bounded with the looks.
	look      bool
	over      *waitEnd
	challenge func() report
	refusal   error
	panicked  any
}

func newPoller(jobs *JobsService, ids []string, config waitConfig, cancel context.CancelFunc) *poller {
	p := &poller{
		// The ids are copied, because the caller's loop may do what it likes with its own.
		jobs: jobs, config: config, ids: slices.Clone(ids), cancel: cancel,
		due: make(dueJobs, len(ids)), reports: make(chan report), out: make(chan waitEnd),
		room: semaphore.NewWeighted(int64(config.atOnce)), rate: rate.NewLimiter(rate.Limit(config.perSecond), config.atOnce),
		seed: maphash.MakeSeed(),
	}
	now := time.Now()
	all := make([]polledJob, len(ids))
	for i := range all {
		all[i] = polledJob{index: i, at: now, answered: config.answered}
		p.due[i] = &all[i] // in the order of a heap, since all are due now
	}
	return p
}

// stop ends what is under way, and hands on the panic of a caller's function.
func (p *poller) stop() {
	p.cancel()
	for range p.out { // until run ends, too
	}
	p.group.Wait()
	if p.panicked != nil {
		panic(p.panicked)
	}
}

// run waits until all waits are over, which they are when ctx ends, and the caller knows of all.
func (p *poller) run(ctx context.Context) {
	defer close(p.out)
	timer := time.NewTimer(0)
	defer timer.Stop()
	ended := ctx.Done()
	for len(p.due)+len(p.over)+p.underway > 0 {
		if wait, later := p.look(ctx); later {
			timer.Reset(wait)
		}
		var out chan waitEnd
		var first waitEnd
		if len(p.over) > 0 {
			out, first = p.out, p.over[0]
		}
		select {
		case out <- first:
			p.over[0] = waitEnd{} // its job is the caller's now
			p.over = p.over[1:]
		case r := <-p.reports:
			p.underway--
			if r.look {
				p.room.Release(1)
			}
			p.hear(ctx, r)
		case <-ended:
			ended = nil
			p.giveUp(ctx)
		case <-timer.C:
		}
		if p.panicked != nil {
			p.cancel()
			p.due, p.over = nil, nil
		}
	}
}

// look begins looks at the jobs that are due, as far as there may be more, and returns how long it is until there may be
// another. The second result is false when that does not depend on the time.
func (p *poller) look(ctx context.Context) (time.Duration, bool) {
	for len(p.due) > 0 && ctx.Err() == nil {
		now := time.Now()
		if wait := max(p.due[0].at.Sub(now), p.next.Sub(now), p.held.Sub(now)); wait > 0 {
			return wait, true
		}
		if !p.room.TryAcquire(1) {
			break // a report will come
		}
		p.next = now.Add(p.rate.ReserveN(now, 1).DelayFrom(now))
		job, _ := heap.Pop(&p.due).(*polledJob)
		p.begin(report{job: job, look: true}, func() report { return p.see(ctx, job) })
	}
	return 0, false
}

// begin has work done in a goroutine of its own, which reports in any case. about is what is known of the report before.
func (p *poller) begin(about report, work func() report) {
	p.underway++
	p.group.Go(func() {
		r := p.ended(about.job, nil, errAbandoned) // what a hook's runtime.Goexit leaves
		defer func() {
			r.panicked = recover() // or it would end the program, out of reach of who called
			r.job, r.look = about.job, about.look
			p.reports <- r
		}()
		r = work()
	})
}

// see looks at a job.
func (p *poller) see(ctx context.Context, j *polledJob) report {
	job, err := p.jobs.Get(ctx, p.ids[j.index])
	if err != nil {
		if _, refused := leaveAlone(err); refused && ctx.Err() == nil {
			return report{refusal: err}
		}
		return p.stopped(ctx, j, j.last, err)
	}
	failure := job.Err()
	switch {
	case p.config.others(job):
		return p.ended(j, nil, ErrOtherUser) // it is nobody's business here
	case failure != nil, job.Done():
		return report{over: &waitEnd{j.index, job, failure}}
	case job.Queued():
		return p.ended(j, job, ErrJobQueued)
	}
	if seen := p.fingerprint(job); seen != j.seen {
		j.interval, j.seen = p.config.shortest, seen
	} else {
		j.interval = min(j.interval+j.interval/2, p.config.longest)
	}
	if p.config.keepLast {
		j.last = job
	}
	w := watcher{jobs: p.jobs, config: p.config, jobID: p.ids[j.index]}
	w.config.answered = j.answered
	challenge, err := w.challenge(job)
	j.answered = w.config.answered
	switch {
	case err != nil:
		return p.ended(j, job, err)
	case challenge != nil:
		return report{challenge: func() report { return p.meet(ctx, j, job, &w, challenge) }}
	}
	return report{}
}

// meet has a job's challenge answered.
func (p *poller) meet(ctx context.Context, j *polledJob, job *Job, w *watcher, challenge *MFAChallenge) report {
	err := w.meet(ctx, challenge)
	j.answered = w.config.answered
	if err == nil {
		return report{}
	}
	if failure := w.refused(ctx, err); failure != nil {
		return report{over: &waitEnd{j.index, failure.Job, failure}}
	}
	return p.stopped(ctx, j, job, err)
}

// stopped is a wait that has ended because of a call that failed, or of what had it fail.
func (p *poller) stopped(ctx context.Context, j *polledJob, job *Job, err error) report {
	if cause := context.Cause(ctx); errors.Is(cause, ErrWaitedTooLong) {
		err = cause
	}
	return p.ended(j, job, err)
}

// ended is a wait that has ended before its job.
func (p *poller) ended(j *polledJob, job *Job, err error) report {
	return report{over: &waitEnd{j.index, job, &WaitError{JobID: p.ids[j.index], Job: job, Err: err}}}
}

// fingerprint tells whether a job has gone on, without keeping it.
func (p *poller) fingerprint(job *Job) uint64 {
	var hash maphash.Hash
	hash.SetSeed(p.seed)
	maphash.WriteComparable(&hash, job.Updated)
	maphash.WriteComparable(&hash, job.Status)
	for i := range job.Steps {
		step := &job.Steps[i]
		maphash.WriteComparable(&hash, step.Status)
		if result := step.Result.First(); result != nil {
			maphash.WriteComparable(&hash, result.Type)
		}
	}
	return hash.Sum64()
}

// hear takes notice of a report.
func (p *poller) hear(ctx context.Context, r report) {
	if p.refusal != nil && r.refusal == nil {
		p.refusal, p.refusals = nil, 0
	}
	switch {
	case r.panicked != nil:
		p.panicked = r.panicked
	case r.over != nil:
		p.over = append(p.over, *r.over)
	case r.challenge != nil && ctx.Err() == nil:
		p.begin(report{job: r.job}, r.challenge) // without taking anybody's room: it takes as long as a person does
	default:
		if r.refusal != nil {
			p.hold(r.refusal)
		} else {
			r.job.at = time.Now().Add(r.job.interval)
		}
		heap.Push(&p.due, r.job)
		if ctx.Err() != nil {
			p.giveUp(ctx)
		}
	}
}

// giveUp ends the waits for all jobs that are not being looked at, since ctx has ended.
func (p *poller) giveUp(ctx context.Context) {
	err := ctx.Err()
	if cause := context.Cause(ctx); errors.Is(cause, ErrWaitedTooLong) {
		err = cause
		if p.refusal != nil {
			err = fmt.Errorf("%w, and was not looked at in the end: %w", cause, p.refusal)
		}
	}
	for _, j := range p.due {
		p.over = append(p.over, *p.ended(j, j.last, err).over)
	}
	p.due = nil
}

// hold has no job looked at for as long as Basiq wants that, which has refused a look with err.
func (p *poller) hold(err error) {
	now := time.Now()
	p.refusal = err
	asked, _ := leaveAlone(err)
	if asked <= 0 {
		if now.Before(p.held) {
			return // this look was under way already
		}
		p.refusals++
		asked = doubled(p.config.longest, p.refusals, max(p.config.longest, longestHold))
	}
	if until := now.Add(asked); until.After(p.held) {
		p.held = until
	}
}

// leaveAlone reports whether an error says that Basiq wants to be left alone for a while, and for how long where it says so.
func leaveAlone(err error) (time.Duration, bool) {
	if paused, ok := errors.AsType[*PausedError](err); ok {
		return paused.RetryAfter, true
	}
	answer, ok := errors.AsType[*Error](err)
	if !ok || !throttles(answer.StatusCode, answer.RetryAfter) {
		return 0, false
	}
	return answer.RetryAfter, true
}

// dueJobs is a heap of jobs, the one that is due first on top.
type dueJobs []*polledJob

// Len is for package heap, and so are the others.
func (d *dueJobs) Len() int { return len(*d) }

// Less orders by time.
func (d *dueJobs) Less(a, b int) bool { return (*d)[a].at.Before((*d)[b].at) }

// Swap changes places.
func (d *dueJobs) Swap(a, b int) { (*d)[a], (*d)[b] = (*d)[b], (*d)[a] }

// Push adds the last.
func (d *dueJobs) Push(job any) { *d = append(*d, job.(*polledJob)) } //nolint:forcetypeassert // nobody pushes anything else

// Pop takes the last away.
func (d *dueJobs) Pop() any {
	last := len(*d) - 1
	job := (*d)[last]
	*d = (*d)[:last]
	return job
}
