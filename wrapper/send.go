package basiq

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// sender is the innermost stage of the chain. It waits for the rate limit, hands requests to the transport of the
// http.Client and records whether Basiq may have carried them out.
type sender struct {
	// transport and jar are those of the http.Client. Both may be nil.
	transport              http.RoundTripper
	jar                    http.CookieJar
	timeout, uploadTimeout time.Duration
	limiter                Limiter
	// accept and userAgent are headers, ready for every request.
	accept, userAgent []string
	// http1 is set while the last response came over HTTP/1.
	http1 atomic.Bool
}

func newSender(config config) *sender {
	agent := fmt.Sprintf("%s basiq-go/%s (%s; %s)", config.product, Version, runtime.Version(), runtime.GOOS)
	return &sender{
		transport: config.httpClient.Transport, jar: config.httpClient.Jar,
		timeout: config.timeout, uploadTimeout: config.uploadTimeout, limiter: config.limiter,
		accept: []string{mediaJSON}, userAgent: []string{strings.TrimSpace(agent)},
	}
}

var noCache = []string{"no-cache"}

// send sends a copy of req with the Authorization header, if there is one. The response refers to req instead of the
// copy, because middleware and callers of Raw receive it.
func (s *sender) send(req *http.Request, call *callState, record *attempt, authorization []string) (*http.Response, error) {
	ctx := req.Context()
	err := s.waitForLimit(ctx, record)
	if err == nil {
		err = record.begin()
	}
	if err != nil {
		closeBody(req)
		return nil, err
	}
	x := &exchange{timeout: s.timeout, transport: knownTransport(s.transport), req: req}
	if call.operation == opCreateStatement {
		x.timeout = s.uploadTimeout
	}
	x.wire = s.wireRequest(ctx, req, call, x, authorization)
	resp, err := s.roundTrip(x.wire)
	if x.notApplied(resp, err) {
		record.markNotApplied()
	}
	if err != nil {
		err = x.sanitize(nameProxyError(err)) //nolint:contextcheck // the request has its context
	}
	if resp != nil {
		x.http1 = resp.ProtoMajor == 1
		s.http1.Store(x.http1)
		resp.Request = req
		x.body, resp.Body = resp.Body, x
	} else {
		x.cancel()
	}
	if err != nil || resp.StatusCode >= 300 {
		call.redactor.Store(x.redactor())
	}
	return resp, err
}

// roundTrip sends a request and receives the head of the response. It does what http.Client.Do does for this API, without
// its copy of the headers and its goroutine for the timeout. It follows no redirects. The API sends none. net/http would
// send a body with a bank password to any host, and change a DELETE to a GET whose 200 looks like success.
func (s *sender) roundTrip(wire *http.Request) (*http.Response, error) {
	if s.jar != nil {
		for _, cookie := range s.jar.Cookies(wire.URL) {
			wire.AddCookie(cookie)
		}
	}
	resp, err := cmp.Or(s.transport, http.DefaultTransport).RoundTrip(wire)
	switch {
	case err != nil:
		if notTLS, ok := errors.AsType[tls.RecordHeaderError](err); ok && string(notTLS.RecordHeader[:]) == "HTTP/" {
			err = fmt.Errorf("%w: %w", http.ErrSchemeMismatch, err)
		}
		return nil, err
	case resp == nil:
		return nil, errors.New("transport returned nil response and nil error")
	case resp.Body == nil: // allowed for a transport of the caller
		resp.Body = http.NoBody
	}
	if s.jar != nil {
		s.jar.SetCookies(wire.URL, resp.Cookies())
	}
	return resp, nil
}

// waitForLimit waits until the rate limit allows a request, unless the retrier has waited already.
func (s *sender) waitForLimit(ctx context.Context, record *attempt) error {
	if s.limiter == nil || record.permitted.Swap(false) {
		return nil
	}
	defer record.addWait(WaitRateLimit, time.Now())
	return limit(ctx, s.limiter)
}

