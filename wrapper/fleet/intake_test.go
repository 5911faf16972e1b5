package fleet

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

func TestFleet_WebhookHandler(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.user("gavinBelson")
		entity := "/users/" + user + "/transactions"
		assert.Equal(f, http.StatusNoContent, f.deliver("d1", "e1", "transactions.updated", entity))
		f.start()
		f.untilStates(time.Minute, "basiq_sync", "completed")
		f.requireMirror(user)
		assert.Equal(f, http.StatusNoContent, f.deliver("d1", "e1", "transactions.updated", entity))
		assert.Equal(f, http.StatusNoContent, f.deliver("d2", "e1", "transactions.updated", entity), "the same event")
		assert.Equal(f, http.StatusNoContent, f.deliver("d3", "e3", "institution.invented", entity))
		assert.Len(f, f.jobs("basiq_sync"), 1, "nothing to do")
		assert.Equal(f, http.StatusNoContent, f.deliver("d4", "e4", "account.updated", entity))
		assert.Len(f, f.jobs("basiq_sync"), 2)
		assert.Equal(f, 1, f.count(`SELECT COUNT(*) FROM basiq_fleet_user WHERE user_id = ?`, user))
		assert.Zero(f, f.count(`SELECT COUNT(*) FROM basiq_task`))
	})
}

// A delivery and its job are stored together or not at all, wherever the transaction fails.
func TestFleet_WebhookHandler_Atomic(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"basiq_delivery", "river_job", "basiq_fleet_user"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			run(t, func(f *fixture) {
				_, err := f.db.DB.Exec(`CREATE TRIGGER fault BEFORE INSERT ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'injected'); END`)
				require.NoError(f, err)
				assert.Equal(f, http.StatusInternalServerError, f.deliver("d1", "e1", "transactions.updated", "/users/u1/transactions"))
				for _, table := range []string{"basiq_delivery", "river_job", "basiq_fleet_user"} {
					assert.Zero(f, f.count(`SELECT COUNT(*) FROM `+table), table)
				}
				_, err = f.db.DB.Exec(`DROP TRIGGER fault`)
				require.NoError(f, err)
				assert.Equal(f, http.StatusNoContent, f.deliver("d1", "e1", "transactions.updated", "/users/u1/transactions"))
				assert.Len(f, f.jobs("basiq_sync"), 1)
			})
		})
	}
}

func TestFleet_Erase(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.user("gavinBelson")
		require.NoError(f, f.fleet.Sync(f.Context(), user))
		f.start()
		f.untilStates(time.Minute, "basiq_sync", "completed")

		entity := "/users/" + user + "/consents/c1"
		assert.Equal(f, http.StatusNoContent, f.deliver("d1", "e1", "consent.revoked", entity))
		f.untilStates(time.Minute, "basiq_erase", "completed")
		f.untilStates(time.Minute, "basiq_sync", "completed", "completed")
		f.requireMirror(user) // another consent is active

		for consent, err := range f.client.Consents.List(f.Context(), user) {
			require.NoError(f, err)
			require.NoError(f, f.client.Consents.Delete(f.Context(), user, consent.ID))
		}
		assert.Equal(f, http.StatusNoContent, f.deliver("d2", "e2", "consent.revoked", entity))
		f.untilStates(time.Minute, "basiq_erase", "completed", "completed")
		assert.Zero(f, f.count(`SELECT COUNT(*) FROM basiq_transaction`))
		assert.Zero(f, f.count(`SELECT COUNT(*) FROM basiq_fleet_user`))
		deletion, err := f.fleet.Mirror().Erase(f.Context(), user, mirror.ReasonUserRequest)
		require.NoError(f, err)
		assert.Equal(f, mirror.ReasonConsentRevoked, deletion.Reason)

		require.NoError(f, f.fleet.AddUsers(f.Context(), user))
		assert.Zero(f, f.count(`SELECT COUNT(*) FROM basiq_fleet_user`), "an erased user stays erased")
		require.NoError(f, f.fleet.Sync(f.Context(), user))
		f.until(time.Minute, "canceled sync", func() bool { all := states(f.jobs("basiq_sync")); return all[len(all)-1] == "cancelled" })
	})
}

// Erase deletes the rows of the application in the same transaction.
func TestFleet_Erase_ByRequest(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.user("gavinBelson")
		require.NoError(f, f.fleet.Sync(f.Context(), user))
		f.start()
		f.untilStates(time.Minute, "basiq_sync", "completed")
		require.NoError(f, f.fleet.Erase(f.Context(), user, mirror.ReasonUserRequest))
		f.untilStates(time.Minute, "basiq_erase", "completed")
		assert.Zero(f, f.count(`SELECT COUNT(*) FROM basiq_transaction`))
		require.ErrorContains(f, f.fleet.Erase(f.Context(), user, "other"), "unknown reason")
	})
}

// The events that no webhook delivered are read at the start, and a webhook that Basiq does not know is a failure.
func TestFleet_CatchUp(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.user("gavinBelson")
		f.start()
		f.untilStates(time.Minute, "basiq_catch_up", "cancelled")
		f.until(time.Minute, "sync", func() bool { return len(f.jobs("basiq_sync")) > 0 && f.jobs("basiq_sync")[0].state == "completed" })
		f.requireMirror(user)
	}, func(f *fixture) { f.config.WebhookID, f.config.tune = "unknown", withPeriodicJobs })
}

func TestFleet_ListUsers(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		for range 3 {
			_, err := f.client.Users.Create(f.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
			require.NoError(f, err)
		}
		_, err := f.fleet.River().Insert(f.Context(), listUsersArgs{leader{"a process that was killed"}}, nil)
		require.NoError(f, err)
		_, err = f.db.DB.Exec(`UPDATE river_job SET state = 'running', attempted_at = scheduled_at`)
		require.NoError(f, err)
		f.start()
		f.untilStates(time.Minute, "basiq_list_users", "running", "completed")
		assert.Equal(f, 3, f.count(`SELECT COUNT(*) FROM basiq_fleet_user`))
	}, func(f *fixture) { f.config.tune = withPeriodicJobs })
}
