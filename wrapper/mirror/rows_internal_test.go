package mirror

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// Minor units have the decimal places of ISO 4217.
func TestMoney_MinorUnits(t *testing.T) {
	t.Parallel()
	for currency, minor := range map[string]int64{"AUD": 1200_00, "": 1200_00, "JPY": 1200, "PYG": 1200, "XOF": 1200, "KWD": 1200_000, "CLF": 1200_0000} {
		exact, got := money(basiq.Amount("1200"), currency)
		assert.Equal(t, "1200", exact)
		assert.True(t, got.Valid)
		assert.Equal(t, minor, got.Int64, currency)
	}
	exact, minor := money(basiq.Amount("12.345"), "AUD")
	assert.Equal(t, "12.345", exact)
	assert.False(t, minor.Valid)
}

// intercepted calls a function before a page of changes is read.
type intercepted struct {
	*Memory

	before func()
}

func (s *intercepted) changes(ctx context.Context, userID string, after Position, limit int) ([]Change, error) {
	s.before()
	return s.Memory.changes(ctx, userID, after, limit)
}

// A reader whose user is erased and readmitted before a page is read must discard its rows.
func TestMirror_Changes_Readmitted(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store := &intercepted{Memory: new(Memory)}
	add := func() {
		st, err := store.load(ctx, "u")
		require.NoError(t, err)
		require.NoError(t, store.apply(ctx, "u", st.generation, &batch{changes: make([]Change, 2)}))
	}
	add()
	store.before = func() {
		_, err := store.erase(ctx, Deletion{UserID: "u"})
		require.NoError(t, err)
		require.NoError(t, store.readmit(ctx, "u"))
		add()
	}
	for _, err := range (&Mirror{store: store}).Changes(ctx, "u", 2) {
		require.ErrorIs(t, err, ErrErased)
	}
}

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
