package shared

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// process represents a process of the fleet. It shares only the database with the others.
type process struct {
	tokens *TokenSource
	client *basiq.Client
}

// newProcess returns a process whose requests go to a sandbox. The client retries nothing, unless an option says so.
func newProcess(t testing.TB, store *Store, sandbox *basiqtest.Sandbox, options ...basiq.Option) process {
	t.Helper()
	options = append([]basiq.Option{
		basiq.WithBaseURL(sandbox.URL()), basiq.WithHTTPClient(sandbox.HTTPClient()), basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1}),
	}, options...)
	tokens, err := store.TokenSource(sandbox.APIKey(), options...)
	require.NoError(t, err)
	client, err := basiq.New("", append(options, basiq.WithTokenSource(tokens))...)
	require.NoError(t, err)
	return process{tokens, client}
}

// call makes a call with a token.
func (p process) call(ctx context.Context) error {
	_, err := p.client.Institutions.Get(ctx, "AU00000")
	return err
}

// newFleet returns processes on one new SQLite database in a bubble.
func newFleet(t *testing.T, n int, sandbox *basiqtest.Sandbox, options ...basiq.Option) []process {
	t.Helper()
	d := newDatabase(t, mirror.SQLite)
	fleet := make([]process, n)
	for i := range fleet {
		fleet[i] = newProcess(t, virtual(d.store(t)), sandbox, options...)
	}
	return fleet
}

// callAll makes one call in each process at the same time.
func callAll(t testing.TB, fleet []process) {
	t.Helper()
	var group errgroup.Group
	for _, p := range fleet {
		group.Go(func() error { return p.call(t.Context()) })
	}
	require.NoError(t, group.Wait())
}

// For half a day, four processes make calls every two minutes. One token is requested every 50 minutes.
func TestTokenSource_OneRequestPerLifetime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		fleet := newFleet(t, 4, sandbox)
		const minutes = 12 * 60
		for range minutes / 2 {
			callAll(t, fleet)
			time.Sleep(2 * time.Minute)
		}
		requests := sandbox.RequestsOf("postToken")
		assert.InDelta(t, minutes/50, len(requests), 1)
		for i := range len(requests) - 1 {
			assert.GreaterOrEqual(t, requests[i+1].Time.Sub(requests[i].Time), 50*time.Minute)
		}
		for _, request := range sandbox.RequestsOf("getInstitution") {
			require.Equal(t, http.StatusOK, request.Status)
		}
	})
}

// 200 callers in four processes that start together share one token request. The sources use both databases' own clocks.
func TestTokenSource_Concurrent(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, d database) {
		sandbox := basiqtest.New(t, basiqtest.WithFault(basiqtest.Latency(100*time.Millisecond), basiqtest.Operations("postToken")))
		var group errgroup.Group
		for range 4 {
			p := newProcess(t, d.store(t), sandbox)
			for range 50 {
				group.Go(func() error { return p.call(t.Context()) })
			}
		}
		require.NoError(t, group.Wait())
		assert.Len(t, sandbox.RequestsOf("postToken"), 1)
	})
}

// A token that Basiq has rejected is replaced once for all processes. A rejection that comes late does not delete the new
// token.
func TestTokenSource_Reject(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, d database) {
		sandbox := basiqtest.New(t)
		var fleet []process
		for range 4 {
			fleet = append(fleet, newProcess(t, d.store(t), sandbox))
		}
		callAll(t, fleet)
		stale, err := fleet[0].tokens.Token(t.Context(), basiq.ServerAccess())
		require.NoError(t, err)
		sandbox.RevokeTokens()
		require.NoError(t, fleet[0].call(t.Context()))
		callAll(t, fleet) // the others learn of it by a rejection of their own
		assert.Len(t, sandbox.RequestsOf("postToken"), 2)

		for _, p := range fleet {
			p.tokens.Reject(t.Context(), basiq.ServerAccess(), stale)
		}
		callAll(t, fleet)
		late := newProcess(t, d.store(t), sandbox)
		require.NoError(t, late.call(t.Context()))
		assert.Len(t, sandbox.RequestsOf("postToken"), 2)
	})
}

