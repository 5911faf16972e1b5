package basiq_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// retryAfter returns a response with Retry-After.
func retryAfter(status int, wait string) stubResponse {
	return stubResponse{status: status, body: envelope("too-many-requests", "", ""), header: http.Header{"Retry-After": {wait}}}
}

// A 429 for one caller delays all callers of the same operation, and no others.
func TestThrottle_SharedByOperation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first         stubResponse
		atLeast, most time.Duration
	}{
		"429 with Retry-After":    {retryAfter(429, "7"), 7 * time.Second, 8 * time.Second},
		"503 with Retry-After":    {retryAfter(503, "7"), 7 * time.Second, 8 * time.Second},
		"429 without Retry-After": {ok(429, ""), time.Nanosecond, 2 * time.Second},
		"503 without Retry-After": {ok(503, ""), 0, 0},
		"500 with Retry-After":    {retryAfter(500, "7"), 0, 0},
		"404 with Retry-After":    {retryAfter(404, "7"), 0, 0},
		"200 with Retry-After":    {stubResponse{status: 200, body: userJSON, header: http.Header{"Retry-After": {"7"}}}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &stub{respond: func(_ int, req request) (*http.Response, error) {
					if req.Path == "/users/first" {
						return c.first.httpResponse(), nil
					}
					if strings.Contains(req.Path, "connections") {
						return reply(200, connectionJSON), nil
					}
					return reply(200, userJSON), nil
				}}
				client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1, BaseDelay: time.Second, MaxDelay: 20 * time.Second}))
				var first sync.WaitGroup
				first.Go(func() { _, _ = client.Users.Get(t.Context(), "first") })
				synctest.Wait()

				start := time.Now()
				_, err := client.Connections.Get(t.Context(), userID, connID)
				require.NoError(t, err)
				assert.Zero(t, time.Since(start), "another operation must not be delayed")
				var others sync.WaitGroup
				for range 50 {
					others.Go(func() {
						_, err := client.Users.Get(t.Context(), userID)
						assert.NoError(t, err) //nolint:testifylint // not the goroutine of the test
						assert.GreaterOrEqual(t, time.Since(start), c.atLeast)
						assert.LessOrEqual(t, time.Since(start), c.most)
					})
				}
				others.Wait()
				first.Wait()
				start = time.Now()
				time.Sleep(time.Minute)
				_, err = client.Users.Get(t.Context(), userID)
				require.NoError(t, err)
				assert.Equal(t, time.Minute, time.Since(start), "the throttling must have ended")
			})
		})
	}
}

// A caller that cannot wait as long as Basiq requires gets an error with the delay immediately. No request is sent.
func TestThrottle_TooLong(t *testing.T) {
	t.Parallel()
	policy := basiq.RetryPolicy{MaxAttempts: 4, BaseDelay: time.Second, MaxDelay: 20 * time.Second}
	for name, c := range map[string]struct {
		response stubResponse
		deadline time.Duration
		want     error
		text     string
	}{
		"longer than MaxDelay":     {retryAfter(429, "3600"), time.Hour, basiq.ErrTooManyRequests, "(status 429) for another 59m59s"},
		"longer than the deadline": {retryAfter(503, "15"), 5 * time.Second, basiq.ErrUnavailable, "(status 503) for another 14s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &stub{respond: respondWith(c.response, ok(200, userJSON))}
				client := newClient(t, s, basiq.WithRetry(policy))
				short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				_, err := client.Users.Get(short, userID)
				require.Error(t, err)
				time.Sleep(time.Second)

				ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
				defer cancel()
				start := time.Now()
				_, err = client.Users.Get(ctx, userID)
				require.ErrorIs(t, err, c.want)
				require.NotErrorIs(t, err, basiq.ErrNotFound)
				assert.Zero(t, time.Since(start))
				assert.Len(t, s.seen(), 1, "a throttled call must not be sent")
				require.EqualError(t, err, "basiq: Users.Get: not sent: operation throttled by Basiq "+c.text)
				assert.False(t, basiq.MayHaveSucceeded(err))
				var paused *basiq.ThrottledError
				require.ErrorAs(t, err, &paused)
				var lost *basiq.TransportError
				require.ErrorAs(t, err, &lost)
				assert.Equal(t, basiq.TransportError{Operation: "Users.Get", Err: paused}, *lost)

				time.Sleep(policy.MaxDelay)
				_, err = client.Users.Get(t.Context(), userID)
				require.NoError(t, err, "a server must not block an operation for longer than MaxDelay")
			})
		})
	}
}

