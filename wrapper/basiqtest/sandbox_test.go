package basiqtest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// fakeTB records the calls of New.
type fakeTB struct {
	cleanups []func()
	fatal    string
}

func (f *fakeTB) Helper()                           {}
func (f *fakeTB) Cleanup(cleanup func())            { f.cleanups = append(f.cleanups, cleanup) }
func (f *fakeTB) Fatalf(format string, args ...any) { f.fatal = fmt.Sprintf(format, args...) }

func TestSandbox_InvalidOptions(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]basiqtest.Option{
		"zero speed":           basiqtest.WithSpeed(0),
		"negative speed":       basiqtest.WithSpeed(-1),
		"NaN speed":            basiqtest.WithSpeed(math.NaN()),
		"infinite speed":       basiqtest.WithSpeed(math.Inf(1)),
		"short token lifetime": basiqtest.WithTokenLifetime(time.Second - 1),
		"nil":                  nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := basiqtest.Start(opt)
			require.ErrorContains(t, err, "basiqtest.Start: ")

			var tb fakeTB
			assert.Nil(t, basiqtest.New(&tb, opt))
			assert.Contains(t, tb.fatal, "basiqtest.New: ")
			assert.Empty(t, tb.cleanups)
		})
	}
}

func TestSandbox_New_Cleanup(t *testing.T) {
	t.Parallel()
	var tb fakeTB
	s := basiqtest.New(&tb)
	require.Len(t, tb.cleanups, 1)
	assert.Equal(t, "http://localhost", s.URL())
	require.Equal(t, http.StatusNotFound, bindInput(t, s, http.MethodGet, "/", "", nil).status)

	tb.cleanups[0]()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(), http.NoBody)
	require.NoError(t, err)
	_, err = s.HTTPClient().Do(req)
	require.ErrorIs(t, err, net.ErrClosed)
	require.NoError(t, s.Close(), "can be called again")
}

// A program may accept an http.Client but no base URL.
func TestSandbox_HTTPClient_AnyURL(t *testing.T) {
	t.Parallel()
	s := basiqtest.New(t)
	client, err := basiq.New(s.APIKey(), basiq.WithHTTPClient(s.HTTPClient()))
	require.NoError(t, err)
	user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
	require.NoError(t, err)
	for _, baseURL := range []string{"http://localhost", "https://localhost:8443", "https://au-api.basiq.io"} {
		client, err := s.NewClient(basiq.WithBaseURL(baseURL))
		require.NoError(t, err)
		got, err := client.Users.Get(t.Context(), user.ID)
		require.NoError(t, err, baseURL)
		assert.Equal(t, user.ID, got.ID)
	}
}

func TestSandbox_Start(t *testing.T) {
	t.Parallel()
	s, err := basiqtest.Start()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	assert.Regexp(t, `^http://127\.0\.0\.1:[0-9]+$`, s.URL())
	c := newCaller(t, s, "3.0", server, "")
	id := c.newUser()
	assert.Equal(t, s.URL()+"/users/"+id, c.get("/users/"+id).text("links.self"))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
}

// In a bubble, a test fails if goroutines are left, and hangs if a goroutine waits for the network.
func TestSandbox_New_Bubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		job := c.connect(id, hooli, "gavinBelson", "hooli2016")
		began := time.Now()
		for c.get("/jobs/" + job).steps()[2] != "retrieve-transactions:success" {
			time.Sleep(time.Second)
			require.Less(t, time.Since(began), 30*time.Second)
		}
		require.NoError(t, c.sandbox.Close())
		synctest.Wait()
	})
}

func TestSandbox_Close_ActiveConnections(t *testing.T) {
	t.Parallel()
	s := basiqtest.New(t)
	body, stuck := net.Pipe() // request body that never ends
	failed := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.URL()+"/users", body)
		if err == nil {
			_, err = s.HTTPClient().Do(req)
		}
		failed <- err
	}()
	_, err := stuck.Write([]byte("{")) // returns once the request is in flight
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, stuck.Close()) // the client waits for the body that it is sending
	require.Error(t, <-failed)
}

func TestSandbox_Dial_Canceled(t *testing.T) {
	t.Parallel()
	s := basiqtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL(), http.NoBody)
	require.NoError(t, err)
	_, err = s.HTTPClient().Do(req)
	require.ErrorIs(t, err, context.Canceled)
}

func TestSandbox_Links_RequestHost(t *testing.T) {
	t.Parallel()
	s := basiqtest.New(t)
	for name, start := range map[string]func(http.Handler) *httptest.Server{
		"http": httptest.NewServer, "https": httptest.NewTLSServer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mounted := start(s)
			t.Cleanup(mounted.Close)
			c := newCaller(t, s, "3.0", server, "")
			id := c.newUser()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, mounted.URL+"/users/"+id, http.NoBody)
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+c.token)
			resp, err := mounted.Client().Do(req)
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			var body strings.Builder
			require.NoError(t, resp.Write(&body))
			assert.Contains(t, body.String(), `"self":"`+mounted.URL+"/users/"+id+`"`)
		})
	}
}

