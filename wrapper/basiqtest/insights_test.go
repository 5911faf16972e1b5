package basiqtest_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newest returns a caller with a token of API 3.0, and a user with a connection.
func newest(t *testing.T) (c *caller, path, conn string) {
	t.Helper()
	c = new30(t)
	id := c.newUser()
	conn = c.as("2.1", server, "").connected(id, hooli, "Wentworth-Smith", "whislter")
	return c, "/users/" + id, conn
}

func TestInsights_Account(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, user, _ := newest(t)
		accounts := c.get(user + "/accounts")
		r := c.post(user+"/insights/account", object{"accountNumber": accounts.text("data.0.accountNo"), "accountType": "SAVINGS"})
		require.Equal(t, http.StatusOK, r.status, r.raw)
		assert.Equal(t, "account", r.text("insightType"))
		require.Equal(t, accounts.length("data"), r.length("data"), "one for each account")
		matches := 0
		for i, account := range items(accounts, "data") {
			result, _ := items(r, "data")[i].(map[string]any)
			details, _ := account.(map[string]any)
			assert.Equal(t, details["id"], result["accountId"])
			kind, _ := result["accountType"].(map[string]any)
			class, _ := details["class"].(map[string]any)
			assert.Equal(t, class["type"] == "savings", kind["match"])
			compared, _ := result["accountNumber"].(map[string]any)
			switch {
			case class["type"] == "credit-card":
				assert.Nil(t, compared["match"], "the number is masked")
				assert.NotEmpty(t, compared["error"])
			case compared["match"] == true:
				matches++
				assert.Equal(t, json.Number("1"), compared["confidence"])
			default:
				assert.Equal(t, json.Number("0"), compared["confidence"])
			}
		}
		assert.Equal(t, 1, matches)

		bsb, without := accounts.text("data.0.bsb"), accounts.text("data.0.unmaskedAccNum")
		for _, number := range []string{without, bsb + without, bsb + " " + without} {
			first, _ := c.post(user+"/insights/account", object{"accountNumber": number}).at("data.0.accountNumber.match")
			assert.Equal(t, true, first, number)
		}
		for _, body := range []any{object{}, object{"accountNumber": ""}, object{"accountNumber": 10445533}, []any{}, nil} {
			c.post(user+"/insights/account", body).requireError(400, "invalid-content", "Posted insight is not in valid format.")
		}
		nobody := c.post("/users/"+c.newUser()+"/insights/account", object{"accountNumber": "1"})
		require.Equal(t, http.StatusOK, nobody.status, nobody.raw)
		assert.Zero(t, nobody.length("data"))
		c.post("/users/"+noID+"/insights/account", object{"accountNumber": "1"}).requireError(404, "resource-not-found", "Requested user does not exist.")
	})
}

func TestInsights_Balance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, user, _ := newest(t)
		accounts := c.get(user + "/accounts")
		verify := func(limits object) reply {
			t.Helper()
			r := c.post(user+"/insights/balance", object{"balance": limits})
			require.Equal(t, http.StatusOK, r.status, r.raw)
			require.Equal(t, accounts.length("data"), r.length("data"))
			return r
		}
		match := func(r reply) any {
			value, _ := r.at("data.0.balance.match")
			return value
		}
		balance := accounts.text("data.0.balance")
		for _, limits := range []object{{"min": balance}, {"min": balance, "max": balance}, {"min": "-1", "max": "99999999.99"}} {
			assert.Equal(t, true, match(verify(limits)), limits)
		}
		for _, limits := range []object{{"min": "99999999"}, {"min": "0", "max": "0.01"}, {"min": "99999999", "max": "0"}} {
			assert.Equal(t, false, match(verify(limits)), limits)
		}
		r := verify(object{"min": "1"})
		assert.Equal(t, "1", r.text("data.0.balance.input.min"))
		assert.Empty(t, r.text("data.0.balance.input.max"))
		assert.False(t, r.has("data.0.accountNumber"), "which older insights have")

		for _, bad := range []struct{ body, parameter any }{
			{object{"balance": object{}}, "min/max"},
			{object{}, "min/max"},
			{object{"balance": object{"max": "1"}}, "min"},
			{object{"balance": object{"min": "one"}}, "min"},
			{object{"balance": object{"min": "1", "max": "two"}}, "max"},
		} {
			refused := c.post(user+"/insights/balance", bad.body)
			refused.requireError(400, "parameter-not-valid", "Balance value is not valid.")
			assert.Equal(t, bad.parameter, refused.text("data.0.source.parameter"))
			assert.Equal(t, "balance/"+refused.text("data.0.source.parameter"), refused.text("data.0.source.pointer"))
		}
		c.post(user+"/insights/balance", json.RawMessage("null")).requireError(400, "invalid-content", "Posted insight is not in valid format.")
		c.post(user+"/insights/balance", object{"balance": object{"min": 1}}).requireError(400, "invalid-content", "Posted insight is not in valid format.")
	})
}

