package fleet

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The sweep inserts jobs for users that are due, at most as many as its rates allow, and each once.
func TestFleet_Sweep(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		var users []string
		for n := range 100 {
			users = append(users, fmt.Sprintf("00000000-0000-0000-0000-%012d", n))
		}
		require.NoError(f, f.fleet.AddUsers(f.Context(), users...))
		require.NoError(f, f.fleet.AddUsers(f.Context(), users...))
		require.Equal(f, 100, f.count(`SELECT COUNT(*) FROM basiq_fleet_user`))
		_, err := f.db.DB.Exec(`UPDATE basiq_fleet_user SET refresh_at = sync_at`)
		require.NoError(f, err)
		require.NoError(f, f.fleet.Sync(f.Context(), users[0])) // an event

		sweep := func() {
			require.NoError(f, f.fleet.insertDue(f.Context(), "sync_at", 0.5, syncArgsOf))
			require.NoError(f, f.fleet.insertDue(f.Context(), "refresh_at", 0.1, refreshArgsOf))
		}
		sweep()
		syncs := f.jobs("basiq_sync")
		assert.Len(f, syncs, 30, "0.5 users a second for a minute, one of them inserted before")
		assert.Len(f, f.jobs("basiq_refresh"), 6)
		assert.Equal(f, 1, f.count(`SELECT COUNT(*) FROM river_job WHERE kind = 'basiq_sync' AND priority = ?`, priorityEvent))
		for range 3 {
			sweep()
		}
		assert.Len(f, f.jobs("basiq_sync"), 100)
		sweep()
		assert.Len(f, f.jobs("basiq_sync"), 100, "no user is due")
		assert.Len(f, f.jobs("basiq_refresh"), 30)

		time.Sleep(sweepLease + time.Second)
		sweep()
		assert.Len(f, f.jobs("basiq_sync"), 100, "the jobs have not run")
		assert.Zero(f, f.count(`SELECT COUNT(*) FROM basiq_fleet_user WHERE sync_at = 0`))
	})
}

// The periodic job keeps users up to date without events.
func TestFleet_Sweep_Periodic(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.user("gavinBelson")
		time.Sleep(25 * time.Hour) // the connection is stale
		require.NoError(f, f.fleet.AddUsers(f.Context(), user))
		_, err := f.db.DB.Exec(`UPDATE basiq_fleet_user SET refresh_at = 0`)
		require.NoError(f, err)
		f.start()
		f.until(5*time.Minute, "refresh", func() bool { all := f.jobs("basiq_wait"); return len(all) == 1 && all[0].state == "completed" })
		f.until(5*time.Minute, "sync", func() bool { all := f.jobs("basiq_sync"); return all[len(all)-1].state == "completed" })
		f.requireMirror(user)
		at := f.count(`SELECT refresh_at FROM basiq_fleet_user`)
		assert.InDelta(f, time.Now().Add(24*time.Hour).Unix(), at, 600)
	}, func(f *fixture) { f.config.tune = withPeriodicJobs })
}
