package basiq_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func withTLS(config *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
}

// A client is accepted if its transport supports TLS 1.2 or later, or if the type of its transport is unknown.
func TestWithHTTPClient_Transports(t *testing.T) {
	t.Parallel()
	var none *http.Transport
	for name, client := range map[string]*http.Client{
		"the default":          http.DefaultClient,
		"no configuration":     {Transport: &http.Transport{}},
		"no versions":          withTLS(&tls.Config{}),
		"1.2":                  withTLS(&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}),
		"1.3":                  withTLS(&tls.Config{MinVersion: tls.VersionTLS13}),
		"another RoundTripper": {Transport: roundTripper(nil)},
		"nil *http.Transport":  {Transport: none},
	} {
		_, err := basiq.New("k", basiq.WithHTTPClient(client))
		require.NoError(t, err, name)
	}
}

// The default transport requires TLS 1.2 or later and limits the size of response headers, far above the sizes that Basiq sends.
func TestDefaultTransport_Limits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version uint16
		header  int
		want    string
	}{
		"TLS 1.1":        {tls.VersionTLS11, 0, "protocol version not supported"},
		"TLS 1.2":        {tls.VersionTLS12, 200 << 10, ""},
		"TLS 1.3":        {tls.VersionTLS13, 200 << 10, ""},
		"large headers":  {tls.VersionTLS13, 300 << 10, "exceeded 262144 bytes"},
		"larger headers": {tls.VersionTLS13, 8 << 20, "exceeded 262144 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Filler", strings.Repeat("x", c.header))
				_, _ = io.WriteString(w, userJSON)
			}))
			server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: c.version}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			t.Cleanup(server.Close)
			client, err := basiq.New("", basiq.WithBaseURL(server.URL), basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithRetry(fastRetry))
			require.NoError(t, err)
			transport := basiq.DefaultTransport(client)
			t.Cleanup(transport.CloseIdleConnections)
			transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			_, err = client.Users.Get(t.Context(), userID)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.Less(t, len(err.Error()), 300)
		})
	}
}

// A custom http.Client without a Timeout gets the default timeouts.
func TestWithHTTPClient_Timeout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ timeout, call, upload time.Duration }{
		"none":     {0, 30 * time.Second, 10 * time.Minute},
		"negative": {-time.Second, 30 * time.Second, 10 * time.Minute}, // net/http ignores a negative timeout
		"its own":  {5 * time.Second, 5 * time.Second, 5 * time.Second},
		"a long":   {time.Hour, time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				own := &http.Client{Timeout: c.timeout, Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
					<-req.Context().Done()
					return nil, req.Context().Err()
				})}
				client, err := basiq.New("", basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithHTTPClient(own), basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1}))
				require.NoError(t, err)
				start := time.Now()
				_, err = client.Users.Get(t.Context(), userID)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, c.call, time.Since(start))
				start = time.Now()
				_, err = client.Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: "AU00000", Name: "m.pdf", Content: strings.NewReader("x")})
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, c.upload, time.Since(start))
				assert.Equal(t, c.timeout, own.Timeout, "the caller's client must not be changed")
			})
		})
	}
}

