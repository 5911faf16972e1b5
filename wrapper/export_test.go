package basiq

import (
	"net/http"
)

// TokenSlots returns how many users' tokens a client keeps.
func TokenSlots(c *Client) int {
	cache, _ := c.tokens.(*tokenCache)
	cache.mu.Lock()
	defer cache.mu.Unlock()
	return len(cache.clients)
}

// Tokens returns where a client gets its tokens from.
func Tokens(c *Client) TokenSource { return c.tokens }

// SlotOutlivesSweep reports whether a slot that a caller has just taken, to start a request in it, is kept when expired ones
// are removed.
func SlotOutlivesSweep(c *Client, scope Scope) bool {
	cache, _ := c.tokens.(*tokenCache)
	slot := cache.take(scope)
	cache.mu.Lock()
	defer cache.mu.Unlock()
	cache.sweep()
	return cache.clients[scope] == slot
}

// DefaultTransport returns the transport of a client that was given no http.Client: that of its calls, and that of its
// uploads.
func DefaultTransport(c *Client) (calls, uploads *http.Transport) {
	calls, _ = c.config.httpClient.Transport.(*http.Transport)
	uploads, _ = c.config.uploadClient.Transport.(*http.Transport)
	return calls, uploads
}

// FirstQuery returns the query of the first page of a user's transactions.
func FirstQuery(options ...ListOption[Transaction]) (string, error) {
	return collection[Transaction]{op: opGetTransactions, sized: true, options: options}.firstQuery()
}
