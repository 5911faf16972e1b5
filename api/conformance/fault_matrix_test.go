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

// Every call is played against every fault over both protocols. Each cell has its own bubble with virtual time, which ends only
// when no goroutine is left. `make reliability` writes the outcomes to wrapper/RELIABILITY.md.
func TestFaultMatrix(t *testing.T) { //nolint:tparallel // the tables come after all cells
	t.Parallel()
	// net/http logs it if a server sends more than it announced.
	log.SetOutput(io.Discard)
	all, rows := subjects(t), faults()
	healthy := healthyValues(t, all)
	m := &matrix{cells: map[cell]string{}}
	t.Run("cells", func(t *testing.T) { // ends when all cells have ended
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

// full plays every call against every fault. Without it, one call of each kind is played against each fault.
var full = flag.Bool("full", false, "play the whole fault matrix, not a sample of it")

// sample returns the calls to play against a fault. Over all faults the sample has every call.
func sample(f fault, all []subject) []subject {
	if *full || *update || f.varies() {
		return all
	}
	row := slices.IndexFunc(faults(), func(other fault) bool { return other.name == f.name && other.times == f.times })
	return slices.DeleteFunc(slices.Clone(all), func(s subject) bool {
		return s.name != s.kind.calls[row%len(s.kind.calls)]
	})
}

// healthyValues returns what the calls return without a fault, which is the same over both protocols.
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

// A dead HTTP/2 connection costs a call 15 seconds: without a deadline of its own the call recovers on a new connection.
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

// A response of 1 GiB, compressed or not, costs a multiple of the client's limit at most, and little more of it is read: for a
// call of each kind, and once with the default limit.
func TestHugeResponsesAreBounded(t *testing.T) { //nolint:paralleltest // what others allocate would count too
	const byDefault = 32 << 20
	// factor relates all that was ever allocated to the limit: the buffer grows by doubling, the body is copied once, and the
	// race detector allocates twice.
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
				window := int64(1 << 20) // what the client receives before it is read
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

// player makes a call to a fault server and counts its attempts.
type player struct {
	server    *faultServer
	transport *http.Transport
	client    *basiq.Client

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
	if f.limit > 0 {
		options = append(options, basiq.WithMaxResponseBytes(f.limit))
	}
	var err error
	play.client, err = basiq.New(marker+"-key", options...)
	require.NoError(t, err)
	return play
}

// prepare does what comes before the fault, and returns the call.
func (p *player) prepare(t *testing.T, s subject, f fault) func(context.Context, *basiq.Client) (any, error) {
	t.Helper()
	if f.reused {
		first := s.call
		if s.kind.forToken {
			first = callOf("getPublicConnector") // which needs no token
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
	p.server.arm()
	if f.idle {
		p.server.hangUp()
		synctest.Wait()
	}
	return call
}

// play makes the call while the fault applies. It must run in a bubble: before it reads a counter it waits until every
// goroutine is idle.
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
	assert.GreaterOrEqual(t, took, want.least, "how long it took")
	assert.LessOrEqual(t, took, want.most+time.Millisecond, "how long it took")
	player.count(t, s, want, &end)
	if f.meaning == cutOff && !s.kind.deletes && s.begin == nil {
		server.disarm()
		var err error
		end.next, err = s.call(t.Context(), player.client)
		require.NoError(t, err, "the next call")
	}
	player.transport.CloseIdleConnections()
	synctest.Wait()
	assert.Zero(t, server.open.Load(), "connections that are left open")
	server.serve.Wait()
	return end, server
}

// count reads the counters of the server and the client, and checks the promises that hold in every cell.
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
		assert.Equal(t, wantOthers, server.others, "the call is sent once, after there is a token")
		assert.Equal(t, 1, p.attempts[s.operation])
	}
	assert.Equal(t, want.tokens, server.tokens, "new tokens")
	assert.Empty(t, server.otherHosts, "nothing goes to another host")
	if s.kind.once {
		assert.LessOrEqual(t, server.handled, 1, "it must not be carried out twice")
	}
	switch {
	case end.err == nil:
		assert.Positive(t, server.handled, "a call that succeeds was carried out")
	case !basiq.MayHaveBeenDone(end.err) && !s.kind.forToken:
		assert.Zero(t, server.handled, "the error says that the call was not carried out")
	}
}