// With the default http.Client, the timeout of an attempt is half a minute, or ten minutes for uploads.
// TestStatements_Upload_Timeout tests custom clients.
func TestDefaultTransport_Timeouts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, err := basiq.New("", version21, basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1}))
		require.NoError(t, err)
		transport := basiq.DefaultTransport(client)
		over := make(chan struct{})
		defer close(over) // net/http continues to dial for later requests
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			<-over // a host that does not respond
			return nil, errReset
		}
		for name, c := range map[string]struct {
			want time.Duration
			call func() error
		}{
			"a call": {30 * time.Second, func() error {
				_, err := client.Users.Get(t.Context(), userID)
				return err
			}},
			"a create": {30 * time.Second, func() error {
				_, err := client.Connections.Create(t.Context(), userID, login)
				return err
			}},
			"a document": {30 * time.Second, func() error {
				_, err := client.Affordability.PDF(t.Context(), userID, "r1")
				return err
			}},
			"an upload": {10 * time.Minute, func() error {
				_, err := client.Statements.Upload(t.Context(), userID, basiq.Statement{
					InstitutionID: "AU00000", Name: "m.pdf", Content: strings.NewReader("x"),
				})
				return err
			}},
			"upload with Raw": {10 * time.Minute, func() error {
				_, err := client.Raw().CreateStatementWithBody(t.Context(), userID, "multipart/form-data; boundary=x", strings.NewReader("--x--"))
				return err
			}},
			"upload with a deadline": {time.Minute, func() error {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := client.Statements.Upload(ctx, userID, basiq.Statement{InstitutionID: "AU00000", Name: "m.pdf", Content: strings.NewReader("x")})
				return err
			}},
		} {
			start := time.Now()
			err := c.call()
			var failure *basiq.TransportError
			require.ErrorAs(t, err, &failure, name)
			assert.Equal(t, c.want, time.Since(start), name)
			var timeout interface{ Timeout() bool }
			require.ErrorAs(t, err, &timeout, name)
			assert.True(t, timeout.Timeout(), name)
		}
	})
}

// The default transport uses the proxy from the environment. net/http reads the environment once per process, so the test runs
// itself in a child process, where the variable below is set.
func TestDefaultTransport_ProxyFromEnvironment(t *testing.T) {
	t.Parallel()
	const child = "BASIQ_TEST_PROXY_CHILD"
	if os.Getenv(child) != "" {
		client, err := basiq.New(testKey, basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1}))
		require.NoError(t, err)
		_, err = client.Users.Get(t.Context(), userID)
		require.ErrorContains(t, err, "Bad Gateway", "the proxy's response")
		assert.False(t, basiq.MayHaveSucceeded(err))
		return
	}
	var mu sync.Mutex
	var requests []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		requests = append(requests, r.Method+" "+r.RequestURI)
		assert.Empty(t, r.Header.Get("Authorization"), "the proxy must not see the token")
		assert.Empty(t, body, "the proxy must not see a body")
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1", "HTTPS_PROXY="+proxy.URL, "https_proxy=", "NO_PROXY=", "no_proxy=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{"CONNECT au-api.basiq.io:443"}, requests)
}

// If many callers make calls at intervals, they reuse the connections of earlier calls.
func TestDefaultTransport_ConnectionReuse(t *testing.T) {
	t.Parallel()
	const callers, waves = 200, 5
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Millisecond)
		_, _ = io.WriteString(w, userJSON)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client, err := basiq.New("", basiq.WithBaseURL(server.URL), basiq.WithTokenSource(fixedTokens("token-1")))
	require.NoError(t, err)
	transport := basiq.DefaultTransport(client)
	t.Cleanup(transport.CloseIdleConnections)
	for range waves {
		var wave sync.WaitGroup
		for range callers {
			wave.Go(func() {
				_, err := client.Users.Get(t.Context(), userID)
				assert.NoError(t, err)
			})
		}
		wave.Wait()
	}
	assert.LessOrEqual(t, opened.Load(), int64(callers*3/2), "of %d calls", callers*waves)
}

// Invalid HTTP that net/http quotes in errors is not repeated, and an invalid response is never a success.
func TestTransportErrors_InvalidHTTP(t *testing.T) {
	t.Parallel()
	for name, response := range map[string]any{
		"status line": errors.New(`malformed HTTP response "of-note"`),
		"header":      textproto.ProtocolError("bad line of-note"),
		"trailer":     stubResponse{status: 200, body: userJSON, cut: textproto.ProtocolError("bad line of-note")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, response)
			_, err := client.Users.Get(t.Context(), userID)
			require.ErrorContains(t, err, "invalid HTTP response")
			assert.NotContains(t, err.Error(), "of-note")
			assert.True(t, basiq.MayHaveSucceeded(err))
			assert.Len(t, s.seen(), 4, "the failure may be temporary")
		})
	}
}
