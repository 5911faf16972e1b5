package basiq_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// secretCall is a call with secrets, at least in its credential.
type secretCall struct {
	name string
	// operation is the ID of an operation whose API version the call needs. If it is empty, name is the ID, or the version is 2.1.
	operation string
	// at is the path of the requests that the situation applies to. If it is empty, it applies to all requests.
	at string
	// respond returns a successful response.
	respond func(req *http.Request) *http.Response
	call    func(t testing.TB, c *basiq.Client) (any, error)
}

// version returns the option for an API version that has the call.
func (c secretCall) version(t testing.TB) basiq.Option {
	t.Helper()
	for _, op := range basiq.Operations() {
		if op.ID == cmp.Or(c.operation, c.name) {
			return versionOf(t, op.ID)
		}
	}
	return version21
}

// secretCalls returns calls of all operations and calls that make several requests. Inputs and responses that are secret contain
// planted secrets.
func secretCalls() []secretCall {
	create := basiq.CreateConnection{
		InstitutionID: "AU00000", LoginID: basiq.NewSecret(plantedLogin), Password: basiq.NewSecret(plantedPassword),
		SecondaryLoginID: basiq.NewSecret(plantedSecondary), SecurityCode: basiq.NewSecret(plantedCode), UserToken: basiq.NewSecret(plantedUserToken),
	}
	update := basiq.UpdateConnection{
		Password: basiq.NewSecret(plantedPassword), SecondaryLoginID: basiq.NewSecret(plantedSecondary), SecurityCode: basiq.NewSecret(plantedCode),
	}
	planted := map[string]secretCall{
		"postToken": {call: func(t testing.TB, c *basiq.Client) (any, error) {
			token, err := c.Tokens.Create(t.Context(), basiq.ServerAccess())
			return token, err
		}, respond: always(200, plantedTokenJSON)},
		"postConnection": {call: func(t testing.TB, c *basiq.Client) (any, error) {
			return c.Connections.Create(t.Context(), userID, create)
		}},
		"updateConnection": {call: func(t testing.TB, c *basiq.Client) (any, error) {
			return c.Connections.Update(t.Context(), userID, connID, update)
		}},
		"postJobMfa": {call: func(t testing.TB, c *basiq.Client) (any, error) {
			return c.Jobs.AnswerMFA(t.Context(), userID, jobID, basiq.NewSecret(plantedAnswer), basiq.NewSecret(plantedAnswer))
		}},
		// These two calls accept almost any response, and their results are not checked here.
		"refreshConnections": {call: func(t testing.TB, c *basiq.Client) (any, error) { return c.Connections.RefreshAll(t.Context(), userID) }},
		"getEnrich": {call: func(t testing.TB, c *basiq.Client) (any, error) {
			return c.Enrichment.Get(t.Context(), basiq.EnrichQuery{Description: "WOOLWORTHS", InstitutionID: "AU00000", Country: "AU"})
		}},
		"addWebhook": {respond: always(201, plantedWebhookJSON), call: func(t testing.TB, c *basiq.Client) (any, error) {
			return c.Webhooks.Create(t.Context(), basiq.CreateWebhook{URL: plantedHookURL})
		}},
		"getWebhook": {respond: always(200, plantedWebhookJSON), call: func(t testing.TB, c *basiq.Client) (any, error) {
			return c.Webhooks.Get(t.Context(), "w1")
		}},
		"updateWebhook": {respond: always(200, plantedWebhookJSON), call: func(t testing.TB, c *basiq.Client) (any, error) {
			return c.Webhooks.Update(t.Context(), "w1", basiq.UpdateWebhook{URL: plantedHookURL})
		}},
		"listAppWebhooks": {respond: always(200, list(plantedWebhookJSON)), call: func(t testing.TB, c *basiq.Client) (any, error) {
			var hooks []*basiq.Webhook
			for hook, err := range c.Webhooks.List(t.Context()) {
				if err != nil {
					return hooks, err
				}
				hooks = append(hooks, hook)
			}
			return hooks, nil
		}},
	}
	var calls []secretCall
	for _, c := range operationCalls {
		call := secretCall{name: c.id, respond: always(c.status, c.body), call: func(t testing.TB, client *basiq.Client) (any, error) {
			return nil, c.call(t, client)
		}}
		if own, ok := planted[c.id]; ok {
			call.call = own.call
			if own.respond != nil {
				call.respond = own.respond
			}
		}
		calls = append(calls, call)
	}
	for _, c := range compositeCalls {
		calls = append(calls, c.secretCalls()...)
	}
	calls = append(calls,
		// The raw client returns HTTP responses, whose bodies are read by the caller.
		secretCall{name: "Raw.PostToken", respond: always(200, plantedTokenJSON), call: func(t testing.TB, c *basiq.Client) (any, error) {
			return c.Raw().PostTokenWithFormdataBody(t.Context(), &gen.PostTokenParams{BasiqVersion: "3.0"}, gen.TokenRequest{Scope: gen.TokenScopeServerAccess})
		}},
		secretCall{name: "Raw.PostConnection", respond: always(202, jobJSON), call: func(t testing.TB, c *basiq.Client) (any, error) {
			return c.Raw().PostConnection(t.Context(), userID, gen.CreateConnection{LoginID: api.WireSecret{Secret: basiq.NewSecret(plantedLogin)}, Password: api.WireSecret{Secret: basiq.NewSecret(plantedPassword)}})
		}},
		secretCall{name: "Raw.PostJobMFA", respond: always(202, jobJSON), call: func(t testing.TB, c *basiq.Client) (any, error) {
			return c.Raw().PostJobMFA(t.Context(), jobID, gen.MFAAnswer{MFAResponse: []api.WireSecret{{Secret: basiq.NewSecret(plantedAnswer)}}})
		}},
	)
	for _, at := range []string{"/users/u1/connections", "/jobs/j1", "/jobs/j1/mfa", "/users/u1/connections/c1"} {
		calls = append(calls, secretCall{name: "Connections.CreateAndWait at " + at, at: at, respond: connecting, call: func(t testing.TB, c *basiq.Client) (any, error) {
			return c.Connections.CreateAndWait(t.Context(), userID, create, basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) {
				return []basiq.Secret{basiq.NewSecret(plantedAnswer)}, nil
			}), briefly)
		}})
	}
	return calls
}

