package fleet

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// newJob creates a user and starts a job that connects the user.
func (f *fixture) newJob(login string) (userID, jobID string) {
	f.Helper()
	user, err := f.client.Users.Create(f.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
	require.NoError(f, err)
	return user.ID, f.sandbox.Connect(user.ID, "AU00000", login)
}

// A wait is continued by the next process. No run of the job polls more than once.
func TestFleet_WaitForJob_Restart(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user, jobID := f.newJob("gavinBelson")
		require.NoError(f, f.fleet.WaitForJob(f.Context(), user, jobID))
		f.start()
		f.until(time.Minute, "first poll", func() bool { return len(f.sandbox.RequestsOf("getJobs")) == 1 })
		f.until(time.Second, "snooze", func() bool { return f.jobs("basiq_wait")[0].state == "available" })
		f.stop()

		time.Sleep(2 * time.Second)
		require.Len(f, f.sandbox.RequestsOf("getJobs"), 1, "nothing polls")
		f.open()
		f.start()
		f.untilStates(time.Minute, "basiq_wait", "completed")
		f.untilStates(time.Minute, "basiq_sync", "completed")
		f.requireMirror(user)
		polls := len(f.sandbox.RequestsOf("getJobs"))
		assert.Less(f, polls, 10)
		assert.Equal(f, 1, f.count(`SELECT COUNT(*) FROM basiq_fleet_user WHERE user_id = ?`, user))
	})
}

// If only the user can help, the application is told once, and again if it returns an error.
func TestFleet_WaitForJob_AskUser(t *testing.T) {
	t.Parallel()
	tries := 0
	run(t, func(f *fixture) {
		user, jobID := f.newJob("bighead")
		require.NoError(f, f.fleet.WaitForJob(f.Context(), user, jobID))
		f.start()
		f.untilStates(2*time.Minute, "basiq_ask_user", "completed")
		assert.Equal(f, []string{"cancelled"}, states(f.jobs("basiq_wait")))
		require.NoError(f, f.fleet.WaitForJob(f.Context(), user, jobID))
		f.untilStates(2*time.Minute, "basiq_wait", "cancelled", "cancelled")
		asked := f.asks()
		require.Len(f, asked, 1)
		assert.Equal(f, user, asked[0].UserID)
		assert.Equal(f, jobID, asked[0].JobID)
		assert.Equal(f, basiq.NeedCredentials, asked[0].Need)
		assert.Equal(f, 2, tries)
	}, func(f *fixture) {
		record := f.config.OnAskUser
		f.config.OnAskUser = func(ctx context.Context, ask Ask) error {
			if tries++; tries == 1 {
				return errors.New("the application is not ready")
			}
			return record(ctx, ask)
		}
	})
}

// A challenge does not end the wait: the user is asked once, and the wait continues after the answer.
func TestFleet_WaitForJob_MFA(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user := f.userAt("AU00002", "gavinBelson")
		job, err := f.client.Connections.Refresh(f.Context(), user, f.connection(user).ID)
		require.NoError(f, err)
		require.NoError(f, f.fleet.WaitForJob(f.Context(), user, job.ID))
		f.start()
		f.until(time.Minute, "ask", func() bool { return len(f.asks()) == 1 })
		assert.Equal(f, Ask{UserID: user, Need: basiq.NeedMFA, JobID: job.ID, ConnectionID: f.asks()[0].ConnectionID}, f.asks()[0])
		time.Sleep(20 * time.Second) // several polls
		_, err = f.client.Jobs.AnswerMFA(f.Context(), user, job.ID, basiq.NewSecret("Hooli"))
		require.NoError(f, err)
		f.untilStates(2*time.Minute, "basiq_wait", "completed")
		f.until(time.Minute, "sync", func() bool { all := f.jobs("basiq_sync"); return len(all) > 0 && all[0].state == "completed" })
		assert.Len(f, f.asks(), 1)
	})
}

// After a failure that may pass, the sweep refreshes the connection later.
func TestFleet_WaitForJob_Failed(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user, jobID := f.newJob("jianYang")
		require.NoError(f, f.fleet.AddUsers(f.Context(), user))
		require.NoError(f, f.fleet.WaitForJob(f.Context(), user, jobID))
		f.start()
		f.untilStates(2*time.Minute, "basiq_wait", "cancelled")
		at := f.count(`SELECT refresh_at FROM basiq_fleet_user WHERE user_id = ?`, user)
		assert.InDelta(f, time.Now().Add(time.Hour).Unix(), at, 60)
		assert.Empty(f, f.asks())
	})
}

func TestFleet_WaitForJob_OtherUser(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		other := f.user("richard")
		_, jobID := f.newJob("gavinBelson")
		time.Sleep(time.Minute)
		require.NoError(f, f.fleet.WaitForJob(f.Context(), other, jobID))
		f.start()
		f.untilStates(time.Minute, "basiq_wait", "cancelled")
		assert.Empty(f, f.jobs("basiq_sync"))
	})
}

// A job whose polls fail is polled again.
func TestFleet_WaitForJob_Faults(t *testing.T) {
	t.Parallel()
	run(t, func(f *fixture) {
		user, jobID := f.newJob("gavinBelson")
		f.sandbox.Inject(basiqtest.Fail(502), basiqtest.Operations("getJobs"), basiqtest.Times(6))
		require.NoError(f, f.fleet.WaitForJob(f.Context(), user, jobID))
		f.start()
		f.untilStates(30*time.Minute, "basiq_wait", "completed")
	})
}
