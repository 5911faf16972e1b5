package shared

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

const (
	// tokenLease is how long a process may take for a token request. If it dies, the others wait no longer than that.
	tokenLease = 20 * time.Second
	// leaseMargin is the part of the lease that is left for storing the token.
	leaseMargin = 5 * time.Second
	// fetchTimeout limits how long a process tries to get a token.
	fetchTimeout = 2 * time.Minute
	// The times before the expiry of a token at which it is renewed, and until which it is used.
	renewBefore  = 10 * time.Minute
	expiryLeeway = 30 * time.Second
	// renewDelay is the delay between two attempts to renew a token that is still valid.
	renewDelay = time.Minute
	// recheckDelay is when a process looks for the token that another process is renewing.
	recheckDelay = time.Second
	// failurePause is the delay of the next token request of the fleet after one that failed, and tokensPause after one
	// that Basiq rejected as one too many.
	failurePause = time.Second
	tokensPause  = time.Minute
	// minPoll and maxPoll are the delays between two reads of the row while another process requests the token.
	minPoll = 20 * time.Millisecond
	maxPoll = 500 * time.Millisecond
	// tokenScopes is how many tokens a process caches before expired ones are removed.
	tokenScopes = 1024
	// keepExpired is how long rows of expired tokens are kept.
	keepExpired = time.Hour
)

// TokenSource is a [basiq.TokenSource] that shares tokens among the processes that use the same database, API key, base URL
// and API version.
type TokenSource struct {
	store  *Store
	keys   keyring
	create func(context.Context, basiq.Scope) (basiq.Token, error)
	redact func(string) string
	lease  time.Duration

	mu    sync.Mutex
	slots map[basiq.Scope]*slot
	// sweepAt is the number of slots at which expired slots are removed.
	sweepAt int
}

var _ basiq.TokenSource = (*TokenSource)(nil)

// slot holds the token of one scope in this process, and the fetch of the next one. Its times are wall clock times.
type slot struct {
	held
	fetch *fetch
	// rejected is the revision of a token that Basiq has rejected and that may still be in the database.
	rejected int64
}

// held is a token as the database has it.
type held struct {
	token    basiq.Token
	revision int64
	// renew is when the next token is fetched in the background. The token is used until end.
	renew, end time.Time
}

func (h held) usable(now time.Time) bool { return now.Before(h.end) }

// fetch gets a token from the database or from Basiq. It is independent of the contexts of the callers that wait for it.
type fetch struct {
	done  chan struct{} // closed when token and err are set
	token basiq.Token
	err   error
}

// TokenSource returns a source of tokens for apiKey. The options apply to the client that requests the tokens, for example
// [basiq.WithAPIVersion] and [basiq.WithBaseURL]. They should be the options of the client that uses the tokens, except for
// [basiq.WithTokenSource].
func (s *Store) TokenSource(apiKey string, options ...basiq.Option) (*TokenSource, error) {
	client, err := basiq.New(apiKey, options...)
	if err != nil {
		return nil, err
	}
	if apiKey == "" {
		return nil, fmt.Errorf("%w: TokenSource: apiKey must not be empty", basiq.ErrInvalidInput)
	}
	// A client prints its base URL and its API version.
	keys, err := newKeyring(apiKey, fmt.Sprint(client))
	if err != nil {
		return nil, fmt.Errorf("shared: TokenSource: %w", err)
	}
	return &TokenSource{
		store: s, keys: keys, create: client.Tokens.Create, lease: tokenLease,
		redact: strings.NewReplacer(apiKey, "[redacted]").Replace,
		slots:  make(map[basiq.Scope]*slot), sweepAt: tokenScopes,
	}, nil
}

// Token returns the token of scope that the fleet uses. It waits for it, if necessary, until ctx ends. The request for the
// token continues for other callers.
func (t *TokenSource) Token(ctx context.Context, scope basiq.Scope) (basiq.Token, error) {
	if err := ctx.Err(); err != nil {
		return basiq.Token{}, err
	}
	token, pending := t.find(scope) //nolint:contextcheck // a token request is independent of its callers' contexts
	if pending == nil {
		return token, nil
	}
	select {
	case <-pending.done:
		return pending.token, pending.err
	case <-ctx.Done():
		return basiq.Token{}, ctx.Err()
	}
}

