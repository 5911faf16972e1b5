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

// runHandler runs the handler, unless a fault prevents it. A response without a status means that none is sent. The
// sandbox must be locked.
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
	default: // applied later, if at all
	}
	s.currentCall = c
	defer func() { s.currentCall = nil }()
	return handle(c)
}

// writeResponse writes the response as modified by the call's fault. It logs the request first, so that a client that
// has received the response finds the request in the log. The sandbox must not be locked, because writing may take
// long.
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
		_, _ = w.Write(body[:len(body)/2]) // net/http closes the connection after a short body
	case c.fault.kind == faultSlowBody:
		header.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(a.status)
		s.writeSlowly(ctx, w, body, c.fault.rate)
	default:
		w.WriteHeader(a.status)
		_, _ = w.Write(body)
	}
}

// retryAfter returns the value of the Retry-After header, rounded up to whole seconds.
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

// sleep waits for d. It reports false if the request is canceled or the sandbox is closed first.
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

// abort ends a call without a response, after the caller has given up or the sandbox was closed.
func (s *Sandbox) abort(ctx context.Context, c *call) {
	s.recordResponse(ctx, c, 0)
	panic(http.ErrAbortHandler) // documented way to abort a response
}

// writeSlowly writes the body at a limited rate.
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

// resetConnection closes the connection without a response: a TCP connection with a reset, an in-memory connection by
// closing it. Connections that cannot be hijacked, such as HTTP/2 streams, are aborted by net/http.
func (s *Sandbox) resetConnection(w http.ResponseWriter) {
	// The server does not track hijacked connections, so add this one to the wait group that Close waits for.
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
		_ = tcp.Close()      // not the TLS connection, which would send a close notification first
		return
	}
	_ = conn.Close()
}