func always(status int, body string) func(*http.Request) *http.Response {
	return func(*http.Request) *http.Response { return reply(status, body) }
}

// connecting simulates the creation of a connection at a bank that requires a second factor.
func connecting(req *http.Request) *http.Response {
	switch req.Method + " " + req.URL.Path {
	case "POST /users/u1/connections":
		return reply(202, jobJSON)
	case "POST /jobs/j1/mfa":
		return reply(202, jobJSON)
	case "GET /jobs/j1":
		// The challenge stays in the job for ten seconds, answered or not.
		if time.Now().Second() < 10 {
			return reply(200, `{"type":"job","id":"j1","links":{"source":"/users/u1/connections/c1"},"steps":[{"title":"verify-credentials","status":"in-progress",`+
				`"result":{"type":"mfa","method":"token","input":["code"]}}]}`)
		}
		return reply(200, `{"type":"job","id":"j1","links":{"source":"/users/u1/connections/c1"},"steps":[{"title":"verify-credentials","status":"success"}]}`)
	}
	return reply(200, connectionJSON)
}

// situation returns the response or the error for a request.
type situation func(sent sentRequest) (*http.Response, error)

// sentRequest is a received request and the successful response to it.
type sentRequest struct {
	*http.Request

	body string
	good *http.Response
}

// dump returns all secret parts of the request, for a server that echoes them.
func (s sentRequest) dump() string {
	return s.Method + " " + s.URL.String() + " " + s.Header.Get("Authorization") + " " + s.body + " " + plantedSigner
}

// goodBody returns the body of the successful response.
func (s sentRequest) goodBody() string {
	body, _ := io.ReadAll(s.good.Body)
	return string(body)
}

