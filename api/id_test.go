package api_test

import (
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

func TestID(t *testing.T) {
	t.Parallel()
	for _, good := range []api.ID{"61723", "cd6fbd92", "AU00000", "248b2883-2a6b-4e8a-9591-76565d23ba5a", "...", "a.b", "a~b_c:d@e"} {
		require.NoError(t, good.Validate(), "%q", string(good))
		text, err := good.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, string(good), string(text))
	}
	for _, bad := range []api.ID{"", ".", "..", "/", "a/b", `\`, "?", "#", "%", "a b", "\t", "\x7f", "é", "refresh", "identity", "expense-ratio"} {
		require.ErrorIs(t, bad.Validate(), api.ErrBadID, "%q", string(bad))
		_, err := bad.MarshalText()
		require.ErrorIs(t, err, api.ErrBadID)
	}
}

// FuzzID checks that a request built from any two IDs addresses a connection of a user, or cannot be built.
func FuzzID(f *testing.F) {
	for b := range 256 {
		f.Add("u"+string([]byte{byte(b)}), string([]byte{byte(b)}))
	}
	f.Add("..", "..")
	f.Add("%2e%2e", "%2f")
	f.Fuzz(func(t *testing.T, userID, connectionID string) {
		req, err := gen.NewDeleteConnectionRequest("https://au-api.basiq.io/base/", api.ID(userID), api.ID(connectionID))
		require.Equal(t, isID(userID) && isID(connectionID), err == nil)
		if err != nil {
			require.ErrorIs(t, err, api.ErrBadID)
			return
		}
		assert.Equal(t, http.MethodDelete, req.Method)
		segments := strings.Split(req.URL.EscapedPath(), "/")
		require.Len(t, segments, 6)
		assert.Equal(t, []string{"", "base", "users"}, segments[:3])
		assert.Equal(t, "connections", segments[4])
		parts := strings.Split(req.URL.Path, "/")
		require.Len(t, parts, 6)
		assert.Equal(t, []string{userID, connectionID}, []string{parts[3], parts[5]})
		assert.Empty(t, req.URL.RawQuery)
		assert.Empty(t, req.URL.Fragment)
		assert.Equal(t, "au-api.basiq.io", req.URL.Host)
	})
}

var printable = regexp.MustCompile(`^[!-~]+$`)

// isID reports whether text is a valid ID. It does not share code with [api.ID.Validate].
func isID(text string) bool {
	return printable.MatchString(text) && !strings.ContainsAny(text, `/\?#%`) &&
		!slices.Contains([]string{".", "..", "refresh", "types", "transactions", "account", "balance", "identity", "income", "expense-ratio"}, text)
}

// Every two-byte ID is either invalid or a single path segment that decodes to the ID.
func TestID_AllTwoByteIDs(t *testing.T) {
	t.Parallel()
	good := 0
	for first := range 256 {
		for second := range 256 {
			id := string([]byte{byte(first), byte(second)})
			require.Equal(t, isID(id), api.ID(id).Validate() == nil, "%q", id)
			if !isID(id) {
				continue
			}
			good++
			u, err := url.Parse("https://h/a/" + id + "/b")
			require.NoError(t, err)
			require.Equal(t, "/a/"+id+"/b", u.Path, "%q", id)
			require.Equal(t, u.Path, path.Clean(u.Path))
			require.Empty(t, u.RawQuery+u.Fragment)
			req, err := gen.NewGetUserRequest("https://h/", api.ID(id))
			require.NoError(t, err)
			require.Equal(t, "/users/"+id, req.URL.Path)
			require.Len(t, strings.Split(req.URL.EscapedPath(), "/"), 3)
		}
	}
	require.Equal(t, 89*89-1, good, "94 printable characters minus 5, without two dots")
}
