package basiq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// An upload of a large file over a slow line.
	uploadTimeout = 10 * time.Minute
	// Longer than Basiq's slowest documented answer, short enough to try again while a person waits.
	defaultTimeout = 30 * time.Second
	// Basiq's headers are below 2 KiB.
	headerLimit = 256 << 10
	// All go to one host, so this is how many calls are under way at once; others wait. Without it net/http opens more
	// connections than there are callers, when some of them start together.
	maxConnections = 512
)

// setHTTPClients fills in what the caller has not said about the sending of requests. A client without a Timeout would wait
// for ever for a server that never answers.
func (c *config) setHTTPClients() {
	if c.httpClient == nil {
		c.httpClient = &http.Client{Transport: NewTransport()}
	}
	bounded, uploads := *c.httpClient, *c.httpClient
	if c.httpClient.Timeout <= 0 {
		bounded.Timeout, uploads.Timeout = defaultTimeout, uploadTimeout
	}
	c.httpClient, c.uploadClient = &bounded, &uploads
}

// NewTransport returns a new transport with the settings that a [Client] uses by default, to change or to wrap before it
// goes into the http.Client of [WithHTTPClient]. It speaks HTTP/2 where the server does, and closes an HTTP/2 connection
// on which nothing has arrived for 10 s if a ping is not acknowledged within 5 s: without pings a connection that died
// silently, for example in a suspended laptop, would be reused until TCP gives up after about 15 minutes.
func NewTransport() *http.Transport {
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxConnsPerHost:        maxConnections,
		MaxIdleConns:           maxConnections,
		MaxIdleConnsPerHost:    maxConnections,
		IdleConnTimeout:        45 * time.Second, // load balancers close after 60, and a create that meets that fails
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: headerLimit,
	}
	if runtime.GOOS != "js" { // where a transport with a DialContext does not use the browser's fetch
		transport.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	return transport
}

// allowsOldTLS reports whether a configuration allows what is below TLS 1.2. A version of 0 is that of crypto/tls, which
// does not.
func allowsOldTLS(config *tls.Config) bool {
	return config != nil && (config.MinVersion != 0 && config.MinVersion < tls.VersionTLS12 ||
		config.MaxVersion != 0 && config.MaxVersion < tls.VersionTLS12)
}

// sender hands requests to the http.Client, and finds out what became of them.
type sender struct {
	client, uploads http.Client
	// The clients' own Timeouts. net/http would spend a goroutine and two timers on each.
	timeout, uploadTimeout time.Duration
	limiter                Limiter
	// accept and userAgent are headers, ready for every request.
	accept, userAgent []string
}

// newSender returns a sender that uses the caller's client, but for one thing: it follows no redirects. The API has none,
// and net/http would send a body with a bank's password on to any host, and turn a DELETE into a GET whose 200 looks like
// success.
func newSender(config config) *sender {
	s := &sender{
		client: *config.httpClient, uploads: *config.uploadClient, limiter: config.limiter,
		accept: []string{mediaJSON}, userAgent: []string{config.userAgent()},
		timeout: config.httpClient.Timeout, uploadTimeout: config.uploadClient.Timeout,
	}
	for _, client := range []*http.Client{&s.client, &s.uploads} {
		client.Timeout = 0
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return s
}

// connecting watches net/http's transport get a connection. With another transport it sees nothing, and the error itself must
// tell.
type connecting struct {
	trace      httptrace.ClientTrace
	asked, got atomic.Bool
}

func newConnecting() *connecting {
	c := new(connecting)
	c.trace.GetConn = func(string) { c.asked.Store(true) }
	c.trace.GotConn = func(httptrace.GotConnInfo) { c.got.Store(true) }
	return c
}

// send sends a copy of req with the authorization, or with none. What comes back refers to req, not to the copy: hooks and
// callers of Raw get it.
func (s *sender) send(req *http.Request, state *callState, authorization []string) (*http.Response, error) {
	ctx := req.Context()
	if s.limiter != nil {
		if err := s.limiter.Wait(ctx); err != nil {
			closeBody(req)
			return nil, fmt.Errorf("the limit of WithRateLimit: %w", err)
		}
	}
	client, timeout := &s.client, s.timeout
	if state.operation == opCreateStatement {
		client, timeout = &s.uploads, s.uploadTimeout
	}
	connecting := newConnecting()
	bounded, cancel := context.WithTimeoutCause(ctx, timeout, timeoutError(timeout))
	wire := req.WithContext(httptrace.WithClientTrace(bounded, &connecting.trace))
	wire.Header = s.header(req.Header, authorization)
	state.sent.Store(true)
	state.underway.Add(1)
	defer state.underway.Add(-1)
	resp, err := client.Do(wire)
	if resp != nil && resp.Body != nil {
		resp.Body = &boundedBody{resp.Body, cancel}
	} else {
		cancel()
	}
	// Once the context has ended, err may be its cause, and so anybody's.
	if unarrived := err != nil && !connecting.got.Load() && (connecting.asked.Load() || isDialError(err) && ctx.Err() == nil); !unarrived {
		state.reached.Add(1)
	}
	if resp != nil {
		resp.Request = req
	}
	if err == nil && resp.StatusCode < 300 {
		return resp, nil
	}
	hide := redactorOf(wire)
	state.redactor.Store(&hide)
	return resp, clean(err, hide)
}

// boundedBody is a body whose time ends when it is closed.
type boundedBody struct {
	io.ReadCloser

	cancel context.CancelFunc
}

// Close closes the body.
func (b *boundedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// timeoutError is an attempt that took too long, as net/http's error for a client's Timeout is.
type timeoutError time.Duration

func (e timeoutError) Error() string { return "no whole answer within " + time.Duration(e).String() }

// Timeout says that it is a timeout, as a [net.Error] does.
func (timeoutError) Timeout() bool { return true }

// Temporary is what makes it a [net.Error].
func (timeoutError) Temporary() bool { return true }

// Is reports whether target is the error of a context that ended by itself.
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// header returns the headers of a request on the wire. The values are shared with other requests, and never written to.
func (s *sender) header(given http.Header, authorization []string) http.Header {
	header := make(http.Header, len(given)+3)
	maps.Copy(header, given)
	delete(header, "Authorization")
	if authorization != nil {
		header["Authorization"] = authorization
	}
	if given.Get("Accept") == "" { // a document wants another
		header["Accept"] = s.accept
	}
	header["User-Agent"] = s.userAgent
	return header
}

// isDialError reports whether err comes from before there was a connection.
func isDialError(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}

// clean takes out of a transport's error what must not be shown: the URL, which has the ids of people, and what net/http
// quotes of an answer that it cannot read, in which a server may have echoed a credential or a password.
func clean(err error, hide redactor) error {
	for {
		withURL, ok := errors.AsType[*url.Error](err)
		if !ok {
			break
		}
		err = withURL.Err
	}
	if err == nil {
		return nil
	}
	text := err.Error()
	_, badHeader := errors.AsType[textproto.ProtocolError](err)
	if badHeader || strings.Contains(text, "malformed ") || strings.HasPrefix(text, "failed to parse Location header ") ||
		hide != nil && hide(text) != text {
		return errors.New("the server's answer is not HTTP")
	}
	return err
}
