package basiqtest

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRedactBody adds a secret field to arbitrary JSON or forms and checks that the redacted body does not contain it.
// Redacted JSON must be valid JSON.
func FuzzRedactBody(f *testing.F) {
	for _, text := range []string{`{}`, `[]`, `1`, `null`, `"a"`, `{"a":[{"b":1}]}`, `a=b&c=d`, `a=b;c`, `{"a":`, `[[["x"]]]`, `%`} {
		f.Add(text, "password", "a")
		f.Add(text, "LOGIN_ID", "mfa-response")
	}
	const secret = "Pl4nted"
	f.Fuzz(func(t *testing.T, text, before, after string) {
		if strings.Contains(text+before+after, secret) {
			t.Skip()
		}
		quoted, err := json.Marshal(secret)
		require.NoError(t, err)
		name, err := json.Marshal(before + "Password" + after)
		require.NoError(t, err)
		for _, body := range []string{
			`{` + string(name) + `:` + string(quoted) + `,"a":` + text + `}`,
			`{"a":` + text + `,` + string(name) + `:[` + text + `,{"b":` + string(quoted) + `}]}`,
			`[` + text + `,{"a":{` + string(name) + `:{"b":[` + string(quoted) + `]}}}]`,
			`[` + text + `,` + string(quoted) + `]`,
			text + string(quoted),
			string(quoted) + text,
		} {
			shown := redactBody("application/json", []byte(body))
			require.NotContains(t, shown, secret, body)
			require.Equal(t, json.Valid([]byte(body)), shown != "", body)
			require.True(t, shown == "" || json.Valid([]byte(shown)), shown)
		}
		pair := url.QueryEscape(before+"Password"+after) + "=" + secret
		for _, body := range []string{pair, text + "&" + pair, pair + "&" + text, text + "&" + secret, secret + "&" + text} {
			require.NotContains(t, redactBody("application/x-www-form-urlencoded", []byte(body)), secret, body)
		}
	})
}
