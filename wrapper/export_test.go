package basiq

// TokenSlots returns how many users' tokens a client keeps.
func TokenSlots(c *Client) int {
	cache, _ := c.tokens.(*tokenCache)
	cache.mu.Lock()
	defer cache.mu.Unlock()
	return len(cache.clients)
}

// Tokens returns where a client gets its tokens from.
func Tokens(c *Client) TokenSource { return c.tokens }
