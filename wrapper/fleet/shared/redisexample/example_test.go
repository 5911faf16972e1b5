package redisexample_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// Tokens is a basiq.TokenSource that keeps tokens in Redis. They are stored in clear text: protect Redis with TLS, a password
// and a network of its own. Use another Prefix for each API key and API version.
type Tokens struct {
	Redis  *redis.Client
	Prefix string
	// Create is the Create method of Tokens of a client with the API key.
	Create func(context.Context, basiq.Scope) (basiq.Token, error)

	mu    sync.Mutex
	cache map[basiq.Scope]basiq.Token
	// rejected is the last token that Basiq rejected. It may still be in Redis.
	rejected basiq.Secret
}

const (
	// lease is how long a process may take for a token request. If it dies, the others wait no longer than that.
	lease = 20 * time.Second
	// The times before the expiry of a token at which it is renewed, and until which it is used.
	renewBefore = 10 * time.Minute
	leeway      = 30 * time.Second
	poll        = 50 * time.Millisecond
)

// compareAndDelete deletes a key if it has a value.
var compareAndDelete = redis.NewScript(`return redis.call("GET", KEYS[1]) == ARGV[1] and redis.call("DEL", KEYS[1]) or 0`)

func (t *Tokens) key(scope basiq.Scope) string {
	return t.Prefix + ":token:" + string(scope.Access) + ":" + scope.UserID
}

// Token returns the token of this process, of Redis, or a new one. If another process requests one, it waits for it.
func (t *Tokens) Token(ctx context.Context, scope basiq.Scope) (basiq.Token, error) {
	t.mu.Lock()
	token := t.cache[scope]
	t.mu.Unlock()
	if time.Until(token.Expires) > renewBefore {
		return token, nil
	}
	for {
		token, err := t.load(ctx, scope)
		left := time.Until(token.Expires)
		if err != nil || left > renewBefore {
			return token, err
		}
		owner := rand.Text()
		won, err := t.Redis.SetNX(ctx, t.key(scope)+":lease", owner, lease).Result()
		switch {
		case err != nil:
			return basiq.Token{}, err
		case won:
			fresh, err := t.create(ctx, scope, owner, token)
			if err != nil && left > leeway {
				return token, nil // the renewal can wait
			}
			return fresh, err
		case left > leeway:
			return token, nil // another process renews it
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return basiq.Token{}, ctx.Err()
		}
	}
}

// load reads the token from Redis. The value is the expiry and the token.
func (t *Tokens) load(ctx context.Context, scope basiq.Scope) (basiq.Token, error) {
	value, err := t.Redis.Get(ctx, t.key(scope)).Result()
	if errors.Is(err, redis.Nil) {
		return basiq.Token{}, nil
	}
	if err != nil {
		return basiq.Token{}, err
	}
	return t.remember(scope, decode(value)), nil
}

func encode(token basiq.Token) string {
	return strconv.FormatInt(token.Expires.Unix(), 10) + " " + token.Value.Reveal()
}

func decode(value string) basiq.Token {
	var seconds int64
	var text string
	if _, err := fmt.Sscan(value, &seconds, &text); err != nil {
		return basiq.Token{}
	}
	return basiq.Token{Value: basiq.NewSecret(text), Expires: time.Unix(seconds, 0)}
}

// remember caches a token and returns it, unless it was rejected.
func (t *Tokens) remember(scope basiq.Scope, token basiq.Token) basiq.Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	if token.Value.Equal(t.rejected) {
		return basiq.Token{}
	}
	if t.cache == nil {
		t.cache = make(map[basiq.Scope]basiq.Token)
	}
	t.cache[scope] = token
	return token
}

// create requests a token under the lease, unless the previous one has been replaced. It does not depend on the context of
// the caller that happens to request it.
func (t *Tokens) create(ctx context.Context, scope basiq.Scope, owner string, previous basiq.Token) (basiq.Token, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease)
	defer cancel()
	defer compareAndDelete.Run(ctx, t.Redis, []string{t.key(scope) + ":lease"}, owner)
	token, err := t.load(ctx, scope)
	if err != nil || !token.Value.Equal(previous.Value) {
		return token, err
	}
	if token, err = t.Create(ctx, scope); err != nil {
		return basiq.Token{}, err
	}
	token.Expires = token.Expires.Truncate(time.Second) // as in Redis, so that Reject finds it
	if err := t.Redis.Set(ctx, t.key(scope), encode(token), time.Until(token.Expires)-leeway).Err(); err != nil {
		return basiq.Token{}, err
	}
	return t.remember(scope, token), nil
}