// situations returns possible outcomes of a request. The servers echo secrets in places that the client does not need to read.
func situations() map[string]situation {
	all := map[string]situation{
		"success": func(s sentRequest) (*http.Response, error) { return s.good, nil },
		"success with an echo": func(s sentRequest) (*http.Response, error) {
			status, body := s.good.StatusCode, s.goodBody()
			if strings.HasPrefix(body, "{") {
				body = `{"echo":` + quoted(s.dump()) + `,` + body[1:]
			}
			return echoing(status, body, s), nil
		},
		"truncated success": func(s sentRequest) (*http.Response, error) {
			return truncated(s.good.StatusCode, s.goodBody()+" ", errReset), nil
		},
		"HTML with 200":   func(s sentRequest) (*http.Response, error) { return echoing(200, "<html>"+s.dump(), s), nil },
		"string with 200": func(s sentRequest) (*http.Response, error) { return echoing(200, quoted(s.dump()), s), nil },
		"array with 200":  func(s sentRequest) (*http.Response, error) { return echoing(200, `[`+quoted(s.dump())+`]`, s), nil },
		"incomplete JSON with 200": func(s sentRequest) (*http.Response, error) {
			return echoing(200, `{"echo":`+quoted(s.dump())+`,`, s), nil
		},
		"useless JSON with 200": func(s sentRequest) (*http.Response, error) {
			return echoing(200, `{"echo":`+quoted(s.dump())+`}`, s), nil
		},
		"secret without an ID": func(sentRequest) (*http.Response, error) {
			return reply(200, `{"type":"webhook","secret":`+quoted(plantedSigner)+`}`), nil
		},
		"truncated secret": func(sentRequest) (*http.Response, error) {
			return truncated(200, `{"secret":`+quoted(plantedSigner), errReset), nil
		},
		"truncated token": func(sentRequest) (*http.Response, error) {
			return truncated(200, `{"access_token":`+quoted(plantedToken), errReset), nil
		},
		"mistyped token": func(sentRequest) (*http.Response, error) {
			return reply(200, `{"access_token":[`+quoted(plantedToken)+`]}`), nil
		},
		"mistyped expiry": func(sentRequest) (*http.Response, error) {
			return reply(200, `{"access_token":`+quoted(plantedToken)+`,"expires_in":`+quoted(plantedToken)+`}`), nil
		},
		"invalid token": func(sentRequest) (*http.Response, error) {
			return reply(200, `{"access_token":`+quoted(plantedToken+" \n")+`}`), nil
		},
		"invalid next page": func(s sentRequest) (*http.Response, error) {
			return reply(200, `{"type":"list","data":[],"links":{"next":`+quoted("https://"+url.QueryEscape(s.dump())+"@h.example/?"+url.QueryEscape(s.dump()))+`}}`), nil
		},
		"too much": func(s sentRequest) (*http.Response, error) {
			return echoing(200, strings.Repeat(s.dump(), 100), s), nil
		},
		"expired":  func(sentRequest) (*http.Response, error) { return tokenExpired.httpResponse(), nil },
		"HTML 502": func(s sentRequest) (*http.Response, error) { return echoing(502, "<html><pre>"+s.dump(), s), nil },
		"incomplete error": func(s sentRequest) (*http.Response, error) {
			return echoing(400, `{"data":[{"code":"invalid-content","echo":`+quoted(s.dump()), s), nil
		},
		"truncated error": func(s sentRequest) (*http.Response, error) {
			return truncated(500, `{"echo":`+quoted(s.dump()), errReset), nil
		},
		"redirect": func(s sentRequest) (*http.Response, error) {
			resp := echoing(307, s.dump(), s)
			resp.Header.Set("Location", "https://user:pass@elsewhere.example/"+url.PathEscape(s.dump())+"?"+url.QueryEscape(s.dump()))
			return resp, nil
		},
		"Retry-After with an echo": func(s sentRequest) (*http.Response, error) {
			resp := echoing(429, `{"data":[{"code":"too-many-requests"}]}`, s)
			resp.Header.Set("Retry-After", url.QueryEscape(s.dump()))
			return resp, nil
		},
		"Retry-After": func(s sentRequest) (*http.Response, error) {
			resp := echoing(503, `{"data":[{"code":"service-unavailable"}]}`, s)
			resp.Header.Set("Retry-After", "2")
			return resp, nil
		},
		"hang": func(s sentRequest) (*http.Response, error) {
			select {
			case <-s.Context().Done():
				return nil, s.Context().Err()
			case <-time.After(10 * time.Minute):
				return nil, errReset
			}
		},
	}
	for _, status := range []int{300, 400, 401, 403, 404, 408, 409, 410, 413, 415, 422, 429, 500, 501, 503, 504} {
		all[strconv.Itoa(status)] = func(s sentRequest) (*http.Response, error) {
			return echoing(status, `{"type":"list","correlationId":"corr-1","data":[{"code":"invalid-content","detail":"Invalid value.","echo":`+quoted(s.dump())+
				`,"source":{"parameter":"password","value":`+quoted(s.dump())+`}}],"echo":`+quoted(s.dump())+`}`, s), nil
		}
	}
	for name, failure := range map[string]func(s sentRequest) error{
		"reset": func(sentRequest) error { return errReset },
		"dial":  func(sentRequest) error { return &net.OpError{Op: "dial", Net: "tcp", Err: errReset} },
		"DNS": func(sentRequest) error {
			return &net.DNSError{Err: "no such host", Name: "au-api.basiq.io", IsNotFound: true}
		},
		"TLS record": func(sentRequest) error {
			return tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake", RecordHeader: [5]byte{'H', 'T', 'T', 'P', '/'}}
		},
		"certificate": func(sentRequest) error { return &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}} },
		"other name": func(sentRequest) error {
			return x509.HostnameError{Certificate: &x509.Certificate{}, Host: "au-api.basiq.io"}
		},
		"EOF":        func(sentRequest) error { return io.ErrUnexpectedEOF },
		"credential": func(s sentRequest) error { return fmt.Errorf("cannot send %q", s.Header.Get("Authorization")) },
		"bad header": func(s sentRequest) error {
			return fmt.Errorf("net/http: broken: %w", textproto.ProtocolError("bad line "+s.dump()))
		},
		"bad status": func(s sentRequest) error { return fmt.Errorf("malformed HTTP response %q", s.dump()) },
		"URL": func(s sentRequest) error {
			u := *s.URL
			u.User = url.UserPassword(plantedKey, plantedPassword)
			u.RawQuery = "token=" + url.QueryEscape(plantedToken)
			return fmt.Errorf("failover: %w", &url.Error{Op: "Post", URL: u.String(), Err: &url.Error{Op: "Post", URL: u.String(), Err: errReset}})
		},
	} {
		all["error: "+name] = func(s sentRequest) (*http.Response, error) { return nil, failure(s) }
	}
	return all
}

