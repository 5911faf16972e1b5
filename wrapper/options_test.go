package basiq_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestNew_InvalidInput(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key    string
		option basiq.Option
		want   string
	}{
		"empty key":                {"", nil, "basiq: New: apiKey: must not be empty"},
		"key with a scheme":        {"Basic abc", nil, `must not begin with "Basic "`},
		"key with a space":         {"abc def", nil, "must not contain spaces"},
		"key with a newline":       {"abc\n", nil, "line break"},
		"key beyond ASCII":         {"abcé", nil, "non-ASCII characters"},
		"API version":              {"k", basiq.WithAPIVersion("2.0"), `unsupported version "2.0"`},
		"missing host":             {"k", basiq.WithBaseURL("au-api.basiq.io"), "missing host"},
		"plain http":               {"k", basiq.WithBaseURL("http://au-api.basiq.io"), "scheme must be https (http is allowed for localhost only)"},
		"resembles localhost":      {"k", basiq.WithBaseURL("http://localhost.evil.example"), "scheme must be https"},
		"other scheme":             {"k", basiq.WithBaseURL("ftp://au-api.basiq.io"), "scheme must be https"},
		"user in URL":              {"k", basiq.WithBaseURL("https://me:hunter2@au-api.basiq.io"), "must not contain a user, query or fragment"},
		"query in URL":             {"k", basiq.WithBaseURL("https://au-api.basiq.io?a=b"), "must not contain a user, query or fragment"},
		"fragment in URL":          {"k", basiq.WithBaseURL("https://au-api.basiq.io#a"), "must not contain a user, query or fragment"},
		"invalid URL":              {"k", basiq.WithBaseURL("https://me:hunter2@%zz"), "invalid URL"},
		".. in URL":                {"k", basiq.WithBaseURL("https://proxy.example/x/../basiq"), "must not contain dot segments"},
		". in URL":                 {"k", basiq.WithBaseURL("https://proxy.example/./basiq/"), "must not contain dot segments"},
		"empty path segment":       {"k", basiq.WithBaseURL("https://proxy.example//basiq"), "empty segments"},
		"nil client":               {"k", basiq.WithHTTPClient(nil), "must not be nil"},
		"negative attempts":        {"k", basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: -1}), "MaxAttempts -1 out of range [1, 10]"},
		"many attempts":            {"k", basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 11, BaseDelay: 1, MaxDelay: 1}), "MaxAttempts 11 out of range [1, 10]"},
		"negative delay":           {"k", basiq.WithRetry(basiq.RetryPolicy{BaseDelay: -1}), "BaseDelay must not be negative"},
		"BaseDelay above MaxDelay": {"k", basiq.WithRetry(basiq.RetryPolicy{BaseDelay: 2, MaxDelay: 1}), "[BaseDelay, 1h]"},
		"long MaxDelay":            {"k", basiq.WithRetry(basiq.RetryPolicy{MaxDelay: math.MaxInt64}), "[BaseDelay, 1h]"},
		"long BaseDelay":           {"k", basiq.WithRetry(basiq.RetryPolicy{BaseDelay: 2 * time.Hour}), "[BaseDelay, 1h]"},
		"nil middleware":           {"k", basiq.WithMiddleware(nil), "nil middleware"},
		"nil logger":               {"k", basiq.WithLogger(nil), "must not be nil"},
		"empty product":            {"k", basiq.WithUserAgent(""), "must not be empty"},
		"header injection":         {"k", basiq.WithUserAgent("a\r\nX: y"), "invalid in a header"},
		"zero bytes":               {"k", basiq.WithMaxResponseBytes(0), "at least 1"},
		"nil token source":         {"k", basiq.WithTokenSource(nil), "must not be nil"},
		"nil limiter":              {"k", basiq.WithRateLimit(nil), "must not be nil"},
		"old TLS":                  {"k", basiq.WithHTTPClient(withTLS(&tls.Config{MinVersion: tls.VersionTLS11})), "must not allow TLS versions below 1.2"},
		"only old TLS":             {"k", basiq.WithHTTPClient(withTLS(&tls.Config{MaxVersion: tls.VersionTLS11})), "must not allow TLS versions below 1.2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var options []basiq.Option
			if c.option != nil {
				options = append(options, c.option)
			}
			client, err := basiq.New(c.key, options...)
			require.ErrorIs(t, err, basiq.ErrInvalidInput)
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "hunter2")
			assert.Nil(t, client)
		})
	}
	t.Run("nil option", func(t *testing.T) {
		t.Parallel()
		_, err := basiq.New("k", nil)
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
	})
}

