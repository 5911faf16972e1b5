package basiqtest_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// `make soak` asks TestSoak for 10,000 calls and three seeds. A number of calls turns on what only holds for many.
var (
	soakCalls = flag.Int("soak", 0, "how many calls TestSoak makes in each of its runs; 0 makes few, as in CI")
	soakSeed  = flag.Uint64("seed", 0, "what TestSoak draws everything from; 0 draws a seed")
)

const (
	// soakers is how many callers there are at once.
	soakers = 64
	// struckShare is how many of the requests the faults are to strike.
	struckShare = 0.2
	// waveEvery is after how many requests all tokens are revoked, or expire: in turns.
	waveEvery = 300
	// refusedMost is for how many of the requests a retry may be refused because the budget for them is spent, which is for
	// outages: at random faults that happens only when nearly all callers wait to try again in the same moment.
	refusedMost = 0.003
	// leakedMost is how much more memory may be in use after a soak than before it: the clients are still there, with their
	// tokens, and what package-level caches have grown by.
	leakedMost = 2 << 20
)

// A program that makes many calls at once, of all operations, while one request in five meets a fault and all tokens are
// revoked every few hundred calls. What has to come of each call is in judge; what has to be in the sandbox in the end is
// in ledger.
//
// The seed, which is printed, decides what each caller draws and what the sandbox draws. Which call meets which fault
// depends on the order in which calls reach the sandbox as well, and that is up to the scheduler: a seed makes a run like
// the one that failed, not the same run. It does not run beside other tests, since it measures the process.
func TestSoak(t *testing.T) { //nolint:paralleltest // See above.
	seed := *soakSeed
	for seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: again with -args -seed %d -soak %d", seed, seed, *soakCalls)

	// Time is virtual, so that the client's own retries and timeout are those of a program: a hang costs nothing.
	virtual := soakConditions{
		start: func(t *testing.T, opts ...basiqtest.Option) *basiqtest.Sandbox {
			t.Helper()
			return basiqtest.New(t, opts...)
		},
		enough: max(*soakCalls, 1000), timeout: 30 * time.Second, settled: time.Hour,
		faults: append([]soakFault{
			{basiqtest.Latency(2 * time.Second), 10},
			{basiqtest.Latency(40 * time.Second), 10},
			{basiqtest.Hang(), 15},
			{basiqtest.SlowBody(200), 15},
			{basiqtest.TooManyRequests(2 * time.Second), 10},
			{basiqtest.TooManyRequestsDate(5 * time.Second), 10},
		}, commonFaults...),
	}
	// Sockets are real, and so is time: nothing waits for long here, and no attempt may end because the machine is slow.
	loopback := soakConditions{
		start: func(t *testing.T, opts ...basiqtest.Option) *basiqtest.Sandbox {
			t.Helper()
			sandbox, err := basiqtest.Start(append(opts, basiqtest.Speed(1000))...)
			require.NoError(t, err)
			return sandbox
		},
		// With fewer, chance decides whether the first wave comes.
		enough: max(*soakCalls, 800), timeout: time.Minute, settled: 100 * time.Millisecond,
		client: []basiq.Option{basiq.WithRetry(basiq.Retry{BaseDelay: 5 * time.Millisecond, MaxDelay: 50 * time.Millisecond})},
		// A job whose MFA answer got lost ends when the challenge expires, after two minutes: no wait here is as long.
		wait: []basiq.WaitOption{basiq.WithPollInterval(100*time.Millisecond, 100*time.Millisecond), basiq.WithMaxWait(10 * time.Second)},
		faults: append([]soakFault{
			{basiqtest.Latency(50 * time.Millisecond), 20}, {basiqtest.SlowBody(100_000), 15},
		}, commonFaults...),
	}

	t.Run("virtual time", func(t *testing.T) { //nolint:paralleltest // It measures the process.
		measure(t, func() (s *soak) {
			synctest.Test(t, func(t *testing.T) { s = runSoak(t, seed, virtual) })
			return s
		})
	})
	t.Run("loopback", func(t *testing.T) { //nolint:paralleltest // It measures the process.
		measure(t, func() *soak { return runSoak(t, seed, loopback) })
	})
}

// measure runs a soak and holds what is left in the process to what was there before.
func measure(t *testing.T, run func() *soak) {
	t.Helper()
	runtime.GC() // twice, since the first fills the victims of pools
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	began := time.Now()

	s := run()
	clients := s.clients
	*s.watch, *s = watch{}, soak{} // what the test has kept is not the client's

	took := time.Since(began)
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // those of connections are about to end
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines, "a goroutine is left")
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	assert.LessOrEqual(t, grown, int64(leakedMost), "memory is left, in bytes")
	t.Logf("memory: %+d KiB; goroutines: %d before, %d after; it took %v", grown>>10, goroutines, runtime.NumGoroutine(), took.Round(time.Millisecond))
	runtime.KeepAlive(clients)
}

