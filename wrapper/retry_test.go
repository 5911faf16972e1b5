package basiq_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// A refused connection proves that the request did not reach Basiq, so even a create is retried.
func TestRetry_UnsentCreate(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{
		"connection refused": &net.OpError{Op: "dial", Err: errors.New("connection refused")},
		"dns":                &net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", Name: "au-api.basiq.io", IsTemporary: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub21(t, failure, failure, ok(202, jobJSON))
			job, err := client.Connections.Create(t.Context(), userID, login)
			require.NoError(t, err)
			assert.Equal(t, jobID, job.ID)
			seen := s.seen()
			require.Len(t, seen, 3)
			assert.Equal(t, seen[0].Body, seen[2].Body, "each attempt must send the whole body")
		})
	}
}

// The same tests with real sockets, where net/http calls the trace's functions.
func TestRetry_CreateOverTheNetwork(t *testing.T) {
	t.Parallel()
	t.Run("connection refused", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		client, err := basiq.New(testKey, version21, basiq.WithBaseURL("http://"+listener.Addr().String()), basiq.WithRetry(fastRetry),
			basiq.WithTokenSource(fixedTokens("token-1")))
		require.NoError(t, err)
		_, err = client.Connections.Create(t.Context(), userID, login)
		var failure *basiq.TransportError
		require.ErrorAs(t, err, &failure)
		assert.False(t, failure.RequestMayHaveBeenReceived)
		assert.Equal(t, 4, failure.Attempts)
		assert.Contains(t, err.Error(), "basiq: Connections.Create: no response after 4 attempts: ")
		assert.Contains(t, err.Error(), "did not reach Basiq")
		assert.NotContains(t, err.Error(), "users/u1", "the error must not contain a URL with IDs")
	})
	t.Run("no redirect to a closed port", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		client := serve21(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			http.Redirect(w, r, "http://127.0.0.1:1", http.StatusSeeOther)
		}, basiq.WithHTTPClient(&http.Client{}))
		_, err := client.Connections.Create(t.Context(), userID, login)
		require.Error(t, err)
		assert.EqualValues(t, 1, calls.Load())
	})
	t.Run("timeout", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		release := make(chan struct{})
		t.Cleanup(func() { close(release) })
		client := serve21(t, func(_ http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}, basiq.WithHTTPClient(&http.Client{Timeout: 100 * time.Millisecond}))
		_, err := client.Connections.Create(t.Context(), userID, login)
		var failure *basiq.TransportError
		require.ErrorAs(t, err, &failure)
		assert.True(t, failure.RequestMayHaveBeenReceived)
		assert.EqualValues(t, 1, calls.Load(), "a create must not be retried after a timeout")
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		assert.True(t, timeout.Timeout())
	})
	t.Run("reset", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		client := serve21(t, func(http.ResponseWriter, *http.Request) {
			calls.Add(1)
			panic(http.ErrAbortHandler)
		})
		_, err := client.Connections.Create(t.Context(), userID, login)
		require.Error(t, err)
		assert.EqualValues(t, 1, calls.Load())
	})
	t.Run("certificate", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
		t.Cleanup(server.Close)
		client, err := basiq.New(testKey, basiq.WithBaseURL(server.URL), basiq.WithTokenSource(fixedTokens("token-1")))
		require.NoError(t, err)
		_, err = client.Users.Get(t.Context(), userID)
		var failure *basiq.TransportError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, 1, failure.Attempts, "certificate errors are permanent")
		assert.False(t, failure.RequestMayHaveBeenReceived)
		var certificate *tls.CertificateVerificationError
		require.ErrorAs(t, err, &certificate)
		assert.Zero(t, calls.Load())
	})
}

// The evidence is the attempt's own: a later failed dial does not cancel out an established connection.
func TestEvidence_TokenSourceDials(t *testing.T) {
	t.Parallel()
	s := &stub{respond: respondWith(errReset)}
	client := newClient21(t, s, basiq.WithTokenSource(dialingTokens{}))
	_, err := client.Connections.Create(t.Context(), userID, login)
	require.ErrorIs(t, err, errReset)
	assert.True(t, basiq.MayHaveSucceeded(err))
	assert.Len(t, s.seen(), 1)
}

// dialingTokens tries to dial an unreachable store with the call's context, then returns its own token.
type dialingTokens struct{ fixedTokens }

func (dialingTokens) Token(ctx context.Context, scope basiq.Scope) (basiq.Token, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1", nil)
	if err == nil {
		_, err = http.DefaultClient.Do(req)
	}
	if err == nil {
		return basiq.Token{}, errors.New("unexpected listener on port 1")
	}
	return fixedTokens("fixed").Token(ctx, scope)
}

