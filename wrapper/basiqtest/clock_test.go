package basiqtest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func TestSandbox_Advance(t *testing.T) {
	t.Parallel()
	sandbox, err := basiqtest.Start()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sandbox.Close()) })
	c := newCaller(t, sandbox, "3.0", server, "")
	userID := c.newUser()
	path := "/users/" + userID
	job := sandbox.Connect(userID, hooli, "gavinBelson")
	assert.Equal(t, "in-progress", c.get("/jobs/"+job).text("status"))
	require.NoError(t, sandbox.Advance(long))
	assert.Equal(t, "success", c.get("/jobs/"+job).text("status"))
	assert.Contains(t, c.eventTypesOf(userID), "transactions.updated")
	before := c.get(path + "/transactions?limit=1").under("size").raw

	require.NoError(t, sandbox.Advance(3*24*time.Hour))
	assert.WithinDuration(t, time.Now().Add(3*24*time.Hour+long), sandbox.Now(), time.Minute)
	c.get(path).requireError(http.StatusForbidden, "access-denied", "Token has expired")
	c = c.as("3.0", server, "")
	require.Equal(t, http.StatusAccepted, c.post(path+"/connections/refresh", nil).status)
	require.NoError(t, sandbox.Advance(long))
	assert.NotEqual(t, before, c.get(path+"/transactions?limit=1").under("size").raw, "transactions of later days")
	for _, r := range sandbox.Requests() {
		assert.GreaterOrEqual(t, r.Duration, time.Duration(0))
		assert.Less(t, r.Duration, time.Hour, "the real time, not the sandbox's")
	}
}

func TestSandbox_Advance_Invalid(t *testing.T) {
	t.Parallel()
	sandbox := basiqtest.New(t)
	require.EqualError(t, sandbox.Advance(-1), "basiqtest: Advance: negative duration -1ns")
	require.NoError(t, sandbox.Advance(0))
	require.NoError(t, sandbox.Advance(9*365*24*time.Hour))
	for _, d := range []time.Duration{2 * 365 * 24 * time.Hour, 1<<63 - 1} {
		require.EqualError(t, sandbox.Advance(d), "basiqtest: Advance: clock would be more than ten years ahead")
	}
	assert.WithinDuration(t, time.Now().Add(9*365*24*time.Hour), sandbox.Now(), time.Minute)
}
