package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// The responses over HTTP/1.1 have the same size, so that a cut after a number of bytes affects all of them at the same place.
const (
	toxicHead     = 2 << 10
	toxicBody     = 4 << 10
	toxicResponse = toxicHead + toxicBody
	// toxicHTTP2Body is much larger than what HTTP/2 sends before the body.
	toxicHTTP2Body = 32 << 10
	// toxicTimeout limits an attempt that hangs. These tests use real time.
	toxicTimeout = time.Second
	// toxicDeadline limits waits for events that must happen, even on a slow machine.
	toxicDeadline = time.Minute
)

// toxic is a network fault between client and server, implemented by toxiproxy.
type toxic struct {
	name string
	// json configures the toxic. Without it the client does not use the proxy.
	json string
	// fault determines the expectation, as in the matrix.
	fault fault
}

// noToxic is the name of the first toxic. The values of the other toxics are compared with its values.
const noToxic = "no toxic"

// toxics returns network faults on real sockets. Over HTTP/2, reused faults apply to connections that have just been used, and
// others from the TLS handshake on.
func toxics(p protocol) []toxic {
	arrives := func(*faultExchange) {} // a non-nil respond means that the request arrives
	harmless := fault{meaning: harmless, respond: arrives}
	stalled := fault{meaning: lost, until: true, reused: p == h2, cause: timedOut}
	stalledAfter := stalled
	stalledAfter.respond = arrives
	resetBefore, resetAfter := fault{meaning: lost}, fault{meaning: lost, respond: arrives}
	if p == h2 { // these affect the first bytes of the TLS handshake
		resetBefore, resetAfter = fault{meaning: unsent}, fault{meaning: unsent}
	}
	list := []toxic{
		{noToxic, `{"type":"latency","attributes":{"latency":0}}`, harmless},
		{"connection refused", "", fault{meaning: unsent, cause: is(syscall.ECONNREFUSED)}},
		{"reset before the request", `{"type":"reset_peer","stream":"upstream","attributes":{"timeout":0}}`, resetBefore},
		{"reset after the request", `{"type":"reset_peer","stream":"downstream","attributes":{"timeout":0}}`, resetAfter},
		{"the request is swallowed", `{"type":"timeout","stream":"upstream","attributes":{"timeout":0}}`, stalled},
		{"the response is swallowed", `{"type":"timeout","stream":"downstream","attributes":{"timeout":0}}`, stalledAfter},
		{"a slow line", `{"type":"bandwidth","stream":"downstream","attributes":{"rate":100}}`, harmless},
		{"closed late", `{"type":"slow_close","stream":"downstream","attributes":{"delay":100}}`, harmless},
		{"small pieces", `{"type":"slicer","stream":"downstream","attributes":{"average_size":200,"size_variation":100,"delay":10}}`, harmless},
	}
	for at, meaning := range toxicCuts(p) {
		f := fault{meaning: meaning, respond: arrives}
		if meaning == unsent {
			f.respond = nil
		}
		list = append(list, toxic{
			fmt.Sprintf("cut after %d bytes", at), fmt.Sprintf(`{"type":"limit_data","attributes":{"bytes":%d}}`, at), f,
		})
	}
	if p == h1 {
		list = append(list, toxic{"a very slow line", `{"type":"bandwidth","stream":"downstream","attributes":{"rate":1}}`, stalledAfter})
	}
	for i := range list {
		if list[i].fault.meaning == unsent {
			list[i].fault.moment = connecting
		}
		if list[i].fault.cause == nil {
			list[i].fault.cause = func(err error) bool { return !timedOut(err) }
		}
	}
	return list
}

// toxicCuts maps the number of bytes after which the connection ends to the meaning of the fault.
func toxicCuts(p protocol) map[int]meaning {
	if p == h2 {
		return map[int]meaning{1: unsent, toxicHTTP2Body / 2: broken}
	}
	return map[int]meaning{
		1:                       lost,
		toxicHead / 2:           lost,
		toxicHead - 1:           lost,
		toxicHead:               broken,
		toxicHead + 1:           broken,
		toxicHead + toxicBody/2: broken,
		toxicResponse - 1:       broken,
		toxicResponse:           harmless,
	}
}