// Format implements [fmt.Formatter]. It prints neither tokens nor the IDs of users.
func (t *TokenSource) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "shared.TokenSource") }

// Reject deletes token, unless another process has replaced it already, and fetches another one in the background.
func (t *TokenSource) Reject(_ context.Context, scope basiq.Scope, token basiq.Token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.slots[scope]; s != nil && s.usable(time.Now()) && s.token.Value.Equal(token.Value) {
		s.end, s.rejected = time.Time{}, s.revision
		t.start(scope, s) //nolint:contextcheck // a token request is independent of its callers' contexts
	}
}

// find returns the scope's token, or the fetch of it if a token is missing or expired.
func (t *TokenSource) find(scope basiq.Scope) (basiq.Token, *fetch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slots[scope]
	if s == nil {
		t.sweep()
		s = new(slot)
		t.slots[scope] = s
	}
	now := time.Now()
	if !now.Before(s.renew) || !s.usable(now) {
		t.start(scope, s)
	}
	if s.usable(now) {
		return s.token, nil
	}
	return basiq.Token{}, s.fetch
}

// start starts a fetch unless there is one. The caller must hold mu.
func (t *TokenSource) start(scope basiq.Scope, s *slot) {
	if s.fetch != nil {
		return
	}
	s.fetch = &fetch{done: make(chan struct{}), err: errors.New("token request abandoned")}
	go t.run(scope, s, s.fetch, s.rejected)
}

// run fetches a token for all callers that wait for it.
func (t *TokenSource) run(scope basiq.Scope, s *slot, f *fetch, rejected int64) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	var next held
	defer func() {
		cancel()
		// Recover here: a panic of middleware in this goroutine would crash the program.
		if p := recover(); p != nil {
			f.err = errors.New(t.redact(fmt.Sprintf("middleware panicked: %v\n%s", p, debug.Stack())))
		}
		t.mu.Lock()
		if f.err == nil {
			s.held, s.rejected, f.token = next, 0, next.token
		} else {
			s.renew = time.Now().Add(renewDelay).Round(0)
		}
		s.fetch = nil
		t.mu.Unlock()
		close(f.done)
	}()
	for again := true; again; {
		next, f.err = t.acquire(ctx, scope, rejected)
		t.mu.Lock()
		rejected = s.rejected
		t.mu.Unlock()
		again = f.err == nil && next.revision == rejected // it was rejected during this fetch
	}
	if errors.Is(f.err, ErrDatabase) {
		f.err = fmt.Errorf("shared token: %w", f.err)
	}
}

// acquire returns the token in the database. If it is missing or due for renewal, acquire requests a new one, or waits
// until another process has done so.
func (t *TokenSource) acquire(ctx context.Context, scope basiq.Scope, rejected int64) (held, error) {
	id := t.keys.rowID(scope)
	if rejected > 0 {
		_, err := t.store.exec(ctx, `UPDATE basiq_shared_token SET token = '', usable_until = 0 WHERE id = ? AND revision = ?`, id, rejected)
		if err != nil {
			return held{}, err
		}
	}
	for poll := minPoll; ; poll = min(2*poll, maxPoll) {
		row, err := t.load(ctx, id)
		now := time.Now().Round(0)
		switch {
		case err != nil:
			return held{}, err
		case row.usable(now) && now.Before(row.renew):
			return row.held, nil
		case row.leasedFor > 0 && row.usable(now):
			row.renew = now.Add(recheckDelay)
			return row.held, nil
		case row.leasedFor <= 0:
			lease := rand.Text()
			won, err := t.store.exec(ctx, `INSERT INTO basiq_shared_token
				(id, revision, token, renew_at, usable_until, expires_at, lease, lease_until) VALUES (?, NOW, '', 0, 0, NOW, ?, NOW + ?)
				ON CONFLICT (id) DO UPDATE SET lease = excluded.lease, lease_until = excluded.lease_until
				WHERE basiq_shared_token.lease_until <= NOW AND basiq_shared_token.revision = ?`,
				id, lease, micros(t.lease), row.revision)
			if err != nil {
				return held{}, err
			}
			if won > 0 {
				return t.request(ctx, scope, id, lease, row)
			}
		}
		pause := poll
		if row.leasedFor > 0 {
			pause = min(poll, row.leasedFor)
		}
		if err := sleep(ctx, pause); err != nil {
			return held{}, fmt.Errorf("shared token: another process is requesting it: %w", err)
		}
	}
}