// echoes returns situations in which a server or a transport echoes the request where an error shows it.
func echoes() map[string]situation {
	echo := map[string]func(s sentRequest) string{
		"unchanged":     func(s sentRequest) string { return s.Header.Get("Authorization") + " " + s.body },
		"query-escaped": func(s sentRequest) string { return url.QueryEscape(s.Header.Get("Authorization") + " " + s.body) },
		"values": func(s sentRequest) string {
			_, credential, _ := strings.Cut(s.Header.Get("Authorization"), " ")
			values := []string{credential, base64.StdEncoding.EncodeToString([]byte(credential)), url.PathEscape(credential)}
			var sent map[string]any
			_ = json.Unmarshal([]byte(s.body), &sent)
			for _, value := range sent {
				text, _ := value.(string)
				values = append(values, fmt.Sprint(value), url.PathEscape(text), fmt.Sprintf("%q", value), base64.StdEncoding.EncodeToString([]byte(text)))
			}
			return strings.Join(values, " ")
		},
	}
	all := map[string]situation{}
	for how, echo := range echo {
		add := func(name string, play situation) { all[name+", "+how] = play }
		for _, status := range []int{400, 401, 403, 429, 500} {
			add("details "+strconv.Itoa(status), func(s sentRequest) (*http.Response, error) {
				text := jsonString(echo(s))
				return reply(status, `{"correlationId":`+text+`,"data":[{"type":`+text+`,"code":`+text+`,"title":`+text+`,"detail":`+text+`,"details":`+text+
					`,"source":{"parameter":`+text+`,"pointer":`+text+`}}]}`), nil
			})
		}
		add("message", func(s sentRequest) (*http.Response, error) {
			return reply(400, `{"message":`+jsonString(echo(s))+`}`), nil
		})
		add("invalid Location", func(s sentRequest) (*http.Response, error) {
			resp := reply(302, "")
			resp.Header.Set("Location", "http://[::1 "+echo(s)+plantedSigner) // a secret that the client does not know
			return resp, nil
		})
		add("error", func(s sentRequest) (*http.Response, error) { return nil, fmt.Errorf("cannot send %s", echo(s)) })
		add("error quoted", func(s sentRequest) (*http.Response, error) { return nil, fmt.Errorf("bad Content-Length %q", echo(s)) })
		add("trailer", func(s sentRequest) (*http.Response, error) {
			return truncated(s.good.StatusCode, s.goodBody()+" ", textproto.ProtocolError("malformed MIME header line: "+echo(s))), nil
		})
	}
	return all
}

