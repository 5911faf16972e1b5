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

// secretNames lists substrings of the names of secret fields. They match more than the API's own fields, for example
// misspelled names, because redacting too much is harmless. The URL of a webhook may contain a secret.
var secretNames = []string{
	"url", "login", "pass", "pwd", "secur", "token", "mfa", "response", "answer", "secret", "credential", "apikey", "auth", "pin",
}

// isSecret reports whether a field name indicates a secret, ignoring case and separators.
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

// plainName matches valid field names. Anything else may be a misplaced value.
var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,39}$`)

// redactPath returns a URL path without tokens. For the consent page it also removes everything after the first
// segment, because anyone who knows the path of a visit or an auth link can use it. It ignores additional slashes.
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

// redactValue returns a value, or [redacted] if it contains a token or the name indicates a secret.
func redactValue(name, value string) string {
	// Tokens are JWTs, which contain this prefix.
	if isSecret(name) || !plainName.MatchString(name) || strings.Contains(value, "eyJ") {
		return redacted
	}
	return value
}

// redactPairs returns the decoded and redacted parameters of a URL or form, in their order, or "" if one cannot be
// decoded.
func redactPairs(raw string) string {
	if raw == "" || strings.Contains(raw, ";") { // semicolons were once separators too
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
		if !given { // may be a value without its name
			pairs = append(pairs, redacted)
			continue
		}
		pairs = append(pairs, redactName(name)+"="+redactValue(name, value))
	}
	return strings.Join(pairs, "&")
}

// redactBody returns a redacted JSON or form body, or "" if the body is neither or is invalid.
func redactBody(contentType string, body []byte) string {
	if isJSON(contentType) {
		return redactJSON(body)
	}
	if mediaType, _, err := mime.ParseMediaType(contentType); err == nil && mediaType == "application/x-www-form-urlencoded" {
		return redactPairs(string(body))
	}
	return ""
}

// redactJSON returns compact JSON in which secrets and values without a name are redacted. Duplicate names are kept.
func redactJSON(body []byte) string {
	if !json.Valid(body) {
		return ""
	}
	r := redactor{decoder: json.NewDecoder(bytes.NewReader(body))}
	r.decoder.UseNumber()
	r.value("")
	return r.out.String()
}

// A redactor copies a valid JSON text.
type redactor struct {
	decoder *json.Decoder
	out     strings.Builder
}

// value copies the next value. The name is the name of its field, or of the field of the enclosing array.
func (r *redactor) value(name string) {
	token, err := r.decoder.Token()
	if err != nil {
		return // end of input
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

// container copies the rest of an array or object.
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
		r.out.WriteString(end.(json.Delim).String()) //nolint:forcetypeassert // valid JSON always ends with a delimiter here
	}
}

// skip skips the rest of an array or object.
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
