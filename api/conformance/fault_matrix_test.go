package conformance

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

type matrix struct {
	mu    sync.Mutex
	cells map[cell]string
}

type cell struct {
	protocol    protocol
	fault, call string
}

func (m *matrix) set(at cell, outcome string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cells[at] = outcome
}

// Every call is tested with every fault over both protocols. Each cell has its own bubble with virtual time, which ends only
// after all its goroutines have ended. `make reliability` writes the outcomes to wrapper/RELIABILITY.md.
func TestFaultMatrix(t *testing.T) { //nolint:tparallel // the tables are checked after all cells
	t.Parallel()
	// net/http logs a message if a server sends more than its Content-Length.
	log.SetOutput(io.Discard)
	all, rows := subjects(t), faults()
	healthy := healthyValues(t, all)
	m := &matrix{cells: map[cell]string{}}
	t.Run("cells", func(t *testing.T) { // returns after all cells have ended
		for _, p := range protocols {
			for _, f := range rows {
				if !f.in(p) {
					continue
				}
				t.Run(string(p)+": "+f.String(), func(t *testing.T) {
					t.Parallel()
					for _, s := range sample(f, all) {
						t.Run(s.name, func(t *testing.T) {
							t.Parallel()
							synctest.Test(t, func(t *testing.T) {
								want := expect(p, s, f)
								end, _ := play(t, p, s, f)
								check(t, s, f, want, end, healthy[s.name])
								if !t.Failed() {
									m.set(cell{p, f.String(), s.name}, end.cell(want))
								}
							})
						})
					}
				})
			}
		}
	})
	if !t.Failed() {
		checkReliability(t, m, rows, all)
	}
}

// full tests every call with every fault. Without it, one call of each kind is tested with each fault.
var full = flag.Bool("full", false, "test the complete fault matrix instead of a sample")

// sample returns the calls to test with a fault. The samples of all faults together contain every call.
func sample(f fault, all []subject) []subject {
	if *full || *update || f.varies() {
		return all
	}
	row := slices.IndexFunc(faults(), func(other fault) bool { return other.name == f.name && other.times == f.times })
	return slices.DeleteFunc(slices.Clone(all), func(s subject) bool {
		return s.name != s.kind.calls[row%len(s.kind.calls)]
	})
}

// healthyValues returns the results of the calls without a fault. They are the same over both protocols.
func healthyValues(t *testing.T, all []subject) map[string]any {
	t.Helper()
	healthy := make(map[string]any, len(all))
	synctest.Test(t, func(t *testing.T) {
		for _, s := range all {
			for _, p := range protocols {
				end, _ := play(t, p, s, fault{name: "none", meaning: harmless, idle: true})
				require.NoError(t, end.err, s.name)
				if !s.kind.noContent {
					assert.NotEmpty(t, end.value, s.name)
				}
				if p == h2 {
					assert.Equal(t, healthy[s.name], end.value, s.name)
				}
				healthy[s.name] = end.value
			}
		}
	})
	return healthy
}

// A dead HTTP/2 connection delays a call by 15 seconds. Without a deadline of its own, the call succeeds on a new connection.
func TestFaults_DeadHTTP2Connection(t *testing.T) {
	t.Parallel()
	all := subjects(t)
	read := all[slices.IndexFunc(all, func(s subject) bool { return s.name == "getUser" })]
	synctest.Test(t, func(t *testing.T) {
		end, server := play(t, h2, read, fault{
			name: "dead", meaning: lost, times: 1, only: h2, reused: true, takes: lostPing, reading: swallow,
		})
		require.NoError(t, end.err)
		assert.Equal(t, 2, end.attempts)
		assert.Equal(t, 1, end.arrived)
		assert.Len(t, server.conns, 2, "one new connection")
	})
}

// For a response of 1 GiB, compressed or not, the client allocates at most a multiple of its limit and reads little more than
// the limit. This is tested for a call of each kind, and once with the default limit.
func TestFaults_HugeResponse(t *testing.T) { //nolint:paralleltest // allocations of parallel tests would count too
	const byDefault = 32 << 20
	// factor is the ratio of all allocations to the limit: the buffer grows by doubling, the body is copied once, and the race
	// detector doubles allocations.
	const factor = 16
	all := subjects(t)
	for _, f := range faults() { //nolint:paralleltest // as above
		if f.meaning != excessive {
			continue
		}
		for i := range kinds {
			s := all[slices.IndexFunc(all, func(s subject) bool { return s.kind == &kinds[i] })]
			limit := int64(1 << 20)
			f.limit = limit
			if i == 0 {
				limit, f.limit = byDefault, 0
			}
			for _, p := range protocols {
				window := int64(1 << 20) // bytes received before the body is read
				if p == h2 {
					window = 5 << 20
				}
				t.Run(fmt.Sprintf("%s/%s/%s", p, f.name, s.name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						var before, after runtime.MemStats
						runtime.ReadMemStats(&before)
						end, server := play(t, p, s, f)
						runtime.ReadMemStats(&after)
						require.ErrorIs(t, end.err, basiq.ErrResponseTooLarge)
						assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(factor*(limit+window)), "allocated in total")
						assert.Less(t, server.sent.Load(), limit+window, "bytes read")
					})
				})
			}
		}
	}
}