func TestMayHaveSucceeded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		response any
		want     bool
	}{
		"connection refused": {&net.OpError{Op: "dial", Err: errors.New("refused")}, false},
		"reset":              {errReset, true},
		"400":                {ok(400, envelope("invalid-content", "", "")), false},
		"429":                {ok(429, ""), false},
		"302":                {ok(302, ""), false},
		"300":                {ok(300, ""), false},
		"299":                {ok(299, "{}"), true},
		"408":                {ok(408, ""), true},
		"502":                {ok(502, "<html>"), true},
		"HTML":               {ok(202, "<html>"), true},
		"missing ID":         {ok(202, "{}"), true},
		"null":               {ok(202, "null"), true},
		"mistyped ID":        {ok(202, `{"id":{}}`), true},
		"truncated":          {stubResponse{status: 202, body: "{", cut: errReset}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub21(t, c.response)
			_, err := client.Connections.Create(t.Context(), userID, login)
			require.Error(t, err)
			assert.Equal(t, c.want, basiq.MayHaveSucceeded(err))
		})
	}
	t.Run("failed token request", func(t *testing.T) {
		t.Parallel()
		s, client := newStub21(t, ok(202, jobJSON))
		s.onToken = func(int) (*http.Response, error) { return nil, errReset }
		_, err := client.Connections.Create(t.Context(), userID, login)
		require.ErrorIs(t, err, errReset)
		assert.False(t, basiq.MayHaveSucceeded(err), "the token request may have arrived, but the create did not")
		assert.Contains(t, err.Error(), "basiq: Connections.Create: no access token: ")
	})
	t.Run("failed TokenSource at the second attempt", func(t *testing.T) {
		t.Parallel()
		source := &sharedTokens{current: "t"}
		s := &stub{respond: func(int, request) (*http.Response, error) {
			source.err = errors.New("token store unavailable")
			return nil, errReset
		}}
		err := newClient(t, s, basiq.WithTokenSource(source)).Connections.Delete(t.Context(), userID, connID)
		require.ErrorIs(t, err, source.err)
		assert.True(t, basiq.MayHaveSucceeded(err))
		assert.Contains(t, err.Error(), "may have reached Basiq")
	})
	t.Run("through Raw", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, errReset)
		_, err := client.Raw().CreateUserWithBody(t.Context(), "application/json", strings.NewReader("{}"))
		require.ErrorIs(t, err, errReset)
		assert.True(t, basiq.MayHaveSucceeded(err))
		assert.Contains(t, err.Error(), "basiq: Users.Create: no response after 1 attempt")
	})
	t.Run("body that cannot be rewound", func(t *testing.T) {
		t.Parallel()
		gone := errors.New("file not found")
		for name, first := range map[string]stubResponse{"429": ok(429, ""), "rejected token": tokenExpired} {
			s, client := newStub(t, first)
			_, err := client.Raw().CreateUserWithBody(t.Context(), "application/json", strings.NewReader("{}"),
				func(_ context.Context, req *http.Request) error {
					req.GetBody = func() (io.ReadCloser, error) { return nil, gone }
					return nil
				})
			require.ErrorIs(t, err, gone, name)
			var lost *basiq.TransportError
			require.ErrorAs(t, err, &lost, name)
			assert.False(t, basiq.MayHaveSucceeded(err), "Basiq rejected both requests without processing them")
			assert.Len(t, s.seen(), 1)
		}
	})
	t.Run("rejected after a lost attempt", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, errReset, ok(403, envelope("forbidden-access", "", "")))
		err := client.Users.Delete(t.Context(), userID)
		require.ErrorIs(t, err, basiq.ErrForbidden)
		assert.True(t, basiq.MayHaveSucceeded(err))
	})
	t.Run("rejected after an unsent attempt", func(t *testing.T) {
		t.Parallel()
		refused := &net.OpError{Op: "dial", Err: errors.New("refused")}
		_, client := newStub(t, refused, ok(400, envelope("invalid-content", "", "")))
		_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
		require.ErrorIs(t, err, basiq.ErrBadRequest)
		assert.False(t, basiq.MayHaveSucceeded(err))
	})
	t.Run("unsent second attempt", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, ok(429, ""), &net.OpError{Op: "dial", Err: errors.New("refused")}, ok(201, userJSON))
		_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
		require.NoError(t, err, "each attempt must be judged separately")
		assert.Len(t, s.seen(), 3)
	})
	t.Run("another call's error as the context's cause", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, other := newStub(t, &net.OpError{Op: "dial", Err: errors.New("refused")})
			_, cause := other.Users.Get(t.Context(), userID)
			require.Error(t, cause)
			ctx, cancel := context.WithCancelCause(t.Context())
			client := newClient21(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.URL.Path == "/token" {
					return reply(200, tokenJSON), nil
				}
				cancel(cause)
				<-req.Context().Done()
				return nil, context.Cause(req.Context()) // as net/http does
			}))
			_, err := client.Connections.Create(ctx, userID, login)
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, cause)
			var lost *basiq.TransportError
			require.ErrorAs(t, err, &lost)
			assert.Equal(t, "Connections.Create", lost.Operation)
			assert.True(t, basiq.MayHaveSucceeded(err))
		})
	})
	t.Run("another call's error as the cause during a wait", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, other := newStub(t, &net.OpError{Op: "dial", Err: errors.New("refused")})
			_, cause := other.Users.Get(t.Context(), userID)
			require.Error(t, cause)
			ctx, cancel := context.WithCancelCause(t.Context())
			s := &stub{respond: respondWith(errReset)}
			client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Hour, MaxDelay: time.Hour}))
			time.AfterFunc(time.Millisecond, func() { cancel(cause) })
			err := client.Users.Delete(ctx, userID)
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, cause)
			require.ErrorIs(t, err, errReset)
			assert.True(t, basiq.MayHaveSucceeded(err))
		})
	})
	t.Run("middleware that does not wait for the response", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: func(int, request) (*http.Response, error) {
				time.Sleep(time.Minute)
				return reply(202, jobJSON), nil
			}}
			client := newClient21(t, s, basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
				return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
					go func() {
						if resp, err := next.Do(req); err == nil {
							_ = resp.Body.Close()
						}
					}()
					time.Sleep(time.Second)
					return nil, errors.New("too slow")
				})
			}))
			_, err := client.Connections.Create(t.Context(), userID, login)
			require.ErrorContains(t, err, "too slow")
			assert.True(t, basiq.MayHaveSucceeded(err))
			assert.Len(t, s.seen(), 1)
			time.Sleep(time.Minute) // the request ends
		})
	})
	t.Run("foreign errors", func(t *testing.T) {
		t.Parallel()
		assert.False(t, basiq.MayHaveSucceeded(nil))
		assert.False(t, basiq.MayHaveSucceeded(errReset))
	})
}

