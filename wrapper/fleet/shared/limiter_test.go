package shared

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// memoryLimit is a limitTable for tests in virtual time. Each statement takes up to twice the latency.
type memoryLimit struct {
	latency time.Duration

	mu         sync.Mutex
	next       time.Time
	held       map[string]hold
	statements int
	err        error
	// slow is how much longer the next statement takes.
	slow time.Duration
}

// statement counts a statement, waits for half of its duration and locks the table. The result unlocks it and waits for
// the other half.
func (m *memoryLimit) statement() func() {
	m.mu.Lock()
	half := rand.N(m.latency+1) + m.slow/2
	m.slow = 0
	m.mu.Unlock()
	time.Sleep(half)
	m.mu.Lock()
	m.statements++
	return func() {
		m.mu.Unlock()
		time.Sleep(half)
	}
}

func (m *memoryLimit) reserve(_ context.Context, n int, interval, lead time.Duration) (time.Time, bool, error) {
	defer m.statement()()
	first := time.Now().Add(lead - tolerance)
	if m.next.After(first) {
		first = m.next
	}
	m.next = first.Add(time.Duration(n) * interval)
	return first, len(m.held) > 0, m.err
}

func (m *memoryLimit) holds(context.Context) (map[string]hold, error) {
	defer m.statement()()
	return maps.Clone(m.held), m.err
}

func (m *memoryLimit) hold(_ context.Context, operation string, status int, asked time.Duration) error {
	defer m.statement()()
	m.held = map[string]hold{operation: {time.Now().Add(asked), status}}
	return nil
}

// assertRate asserts that times hold a rate within 5 % in every second, and that the rate is used.
func assertRate(t *testing.T, times []time.Time, rate float64) {
	t.Helper()
	slices.SortFunc(times, time.Time.Compare)
	most, least := 0, len(times)
	for from, to := 0, 0; ; from++ {
		for to < len(times) && times[to].Before(times[from].Add(time.Second)) {
			to++
		}
		if to == len(times) {
			break
		}
		most, least = max(most, to-from), min(least, to-from)
	}
	t.Logf("%d requests, in every second %d to %d", len(times), least, most)
	assert.LessOrEqual(t, float64(most), max(1.05*rate, rate+1))
	assert.GreaterOrEqual(t, float64(least), min(0.95*rate, rate-1))
}

// saturate has n processes with workers that send as fast as the limiters permit. It returns when each process sent.
func saturate(n, workers int, length time.Duration, limiter func() *Limiter) [][]time.Time {
	sent := make([][]time.Time, n)
	var wait sync.WaitGroup
	end := time.Now().Add(length)
	for i := range sent {
		l := limiter()
		var mu sync.Mutex
		for range workers {
			wait.Go(func() {
				for l.Wait(context.Background()) == nil && time.Now().Before(end) {
					mu.Lock()
					sent[i] = append(sent[i], time.Now())
					mu.Unlock()
					time.Sleep(rand.N(20 * time.Millisecond)) // the request
				}
			})
		}
	}
	wait.Wait()
	return sent
}

// The rate is held in every second, whatever the number of processes. They get equal shares with few statements.
func TestLimiter_Rate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		processes, workers int
		rate               float64
		// statements is the largest number of statements per request.
		statements float64
	}{
		{1, 8, 100, 0.2}, {4, 8, 100, 0.4}, {50, 4, 100, 2.2}, {4, 50, 1000, 0.06}, {4, 2, 3, 2.2}, {2, 200, 2000, 0.02},
	} {
		t.Run(fmt.Sprintf("%d processes of %d workers, %v a second", c.processes, c.workers, c.rate), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				table := &memoryLimit{latency: 2 * time.Millisecond}
				sent := saturate(c.processes, c.workers, 30*time.Second, func() *Limiter { return newLimiter(table, c.rate) })
				all := slices.Concat(sent...)
				assertRate(t, all, c.rate)
				t.Logf("%d statements", table.statements)
				assert.LessOrEqual(t, float64(table.statements)/float64(len(all)), c.statements)
				for i, times := range sent {
					assert.InEpsilon(t, len(all)/c.processes, len(times), 0.25, "process %d", i)
				}
			})
		})
	}
}

