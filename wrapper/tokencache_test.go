package basiq_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// Concurrent first calls share one token request.
func TestTokenCache_ConcurrentFirstCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{respond: respondWith(ok(200, userJSON))}
		s.onToken = func(int) (*http.Response, error) {
			time.Sleep(time.Second)
			return reply(200, tokenJSON), nil
		}
		client := newClient(t, s)
		var failures atomic.Int32
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, err := client.Users.Get(t.Context(), userID); err != nil {
					failures.Add(1)
				}
			})
		}
		wg.Wait()
		assert.Zero(t, failures.Load())
		assert.Equal(t, 1, s.tokenRequests())
		assert.Len(t, s.seen(), 1000)
	})
}

// If a thousand calls are rejected with the same token, the token is replaced once.
func TestTokenCache_ConcurrentRejections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{respond: func(_ int, req request) (*http.Response, error) {
			time.Sleep(time.Second)
			if req.Authorization == "Bearer token-1" {
				return tokenExpired.httpResponse(), nil
			}
			return reply(200, userJSON), nil
		}}
		client := newClient(t, s)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				_, err := client.Users.Get(t.Context(), userID)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.Equal(t, 2, s.tokenRequests())
		assert.Len(t, s.seen(), 2000)
	})
}

// A caller whose context ends does not affect other callers or the token request.
func TestTokenCache_CanceledCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{respond: respondWith(ok(200, userJSON))}
		client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == "/token" {
				select {
				case <-time.After(10 * time.Second):
				case <-req.Context().Done(): // the token request belongs to no caller
					return nil, req.Context().Err()
				}
			}
			return s.RoundTrip(req)
		}))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		var wg sync.WaitGroup
		wg.Go(func() { // the first caller, which started the request
			start := time.Now()
			_, err := client.Users.Get(ctx, userID)
			assert.ErrorIs(t, err, context.Canceled) //nolint:testifylint // not the goroutine of the test
			assert.Equal(t, time.Second, time.Since(start))
		})
		synctest.Wait()
		wg.Go(func() {
			_, err := client.Users.Get(t.Context(), userID)
			assert.NoError(t, err)
		})
		wg.Wait()
		assert.Equal(t, 1, s.tokenRequests())
	})
}

