package basiqtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func TestRequestLog_Requests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		assert.Equal(t, []basiqtest.Request{{
			Method: "POST", Path: "/token", Operation: "postToken", Body: "scope=SERVER_ACCESS&userId=", BodySize: 27,
			Status: 200, Time: time.Now(),
		}}, c.sandbox.Requests())

		c.sandbox.ForgetRequests()
		time.Sleep(time.Minute)
		missing := c.get("/users/" + noID + "/connections?limit=5&filter=institution.id.eq('AU00000')&token=s1")
		c.get("/nothing")
		server := basiqtest.RequestToken{Sent: true, Scope: server, Version: "2.1"}
		requests := c.sandbox.Requests()
		assert.Equal(t, []basiqtest.Request{
			{
				Method: "GET", Path: "/users/" + noID + "/connections", Operation: "getConnections",
				Query: "limit=5&filter=institution.id.eq('AU00000')&token=[redacted]",
				Token: server, Status: 404, CorrelationID: missing.text("correlationId"), Time: time.Now(),
			},
			{
				Method: "GET", Path: "/nothing", Token: server, Status: 404,
				CorrelationID: requests[1].CorrelationID, Time: time.Now(),
			},
		}, requests)
		requests[0].Status = 0
		assert.Equal(t, 404, c.sandbox.Requests()[0].Status, "a copy")
	})
}

// The log of a long-running sandbox must not keep everything it received.
func TestRequestLog_LongQueries(t *testing.T) {
	t.Parallel()
	c := new30(t)
	c.get("/events?filter=" + strings.Repeat("x", 4090))
	c.get("/events?filter=" + strings.Repeat("x", 4089))
	requests := c.sandbox.RequestsOf("getEvents")
	assert.Empty(t, requests[0].Query)
	assert.Len(t, requests[1].Query, 4096)
}

func TestRequestLog_RequestsOf(t *testing.T) {
	t.Parallel()
	var tb fakeTB
	s := basiqtest.New(&tb)
	t.Cleanup(tb.cleanups[0])
	c := newCaller(t, s, "2.1", server, "")
	id := c.newUser()
	c.get("/users/" + id)
	c.get("/users/" + id)
	requests := s.RequestsOf("createUser")
	require.Len(t, requests, 1)
	assert.JSONEq(t, `{"email":"gavin@hooli.com"}`, requests[0].Body)
	assert.Len(t, s.RequestsOf("getUser"), 2)
	assert.Empty(t, s.RequestsOf("deleteUser"))

	assert.Empty(t, tb.fatal)
	assert.Nil(t, s.RequestsOf("getUsr"), "an operation without requests")
	assert.Equal(t, `basiqtest: RequestsOf: unknown operation "getUsr": did you mean getUser or getUsers?`, tb.fatal)
}

func TestRequestLog_Tokens(t *testing.T) {
	t.Parallel()
	c := new30(t)
	id := c.newUser()
	bound := c.as("3.0", client, id)
	for _, test := range []struct {
		name, authorization string
		want                basiqtest.RequestToken
	}{
		{"none", "", basiqtest.RequestToken{}},
		{"a key", "Basic " + c.sandbox.APIKey(), basiqtest.RequestToken{}},
		{"unknown", "Bearer nothing", basiqtest.RequestToken{Sent: true}},
		{"server", "Bearer " + c.token, basiqtest.RequestToken{Sent: true, Scope: server, Version: "3.0"}},
		{"client", "bearer " + bound.token, basiqtest.RequestToken{Sent: true, Scope: client, UserID: id, Version: "3.0"}},
	} {
		path := "/users/" + test.name
		bindInput(t, c.sandbox, http.MethodGet, path, "", map[string]string{"Authorization": test.authorization})
		requests := c.sandbox.RequestsOf("getUser")
		assert.Equal(t, test.want, requests[len(requests)-1].Token, test.name)
	}
	c.sandbox.ExpireTokens()
	c.get("/users/"+id).requireError(403, "access-denied", "Token has expired")
	requests := c.sandbox.Requests()
	assert.Equal(t, server, requests[len(requests)-1].Token.Scope, "expired tokens are known")
}

