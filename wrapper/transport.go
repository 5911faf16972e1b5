package basiq

import (
	"crypto/tls"
	"net"
	"net/http"
	"runtime"
	"time"
)

const (
	// defaultTimeout bounds one attempt. It is longer than Basiq's slowest documented response and short enough to retry
	// while a person waits.
	defaultTimeout = 30 * time.Second
	// uploadTimeout bounds the upload of a large file over a slow line.
	uploadTimeout = 10 * time.Minute
	// headerLimit bounds response headers. Basiq's are below 2 KiB.
	headerLimit = 256 << 10
	// maxConnections bounds the connections to the one host that a client calls; further calls wait for one. Without a
	// bound net/http opens more connections than there are callers when many start together.
	maxConnections = 512
)

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

// setHTTPClients fills in the http.Clients. A client without a Timeout would wait forever for a server that never
// responds.
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

// allowsOldTLS reports whether a configuration allows TLS versions below 1.2. A version of 0 is crypto/tls's default,
// which does not.
func allowsOldTLS(config *tls.Config) bool {
	isOld := func(version uint16) bool { return version != 0 && version < tls.VersionTLS12 }
	return config != nil && (isOld(config.MinVersion) || isOld(config.MaxVersion))
}