// A delete that is not found after an attempt that may have succeeded is successful.
func TestRetry_DeleteNotFound(t *testing.T) {
	t.Parallel()
	notFound := ok(404, envelope("resource-not-found", "Not found", "Requested resource is not found"))
	t.Run("after a reset", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, errReset, notFound)
		require.NoError(t, client.Connections.Delete(t.Context(), userID, connID))
		assert.Len(t, s.seen(), 2)
	})
	t.Run("after 503", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(503, ""), notFound)
		require.NoError(t, client.Users.Delete(t.Context(), userID))
	})
	for name, first := range map[string]stubResponse{"408": ok(408, ""), "500": ok(500, ""), "a truncated response": {status: 200, body: "{", cut: errReset}} {
		t.Run("after "+name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, first, notFound)
			require.NoError(t, client.Users.Delete(t.Context(), userID))
			assert.Len(t, s.seen(), 2)
		})
	}
	t.Run("not at the first attempt", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, notFound)
		require.ErrorIs(t, client.Connections.Delete(t.Context(), userID, connID), basiq.ErrNotFound)
	})
	t.Run("not after an unsent attempt", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, &net.OpError{Op: "dial", Err: errors.New("refused")}, notFound)
		require.ErrorIs(t, client.Connections.Delete(t.Context(), userID, connID), basiq.ErrNotFound)
	})
	t.Run("not after a response from middleware", func(t *testing.T) {
		t.Parallel()
		first := true
		s := &stub{respond: respondWith(notFound)}
		client := newClient(t, s, basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				if first {
					first = false
					return reply(503, ""), nil
				}
				return next.Do(req)
			})
		}))
		require.ErrorIs(t, client.Connections.Delete(t.Context(), userID, connID), basiq.ErrNotFound, "the first request was never sent")
	})
	t.Run("not for a proxy's 404", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{"default backend - 404", `{"message":"no Route matched with those values"}`} {
			_, client := newStub(t, ok(502, ""), ok(404, body))
			require.ErrorIs(t, client.Connections.Delete(t.Context(), userID, connID), basiq.ErrNotFound)
		}
	})
	t.Run("not for a missing route", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, errReset, ok(404, "Route not found for this API version."))
		require.ErrorIs(t, client.Connections.Delete(t.Context(), userID, connID), basiq.ErrWrongAPIVersion)
	})
	t.Run("not for a purge", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(429, ""), notFound)
		require.ErrorIs(t, client.Connections.Purge(t.Context(), userID, connID), basiq.ErrNotFound)
	})
}