// soakConditions is what the two runs differ in.
type soakConditions struct {
	start   func(t *testing.T, opts ...basiqtest.Option) *basiqtest.Sandbox
	enough  int           // calls, of all callers
	timeout time.Duration // of an attempt
	settled time.Duration // after so long every job is over
	client  []basiq.Option
	wait    []basiq.WaitOption
	faults  []soakFault
}

// soakFault is a fault, and how many there are to be of it among the others.
type soakFault struct {
	basiqtest.Fault

	weight float64
}

var commonFaults = []soakFault{
	{basiqtest.Fail(http.StatusRequestTimeout), 10},
	{basiqtest.Fail(http.StatusTooManyRequests), 10},
	{basiqtest.Fail(http.StatusInternalServerError), 30},
	{basiqtest.BadGateway(), 30},
	{basiqtest.Fail(http.StatusServiceUnavailable), 30},
	{basiqtest.Fail(http.StatusGatewayTimeout), 10},
	{basiqtest.ResetBefore(), 20},
	{basiqtest.ResetAfter(), 20},
	{basiqtest.Truncate(), 20},
	{basiqtest.Garbage(), 5},
}

// soak is a run.
type soak struct {
	soakConditions
	*watch

	seed    uint64
	sandbox *basiqtest.Sandbox
	clients map[basiq.APIVersion]*basiq.Client
	ledger  ledger
	opened  atomic.Int64 // connections
	waves   []*basiqtest.Injection
	struck  []*basiqtest.Injection
}

func runSoak(t *testing.T, seed uint64, conditions soakConditions) *soak {
	t.Helper()
	s := &soak{soakConditions: conditions, seed: seed, watch: newWatch(), clients: map[basiq.APIVersion]*basiq.Client{}}
	s.sandbox = s.start(t, basiqtest.Seed(seed), basiqtest.Logger(slog.New(s.watch)), basiqtest.DeliverWith(delivered))
	defer func() { _ = s.sandbox.Close() }()

	transport := s.sandbox.HTTPClient().Transport.(*http.Transport).Clone()
	transport.DialContext = s.count(transport.DialContext)
	wire := &wire{transport}
	for _, version := range []basiq.APIVersion{basiq.APIVersion21, basiq.APIVersion30} {
		options := slices.Concat(s.client, []basiq.Option{
			basiq.WithAPIVersion(version), basiq.WithMiddleware(s.observe),
			basiq.WithHTTPClient(&http.Client{Transport: wire, Timeout: s.timeout}),
		})
		client, err := s.sandbox.NewClient(options...)
		require.NoError(t, err)
		s.clients[version] = client
	}
	s.inject()

	began := time.Now()
	var callers sync.WaitGroup
	for i := range soakers {
		callers.Go(func() { newSoaker(t.Context(), s, i).run() })
	}
	callers.Wait()
	took := time.Since(began)
	for _, i := range slices.Concat(s.waves, s.struck) {
		i.Remove()
	}

	transport.CloseIdleConnections()
	for deadline := time.Now().Add(time.Minute); s.opened.Load() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	assert.Zero(t, s.opened.Load(), "a connection is left open, or an answer unread")

	time.Sleep(s.settled)
	s.ledger.check(t, s.found(t))
	require.NoError(t, s.sandbox.Close()) // so that the log is complete
	s.sum(t, took)
	wire.RoundTripper = nil
	return s
}

// inject puts the faults into the sandbox. The one injected first strikes and those after it do not see the call, so each
// chance is that of a request which has been spared until then. Latency adds to the others.
func (s *soak) inject() {
	s.waves = append(s.waves,
		s.sandbox.Inject(basiqtest.RevokeAllTokens(), basiqtest.Every(2*waveEvery)),
		s.sandbox.Inject(basiqtest.ExpireAllTokens(), basiqtest.After(waveEvery), basiqtest.Every(2*waveEvery)))
	total, spared := 0.0, 1.0
	for _, f := range s.faults {
		total += f.weight
	}
	for _, f := range s.faults {
		share := struckShare * f.weight / total
		s.struck = append(s.struck, s.sandbox.Inject(f.Fault, basiqtest.Chance(share/spared)))
		spared -= share
	}
}

// wire takes the transport away from the clients in the end: that of net/http goes on holding dials that are over, and with
// them what their contexts lead to, so that nobody could see whether the clients themselves hold anything.
type wire struct{ http.RoundTripper }

// count counts the connections that are open.
func (s *soak) count(dial dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		s.opened.Add(1)
		return &countedConn{Conn: conn, opened: &s.opened}, nil
	}
}

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

type countedConn struct {
	net.Conn

	opened *atomic.Int64
	once   sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.opened.Add(-1) })
	return c.Conn.Close()
}

// delivered takes the messages of webhooks, which go nowhere.
var delivered = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
})}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// ledger is what there has to be in the sandbox in the end: of each thing, which has a name of its own, at least and at
// most so many.
type ledger struct {
	mu     sync.Mutex
	things map[string]bounds
}