func jsonString(text string) string {
	asJSON, _ := json.Marshal(text)
	return string(asJSON)
}

func quoted(text string) string {
	return fmt.Sprintf("%q", strings.ToValidUTF8(strings.ReplaceAll(text, "ü", "u"), ""))
}

// echoing returns a response that echoes the request in all its headers.
func echoing(status int, body string, s sentRequest) *http.Response {
	resp := reply(status, body)
	resp.Status = fmt.Sprintf("%d %s", status, s.dump())
	for _, name := range []string{"Set-Cookie", "X-Request", "Www-Authenticate", "Etag", "X-Correlation-Id"} {
		resp.Header.Set(name, s.dump())
	}
	resp.Header.Set("Content-Type", "application/json; echo="+url.QueryEscape(s.dump()))
	resp.Trailer = http.Header{"X-Trailer": {s.dump()}}
	return resp
}

func truncated(status int, body string, err error) *http.Response {
	return stubResponse{status: status, body: body, cut: err}.httpResponse()
}

// record contains everything that a program can see of a call.
type record struct {
	mu   sync.Mutex
	text map[string]*strings.Builder
}

func (r *record) add(where, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.text[where] == nil {
		r.text[where] = new(strings.Builder)
	}
	r.text[where].WriteString(text + "\n")
}

// Write records log output.
func (r *record) Write(line []byte) (int, error) {
	r.add("a log", string(line))
	return len(line), nil
}

// middleware is middleware that records everything that middleware can see.
func (r *record) middleware(next basiq.Doer) basiq.Doer {
	return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
		r.add("middleware", fmt.Sprintf("%v %v %+v %#v %v %+v %#v", req.URL, req.Header, req, req, req.Context(), req.Context(), req.Context()))
		resp, err := next.Do(req)
		r.add("middleware", fmt.Sprint(err))
		if err == nil && resp.Request != nil {
			r.add("middleware", fmt.Sprintf("%v %v %+v %v", resp.Request.URL, resp.Request.Header, resp.Request, resp.Request.Context()))
		}
		return resp, err
	})
}

// observer is an observer that records everything that an observer learns, and its contexts.
func (r *record) observer() basiq.Observer {
	see := func(ctx context.Context, value any) {
		r.add("an observer", fmt.Sprintf("%+v %#v %+v", value, value, ctx)+marshaled(value))
	}
	start := func(ctx context.Context, call basiq.CallInfo) context.Context {
		see(ctx, call)
		return ctx
	}
	return basiq.Observer{
		CallStarted:    start,
		CallEnded:      func(ctx context.Context, _ basiq.CallInfo, result basiq.CallResult) { see(ctx, result) },
		AttemptStarted: start,
		AttemptEnded:   func(ctx context.Context, _ basiq.CallInfo, result basiq.AttemptResult) { see(ctx, result) },
		Waited:         func(ctx context.Context, _ basiq.CallInfo, wait basiq.WaitInfo) { see(ctx, wait) },
		JobWaitEnded:   func(ctx context.Context, result basiq.JobWaitResult) { see(ctx, result) },
	}
}

// observe makes a call and records everything that a program can observe.
func observe(t *testing.T, c secretCall, transport http.RoundTripper, options ...basiq.Option) *record {
	t.Helper()
	seen := &record{text: map[string]*strings.Builder{}}
	debugging := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	client, err := basiq.New(plantedKey, append([]basiq.Option{
		basiq.WithHTTPClient(&http.Client{Transport: transport, Timeout: time.Minute}),
		basiq.WithMaxResponseBytes(16 << 10),
		basiq.WithLogger(slog.New(slog.NewMultiHandler(slog.NewTextHandler(seen, debugging), slog.NewJSONHandler(seen, debugging)))),
		basiq.WithMiddleware(seen.middleware),
		basiq.WithObserver(seen.observer()),
		c.version(t),
	}, options...)...)
	require.NoError(t, err)
	func() {
		defer func() {
			if p := recover(); p != nil {
				seen.add("a panic", shown(p)+string(debug.Stack()))
			}
		}()
		value, err := c.call(t, client)
		if resp, ok := value.(*http.Response); ok {
			if err == nil { // its headers and body belong to the server
				seen.add("a response", fmt.Sprintf("%v %+v %#v %+v", resp.Request, resp.Request, resp.Request, resp.Request.Header))
				_ = resp.Body.Close()
			}
		} else {
			seen.add("a value", shown(value)+nested(value))
		}
		for _, node := range errorTree(err) {
			seen.add("an error", shown(node))
		}
		if err != nil {
			seen.add("an error", nested(err))
		}
	}()
	time.Sleep(time.Hour) // timers of net/http outlast a panic
	seen.add("the client", fmt.Sprintf("%v %+v %#v %s", client, *client, client.Raw(), client.Connections))
	return seen
}

