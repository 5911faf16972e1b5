package basiq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// authorizer is the Doer that puts the token, or the API key, into a request, inside all hooks.
type authorizer struct {
	next    *sender
	apiKey  Secret
	tokens  TokenSource
	baseURL *url.URL
	// last is the header of the token that was used last, ready for the next call.
	last atomic.Pointer[bearer]
	// requests bounds how often tokens are asked for, by anyone and for any reason.
	requests *rate.Limiter
}

const (
	// tokenRate and tokenBurst keep a client at 700 token requests in five minutes at most, of the 1,500 that Basiq
	// allows an address, whatever its callers do: a batch of users' tokens, or a server that refuses every token it gives.
	tokenRate  = 2 // a second
	tokenBurst = 100
)

func newAuthorizer(next *sender, config config, tokens TokenSource) *authorizer {
	return &authorizer{
		next: next, apiKey: config.apiKey, tokens: tokens, baseURL: config.baseURL,
		requests: rate.NewLimiter(tokenRate, tokenBurst),
	}
}

// errUnsafeURL is for a request that was turned away from the API after it was made.
var errUnsafeURL = errors.New("the request does not go to the client's base URL; no token is sent there")

// tokenError is a failure to get a token: the call it was for was not sent.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// Do sends req with a token, and once more with another one when Basiq refuses it.
func (a *authorizer) Do(req *http.Request) (*http.Response, error) {
	if !sameOrigin(req.URL, a.baseURL) {
		closeBody(req)
		return nil, errUnsafeURL
	}
	state := stateFrom(req.Context())
	if state == nil { // a hook has replaced the context
		req, state = withState(req, a.baseURL)
	}
	ctx := req.Context()
	switch {
	case state.operation == opPostToken:
		if err := a.requests.Wait(ctx); err != nil {
			closeBody(req)
			return nil, tooManyTokens(ctx)
		}
		// The key is sent as it is: it is encoded already.
		return a.next.send(req, state, []string{"Basic " + a.apiKey.Reveal()})
	case state.operation.public():
		return a.next.send(req, state, nil)
	}
	scope, chosen := ctx.Value(scopeKey).(Scope)
	if !chosen {
		scope = ServerAccess()
	}
	token, header, err := a.token(ctx, scope)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := a.next.send(req, state, header)
	if err != nil || !tokenRefused(resp) {
		return resp, err
	}
	state.reached.Add(-1) // it arrived, and was turned away unread
	a.tokens.Reject(ctx, scope, token)
	if !rewindable(req) {
		return resp, nil
	}
	fresh, header, err := a.token(ctx, scope)
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	if fresh.Value.Equal(token.Value) {
		return resp, nil // the source has no other
	}
	_ = resp.Body.Close()
	if req, err = rewind(req); err != nil {
		return nil, err
	}
	return a.next.send(req, state, header)
}

// tooManyTokens is why a token was not asked for.
func tooManyTokens(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%w: this client has asked for %d at once, and goes on with %d a second, for which there is no time",
		ErrTooManyTokenRequests, tokenBurst, tokenRate)
}

// bearer is a token in the form that a request carries.
type bearer struct {
	token  Secret
	header []string
}

// token returns a token, and the Authorization header with it.
func (a *authorizer) token(ctx context.Context, scope Scope) (Token, []string, error) {
	token, err := a.tokens.Token(ctx, scope)
	if err != nil {
		return Token{}, nil, &tokenError{err}
	}
	held := a.last.Load()
	if held == nil || !held.token.Equal(token.Value) {
		if !inHeader(token.Value.Reveal()) {
			return Token{}, nil, &tokenError{errors.New("the token is empty, or has characters that a header cannot hold")}
		}
		held = &bearer{token: token.Value, header: []string{"Bearer " + token.Value.Reveal()}}
		a.last.Store(held)
	}
	return token, held.header, nil
}

