package basiqtest

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// BenchmarkTransactionsPage gets a page of 500 transactions from the handler, for a user with three connections.
func BenchmarkTransactionsPage(b *testing.B) {
	s := New(b)
	send := func(method, path, contentType, authorization, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Authorization", authorization)
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("basiq-version", "3.0")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	form := url.Values{"scope": {string(gen.TokenScopeServerAccess)}}
	w := send(http.MethodPost, "/token", "application/x-www-form-urlencoded", "Basic "+apiKey, form.Encode())
	require.Equal(b, http.StatusOK, w.Code)
	_, token, _ := strings.Cut(w.Body.String(), `"access_token":"`)
	token, _, _ = strings.Cut(token, `"`)
	w = send(http.MethodPost, "/users", "application/json", "Bearer "+token, `{"email":"gavin@hooli.com"}`)
	require.Equal(b, http.StatusCreated, w.Code)

	s.mu.Lock()
	u := slices.Collect(maps.Values(s.users))[0]
	then := time.Now().Add(-time.Minute)
	for _, login := range []string{"gavinBelson", "Wentworth-Smith", "jared"} {
		person := bank.FindPerson(login)
		_, _, err := s.connect(u, credentialsOf(bank.FindBank("AU00000"), gen.ConnectionMethodWeb, person), nil, then)
		require.NoError(b, err)
	}
	s.mu.Unlock()
	var size int
	b.ReportAllocs()
	for b.Loop() {
		w := send(http.MethodGet, u.path()+"/transactions", "", "Bearer "+token, "")
		size = w.Body.Len()
	}
	require.Greater(b, size, 100_000)
	b.SetBytes(int64(size))
}

// BenchmarkConnectedUsers reports the memory used by a sandbox with 2,000 connected users whose data no request has
// read. It fails above 100 MiB.
func BenchmarkConnectedUsers(b *testing.B) {
	const users, limit = 2000, 100
	inUse := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	people := slices.DeleteFunc(bank.People(), func(p *bank.Person) bool { return p.Failure != nil })
	var used float64
	for b.Loop() {
		before := inUse()
		s := New(b)
		now := time.Now()
		s.mu.Lock()
		for i := range users {
			u := &user{id: s.newID(), created: now, order: i, data: gen.CreateUser{Email: fmt.Sprintf("user%d@hooli.com", i)}}
			s.users[u.id] = u
			s.emitUser(u, gen.EventActionCreated, now)
			person := people[i%len(people)]
			_, _, err := s.connect(u, credentialsOf(bank.FindBank("AU00000"), gen.ConnectionMethodWeb, person), s.giveConsent(u, 1, now), now)
			require.NoError(b, err)
		}
		s.runDue(now.Add(time.Minute)) // all jobs are done
		read := 0
		for _, e := range s.events {
			if e.entity == gen.EventEntityTransactions {
				read++
			}
		}
		s.mu.Unlock()
		require.Equal(b, users, read)
		used = inUse() - before
		require.NoError(b, s.Close())
	}
	b.ReportMetric(used, "MiB")
	b.ReportMetric(used*1024/users, "KiB/user")
	require.Less(b, used, float64(limit))
}
