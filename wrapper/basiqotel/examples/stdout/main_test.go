package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	for _, want := range []string{
		`"Name": "GET /users/{userId}"`, `"Name": "wait backoff"`, `"Name": "Users.Get"`, `"Name": "wait for job"`,
		`"basiq.client.call.duration"`, `"basiq.client.job.wait.duration"`,
	} {
		assert.Contains(t, out.String(), want)
	}
	assert.NotContains(t, out.String(), "gavin")
}
