package basiq_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// mark is part of every planted secret. It consists of letters and digits, so that it is not changed by quoting or by escaping
// for URLs, JSON or HTML. It comes first, so that truncated secrets are found too.
const mark = "Pl4ntedM4rk"

// Secrets that are planted in all inputs and searched for in all outputs. Secrets chosen by users contain characters that are
// escaped in URLs, in JSON and by %q.
const (
	plantedKey       = mark + "-api+key/=="
	plantedToken     = mark + ".access+token/.eyJ"
	plantedFresh     = mark + ".renewed+token/.eyJ"
	plantedLogin     = mark + `-login"<&>\ü`
	plantedPassword  = mark + `-password"<&>\%41ü`
	plantedSecondary = mark + `-secondary login"`
	plantedCode      = mark + `-security'code`
	plantedUserToken = mark + `-user/token`
	plantedAnswer    = mark + `-mfa answer?`
	plantedState     = mark + `-state`
	plantedHookURL   = "https://piper.com/basiq-messages/" // not a secret
)

// plantedSigner is the secret of a webhook. Its key contains the mark, so the secret contains the mark in base64.
var plantedSigner = "whsec_" + base64.StdEncoding.EncodeToString([]byte(mark+"-webhook-key"))

var (
	plantedTokenJSON   = `{"access_token":"` + plantedToken + `","token_type":"Bearer","expires_in":3600}`
	plantedWebhookJSON = `{"type":"webhook","id":"w1","url":"` + plantedHookURL + `","secret":"` + plantedSigner + `"}`
)

// markForms lists the forms of the mark: text and bytes, which are searched for in any case, and base64.
var markForms = func() (forms struct{ anyCase, base64 []string }) {
	forms.anyCase = []string{
		strings.ToLower(mark),
		fmt.Sprintf("%x", mark),
		fmt.Sprintf("% x", mark),
		eachByte(`\x%02x`, ""), eachByte(`\u%04x`, ""), eachByte("%%%02x", ""), eachByte("%02x", ":"),
		eachByte("0x%x", ", "), eachByte("0x%x", " "), eachByte("%d", " "), eachByte("%d", ","), eachByte("%d", ", "),
	}
	// The base64 form depends on whether zero, one or two bytes precede the mark.
	for before := range 3 {
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("?", before) + mark))
		text = text[(before*8+5)/6:]
		if (before+len(mark))%3 != 0 {
			text = text[:len(text)-1] // the last character depends on the next byte
		}
		forms.base64 = append(forms.base64, text, strings.NewReplacer("+", "-", "/", "_").Replace(text))
	}
	return forms
}()

func eachByte(format, separator string) string {
	var parts []string
	for _, b := range []byte(mark) {
		parts = append(parts, fmt.Sprintf(format, b))
	}
	return strings.Join(parts, separator)
}

// secretIn returns the surroundings of a secret in a text, or "" if there is none.
func secretIn(text string) string {
	around := func(at int) string { return text[max(at-60, 0):min(at+60, len(text))] }
	for _, form := range markForms.base64 {
		if at := strings.Index(text, form); at >= 0 {
			return around(at)
		}
	}
	text = strings.ToLower(text)
	for _, form := range markForms.anyCase {
		if at := strings.Index(text, form); at >= 0 {
			return around(at)
		}
	}
	return ""
}

func assertNoSecrets(t testing.TB, where, text string) {
	t.Helper()
	if found := secretIn(text); found != "" {
		assert.Fail(t, "secret found in "+where, "%q", found)
	}
}