// A token is renewed in the background before it expires.
func TestTokenCache_EarlyRenewal(t *testing.T) {
	t.Parallel()
	t.Run("in the background", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: respondWith(ok(200, userJSON))}
			s.onToken = func(n int) (*http.Response, error) {
				time.Sleep(time.Second)
				return reply(200, fmt.Sprintf(`{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, n)), nil
			}
			client := newClient(t, s)
			get := func() string {
				start := time.Now()
				_, err := client.Users.Get(t.Context(), userID)
				require.NoError(t, err)
				seen := s.seen()
				return seen[len(seen)-1].Authorization + " after " + time.Since(start).String()
			}
			assert.Equal(t, "Bearer token-1 after 1s", get())
			time.Sleep(49 * time.Minute)
			assert.Equal(t, "Bearer token-1 after 0s", get())
			assert.Equal(t, 1, s.tokenRequests())
			time.Sleep(time.Minute)
			assert.Equal(t, "Bearer token-1 after 0s", get(), "callers must not wait for an early renewal")
			time.Sleep(2 * time.Second)
			assert.Equal(t, "Bearer token-2 after 0s", get())
			assert.Equal(t, 2, s.tokenRequests())
			time.Sleep(time.Hour)
			assert.Equal(t, "Bearer token-3 after 1s", get(), "an expired token must not be used")
		})
	})
	t.Run("failed renewal", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: respondWith(ok(200, userJSON))}
			s.onToken = func(n int) (*http.Response, error) {
				if n > 1 {
					return reply(403, envelope("request-not-valid", "", "Invalid request")), nil
				}
				return reply(200, tokenJSON), nil
			}
			client := newClient(t, s)
			for range 59 * 60 { // every second
				_, err := client.Users.Get(t.Context(), userID)
				require.NoError(t, err)
				time.Sleep(time.Second)
			}
			assert.LessOrEqual(t, s.tokenRequests(), 11, "a failed renewal must be retried once a minute")
			time.Sleep(time.Minute)
			_, err := client.Users.Get(t.Context(), userID)
			require.ErrorIs(t, err, basiq.ErrTooManyTokenRequests, "after the old token has expired, calls must fail")
		})
	})
}

// The lifetime of a token is limited to a day. Without a valid lifetime it is an hour.
func TestTokenCache_Lifetime(t *testing.T) {
	t.Parallel()
	for expiresIn, want := range map[string]time.Duration{
		"60": time.Minute, "3600": time.Hour, "0": time.Hour, "-5": time.Hour, "null": time.Hour,
		"9223372036854775807": 24 * time.Hour,
	} {
		t.Run(expiresIn, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, client := newStub(t, ok(200, userJSON))
				s.onToken = func(int) (*http.Response, error) {
					return reply(200, `{"access_token":"t","token_type":"Bearer","expires_in":`+expiresIn+`}`), nil
				}
				token, err := client.Tokens.Get(t.Context(), basiq.ServerAccess())
				require.NoError(t, err)
				assert.Equal(t, want, time.Until(token.Expires))
				_, err = client.Users.Get(t.Context(), userID)
				require.NoError(t, err)
				assert.Equal(t, 1, s.tokenRequests(), "the token must be cached")
			})
		})
	}
}

// Each user has a separate token.
func TestTokenCache_Users(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, ok(200, userJSON))
		seen := map[string]bool{}
		for n := range 3000 { // more than the number at which expired tokens are removed
			token, err := client.Tokens.Get(t.Context(), basiq.ClientAccess("u"+strconv.Itoa(n)))
			require.NoError(t, err)
			seen[token.Value.Reveal()] = true
		}
		assert.Len(t, seen, 3000)
		again, err := client.Tokens.Get(t.Context(), basiq.ClientAccess("u0"))
		require.NoError(t, err)
		assert.True(t, seen[again.Value.Reveal()])
		assert.Equal(t, 3000, s.tokenRequests(), "valid tokens must be cached")
	})
}

// Expired tokens of users are removed from the cache.
func TestTokenCache_Eviction(t *testing.T) {
	t.Parallel()
	withoutRaceDetector(t)
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, ok(200, userJSON))
		for n := range 5000 {
			_, err := client.Tokens.Get(t.Context(), basiq.ClientAccess("u"+strconv.Itoa(n)))
			require.NoError(t, err)
			time.Sleep(10 * time.Second)
		}
		assert.Equal(t, 5000, s.tokenRequests())
		assert.Less(t, basiq.TokenSlots(client), 1500)
		assert.True(t, basiq.SlotOutlivesSweep(client, basiq.ClientAccess("new")))
	})
}

// A token with a short lifetime is used for most of it. A token that expires within seconds is not sent, because a request takes
// time.
func TestTokenCache_NearExpiry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		life, age time.Duration
		used      string
		requests  int
	}{
		"20 minutes, before its last quarter": {20 * time.Minute, 14 * time.Minute, "Bearer token-1", 1},
		"20 minutes, in its last quarter":     {20 * time.Minute, 16 * time.Minute, "Bearer token-1", 2},
		"100 seconds, before its last tenth":  {100 * time.Second, 85 * time.Second, "Bearer token-1", 2},
		"100 seconds, in its last tenth":      {100 * time.Second, 95 * time.Second, "Bearer token-2", 2},
		"an hour, before its last seconds":    {time.Hour, time.Hour - 31*time.Second, "Bearer token-1", 2},
		"an hour, in its last seconds":        {time.Hour, time.Hour - 29*time.Second, "Bearer token-2", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, client := newStub(t, ok(200, userJSON))
				s.onToken = func(n int) (*http.Response, error) {
					return reply(200, fmt.Sprintf(`{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, n, int(c.life.Seconds()))), nil
				}
				_, err := client.Users.Get(t.Context(), userID)
				require.NoError(t, err)
				time.Sleep(c.age)
				_, err = client.Users.Get(t.Context(), userID)
				require.NoError(t, err)
				synctest.Wait()
				assert.Equal(t, c.used, s.seen()[1].Authorization)
				assert.Equal(t, c.requests, s.tokenRequests())
			})
		})
	}
}

// If middleware has ended the context of a call, no token is requested.
func TestTokenCache_EndedContext(t *testing.T) {
	t.Parallel()
	s := &stub{respond: respondWith(ok(200, userJSON))}
	ctx, cancel := context.WithCancel(t.Context())
	client := newClient(t, s, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			cancel()
			return next.Do(req)
		})
	}))
	_, err := client.Users.Get(ctx, userID)
	require.ErrorIs(t, err, context.Canceled)
	assert.False(t, basiq.MayHaveSucceeded(err))
	assert.Zero(t, s.tokenRequests())
	assert.Empty(t, s.seen())
}

