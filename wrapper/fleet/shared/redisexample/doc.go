// Package redisexample contains an example that shares access tokens, a rate limit and throttling over Redis, for fleets that
// have Redis but no common SQL database. Copy it from example_test.go. Package shared does the same over SQL.
package redisexample
