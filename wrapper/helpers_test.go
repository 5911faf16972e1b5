package basiq_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

const (
	testKey = "test-api-key"
	userID  = "u1"
	connID  = "c1"
	jobID   = "j1"
)

// fastRetry keeps tests that run in real time short.
var fastRetry = basiq.Retry{MaxAttempts: 4, BaseDelay: time.Microsecond, MaxDelay: time.Millisecond}

// request is what a stub server saw.
type request struct {
	Method, Path, Query, Authorization, ContentType, Body string
	Header                                                http.Header
}

func (r request) String() string { return r.Method + " " + r.Path }

// stub is a transport that answers by itself. POST /token is answered with token-1, token-2 and so on; everything else
// goes to answer. It is safe for use by many goroutines.
type stub struct {
	answer func(n int, req request) (*http.Response, error)
	// onToken replaces the answer to POST /token; n counts from 1.
	onToken func(n int) (*http.Response, error)

	mu       sync.Mutex
	requests []request
	tokens   int
}

func (s *stub) RoundTrip(req *http.Request) (*http.Response, error) {
	r := request{
		Method: req.Method, Path: req.URL.EscapedPath(), Query: req.URL.RawQuery, Header: req.Header.Clone(),
		Authorization: req.Header.Get("Authorization"), ContentType: req.Header.Get("Content-Type"),
	}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		_ = req.Body.Close()
		r.Body = string(body)
	}
	s.mu.Lock()
	if r.Path == "/token" {
		s.tokens++
		n := s.tokens
		s.mu.Unlock()
		if s.onToken != nil {
			return s.onToken(n)
		}
		return reply(200, fmt.Sprintf(`{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, n)), nil
	}
	s.requests = append(s.requests, r)
	n := len(s.requests)
	s.mu.Unlock()
	return s.answer(n, r)
}

// seen returns the requests but those for tokens.
func (s *stub) seen() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// tokenRequests returns how many tokens were asked for.
func (s *stub) tokenRequests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens
}

// newStub returns a stub that gives the same answers in turn, the last one forever, and a client of it.
func newStub(t testing.TB, answers ...any) (*stub, *basiq.Client) {
	t.Helper()
	s := &stub{answer: inTurn(answers...)}
	return s, newClient(t, s)
}

// newClient returns a client whose requests go to transport.
func newClient(t testing.TB, transport http.RoundTripper, options ...basiq.Option) *basiq.Client {
	t.Helper()
	options = append([]basiq.Option{
		basiq.WithHTTPClient(&http.Client{Transport: transport}),
		basiq.WithRetry(fastRetry),
	}, options...)
	client, err := basiq.New(testKey, options...)
	require.NoError(t, err)
	return client
}

// inTurn answers with what it is given: an *answerOf, or an error. The last is repeated.
func inTurn(answers ...any) func(int, request) (*http.Response, error) {
	return func(n int, _ request) (*http.Response, error) {
		switch a := answers[min(n, len(answers))-1].(type) {
		case answerOf:
			return a.response(), nil
		case error:
			return nil, a
		default:
			return nil, fmt.Errorf("the test gave a %T", a)
		}
	}
}

// answerOf is an answer that can be given again and again.
type answerOf struct {
	status int
	body   string
	header http.Header
	// cut makes the body end with an error.
	cut error
}

func (a answerOf) response() *http.Response {
	resp := reply(a.status, a.body)
	maps.Copy(resp.Header, a.header)
	if a.cut != nil {
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(a.body), errReader{a.cut}))
	}
	return resp
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// ok is an answer with a status and a JSON body.
func ok(status int, body string) answerOf { return answerOf{status: status, body: body} }

// reply makes an answer.
func reply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}

// envelope is the body of an error as Basiq documents it.
func envelope(code, title, detail string) string {
	return fmt.Sprintf(`{"type":"list","correlationId":"corr-1","data":[{"type":"error","code":%q,"title":%q,"detail":%q,`+
		`"source":{"parameter":"id","pointer":"users/id"}}]}`, code, title, detail)
}

var (
	tokenExpired = ok(403, `{"type":"list","correlationId":"corr-1","data":[{"type":"error","code":"access-denied",`+
		`"title":"Access denied.","detail":"Token has expired","source":null}]}`)
	errReset = errors.New("read: connection reset by peer")
)

// serve starts a server on loopback and returns a client of it.
func serve(t *testing.T, handler http.HandlerFunc, options ...basiq.Option) *basiq.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"token-1","token_type":"Bearer","expires_in":3600}`)
			return
		}
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	options = append([]basiq.Option{basiq.WithBaseURL(server.URL), basiq.WithRetry(fastRetry)}, options...)
	client, err := basiq.New(testKey, options...)
	require.NoError(t, err)
	return client
}

// operationCall calls one operation, and says what its success looks like.
type operationCall struct {
	id     string
	status int
	body   string
	path   string
	call   func(t testing.TB, c *basiq.Client) error
}

const (
	userJSON       = `{"type":"user","id":"u1","email":"gavin@hooli.com","links":{"self":"https://au-api.basiq.io/users/u1"}}`
	connectionJSON = `{"type":"connection","id":"c1","status":"active","institution":{"type":"institution","id":"AU00000"},"links":{"self":"https://au-api.basiq.io/users/u1/connections/c1"}}`
	jobJSON        = `{"type":"job","id":"j1","links":{"self":"https://au-api.basiq.io/jobs/j1"}}`
	tokenJSON      = `{"access_token":"token-1","token_type":"Bearer","expires_in":3600}`
)

