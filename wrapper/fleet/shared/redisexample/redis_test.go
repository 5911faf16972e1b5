package redisexample_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// newFleet returns clients that share only Redis.
func newFleet(t *testing.T, n int, options ...basiqtest.Option) (*miniredis.Miniredis, *basiqtest.Sandbox, []*basiq.Client) {
	t.Helper()
	sandbox, server := basiqtest.New(t, options...), miniredis.RunT(t)
	fleet := make([]*basiq.Client, n)
	for i := range fleet {
		var err error
		fleet[i], err = newClient(sandbox.APIKey(), server.Addr(), basiq.WithBaseURL(sandbox.URL()), basiq.WithHTTPClient(sandbox.HTTPClient()))
		require.NoError(t, err)
	}
	return server, sandbox, fleet
}

func callAll(t *testing.T, fleet []*basiq.Client) {
	t.Helper()
	var group errgroup.Group
	for _, client := range fleet {
		for range 5 {
			group.Go(func() error {
				_, err := client.Institutions.Get(t.Context(), "AU00000")
				return err
			})
		}
	}
	require.NoError(t, group.Wait())
}

// Processes that start together share one token request, and so do processes whose token Basiq rejects.
func TestTokens(t *testing.T) {
	t.Parallel()
	_, sandbox, fleet := newFleet(t, 4)
	callAll(t, fleet)
	assert.Len(t, sandbox.RequestsOf("postToken"), 1)
	sandbox.RevokeTokens()
	callAll(t, fleet)
	assert.Len(t, sandbox.RequestsOf("postToken"), 2)
}

// A process that died with the lease delays the others until the lease ends.
func TestTokens_DeadProcess(t *testing.T) {
	t.Parallel()
	server, sandbox, fleet := newFleet(t, 1)
	key := "basiq:token:SERVER_ACCESS::lease"
	require.NoError(t, server.Set(key, "dead"))
	server.SetTTL(key, lease)
	ctx, cancel := context.WithTimeout(t.Context(), 2*poll)
	defer cancel()
	_, err := fleet[0].Institutions.Get(ctx, "AU00000")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Empty(t, sandbox.RequestsOf("postToken"))
	server.FastForward(lease)
	callAll(t, fleet)
	assert.Len(t, sandbox.RequestsOf("postToken"), 1)
}

// A 429 in one process holds the operation in all. The rate is held over the whole.
func TestLimiter(t *testing.T) {
	t.Parallel()
	const hold = time.Second
	server, sandbox, fleet := newFleet(t, 4, basiqtest.WithFault(basiqtest.TooManyRequests(hold), basiqtest.Operations("getInstitution"),
		basiqtest.Skip(60), basiqtest.Times(1)))
	ticker, stop := time.NewTicker(time.Millisecond), make(chan struct{})
	defer close(stop)
	go func() { // the keys of miniredis expire only if it is told how much time has passed
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case now := <-ticker.C:
				server.FastForward(now.Sub(last))
				last = now
			case <-stop:
				return
			}
		}
	}()
	start := time.Now()
	for range 8 {
		callAll(t, fleet)
	}
	length := time.Since(start)
	requests := sandbox.RequestsOf("getInstitution")
	at := slices.IndexFunc(requests, func(r basiqtest.Request) bool { return r.Status == http.StatusTooManyRequests })
	require.Positive(t, at)
	pause := time.Duration(0)
	for i := at; i+1 < len(requests); i++ {
		pause = max(pause, requests[i+1].Time.Sub(requests[i].Time))
	}
	assert.GreaterOrEqual(t, pause, hold/2)
	assert.GreaterOrEqual(t, len(requests), 8*4*5)
	assert.LessOrEqual(t, float64(len(requests)), 5+1.05*100*length.Seconds())
}
