package basiq_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestConsents_PageURL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page basiq.ConsentPage
		want string
	}{
		"first consent": {basiq.ConsentPage{State: "s"}, "state=s&token=token-1"},
		"connect":       {basiq.ConsentPage{State: "s", Action: basiq.ConsentActionConnect}, "action=connect&state=s&token=token-1"},
		"custom action": {basiq.ConsentPage{State: "s", Action: "organize"}, "action=organize&state=s&token=token-1"},
		"one bank":      {basiq.ConsentPage{State: "s", InstitutionID: "AU00000"}, "institutionId=AU00000&state=s&token=token-1"},
		"a connection": {
			basiq.ConsentPage{State: "a b&token=x", Action: basiq.ConsentActionReauthorise, ConnectionID: "c1"},
			"action=reauthorise&connectionId=c1&state=a+b%26token%3Dx&token=token-1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var scopes []string
			s := &stub{}
			client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.URL.Path == "/token" {
					require.NoError(t, req.ParseForm())
					scopes = append(scopes, req.PostForm.Encode())
				}
				return s.RoundTrip(req)
			}))
			u, err := client.Consents.PageURL(t.Context(), userID, c.page)
			require.NoError(t, err)
			assert.Equal(t, basiq.DefaultConsentURL+"?"+c.want, u.Reveal())
			assert.Equal(t, []string{"scope=CLIENT_ACCESS&userId=u1"}, scopes)
			assert.NotContains(t, shown(u), "token-1")
		})
	}
}

// The page always gets a token for its user, even if the context has another scope.
func TestConsents_PageURL_ContextScope(t *testing.T) {
	t.Parallel()
	s := &stub{respond: respondWith(ok(200, userJSON))}
	client := newClient(t, s)
	_, err := client.Users.Get(t.Context(), userID)
	require.NoError(t, err)
	u, err := client.Consents.PageURL(basiq.ContextWithScope(t.Context(), basiq.ServerAccess()), userID, basiq.ConsentPage{State: "s"})
	require.NoError(t, err)
	assert.Contains(t, u.Reveal(), "token=token-2", "token-1 has server access")
}

// fixedSource returns the same token for every scope, as a faulty token store might.
type fixedSource struct{ value string }

func (s fixedSource) Token(context.Context, basiq.Scope) (basiq.Token, error) {
	return basiq.Token{Value: basiq.NewSecret(s.value), Expires: time.Now().Add(time.Hour)}, nil
}

func (fixedSource) Reject(context.Context, basiq.Scope, basiq.Token) {}

// scopedSource returns JWTs with the given claims and the requested scope.
type scopedSource struct{ claims string }

func (s scopedSource) Token(_ context.Context, scope basiq.Scope) (basiq.Token, error) {
	value := strings.Join([]string{"e30", base64.RawURLEncoding.EncodeToString([]byte(s.claims)), string(scope.Access)}, ".")
	return basiq.Token{Value: basiq.NewSecret(value), Expires: time.Now().Add(time.Hour)}, nil
}

func (scopedSource) Reject(context.Context, basiq.Scope, basiq.Token) {}

