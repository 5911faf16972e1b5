package basiqtest

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Jobs started on the consent page belong to no operation, and not to the previous call.
func TestEndlessJob_ConsentPage(t *testing.T) {
	t.Parallel()
	s := New(t)
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/users/u1/connections/refresh", http.NoBody))
	limited := s.Inject(EndlessJob(), Operations("refreshConnections"))
	all := s.Inject(EndlessJob(), Skip(1))
	for _, want := range []bool{false, true} {
		s.mu.Lock()
		got := s.applyJobFaults()
		s.mu.Unlock()
		assert.Equal(t, want, got)
	}
	assert.Equal(t, []int{0, 1}, []int{limited.Count(), all.Count()})
}

// A timer for the end of an endless job would make the clock of a bubble jump there.
func TestEndlessJob_NoTimer(t *testing.T) {
	t.Parallel()
	s := New(t, WithFault(EndlessJob()))
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	j := &job{id: s.newID(), kind: jobKindReport, user: &user{}, created: now, steps: []step{{takes: time.Second}}}
	s.registerJob(j, now)
	require.True(t, j.neverEnds)
	for _, item := range s.scheduler.tasks {
		assert.Less(t, item.at.Sub(now), forever)
	}
}
