package basiq_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// A webhook message has only an event's ID. The event's data depends on its entity.
func TestEvents_Get(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   string
		entity basiq.EventEntity
		action basiq.EventAction
		check  func(t *testing.T, data *basiq.EventData)
	}{
		"connection": {
			strings.Replace(official(t, "examples/core/getTypeById.200.success"), "5a47115a7eed80a3b68761b725b78c75892e94cef06810ecc0e2e7b856738371", "e1", 1), basiq.EventEntityConnection, basiq.EventActionUpdated,
			func(t *testing.T, data *basiq.EventData) {
				assert.Equal(t, "8bd4f752-c218-4e41-af28-0c42ae982d35", data.ID)
				assert.Equal(t, string(basiq.ConnectionStatusActive), data.Status)
				assert.Equal(t, "AU00000", data.Institution.ID, "an object that contains the ID")
				require.NotNil(t, data.MFAEnabled)
				assert.False(t, *data.MFAEnabled)
				assertMoment(t, "2024-04-17T23:57:17Z", data.LastUsed)
				assert.Contains(t, data.Links.Accounts, "/accounts?filter=")
			},
		},
		// The example of a user in the documented list of events.
		"user": {
			`{"type":"event","id":"e1","createdDate":"2019-07-29T07:34:09Z","entity":"user","eventType":"created","userId":"266f5849-6ef6-4aae-accf-386470d0598e",
				"data":{"type":"user","id":"266f5849-6ef6-4aae-accf-386470d0598e","email":"max@hooli.com","mobile":"+614xxxxxxxx",
				"links":{"self":"https://au-api.basiq.io/users/266f5849-6ef6-4aae-accf-386470d0598e"}}}`,
			basiq.EventEntityUser, basiq.EventActionCreated,
			func(t *testing.T, data *basiq.EventData) {
				assert.Equal(t, "max@hooli.com", data.Email)
				assert.Equal(t, "+614xxxxxxxx", data.Mobile)
				assert.Nil(t, data.VerificationStatus)
			},
		},
		// The next two examples are from openapi.yaml, which has them from the guides.
		"account": {
			`{"type":"event","id":"e1","createdDate":"2024-04-29T11:07:28Z","entity":"account","eventType":"updated","userId":"ea3a81",
				"data":{"type":"account","id":"s55bf3","accountNo":"105148119695","accountHolder":"Gavin Belson","creationDate":"2016-05-13","availableFunds":"1.00",
				"currency":"AUD","class":{"type":"savings","product":"saver"},"status":"available","transactionIntervals":[{"from":"2022-08-24","to":"2024-03-27"}],
				"connection":{"type":"connection","id":"aaaf2c3b","links":{"self":"https://au-api.basiq.io/users/ea3a81/connections/aaaf2c3b"}}}}`,
			basiq.EventEntityAccount, basiq.EventActionUpdated,
			func(t *testing.T, data *basiq.EventData) {
				assertCents(t, 100, data.AvailableFunds)
				_, known := data.Balance.MinorUnits(2)
				assert.False(t, known, "a missing balance must not be 0")
				assert.Equal(t, "savings", data.Class.Type)
				assert.Equal(t, "aaaf2c3b", data.Connection.ID)
				assertMoment(t, "2016-05-13T00:00:00Z", data.CreationDate)
				assertMoment(t, "2024-03-27T00:00:00Z", data.TransactionIntervals[0].To)
			},
		},
		"transactions": {
			`{"type":"event","id":"e1","createdDate":"2024-04-29T11:48:20Z","entity":"transactions","eventType":"updated","userId":"ea3a81",
				"data":{"type":"transactions","count":"13","connection":{"type":"connection","id":"aaaf2c3b"},
				"links":{"self":"https://au-api.basiq.io/users/ea3a81/transactions?filter=connection.id.eq('aaaf2c3b')"}}}`,
			basiq.EventEntityTransactions, basiq.EventActionUpdated,
			func(t *testing.T, data *basiq.EventData) {
				assert.Empty(t, data.ID)
				assert.Equal(t, "13", data.Count.String())
				count, ok := data.Count.MinorUnits(0)
				assert.True(t, ok)
				assert.Equal(t, int64(13), count)
				assert.Equal(t, "aaaf2c3b", data.Connection.ID)
				assert.Contains(t, data.Links.Self, "filter=connection.id.eq('aaaf2c3b')")
			},
		},
		// The example of a consent in the documented list of consents.
		"consent": {
			`{"type":"event","id":"e1","entity":"consent","eventType":"revoked","userId":"u1","data":{"type":"consent","id":"cd3a0120","status":"revoked","origin":"user",
				"created":"2024-03-08T14:32:06Z","expiryDate":"2025-03-08T14:32:06Z","revoked":"2024-09-24T12:19:35Z",
				"purpose":{"primary":{"title":"Share your financial data"},"other":null},
				"data":{"initialRetrievalDays":730,"retainData":true,"organisation":null,"permissions":[{"scope":"account.basic","consented":true,"required":true}]}}}`,
			basiq.EventEntityConsent, basiq.EventActionRevoked,
			func(t *testing.T, data *basiq.EventData) {
				assert.Equal(t, string(basiq.ConsentStatusRevoked), data.Status)
				assertMoment(t, "2024-09-24T12:19:35Z", data.Revoked)
				assertMoment(t, "2025-03-08T14:32:06Z", data.ExpiryDate)
				assert.Equal(t, "account.basic", data.Data.Permissions[0].Scope)
				assert.Equal(t, "Share your financial data", data.Purpose.Primary.Title)
			},
		},
		"something new": {
			`{"type":"event","id":"e1","entity":"payment","eventType":"bounced","data":{"type":"payment","id":"p1","status":"odd","count":7,"connection":"c1","brandNew":{}}}`,
			"payment", "bounced",
			func(t *testing.T, data *basiq.EventData) {
				assert.Equal(t, "payment", data.Type)
				assert.Equal(t, "7", data.Count.String(), "a number instead of a string")
				assert.Equal(t, "c1", data.Connection.ID, "an ID instead of an object")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, c.body))
			event, err := client.Events.Get(t.Context(), "e1")
			require.NoError(t, err)
			assert.Equal(t, c.entity, event.Entity)
			assert.Equal(t, c.action, event.EventType)
			require.NotNil(t, event.Data)
			c.check(t, event.Data.First())
		})
	}
	t.Run("without data", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, `{"type":"event","id":"e1","createdDate":"","data":null}`))
		event, err := client.Events.Get(t.Context(), "e1")
		require.NoError(t, err)
		assert.Nil(t, event.Data.Items)
		_, known := event.CreatedDate.Time()
		assert.False(t, known)
	})
}