func TestSandbox_UnknownPaths(t *testing.T) {
	t.Parallel()
	c := new21(t)
	id := c.newUser()
	conn := "/users/" + id + "/connections/"
	for _, test := range []struct {
		name, method, path string
		status             int
		code               string
	}{
		{"unknown", http.MethodGet, "/nothing", http.StatusNotFound, "resource-not-found"},
		{"root", http.MethodGet, "/", http.StatusNotFound, "resource-not-found"},
		{"wrong method", http.MethodPut, "/users/" + id, http.StatusMethodNotAllowed, "method-not-allowed"},
		{"empty segment", http.MethodGet, "/users//connections", http.StatusForbidden, "request-not-valid"},
		{"empty last segment", http.MethodPost, conn, http.StatusForbidden, "request-not-valid"},
		{"dots", http.MethodDelete, conn + "..", http.StatusForbidden, "request-not-valid"},
		{"escaped dots", http.MethodDelete, conn + "%2e%2e", http.StatusForbidden, "request-not-valid"},
		{"dot", http.MethodDelete, conn + "%2e", http.StatusForbidden, "request-not-valid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := bindInput(t, c.sandbox, test.method, test.path, "", map[string]string{"Authorization": "Bearer " + c.token})
			require.Equal(t, test.status, r.status)
			assert.Equal(t, test.code, r.text("data.0.code"))
			if test.status == http.StatusMethodNotAllowed {
				assert.Equal(t, "DELETE, GET, POST", r.header.Get("Allow"))
			}
		})
	}
	t.Run("not a path", func(t *testing.T) {
		t.Parallel()
		w := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, "/", http.NoBody)
		req.URL.Path = "*"
		c.sandbox.ServeHTTP(w, req)
		assert.Equal(t, http.StatusForbidden, w.Code)
	})
	assert.Equal(t, http.StatusOK, c.get("/users/"+id).status, "the user still exists")
}

func TestSandbox_ContentNegotiation(t *testing.T) {
	t.Parallel()
	c := new21(t)
	id := c.newUser()
	user, connections := "/users/"+id, "/users/"+id+"/connections"
	const (
		accept      = "Accept type is not supported"
		contentType = "Content type is not supported on requested endpoint."
		badUser     = "Posted user is not in valid format."
		badConn     = "Posted connection is not in valid format."
	)
	for _, test := range []struct {
		name, method, path, body, accept, contentType string
		status                                        int
		code, detail                                  string
	}{
		{"accepts anything", http.MethodGet, user, "", "text/html, */*;q=0.1", "", 200, "", ""},
		{"accepts application", http.MethodGet, user, "", "application/*", "", 200, "", ""},
		{"accepts json", http.MethodGet, user, "", "application/json; charset=utf-8", "", 200, "", ""},
		{"accepts html", http.MethodGet, user, "", "text/html", "", 400, "unsupported-accept", accept},
		{"refuses json", http.MethodGet, user, "", "text/html, application/json;q=0.0", "", 400, "unsupported-accept", accept},
		{"accepts nonsense", http.MethodGet, user, "", ";;", "", 400, "unsupported-accept", accept},
		{"json", http.MethodPost, user, `{"mobile":"+61410888999"}`, "", "application/json; charset=utf-8", 200, "", ""},
		{"json suffix", http.MethodPost, user, `{}`, "", "application/vnd.api+json", 200, "", ""},
		{"no content type", http.MethodPost, user, `{}`, "", "", 200, "", ""},
		{"plain text", http.MethodPost, user, `{}`, "", "text/plain;charset=UTF-8", 200, "", ""},
		{"xml", http.MethodPost, user, `<a/>`, "", "text/xml", 415, "unsupported-content-type", contentType},
		{"form", http.MethodPost, connections, `a=b`, "", "application/x-www-form-urlencoded", 415, "unsupported-content-type", contentType},
		{"wrong type without body", http.MethodPost, user, "", "", "text/xml", 415, "unsupported-content-type", contentType},
		{"no body", http.MethodPost, connections, "", "", "", 400, "invalid-content", badConn},
		{"empty body", http.MethodPost, "/users", "", "", "application/json", 400, "invalid-content", badUser},
		{"truncated", http.MethodPost, user, `{"mobile":`, "", "application/json", 400, "invalid-content", badUser},
		{"two values", http.MethodPost, user, `{} {}`, "", "application/json", 400, "invalid-content", badUser},
		{"wrong type", http.MethodPost, connections, `{"loginId":1}`, "", "application/json", 400, "invalid-content", badConn},
		{"too long", http.MethodPost, user, `{"mobile":"` + strings.Repeat("1", 1<<20) + `"}`, "", "application/json", 400, "invalid-content", badUser},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := bindInput(t, c.sandbox, test.method, test.path, test.body, map[string]string{
				"Authorization": "Bearer " + c.token, "Accept": test.accept, "Content-Type": test.contentType,
			})
			if test.code == "" {
				require.Equal(t, test.status, r.status, r.raw)
				return
			}
			r.requireError(test.status, test.code, test.detail)
		})
	}
}