func TestWithBaseURL(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://au-api.basiq.io":      "https://au-api.basiq.io/users/u1",
		"https://au-api.basiq.io/":     "https://au-api.basiq.io/users/u1",
		"https://proxy.example/basiq/": "https://proxy.example/basiq/users/u1",
		"http://localhost:8080":        "http://localhost:8080/users/u1",
		"http://127.0.0.1:8080/a/b":    "http://127.0.0.1:8080/a/b/users/u1",
		"http://[::1]:8080":            "http://[::1]:8080/users/u1",
	} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			var url string
			client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				url = req.URL.String()
				if strings.HasSuffix(url, "/token") {
					return reply(200, tokenJSON), nil
				}
				return reply(200, userJSON), nil
			}), basiq.WithBaseURL(base))
			_, err := client.Users.Get(t.Context(), userID)
			require.NoError(t, err)
			assert.Equal(t, want, url)
		})
	}
}

func TestWithUserAgent(t *testing.T) {
	t.Parallel()
	s := &stub{respond: respondWith(ok(200, userJSON))}
	client := newClient(t, s, basiq.WithUserAgent("acme-lending/2.2"), basiq.WithUserAgent("acme-lending/2.3"))
	_, err := client.Users.Get(t.Context(), userID)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(s.seen()[0].Header.Get("User-Agent"), "acme-lending/2.3 basiq-go/"+basiq.Version))
	_, err = basiq.New(testKey, basiq.WithUserAgent("acme-lending/2.3 (staging)"))
	require.NoError(t, err, "comments are allowed")
	for _, bad := range []string{"", "acme\n", "acme\x7f", "acmé"} {
		_, err = basiq.New(testKey, basiq.WithUserAgent(bad))
		require.ErrorIs(t, err, basiq.ErrInvalidInput, "%q", bad)
	}
}

// Following a redirect could send a bank password to another host, or turn a delete into a successful read.
func TestRedirects_NotFollowed(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]basiq.Option{
		"default client": nil,
		"user's client": {basiq.WithHTTPClient(&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("redirect policy called")
		}})},
		"custom http.Client": {basiq.WithHTTPClient(&http.Client{})},
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				t.Parallel()
				var elsewhere atomic.Int32
				other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					elsewhere.Add(1)
					_, _ = io.WriteString(w, jobJSON)
				}))
				t.Cleanup(other.Close)
				var requests atomic.Int32
				client := serve21(t, func(w http.ResponseWriter, r *http.Request) {
					requests.Add(1)
					target := "/maintenance"
					if r.Method == http.MethodPost {
						target = other.URL
					}
					http.Redirect(w, r, target, status)
				}, options...)
				_, createErr := client.Connections.Create(t.Context(), userID, login)
				for _, err := range []error{createErr, client.Connections.Delete(t.Context(), userID, connID)} {
					var failure *basiq.Error
					require.ErrorAs(t, err, &failure)
					assert.Equal(t, status, failure.StatusCode)
					assert.Contains(t, err.Error(), "redirects are not followed")
				}
				assert.EqualValues(t, 2, requests.Load())
				assert.Zero(t, elsewhere.Load())
			})
		}
	}
}

// A gateway may bind a client to one of its servers with a cookie.
func TestWithHTTPClient_Jar(t *testing.T) {
	t.Parallel()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	var received []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		received = append(received, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "server", Value: "7"})
		_, _ = io.WriteString(w, userJSON)
	}, basiq.WithHTTPClient(&http.Client{Jar: jar}))
	for range 2 {
		_, err := client.Users.Get(t.Context(), userID)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"", "server=7"}, received)
}

// Some implementations of http.RoundTripper break its contract.
func TestWithHTTPClient_RoundTripperWithoutResponse(t *testing.T) {
	t.Parallel()
	response := &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(userJSON))}
	for name, c := range map[string]struct {
		resp *http.Response
		err  error
		want string
	}{
		"nothing":            {want: "transport returned nil response and nil error"},
		"response and error": {response, errReset, errReset.Error()},
		"no body":            {resp: &http.Response{StatusCode: http.StatusOK, ContentLength: 10}, want: "unexpected end of JSON input"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, &stub{respond: func(int, request) (*http.Response, error) { return c.resp, c.err }}, balanced(t))
			_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@example.com"})
			require.ErrorContains(t, err, c.want)
			assert.True(t, basiq.MayHaveSucceeded(err))
		})
	}
}

