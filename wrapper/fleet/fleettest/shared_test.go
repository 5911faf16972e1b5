package fleettest

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/fleet/shared"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

const (
	rate = 100 // requests a second
	// tokenLifetime is short, so that tokens are renewed during the test: each after three quarters of its lifetime.
	tokenLifetime = 8 * time.Second
	// handover is how long the work of a process that was killed is not done by another one.
	handover = 3 * time.Second
)

// openReports returns the pipe to the parent process.
func openReports() io.Writer { return os.NewFile(3, "reports") }

// options returns the options of a client that shares its state with the fleet, and reports each request that it sends.
func (s setup) options(ctx context.Context, db *sql.DB, reports io.Writer) ([]basiq.Option, error) {
	state, err := shared.Open(ctx, db, mirror.PostgreSQL)
	if err != nil {
		return nil, err
	}
	if err := state.Migrate(ctx); err != nil {
		return nil, err
	}
	limiter, err := state.Limiter("test", s.Rate)
	if err != nil {
		return nil, err
	}
	report := func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			call, _ := basiq.CallFromContext(req.Context())
			if _, err := fmt.Fprintln(reports, call.Operation.ID, time.Now().UnixMicro()); err != nil {
				return nil, err
			}
			return next.Do(req)
		})
	}
	options := []basiq.Option{
		basiq.WithBaseURL(s.Sandbox), basiq.WithUserAgent(s.Product), basiq.WithRateLimit(limiter), basiq.WithMiddleware(report, limiter.Middleware),
	}
	tokens, err := state.TokenSource(s.APIKey, options...)
	return append(options, basiq.WithTokenSource(tokens)), err
}

const workTables = `CREATE TABLE work (id BIGINT PRIMARY KEY, user_id TEXT NOT NULL, claimed_until TIMESTAMPTZ NOT NULL DEFAULT now(),
	done BIGINT NOT NULL DEFAULT 0);
	CREATE TABLE probe (n BIGINT NOT NULL);
	INSERT INTO probe VALUES (0)`

// TestSharedMachine is the main function of the processes of TestShared. Each has 16 workers, which read users until all
// have been read.
func TestSharedMachine(t *testing.T) { //nolint:paralleltest // a process of its own
	s := readSetup(t)
	db, err := sql.Open("pgx", s.Database)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	reports := openReports()
	options, err := s.options(t.Context(), db, reports)
	require.NoError(t, err)
	go reportStalls(t.Context(), db, reports)
	client, err := basiq.New("", options...)
	require.NoError(t, err)
	var workers errgroup.Group
	for range 16 {
		workers.Go(func() error {
			for {
				if done, err := workOnce(t.Context(), db, client); done || err != nil {
					return err
				}
			}
		})
	}
	require.NoError(t, workers.Wait())
}

// reportStalls reports when this process is scheduled late, or when the database is slow to write a row that all processes
// write, as the limiter does. Slots are then lost.
func reportStalls(ctx context.Context, db *sql.DB, reports io.Writer) {
	const pause, tolerance = 20 * time.Millisecond, 10 * time.Millisecond
	for began := time.Now(); ctx.Err() == nil; began = time.Now() {
		<-time.After(pause)
		_, err := db.ExecContext(ctx, `UPDATE probe SET n = n + 1`)
		if ended := time.Now(); err != nil || ended.Sub(began) > pause+tolerance {
			_, _ = fmt.Fprintln(reports, stall, began.UnixMicro(), ended.UnixMicro())
		}
	}
}

