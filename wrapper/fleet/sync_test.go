package fleet

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func (f *fixture) untilStates(limit time.Duration, kind string, want ...string) {
	f.Helper()
	f.until(limit, kind+" "+strings.Join(want, ", "), func() bool { return strings.Join(states(f.jobs(kind)), " ") == strings.Join(want, " ") })
}

func TestFleet_Sync(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.user("gavinBelson")
		require.NoError(f, f.fleet.Sync(f.Context(), user))
		require.NoError(f, f.fleet.Sync(f.Context(), user))
		require.Len(f, f.jobs("basiq_sync"), 1, "jobs are unique by user")
		f.start()
		f.untilStates(time.Minute, "basiq_sync", "completed")
		f.requireMirror(user)
		assert.Equal(f, []string{"scheduled"}, states(f.jobs("basiq_sync_later")), "the account has not settled")
		f.untilStates(10*time.Minute, "basiq_sync", "completed", "completed")
		assert.Equal(f, []string{"completed"}, states(f.jobs("basiq_sync_later")))
		next := f.count(`SELECT sync_at FROM basiq_fleet_user WHERE user_id = ?`, user)
		assert.InDelta(f, time.Now().Add(7*24*time.Hour).Unix(), next, 3600, "the next full read")
	})
}

// An event that arrives during a sync causes another sync, after the running one.
func TestFleet_Sync_EventWhileRunning(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.user("gavinBelson")
		f.sandbox.Inject(basiqtest.Latency(20*time.Second), basiqtest.Operations("getAccounts"), basiqtest.Times(1))
		require.NoError(f, f.fleet.Sync(f.Context(), user))
		f.start()
		f.untilStates(time.Minute, "basiq_sync", "running")
		for _, event := range []string{"e1", "e2"} {
			assert.Equal(f, http.StatusNoContent, f.deliver(event, event, "transactions.updated", "/users/"+user+"/transactions"))
		}
		require.Equal(f, []string{"running"}, states(f.jobs("basiq_sync")))
		require.Len(f, f.jobs("basiq_sync_later"), 1, "one job for all events")
		f.until(time.Minute, "a second sync", func() bool {
			all := states(f.jobs("basiq_sync"))
			if len(all) == 2 {
				require.Equal(f, "completed", all[0], "syncs of a user do not overlap")
			}
			return len(all) == 2 && all[1] == "completed"
		})
	})
}

// Temporary failures snooze a job. They use no attempts.
func TestFleet_Sync_Snooze(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.user("gavinBelson")
		f.sandbox.Inject(basiqtest.Fail(503), basiqtest.Operations("getAccounts"), basiqtest.Times(8))
		require.NoError(f, f.fleet.Sync(f.Context(), user))
		f.start()
		f.untilStates(2*time.Minute, "basiq_sync", "scheduled")
		assert.Zero(f, f.jobs("basiq_sync")[0].attempt)
		f.untilStates(20*time.Minute, "basiq_sync", "completed")
		f.requireMirror(user)
	})
}

// A job that cannot succeed is canceled, and its user leaves the schedule.
func TestFleet_Sync_Cancel(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		require.NoError(f, f.fleet.Sync(f.Context(), "6dd30ce4-d4ba-11ec-9d64-0242ac120002"))
		require.Equal(f, 1, f.count(`SELECT COUNT(*) FROM basiq_fleet_user`))
		f.start()
		f.untilStates(time.Minute, "basiq_sync", "cancelled")
		assert.Zero(f, f.count(`SELECT COUNT(*) FROM basiq_fleet_user`))
	})
}

// A sync that the process interrupts continues in the next process.
func TestFleet_Stop(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.user("gavinBelson")
		f.sandbox.Inject(basiqtest.Latency(time.Minute), basiqtest.Operations("getAccounts"), basiqtest.Times(1))
		require.NoError(f, f.fleet.Sync(f.Context(), user))
		f.start()
		f.untilStates(time.Minute, "basiq_sync", "running")
		f.stop()
		require.Equal(f, []string{"available"}, states(f.jobs("basiq_sync")))
		f.open()
		f.start()
		f.untilStates(time.Minute, "basiq_sync", "completed")
		f.requireMirror(user)
	})
}