// A base URL with the wrong scheme is not retried, and the error says what is wrong.
func TestWithBaseURL_PlainHTTPServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	client, err := basiq.New("", basiq.WithBaseURL(strings.Replace(server.URL, "http:", "https:", 1)), basiq.WithTokenSource(fixedTokens("token-1")))
	require.NoError(t, err)
	_, err = client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
	require.ErrorIs(t, err, http.ErrSchemeMismatch)
	require.ErrorContains(t, err, "no response after 1 attempt: http: server gave HTTP response to HTTPS client")
	assert.False(t, basiq.MayHaveSucceeded(err))
}

func TestWithRetry_Defaults(t *testing.T) {
	t.Parallel()
	s := &stub{respond: respondWith(ok(503, ""))}
	_, err := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1})).Users.Get(t.Context(), userID)
	require.ErrorIs(t, err, basiq.ErrUnavailable)
	assert.Len(t, s.seen(), 1)
	_, err = basiq.New("k", basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Minute}))
	require.NoError(t, err)
}

// Middleware runs once for each attempt, in the order of the options, and does not see credentials.
func TestMiddleware_Order(t *testing.T) {
	t.Parallel()
	var events []string
	appendEvent := func(name string) basiq.Middleware {
		return func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				call, ok := basiq.CallFromContext(req.Context())
				if !ok {
					return nil, errors.New("missing CallInfo")
				}
				events = append(events, fmt.Sprintf("%s %s %d %s %s%s", name, call.Operation.Name, call.Attempt, call.Operation.Method,
					call.Operation.Path, req.Header.Get("Authorization")))
				return next.Do(req)
			})
		}
	}
	s := &stub{respond: respondWith(ok(503, ""), ok(200, connectionJSON))}
	client := newClient(t, s, basiq.WithMiddleware(appendEvent("outer"), appendEvent("inner")))
	_, err := client.Connections.Get(t.Context(), userID, connID)
	require.NoError(t, err)
	const get, token = "Connections.Get %d GET /users/{userId}/connections/{connectionId}", "Tokens.Create 1 POST /token"
	assert.Equal(t, []string{
		"outer " + fmt.Sprintf(get, 1), "inner " + fmt.Sprintf(get, 1),
		"outer " + token, "inner " + token,
		"outer " + fmt.Sprintf(get, 2), "inner " + fmt.Sprintf(get, 2),
	}, events, "once per attempt, first middleware outermost, no credentials")
	_, ok := basiq.CallFromContext(t.Context())
	assert.False(t, ok)
}

// Middleware may respond without calling next.
func TestMiddleware_OwnResponse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		resp *http.Response
		want string
	}{
		"nil response":      {nil, "middleware returned nil response and nil error"},
		"nil body":          {&http.Response{StatusCode: http.StatusServiceUnavailable}, "503 Service Unavailable"},
		"nil body with 200": {&http.Response{StatusCode: http.StatusOK}, "unexpected end of JSON input"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, roundTripper(nil), basiq.WithMiddleware(func(basiq.Doer) basiq.Doer {
				return basiq.DoerFunc(func(*http.Request) (*http.Response, error) { return c.resp, nil })
			}))
			_, err := client.Users.Get(t.Context(), userID)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// A request that middleware rejects was not sent and is not retried. An error after the request does not prove anything.
func TestMiddleware_Errors(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	failing := func(calls *int, after bool) basiq.Option {
		return basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				if call, _ := basiq.CallFromContext(req.Context()); call.Operation.ID == "postToken" {
					return next.Do(req)
				}
				*calls++
				if !after {
					return nil, refused
				}
				resp, err := next.Do(req)
				if err != nil {
					return nil, err
				}
				return resp, refused
			})
		})
	}
	t.Run("before the request", func(t *testing.T) {
		t.Parallel()
		s, calls := &stub{respond: respondWith(ok(202, jobJSON))}, 0
		client := newClient21(t, s, failing(&calls, false))
		_, err := client.Connections.Create(t.Context(), userID, login)
		require.ErrorIs(t, err, refused)
		assert.False(t, basiq.MayHaveSucceeded(err))
		_, err = client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, refused)
		assert.Equal(t, 2, calls)
		assert.Empty(t, s.seen())
	})
	t.Run("before a retry", func(t *testing.T) {
		t.Parallel()
		s, attempts := &stub{respond: respondWith(ok(503, ""))}, 0
		client := newClient(t, s, basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				if attempts++; attempts > 1 {
					return nil, refused // an open circuit breaker
				}
				return next.Do(req)
			})
		}))
		_, err := client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, refused)
		assert.Equal(t, 2, attempts)
		assert.True(t, basiq.MayHaveSucceeded(err), "the first attempt may have succeeded")
	})
	t.Run("after the response", func(t *testing.T) {
		t.Parallel()
		body := &closeRecorder{Reader: strings.NewReader(jobJSON)}
		s, calls := &stub{respond: func(int, request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusAccepted, Body: body}, nil
		}}, 0
		client := newClient21(t, s, failing(&calls, true))
		_, err := client.Connections.Create(t.Context(), userID, login)
		require.ErrorIs(t, err, refused)
		assert.True(t, basiq.MayHaveSucceeded(err))
		assert.Len(t, s.seen(), 1, "a create with a response must not be retried")
		assert.True(t, body.closed)
	})
}

