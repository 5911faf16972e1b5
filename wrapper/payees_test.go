package basiq_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// The address of a bank may be a string or an object, and values that Basiq has not documented are kept.
func TestPayees_Get_International(t *testing.T) {
	t.Parallel()
	payee := func(address string) *basiq.Payee {
		_, client := newStub(t, ok(200, `{"id":"p1","payeeType":"card","international":{"bankDetails":{"country":"GB","bankAddress":`+address+`}}}`))
		payee, err := client.Payees.Get(t.Context(), userID, "p1")
		require.NoError(t, err)
		assert.Equal(t, "card", payee.PayeeType)
		assert.Equal(t, "GB", payee.International.BankDetails.Country)
		return payee
	}
	assert.Equal(t, "1 Churchill Place, London", payee(`"1 Churchill Place, London"`).International.BankDetails.BankAddress.Text)
	address := payee(`{"name":"Barclays","address":"1 Churchill Place"}`).International.BankDetails.BankAddress
	assert.Equal(t, map[string]json.RawMessage{"name": json.RawMessage(`"Barclays"`), "address": json.RawMessage(`"1 Churchill Place"`)}, *address.Object)
	assert.True(t, payee(`null`).International.BankDetails.BankAddress.IsZero())
}
