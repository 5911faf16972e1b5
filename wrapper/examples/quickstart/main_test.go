package main

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// start runs the program and returns its output.
func start(t *testing.T, environment map[string]string, in string, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := run(t.Context(), args, func(name string) string { return environment[name] }, strings.NewReader(in), &out)
	return out.String(), err
}

func TestQuickstart(t *testing.T) {
	t.Parallel()
	out, err := start(t, nil, "", "-speed", "100")
	require.NoError(t, err)
	for _, want := range []string{
		"Using the basiqtest sandbox", "client.Users.Create: user ", "✓ retrieve-transactions  success", "Max Wentworth-Smith",
		"105148119696", "client.Connections.Refresh", "client.Connections.List: 1 active at AU00000.", "client.Connections.Delete",
		"client.Users.Delete", "retries: 0, token requests: 2", "Next: set BASIQ_API_KEY",
	} {
		assert.Contains(t, out, want)
	}
}

func TestQuickstart_Failures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environment map[string]string
		args        []string
		want        string
	}{
		"locked account": {nil, []string{"-login", "bighead"}, "an application would ask the user for the correct login"},
		"action needed":  {nil, []string{"-login", "erlich"}, "an application would ask the user to log in at the bank"},
		"bank is down":   {nil, []string{"-login", "jianYang"}, "an application would retry after 10m0s"},
		"wrong password": {map[string]string{"BASIQ_PASSWORD": "wrong"}, nil, "invalid-credentials"},
		"wrong answer":   {nil, []string{"-login", "jared", "-institution", "AU00002", "-answers", "4321"}, "ask the user for new answers"},
		"version":        {nil, []string{"-api-version", "3.0"}, "use -api-version 2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := start(t, c.environment, "", append([]string{"-speed", "100"}, c.args...)...)
			require.Error(t, err)
			assert.Contains(t, explain(err), c.want)
			assert.NotContains(t, explain(err), "\n")
			assert.Contains(t, out, "client.Users.Delete", "the user is deleted after a failure")
		})
	}
}

func TestFlags_Invalid(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"flag provided but not defined: -nope; see -help": {"-nope"},
		`"extra" is not a flag; see -help`:                {"extra"},
		`"nobody" is not one of Basiq's test users`:       {"-login", "nobody"},
		"-base-url requires BASIQ_API_KEY":                {"-base-url", "http://localhost:1"},
		`unsupported version "1.0"`:                       {"-api-version", "1.0"},
		"speed -1 is not a positive finite number":        {"-speed", "-1"},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			out, err := start(t, nil, "", args...)
			require.ErrorContains(t, err, want)
			assert.Empty(t, out)
		})
	}
	out, err := start(t, nil, "", "-help")
	require.ErrorIs(t, err, flag.ErrHelp)
	assert.Contains(t, out, "-institution")
}

func TestQuickstart_MFA(t *testing.T) {
	t.Parallel()
	out, err := start(t, nil, "", "-speed", "100", "-login", "richard", "-institution", "AU00002")
	require.NoError(t, err)
	assert.Contains(t, out, "OTP Password 1234")
	assert.Contains(t, out, "✓ mfa-challenge")
}

// With an API key the program uses the API, here a separate sandbox.
func TestAPIKey(t *testing.T) {
	t.Parallel()
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(100))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sandbox.Close()) })
	out, err := start(t, map[string]string{"BASIQ_API_KEY": sandbox.APIKey()}, "", "-base-url", sandbox.URL())
	require.NoError(t, err)
	assert.Contains(t, out, "Using Basiq")
	assert.NotContains(t, out, "Next:")

	for key, want := range map[string]string{
		"Basic abc": `BASIQ_API_KEY: must not begin with "Basic "`,
		"abc\n":     "BASIQ_API_KEY: must not contain spaces, line breaks",
	} {
		_, err = start(t, map[string]string{"BASIQ_API_KEY": key}, "")
		require.Error(t, err)
		assert.Contains(t, explain(err), want)
	}
	_, err = start(t, map[string]string{"BASIQ_API_KEY": "wrong"}, "", "-base-url", sandbox.URL())
	require.Error(t, err)
	assert.Equal(t, "invalid API key in BASIQ_API_KEY; copy the key from Basiq's dashboard", explain(err))

	// Two answers do not match one question, so the program reads answers from standard input.
	environment := map[string]string{"BASIQ_API_KEY": sandbox.APIKey(), "BASIQ_PASSWORD": "django"}
	args := []string{"-base-url", sandbox.URL(), "-login", "jared", "-institution", "AU00002", "-answers", "a,b"}
	_, err = start(t, environment, "", args...)
	require.ErrorContains(t, err, "no answers to the bank's questions")
	out, err = start(t, environment, "1234\n1234\n", args...)
	require.NoError(t, err)
	assert.Contains(t, out, "client.Connections.Delete")
}

// main prints one line to stderr on failure and sets the exit status.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	if args := os.Getenv("QUICKSTART_ARGS"); args != "" {
		os.Args = append(os.Args[:1], strings.Fields(args)...)
		main()
		return
	}
	for args, want := range map[string]int{"-speed 100": 0, "-help": 0, "-login bighead -speed 100": 1, "-nope": 1} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			program := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestExitStatus$")
			program.Env = append(os.Environ(), "QUICKSTART_ARGS="+args, "BASIQ_API_KEY=")
			var stderr strings.Builder
			program.Stderr = &stderr
			err := program.Run()
			assert.Equal(t, want, program.ProcessState.ExitCode())
			if want == 0 {
				require.NoError(t, err)
				assert.Empty(t, stderr.String())
			} else {
				assert.Regexp(t, `^quickstart: [^\n]+\n$`, stderr.String())
			}
		})
	}
}

func TestQuickstart_Interrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := run(ctx, nil, func(string) string { return "" }, strings.NewReader(""), &strings.Builder{})
	require.Error(t, err)
	assert.Equal(t, "interrupted", explain(err))
}