// The search finds each form of a secret at any position, even if the secret is truncated.
func TestSecrets_Search(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{
		plantedKey, plantedToken, plantedFresh, plantedLogin, plantedPassword, plantedSecondary, plantedCode, plantedUserToken,
		plantedAnswer, plantedState, mark + "…",
	} {
		asJSON, err := json.Marshal(secret)
		require.NoError(t, err)
		for name, form := range map[string]string{
			"unchanged": secret, "JSON": string(asJSON), "query": url.QueryEscape(secret), "path": url.PathEscape(secret),
			"%q": fmt.Sprintf("%q", secret), "%+q": fmt.Sprintf("%+q", secret), "%x": fmt.Sprintf("%x", secret), "%X": fmt.Sprintf("%X", secret),
			"% x": fmt.Sprintf("% x", secret), "%# x": fmt.Sprintf("%# x", secret), "%d of bytes": fmt.Sprintf("%d", []byte(secret)),
			"%#v of bytes": fmt.Sprintf("%#v", []byte(secret)), "lower case": strings.ToLower(secret), "upper case": strings.ToUpper(secret),
		} {
			assert.NotEmpty(t, secretIn("some text "+form+" some text"), "%s of %s", name, secret)
		}
		for before := range 3 {
			for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
				assert.NotEmpty(t, secretIn(encoding.EncodeToString([]byte(strings.Repeat("x", before)+secret+"xyz"))))
			}
		}
	}
	assert.NotEmpty(t, secretIn("some text "+plantedSigner))
	assert.Empty(t, secretIn("planted mark, api key, [redacted]"))
}

// shown returns everything that a value shows when it is printed or marshaled.
func shown(value any) string { return printed(value) + marshaled(value) }

// printed returns what fmt and a text log print of a value.
func printed(value any) string {
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&out, verb+"\n", value)
	}
	if text, ok := value.(fmt.Stringer); ok {
		out.WriteString(text.String())
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", value)
	return out.String()
}

// marshaled returns what encoding/json and a JSON log print of a value.
func marshaled(value any) string {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", value)
	asJSON, _ := json.Marshal(value)
	return out.String() + string(asJSON)
}

// nested returns what is printed of a value inside other values, where fmt does not call its methods, and in an error.
func nested(value any) string {
	text := shown(struct{ hidden any }{value}) + shown([]any{value}) + shown(map[string]any{"key": value})
	if err, ok := value.(error); ok {
		return text + shown(fmt.Errorf("because of %w", err)) + shown(errors.Join(err, err))
	}
	return text + shown(fmt.Errorf("because of %v, %+v", value, value))
}

// errorTree returns all errors that errors.As can reach.
func errorTree(err error) []error {
	if err == nil {
		return nil
	}
	tree := []error{err}
	switch node := err.(type) { //nolint:errorlint // walks the tree node by node
	case interface{ Unwrap() error }:
		tree = append(tree, errorTree(node.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range node.Unwrap() {
			tree = append(tree, errorTree(inner)...)
		}
	}
	return tree
}

// The secret of a webhook is hidden, but Reveal returns it.
func TestSecrets_Webhooks(t *testing.T) {
	t.Parallel()
	body := plantedWebhookJSON
	for name, c := range map[string]struct {
		response stubResponse
		call     func(c *basiq.Client) (*basiq.Webhook, error)
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
		"list with an object instead of an array": {ok(200, `{"type":"list","data":`+body+`}`), func(c *basiq.Client) (found *basiq.Webhook, err error) {
			err = only(t, c.Webhooks.List(t.Context()), func(webhook *basiq.Webhook) { found = webhook })
			return found, err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, c.response)
			webhook, err := c.call(client)
			require.NoError(t, err)
			assert.Equal(t, plantedSigner, webhook.Secret.Reveal())
			assert.Empty(t, webhook.Webhook.Secret, "the generated field would be part of JSON")
			for _, value := range []any{webhook, *webhook, webhook.Webhook} {
				assertNoSecrets(t, "a webhook", shown(value)+nested(value))
			}
			assert.Contains(t, shown(*webhook), `"secret":"[redacted]"`, "JSON must show that there is a secret")
			assert.Contains(t, shown(*webhook), "https://piper.com/basiq-messages/", "other fields must be visible")
		})
	}
}

// The error of the transport contains the URL, which contains the IDs of users.
func TestSecrets_ErrorURL(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]func(*http.Request) error{
		"http.Client": func(*http.Request) error { return errReset },
		"http.Client inside the transport": func(req *http.Request) error {
			return fmt.Errorf("failover: %w", &url.Error{Op: "Get", URL: req.URL.String(), Err: errReset})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.URL.Path == "/token" {
					return reply(200, tokenJSON), nil
				}
				return nil, failure(req)
			}))
			_, err := client.Connections.Get(t.Context(), "user-of-note", "connection-of-note")
			require.ErrorIs(t, err, errReset)
			for _, node := range errorTree(err) {
				assert.NotContains(t, shown(node), "of-note")
				require.NotErrorAs(t, node, new(*url.Error))
			}
		})
	}
}
