package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// connected runs a test with a user who has connected a bank. Time in the test is virtual, so retries and jobs take no time.
func connected(t *testing.T, test func(t *testing.T, sandbox *basiqtest.Sandbox, client *basiq.Client, userID string)) {
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		client, err := sandbox.NewClient()
		require.NoError(t, err)
		user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
		require.NoError(t, err)
		_, err = client.Jobs.Wait(t.Context(), sandbox.Connect(user.ID, "AU00000", "gavinBelson"))
		require.NoError(t, err)
		test(t, sandbox, client, user.ID)
	})
}

// The result must be correct despite failures that pass.
func TestAvailable(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]basiqtest.Fault{
		"no fault":       nil,
		"unavailable":    {basiqtest.Fail(503)},
		"proxy error":    {basiqtest.BadGateway()},
		"connection":     {basiqtest.ResetAfter()},
		"rate limit":     {basiqtest.TooManyRequests(5 * time.Second)},
		"token expired":  {basiqtest.ExpireToken()},
		"slow and reset": {basiqtest.Latency(3 * time.Second), basiqtest.ResetBefore()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connected(t, func(t *testing.T, sandbox *basiqtest.Sandbox, client *basiq.Client, userID string) {
				want, err := available(t.Context(), client, userID)
				require.NoError(t, err)
				for _, fault := range faults {
					sandbox.Inject(fault, basiqtest.Operations("getAccounts"), basiqtest.Times(1))
				}
				got, err := available(t.Context(), client, userID)
				require.NoError(t, err)
				assert.Equal(t, want, got)
				assert.Positive(t, got.Sign())
			})
		})
	}
}

func TestAvailable_Outage(t *testing.T) {
	t.Parallel()
	connected(t, func(t *testing.T, sandbox *basiqtest.Sandbox, client *basiq.Client, userID string) {
		sandbox.ForgetRequests()
		sandbox.Inject(basiqtest.Fail(503))
		_, err := available(t.Context(), client, userID)
		require.ErrorIs(t, err, basiq.ErrUnavailable)
		assert.Len(t, sandbox.RequestsOf("getAccounts"), 4, "one attempt and three retries")
	})
}
