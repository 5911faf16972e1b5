package basiq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// expiryLeeway is how long before its expiry a token is no longer used, because a request takes time to reach
	// Basiq.
	expiryLeeway = 30 * time.Second
	// renewBefore is how long before its expiry a token is renewed in the background: once every 50 minutes. Basiq asks
	// for at most two or three renewals an hour.
	renewBefore = 10 * time.Minute
	// renewDelay is the delay between a failed renewal in the background and the next renewal.
	renewDelay = time.Minute
	// tokenTimeout limits a token request including its retries.
	tokenTimeout = 2 * time.Minute
	// tokenScopes is how many tokens are cached before expired tokens are removed.
	tokenScopes = 1024
)

// tokenCache is the default TokenSource. It caches one token for each scope in memory.
type tokenCache struct {
	create func(context.Context, Scope) (Token, error)
	// apiKey is redacted in errors of panics of middleware.
	apiKey Secret

	// server is the token of ServerAccess until its renewal, so that most calls do not lock mu.
	server atomic.Pointer[cachedToken]

	mu    sync.Mutex
	slots map[Scope]*tokenSlot
	// sweepAt is the number of slots at which expired slots are removed.
	sweepAt int
}

func newTokenCache(apiKey Secret, create func(context.Context, Scope) (Token, error)) *tokenCache {
	return &tokenCache{create: create, apiKey: apiKey, slots: make(map[Scope]*tokenSlot), sweepAt: tokenScopes}
}

// cachedToken is a token and the time of its renewal.
type cachedToken struct {
	token Token
	renew time.Time
}

// tokenSlot holds the token of one scope, and the request for the next one. Its times are wall clock times, because the
// monotonic clock stops while a machine sleeps.
type tokenSlot struct {
	token Token
	// renew is when the next token is requested in the background. end is when the token is no longer used.
	renew, end time.Time
	request    *tokenRequest
}

func (s *tokenSlot) set(token Token) {
	token.Expires = token.Expires.Round(0)
	life := time.Until(token.Expires)
	s.token = token
	// A token with a short life is used for most of its life.
	s.renew = token.Expires.Add(-min(renewBefore, life/4))
	s.end = token.Expires.Add(-min(expiryLeeway, life/10))
}

func (s *tokenSlot) expired(now time.Time) bool { return !now.Before(s.end) }

// tokenRequest is a request for a token in flight. It is independent of the contexts of the callers that wait for it.
type tokenRequest struct {
	done  chan struct{} // closed when token and err are set
	token Token
	err   error
}

// Token returns the cached token, or waits for a new one until ctx ends. The request for the token continues for other
// callers.
func (c *tokenCache) Token(ctx context.Context, scope Scope) (Token, error) {
	if cached := c.server.Load(); cached != nil && scope == ServerAccess() && time.Now().Before(cached.renew) {
		return cached.token, nil
	}
	if err := checkScope(opPostToken.Name, scope); err != nil {
		return Token{}, err
	}
	token, request := c.find(ctx, scope)
	if request == nil {
		return token, nil
	}
	select {
	case <-request.done:
		return request.token, request.err
	case <-ctx.Done():
		return Token{}, contextError(ctx)
	}
}

// find returns the scope's token, or the request for it if a token is missing or expired. It starts requests unless ctx
// has ended; then it returns a request that never completes.
func (c *tokenCache) find(ctx context.Context, scope Scope) (Token, *tokenRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot := c.slots[scope]
	if slot == nil {
		if ctx.Err() != nil {
			return Token{}, new(tokenRequest)
		}
		c.sweep()
		slot = new(tokenSlot)
		c.slots[scope] = slot
	}
	now := time.Now() // compared by the wall clock, because the other times have no monotonic reading
	if slot.request == nil && (!now.Before(slot.renew) || slot.expired(now)) {
		slot.request = &tokenRequest{done: make(chan struct{})}
		go c.fetch(slot, slot.request, scope) //nolint:contextcheck,gosec // a token request is independent of its callers' contexts
	}
	if slot.expired(now) {
		return Token{}, slot.request
	}
	return slot.token, nil
}

// Reject removes token if it is cached.
func (c *tokenCache) Reject(_ context.Context, scope Scope, token Token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slot := c.slots[scope]; slot != nil && slot.token.Value.Equal(token.Value) {
		slot.end = time.Time{}
		if scope == ServerAccess() {
			c.server.Store(nil)
		}
	}
}

// fetch requests a token for all callers that wait for it.
func (c *tokenCache) fetch(slot *tokenSlot, request *tokenRequest, scope Scope) {
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer func() {
		cancel() // before the callers continue, so that the request has ended then
		// Recover here: a panic of middleware in this goroutine could not be recovered by the caller and would crash
		// the program.
		if p := recover(); p != nil {
			request.err = errors.New("middleware or an observer panicked: " + truncate(newRedactor(c.apiKey.Reveal())(fmt.Sprintf("%v\n%s", p, debug.Stack()))))
		}
		c.mu.Lock()
		if request.err == nil {
			slot.set(request.token)
			if scope == ServerAccess() {
				c.server.Store(&cachedToken{slot.token, slot.renew})
			}
		} else {
			slot.renew = time.Now().Add(renewDelay).Round(0)
		}
		slot.request = nil
		c.mu.Unlock()
		close(request.done)
	}()
	request.err = errors.New("token request abandoned") // remains if middleware calls runtime.Goexit
	request.token, request.err = c.create(ctx, scope)
}

// sweep removes expired tokens if there are many. Slots with a request are kept. The caller must hold mu.
func (c *tokenCache) sweep() {
	if len(c.slots) < c.sweepAt {
		return
	}
	now := time.Now()
	maps.DeleteFunc(c.slots, func(_ Scope, slot *tokenSlot) bool { return slot.request == nil && slot.expired(now) })
	c.sweepAt = max(tokenScopes, 2*len(c.slots))
}
