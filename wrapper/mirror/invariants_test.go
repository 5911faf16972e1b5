package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// settled syncs until nothing is in doubt.
func (f *fixture) settled(options ...mirror.SyncOption) (total mirror.Result) {
	f.Helper()
	for range 5 {
		r, err := f.mirror.Sync(f.Context(), f.user, options...)
		if !errors.Is(err, mirror.ErrMassRemoval) {
			require.NoError(f, err)
		}
		total.Added += r.Added
		total.Modified += r.Modified
		total.Removed += r.Removed
		total.Settled += r.Settled
		time.Sleep(6 * time.Minute)
	}
	return total
}

// An account that was updated before its transactions were imported is read again.
func TestMirror_Sync_Settle(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		id := f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		f.sync()
		time.Sleep(72 * time.Hour)
		was := f.versions()
		job, err := f.client.Connections.Refresh(f.Context(), f.user, id)
		require.NoError(t, err)
		for !different(was, f.versions()) {
			time.Sleep(100 * time.Millisecond)
		}
		state, err := f.client.Jobs.Get(f.Context(), job.ID)
		require.NoError(t, err)
		require.False(t, state.Done(), "the transactions are still being imported")
		result := f.sync()
		assert.False(t, result.Idle)
		assert.False(t, result.Next.IsZero())
		time.Sleep(time.Hour)
		assert.Positive(t, f.sync().Added)
		f.requireTruth()
	})
}

func (f *fixture) versions() map[string]basiq.Time {
	versions := map[string]basiq.Time{}
	for a, err := range f.client.Accounts.List(f.Context(), f.user) {
		require.NoError(f, err)
		versions[a.ID] = a.LastUpdated
	}
	return versions
}

func different(a, b map[string]basiq.Time) bool {
	for id := range a {
		if a[id] == b[id] {
			return false
		}
	}
	return true
}

// Accounts that change during every read are not written.
func TestMirror_Sync_Unstable(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		lists := 0
		f.rewrite = func(path string, list map[string]any) {
			if data, ok := list["data"].([]any); ok && path == "/users/"+f.user+"/accounts" {
				lists++
				data[0].(map[string]any)["lastUpdated"] = fmt.Sprintf("2000-01-01T00:00:%02dZ", lists)
			}
		}
		result, err := f.mirror.Sync(f.Context(), f.user)
		require.ErrorIs(t, err, mirror.ErrUnstable)
		assert.Equal(t, 6, result.Rounds)
		assert.Positive(t, result.Added, "the other accounts are written")
		f.rewrite = nil
		f.sync()
		f.requireTruth()
	})
}

// A posted transaction that vanished is removed by the second full read without it.
func TestMirror_Sync_Vanished(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		f.sync()
		before := len(f.store.Transactions(f.user))
		hidden := ""
		f.rewrite = func(path string, list map[string]any) {
			if isTransactions(path) {
				filterData(list, func(item map[string]any) bool {
					if hidden == "" && item["status"] == "posted" {
						hidden = item["id"].(string)
					}
					return item["id"] == hidden
				})
			}
		}
		time.Sleep(8 * 24 * time.Hour)
		assert.Zero(t, f.sync().Removed, "it is in doubt")
		assert.Zero(t, f.sync().Removed, "the second read must be later")
		time.Sleep(6 * time.Minute)
		assert.Equal(t, 1, f.sync().Removed)
		assert.Len(t, f.store.Transactions(f.user), before-1)
		assert.True(t, f.sync().Idle)

		hidden = "-"
		time.Sleep(8 * 24 * time.Hour)
		assert.Equal(t, 1, f.sync().Added, "it is back")
	})
}

// More than 10 % of an account's posted transactions are not removed unless the caller allows it.
func TestMirror_Sync_MassRemoval(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		f.sync()
		before := len(f.store.Transactions(f.user))
		f.rewrite = func(path string, list map[string]any) {
			n := 0
			if isTransactions(path) {
				filterData(list, func(item map[string]any) bool { n++; return item["status"] == "posted" && n%4 == 0 })
			}
		}
		time.Sleep(8 * 24 * time.Hour)
		f.sync()
		time.Sleep(time.Hour)
		for range 3 {
			result, err := f.mirror.Sync(f.Context(), f.user)
			require.ErrorIs(t, err, mirror.ErrMassRemoval)
			require.ErrorContains(t, err, " of ", "the error has the numbers")
			assert.Zero(t, result.Removed)
		}
		assert.Len(t, f.store.Transactions(f.user), before)
		assert.Positive(t, f.sync(mirror.AllowMassRemoval()).Removed)
		assert.True(t, f.sync().Idle)
	})
}

