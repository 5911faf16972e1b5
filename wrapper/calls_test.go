package basiq_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// A call is rejected before a request is sent if the client's API version does not have the operation.
func TestCall_WrongAPIVersion(t *testing.T) {
	t.Parallel()
	for _, c := range operationCalls {
		for _, version := range []basiq.APIVersion{basiq.APIVersion21, basiq.APIVersion30} {
			t.Run(c.id+" "+string(version), func(t *testing.T) {
				t.Parallel()
				s := stubFor(c, func(int) (*http.Response, error) { return reply(c.status, c.body), nil })
				err := c.call(t, newClient(t, s, basiq.WithAPIVersion(version)))
				has := false
				for _, of := range operation(t, c.id).Versions() {
					has = has || of == version
				}
				if has {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, basiq.ErrWrongAPIVersion)
				require.ErrorIs(t, err, basiq.ErrInvalidInput)
				var input *basiq.InputError
				require.ErrorAs(t, err, &input)
				assert.Equal(t, operation(t, c.id).Name, input.Operation)
				assert.False(t, basiq.MayHaveSucceeded(err))
				assert.Empty(t, s.seen())
				assert.Zero(t, s.tokenRequests())
			})
		}
	}
}

// The duration of an attempt excludes the wait for the rate limit, both in the log and in middleware.
func TestRateLimit_NotPartOfAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		var inMiddleware time.Duration
		s := &stub{respond: func(int, request) (*http.Response, error) {
			time.Sleep(time.Second)
			return reply(200, userJSON), nil
		}}
		client := newClient(t, s, basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithRateLimit(rate.NewLimiter(rate.Every(100*time.Second), 1)),
			basiq.WithLogger(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
			ofCalls(func(next basiq.Doer, req *http.Request, _ int) (*http.Response, error) {
				start := time.Now()
				defer func() { inMiddleware = time.Since(start) }()
				return next.Do(req)
			}))
		start := time.Now()
		for range 2 {
			require.NoError(t, errOf(client.Users.Get(t.Context(), userID)))
			assert.Equal(t, time.Second, inMiddleware)
		}
		assert.Equal(t, 101*time.Second, time.Since(start))
		for line := range strings.Lines(log.String()) {
			var entry struct{ Duration time.Duration }
			require.NoError(t, json.Unmarshal([]byte(line), &entry))
			assert.Equal(t, time.Second, entry.Duration)
		}
	})
}

// Retry-After as a date is relative to the server's clock, which the Date header contains.
func TestRetryAfter_ClockSkew(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-time.Hour, -2 * time.Minute, 0, 2 * time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			server := time.Now().Add(skew).UTC()
			s := &stub{respond: respondWith(stubResponse{status: 429, header: http.Header{
				"Date": {server.Format(http.TimeFormat)}, "Retry-After": {server.Add(7 * time.Second).Format(http.TimeFormat)},
			}}, ok(200, userJSON))}
			client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Millisecond, MaxDelay: time.Minute}))
			start := time.Now()
			require.NoError(t, errOf(client.Users.Get(t.Context(), userID)), skew)
			assert.InDelta(t, 7*time.Second, time.Since(start), float64(5*time.Millisecond), skew)
		})
	}
}

// Callers whose context ends while they wait to retry do not use the retry budget.
func TestRetryBudget_CanceledCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		healthy := false
		s := &stub{respond: func(n int, _ request) (*http.Response, error) {
			if healthy && n%2 == 0 {
				return reply(200, userJSON), nil
			}
			return stubResponse{status: 503, header: http.Header{"Retry-After": {"1"}}}.httpResponse(), nil
		}}
		client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Millisecond, MaxDelay: time.Minute}))
		for range 120 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(500*time.Millisecond, cancel)
			require.ErrorIs(t, errOf(client.Users.Get(ctx, userID)), context.Canceled)
			time.Sleep(time.Minute)
		}
		require.Len(t, s.seen(), 120)
		healthy = true
		require.NoError(t, client.Users.Delete(t.Context(), userID), "responses alternate, so that there is at most one retry")
	})
}