// operationCalls has one row for each operation; TestEveryOperationHasACall holds it complete.
var operationCalls = []operationCall{
	{"postToken", 200, tokenJSON, "/token", func(t testing.TB, c *basiq.Client) error {
		token, err := c.Tokens.Create(t.Context(), basiq.ServerAccess())
		if err == nil {
			require.Equal(t, "token-1", token.Value.Reveal())
		}
		return err
	}},
	{"createUser", 201, userJSON, "/users", func(t testing.TB, c *basiq.Client) error {
		user, err := c.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
		return checkUser(t, user, err)
	}},
	{"getUser", 200, userJSON, "/users/u1", func(t testing.TB, c *basiq.Client) error {
		user, err := c.Users.Get(t.Context(), userID)
		return checkUser(t, user, err)
	}},
	{"updateUser", 200, userJSON, "/users/u1", func(t testing.TB, c *basiq.Client) error {
		user, err := c.Users.Update(t.Context(), userID, basiq.UpdateUser{Mobile: "+61410888666"})
		return checkUser(t, user, err)
	}},
	{"deleteUser", 204, "", "/users/u1", func(t testing.TB, c *basiq.Client) error {
		return c.Users.Delete(t.Context(), userID)
	}},
	{"getConnections", 200, `{"type":"list","data":[` + connectionJSON + `],"links":{}}`, "/users/u1/connections", func(t testing.TB, c *basiq.Client) error {
		var ids []string
		for connection, err := range c.Connections.List(t.Context(), userID, basiq.ConnectionFields.InstitutionID.Eq("AU00000")) {
			if err != nil {
				return err
			}
			ids = append(ids, connection.ID)
		}
		require.Equal(t, []string{connID}, ids)
		return nil
	}},
	{"postConnection", 202, jobJSON, "/users/u1/connections", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Connections.Create(t.Context(), userID, login)
		return checkJob(t, job, err)
	}},
	{"getConnection", 200, connectionJSON, "/users/u1/connections/c1", func(t testing.TB, c *basiq.Client) error {
		connection, err := c.Connections.Get(t.Context(), userID, connID)
		if err == nil {
			require.Equal(t, connID, connection.ID)
			require.Equal(t, basiq.ConnectionStatusActive, connection.Status)
		}
		return err
	}},
	{"updateConnection", 202, jobJSON, "/users/u1/connections/c1", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Connections.Update(t.Context(), userID, connID, basiq.UpdateConnection{Password: basiq.NewSecret("hooli2016")})
		return checkJob(t, job, err)
	}},
	{"deleteConnection", 204, "", "/users/u1/connections/c1", func(t testing.TB, c *basiq.Client) error {
		return c.Connections.Delete(t.Context(), userID, connID)
	}},
	{"refreshConnection", 202, jobJSON, "/users/u1/connections/c1/refresh", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Connections.Refresh(t.Context(), userID, connID)
		return checkJob(t, job, err)
	}},
	{"refreshConnections", 202, `{"type":"list","data":[` + jobJSON + `]}`, "/users/u1/connections/refresh", func(t testing.TB, c *basiq.Client) error {
		jobs, err := c.Connections.RefreshAll(t.Context(), userID)
		if err == nil {
			require.Len(t, jobs, 1)
			return checkJob(t, jobs[0], nil)
		}
		return err
	}},
	{"purgeConnectionData", 204, "", "/users/u1/connections/c1/purge", func(t testing.TB, c *basiq.Client) error {
		return c.Connections.Purge(t.Context(), userID, connID)
	}},
	{"getJobs", 200, jobJSON, "/jobs/j1", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Jobs.Get(t.Context(), jobID)
		return checkJob(t, job, err)
	}},
	{"getUserJobs", 200, `{"type":"list","size":1,"data":[` + jobJSON + `],"links":null}`, "/users/u1/jobs", func(t testing.TB, c *basiq.Client) error {
		n := 0
		for job, err := range c.Jobs.List(t.Context(), userID, basiq.JobFields.ConnectionID.Eq(connID)) {
			if err != nil {
				return err
			}
			n++
			_ = checkJob(t, job, nil)
		}
		require.Equal(t, 1, n)
		return nil
	}},
	{"postJobMfa", 202, jobJSON, "/jobs/j1/mfa", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Jobs.AnswerMFA(t.Context(), userID, jobID, basiq.NewSecret("1234"))
		return checkJob(t, job, err)
	}},
}

var login = basiq.CreateConnection{
	InstitutionID: "AU00000",
	LoginID:       basiq.NewSecret("gavinBelson"),
	Password:      basiq.NewSecret("hooli2016"),
}

func checkUser(t testing.TB, user *basiq.User, err error) error {
	if err == nil {
		require.Equal(t, userID, user.ID)
		require.Equal(t, "gavin@hooli.com", user.Email)
	}
	return err
}

func checkJob(t testing.TB, job *basiq.Job, err error) error {
	if err == nil {
		require.Equal(t, jobID, job.ID)
		require.Equal(t, "https://au-api.basiq.io/jobs/j1", job.Links.Self)
	}
	return err
}

// answerTo makes a stub whose every answer, of the operation and of POST /token when that is the one, is given by answer.
func answerTo(c operationCall, answer func(n int) (*http.Response, error)) *stub {
	s := &stub{answer: func(n int, _ request) (*http.Response, error) { return answer(n) }}
	if c.id == "postToken" {
		s.onToken = answer
	}
	return s
}

// calls returns how often the operation's own request was sent.
func (s *stub) calls(c operationCall) int {
	if c.id == "postToken" {
		return s.tokenRequests()
	}
	return len(s.seen())
}

// bodyOf reads an answer of the raw client.
func bodyOf(t testing.TB, resp *http.Response) string {
	t.Helper()
	var b bytes.Buffer
	_, err := b.ReadFrom(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return b.String()
}
