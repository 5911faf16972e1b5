package basiq_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestFilters(t *testing.T) {
	t.Parallel()
	fields := basiq.ConnectionFields
	for name, c := range map[string]struct {
		filters []basiq.Filter[basiq.Connection]
		want    string
	}{
		"none":        {nil, ""},
		"institution": {[]basiq.Filter[basiq.Connection]{fields.InstitutionID.Eq("AU00000")}, "institution.id.eq('AU00000')"},
		"status":      {[]basiq.Filter[basiq.Connection]{fields.Status.Eq(basiq.ConnectionStatusActive)}, "status.eq('active')"},
		"two": {
			[]basiq.Filter[basiq.Connection]{fields.ID.Eq("c1"), fields.Status.Eq("next")},
			"id.eq('c1'),status.eq('next')",
		},
		"odd characters": {[]basiq.Filter[basiq.Connection]{fields.ID.Eq(`a&b=c,d).e "ä+%`)}, `id.eq('a&b=c,d).e "ä+%')`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
			for _, err := range client.Connections.List(t.Context(), userID, c.filters...) {
				require.NoError(t, err)
			}
			query, err := url.ParseQuery(s.seen()[0].Query)
			require.NoError(t, err)
			assert.Equal(t, c.want, query.Get("filter"))
			assert.Equal(t, c.want != "", query.Has("filter"), "no filter is not an empty filter")
		})
	}
	assert.Equal(t, "connection.id.eq('c1')", basiq.JobFields.ConnectionID.Eq("c1").String())
}

func TestBadFilters(t *testing.T) {
	t.Parallel()
	for name, filter := range map[string]basiq.Filter[basiq.Connection]{
		"empty":   basiq.ConnectionFields.ID.Eq(""),
		"quote":   basiq.ConnectionFields.ID.Eq("x'),status.eq('active"),
		"newline": basiq.ConnectionFields.InstitutionID.Eq("AU\n"),
		"zero":    {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
			n := 0
			for connection, err := range client.Connections.List(t.Context(), userID, basiq.ConnectionFields.ID.Eq("c1"), filter) {
				n++
				assert.Nil(t, connection)
				require.ErrorIs(t, err, basiq.ErrInvalidInput)
			}
			assert.Equal(t, 1, n)
			assert.Empty(t, s.seen())
		})
	}
	_, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
	for _, err := range client.Jobs.List(t.Context(), userID, basiq.JobFields.ConnectionID.Eq("'")) {
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
	}
}

// What goes into a filter comes out of a parser of the grammar, or is refused.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"AU00000", "", "'", "a,b", "a')", "ä", "\x00", "a%27b", "&filter=", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var sent string
		client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == "/token" {
				return reply(200, tokenJSON), nil
			}
			sent = req.URL.Query().Get("filter")
			return reply(200, `{"type":"list","data":[]}`), nil
		}))
		var failure error
		for _, err := range client.Connections.List(context.Background(), userID, basiq.ConnectionFields.ID.Eq(value)) {
			failure = err
		}
		if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r == '\'' || unicode.IsControl(r) }) {
			require.ErrorIs(t, failure, basiq.ErrInvalidInput)
			return
		}
		require.NoError(t, failure)
		parsed, found := strings.CutPrefix(sent, "id.eq('")
		require.True(t, found)
		parsed, found = strings.CutSuffix(parsed, "')")
		require.True(t, found)
		assert.Equal(t, value, parsed)
	})
}
