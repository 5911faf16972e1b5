package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
)

// host is the address of the fault server. Its connections are in memory, so that only virtual time passes during a call.
const host = "127.0.0.1"

// marker is part of everything that the server sends while a fault applies, except the texts with which Basiq explains errors. No
// error of the library may contain it.
const marker = "hunter2-planted"

// protocol is the version of HTTP that the client and the fault server speak.
type protocol string

const (
	h1 protocol = "HTTP/1.1"
	h2 protocol = "HTTP/2"
)

var protocols = []protocol{h1, h2}

// wire sends a response, or a part of one, in one of the protocols. Methods return false if they could not send because the
// client has disconnected.
type wire interface {
	// respond sends a complete response.
	respond(r reply) bool
	// head sends the status and the headers, with a Content-Length unless length is negative.
	head(r reply, length int) bool
	body(text string) bool
	// end ends the body: HTTP/2 ends the stream, HTTP/1.1 closes the connection.
	end()
	// openHead sends the status and the headers without ending them. field sends another header.
	openHead(r reply) bool
	field(name, value string) bool
	// raw sends bytes that may not be valid HTTP.
	raw(text string) bool
	// hang waits until the client disconnects.
	hang()
	// reset resets the connection.
	reset()
}

// faultExchange is a request with a fault that responds to it: with any bytes, at any time, or not at all.
type faultExchange struct {
	wire

	// count is the number of times that the fault has been applied, including this one.
	count int
	// good is the response of a healthy server.
	good reply
}

type reply struct {
	status    int
	mediaType string
	// header contains additional headers, each of which ends with \r\n.
	header string
	body   string
}

// withBody returns the response, or another one if it has no body, so that faults can affect the body.
func (r reply) withBody() reply {
	if r.body == "" {
		return reply{status: http.StatusOK, mediaType: "application/json", body: `{"planted":"` + marker + `","type":"thing","id":"x1"}`}
	}
	return r
}

// text returns the status line and headers of an HTTP/1.1 response, without the empty line at the end.
func (r reply) text() string {
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\n", r.status, http.StatusText(r.status))
	if r.body != "" {
		head += "Content-Type: " + r.mediaType + "\r\n"
	}
	return head + r.header
}

// faultServer behaves like Basiq until arm is called. Then it applies one fault to one subject. It uses the clock only to write
// a date.
type faultServer struct {
	protocol protocol
	subject  subject
	fault    fault

	open  atomic.Int32 // connections that the client has not closed
	serve sync.WaitGroup

	mu    sync.Mutex
	armed bool
	conns []*serverConn
	// applied counts the applications of the fault, arrived the complete requests of the subject, and handled the requests
	// that may have been carried out.
	applied, arrived, handled int
	// others counts the requests that the fault does not apply to, except token requests.
	others int
	// tokens counts the tokens issued since arm was called, except for subjects that request tokens. issued counts all tokens,
	// so that each is unique.
	tokens, issued int
	// otherHosts are the hosts other than Basiq's that were dialed.
	otherHosts []string
	// sent counts the bytes that the client has received.
	sent atomic.Int64
}

func (s *faultServer) arm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.arrived, s.handled, s.others, s.tokens = true, 0, 0, 0, 0
}

func (s *faultServer) disarm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = false
}

// apply reports whether the fault applies now, and how many times it has been applied.
func (s *faultServer) apply() (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.armed || s.fault.times > 0 && s.applied >= s.fault.times {
		return 0, false
	}
	s.applied++
	return s.applied, true
}

// hangUp closes all connections, as servers do with idle connections.
func (s *faultServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
}

func (s *faultServer) dial(ctx context.Context, _, address string) (net.Conn, error) {
	if name, _, _ := net.SplitHostPort(address); name != host {
		s.mu.Lock()
		s.otherHosts = append(s.otherHosts, name)
		s.mu.Unlock()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}
	}
	if s.fault.dial != nil {
		if _, applies := s.apply(); applies {
			return nil, s.fault.dial(ctx)
		}
	}
	client, server := newMemoryConns(func() { s.open.Add(-1) })
	s.open.Add(1)
	s.serve.Go(func() {
		defer func() { _ = server.Close() }()
		s.accept(server)
	})
	return client, nil
}