// closeBody does what the http.Client would have done, had it got the request.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// inHeader reports whether a credential is one word of printable ASCII.
func inHeader(credential string) bool {
	return credential != "" && !strings.ContainsFunc(credential, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// tokenRefused reports whether an answer says that the token is no longer good. It leaves the body as it was.
func tokenRefused(resp *http.Response) bool {
	if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
		return false
	}
	head, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = &bufferedBody{err: err}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), resp.Body}

	refusal := newError(opUnknown, resp.StatusCode, nil, head)
	if resp.StatusCode == http.StatusUnauthorized {
		// With this code the token is good, only not for this user. A new one would not be either.
		return !errors.Is(refusal, CodeUnauthorizedAccess)
	}
	// 403 means many things, and only this one is about the token's age.
	return slices.ContainsFunc(refusal.Details, func(detail ErrorDetail) bool {
		return strings.Contains(strings.ToLower(detail.Detail+detail.Title), "token has expired")
	})
}

const (
	// tokenMargin is how long before its end a token is no longer used: a request takes time to arrive.
	tokenMargin = 30 * time.Second
	// tokenEarly is how long before its end a token is renewed in the background: once every 50 minutes, of the two to
	// three times an hour that Basiq asks for at most.
	tokenEarly = 10 * time.Minute
	// tokenPause is how long a failed early renewal is left alone.
	tokenPause = time.Minute
	// tokenForgiven is how many failures to get a token, one after the other, cost nothing: the next caller asks again at once.
	// After each further one the callers of the next second, of the next two, and so on up to tokenPause, are told that failure.
	tokenForgiven = 1
	// tokenPatience bounds the getting of a token, retries included.
	tokenPatience = 2 * time.Minute
	// tokenScopes is how many users' tokens are kept before old ones are looked for.
	tokenScopes = 1024
)

// tokenCache is the client's own TokenSource: one token for each scope, in memory.
type tokenCache struct {
	create func(context.Context, Scope) (Token, error)
	// apiKey is what a hook may panic with.
	apiKey Secret
	server tokenSlot

	mu      sync.Mutex
	clients map[Scope]*tokenSlot
	// sweepAt is how many slots there may be before old ones are looked for.
	sweepAt int
}

func newTokenCache(apiKey Secret, create func(context.Context, Scope) (Token, error)) *tokenCache {
	return &tokenCache{create: create, apiKey: apiKey, clients: make(map[Scope]*tokenSlot), sweepAt: tokenScopes}
}

// tokenSlot holds the token of one scope.
type tokenSlot struct {
	current atomic.Pointer[heldToken]

	mu     sync.Mutex
	flight *tokenFlight
	// landed is set by the first flight that has ended. Before that somebody may be about to start one.
	landed bool
	// notBefore is when an early renewal may be tried again.
	notBefore time.Time
	// failure is how the last flight ended, failures how many have ended so since one has not, and stands is until when callers
	// are told so.
	failure  error
	failures int
	stands   time.Time
}

// heldToken is a token with the times that decide about it.
type heldToken struct {
	Token
	renew, end time.Time
}

func hold(token Token, now time.Time) *heldToken {
	life := token.Expires.Sub(now)
	// A token with a short life is used for most of it.
	return &heldToken{
		Token: token,
		renew: token.Expires.Add(-min(tokenEarly, life/4)),
		end:   token.Expires.Add(-min(tokenMargin, life/10)),
	}
}

// tokenFlight is a request for a token that is under way. It belongs to none of those who wait for it.
type tokenFlight struct {
	done  chan struct{} // closed when token and err are set
	token Token
	err   error
}

// Token returns the token in store, or waits for a new one. It can be left by its context; the request for the token
// goes on for the others.
func (c *tokenCache) Token(ctx context.Context, scope Scope) (Token, error) {
	if err := checkScope(opPostToken.Name, scope); err != nil {
		return Token{}, err // before it shares a slot with those that can be right
	}
	slot := c.slot(scope)
	held := slot.current.Load()
	if held != nil && time.Until(held.renew) > 0 { // for which one look at the monotonic clock is enough
		return held.Token, nil
	}
	now := time.Now()
	if err := ctx.Err(); err != nil {
		return Token{}, err
	}
	if held != nil && now.Before(held.end) {
		c.renew(slot, scope, now) //nolint:contextcheck // a flight belongs to nobody's context
		return held.Token, nil
	}
	token, flight, err := c.join(slot, scope, now) //nolint:contextcheck // a flight belongs to nobody's context
	if flight == nil {
		return token, err
	}
	select {
	case <-flight.done:
		return flight.token, flight.err
	case <-ctx.Done():
		return Token{}, ctx.Err()
	}
}

