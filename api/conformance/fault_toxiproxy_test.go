package conformance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
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

// The answers of the server behind the toxics are of one size, so that a cut at a byte is at the same place in all.
const (
	toxicHead   = 2 << 10
	toxicBody   = 4 << 10
	toxicAnswer = toxicHead + toxicBody
	// toxicTimeout bounds an attempt that hangs. Time is real here.
	toxicTimeout = time.Second
)

// toxic is a fault of the network between the client and the server: what toxiproxy does to a connection.
type toxic struct {
	name string
	// json is the toxic as toxiproxy is told of it; without it the proxy does not listen.
	json string
	// fault says what follows, as in the matrix.
	fault fault
}

// noToxic is the first of the toxics, which does nothing; the others' values are compared with its.
const noToxic = "no toxic"

// toxics are the network's faults, on real sockets.
func toxics() []toxic {
	arrives := func(*victim) bool { return true } // tells only that the request does
	stalled := fault{meaning: lost, until: true, cause: timedOut}
	stalledAfter := stalled
	stalledAfter.answer = arrives
	list := []toxic{
		{noToxic, `{"type":"latency","attributes":{"latency":0}}`, fault{meaning: harmless, answer: arrives}},
		{"nobody listens", "", fault{meaning: unsent, cause: is(syscall.ECONNREFUSED)}},
		{"reset before the request", `{"type":"reset_peer","stream":"upstream","attributes":{"timeout":0}}`, fault{meaning: lost}},
		{"reset after the request", `{"type":"reset_peer","stream":"downstream","attributes":{"timeout":0}}`, fault{meaning: lost, answer: arrives}},
		{"the request is swallowed", `{"type":"timeout","stream":"upstream","attributes":{"timeout":0}}`, stalled},
		{"the answer is swallowed", `{"type":"timeout","stream":"downstream","attributes":{"timeout":0}}`, stalledAfter},
		{"closed in place of an answer", `{"type":"timeout","stream":"downstream","attributes":{"timeout":100}}`, fault{meaning: lost, answer: arrives}},
		{"a very slow line", `{"type":"bandwidth","stream":"downstream","attributes":{"rate":1}}`, stalledAfter},
		{"a slow line", `{"type":"bandwidth","stream":"downstream","attributes":{"rate":100}}`, fault{meaning: harmless, answer: arrives}},
		{"closed late", `{"type":"slow_close","stream":"downstream","attributes":{"delay":100}}`, fault{meaning: harmless, answer: arrives}},
		{"small pieces", `{"type":"slicer","stream":"downstream","attributes":{"average_size":200,"size_variation":100,"delay":10}}`, fault{meaning: harmless, answer: arrives}},
	}
	for _, cut := range []struct {
		at      int
		meaning meaning
	}{
		{1, lost},
		{toxicHead / 2, lost},
		{toxicHead - 1, lost},
		{toxicHead, broken},
		{toxicHead + 1, broken},
		{toxicHead + toxicBody/2, broken},
		{toxicAnswer - 1, broken},
		{toxicAnswer, harmless},
	} {
		list = append(list, toxic{
			fmt.Sprintf("cut after %d of %d bytes", cut.at, toxicAnswer), fmt.Sprintf(`{"type":"limit_data","attributes":{"bytes":%d}}`, cut.at),
			fault{meaning: cut.meaning, answer: arrives},
		})
	}
	for i := range list {
		if list[i].fault.cause == nil {
			list[i].fault.cause = func(err error) bool { return !timedOut(err) }
		}
	}
	return list
}

// toxicServer is a healthy Basiq on a real socket. Each subject has a path of its own before the API's.
type toxicServer struct {
	subjects []subject
	// holds: the connection stays open after an answer.
	holds   bool
	handled []atomic.Int32
	conns   sync.WaitGroup
}

// listen serves until the test ends, and then waits for all connections to have been closed.
func (s *toxicServer) listen(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.conns.Go(func() {
				defer func() { _ = conn.Close() }()
				s.talk(conn)
			})
		}
	})
	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		accepting.Wait()
		s.conns.Wait()
	})
	return listener.Addr().String()
}

