package basiq_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// fixedTokens is a TokenSource that always returns the same token.
type fixedTokens string

func (f fixedTokens) Token(context.Context, basiq.Scope) (basiq.Token, error) {
	return basiq.Token{Value: basiq.NewSecret(string(f)), Expires: time.Now().Add(time.Hour)}, nil
}

func (fixedTokens) Reject(context.Context, basiq.Scope, basiq.Token) {}

func TestTokens_Create_Request(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version basiq.APIVersion
		scope   basiq.Scope
		form    url.Values
	}{
		"server": {basiq.APIVersion30, basiq.ServerAccess(), url.Values{"scope": {"SERVER_ACCESS"}}},
		"client": {basiq.APIVersion21, basiq.ClientAccess("u1"), url.Values{"scope": {"CLIENT_ACCESS"}, "userId": {"u1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent *http.Request
			var form url.Values
			client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				sent = req
				if err := req.ParseForm(); err != nil {
					return nil, err
				}
				form = req.PostForm
				return reply(200, tokenJSON), nil
			}), basiq.WithAPIVersion(c.version))
			start := time.Now()
			token, err := client.Tokens.Create(t.Context(), c.scope)
			require.NoError(t, err)
			assert.Equal(t, "token-1", token.Value.Reveal())
			assert.WithinDuration(t, start.Add(time.Hour), token.Expires, time.Minute)
			assert.Equal(t, "Basic "+testKey, sent.Header.Get("Authorization"), "the key must be sent unchanged")
			assert.Equal(t, "application/x-www-form-urlencoded", sent.Header.Get("Content-Type"))
			assert.Equal(t, string(c.version), sent.Header.Get("Basiq-Version"))
			assert.Equal(t, c.form, form)
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestTokens_Create_Errors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		response stubResponse
		want     error
		requests int
	}{
		"wrong key":               {ok(404, envelope("parameter-not-valid", "We have encountered an error", "Unable to authenticate. Please, check your API key")), basiq.ErrInvalidAPIKey, 1},
		"too many token requests": {ok(403, envelope("request-not-valid", "", "Invalid request")), basiq.ErrTooManyTokenRequests, 1},
		"429":                     {ok(429, ""), basiq.ErrTooManyTokenRequests, 4},
		"400":                     {ok(400, envelope("request-not-valid", "", "Invalid request")), basiq.ErrBadRequest, 1},
		"disabled":                {ok(403, envelope("access-denied", "", "Your account has been disabled. Please contact Basiq support.")), basiq.CodeAccessDenied, 1},
		"outage":                  {ok(503, ""), nil, 4},
		"404 from a gateway":      {ok(404, `{"message":"no Route matched with those values"}`), nil, 1},
		"wrong base URL":          {ok(404, "<html>no such page"), nil, 1},
		"missing token":           {ok(200, `{}`), nil, 1},
		"not JSON":                {ok(200, `<html>`), nil, 1},
		"mistyped token":          {ok(200, `{"access_token":42}`), nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, userJSON))
			s.onToken = func(int) (*http.Response, error) { return c.response.httpResponse(), nil }
			_, err := client.Users.Get(t.Context(), userID)
			require.Error(t, err)
			var failure *basiq.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, "Tokens.Create", failure.Operation)
			assert.Equal(t, c.response.status, failure.StatusCode)
			if c.response.status == 200 {
				assert.Empty(t, failure.Body(), "the body may contain a token")
			}
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			} else {
				require.NotErrorIs(t, err, basiq.ErrInvalidAPIKey)
			}
			require.NotErrorIs(t, err, basiq.ErrNotFound, "the user may exist")
			assert.Equal(t, c.want == basiq.ErrTooManyTokenRequests, errors.Is(err, basiq.ErrTooManyTokenRequests)) //nolint:errorlint // compares identities
			assert.Equal(t, c.response.status == 503, errors.Is(err, basiq.ErrUnavailable))
			assert.Contains(t, err.Error(), "basiq: Users.Get: no access token: ")
			assert.Equal(t, c.requests, s.tokenRequests(), "only the token call retries")
			assert.Empty(t, s.seen())
		})
	}
}