// A token with server access never becomes part of a URL for a browser.
func TestConsents_PageURL_ServerToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source basiq.TokenSource
		good   bool
	}{
		"same token for all scopes": {fixedSource{"opaque"}, false},
		"server claims":             {scopedSource{`{"scope":"SERVER_ACCESS"}`}, false},
		"both scopes":               {scopedSource{`{"scope":"CLIENT_ACCESS SERVER_ACCESS"}`}, false},
		"client claims":             {scopedSource{`{"scope":"CLIENT_ACCESS","userid":"u1"}`}, true},
		"other claims":              {scopedSource{`{"scope":["CLIENT_ACCESS"]}`}, true},
		"server scope in a list":    {scopedSource{`{"scopes":["SERVER_ACCESS"]}`}, false},
		"not a JWT":                 {scopedSource{"\x00"}, true},
		"no claims":                 {scopedSource{`not JSON`}, true},
		"opaque ones":               {mintingSource{n: new(int)}, true},
		"no base64":                 {dottedSource{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := basiq.New("", basiq.WithTokenSource(c.source))
			require.NoError(t, err)
			u, err := client.Consents.PageURL(t.Context(), userID, basiq.ConsentPage{State: "s"})
			if c.good {
				require.NoError(t, err)
				parsed, err := url.Parse(u.Reveal())
				require.NoError(t, err)
				token, err := c.source.Token(t.Context(), basiq.ClientAccess(userID))
				require.NoError(t, err)
				assert.NotEmpty(t, parsed.Query().Get("token"))
				assert.Len(t, parsed.Query().Get("token"), len(token.Value.Reveal()))
				return
			}
			require.ErrorContains(t, err, "SERVER_ACCESS")
			assert.True(t, u.IsZero())
			assert.NotContains(t, err.Error(), "opaque")
		})
	}
}

// mintingSource returns a new server token for every scope, as a faulty token store might. If fails is set, its second
// call returns an error.
type mintingSource struct {
	n     *int
	fails bool
}

func (s mintingSource) Token(context.Context, basiq.Scope) (basiq.Token, error) {
	*s.n++
	if s.fails && *s.n == 2 {
		return basiq.Token{}, errReset
	}
	return basiq.Token{Value: basiq.NewSecret(fmt.Sprint("server-token-", *s.n)), Expires: time.Now().Add(time.Hour)}, nil
}

func (mintingSource) Reject(context.Context, basiq.Scope, basiq.Token) {}

// dottedSource returns tokens that only resemble JWTs.
type dottedSource struct{}

func (dottedSource) Token(_ context.Context, scope basiq.Scope) (basiq.Token, error) {
	return basiq.Token{Value: basiq.NewSecret("a.!SERVER_ACCESS." + string(scope.Access)), Expires: time.Now().Add(time.Hour)}, nil
}

func (dottedSource) Reject(context.Context, basiq.Scope, basiq.Token) {}

// brokenSource always returns an error.
type brokenSource struct{ fixedSource }

func (brokenSource) Token(context.Context, basiq.Scope) (basiq.Token, error) {
	return basiq.Token{}, errReset
}

// A client with an API key requests the page's token from Basiq, because a TokenSource may ignore scopes.
func TestConsents_PageURL_TokenSourceAndKey(t *testing.T) {
	t.Parallel()
	s := &stub{}
	client := newClient(t, s, basiq.WithTokenSource(mintingSource{n: new(int)}))
	u, err := client.Consents.PageURL(t.Context(), userID, basiq.ConsentPage{State: "s"})
	require.NoError(t, err)
	assert.Contains(t, u.Reveal(), "token=token-1")

	client, err = basiq.New("", basiq.WithTokenSource(mintingSource{new(int), true}))
	require.NoError(t, err)
	_, err = client.Consents.PageURL(t.Context(), userID, basiq.ConsentPage{State: "s"})
	require.ErrorIs(t, err, errReset, "a server token is required for the comparison")

	client, err = basiq.New("", basiq.WithTokenSource(brokenSource{}))
	require.NoError(t, err)
	u, err = client.Consents.PageURL(t.Context(), userID, basiq.ConsentPage{State: "s"})
	require.ErrorIs(t, err, errReset)
	assert.True(t, u.IsZero())
}

// A token that is about to expire is replaced, because it would expire while the user logs in.
func TestConsents_PageURL_TokenLifetime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{}
		client := newClient(t, s)
		page := func() string {
			u, err := client.Consents.PageURL(t.Context(), userID, basiq.ConsentPage{State: "s"})
			require.NoError(t, err)
			parsed, err := url.Parse(u.Reveal())
			require.NoError(t, err)
			return parsed.Query().Get("token")
		}
		assert.Equal(t, "token-1", page())
		time.Sleep(20 * time.Minute)
		assert.Equal(t, "token-1", page(), "valid for 40 more minutes")
		time.Sleep(10 * time.Minute)
		assert.Equal(t, "token-1", page(), "valid for 30 more minutes")
		time.Sleep(5 * time.Minute)
		assert.Equal(t, "token-2", page(), "25 minutes are too short")
	})
}