// talk answers one request.
func (s *toxicServer) talk(conn net.Conn) {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	if _, err = io.Copy(io.Discard, req.Body); err != nil {
		return
	}
	number, path, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	i, err := strconv.Atoi(number)
	if err != nil {
		return
	}
	req.URL.Path = "/" + path
	subject := &s.subjects[i]
	answer := subject.good.withBody()
	if subject.strikes(req) {
		s.handled[i].Add(1)
	} else {
		answer = subject.other(req).withBody()
	}
	answer.body += strings.Repeat(" ", toxicBody-len(answer.body))
	head := answer.head() + fmt.Sprintf("Connection: close\r\nContent-Length: %d\r\nX-Padding: ", len(answer.body))
	head += strings.Repeat("x", toxicHead-len(head)-len("\r\n\r\n")) + "\r\n\r\n"
	_, _ = io.WriteString(conn, head+answer.body)
	if s.holds {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// oneToken is a source of one token that is always good.
type oneToken struct{}

func (oneToken) Token(context.Context, basiq.Scope) (basiq.Token, error) {
	return basiq.Token{Value: basiq.NewSecret(marker + "-token")}, nil
}

func (oneToken) Reject(context.Context, basiq.Scope, basiq.Token) {}

// What the network does to calls, over real sockets, in real time, and with a proxy that somebody else has written. What must
// come of a call is what the matrix expects of it.
func TestToxics(t *testing.T) {
	t.Parallel()
	zerolog.SetGlobalLevel(zerolog.Disabled)
	// The second page of a list would meet these on its first. The body of a document is padded, and so not what a healthy
	// server sends, but the same each time.
	all := slices.DeleteFunc(subjects(t), func(s subject) bool { return s.begin != nil })
	healthy := make([]any, len(all))
	rows := toxics()
	run := func(t *testing.T, x toxic) {
		t.Helper()
		server := &toxicServer{subjects: all, holds: x.fault.until, handled: make([]atomic.Int32, len(all))}
		proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "basiq", "127.0.0.1:0", server.listen(t))
		require.NoError(t, proxy.Start())
		if x.json == "" {
			proxy.Stop()
		} else {
			_, err := proxy.Toxics.AddToxicJson(strings.NewReader(x.json))
			require.NoError(t, err)
			t.Cleanup(proxy.Stop)
		}
		var calls sync.WaitGroup
		for i := range all {
			calls.Go(func() { playToxic(t, server, i, x.fault, "http://"+proxy.Listen, healthy, x.name == noToxic) })
		}
		calls.Wait()
	}
	require.Equal(t, noToxic, rows[0].name)
	t.Run(rows[0].name, func(t *testing.T) { run(t, rows[0]) })
	if t.Failed() {
		return
	}
	for _, x := range rows[1:] {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			run(t, x)
		})
	}
}

// playToxic makes a call through the proxy and holds its ending to what is expected. Of the first it keeps the value. It runs
// beside the test's goroutine, and so cannot stop the test.
func playToxic(t *testing.T, server *toxicServer, i int, f fault, proxy string, healthy []any, first bool) {
	t.Helper()
	s := server.subjects[i]
	s.good = s.good.withBody()
	var open atomic.Int32
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	transport := newFaultTransport(nil)
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		open.Add(1)
		return &countedConn{Conn: conn, open: &open}, nil
	}
	timeout := time.Minute
	if f.until {
		timeout = toxicTimeout
	}
	var attempts atomic.Int32
	struck := s.operation
	if s.kind.forToken {
		struck = "postToken"
	}
	options := []basiq.Option{
		basiq.WithBaseURL(fmt.Sprintf("%s/%d", proxy, i)),
		basiq.WithHTTPClient(&http.Client{Transport: transport, Timeout: timeout}),
		basiq.WithRetry(basiq.Retry{BaseDelay: time.Microsecond, MaxDelay: time.Millisecond}),
		basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				if call, _ := basiq.CallFromContext(req.Context()); call.Operation.ID == struck {
					attempts.Add(1)
				}
				return next.Do(req)
			})
		}),
	}
	if !s.kind.withKey {
		options = append(options, basiq.WithTokenSource(oneToken{}))
	}
	c, err := basiq.New(marker+"-key", options...)
	if err != nil {
		assert.Fail(t, "there is no client", "%s: %v", s.name, err)
		return
	}
	begin := time.Now()
	var end ending
	end.value, end.err = s.call(t.Context(), c)
	took := time.Since(begin)
	end.attempts, end.handled = int(attempts.Load()), int(server.handled[i].Load())

	want := expect(s, f)
	if f.until {
		assert.GreaterOrEqual(t, took, toxicTimeout*time.Duration(want.attempts), s.name)
	}
	assert.Less(t, took, timeout*time.Duration(want.attempts)+10*time.Second, s.name)
	assert.Equal(t, want.attempts, end.attempts, "%s: attempts", s.name)
	assert.Equal(t, want.handled, end.handled, "%s: whole requests that arrived", s.name)
	assert.Equal(t, want.maybe, basiq.MayHaveBeenDone(end.err), "%s: MayHaveBeenDone", s.name)
	if s.kind.once {
		assert.LessOrEqual(t, end.handled, 1, "%s must not be done twice", s.name)
	}
	switch want.err {
	case noFailure:
		if assert.NoError(t, end.err, s.name) {
			if first {
				healthy[i] = end.value
			}
			assert.Equal(t, healthy[i], end.value, s.name)
		}
	case transportFailure, answerFailure:
		if assert.Error(t, end.err, s.name) {
			assert.True(t, f.cause(end.err), "%s: its cause: %v", s.name, end.err)
			_, lost := errors.AsType[*basiq.TransportError](end.err)
			assert.Equal(t, want.err == transportFailure || s.kind.forToken, lost, "%s: %v", s.name, end.err)
			answer, answered := errors.AsType[*basiq.Error](end.err)
			if assert.Equal(t, want.err == answerFailure, answered, "%s: %v", s.name, end.err) && answered {
				assert.Equal(t, want.status, answer.StatusCode, s.name)
			}
			checkText(t, end.err)
		}
	}
	transport.CloseIdleConnections()
	assert.Eventually(t, func() bool { return open.Load() == 0 }, 10*time.Second, time.Millisecond, "%s leaves a connection open", s.name)
}

// countedConn is a connection that tells when it is closed.
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
