package basiq_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestAuthLinks_Create(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		link basiq.CreateAuthLink
		body string
	}{
		"mobile":    {basiq.CreateAuthLink{Mobile: "+61410000000"}, `{"mobile":"+61410000000"}`},
		"no mobile": {basiq.CreateAuthLink{}, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The documented response has no ID.
			s, client := newStub(t, ok(201, official(t, "assembled/core/postAuthLink.201.1")))
			link, err := client.AuthLinks.Create(t.Context(), userID, c.link)
			require.NoError(t, err)
			assert.Equal(t, "https://connect.basiq.io/63448be4", link.Links.Public)
			assert.Equal(t, "ec4ea48d", link.UserID)
			assert.Empty(t, link.ID)
			assertMoment(t, "2019-11-21T04:08:50Z", link.ExpiresAt)
			require.Len(t, s.seen(), 1)
			assert.Equal(t, "POST /users/u1/auth_link", s.seen()[0].String())
			assert.JSONEq(t, c.body, s.seen()[0].Body)
			assert.Equal(t, "application/json", s.seen()[0].ContentType)
		})
	}
}

func TestAuthLinks_Get(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, official(t, "assembled/core/getAuthLink.200.1")))
	link, err := client.AuthLinks.Get(t.Context(), userID)
	require.NoError(t, err)
	assert.Equal(t, "63448be4", link.ID)
	assert.Equal(t, "+61410000000", link.Mobile)
	assert.Equal(t, "GET /users/u1/auth_link", s.seen()[0].String())
}

// A link without a URL cannot be sent to a user.
func TestAuthLinks_MissingURL(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no links":    `{"type":"auth_link","userId":"u1","mobile":"+61410000000"}`,
		"null links":  `{"type":"auth_link","userId":"u1","links":null}`,
		"missing URL": `{"type":"auth_link","userId":"u1","links":{"self":"/users/u1/auth_link"}}`,
		"empty URL":   `{"type":"auth_link","userId":"u1","links":{"public":""}}`,
		"nothing":     ``,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(201, body))
			link, err := client.AuthLinks.Create(t.Context(), userID, basiq.CreateAuthLink{})
			var failure *basiq.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, 201, failure.StatusCode)
			assert.Nil(t, link)
			assert.True(t, basiq.MayHaveSucceeded(err), "the link was created")
			assert.NotContains(t, err.Error(), "614")
			link, err = client.AuthLinks.Get(t.Context(), userID)
			require.Error(t, err)
			assert.Nil(t, link)
		})
	}
}

// An expired link is reported as gone, not as not found.
func TestAuthLinks_Get_Expired(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(410, envelope("resource-no-longer-available", "Resource no longer available", "Auth link has expired.")))
	_, err := client.AuthLinks.Get(t.Context(), userID)
	require.ErrorIs(t, err, basiq.ErrGone)
	require.ErrorIs(t, err, basiq.CodeResourceNoLongerAvailable)
	require.NotErrorIs(t, err, basiq.ErrNotFound)
}

// The path does not contain an ID, so a second attempt could delete a link that was created after the first attempt.
// Delete is therefore not retried, and the error reports that the first attempt may have succeeded.
func TestAuthLinks_Delete(t *testing.T) {
	t.Parallel()
	notFound := ok(404, envelope("resource-not-found", "Requested resource is not found", "Auth link not found."))
	for name, c := range map[string]struct {
		response any
		done     bool
		check    func(t *testing.T, err error)
	}{
		"deleted":       {ok(204, ""), false, func(t *testing.T, err error) { require.NoError(t, err) }},
		"not there":     {notFound, false, func(t *testing.T, err error) { require.ErrorIs(t, err, basiq.ErrNotFound) }},
		"lost response": {errReset, true, func(t *testing.T, err error) { require.ErrorIs(t, err, errReset) }},
		"502":           {ok(502, "<html>"), true, func(t *testing.T, err error) { require.ErrorIs(t, err, basiq.ErrUnavailable) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, c.response, notFound)
			err := client.AuthLinks.Delete(t.Context(), userID)
			c.check(t, err)
			assert.Equal(t, c.done, basiq.MayHaveSucceeded(err))
			require.Len(t, s.seen(), 1)
			assert.Equal(t, "DELETE /users/u1/auth_link", s.seen()[0].String())
			assert.Empty(t, s.seen()[0].Body)
		})
	}
}