type bounds struct{ least, most int }

// made notes what came of a call that makes a thing, or several of one name.
func (l *ledger) made(name string, err error) { l.note(name, err, 1) }

// unmade notes what came of a call that deletes one.
func (l *ledger) unmade(name string, err error) { l.note(name, err, -1) }

func (l *ledger) note(name string, err error, change int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.things == nil {
		l.things = map[string]bounds{}
	}
	b := l.things[name]
	done := err == nil
	if maybe := basiq.MayHaveBeenDone(err); done || maybe {
		if done || change < 0 {
			b.least += change
		}
		if done || change > 0 {
			b.most += change
		}
	}
	l.things[name] = b
}

// check compares with what was found.
func (l *ledger) check(t *testing.T, found map[string]int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, b := range l.things {
		assert.GreaterOrEqual(t, found[name], b.least, "%s was made and is not there", name)
		assert.LessOrEqual(t, found[name], b.most, "%s is there more often than it was made", name)
	}
	for name := range found {
		assert.Contains(t, l.things, name, "nobody has made it")
	}
}

// found lists everything that is in the sandbox, with clients that nothing happens to.
func (s *soak) found(t *testing.T) map[string]int {
	t.Helper()
	old, err := s.sandbox.NewClient(basiq.WithAPIVersion(basiq.APIVersion21))
	require.NoError(t, err)
	now, err := s.sandbox.NewClient()
	require.NoError(t, err)
	ctx := t.Context()
	found := map[string]int{}
	for user, err := range old.Users.List(ctx) {
		require.NoError(t, err)
		whole, err := now.Users.Get(ctx, user.ID)
		require.NoError(t, err)
		found["user "+whole.Email]++
		if !strings.HasPrefix(whole.Email, mainUser) {
			continue // of whose connections nobody keeps count
		}
		for _, err := range now.Connections.List(ctx, user.ID) {
			require.NoError(t, err)
			found["connection of "+whole.Email]++
		}
	}
	for webhook, err := range now.Webhooks.List(ctx) {
		require.NoError(t, err)
		found["webhook "+webhook.Name]++
	}
	for report, err := range now.Reports.List(ctx) {
		require.NoError(t, err)
		found["report "+report.Title]++
	}
	return found
}

// sum judges all calls and writes the report.
func (s *soak) sum(t *testing.T, took time.Duration) {
	t.Helper()
	v := s.judgeAll()
	for _, problem := range v.problems[:min(len(v.problems), 20)] {
		t.Error(problem)
	}
	assert.Empty(t, v.problems[min(len(v.problems), 20):], "and more")

	waves := 0
	for _, i := range s.waves {
		waves += i.Count()
	}
	// Each wave takes one token of each version, and tokens live for an hour, of which 50 minutes are used. An answer to a
	// challenge takes one of its user, and another when that is refused.
	lives := 1 + int(took/(50*time.Minute))
	assert.LessOrEqual(t, v.tokens, 2*(waves+lives)+v.userTokens, "tokens, with %d waves", waves)
	assert.Positive(t, waves)
	spent := v.repeatable[budgetSpent] + v.others[budgetSpent] + v.noTokens[budgetSpent]
	assert.LessOrEqual(t, float64(spent), refusedMost*float64(v.requests), "so many retries were refused")
	share := float64(v.struck) / float64(v.requests)
	if *soakCalls > 0 {
		assert.InDelta(t, struckShare, share, 0.02, "so many requests were struck")
		for _, op := range basiq.Operations() {
			assert.Positive(t, v.calls[op.ID], "%s was never called", op.ID)
		}
	}

	var b strings.Builder
	calls := 0
	for _, n := range v.calls {
		calls += n
	}
	fmt.Fprintf(&b, "seed %d, %s: %d calls of %d operations, %d requests, %d retries, in %v of its own time\n",
		s.seed, t.Name(), calls, len(v.calls), v.requests, v.retries, took.Round(time.Second))
	fmt.Fprintf(&b, "tokens: %d new ones, %d waves of revocation; failures to get one: %s\n", v.tokens, waves, counts(v.noTokens))
	fmt.Fprintf(&b, "struck: %.1f %% of the requests:", 100*share)
	for i, f := range s.faults {
		fmt.Fprintf(&b, " %v %d", f.Fault, s.struck[i].Count())
	}
	fmt.Fprintf(&b, "\nrepeatable calls: %s\nother calls: %s\n", counts(v.repeatable), counts(v.others))
	fmt.Fprintf(&b, "duplicates: %d; attempts of calls that succeeded: %v\n", v.duplicates, v.attempts)
	fmt.Fprintf(&b, "calls of each operation: %s", counts(v.calls))
	t.Log(b.String())
}

// counts writes a map as "a 1, b 2", the names in order.
func counts(m map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
	}
	return strings.Join(parts, ", ")
}
