package basiqtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mapped is a transaction with access to its strings.
type mapped map[string]any

func (m mapped) text(name string) string { text, _ := m[name].(string); return text }

// all follows the next links from a path and returns the items of all pages.
func (c *caller) all(path string) []mapped {
	c.t.Helper()
	var list []mapped
	for pages := 1; ; pages++ {
		r := c.get(path)
		require.Equal(c.t, http.StatusOK, r.status, r.raw)
		for i := range r.length("data") {
			item, _ := r.at("data." + strconv.Itoa(i))
			list = append(list, item.(map[string]any))
		}
		count, _ := r.at("count")
		require.Equal(c.t, strconv.Itoa(r.length("data")), count.(json.Number).String())
		if !r.has("links.next") {
			size, _ := r.at("size")
			require.Equal(c.t, strconv.Itoa(len(list)), size.(json.Number).String())
			return list
		}
		require.Less(c.t, pages, 10_000)
		path = strings.TrimPrefix(r.text("links.next"), c.sandbox.URL())
	}
}

func TestTransactions_List_Versions(t *testing.T) {
	t.Parallel()
	for version, of := range map[string]struct {
		payload  string
		extra    []string
		required []string
	}{
		"2.1": {"assembled/swagger-2.1/getTransactions.200.1", nil, []string{
			"type", "id", "status", "description", "amount", "account", "balance", "direction", "class", "institution",
			"connection", "subClass", "transactionDate", "enrich.category", "enrich.location", "enrich.merchant", "postDate",
			"links.self", "links.account",
			"links.institution", "links.connection",
		}},
		"3.0": {"assembled/connect/getTransactions.200.1", []string{"data.links.connection"}, []string{
			"type", "id", "status", "description", "reference", "account", "amount", "currency", "class", "subClass",
			"connection", "direction", "enrich.cleanDescription", "enrich.tags", "enrich.category", "enrich.location",
			"enrich.merchant", "institution", "links.self", "links.account", "links.institution", "links.connection", "postDate",
			"transactionDate", "balance",
		}},
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			want := official(t, of.payload)
			synctest.Test(t, func(t *testing.T) {
				c := new30(t).as(version, server, "")
				id := c.newUser()
				conn := c.connected(id, hooli, "gavinBelson", "hooli2016")
				r := c.get("/users/" + id + "/transactions?limit=300")
				require.Equal(t, http.StatusOK, r.status, r.raw)
				r.requireShape(want, of.extra...)
				for i := range r.length("data") {
					at := "data." + strconv.Itoa(i)
					r.requireFields(at, of.required...)
					assert.Equal(t, conn, r.text(at+".connection"))
					assert.Equal(t, c.sandbox.URL()+"/users/"+id+"/accounts/"+r.text(at+".account"), r.text(at+".links.account"))
				}
				assert.Equal(t, c.sandbox.URL()+"/users/"+id+"/transactions", r.text("links.self"))
				one := c.get(strings.TrimPrefix(r.text("data.7.links.self"), c.sandbox.URL()))
				require.Equal(t, http.StatusOK, one.status, one.raw)
				list, _ := r.at("data.7")
				assert.Equal(t, list, one.body, "a single transaction equals the one in the list")
			})
		})
	}
}

// The fields are in the documented order, without others in between.
func TestTransactions_FieldOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		c.connected(id, hooli, "gavinBelson", "hooli2016")
		raw := c.get("/users/" + id + "/transactions?limit=1").raw
		at := 0
		for _, name := range []string{
			"type", "count", "size", "data", "type", "id", "status", "description", "reference", "amount", "currency",
			"account", "balance", "direction", "class", "institution", "connection", "transactionDate", "postDate", "subClass",
			"enrich", "links", "self", "account", "institution", "connection", "links", "next",
		} {
			next := strings.Index(raw[at:], `"`+name+`":`)
			require.GreaterOrEqual(t, next, 0, "%s after %s", name, raw[:at])
			at += next + 1
		}
	})
}

