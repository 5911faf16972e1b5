package fleet

import (
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func TestFleet_Refresh(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.user("gavinBelson")
		require.NoError(f, f.fleet.Refresh(f.Context(), user))
		f.start()
		f.untilStates(time.Minute, "basiq_refresh", "completed")
		assert.Empty(f, f.sandbox.RequestsOf("refreshConnection"), "the connection was used recently")
		assert.Empty(f, f.jobs("basiq_sync_later"), "no wait can be lost in the first run")
		f.stop()

		time.Sleep(25 * time.Hour)
		f.open()
		require.NoError(f, f.fleet.Refresh(f.Context(), user))
		require.NoError(f, f.fleet.Refresh(f.Context(), user))
		f.start()
		f.untilStates(2*time.Minute, "basiq_wait", "completed")
		f.until(time.Minute, "sync", func() bool { all := f.jobs("basiq_sync"); return len(all) > 0 && all[0].state == "completed" })
		assert.Len(f, f.sandbox.RequestsOf("refreshConnection"), 1)
		f.requireMirror(user)
	})
}

// A refresh whose job could not be stored returns the running job when it is repeated.
func TestFleet_Refresh_Again(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.user("gavinBelson")
		time.Sleep(25 * time.Hour)
		started, err := f.client.Connections.Refresh(f.Context(), user, f.connection(user).ID)
		require.NoError(f, err)
		require.NoError(f, f.fleet.Refresh(f.Context(), user))
		f.start()
		f.until(time.Minute, "wait", func() bool { return len(f.jobs("basiq_wait")) == 1 })
		assert.Contains(f, f.jobs("basiq_wait")[0].args, started.ID)
	})
}

// refreshWithoutWait asks for the refresh of a new user, whose wait cannot be stored.
func (f *fixture) refreshWithoutWait() (userID string) {
	f.Helper()
	userID = f.user("gavinBelson")
	time.Sleep(25 * time.Hour)
	_, err := f.db.DB.Exec(`CREATE TRIGGER lost BEFORE INSERT ON river_job WHEN NEW.kind = 'basiq_wait' BEGIN SELECT RAISE(ABORT, 'lost'); END`)
	require.NoError(f, err)
	require.NoError(f, f.fleet.Refresh(f.Context(), userID))
	return userID
}

// A refresh whose wait was never stored is followed by a sync, although the next run finds the connection recent.
func TestFleet_Refresh_LostWait(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.refreshWithoutWait()
		f.start()
		f.untilStates(10*time.Minute, "basiq_refresh", "completed")
		require.Greater(f, f.jobs("basiq_refresh")[0].attempt, 1)
		require.Empty(f, f.jobs("basiq_wait"))
		require.Empty(f, f.jobs("basiq_sync"))
		f.until(2*lostWaitDelay, "sync", func() bool { all := f.jobs("basiq_sync"); return len(all) > 0 && all[0].state == "completed" })
		f.requireMirror(user)
	})
}

// If another sync is scheduled that may be too early, the refresh runs again to schedule its own.
func TestFleet_Refresh_LostWaitAndEarlySync(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.refreshWithoutWait()
		_, err := f.fleet.River().Insert(f.Context(), SyncLaterArgs{UserID: user}, &river.InsertOpts{ScheduledAt: time.Now().Add(lostWaitDelay)})
		require.NoError(f, err)
		f.start()
		f.untilStates(10*time.Minute, "basiq_refresh", "completed")
		assert.Len(f, f.jobs("basiq_sync_later"), 2)
	})
}

func TestFleet_Refresh_Invalid(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user, jobID := f.newJob("bighead")
		_, err := f.client.Jobs.Wait(f.Context(), jobID)
		require.ErrorIs(f, err, basiq.CodeInvalidCredentials)
		require.Equal(f, basiq.ConnectionStatusInvalid, f.connection(user).Status)
		require.NoError(f, f.fleet.Refresh(f.Context(), user))
		f.start()
		f.untilStates(time.Minute, "basiq_ask_user", "completed")
		assert.Equal(f, []Ask{{UserID: user, ConnectionID: f.connection(user).ID, Need: basiq.NeedCredentials}}, f.asks())
		assert.Equal(f, []string{"completed"}, states(f.jobs("basiq_refresh")))
	})
}

// An open-banking connection is refreshed at most 20 times in any 24 hours, other connections as often as they are stale.
func TestFleet_Refresh_Budget(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options []basiqtest.ConnectOption
		want    int
	}{"open banking": {[]basiqtest.ConnectOption{basiqtest.WithOpenBanking()}, refreshBudget}, "web": {nil, 24}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(f *fixture) {
				user := f.user("gavinBelson", test.options...)
				for n := range 24 {
					f.stop()                              // an idle fleet would poll its database
					time.Sleep(time.Hour - 2*time.Minute) // the last refresh is within 24 hours of the first
					f.open()
					f.start()
					require.NoError(f, f.fleet.Refresh(f.Context(), user))
					f.until(time.Minute, "refresh", func() bool {
						return len(f.jobs("basiq_refresh")) == n+1 && f.jobs("basiq_refresh")[n].state == "completed"
					})
				}
				assert.Len(f, f.sandbox.RequestsOf("refreshConnection"), test.want)
			}, func(f *fixture) {
				f.config.RefreshAge = 30 * time.Minute
			})
		})
	}
}

func TestFleet_spendRefresh(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for n := range refreshBudget {
			next, err := f.fleet.spendRefresh(f.Context(), "c1", now.Add(time.Duration(n)*time.Minute))
			require.NoError(f, err)
			require.Zero(f, next)
		}
		for _, test := range []struct {
			name, connection string
			at               time.Duration
			spent            bool
		}{
			{"a refresh too many", "c1", time.Hour, true},
			{"another connection", "c2", time.Hour, false},
			{"just before the first is forgotten", "c1", 24*time.Hour - time.Second, true},
			{"after the first is forgotten", "c1", 24 * time.Hour, false},
			{"the second is not forgotten", "c1", 24 * time.Hour, true},
			{"much later", "c1", 100 * time.Hour, false},
		} {
			next, err := f.fleet.spendRefresh(f.Context(), test.connection, now.Add(test.at))
			require.NoError(f, err, test.name)
			assert.Equal(f, test.spent, !next.IsZero(), test.name)
		}
	})
}
