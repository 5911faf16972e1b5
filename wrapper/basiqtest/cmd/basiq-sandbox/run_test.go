package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// output collects the output of a program and can be read concurrently.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// lines parses a JSON log.
func (o *output) lines(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(o.String()) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		all = append(all, entry)
	}
	return all
}

var listening = regexp.MustCompile(`"msg":"listening","url":"([^"]+)"`)

// url waits until the program is listening and returns its URL.
func (o *output) url(t *testing.T) string {
	t.Helper()
	var url string
	require.Eventually(t, func() bool {
		if m := listening.FindStringSubmatch(o.String()); m != nil {
			url = m[1]
		}
		return url != ""
	}, time.Minute, 5*time.Millisecond, "no listening address logged")
	return url
}

// post sends a request like curl, and returns the status and the body of the response.
func post(t *testing.T, url, authorization, contentType, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("basiq-version", "2.1")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var answer map[string]any
	require.NoError(t, json.Unmarshal(raw, &answer), string(raw))
	return resp.StatusCode, answer
}

// use creates a token, a user and a connection, and returns the token.
func use(t *testing.T, url string) string {
	t.Helper()
	status, answer := post(t, url+"/token", "Basic basiqtest-not-a-real-api-key", "application/x-www-form-urlencoded", "scope=SERVER_ACCESS")
	require.Equal(t, http.StatusOK, status)
	token, _ := answer["access_token"].(string)
	require.NotEmpty(t, token)
	status, answer = post(t, url+"/users", "Bearer "+token, "application/json", `{"email":"gavin@hooli.com"}`)
	require.Equal(t, http.StatusCreated, status)
	id, _ := answer["id"].(string)
	status, _ = post(t, url+"/users/"+id+"/connections", "Bearer "+token, "application/json",
		`{"institution":{"id":"AU00000"},"loginId":"Pl4ntedLogin","password":"Pl4ntedPassword"}`)
	require.Equal(t, http.StatusAccepted, status)
	return token
}

// Test the complete program: build it, start it, use it over HTTP and stop it.
func TestProgram_Signals(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no signals on Windows")
	}
	binary := filepath.Join(t.TempDir(), "basiq-sandbox")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", built)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			var stdout, stderr output
			program := exec.CommandContext(t.Context(), binary, "-addr", "127.0.0.1:0", "-log-format", "json", "-log-level", "debug")
			program.Stdout, program.Stderr = &stdout, &stderr
			require.NoError(t, program.Start())
			token := use(t, stderr.url(t))
			require.NoError(t, program.Process.Signal(signal))
			require.NoError(t, program.Wait(), "the exit status is 0")

			assert.Empty(t, stdout.String())
			var messages, operations []any
			for _, line := range stderr.lines(t) {
				messages = append(messages, line["msg"])
				if line["msg"] == "request" {
					operations = append(operations, line["operation"])
				}
			}
			assert.Equal(t, []any{"listening", "request", "request", "request", "shutting down"}, messages)
			assert.Equal(t, []any{"postToken", "createUser", "postConnection"}, operations)
			for _, secret := range []string{"Pl4nted", token} {
				assert.NotContains(t, stderr.String(), secret)
			}
			assert.Contains(t, stderr.String(), "AU00000", "debug logs include bodies")
		})
	}
}

