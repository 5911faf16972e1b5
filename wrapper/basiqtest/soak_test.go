package basiqtest_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math"
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

// `make soak` runs TestSoak with 10,000 calls and three seeds. Setting a number of calls also enables checks that are
// reliable only for many calls.
var (
	soakCalls = flag.Int("soak", 0, "how many calls TestSoak makes in each of its runs; 0 makes few, as in CI")
	soakSeed  = flag.Uint64("seed", 0, "what TestSoak draws everything from; 0 draws a seed")
)

const (
	// concurrentCallers is the number of concurrent callers.
	concurrentCallers = 64
	// faultShare is the target share of requests with a fault.
	faultShare = 0.2
	// waveEvery is the number of requests between waves that revoke or expire all tokens, alternately.
	waveEvery = 300
	// maxRefusedRetries is the maximum share of requests whose retry is refused because the retry budget is spent. The
	// budget is for outages. With random faults, it is only spent if nearly all callers wait to retry at the same time.
	maxRefusedRetries = 0.003
	// maxLeak is the maximum memory increase during a soak. The clients with their tokens still exist, and
	// package-level caches may have grown.
	maxLeak = 2 << 20
)

// TestSoak makes many concurrent calls of all operations, while one request in five meets a fault and all tokens are
// revoked or expire every few hundred calls. The function judge checks the outcome of each call, and ledger checks the
// final contents of the sandbox.
//
// The seed, which is printed, determines the random choices of the callers and the sandbox. Which call meets which
// fault also depends on the order in which calls reach the sandbox, and so on the scheduler. A seed therefore
// reproduces a similar run, but not the same one. The test is not parallel, because it measures the process.
func TestSoak(t *testing.T) { //nolint:paralleltest // see above
	seed := *soakSeed
	for seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: repeat with -args -seed %d -soak %d", seed, seed, *soakCalls)

	// Time is virtual, so the client uses its default retries and timeout, and hanging requests take no real time.
	virtual := soakConditions{
		start: func(t *testing.T, opts ...basiqtest.Option) *basiqtest.Sandbox {
			t.Helper()
			return basiqtest.New(t, opts...)
		},
		enough: max(*soakCalls, 1000), timeout: 30 * time.Second, jobsDone: time.Hour,
		faults: append([]soakFault{
			{basiqtest.Latency(2 * time.Second), 10},
			{basiqtest.Latency(40 * time.Second), 10},
			{basiqtest.Hang(), 15},
			{basiqtest.SlowBody(200), 15},
			{basiqtest.TooManyRequests(2 * time.Second), 10},
			{basiqtest.TooManyRequestsDate(5 * time.Second), 10},
		}, commonFaults...),
	}
	// Sockets and time are real, so all delays are short. Timeouts are long, so that no attempt fails because the machine
	// is slow.
	loopback := soakConditions{
		realTime: true,
		start: func(t *testing.T, opts ...basiqtest.Option) *basiqtest.Sandbox {
			t.Helper()
			sandbox, err := basiqtest.Start(append(opts, basiqtest.WithSpeed(1000))...)
			require.NoError(t, err)
			return sandbox
		},
		// With fewer requests, the first wave might not occur.
		enough: max(*soakCalls, 800), timeout: time.Minute, jobsDone: 100 * time.Millisecond,
		client: []basiq.Option{basiq.WithRetry(basiq.RetryPolicy{BaseDelay: 5 * time.Millisecond, MaxDelay: 50 * time.Millisecond})},
		// A job whose MFA answer was lost ends when the challenge expires after two minutes. No wait here is that long.
		wait: []basiq.WaitOption{basiq.WithPollInterval(100*time.Millisecond, 100*time.Millisecond), basiq.WithMaxWait(10 * time.Second)},
		faults: append([]soakFault{
			{basiqtest.Latency(50 * time.Millisecond), 20}, {basiqtest.SlowBody(100_000), 15},
		}, commonFaults...),
	}

	t.Run("virtual time", func(t *testing.T) { //nolint:paralleltest // it measures the process
		measure(t, func() (s *soak) {
			synctest.Test(t, func(t *testing.T) { s = runSoak(t, seed, virtual) })
			return s
		})
	})
	t.Run("loopback", func(t *testing.T) { //nolint:paralleltest // it measures the process
		measure(t, func() *soak { return runSoak(t, seed, loopback) })
	})
}