// An optional body that cannot be read is an error. It is not treated as missing.
func TestSandbox_UnreadableBodies(t *testing.T) {
	t.Parallel()
	c := new30(t)
	user := "/users/" + c.newUser()
	blanks := strings.Repeat(" ", 1<<20+1)
	for _, path := range []string{"/auth_link", "/affordability", "/income", "/expenses"} {
		r := bindInput(t, c.sandbox, http.MethodPost, user+path, blanks, map[string]string{
			"Authorization": "Bearer " + c.token, "Content-Type": "application/json",
		})
		assert.Equal(t, "invalid-content", r.text("data.0.code"), path)
	}
	r := bindInput(t, c.sandbox, http.MethodPost, "/token", "x="+blanks, map[string]string{
		"Authorization": "Basic " + c.sandbox.APIKey(), "basiq-version": "3.0", "Content-Type": "application/x-www-form-urlencoded",
	})
	r.requireError(http.StatusBadRequest, "invalid-content", "Posted form is not in valid format.")
}

// TestSandbox_Secrets plants secrets in every part of a request and searches everything that the sandbox shows for
// them.
func TestSandbox_Secrets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const secret = "Pl4nted"
		c := new21(t)
		id := c.newUser()
		user := "/users/" + id
		var all strings.Builder // of all responses
		see := func(r reply) { all.WriteString(r.raw) }
		see(requestToken(t, c.sandbox, "Basic "+secret, secret, url.Values{"scope": {secret}}))
		for _, key := range []string{secret, "Basic " + secret, "Basic " + c.sandbox.APIKey()} {
			see(requestToken(t, c.sandbox, key, "2.1", url.Values{"scope": {secret}, "userId": {secret}}))
			see(requestToken(t, c.sandbox, key, "2.1", url.Values{"scope": {client}, "userId": {secret}}))
		}
		see(bindInput(t, c.sandbox, http.MethodGet, user, "", map[string]string{"Authorization": "Bearer " + secret}))
		see(bindInput(t, c.sandbox, http.MethodGet, user, "", map[string]string{
			"Authorization": "Bearer " + c.token, "Accept": secret + "/" + secret,
		}))
		see(c.post(user, secret))
		see(c.post(user, map[string]string{"email": secret, "mobile": secret}))
		see(c.get(user + "/connections?filter=" + secret))
		see(c.post(user+"/connections", credentials(secret, secret, secret)))

		job := c.connect(id, piedPiper, "jared", secret)
		c.connect(id, piedPiper, "jared"+secret, secret)
		time.Sleep(long)
		asked := c.connect(id, piedPiper, "richard", "tabsnotspaces")
		time.Sleep(long)
		see(c.as("2.1", client, id).post("/jobs/"+asked+"/mfa", map[string]any{"mfa-response": []string{secret}}))
		see(c.get("/jobs/" + job))
		see(c.get("/jobs/" + asked))
		see(c.get(user + "/jobs"))
		see(c.get(user + "/connections"))
		see(c.get(user + "/connections/" + c.newestConnection(id)))
		assert.NotContains(t, all.String(), secret)
	})
}

func TestSandbox_Concurrent(t *testing.T) {
	t.Parallel()
	c := new21(t, basiqtest.WithSpeed(1000))
	id := c.newUser()
	var group sync.WaitGroup
	errs := make(chan error, 100)
	for i := range 10 {
		group.Go(func() {
			for _, path := range []string{"", "/connections", "/jobs"} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.sandbox.URL()+"/users/"+id+path, http.NoBody)
				if err != nil {
					errs <- err
					return
				}
				req.Header.Set("Authorization", "Bearer "+c.token)
				resp, err := c.sandbox.HTTPClient().Do(req)
				if err != nil {
					errs <- err
					return
				}
				if resp.StatusCode != http.StatusOK {
					errs <- errors.New(resp.Status)
				}
				_ = resp.Body.Close()
				c.sandbox.Requests()
				if i == 0 {
					c.sandbox.HTTPClient().CloseIdleConnections()
				}
			}
		})
	}
	c.connect(id, hooli, "gavinBelson", "hooli2016")
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	assert.GreaterOrEqual(t, len(c.sandbox.Requests()), 30)
}

// A program that only takes an http.Client follows links with the scheme and host of its requests.
func TestSandbox_HTTPS(t *testing.T) {
	t.Parallel()
	sandbox := basiqtest.New(t)
	client, err := basiq.New(sandbox.APIKey(), basiq.WithHTTPClient(sandbox.HTTPClient()))
	require.NoError(t, err)
	user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
	require.NoError(t, err)
	assert.Equal(t, basiq.DefaultBaseURL+"/users/"+user.ID, user.Links.Self)
	resp, err := sandbox.HTTPClient().Get("http://localhost/home?token=x")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	client, err = sandbox.NewClient()
	require.NoError(t, err)
	user, err = client.Users.Get(t.Context(), user.ID)
	require.NoError(t, err)
	assert.Equal(t, "http://localhost/users/"+user.ID, user.Links.Self)
}
