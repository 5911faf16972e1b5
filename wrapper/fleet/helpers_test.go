package fleet

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

// bubbleClock gives River the time of the synctest bubble. SQLite would use the time of the machine.
type bubbleClock struct{}

func (bubbleClock) Now() time.Time                 { return time.Now().UTC() }
func (bubbleClock) NowOrNil() *time.Time           { now := time.Now().UTC(); return &now }
func (bubbleClock) StubTime(t time.Time) time.Time { return t }

// fixture is a fleet on SQLite and the sandbox, in virtual time.
type fixture struct {
	*testing.T

	sandbox *basiqtest.Sandbox
	client  *basiq.Client
	db      *Database
	config  Config
	fleet   *Fleet
	mu      sync.Mutex
	asked   []Ask
}

// run runs a test in a bubble. Configure functions change the configuration of the fleet.
func run(t *testing.T, test func(f *fixture), configure ...func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{T: t, sandbox: basiqtest.New(t)}
		var err error
		f.client, err = f.sandbox.NewClient()
		require.NoError(t, err)
		f.db, err = OpenDatabase(t.Context(), filepath.Join(t.TempDir(), "basiq.db"))
		require.NoError(t, err)
		f.config = Config{Client: f.client, Database: f.db, Workers: 4, tune: virtualTime, Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))}
		f.config.OnAskUser = func(_ context.Context, ask Ask) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.asked = append(f.asked, ask)
			return nil
		}
		for _, c := range configure {
			c(f)
		}
		f.open()
		test(f)
		f.stop()
		require.NoError(t, f.db.Close())
	})
}

// virtualTime disables the periodic jobs, which would interfere with most tests.
func virtualTime(c *river.Config) {
	withPeriodicJobs(c)
	c.PeriodicJobs = nil
}

func withPeriodicJobs(c *river.Config) {
	c.Test.Time, c.TestOnly = bubbleClock{}, true
	c.PollOnly = true // the listener of SQLite polls 20 times a second
}

// open makes a fleet, as a new process would.
func (f *fixture) open() {
	f.Helper()
	var err error
	f.fleet, err = New(f.Context(), f.config)
	require.NoError(f, err)
}

func (f *fixture) start() {
	f.Helper()
	require.NoError(f, f.fleet.Start(context.WithoutCancel(f.Context())))
}

func (f *fixture) stop() {
	f.Helper()
	require.NoError(f, f.fleet.Stop(context.WithoutCancel(f.Context())))
}

// user creates a user who has connected as a test user of the sandbox.
func (f *fixture) user(login string, options ...basiqtest.ConnectOption) string {
	f.Helper()
	return f.userAt("AU00000", login, options...)
}

func (f *fixture) userAt(institution, login string, options ...basiqtest.ConnectOption) string {
	f.Helper()
	user, err := f.client.Users.Create(f.Context(), basiq.CreateUser{Email: strings.ToLower(login) + "@hooli.com"})
	require.NoError(f, err)
	_, err = f.client.Jobs.Wait(f.Context(), f.sandbox.Connect(user.ID, institution, login, options...))
	require.NoError(f, err)
	return user.ID
}

const webhookSecret = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"

// deliver posts a delivery of an event to the webhook's handler and returns the status.
func (f *fixture) deliver(deliveryID, eventID, eventType, entity string) int {
	f.Helper()
	return deliver(f.T, f.fleet, deliveryID, eventID, eventType, entity)
}

func deliver(t *testing.T, fleet *Fleet, deliveryID, eventID, eventType, entity string) int {
	t.Helper()
	verifier, err := webhook.New(basiq.NewSecret(webhookSecret))
	require.NoError(t, err)
	body := `{"eventTypeId":"` + eventType + `","eventId":"` + eventID + `","links":{"eventEntity":"https://au-api.basiq.io` + entity + `"}}`
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header = verifier.Sign(deliveryID, time.Now(), []byte(body))
	w := httptest.NewRecorder()
	fleet.WebhookHandler(verifier).ServeHTTP(w, r)
	return w.Code
}

// asks returns the calls of OnAskUser.
func (f *fixture) asks() []Ask {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// connection returns the only connection of a user.
func (f *fixture) connection(userID string) *basiq.Connection {
	f.Helper()
	var all []*basiq.Connection
	for c, err := range f.client.Connections.List(f.Context(), userID) {
		require.NoError(f, err)
		all = append(all, c)
	}
	require.Len(f, all, 1)
	return all[0]
}

// job is a row of River's table.
type job struct {
	kind, state, args string
	attempt           int
}

// jobs returns the jobs of a kind, oldest first.
func (f *fixture) jobs(kind string) []job {
	f.Helper()
	return jobsOf(f.T, f.db, kind)
}

func jobsOf(t *testing.T, db *Database, kind string) []job {
	t.Helper()
	args := "args"
	if db.Dialect == "sqlite" {
		args = "json(args)"
	}
	rows, err := db.DB.Query(db.bind(`SELECT kind, state, `+args+`, attempt FROM river_job WHERE kind = ? ORDER BY id`), kind)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var all []job
	for rows.Next() {
		var j job
		require.NoError(t, rows.Scan(&j.kind, &j.state, &j.args, &j.attempt))
		all = append(all, j)
	}
	require.NoError(t, rows.Err())
	return all
}

func states(jobs []job) []string {
	all := []string{}
	for _, j := range jobs {
		all = append(all, j.state)
	}
	return all
}

// until waits for a condition in steps of virtual time.
func (f *fixture) until(limit time.Duration, what string, condition func() bool) {
	f.Helper()
	for began := time.Now(); !condition(); time.Sleep(max(limit/600, 100*time.Millisecond)) {
		if time.Since(began) > limit {
			require.Fail(f, "did not happen within "+limit.String(), what)
		}
	}
}

func (f *fixture) count(query string, args ...any) int {
	f.Helper()
	return countOf(f.T, f.db, query, args...)
}

func countOf(t *testing.T, db *Database, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, db.DB.QueryRow(db.bind(query), args...).Scan(&n))
	return n
}

// requireMirror checks that the mirror of a user has the transactions that Basiq lists.
func (f *fixture) requireMirror(userID string) {
	f.Helper()
	listed := 0
	for _, err := range f.client.Transactions.List(f.Context(), userID) {
		require.NoError(f, err)
		listed++
	}
	require.Positive(f, listed)
	assert.Equal(f, listed, f.count(`SELECT COUNT(*) FROM basiq_transaction WHERE user_id = ?`, userID))
}
