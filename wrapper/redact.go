package basiq

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	json "github.com/go-json-experiment/json/v1"

	"github.com/basiq-go/basiq-go/api"
)

// redactor removes secrets from a text. It is a function, so that printing a value that contains it does not print the
// secrets.
type redactor func(text string) string

// Shorter secrets are not redacted: they occur in any text.
const (
	minCredentialLength = 8
	minSecretLength     = 4
)

// newRedactor returns a redactor for secrets, raw and in the encodings in which a server or a transport may repeat
// them.
func newRedactor(secrets ...string) redactor {
	var forms []string
	for _, secret := range secrets {
		if len(secret) < minSecretLength { // an API key may be short
			continue
		}
		asJSON, _ := json.Marshal(secret) // does not fail for a string
		for _, quoted := range []string{`"` + secret + `"`, strconv.Quote(secret), string(asJSON)} {
			form := quoted[1 : len(quoted)-1]
			forms = append(forms, form, url.QueryEscape(form), url.PathEscape(form), base64.StdEncoding.EncodeToString([]byte(form)))
		}
	}
	// The longest come first, because one form may be a prefix of another.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, "[redacted]")
	}
	return strings.NewReplacer(pairs...).Replace
}

// requestRedactor returns a redactor for the secrets of a request: its authorization, and the secrets in its body. They
// are not read before the first text, because most failed requests are retried and do not cause an error.
func requestRedactor(req *http.Request, authorization []string) redactor {
	var state struct {
		sync.Mutex
		secrets []string
		read    bool
		hide    redactor
	}
	return func(text string) string {
		state.Lock()
		defer state.Unlock()
		if !state.read {
			state.secrets, state.read = requestSecrets(req, authorization), true
		}
		// No form of a secret is shorter than the secret: most texts are shorter.
		if !slices.ContainsFunc(state.secrets, func(secret string) bool { return len(secret) <= len(text) }) {
			return text
		}
		if state.hide == nil {
			state.hide = newRedactor(state.secrets...)
		}
		return state.hide(text)
	}
}

func requestSecrets(req *http.Request, authorization []string) []string {
	var secrets []string
	for _, value := range authorization {
		if _, credential, _ := strings.Cut(value, " "); len(credential) >= minCredentialLength {
			secrets = append(secrets, credential)
		}
	}
	if req.GetBody == nil || strings.HasPrefix(req.Header.Get("Content-Type"), "multipart/") { // an upload contains no secrets
		return secrets
	}
	var sent struct {
		LoginID, Password, SecondaryLoginID, SecurityCode, UserToken api.WireSecret
		MFAResponse                                                  []api.WireSecret `json:"mfa-response"`
	}
	if body, err := req.GetBody(); err == nil {
		_ = json.NewDecoder(body).Decode(&sent) // fails at the first byte of a body that is not JSON
		_ = body.Close()
	}
	for _, wire := range append(sent.MFAResponse, sent.LoginID, sent.Password, sent.SecondaryLoginID, sent.SecurityCode, sent.UserToken) {
		if secret := wire.Reveal(); len(secret) >= minSecretLength {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

// redact removes secrets from an error. A code of letters and hyphens is not redacted, even if it contains a password,
// because programs compare it. Body is not redacted.
func (e *Error) redact(hide redactor) {
	e.CorrelationID = hide(e.CorrelationID)
	for i := range e.Details {
		detail := &e.Details[i]
		if strings.ContainsFunc(detail.Code, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') }) {
			detail.Code = hide(detail.Code)
		}
		for _, text := range texts(detail) {
			*text = hide(*text)
		}
	}
}