// If middleware ends the goroutine of a token request, as t.FailNow does, the call fails and no token is cached.
func TestTokenCache_Goexit(t *testing.T) {
	t.Parallel()
	s := &stub{respond: respondWith(ok(200, userJSON))}
	var first atomic.Bool
	client := newClient(t, s, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			if call, _ := basiq.CallFromContext(req.Context()); call.Operation.ID == "postToken" && first.CompareAndSwap(false, true) {
				runtime.Goexit()
			}
			return next.Do(req)
		})
	}))
	_, err := client.Users.Get(t.Context(), userID)
	require.ErrorContains(t, err, "token request abandoned")
	_, err = client.Users.Get(t.Context(), userID)
	require.NoError(t, err)
	assert.Equal(t, "Bearer token-1", s.seen()[0].Authorization)
}

// A panic in middleware during a token request fails only the calls that wait for the token.
func TestTokenCache_Panic(t *testing.T) {
	t.Parallel()
	s := &stub{respond: respondWith(ok(200, userJSON))}
	client := newClient(t, s, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			if call, _ := basiq.CallFromContext(req.Context()); call.Operation.ID == "postToken" && s.tokenRequests() == 0 {
				s.mu.Lock()
				s.tokens++
				s.mu.Unlock()
				panic("oh no: Basic " + testKey)
			}
			return next.Do(req)
		})
	}))
	_, err := client.Users.Get(t.Context(), userID)
	require.ErrorContains(t, err, "oh no: Basic [redacted]")
	_, err = client.Users.Get(t.Context(), userID)
	require.NoError(t, err)
}

// The monotonic clock stops while a machine sleeps, but tokens still expire. Times returned to callers have no monotonic clock
// reading.
func TestTokenCache_WallClock(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, userJSON))
	for name, get := range map[string]func() (basiq.Token, error){
		"Tokens.Create":      func() (basiq.Token, error) { return client.Tokens.Create(t.Context(), basiq.ServerAccess()) },
		"Tokens.Get":         func() (basiq.Token, error) { return client.Tokens.Get(t.Context(), basiq.ServerAccess()) },
		"Tokens.Get, cached": func() (basiq.Token, error) { return client.Tokens.Get(t.Context(), basiq.ServerAccess()) },
		"Tokens.Get, a user": func() (basiq.Token, error) { return client.Tokens.Get(t.Context(), basiq.ClientAccess(userID)) },
		"the TokenSource":    func() (basiq.Token, error) { return basiq.Tokens(client).Token(t.Context(), basiq.ServerAccess()) },
	} {
		token, err := get()
		require.NoError(t, err, name)
		assert.NotContains(t, token.Expires.String(), " m=", "%s: monotonic clock reading", name)
	}
	page, err := client.Consents.PageURL(t.Context(), userID, basiq.ConsentPage{State: "state-of-the-session"})
	require.NoError(t, err)
	assert.NotContains(t, fmt.Sprint(page), " m=")
}

// A user whose only call ended before a token was requested does not occupy a slot.
func TestTokenCache_EndedContextNoSlot(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, userJSON))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for n := range 50 {
		_, err := client.Tokens.Get(ended, basiq.ClientAccess(fmt.Sprint("u", n)))
		require.ErrorIs(t, err, context.Canceled)
	}
	assert.Zero(t, basiq.TokenSlots(client))
}

// After Basiq has rejected a token request because of too many requests, no token is requested for a minute. The errors contain
// the remaining time.
func TestTokenCache_TooManyRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, ok(204, ""))
		s.onToken = func(n int) (*http.Response, error) {
			if n == 1 {
				return reply(403, envelope("request-not-valid", "", "Invalid request")), nil
			}
			return reply(200, tokenJSON), nil
		}
		require.ErrorIs(t, client.Users.Delete(t.Context(), userID), basiq.ErrTooManyTokenRequests)
		for range 5 {
			time.Sleep(10 * time.Second)
			err := client.Users.Delete(t.Context(), userID)
			require.ErrorIs(t, err, basiq.ErrTooManyTokenRequests)
			require.ErrorIs(t, err, basiq.ErrTooManyRequests)
			var paused *basiq.ThrottledError
			require.ErrorAs(t, err, &paused)
			assert.LessOrEqual(t, paused.RetryAfter, 50*time.Second)
			assert.False(t, basiq.MayHaveSucceeded(err))
		}
		assert.Equal(t, 1, s.tokenRequests())
		time.Sleep(10 * time.Second)
		require.NoError(t, client.Users.Delete(t.Context(), userID))
		assert.Equal(t, 2, s.tokenRequests())
	})
}
