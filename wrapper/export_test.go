package basiq

import (
	"context"
	"errors"
	"net/http"
	"time"
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

// SlotOutlivesSweep reports whether a slot that somebody has just been given, and may be about to use, is kept when old
// ones are looked for.
func SlotOutlivesSweep(c *Client, scope Scope) bool {
	cache, _ := c.tokens.(*tokenCache)
	slot := cache.slot(scope)
	cache.mu.Lock()
	defer cache.mu.Unlock()
	cache.sweep(time.Now())
	return cache.clients[scope] == slot
}

// DefaultTransport returns the transport of a client that was given no http.Client: that of its calls, and that of its
// uploads.
func DefaultTransport(c *Client) (calls, uploads *http.Transport) {
	calls, _ = c.config.httpClient.Transport.(*http.Transport)
	uploads, _ = c.config.uploadClient.Transport.(*http.Transport)
	return calls, uploads
}

// Request returns the request that services make for an operation that sends no body.
func Request(ctx context.Context, c *Client, operationID string, ids []string, query string) (*http.Request, error) {
	for _, op := range operations {
		if op.ID == operationID {
			named := make([]id, len(ids))
			for i, value := range ids {
				named[i] = id{argument: "id", value: value}
			}
			return c.newRequest(ctx, op, named, query, "")
		}
	}
	return nil, errors.New("there is no operation " + operationID)
}

// FirstQuery returns the query of the first page of a user's transactions.
func FirstQuery(options ...ListOption[Transaction]) (string, error) {
	return collection[Transaction]{op: opGetTransactions, sized: true, options: options}.firstQuery()
}
