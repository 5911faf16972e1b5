package basiq_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// Secrets that are planted wherever one goes in, and looked for wherever something comes out.
const (
	plantedKey      = "PLANTED-api-key"
	plantedToken    = "PLANTED-access-token"
	plantedPassword = "PLANTED-password"
	plantedCode     = "PLANTED-security-code"
	plantedLogin    = "PLANTED-login"
	plantedAnswer   = "PLANTED-mfa-answer"
)

func assertNoSecrets(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{plantedKey, plantedToken, plantedPassword, plantedCode, plantedLogin, plantedAnswer} {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), url.QueryEscape(secret), fmt.Sprintf("%x", secret)} {
			assert.NotContains(t, text, form, where)
		}
	}
}

func shown(value any) string {
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", value)
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", value)
	asJSON, _ := json.Marshal(value)
	return fmt.Sprintf("%v\n%+v\n%#v\n%s\n", value, value, value, value) + log.String() + string(asJSON)
}

func TestSecretsNeverShow(t *testing.T) {
	t.Parallel()
	credentials := basiq.CreateConnection{
		InstitutionID: "AU00000", LoginID: basiq.NewSecret(plantedLogin), Password: basiq.NewSecret(plantedPassword),
		SecondaryLoginID: basiq.NewSecret(plantedLogin), SecurityCode: basiq.NewSecret(plantedCode), UserToken: basiq.NewSecret(plantedToken),
	}
	update := basiq.UpdateConnection{Password: basiq.NewSecret(plantedPassword), SecurityCode: basiq.NewSecret(plantedCode)}
	assertNoSecrets(t, "the input", shown(credentials)+shown(&credentials)+shown(update)+shown(struct{ in basiq.CreateConnection }{credentials}))

	calls := map[string]func(*basiq.Client) error{
		"create": func(c *basiq.Client) error {
			_, err := c.Connections.Create(t.Context(), userID, credentials)
			return err
		},
		"update": func(c *basiq.Client) error {
			_, err := c.Connections.Update(t.Context(), userID, connID, update)
			return err
		},
		"mfa": func(c *basiq.Client) error {
			_, err := c.Jobs.AnswerMFA(t.Context(), userID, jobID, basiq.NewSecret(plantedAnswer))
			return err
		},
		"get": func(c *basiq.Client) error { _, err := c.Connections.Get(t.Context(), userID, connID); return err },
		"token": func(c *basiq.Client) error {
			token, err := c.Tokens.Create(t.Context(), basiq.ServerAccess())
			assertNoSecrets(t, "a token", shown(token))
			return err
		},
	}
	// An unkind server repeats all that it was sent.
	echo := func(status int) func(*http.Request, string) (*http.Response, error) {
		return func(req *http.Request, body string) (*http.Response, error) {
			return reply(status, `{"correlationId":"abc","data":[{"code":"invalid-content"}],"echo":`+
				fmt.Sprintf("%q", req.Header.Get("Authorization")+body)+`}`), nil
		}
	}
	fail := func(err error) func(*http.Request, string) (*http.Response, error) {
		return func(*http.Request, string) (*http.Response, error) { return nil, err }
	}
	faults := map[string]func(*http.Request, string) (*http.Response, error){
		"success": echo(200), "400": echo(400), "401": echo(401), "403": echo(403), "404": echo(404), "500": echo(500), "503": echo(503),
		"expired": func(*http.Request, string) (*http.Response, error) { return tokenExpired.response(), nil },
		"reset":   fail(errReset),
		"echo in an error": func(req *http.Request, _ string) (*http.Response, error) {
			return nil, fmt.Errorf("cannot read %q", req.Header.Get("Authorization"))
		},
		"echo in a header": func(_ *http.Request, body string) (*http.Response, error) {
			return nil, fmt.Errorf("net/http: broken: %w", textproto.ProtocolError("bad line "+body))
		},
		"echo in a status": func(_ *http.Request, body string) (*http.Response, error) {
			return nil, fmt.Errorf("malformed HTTP response %q", body)
		},
		"HTML": func(_ *http.Request, body string) (*http.Response, error) {
			return reply(200, "<html>"+body), nil
		},
		"wrong kind": func(_ *http.Request, body string) (*http.Response, error) {
			return reply(200, fmt.Sprintf(`{"id":{},"links":%q,"access_token":[%q]}`, body, body)), nil
		},
	}
	for name, call := range calls {
		for fault, answer := range faults {
			for _, atToken := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%t", name, fault, atToken), func(t *testing.T) {
					t.Parallel()
					var log, hooks strings.Builder
					transport := roundTripper(func(req *http.Request) (*http.Response, error) {
						var body bytes.Buffer
						if req.Body != nil {
							if _, err := body.ReadFrom(req.Body); err != nil {
								return nil, err
							}
						}
						if (req.URL.Path == "/token") == atToken {
							resp, err := answer(req, body.String())
							if resp != nil {
								resp.Request = req // as net/http does
							}
							return resp, err
						}
						if req.URL.Path == "/token" {
							return reply(200, `{"access_token":"`+plantedToken+`","token_type":"Bearer","expires_in":3600}`), nil
						}
						return reply(200, jobJSON), nil
					})
					client, err := basiq.New(plantedKey,
						basiq.WithHTTPClient(&http.Client{Transport: transport}),
						basiq.WithRetry(fastRetry),
						basiq.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))),
						basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
							return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
								_, _ = fmt.Fprintf(&hooks, "%v %v %s", req.URL, req.Header, shown(req.Context()))
								resp, err := next.Do(req)
								_, _ = fmt.Fprint(&hooks, err)
								if resp != nil && resp.Request != nil {
									_, _ = fmt.Fprint(&hooks, resp.Request.Header)
								}
								return resp, err
							})
						}))
					require.NoError(t, err)
					err = call(client)
					for e := err; e != nil; e = errors.Unwrap(e) {
						assertNoSecrets(t, "an error", shown(e))
					}
					assertNoSecrets(t, "the log", log.String())
					assertNoSecrets(t, "a hook", hooks.String())
					assertNoSecrets(t, "the client", shown(client)+shown(*client))
					assert.NotEmpty(t, log.String())
				})
			}
		}
	}
}

// The transport's error repeats the URL, and with it the ids of people.
func TestErrorsHaveNoURL(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, errReset)
	_, err := client.Connections.Get(t.Context(), "user-of-note", "connection-of-note")
	require.ErrorIs(t, err, errReset)
	assert.NotContains(t, shown(err), "of-note")
	var withURL *url.Error
	require.NotErrorAs(t, err, &withURL)

	// Nor that of an http.Client inside the transport.
	nested := roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/token" {
			return reply(200, tokenJSON), nil
		}
		return nil, fmt.Errorf("failover: %w", &url.Error{Op: "Get", URL: req.URL.String(), Err: errReset})
	})
	_, err = newClient(t, nested).Connections.Get(t.Context(), "user-of-note", "connection-of-note")
	require.ErrorIs(t, err, errReset)
	assert.NotContains(t, shown(err), "of-note")
}