// A token that Basiq rejects is replaced once, and the request is retried once with the same body.
func TestAuth_RejectedToken(t *testing.T) {
	t.Parallel()
	for name, rejection := range map[string]stubResponse{
		"403 expired":                   tokenExpired,
		"401":                           ok(401, envelope("invalid-authorization-token", "Invalid authorization token.", "")),
		"401 without a body":            ok(401, ""),
		"401 with HTML":                 ok(401, "<html>"),
		"401 access-denied":             ok(401, envelope("access-denied", "Access denied.", "Token has expired")),
		"401 with a truncated body":     {status: 401, body: "{", cut: errReset},
		"403, second error in the list": ok(403, `{"data":[{"code":"x"},{"code":"access-denied","detail":"Token has expired"}]}`),
		"403 in capitals":               ok(403, envelope("Access denied", "", "TOKEN HAS EXPIRED.")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub21(t, rejection, ok(202, jobJSON))
			_, err := client.Connections.Create(t.Context(), userID, login)
			require.NoError(t, err)
			seen := s.seen()
			require.Len(t, seen, 2)
			assert.Equal(t, 2, s.tokenRequests())
			assert.Equal(t, []string{"Bearer token-1", "Bearer token-2"}, []string{seen[0].Authorization, seen[1].Authorization})
			assert.JSONEq(t, `{"institution":{"id":"AU00000"},"loginId":"gavinBelson","password":"hooli2016"}`, seen[1].Body)

			_, err = client.Connections.Refresh(t.Context(), userID, connID)
			require.NoError(t, err)
			assert.Equal(t, 2, s.tokenRequests(), "the new token must be cached")
		})
	}
	t.Run("only once", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, tokenExpired)
		_, err := client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, basiq.ErrForbidden)
		require.ErrorIs(t, err, basiq.CodeAccessDenied)
		assert.Len(t, s.seen(), 2)
		assert.Equal(t, 2, s.tokenRequests())
	})
	t.Run("TokenSource without another token", func(t *testing.T) {
		t.Parallel()
		s := &stub{respond: respondWith(tokenExpired)}
		client := newClient(t, s, basiq.WithTokenSource(fixedTokens("fixed")))
		_, err := client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, basiq.ErrForbidden)
		assert.Len(t, s.seen(), 1)
	})
	t.Run("token request fails", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, tokenExpired)
		s.onToken = func(n int) (*http.Response, error) {
			if n > 1 {
				return reply(404, envelope("parameter-not-valid", "", "Unable to authenticate")), nil
			}
			return reply(200, tokenJSON), nil
		}
		_, err := client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, basiq.ErrInvalidAPIKey)
		assert.Len(t, s.seen(), 1)
		assert.Equal(t, 2, s.tokenRequests(), "the failed token request must not be retried")
		assert.False(t, basiq.MayHaveSucceeded(err), "Basiq rejected the call without processing it")
		assert.Contains(t, err.Error(), "basiq: Users.Get: no access token: ")
	})
	t.Run("token request is interrupted", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &stub{respond: respondWith(ok(200, userJSON))}
			s.onToken = func(int) (*http.Response, error) { return nil, errReset }
			client := newClient(t, s, basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 10, BaseDelay: 10 * time.Minute, MaxDelay: time.Hour}))
			_, err := client.Users.Get(t.Context(), userID)
			require.ErrorIs(t, err, errReset)
			assert.Contains(t, err.Error(), "basiq: Users.Get: no access token: basiq: Tokens.Create: ")
			assert.False(t, basiq.MayHaveSucceeded(err))
		})
	})
}

