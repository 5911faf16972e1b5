package basiq_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// A response about a resource other than the requested one is an error. Its status shows that the call may have succeeded.
func TestResponseIdentity_AnotherResource(t *testing.T) {
	t.Parallel()
	call := func(operation, body string, get func(t testing.TB, c *basiq.Client) error) {
		t.Run(operation+" "+body, func(t *testing.T) {
			t.Parallel()
			s := &stub{respond: respondWith(ok(200, body))}
			client := newClient(t, s, versionOfName(t, operation))
			err := get(t, client)
			var failure *basiq.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, operation, failure.Operation)
			assert.Equal(t, 200, failure.StatusCode)
			assert.Regexp(t, `: invalid response \(20[0-2] [A-Z][a-z]*\w*\): (resource has|job belongs to) another `, err.Error())
			assert.NotContains(t, err.Error(), "victim")
			assert.Empty(t, failure.Body(), "data of another resource must not be kept")
			assert.True(t, basiq.MayHaveSucceeded(err))
			assert.Len(t, s.seen(), 1)
		})
	}
	for _, c := range resourceCalls {
		call(c.operation, `{"id":"victim"}`, func(t testing.TB, client *basiq.Client) error { return errOf(c.get(t, client)) })
		switch c.operation {
		case "Webhooks.Message", "Reports.Type", "Events.Type", "Insights.Type": // their type is missing or inconsistent
		default:
			call(c.operation, `{"type":"victim","id":"x1"}`, func(t testing.TB, client *basiq.Client) error { return errOf(c.get(t, client)) })
		}
	}
	another := `{"type":"job","id":"j1","links":{"source":"/users/u1/connections/victim"}}`
	for operation, c := range map[string]struct {
		bodies []string
		get    func(t testing.TB, c *basiq.Client) error
	}{
		"Users.Get": {[]string{`{"type":"user","id":"victim"}`, `{"type":"job","id":"u1"}`}, func(t testing.TB, c *basiq.Client) error { return errOf(c.Users.Get(t.Context(), userID)) }},
		"Users.Update": {[]string{`{"type":"user","id":"victim"}`, `{"type":"job","id":"u1"}`}, func(t testing.TB, c *basiq.Client) error {
			return errOf(c.Users.Update(t.Context(), userID, basiq.UpdateUser{Mobile: "+61410888666"}))
		}},
		"Users.Create": {[]string{`{"type":"job","id":"victim"}`}, func(t testing.TB, c *basiq.Client) error {
			return errOf(c.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"}))
		}},
		"Connections.Get": {[]string{`{"type":"connection","id":"victim"}`, `{"type":"user","id":"c1"}`}, func(t testing.TB, c *basiq.Client) error {
			return errOf(c.Connections.Get(t.Context(), userID, connID))
		}},
		"Connections.Create": {[]string{`{"type":"user","id":"victim"}`}, func(t testing.TB, c *basiq.Client) error {
			return errOf(c.Connections.Create(t.Context(), userID, login))
		}},
		"Connections.Update": {[]string{`{"type":"user","id":"victim"}`, another}, func(t testing.TB, c *basiq.Client) error {
			return errOf(c.Connections.Update(t.Context(), userID, connID, basiq.UpdateConnection{Password: basiq.NewSecret("hooli2016")}))
		}},
		"Connections.Refresh": {[]string{`{"type":"user","id":"victim"}`, another}, func(t testing.TB, c *basiq.Client) error {
			return errOf(c.Connections.Refresh(t.Context(), userID, connID))
		}},
		"Jobs.Get": {[]string{`{"type":"job","id":"victim"}`, `{"type":"user","id":"j1"}`}, func(t testing.TB, c *basiq.Client) error { return errOf(c.Jobs.Get(t.Context(), jobID)) }},
		"Jobs.AnswerMFA": {[]string{`{"type":"job","id":"victim"}`, `{"type":"user","id":"j1"}`}, func(t testing.TB, c *basiq.Client) error {
			return errOf(c.Jobs.AnswerMFA(t.Context(), userID, jobID, basiq.NewSecret("1234")))
		}},
		"Webhooks.Update": {[]string{`{"type":"webhook","id":"victim"}`, `{"type":"job","id":"w1"}`}, func(t testing.TB, c *basiq.Client) error {
			return errOf(c.Webhooks.Update(t.Context(), "w1", basiq.UpdateWebhook{URL: webhookURL}))
		}},
		"Insights.VerifyBalance": {[]string{`{"type":"user","id":"victim"}`}, func(t testing.TB, c *basiq.Client) error {
			return errOf(c.Insights.VerifyBalance(t.Context(), userID, basiq.BalanceRange{Min: "1"}))
		}},
		"Merchants.Get": {[]string{`{"merchant":{"id":"victim"}}`}, func(t testing.TB, c *basiq.Client) error {
			return errOf(c.Merchants.Get(t.Context(), "m1"))
		}},
		"Reports.Create": {[]string{`{"type":"user","id":"victim"}`}, func(t testing.TB, c *basiq.Client) error {
			return errOf(c.Reports.Create(t.Context(), basiq.CreateReport{
				ReportType: basiq.ReportTypeAffordability, Title: "a", Filters: []basiq.ReportFilter{basiq.ReportFilterStrings(basiq.ReportFilterNameUsers, userID)},
			}))
		}},
	} {
		for _, body := range c.bodies {
			call(operation, body, c.get)
		}
	}
}

// versionOfName is like versionOf for the name of a Go method.
func versionOfName(t testing.TB, name string) basiq.Option {
	t.Helper()
	for _, op := range basiq.Operations() {
		if op.Name == name {
			return versionOf(t, op.ID)
		}
	}
	require.Fail(t, "unknown operation", name)
	return nil
}