// oneToken is a token source with a token that is always valid.
type oneToken struct{}

func (oneToken) Token(context.Context, basiq.Scope) (basiq.Token, error) {
	return basiq.Token{Value: basiq.NewSecret(marker + "-token")}, nil
}

func (oneToken) Reject(context.Context, basiq.Scope, basiq.Token) {}

// Network faults are tested over real sockets, in real time and with toxiproxy. The outcomes must match the expectations of the
// matrix.
func TestToxics(t *testing.T) { //nolint:tparallel // the first toxic must finish before the others
	t.Parallel()
	zerolog.SetGlobalLevel(zerolog.Disabled)
	// Skip subjects with a second page, because the faults would affect the first page. Bodies of documents are padded, so they
	// differ from Basiq's, but they are the same each time.
	all := slices.DeleteFunc(subjects(t), func(s subject) bool { return s.begin != nil })
	for _, p := range protocols {
		healthy := make([]any, len(all))
		for _, x := range toxics(p) {
			first := x.name == noToxic
			ok := t.Run(string(p)+": "+x.name, func(t *testing.T) {
				if !first { // the others compare with its values
					t.Parallel()
				}
				playToxic(t, p, x, all, healthy)
			})
			if first && !ok {
				return
			}
		}
	}
}

func playToxic(t *testing.T, p protocol, x toxic, all []subject, healthy []any) {
	t.Helper()
	server := &toxicServer{protocol: p, subjects: all, holds: x.fault.until, arrived: make([]atomic.Int32, len(all))}
	players := make([]*toxicPlayer, len(all))
	t.Cleanup(func() { // runs last, after the server has stopped, so that no requests arrive later
		for i, player := range players {
			assert.EqualValues(t, player.want.arrived, server.arrived[i].Load(), "%s: complete requests received", all[i].name)
		}
	})
	proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "basiq", "127.0.0.1:0", server.listen(t))
	require.NoError(t, proxy.Start())
	t.Cleanup(proxy.Stop)
	address := proxy.Listen
	if x.json == "" {
		address = "127.0.0.1:1" // another test could reuse the port of a closed listener
	}
	var running sync.WaitGroup
	for i := range all {
		players[i] = newToxicPlayer(t, p, all[i], x.fault, fmt.Sprintf("%s/%d", address, i))
		if x.fault.reused {
			running.Go(func() {
				first := all[i].call
				if all[i].kind.forToken {
					first = callOf("getPublicConnector") // needs no token; its response does not matter
				}
				_, err := first(t.Context(), players[i].warm)
				assert.True(t, err == nil || all[i].kind.forToken, "%s: before the fault: %v", all[i].name, err)
			})
		}
	}
	running.Wait()
	if x.json != "" {
		_, err := proxy.Toxics.AddToxicJson(strings.NewReader(x.json))
		require.NoError(t, err)
	}
	for i, player := range players {
		player.attempts.Store(0)
		server.arrived[i].Store(0)
		running.Go(func() {
			value := player.play(t, &server.arrived[i])
			if x.name == noToxic {
				healthy[i] = value
			}
			if player.want.err == noFailure {
				assert.Equal(t, healthy[i], value, all[i].name)
			}
		})
	}
	running.Wait()
}

type toxicPlayer struct {
	subject subject
	fault   fault
	client  *basiq.Client
	// warm is a client that shares the connections, with a timeout that suits slow machines.
	warm           *basiq.Client
	transport      *http.Transport
	timeout        time.Duration
	want           expectation
	attempts, open atomic.Int32
}