// Other 401 and 403 responses are returned immediately and the token is kept.
func TestAuth_OtherRejections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		response stubResponse
		want     error
	}{
		"wrong scope":      {ok(403, envelope("forbidden-access", "Forbidden Access", "Access to this resource is forbidden")), basiq.CodeForbiddenAccess},
		"sandbox key":      {ok(403, envelope("no-production-access", "", "Please contact us to have your API key enabled for Connections.")), basiq.CodeNoProductionAccess},
		"gateway":          {ok(403, `{"message":"Missing Authentication Token"}`), basiq.ErrForbidden},
		"HTML":             {ok(403, "<html>Forbidden</html>"), basiq.ErrForbidden},
		"another user":     {ok(401, envelope("unauthorized-access", "", "You are not authorized to access this resource")), basiq.CodeUnauthorizedAccess},
		"British spelling": {ok(401, envelope("unauthorised-access", "", "")), basiq.CodeUnauthorizedAccess},
		"disabled account": {ok(403, envelope("access-denied", "Access denied.", "Your account has been disabled.")), basiq.CodeAccessDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, c.response)
			_, err := client.Users.Get(t.Context(), userID)
			require.ErrorIs(t, err, c.want)
			assert.Len(t, s.seen(), 1)
			assert.Equal(t, 1, s.tokenRequests())
		})
	}
}

// Jobs.AnswerMFA always uses the scope of the user. Other calls use the scope in the context, or server access.
func TestAuth_Scope(t *testing.T) {
	t.Parallel()
	var scopes []string
	s := &stub{respond: respondWith(ok(202, jobJSON))}
	client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/token" {
			if err := req.ParseForm(); err != nil {
				return nil, err
			}
			scopes = append(scopes, req.PostForm.Get("scope")+" "+req.PostForm.Get("userId"))
			return reply(200, tokenJSON), nil
		}
		return s.RoundTrip(req)
	}))
	_, err := client.Jobs.Get(t.Context(), jobID)
	require.NoError(t, err)
	_, err = client.Jobs.AnswerMFA(t.Context(), userID, jobID, basiq.NewSecret("1234"))
	require.NoError(t, err)
	_, err = client.Jobs.Get(basiq.ContextWithScope(t.Context(), basiq.ClientAccess("u2")), jobID)
	require.NoError(t, err)
	_, err = client.Jobs.AnswerMFA(basiq.ContextWithScope(t.Context(), basiq.ServerAccess()), userID, jobID, basiq.NewSecret("1234"))
	require.NoError(t, err)
	assert.Equal(t, []string{"SERVER_ACCESS ", "CLIENT_ACCESS u1", "CLIENT_ACCESS u2"}, scopes)

	_, err = client.Jobs.Get(basiq.ContextWithScope(t.Context(), basiq.Scope{}), jobID)
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
}

// An invalid scope is rejected even if a token of a similar valid scope is cached.
func TestAuth_InvalidScope_CachedToken(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, jobJSON))
	_, err := client.Jobs.Get(t.Context(), jobID)
	require.NoError(t, err)
	bad := basiq.Scope{Access: basiq.TokenScopeServerAccess, UserID: "u1"}
	_, err = client.Jobs.Get(basiq.ContextWithScope(t.Context(), bad), jobID)
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
}

func TestAuth_InvalidScope(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, jobJSON))
	for name, scope := range map[string]basiq.Scope{
		"none":                  {},
		"unknown":               {Access: "ADMIN"},
		"client without a user": {Access: basiq.TokenScopeClientAccess},
		"server with a user":    {Access: basiq.TokenScopeServerAccess, UserID: "u1"},
	} {
		_, err := client.Tokens.Create(t.Context(), scope)
		require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
		_, err = client.Tokens.Get(t.Context(), scope)
		require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
	}
	assert.Zero(t, s.tokenRequests())
}

