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
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestNewRefusesBadInput(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key    string
		option basiq.Option
		want   string
	}{
		"no key":             {"", nil, "basiq: New: apiKey: must not be empty"},
		"key with a scheme":  {"Basic abc", nil, `must not begin with "Basic "`},
		"key with a space":   {"abc def", nil, "must not contain spaces"},
		"key with a newline": {"abc\n", nil, "line break"},
		"key beyond ASCII":   {"abcé", nil, "non-ASCII characters"},
		"version":            {"k", basiq.WithAPIVersion("2.0"), `unsupported version "2.0"`},
		"no host":            {"k", basiq.WithBaseURL("au-api.basiq.io"), "missing host"},
		"plain http":         {"k", basiq.WithBaseURL("http://au-api.basiq.io"), "scheme must be https (http is allowed for localhost only)"},
		"looks local":        {"k", basiq.WithBaseURL("http://localhost.evil.example"), "scheme must be https"},
		"other scheme":       {"k", basiq.WithBaseURL("ftp://au-api.basiq.io"), "scheme must be https"},
		"user in URL":        {"k", basiq.WithBaseURL("https://me:hunter2@au-api.basiq.io"), "must not contain a user, query or fragment"},
		"query in URL":       {"k", basiq.WithBaseURL("https://au-api.basiq.io?a=b"), "must not contain a user, query or fragment"},
		"fragment in URL":    {"k", basiq.WithBaseURL("https://au-api.basiq.io#a"), "must not contain a user, query or fragment"},
		"no URL":             {"k", basiq.WithBaseURL("https://me:hunter2@%zz"), "invalid URL"},
		"a step in URL":      {"k", basiq.WithBaseURL("https://proxy.example/x/../basiq"), "must not contain dot segments"},
		"a dot in URL":       {"k", basiq.WithBaseURL("https://proxy.example/./basiq/"), "must not contain dot segments"},
		"an empty part":      {"k", basiq.WithBaseURL("https://proxy.example//basiq"), "empty segments"},
		"nil client":         {"k", basiq.WithHTTPClient(nil), "must not be nil"},
		"negative attempts":  {"k", basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: -1}), "MaxAttempts -1 out of range [1, 10]"},
		"many attempts":      {"k", basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 11, BaseDelay: 1, MaxDelay: 1}), "MaxAttempts 11 out of range [1, 10]"},
		"negative delay":     {"k", basiq.WithRetry(basiq.RetryPolicy{BaseDelay: -1}), "BaseDelay must not be negative"},
		"delays crossed":     {"k", basiq.WithRetry(basiq.RetryPolicy{BaseDelay: 2, MaxDelay: 1}), "[BaseDelay, 1h]"},
		"endless delay":      {"k", basiq.WithRetry(basiq.RetryPolicy{MaxDelay: math.MaxInt64}), "[BaseDelay, 1h]"},
		"long base":          {"k", basiq.WithRetry(basiq.RetryPolicy{BaseDelay: 2 * time.Hour}), "[BaseDelay, 1h]"},
		"nil hook":           {"k", basiq.WithMiddleware(nil), "nil middleware"},
		"nil logger":         {"k", basiq.WithLogger(nil), "must not be nil"},
		"empty product":      {"k", basiq.WithUserAgent(""), "must not be empty"},
		"header injection":   {"k", basiq.WithUserAgent("a\r\nX: y"), "invalid in a header"},
		"no bytes":           {"k", basiq.WithMaxResponseBytes(0), "at least 1"},
		"nil tokens":         {"k", basiq.WithTokenSource(nil), "must not be nil"},
		"nil limiter":        {"k", basiq.WithRateLimit(nil), "must not be nil"},
		"old TLS":            {"k", basiq.WithHTTPClient(withTLS(&tls.Config{MinVersion: tls.VersionTLS11})), "must not allow TLS versions below 1.2"},
		"only old TLS":       {"k", basiq.WithHTTPClient(withTLS(&tls.Config{MaxVersion: tls.VersionTLS11})), "must not allow TLS versions below 1.2"},
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

func TestBaseURL(t *testing.T) {
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

func TestUserAgent(t *testing.T) {
	t.Parallel()
	s := &stub{answer: inTurn(ok(200, userJSON))}
	client := newClient(t, s, basiq.WithUserAgent("acme-lending/2.2"), basiq.WithUserAgent("acme-lending/2.3"))
	_, err := client.Users.Get(t.Context(), userID)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(s.seen()[0].Header.Get("User-Agent"), "acme-lending/2.3 basiq-go/"+basiq.Version))
	_, err = basiq.New(testKey, basiq.WithUserAgent("acme-lending/2.3 (staging)"))
	require.NoError(t, err, "it may have a comment")
	for _, bad := range []string{"", "acme\n", "acme\x7f", "acmé"} {
		_, err = basiq.New(testKey, basiq.WithUserAgent(bad))
		require.ErrorIs(t, err, basiq.ErrInvalidInput, "%q", bad)
	}
}