// faulty returns a server that plays a situation, either for the requests of the call or for its token requests.
func faulty(c secretCall, play situation, atToken bool) roundTripper {
	var mu sync.Mutex
	tokens := 0
	return func(req *http.Request) (*http.Response, error) {
		var body bytes.Buffer
		if req.Body != nil {
			if _, err := body.ReadFrom(req.Body); err != nil {
				return nil, err
			}
			_ = req.Body.Close()
		}
		isToken := req.URL.Path == "/token"
		good := c.respond(req)
		if isToken {
			mu.Lock()
			tokens++
			value := plantedToken
			if tokens > 1 {
				value = plantedFresh
			}
			mu.Unlock()
			good = reply(200, `{"access_token":"`+value+`","token_type":"Bearer","expires_in":3600}`)
		}
		resp := good
		if isToken == atToken && (isToken || c.at == "" || c.at == req.URL.Path) {
			var err error
			if resp, err = play(sentRequest{Request: req, body: body.String(), good: good}); err != nil {
				return nil, err
			}
		}
		resp.Request = req // as net/http does
		return resp, nil
	}
}

// TestSecrets_Calls makes every call in every situation and checks that no secret is visible.
func TestSecrets_Calls(t *testing.T) {
	t.Parallel()
	for n, c := range secretCalls() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			all := situations()
			maps.Copy(all, echoes())
			for i, name := range slices.Sorted(maps.Keys(all)) {
				// With the race detector each call is tested in one situation of six, and each situation with one call of six.
				// What is visible does not depend on the detector, and `make norace` tests all combinations.
				if raceDetector && (i+n)%6 != 0 {
					continue
				}
				play := all[name]
				if !c.onlyToken() {
					synctest.Test(t, func(t *testing.T) { observe(t, c, faulty(c, play, false)).assertNoSecrets(t, name) })
				}
				// The token request does not depend on the call, and a call without a token hardly depends on the operation.
				if c.onlyToken() || slices.Contains([]string{"getUser", "postConnection", "postJobMfa", "Raw.PostConnection"}, c.name) {
					synctest.Test(t, func(t *testing.T) {
						observe(t, c, faulty(c, play, true)).assertNoSecrets(t, name+" during the token request")
					})
				}
			}
		})
	}
}

// onlyToken reports whether the call sends only token requests.
func (c secretCall) onlyToken() bool {
	return slices.Contains([]string{"postToken", "Tokens.Get", "Consents.PageURL", "Raw.PostToken"}, c.name)
}

// Only the secret is removed from the text of an error.
func TestSecrets_Echoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		login, password string
		code, detail    string
		want            string
	}{
		"echo":                                {"gavin", "hooli2016", "invalid-content", "hooli2016 is too short for gavin", "invalid-content: [redacted] is too short for [redacted]"},
		"one secret is a prefix of the other": {"hooli", "hooli2016", "invalid-content", "hooli2016, hooli", "invalid-content: [redacted], [redacted]"},
		"escaped":                             {"gavin", `a"b<c`, "invalid-content", `{"password":"a\"b\u003cc"} a%22b%3Cc`, `invalid-content: {"password":"[redacted]"} [redacted]`},
		"word of the code in the text":        {"gavin", "invalid", "invalid-content", "it is invalid", "invalid-content: it is [redacted]"},
		"secret in the code":                  {"gavin", "hooli2016", "bad-hooli2016", "no", "bad-[redacted]: no"},
		"just long enough":                    {"gav", "abcd", "invalid-content", "abcd by gav", "invalid-content: [redacted] by gav"},
		"code with several words":             {"gavin", "lazy", "too-lazy", "no", "too-lazy: no"},
		"too short to redact":                 {"gavin", "1", "invalid-content", "1 error", "invalid-content: 1 error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub21(t, ok(400, envelope(c.code, "Title", c.detail)))
			_, err := client.Connections.Create(t.Context(), userID, basiq.CreateConnection{
				InstitutionID: "AU00000", LoginID: basiq.NewSecret(c.login), Password: basiq.NewSecret(c.password),
			})
			require.EqualError(t, err, "basiq: Connections.Create: 400 "+c.want+" (correlation corr-1)")
			failure, ok := errors.AsType[*basiq.Error](err)
			require.True(t, ok)
			assert.Contains(t, string(failure.Body()), c.code, "the body must be unchanged")
		})
	}
}

