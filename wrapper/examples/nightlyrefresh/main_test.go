package main

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// output collects what the program prints.
type output struct {
	mu    sync.Mutex
	lines []string
}

func (o *output) print(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, fmt.Sprintf(format, args...))
}

func TestRefreshAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		client, err := sandbox.NewClient()
		require.NoError(t, err)
		for _, login := range []string{"gavinBelson", "richard"} {
			user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: login + "@hooli.com"})
			require.NoError(t, err)
			_, err = client.Jobs.Wait(t.Context(), sandbox.Connect(user.ID, "AU00000", login))
			require.NoError(t, err)
		}

		var recent output
		require.NoError(t, refreshAll(t.Context(), client, recent.print))
		require.Len(t, recent.lines, 2)
		assert.Regexp(t, `^connection \S+: refreshed false, skipped "recent"$`, recent.lines[0])

		time.Sleep(25 * time.Hour) // virtual time
		var stale output
		require.NoError(t, refreshAll(t.Context(), client, stale.print))
		require.Len(t, stale.lines, 2)
		assert.Regexp(t, `^connection \S+: refreshed true, skipped ""$`, stale.lines[0])
		assert.Len(t, sandbox.RequestsOf("refreshConnection"), 2)
	})
}

// A failure of one user is printed and does not stop the others.
func TestRefreshAll_Failure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		client, err := sandbox.NewClient()
		require.NoError(t, err)
		for range 3 {
			_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
			require.NoError(t, err)
		}
		sandbox.Inject(basiqtest.Fail(403, "access-denied"), basiqtest.Operations("getConnections"), basiqtest.Times(1))
		var out output
		require.NoError(t, refreshAll(t.Context(), client, out.print))
		require.Len(t, out.lines, 1)
		assert.Contains(t, out.lines[0], "access-denied")
		assert.Len(t, sandbox.RequestsOf("getConnections"), 3)
	})
}

func TestRefreshAll_InvalidAPIKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		client, err := basiq.New("wrong", basiq.WithBaseURL(sandbox.URL()), basiq.WithHTTPClient(sandbox.HTTPClient()))
		require.NoError(t, err)
		require.ErrorIs(t, refreshAll(t.Context(), client, t.Logf), basiq.ErrInvalidAPIKey)
	})
}