// A token is rejected while it is being renewed, and the renewal fails. The rejected token is not used again.
func TestTokenSource_RejectDuringRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		p := newFleet(t, 1, sandbox)[0]
		first, err := p.tokens.Token(t.Context(), basiq.ServerAccess())
		require.NoError(t, err)
		time.Sleep(51 * time.Minute)
		sandbox.Inject(basiqtest.Latency(time.Second), basiqtest.Operations("postToken"))
		sandbox.Inject(basiqtest.Fail(http.StatusServiceUnavailable), basiqtest.Operations("postToken"), basiqtest.Times(1))
		same, err := p.tokens.Token(t.Context(), basiq.ServerAccess()) // starts the renewal
		require.NoError(t, err)
		require.True(t, same.Value.Equal(first.Value))
		time.Sleep(500 * time.Millisecond)
		p.tokens.Reject(t.Context(), basiq.ServerAccess(), first)
		second, err := p.tokens.Token(t.Context(), basiq.ServerAccess())
		require.NoError(t, err)
		assert.False(t, second.Value.Equal(first.Value))
	})
}

// takeLease takes the lease on a token, as a process does that dies then.
func takeLease(t testing.TB, p process, scope basiq.Scope) {
	t.Helper()
	_, err := p.tokens.store.exec(t.Context(), `INSERT INTO basiq_shared_token
		(id, revision, token, renew_at, usable_until, expires_at, lease, lease_until) VALUES (?, NOW, '', 0, 0, NOW, 'dead', NOW + ?)`,
		p.tokens.keys.rowID(scope), micros(tokenLease))
	require.NoError(t, err)
}

// A process that died with the lease delays the others for no longer than the lease. A caller leaves with its context.
func TestTokenSource_DeadProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		fleet := newFleet(t, 2, sandbox)
		start := time.Now()
		takeLease(t, fleet[0], basiq.ServerAccess())

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, fleet[0].call(ctx), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))

		callAll(t, fleet)
		assert.LessOrEqual(t, time.Since(start), tokenLease+maxPoll)
		assert.Len(t, sandbox.RequestsOf("postToken"), 1)
	})
}

// Tokens of users are separate from the server's. Neither tokens nor users can be found in the database.
func TestTokenSource_Secrets(t *testing.T) {
	t.Parallel()
	sandbox := basiqtest.New(t)
	d := newDatabase(t, mirror.SQLite)
	store := d.store(t)
	p := newProcess(t, store, sandbox)
	user, err := p.client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.example"})
	require.NoError(t, err)
	secrets := []string{sandbox.APIKey(), user.ID}
	for _, scope := range []basiq.Scope{basiq.ServerAccess(), basiq.ClientAccess(user.ID)} {
		token, err := p.tokens.Token(t.Context(), scope)
		require.NoError(t, err)
		secrets = append(secrets, token.Value.Reveal())
	}
	require.NotEqual(t, secrets[2], secrets[3])
	_, err = store.db.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	require.NoError(t, err)
	path, _, _ := strings.Cut(strings.TrimPrefix(d.url, "file:"), "?")
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(file), p.tokens.keys.rowID(basiq.ServerAccess()), "the search must see the rows")
	printed := string(file) + fmt.Sprintf("%v %+v %#v %+v", p.tokens, p.tokens, p.tokens, p)
	for _, secret := range secrets {
		if strings.Contains(printed, secret) { // without printing it
			t.Error("a secret was found")
		}
	}
	assert.Len(t, sandbox.RequestsOf("postToken"), 2)
}

// A token that was moved to another row, damaged, or written with another key is replaced.
func TestTokenSource_DamagedRow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		fleet := newFleet(t, 3, sandbox)
		require.NoError(t, fleet[0].call(t.Context()))
		store := fleet[0].tokens.store
		for i, sealed := range []string{"not base64", fleet[0].tokens.keys.seal("another row", "token")} {
			_, err := store.exec(t.Context(), `UPDATE basiq_shared_token SET token = ?`, sealed)
			require.NoError(t, err)
			require.NoError(t, fleet[i+1].call(t.Context()))
		}
		assert.Len(t, sandbox.RequestsOf("postToken"), 3)
	})
}

