package basiq_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// The only documented list of users is in an old guide and has few fields.
func TestUsers_List(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, `{"type":"list","size":2,"data":[
		{"type":"user","id":"ea3a81","email":"gavin@hooli.com","mobile":"+61410888666","firstName":"Gavin","lastName":"Belson","createdTime":"2021-05-25T06:29:44Z",
			"links":{"self":"https://au-api.basiq.io/users/ea3a81"}},
		{"type":"user","id":"ea3a82","email":null,"createdTime":"","connections":null,"verificationStatus":null}],
		"links":{"self":"https://au-api.basiq.io/users"}}`))
	users := all(t, client.Users.List(t.Context()))
	require.Len(t, users, 2)
	assert.Equal(t, "gavin@hooli.com", users[0].Email)
	assertMoment(t, "2021-05-25T06:29:44Z", users[0].CreatedTime)
	assert.Empty(t, users[1].Email)
	_, created := users[1].CreatedTime.Time()
	assert.False(t, created)
	assert.Nil(t, users[1].VerificationStatus)
	assert.Equal(t, "GET /users", s.seen()[0].String())
	assert.Empty(t, s.seen()[0].Query)
}

// Basiq may reject listing users, with any of its usual errors.
func TestUsers_List_Rejected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		response stubResponse
		is       error
	}{
		"forbidden":         {ok(403, envelope("forbidden-access", "Forbidden Access", "Access to this resource is forbidden.")), basiq.ErrForbidden},
		"unknown operation": {ok(404, `{"type":"list","data":[{"type":"error","code":"resource-not-found","detail":"Route not found for this API version"}]}`), basiq.ErrWrongAPIVersion},
		"not found":         {ok(404, envelope("resource-not-found", "", "")), basiq.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, c.response)
			require.ErrorIs(t, rangeErr(client.Users.List(t.Context())), c.is)
		})
	}
}