// A retry waits for Retry-After plus jitter. If Retry-After exceeds MaxDelay, the call is not retried.
func TestRetryAfter_Delay(t *testing.T) {
	t.Parallel()
	policy := basiq.RetryPolicy{MaxAttempts: 3, BaseDelay: time.Second, MaxDelay: 20 * time.Second}
	for name, c := range map[string]struct {
		header        func() string
		attempts      int
		atLeast, most time.Duration
	}{
		"seconds":           {func() string { return "7" }, 2, 7 * time.Second, 8 * time.Second},
		"date":              {func() string { return time.Now().Add(7 * time.Second).UTC().Format(http.TimeFormat) }, 2, 6 * time.Second, 8 * time.Second},
		"fraction":          {func() string { return "1.5" }, 2, 1500 * time.Millisecond, 2500 * time.Millisecond},
		"two dots":          {func() string { return "1.5.2" }, 2, 0, time.Second},
		"only a dot":        {func() string { return "." }, 2, 0, time.Second},
		"past date":         {func() string { return time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat) }, 2, 0, time.Second},
		"zero":              {func() string { return "0" }, 2, 0, time.Second},
		"text":              {func() string { return "soon" }, 2, 0, time.Second},
		"negative":          {func() string { return "-5" }, 2, 0, time.Second},
		"empty":             {func() string { return "" }, 2, 0, time.Second},
		"at the maximum":    {func() string { return "20" }, 2, 20 * time.Second, 20 * time.Second},
		"above the maximum": {func() string { return "21" }, 1, 0, 0},
		"overflow":          {func() string { return "99999999999999999999999999" }, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				header := http.Header{}
				if value := c.header(); value != "" {
					header.Set("Retry-After", value)
				}
				s := &stub{respond: respondWith(stubResponse{status: 429, header: header}, ok(200, userJSON))}
				client := newClient(t, s, basiq.WithRetry(policy))
				start := time.Now()
				_, err := client.Users.Get(t.Context(), userID)
				took := time.Since(start)
				assert.Len(t, s.seen(), c.attempts)
				assert.GreaterOrEqual(t, took, c.atLeast)
				assert.LessOrEqual(t, took, c.most)
				if c.attempts == 1 {
					require.ErrorIs(t, err, basiq.ErrTooManyRequests)
					var failure *basiq.Error
					require.ErrorAs(t, err, &failure)
					assert.Greater(t, failure.RetryAfter, 20*time.Second, "the error must contain the delay")
				} else {
					require.NoError(t, err)
				}
			})
		})
	}
}

// Retry-After is returned in the error, up to a year.
func TestRetryAfter_InError(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"86400": 24 * time.Hour, "31536000": 365 * 24 * time.Hour, "31536001": 365 * 24 * time.Hour, "99999999999999999999999999": 365 * 24 * time.Hour,
	} {
		_, client := newStub(t, stubResponse{status: 429, header: http.Header{"Retry-After": {header}}})
		_, err := client.Users.Get(t.Context(), userID)
		var failure *basiq.Error
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, want, failure.RetryAfter, header)
	}
}

// The default delays, without WithRetry and for zero fields of its policy, are the documented ones.
func TestRetry_DefaultDelays(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]basiq.Option{"no policy": nil, "partial policy": {basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 4})}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &stub{respond: respondWith(errReset)}
				client, err := basiq.New(testKey, append(options, basiq.WithHTTPClient(&http.Client{Transport: s}))...)
				require.NoError(t, err)
				start, longest := time.Now(), time.Duration(0)
				for range 10 {
					begin := time.Now()
					_, err = client.Users.Get(t.Context(), userID)
					require.ErrorIs(t, err, errReset)
					longest = max(longest, time.Since(begin))
				}
				assert.Len(t, s.seen(), 40)
				assert.LessOrEqual(t, longest, 3500*time.Millisecond)
				assert.Greater(t, time.Since(start), 5*time.Second, "random delays from 0 to 3.5 s")

				for seconds, attempts := range map[string]int{"30": 2, "31": 1} {
					s = &stub{respond: respondWith(stubResponse{status: 429, header: http.Header{"Retry-After": {seconds}}}, ok(200, userJSON))}
					client, err = basiq.New(testKey, append(options, basiq.WithHTTPClient(&http.Client{Transport: s}))...)
					require.NoError(t, err)
					_, err = client.Users.Get(t.Context(), userID)
					assert.Equal(t, attempts == 1, errors.Is(err, basiq.ErrTooManyRequests))
					assert.Len(t, s.seen(), attempts)
				}
			})
		})
	}
}

