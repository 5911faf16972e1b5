package basiq_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestMerchants_Get(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"merchant":{"id":"M1","businessName":"Coles","abn":"38865358328"},"category":{"matchScore":1,"anzsic":{"division":{"code":"0","title":"Unknown"}}}}`))
	merchant, err := client.Merchants.Get(t.Context(), "m1")
	require.NoError(t, err)
	assert.Equal(t, "38865358328", merchant.Merchant.ABN)
	assert.Equal(t, "0", merchant.Category.ANZSIC.Division.Code)
	for name, body := range map[string]string{
		"no merchant": `{"source":"enrich"}`, "no ID": `{"merchant":{"businessName":"Coles"}}`, "null": `null`, "top-level ID": `{"id":"m1"}`,
	} {
		_, client := newStub(t, ok(200, body))
		require.ErrorContains(t, errOf(client.Merchants.Get(t.Context(), "m1")), "invalid response", name)
	}
}

func TestMerchants_Search(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, list(foundJSON+","+foundJSON)))
	assert.Len(t, all(t, client.Merchants.Search(t.Context(), basiq.MerchantQuery{Name: "Coles"})), 2, "a merchant may occur twice")
	assert.Equal(t, "merchantName=Coles", s.seen()[0].Query)

	_, client = newStub(t, ok(200, `{"type":"list","size":0,"data":[],"links":{"self":"/merchants"}}`))
	assert.Empty(t, all(t, client.Merchants.Search(t.Context(), basiq.MerchantQuery{ABN: "1"})))

	s, client = newStub(t, ok(200, list(foundJSON)))
	err := rangeErr(client.Merchants.Search(t.Context(), basiq.MerchantQuery{Suburb: "Manly"}))
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
	require.EqualError(t, err, "basiq: Merchants.Search: query: ABN or Name is required")
	assert.Empty(t, s.seen())
}
