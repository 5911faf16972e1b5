package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// host is where the server of the faults is. It is nobody's: connections to it are pipes in memory, so that a call's virtual
// time is all that passes.
const host = "127.0.0.1"

// marker stands in everything that the server sends while it plays a fault, but not where Basiq would explain an error. It
// must be in no error of ours.
const marker = "hunter2-planted"

// victim is a request that a fault answers by hand: with any bytes, at any time, or not at all.
type victim struct {
	conn *serverConn
	// strike counts how often the fault has struck, from 1.
	strike int
	// good is what a healthy server would have answered.
	good reply
}

// reply is an answer in full.
type reply struct {
	status    int
	mediaType string
	// header has further headers, each of which ends with \r\n.
	header string
	body   string
}

// withBody returns the answer to play a broken body with: that of a healthy server, or, where that has none, one that a
// server might send all the same.
func (r reply) withBody() reply {
	if r.body == "" {
		return reply{status: http.StatusOK, mediaType: "application/json", body: `{"planted":"` + marker + `","type":"thing","id":"x1"}`}
	}
	return r
}

// head returns the answer's head, without the empty line at its end.
func (r reply) head() string {
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\n", r.status, http.StatusText(r.status))
	if r.body != "" {
		head += "Content-Type: " + r.mediaType + "\r\n"
	}
	return head + r.header
}

// whole returns the answer as it goes over the wire.
func (r reply) whole() string {
	length := fmt.Sprintf("Content-Length: %d\r\n", len(r.body))
	if r.status == http.StatusNoContent {
		length = ""
	}
	return r.head() + length + "\r\n" + r.body
}

// send writes text and reports whether the client took it.
func (x *victim) send(text string) bool {
	_, err := io.WriteString(x.conn, text)
	return err == nil
}

// hang does nothing until the client has gone.
func (x *victim) hang() { _, _ = io.Copy(io.Discard, x.conn) }

// faultServer plays a healthy Basiq until it is armed, and then one fault for one subject. It never reads the clock but to
// write a date, and starts one goroutine for each connection.
type faultServer struct {
	subject subject
	fault   fault

	open  atomic.Int32 // connections that the client has not closed
	serve sync.WaitGroup

	mu    sync.Mutex
	armed bool
	conns []*serverConn
	// strikes is how often the fault has struck, handled how many whole requests of the subject have arrived, and done how
	// many of them may have been carried out.
	strikes, handled, done int
	// others are the requests that the fault has nothing to do with, but for those for tokens.
	others int
	// tokens is how many tokens the server has given out since it was armed, but for a subject that is about them, and
	// issued how many in all: no two are the same.
	tokens, issued int
	// strangers are the hosts other than Basiq's that were dialed.
	strangers []string
	// sent is how many bytes the client has taken.
	sent atomic.Int64
}

// arm ends the server's health.
func (s *faultServer) arm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.handled, s.done, s.others, s.tokens = true, 0, 0, 0, 0
}

// disarm ends the fault.
func (s *faultServer) disarm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = false
}

// strike reports whether the fault strikes now, and the how manieth time that is.
func (s *faultServer) strike() (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.armed || s.fault.once && s.strikes > 0 {
		return 0, false
	}
	s.strikes++
	return s.strikes, true
}

// hangUp closes all connections, as a server does with those that have been idle for long.
func (s *faultServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
}

// dial is the client's way to the server.
func (s *faultServer) dial(ctx context.Context, _, address string) (net.Conn, error) {
	if name, _, _ := net.SplitHostPort(address); name != host {
		s.mu.Lock()
		s.strangers = append(s.strangers, name)
		s.mu.Unlock()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}
	}
	if s.fault.dial != nil {
		if _, strikes := s.strike(); strikes {
			return nil, s.fault.dial(ctx)
		}
	}
	near, far := net.Pipe()
	conn := &serverConn{Conn: far, sent: &s.sent}
	s.mu.Lock()
	s.conns = append(s.conns, conn)
	s.mu.Unlock()
	s.open.Add(1)
	s.serve.Go(func() {
		defer func() { _ = conn.Close() }()
		s.talk(conn)
	})
	return &clientConn{Conn: near, server: conn, open: &s.open}, nil
}

