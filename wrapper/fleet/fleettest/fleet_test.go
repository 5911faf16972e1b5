package fleettest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/fleet"
	"github.com/basiq-go/basiq-go/wrapper/internal/postgrestest"
	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

const (
	// fleetTokenLifetime is long enough for several syncs.
	fleetTokenLifetime = 20 * time.Second
	// jobTimeout limits a job. The jobs of a process that was killed run again a minute later.
	jobTimeout = 30 * time.Second
	// settle is longer than the sandbox takes to import transactions after accounts, plus the second to which lastUpdated is
	// rounded down.
	settle = 2 * time.Second
	// connectionAge is the age at which connections are refreshed. The front makes them look older.
	connectionAge = 12 * time.Hour
)

// TestFleetMachine is the main function of the processes of TestFleet. It works until its standard input is closed.
func TestFleetMachine(t *testing.T) { //nolint:paralleltest // a process of its own
	s := readSetup(t)
	ctx := context.Background()
	database, err := fleet.OpenDatabase(ctx, s.Database)
	require.NoError(t, err)
	defer func() { _ = database.Close() }()
	options, err := s.options(ctx, database.DB, openReports())
	require.NoError(t, err)
	client, err := basiq.New("", options...)
	require.NoError(t, err)
	f, err := fleet.New(ctx, fleet.Config{
		Client: client, Database: database, Mirror: []mirror.Option{mirror.WithImportTime(settle)}, JobTimeout: jobTimeout,
		RefreshAge: connectionAge, SyncRate: 1000, RefreshRate: 1000, SkipUserList: true,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	require.NoError(t, err)
	require.NoError(t, f.Start(ctx))
	_, _ = io.Copy(io.Discard, os.Stdin)
	require.NoError(t, f.Stop(ctx))
}

// fixture is a fleet of four processes whose users are all due for a sync and a refresh.
type fixture struct {
	*testing.T

	sandbox  *basiqtest.Sandbox
	front    *front
	client   *basiq.Client // without the limits of the fleet
	database *fleet.Database
	users    []string
	machines *machines
	began    time.Time
}

// openFixture returns a fixture with a sandbox, a client and a database, and the address of the database.
func openFixture(t *testing.T, server *postgrestest.Server, options ...basiqtest.Option) (f *fixture, databaseURL string) {
	t.Helper()
	sandbox, err := basiqtest.Start(append(options, basiqtest.WithSpeed(20))...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = sandbox.Close() })
	f = &fixture{T: t, sandbox: sandbox}
	f.client, err = sandbox.NewClient()
	require.NoError(t, err)
	databaseURL = newDatabase(t, server)
	f.database, err = fleet.OpenDatabase(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.database.Close() })
	return f, databaseURL
}

// connect creates a user with a connection, and returns the user's ID.
func (f *fixture) connect(email string) (userID string, err error) {
	user, err := f.client.Users.Create(f.Context(), basiq.CreateUser{Email: email})
	if err != nil {
		return "", err
	}
	_, err = f.client.Jobs.Wait(f.Context(), f.sandbox.Connect(user.ID, "AU00000", "gavinBelson"), basiq.WithPollInterval(100*time.Millisecond, time.Second))
	return user.ID, err
}

// newFixture connects users and starts four processes. through returns the address of the database that the processes use.
func newFixture(t *testing.T, server *postgrestest.Server, users int, through func(databaseURL string) string) *fixture {
	t.Helper()
	f, databaseURL := openFixture(t, server, basiqtest.WithTokenLifetime(fleetTokenLifetime))
	f.front, f.users = newFront(t, f.sandbox), make([]string, users)
	var connecting errgroup.Group
	connecting.SetLimit(16)
	for i := range f.users {
		connecting.Go(func() error {
			user, err := f.connect(fmt.Sprintf("user%d@hooli.example", i))
			if err != nil {
				return err
			}
			f.users[i] = user
			_, err = f.database.DB.Exec(`INSERT INTO basiq_fleet_user (user_id, sync_at, refresh_at) VALUES ($1, 0, 0)`, user)
			return err
		})
	}
	require.NoError(t, connecting.Wait())
	<-time.After(1100 * time.Millisecond) // the times of connections have seconds
	f.front.start()
	f.machines = &machines{
		main: "TestFleetMachine", sent: map[string][]time.Time{},
		setup: setup{Database: through(databaseURL), Sandbox: f.front.server.URL, APIKey: f.sandbox.APIKey(), Rate: rate},
	}
	f.began = time.Now()
	for range 4 {
		f.machines.spawn(t)
	}
	return f
}