// TestSecrets_Panics makes every call with a component of the caller that panics, either in the call or in the background while
// a token is requested.
func TestSecrets_Panics(t *testing.T) {
	t.Parallel()
	const cause = "boom"
	onCall := func(panics func(call basiq.CallInfo) bool) basiq.Option {
		return basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				resp, err := next.Do(req)
				if call, ok := basiq.CallFromContext(req.Context()); ok && panics(call) {
					panic(cause)
				}
				return resp, err
			})
		})
	}
	isToken := func(call basiq.CallInfo) bool { return call.Operation.ID == "postToken" }
	var panics atomic.Int32
	t.Cleanup(func() {
		// Some calls need no token, others only a token.
		assert.Greater(t, int(panics.Load()), 5*len(secretCalls()), "too few calls have panicked")
	})
	boom := func(sentRequest) (*http.Response, error) { panic(cause) }
	onlyCall := func(call basiq.CallInfo) bool { return !isToken(call) }
	for _, c := range secretCalls() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for name, play := range map[string]func(t *testing.T) *record{
				"middleware": func(t *testing.T) *record {
					return observe(t, c, faulty(c, situations()["success"], false), onCall(onlyCall))
				},
				"middleware in the background": func(t *testing.T) *record {
					return observe(t, c, faulty(c, situations()["success"], false), onCall(isToken))
				},
				"a transport":                   func(t *testing.T) *record { return observe(t, c, faulty(c, boom, false)) },
				"a transport in the background": func(t *testing.T) *record { return observe(t, c, faulty(c, boom, true)) },
				"a TokenSource": func(t *testing.T) *record {
					return observe(t, c, faulty(c, situations()["success"], false), basiq.WithTokenSource(panickingSource{}))
				},
				"Reject of a TokenSource": func(t *testing.T) *record {
					return observe(t, c, faulty(c, situations()["401"], false), basiq.WithTokenSource(panickingSource{rejects: true}))
				},
			} {
				synctest.Test(t, func(t *testing.T) {
					seen := play(t)
					seen.assertNoSecrets(t, name+" panics")
					if seen.has("a panic", cause) || seen.has("an error", cause) {
						panics.Add(1)
					}
				})
			}
		})
	}
	t.Run("MFA function", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := secretCall{name: "Connections.CreateAndWait", respond: connecting, call: func(t testing.TB, c *basiq.Client) (any, error) {
				return c.Connections.CreateAndWait(t.Context(), userID, basiq.CreateConnection{
					InstitutionID: "AU00000", LoginID: basiq.NewSecret(plantedLogin), Password: basiq.NewSecret(plantedPassword),
				}, basiq.WithMFA(func(context.Context, basiq.MFAChallenge) ([]basiq.Secret, error) { panic(cause) }))
			}}
			seen := observe(t, c, faulty(c, situations()["success"], false))
			require.Contains(t, seen.text, "a panic")
			seen.assertNoSecrets(t, "MFA")
		})
	})
}

// panickingSource panics in Token, or in Reject if rejects is set.
type panickingSource struct{ rejects bool }

func (s panickingSource) Token(context.Context, basiq.Scope) (basiq.Token, error) {
	if !s.rejects {
		panic("boom")
	}
	return basiq.Token{Value: basiq.NewSecret(plantedToken), Expires: time.Now().Add(time.Hour)}, nil
}

func (s panickingSource) Reject(context.Context, basiq.Scope, basiq.Token) { panic("boom") }

// has reports whether a text was recorded.
func (r *record) has(where, text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text[where] != nil && strings.Contains(r.text[where].String(), text)
}

func (r *record) assertNoSecrets(t *testing.T, situation string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for where, text := range r.text {
		assertNoSecrets(t, where+": "+situation, text.String())
	}
}
