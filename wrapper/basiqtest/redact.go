package basiqtest

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"
	"regexp"
	"strings"
)

const redacted = "[redacted]"

// secretNames are parts of the names of what must not be shown. They catch more than the API has, such as names that were
// misspelt; too much redacted does no harm. The URL of a webhook may hold a secret.
var secretNames = []string{
	"url", "login", "pass", "pwd", "secur", "token", "mfa", "response", "answer", "secret", "credential", "apikey", "auth", "pin",
}

// isSecret reports whether what has this name is a secret, in whichever case it is spelt, with or without hyphens.
func isSecret(name string) bool {
	letters := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name))
	for _, part := range secretNames {
		if strings.Contains(letters, part) {
			return true
		}
	}
	return false
}

// plainName is what a name looks like. Anything else may be a value in the wrong place.
var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,39}$`)

// shownPath returns the path of a URL without tokens, and without the last part of those of the consent page, however many
// slashes stand around them: whoever has the path of a visit or of an auth link can use it.
func redactPath(path string) string {
	if strings.HasPrefix(strings.TrimLeft(path, "/"), "home/") {
		return homePath + "/…"
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if strings.Contains(segment, "eyJ") {
			segments[i] = redacted
		}
	}
	return strings.Join(segments, "/")
}

func redactName(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return redacted
}

// shown returns a value, unless it is a token or its name says that it is a secret.
func redactValue(name, value string) string {
	// Tokens are JWTs, and these begin so.
	if isSecret(name) || !plainName.MatchString(name) || strings.Contains(value, "eyJ") {
		return redacted
	}
	return value
}

// redactPairs returns the parameters of a URL or a form, decoded and redacted, in their order; "" when one cannot be
// decoded.
func redactPairs(raw string) string {
	if raw == "" || strings.Contains(raw, ";") { // which once separated pairs too
		return ""
	}
	var pairs []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, given := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return ""
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return ""
		}
		if !given { // may be a value that has lost its name
			pairs = append(pairs, redacted)
			continue
		}
		pairs = append(pairs, redactName(name)+"="+redactValue(name, value))
	}
	return strings.Join(pairs, "&")
}

// redactBody returns a body of JSON or of a form, redacted; "" of any other, and of one that is not valid.
func redactBody(contentType string, body []byte) string {
	if isJSON(contentType) {
		return redactJSON(body)
	}
	if mediaType, _, err := mime.ParseMediaType(contentType); err == nil && mediaType == "application/x-www-form-urlencoded" {
		return redactPairs(string(body))
	}
	return ""
}

// redactJSON returns JSON without blanks in which secrets are replaced, whatever they are, and values that have no name.
// Names that come twice stay two.
func redactJSON(body []byte) string {
	if !json.Valid(body) {
		return ""
	}
	r := redactor{decoder: json.NewDecoder(bytes.NewReader(body))}
	r.decoder.UseNumber()
	r.value("")
	return r.out.String()
}

// redactor copies a JSON text that is known to be valid.
type redactor struct {
	decoder *json.Decoder
	out     strings.Builder
}

// value copies the next value, which has a name, or is in an array that has.
func (r *redactor) value(name string) {
	token, err := r.decoder.Token()
	if err != nil {
		return // there is nothing left to show
	}
	switch token := token.(type) {
	case json.Delim:
		r.container(name, token)
	case string:
		r.write(redactValue(name, token))
	case json.Number:
		if text := redactValue(name, token.String()); text == redacted {
			r.write(redacted)
		} else {
			r.out.WriteString(text)
		}
	case nil:
		r.out.WriteString("null")
	default:
		if redactValue(name, "") == redacted {
			token = redacted
		}
		r.write(token)
	}
}

// group copies an array or an object that has begun.
func (r *redactor) container(name string, begin json.Delim) {
	if isSecret(name) || name != "" && !plainName.MatchString(name) {
		r.skip()
		r.write(redacted)
		return
	}
	r.out.WriteString(begin.String())
	for first := true; r.decoder.More(); first = false {
		if !first {
			r.out.WriteByte(',')
		}
		if begin == '[' {
			r.value(name)
			continue
		}
		token, err := r.decoder.Token()
		if err != nil {
			return
		}
		key, _ := token.(string)
		r.write(redactName(key))
		r.out.WriteByte(':')
		r.value(key)
	}
	if end, err := r.decoder.Token(); err == nil {
		r.out.WriteString(end.(json.Delim).String()) //nolint:forcetypeassert // The text is valid: this is what ends it.
	}
}

// skip passes over the rest of an array or an object that has begun.
func (r *redactor) skip() {
	for depth := 1; depth > 0; {
		token, err := r.decoder.Token()
		if err != nil {
			return
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
}

func (r *redactor) write(value any) {
	_, text := encode(response{body: value})
	r.out.Write(bytes.TrimSuffix(text, []byte("\n")))
}