// Callers that wait until the same time retry at different times.
func TestRetryAfter_Jitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		start, back := time.Now(), map[time.Duration]bool{}
		s := &stub{respond: func(n int, _ request) (*http.Response, error) {
			if n == 1 {
				return stubResponse{status: 429, header: http.Header{"Retry-After": {"10"}}}.httpResponse(), nil
			}
			mu.Lock()
			defer mu.Unlock()
			back[time.Since(start)] = true
			return reply(200, userJSON), nil
		}}
		client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Second, MaxDelay: time.Minute}))
		var callers sync.WaitGroup
		for range 5 {
			callers.Go(func() {
				_, err := client.Users.Get(t.Context(), userID)
				assert.NoError(t, err)
			})
			synctest.Wait()
		}
		callers.Wait()
		assert.Len(t, back, 5, "all callers must retry at different times")
		for at := range back {
			assert.Greater(t, at, 10*time.Second, "no caller may retry before Retry-After")
		}
	})
}

// The delay grows with each attempt and is at most MaxDelay.
func TestRetry_Backoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{respond: respondWith(errReset)}
		client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 10, BaseDelay: time.Second, MaxDelay: 8 * time.Second}))
		var longest time.Duration
		for range 4 {
			start := time.Now()
			_, err := client.Users.Get(t.Context(), userID)
			require.Error(t, err)
			longest = max(longest, time.Since(start))
		}
		assert.Len(t, s.seen(), 40)
		assert.LessOrEqual(t, longest, (1+2+4+6*8)*time.Second)
		assert.Greater(t, longest, 10*time.Second, "delays are random, but some must be long")
	})
}

// A wait for a retry ends with the context. The error contains the reason for the retry.
func TestRetry_ContextEnds(t *testing.T) {
	t.Parallel()
	slow := basiq.RetryPolicy{MaxAttempts: 4, BaseDelay: time.Hour, MaxDelay: time.Hour}
	t.Run("canceled", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: respondWith(ok(503, envelope("service-unavailable", "", "")))}
			client := newClient(t, s, basiq.WithRetry(slow))
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			start := time.Now()
			_, err := client.Users.Get(ctx, userID)
			require.ErrorIs(t, err, context.Canceled)
			require.EqualError(t, err, "basiq: Users.Get: context canceled, while waiting to retry after 503 service-unavailable: "+
				" (correlation corr-1)", "the error must contain the reason for the wait")
			require.ErrorIs(t, err, basiq.ErrUnavailable)
			assert.True(t, basiq.MayHaveSucceeded(err))
			assert.Equal(t, time.Millisecond, time.Since(start))
		})
	})
	t.Run("canceled with a cause, after a reset", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: respondWith(errReset)}
			client := newClient(t, s, basiq.WithRetry(slow))
			ctx, cancel := context.WithCancelCause(t.Context())
			shutdown := errors.New("shutting down")
			time.AfterFunc(time.Millisecond, func() { cancel(shutdown) })
			_, err := client.Users.Get(ctx, userID)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, errReset)
			require.NotErrorIs(t, err, shutdown, "the error must not wrap the cause")
			require.EqualError(t, err, "basiq: Users.Get: context canceled: shutting down, while waiting to retry after no response after 1 attempt: "+
				"read: connection reset by peer (the request may have reached Basiq)")
		})
	})
	t.Run("deadline before the next attempt", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: respondWith(stubResponse{status: 503, header: http.Header{"Retry-After": {"60"}}})}
			client := newClient(t, s, basiq.WithRetry(slow))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			_, err := client.Users.Get(ctx, userID)
			require.ErrorIs(t, err, basiq.ErrUnavailable, "the response is more useful than a deadline error")
			assert.Zero(t, time.Since(start), "the call must return immediately")
		})
	})
	t.Run("deadline before the next attempt, after a reset", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: respondWith(errReset)}
			client := newClient(t, s, basiq.WithRetry(slow))
			ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
			defer cancel()
			_, err := client.Users.Get(ctx, userID)
			require.ErrorIs(t, err, errReset)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			assert.Len(t, s.seen(), 1)
		})
	})
	t.Run("deadline at the next attempt", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: respondWith(stubResponse{status: 503, header: http.Header{"Retry-After": {"60"}}})}
			client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Second, MaxDelay: time.Minute}))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			_, err := client.Users.Get(ctx, userID)
			var failure *basiq.Error
			require.ErrorAs(t, err, &failure)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			assert.Zero(t, time.Since(start))
			assert.Len(t, s.seen(), 1)
		})
	})
	for name, first := range map[string]any{
		"429":                stubResponse{status: 429, header: http.Header{"Retry-After": {"10"}}},
		"connection refused": &net.OpError{Op: "dial", Err: errors.New("connection refused")},
	} {
		t.Run("canceled while throttled by another call, after "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				turn := respondWith(first)
				s := &stub{respond: func(n int, req request) (*http.Response, error) {
					if n == 1 {
						time.Sleep(time.Nanosecond) // before the other call can retry
						return stubResponse{status: 429, header: http.Header{"Retry-After": {"60"}}}.httpResponse(), nil
					}
					return turn(n, req)
				}}
				client := newClient(t, s, basiq.WithTokenSource(fixedTokens("token-1")),
					basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 2, BaseDelay: 10 * time.Second, MaxDelay: 5 * time.Minute}))
				other, stop := context.WithTimeout(t.Context(), 40*time.Second)
				defer stop()
				var callers sync.WaitGroup
				callers.Go(func() {
					_, err := client.Users.Get(other, userID)
					assert.ErrorIs(t, err, basiq.ErrTooManyRequests)
				})
				synctest.Wait()
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(30*time.Second, cancel)
				start := time.Now()
				_, err := client.Users.Get(ctx, userID)
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorContains(t, err, "while waiting to retry after "+map[string]string{"429": "429", "connection refused": "no response after 1 attempt"}[name])
				assert.Equal(t, 30*time.Second, time.Since(start))
				assert.False(t, basiq.MayHaveSucceeded(err))
				callers.Wait()
				assert.Len(t, s.seen(), 2)
			})
		})
	}
	t.Run("canceled after a lost attempt and 429", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, &stub{respond: respondWith(errReset, stubResponse{status: 429, header: http.Header{"Retry-After": {"60"}}})},
				basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Second, MaxDelay: time.Hour}))
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(30*time.Second, cancel)
			err := client.Users.Delete(ctx, userID)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, basiq.ErrTooManyRequests)
			assert.True(t, basiq.MayHaveSucceeded(err), "the first attempt may have been carried out")
		})
	})
	t.Run("canceled before the first request", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, ok(200, userJSON))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := client.Users.Create(ctx, basiq.CreateUser{Email: "a@b.c"})
		require.ErrorIs(t, err, context.Canceled)
		var failure *basiq.TransportError
		require.ErrorAs(t, err, &failure)
		assert.False(t, failure.RequestMayHaveBeenReceived)
		assert.Empty(t, s.seen())
	})
}