// After one slow statement of a process, all processes soon use the rate again.
func TestLimiter_SlowStatement(t *testing.T) {
	t.Parallel()
	for _, slow := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			table := &memoryLimit{latency: 2 * time.Millisecond}
			start := time.Now()
			go func() {
				time.Sleep(5 * time.Second)
				table.mu.Lock()
				defer table.mu.Unlock()
				table.slow = slow
			}()
			sent := saturate(4, 16, 20*time.Second, func() *Limiter { return newLimiter(table, 100) })
			after := start.Add(5*time.Second + 2*slow + time.Second)
			assertRate(t, slices.DeleteFunc(slices.Concat(sent...), func(at time.Time) bool { return at.Before(after) }), 100)
		})
	}
}

// A request that comes after a pause is sent at once. Slots of the pause are lost.
func TestLimiter_Idle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(&memoryLimit{}, 10)
		var sent []time.Time
		for range 5 {
			time.Sleep(time.Minute)
			start := time.Now()
			for range 20 {
				require.NoError(t, l.Wait(t.Context()))
				sent = append(sent, time.Now())
			}
			assert.InDelta(t, 1.9, time.Since(start).Seconds(), 0.05)
		}
		assert.Len(t, sent, 100)
	})
}

// Requests that are canceled take no slots, and the others keep their order.
func TestLimiter_Cancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(&memoryLimit{}, 10)
		require.NoError(t, l.Wait(t.Context()))
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		var order []int
		var mu sync.Mutex
		var wait sync.WaitGroup
		for i := range 40 {
			wait.Go(func() {
				if i%2 == 0 {
					assert.ErrorIs(t, l.Wait(ctx), context.Canceled)
				} else if assert.NoError(t, l.Wait(t.Context())) { //nolint:contextcheck // ctx is canceled
					mu.Lock()
					order = append(order, i)
					mu.Unlock()
				}
			})
			synctest.Wait()
			if i == 30 {
				cancel()
			}
		}
		wait.Wait()
		cancel()
		assert.Len(t, order, 20)
		assert.True(t, slices.IsSorted(order))
		assert.InDelta(t, 2, time.Since(start).Seconds(), 0.11)
		assert.Empty(t, l.queue)
	})
}

// A token request does not wait for the requests that need the token.
func TestLimiter_TokenRequestFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(&memoryLimit{}, 10)
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		for range 1000 {
			wait.Go(func() { _ = l.Wait(ctx) })
		}
		synctest.Wait()
		start := time.Now()
		p, err := l.permit(ctx, tokenOperation)
		require.NoError(t, err)
		require.NoError(t, p.err)
		assert.Less(t, time.Since(start), time.Second)
		cancel()
		wait.Wait()
	})
}

// All callers that wait get the error of the database. Later callers use it again.
func TestLimiter_DatabaseFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := &memoryLimit{latency: time.Millisecond, err: ErrDatabase}
		l := newLimiter(table, 10)
		var wait sync.WaitGroup
		for range 10 {
			wait.Go(func() { assert.ErrorIs(t, l.Wait(t.Context()), ErrDatabase) })
		}
		wait.Wait()
		assert.LessOrEqual(t, table.statements, 3)
		table.err = nil
		require.NoError(t, l.Wait(t.Context()))
	})
}

