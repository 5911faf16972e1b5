package basiq_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestConsents_List(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, official(t, "examples/connect/getConsents.200.example")))
	consents := all(t, client.Consents.List(t.Context(), userID))
	require.Len(t, consents, 2)

	active := consents[0]
	assert.Equal(t, "69d00245-1048-471a-902b-6cdc5d3d07a7", active.ID)
	assert.Equal(t, basiq.ConsentStatusActive, active.Status)
	assertMoment(t, "2025-09-26T12:12:01Z", active.ExpiryDate)
	_, revoked := active.Revoked.Time()
	assert.False(t, revoked, "an active consent has no revocation time")
	assert.Equal(t, "Share your financial data", active.Purpose.Primary.Title)
	assert.Equal(t, int64(730), *active.Data.InitialRetrievalDays)
	assert.True(t, *active.Data.RetainData)
	require.Len(t, active.Data.Permissions, 4)
	person := active.Data.Permissions[1]
	assert.Equal(t, "customer.person.detail", person.Scope)
	assert.True(t, *person.Consented)
	assert.True(t, *person.Required)
	assert.Len(t, person.Information.AttributeList, 6)

	assert.Equal(t, basiq.ConsentStatusRevoked, consents[1].Status)
	assertMoment(t, "2024-09-24T12:19:35Z", consents[1].Revoked)
	assert.NotEqual(t, consents[1].Links.ConsentPolicy, consents[1].Links.LatestConsentPolicy)
}

// Basiq reports a user without consents as 403. Only the recorded response is decoded as an empty list. Other errors have a
// different code, a detail or a source.
func TestConsents_List_None(t *testing.T) {
	t.Parallel()
	rejection := func(fields string) string {
		return `{"type":"list","correlationId":"c1","data":[{"type":"error",` + fields + `}]}`
	}
	recorded := rejection(`"code":"access-denied","title":"Access denied.","detail":"","source":null`)
	for name, test := range map[string]struct {
		status int
		body   string
		empty  bool
	}{
		"recorded":        {403, recorded, true},
		"without detail":  {403, rejection(`"code":"access-denied","title":"Access denied.","source":{}`), true},
		"with a detail":   {403, rejection(`"code":"access-denied","title":"Access denied.","detail":"Your account has been disabled."`), false},
		"with a source":   {403, rejection(`"code":"access-denied","title":"Access denied.","detail":"","source":{"parameter":"userId"}`), false},
		"another code":    {403, rejection(`"code":"forbidden-access","title":"Forbidden.","detail":""`), false},
		"another status":  {400, recorded, false},
		"two errors":      {403, `{"data":[{"code":"access-denied"},{"code":"access-denied"}]}`, false},
		"without an item": {403, `{"message":"Forbidden"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(test.status, test.body))
			err := rangeErr(client.Consents.List(t.Context(), userID))
			if test.empty {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
			}
		})
	}
}

// A question that the user did not answer is not decoded as a refusal.
func TestConsents_List_MissingFields(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"type":"list","data":[
		{"type":"consent","id":"n1","status":"paused","expiryDate":"","revoked":null,"data":null,"purpose":null,"links":null},
		{"type":"consent","id":"n2","data":{"retainData":false,"permissions":[{"scope":"account.basic","consented":false},{"scope":"brand.new","required":null}],
			"organisation":{"abn":"1"}},"purpose":{"other":["x",{"y":1}],"primary":null}}]}`))
	consents := all(t, client.Consents.List(t.Context(), userID))
	require.Len(t, consents, 2)
	assert.Equal(t, basiq.ConsentStatus("paused"), consents[0].Status)
	_, expires := consents[0].ExpiryDate.Time()
	assert.False(t, expires)
	assert.Nil(t, consents[0].Data)
	assert.Zero(t, consents[0].Purpose)

	data := consents[1].Data
	require.NotNil(t, data.RetainData)
	assert.False(t, *data.RetainData)
	assert.Nil(t, data.InitialRetrievalDays)
	require.NotNil(t, data.Permissions[0].Consented)
	assert.False(t, *data.Permissions[0].Consented)
	assert.Nil(t, data.Permissions[1].Consented)
	// The format of these two fields is undocumented, except that they can be null.
	assert.JSONEq(t, `{"abn":"1"}`, string(data.Organisation))
	assert.JSONEq(t, `["x",{"y":1}]`, string(consents[1].Purpose.Other))
}

// API 2.1 has no consents. Its error must not be reported as a missing consent.
func TestConsents_API21(t *testing.T) {
	t.Parallel()
	wrong := ok(404, `{"type":"list","data":[{"type":"error","code":"resource-not-found","title":"Not found","detail":"Route not found for this API version"}]}`)
	_, client := newStub(t, wrong)
	for name, err := range map[string]error{
		"List":   rangeErr(client.Consents.List(t.Context(), userID)),
		"Delete": client.Consents.Delete(t.Context(), userID, "n1"),
	} {
		require.ErrorIs(t, err, basiq.ErrWrongAPIVersion, name)
		require.NotErrorIs(t, err, basiq.ErrNotFound, name)
	}
}
