package basiq_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// statementOf returns a statement with the given content.
func statementOf(content io.Reader) basiq.Statement {
	return basiq.Statement{InstitutionID: "AU01001", Name: "m.csv", Content: content}
}

// fileIn returns the content of the file in an upload.
func fileIn(body string) string {
	_, content, _ := strings.Cut(body, "text/csv\r\n\r\n")
	content, _, _ = strings.Cut(content, "\r\n--")
	return content
}

// A value can be uploaded by many calls concurrently. Its offset is neither used nor changed.
func TestStatements_Upload_Parallel(t *testing.T) {
	t.Parallel()
	const text = "date,amount\n2024-01-01,-3.50\n"
	path := filepath.Join(t.TempDir(), "m.csv")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	for name, content := range map[string]io.ReadSeeker{
		"file": opened(t, path), "bytes": bytes.NewReader([]byte(text)), "string": strings.NewReader(text),
		"section": io.NewSectionReader(strings.NewReader("x"+text), 1, int64(len(text))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := content.Seek(5, io.SeekStart)
			require.NoError(t, err)
			var whole, other atomic.Int32
			client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.URL.Path == "/token" {
					return reply(200, tokenJSON), nil
				}
				body, err := io.ReadAll(req.Body)
				if err == nil && fileIn(string(body)) == text && req.ContentLength == int64(len(body)) {
					whole.Add(1)
				} else {
					other.Add(1)
				}
				return reply(202, jobJSON), req.Body.Close()
			}))
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 250 {
						_, err := client.Statements.Upload(t.Context(), userID, statementOf(content))
						assert.NoError(t, err)
					}
				})
			}
			wg.Wait()
			assert.Equal(t, int32(2000), whole.Load())
			assert.Zero(t, other.Load())
			offset, err := content.Seek(0, io.SeekCurrent)
			require.NoError(t, err)
			assert.Equal(t, int64(5), offset)
		})
	}
}

// reopened counts how often a file was opened and closed.
type reopened struct {
	texts          []string
	opened, closed atomic.Int32
	err            error
}

func (r *reopened) open() (io.ReadCloser, error) {
	n := int(r.opened.Add(1))
	if n > len(r.texts) {
		r.opened.Add(-1)
		return nil, r.err
	}
	return &countedFile{Reader: strings.NewReader(r.texts[n-1]), closed: &r.closed}, nil
}

type countedFile struct {
	io.Reader
	closed *atomic.Int32
}

func (f *countedFile) Close() error { f.closed.Add(1); return nil }

// An upload with Open is retried in all cases that are safe to retry.
func TestStatements_Upload_Open(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("disk failure")
	for _, c := range []struct {
		name      string
		responses []any
		texts     []string
		size      int64
		sent      int
		is        error
		text      string
	}{
		{name: "once", responses: []any{ok(202, jobJSON)}, texts: []string{"a,b"}, sent: 1},
		{name: "with size", responses: []any{ok(429, ""), ok(202, jobJSON)}, texts: []string{"a,b", "a,b"}, size: 3, sent: 2},
		{name: "after 429", responses: []any{ok(429, ""), ok(202, jobJSON)}, texts: []string{"a,b", "a,b"}, sent: 2},
		{name: "after 401", responses: []any{ok(401, ""), ok(202, jobJSON)}, texts: []string{"a,b", "a,b"}, sent: 2},
		{name: "after an expired token", responses: []any{tokenExpired, ok(202, jobJSON)}, texts: []string{"a,b", "a,b"}, sent: 2},
		{name: "after 503", responses: []any{ok(503, ""), ok(202, jobJSON)}, texts: []string{"a,b"}, sent: 1, is: basiq.ErrUnavailable},
		{name: "first open fails", responses: []any{ok(202, jobJSON)}, is: errDisk},
		{name: "second open fails", responses: []any{ok(429, ""), ok(202, jobJSON)}, texts: []string{"a,b"}, sent: 1, is: errDisk},
		{name: "shorter than size", responses: []any{ok(202, jobJSON)}, texts: []string{"a"}, size: 3, sent: 0, text: "file length changed"},
		{name: "longer than size", responses: []any{ok(202, jobJSON)}, texts: []string{"a,b,c"}, size: 3, sent: 0, text: "file length changed"},
		{name: "shorter at the second attempt", responses: []any{ok(429, ""), ok(202, jobJSON)}, texts: []string{"a,b", "a"}, size: 3, sent: 1, text: "file length changed"},
		{name: "longer at the second attempt", responses: []any{ok(429, ""), ok(202, jobJSON)}, texts: []string{"a,b", "a,b,c"}, size: 3, sent: 1, text: "file length changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			source := &reopened{texts: c.texts, err: errDisk}
			s, client := newStub(t, c.responses...)
			_, err := client.Statements.Upload(t.Context(), userID, basiq.Statement{
				InstitutionID: "AU01001", Name: "m.csv", Open: source.open, Size: c.size,
			})
			switch {
			case c.is != nil:
				require.ErrorIs(t, err, c.is)
			case c.text != "":
				require.ErrorContains(t, err, c.text)
			default:
				require.NoError(t, err)
			}
			if errors.Is(err, errDisk) {
				assert.False(t, basiq.MayHaveSucceeded(err))
				assert.NotErrorIs(t, err, basiq.ErrInvalidInput)
			}
			whole := 0
			for _, sent := range s.seen() {
				if fileIn(sent.Body) == "a,b" {
					whole++
				}
			}
			assert.Equal(t, c.sent, whole)
			assert.Equal(t, source.opened.Load(), source.closed.Load(), "each reader must be closed once")
		})
	}
}

