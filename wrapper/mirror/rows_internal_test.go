package mirror

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Only the links of a resource may change without a new fingerprint.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	const payload = `{"id":"t1","institution":{"links":{"self":"a"}},"links":{"self":"https://au-api.basiq.io/t1"},"amount":"5"}`
	for _, test := range []struct {
		name, other string
		same        bool
	}{
		{"links", `{"id":"t1","institution":{"links":{"self":"a"}},"links":{"self":"https://gateway.example.com/t1"},"amount":"5"}`, true},
		{"member after the links", `{"id":"t1","institution":{"links":{"self":"a"}},"links":{"self":"https://au-api.basiq.io/t1"},"amount":"6"}`, false},
		{"member before the links", `{"id":"t2","institution":{"links":{"self":"a"}},"links":{"self":"https://au-api.basiq.io/t1"},"amount":"5"}`, false},
	} {
		assert.Equal(t, test.same, fingerprint([]byte(payload)) == fingerprint([]byte(test.other)), test.name)
	}
	for _, links := range []string{`null`, `"x"`, `[]`, `{"a":{"b":1}}`} { // unexpected links do not hide the members after them
		assert.NotEqual(t, fingerprint([]byte(`{"links":`+links+`,"amount":"5"}`)), fingerprint([]byte(`{"links":`+links+`,"amount":"6"}`)), links)
	}
}