// start runs the program in the test process.
func start(t *testing.T, args ...string) (stderr *output, end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stderr = &output{}
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"-addr", "127.0.0.1:0", "-log-format", "json"}, args...), io.Discard, stderr)
	}()
	return stderr, func() int {
		cancel()
		return <-ended
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	t.Run("logs how to connect", func(t *testing.T) {
		t.Parallel()
		stderr, end := start(t)
		url := stderr.url(t)
		assert.Regexp(t, `^http://127\.0\.0\.1:[0-9]+$`, url)
		use(t, url)
		assert.Equal(t, exitEnded, end())
		first := stderr.lines(t)[0]
		assert.Equal(t, "basiqtest-not-a-real-api-key", first["key"])
		assert.Equal(t, url+"/home?token=CLIENT_TOKEN", first["consent"])
		assert.NotContains(t, stderr.String(), `"level":"WARN"`, "loopback only")
		assert.NotContains(t, stderr.String(), `"body"`, "bodies are logged at debug only")
	})
	t.Run("with every flag", func(t *testing.T) {
		t.Parallel()
		stderr, end := start(t, "-seed", "7", "-speed", "1000", "-token-lifetime", "90s", "-limits", "-concurrent-refreshes", "-redirect-url", "http://localhost/back",
			"-allow-origin", "http://localhost:3000", "-allow-origin", "http://localhost:4000",
			"-fault", "503 operations=postToken times=1", "-fault=403=no-production-access operations=postToken times=1", "-log-level", "warn", "-log-level", "info")
		url := stderr.url(t)
		for _, want := range []int{503, 403, 200} {
			status, answer := post(t, url+"/token", "Basic basiqtest-not-a-real-api-key", "application/x-www-form-urlencoded", "")
			assert.Equal(t, want, status)
			if status == 200 {
				assert.InDelta(t, 90, answer["expires_in"], 0)
			}
		}
		assert.Equal(t, exitEnded, end())
		lines := stderr.lines(t)
		assert.Equal(t, "503 operations=postToken times=1", lines[1]["fault"])
		assert.Equal(t, "403=no-production-access operations=postToken times=1", lines[2]["fault"])
		assert.Equal(t, "503", lines[3]["fault"])
	})
	t.Run("with log level error", func(t *testing.T) {
		t.Parallel()
		stderr, end := start(t, "-log-level", "error")
		assert.Equal(t, exitEnded, end())
		assert.Empty(t, stderr.String())
	})
	t.Run("waits for requests in flight", func(t *testing.T) {
		t.Parallel()
		stderr, end := start(t, "-fault", "slow-body=1000")
		url := stderr.url(t)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/users", http.NoBody)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req) // returns before the body has arrived
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		ended := make(chan int, 1)
		go func() { ended <- end() }()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		assert.Len(t, body, int(resp.ContentLength))
		assert.Equal(t, exitEnded, <-ended)
	})
	t.Run("port in use", func(t *testing.T) {
		t.Parallel()
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = listener.Close() }()
		stderr, end := start(t, "-addr", listener.Addr().String())
		require.Eventually(t, func() bool { return stderr.String() != "" }, time.Minute, time.Millisecond)
		assert.Equal(t, exitCannotListen, end())
		line := stderr.lines(t)[0]
		assert.Equal(t, "cannot listen", line["msg"])
		assert.Equal(t, listener.Addr().String(), line["addr"])
		assert.Contains(t, line["hint"], "the port is in use; set -addr to another address")
	})
	t.Run("foreign address", func(t *testing.T) {
		t.Parallel()
		stderr, end := start(t, "-addr", "192.0.2.1:0")
		require.Eventually(t, func() bool { return stderr.String() != "" }, time.Minute, time.Millisecond)
		assert.Equal(t, exitCannotListen, end())
		assert.Contains(t, stderr.lines(t)[0]["hint"], "set -addr to another address")
	})
}

// Tests listen on loopback addresses only, so call the function directly for other addresses.
func TestRun_NonLoopbackAddress(t *testing.T) {
	t.Parallel()
	for url, warns := range map[string]bool{
		"http://127.0.0.1:1": false, "http://127.1.2.3:1": false, "http://[::1]:1": false,
		"http://[::]:1": true, "http://0.0.0.0:1": true, "http://192.0.2.1:1": true, "http://[2001:db8::1]:1": true,
	} {
		var log output
		logStartup(t.Context(), slog.New(slog.NewJSONHandler(&log, nil)), url, "key", nil)
		lines := log.lines(t)
		assert.Equal(t, url, lines[0]["url"])
		require.Equal(t, warns, len(lines) == 2, url)
		if warns {
			assert.Equal(t, "WARN", lines[1]["level"])
			assert.Contains(t, lines[1]["hint"], "set -addr to a loopback address")
		}
	}
}

