package basiqtest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMerchants(t *testing.T) {
	t.Parallel()
	c := new30(t)
	search := func(parameters ...string) reply {
		query := url.Values{}
		for i := 0; i < len(parameters); i += 2 {
			query.Set(parameters[i], parameters[i+1])
		}
		return c.get("/merchants?" + query.Encode())
	}
	r := search("merchantName", "coles")
	require.Equal(t, http.StatusOK, r.status, r.raw)
	require.Equal(t, 1, r.length("data"))
	assert.Equal(t, "Coles", r.text("data.0.merchantName"))
	assert.InDelta(t, 1, numberAt(r, "data.0.matchScore"), 0)
	id, abn := r.text("data.0.merchantId"), r.text("data.0.abn")
	assert.Equal(t, id, search("abn", abn).text("data.0.merchantId"))
	assert.Equal(t, 1, search("abn", abn, "suburb", "hawthorn", "entityType", "Australian Private Company").length("data"))
	for name, none := range map[string]reply{
		"other suburb": search("abn", abn, "suburb", "Manly"), "other type": search("abn", abn, "entityType", "Individual/Sole Trader"),
		"other name": search("abn", abn, "merchantName", "ALDI"), "no number": search("abn", "x"), "stranger": search("merchantName", "XYZZY"),
	} {
		assert.Zero(t, none.length("data"), name)
	}
	assert.Less(t, numberAt(search("merchantName", "cole"), "data.0.matchScore"), 1.0)
	search("suburb", "Manly").requireError(400, "parameter-not-supplied", "One of 'abn' or 'merchantName' is required.")

	one := c.get("/merchants/" + id)
	require.Equal(t, http.StatusOK, one.status, one.raw)
	assert.Equal(t, "enrich", one.text("source"))
	assert.Equal(t, id, one.text("merchant.id"))
	assert.Equal(t, "Hawthorn", one.text("location.suburb"))
	assert.Equal(t, "4110", one.text("category.anzsic.class.code"))
	assert.NotEmpty(t, one.text("links.logo-master"))
	c.get("/merchants/"+noID).requireError(404, "resource-not-found", "Requested resource is not found")
}
