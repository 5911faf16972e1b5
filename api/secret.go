package api

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// redacted is what stands wherever a secret would be printed.
const redacted = "[redacted]"

// Secret holds an API key, a token, a password, or an answer to a challenge, and shows it to nobody but who calls
// [Secret.Reveal]. Printed with any verb, logged through slog or marshaled to JSON it is "[redacted]", also inside
// other values and in their unexported fields. The zero Secret is empty.
type Secret struct {
	// A pointer, because fmt prints the strings of unexported fields without asking their type.
	value *string
}

// NewSecret returns a Secret that holds value.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{value: &value}
}

// Reveal returns what the secret holds.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.value == nil }

// Equal reports whether both hold the same. It is not made for comparing with a value from a stranger: the time it
// takes may tell about the secret.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

// Format prints "[redacted]" under every verb, or nothing when the secret is empty.
func (s Secret) Format(f fmt.State, _ rune) {
	if !s.IsZero() {
		_, _ = io.WriteString(f, redacted)
	}
}

// LogValue logs "[redacted]", or nothing when the secret is empty.
func (s Secret) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// MarshalText returns "[redacted]", or nothing when the secret is empty; encoding/json uses it too. To store a secret,
// store what [Secret.Reveal] returns.
func (s Secret) MarshalText() ([]byte, error) { return fmt.Append(nil, s), nil }

// UnmarshalText keeps text, so that a Secret can be read from JSON or a configuration. It refuses "[redacted]", which is
// what a Secret that was marshaled by mistake has become.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == redacted {
		return errors.New("the secret was redacted when it was marshaled")
	}
	*s = NewSecret(string(text))
	return nil
}

// WireSecret is a secret inside a body that is sent to Basiq or comes from it: JSON carries it, because the body must, and
// so does a log that is written as JSON; printing does not, but where the body is in an unexported field of another value,
// where fmt prints a string without asking its type. Turn it into a [Secret] to keep or log it.
type WireSecret string

// Secret returns the same secret in the form that is safe to keep.
func (w WireSecret) Secret() Secret { return NewSecret(string(w)) }

// Format prints "[redacted]" under every verb, or nothing when the secret is empty.
func (w WireSecret) Format(f fmt.State, verb rune) { w.Secret().Format(f, verb) }

// LogValue logs "[redacted]", or nothing when the secret is empty.
func (w WireSecret) LogValue() slog.Value { return w.Secret().LogValue() }