// A custom TokenSource provides the tokens and is notified when one is rejected.
func TestTokenSource(t *testing.T) {
	t.Parallel()
	source := &sharedTokens{current: "shared-1"}
	s := &stub{respond: func(_ int, req request) (*http.Response, error) {
		if req.Authorization == "Bearer shared-1" {
			return tokenExpired.httpResponse(), nil
		}
		return reply(200, userJSON), nil
	}}
	client, err := basiq.New("", basiq.WithTokenSource(source), basiq.WithHTTPClient(&http.Client{Transport: s}))
	require.NoError(t, err)
	_, err = client.Users.Get(t.Context(), userID)
	require.NoError(t, err)
	assert.Equal(t, []string{"shared-1"}, source.rejected)
	assert.Equal(t, []string{"Bearer shared-1", "Bearer shared-2"}, []string{s.seen()[0].Authorization, s.seen()[1].Authorization})
	assert.Zero(t, s.tokenRequests())

	_, err = client.Tokens.Create(t.Context(), basiq.ServerAccess())
	require.ErrorIs(t, err, basiq.ErrInvalidInput, "the client has an empty API key")

	source.err = errors.New("token store unavailable")
	_, err = client.Users.Get(t.Context(), userID)
	require.ErrorIs(t, err, source.err)
}

type sharedTokens struct {
	current  string
	rejected []string
	err      error
}

func (s *sharedTokens) Token(context.Context, basiq.Scope) (basiq.Token, error) {
	return basiq.Token{Value: basiq.NewSecret(s.current), Expires: time.Now().Add(time.Hour)}, s.err
}

func (s *sharedTokens) Reject(_ context.Context, _ basiq.Scope, token basiq.Token) {
	s.rejected = append(s.rejected, token.Value.Reveal())
	s.current = "shared-2"
}

// A request that was redirected to another host does not get a token.
func TestAuth_OtherHost(t *testing.T) {
	t.Parallel()
	for _, elsewhere := range []string{"http://au-api.basiq.io/users/u1", "https://evil.example/users/u1", "https://au-api.basiq.io:8443/users/u1"} {
		s, client := newStub(t, ok(200, userJSON))
		_, err := client.Raw().GetUser(t.Context(), userID, func(_ context.Context, req *http.Request) error {
			u, err := url.Parse(elsewhere)
			req.URL = u
			return err
		})
		require.ErrorContains(t, err, "request URL is outside the client's base URL")
		assert.Empty(t, s.seen())
		assert.Zero(t, s.tokenRequests())
	}
}

// Public operations work without a token: if no token is available, and without sending a token that is available.
func TestAuth_PublicOperations(t *testing.T) {
	t.Parallel()
	down := errors.New("token endpoint unavailable")
	body := `{"type":"list","id":"AU00000","data":[]}`
	calls := map[string]func(t testing.TB, c *basiq.Client) error{
		"raw list": func(t testing.TB, c *basiq.Client) error {
			return rawError(c.Raw().GetPublicConnectors(t.Context(), &gen.GetPublicConnectorsParams{}))
		},
		"raw connector": func(t testing.TB, c *basiq.Client) error {
			return rawError(c.Raw().GetPublicConnector(t.Context(), "AU00000", "web"))
		},
		"raw institutions": func(t testing.TB, c *basiq.Client) error {
			return rawError(c.Raw().GetPublicInstitutions(t.Context(), &gen.GetPublicInstitutionsParams{}))
		},
		// A credential set by a request editor is removed. A request without a token must not carry another credential.
		"raw with a credential": func(t testing.TB, c *basiq.Client) error {
			return rawError(c.Raw().GetPublicConnectors(t.Context(), &gen.GetPublicConnectorsParams{}, func(_ context.Context, req *http.Request) error {
				req.Header.Set("Authorization", "Bearer of-the-caller")
				return nil
			}))
		},
		"invalid scope": func(t testing.TB, c *basiq.Client) error {
			return only(t, c.Connectors.ListPublic(basiq.ContextWithScope(t.Context(), basiq.Scope{})), func(*basiq.Connector) {})
		},
	}
	for _, c := range operationCalls {
		if isPublic(operation(t, c.id)) {
			calls[c.id] = c.call
		}
	}
	require.Len(t, calls, 8)
	for name, call := range calls {
		response := ok(200, body)
		for _, c := range operationCalls {
			if c.id == name || c.id == "getPublicConnectors" && name == "invalid scope" {
				response = ok(c.status, c.body)
			}
		}
		for where, options := range map[string][]basiq.Option{
			"":                     nil,
			"failing token source": {basiq.WithTokenSource(&sharedTokens{err: down})},
			"base URL with a path": {basiq.WithBaseURL("https://proxy.example/basiq")},
		} {
			t.Run(name+" "+where, func(t *testing.T) {
				t.Parallel()
				s := &stub{
					respond: respondWith(response),
					onToken: func(int) (*http.Response, error) { return nil, down },
				}
				client := newClient(t, s, options...)
				require.NoError(t, call(t, client))
				require.Len(t, s.seen(), 1)
				assert.NotContains(t, s.seen()[0].Header, "Authorization")
				assert.Zero(t, s.tokenRequests())

				if where != "base URL with a path" { // the stub would not recognize the token request
					_, err := client.Users.Get(t.Context(), userID)
					require.ErrorIs(t, err, down, "other operations need a token")
				}
			})
		}
		// A rejection cannot be caused by a token that was not sent.
		for _, rejection := range []stubResponse{tokenExpired, ok(401, "")} {
			t.Run(fmt.Sprint(name, " rejected with ", rejection.status), func(t *testing.T) {
				t.Parallel()
				s, client := newStub(t, rejection)
				var failure *basiq.Error
				if err := call(t, client); strings.HasPrefix(name, "raw") {
					require.ErrorContains(t, err, strconv.Itoa(rejection.status))
				} else {
					require.ErrorAs(t, err, &failure)
					assert.Equal(t, rejection.status, failure.StatusCode)
				}
				assert.Len(t, s.seen(), 1)
				assert.Zero(t, s.tokenRequests())
			})
		}
	}
}

