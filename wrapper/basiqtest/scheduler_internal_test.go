package basiqtest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Tasks run at their scheduled time and in order, with or without calls.
func TestScheduler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := newSandbox(nil)
		require.NoError(t, err)
		s.serve(newPipeListener(), "http://localhost", nil)
		start := time.Now()
		var done []string
		plan := func(what string, after time.Duration) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.schedule(start.Add(after), func(at time.Time) { done = append(done, what+" "+at.Sub(start).String()) })
		}
		plan("last", time.Hour)
		plan("second", time.Minute)
		plan("third", time.Minute)
		plan("first", time.Second)
		plan("overdue", -time.Second)
		s.mu.Lock()
		s.runDue(start)
		s.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		s.mu.Lock()
		assert.Equal(t, []string{"overdue -1s", "first 1s", "second 1m0s", "third 1m0s"}, done)
		s.mu.Unlock()

		require.NoError(t, s.Close())
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		assert.Len(t, done, 4, "no tasks after Close")
	})
}

// A timer that fires late, after it was replaced, must not clear its replacement. Close stops only the current timer
// and waits for all of them.
func TestScheduler_ReplacedTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := newSandbox(nil)
		require.NoError(t, err)
		s.serve(newPipeListener(), "http://localhost", nil)
		s.mu.Lock()
		s.schedule(time.Now().Add(time.Hour), func(time.Time) {})
		current := s.timer
		s.onTimer(time.NewTimer(0))
		assert.Same(t, current, s.timer)
		s.mu.Unlock()
		start := time.Now()
		require.NoError(t, s.Close())
		assert.Zero(t, time.Since(start))
	})
}