// measure runs a soak and compares goroutines and memory before and after it.
func measure(t *testing.T, run func() *soak) {
	t.Helper()
	runtime.GC() // twice, to also clear the victim caches of pools
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	began := time.Now()

	s := run()
	clients := s.clients
	*s.watch, *s = watch{}, soak{} // drop what the test itself holds

	took := time.Since(began)
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // connection goroutines are about to end
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines, "leaked goroutine")
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	assert.LessOrEqual(t, grown, int64(maxLeak), "leaked memory in bytes")
	t.Logf("memory: %+d KiB; goroutines: %d before, %d after; duration %v", grown>>10, goroutines, runtime.NumGoroutine(), took.Round(time.Millisecond))
	runtime.KeepAlive(clients)
}

// soakConditions holds the differences between the two runs.
type soakConditions struct {
	start    func(t *testing.T, opts ...basiqtest.Option) *basiqtest.Sandbox
	enough   int           // number of calls of all callers
	timeout  time.Duration // of an attempt
	jobsDone time.Duration // time after which every job is done
	client   []basiq.Option
	wait     []basiq.WaitOption
	faults   []soakFault
	// realTime is set if the machine determines how long calls take, so that a wait may end early on a slow one.
	realTime bool
}

// A soakFault is a fault with its relative weight.
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

	seed       uint64
	sandbox    *basiqtest.Sandbox
	clients    map[basiq.APIVersion]*basiq.Client
	ledger     ledger
	opened     atomic.Int64 // open connections
	waves      []*basiqtest.Injection
	injections []*basiqtest.Injection
}

func runSoak(t *testing.T, seed uint64, conditions soakConditions) *soak {
	t.Helper()
	s := &soak{soakConditions: conditions, seed: seed, watch: newWatch(), clients: map[basiq.APIVersion]*basiq.Client{}}
	s.watch.realTime = conditions.realTime
	s.sandbox = s.start(t, basiqtest.WithSeed(seed), basiqtest.WithLogger(slog.New(s.watch)), basiqtest.WithWebhookClient(delivered))
	defer func() { _ = s.sandbox.Close() }()

	transport := s.sandbox.HTTPClient().Transport.(*http.Transport).Clone()
	transport.DialContext = s.count(transport.DialContext)
	wire := &removableTransport{transport}
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
	for i := range concurrentCallers {
		callers.Go(func() { newSoaker(t.Context(), s, i).run() })
	}
	callers.Wait()
	took := time.Since(began)
	for _, i := range slices.Concat(s.waves, s.injections) {
		i.Remove()
	}

	transport.CloseIdleConnections()
	for deadline := time.Now().Add(time.Minute); s.opened.Load() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	assert.Zero(t, s.opened.Load(), "leaked connection or unread response")

	time.Sleep(s.jobsDone)
	s.ledger.check(t, s.found(t))
	require.NoError(t, s.sandbox.Close()) // so that the log is complete
	s.summarize(t, took)
	wire.RoundTripper = nil
	return s
}

// inject adds the faults to the sandbox. A fault that was injected earlier takes precedence, so each probability
// applies to requests that earlier faults skipped. Latency is added to other faults.
func (s *soak) inject() {
	s.waves = append(s.waves,
		s.sandbox.Inject(basiqtest.RevokeAllTokens(), basiqtest.Every(2*waveEvery)),
		s.sandbox.Inject(basiqtest.ExpireAllTokens(), basiqtest.Skip(waveEvery), basiqtest.Every(2*waveEvery)))
	total, spared := 0.0, 1.0
	for _, f := range s.faults {
		total += f.weight
	}
	for _, f := range s.faults {
		share := faultShare * f.weight / total
		s.injections = append(s.injections, s.sandbox.Inject(f.Fault, basiqtest.Probability(share/spared)))
		spared -= share
	}
}

