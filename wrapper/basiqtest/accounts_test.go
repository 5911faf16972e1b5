package basiqtest_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAccounts_List_Version21(t *testing.T) {
	t.Parallel()
	want := official(t, "assembled/swagger-2.1/getAccounts.200.1")
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		conn := c.connected(id, hooli, "Wentworth-Smith", "whislter")
		r := c.get("/users/" + id + "/accounts")
		require.Equal(t, http.StatusOK, r.status, r.raw)
		r.requireShape(want, "data.links.connection", "data.class.meta.creditLimit", "data.class.meta.lendingRate",
			"data.class.meta.depositRate")
		require.Equal(t, 4, r.length("data"))
		kinds := []string{"savings", "mortgage", "credit-card", "transaction"}
		for i, kind := range kinds {
			at := "data." + strconv.Itoa(i)
			r.requireFields(at, "type", "id", "accountNo", "name", "accountHolder", "currency", "class.product", "class.meta",
				"balance", "availableFunds", "lastUpdated", "status", "transactionIntervals", "links.self",
				"links.transactions", "links.institution", "links.connection")
			assert.Equal(t, kind, r.text(at+".class.type"))
			assert.Equal(t, conn, r.text(at+".connection"))
			assert.Equal(t, hooli, r.text(at+".institution"))
			link, _ := r.at(at + ".links.connection")
			assert.Nil(t, link)
			assert.Equal(t, c.sandbox.URL()+"/institutions/AU00000", r.text(at+".links.institution"))
			assert.Less(t, r.text(at+".transactionIntervals.0.from"), r.text(at+".transactionIntervals.0.to"))
		}
		assert.Equal(t, c.sandbox.URL()+"/users/"+id+"/accounts", r.text("links.self"))
		assert.Equal(t, "0.0614", r.text("data.1.class.meta.lendingRate"))

		one := c.get("/users/" + id + "/accounts/" + r.text("data.1.id"))
		require.Equal(t, http.StatusOK, one.status)
		list, _ := r.at("data.1")
		assert.Equal(t, list, one.body, "a single account equals the one in the list")
		embedded, _ := c.get("/users/" + id + "/connections/" + conn).at("accounts.data.1")
		for _, name := range []string{"id", "accountNo", "balance", "availableFunds", "lastUpdated", "name"} {
			assert.Equal(t, embedded.(map[string]any)[name], list.(map[string]any)[name], name)
		}
	})
}

func TestAccounts_List_Version30(t *testing.T) {
	t.Parallel()
	want := official(t, "assembled/data/getAccounts.200.1")
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		conn := c.connected(id, hooli, "Wentworth-Smith", "whislter")
		r := c.get("/users/" + id + "/accounts")
		r.requireShape(want, "data.links", "data.displayName") // in the latest documentation
		for i := range r.length("data") {
			r.requireFields("data."+strconv.Itoa(i), "type", "id", "lastUpdated", "status", "name", "displayName", "accountNo",
				"accountHolder", "isOwned", "accountOwnership", "balance", "availableFunds", "creditLimit", "currency", "class",
				"connection", "institution", "transactionIntervals", "maskedNumber", "creationDate", "meta.fees")
			assert.False(t, r.has("data."+strconv.Itoa(i)+".class.meta"))
		}
		// data.1 is the mortgage, data.2 the card, data.3 the everyday account.
		assert.Equal(t, "105148", r.text("data.1.bsb"))
		assert.Equal(t, "119696", r.text("data.1.unmaskedAccNum"))
		assert.Equal(t, "xxxxxxxx9696", r.text("data.1.maskedNumber"))
		assert.Equal(t, "TWO_PARTY", r.text("data.1.accountOwnership"), "joint account")
		assert.Equal(t, "0.00", r.text("data.1.availableFunds"), "recorded as an amount")
		assert.Equal(t, "-"+r.text("data.1.amortisedLimit"), r.text("data.1.balance"))
		assert.Equal(t, r.text("data.1.creditLimit"), r.text("data.1.meta.loan.originalLoanAmount"))
		assert.Equal(t, r.text("data.1.creationDate"), r.text("data.1.meta.loan.startDate"))
		assert.Equal(t, r.text("data.1.lendingRate"), r.text("data.1.meta.lendingRates.0.rate"))
		assert.False(t, r.has("data.2.bsb"))
		assert.False(t, r.has("data.2.unmaskedAccNum"), "card numbers are not exposed")
		assert.Equal(t, "-"+r.text("data.2.meta.creditCard.paymentDueAmount"), r.text("data.2.balance"))
		assert.Equal(t, "2000-02-14", r.text("data.2.meta.creditCard.paymentDueDate"))
		limit, _ := r.at("data.3.creditLimit")
		assert.Nil(t, limit)
		assert.Equal(t, r.text("data.0.depositRate"), r.text("data.0.meta.depositRates.0.rate"))
		assert.Equal(t, c.sandbox.URL()+"/users/"+id+"/connections/"+conn, r.text("data.0.links.connection"))
		one := c.get("/users/" + id + "/accounts/" + r.text("data.2.id"))
		list, _ := r.at("data.2")
		assert.Equal(t, list, one.body)
	})
}