// A redirect would take a bank's password to another host, or turn a delete into a read that succeeds.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]basiq.Option{
		"default client": nil,
		"user's client": {basiq.WithHTTPClient(&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("not asked")
		}})},
		"user's plain client": {basiq.WithHTTPClient(&http.Client{})},
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(fmt.Sprint(name, status), func(t *testing.T) {
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

func TestRetryHasDefaults(t *testing.T) {
	t.Parallel()
	s := &stub{answer: inTurn(ok(503, ""))}
	_, err := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1})).Users.Get(t.Context(), userID)
	require.ErrorIs(t, err, basiq.ErrUnavailable)
	assert.Len(t, s.seen(), 1)
	_, err = basiq.New("k", basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Minute}))
	require.NoError(t, err)
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	var events []string
	hook := func(name string) basiq.Middleware {
		return func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				call, ok := basiq.CallFromContext(req.Context())
				if !ok {
					return nil, errors.New("no call")
				}
				events = append(events, fmt.Sprintf("%s %s %d %s %s%s", name, call.Operation.Name, call.Attempt, call.Operation.Method,
					call.Operation.Path, req.Header.Get("Authorization")))
				return next.Do(req)
			})
		}
	}
	s := &stub{answer: inTurn(ok(503, ""), ok(200, connectionJSON))}
	client := newClient(t, s, basiq.WithMiddleware(hook("outer"), hook("inner")))
	_, err := client.Connections.Get(t.Context(), userID, connID)
	require.NoError(t, err)
	const get, token = "Connections.Get %d GET /users/{userId}/connections/{connectionId}", "Tokens.Create 1 POST /token"
	assert.Equal(t, []string{
		"outer " + fmt.Sprintf(get, 1), "inner " + fmt.Sprintf(get, 1),
		"outer " + token, "inner " + token,
		"outer " + fmt.Sprintf(get, 2), "inner " + fmt.Sprintf(get, 2),
	}, events, "each attempt once, the first hook outermost, without a credential")
	_, ok := basiq.CallFromContext(t.Context())
	assert.False(t, ok)
}

func TestHooksThatAnswerThemselves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		resp *http.Response
		want string
	}{
		"nothing":  {nil, "middleware returned nil response and nil error"},
		"no body":  {&http.Response{StatusCode: http.StatusServiceUnavailable}, "503 Service Unavailable"},
		"no entry": {&http.Response{StatusCode: http.StatusOK}, "unexpected end of JSON input"},
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

// What a hook refuses was not sent and is not sent again; what it says after the request was is no evidence.
func TestHooksThatFail(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	hook := func(calls *int, after bool) basiq.Option {
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
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		s, calls := &stub{answer: inTurn(ok(202, jobJSON))}, 0
		client := newClient21(t, s, hook(&calls, false))
		_, err := client.Connections.Create(t.Context(), userID, login)
		require.ErrorIs(t, err, refused)
		assert.False(t, basiq.MayHaveSucceeded(err))
		_, err = client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, refused)
		assert.Equal(t, 2, calls)
		assert.Empty(t, s.seen())
	})
	t.Run("before a later attempt", func(t *testing.T) {
		t.Parallel()
		s, attempts := &stub{answer: inTurn(ok(503, ""))}, 0
		client := newClient(t, s, basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				if attempts++; attempts > 1 {
					return nil, refused // a circuit breaker that has opened
				}
				return next.Do(req)
			})
		}))
		_, err := client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, refused)
		assert.Equal(t, 2, attempts)
		assert.True(t, basiq.MayHaveSucceeded(err), "by the first attempt")
	})
	t.Run("after", func(t *testing.T) {
		t.Parallel()
		body := &closing{Reader: strings.NewReader(jobJSON)}
		s, calls := &stub{answer: func(int, request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusAccepted, Body: body}, nil
		}}, 0
		client := newClient21(t, s, hook(&calls, true))
		_, err := client.Connections.Create(t.Context(), userID, login)
		require.ErrorIs(t, err, refused)
		assert.True(t, basiq.MayHaveSucceeded(err))
		assert.Len(t, s.seen(), 1, "a create that was answered is not sent again, whatever a hook says")
		assert.True(t, body.closed)
	})
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

