package basiq

import (
	"context"
	"net/http"
)

// TokenSlots returns the number of users whose tokens a client caches.
func TokenSlots(c *Client) int {
	cache, _ := c.tokens.(*tokenCache)
	cache.mu.Lock()
	defer cache.mu.Unlock()
	users := 0
	for scope := range cache.slots {
		if scope != ServerAccess() {
			users++
		}
	}
	return users
}

// Tokens returns the TokenSource of a client.
func Tokens(c *Client) TokenSource { return c.tokens }

// SlotOutlivesSweep reports whether a slot whose request has just started is kept when expired slots are removed.
func SlotOutlivesSweep(c *Client, scope Scope) bool {
	cache, _ := c.tokens.(*tokenCache)
	cache.find(context.Background(), scope)
	cache.mu.Lock()
	defer cache.mu.Unlock()
	cache.sweepAt = 0
	cache.sweep()
	return cache.slots[scope] != nil
}

// DefaultTransport returns the transport that a client without an http.Client uses.
func DefaultTransport(c *Client) *http.Transport {
	transport, _ := c.config.httpClient.Transport.(*http.Transport)
	return transport
}

// FirstQuery returns the query of the first page of a user's transactions.
func FirstQuery(options TransactionListOptions) (string, error) {
	return collection[Transaction]{op: opGetTransactions, sized: true, options: options.listOptions()}.firstQuery()
}