// rawError returns the error of a call through Raw. A status outside 2xx is also an error.
func rawError(resp *http.Response, err error) error {
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status + strconv.Itoa(resp.StatusCode))
	}
	return err
}

// withoutContext is middleware that removes the call's information from the context.
func withoutContext(next basiq.Doer) basiq.Doer {
	return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) { return next.Do(req.WithContext(context.Background())) })
}

// A path that only resembles a public one is not public: the request must be sent with a token.
func TestAuth_PublicLookingPaths(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, userJSON))
	for _, path := range []string{"/public", "/public/", "/publicly/connectors", "/users/public", "/public/users/u1", "/connectors/public/connectors"} {
		_, err := client.Raw().GetUser(t.Context(), userID, func(_ context.Context, req *http.Request) error {
			req.URL.Path = path
			return nil
		})
		require.NoError(t, err)
	}
	for _, got := range s.seen() {
		assert.Equal(t, "Bearer token-1", got.Authorization, got.Path)
	}
}

// A token that is not a valid header value is not sent.
func TestAuth_InvalidToken(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "a b", "a\r\nX: y", "a\x7f", "é"} {
		s := &stub{respond: respondWith(ok(200, userJSON))}
		_, err := newClient(t, s, basiq.WithTokenSource(fixedTokens(token))).Users.Get(t.Context(), userID)
		require.ErrorContains(t, err, "no access token: token is empty or contains characters that are invalid in a header")
		assert.False(t, basiq.MayHaveSucceeded(err))
		assert.Empty(t, s.seen())
	}
}

// A rejected token is replaced even if the request body cannot be read a second time.
func TestAuth_RejectedToken_Stream(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, tokenExpired, ok(201, userJSON))
	for _, want := range []int{403, 201} {
		resp, err := client.Raw().CreateUserWithBody(t.Context(), "application/json", io.MultiReader(strings.NewReader("{}")))
		require.NoError(t, err)
		assert.Equal(t, want, resp.StatusCode)
	}
	assert.Equal(t, 2, s.tokenRequests())
}

// failsOnce returns its error from the first Read and io.EOF afterwards.
type failsOnce struct{ err error }