func newToxicPlayer(t *testing.T, p protocol, s subject, f fault, address string) *toxicPlayer {
	t.Helper()
	s.good = s.good.withBody()
	player := &toxicPlayer{subject: s, fault: f, transport: newFaultTransport(), timeout: toxicDeadline, want: expect(p, s, f)}
	dialer := &net.Dialer{Timeout: toxicDeadline}
	player.transport.TLSHandshakeTimeout, player.transport.ExpectContinueTimeout = toxicDeadline, 10*time.Millisecond
	player.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		player.open.Add(1)
		return &countedConn{Conn: conn, open: &player.open}, nil
	}
	if f.until {
		player.timeout = toxicTimeout
	}
	scheme := "http://"
	if p == h2 {
		scheme = "https://"
	}
	player.client = player.newClient(t, scheme+address, player.timeout)
	player.warm = player.newClient(t, scheme+address, toxicDeadline)
	return player
}

func (p *toxicPlayer) newClient(t *testing.T, address string, timeout time.Duration) *basiq.Client {
	t.Helper()
	operation := p.subject.operation
	if p.subject.kind.forToken {
		operation = "postToken"
	}
	options := []basiq.Option{
		basiq.WithBaseURL(address), withVersion(p.subject.operation),
		basiq.WithHTTPClient(&http.Client{Transport: p.transport, Timeout: timeout}),
		basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Microsecond, MaxDelay: time.Millisecond}),
		basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				if call, _ := basiq.CallFromContext(req.Context()); call.Operation.ID == operation {
					p.attempts.Add(1)
				}
				return next.Do(req)
			})
		}),
	}
	if !p.subject.kind.withKey {
		options = append(options, basiq.WithTokenSource(oneToken{}))
	}
	client, err := basiq.New(marker+"-key", options...)
	require.NoError(t, err)
	return client
}

// play makes the call, compares the outcome with the expectation and returns the value. It does not run in the test's goroutine,
// so it must not stop the test. It waits for the server's counters, because bytes of a request may still be in transit when the
// client gives up.
func (p *toxicPlayer) play(t *testing.T, arrived *atomic.Int32) any {
	t.Helper()
	s, want := p.subject, p.want
	begin := time.Now()
	value, err := s.call(t.Context(), p.client)
	took := time.Since(begin)
	if p.fault.until {
		assert.GreaterOrEqual(t, took, toxicTimeout*time.Duration(want.attempts), s.name)
	}
	assert.Less(t, took, p.timeout*time.Duration(want.attempts)+toxicDeadline, s.name)
	assert.EqualValues(t, want.attempts, p.attempts.Load(), "%s: attempts", s.name)
	assert.Equal(t, want.maybe, basiq.MayHaveSucceeded(err), "%s: MayHaveSucceeded", s.name)
	p.checkError(t, err)
	p.transport.CloseIdleConnections()
	assert.Eventually(t, func() bool { return p.open.Load() == 0 }, toxicDeadline, time.Millisecond, "%s leaves a connection open", s.name)
	assert.Eventually(t, func() bool { return int(arrived.Load()) >= want.arrived }, toxicDeadline, time.Millisecond,
		"%s: complete requests received", s.name)
	return value
}

func (p *toxicPlayer) checkError(t *testing.T, err error) {
	t.Helper()
	s, want := p.subject, p.want
	if want.err == noFailure {
		assert.NoError(t, err, s.name)
		return
	}
	if err == nil {
		assert.Fail(t, "missing error", s.name)
		return
	}
	assert.True(t, p.fault.cause(err), "%s: unexpected cause: %v", s.name, err)
	_, lost := errors.AsType[*basiq.TransportError](err)
	assert.Equal(t, want.err == transportFailure || s.kind.forToken, lost, "%s: %v", s.name, err)
	response, responded := errors.AsType[*basiq.Error](err)
	if assert.Equal(t, want.err == responseFailure, responded, "%s: %v", s.name, err) && responded {
		assert.Equal(t, want.status, response.StatusCode, s.name)
	}
	checkText(t, err)
}

type countedConn struct {
	net.Conn

	once sync.Once
	open *atomic.Int32
}

// Close closes the connection.
func (c *countedConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}