// Empty lists remove nothing.
func TestMirror_Sync_EmptyLists(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/accounts", "/transactions", "/connections"} {
		run(t, func(f *fixture) {
			id := f.connect("Wentworth-Smith")
			time.Sleep(time.Hour)
			f.sync()
			time.Sleep(24 * time.Hour)
			f.refresh(id)
			time.Sleep(time.Hour)
			f.rewrite = func(p string, list map[string]any) {
				if p == "/users/"+f.user+path {
					filterData(list, func(map[string]any) bool { return true })
				}
			}
			for range 3 {
				result, err := f.mirror.Sync(f.Context(), f.user)
				if path == "/connections" {
					require.ErrorIs(t, err, mirror.ErrUnstable, "the accounts have a connection")
				} else if !errors.Is(err, mirror.ErrMassRemoval) {
					require.NoError(t, err)
				}
				if path != "/connections" { // a refresh replaces pending transactions
					assert.Zero(t, result.Removed, path)
				}
			}
			f.rewrite = nil
			f.settled()
			f.requireTruth()
		})
	}
}

// The rows in the window of an account with many transactions are few. An empty read of the window, and an empty read of all
// transactions later, must not remove them.
func TestMirror_Sync_EmptyTwice(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		id := f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		f.sync()
		time.Sleep(24 * time.Hour)
		f.refresh(id)
		time.Sleep(time.Hour)
		posted := map[string]bool{}
		for t, err := range f.client.Transactions.List(f.Context(), f.user) {
			require.NoError(f, err)
			posted[t.ID] = t.Status == basiq.TransactionStatusPosted
		}
		f.rewrite = func(path string, list map[string]any) {
			if isTransactions(path) {
				filterData(list, func(map[string]any) bool { return true })
			}
		}
		for range 3 {
			if _, err := f.mirror.Sync(f.Context(), f.user); !errors.Is(err, mirror.ErrMassRemoval) {
				require.NoError(t, err)
			}
			time.Sleep(time.Hour)
		}
		f.rewrite = nil
		f.settled()
		f.requireTruth()
		for c, err := range f.mirror.Changes(f.Context(), f.user, 0) {
			require.NoError(t, err)
			assert.False(t, c.Kind == mirror.KindRemoved && posted[c.TransactionID], "a posted transaction was removed")
		}
	})
}

// An empty list of the first read after the import is in doubt. An account without transactions becomes idle.
func TestMirror_Sync_EmptyFirst(t *testing.T) {
	t.Parallel()
	for _, truly := range []bool{false, true} {
		run(t, func(f *fixture) {
			f.connect("Wentworth-Smith")
			time.Sleep(time.Hour)
			f.rewrite = func(path string, list map[string]any) {
				if isTransactions(path) {
					filterData(list, func(map[string]any) bool { return true })
				}
			}
			assert.Zero(t, f.sync().Added)
			if !truly {
				f.rewrite = nil
			}
			assert.False(t, f.sync().Idle)
			f.requireTruth()
			assert.True(t, f.sync().Idle)
		})
	}
}

// A transaction with a date in the future does not end the window before the others.
func TestMirror_Sync_FutureDate(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		id := f.connect("Wentworth-Smith")
		future := map[string]bool{}
		f.rewrite = func(path string, list map[string]any) {
			data, _ := list["data"].([]any)
			for _, item := range data {
				item := item.(map[string]any)
				account, _ := item["account"].(string)
				if isTransactions(path) && item["status"] == "posted" && !future[account] {
					future[account] = true
					future[item["id"].(string)] = true
				}
				if id, _ := item["id"].(string); future[id] {
					item["postDate"] = "2099-01-01T00:00:00Z"
				}
			}
			slices.SortStableFunc(data, func(a, b any) int { // the latest first, as Basiq lists them
				rank := func(item any) int {
					if id, _ := item.(map[string]any)["id"].(string); future[id] {
						return 1
					}
					return 2
				}
				if a.(map[string]any)["account"] != b.(map[string]any)["account"] {
					return 0
				}
				return rank(a) - rank(b)
			})
		}
		time.Sleep(time.Hour)
		f.sync()
		for range 3 {
			time.Sleep(24 * time.Hour)
			f.refresh(id)
			time.Sleep(time.Hour)
			f.sync()
			f.requireTruth()
		}
	})
}

// An account is missing only if consecutive syncs find so.
func TestMirror_Sync_AccountBack(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		id := f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		f.sync()
		require.NoError(t, f.client.Connections.Purge(f.Context(), f.user, id))
		assert.Zero(t, f.sync().Removed)
		f.refresh(id)
		f.rewrite = func(path string, list map[string]any) {
			if path == "/users/"+f.user+"/accounts" {
				filterData(list, func(map[string]any) bool { return true })
			}
		}
		time.Sleep(time.Hour)
		assert.Zero(t, f.sync().Removed, "Basiq has the accounts")
		f.rewrite = nil
		require.NoError(t, f.client.Connections.Purge(f.Context(), f.user, id))
		assert.Zero(t, f.sync().Removed)
		time.Sleep(time.Hour)
		assert.Positive(t, f.sync().Removed)
		f.requireTruth()
	})
}