// Without the attempt's context nothing could be recorded about the request, so it is not sent.
func TestMiddleware_ReplacesContext(t *testing.T) {
	t.Parallel()
	s := &stub{answer: inTurn(ok(201, userJSON))}
	client := newClient(t, s, basiq.WithMiddleware(withoutContext))
	_, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
	require.ErrorContains(t, err, "middleware replaced the request's context")
	assert.False(t, basiq.MayHaveSucceeded(err))
	assert.Empty(t, s.seen())
	assert.Zero(t, s.tokenRequests())

	body := &closing{Reader: strings.NewReader("{}")}
	_, err = client.Raw().CreateUserWithBody(t.Context(), "application/json", body)
	require.ErrorContains(t, err, "middleware replaced the request's context")
	assert.True(t, body.closed, "the body of a request that is not sent is closed")
}

// A context derived from the attempt's carries the same record.
func TestMiddleware_DerivesContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	s := &stub{answer: inTurn(errReset, ok(200, userJSON))}
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

// failingPosts is an answer to tell by whether a create was sent again.
func failingPosts(_ int, req request) (*http.Response, error) {
	if req.Method == http.MethodPost {
		return reply(503, ""), nil
	}
	return reply(200, userJSON), nil
}

// A call that a hook makes with the context that it was given is a call of its own.
func TestCallsFromHooks(t *testing.T) {
	t.Parallel()
	s := &stub{answer: failingPosts}
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
	assert.Equal(t, []int{503, 503}, statuses, "once for the call and once for its token")
	creates := 0
	for _, r := range s.seen() {
		if r.Method == http.MethodPost {
			creates++
			assert.Equal(t, "Bearer token-1", r.Authorization)
		}
	}
	assert.Equal(t, 2, creates, "a create is a create, also inside a read")
}

// A call through Raw that a hook makes inside another call through Raw is a call of its own: a create stays a create.
func TestRawCallsInsideRawCalls(t *testing.T) {
	t.Parallel()
	s := &stub{answer: failingPosts}
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

func TestLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := &stub{answer: inTurn(errReset, ok(503, envelope("service-unavailable", "", "")), ok(200, connectionJSON))}
	client := newClient(t, s, basiq.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "duration" && a.Value.Duration() < time.Minute {
				return slog.Attr{}
			}
			return a
		},
	}))))
	_, err := client.Connections.Get(t.Context(), userID, connID)
	require.NoError(t, err)
	const get = `level=DEBUG msg="basiq call" operation=Connections.Get method=GET path=/users/{userId}/connections/{connectionId} `
	assert.Equal(t, []string{
		`level=DEBUG msg="basiq call" operation=Tokens.Create method=POST path=/token attempt=1 status=200`,
		get + `attempt=1 error="read: connection reset by peer"`,
		get + `attempt=2 status=503 correlation_id=corr-1`,
		get + `attempt=3 status=200`,
	}, strings.Split(strings.TrimSpace(log.String()), "\n"))
}

func TestRaw(t *testing.T) {
	t.Parallel()
	t.Run("goes the same way", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, tokenExpired, ok(503, ""), ok(200, connectionJSON))
		resp, err := client.Raw().GetConnection(t.Context(), userID, connID)
		require.NoError(t, err)
		assert.Equal(t, 200, resp.StatusCode)
		assert.JSONEq(t, connectionJSON, bodyOf(t, resp))
		assert.Len(t, s.seen(), 3)
		assert.Equal(t, "Bearer token-2", s.seen()[2].Authorization)
	})
	t.Run("knows the operation by its path", func(t *testing.T) {
		t.Parallel()
		for path, want := range map[string]int{"refresh": 4, "c1": 1} { // POST …/refresh may be repeated, POST …/c1 not
			s := &stub{answer: inTurn(ok(503, ""))}
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
	t.Run("below a path", func(t *testing.T) {
		t.Parallel()
		s := &stub{answer: inTurn(ok(503, ""))}
		client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			req.URL.Path = strings.TrimPrefix(req.URL.Path, "/basiq")
			return s.RoundTrip(req)
		}), basiq.WithBaseURL("https://proxy.example/basiq"))
		_, err := client.Raw().GetUser(t.Context(), userID)
		require.NoError(t, err)
		assert.Len(t, s.seen(), 4)
	})
	t.Run("keeps the status of a broken answer", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, answerOf{status: 202, body: "{", cut: errReset})
		resp, err := client.Raw().PostJobMFAWithBody(t.Context(), jobID, "application/json", strings.NewReader("{}"))
		require.NoError(t, err)
		assert.Equal(t, 202, resp.StatusCode)
		_, err = io.Copy(io.Discard, resp.Body)
		require.ErrorIs(t, err, errReset)
	})
	t.Run("cannot change the client", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, userJSON))
		raw := client.Raw()
		raw.Server = "https://evil.example/"
		_, err := client.Users.Get(t.Context(), userID)
		require.NoError(t, err)
	})
}