// During an outage, retries stop when the budget is used up. Successful calls refill the budget.
func TestRetryBudget(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(503, ""))
	for range 100 {
		_, err := client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, basiq.ErrUnavailable)
	}
	for range 100 {
		_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
		require.ErrorIs(t, err, basiq.ErrUnavailable)
	}
	s.mu.Lock()
	s.respond = respondWith(ok(500, ""))
	s.mu.Unlock()
	for range 100 {
		_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
		require.Error(t, err)
	}
	_, err := client.Users.Get(t.Context(), userID)
	require.Error(t, err)
	assert.Len(t, s.seen(), 401, "301 calls and a budget of 100 retries, which failures do not refill")
	s.mu.Lock()
	s.respond = respondWith(ok(200, userJSON))
	s.mu.Unlock()
	for range 20 {
		_, err := client.Users.Get(t.Context(), userID)
		require.NoError(t, err)
	}
	before := len(s.seen())
	s.mu.Lock()
	s.respond = respondWith(ok(503, ""))
	s.mu.Unlock()
	_, err = client.Users.Get(t.Context(), userID)
	require.Error(t, err)
	assert.Len(t, s.seen(), before+3, "twenty successful calls must add two retries")

	setResponses := func(responses ...any) {
		turn, before := respondWith(responses...), len(s.seen())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.respond = func(n int, req request) (*http.Response, error) { return turn(n-before, req) }
	}
	for range 10 {
		setResponses(ok(200, userJSON))
		require.NoError(t, errOf(client.Users.Get(t.Context(), userID)))
	}
	for range 10 {
		setResponses(ok(503, ""), ok(200, userJSON))
		require.NoError(t, errOf(client.Users.Get(t.Context(), userID)), "a successful retry must be returned to the budget")
	}
	before = len(s.seen())
	setResponses(ok(503, ""))
	require.Error(t, errOf(client.Users.Get(t.Context(), userID)))
	assert.Len(t, s.seen(), before+3, "its call must also add to the budget")
}