// Valid request bodies are logged, so that tests can check what a client sent.
func TestRequestLog_Bodies(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	for _, test := range []struct{ name, contentType, body, want string }{
		{"empty", "application/json", "", ""},
		{"json", "application/json; charset=utf-8", "{ \"a\": [1, true, null, \"<x>\"],\n\"b\": {\"c\": 1.50} }", `{"a":[1,true,null,"<x>"],"b":{"c":1.50}}`},
		{"secrets", "application/json", `{"loginId":"x","password":"x","securityCode":1,"secondaryLoginId":true,"userToken":"x","institution":{"id":"AU00000"}}`, `{"loginId":"[redacted]","password":"[redacted]","securityCode":"[redacted]","secondaryLoginId":"[redacted]","userToken":"[redacted]","institution":{"id":"AU00000"}}`},
		{"answers", "application/json", `{"mfa-response":["x",["y"]]}`, `{"mfa-response":"[redacted]"}`},
		{"nested", "application/json", `{"a":[{"b":{"Secret":{"c":["x",{}]}},"d":1}]}`, `{"a":[{"b":{"Secret":"[redacted]"},"d":1}]}`},
		{"twice", "application/json", `{"password":"x","a":1,"password":"y"}`, `{"password":"[redacted]","a":1,"password":"[redacted]"}`},
		{"other case", "application/json", `{"PassWord":"x","login_id":"x","pass\u0077ord":"x"}`, `{"PassWord":"[redacted]","login_id":"[redacted]","password":"[redacted]"}`},
		{"letters that fold", "application/json", `{"pa\u017fsword":"x","\u017fecret":{"a":"x"}}`, `{"[redacted]":"[redacted]","[redacted]":"[redacted]"}`},
		{"invalid names", "application/json", `{"x y":"z","":1}`, `{"[redacted]":"[redacted]","[redacted]":"[redacted]"}`},
		{"a URL", "application/json", `{"url":"https://u:x@a.example/x?x=x"}`, `{"url":"[redacted]"}`},
		{"a token", "application/json", `{"description":"Bearer eyJhbGciOi"}`, `{"description":"[redacted]"}`},
		{"no name", "application/json", `["x",1,false,{"a":2}]`, `["[redacted]","[redacted]","[redacted]",{"a":2}]`},
		{"a string", "application/json", `"x"`, `"[redacted]"`},
		{"invalid JSON", "application/json", `{"a":1,"password":"x`, ""},
		{"two values", "application/json", `{"a":1} {}`, ""},
		{"too long", "application/json", `{"a":"` + strings.Repeat("x", 4096) + `"}`, ""},
		{"text", "text/plain", `{"a":1}`, ""},
		{"no type", "", `{"a":1}`, ""},
		{"form", form, "scope=CLIENT_ACCESS&userId=u+1&password=x&LoginID=x", "scope=CLIENT_ACCESS&userId=u 1&password=[redacted]&LoginID=[redacted]"},
		{"invalid form", form, "scope=%zz", ""},
		{"form with invalid escape", form, "%zz=1", ""},
		{"form with another separator", form, "a=1;password=x", ""},
		{"form that is json", form, `{"password":"x"}`, "[redacted]"},
		{"form with invalid name", form, "a=1&x&y%20z=1", "a=1&[redacted]&[redacted]=[redacted]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := basiqtest.New(t)
			bindInput(t, s, http.MethodPost, "/users", test.body, map[string]string{"Content-Type": test.contentType})
			requests := s.RequestsOf("createUser")
			require.Len(t, requests, 1)
			assert.Equal(t, test.want, requests[0].Body)
			assert.Equal(t, len(test.body), requests[0].BodySize)

			bindInput(t, s, http.MethodPost, "/nothing", test.body, map[string]string{"Content-Type": test.contentType})
			assert.Empty(t, s.Requests()[1].Body, "not an operation")
		})
	}
}

func TestRequestLog_String(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "GET /: no response", basiqtest.Request{Method: "GET", Path: "/"}.String())
	r := basiqtest.Request{
		Method: "POST", Path: "/users/u1/connections", Operation: "postConnection", Query: "a=b", Body: `{"loginId":"[redacted]"}`,
		Token: basiqtest.RequestToken{Sent: true, Scope: client, UserID: "u1"}, Status: 503, CorrelationID: "c1",
		Fault: "latency=2s, 503", Duration: 2 * time.Second,
	}
	assert.Equal(t, `POST /users/u1/connections?a=b {"loginId":"[redacted]"}: 503 after 2s, operation postConnection, `+
		"token CLIENT_ACCESS, user u1, fault latency=2s, 503, correlation c1", r.String())
	r.Path, r.Query, r.Body = "/a\nb", "a=\x1b", "{\u2028}"
	assert.Contains(t, r.String(), `POST "/a\nb"?"a=\x1b" "{\u2028}": 503`, "one line without control characters")
}