func TestInsights_Identity(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, user, _ := newest(t)
		r := c.post(user+"/insights/identity", object{
			"name": "max  WENTWORTH-SMITH", "phone": "+61 400 555 001", "email": "MaxSmith@gmail.com", "address": "91 Fisher Road, Dee Why NSW 2099",
		})
		require.Equal(t, http.StatusOK, r.status, r.raw)
		require.Equal(t, 1, r.length("data"))
		for _, path := range []string{"name", "phones.0", "emails.0", "addresses.0"} {
			value, _ := r.at("data.0." + path + ".match")
			assert.Equal(t, true, value, path)
		}
		r = c.post(user+"/insights/identity", object{"name": "aa", "phone": "", "email": "", "address": ""})
		value, _ := r.at("data.0.name.match")
		assert.Equal(t, false, value)
		assert.False(t, r.has("data.0.phones"), "an empty field is not verified")

		other := "/users/" + c.newUser()
		r = c.post(other+"/insights/identity", object{"phone": "0452626178"})
		value, present := r.at("data.0.phones.0.match")
		assert.True(t, present)
		assert.Nil(t, value, "no institution knows a phone number")
		assert.NotEmpty(t, r.text("data.0.phones.0.error"))
		for field, bad := range map[string]string{"name": "<b>", "phone": "XXXX 888 991", "email": "gavin"} {
			refused := c.post(user+"/insights/identity", object{field: bad})
			refused.requireError(400, "parameter-not-valid", "Provided "+field+" is in bad format.")
			assert.Equal(t, field, refused.text("data.0.source.pointer"))
		}
		c.post(user+"/insights/identity", json.RawMessage("null")).requireError(400, "invalid-content", "Posted insight is not in valid format.")
		c.post(user+"/insights/identity", object{"name": 1}).requireError(400, "invalid-content", "Posted insight is not in valid format.")
	})
}

// Insights are stored, and can be listed, filtered and retrieved.
func TestInsights_List(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, user, _ := newest(t)
		today := time.Now().UTC().Format(time.DateOnly)
		made := []string{}
		for range 21 {
			made = append(made, c.post(user+"/insights/balance", object{"balance": object{"min": "1"}}).text("id"))
		}
		time.Sleep(24 * time.Hour)
		c = c.as("3.0", server, "")
		made = append(made, c.post(user+"/insights/identity", object{"name": "aa"}).text("id"))
		page := c.get(user + "/insights")
		require.Equal(t, 20, page.length("data"))
		assert.Equal(t, made[21], page.text("data.0.id"), "the latest first")
		assert.InDelta(t, 22, numberAt(page, "count"), 0)
		assert.InDelta(t, 20, numberAt(page, "size"), 0)
		next := c.get(page.text("links.next")[len(c.sandbox.URL()):])
		require.Equal(t, 2, next.length("data"))
		assert.Equal(t, made[0], next.text("data.1.id"))
		assert.False(t, next.has("links.next"))

		for filter, want := range map[string]int{
			"insightType.eq('identity')": 1, "insightType.eq('account')": 0, "created.eq('" + today + "')": 20,
			"created.gt('" + today + "')": 1, "created.gt('" + today + "'),insightType.eq('balance')": 0,
			"created.bt('1990-01-01','1991-01-01')": 0,
		} {
			assert.Equal(t, want, c.get(filtered(user+"/insights", filter)).length("data"), filter)
		}
		for filter, problem := range map[string]string{
			"insightType.eq('income')":               "unknown field, condition or insight type",
			"id.eq('1')":                             "unknown field, condition or insight type",
			"insightType.gt('account')":              "unknown field, condition or insight type",
			"created.eq('yesterday')":                "date must be in YYYY-MM-DD format",
			"created.eq('2024-01-01T00:00:00Z')":     "date must be in YYYY-MM-DD format",
			"created.bt('2024-01-02','2024-01-01')":  "the end of the range is before its start",
			"created.bt('2024-01-02','2024-01-00')":  "date must be in YYYY-MM-DD format",
			"created.eq('2024-01-02','2024-01-03')x": "unknown field, condition or insight type",
		} {
			c.get(filtered(user+"/insights", filter)).requireError(400, "invalid-content", "Invalid filter param: "+problem)
		}

		one := c.get(user + "/insights/" + made[21])
		first, _ := page.at("data.0")
		assert.Equal(t, first, one.body)
		c.get(user+"/insights/x").requireError(400, "invalid-content", "Invalid insight ID.")
		c.get(user+"/insights/"+noID).requireError(404, "resource-not-found", "Requested resource is not found")
		c.get("/users/"+c.newUser()+"/insights/"+made[21]).requireError(404, "resource-not-found", "Requested resource is not found")
	})
}

