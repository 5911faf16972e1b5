package basiq_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// connectionUsed returns a connection with a status that was last used the given time ago.
func connectionUsed(status string, ago time.Duration) stubResponse {
	used := time.Now().Add(-ago).UTC().Format(time.RFC3339)
	return ok(200, strings.Replace(connectionJSON, `"status":"active"`, `"status":"`+status+`","lastUsed":"`+used+`"`, 1))
}

func TestConnections_RefreshIfStale(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		status  string
		ago     time.Duration
		skipped basiq.RefreshSkip
	}{
		"stale":           {status: "active", ago: day + time.Second},
		"just old enough": {status: "active", ago: day, skipped: basiq.RefreshSkipRecent},
		"recent":          {status: "active", ago: time.Hour, skipped: basiq.RefreshSkipRecent},
		"in the future":   {status: "active", ago: -time.Hour, skipped: basiq.RefreshSkipRecent},
		"pending":         {status: "pending", ago: 2 * day, skipped: basiq.RefreshSkipPending},
		"invalid":         {status: "invalid", ago: 2 * day, skipped: basiq.RefreshSkipInvalid},
		"init":            {status: "init", ago: 2 * day, skipped: basiq.RefreshSkipInactive},
		"revoked":         {status: "revoked", ago: 2 * day, skipped: basiq.RefreshSkipInactive},
		"unknown status":  {status: "asleep", ago: 2 * day, skipped: basiq.RefreshSkipInactive},
		"empty status":    {status: "", ago: 2 * day, skipped: basiq.RefreshSkipUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, client := newStub(t, connectionUsed(c.status, c.ago), ok(202, jobJSON))
				refresh, err := client.Connections.RefreshIfStale(t.Context(), userID, connID, day)
				require.NoError(t, err)
				assert.Equal(t, connID, refresh.Connection.ID)
				assert.EqualValues(t, c.status, refresh.Connection.Status, "the connection must be from before the refresh")
				assert.Equal(t, c.skipped, refresh.Skipped)
				assert.Equal(t, c.skipped == "", refresh.Job != nil, "either a job or a reason must be set")
				var sent []string
				for _, request := range s.seen() {
					sent = append(sent, request.String())
				}
				want := []string{"GET /users/u1/connections/c1"}
				if c.skipped == "" {
					want = append(want, "POST /users/u1/connections/c1/refresh")
					assert.Equal(t, jobID, refresh.Job.ID)
				}
				assert.Equal(t, want, sent)
			})
		})
	}
}

// With a CLIENT_ACCESS token the time when a connection was last used is unknown.
func TestConnections_RefreshIfStale_MissingLastUsed(t *testing.T) {
	t.Parallel()
	for _, used := range []string{"", `"lastUsed":null,`, `"lastUsed":"",`, `"lastUsed":"yesterday",`} {
		s, client := newStub(t, ok(200, strings.Replace(connectionJSON, `"status"`, used+`"status"`, 1)))
		refresh, err := client.Connections.RefreshIfStale(t.Context(), userID, connID, time.Hour)
		require.NoError(t, err)
		assert.Equal(t, basiq.RefreshSkipUnknown, refresh.Skipped, used)
		assert.Nil(t, refresh.Job)
		assert.Len(t, s.seen(), 1)
	}
}