// Clients with another API version have tokens of their own.
func TestTokenSource_OtherVersion(t *testing.T) {
	t.Parallel()
	sandbox := basiqtest.New(t)
	store := newDatabase(t, mirror.SQLite).store(t)
	for range 2 {
		require.NoError(t, newProcess(t, store, sandbox).call(t.Context()))
		require.NoError(t, newProcess(t, store, sandbox, basiq.WithAPIVersion(basiq.APIVersion21)).call(t.Context()))
	}
	assert.Len(t, sandbox.RequestsOf("postToken"), 2)
}

// Without the database a process uses the token that it has, and fails clearly when that has expired. It resumes when the
// database does.
func TestTokenSource_DatabaseFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		p := newFleet(t, 1, sandbox)[0]
		require.NoError(t, p.call(t.Context()))
		_, err := p.tokens.store.db.Exec("ALTER TABLE basiq_shared_token RENAME TO gone")
		require.NoError(t, err)
		time.Sleep(55 * time.Minute)
		require.NoError(t, p.call(t.Context()), "the token is still valid")
		time.Sleep(5 * time.Minute)
		err = p.call(t.Context())
		require.ErrorIs(t, err, ErrDatabase)
		require.ErrorContains(t, err, "basiq: Institutions.Get: no access token: shared token: shared state unavailable")
		assert.Equal(t, basiq.ActionRetry, basiq.AdviseOn(err).Action)
		_, err = p.tokens.store.db.Exec("ALTER TABLE gone RENAME TO basiq_shared_token")
		require.NoError(t, err)
		require.NoError(t, p.call(t.Context()))
		assert.Len(t, sandbox.RequestsOf("postToken"), 2)
	})
}

// While Basiq rejects token requests, the fleet makes one a second at most. Callers get Basiq's error.
func TestTokenSource_BasiqFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		fleet := newFleet(t, 4, sandbox)
		injection := sandbox.Inject(basiqtest.Fail(http.StatusServiceUnavailable), basiqtest.Operations("postToken"))
		start := time.Now()
		var wait sync.WaitGroup
		for _, p := range fleet {
			wait.Go(func() {
				for time.Since(start) < time.Minute {
					assert.ErrorIs(t, p.call(t.Context()), basiq.ErrUnavailable)
				}
			})
		}
		wait.Wait()
		assert.InDelta(t, 60, len(sandbox.RequestsOf("postToken")), 8)
		injection.Remove()
		callAll(t, fleet)
	})
}

// A failed renewal is repeated after a minute, and callers do not notice it.
func TestTokenSource_RenewalFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		fleet := newFleet(t, 4, sandbox)
		callAll(t, fleet)
		time.Sleep(50 * time.Minute)
		sandbox.Inject(basiqtest.Fail(http.StatusServiceUnavailable), basiqtest.Operations("postToken"))
		for range 5 * 60 {
			callAll(t, fleet)
			time.Sleep(time.Second)
		}
		assert.InDelta(t, 1+5, len(sandbox.RequestsOf("postToken")), 1)
	})
}

// Middleware that panics fails the call, and does not end the program or block the fleet.
func TestTokenSource_Panic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sandbox := basiqtest.New(t)
		panics := true
		fleet := newFleet(t, 2, sandbox, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				if panics {
					panic("middleware of " + sandbox.APIKey())
				}
				return next.Do(req)
			})
		}))
		_, err := fleet[0].tokens.Token(t.Context(), basiq.ServerAccess())
		require.ErrorContains(t, err, "middleware panicked: middleware of [redacted]")
		panics = false
		start := time.Now()
		callAll(t, fleet)
		assert.Less(t, time.Since(start), 2*failurePause)
	})
}

func TestTokenSource_Arguments(t *testing.T) {
	t.Parallel()
	store := newDatabase(t, mirror.SQLite).store(t)
	_, err := store.TokenSource("")
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
	_, err = store.TokenSource("key", basiq.WithBaseURL("ftp://host"))
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
	source, err := store.TokenSource("key")
	require.NoError(t, err)
	_, err = source.Token(t.Context(), basiq.Scope{})
	require.ErrorIs(t, err, basiq.ErrInvalidInput)

	_, err = Open(t.Context(), nil, mirror.SQLite)
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
	_, err = Open(t.Context(), store.db, "oracle")
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
	require.NoError(t, store.db.Close())
	_, err = Open(t.Context(), store.db, mirror.SQLite)
	require.ErrorIs(t, err, ErrDatabase)
	assert.NotErrorIs(t, err, basiq.ErrInvalidInput)
}