func TestRequestLog_LogValue(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, nil))
	logger.Info("x", "request", basiqtest.Request{
		Method: "GET", Path: "/users/u1", Operation: "getUser", Query: "a=b", Body: "hidden", Status: 403,
		Token: basiqtest.RequestToken{Scope: client, UserID: "u1"}, Fault: "403", CorrelationID: "c1", Duration: time.Second,
	})
	_, line, _ := strings.Cut(out.String(), "msg=x ")
	assert.Equal(t, "request.method=GET request.path=/users/u1 request.status=403 request.duration=1s request.operation=getUser "+
		`request.query="a=b" request.scope=CLIENT_ACCESS request.user=u1 request.fault=403 request.correlation=c1`+"\n", line)
}

// lines collects log lines from several goroutines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestRequestLog_Logger(t *testing.T) {
	t.Parallel()
	for level, body := range map[slog.Level]any{slog.LevelInfo: nil, slog.LevelDebug: `{"email":"gavin@hooli.com","password":"[redacted]"}`} {
		t.Run(level.String(), func(t *testing.T) {
			t.Parallel()
			var out lines
			c := new21(t, basiqtest.WithLogger(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level}))))
			c.post("/users", map[string]any{"email": "gavin@hooli.com", "password": "x"})
			all := strings.Split(strings.TrimSpace(out.String()), "\n")
			require.Len(t, all, 2, "logged before the response is received")
			var line map[string]any
			require.NoError(t, json.Unmarshal([]byte(all[1]), &line))
			assert.Equal(t, "request", line["msg"])
			assert.Equal(t, "INFO", line["level"])
			assert.Equal(t, "createUser", line["operation"])
			assert.InDelta(t, 201, line["status"], 0)
			assert.Equal(t, body, line["body"])
		})
	}
	_, err := basiqtest.Start(basiqtest.WithLogger(nil))
	require.EqualError(t, err, "basiqtest.Start: nil logger")
}

// The sandbox must not be locked while the logger runs, because the logger may call the sandbox or wait for a goroutine
// that does.
func TestRequestLog_LoggerUsesSandbox(t *testing.T) {
	t.Parallel()
	var s *basiqtest.Sandbox
	seen := 0
	s = basiqtest.New(t, basiqtest.WithLogger(slog.New(slog.NewTextHandler(writer(func([]byte) {
		seen = len(s.Requests())
	}), nil))))
	bindInput(t, s, http.MethodGet, "/nothing", "", nil)
	assert.Equal(t, 1, seen)
}

type writer func(p []byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

// TestRequestLog_Secrets plants secrets in all parts of requests and searches all forms of the log for them.
func TestRequestLog_Secrets(t *testing.T) {
	t.Parallel()
	const secret = "Pl4nted"
	var out lines
	c := new21(t, basiqtest.WithLogger(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	id := c.newUser()
	requestToken(t, c.sandbox, "Basic "+secret, secret, url.Values{"token": {secret}, "userToken": {secret}})
	bindInput(t, c.sandbox, http.MethodGet, "/users/"+id+"?token="+secret+"&"+secret+"&"+c.token, "", map[string]string{
		"Authorization": "Bearer " + secret, "Accept": secret + "/" + secret,
	})
	c.post("/users/"+id, secret)
	c.post("/users/"+id+"/connections", map[string]any{
		"institution": map[string]string{"id": hooli}, "loginId": secret, "password": secret, "securityCode": secret,
		"secondaryLoginId": secret, "userToken": secret, "description": c.token,
	})
	c.post("/jobs/j1/mfa", map[string]any{"mfa-response": []string{secret}})
	bindInput(t, c.sandbox, http.MethodPost, "/home/"+id, "password="+secret, map[string]string{
		"Content-Type": "application/x-www-form-urlencoded",
	})
	c.post("/notifications/webhooks", map[string]any{"url": "https://u:" + secret + "@hook.example/" + secret + "?key=" + secret})
	c.get("/users/" + c.token + "/jobs")
	for _, path := range []string{"//home/visit/" + secret, "/home/link/" + secret + "/", "/home%2Fvisit%2F" + secret} {
		c.get(path)
	}
	requests := c.sandbox.Requests()
	require.Len(t, requests, 14)
	all := fmt.Sprintf("%s\n%v\n%+v\n%#v", out.String(), requests, requests, requests)
	encoded, err := json.Marshal(requests)
	require.NoError(t, err)
	all += string(encoded)
	for _, planted := range []string{secret, c.token, c.sandbox.APIKey()} {
		assert.NotContains(t, all, planted)
	}
	assert.Contains(t, all, hooli)
}