// The transactions of the test users are returned and add up.
func TestTransactions_Consistent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		c.connected(id, hooli, "gavinBelson", "hooli2016")
		accounts := c.get("/users/" + id + "/accounts")
		classes := map[string]bool{}
		byAccount := map[string][]mapped{}
		var order []string
		for _, m := range c.all("/users/" + id + "/transactions") {
			account := m.text("account")
			if !slices.Contains(order, account) {
				order = append(order, account)
			}
			byAccount[account] = append(byAccount[account], m)
			classes[m.text("class")] = true
		}
		assert.Equal(t, accounts.ids(), order, "account by account")
		assert.Contains(t, classes, "payment")
		assert.Contains(t, classes, "direct-credit")
		pending := 0
		for i, account := range order {
			var last string
			posted := false
			for j, m := range byAccount[account] {
				negative := strings.HasPrefix(m.text("amount"), "-")
				assert.Equal(t, negative, m.text("direction") == "debit", m)
				if m.text("class") != "payment" {
					require.Contains(t, m, "subClass")
					require.Nil(t, m["subClass"])
				}
				if m.text("status") == "pending" {
					pending++
					require.False(t, posted, "pending transactions come first")
					assert.Nil(t, m["postDate"])
					assert.Empty(t, m.text("balance"))
					assert.NotEmpty(t, m.text("transactionDate"))
					continue
				}
				date := m.text("postDate")
				assert.Regexp(t, `^\d{4}-\d\d-\d\dT00:00:00Z$`, date)
				if !posted {
					assert.Equal(t, accounts.text("data."+strconv.Itoa(i)+".balance"), m.text("balance"), "the newest balance is the account balance")
					assert.Equal(t, accounts.text("data."+strconv.Itoa(i)+".transactionIntervals.0.to"), date[:10])
				} else {
					require.LessOrEqual(t, date, last, "newest first")
				}
				posted, last = true, date
				if j == len(byAccount[account])-1 {
					assert.Equal(t, accounts.text("data."+strconv.Itoa(i)+".transactionIntervals.0.from"), date[:10])
				}
			}
		}
		assert.Positive(t, pending)
	})
}

func TestTransactions_Enrichment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		c.connected(id, hooli, "gavinBelson", "hooli2016")
		find := func(list []mapped, text string) mapped {
			i := slices.IndexFunc(list, func(m mapped) bool { return strings.Contains(m.text("description"), text) })
			require.GreaterOrEqual(t, i, 0, text)
			return list[i]
		}
		list := c.all("/users/" + id + "/transactions")
		groceries := find(list, "WOOLWORTHS")
		assert.Equal(t, map[string]any{"code": "411", "title": "Supermarket and Grocery Stores"}, groceries["subClass"])
		enrich := mapped(groceries["enrich"].(map[string]any))
		assert.Equal(t, "Woolworths", enrich.text("cleanDescription"))
		merchant, category := mapped(enrich["merchant"].(map[string]any)), mapped(enrich["category"].(map[string]any))
		assert.Equal(t, "Woolworths", merchant.text("businessName"))
		assert.Regexp(t, `^\d{11}$`, merchant.text("ABN"))
		assert.Equal(t, "merchantFull", category.text("matchType"))
		anzsic := category["anzsic"].(map[string]any)
		assert.Equal(t, map[string]any{"code": "G", "title": "Retail Trade"}, anzsic["division"])
		assert.Equal(t, map[string]any{"code": "411000", "title": "Supermarket and Grocery Stores"}, anzsic["subclass"])
		assert.Equal(t, "5411", category["mcc"].(map[string]any)["code"])

		salary := find(list, "SALARY")
		assert.Equal(t, []any{"income:salary"}, salary["enrich"].(map[string]any)["tags"])
		assert.Regexp(t, `^\d{6}$`, salary["paymentDetails"].(map[string]any)["apcaNumber"])
		cash := find(list, "ATM WITHDRAWAL")
		enrich = cash["enrich"].(map[string]any)
		assert.Nil(t, enrich["merchant"])
		assert.Equal(t, []any{}, enrich["tags"])
		assert.Contains(t, enrich, "category")
		assert.Nil(t, enrich["category"], "null, not an empty object")
		assert.Contains(t, cash, "subClass")
		assert.Nil(t, cash["subClass"])
		assert.Equal(t, "Atm Withdrawal Dee Why Nsw", enrich["cleanDescription"])
		assert.NotContains(t, cash, "paymentDetails")

		// Version 2.1 has the same transactions with fewer fields.
		old := find(c.as("2.1", server, "").all("/users/"+id+"/transactions"), "WOOLWORTHS")
		assert.Equal(t, groceries["id"], old["id"])
		assert.NotContains(t, old, "currency")
		assert.NotContains(t, old["enrich"], "tags")
		assert.NotContains(t, old["enrich"].(map[string]any)["merchant"], "ABN")
	})
}