// A ThrottledError created by a mock matches ErrThrottled and the sentinel of its status.
func TestThrottledError_Is(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{0: basiq.ErrTooManyRequests, 429: basiq.ErrTooManyRequests, 503: basiq.ErrUnavailable} {
		err := error(&basiq.TransportError{Operation: "Users.Get", Err: &basiq.ThrottledError{StatusCode: status, RetryAfter: time.Minute}})
		for _, sentinel := range []error{basiq.ErrTooManyRequests, basiq.ErrUnavailable} {
			assert.Equal(t, want == sentinel, errors.Is(err, sentinel), "%d", status) //nolint:errorlint // compares identities
		}
		require.NotErrorIs(t, err, basiq.ErrTooManyTokenRequests)
	}
}

// The zero value of every error type is printed in one line.
func TestErrors_ZeroValues(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&basiq.Error{}, &basiq.TransportError{}, &basiq.InputError{}, &basiq.ThrottledError{}, &basiq.WaitError{}, &basiq.JobError{},
	} {
		assert.NotPanics(t, func() {
			text := err.Error()
			assert.NotEmpty(t, text, "%T", err)
			assert.NotContains(t, text, "\n", "%T", err)
			_ = basiq.MayHaveSucceeded(err)
			_ = errors.Is(err, basiq.ErrNotFound)
		}, "%T", err)
	}
}

// A nil context is an invalid argument.
func TestCall_NilContext(t *testing.T) {
	t.Parallel()
	var none context.Context
	for name, call := range map[string]func(c *basiq.Client) error{
		"Users.Get":           func(c *basiq.Client) error { return errOf(c.Users.Get(none, userID)) },
		"Users.Create":        func(c *basiq.Client) error { return errOf(c.Users.Create(none, basiq.CreateUser{Email: "a@b.c"})) },
		"Users.Delete":        func(c *basiq.Client) error { return c.Users.Delete(none, userID) },
		"Connections.Refresh": func(c *basiq.Client) error { return errOf(c.Connections.Refresh(none, userID, connID)) },
		"Jobs.Get":            func(c *basiq.Client) error { return errOf(c.Jobs.Get(none, jobID)) },
		"Affordability.Get":   func(c *basiq.Client) error { return errOf(c.Affordability.PDF(none, userID, "s1")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, userJSON))
			assert.NotPanics(t, func() {
				err := call(client)
				require.ErrorIs(t, err, basiq.ErrInvalidInput)
				require.EqualError(t, err, "basiq: "+name+": ctx: nil context")
			})
			assert.Empty(t, s.seen())
		})
	}
}

// A panic in middleware, a transport, a TokenSource or a Limiter reaches the caller unchanged, and the client stays usable.
func TestCall_Panics(t *testing.T) {
	t.Parallel()
	broken := true
	boom := func() {
		if broken {
			panic("mine")
		}
	}
	for name, options := range map[string][]basiq.Option{
		"middleware": {ofCalls(func(next basiq.Doer, req *http.Request, _ int) (*http.Response, error) { boom(); return next.Do(req) })},
		"source":     {basiq.WithTokenSource(panickingTokens{boom: boom})},
		"limiter":    {basiq.WithRateLimit(panickingLimiter(boom)), basiq.WithTokenSource(fixedTokens("token-1"))},
	} {
		broken = true
		client := newClient(t, &stub{respond: respondWith(ok(200, userJSON))}, options...)
		assert.PanicsWithValue(t, "mine", func() { _, _ = client.Users.Get(t.Context(), userID) }, name)
		broken = false
		require.NoError(t, errOf(client.Users.Get(t.Context(), userID)), name)
	}
}

type panickingTokens struct {
	fixedTokens
	boom func()
}

func (p panickingTokens) Token(ctx context.Context, scope basiq.Scope) (basiq.Token, error) {
	p.boom()
	return fixedTokens("token-1").Token(ctx, scope)
}

type panickingLimiter func()

func (p panickingLimiter) Wait(context.Context) error {
	p()
	return nil
}