// A 429 in one process holds the same operation in all processes, and no other operation. Requests that wait for a slot
// when the 429 comes are held too.
func TestLimiter_Hold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fault  basiqtest.Fault
		asked  time.Duration
		status int
	}{
		{"seconds", basiqtest.TooManyRequests(7 * time.Second), 7 * time.Second, 429},
		{"date", basiqtest.TooManyRequestsDate(7 * time.Second), 7 * time.Second, 429},
		{"without a delay", basiqtest.Fail(429), firstHold, 429},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sandbox := basiqtest.New(t)
				d := newDatabase(t, mirror.SQLite)
				var clients []*basiq.Client
				for range 4 {
					limiter, err := virtual(d.store(t)).Limiter("test", 20)
					require.NoError(t, err)
					client, err := sandbox.NewClient(basiq.WithRateLimit(limiter), basiq.WithMiddleware(limiter.Middleware))
					require.NoError(t, err)
					clients = append(clients, client)
				}
				_, err := clients[0].Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.example"})
				require.NoError(t, err)
				sandbox.Inject(c.fault, basiqtest.Operations("getInstitution"), basiqtest.Skip(200), basiqtest.Times(1))
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				var wait sync.WaitGroup
				for _, client := range clients {
					for range 8 {
						wait.Go(func() {
							for {
								if _, err := client.Institutions.Get(ctx, "AU00000"); err != nil {
									assert.True(t, ctx.Err() != nil || errors.Is(err, basiq.ErrTooManyRequests), err)
									return
								}
							}
						})
					}
				}
				time.Sleep(12 * time.Second)
				other := time.Now()
				for _, client := range clients {
					_, err := client.Connectors.Get(t.Context(), "AU00000", "web")
					require.NoError(t, err)
				}
				if c.asked > firstHold {
					assert.Less(t, time.Since(other), 3*time.Second, "other operations are not held")
				}
				wait.Wait()

				requests := sandbox.RequestsOf("getInstitution")
				at := slices.IndexFunc(requests, func(r basiqtest.Request) bool { return r.Status == c.status })
				require.Positive(t, at)
				end := requests[at].Time.Add(c.asked)
				late := 0
				for _, r := range requests[at+1:] {
					if r.Time.Before(end) {
						late++
						assert.Less(t, r.Time.Sub(requests[at].Time), freshness+time.Millisecond)
					}
				}
				t.Logf("%d requests after the 429", late)
				assert.Greater(t, len(requests), at+1+late+20, "requests continue after the hold")
			})
		})
	}
}

// Holds are per operation. They double with each further response without Retry-After that follows closely. Of several
// Retry-After delays the longest applies. This uses the clocks of the databases.
func TestLimiter_HoldTable(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, d database) {
		ctx := t.Context()
		store := d.store(t)
		clock := int64(1_000_000_000)
		store.now = func() string { return fmt.Sprintf("CAST(%d AS BIGINT)", clock) }
		table := &sqlLimit{store: store, name: "test"}
		left := func(operation string) time.Duration {
			var until int64
			_, err := store.queryRow(ctx, `SELECT held_until FROM basiq_shared_hold WHERE operation = ?`, []any{operation}, &until)
			require.NoError(t, err)
			return time.Duration(until-clock) * time.Microsecond
		}
		pass := func(d time.Duration) { clock += micros(d) }

		require.NoError(t, table.hold(ctx, "asked", 429, 10*time.Second))
		require.NoError(t, table.hold(ctx, "asked", 429, 2*time.Second))
		assert.Equal(t, 10*time.Second, left("asked"))
		require.NoError(t, table.hold(ctx, "asked", 503, 20*time.Second))
		assert.Equal(t, 20*time.Second, left("asked"))
		require.NoError(t, table.hold(ctx, "asked", 429, 0))
		assert.Equal(t, 20*time.Second, left("asked"))

		for _, seconds := range []int{1, 2, 4, 8, 16, 30, 30} {
			want := time.Duration(seconds) * time.Second
			require.NoError(t, table.hold(ctx, "silent", 429, 0))
			assert.Equal(t, want, left("silent"))
			require.NoError(t, table.hold(ctx, "silent", 429, 0)) // a response to an earlier request
			assert.Equal(t, want, left("silent"))
			pass(want + time.Millisecond)
		}
		pass(31 * time.Second)
		require.NoError(t, table.hold(ctx, "silent", 429, 0))
		assert.Equal(t, firstHold, left("silent"))

		holds, err := table.holds(ctx)
		require.NoError(t, err)
		require.Contains(t, holds, "silent")
		assert.NotContains(t, holds, "asked", "it is over")
		assert.Equal(t, 429, holds["silent"].status)
		others, err := (&sqlLimit{store: store, name: "other"}).holds(ctx)
		require.NoError(t, err)
		assert.Empty(t, others)

		_, holding, err := table.reserve(ctx, 1, time.Second, 0)
		require.NoError(t, err)
		assert.True(t, holding)
		_, holding, err = (&sqlLimit{store: store, name: "other"}).reserve(ctx, 1, time.Second, 0)
		require.NoError(t, err)
		assert.False(t, holding)
	})
}

