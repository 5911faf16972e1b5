// Package shared lets the processes of a fleet share their access tokens, their rate limit and the throttling after a 429,
// over the SQL database that the fleet has anyway: PostgreSQL, or SQLite for the processes of one machine.
//
//	state, err := shared.Open(ctx, db, mirror.PostgreSQL)
//	err = state.Migrate(ctx)
//	limiter, err := state.Limiter("basiq", 100) // 100 requests a second for all processes
//	options := []basiq.Option{basiq.WithRateLimit(limiter), basiq.WithMiddleware(limiter.Middleware)}
//	tokens, err := state.TokenSource(apiKey, options...)
//	client, err := basiq.New(apiKey, append(options, basiq.WithTokenSource(tokens))...)
//
// # Tokens
//
// A [TokenSource] requests one token per lifetime for the whole fleet. The process that requests it holds a lease on the
// token's row. Other processes wait for the token, or use the previous one while it is valid. If a process dies with the
// lease, another one requests the token when the lease ends, after at most 20 s. Tokens are renewed in the background, ten
// minutes before they expire. A token that Basiq rejects is deleted, unless another process has replaced it already.
//
// Tokens are encrypted in the database with AES-256-GCM. The encryption key is derived from the API key, which every
// process has. A copy of the database without the API key contains neither a token nor the ID of a user. A new API key
// has its own rows, and a process with the old one continues to use the old rows.
//
// # Rate limit
//
// A [Limiter] gives each request a slot in one schedule of the fleet. Slots have equal distances, so the limit applies to
// every second, without bursts: at most 2.5 % more requests than the limit are sent within a second, unless the
// network delays them differently. A process reserves slots for the requests that wait, several with one statement if
// there are many. Busy processes get equal shares.
//
// # Throttling
//
// [Limiter.Middleware] records responses with status 429, and those with 503 and Retry-After. All processes then hold back
// requests of the same operation for as long as Basiq asks, or for 1 s, doubling up to 30 s with each further 429. A
// request is sent only if the process has read this record within the last 200 ms.
//
// # If the database fails
//
// Requests fail with [ErrDatabase], before they are sent. A process that has a valid token continues to use it. No process
// requests a token of its own or sends without a slot, so that an outage of the database does not lead to a surge of
// requests. All statements are limited to 10 s. Processes resume when the database does.
//
// # Time
//
// All times in the tables are microseconds since 1970 of the database's clock, so the clocks of the machines need not
// agree. SQLite must be version 3.42 or later.
package shared