func (f *failsOnce) Read([]byte) (int, error) {
	err := f.err
	f.err = io.EOF
	return 0, err
}

// The client reads the start of a response to detect a rejected token. An error during that is returned to the caller too.
func TestAuth_RejectedToken_TruncatedBody(t *testing.T) {
	t.Parallel()
	client := newClient(t, roundTripper(func(*http.Request) (*http.Response, error) {
		resp := reply(403, "")
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"data":[`), &failsOnce{errReset}))
		return resp, nil
	}), basiq.WithTokenSource(fixedTokens("token-1")))
	resp, err := client.Raw().GetUser(t.Context(), userID)
	require.NoError(t, err)
	assert.Equal(t, 403, resp.StatusCode)
	body, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, errReset)
	assert.Equal(t, `{"data":[`, string(body)) //nolint:testifylint // incomplete JSON
	require.NoError(t, resp.Body.Close())

	_, client = newStub(t, ok(403, `{"data":[]}`))
	resp, err = client.Raw().GetUser(t.Context(), userID)
	require.NoError(t, err)
	body, err = io.ReadAll(resp.Body)
	require.NoError(t, err, "a complete body must be readable")
	assert.JSONEq(t, `{"data":[]}`, string(body))
	require.NoError(t, resp.Body.Close())
}

// If the limit for token requests would exceed the context's deadline, the call fails at once with an error that says so. If
// the context is canceled during the wait, its error is returned instead.
func TestAuth_TokenRequestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := newStub(t, ok(200, userJSON))
		for range 100 {
			_, err := client.Tokens.Create(t.Context(), basiq.ServerAccess())
			require.NoError(t, err)
		}
		hurried, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := client.Tokens.Create(hurried, basiq.ServerAccess())
		require.ErrorIs(t, err, basiq.ErrTooManyTokenRequests)
		require.ErrorContains(t, err, "limit of the client (burst of 100, 2 per second) exceeds the context's deadline")
		assert.False(t, basiq.MayHaveSucceeded(err))

		canceled, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		_, err = client.Tokens.Create(canceled, basiq.ServerAccess())
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, basiq.ErrTooManyTokenRequests)
		assert.Equal(t, 100, s.tokenRequests())

		body := &closeRecorder{Reader: strings.NewReader("scope=SERVER_ACCESS")}
		hurried, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err = client.Raw().PostTokenWithBody(hurried, &gen.PostTokenParams{}, "application/x-www-form-urlencoded", body)
		require.ErrorIs(t, err, basiq.ErrTooManyTokenRequests)
		assert.True(t, body.closed)
	})
}

// rejectingLimiter is a Limiter that never allows a request.
type rejectingLimiter struct{}

func (rejectingLimiter) Wait(context.Context) error { return errReset }

// A request body that is never sent is closed, as http.Client does.
func TestAuth_BodyClosed(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(201, userJSON))
	s.onToken = func(int) (*http.Response, error) { return reply(404, envelope("parameter-not-valid", "", "")), nil }
	for name, editor := range map[string]gen.RequestEditorFn{
		"no token": func(context.Context, *http.Request) error { return nil },
		"elsewhere": func(_ context.Context, req *http.Request) error {
			req.URL.Host = "evil.example"
			return nil
		},
	} {
		body := &closeRecorder{Reader: strings.NewReader("{}")}
		_, err := client.Raw().CreateUserWithBody(t.Context(), "application/json", body, editor)
		require.Error(t, err, name)
		assert.True(t, body.closed, name)
	}
	client = newClient(t, s, basiq.WithTokenSource(fixedTokens("token-1")), basiq.WithRateLimit(rejectingLimiter{}))
	body := &closeRecorder{Reader: strings.NewReader("{}")}
	_, err := client.Raw().CreateUserWithBody(t.Context(), "application/json", body)
	require.ErrorIs(t, err, errReset)
	assert.True(t, body.closed, "the rate limiter rejected the request")
}

// For any token response, the client either uses the token or returns an error. A token is used until it expires, for a day
// at most. It is sent unchanged in the Authorization header and never appears in an error.
func FuzzToken(f *testing.F) {
	for _, token := range []string{"token-1", "", "a b", "a\r\nHost: evil.example", "ä", "\x00", "a.b.c", strings.Repeat("x", 8<<10), "[redacted]", " a", "PLANTED-\u2028"} {
		for i, life := range []int64{3600, 0, -1, 1, 86401, 1 << 62, -1 << 63} {
			body := ""
			if i == 0 {
				body = fmt.Sprintf(`{"access_token":%q,"expires_in":"3600"}`, token)
			}
			f.Add(token, life, []byte(body))
		}
	}
	for _, body := range []string{tokenJSON, "null", "[]", "<html>", `{"access_token":17}`, `{"access_token":"a","expires_in":1e3}`, `{"access_token":"a"}`, `{"access_token":"a","expires_in":1e999}`} {
		f.Add("", int64(0), []byte(body))
	}
	f.Fuzz(func(t *testing.T, value string, life int64, body []byte) {
		value = strings.ToValidUTF8(value, "\ufffd")
		made := len(body) == 0
		if made {
			quoted, err := json.Marshal(value)
			require.NoError(t, err)
			body = fmt.Appendf(nil, `{"access_token":%s,"token_type":"Bearer","expires_in":%d}`, quoted, life)
		}
		synctest.Test(t, func(t *testing.T) {
			w := &wire{response: ok(http.StatusOK, userJSON), token: &stubResponse{status: http.StatusOK, body: string(body)}}
			client := newClient(t, w, oneAttempt)
			token, err := client.Tokens.Create(t.Context(), basiq.ServerAccess())
			if err != nil {
				require.False(t, made && value != "", "a valid token was rejected")
				checkInvalidResponse(t, err, "Tokens.Create")
			} else {
				secret := token.Value.Reveal()
				require.NotEmpty(t, secret)
				require.Positive(t, time.Until(token.Expires))
				require.LessOrEqual(t, time.Until(token.Expires), 24*time.Hour)
				if made {
					require.Equal(t, value, secret)
					want := time.Hour
					if life > 0 {
						want = min(time.Duration(min(life, 1<<20))*time.Second, 24*time.Hour)
					}
					require.Equal(t, want, time.Until(token.Expires))
				}
			}
			_, failure := client.Users.Get(t.Context(), userID)
			secret := token.Value.Reveal()
			if secret != "" && strings.Trim(secret, printable) == "" {
				require.NoError(t, failure)
				require.Len(t, w.sent, 1)
				require.Equal(t, []string{"Bearer " + secret}, w.sent[0].Header["Authorization"])
				return
			}
			require.Empty(t, w.sent)
			checkText(t, failure, 600)
			require.False(t, basiq.MayHaveSucceeded(failure))
			if err == nil {
				require.EqualError(t, failure, "basiq: Users.Get: no access token: token is empty or contains characters that are invalid in a header")
			}
		})
	})
}

// printable lists the characters that a token may contain.
const printable = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// A wait for the limit of token requests is reported, and does not count as time of the attempt.
func TestAuth_TokenRequestLimit_Observed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var waited time.Duration
		var attempt basiq.AttemptResult
		client := newClient(t, &stub{}, basiq.WithObserver(basiq.Observer{
			Waited: func(_ context.Context, _ basiq.CallInfo, wait basiq.WaitInfo) {
				if wait.Reason == basiq.WaitRateLimit {
					waited += wait.Duration
				}
			},
			AttemptEnded: func(_ context.Context, _ basiq.CallInfo, result basiq.AttemptResult) { attempt = result },
		}))
		for range 101 {
			_, err := client.Tokens.Create(t.Context(), basiq.ServerAccess())
			require.NoError(t, err)
		}
		assert.Equal(t, 500*time.Millisecond, waited)
		assert.Equal(t, 500*time.Millisecond, attempt.Waited)
		assert.Zero(t, attempt.Duration)
	})
}