func TestAccounts_List_TermDeposit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		c.connected(id, hooli, "jared", "django")
		r := c.get("/users/" + id + "/accounts")
		found := false
		for i := range r.length("data") {
			at := "data." + strconv.Itoa(i)
			if r.text(at+".class.type") != "term-deposit" {
				continue
			}
			found = true
			assert.Equal(t, r.text(at+".creationDate"), r.text(at+".meta.termDeposit.0.lodgementDate"))
			assert.Greater(t, r.text(at+".meta.termDeposit.0.maturityDate"), "2000-01-01", "the deposit is rolled over")
			assert.Equal(t, r.text(at+".balance"), r.text(at+".meta.termDeposit.0.maturityAmount"))
			assert.Equal(t, "FIXED", r.text(at+".meta.depositRates.0.depositRateType"))
		}
		assert.True(t, found, r.raw)
	})
}

// Accounts are available after their job step, transactions after the next. Until then, the list of intervals is empty.
func TestAccounts_List_DuringJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		c.connect(id, hooli, "gavinBelson", "hooli2016")
		path := "/users/" + id + "/accounts"
		assert.Zero(t, c.get(path).length("data"))
		for c.get(path).length("data") == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		r := c.get(path)
		assert.Zero(t, r.length("data.0.transactionIntervals"))
		assert.Zero(t, c.get("/users/"+id+"/transactions").length("data"))
		time.Sleep(long)
		assert.Equal(t, 1, c.get(path).length("data.0.transactionIntervals"))
		assert.Equal(t, r.ids(), c.get(path).ids())
		assert.NotZero(t, c.get("/users/"+id+"/transactions").length("data"))
	})
}

func TestAccounts_List_Filter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		first := c.connected(id, hooli, "gavinBelson", "hooli2016")
		second := c.connected(id, hooliGov, "gavinBelson", "hooli2016")
		path := "/users/" + id + "/accounts"
		all := c.get(path).ids()
		ofFirst := c.get(filtered(path, "connection.id.eq('"+first+"')")).ids()
		ofSecond := c.get(filtered(path, "connection.id.eq('"+second+"')")).ids()
		require.NotEmpty(t, ofSecond)
		require.Equal(t, all, append(append([]string{}, ofFirst...), ofSecond...))
		for filter, want := range map[string][]string{
			"institution.id.eq('AU00000')":                                      ofFirst,
			"institution.id.eq('AU00002')":                                      {},
			"account.id.eq('" + all[0] + "')":                                   all[:1],
			"account.id.eq('nothing')":                                          {},
			"account.id.eq('" + all[0] + "'),connection.id.eq('" + first + "')": all[:1],
			"institution.id.eq('AU00004'),connection.id.eq('" + first + "')":    {},
			"institution.id.eq('AU00004'),connection.id.eq('" + second + "')":   ofSecond,
		} {
			r := c.get(filtered(path, filter))
			require.Equal(t, http.StatusOK, r.status, filter)
			assert.Equal(t, want, r.ids(), filter)
		}
		for _, filter := range []string{"account.id", "account.id.gt('1')", "account.name.eq('x')", "id.eq('x')", "account.id.ne('x')", "connection.id.ne('" + first + "')", "institution.id.ne('AU00000')"} {
			c.get(filtered(path, filter)).
				requireError(400, "parameter-not-valid", "The provided filter parameter is in invalid format or unsupported")
			c.get(filtered(path+"/"+all[0], filter)).
				requireError(400, "parameter-not-valid", "The provided filter parameter is in invalid format or unsupported")
		}
		for _, at := range []string{path, path + "/" + all[0]} {
			r := c.get(filtered(at, "connection.id.eq('nothing')"))
			r.requireError(400, "parameter-not-valid", "Requested connection does not exist.")
			assert.Equal(t, "filter", r.text("data.0.source.parameter"))
		}

		assert.Equal(t, all[0], c.get(filtered(path+"/"+all[0], "connection.id.eq('"+first+"')")).text("id"))
		c.get(filtered(path+"/"+all[0], "connection.id.eq('"+second+"')")).
			requireError(404, "resource-not-found", "Requested resource is not found")
	})
}

func TestAccounts_Errors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		c.connected(id, hooli, "gavinBelson", "hooli2016")
		account := c.get("/users/" + id + "/accounts").text("data.0.id")
		c.get("/users/"+noID+"/accounts").requireError(404, "resource-not-found", "Requested user does not exist.")
		c.get("/users/"+noID+"/accounts/"+account).requireError(404, "resource-not-found", "Requested user does not exist.")
		c.get("/users/"+c.newUser()+"/accounts/"+account).requireError(404, "resource-not-found", "Requested resource is not found")
		r := c.get("/users/" + id + "/accounts/nothing")
		r.requireError(400, "parameter-not-valid", "Account ID value is not valid")
		assert.Equal(t, "accountId", r.text("data.0.source.parameter"))
		c.as("2.1", client, id).get("/users/"+id+"/accounts").
			requireError(403, "forbidden-access", "Access to this resource is forbidden")
	})
}

// The accounts and transactions of a deleted web connection are kept. Only the connection is removed.
func TestAccounts_List_DeletedConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		conn := c.connected(id, hooli, "gavinBelson", "hooli2016")
		accounts, transactions := c.get("/users/"+id+"/accounts").ids(), c.get("/users/"+id+"/transactions").ids()
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+id+"/connections/"+conn).status)
		r := c.get("/users/" + id + "/accounts")
		assert.Equal(t, accounts, r.ids())
		assert.Equal(t, conn, r.text("data.0.connection"))
		link, _ := r.at("data.0.links.connection")
		assert.Nil(t, link)
		assert.Equal(t, transactions, c.get("/users/"+id+"/transactions").ids())
		c.get(filtered("/users/"+id+"/accounts", "connection.id.eq('"+conn+"')")).
			requireError(400, "parameter-not-valid", "Requested connection does not exist.")
	})
}
