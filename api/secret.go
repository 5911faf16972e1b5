package api

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
)

// redacted is printed in place of a secret.
const redacted = "[redacted]"

// Secret holds an API key, a token, a password, or an answer to an MFA challenge. Only [Secret.Reveal] returns it. It is
// printed, logged and marshaled as "[redacted]", even inside other values. The zero Secret is empty.
type Secret struct {
	// reveal is a function because fmt and go-spew print unexported fields and follow pointers. It also makes == a
	// compile-time error.
	reveal func() string
}

// NewSecret returns a Secret that holds value.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return value }}
}

// Reveal returns the secret.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.reveal == nil }

// Equal reports whether the secrets are equal. It does not take constant time, so do not compare it with untrusted input.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

// Format implements [fmt.Formatter]. It prints "[redacted]" under every verb, or nothing if the secret is empty.
func (s Secret) Format(f fmt.State, _ rune) {
	if !s.IsZero() {
		_, _ = io.WriteString(f, redacted)
	}
}

// LogValue implements [slog.LogValuer] as Format does.
func (s Secret) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// MarshalText returns the text that Format prints. To store a secret, store the result of [Secret.Reveal].
func (s Secret) MarshalText() ([]byte, error) { return fmt.Append(nil, s), nil }

// UnmarshalText sets the secret, for example from a configuration. It returns an error for "[redacted]", the marshaled form.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == redacted {
		return errors.New("cannot unmarshal a redacted secret")
	}
	*s = NewSecret(string(text))
	return nil
}

// WireSecret is a secret inside a request or response body. Its JSON is the secret itself, because the body must carry it.
// In every other form it is redacted, as a [Secret] is. Keep and log its Secret.
type WireSecret struct{ Secret }

// MarshalJSON returns the secret as a JSON string.
func (w WireSecret) MarshalJSON() ([]byte, error) { return json.Marshal(w.Reveal()) }

// UnmarshalJSON decodes a JSON string, or null. Any other value, also a number, is a [*TypeError].
func (w *WireSecret) UnmarshalJSON(data []byte) error {
	w.Secret = Secret{}
	switch jsontext.Value(data).Kind() {
	case '"':
		w.Secret = NewSecret(text(data))
	case 'n':
	default:
		return &TypeError{Field: "secret", Kind: "string"}
	}
	return nil
}