// count returns the result of a query for a number. While the database is down it is -1.
func (f *fixture) count(query string, args ...any) int {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 10*time.Second)
	defer cancel()
	var n int
	if err := f.database.DB.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		f.Log(err)
		return -1
	}
	return n
}

// until waits for an event. The time limit grows with the number of users.
func (f *fixture) until(what string, condition func() bool) {
	f.Helper()
	require.Eventually(f, condition, deadline+time.Duration(len(f.users))*2*time.Second, 200*time.Millisecond, what)
}

func (f *fixture) refreshed() int {
	return f.count(`SELECT COUNT(*) FROM river_job WHERE kind = 'basiq_refresh' AND state = 'completed'`)
}

// finish waits until all work is done, stops the processes, and checks what they did. killed is the number of processes that
// were killed, and databaseFailed is set if the database was unavailable.
func (f *fixture) finish(killed int, databaseFailed bool) {
	f.Helper()
	f.until("end of all refreshes", func() bool { return f.refreshed() == len(f.users) })
	f.until("end of all jobs", func() bool {
		return f.count(`SELECT COUNT(*) FROM river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded') AND kind NOT IN ('basiq_sweep', 'basiq_catch_up')`) == 0
	})
	length := time.Since(f.began)
	for _, p := range f.machines.all {
		_ = p.in.Close()
	}
	f.machines.wait(f.T, killed)
	for _, p := range f.machines.all {
		assert.NotContains(f, p.log.String(), password)
	}
	f.Logf("%d users in %v, %d requests", len(f.users), length.Round(time.Millisecond), len(f.front.of(func(record) bool { return true })))
	f.assertJobs()
	waits := f.count(`SELECT COUNT(*) FROM river_job WHERE kind = 'basiq_wait' AND state = 'completed'`)
	if killed == 0 && !databaseFailed {
		assert.Equal(f, len(f.users), waits)
	}
	f.Logf("%d waits; a sync replaces a wait that could not be stored", waits)
	f.assertRefreshes()
	f.assertMirror()
	tokens := f.front.of(func(r record) bool { return r.path == "/token" })
	if !databaseFailed {
		assertTokens(f.T, recordTimes(tokens), fleetTokenLifetime, length)
	}
	assertRate(f.T, "sent", f.machines.sentOf(""), 1.05*rate)
	assertRate(f.T, "received", recordTimes(f.front.of(func(record) bool { return true })), 1.5*rate)
}

// untilLogged waits until each process has logged an error that names the database and says what happened to it.
func (f *fixture) untilLogged(what string) {
	f.Helper()
	u, err := url.Parse(f.machines.setup.Database)
	require.NoError(f, err)
	named := regexp.MustCompile(`level=ERROR .*database=` + strings.TrimPrefix(u.Path, "/") + "`: " + regexp.QuoteMeta(u.Host) + ` .*` + what)
	for i, p := range f.machines.all {
		f.until(fmt.Sprintf("error in the log of process %d", i), func() bool { return named.MatchString(p.log.String()) })
	}
}

// assertJobs asserts that no job was lost or doubled, and that no user was synced twice at the same time.
func (f *fixture) assertJobs() {
	f.Helper()
	assert.Zero(f, f.count(`SELECT COUNT(*) FROM river_job WHERE state IN ('cancelled', 'discarded')`), "jobs that were lost")
	assert.Zero(f, f.count(`SELECT COUNT(*) FROM (SELECT 1 FROM river_job WHERE kind IN ('basiq_refresh', 'basiq_wait') GROUP BY kind, args HAVING COUNT(*) > 1) d`), "jobs that were doubled")
	assert.Zero(f, f.count(`SELECT COUNT(*) FROM river_job a JOIN river_job b ON a.kind = 'basiq_sync' AND b.kind = a.kind AND a.id < b.id
		AND a.args = b.args AND a.attempted_at < b.finalized_at AND b.attempted_at < a.finalized_at`), "syncs of a user that overlap")
}

func recordTimes(records []record) []time.Time {
	times := make([]time.Time, len(records))
	for i, r := range records {
		times[i] = r.at
	}
	return times
}

// assertRefreshes asserts that each connection was refreshed once. A second request of a process that took over gets the
// running job, with status 200.
func (f *fixture) assertRefreshes() {
	f.Helper()
	started := make(map[string]int)
	repeated := 0
	for _, r := range f.front.of(func(r record) bool { return r.method == http.MethodPost && strings.HasSuffix(r.path, "/refresh") }) {
		switch r.status {
		case http.StatusAccepted:
			started[r.path]++
		case http.StatusOK:
			repeated++
		}
	}
	f.Logf("%d refreshes, %d requests found one running", len(started), repeated)
	assert.Len(f, started, len(f.users))
	for path, n := range started {
		assert.Equal(f, 1, n, path)
	}
}