// Reject forgets token, if it is still the one in store.
func (c *tokenCache) Reject(_ context.Context, scope Scope, token Token) {
	slot := c.slot(scope)
	if held := slot.current.Load(); held != nil && held.Value.Equal(token.Value) {
		slot.current.CompareAndSwap(held, nil)
	}
}

// join returns the flight that gets the scope's token, and starts it when there is none. It returns the token itself
// when a flight has landed meanwhile, and the error of the last flight while that stands.
func (c *tokenCache) join(slot *tokenSlot, scope Scope, now time.Time) (Token, *tokenFlight, error) {
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if held := slot.current.Load(); held != nil && now.Before(held.renew) {
		return held.Token, nil, nil
	}
	if slot.flight == nil {
		if now.Before(slot.stands) {
			return Token{}, nil, slot.failure
		}
		c.start(slot, scope)
	}
	return Token{}, slot.flight, nil
}

// renew starts a flight that gets the scope's next token, unless there is one, there has been one, or one has failed lately.
func (c *tokenCache) renew(slot *tokenSlot, scope Scope, now time.Time) {
	slot.mu.Lock()
	defer slot.mu.Unlock()
	held := slot.current.Load()
	renewed := held != nil && now.Before(held.renew)
	if slot.flight == nil && !renewed && !now.Before(slot.notBefore) {
		c.start(slot, scope)
	}
}

// start starts a flight. The slot is locked.
func (c *tokenCache) start(slot *tokenSlot, scope Scope) {
	slot.flight = &tokenFlight{done: make(chan struct{})}
	go c.fly(slot, slot.flight, scope)
}

// fly gets a token for whoever waits.
func (c *tokenCache) fly(slot *tokenSlot, flight *tokenFlight, scope Scope) {
	ctx, cancel := context.WithTimeout(context.Background(), tokenPatience)
	defer func() {
		cancel() // before anyone goes on: nothing of the flight is left then
		// A caller's hook that panics here would end the program, out of reach of who called.
		if p := recover(); p != nil {
			flight.err = errors.New("a hook panicked: " + cut(newRedactor(c.apiKey.Reveal())(fmt.Sprint(p))))
		}
		slot.mu.Lock()
		if now := time.Now(); flight.err == nil {
			slot.current.Store(hold(flight.token, now))
			slot.failure, slot.failures, slot.stands = nil, 0, time.Time{}
		} else {
			slot.notBefore = now.Add(tokenPause)
			slot.fail(flight.err, now)
		}
		slot.flight, slot.landed = nil, true
		slot.mu.Unlock()
		close(flight.done)
	}()
	flight.err = errors.New("the request for a token was abandoned") // what a hook's runtime.Goexit leaves
	flight.token, flight.err = c.create(ctx, scope)
}

// fail takes notice of a flight's failure. A key that is refused, or a server that is down, would else be asked by every
// caller there is.
func (s *tokenSlot) fail(err error, now time.Time) {
	s.failure = err
	s.failures++
	if further := s.failures - tokenForgiven; further > 0 {
		s.stands = now.Add(doubled(time.Second, further, tokenPause))
	}
	if errors.Is(err, ErrTooManyTokenRequests) {
		s.stands = now.Add(tokenPause)
	}
}

// slot returns where the scope's token is kept.
func (c *tokenCache) slot(scope Scope) *tokenSlot {
	if scope.Access == TokenScopeServerAccess {
		return &c.server
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	slot, ok := c.clients[scope]
	if !ok {
		if len(c.clients) >= c.sweepAt {
			c.sweep(time.Now())
			c.sweepAt = max(tokenScopes, 2*len(c.clients))
		}
		slot = new(tokenSlot)
		c.clients[scope] = slot
	}
	return slot
}

// sweep forgets the tokens that are of no more use. Whoever waits for one keeps its slot.
func (c *tokenCache) sweep(now time.Time) {
	for scope, slot := range c.clients {
		slot.mu.Lock()
		held := slot.current.Load()
		if slot.flight == nil && slot.landed && !now.Before(slot.stands) && (held == nil || !now.Before(held.end)) {
			delete(c.clients, scope)
		}
		slot.mu.Unlock()
	}
}