// accept serves a connection until either side closes it.
func (s *faultServer) accept(memory *memoryConn) {
	conn := &serverConn{Conn: memory, memory: memory, sent: &s.sent}
	if s.fault.proxy && !s.connect(conn) {
		return
	}
	if s.fault.handshake != nil {
		if _, applies := s.apply(); applies {
			s.fault.handshake(conn, serverTLS(s.protocol))
			return
		}
	}
	if s.fault.https || s.protocol == h2 {
		secured := tls.Server(memory, serverTLS(s.protocol))
		if secured.Handshake() != nil {
			return
		}
		conn.Conn = secured
	}
	s.mu.Lock()
	s.conns = append(s.conns, conn)
	s.mu.Unlock()
	if s.fault.accept != nil {
		if _, applies := s.apply(); applies {
			s.fault.accept(conn)
			return
		}
	}
	defer func() { _ = conn.Close() }()
	if s.protocol == h2 {
		newHTTP2Conn(s, conn).serve()
		return
	}
	s.serveHTTP1(conn)
}

// connect simulates a proxy before the server, and reports whether it accepted the connection.
func (s *faultServer) connect(conn *serverConn) bool {
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
		return false
	}
	status := http.StatusOK
	if _, applies := s.apply(); applies {
		status = http.StatusProxyAuthRequired
	}
	_, err := fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\n\r\n", status, http.StatusText(status))
	return err == nil && status == http.StatusOK
}

func (s *faultServer) serveHTTP1(conn *serverConn) {
	first := make([]byte, 1)
	for {
		if _, err := io.ReadFull(conn, first); err != nil {
			return
		}
		if s.fault.reading != nil {
			if _, applies := s.apply(); applies {
				s.fault.reading(conn)
				return
			}
		}
		req, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(first), conn)))
		if err != nil {
			return
		}
		w := &http1Wire{conn: conn}
		if req.Header.Get("Expect") != "" && !w.head(reply{status: http.StatusContinue}, -1) {
			return
		}
		if _, err = io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		if s.respond(w, req); w.ended {
			return
		}
	}
}

func (s *faultServer) respond(w wire, req *http.Request) {
	if !s.subject.matches(req) {
		w.respond(s.otherReply(req))
		return
	}
	x := &faultExchange{wire: w, good: s.subject.good}
	applies := false
	if s.fault.respond != nil {
		x.count, applies = s.apply()
	}
	s.mu.Lock()
	if !applies && s.subject.kind.deletes && s.handled > 0 { // already deleted
		x.good = envelope(http.StatusNotFound, "resource-not-found", "Resource not found.")
	}
	s.arrived++
	if !applies || s.fault.handled {
		s.handled++
	}
	s.mu.Unlock()
	if applies {
		s.fault.respond(x)
		return
	}
	x.respond(x.good)
}

// otherReply returns the response to a request that the fault does not apply to.
func (s *faultServer) otherReply(req *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if req.URL.Path != "/token" {
		s.others++
		return s.subject.other(req)
	}
	s.tokens++
	s.issued++
	token := fmt.Sprintf(`{"access_token":"%s-%d","token_type":"Bearer","expires_in":3600}`, marker, s.issued)
	return reply{status: http.StatusOK, mediaType: "application/json", body: token}
}

// envelope returns an error response in Basiq's format.
func envelope(status int, code, detail string) reply {
	return reply{status: status, mediaType: "application/json", body: fmt.Sprintf(
		`{"type":"list","planted":%q,"correlationId":"corr-1","data":[{"type":"error","code":%q,"title":"The title.","detail":%q}]}`, marker, code, detail)}
}

type http1Wire struct {
	conn *serverConn
	// ended: the connection cannot be reused.
	ended bool
}

func (w *http1Wire) respond(r reply) bool {
	length := len(r.body)
	if r.status == http.StatusNoContent {
		length = -1
	}
	return w.head(r, length) && w.raw(r.body)
}

func (w *http1Wire) head(r reply, length int) bool {
	if length >= 0 {
		r.header += fmt.Sprintf("Content-Length: %d\r\n", length)
	}
	return w.raw(r.text() + "\r\n")
}

func (w *http1Wire) body(text string) bool         { return w.raw(text) }
func (w *http1Wire) openHead(r reply) bool         { return w.raw(r.text()) }
func (w *http1Wire) field(name, value string) bool { return w.raw(name + ": " + value + "\r\n") }
func (w *http1Wire) end()                          { w.ended = true }

func (w *http1Wire) raw(text string) bool {
	_, err := io.WriteString(w.conn, text)
	w.ended = w.ended || err != nil
	return err == nil
}

func (w *http1Wire) hang() {
	_, _ = io.Copy(io.Discard, w.conn)
	w.ended = true
}

func (w *http1Wire) reset() {
	w.conn.reset()
	w.ended = true
}
