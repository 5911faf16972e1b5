package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRun_Clock(t *testing.T) {
	t.Parallel()
	stderr, end := start(t, "-advance", "48h", "-admin", "127.0.0.1:0")
	stderr.url(t)
	clock, _ := stderr.lines(t)[0]["url"].(string)
	ahead := 48 * time.Hour
	for _, test := range []struct {
		name, method, advance string
		header                http.Header
		status                int
		want                  string // the time if empty
	}{
		{"show", http.MethodGet, "", nil, 200, ""},
		{"advance", http.MethodPost, "24h", nil, 200, ""},
		{"localhost", http.MethodPost, "1m", http.Header{"Host": {"localhost:1"}}, 200, ""},
		{"IPv6", http.MethodGet, "", http.Header{"Host": {"[::1]"}}, 200, ""},
		{"missing", http.MethodPost, "", nil, 400, "advance: must be a duration, such as 24h"},
		{"not a duration", http.MethodPost, "tomorrow", nil, 400, "advance: must be a duration, such as 24h"},
		{"negative", http.MethodPost, "-1h", nil, 400, "advance: negative duration -1h0m0s"},
		{"too far", http.MethodPost, "99999h", nil, 400, "advance: clock would be more than ten years ahead"},
		{"method", http.MethodDelete, "", nil, 405, "Method Not Allowed"},
		{"other host", http.MethodPost, "1h", http.Header{"Host": {"sandbox.example"}}, 403, "host must be a loopback address"},
		{"other origin", http.MethodPost, "1h", http.Header{"Origin": {"https://sandbox.example"}}, 403, "cross-origin request detected"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, clock, strings.NewReader(url.Values{"advance": {test.advance}}.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", test.header.Get("Origin"))
		req.Host = test.header.Get("Host")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		raw, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, test.status, resp.StatusCode, test.name)
		if test.want != "" {
			assert.Contains(t, string(raw), test.want, test.name)
			continue
		}
		if d, err := time.ParseDuration(test.advance); err == nil {
			ahead += d
		}
		now, err := time.Parse(time.RFC3339, strings.TrimSpace(string(raw)))
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now().Add(ahead), now, time.Minute, test.name)
	}
	assert.Equal(t, exitEnded, end())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, clock, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err == nil { // a sandbox of another test has the port now
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusNotFound, resp.StatusCode, "the endpoint is closed")
	}
}
