package basiq_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// errOfAnother is the error of another call. errgroup would set it as the cause of its context.
var errOfAnother = &basiq.Error{Operation: "Users.Get", StatusCode: 404, Details: []basiq.ErrorDetail{{Code: "resource-not-found", Detail: "no such user"}}}

// requireCanceled checks the error of a call whose context was canceled with errOfAnother. The error contains only the
// cause's text.
func requireCanceled(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, basiq.ErrNotFound)
	require.NotErrorIs(t, err, errOfAnother)
	require.NotErrorIs(t, err, basiq.CodeResourceNotFound)
	assert.Contains(t, err.Error(), errOfAnother.Error(), "the text must contain the cause")
}

// If the context ends during any stage of a call, the error wraps ctx.Err() and not the cause, which belongs to another call.
func TestContextCause_InEveryStage(t *testing.T) {
	t.Parallel()
	slow := basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 4, BaseDelay: time.Minute, MaxDelay: time.Hour})
	blocked := func(_ int, _ request) (*http.Response, error) {
		time.Sleep(time.Hour)
		return reply(200, userJSON), nil
	}
	for name, c := range map[string]struct {
		respond func(n int, req request) (*http.Response, error)
		onToken func(n int) (*http.Response, error)
		options []basiq.Option
		before  func(t *testing.T, client *basiq.Client)
	}{
		"in middleware": {options: []basiq.Option{slow, ofCalls(func(_ basiq.Doer, req *http.Request, _ int) (*http.Response, error) {
			<-req.Context().Done()
			return nil, context.Cause(req.Context())
		})}},
		"in wrapping middleware": {options: []basiq.Option{slow, ofCalls(func(_ basiq.Doer, req *http.Request, _ int) (*http.Response, error) {
			<-req.Context().Done()
			return nil, fmt.Errorf("circuit breaker: %w", errors.Join(io.EOF, context.Cause(req.Context())))
		})}},
		"in a TokenSource":          {options: []basiq.Option{slow, basiq.WithTokenSource(waitingTokens{})}},
		"in a Limiter":              {options: []basiq.Option{slow, basiq.WithRateLimit(waitingLimiter{})}},
		"while waiting for a token": {options: []basiq.Option{slow}, onToken: func(int) (*http.Response, error) { time.Sleep(time.Hour); return reply(200, tokenJSON), nil }},
		"while waiting to retry":    {options: []basiq.Option{slow}, respond: respondWith(stubResponse{status: 503, header: http.Header{"Retry-After": {"600"}}})},
		"while throttled": {
			options: []basiq.Option{slow}, respond: respondWith(stubResponse{status: 429, header: http.Header{"Retry-After": {"600"}}}),
			before: func(t *testing.T, client *basiq.Client) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.Error(t, errOf(client.Users.Get(ctx, userID)))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &stub{respond: c.respond, onToken: c.onToken}
				if s.respond == nil {
					s.respond = blocked
				}
				client := newClient(t, s, c.options...)
				if c.before != nil {
					c.before(t, client)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10*time.Second, func() { cancel(errOfAnother) })
				start := time.Now()
				_, err := client.Users.Get(ctx, userID)
				requireCanceled(t, err)
				assert.Equal(t, 10*time.Second, time.Since(start))
				time.Sleep(2 * time.Hour) // until the shared token request ends
			})
		})
	}
	t.Run("before the call", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, ok(200, userJSON))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errOfAnother)
		requireCanceled(t, errOf(client.Users.Get(ctx, userID)))
		requireCanceled(t, errOf(client.Tokens.Get(ctx, basiq.ClientAccess(userID))))
		requireCanceled(t, client.Users.Delete(ctx, userID))
		requireCanceled(t, rangeErr(client.Users.List(ctx)))
		assert.Empty(t, s.seen())
	})
}

// waitingTokens blocks until the context ends and returns its cause, as net/http does.
type waitingTokens struct{ fixedTokens }

func (waitingTokens) Token(ctx context.Context, _ basiq.Scope) (basiq.Token, error) {
	<-ctx.Done()
	return basiq.Token{}, fmt.Errorf("token store: %w", context.Cause(ctx))
}

type waitingLimiter struct{}

func (waitingLimiter) Wait(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// protocols runs a test with a real server over HTTP/1.1 and HTTP/2.
func protocols(t *testing.T, handler func(arrived chan<- struct{}) http.HandlerFunc, test func(t *testing.T, client *basiq.Client, arrived <-chan struct{})) {
	t.Helper()
	for _, http2 := range []bool{false, true} {
		t.Run(map[bool]string{false: "HTTP 1.1", true: "HTTP 2"}[http2], func(t *testing.T) {
			t.Parallel()
			arrived := make(chan struct{}, 8)
			server := httptest.NewUnstartedServer(handler(arrived))
			server.EnableHTTP2 = http2
			server.StartTLS()
			t.Cleanup(server.Close)
			test(t, newClient(t, server.Client().Transport, basiq.WithBaseURL(server.URL), basiq.WithTokenSource(fixedTokens("token-1"))), arrived)
		})
	}
}

func TestContextCause_OverTheNetwork(t *testing.T) {
	t.Parallel()
	for name, partial := range map[string]string{"while sending": "", "while reading the body": `{"type":"user","id":"u1",`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			protocols(t, func(arrived chan<- struct{}) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					if partial != "" {
						w.Header().Set("Content-Type", "application/json")
						_, _ = io.WriteString(w, partial)
						_ = http.NewResponseController(w).Flush()
					}
					arrived <- struct{}{}
					<-r.Context().Done()
				}
			}, func(t *testing.T, client *basiq.Client, arrived <-chan struct{}) {
				ctx, cancel := context.WithCancelCause(t.Context())
				go func() {
					<-arrived
					cancel(errOfAnother)
				}()
				_, err := client.Users.Create(ctx, basiq.CreateUser{Email: "a@b.c"})
				requireCanceled(t, err)
				assert.True(t, basiq.MayHaveSucceeded(err))
			})
		})
	}
}

// The timeout of an attempt has the same effect with both protocols.
func TestAttemptTimeout_OverTheNetwork(t *testing.T) {
	t.Parallel()
	server := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP 2: ", http2), func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewUnstartedServer(http.HandlerFunc(server))
			srv.EnableHTTP2 = http2
			srv.StartTLS()
			t.Cleanup(srv.Close)
			client := newClient21(t, nil, basiq.WithBaseURL(srv.URL), basiq.WithTokenSource(fixedTokens("token-1")),
				basiq.WithHTTPClient(&http.Client{Transport: srv.Client().Transport, Timeout: 500 * time.Millisecond}))
			_, err := client.Connections.Create(t.Context(), userID, login)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "no response after 1 attempt: no complete response within 500ms")
			var timeout net.Error
			require.ErrorAs(t, err, &timeout)
			assert.True(t, timeout.Timeout())
			assert.True(t, basiq.MayHaveSucceeded(err))
			require.NoError(t, t.Context().Err())
			assert.NotContains(t, err.Error(), srv.URL)
		})
	}
}