func TestRun_InvalidFlags(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-frob"}, "flag provided but not defined: -frob"},
		{[]string{"serve"}, `unexpected argument "serve"`},
		{[]string{"-addr", "localhost"}, `invalid address "localhost": must be host:port, such as 127.0.0.1:8080`},
		{[]string{"-addr", "localhost:99999"}, `invalid -addr "localhost:99999": address 99999: invalid port`},
		{[]string{"-seed", "-1"}, `invalid value "-1" for flag -seed: parse error`},
		{[]string{"-speed", "0"}, "speed 0 is not a positive finite number"},
		{[]string{"-token-lifetime", "1"}, `invalid value "1" for flag -token-lifetime: parse error`},
		{[]string{"-token-lifetime", "1ms"}, "token lifetime 1ms is less than a second"},
		{[]string{"-redirect-url", "back"}, `invalid redirect URL "back": must be an absolute http or https URL`},
		{[]string{"-allow-origin", "localhost"}, `invalid origin "localhost": must be a scheme and host, such as http://localhost:3000, or "*"`},
		{[]string{"-fault", "hnag"}, `invalid value "hnag" for flag -fault: unknown fault "hnag": did you mean hang?`},
		{[]string{"-advance", "-1h"}, "invalid -advance -1h0m0s: negative duration -1h0m0s"},
		{[]string{"-advance", "99999h"}, "invalid -advance 99999h0m0s: clock would be more than ten years ahead"},
		{[]string{"-admin", "127.0.0.1"}, `invalid -admin "127.0.0.1": must be a loopback address with a port, such as 127.0.0.1:22748`},
		{[]string{"-admin", "0.0.0.0:0"}, `invalid -admin "0.0.0.0:0": must be a loopback address with a port, such as 127.0.0.1:22748`},
		{[]string{"-admin", ":0"}, `invalid -admin ":0": must be a loopback address with a port, such as 127.0.0.1:22748`},
		{[]string{"-admin", "127.0.0.1:99999"}, `invalid -admin "127.0.0.1:99999": address 99999: invalid port`},
		{[]string{"-fault", "503", "times=1"}, `unexpected argument "times=1"`},
		{[]string{"-log-format", "xml"}, `invalid -log-format "xml": must be text or json`},
		{[]string{"-log-level", "loud"}, `invalid value "loud" for flag -log-level: must be debug, info, warn or error`},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			args := append([]string{"-addr", "127.0.0.1:0"}, test.args...)
			assert.Equal(t, exitBadFlag, run(t.Context(), args, &stdout, &stderr))
			assert.Equal(t, "basiq-sandbox: "+test.want+"\nRun basiq-sandbox -h for its flags.\n", stderr.String())
			assert.Empty(t, stdout.String())
		})
	}
}

// The usage text is written by hand. Check it against the code.
func TestRun_Usage(t *testing.T) {
	t.Parallel()
	for _, help := range []string{"-h", "-help"} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitEnded, run(t.Context(), []string{help}, &stdout, &stderr))
		require.Equal(t, usage, stdout.String())
		require.Empty(t, stderr.String())
	}
	assert.Contains(t, usage, "(default "+defaultAddr+")")
	sandbox := basiqtest.New(t)
	assert.Contains(t, usage, "Its API key is "+sandbox.APIKey()+".")

	for _, fault := range []string{
		"503", "403=no-production-access", "502-html", "429-after=30s", "429-date=30s", "latency=2s", "hang", "reset-before",
		"reset-after", "truncate", "slow-body=100", "garbage", "revoke-token", "expire-token", "revoke-all-tokens",
		"expire-all-tokens", "endless-job", "503 operations=getJobs times=2", "latency=500ms",
	} {
		assert.Contains(t, usage, fault)
		_, err := basiqtest.ParseFault(fault)
		require.NoError(t, err)
	}
	for _, flag := range []string{
		"addr", "seed", "speed", "token-lifetime", "advance", "admin", "limits", "concurrent-refreshes", "redirect-url", "allow-origin", "fault", "log-format", "log-level", "h",
	} {
		assert.Contains(t, usage, "\n  -"+flag+" ")
	}
}
