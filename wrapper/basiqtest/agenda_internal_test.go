package basiqtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An alarm that goes off while a call does what is due, and sets the next one, must not make the sandbox forget that one:
// Close would wait for it. In a bubble of testing/synctest nothing can wait for a lock while time passes, so this takes a
// moment of real time.
func TestAlarmLateForTheLock(t *testing.T) {
	t.Parallel()
	s, err := newSandbox(nil)
	require.NoError(t, err)
	s.mu.Lock()
	s.later(time.Now().Add(time.Millisecond), func(time.Time) {})
	time.Sleep(50 * time.Millisecond) // it goes off, and waits for the lock
	s.settle(time.Now())
	s.later(time.Now().Add(time.Hour), func(time.Time) {})
	s.mu.Unlock()
	time.Sleep(50 * time.Millisecond) // it has had the lock

	s.mu.Lock()
	s.retire()
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() { defer close(ended); s.background.Wait() }()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		assert.Fail(t, "an alarm is left that nobody has stopped")
	}
}
