package basiqtest

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// Data that can no longer be read is removed, because a sandbox may run for days.
func TestRetention_Jobs(t *testing.T) {
	t.Parallel()
	tgt := newTarget(t)
	s, now := tgt.sandbox, time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		for range 5 {
			now = now.Add(jobRetention)
			j := s.startJob(now, u.connections[0])
			assert.Equal(t, []*job{j}, u.jobs)
			assert.Len(t, s.jobs, 1)
		}
	}
}

func TestRetention_Tokens(t *testing.T) {
	t.Parallel()
	s := &Sandbox{random: newRandom(1), tokens: map[string]*token{}}
	begin := time.Now()
	good := s.newToken(&token{expires: begin.Add(time.Hour)}, begin)
	for range maxTokensRetained + 10 {
		s.newToken(&token{expires: begin.Add(time.Hour)}, begin)
	}
	assert.Len(t, s.tokens, maxTokensRetained+11, "valid tokens are kept")
	delete(s.tokens, good) // revoked
	later := begin.Add(2 * time.Hour)
	newest := s.newToken(&token{expires: later.Add(time.Hour)}, later)
	assert.Len(t, s.tokens, maxTokensRetained)
	assert.Contains(t, s.tokens, newest)
	assert.Len(t, s.tokenOrder, maxTokensRetained)
}

func TestRetention_Summaries(t *testing.T) {
	t.Parallel()
	s, u := &Sandbox{random: newRandom(1)}, &user{}
	for i := range maxSnapshotsRetained + 5 {
		s.addSnapshot(u, strconv.Itoa(i), nil, time.Now())
	}
	assert.Len(t, u.snapshots, maxSnapshotsRetained)
	assert.Equal(t, "5", u.snapshots[0].kind)
}

func TestOldInsightsAreForgotten(t *testing.T) {
	t.Parallel()
	s, u := &Sandbox{random: newRandom(1)}, &user{}
	var kept *insight
	for i := range maxInsightsKept + 5 {
		if in := s.keepInsight(u, "", nil, time.Now()); i == 5 {
			kept = in
		}
	}
	assert.Len(t, u.insights, maxInsightsKept)
	assert.Same(t, kept, u.insights[0])
}

// The end of a consent is a year away, and waits for a user who may have been deleted long before.
func TestDeletedUserHoldsNothing(t *testing.T) {
	t.Parallel()
	tgt := newTarget(t)
	for _, u := range tgt.sandbox.users {
		require.NotEmpty(t, u.connections)
		tgt.sandbox.keepInsight(u, "", nil, time.Now())
		require.Equal(t, http.StatusNoContent, tgt.send(1, http.MethodDelete, "/users/{userId}", "", "", "").Code)
		assert.Equal(t, []int{0, 0, 0, 0, 0}, []int{len(u.connections), len(u.jobs), len(u.detachedAccounts), len(u.snapshots), len(u.insights)})
		tgt.sandbox.mu.Lock()
		tgt.sandbox.runDue(time.Now().AddDate(2, 0, 0)) // run all remaining scheduled tasks
		tgt.sandbox.mu.Unlock()
	}
}

// Statements with many accounts and summaries of long periods must not be slow.
func TestStatements_ManyAccounts(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("accountNo,name,currency,lastUpdated,date,description,amount,balance\n")
	for i := range maxRows {
		number := strconv.Itoa(1_000_000 + i)
		b.WriteString(number + ",Savings,AUD,2020-01-01,2019-01-01,RENT " + number + ",1.00,1.00\n")
	}
	statement, err := readCSV([]byte(b.String()))
	require.NoError(t, err)
	require.Nil(t, statement.failure)
	require.Len(t, statement.accounts, maxRows)
	for _, a := range statement.accounts {
		require.Same(t, a, statement.account(a.Key))
	}
	assert.Equal(t, bank.Cents(100), statement.accounts[maxRows-1].Balance)
}

func TestAnalysis_MonthsBetween(t *testing.T) {
	t.Parallel()
	for _, days := range [][2]string{{"2020-01-31", "2020-01-01"}, {"2019-12-31", "2020-01-01"}, {"0001-01-01", "2026-11-24"}} {
		from, err := time.Parse(time.DateOnly, days[0])
		require.NoError(t, err)
		to, err := time.Parse(time.DateOnly, days[1])
		require.NoError(t, err)
		a := &analysis{start: from, last: to}
		assert.Len(t, a.months(), monthsBetween(from, to)+1, days)
	}
}
