package main

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func TestPrintMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		client, err := sandbox.NewClient()
		require.NoError(t, err)
		user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
		require.NoError(t, err)
		require.ErrorContains(t, printMetrics(t.Context(), client, user.ID, nil), "not connected a bank")

		_, err = client.Jobs.Wait(t.Context(), sandbox.Connect(user.ID, "AU00000", "gavinBelson"))
		require.NoError(t, err)
		var out strings.Builder
		require.NoError(t, printMetrics(t.Context(), client, user.ID, &out))
		assert.Greater(t, strings.Count(out.String(), "\n"), 10)
		assert.Regexp(t, `(?m)^ME\d+ +\S.* +-?[\d.]+$`, out.String())
	})
}