type closeRecorder struct {
	io.Reader
	closed bool
}

func (c *closeRecorder) Close() error {
	c.closed = true
	return nil
}

// Without the attempt's context the client cannot record anything about the request, so the request is not sent.
func TestMiddleware_ReplacesContext(t *testing.T) {
	t.Parallel()
	s := &stub{respond: respondWith(ok(201, userJSON))}
	client := newClient(t, s, basiq.WithMiddleware(withoutContext))
	_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
	require.ErrorContains(t, err, "middleware replaced the request's context")
	assert.False(t, basiq.MayHaveSucceeded(err))
	assert.Empty(t, s.seen())
	assert.Zero(t, s.tokenRequests())

	body := &closeRecorder{Reader: strings.NewReader("{}")}
	_, err = client.Raw().CreateUserWithBody(t.Context(), "application/json", body)
	require.ErrorContains(t, err, "middleware replaced the request's context")
	assert.True(t, body.closed, "the body of an unsent request must be closed")
}

// The context of the call, which a limiter receives, is not the context of an attempt.
func TestMiddleware_ContextOfCall(t *testing.T) {
	t.Parallel()
	s := &stub{respond: respondWith(ok(201, userJSON))}
	var last context.Context
	limiter := seeingLimiter(func(_ string, ctx context.Context) { last = ctx }) //nolint:fatcontext // the context does not grow
	client := newClient(t, s, basiq.WithRateLimit(limiter), basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) { return next.Do(req.WithContext(last)) })
	}))
	_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
	require.ErrorContains(t, err, "middleware replaced the request's context")
	assert.Empty(t, s.seen())
}

// A context derived from the attempt's context contains the same record.
func TestMiddleware_DerivesContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	s := &stub{respond: respondWith(errReset, ok(200, userJSON))}
	client := newClient(t, s, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			ctx, cancel := context.WithTimeout(context.WithValue(req.Context(), key{}, true), time.Hour)
			t.Cleanup(cancel)
			return next.Do(req.WithContext(ctx))
		})
	}))
	_, err := client.Users.Get(t.Context(), userID)
	require.NoError(t, err)
	assert.Len(t, s.seen(), 2)
}

// failingPosts fails every create, to test whether it is retried.
func failingPosts(_ int, req request) (*http.Response, error) {
	if req.Method == http.MethodPost {
		return reply(503, ""), nil
	}
	return reply(200, userJSON), nil
}

// A call that middleware makes with the context of another call is independent of that call.
func TestMiddleware_NestedCall(t *testing.T) {
	t.Parallel()
	s := &stub{respond: failingPosts}
	audit := newClient(t, s)
	var statuses []int
	client := newClient(t, s, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := audit.Raw().CreateUser(req.Context(), gen.CreateUser{Email: "audit@example.com"})
			if err == nil {
				statuses = append(statuses, resp.StatusCode)
			}
			return next.Do(req)
		})
	}))
	_, err := client.Users.Get(t.Context(), userID)
	require.NoError(t, err)
	assert.Equal(t, []int{503, 503}, statuses, "once for the call and once for its token request")
	creates := 0
	for _, r := range s.seen() {
		if r.Method == http.MethodPost {
			creates++
			assert.Equal(t, "Bearer token-1", r.Authorization)
		}
	}
	assert.Equal(t, 2, creates, "a create inside a read must not be retried")
}

// A Raw call that middleware makes during another Raw call is independent of it, so a create is not retried.
func TestMiddleware_NestedRawCall(t *testing.T) {
	t.Parallel()
	s := &stub{respond: failingPosts}
	audit := newClient(t, s)
	client := newClient(t, s, basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := audit.Raw().CreateUser(req.Context(), gen.CreateUser{Email: "audit@example.com"})
			if err != nil {
				return nil, err
			}
			_ = resp.Body.Close()
			return next.Do(req)
		})
	}))
	resp, err := client.Raw().GetUser(t.Context(), userID)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	var sent []string
	for _, r := range s.seen() {
		sent = append(sent, r.String())
	}
	assert.Equal(t, []string{"POST /users", "GET /users/u1"}, sent)
}

