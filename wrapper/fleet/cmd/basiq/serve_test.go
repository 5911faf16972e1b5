package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/fleet/internal/programtest"
)

// asProgram makes the test binary run the program.
const asProgram = "BASIQ_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// start starts the program and waits until it is ready.
func start(t *testing.T, env []string, args ...string) *programtest.Program {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], args...)
	cmd.Env = append([]string{asProgram + "=1", "TMPDIR=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, env...)
	return programtest.Start(t, time.Minute, cmd)
}

var anyPorts = []string{"serve", "-admin", "127.0.0.1:0", "-webhook", "127.0.0.1:0"}

// The command as a user starts it: it connects three users to banks, stores their transactions, serves its pages, and exits
// with 0 after SIGTERM.
func TestServe_Sandbox(t *testing.T) {
	t.Parallel()
	p := start(t, nil, append(anyPorts, "-log-format", "json", "-log-level", "debug")...)
	status, body := p.Get(t, "health")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "ok\n", body)
	status, body = p.Get(t, "jobs")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "<title>River</title>")
	status, _ = p.Get(t, "webhook")
	assert.Equal(t, http.StatusMethodNotAllowed, status)
	status, body = p.Get(t, "consent")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "consent")
	assert.FileExists(t, p.URLs["database"])

	waits := regexp.MustCompile(`count\{kind="basiq_wait",outcome="completed"\} 3\n`)
	added := regexp.MustCompile(`basiq_fleet_sync_changes_total\{kind="added"\} [1-9]`)
	require.Eventually(t, func() bool {
		_, body = p.Get(t, "metrics")
		return waits.MatchString(body) && added.MatchString(body)
	}, 2*time.Minute, 250*time.Millisecond, "three users are connected and synced")
	p.Stop(t)
	log := p.Log.String()
	assert.Contains(t, log, `"msg":"stopped"`)
	assert.NotContains(t, log, "Bearer")
	assert.NotContains(t, log, "basiqtest-not-a-real-api-key")
	assert.NotContains(t, log, "hooli.com")
	assert.NoFileExists(t, p.URLs["database"], "the database of the sandbox is temporary")
}

// With an API key, a process continues with the database of a process that was killed.
func TestServe_Restart(t *testing.T) {
	t.Parallel()
	sandbox := start(t, nil, anyPorts...)
	file := filepath.Join(t.TempDir(), "basiq.db")
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("basiqtest-not-a-real-api-key\n"), 0o600))
	env := []string{"BASIQ_API_KEY_FILE=" + key, "BASIQ_API=" + sandbox.URLs["sandbox"]}
	first := start(t, env, append(anyPorts, "-db", file)...)
	require.NoError(t, first.Process.Kill()) // as kill -9
	_ = first.Wait()
	second := start(t, env, append(anyPorts, "-db", file)...)
	// What the first process was doing is done again after JobTimeout. The periodic jobs do not wait for it.
	listed := regexp.MustCompile(`count\{kind="basiq_list_users",outcome="completed"\} 1\n`)
	require.Eventually(t, func() bool {
		_, body := second.Get(t, "metrics")
		return listed.MatchString(body)
	}, 2*time.Minute, 250*time.Millisecond, "the second process becomes the leader")
	status, _ := second.Get(t, "webhook")
	assert.Equal(t, http.StatusNotFound, status, "without a webhook secret")
	second.Stop(t)
	sandbox.Stop(t)
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestRun_Invalid(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		args   []string
		env    map[string]string
		status int
		want   string
	}{
		{"no command", nil, nil, 0, ""},
		{"help", []string{"serve", "-h"}, nil, 0, ""},
		{"unknown command", []string{"start"}, nil, 2, `unknown command "start"`},
		{"unknown flag", []string{"serve", "-planted"}, nil, 2, "-planted"},
		{"argument", []string{"serve", "now"}, nil, 2, `unexpected argument "now"`},
		{"address", []string{"serve", "-admin", "8080"}, nil, 2, `invalid address "8080": must be host:port`},
		{"format", []string{"serve", "-log-format", "xml"}, nil, 2, "must be text or json"},
		{"rate", []string{"serve", "-rate", "0"}, nil, 2, "-rate must be positive"},
		{"variable", []string{"serve"}, map[string]string{"BASIQ_WORKERS": "planted"}, 2, "invalid value of BASIQ_WORKERS"},
		{"missing file", []string{"serve"}, map[string]string{"BASIQ_API_KEY_FILE": "/missing"}, 2, "BASIQ_API_KEY_FILE: open /missing"},
		{"empty file", []string{"serve"}, map[string]string{"BASIQ_API_KEY_FILE": os.DevNull}, 2, "file is empty"},
		{"database", []string{"serve", "-db", "mysql://root:planted@db/basiq"}, map[string]string{"BASIQ_API_KEY": "key"}, 1, "must be a postgres:// URL"},
		{"workers", []string{"serve", "-db", filepath.Join(t.TempDir(), "a.db"), "-workers", "-1", "-admin", "127.0.0.1:0", "-webhook", "127.0.0.1:0"}, map[string]string{"BASIQ_API_KEY": "planted"}, 1, "Config.Workers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			assert.Equal(t, test.status, run(t.Context(), test.args, func(name string) string { return test.env[name] }, &stdout, &stderr))
			if test.status == 0 {
				assert.Equal(t, usage, stdout.String())
				return
			}
			assert.Contains(t, stderr.String(), test.want)
			if test.name != "unknown flag" {
				assert.NotContains(t, stderr.String(), "planted")
			}
		})
	}
}
