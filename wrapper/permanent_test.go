package basiq_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// counting is a listener that counts its connections.
type counting struct {
	net.Listener
	accepted atomic.Int32
}

func (c *counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.accepted.Add(1)
	}
	return conn, err
}

// tlsServer starts a server with a TLS configuration and returns a transport that trusts the server.
func tlsServer(t *testing.T, config *tls.Config) (address string, listener *counting, transport *http.Transport) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, userJSON) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.TLS = config
	listener = &counting{Listener: server.Listener}
	server.Listener = listener
	server.StartTLS()
	t.Cleanup(server.Close)
	transport = basiq.NewTransport()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport.TLSClientConfig.RootCAs = roots
	t.Cleanup(transport.CloseIdleConnections)
	return server.URL, listener, transport
}

// proxyServer starts a proxy that responds to every request with the given status, and returns a transport that uses the
// proxy.
func proxyServer(t *testing.T, status int) (listener *counting, transport *http.Transport) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	listener = &counting{Listener: server.Listener}
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	proxy, err := url.Parse(server.URL)
	require.NoError(t, err)
	transport = basiq.NewTransport()
	transport.Proxy = http.ProxyURL(proxy)
	return listener, transport
}

// A permanent failure is not retried, and the request was not carried out.
func TestRetry_PermanentFailures(t *testing.T) {
	t.Parallel()
	clientCertificate := func(version uint16) func(t *testing.T) (string, *counting, http.RoundTripper) {
		return func(t *testing.T) (string, *counting, http.RoundTripper) {
			t.Helper()
			return asRoundTripper(tlsServer(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: version, MaxVersion: version}))
		}
	}
	for name, c := range map[string]struct {
		start func(t *testing.T) (address string, listener *counting, transport http.RoundTripper)
		check func(t *testing.T, err error)
	}{
		"proxy 407": {func(t *testing.T) (string, *counting, http.RoundTripper) {
			t.Helper()
			listener, transport := proxyServer(t, http.StatusProxyAuthRequired)
			return "http://localhost:1", listener, transport
		}, func(t *testing.T, err error) {
			t.Helper()
			require.ErrorIs(t, err, basiq.ErrProxyAuth)
			var failure *basiq.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, 407, failure.StatusCode)
		}},
		"CONNECT 407": {func(t *testing.T) (string, *counting, http.RoundTripper) {
			t.Helper()
			listener, transport := proxyServer(t, http.StatusProxyAuthRequired)
			return "https://au-api.basiq.io", listener, transport
		}, func(t *testing.T, err error) {
			t.Helper()
			require.ErrorIs(t, err, basiq.ErrProxyAuth)
		}},
		"CONNECT 403": {func(t *testing.T) (string, *counting, http.RoundTripper) {
			t.Helper()
			listener, transport := proxyServer(t, http.StatusForbidden)
			return "https://au-api.basiq.io", listener, transport
		}, func(t *testing.T, err error) {
			t.Helper()
			require.ErrorContains(t, err, "Forbidden")
			require.NotErrorIs(t, err, basiq.ErrForbidden, "the response is not from Basiq")
		}},
		"no such host": {func(t *testing.T) (string, *counting, http.RoundTripper) {
			t.Helper()
			listener := new(counting)
			transport := basiq.NewTransport()
			transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
				listener.accepted.Add(1)
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "au-api.basiq.io", IsNotFound: true}}
			}
			return "https://au-api.basiq.io", listener, transport
		}, func(t *testing.T, err error) {
			t.Helper()
			var dns *net.DNSError
			require.ErrorAs(t, err, &dns)
		}},
		"TLS version": {func(t *testing.T) (string, *counting, http.RoundTripper) {
			t.Helper()
			return asRoundTripper(tlsServer(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}))
		}, nil},
		"certificate of another authority": {func(t *testing.T) (string, *counting, http.RoundTripper) {
			t.Helper()
			address, listener, transport := tlsServer(t, nil)
			transport.TLSClientConfig.RootCAs = nil
			return address, listener, transport
		}, func(t *testing.T, err error) {
			t.Helper()
			var certificate *tls.CertificateVerificationError
			require.ErrorAs(t, err, &certificate)
		}},
		"missing client certificate, TLS 1.2": {clientCertificate(tls.VersionTLS12), nil},
		"missing client certificate, TLS 1.3": {clientCertificate(tls.VersionTLS13), nil},
		"client certificate of another authority": {func(t *testing.T) (string, *counting, http.RoundTripper) {
			t.Helper()
			address, listener, transport := tlsServer(t, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12})
			transport.TLSClientConfig.Certificates = []tls.Certificate{selfSigned(t)}
			return address, listener, transport
		}, nil},
		"plain HTTP server": {func(t *testing.T) (string, *counting, http.RoundTripper) {
			t.Helper()
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			listener := &counting{Listener: server.Listener}
			server.Listener = listener
			server.Start()
			t.Cleanup(server.Close)
			return "https://" + listener.Addr().String(), listener, basiq.NewTransport()
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, listener, transport := c.start(t)
			client := newClient(t, transport, basiq.WithBaseURL(address), basiq.WithTokenSource(fixedTokens("token-1")))
			for n, call := range []func() error{
				func() error { return errOf(client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})) },
				func() error { return errOf(client.Users.Get(t.Context(), userID)) },
			} {
				err := call()
				require.Error(t, err)
				assert.False(t, basiq.MayHaveSucceeded(err), err)
				if c.check != nil {
					c.check(t, err)
				}
				if lost, ok := errors.AsType[*basiq.TransportError](err); ok {
					assert.Equal(t, 1, lost.Attempts, err)
				}
				assert.LessOrEqual(t, int(listener.accepted.Load()), 2*(n+1), "net/http may dial a second connection, the client makes one attempt")
			}
		})
	}
}

func asRoundTripper(address string, listener *counting, transport *http.Transport) (string, *counting, http.RoundTripper) {
	return address, listener, transport
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A failure that may be temporary is retried, including failures of a proxy.
func TestRetry_TemporaryFailures(t *testing.T) {
	t.Parallel()
	for _, status := range []int{408, 425, 429, 502, 503} {
		listener, transport := proxyServer(t, status)
		client := newClient(t, transport, basiq.WithTokenSource(fixedTokens("token-1")))
		_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
		lost, is := errors.AsType[*basiq.TransportError](err)
		require.True(t, is, err)
		assert.Equal(t, 4, lost.Attempts, "CONNECT %d", status)
		assert.False(t, lost.RequestMayHaveBeenReceived)
		assert.GreaterOrEqual(t, int(listener.accepted.Load()), 1)
	}
	temporary := &net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}
	s, client := newStub(t, temporary)
	_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
	require.ErrorIs(t, err, temporary)
	assert.Len(t, s.seen(), 4)
}
