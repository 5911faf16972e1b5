package basiqtest

import (
	"errors"
	"fmt"
	"time"
)

// maxAdvance limits how far the clock can be advanced in total, because the test banks simulate every day.
const maxAdvance = 10 * 365 * 24 * time.Hour

// now returns the time of the sandbox's clock. The sandbox must be locked.
func (s *Sandbox) now() time.Time { return time.Now().Add(s.advanced) }

// Now returns the time of the sandbox's clock. It is the current time unless [Sandbox.Advance] was called.
func (s *Sandbox) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// Advance moves the sandbox's clock forward, as if the time had passed: jobs end, transactions are posted at the banks,
// tokens and consents expire, and webhook messages are retried. It is for programs and for tests that do not use
// testing/synctest, where time.Sleep has the same effect.
//
// The clock of the caller does not change. Therefore a client learns only from a response that its token has expired,
// and webhook messages are still signed with the current time. Advance returns an error if d is negative or if the clock
// would be more than ten years ahead.
func (s *Sandbox) Advance(d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case d < 0:
		return fmt.Errorf("basiqtest: Advance: %w", fmt.Errorf("negative duration %v", d))
	case d > maxAdvance-s.advanced:
		return fmt.Errorf("basiqtest: Advance: %w", errors.New("clock would be more than ten years ahead"))
	}
	s.advanced += d
	s.timerAt = time.Time{} // the timer is set for a later time
	s.runDue(s.now())
	return nil
}
