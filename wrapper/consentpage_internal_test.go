package basiq

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// suspended returns t as seen after the machine was suspended for d: the wall clock has advanced by d, the monotonic clock
// has not. Package time provides no other way to create such a value.
func suspended(t time.Time, d time.Duration) time.Time {
	fields := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t))
	if fields.wall>>63 == 0 {
		panic("no monotonic reading")
	}
	fields.wall -= uint64(d/time.Second) << 30
	return t
}

// agingSource returns each of its tokens once and records rejected tokens.
type agingSource struct {
	tokens   []Token
	rejected []string
}

func (s *agingSource) Token(_ context.Context, scope Scope) (Token, error) {
	if scope.Access != TokenScopeClientAccess {
		return Token{Value: NewSecret("server")}, nil
	}
	return s.tokens[len(s.rejected)], nil
}

func (s *agingSource) Reject(_ context.Context, _ Scope, token Token) {
	s.rejected = append(s.rejected, token.Value.Reveal())
}

type tokenEndpoint func(*http.Request) (*http.Response, error)

func (f tokenEndpoint) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// pageToken returns the token in the URL of a consent page.
func pageToken(t *testing.T, page Secret) string {
	t.Helper()
	u, err := url.Parse(page.Reveal())
	require.NoError(t, err)
	return u.Query().Get("token")
}

// The remaining lifetime of a token is measured with the wall clock, because the monotonic clock stops while a machine is
// suspended.
func TestConsents_PageURL_WallClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		left time.Duration
		want string
	}{
		{"one hour left", time.Hour, "cached"},
		{"31 minutes left", 31 * time.Minute, "cached"},
		{"29 minutes left", 29 * time.Minute, "new"},
		{"expired an hour ago", -time.Hour, "new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, err := New("key", WithHTTPClient(&http.Client{Transport: tokenEndpoint(func(*http.Request) (*http.Response, error) {
				return &http.Response{
					StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
					Body: io.NopCloser(strings.NewReader(`{"access_token":"new","token_type":"Bearer","expires_in":3600}`)),
				}, nil
			})}))
			require.NoError(t, err)
			// According to the monotonic clock the token is valid for two more hours.
			expires := suspended(time.Now().Add(2*time.Hour), 2*time.Hour-c.left)
			client.tokens = &agingSource{tokens: []Token{{Value: NewSecret("cached"), Expires: expires}}}
			page, err := client.Consents.PageURL(t.Context(), "u1", ConsentPage{State: "s"})
			require.NoError(t, err)
			assert.Equal(t, c.want, pageToken(t, page))
		})
	}
}

// An expired token from a TokenSource is rejected once, so that the source can return a new one.
func TestConsents_PageURL_TokenSourceExpired(t *testing.T) {
	t.Parallel()
	ended := suspended(time.Now().Add(2*time.Hour), 3*time.Hour)
	for _, c := range []struct {
		name     string
		tokens   []Token
		want     string
		rejected []string
	}{
		{"valid", []Token{{Value: NewSecret("a"), Expires: time.Now().Add(time.Hour)}}, "a", nil},
		{"unknown expiry", []Token{{Value: NewSecret("a")}}, "a", nil},
		{"expired", []Token{{Value: NewSecret("a"), Expires: ended}, {Value: NewSecret("b")}}, "b", []string{"a"}},
		{"expired twice", []Token{{Value: NewSecret("a"), Expires: ended}, {Value: NewSecret("b"), Expires: ended}}, "", []string{"a"}},
		{"empty", []Token{{}}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			source := &agingSource{tokens: c.tokens}
			client, err := New("", WithTokenSource(source))
			require.NoError(t, err)
			page, err := client.Consents.PageURL(t.Context(), "u1", ConsentPage{State: "s"})
			assert.Equal(t, c.rejected, source.rejected)
			if c.want == "" {
				require.EqualError(t, err, "basiq: Consents.PageURL: TokenSource returned an empty or expired token")
				assert.True(t, page.IsZero())
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, pageToken(t, page))
		})
	}
}
