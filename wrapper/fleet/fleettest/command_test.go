package fleettest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/fleet"
	"github.com/basiq-go/basiq-go/wrapper/fleet/internal/programtest"
)

// Two processes of the command share one PostgreSQL and one sandbox, behind a load balancer for webhooks. One ends in
// mid-work, and the other one does the rest.
func TestCommand(t *testing.T) { //nolint:paralleltest // other tests measure time
	server := newServer(t)
	path := filepath.Join(t.TempDir(), "basiq")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../cmd/basiq").CombinedOutput()
	require.NoError(t, err, string(output))
	f, databaseURL := openFixture(t, server)
	sandbox := f.sandbox

	var receivers atomic.Pointer[[]*programtest.Program]
	var deliveries atomic.Int64
	balancer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all := *receivers.Load()
		target, err := url.Parse(all[int(deliveries.Add(1))%len(all)].URLs["webhook"])
		assert.NoError(t, err)
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, r)
	}))
	t.Cleanup(balancer.Close)
	hook, err := f.client.Webhooks.Create(t.Context(), basiq.CreateWebhook{
		Name: "fleet", URL: balancer.URL,
		SubscribedEvents: []basiq.EventTypeName{basiq.EventTypeNameConnectionCreated, basiq.EventTypeNameTransactionsUpdated},
	})
	require.NoError(t, err)
	env := append(os.Environ(), "BASIQ_API_KEY="+sandbox.APIKey(), "BASIQ_WEBHOOK_SECRET="+hook.Secret.Reveal(), "BASIQ_DB="+databaseURL)
	args := []string{"serve", "-api", sandbox.URL(), "-admin", "127.0.0.1:0", "-webhook", "127.0.0.1:0", "-rate", "100", "-workers", "2", "-log-level", "debug"}
	start := func() *programtest.Program {
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Env = env
		return programtest.Start(t, deadline, cmd)
	}
	first, second := start(), start()
	receivers.Store(&[]*programtest.Program{first, second})
	for _, p := range *receivers.Load() {
		status, body := p.Get(t, "health")
		assert.Equal(t, http.StatusOK, status, body)
	}

	sandbox.Inject(basiqtest.TooManyRequests(time.Second), basiqtest.Operations("getAccounts"), basiqtest.Times(1))
	synced := regexp.MustCompile(`basiq_fleet_job_duration_seconds_count\{kind="basiq_sync",outcome="completed"\} [1-9]`)
	throttled := regexp.MustCompile(`basiq_client_throttled_total\{.*\} 1\n`)
	var metrics [2]string
	for done := false; !done || len(f.users) < 6; { // until both have worked and one has met the 429
		require.Less(t, len(f.users), 200)
		user, err := f.connect("gavin@hooli.com")
		require.NoError(t, err)
		f.users = append(f.users, user)
		_, metrics[0] = first.Get(t, "metrics")
		_, metrics[1] = second.Get(t, "metrics")
		done = synced.MatchString(metrics[0]) && synced.MatchString(metrics[1]) && throttled.MatchString(metrics[0]+metrics[1])
	}
	assertDashboard(t, metrics[0]+metrics[1])

	// Each process syncs two users at the same time, so three running syncs are those of both.
	slow := sandbox.Inject(basiqtest.Latency(2*time.Second), basiqtest.Operations("getAccounts"))
	application, err := fleet.New(t.Context(), fleet.Config{Client: f.client, Database: f.database})
	require.NoError(t, err)
	f.until("syncs of both", func() bool {
		for _, user := range f.users {
			if err := application.Sync(t.Context(), user); err != nil {
				t.Log(err)
				return false
			}
		}
		return f.count(`SELECT COUNT(*) FROM river_job WHERE kind = 'basiq_sync' AND state = 'running'`) > 2
	})
	receivers.Store(&[]*programtest.Program{second})
	first.Stop(t)
	slow.Remove()
	f.until("end of all syncs", func() bool {
		return f.count(`SELECT COUNT(*) FROM river_job WHERE kind = 'basiq_sync' AND state <> 'completed'`) == 0
	})
	status, body := second.Get(t, "health")
	assert.Equal(t, http.StatusOK, status, body)
	second.Stop(t)
	assert.Zero(t, f.count(`SELECT COUNT(*) FROM river_job WHERE state = 'running'`))
	f.assertJobs()
	f.assertMirror()
	assert.Len(t, sandbox.RequestsOf("postToken"), 2, "one of the fleet and one of this test")
	for _, p := range []*programtest.Program{first, second} {
		assert.Contains(t, p.Log.String(), "msg=stopped")
		for _, secret := range []string{password, sandbox.APIKey(), hook.Secret.Reveal(), "Bearer", "hooli", f.users[0]} {
			assert.NotContains(t, p.Log.String(), secret)
		}
	}
}

// assertDashboard asserts that the dashboard of package basiqotel uses names that the processes serve. Its panels of jobs
// are for programs that call Jobs.Wait; a fleet has metrics of its own for jobs.
func assertDashboard(t *testing.T, metrics string) {
	t.Helper()
	dashboard, err := os.ReadFile(filepath.Join("..", "..", "basiqotel", "examples", "prometheus", "dashboard.json"))
	require.NoError(t, err)
	names := regexp.MustCompile(`basiq_client_[a-z_]+`).FindAllString(string(dashboard), -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		if !strings.HasPrefix(name, "basiq_client_job_wait_") {
			assert.Contains(t, metrics, "\n"+name+"{")
		}
	}
}