func TestConsents_PageURL_InvalidInput(t *testing.T) {
	t.Parallel()
	s := &stub{}
	client := newClient(t, s)
	for name, c := range map[string]struct {
		userID string
		page   basiq.ConsentPage
		text   string
	}{
		"empty user ID":          {"", basiq.ConsentPage{State: "s"}, "userID"},
		"path traversal":         {"..", basiq.ConsentPage{State: "s"}, "userID"},
		"missing state":          {userID, basiq.ConsentPage{}, "NewConsentState"},
		"invalid action":         {userID, basiq.ConsentPage{State: "s", Action: "a&b"}, "page.Action"},
		"invalid institution ID": {userID, basiq.ConsentPage{State: "s", InstitutionID: "a/b"}, "page.InstitutionID"},
		"invalid connection ID":  {userID, basiq.ConsentPage{State: "s", ConnectionID: ".."}, "page.ConnectionID"},
	} {
		u, err := client.Consents.PageURL(t.Context(), c.userID, c.page)
		require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
		assert.Contains(t, err.Error(), c.text, name)
		assert.True(t, u.IsZero(), name)
	}
	assert.Zero(t, s.tokenRequests(), "an invalid page must not cause a token request")

	s.onToken = func(int) (*http.Response, error) {
		return reply(404, envelope("parameter-not-valid", "", "Unable")), nil
	}
	_, err := client.Consents.PageURL(t.Context(), userID, basiq.ConsentPage{State: "s"})
	require.ErrorIs(t, err, basiq.ErrInvalidAPIKey)
}

func TestWithConsentURL(t *testing.T) {
	t.Parallel()
	client := newClient(t, &stub{}, basiq.WithConsentURL("http://127.0.0.1:8080/home"))
	u, err := client.Consents.PageURL(t.Context(), userID, basiq.ConsentPage{State: "s"})
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(u.Reveal(), "http://127.0.0.1:8080/home?"))
	for _, bad := range []string{"", "consent.basiq.io", "http://consent.basiq.io/home", "http://192.0.2.1/home", "https://u:p@consent.basiq.io/home", "https://consent.basiq.io/home?a=b", "https://[::1"} {
		_, err := basiq.New(testKey, basiq.WithConsentURL(bad))
		require.ErrorIs(t, err, basiq.ErrInvalidInput, bad)
	}
}