// player makes calls to a fault server and counts their attempts.
type player struct {
	server    *faultServer
	transport *http.Transport
	client    *basiq.Client
	observed  observedCalls

	mu       sync.Mutex
	attempts map[string]int // by operationId
}

func newPlayer(t *testing.T, p protocol, s subject, f fault) *player {
	t.Helper()
	play := &player{server: &faultServer{protocol: p, subject: s, fault: f}, transport: newFaultTransport(), attempts: map[string]int{}}
	play.transport.DialContext = play.server.dial
	scheme := "http://"
	if f.https || p == h2 {
		scheme = "https://"
	}
	if f.proxy {
		play.transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: host + ":3128"})
	}
	options := []basiq.Option{
		basiq.WithBaseURL(scheme + host), withVersion(s.operation),
		basiq.WithHTTPClient(&http.Client{Transport: play.transport}), // with the default timeouts of the library
		basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				call, _ := basiq.CallFromContext(req.Context())
				play.mu.Lock()
				play.attempts[call.Operation.ID]++
				play.mu.Unlock()
				return next.Do(req)
			})
		}),
	}
	options = append(options, basiq.WithObserver(play.observed.observer()))
	if f.limit > 0 {
		options = append(options, basiq.WithMaxResponseBytes(f.limit))
	}
	var err error
	play.client, err = basiq.New(marker+"-key", options...)
	require.NoError(t, err)
	return play
}

// prepare does everything before the fault and returns the call.
func (p *player) prepare(t *testing.T, s subject, f fault) func(context.Context, *basiq.Client) (any, error) {
	t.Helper()
	if f.reused {
		first := s.call
		if s.kind.forToken {
			first = callOf("getPublicConnector") // needs no token
		}
		_, err := first(t.Context(), p.client)
		require.NoError(t, err, "before the fault")
	}
	if !s.kind.forToken && !s.kind.withKey && !s.kind.public {
		for _, scope := range []basiq.Scope{basiq.ServerAccess(), basiq.ClientAccess("u1")} {
			_, err := p.client.Tokens.Get(t.Context(), scope)
			require.NoError(t, err, "before the fault")
		}
	}
	call := s.call
	if s.begin != nil {
		call = s.begin(t, p.client)
	}
	synctest.Wait()
	if !f.reused {
		p.transport.CloseIdleConnections()
	}
	synctest.Wait()
	p.mu.Lock()
	clear(p.attempts)
	p.mu.Unlock()
	p.observed.clear()
	p.server.arm()
	if f.idle {
		p.server.hangUp()
		synctest.Wait()
	}
	return call
}

// play makes the call while the fault applies. It must run in a bubble, because it waits until every goroutine is idle before
// it reads a counter.
func play(t *testing.T, p protocol, s subject, f fault) (ending, *faultServer) {
	t.Helper()
	player := newPlayer(t, p, s, f)
	server := player.server
	call := player.prepare(t, s, f)
	begin := time.Now()
	var end ending
	end.value, end.err = call(t.Context(), player.client)
	took := time.Since(begin)
	synctest.Wait()

	want := expect(p, s, f)
	assert.GreaterOrEqual(t, took, want.least, "duration")
	assert.LessOrEqual(t, took, want.most+time.Millisecond, "duration")
	player.count(t, s, want, &end)
	player.observed.check(t, player.attempts, s, took, end)
	if f.meaning == cutOff && !s.kind.deletes && s.begin == nil {
		server.disarm()
		var err error
		end.next, err = s.call(t.Context(), player.client)
		require.NoError(t, err, "the next call")
	}
	player.transport.CloseIdleConnections()
	synctest.Wait()
	assert.Zero(t, server.open.Load(), "open connections")
	server.serve.Wait()
	return end, server
}

// count reads the counters of the server and the client, and checks the conditions that hold in every cell.
func (p *player) count(t *testing.T, s subject, want expectation, end *ending) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	server := p.server
	server.mu.Lock()
	defer server.mu.Unlock()
	end.arrived, end.attempts = server.arrived, p.attempts[s.operation]
	if s.kind.forToken {
		end.attempts = p.attempts["postToken"]
		wantOthers := 0
		if end.err == nil {
			wantOthers = 1
		}
		assert.Equal(t, wantOthers, server.others, "the call is sent once, after the token request")
		assert.Equal(t, 1, p.attempts[s.operation])
	}
	assert.Equal(t, want.tokens, server.tokens, "new tokens")
	assert.Empty(t, server.otherHosts, "no requests to other hosts")
	if s.kind.once {
		assert.LessOrEqual(t, server.handled, 1, "not safe to retry")
	}
	switch {
	case end.err == nil:
		assert.Positive(t, server.handled, "a successful call was carried out")
	case !basiq.MayHaveSucceeded(end.err) && !s.kind.forToken:
		assert.Zero(t, server.handled, "the error says that the call was not carried out")
	}
}
