package basiqtest

import (
	"container/heap"
	"time"
)

// agenda is what the sandbox is going to do of its own accord: note what has become of a job, deliver a webhook's message
// again. Answers do not need it, they follow from the clock. It needs a lock around it.
type scheduler struct {
	tasks []scheduledTask
	added uint64 // counts items, so that those of one moment keep their order
}

type scheduledTask struct {
	at    time.Time
	order uint64
	do    func(now time.Time)
}

func (a *scheduler) Len() int { return len(a.tasks) }

func (a *scheduler) Less(i, j int) bool {
	if !a.tasks[i].at.Equal(a.tasks[j].at) {
		return a.tasks[i].at.Before(a.tasks[j].at)
	}
	return a.tasks[i].order < a.tasks[j].order
}

func (a *scheduler) Swap(i, j int) { a.tasks[i], a.tasks[j] = a.tasks[j], a.tasks[i] }

// Push and Pop are for package heap.
func (a *scheduler) Push(item any) { a.tasks = append(a.tasks, item.(scheduledTask)) } //nolint:forcetypeassert // Only later calls it.

func (a *scheduler) Pop() any {
	last := a.tasks[len(a.tasks)-1]
	a.tasks[len(a.tasks)-1] = scheduledTask{}
	a.tasks = a.tasks[:len(a.tasks)-1]
	return last
}

// later has something done at a moment, with the sandbox locked: by the first call after it, or by itself when none comes.
// It is called with that moment. The sandbox must be locked.
func (s *Sandbox) schedule(at time.Time, do func(now time.Time)) {
	s.scheduler.added++
	heap.Push(&s.scheduler, scheduledTask{at: at, order: s.scheduler.added, do: do})
	s.setTimer()
}

// settle does all that is due. The sandbox must be locked.
func (s *Sandbox) runDue(now time.Time) {
	for s.scheduler.Len() > 0 && !s.scheduler.tasks[0].at.After(now) {
		item, _ := heap.Pop(&s.scheduler).(scheduledTask)
		item.do(item.at)
	}
	s.setTimer()
}

// wind sets the alarm for what comes next. The sandbox must be locked.
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
	var alarm *time.Timer
	alarm = time.AfterFunc(time.Until(next), func() {
		defer s.background.Done()
		s.mu.Lock() // wind's caller has it until alarm is set
		defer s.mu.Unlock()
		s.onTimer(alarm)
	})
	s.timer = alarm
}

// ring does what is due when an alarm goes off. It may be one that another has replaced while it waited for the sandbox,
// which must be locked.
func (s *Sandbox) onTimer(alarm *time.Timer) {
	if s.closed {
		return
	}
	if s.timer == alarm {
		s.timer = nil
	}
	s.runDue(time.Now())
}

// retire stops the alarm for good. The sandbox must be locked.
func (s *Sandbox) stop() {
	s.closed = true
	if s.timer != nil && s.timer.Stop() {
		s.background.Done()
	}
	s.timer = nil
}
