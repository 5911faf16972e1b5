package fleet

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestFleet_AdminHandler(t *testing.T) {
	t.Parallel()
	db, err := OpenDatabase(t.Context(), filepath.Join(t.TempDir(), "a file? 100%.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	client, err := basiq.New("key", basiq.WithBaseURL("http://127.0.0.1:1"))
	require.NoError(t, err)
	fleet, err := New(t.Context(), Config{Client: client, Database: db})
	require.NoError(t, err)
	require.NoError(t, fleet.Sync(t.Context(), "user1"))
	handler, err := fleet.AdminHandler(t.Context())
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)

	get := func(method, path, host string, header ...string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, http.NoBody)
		require.NoError(t, err)
		r.Host = host
		if len(header) > 0 {
			r.Header.Set(header[0], header[1])
		}
		response, err := server.Client().Do(r)
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(body)
	}
	local := strings.TrimPrefix(server.URL, "http://")

	status, body := get(http.MethodGet, "/healthz", local)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "ok\n", body)
	status, body = get(http.MethodGet, "/metrics", local)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `basiq_fleet_jobs{queue="basiq_sync",state="available"} 1`)
	assert.Regexp(t, `basiq_fleet_oldest_available_seconds{queue="basiq_sync"} \d`, body)
	status, body = get(http.MethodGet, "/", local)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "<title>River</title>")
	status, body = get(http.MethodGet, "/api/jobs?state=available", local)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "basiq_sync")

	status, _ = get(http.MethodGet, "/healthz", "attacker.example")
	assert.Equal(t, http.StatusMisdirectedRequest, status, "DNS rebinding")
	status, _ = get(http.MethodPost, "/api/jobs/cancel", local, "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, status, "a page of another origin")

	require.NoError(t, db.Close())
	status, body = get(http.MethodGet, "/healthz", local)
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, "database does not respond\n", body)
}

func TestNew_Invalid(t *testing.T) {
	t.Parallel()
	client, err := basiq.New("key")
	require.NoError(t, err)
	db, err := OpenDatabase(t.Context(), filepath.Join(t.TempDir(), "basiq.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	for _, test := range []struct {
		config Config
		want   string
	}{
		{Config{Database: db}, "fleet: New: Config.Client: missing"},
		{Config{Client: client}, "fleet: New: Config.Database: missing"},
		{Config{Client: client, Database: db, SyncRate: -1}, "must be positive"},
		{Config{Client: client, Database: db, Workers: -1}, "Config.Workers: -1 out of range [1, 10000]"},
		{Config{Client: client, Database: db, JobTimeout: time.Millisecond}, "Config.JobTimeout: must be at least 1s"},
	} {
		_, err := New(t.Context(), test.config)
		require.ErrorContains(t, err, test.want)
	}
	fleet, err := New(t.Context(), Config{Client: client, Database: db, RefreshAge: -1})
	require.NoError(t, err)
	for _, err := range []error{
		fleet.Sync(t.Context(), "../tokens"), fleet.AddUsers(t.Context(), ""), fleet.Refresh(t.Context(), ".."), fleet.WaitForJob(t.Context(), "u1", ""), fleet.Erase(t.Context(), "", "user-request"),
	} {
		require.ErrorContains(t, err, "invalid ID")
	}
	require.ErrorContains(t, fleet.Refresh(t.Context(), "u1"), "RefreshAge is negative")
}

// Errors of the address contain no password.
func TestOpenDatabase_Invalid(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"":                                      "address: missing",
		"mysql://root:planted@db/basiq":         "must be a postgres:// URL or the name of a SQLite file",
		"postgres://root:planted@db:port/basiq": "fleet: OpenDatabase: ",
		"postgres://root:planted@127.0.0.1:1/basiq":      "fleet: OpenDatabase: ",
		filepath.Join(t.TempDir(), "missing", "file.db"): "no such file",
	} {
		_, err := OpenDatabase(t.Context(), address)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "planted")
	}
}
