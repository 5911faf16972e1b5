package basiq

import (
	"encoding/base64"
	"math"
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

// requestRedactor removes the secrets of a request from texts: its authorization, and the secrets in its body. They are not
// read before the first text, because most failed requests are retried and do not cause an error.
type requestRedactor struct {
	req, wire *http.Request

	mu sync.Mutex
	// shortest is the length of the shortest secret. It is 0 until the secrets have been read.
	shortest int
	hide     redactor
}

func (r *requestRedactor) redact(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shortest == 0 {
		r.shortest = math.MaxInt
		for _, secret := range r.secrets() {
			r.shortest = min(r.shortest, len(secret))
		}
	}
	// No form of a secret is shorter than the secret: most texts are shorter.
	if len(text) < r.shortest {
		return text
	}
	if r.hide == nil {
		r.hide = newRedactor(r.secrets()...)
	}
	return r.hide(text)
}

func (r *requestRedactor) secrets() []string {
	return requestSecrets(r.req, r.wire.Header["Authorization"])
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