// Reject deletes the token, unless another process has replaced it already.
func (t *Tokens) Reject(ctx context.Context, scope basiq.Scope, token basiq.Token) {
	t.mu.Lock()
	t.rejected = token.Value
	if t.cache[scope].Value.Equal(token.Value) {
		delete(t.cache, scope)
	}
	t.mu.Unlock()
	// If this fails, the next token replaces the rejected one.
	_ = compareAndDelete.Run(ctx, t.Redis, []string{t.key(scope)}, encode(token)).Err()
}

// Limiter is a basiq.Limiter over Redis. Its Middleware makes all processes hold back after a 429.
type Limiter struct {
	Redis  *redis.Client
	Prefix string
	// Limit is the rate of all processes together. A small burst holds it in every second.
	Limit redis_rate.Limit
}

// Wait returns when a request may be sent. Redis decides by its own clock.
func (l *Limiter) Wait(ctx context.Context) error {
	for {
		held, err := l.Redis.PTTL(ctx, l.hold(ctx)).Result()
		if err != nil {
			return err
		}
		if held <= 0 {
			result, err := redis_rate.NewLimiter(l.Redis).Allow(ctx, l.Prefix, l.Limit)
			if err != nil || result.Allowed > 0 {
				return err
			}
			held = result.RetryAfter
		}
		if deadline, bounded := ctx.Deadline(); bounded && time.Until(deadline) <= held {
			return &basiq.ThrottledError{RetryAfter: held}
		}
		select {
		case <-time.After(held):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hold is the key that exists while the operation of a call is throttled.
func (l *Limiter) hold(ctx context.Context) string {
	call, _ := basiq.CallFromContext(ctx)
	return l.Prefix + ":hold:" + call.Operation.ID
}

// Middleware records that Basiq throttles an operation.
func (l *Limiter) Middleware(next basiq.Doer) basiq.Doer {
	return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := next.Do(req)
		if err == nil && resp.StatusCode == http.StatusTooManyRequests {
			seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // Basiq sends none, or seconds
			hold := time.Duration(min(cmp.Or(max(seconds, 0), 1), 30)) * time.Second
			_ = l.Redis.Set(req.Context(), l.hold(req.Context()), 1, hold).Err() // the client holds back in any case
		}
		return resp, err
	})
}

// Two processes share one token and one rate limit. The sandbox and Redis run inside the example.
func Example() {
	sandbox, err := basiqtest.Start()
	if err != nil {
		panic(err)
	}
	defer func() { _ = sandbox.Close() }()
	server, err := miniredis.Run()
	if err != nil {
		panic(err)
	}
	defer server.Close()

	for range 2 {
		client, err := newClient(sandbox.APIKey(), server.Addr(), basiq.WithBaseURL(sandbox.URL()))
		if err != nil {
			panic(err)
		}
		bank, err := client.Institutions.Get(context.Background(), "AU00000")
		if err != nil {
			panic(err)
		}
		fmt.Println(bank.Name)
	}
	fmt.Println("token requests:", len(sandbox.RequestsOf("postToken")))

	// Output:
	// Hooli Bank
	// Hooli Bank
	// token requests: 1
}

// newClient returns the client of a process.
func newClient(apiKey, redisAddress string, options ...basiq.Option) (*basiq.Client, error) {
	r := redis.NewClient(&redis.Options{Addr: redisAddress})
	limiter := &Limiter{Redis: r, Prefix: "basiq", Limit: redis_rate.Limit{Rate: 100, Burst: 5, Period: time.Second}}
	options = append(options, basiq.WithRateLimit(limiter), basiq.WithMiddleware(limiter.Middleware))
	creator, err := basiq.New(apiKey, options...)
	if err != nil {
		return nil, err
	}
	tokens := &Tokens{Redis: r, Prefix: "basiq", Create: creator.Tokens.Create}
	return basiq.New(apiKey, append(options, basiq.WithTokenSource(tokens))...)
}