func TestInsights_Create(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, user, _ := newest(t)
		id, other := user[len("/users/"):], c.newUser()
		create := func(users []string, kind string, data any) reply {
			return c.post("/insights", object{"users": users, "type": kind, "data": data})
		}
		balance := object{"balance": object{"min": "1", "max": "2"}}
		r := create([]string{id}, "BALANCE_VERIFICATION", balance)
		require.Equal(t, http.StatusOK, r.status, r.raw)
		assert.Equal(t, c.get(user+"/accounts").length("data"), r.length("data"))
		assert.Equal(t, r.text("id"), c.get(user+"/insights").text("data.0.id"))
		for kind, data := range map[string]any{
			"ACCOUNT_VERIFICATION": object{"accountNumber": "1"}, "IDENTITY_VERIFICATION": object{"name": "aa"},
		} {
			assert.Equal(t, http.StatusOK, create([]string{id}, kind, data).status, kind)
		}
		r = create([]string{id, other}, "EXPENSE_RATIO_VERIFICATION", object{"expense": "1000"})
		require.Equal(t, http.StatusOK, r.status, r.raw)
		assert.Equal(t, c.sandbox.URL()+user+"/insights/"+r.text("id"), r.text("links.self"), "below the first user")
		assert.Zero(t, r.length("data"), "its results are not documented")

		create([]string{id, other}, "BALANCE_VERIFICATION", balance).requireError(400, "parameter-not-valid", "The number of users is not valid.")
		create(nil, "BALANCE_VERIFICATION", balance).requireError(400, "parameter-not-valid", "The number of users is not valid.")
		create([]string{id}, "WEALTH_VERIFICATION", balance).requireError(400, "parameter-not-valid", "Insight type is not valid.")
		create([]string{noID}, "BALANCE_VERIFICATION", balance).requireError(404, "resource-not-found", "Requested user does not exist.")
		create([]string{id}, "BALANCE_VERIFICATION", "1").requireError(400, "invalid-content", "Posted insight is not in valid format.")
		create([]string{id}, "INCOME_VERIFICATION", nil).requireError(400, "invalid-content", "Posted insight is not in valid format.")
		create([]string{id}, "BALANCE_VERIFICATION", object{}).requireError(400, "parameter-not-valid", "Balance value is not valid.")
		c.post("/insights", []any{}).requireError(400, "invalid-content", "Posted insight is not in valid format.")
	})
}

func TestInsightTypes(t *testing.T) {
	t.Parallel()
	c := new30(t)
	types := c.get("/insights/types")
	require.Equal(t, 5, types.length("data"))
	for _, id := range types.ids() {
		one := c.get("/insights/types/" + id)
		assert.Equal(t, id, one.text("id"))
		many, _ := one.at("supportMultipleUsers")
		assert.Equal(t, id == "EXPENSE_RATIO_VERIFICATION", many, id)
		assert.True(t, one.has("dataSchema.required"), id)
	}
	c.get("/insights/types/WEALTH").requireError(404, "resource-not-found", "Requested resource is not found")
}