// A file that Open returns is read from its offset and closed.
func TestStatements_Upload_OpenFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m.csv")
	require.NoError(t, os.WriteFile(path, []byte("skipped,rest"), 0o600))
	var last *os.File
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got := readUpload(t, r)
		assert.Equal(t, "rest", got.content)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, jobJSON)
	})
	_, err := client.Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: "AU01001", Name: "m.csv", Open: func() (io.ReadCloser, error) {
		file, err := os.Open(path)
		if err == nil {
			_, err = file.Seek(8, io.SeekStart)
		}
		last = file
		return file, err
	}})
	require.NoError(t, err)
	require.ErrorIs(t, last.Close(), os.ErrClosed)
}

// A file that grew between Stat and the end of the upload causes an error.
func TestStatements_Upload_GrowingFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m.csv")
	require.NoError(t, os.WriteFile(path, []byte("a,b"), 0o600))
	client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/token" {
			return reply(200, tokenJSON), nil
		}
		if err := os.WriteFile(path, []byte("a,b,c"), 0o600); err != nil {
			return nil, err
		}
		_, err := io.ReadAll(req.Body)
		return nil, err
	}))
	_, err := client.Statements.Upload(t.Context(), userID, statementOf(opened(t, path)))
	require.ErrorContains(t, err, "file length changed")
}

// A panic in the caller's Read reaches the caller.
func TestStatements_Upload_ReadPanics(t *testing.T) {
	t.Parallel()
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	text := panicText(func() {
		_, _ = client.Statements.Upload(t.Context(), userID, statementOf(panicking{}))
	})
	assert.Contains(t, text, "panicDeepInside")
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panicDeepInside(); return 0, nil }

// newStatementServer returns a client of a server for uploads over HTTP/1.1 or HTTP/2.
func newStatementServer(t *testing.T, http2 bool, handler http.HandlerFunc) *basiq.Client {
	t.Helper()
	var tokens atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, tokens.Add(1))
			return
		}
		handler(w, r)
	}))
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := basiq.NewTransport()
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	transport.ForceAttemptHTTP2 = http2
	t.Cleanup(transport.CloseIdleConnections)
	client, err := basiq.New(testKey, basiq.WithBaseURL(server.URL), basiq.WithHTTPClient(&http.Client{Transport: transport}), basiq.WithRetry(fastRetry))
	require.NoError(t, err)
	return client
}

// If a server rejects the headers of an upload, the stream has not been read, and the upload is retried.
func TestStatements_Upload_ExpectContinue(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		for name, rejection := range map[string]stubResponse{
			"429": ok(429, ""), "401": ok(401, ""), "expired token": tokenExpired, "417": ok(417, ""), "none": {},
		} {
			t.Run(fmt.Sprint(name, ", HTTP/2 ", http2), func(t *testing.T) {
				t.Parallel()
				var requests atomic.Int32
				client := newStatementServer(t, http2, func(w http.ResponseWriter, r *http.Request) {
					if n := requests.Add(1); n == 1 {
						if !http2 { // net/http removes the header from an HTTP/2 request
							assert.Equal(t, "100-continue", r.Header.Get("Expect"))
						}
						if rejection.status != 0 {
							w.WriteHeader(rejection.status)
							_, _ = io.WriteString(w, rejection.body)
							return
						}
					} else if name == "417" {
						assert.Empty(t, r.Header.Get("Expect"))
					}
					assert.Equal(t, "a,b", readUpload(t, r).content)
					w.WriteHeader(http.StatusAccepted)
					_, _ = io.WriteString(w, jobJSON)
				})
				_, err := client.Statements.Upload(t.Context(), userID, statementOf(onlyReader{strings.NewReader("a,b")}))
				require.NoError(t, err)
				want := int32(2)
				if rejection.status == 0 {
					want = 1
				}
				assert.Equal(t, want, requests.Load())
			})
		}
	}
}

// An upload whose stream was read is not retried. The response is returned as the error.
func TestStatements_Upload_StreamWasRead(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP/2 ", http2), func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			client := newStatementServer(t, http2, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			_, err := client.Statements.Upload(t.Context(), userID, statementOf(onlyReader{strings.NewReader("a,b")}))
			require.ErrorIs(t, err, basiq.ErrTooManyRequests)
			assert.Equal(t, int32(1), requests.Load())
		})
	}
}

// If a server ignores Expect, the client sends the upload after ExpectContinueTimeout.
func TestStatements_Upload_ExpectIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := make(chan string, 1)
		transport := basiq.NewTransport()
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				defer func() { _ = far.Close() }()
				req, err := http.ReadRequest(bufio.NewReader(far))
				if err != nil {
					return
				}
				body, _ := io.ReadAll(req.Body)
				got <- fileIn(string(body))
				_, _ = fmt.Fprintf(far, "HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(jobJSON), jobJSON)
			}()
			return near, nil
		}
		client, err := basiq.New(testKey, basiq.WithBaseURL("http://127.0.0.1:1"), basiq.WithTokenSource(fixedTokens("token-1")),
			basiq.WithHTTPClient(&http.Client{Transport: transport}))
		require.NoError(t, err)
		start := time.Now()
		_, err = client.Statements.Upload(t.Context(), userID, statementOf(onlyReader{strings.NewReader("a,b")}))
		require.NoError(t, err)
		assert.Equal(t, "a,b", <-got)
		assert.Equal(t, transport.ExpectContinueTimeout, time.Since(start))
	})
}