func TestTransactions_List_Pages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		c.connected(id, hooli, "gavinBelson", "hooli2016")
		c.connected(id, hooli, "jared", "django")
		path := "/users/" + id + "/transactions"
		all := c.all(path)
		require.Greater(t, len(all), 1000)
		first := c.get(path)
		assert.Equal(t, 500, first.length("data"), "maximum page size")
		assert.Regexp(t, `^http://localhost`+path+`\?next=[0-9a-f-]{36}$`, first.text("links.next"))
		assert.Equal(t, all, c.all(path+"?limit=499"))
		filter := "transaction.direction.eq('credit')"
		credits := slices.DeleteFunc(slices.Clone(all), func(m mapped) bool { return m.text("direction") != "credit" })
		assert.Equal(t, credits, c.all(filtered(path, filter)+"&limit=7"), "the next page keeps the filter and the limit")

		next := strings.TrimPrefix(first.text("links.next"), c.sandbox.URL())
		c.get(strings.Replace(next, id, c.newUser(), 1)).requireError(400, "parameter-not-valid", "Next value is not valid")
	})
}

func TestTransactions_List_Filter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		first := c.connected(id, hooli, "jared", "django")
		c.connected(id, hooliGov, "gavinBelson", "hooli2016")
		path := "/users/" + id + "/transactions"
		all := c.all(path)
		account := all[0].text("account")
		day := func(m mapped) string {
			if m["postDate"] == nil {
				return ""
			}
			return m.text("postDate")[:10]
		}
		for filter, keeps := range map[string]func(mapped) bool{
			"account.id.eq('" + account + "')":      func(m mapped) bool { return m.text("account") == account },
			"connection.id.eq('" + first + "')":     func(m mapped) bool { return m.text("connection") == first },
			"connection.id.eq('nothing')":           func(mapped) bool { return false },
			"institution.id.eq('AU00004')":          func(m mapped) bool { return m.text("institution") == "AU00004" },
			"transaction.status.eq('pending')":      func(m mapped) bool { return m.text("status") == "pending" },
			"transaction.direction.eq('debit')":     func(m mapped) bool { return m.text("direction") == "debit" },
			"transaction.class.eq('direct-credit')": func(m mapped) bool { return m.text("class") == "direct-credit" },
			"transaction.postDate.eq('1999-08-02')": func(m mapped) bool { return day(m) == "1999-08-02" },
			"transaction.postDate.gt('1999-08-02')": func(m mapped) bool { return day(m) > "1999-08-02" },
			"transaction.postDate.gteq('1999-08-02'),transaction.status.eq('posted')": func(m mapped) bool {
				return day(m) >= "1999-08-02"
			},
			"transaction.postDate.lt('1999-08-02')":   func(m mapped) bool { return day(m) != "" && day(m) < "1999-08-02" },
			"transaction.postDate.lteq('1999-08-02')": func(m mapped) bool { return day(m) != "" && day(m) <= "1999-08-02" },
			"transaction.postDate.bt('1999-08-02','1999-09-13')": func(m mapped) bool {
				return day(m) >= "1999-08-02" && day(m) <= "1999-09-13"
			},
			"transaction.postDate.bt('1999-08-02T00:00:00Z','1999-09-13T00:00:00Z')": func(m mapped) bool {
				return day(m) >= "1999-08-02" && day(m) <= "1999-09-13"
			},
		} {
			want := slices.DeleteFunc(slices.Clone(all), func(m mapped) bool { return !keeps(m) })
			got := c.all(filtered(path, filter))
			require.Len(t, got, len(want), filter)
			for i := range want {
				require.Equal(t, want[i]["id"], got[i]["id"], filter)
			}
			assert.Equal(t, filter == "connection.id.eq('nothing')", len(want) == 0, filter)
		}
	})
}