// The accounts of a deleted open-banking connection are removed at once, those of a purged one by the second sync.
func TestMirror_Sync_GoneAccounts(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		id := f.connect("Wentworth-Smith", basiqtest.WithOpenBanking())
		other := f.connect("gavinBelson")
		time.Sleep(time.Hour)
		f.sync()
		require.NoError(t, f.client.Connections.Delete(f.Context(), f.user, id))
		assert.Positive(t, f.sync().Removed)
		f.requireTruth()

		require.NoError(t, f.client.Connections.Purge(f.Context(), f.user, other))
		assert.Zero(t, f.sync().Removed)
		time.Sleep(6 * time.Minute)
		assert.Positive(t, f.sync().Removed)
		assert.Empty(t, f.store.Transactions(f.user))
		f.requireTruth()
		f.refresh(other)
		time.Sleep(time.Hour)
		f.sync()
		f.requireTruth()
	})
}

// Concurrent syncs of one user give the same rows as one.
func TestMirror_Sync_Concurrent(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		id := f.connect("Wentworth-Smith")
		f.sandbox.Inject(basiqtest.Latency(1500*time.Millisecond), basiqtest.Operations("getTransactions"), basiqtest.Probability(0.5))
		for range 5 {
			var wait sync.WaitGroup
			for range 4 {
				wait.Go(func() {
					_, err := f.mirror.Sync(context.Background(), f.user)
					assert.True(t, err == nil || errors.Is(err, mirror.ErrUnstable) || errors.Is(err, mirror.ErrConflict), "%v", err)
				})
			}
			f.refresh(id)
			wait.Wait()
			time.Sleep(20 * time.Hour)
		}
		f.settled()
		f.requireTruth()
	})
}

// A sync in flight cannot bring back an erased user.
func TestMirror_Erase(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		f.sandbox.Inject(basiqtest.Latency(time.Second), basiqtest.Operations("getTransactions"))
		done := make(chan error, 1)
		go func() {
			_, err := f.mirror.Sync(context.Background(), f.user)
			done <- err
		}()
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		record, err := f.mirror.Erase(f.Context(), f.user, mirror.ReasonUserRequest)
		require.NoError(t, err)
		require.ErrorIs(t, <-done, mirror.ErrErased)
		assert.Empty(t, f.store.Transactions(f.user))
		assert.Equal(t, mirror.ReasonUserRequest, record.Reason)

		again, err := f.mirror.Erase(f.Context(), f.user, mirror.ReasonConsentExpired)
		require.NoError(t, err)
		assert.Equal(t, record, again)
		_, err = f.mirror.Sync(f.Context(), f.user)
		require.ErrorIs(t, err, mirror.ErrErased)
		for _, err := range f.mirror.Changes(f.Context(), f.user, 0) {
			require.ErrorIs(t, err, mirror.ErrErased)
		}

		require.NoError(t, f.mirror.Readmit(f.Context(), f.user))
		assert.Positive(t, f.sync().Added)
		f.requireSame()
		for _, err := range f.mirror.Changes(f.Context(), f.user, mirror.Position(record.Changes)) {
			if record.Changes > 0 {
				require.ErrorIs(t, err, mirror.ErrErased, "the reader must discard its rows")
			}
		}
		_, err = f.mirror.Erase(f.Context(), f.user, "because of Gavin Belson")
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
	})
}

// requireSame compares the rows with Basiq's, without the feed.
func (f *fixture) requireSame() {
	f.Helper()
	assert.Len(f, f.store.Transactions(f.user), len(f.truth()))
}

// The feed of a pending transaction that posts names it, and a sync of a month finds such pairs.
func TestMirror_Sync_Posted(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		id := f.connect("Wentworth-Smith")
		settled := 0
		for range 10 {
			time.Sleep(24 * time.Hour)
			f.refresh(id)
			time.Sleep(time.Hour)
			settled += f.sync().Settled
			f.requireTruth()
		}
		assert.Positive(t, settled)
	})
}

// The mirror has the accounts that were linked again, and the old ones, as Basiq lists them.
func TestMirror_Sync_Relink(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		id := f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		f.sync()
		require.NoError(t, f.client.Connections.Delete(f.Context(), f.user, id))
		f.connect("Wentworth-Smith")
		time.Sleep(time.Hour)
		f.settled()
		f.requireSame() // the links to the deleted connection have changed
		assert.True(t, f.sync().Idle)
	})
}
