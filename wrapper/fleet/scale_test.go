package fleet

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

var (
	scaleUsers    = flag.Int("users", 0, "number of users of TestScale; 0 skips it")
	scaleRows     = flag.Int("rows", 20, "number of transactions of each account in TestScale; 0 for users without accounts")
	scaleWorkers  = flag.Int("workers", 32, "Config.Workers of TestScale")
	scaleDatabase = flag.String("database", "postgresql", "database of TestScale: postgresql or sqlite")
)

// scaleAPI serves every user the data of one user of the sandbox, from memory and without a network.
type scaleAPI struct {
	template string            // the ID of the sandbox's user
	bodies   map[string]string // by the last part of the path, and the account of transactions

	mu        sync.Mutex
	requests  map[string]int
	changed   map[string]bool // users whose accounts were updated at changedAt
	changedAt string
}

var lastUpdated = regexp.MustCompile(`"lastUpdated":"[^"]*"`)

func newScaleAPI(t *testing.T) *scaleAPI {
	t.Helper()
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(100))
	require.NoError(t, err)
	defer func() { _ = sandbox.Close() }()
	client, err := sandbox.NewClient()
	require.NoError(t, err)
	user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
	require.NoError(t, err)
	_, err = client.Jobs.Wait(t.Context(), sandbox.Connect(user.ID, "AU00000", "ashMann"), basiq.WithPollInterval(100*time.Millisecond, time.Second))
	require.NoError(t, err)
	a := &scaleAPI{template: user.ID, bodies: map[string]string{}, requests: map[string]int{}, changed: map[string]bool{}}
	token, err := client.Tokens.Create(t.Context(), basiq.ServerAccess())
	require.NoError(t, err)
	read := func(path string, most int) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, sandbox.URL()+"/users/"+user.ID+path, http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token.Value.Reveal())
		response, err := sandbox.HTTPClient().Do(r)
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		var list map[string]any
		require.NoError(t, json.NewDecoder(response.Body).Decode(&list))
		if data, ok := list["data"].([]any); ok && len(data) > most {
			list["data"], list["count"], list["size"] = data[:most], most, most
			list["links"] = map[string]any{}
		}
		body, err := json.Marshal(list)
		require.NoError(t, err)
		return string(body)
	}
	for _, path := range []string{"/accounts", "/connections", "/consents"} {
		a.bodies[path[1:]] = read(path, 100)
	}
	if *scaleRows == 0 {
		a.bodies["accounts"] = read("/accounts", 0)
	}
	for account, err := range client.Accounts.List(t.Context(), user.ID) {
		require.NoError(t, err)
		a.bodies["transactions "+account.ID] = read("/transactions?limit=500&filter=account.id.eq('"+account.ID+"')", *scaleRows)
	}
	return a
}

// RoundTrip implements [http.RoundTripper].
func (a *scaleAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	parts := strings.Split(r.URL.Path, "/")
	kind := parts[len(parts)-1]
	body := a.bodies[kind]
	if kind == "transactions" {
		for key, text := range a.bodies {
			if id, ok := strings.CutPrefix(key, "transactions "); ok && strings.Contains(r.URL.RawQuery, id) {
				body = text
			}
		}
	}
	a.mu.Lock()
	a.requests[kind]++
	if kind == "token" {
		body = `{"access_token":"scale","token_type":"Bearer","expires_in":3600}`
	} else {
		body = strings.ReplaceAll(body, a.template, parts[2])
		if kind == "accounts" && a.changed[parts[2]] {
			body = lastUpdated.ReplaceAllLiteralString(body, `"lastUpdated":"`+a.changedAt+`"`)
		}
	}
	a.mu.Unlock()
	if body == "" {
		return nil, fmt.Errorf("unexpected request of %s", kind)
	}
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader([]byte(body))),
	}, nil
}

// take returns and clears the numbers of requests.
func (a *scaleAPI) take() (all int, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var parts []string
	for kind, n := range a.requests {
		all += n
		parts = append(parts, fmt.Sprintf("%s %d", kind, n))
	}
	slices.Sort(parts)
	clear(a.requests)
	return all, strings.Join(parts, ", ")
}