func TestTransactions_Errors(t *testing.T) {
	t.Parallel()
	c := new30(t)
	id := c.newUser()
	path := "/users/" + id + "/transactions"
	for query, want := range map[string][2]string{
		"limit=0":         {"limit", "Limit value is not valid"},
		"limit=-1":        {"limit", "Limit value is not valid"},
		"limit=many":      {"limit", "Limit value is not valid"},
		"limit=501":       {"limit", "Maximum limit allowed is 500"},
		"limit=1&limit=2": {"limit", "Limit value is not valid"},
		"next=x":          {"next", "Next value is not valid"},
		"filter=transaction.status.eq('posted')&filter=transaction.status.eq('posted')": {"filter", "The provided filter parameter is in invalid format or unsupported"},
		"filter=transaction.postDate.eq('yesterday')":                                   {"filter", "PostDate is not valid"},
		"filter=transaction.postDate.gteq('1999-08-2')":                                 {"filter", "PostDate is not valid"},
		"filter=transaction.postDate.bt('1999-08-02','1999-13-01')":                     {"filter", "PostDate is not valid"},
		"filter=transaction.status.ne('posted')":                                        {"filter", "The provided filter parameter is in invalid format or unsupported"},
		"filter=transaction.status.eq('lost')":                                          {"filter", "The provided filter parameter is in invalid format or unsupported"},
		"filter=transaction.amount.eq('1')":                                             {"filter", "The provided filter parameter is in invalid format or unsupported"},
	} {
		r := c.get(path + "?" + query)
		r.requireError(400, "parameter-not-valid", want[1])
		assert.Equal(t, want[0], r.text("data.0.source.parameter"), query)
	}
	c.get("/users/"+noID+"/transactions").requireError(404, "resource-not-found", "Requested user does not exist.")
	c.get("/users/"+noID+"/transactions/"+id).requireError(404, "resource-not-found", "Requested user does not exist.")
	c.get(path+"/"+id).requireError(404, "resource-not-found", "Requested resource is not found")
	c.get(path+"/nothing").requireError(400, "parameter-not-valid", "Transaction ID value is not valid")
	c.as("3.0", client, id).get(path).requireError(403, "forbidden-access", "Access to this resource is forbidden")
	empty := c.get(path)
	assert.JSONEq(t, fmt.Sprintf(`{"type":"list","count":0,"size":0,"data":[],"links":{"self":"http://localhost%s"}}`, path), empty.raw)
}

// Concurrent readers must not see each other's pages.
func TestTransactions_List_Concurrent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		c.connected(id, hooli, "gavinBelson", "hooli2016")
		c.connected(id, hooliGov, "gavinBelson", "hooli2016")
		tokens := []*caller{c, c.as("2.1", server, "")}
		want := c.get("/users/" + id + "/transactions?limit=200").raw
		old := tokens[1].get("/users/" + id + "/transactions?limit=200").raw
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 3 {
					got := tokens[i%2].get("/users/" + id + "/transactions?limit=200").raw
					assert.Equal(t, []string{want, old}[i%2], got)
				}
			})
		}
		wg.Wait()
	})
}