// limit waits until limiter allows a request.
func limit(ctx context.Context, limiter Limiter) error {
	if err := limiter.Wait(ctx); err != nil {
		return fmt.Errorf("%w: %w", errRateLimit, withoutCause(ctx, err))
	}
	return nil
}

var errRateLimit = errors.New("rate limit")

// wireRequest returns the request that is handed to the transport.
func (s *sender) wireRequest(ctx context.Context, req *http.Request, call *callState, x *exchange, authorization []string) *http.Request {
	x.bounded, x.cancel = context.WithTimeout(ctx, x.timeout)
	x.trace.GetConn = func(string) { x.connRequested.Store(true) }
	x.trace.GotConn = func(info httptrace.GotConnInfo) { x.conn.Store(&info.Conn) }
	wire := req.WithContext(httptrace.WithClientTrace(x.bounded, &x.trace)) //nolint:contextcheck // it is derived from ctx
	wire.Header = s.header(req.Header, authorization)
	if call.operation == opGetJob || call.operation == opPostToken {
		wire.Header["Cache-Control"] = noCache // a cached job would never end, and a cached token could have expired
	}
	if call.operation.retries != retryAlways && !s.http1.Load() {
		// On HTTP/2 net/http resends a rewindable request after RST_STREAM with PROTOCOL_ERROR, which does not prove
		// that the server ignored it (golang.org/issue/47635). The retrier retries requests that the server did not
		// process, and interprets the 404 of a retried delete.
		wire.GetBody = nil
		if wire.Body == nil || wire.Body == http.NoBody {
			wire.Body = io.NopCloser(strings.NewReader(""))
		}
	}
	return wire
}

// header returns the headers of a request on the wire. The values are shared with other requests and never written to.
func (s *sender) header(given http.Header, authorization []string) http.Header {
	header := make(http.Header, len(given)+3)
	maps.Copy(header, given)
	delete(header, "Authorization")
	if authorization != nil {
		header["Authorization"] = authorization
	}
	if given.Get("Accept") == "" { // a document has another media type
		header["Accept"] = s.accept
	}
	header["User-Agent"] = s.userAgent
	return header
}

// exchange is one request on the wire, and the body of its response.
type exchange struct {
	bounded context.Context //nolint:containedctx // the context ends with the request
	cancel  context.CancelFunc
	timeout time.Duration
	// transport is the *http.Transport that sends the request, or nil if it is not known; see knownTransport.
	transport *http.Transport
	req, wire *http.Request
	body      io.ReadCloser

	trace httptrace.ClientTrace
	http1 bool
	// connRequested is set once the transport needs a connection, conn once it has one.
	connRequested atomic.Bool
	conn          atomic.Pointer[net.Conn]
}

// redactor returns a redactor for the secrets of the request.
func (x *exchange) redactor() *requestRedactor { return &requestRedactor{req: x.req, wire: x.wire} }

// sanitize returns the error of a request without the URL, secrets and the cause of the context.
func (x *exchange) sanitize(err error) error {
	switch {
	case x.req.Context().Err() != nil:
		return contextError(x.req.Context())
	case x.bounded.Err() != nil:
		return newSafeError(fmt.Sprintf("no complete response within %v", x.timeout), context.DeadlineExceeded)
	}
	return sanitizeError(err, x.redactor().redact, x.conn.Load() != nil || x.transport == nil)
}

// Read reads the response's body.
func (x *exchange) Read(p []byte) (int, error) {
	n, err := x.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = x.sanitize(err)
	}
	return n, err
}

// Close closes the response's body and cancels the timeout of the request.
func (x *exchange) Close() error {
	defer x.cancel()
	return x.body.Close()
}

// closeConn closes the connection that an HTTP/1 response came from. On HTTP/2 other requests share it, and responses
// cannot be mixed up.
func (x *exchange) closeConn() {
	if conn := x.conn.Load(); x.http1 && conn != nil && *conn != nil {
		_ = (*conn).Close()
	}
}