// row is a row of the table of tokens.
type row struct {
	held
	// leasedFor is positive while a process is requesting the next token.
	leasedFor time.Duration
}

// load reads the row of a token. A missing row is empty.
func (t *TokenSource) load(ctx context.Context, id string) (row, error) {
	var revision, renewIn, usableFor, expiresIn, leaseFor int64
	var sealed string
	found, err := t.store.queryRow(ctx, `SELECT revision, token, renew_at - NOW, usable_until - NOW, expires_at - NOW, lease_until - NOW
		FROM basiq_shared_token WHERE id = ?`, []any{id}, &revision, &sealed, &renewIn, &usableFor, &expiresIn, &leaseFor)
	if err != nil || !found {
		return row{}, err
	}
	r := row{held: held{revision: revision}, leasedFor: time.Duration(leaseFor) * time.Microsecond}
	if sealed == "" || usableFor <= 0 {
		return r, nil
	}
	token, err := t.keys.open(id, sealed)
	if err != nil {
		return r, nil //nolint:nilerr // it is replaced by a new token
	}
	after := func(n int64) time.Time { return time.Now().Add(time.Duration(n) * time.Microsecond).Round(0) }
	r.token = basiq.Token{Value: basiq.NewSecret(token), Expires: after(expiresIn)}
	r.renew, r.end = after(renewIn), after(usableFor)
	return r, nil
}

// request requests a token under a lease and stores it. If the request fails and the previous token is usable, request
// returns the previous one.
func (t *TokenSource) request(ctx context.Context, scope basiq.Scope, id, lease string, previous row) (held, error) {
	limited, cancel := context.WithTimeout(ctx, t.lease-min(leaseMargin, t.lease/4))
	defer cancel()
	stored := false
	pause := failurePause
	defer func() {
		if !stored { // also after a panic
			_, _ = t.store.exec(ctx, `UPDATE basiq_shared_token SET lease_until = NOW + ? WHERE id = ? AND lease = ?`, micros(pause), id, lease)
		}
	}()
	token, err := t.create(limited, scope)
	if err != nil {
		if errors.Is(err, basiq.ErrTooManyTokenRequests) {
			pause = tokensPause
		}
		if now := time.Now(); previous.usable(now) {
			pause = renewDelay
			previous.renew = now.Add(renewDelay).Round(0)
			return previous.held, nil
		}
		return held{}, err
	}
	now := time.Now()
	life := token.Expires.Sub(now)
	next := held{
		token: token,
		renew: token.Expires.Add(-min(renewBefore, life/4)),
		end:   token.Expires.Add(-min(expiryLeeway, life/10)),
	}
	stored, err = t.store.queryRow(ctx, `UPDATE basiq_shared_token SET revision = revision + 1, token = ?, renew_at = NOW + ?,
		usable_until = NOW + ?, expires_at = NOW + ?, lease = '', lease_until = 0 WHERE id = ? AND lease = ? RETURNING revision`,
		[]any{t.keys.seal(id, token.Value.Reveal()), micros(next.renew.Sub(now)), micros(next.end.Sub(now)), micros(life), id, lease}, &next.revision)
	switch {
	case err != nil:
		return held{}, err // the token is not used, because no other process could reject or renew it
	case !stored: // the request took longer than the lease
		return t.acquire(ctx, scope, 0)
	}
	// A row that remains costs only space.
	_, _ = t.store.exec(ctx, `DELETE FROM basiq_shared_token WHERE expires_at < NOW - ? AND lease_until < NOW`, micros(keepExpired))
	return next, nil
}

// sweep removes expired tokens if there are many. The caller must hold mu.
func (t *TokenSource) sweep() {
	if len(t.slots) < t.sweepAt {
		return
	}
	now := time.Now()
	maps.DeleteFunc(t.slots, func(_ basiq.Scope, s *slot) bool { return s.fetch == nil && !s.usable(now) })
	t.sweepAt = max(tokenScopes, 2*len(t.slots))
}