// removableTransport is a transport that the test removes from the clients at the end. The transport of net/http keeps
// references to completed dials and their contexts, which would hide whether the clients themselves hold anything.
type removableTransport struct{ http.RoundTripper }

// count counts the open connections.
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

// delivered accepts webhook messages without sending them.
var delivered = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
})}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// A ledger tracks the expected final contents of the sandbox: for each named resource, the minimum and maximum number.
type ledger struct {
	mu     sync.Mutex
	things map[string]bounds
}

type bounds struct{ least, most int }

// created records the outcome of a call that creates a resource.
func (l *ledger) created(name string, err error) { l.record(name, err, 1) }

// deleted records the outcome of a call that deletes a resource.
func (l *ledger) deleted(name string, err error) { l.record(name, err, -1) }

func (l *ledger) record(name string, err error, change int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.things == nil {
		l.things = map[string]bounds{}
	}
	b := l.things[name]
	done := err == nil
	if maybe := basiq.MayHaveSucceeded(err); done || maybe {
		if done || change < 0 {
			b.least += change
		}
		if done || change > 0 {
			b.most += change
		}
	}
	l.things[name] = b
}

// check compares the ledger with the resources found.
func (l *ledger) check(t *testing.T, found map[string]int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, b := range l.things {
		assert.GreaterOrEqual(t, found[name], b.least, "%s was created and is missing", name)
		assert.LessOrEqual(t, found[name], b.most, "too many %s", name)
	}
	for name := range found {
		assert.Contains(t, l.things, name, "unexpected resource")
	}
}

// found lists everything in the sandbox, with clients that no faults apply to.
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
			continue // connections of these users are not tracked
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

// summarize judges all calls and logs the report.
func (s *soak) summarize(t *testing.T, took time.Duration) {
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
	// Each wave invalidates one token of each version, and tokens are used for 50 minutes of their lifetime of an hour.
	// Answering a challenge uses a token of the user, and another one if it is refused.
	lives := 1 + int(took/(50*time.Minute))
	assert.LessOrEqual(t, v.tokens, 2*(waves+lives)+v.userTokens, "tokens, with %d waves", waves)
	assert.Positive(t, waves)
	spent := v.idempotent[budgetSpent] + v.others[budgetSpent] + v.tokenFailures[budgetSpent]
	limit := maxRefusedRetries * float64(v.requests)
	if *soakCalls == 0 {
		limit += 4 * math.Sqrt(limit) // the share of a small sample varies: the standard deviation of a count is its square root
	}
	assert.LessOrEqual(t, float64(spent), limit, "refused retries")
	share := float64(v.faulted) / float64(v.requests)
	if *soakCalls > 0 {
		assert.InDelta(t, faultShare, share, 0.02, "share of requests with faults")
		for _, op := range basiq.Operations() {
			assert.Positive(t, v.calls[op.ID], "%s was never called", op.ID)
		}
	}

	var b strings.Builder
	calls := 0
	for _, n := range v.calls {
		calls += n
	}
	fmt.Fprintf(&b, "seed %d, %s: %d calls of %d operations, %d requests, %d retries, in %v of simulated time\n",
		s.seed, t.Name(), calls, len(v.calls), v.requests, v.retries, took.Round(time.Second))
	fmt.Fprintf(&b, "tokens: %d created, %d waves; failed requests: %s\n", v.tokens, waves, counts(v.tokenFailures))
	fmt.Fprintf(&b, "faults: %.1f %% of the requests:", 100*share)
	for i, f := range s.faults {
		fmt.Fprintf(&b, " %v %d", f.Fault, s.injections[i].Count())
	}
	fmt.Fprintf(&b, "\nidempotent calls: %s\nother calls: %s\n", counts(v.idempotent), counts(v.others))
	fmt.Fprintf(&b, "duplicates: %d; attempts of successful calls: %v\n", v.duplicates, v.attempts)
	fmt.Fprintf(&b, "calls per operation: %s", counts(v.calls))
	t.Log(b.String())
}

// counts formats a map as "a 1, b 2", sorted by name.
func counts(m map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
	}
	return strings.Join(parts, ", ")
}