// rawServer starts a server whose responses are written by respond. conn counts the connections, and n the requests on a
// connection, both from 1.
func rawServer(t *testing.T, respond func(w io.Writer, conn, n int, req *http.Request)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for number := 1; ; number++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				requests := bufio.NewReader(conn)
				for n := 1; ; n++ {
					req, err := http.ReadRequest(requests)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					respond(conn, number, n, req)
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

func writeResponse(w io.Writer, body string) {
	_, _ = fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// If a proxy leaves a second response on a keep-alive connection, net/http returns it for the next request.
func TestResponseIdentity_StrayResponse(t *testing.T) {
	t.Parallel()
	address := rawServer(t, func(w io.Writer, _, n int, req *http.Request) {
		id := strings.TrimPrefix(req.URL.Path, "/users/")
		if n > 1 { // the second response to an earlier request
			id = "victim"
		}
		writeResponse(w, `{"type":"user","id":"`+id+`"}`)
	})
	client, err := basiq.New(testKey, basiq.WithBaseURL(address), basiq.WithTokenSource(fixedTokens("token-1")))
	require.NoError(t, err)
	for n := range 20 {
		id := fmt.Sprint("u", n)
		user, err := client.Users.Get(t.Context(), id)
		if n%2 == 0 {
			require.NoError(t, err, "must use a new connection")
			require.Equal(t, id, user.ID)
		} else {
			require.ErrorContains(t, err, "resource has another ID")
		}
	}
}

// A connection that delivered a response about another resource is not reused.
func TestResponseIdentity_ConnectionClosed(t *testing.T) {
	t.Parallel()
	address := rawServer(t, func(w io.Writer, conn, _ int, _ *http.Request) {
		if conn == 1 {
			writeResponse(w, `{"type":"user","id":"victim"}`)
			return
		}
		writeResponse(w, userJSON)
	})
	client, err := basiq.New(testKey, basiq.WithBaseURL(address), basiq.WithTokenSource(fixedTokens("token-1")))
	require.NoError(t, err)
	_, err = client.Users.Get(t.Context(), userID)
	require.ErrorContains(t, err, "resource has another ID")
	for range 3 {
		_, err = client.Users.Get(t.Context(), userID)
		require.NoError(t, err)
	}
}

// Another call may already use the connection that a response came from. It is closed only after a response that may
// belong to another request.
func TestResponseIdentity_ConnectionKept(t *testing.T) {
	t.Parallel()
	get := func(client *basiq.Client) error { return errOf(client.Users.Get(t.Context(), userID)) }
	list := func(client *basiq.Client) error {
		for _, err := range client.Users.List(t.Context()) {
			return err
		}
		return nil
	}
	for _, c := range []struct {
		first  string
		call   func(*basiq.Client) error
		closed bool
	}{
		{"<html>login</html>", get, false},
		{`{"type":"user","id":"` + "u1", get, false},
		{"garbage", get, false},
		{`[{"type":"user","id":"u1"}]`, get, true},
		{`"u1"`, get, true},
		{"", get, true},
		{`{"type":"list","data":[]}`, get, true},
		{`{"type":"account","id":"u1"}`, get, true},
		{"garbage", list, false},
		{"", list, true},
		{`{"type":"user","id":"u1"}`, list, true},
		{`{"type":"list","size":-1}`, list, true},
		{`{"type":"list","size":1}`, list, true},
	} {
		var conns atomic.Int64
		address := rawServer(t, func(w io.Writer, conn, n int, _ *http.Request) {
			conns.Store(int64(conn))
			if conn == 1 && n == 1 {
				writeResponse(w, c.first)
				return
			}
			writeResponse(w, userJSON)
		})
		client, err := basiq.New(testKey, basiq.WithBaseURL(address), basiq.WithTokenSource(fixedTokens("token-1")))
		require.NoError(t, err)
		require.ErrorContains(t, c.call(client), "invalid response", "%q", c.first)
		require.NoError(t, get(client))
		assert.Equal(t, c.closed, conns.Load() == 2, "%q: connection closed", c.first)
	}
}

// The success of a call without a result requires more than status 200, because the error page of a proxy may also have it.
func TestResponseIdentity_NoContent(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(c *basiq.Client) error{
		"Users.Delete":       func(c *basiq.Client) error { return c.Users.Delete(t.Context(), userID) },
		"Connections.Delete": func(c *basiq.Client) error { return c.Connections.Delete(t.Context(), userID, connID) },
		"Connections.Purge":  func(c *basiq.Client) error { return c.Connections.Purge(t.Context(), userID, connID) },
		"Consents.Delete":    func(c *basiq.Client) error { return c.Consents.Delete(t.Context(), userID, "n1") },
		"AuthLinks.Delete":   func(c *basiq.Client) error { return c.AuthLinks.Delete(t.Context(), userID) },
		"Reports.Delete":     func(c *basiq.Client) error { return c.Reports.Delete(t.Context(), "r1") },
		"Webhooks.Delete":    func(c *basiq.Client) error { return c.Webhooks.Delete(t.Context(), "w1") },
	} {
		for _, body := range []string{"<html>login</html>", "OK", "\ufeff<!doctype html>", "404 page not found"} {
			_, client := newStub(t, ok(200, body))
			err := remove(client)
			require.ErrorContains(t, err, "basiq: "+name+": invalid response (200 OK): unexpected response body")
			assert.True(t, basiq.MayHaveSucceeded(err))
		}
		for _, body := range []string{"", "  \n", "{}", `{"type":"list"}`, "[]"} {
			_, client := newStub(t, ok(200, body))
			require.NoError(t, remove(client), "%s: %q", name, body)
		}
	}
}
