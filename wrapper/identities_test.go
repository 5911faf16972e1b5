package basiq_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIdentities_List(t *testing.T) {
	t.Parallel()
	t.Run("person", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, official(t, "examples/identity/getUserIdentities.200.person")))
		identities := all(t, client.Identities.List(t.Context(), userID))
		require.Len(t, identities, 1)
		person := identities[0]
		assert.Equal(t, "John Doe", person.FullName)
		assertMoment(t, "1985-05-25T00:00:00Z", person.DOB)
		assertMoment(t, "2024-06-19T10:38:31Z", person.Created)
		assert.Equal(t, []string{"john.doe@example.com"}, person.EmailAddresses)
		assert.Equal(t, []string{"+6411222333"}, person.PhoneNumbers)
		assert.Equal(t, "f8c13t7a-ta01-7ec5-b89b-7b96a0ac8305", person.ConnectionID)
		require.Len(t, person.PhysicalAddresses, 1)
		assert.Equal(t, "2099", person.PhysicalAddresses[0].Postcode)
		require.NotNil(t, person.Organisation, "present but empty")
		assert.Empty(t, person.Organisation.LegalName)
		assert.False(t, *person.Organisation.IsACNCRegistered)
	})
	t.Run("organisation", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, official(t, "examples/identity/getUserIdentities.200.organisation")))
		identities := all(t, client.Identities.List(t.Context(), userID))
		require.Len(t, identities, 1)
		organisation := identities[0]
		assert.Equal(t, "ABC Pty Limited", organisation.Organisation.LegalName)
		assert.True(t, *organisation.Organisation.IsACNCRegistered)
		_, born := organisation.DOB.Time()
		assert.False(t, born, `organisations are sent with a date of birth of ""`)
		assert.Empty(t, organisation.EmailAddresses)
		assert.Empty(t, organisation.PhysicalAddresses)
	})
}

func TestIdentities_Get(t *testing.T) {
	t.Parallel()
	t.Run("3.0", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, official(t, "assembled/identity/getUserIdentity.200.1")))
		identity, err := client.Identities.Get(t.Context(), userID, "61723")
		require.NoError(t, err)
		assert.Equal(t, "61723", identity.ID)
		assert.Equal(t, "Apt 101", identity.PhysicalAddresses[0].AddressLine2)
		assert.Equal(t, "web", identity.Source)
	})
	t.Run("2.1", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, official(t, "assembled/swagger-2.1/getUserIdentity.200.1")))
		identity, err := client.Identities.Get(t.Context(), userID, "61723")
		require.NoError(t, err)
		assert.Equal(t, []string{"placeholder emails"}, identity.Emails, "API 2.1 has this name")
		_, born := identity.DOB.Time()
		assert.False(t, born, "an invalid date must not cause an error")
	})
	t.Run("missing fields", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, `{"type":"identity","id":"i1","DOB":null,"organisation":null,"emailAddresses":null,"phoneNumbers":null,
			"physicalAddresses":[{"type":"po-box","city":null}],"source":"carrier-pigeon","created":""}`))
		identity, err := client.Identities.Get(t.Context(), userID, "i1")
		require.NoError(t, err)
		assert.Nil(t, identity.Organisation)
		assert.Equal(t, "carrier-pigeon", identity.Source)
		assert.Equal(t, "po-box", identity.PhysicalAddresses[0].Type)
		_, created := identity.Created.Time()
		assert.False(t, created)
	})
}