// There is only one budget. A client that has used it up does not retry token requests either.
func TestRetryBudget_TokenRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, ok(503, ""))
		for range 40 {
			require.Error(t, client.Users.Delete(t.Context(), userID))
		}
		require.Len(t, s.seen(), 140, "the budget must be used up")
		s.onToken = func(int) (*http.Response, error) { return reply(503, ""), nil }
		time.Sleep(2 * time.Hour)
		require.ErrorIs(t, client.Users.Delete(t.Context(), userID), basiq.ErrUnavailable)
		assert.Equal(t, 2, s.tokenRequests(), "only one attempt to renew the token")
		assert.Len(t, s.seen(), 140)
	})
}

// A rejection with a truncated body may be caused by the token, which only its text shows.
func TestRetry_TruncatedRejection(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 404} {
		broken := stubResponse{status: status, body: `{"data":[{"detail":"Token has`, cut: errReset}
		s, client := newStub(t, broken, ok(200, userJSON))
		_, err := client.Users.Get(t.Context(), userID)
		if status == 404 {
			require.ErrorIs(t, err, basiq.ErrNotFound)
			assert.Len(t, s.seen(), 1)
		} else {
			require.NoError(t, err)
			assert.Len(t, s.seen(), 2)
		}
	}
}

// A server that fails one call in five is always retried. A server that fails most calls is not.
func TestRetryBudget_OccasionalFailures(t *testing.T) {
	t.Parallel()
	for share, lost := range map[int][2]int{20: {0, 30}, 80: {1000, 2000}} {
		random := rand.New(rand.NewPCG(1, 2))
		s, client := newStub(t)
		s.respond = func(int, request) (*http.Response, error) {
			if random.IntN(100) < share {
				return reply(503, ""), nil
			}
			return reply(200, userJSON), nil
		}
		failed := 0
		for range 2000 {
			if _, err := client.Users.Get(t.Context(), userID); err != nil {
				failed++
			}
		}
		// If one request in five fails, all four attempts fail in one call of 625.
		assert.GreaterOrEqual(t, failed, lost[0], "%d %%", share)
		assert.LessOrEqual(t, failed, lost[1], "%d %%", share)
		if share == 80 {
			assert.Less(t, len(s.seen()), 2000*3/2, "%d %%", share)
		}
	}
}

// A truncated response is retried if the operation is idempotent. Otherwise its status is kept.
func TestRetry_TruncatedResponse(t *testing.T) {
	t.Parallel()
	broken := stubResponse{status: 200, body: `{"type":"us`, cut: errReset}
	t.Run("retry succeeds", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, broken, ok(200, userJSON))
		user, err := client.Users.Get(t.Context(), userID)
		require.NoError(t, err)
		assert.Equal(t, userID, user.ID)
		assert.Len(t, s.seen(), 2)
	})
	t.Run("delay before the retry", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, &stub{respond: respondWith(broken, ok(200, userJSON))}, basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Hour, MaxDelay: time.Hour}))
			start := time.Now()
			_, err := client.Users.Get(t.Context(), userID)
			require.NoError(t, err)
			assert.Positive(t, time.Since(start))
		})
	})
	t.Run("redirect is not retried", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, stubResponse{status: 300, cut: errReset})
		_, err := client.Users.Get(t.Context(), userID)
		var failure *basiq.Error
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, 300, failure.StatusCode)
		assert.Len(t, s.seen(), 1)
	})
	t.Run("status of a create", func(t *testing.T) {
		t.Parallel()
		s, client := newStub21(t, stubResponse{status: 202, body: `{"type":"job","i`, cut: errReset})
		_, err := client.Connections.Create(t.Context(), userID, login)
		var failure *basiq.Error
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, 202, failure.StatusCode)
		assert.Contains(t, err.Error(), "invalid response (202 Accepted)")
		require.ErrorIs(t, err, errReset)
		assert.Len(t, s.seen(), 1)
	})
	t.Run("status of an error", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, stubResponse{status: 404, body: `{"type":"list","correlationId":"corr-1","data":[{"code":"resou`, cut: errReset})
		_, err := client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, basiq.ErrNotFound)
	})
}

// A response that is larger than the limit is an error and is not retried.
func TestWithMaxResponseBytes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size int
		want error
	}{"at the limit": {1000, nil}, "above the limit": {1001, basiq.ErrResponseTooLarge}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := strings.Replace(userJSON, "gavin@hooli.com", strings.Repeat("g", c.size-len(userJSON)+len("gavin@hooli.com")), 1)
			require.Len(t, body, c.size)
			s := &stub{respond: respondWith(ok(200, body))}
			client := newClient(t, s, basiq.WithMaxResponseBytes(1000))
			_, err := client.Users.Get(t.Context(), userID)
			if c.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, c.want)
			}
			assert.Len(t, s.seen(), 1, "a retry would not help")
		})
	}
	t.Run("lowest limit", func(t *testing.T) {
		t.Parallel()
		client := newClient(t, &stub{respond: respondWith(ok(204, ""))}, basiq.WithMaxResponseBytes(1), basiq.WithTokenSource(fixedTokens("token-1")))
		require.NoError(t, client.Users.Delete(t.Context(), userID))
	})
	t.Run("status of an endless error", func(t *testing.T) {
		t.Parallel()
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, basiq.WithMaxResponseBytes(1<<20))
		_, err := client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, basiq.ErrUnavailable)
	})
}