// assertMirror asserts that the mirror has the transactions that the sandbox lists.
func (f *fixture) assertMirror() {
	f.Helper()
	total := 0
	for _, user := range f.users {
		listed := make(map[string]string)
		for transaction, err := range f.client.Transactions.List(f.Context(), user) {
			require.NoError(f, err)
			listed[transaction.ID] = string(transaction.Status) + " " + transaction.Description
		}
		mirrored := make(map[string]string)
		rows, err := f.database.DB.QueryContext(f.Context(),
			sqldb.Dialect(f.database.Dialect).Bind(`SELECT transaction_id, status || ' ' || description FROM basiq_transaction WHERE user_id = ?`), user)
		require.NoError(f, err)
		for rows.Next() {
			var id, text string
			require.NoError(f, rows.Scan(&id, &text))
			mirrored[id] = text
		}
		require.NoError(f, rows.Err())
		require.NotEmpty(f, listed)
		for id := range mirrored {
			if _, ok := listed[id]; !ok {
				listed[id] = ""
			}
		}
		for id, text := range listed {
			assert.Equal(f, text, mirrored[id], "a transaction of %d", len(listed))
		}
		total += len(listed)
	}
	f.Logf("%d transactions", total)
}

func direct(databaseURL string) string { return databaseURL }

// Four processes sync and refresh all users once. With -kills, two are killed and replaced. Basiq throttles them once.
func TestFleet(t *testing.T) { //nolint:paralleltest // it measures time
	f := newFixture(t, newServer(t), cmp.Or(*users, 24), direct)
	const throttled = 2 * time.Second
	f.until("a part of the work", func() bool { return len(f.front.of(isAccounts)) > len(f.users)/2 })
	f.sandbox.Inject(basiqtest.TooManyRequests(throttled), basiqtest.Operations("getAccounts"), basiqtest.Times(1))
	killed := 0
	if *kills {
		for _, part := range []int{4, 2} {
			f.until("a part of the work", func() bool { return f.refreshed() > len(f.users)/part })
			f.machines.kill(t, killed)
			killed++
		}
	}
	f.finish(killed, false)
	accounts := f.front.of(isAccounts)
	at := slices.IndexFunc(accounts, func(r record) bool { return r.status == http.StatusTooManyRequests })
	require.GreaterOrEqual(t, at, 0)
	assertHold(t, recordTimes(accounts[at:]), throttled)
}

func isAccounts(r record) bool { return strings.HasSuffix(r.path, "/accounts") }

// PostgreSQL ends without a shutdown and starts again. All work is done once.
func TestFleet_DatabaseRestart(t *testing.T) { //nolint:paralleltest // it measures time
	if !*kills {
		t.Skip("takes two minutes; use -kills")
	}
	server := newServer(t)
	f := newFixture(t, server, 24, direct)
	f.until("a part of the work", func() bool { return f.refreshed() > len(f.users)/4 })
	require.NoError(t, server.Restart(func() { f.untilLogged("connection refused") }))
	f.finish(0, true)
}

// The network to PostgreSQL is cut for all processes. All work is done once.
func TestFleet_NetworkCut(t *testing.T) { //nolint:paralleltest // it measures time
	if !*kills {
		t.Skip("takes two minutes; use -kills")
	}
	var proxy *toxiproxy.Proxy
	f := newFixture(t, newServer(t), 24, func(databaseURL string) string {
		u, err := url.Parse(databaseURL)
		require.NoError(t, err)
		proxy = toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "postgresql", "127.0.0.1:0", u.Host)
		require.NoError(t, proxy.Start())
		t.Cleanup(proxy.Stop)
		_, port, err := net.SplitHostPort(proxy.Listen)
		require.NoError(t, err)
		u.Host = net.JoinHostPort("127.0.0.1", port)
		return u.String()
	})
	f.until("a part of the work", func() bool { return f.refreshed() > len(f.users)/4 })
	// First the server does not respond, then connections are refused.
	_, err := proxy.Toxics.AddToxicJson(strings.NewReader(`{"name":"cut","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`))
	require.NoError(t, err)
	<-time.After(3 * time.Second)
	require.NoError(t, proxy.Toxics.RemoveToxic(t.Context(), "cut"))
	proxy.Stop()
	f.untilLogged("connection refused")
	require.NoError(t, proxy.Start())
	f.finish(0, true)
}