// Callers wait for at most MaxDelay, even if throttling is renewed again and again.
func TestThrottle_RenewedForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{respond: respondWith(retryAfter(429, "8"))}
		client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 4, BaseDelay: time.Second, MaxDelay: 20 * time.Second}))
		var callers sync.WaitGroup
		var mu sync.Mutex
		var took []time.Duration
		for range 1000 {
			callers.Go(func() {
				start := time.Now()
				_, err := client.Users.Get(t.Context(), userID)
				assert.ErrorIs(t, err, basiq.ErrTooManyRequests) //nolint:testifylint // not the goroutine of the test
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(start))
			})
			time.Sleep(10 * time.Millisecond)
		}
		callers.Wait()
		assert.LessOrEqual(t, slices.Max(took), (4*20+3*9)*time.Second, "throttled four times, with three delays between attempts")
		assert.Less(t, len(s.seen()), 100, "only few of 1,000 callers may send a request")
	})
}

// A call is delayed for at most MaxDelay in total, no matter how often throttling is renewed.
func TestThrottle_Renewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{respond: func(_ int, req request) (*http.Response, error) {
			late, err := time.ParseDuration(strings.TrimPrefix(req.Path, "/users/"))
			require.NoError(t, err, "only the slow requests may be sent")
			time.Sleep(late)
			return retryAfter(429, "8").httpResponse(), nil
		}}
		client := newClient(t, s, basiq.WithTokenSource(fixedTokens("token-1")),
			basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1, BaseDelay: time.Second, MaxDelay: 20 * time.Second}))
		var slow sync.WaitGroup
		for _, late := range []string{"1s", "5s", "10s", "15s", "19s"} { // sent before throttling starts, each response renews it
			slow.Go(func() { _, _ = client.Users.Get(t.Context(), late) })
		}
		time.Sleep(2 * time.Second)
		start := time.Now()
		_, err := client.Users.Get(t.Context(), userID)
		require.ErrorAs(t, err, new(*basiq.ThrottledError))
		assert.Greater(t, time.Since(start), 8*time.Second)
		assert.LessOrEqual(t, time.Since(start), 20*time.Second)
		slow.Wait()
		assert.Len(t, s.seen(), 5)
	})
}

// A context that ends while the operation is throttled ends the wait.
func TestThrottle_ContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{respond: respondWith(retryAfter(429, "15"), ok(200, userJSON))}
		client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1, MaxDelay: 20 * time.Second}))
		_, err := client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, basiq.ErrTooManyRequests)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err = client.Users.Get(ctx, userID)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, time.Second, time.Since(start))
		assert.False(t, basiq.MayHaveSucceeded(err))
		assert.Len(t, s.seen(), 1)
	})
}

// If an operation is throttled by another call between two attempts, the call returns the outcome of its own attempt.
func TestThrottle_BetweenAttempts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first any
		want  error
		text  string
	}{
		"after a response": {ok(500, envelope("internal-server-error", "", "broken")), nil, "basiq: Users.Delete: 500 internal-server-error: broken (correlation corr-1)"},
		"after a reset":    {errReset, basiq.ErrTooManyRequests, "no response after 1 attempt: operation throttled by Basiq (status 429) for another 59m5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &stub{respond: func(_ int, req request) (*http.Response, error) {
					if req.Path == "/users/other" {
						return retryAfter(429, "3600").httpResponse(), nil
					}
					return respondWith(c.first)(1, req)
				}}
				client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{BaseDelay: 10 * time.Second, MaxDelay: 20 * time.Second}))
				time.AfterFunc(time.Nanosecond, func() { _ = client.Users.Delete(t.Context(), "other") })
				err := client.Users.Delete(t.Context(), userID)
				require.Error(t, err)
				assert.True(t, basiq.MayHaveSucceeded(err))
				if c.want != nil {
					require.ErrorIs(t, err, c.want)
					assert.Contains(t, err.Error(), c.text)
				} else {
					require.EqualError(t, err, c.text)
				}
				assert.Len(t, s.seen(), 2)
			})
		})
	}
}