// A refresh imports pending transactions anew and keeps the IDs of the others. The next day posts the pending ones.
func TestTransactions_IDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		conn := c.connected(id, hooli, "gavinBelson", "hooli2016")
		path := "/users/" + id + "/transactions"
		before := map[string]map[string]bool{"pending": {}, "posted": {}}
		for _, m := range c.all(path) {
			before[m.text("status")][m.text("id")] = true
		}
		time.Sleep(7 * 24 * time.Hour)
		c = c.as("3.0", server, "")
		for _, m := range c.all(path) {
			require.True(t, before[m.text("status")][m.text("id")], "nothing new without a refresh")
		}
		require.Equal(t, http.StatusAccepted, c.post("/users/"+id+"/connections/"+conn+"/refresh", nil).status)
		time.Sleep(long)
		known, fresh := 0, 0
		for _, m := range c.all(path) {
			require.False(t, before["pending"][m.text("id")], "a pending transaction has a new ID")
			switch {
			case m.text("status") != "posted":
			case before["posted"][m.text("id")]:
				known++
			default:
				fresh++
			}
		}
		assert.Equal(t, len(before["posted"]), known)
		assert.Positive(t, fresh)
	})
}

// A refresh between two pages adds new transactions and replaces pending ones. A reader still gets every previously
// posted transaction exactly once.
func TestTransactions_List_PagesDuringRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		conn := c.connected(id, hooli, "gavinBelson", "hooli2016")
		path := "/users/" + id + "/transactions"
		posted := map[string]bool{}
		for _, m := range c.all(path) {
			posted[m.text("id")] = m.text("status") == "posted"
		}

		time.Sleep(10 * 24 * time.Hour)
		c = c.as("3.0", server, "")
		first := c.get(path + "?limit=100")
		require.Equal(t, "posted", first.text("data.99.status"), "the page ends with a posted transaction")
		require.Equal(t, http.StatusAccepted, c.post("/users/"+id+"/connections/"+conn+"/refresh", nil).status)
		time.Sleep(long)
		got := map[string]int{}
		for page, more := first, true; more; {
			for _, name := range page.ids() {
				got[name]++
			}
			if more = page.has("links.next"); more {
				page = c.get(strings.TrimPrefix(page.text("links.next"), c.sandbox.URL()))
			}
		}
		for name, times := range got {
			require.Equal(t, 1, times, name)
		}
		for name, stays := range posted {
			require.True(t, !stays || got[name] == 1, "%s is missing", name)
		}
	})
}

// The transaction date is set if it differs from the posting date. Otherwise it is an empty string, as recorded.
func TestTransactions_Date(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		c.connected(id, hooli, "gavinBelson", "hooli2016")
		told, untold := 0, 0
		for _, m := range c.all("/users/" + id + "/transactions") {
			switch made := m.text("transactionDate"); {
			case m.text("status") == "pending":
				assert.NotEmpty(t, made)
			case made == "":
				untold++
			default:
				assert.Less(t, made, m.text("postDate"))
				told++
			}
		}
		assert.Positive(t, told)
		assert.Positive(t, untold)
	})
}

// The last transaction of a page may be gone when the next page is read. The next page then continues at its position,
// or is empty if the position no longer exists.
func TestTransactions_List_PageAfterDeletion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		conn := c.connected(id, hooli, "ashMann", "hooli2024")
		path := "/users/" + id
		next := func(limit string) string {
			return strings.TrimPrefix(c.get(path+"/transactions?limit="+limit).text("links.next"), c.sandbox.URL())
		}
		first := c.get(path + "/transactions?limit=2")
		require.Equal(t, "pending", first.text("data.1.status"))
		second, late := next("2"), next("400")
		require.Equal(t, http.StatusAccepted, c.post(path+"/connections/"+conn+"/refresh", nil).status)
		time.Sleep(long)
		assert.Equal(t, c.get(path + "/transactions?limit=4").ids()[2:], c.get(second).ids(), "the position is kept")

		require.Equal(t, http.StatusNoContent, c.post(path+"/connections/"+conn+"/purge", nil).status)
		assert.Empty(t, c.get(late).ids())
		assert.False(t, c.get(late).has("links.next"))
	})
}
