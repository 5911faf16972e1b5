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

func TestRun_WithoutKey(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), "", "", &out))
	assert.Greater(t, strings.Count(out.String(), "\n"), 500)
	assert.Regexp(t, `(?m)^\d{4}-\d\d-\d\d -?\d+\.\d\d AUD \S`, out.String())
}

func TestRun_WithoutUser(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, run(t.Context(), "key", "", nil), basiq.ErrInvalidInput)
}

func TestPrintTransactions_UnknownUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, err := basiqtest.New(t).NewClient()
		require.NoError(t, err)
		require.ErrorIs(t, printTransactions(t.Context(), client, "unknown", nil), basiq.ErrBadRequest)
	})
}
