package basiqtest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func TestSandbox_NewClient(t *testing.T) {
	t.Parallel()
	t.Run("in memory, on the bubble's clock", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client, err := basiqtest.New(t).NewClient(basiq.WithAPIVersion(basiq.APIVersion21))
			require.NoError(t, err)
			user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
			require.NoError(t, err)
			start := time.Now()
			connection, err := client.Connections.CreateAndWait(t.Context(), user.ID, basiq.CreateConnection{
				InstitutionID: "AU00000", LoginID: basiq.NewSecret("gavinBelson"), Password: basiq.NewSecret("hooli2016"),
			})
			require.NoError(t, err)
			assert.Equal(t, basiq.ConnectionStatusActive, connection.Status)
			assert.Greater(t, time.Since(start), 3*time.Second)
			assert.Less(t, time.Since(start), 30*time.Second)
		})
	})
	t.Run("over a port", func(t *testing.T) {
		t.Parallel()
		sandbox, err := basiqtest.Start(basiqtest.WithSpeed(1000))
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, sandbox.Close()) })
		client, err := sandbox.NewClient()
		require.NoError(t, err)
		_, err = client.Users.Get(t.Context(), noID)
		require.ErrorIs(t, err, basiq.ErrNotFound)
	})
	t.Run("bad option", func(t *testing.T) {
		t.Parallel()
		_, err := basiqtest.New(t).NewClient(basiq.WithAPIVersion("1.0"))
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
	})
}