// talk serves a connection until one of both ends it.
func (s *faultServer) talk(conn *serverConn) {
	if s.fault.accept != nil {
		if _, strikes := s.strike(); strikes {
			s.fault.accept(conn)
			return
		}
	}
	if s.fault.https {
		secured := tls.Server(conn.Conn, &tls.Config{Certificates: []tls.Certificate{certificates().good}, MinVersion: tls.VersionTLS12})
		if secured.Handshake() != nil {
			return
		}
		conn.Conn = secured
	}
	first := make([]byte, 1)
	for {
		if _, err := io.ReadFull(conn, first); err != nil {
			return
		}
		if s.fault.reading != nil {
			if _, strikes := s.strike(); strikes {
				s.fault.reading(conn)
				return
			}
		}
		req, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(first), conn)))
		if err != nil {
			return
		}
		if _, err = io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		if !s.answer(conn, req) {
			return
		}
	}
}

// answer answers a request, and reports whether the connection is still good.
func (s *faultServer) answer(conn *serverConn, req *http.Request) bool {
	x := &victim{conn: conn}
	if !s.subject.strikes(req) {
		if req.URL.Path != "/token" {
			s.mu.Lock()
			s.others++
			s.mu.Unlock()
			return x.send(s.subject.other(req).whole())
		}
		s.mu.Lock()
		s.tokens++
		s.issued++
		token := fmt.Sprintf(`{"access_token":"%s-%d","token_type":"Bearer","expires_in":3600}`, marker, s.issued)
		s.mu.Unlock()
		return x.send(reply{status: http.StatusOK, mediaType: "application/json", body: token}.whole())
	}
	x.good = s.subject.good
	strikes := false
	if s.fault.answer != nil {
		x.strike, strikes = s.strike()
	}
	s.mu.Lock()
	if !strikes && s.subject.kind.deletes && s.done > 0 { // it is there no more
		x.good = envelope(http.StatusNotFound, "resource-not-found", "Resource not found.")
	}
	s.handled++
	if !strikes || s.fault.done {
		s.done++
	}
	s.mu.Unlock()
	if strikes {
		return s.fault.answer(x)
	}
	return x.send(x.good.whole())
}

// envelope is an error as Basiq writes one.
func envelope(status int, code, detail string) reply {
	return reply{status: status, mediaType: "application/json", body: fmt.Sprintf(
		`{"type":"list","planted":%q,"correlationId":"corr-1","data":[{"type":"error","code":%q,"title":"The title.","detail":%q}]}`, marker, code, detail)}
}

// serverConn is the server's end of a connection.
type serverConn struct {
	net.Conn

	broken atomic.Bool
	sent   *atomic.Int64
}

// Write counts what the client has taken.
func (c *serverConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// reset ends the connection as a TCP reset does, where Close ends it in order.
func (c *serverConn) reset() {
	c.broken.Store(true)
	_ = c.Close()
}

// patientConn takes writes at once, as a socket does. In a pipe each waits to be read, so that two sides that write at the
// same time, as in a handshake that fails, wait for each other.
type patientConn struct {
	net.Conn

	writes chan []byte
}

// patient returns a conn that is good for a few writes. Closing writes ends it.
func patient(conn net.Conn) *patientConn {
	c := &patientConn{Conn: conn, writes: make(chan []byte, 16)}
	go func() {
		for p := range c.writes {
			_, _ = c.Conn.Write(p)
		}
	}()
	return c
}

// Write writes p later.
func (c *patientConn) Write(p []byte) (int, error) {
	c.writes <- bytes.Clone(p)
	return len(p), nil
}

// clientConn is the client's end of a connection. A pipe knows no resets.
type clientConn struct {
	net.Conn

	server *serverConn
	open   *atomic.Int32
	closed atomic.Bool
}

// Read reads what the server sends.
func (c *clientConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.EOF) && c.server.broken.Load() {
		err = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return n, err
}

// Write sends to the server.
func (c *clientConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if errors.Is(err, io.ErrClosedPipe) && (c.server.broken.Load() || !c.closed.Load()) {
		err = &net.OpError{Op: "write", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return n, err
}

// Close closes the client's end.
func (c *clientConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

// identities are certificates for host: one that the clients here trust, and one that nobody does.
type identities struct {
	good, stranger tls.Certificate
	trusted        *x509.CertPool
}

// certificates makes the certificates once. Their time is that of a bubble's clock, which begins in the year 2000.
var certificates = sync.OnceValue(func() identities {
	var ids identities
	ids.trusted = x509.NewCertPool()
	for i, into := range []*tls.Certificate{&ids.good, &ids.stranger} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: host},
			NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
			IPAddresses: []net.IP{net.ParseIP(host)}, IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			panic(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			panic(err)
		}
		*into = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	}
	ids.trusted.AddCert(ids.good.Leaf)
	return ids
})

// newFaultTransport is the transport of a client without WithHTTPClient, but for where it dials and whom it trusts.
func newFaultTransport(s *faultServer) *http.Transport {
	return &http.Transport{
		DialContext:            s.dial,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: certificates().trusted},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        45 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}