func TestParseConsentRedirect(t *testing.T) {
	t.Parallel()
	const state = "IPXCWM2JQXR4VQ7DZ6R5K5TZWQ"
	for name, c := range map[string]struct {
		query string
		jobs  []string
		is    error
	}{
		"one job":                     {"jobIds=j1&state=" + state, []string{"j1"}, nil},
		"several":                     {"jobIds=j1,j2,%20j3&state=" + state, []string{"j1", "j2", "j3"}, nil},
		"encoded commas":              {"jobIds=j1%2Cj2&state=" + state, []string{"j1", "j2"}, nil},
		"duplicate job and parameter": {"jobIds=j1,j1&jobIds=j2,,&state=" + state, []string{"j1", "j2"}, nil},
		"duplicate job, empty job":    {"jobIds=j1,j1,,j2&state=" + state, []string{"j1", "j2"}, nil},
		"no jobs":                     {"state=" + state, nil, nil},
		"empty":                       {"jobIds=&state=" + state, nil, nil},
		"wrong state":                 {"jobIds=j1&state=x", nil, basiq.ErrConsentState},
		"longer state":                {"jobIds=j1&state=" + state + "x", nil, basiq.ErrConsentState},
		"missing state":               {"jobIds=j1", nil, basiq.ErrConsentState},
		"two states":                  {"jobIds=j1&state=x&state=" + state, nil, basiq.ErrConsentState},
		"empty state":                 {"jobIds=j1&state=", nil, basiq.ErrConsentState},
		"path in a job ID":            {"jobIds=../users/u1&state=" + state, nil, basiq.ErrInvalidInput},
		"path traversal":              {"jobIds=j1,..&state=" + state, nil, basiq.ErrInvalidInput},
		"invalid escape":              {"jobIds=%zz&state=" + state, nil, basiq.ErrInvalidInput},
		"control character":           {"jobIds=j%00&state=" + state, nil, basiq.ErrInvalidInput},
		"semicolon":                   {"jobIds=j1;state=" + state, nil, basiq.ErrInvalidInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redirect, err := basiq.ParseConsentRedirect(&url.URL{Path: "/done", RawQuery: c.query}, state)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
				assert.Nil(t, redirect)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.jobs, redirect.JobIDs)
			assert.Equal(t, state, redirect.Query.Get("state"))
		})
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprint("j", i)
	}
	redirect, err := basiq.ParseConsentRedirect(&url.URL{RawQuery: "state=" + state + "&jobIds=" + strings.Join(many[:100], ",")}, state)
	require.NoError(t, err)
	assert.Len(t, redirect.JobIDs, 100)
	_, err = basiq.ParseConsentRedirect(&url.URL{RawQuery: "state=" + state + "&jobIds=" + strings.Join(many, ",")}, state)
	require.ErrorIs(t, err, basiq.ErrInvalidInput, "too many job IDs")

	_, err = basiq.ParseConsentRedirect(nil, state)
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
	_, err = basiq.ParseConsentRedirect(&url.URL{RawQuery: "state="}, "")
	require.ErrorIs(t, err, basiq.ErrInvalidInput, "an empty state is invalid")
	first, second := basiq.NewConsentState(), basiq.NewConsentState()
	assert.NotEqual(t, first, second)
	assert.Greater(t, len(first), 20)
}

// For any query, ParseConsentRedirect returns the job IDs that an independent parser finds if the state matches. Otherwise it
// returns an error.
func FuzzConsentRedirect(f *testing.F) {
	for _, query := range []string{
		"jobIds=j1,j2&state=s", "state=s", "jobIds=..&state=s", "jobIds=a%2Fb&state=s", "state=s&state=s", "%", ";", "jobIds=j1&state=S",
		"jobIds=j1,,%20j2,j1&jobIds=j3&state=s", "state=", "state=%73", "jobIds=" + strings.Repeat("j,", 200) + "&state=s", "state=s%00",
	} {
		f.Add(query, "s")
		f.Add(query, "")
	}
	f.Fuzz(func(t *testing.T, query, state string) {
		redirect, err := basiq.ParseConsentRedirect(&url.URL{RawQuery: query}, state)
		values, broken := url.ParseQuery(query)
		switch {
		case state == "", broken != nil:
			require.ErrorIs(t, err, basiq.ErrInvalidInput)
		case !slices.Equal(values["state"], []string{state}):
			require.ErrorIs(t, err, basiq.ErrConsentState)
		}
		if err != nil {
			require.Nil(t, redirect)
			require.NotEqual(t, errors.Is(err, basiq.ErrConsentState), errors.Is(err, basiq.ErrInvalidInput), "exactly one of the two errors")
			checkText(t, err, 300)
			return
		}
		require.Equal(t, values, redirect.Query)
		var want []string
		for _, id := range strings.FieldsFunc(strings.Join(values["jobIds"], ","), func(r rune) bool { return r == ',' }) {
			if id = strings.TrimSpace(id); id != "" && !slices.Contains(want, id) {
				want = append(want, id)
				require.Regexp(t, onlyID, id)
			}
		}
		require.Equal(t, want, redirect.JobIDs)
		require.LessOrEqual(t, len(want), 100)
	})
}

// onlyID matches an ID without characters that are special in a path.
var onlyID = regexp.MustCompile(`^[!-~]+$`)