// workOnce claims a user, reads it, and records that in the same row. It reports whether all work is done.
func workOnce(ctx context.Context, db *sql.DB, client *basiq.Client) (bool, error) {
	var id int64
	var userID string
	err := db.QueryRowContext(ctx, `UPDATE work SET claimed_until = clock_timestamp() + $1 * INTERVAL '1 second' WHERE id = (SELECT id FROM work
		WHERE done = 0 AND claimed_until <= clock_timestamp() ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, user_id`,
		handover.Seconds()+5).Scan(&id, &userID)
	if errors.Is(err, sql.ErrNoRows) {
		var left int
		if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM work WHERE done = 0`).Scan(&left); left == 0 || err != nil {
			return true, err
		}
		select { // the rest is claimed by other workers, or by a process that was killed
		case <-time.After(100 * time.Millisecond):
			return false, nil
		case <-ctx.Done():
			return true, ctx.Err()
		}
	}
	if err != nil {
		return true, err
	}
	if _, err := client.Users.Get(ctx, userID); err != nil {
		return true, err
	}
	_, err = db.ExecContext(ctx, `UPDATE work SET done = done + 1 WHERE id = $1`, id)
	return false, err
}

// Four processes share a token and a rate limit. Two are killed and replaced, and Basiq throttles them once.
func TestShared(t *testing.T) { //nolint:paralleltest // it measures time
	server := newServer(t)
	count := cmp.Or(*users, 1000)
	sandbox, err := basiqtest.Start(basiqtest.WithTokenLifetime(tokenLifetime))
	require.NoError(t, err)
	t.Cleanup(func() { _ = sandbox.Close() })
	databaseURL, err := server.NewDatabase()
	require.NoError(t, err)
	db, err := sql.Open("pgx", databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.Exec(workTables)
	require.NoError(t, err)
	client, err := sandbox.NewClient()
	require.NoError(t, err)
	var creating errgroup.Group
	creating.SetLimit(16)
	for i := range count {
		creating.Go(func() error {
			user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: fmt.Sprintf("user%d@hooli.example", i)})
			if err != nil {
				return err
			}
			_, err = db.Exec(`INSERT INTO work (id, user_id) SELECT $1 + n, $2 FROM generate_series(1, $3) n`, i**rounds, user.ID, *rounds)
			return err
		})
	}
	require.NoError(t, creating.Wait())
	sandbox.ForgetRequests()
	const throttled = 2 * time.Second
	sandbox.Inject(basiqtest.TooManyRequests(throttled), basiqtest.Operations("getUser"), basiqtest.Skip(count**rounds*3/4), basiqtest.Times(1))

	m := &machines{main: "TestSharedMachine", setup: setup{Database: databaseURL, Sandbox: sandbox.URL(), APIKey: sandbox.APIKey(), Rate: rate}, sent: map[string][]time.Time{}}
	start := time.Now()
	for range 4 {
		m.spawn(t)
	}
	var killed []time.Time
	for i, part := range []int{4, 2} { // after a quarter and after a half of the work
		require.Eventually(t, func() bool { return len(sandbox.RequestsOf("getUser")) > count**rounds/part }, deadline, 20*time.Millisecond)
		killed = append(killed, time.Now())
		m.kill(t, i)
	}
	m.wait(t, 2)
	length := time.Since(start)

	var undone, repeated int
	require.NoError(t, db.QueryRow(`SELECT COUNT(*) FILTER (WHERE done = 0), COUNT(*) FILTER (WHERE done > 1) FROM work`).Scan(&undone, &repeated))
	assert.Zero(t, undone)
	assert.Zero(t, repeated)
	requests := sandbox.RequestsOf("getUser")
	served := make(map[string]int)
	for _, r := range requests {
		if r.Status == http.StatusOK {
			served[r.Path]++
		}
	}
	assert.Len(t, served, count)
	inFlight := 0
	for path, n := range served {
		assert.GreaterOrEqual(t, n, *rounds, path)
		inFlight += n - *rounds
	}
	assert.LessOrEqual(t, inFlight, 2*16, "only what the killed processes had in flight is requested again")

	assertTokens(t, timesOf(sandbox.RequestsOf("postToken")), tokenLifetime, length)
	at := slices.IndexFunc(requests, func(r basiqtest.Request) bool { return r.Status == http.StatusTooManyRequests })
	require.Positive(t, at)
	assertHold(t, timesOf(requests[at:]), throttled)
	received := timesOf(sandbox.Requests())
	// The limit is held when requests are sent. A busy machine delays some of them on their way to the sandbox, and loses
	// slots that it is too late for.
	sent := m.sentOf("")
	assertRate(t, "sent", sent, 1.05*rate)
	assertRate(t, "received", received, 1.5*rate)
	// Requests wait for their slots until less are left than there are workers, except while all are held. The killed
	// processes lost the slots that they had reserved.
	held := requests[at].Time
	disturbed := slices.Concat(m.stalls, []period{{held, held.Add(throttled + 500*time.Millisecond)}})
	for _, kill := range killed {
		disturbed = append(disturbed, period{kill, kill.Add(500 * time.Millisecond)})
	}
	assertUsed(t, sent[:max(1, len(sent)-4*16)], disturbed, 0.95*rate)
}

func timesOf(requests []basiqtest.Request) []time.Time {
	times := make([]time.Time, len(requests))
	for i, r := range requests {
		times[i] = r.Time
	}
	return times
}

// assertTokens asserts that one token was requested in each lifetime. A token is renewed after three quarters of it.
func assertTokens(t *testing.T, requests []time.Time, lifetime, length time.Duration) {
	t.Helper()
	renewal := lifetime * 3 / 4
	t.Logf("%d token requests in %v, one every %v", len(requests), length.Round(time.Millisecond), renewal)
	assert.LessOrEqual(t, len(requests), 1+int(length/renewal))
	for i := range len(requests) - 1 {
		assert.GreaterOrEqual(t, requests[i+1].Sub(requests[i]), renewal-500*time.Millisecond, "measured when the sandbox receives the requests")
	}
}

// assertHold asserts that all processes hold back within 500 ms after the first of requests, whose response was 429, for as
// long as it asked.
func assertHold(t *testing.T, requests []time.Time, throttled time.Duration) {
	t.Helper()
	last := time.Duration(0)
	for _, at := range requests {
		if after := at.Sub(requests[0]); after < throttled {
			last = max(last, after)
		}
	}
	t.Logf("the last request came %v after the response 429", last.Round(time.Millisecond))
	assert.LessOrEqual(t, last, 500*time.Millisecond)
}

// assertRate asserts that no second has more than most requests. It sorts the times.
func assertRate(t *testing.T, what string, times []time.Time, most float64) {
	t.Helper()
	slices.SortFunc(times, time.Time.Compare)
	require.NotEmpty(t, times)
	counts := perSecond(times)
	slices.Sort(counts)
	length := times[len(times)-1].Sub(times[0])
	t.Logf("%s: %d requests in %v, at most %d in a second, median %d", what, len(times), length.Round(time.Millisecond), counts[len(counts)-1], counts[len(counts)/2])
	assert.LessOrEqual(t, float64(counts[len(counts)-1]), most)
}

// assertUsed asserts that at least half of all seconds have half of least requests. In the long form of the test, on an idle machine,
// each second that was not disturbed has least. The times are sorted.
func assertUsed(t *testing.T, times []time.Time, disturbed []period, least float64) {
	t.Helper()
	counts := perSecond(times)
	checked, fewest := 0, len(times)
	for i, from := range times {
		to := from.Add(time.Second)
		if to.After(times[len(times)-1]) || slices.ContainsFunc(disturbed, func(d period) bool { return from.Before(d.to) && d.from.Before(to) }) {
			continue
		}
		checked, fewest = checked+1, min(fewest, counts[i])
	}
	t.Logf("%d of %d seconds were undisturbed, and had at least %d requests", checked, len(times), fewest)
	if checked > 0 && *users > 0 {
		assert.GreaterOrEqual(t, float64(fewest), least)
	}
	slices.Sort(counts)
	assert.GreaterOrEqual(t, float64(counts[len(counts)/2]), least/2)
}

// perSecond returns the number of times in the second that begins with each time. The times are sorted.
func perSecond(times []time.Time) []int {
	counts := make([]int, len(times))
	to := 0
	for from := range times {
		for to < len(times) && times[to].Before(times[from].Add(time.Second)) {
			to++
		}
		counts[from] = to - from
	}
	return counts
}