// TestScale measures requests, queue operations, time and size for many users. See SCALE.md.
func TestScale(t *testing.T) { //nolint:paralleltest // it measures
	n := *scaleUsers
	if n == 0 {
		t.Skip("-users is 0")
	}
	api := newScaleAPI(t)
	client, err := basiq.New("key", basiq.WithHTTPClient(&http.Client{Transport: api}))
	require.NoError(t, err)
	db, err := OpenDatabase(t.Context(), newAddress(t, mirror.Dialect(*scaleDatabase)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	fleet, err := New(t.Context(), Config{
		Client: client, Database: db, Workers: *scaleWorkers, SyncRate: float64(n), JobTimeout: 10 * time.Minute,
		Mirror: []mirror.Option{mirror.WithImportTime(time.Second)}, tune: func(c *river.Config) { c.PeriodicJobs = nil },
	})
	require.NoError(t, err)
	users := make([]string, n)
	for i := range users {
		users[i] = fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
	}
	began := time.Now()
	require.NoError(t, fleet.AddUsers(t.Context(), users...))
	t.Logf("%d users added in %s", n, time.Since(began).Round(time.Millisecond))
	require.NoError(t, fleet.Start(t.Context()))
	t.Cleanup(func() { _ = fleet.Stop(t.Context()) })

	measure := func(phase string, of int, work func()) {
		t.Helper()
		api.take()
		began, writes, jobs := time.Now(), rowsWritten(t, db), countOf(t, db, `SELECT COUNT(*) FROM river_job`)
		work()
		inserted := time.Since(began)
		for countOf(t, db, `SELECT COUNT(*) FROM river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled')`) > 0 {
			<-time.After(200 * time.Millisecond)
		}
		took := time.Since(began)
		requests, kinds := api.take()
		users := float64(of)
		t.Logf("%s: %d users in %s (inserted in %s), %.0f users/s; %.2f requests a user (%s); %.2f jobs a user; %.1f row writes a user; %.0f B a user",
			phase, of, took.Round(time.Millisecond), inserted.Round(time.Millisecond), users/took.Seconds(), float64(requests)/users, kinds,
			float64(countOf(t, db, `SELECT COUNT(*) FROM river_job`)-jobs)/users, float64(rowsWritten(t, db)-writes)/users, float64(databaseSize(t, db))/float64(n))
	}
	sweep := func() { require.NoError(t, fleet.insertDue(t.Context(), "sync_at", float64(n), syncArgsOf)) }
	measure("first load", n, sweep)
	rows := countOf(t, db, `SELECT COUNT(*) FROM basiq_transaction`)
	if *scaleRows > 0 { // otherwise it would be the same again
		require.Equal(t, n, countOf(t, db, `SELECT COUNT(DISTINCT user_id) FROM basiq_account`))
		_, err = db.DB.ExecContext(t.Context(), `UPDATE basiq_fleet_user SET sync_at = 0`)
		require.NoError(t, err)
		measure("sweep without changes", n, sweep)
	}
	changed := users[:min(max(n/10, 1), 1000)]
	api.changedAt = time.Now().UTC().Format("2006-01-02T15:04:05Z")
	for _, user := range changed {
		api.changed[user] = true
	}
	measure("events", len(changed), func() {
		var group errgroup.Group
		group.SetLimit(8)
		for i, user := range changed {
			group.Go(func() error {
				id := fmt.Sprint("e", i)
				if code := deliver(t, fleet, id, id, "transactions.updated", "/users/"+user+"/transactions"); code != http.StatusNoContent {
					return fmt.Errorf("status %d", code)
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
	})
	require.Zero(t, countOf(t, db, `SELECT COUNT(*) FROM river_job WHERE state <> 'completed'`))
	t.Logf("%d transactions, %d accounts; %s", rows, countOf(t, db, `SELECT COUNT(*) FROM basiq_account`), tableSizes(t, db))
}

// rowsWritten returns the number of rows that PostgreSQL has inserted, updated and deleted, 0 for SQLite.
func rowsWritten(t *testing.T, db *Database) int {
	t.Helper()
	if db.Dialect == mirror.SQLite {
		return 0
	}
	<-time.After(time.Second) // sessions report their statistics once a second
	return countOf(t, db, `SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database WHERE datname = current_database()`)
}

func databaseSize(t *testing.T, db *Database) int {
	t.Helper()
	if db.Dialect == mirror.SQLite {
		return countOf(t, db, `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`)
	}
	return countOf(t, db, `SELECT pg_database_size(current_database())`)
}

// tableSizes returns the bytes of a row of the largest tables, with their indexes.
func tableSizes(t *testing.T, db *Database) string {
	t.Helper()
	if db.Dialect == mirror.SQLite {
		return "sizes of tables: PostgreSQL only"
	}
	var parts []string
	for _, table := range []string{"basiq_transaction", "basiq_change", "basiq_account", "basiq_fleet_user", "river_job", "basiq_delivery"} {
		if rows := countOf(t, db, `SELECT COUNT(*) FROM `+table); rows > 0 {
			parts = append(parts, fmt.Sprintf("%s %d B/row", table, countOf(t, db, `SELECT pg_total_relation_size(?::regclass)`, table)/rows))
		}
	}
	return strings.Join(parts, ", ")
}
