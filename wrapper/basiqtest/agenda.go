package basiqtest

import (
	"container/heap"
	"time"
)

// agenda is what the sandbox is going to do of its own accord: note what has become of a job, deliver a webhook's message
// again. Answers do not need it, they follow from the clock. It needs a lock around it.
type agenda struct {
	items []agendaItem
	added uint64 // counts items, so that those of one moment keep their order
}

type agendaItem struct {
	at    time.Time
	order uint64
	do    func(now time.Time)
}

func (a *agenda) Len() int { return len(a.items) }

func (a *agenda) Less(i, j int) bool {
	if !a.items[i].at.Equal(a.items[j].at) {
		return a.items[i].at.Before(a.items[j].at)
	}
	return a.items[i].order < a.items[j].order
}

func (a *agenda) Swap(i, j int) { a.items[i], a.items[j] = a.items[j], a.items[i] }

// Push and Pop are for package heap.
func (a *agenda) Push(item any) { a.items = append(a.items, item.(agendaItem)) } //nolint:forcetypeassert // Only later calls it.

func (a *agenda) Pop() any {
	last := a.items[len(a.items)-1]
	a.items[len(a.items)-1] = agendaItem{}
	a.items = a.items[:len(a.items)-1]
	return last
}

// later has something done at a moment, with the sandbox locked: by the first call after it, or by itself when none comes.
// It is called with that moment. The sandbox must be locked.
func (s *Sandbox) later(at time.Time, do func(now time.Time)) {
	s.agenda.added++
	heap.Push(&s.agenda, agendaItem{at: at, order: s.agenda.added, do: do})
	s.wind()
}

// settle does all that is due. The sandbox must be locked.
func (s *Sandbox) settle(now time.Time) {
	for s.agenda.Len() > 0 && !s.agenda.items[0].at.After(now) {
		item, _ := heap.Pop(&s.agenda).(agendaItem)
		item.do(item.at)
	}
	s.wind()
}

// wind sets the alarm for what comes next. The sandbox must be locked.
func (s *Sandbox) wind() {
	if s.closed || s.agenda.Len() == 0 {
		return
	}
	next := s.agenda.items[0].at
	if s.alarm != nil && s.alarmAt.Equal(next) {
		return
	}
	if s.alarm != nil && s.alarm.Stop() {
		s.background.Done()
	}
	s.alarmAt = next
	s.background.Add(1)
	var alarm *time.Timer
	alarm = time.AfterFunc(time.Until(next), func() {
		defer s.background.Done()
		s.mu.Lock() // wind's caller has it until alarm is set
		defer s.mu.Unlock()
		s.ring(alarm)
	})
	s.alarm = alarm
}

// ring does what is due when an alarm goes off. It may be one that another has replaced while it waited for the sandbox,
// which must be locked.
func (s *Sandbox) ring(alarm *time.Timer) {
	if s.closed {
		return
	}
	if s.alarm == alarm {
		s.alarm = nil
	}
	s.settle(time.Now())
}

// retire stops the alarm for good. The sandbox must be locked.
func (s *Sandbox) retire() {
	s.closed = true
	if s.alarm != nil && s.alarm.Stop() {
		s.background.Done()
	}
	s.alarm = nil
}
