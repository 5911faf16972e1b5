package basiq

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// expiryLeeway is how long before its expiry a token is no longer used: a request takes time to arrive.
	expiryLeeway = 30 * time.Second
	// renewBefore is how long before its expiry a token is renewed in the background: once every 50 minutes, of the two to
	// three times an hour that Basiq asks for at most.
	renewBefore = 10 * time.Minute
	// renewDelay is how long after a failed renewal in the background the next one is tried.
	renewDelay = time.Minute
	// tokenTimeout bounds a token request, retries included.
	tokenTimeout = 2 * time.Minute
	// tokenScopes is how many users' tokens are kept before expired ones are removed.
	tokenScopes = 1024
)

// tokenCache is the client's own TokenSource: one token for each scope, in memory.
type tokenCache struct {
	create func(context.Context, Scope) (Token, error)
	// apiKey is redacted from what middleware panics with.
	apiKey Secret
	server tokenSlot

	mu      sync.Mutex
	clients map[Scope]*tokenSlot
	// sweepAt is how many slots there may be before expired ones are removed.
	sweepAt int
}

func newTokenCache(apiKey Secret, create func(context.Context, Scope) (Token, error)) *tokenCache {
	return &tokenCache{create: create, apiKey: apiKey, clients: make(map[Scope]*tokenSlot), sweepAt: tokenScopes}
}

// tokenSlot holds the token of one scope.
type tokenSlot struct {
	current atomic.Pointer[cachedToken]

	mu      sync.Mutex
	request *tokenRequest
	// started is set by the first request. Before that a caller is about to start it.
	started bool
	// renewAfter is when a renewal in the background may be tried again.
	renewAfter time.Time
}

// cachedToken is a token with the times that decide about it.
type cachedToken struct {
	Token
	renew, end time.Time
}

// newCachedToken keeps wall clock times only: the monotonic clock stops while a machine sleeps, and tokens expire
// nevertheless.
func newCachedToken(token Token) *cachedToken {
	token.Expires = token.Expires.Round(0)
	life := time.Until(token.Expires)
	// A token with a short life is used for most of it.
	return &cachedToken{
		Token: token,
		renew: token.Expires.Add(-min(renewBefore, life/4)),
		end:   token.Expires.Add(-min(expiryLeeway, life/10)),
	}
}

// tokenRequest is a request for a token in flight. It belongs to none of those who wait for it.
type tokenRequest struct {
	done  chan struct{} // closed when token and err are set
	token Token
	err   error
}

// Token returns the cached token, or waits for a new one until ctx ends. The request for the token goes on for the
// others.
func (c *tokenCache) Token(ctx context.Context, scope Scope) (Token, error) {
	if err := checkScope(opPostToken.Name, scope); err != nil {
		return Token{}, err
	}
	slot := c.find(scope)
	if slot == nil {
		if ctx.Err() != nil {
			return Token{}, endedError(ctx) // before it takes a slot in which it would start no request
		}
		slot = c.take(scope)
	}
	cached := slot.current.Load()
	if cached != nil && time.Until(cached.renew) > 0 {
		return cached.Token, nil
	}
	if cached != nil && time.Until(cached.end) > 0 {
		c.renew(slot, scope) //nolint:contextcheck // a token request belongs to nobody's context
		return cached.Token, nil
	}
	token, request := c.join(slot, scope) //nolint:contextcheck // a token request belongs to nobody's context
	if request == nil {
		return token, nil
	}
	select {
	case <-request.done:
		return request.token, request.err
	case <-ctx.Done():
		return Token{}, endedError(ctx)
	}
}

// Reject removes token, if it is still the cached one.
func (c *tokenCache) Reject(_ context.Context, scope Scope, token Token) {
	slot := c.find(scope)
	if slot == nil {
		return
	}
	if cached := slot.current.Load(); cached != nil && cached.Value.Equal(token.Value) {
		slot.current.CompareAndSwap(cached, nil)
	}
}

// join returns the request for the scope's token, and starts it if there is none. It returns the token itself if a
// request has ended in the meantime.
func (c *tokenCache) join(slot *tokenSlot, scope Scope) (Token, *tokenRequest) {
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if cached := slot.current.Load(); cached != nil && time.Until(cached.renew) > 0 {
		return cached.Token, nil
	}
	if slot.request == nil {
		c.start(slot, scope)
	}
	return Token{}, slot.request
}

// renew starts a request for the scope's next token, unless there is one, there has been one, or one has failed lately.
func (c *tokenCache) renew(slot *tokenSlot, scope Scope) {
	slot.mu.Lock()
	defer slot.mu.Unlock()
	cached := slot.current.Load()
	renewed := cached != nil && time.Until(cached.renew) > 0
	if slot.request == nil && !renewed && time.Until(slot.renewAfter) <= 0 {
		c.start(slot, scope)
	}
}

// start starts a token request. The slot is locked.
func (c *tokenCache) start(slot *tokenSlot, scope Scope) {
	slot.request, slot.started = &tokenRequest{done: make(chan struct{})}, true
	go c.fetch(slot, slot.request, scope)
}

// fetch requests a token for all that wait.
func (c *tokenCache) fetch(slot *tokenSlot, request *tokenRequest, scope Scope) {
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer func() {
		cancel() // before those that wait go on: nothing of the request is left then
		// Recover here: a panic of middleware in this goroutine could not be recovered by the caller and would crash the
		// program.
		if p := recover(); p != nil {
			request.err = errors.New("middleware panicked: " + cut(newRedactor(c.apiKey.Reveal())(fmt.Sprintf("%v\n%s", p, debug.Stack()))))
		}
		slot.mu.Lock()
		if request.err == nil {
			slot.current.Store(newCachedToken(request.token))
		} else {
			slot.renewAfter = time.Now().Add(renewDelay).Round(0)
		}
		slot.request = nil
		slot.mu.Unlock()
		close(request.done)
	}()
	request.err = errors.New("token request abandoned") // what runtime.Goexit in middleware leaves
	request.token, request.err = c.create(ctx, scope)
}

// find returns the slot of a scope, or nil if it has none.
func (c *tokenCache) find(scope Scope) *tokenSlot {
	if scope.Access == TokenScopeServerAccess {
		return &c.server
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clients[scope]
}

// take returns the slot of a user's scope, and makes it if there is none. The caller must start a request in it, unless
// there is one.
func (c *tokenCache) take(scope Scope) *tokenSlot {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot, ok := c.clients[scope]
	if !ok {
		if len(c.clients) >= c.sweepAt {
			c.sweep()
			c.sweepAt = max(tokenScopes, 2*len(c.clients))
		}
		slot = new(tokenSlot)
		c.clients[scope] = slot
	}
	return slot
}

// sweep removes the slots whose token has expired. Those with a request, or about to have one, stay.
func (c *tokenCache) sweep() {
	for scope, slot := range c.clients {
		slot.mu.Lock()
		cached := slot.current.Load()
		if slot.request == nil && slot.started && (cached == nil || time.Until(cached.end) <= 0) {
			delete(c.clients, scope)
		}
		slot.mu.Unlock()
	}
}
