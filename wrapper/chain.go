package basiq

import (
	"net/http"
	"slices"
)

// Doer sends a request and returns its response. *http.Client implements it.
type Doer interface {
	Do(req *http.Request) (*http.Response, error)
}

// DoerFunc is a function that implements [Doer].
type DoerFunc func(req *http.Request) (*http.Response, error)

// Do calls f.
func (f DoerFunc) Do(req *http.Request) (*http.Response, error) { return f(req) }

// Middleware wraps every attempt of every call, including token requests. It receives the next Doer and returns a Doer
// that is called instead. [CallFromContext] on the request's context returns the call.
//
// Middleware sees the request before the token or the API key is added, and must only change a clone of it. It must
// not log bodies: they hold credentials of bank logins, MFA answers and tokens. Code that needs the bytes on the wire
// belongs in the transport of [WithHTTPClient].
//
// An error returned without calling next ends the call and is not retried. A response that middleware creates is
// treated as a response of Basiq: a 503 may be retried. The request that middleware passes to next must keep its
// context, or have a context derived from it; otherwise the call fails and no request is sent. No request is sent for
// an attempt that has ended. If Basiq rejects a token, the request is sent once more inside the same attempt, and
// middleware sees only the second response.
type Middleware func(next Doer) Doer

// newChain assembles the stages that every request passes, from the wire outwards.
func newChain(config config, tokens TokenSource) Doer {
	sender := newSender(config)                            // waits for the rate limit, sends, records whether Basiq may have received the request
	var chain Doer = newAuthorizer(sender, config, tokens) // adds the token; replaces a rejected one once
	for _, middleware := range slices.Backward(config.middleware) {
		chain = middleware(chain) // runs the caller's middleware once per attempt; the first is outermost
	}
	return newRetrier(chain, config) // throttles, retries, backs off, reads the response into memory, calls the observers
}
