package basiq

import (
	"crypto/tls"
	"net"
	"net/http"
	"runtime"
	"time"
)

const (
	// defaultTimeout limits one attempt. It is longer than Basiq's slowest documented response and short enough to
	// retry while a person waits.
	defaultTimeout = 30 * time.Second
	// uploadTimeout limits an attempt of an upload. It allows for a large file over a slow connection.
	uploadTimeout = 10 * time.Minute
	// headerLimit limits response headers. Basiq's are smaller than 2 KiB.
	headerLimit = 256 << 10
	// maxConnections limits the connections to the host. Further calls wait for a connection. Without a limit net/http
	// opens more connections than there are callers if many calls start together.
	maxConnections = 512
)

// NewTransport returns a new transport with the settings that a [Client] uses by default, to change or to wrap before
// it is used in the http.Client of [WithHTTPClient]. It uses HTTP/2 if the server supports it. If an HTTP/2 connection
// received no data for 10 s, it sends a ping, and closes the connection unless the ping is acknowledged within 5 s.
// Without pings a dead connection, for example of a suspended laptop, would be reused until TCP times out after about
// 15 minutes.
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
		IdleConnTimeout:        45 * time.Second, // load balancers close connections after 60 s, and a create on a closed connection fails
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: headerLimit,
	}
	if runtime.GOOS != "js" { // a transport with a DialContext would not use the browser's fetch
		transport.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	return transport
}

// setHTTPClient sets the http.Client and the timeouts. Without a timeout a client would wait forever for a server that
// does not respond.
func (c *config) setHTTPClient() {
	if c.httpClient == nil {
		c.httpClient = &http.Client{Transport: NewTransport()}
	}
	c.timeout, c.uploadTimeout = c.httpClient.Timeout, c.httpClient.Timeout
	if c.timeout <= 0 {
		c.timeout, c.uploadTimeout = defaultTimeout, uploadTimeout
	}
}

// allowsOldTLS reports whether a configuration allows TLS versions below 1.2. A version of 0 is the default of
// crypto/tls, which is at least 1.2.
func allowsOldTLS(config *tls.Config) bool {
	isOld := func(version uint16) bool { return version != 0 && version < tls.VersionTLS12 }
	return config != nil && (isOld(config.MinVersion) || isOld(config.MaxVersion))
}