// A call that cannot wait for the end of a hold gets a ThrottledError at once.
func TestLimiter_HoldTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := &memoryLimit{held: map[string]hold{"": {time.Now().Add(20 * time.Second), http.StatusServiceUnavailable}}}
		l := newLimiter(table, 10)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := l.Wait(ctx)
		throttled, ok := errors.AsType[*basiq.ThrottledError](err)
		require.True(t, ok, err)
		assert.Equal(t, &basiq.ThrottledError{RetryAfter: 20 * time.Second, StatusCode: 503}, throttled)
		require.ErrorIs(t, err, basiq.ErrUnavailable)
		assert.Equal(t, start, time.Now())

		table.held[""] = hold{time.Now().Add(maxWait + time.Second), http.StatusTooManyRequests}
		time.Sleep(20 * time.Second) // until the hold that the limiter knows is over
		table.held[""] = hold{time.Now().Add(maxWait + time.Second), http.StatusTooManyRequests}
		require.ErrorIs(t, l.Wait(t.Context()), basiq.ErrTooManyRequests)

		table.held = nil
		time.Sleep(time.Minute)
		require.NoError(t, l.Wait(t.Context()))
		require.ErrorIs(t, l.Wait(ctx), context.DeadlineExceeded)
	})
}

// Limiters over both databases, with the databases' clocks.
func TestLimiter_SQL(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, d database) {
		const rate, seconds = 100, 3
		start := time.Now()
		sent := saturate(4, 8, seconds*time.Second, func() *Limiter {
			l, err := d.store(t).Limiter("test", rate)
			require.NoError(t, err)
			return l
		})
		all := slices.Concat(sent...)
		assert.LessOrEqual(t, float64(len(all)), 1.05*rate*time.Since(start).Seconds())
		for _, times := range sent { // how many depends on how busy the processors are, see TestLimiter_Rate
			assert.NotEmpty(t, times)
		}
		t.Logf("%d requests in %v", len(all), time.Since(start))
	})
}

func TestLimiter_Arguments(t *testing.T) {
	t.Parallel()
	store := newDatabase(t, mirror.SQLite).store(t)
	for _, c := range []struct {
		name string
		rate float64
	}{{"", 1}, {"a", 0}, {"a", -1}, {"a", 1e5}} {
		_, err := store.Limiter(c.name, c.rate)
		require.ErrorIs(t, err, basiq.ErrInvalidInput, c)
	}
}

// A response cannot hold an operation for longer than an hour.
func TestLimiter_LongestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := &memoryLimit{}
		next := basiq.DoerFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"99999999"}}, Body: http.NoBody}, nil
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/users", http.NoBody)
		require.NoError(t, err)
		_, err = newLimiter(table, 1).Middleware(next).Do(req)
		require.NoError(t, err)
		assert.Equal(t, maxRetryAfter, time.Until(table.held[""].until))
	})
}
