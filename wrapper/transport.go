package basiq

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
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
)

// setHTTPClients fills in what the caller has not said about the sending of requests. A client without a Timeout would wait
// for ever for a server that never answers.
func (c *config) setHTTPClients() {
	if c.httpClient == nil {
		c.httpClient = &http.Client{Transport: newTransport()}
	}
	bounded, uploads := *c.httpClient, *c.httpClient
	if c.httpClient.Timeout == 0 {
		bounded.Timeout, uploads.Timeout = defaultTimeout, uploadTimeout
	}
	c.httpClient, c.uploadClient = &bounded, &uploads
}

// newTransport returns the transport of those who bring no http.Client.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    256,              // there is only one host
		IdleConnTimeout:        45 * time.Second, // load balancers close after 60, and a create that meets that fails
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: headerLimit,
	}
}

// allowsOldTLS reports whether a configuration allows what is below TLS 1.2. A version of 0 is that of crypto/tls, which
// does not.
func allowsOldTLS(config *tls.Config) bool {
	return config != nil && (config.MinVersion != 0 && config.MinVersion < tls.VersionTLS12 ||
		config.MaxVersion != 0 && config.MaxVersion < tls.VersionTLS12)
}

// sender is the innermost Doer: it hands the request to the http.Client, and finds out what became of it.
type sender struct {
	client, uploads http.Client
	userAgent       string
	limiter         Limiter
}

// newSender returns a sender that uses the caller's client, but for one thing: it follows no redirects. The API has none,
// and net/http would send a body with a bank's password on to any host, and turn a DELETE into a GET whose 200 looks like
// success.
func newSender(config config) *sender {
	s := &sender{client: *config.httpClient, uploads: *config.uploadClient, userAgent: config.userAgent(), limiter: config.limiter}
	for _, client := range []*http.Client{&s.client, &s.uploads} {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return s
}

// Do sends the request. It may add headers to it: the authorizer has cloned it.
func (s *sender) Do(req *http.Request) (*http.Response, error) {
	// Hooks of net/http's transport. With another transport none is called, and the error itself must tell.
	var asked, got atomic.Bool
	trace := &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	}
	ctx := req.Context()
	if s.limiter != nil {
		if err := s.limiter.Wait(ctx); err != nil {
			closeBody(req)
			return nil, fmt.Errorf("the limit of WithRateLimit: %w", err)
		}
	}
	req = req.WithContext(httptrace.WithClientTrace(ctx, trace))
	if req.Header.Get("Accept") == "" { // a document wants another
		req.Header.Set("Accept", mediaJSON)
	}
	req.Header.Set("User-Agent", s.userAgent)
	state := stateFrom(ctx)
	state.sent.Store(true)
	state.underway.Add(1)
	defer state.underway.Add(-1)
	client := &s.client
	if state.operation == opCreateStatement {
		client = &s.uploads
	}
	resp, err := client.Do(req)
	// Once the context has ended, err may be its cause, and so anybody's.
	if unarrived := err != nil && !got.Load() && (asked.Load() || isDialError(err) && ctx.Err() == nil); !unarrived {
		state.reached.Add(1)
	}
	if err == nil && resp.StatusCode < 300 {
		return resp, nil
	}
	hide := redactorOf(req)
	state.redactor.Store(&hide)
	return resp, clean(err, hide)
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