func TestWithLogger(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := &stub{respond: respondWith(errReset, ok(503, envelope("service-unavailable", "", "")), ok(200, connectionJSON))}
	client := newClient(t, s, basiq.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || (a.Key == "duration" || a.Key == "waited") && a.Value.Duration() < time.Minute {
				return slog.Attr{}
			}
			return a
		},
	}))))
	_, err := client.Connections.Get(t.Context(), userID, connID)
	require.NoError(t, err)
	const get = ` operation=Connections.Get method=GET path=/users/{userId}/connections/{connectionId} `
	const attempt = `level=DEBUG msg="basiq attempt"` + get
	assert.Equal(t, []string{
		`level=DEBUG msg="basiq attempt" operation=Tokens.Create method=POST path=/token attempt=1 status=200`,
		attempt + `attempt=1 error="read: connection reset by peer"`,
		attempt + `attempt=2 status=503 correlation_id=corr-1`,
		attempt + `attempt=3 status=200`,
		`level=INFO msg="basiq call"` + get + `attempts=3 status=200`,
	}, strings.Split(strings.TrimSpace(log.String()), "\n"))
}

// The logged duration of a call excludes its waits.
func TestWithLogger_Duration(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &stub{respond: func(n int, _ request) (*http.Response, error) {
			time.Sleep(time.Second)
			if n == 1 {
				return stubResponse{status: 503, header: http.Header{"Retry-After": {"20"}}}.httpResponse(), nil
			}
			return reply(200, connectionJSON), nil
		}}
		client := newClient(t, s, basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 2, BaseDelay: time.Nanosecond, MaxDelay: time.Minute}))
		require.NoError(t, errOf(client.Connections.Get(t.Context(), userID, connID)))
		assert.Contains(t, log.String(), " attempts=2 duration=2s waited=20")
	})
}

func TestRaw(t *testing.T) {
	t.Parallel()
	t.Run("same request handling", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, tokenExpired, ok(503, ""), ok(200, connectionJSON))
		resp, err := client.Raw().GetConnection(t.Context(), userID, connID)
		require.NoError(t, err)
		assert.Equal(t, 200, resp.StatusCode)
		assert.JSONEq(t, connectionJSON, bodyOf(t, resp))
		assert.Len(t, s.seen(), 3)
		assert.Equal(t, "Bearer token-2", s.seen()[2].Authorization)
	})
	t.Run("operation from the path", func(t *testing.T) {
		t.Parallel()
		for path, want := range map[string]int{"refresh": 4, "c1": 1} { // POST …/refresh is idempotent, POST …/c1 is not
			s := &stub{respond: respondWith(ok(503, ""))}
			raw := newClient21(t, s).Raw()
			var err error
			if path == "refresh" {
				_, err = raw.RefreshConnections(t.Context(), userID)
			} else {
				_, err = raw.UpdateConnectionWithBody(t.Context(), userID, connID, "application/json", strings.NewReader("{}"))
			}
			require.NoError(t, err)
			assert.Len(t, s.seen(), want, path)
		}
	})
	t.Run("base URL with a path", func(t *testing.T) {
		t.Parallel()
		s := &stub{respond: respondWith(ok(503, ""))}
		client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			req.URL.Path = strings.TrimPrefix(req.URL.Path, "/basiq")
			return s.RoundTrip(req)
		}), basiq.WithBaseURL("https://proxy.example/basiq"))
		_, err := client.Raw().GetUser(t.Context(), userID)
		require.NoError(t, err)
		assert.Len(t, s.seen(), 4)
	})
	t.Run("status of a truncated response", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, stubResponse{status: 202, body: "{", cut: errReset})
		resp, err := client.Raw().PostJobMFAWithBody(t.Context(), jobID, "application/json", strings.NewReader("{}"))
		require.NoError(t, err)
		assert.Equal(t, 202, resp.StatusCode)
		_, err = io.Copy(io.Discard, resp.Body)
		require.ErrorIs(t, err, errReset)
	})
	t.Run("changes do not affect the client", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, userJSON))
		raw := client.Raw()
		raw.Server = "https://evil.example/"
		_, err := client.Users.Get(t.Context(), userID)
		require.NoError(t, err)
	})
}
