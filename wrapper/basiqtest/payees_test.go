package basiqtest_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPayees(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, user, conn := newest(t)
		list := c.get(user + "/payees")
		require.Equal(t, http.StatusOK, list.status, list.raw)
		require.Equal(t, 5, list.length("data"))
		kinds := map[string]bool{}
		for _, id := range list.ids() {
			one := c.get(user + "/payees/" + id)
			kind := one.text("payeeType")
			kinds[kind] = true
			assert.True(t, one.has(kind), "%s has details: %s", kind, one.raw)
			assert.Equal(t, conn, one.text("connectionId"))
		}
		assert.Len(t, kinds, 4)
		assert.False(t, list.has("data.0.domestic"), "the list has no details")

		page := c.get(user + "/payees?limit=3")
		require.Equal(t, 3, page.length("data"))
		assert.InDelta(t, 5, numberAt(page, "count"), 0)
		assert.InDelta(t, 3, numberAt(page, "size"), 0)
		assert.Contains(t, page.text("links.next"), "/payees?limit=3&cursor=")
		next := c.get(page.text("links.next")[len(c.sandbox.URL()):])
		assert.Equal(t, list.ids(), append(page.ids(), next.ids()...))

		for filter, want := range map[string]int{
			"type.eq('biller')": 1, "type.eq('domestic')": 2, "connectionId.eq('" + conn + "')": 5, "connectionId.eq('" + noID + "')": 0,
			"created.lt('1990-01-01')": 0, "created.gteq('1990-01-01'),type.eq('international')": 1,
		} {
			assert.Equal(t, want, c.get(filtered(user+"/payees", filter)).length("data"), filter)
		}
		const badFilter = "The provided filter parameter is in invalid format or unsupported"
		for _, filter := range []string{"payee.type.eq('biller')", "type.ne('biller')", "created.eq('x')"} {
			c.get(filtered(user+"/payees", filter)).requireError(400, "parameter-not-valid", badFilter)
		}
		c.get(user+"/payees?limit=501").requireError(400, "parameter-not-valid", "Maximum limit allowed is 500")
		c.get(user+"/payees?cursor=x").requireError(400, "parameter-not-valid", "Cursor value is not valid")
		refused := c.get(user + "/payees/payee-001")
		refused.requireError(400, "parameter-not-valid", "Payee ID value is not valid")
		assert.Equal(t, "payeeId", refused.text("data.0.source.parameter"))
		c.get(user+"/payees/"+noID).requireError(404, "resource-not-found", "Requested resource is not found")

		assert.Zero(t, c.get("/users/"+c.newUser()+"/payees").length("data"), "without a connection")
	})
}
