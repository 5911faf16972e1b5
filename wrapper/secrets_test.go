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
	plantedSigner   = "whsec_PLANTED-webhook-secret"
)

func assertNoSecrets(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{plantedKey, plantedToken, plantedPassword, plantedCode, plantedLogin, plantedAnswer, plantedSigner} {
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
		"consent page": func(c *basiq.Client) error {
			page, err := c.Consents.PageURL(t.Context(), userID, basiq.ConsentPage{State: "s"})
			assertNoSecrets(t, "a page", shown(page)+shown(&page)+shown(struct{ page basiq.Secret }{page}))
			if err == nil {
				assert.Contains(t, page.Reveal(), plantedToken)
			}
			return err
		},
		"webhook create": func(c *basiq.Client) error {
			webhook, err := c.Webhooks.Create(t.Context(), basiq.CreateWebhook{URL: "https://piper.com/basiq-messages/"})
			assertNoSecrets(t, "a webhook", showWebhook(webhook))
			return err
		},
		"webhook get": func(c *basiq.Client) error {
			webhook, err := c.Webhooks.Get(t.Context(), "w1")
			assertNoSecrets(t, "a webhook", showWebhook(webhook))
			return err
		},
		"webhook update": func(c *basiq.Client) error {
			webhook, err := c.Webhooks.Update(t.Context(), "w1", basiq.UpdateWebhook{URL: "https://piper.com/basiq-messages/"})
			assertNoSecrets(t, "a webhook", showWebhook(webhook))
			return err
		},
		"webhook list": func(c *basiq.Client) error {
			var failure error
			for webhook, err := range c.Webhooks.List(t.Context()) {
				assertNoSecrets(t, "a webhook", showWebhook(webhook))
				failure = err
			}
			return failure
		},
	}
	// An unkind server repeats all that it was sent.
	echo := func(status int) func(*http.Request, string) (*http.Response, error) {
		return func(req *http.Request, body string) (*http.Response, error) {
			return reply(status, `{"correlationId":"abc","data":[{"code":"invalid-content"}],"secret":"`+plantedSigner+`","echo":`+
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
		"webhook": func(*http.Request, string) (*http.Response, error) {
			return reply(200, `{"type":"webhook","id":"w1","url":"https://piper.com/basiq-messages/","secret":"`+plantedSigner+`"}`), nil
		},
		"webhook in a list": func(*http.Request, string) (*http.Response, error) {
			return reply(200, `{"type":"list","data":[{"id":"w1","url":"https://piper.com/basiq-messages/","secret":"`+plantedSigner+`"}]}`), nil
		},
		"webhook without an id": func(*http.Request, string) (*http.Response, error) {
			return reply(200, `{"type":"webhook","secret":"`+plantedSigner+`"}`), nil
		},
		"webhook cut off": func(*http.Request, string) (*http.Response, error) {
			return answerOf{status: 200, body: `{"secret":"` + plantedSigner + `"`, cut: errReset}.response(), nil
		},
		"HTML": func(_ *http.Request, body string) (*http.Response, error) {
			return reply(200, "<html>"+body+plantedSigner), nil
		},
		"wrong kind": func(_ *http.Request, body string) (*http.Response, error) {
			return reply(200, fmt.Sprintf(`{"id":{},"links":%q,"access_token":[%q],"secret":[%q]}`, body, body, plantedSigner)), nil
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

// showWebhook is all that a webhook shows of itself, wherever it is kept.
func showWebhook(webhook *basiq.Webhook) string {
	if webhook == nil {
		return ""
	}
	return shown(webhook) + shown(*webhook) + shown([]*basiq.Webhook{webhook}) + shown(struct{ webhook basiq.Webhook }{*webhook}) + shown(webhook.Webhook)
}

// The secret that must not show is there all the same, for who asks for it.
func TestWebhookSecrets(t *testing.T) {
	t.Parallel()
	body := `{"type":"webhook","id":"w1","url":"https://piper.com/basiq-messages/","secret":"` + plantedSigner + `"}`
	for name, c := range map[string]struct {
		answer answerOf
		call   func(c *basiq.Client) (*basiq.Webhook, error)
	}{
		"create": {ok(201, body), func(c *basiq.Client) (*basiq.Webhook, error) {
			return c.Webhooks.Create(t.Context(), basiq.CreateWebhook{URL: "https://piper.com/basiq-messages/"})
		}},
		"get": {ok(200, body), func(c *basiq.Client) (*basiq.Webhook, error) { return c.Webhooks.Get(t.Context(), "w1") }},
		"update": {ok(200, body), func(c *basiq.Client) (*basiq.Webhook, error) {
			return c.Webhooks.Update(t.Context(), "w1", basiq.UpdateWebhook{URL: "https://piper.com/basiq-messages/"})
		}},
		"list": {ok(200, list(body)), func(c *basiq.Client) (found *basiq.Webhook, err error) {
			err = only(t, c.Webhooks.List(t.Context()), func(webhook *basiq.Webhook) { found = webhook })
			return found, err
		}},
		"list of one without a list": {ok(200, `{"type":"list","data":`+body+`}`), func(c *basiq.Client) (found *basiq.Webhook, err error) {
			err = only(t, c.Webhooks.List(t.Context()), func(webhook *basiq.Webhook) { found = webhook })
			return found, err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, c.answer)
			webhook, err := c.call(client)
			require.NoError(t, err)
			assert.Equal(t, plantedSigner, webhook.Secret.Reveal())
			assert.Empty(t, webhook.Webhook.Secret, "the generated field, which JSON would carry")
			assertNoSecrets(t, "a webhook", showWebhook(webhook))
			assert.Contains(t, shown(*webhook), `"secret":"[redacted]"`, "and JSON tells that there is one")
			assert.Contains(t, shown(*webhook), "https://piper.com/basiq-messages/", "what is no secret shows")
		})
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