// A small body can require much memory.
func TestResponses_ManyObjects(t *testing.T) {
	t.Parallel()
	for _, item := range []string{"{}", "null"} {
		body := `{"type":"list","data":[` + strings.Repeat(item+",", 1<<18) + item + `]}`
		_, client := newStub(t, ok(200, body))
		err := rangeErr(client.Accounts.List(t.Context(), userID))
		require.ErrorIs(t, err, basiq.ErrResponseTooLarge)
	}
	consents := make([]string, 20_000)
	for i := range consents {
		consents[i] = fmt.Sprintf(`{"type":"consent","id":"n%d"}`, i)
	}
	_, client := newStub(t, ok(200, `{"type":"list","data":[`+strings.Join(consents, ",")+`]}`))
	require.NoError(t, rangeErr(client.Consents.List(t.Context(), userID)))
}

// A request whose body cannot be rewound is not retried.
func TestRetry_UnrewindableBody(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(429, ""), ok(200, userJSON))
	resp, err := client.Raw().UpdateUserWithBody(t.Context(), userID, "application/json", io.MultiReader(strings.NewReader("{}")))
	require.NoError(t, err)
	assert.Equal(t, 429, resp.StatusCode)
	assert.Len(t, s.seen(), 1)
}

// The client reads any header like an independent parser, up to a limit. A call waits for exactly this time, or it does not wait
// at all if the time is longer than the caller allows.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{
		"", "0", "120", "-1", "1.5", "Sat, 01 Jan 2000 00:00:03 GMT", "Saturday, 01-Jan-00 00:00:04 GMT", "Sat Jan  1 00:00:05 2000", "99999999999999999999",
		"\x00", "1e9", "5", "6", "+1", "1_0", "0x1", "٣", "Fri, 31 Dec 1999 23:59:59 GMT", "Sat, 01 Jan 2000 00:00:03 CET", " 3\t", "31536001", "9223372036854775807",
	} {
		f.Add(seed)
	}
	const most = 5 * time.Second
	f.Fuzz(func(t *testing.T, value string) {
		synctest.Test(t, func(t *testing.T) {
			turned := reply(429, "")
			turned.Header["Retry-After"] = []string{value}
			var waits []time.Duration
			start := time.Now()
			s := &stub{respond: func(n int, _ request) (*http.Response, error) {
				waits = append(waits, time.Since(start))
				if n == 1 {
					return turned, nil
				}
				return reply(200, userJSON), nil
			}}
			client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 2, BaseDelay: time.Nanosecond, MaxDelay: most}))
			want := readRetryAfter(value, start)
			_, err := client.Users.Get(t.Context(), userID)
			if want <= most {
				require.NoError(t, err)
				require.Len(t, waits, 2)
				require.GreaterOrEqual(t, waits[1], want)
				require.LessOrEqual(t, waits[1], min(want+time.Nanosecond, most))
				return
			}
			require.Len(t, waits, 1)
			require.Zero(t, time.Since(start))
			var failure *basiq.Error
			require.ErrorAs(t, err, &failure)
			require.Equal(t, want, failure.RetryAfter)
		})
	})
}

// readRetryAfter parses the header by RFC 9110, as digits or one of three date formats, and also accepts fractions. The result
// is at most a year.
func readRetryAfter(value string, now time.Time) time.Duration {
	const year = 365 * 24 * time.Hour
	value = strings.TrimSpace(value)
	if regexp.MustCompile(`^(\d+\.?\d*|\.\d+)$`).MatchString(value) {
		exact, _ := new(big.Rat).SetString(value)
		if exact.Cmp(big.NewRat(int64(year/time.Second), 1)) > 0 {
			return year
		}
		seconds, _ := exact.Float64()
		return time.Duration(seconds * float64(time.Second))
	}
	for _, layout := range []string{"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 MST", "Mon Jan _2 15:04:05 2006"} {
		if date, err := time.Parse(layout, value); err == nil {
			return min(max(date.Sub(now), 0), year)
		}
	}
	return 0
}