func TestWithRateLimit(t *testing.T) {
	t.Parallel()
	t.Run("delays every request", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: respondWith(ok(500, ""), tokenExpired, ok(200, userJSON))}
			client := newClient(t, s, basiq.WithRateLimit(rate.NewLimiter(rate.Every(time.Second), 1)))
			start := time.Now()
			var callers sync.WaitGroup
			for range 10 {
				callers.Go(func() {
					_, err := client.Users.Get(t.Context(), userID)
					assert.NoError(t, err)
				})
			}
			callers.Wait()
			// Ten calls, a retry, a call with another token and two token requests. The first request is not delayed.
			sent := len(s.seen()) + s.tokenRequests()
			assert.GreaterOrEqual(t, sent, 14)
			// The limiter computes with floating-point numbers and may round a delay down by a nanosecond.
			assert.GreaterOrEqual(t, time.Since(start), time.Duration(sent-1)*time.Second-time.Microsecond)
		})
	})
	t.Run("deadline before the next request", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: respondWith(ok(201, userJSON))}
			limiter := rate.NewLimiter(rate.Every(time.Hour), 2)
			client := newClient(t, s, basiq.WithRateLimit(limiter))
			_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			_, err = client.Users.Create(ctx, basiq.CreateUser{Email: "a@b.c"})
			require.ErrorContains(t, err, "basiq: Users.Create: no response after 0 attempts: rate limit: ")
			assert.False(t, basiq.MayHaveSucceeded(err))
			assert.Zero(t, time.Since(start))
			assert.Len(t, s.seen(), 1)
		})
	})
}

// The number of token requests never exceeds half of Basiq's limit for an address in five minutes, regardless of the number of
// users and the results.
func TestTokenCache_RequestLimit(t *testing.T) {
	t.Parallel()
	const most = 1500 / 2
	window := 5 * time.Minute
	for name, c := range map[string]struct {
		token func(n int) (*http.Response, error)
		call  func(client *basiq.Client, ctx context.Context, n int) error
		// most is the maximum number of token requests in five minutes. all reports whether all calls must succeed.
		most int
		all  bool
	}{
		"many users in sequence": {
			nil, func(client *basiq.Client, ctx context.Context, n int) error {
				_, err := client.Tokens.Get(ctx, basiq.ClientAccess("u"+strconv.Itoa(n)))
				return err
			}, most, true,
		},
		"Tokens.Create": {
			nil, func(client *basiq.Client, ctx context.Context, _ int) error {
				_, err := client.Tokens.Create(ctx, basiq.ServerAccess())
				return err
			}, most, true,
		},
		"new tokens rejected": {
			nil, func(client *basiq.Client, ctx context.Context, _ int) error {
				return client.Users.Delete(ctx, "rejected")
			}, most, false,
		},
		"rejected key": {
			func(int) (*http.Response, error) { return reply(404, envelope("resource-not-found", "", "")), nil },
			func(client *basiq.Client, ctx context.Context, _ int) error { return client.Users.Delete(ctx, userID) }, most, false,
		},
		"unavailable server": {
			func(int) (*http.Response, error) { return nil, errReset },
			func(client *basiq.Client, ctx context.Context, _ int) error { return client.Users.Delete(ctx, userID) }, most, false,
		},
		"limit exceeded by other clients": {
			func(int) (*http.Response, error) {
				return reply(403, envelope("request-not-valid", "", "Invalid request")), nil
			},
			func(client *basiq.Client, ctx context.Context, _ int) error { return client.Users.Delete(ctx, userID) }, 6, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &stub{onToken: c.token, respond: func(_ int, req request) (*http.Response, error) {
					if req.Path == "/users/rejected" {
						return reply(401, envelope("invalid-authorization-token", "", "")), nil
					}
					return reply(204, ""), nil
				}}
				client := newClient(t, s)
				ctx, cancel := context.WithTimeout(t.Context(), window)
				defer cancel()
				var callers sync.WaitGroup
				for caller := range 10 {
					callers.Go(func() {
						for n := 0; ctx.Err() == nil; n++ {
							err := c.call(client, ctx, 10*n+caller)
							if ctx.Err() == nil && c.all && time.Until(deadline(ctx)) > 10*time.Second {
								assert.NoError(t, err) //nolint:testifylint // not the goroutine of the test
							}
							time.Sleep(100 * time.Millisecond)
						}
					})
				}
				callers.Wait()
				assert.LessOrEqual(t, s.tokenRequests(), c.most)
				assert.Greater(t, s.tokenRequests(), c.most/3, "the limit must be tested with enough requests")
				time.Sleep(2 * time.Minute) // until a request without waiting callers ends
			})
		})
	}
}

func deadline(ctx context.Context) time.Time {
	at, _ := ctx.Deadline()
	return at
}