// Basiq deletes events after seven days.
func TestEvents_Get_Expired(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(404, official(t, "examples/core/getTypeById.404.error")))
	_, err := client.Events.Get(t.Context(), "e1")
	require.ErrorIs(t, err, basiq.ErrNotFound)
	require.ErrorIs(t, err, basiq.CodeResourceNotFound)
	assert.Contains(t, err.Error(), "9b27dbd7-d397-428a-9eff-5048d2bed5eb", "Basiq's support needs the correlation ID")
}

func TestEvents_Types(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, official(t, "examples/core/listEventTypes.200.success")))
	types := all(t, client.Events.Types(t.Context()))
	require.Len(t, types, 15)
	assert.Equal(t, basiq.EventTypeNameAccountUpdated, types[0].ID)
	assert.Equal(t, basiq.EventTypeNameConsentWarning, types[10].ID)
	assert.Equal(t, "when an user is updated", types[14].Description)

	s, client := newStub(t, ok(200, official(t, "examples/core/getEventTypeById.200.success")))
	one, err := client.Events.Type(t.Context(), basiq.EventTypeNameAccountUpdated)
	require.NoError(t, err)
	assert.Equal(t, basiq.EventTypeNameAccountUpdated, one.ID)
	assert.Equal(t, "GET /events/types/account.updated", s.seen()[0].String())
}

func TestEvents_List_Filters(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, `{"type":"list","data":[{"type":"event","id":"e1"}],"links":{"next":"/events?next=a"}}`), ok(200, `{"type":"list","data":[]}`))
	fields := basiq.EventFields
	filters := []basiq.EventListOptions{{Filter: fields.UserID.Eq("u1").And(fields.Entity.Eq(basiq.EventEntityConsent), fields.Type.Eq(basiq.EventActionRevoked))}}
	page, err := client.Events.Page(t.Context(), "", filters...)
	require.NoError(t, err)
	assert.Len(t, page.Items, 1)
	assert.Equal(t, basiq.Cursor("next=a"), page.Next)
	_, err = client.Events.Page(t.Context(), page.Next, filters...)
	require.NoError(t, err)

	require.Len(t, s.seen(), 2)
	query, err := url.ParseQuery(s.seen()[0].Query)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"filter": {"user.id.eq('u1'),event.entity.eq('consent'),event.type.eq('revoked')"}}, query,
		"events have no page size")
	assert.Equal(t, "next=a", s.seen()[1].Query, "the cursor includes the filters")
}

func TestEvents_List_FilterRejected(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(400, official(t, "examples/core/getEvents.400.invalid-filters")))
	err := rangeErr(client.Events.List(t.Context(), basiq.EventListOptions{Filter: basiq.EventFields.Entity.Eq("payment")}))
	require.ErrorIs(t, err, basiq.ErrBadRequest)
	require.ErrorIs(t, err, basiq.CodeParameterNotValid)
}
