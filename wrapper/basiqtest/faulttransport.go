package basiqtest

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	gatewayPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n" +
		"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
	garbageBody = `{"type":"list","data":[{"id":garbage`
)

// carryOut runs the handler, unless what goes wrong with the call keeps it from being carried out. An answer with no status
// is none. The sandbox must be locked.
func (s *Sandbox) runHandler(c *call, handle func(*call) (response, error)) (response, error) {
	switch c.fault.kind {
	case faultFail, faultTooMany:
		return response{}, c.fault.failure
	case faultBadGateway:
		return response{http.StatusBadGateway, document{"text/html", []byte(gatewayPage)}}, nil
	case faultHang, faultResetBefore:
		return response{}, nil
	case faultRevokeToken:
		delete(s.tokens, bearer(c.http))
	case faultRevokeAll:
		clear(s.tokens)
	case faultExpireToken:
		if t := s.tokens[bearer(c.http)]; t != nil {
			t.expires = time.Time{}
		}
	case faultExpireAll:
		s.expireTokens()
	default: // happens later, if at all
	}
	s.currentCall = c
	defer func() { s.currentCall = nil }()
	return handle(c)
}

// respond writes the answer in the way that the call's fault wants. The log comes before the writing, so that a client who
// has the answer finds it in the log. The sandbox must not be locked: all this may take its time.
func (s *Sandbox) writeResponse(w http.ResponseWriter, r *http.Request, c *call, a response) {
	ctx := r.Context()
	if c.latency > 0 && !s.sleep(ctx, c.latency) {
		s.abort(ctx, c)
	}
	switch c.fault.kind {
	case faultHang:
		select {
		case <-ctx.Done():
		case <-s.lifetime.Done():
		}
		s.abort(ctx, c)
	case faultResetBefore, faultResetAfter:
		s.recordResponse(ctx, c, 0)
		s.resetConnection(w)
		return
	default:
	}

	contentType, body := encode(a)
	if c.fault.kind == faultGarbage && len(body) > 0 {
		contentType, body = "application/json", []byte(garbageBody)
	}
	header := w.Header()
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	if c.fault.kind == faultTooMany {
		header.Set("Retry-After", c.fault.retryAfter(time.Now()))
	}
	s.recordResponse(ctx, c, a.status)
	switch {
	case len(body) == 0:
		w.WriteHeader(a.status)
	case c.fault.kind == faultTruncate:
		header.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(a.status)
		_, _ = w.Write(body[:len(body)/2]) // net/http closes the connection when less comes than was said
	case c.fault.kind == faultSlowBody:
		header.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(a.status)
		s.writeSlowly(ctx, w, body, c.fault.rate)
	default:
		w.WriteHeader(a.status)
		_, _ = w.Write(body)
	}
}

// retryAfter is the header of the fault, rounded up to whole seconds.
func (f Fault) retryAfter(now time.Time) string {
	if f.asDate {
		return now.Add(f.wait).Add(time.Second - 1).UTC().Format(http.TimeFormat)
	}
	seconds := int64(f.wait / time.Second)
	if f.wait%time.Second > 0 {
		seconds++
	}
	return strconv.FormatInt(seconds, 10)
}

// pause waits, and reports whether it could: not when the caller has given up, nor when the sandbox is closed.
func (s *Sandbox) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.lifetime.Done():
	}
	return false
}

// abandon ends a call without an answer: nobody waits for it any more, or the sandbox is closed.
func (s *Sandbox) abort(ctx context.Context, c *call) {
	s.recordResponse(ctx, c, 0)
	panic(http.ErrAbortHandler) // the documented way to end a connection with no answer
}

// dribble writes the body little by little.
func (s *Sandbox) writeSlowly(ctx context.Context, w http.ResponseWriter, body []byte, rate int) {
	size := max(1, rate/10)
	every := time.Duration(float64(size) / float64(rate) * float64(time.Second))
	controller := http.NewResponseController(w)
	for len(body) > 0 {
		if controller.Flush() != nil || !s.sleep(ctx, every) {
			panic(http.ErrAbortHandler)
		}
		n := min(size, len(body))
		if _, err := w.Write(body[:n]); err != nil {
			panic(http.ErrAbortHandler)
		}
		body = body[n:]
	}
}

// reset ends the connection of a call with no answer: over TCP by a reset, in memory by closing it. What cannot be taken
// over, such as a stream of HTTP/2, is ended in the way that net/http provides for.
func (s *Sandbox) resetConnection(w http.ResponseWriter) {
	// The server no longer counts a connection that was taken over; Close is to wait for it all the same.
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.background.Add(1)
	}
	s.mu.Unlock()
	if closed {
		panic(http.ErrAbortHandler)
	}
	defer s.background.Done()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	wire := conn
	if secured, ok := conn.(*tls.Conn); ok {
		wire = secured.NetConn()
	}
	if tcp, ok := wire.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send a reset
		_ = tcp.Close()      // not the TLS connection, which would say goodbye first
		return
	}
	_ = conn.Close()
}