func TestConnections_RefreshIfStale_Errors(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(404, envelope("resource-not-found", "", "")))
	for _, age := range []time.Duration{0, -time.Hour} {
		refresh, err := client.Connections.RefreshIfStale(t.Context(), userID, connID, age)
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
		require.ErrorContains(t, err, "basiq: Connections.RefreshIfStale: age: ")
		assert.Nil(t, refresh)
	}
	for _, ids := range [][2]string{{"..", connID}, {userID, ".."}} {
		_, err := client.Connections.RefreshIfStale(t.Context(), ids[0], ids[1], time.Hour)
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
	}
	assert.Empty(t, s.seen())
	refresh, err := client.Connections.RefreshIfStale(t.Context(), userID, connID, time.Hour)
	require.ErrorIs(t, err, basiq.ErrNotFound)
	assert.Nil(t, refresh)

	_, client = newStub(t, connectionUsed("active", 2*time.Hour), ok(400, envelope("invalid-credentials", "", "")))
	refresh, err = client.Connections.RefreshIfStale(t.Context(), userID, connID, time.Hour)
	require.ErrorIs(t, err, basiq.CodeInvalidCredentials)
	assert.Nil(t, refresh)

	_, client = newStub(t, connectionUsed("active", 2*time.Hour), ok(200, jobJSON))
	refresh, err = client.Connections.RefreshIfStale(t.Context(), userID, connID, time.Hour)
	require.NoError(t, err)
	assert.True(t, refresh.Job.AlreadyRunning)
}

// A connection of a list is refreshed without another request for it.
func TestRefreshListedIfStale(t *testing.T) {
	t.Parallel()
	for _, version := range []basiq.APIVersion{basiq.APIVersion21, basiq.APIVersion30} {
		synctest.Test(t, func(t *testing.T) {
			box := basiqtest.New(t)
			client, err := box.NewClient(basiq.WithAPIVersion(version))
			require.NoError(t, err)
			user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
			require.NoError(t, err)
			_, err = client.Jobs.Wait(t.Context(), box.Connect(user.ID, "AU00000", "gavinBelson"))
			require.NoError(t, err)

			for _, c := range []struct {
				after   time.Duration
				skipped basiq.RefreshSkip
			}{{0, basiq.RefreshSkipRecent}, {48 * time.Hour, ""}} {
				time.Sleep(c.after)
				for connection, err := range client.Connections.List(t.Context(), user.ID) {
					require.NoError(t, err)
					assert.Equal(t, c.skipped, basiq.SkipRefresh(connection, 24*time.Hour))
					refresh, err := client.Connections.RefreshListedIfStale(t.Context(), user.ID, connection, 24*time.Hour)
					require.NoError(t, err)
					assert.Equal(t, c.skipped, refresh.Skipped)
					assert.Equal(t, c.skipped == "", refresh.Job != nil)
					assert.Same(t, connection, refresh.Connection)
				}
			}
			assert.Equal(t, basiq.RefreshSkipUnknown, basiq.SkipRefresh(nil, time.Hour))
			assert.Empty(t, box.RequestsOf("getConnection"))
			assert.Len(t, box.RequestsOf("refreshConnection"), 1)
		})
	}
}

func TestRefreshListedIfStale_Errors(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(400, envelope("invalid-credentials", "", "")))
	stale := &basiq.Connection{ID: connID, Status: basiq.ConnectionStatusActive, LastUsed: "2020-01-01T00:00:00Z"}
	for _, c := range []struct {
		userID     string
		connection *basiq.Connection
		age        time.Duration
		problem    string
	}{
		{userID, nil, time.Hour, "connection: missing"},
		{userID, new(basiq.Connection), time.Hour, "invalid connectionID: "},
		{"..", stale, time.Hour, "invalid userID: "},
		{userID, stale, 0, "age: must be positive"},
	} {
		refresh, err := client.Connections.RefreshListedIfStale(t.Context(), c.userID, c.connection, c.age)
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
		require.ErrorContains(t, err, "basiq: Connections.RefreshListedIfStale: "+c.problem)
		assert.Nil(t, refresh)
	}
	assert.Empty(t, s.seen())

	// With a CLIENT_ACCESS token a listed connection has neither a status nor a time.
	refresh, err := client.Connections.RefreshListedIfStale(t.Context(), userID, &basiq.Connection{ID: connID}, time.Hour)
	require.NoError(t, err)
	assert.Equal(t, basiq.RefreshSkipUnknown, refresh.Skipped)
	assert.Empty(t, s.seen())

	refresh, err = client.Connections.RefreshListedIfStale(t.Context(), userID, stale, time.Hour)
	require.ErrorIs(t, err, basiq.CodeInvalidCredentials)
	assert.Nil(t, refresh)
}
