package basiqtest

import (
	"container/heap"
	"time"
)

// scheduler is a priority queue of future tasks, such as emitting the events of a job or retrying a webhook delivery.
// Responses do not depend on it, because they are derived from the clock. The caller must hold the sandbox's lock.
type scheduler struct {
	tasks []scheduledTask
	added uint64 // number of added tasks; keeps simultaneous tasks in order
}

type scheduledTask struct {
	at    time.Time
	order uint64
	do    func(now time.Time)
}

func (q *scheduler) Len() int { return len(q.tasks) }

func (q *scheduler) Less(i, j int) bool {
	if !q.tasks[i].at.Equal(q.tasks[j].at) {
		return q.tasks[i].at.Before(q.tasks[j].at)
	}
	return q.tasks[i].order < q.tasks[j].order
}

func (q *scheduler) Swap(i, j int) { q.tasks[i], q.tasks[j] = q.tasks[j], q.tasks[i] }

// Push and Pop implement [heap.Interface].
func (q *scheduler) Push(item any) { q.tasks = append(q.tasks, item.(scheduledTask)) } //nolint:forcetypeassert // only called by schedule

func (q *scheduler) Pop() any {
	last := q.tasks[len(q.tasks)-1]
	q.tasks[len(q.tasks)-1] = scheduledTask{}
	q.tasks = q.tasks[:len(q.tasks)-1]
	return last
}

// schedule runs do at a given time, with the sandbox locked. It runs in the first call after that time, or on a timer
// if there is none. The argument of do is the scheduled time. The sandbox must be locked.
func (s *Sandbox) schedule(at time.Time, do func(now time.Time)) {
	s.scheduler.added++
	heap.Push(&s.scheduler, scheduledTask{at: at, order: s.scheduler.added, do: do})
	s.setTimer()
}

// runDue runs all due tasks. The sandbox must be locked.
func (s *Sandbox) runDue(now time.Time) {
	for s.scheduler.Len() > 0 && !s.scheduler.tasks[0].at.After(now) {
		item, _ := heap.Pop(&s.scheduler).(scheduledTask)
		item.do(item.at)
	}
	s.setTimer()
}

// setTimer sets the timer for the next task. The sandbox must be locked.
func (s *Sandbox) setTimer() {
	if s.closed || s.scheduler.Len() == 0 {
		return
	}
	next := s.scheduler.tasks[0].at
	if s.timer != nil && s.timerAt.Equal(next) {
		return
	}
	if s.timer != nil && s.timer.Stop() {
		s.background.Done()
	}
	s.timerAt = next
	s.background.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(next.Sub(s.now()), func() {
		defer s.background.Done()
		s.mu.Lock() // the caller of setTimer holds the lock until s.timer is set
		defer s.mu.Unlock()
		s.onTimer(timer)
	})
	s.timer = timer
}

// onTimer runs the due tasks when a timer fires. The timer may have been replaced while it waited for the lock. The
// sandbox must be locked.
func (s *Sandbox) onTimer(timer *time.Timer) {
	if s.closed {
		return
	}
	if s.timer == timer {
		s.timer = nil
	}
	s.runDue(s.now())
}

// stop stops the timer permanently. The sandbox must be locked.
func (s *Sandbox) stop() {
	s.closed = true
	if s.timer != nil && s.timer.Stop() {
		s.background.Done()
	}
	s.timer = nil
}
