package basiqtest_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// filters holds the filters of a report by name.
type filters map[string]any

func (f filters) list() []any {
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		list = append(list, map[string]any{"name": name, "value": f[name]})
	}
	return list
}

// with returns the filters with additions and replacements. The value none removes a filter.
func (f filters) with(more filters) filters {
	all := maps.Clone(f)
	maps.Copy(all, more)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == none })
	return all
}

// none removes a filter.
const none = "none"

// affordabilityFilters returns the filters for a report on all accounts of a user in 1999, and statementFilters those
// for a statement.
func (c *caller) affordabilityFilters(userID string) filters {
	c.t.Helper()
	return filters{
		"fromDate": "1999-01-01", "toDate": "1999-12-31", "users": []string{userID}, "accounts": numbers(c.accounts(userID)),
	}
}

func statementFilters(userID, accountID string) filters {
	return filters{"fromDate": "1999-11-01", "toDate": "1999-12-31", "user": userID, "account": accountID}
}

func newReport(kind string, f filters) map[string]any {
	return map[string]any{"reportType": kind, "title": "Max, 1999", "filters": f.list()}
}

// report creates a report, waits until its job is done, and returns its path. Call it in a synctest bubble.
func (c *caller) report(kind string, f filters) string {
	c.t.Helper()
	r := c.post("/reports", newReport(kind, f))
	require.Equal(c.t, http.StatusAccepted, r.status, r.raw)
	job := r.text("id")
	time.Sleep(long)
	return c.local(c.get("/jobs/" + job).text("links.source"))
}

func TestReports_Create_Job(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("gavinBelson")
		f := c.affordabilityFilters(id)
		created := time.Now().UTC().Format(time.RFC3339)
		r := c.post("/reports", newReport("CON_AFFOR_01", f))
		require.Equal(t, http.StatusAccepted, r.status, r.raw)
		job := r.text("id")
		assert.Equal(t, map[string]any{
			"type": "job", "id": job, "links": map[string]any{"self": c.sandbox.URL() + "/jobs/" + job},
		}, r.body)

		r = c.get("/jobs/" + job)
		assert.Equal(t, "report", r.text("jobType"))
		assert.Equal(t, "in-progress", r.text("status"))
		assert.Equal(t, []string{"create-report:in-progress"}, r.steps())
		path := c.local(r.text("links.source"))
		for _, unfinished := range []string{path, path + "/transactions"} {
			c.get(unfinished).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
		}
		c.delete(path).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
		assert.Equal(t, 0, c.get("/reports").length("data"))
		assert.Equal(t, job, c.get("/users/"+id+"/jobs").text("data.0.id"))

		time.Sleep(long)
		r = c.get("/jobs/" + job)
		assert.Equal(t, "success", r.text("status"))
		assert.Equal(t, map[string]any{"type": "link", "url": path}, r.under("steps.0.result").body)
		got := c.get(path)
		require.Equal(t, http.StatusOK, got.status, got.raw)
		own := got.body.(map[string]any)
		assert.Equal(t, own["transactions"], got.text("data.transactions"))
		delete(own, "data")
		delete(own, "transactions")
		head := map[string]any{
			"type": "report", "id": strings.TrimPrefix(path, "/reports/"), "title": "Max, 1999", "reportType": "CON_AFFOR_01",
			"createdDate": created, "createdBy": "Basiq", "filters": decoded(t, f.list()),
			"links": map[string]any{"self": c.sandbox.URL() + path},
		}
		assert.Equal(t, head, own)
		head["expiresAt"] = "2000-01-02T" + created[11:]
		list := c.get("/reports")
		assert.Equal(t, map[string]any{
			"type": "list", "count": json.Number("1"), "size": json.Number("1"), "data": []any{head},
			"links": map[string]any{"self": c.sandbox.URL() + "/reports"},
		}, list.body)
	})
}

// decoded returns a value as it is after encoding to JSON and decoding.
func decoded(t *testing.T, value any) any {
	t.Helper()
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	var out any
	require.NoError(t, json.Unmarshal(raw, &out))
	return out
}

// metrics returns the values of a report's metrics as strings.
func metrics(report reply) map[string]string {
	values := map[string]string{}
	for _, m := range report.each("data.metrics") {
		value, _ := m.at("result.value")
		if n, ok := value.(json.Number); ok {
			value = n.String()
		}
		values[m.text("id")], _ = value.(string)
	}
	return values
}

func TestReports_Affordability_Consistent(t *testing.T) {
	t.Parallel()
	for login := range passwords {
		t.Run(login, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				id := c.customer(login)
				path := c.report("CON_AFFOR_01", c.affordabilityFilters(id))
				r := c.get(path)
				lines := map[string]reply{}
				all := c.pages(path + "/transactions")
				for _, l := range all {
					lines[l.text("id")] = l
				}
				require.Len(t, lines, len(all))

				// Every transaction is in at most one group, and each group is the sum of its subgroups.
				seen := map[string]bool{}
				totals := map[string]int64{}
				var credits, debits, creditShares, debitShares float64
				for _, g := range r.each("data.groups") {
					var total, count int64
					for _, sub := range g.each("subgroup") {
						var own int64
						for _, l := range sub.each("transactions") {
							require.False(t, seen[l.text("id")], "twice")
							seen[l.text("id")] = true
							line, known := lines[l.text("id")]
							require.True(t, known)
							assert.Equal(t, line.text("amount"), l.text("amount"))
							assert.Equal(t, line.text("description"), l.text("description"))
							own += l.money("amount")
							if l.money("amount") > 0 {
								credits += float64(l.money("amount"))
							} else {
								debits += float64(l.money("amount"))
							}
							count++
						}
						assert.Equal(t, own, sub.money("analysis.amount.total"))
						assert.Equal(t, monthly(own, 365), sub.money("analysis.amount.average.month"))
						assert.Regexp(t, "^[0-9a-f]{32}$", sub.text("id"))
						total += own
					}
					totals[g.text("id")] = total
					assert.Equal(t, json.Number(strconv.FormatInt(count, 10)), g.under("analysis.summary.transactionCount").body)
					creditShares += share(t, g, "credit")
					debitShares += share(t, g, "debit")
					if count > 0 {
						assert.Equal(t, total, g.money("analysis.amount.total"))
						assert.Equal(t, monthly(total, 365), g.money("analysis.amount.average.month"))
					} else {
						assert.False(t, g.has("analysis.amount"))
					}
				}
				assert.InDelta(t, 100, creditShares, 0.2)
				assert.InDelta(t, 100, debitShares, 0.2)
				assert.NotZero(t, credits)
				assert.NotZero(t, debits)

				// Transactions without a group are internal transfers. They add up to zero, except for debt repayments.
				m := metrics(r)
				var between int64
				for id, l := range lines {
					if !seen[id] {
						between += l.money("amount")
					}
				}
				assert.Equal(t, -between, totals["EXP-058"]+totals["EXP-062"]+totals["EXP-063"])

				assert.Equal(t, monthly(totals["INC-009"], 365), cents(t, m["ME002"]))
				assert.Equal(t, monthly(totals["INC-016"]+totals["INC-014"]+totals["INC-015"]+totals["INC-001"], 365), cents(t, m["ME007"]))
				var parts float64
				for _, id := range []string{"ME013", "ME015"} {
					p, err := strconv.ParseFloat(m[id], 64)
					require.NoError(t, err)
					parts += p
				}
				outgoings, other := cents(t, m["ME034"]), cents(t, m["ME016"])
				assert.InDelta(t, 100, parts+100*float64(other)/float64(outgoings), 0.2)
				assert.InDelta(t, float64(outgoings), float64(cents(t, m["ME012"])+cents(t, m["ME014"])+other), 2)
				var limit, owed int64
				for _, a := range with(r.each("data.accounts"), "class.type", "credit-card") {
					limit += a.money("creditLimit")
					owed += a.money("balance")
				}
				assert.Equal(t, limit, cents(t, m["ME010"]))
				assert.Equal(t, owed, cents(t, m["ME011"]))
				for flag, group := range map[string]string{"ME028": "EXP-016", "ME029": "EXP-036", "ME030": "EXP-040"} {
					assert.Equal(t, strconv.FormatBool(totals[group] == 0), m[flag], flag)
				}
				for flag, group := range map[string]string{"ME024": "INC-010", "ME025": "EXP-003", "ME026": "EXP-029", "ME031": "INC-016", "ME047": "EXP-056"} {
					assert.Equal(t, strconv.FormatBool(totals[group] != 0), m[flag], flag)
				}
			})
		})
	}
}

func share(t *testing.T, group reply, side string) float64 {
	t.Helper()
	n, err := group.under("analysis.summary.overallPercentage." + side).body.(json.Number).Float64()
	require.NoError(t, err)
	return n
}

func TestReports_Affordability(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("Wentworth-Smith")
		path := c.report("CON_AFFOR_01", c.affordabilityFilters(id))
		r := c.get(path)
		assert.Equal(t, c.sandbox.URL()+path+"/transactions", r.text("data.transactions"))
		m := metrics(r)
		for metric, want := range map[string]string{
			"ME001": "2", "ME009": "3", "ME010": "10000.00", "ME017": "0", "ME019": "0", "ME022": "false", "ME029": "false",
			"ME035": "3", "ME036": "11130.70", "ME042": "3", "ME043": "3", "ME047": "false", "ME048": "-2150.00",
		} {
			assert.Equal(t, want, m[metric], metric)
		}
		assert.Equal(t, map[string]any{"value": json.Number("3"), "format": "integer"}, with(r.each("data.metrics"), "id", "ME042")[0].under("result").body)

		hooliPays := with(with(r.each("data.groups"), "id", "INC-009")[0].each("subgroup"), "name", "HOOLI PTY LTD")[0]
		assert.Equal(t, map[string]any{
			"summary": map[string]any{
				"transactionCount": json.Number("12"), "overallPercentage": hooliPays.under("analysis.summary.overallPercentage").body,
			},
			"range": map[string]any{"startDate": "1999-01-15", "endDate": "1999-12-15", "duration": json.Number("334")},
			"amount": map[string]any{
				"total": "82200.00", "min": "6850.00", "max": "6850.00", "stableMonths": json.Number("12"), "secureMonths": json.Number("12"),
				"average": map[string]any{
					"transaction": "6850.00", "month": "6756.16", "medianTransaction": "6850.00", "medianMonth": "6850.00", "ongoingMonth": "6850.00",
				},
			},
			"frequency": map[string]any{
				"type": "P1M", "display": "Monthly", "amount": "6850.00", "next": map[string]any{"date": "2000-01-15", "amount": "6850.00"},
			},
		}, hooliPays.under("analysis").body)
		assert.Equal(t, "1999-01-15T00:00:00Z", hooliPays.text("transactions.0.date"), "oldest first")
		dining := with(r.each("data.groups"), "id", "EXP-008")[0]
		assert.Equal(t, []any{"Discretionary Expenses"}, dining.under("sections").body)
		assert.False(t, dining.has("analysis.amount.stableMonths"), "only income and repayments have a forecast")

		for i, a := range c.accounts(id) {
			got := r.under("data.accounts." + strconv.Itoa(i))
			for _, name := range []string{"id", "accountNo", "name", "currency", "balance", "availableFunds", "lastUpdated", "status"} {
				assert.Equal(t, a.text(name), got.text(name))
			}
			assert.Equal(t, a.under("class").body, got.under("class").body)
			assert.Equal(t, c.newestConnection(id), got.text("connection"))
			assert.Equal(t, hooli, got.text("institution"))
			self := "/users/" + id + "/accounts/" + a.text("id")
			assert.Equal(t, map[string]any{
				"self": self, "institution": "/institutions/" + hooli,
				"transactions": "/users/" + id + "/transactions?filter=account.id.eq('" + a.text("id") + "')",
			}, got.under("links").body)
			of := with(c.pages(path+"/transactions"), "account", a.text("id"))
			assert.Equal(t, []any{map[string]any{"from": of[len(of)-1].text("postDate")[:10], "to": of[0].text("postDate")[:10]}}, got.under("transactionIntervals").body)
		}
	})
}

// The flags depend on the test user. See Basiq's list of test users.
func TestReports_Affordability_Flags(t *testing.T) {
	t.Parallel()
	for login, want := range map[string]map[string]string{
		"Gilfoyle": {"ME001": "0", "ME031": "true", "ME022": "false", "ME042": "1"},
		"jared":    {"ME047": "true", "ME001": "0", "ME002": "0.00", "ME042": "3"},
		"ashMann":  {"ME001": "1", "ME009": "1", "ME010": "8000.00"},
		"richard":  {"ME001": "1", "ME009": "9", "ME048": "-10250.00"},
	} {
		t.Run(login, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				m := metrics(c.get(c.report("CON_AFFOR_01", c.affordabilityFilters(c.customer(login)))))
				for metric, value := range want {
					assert.Equal(t, value, m[metric], metric)
				}
			})
		})
	}
	t.Run("when the salary stopped", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := new30(t)
			id := c.customer("Gilfoyle")
			f := c.affordabilityFilters(id)
			assert.Equal(t, "true", metrics(c.get(c.report("CON_AFFOR_01", f.with(filters{"toDate": "1999-09-15"}))))["ME022"])
			assert.Equal(t, "false", metrics(c.get(c.report("CON_AFFOR_01", f.with(filters{"toDate": "1999-06-30"}))))["ME022"])
		})
	})
}

func TestReports_Create_Parts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("gavinBelson")
		f := c.affordabilityFilters(id)
		all := c.get(c.report("CON_AFFOR_01", f))
		metrics, groups := all.length("data.metrics"), all.length("data.groups")
		assert.Equal(t, 44, metrics)
		assert.Equal(t, 69, groups)
		for _, test := range []struct {
			more            filters
			metrics, groups int
		}{
			{filters{"includeMetrics": []string{}, "includeGroups": []string{}}, metrics, groups},
			{filters{"includeMetrics": nil}, 0, groups},
			{filters{"includeGroups": nil}, metrics, 0},
			{filters{"reportSubType": "income"}, 11, 19},
			{filters{"reportSubType": "expense"}, 15, groups - 19},
			{filters{"reportSubType": "expense", "includeMetrics": []string{"ME002", "ME048"}, "includeGroups": nil}, 1, 0},
			{filters{"includeMetrics": []string{"ME002", "ME048"}, "includeGroups": []string{"INC-009", "EXP-028", "EXP-001"}}, 2, 3},
		} {
			r := c.get(c.report("CON_AFFOR_01", f.with(test.more)))
			assert.Equal(t, test.metrics, r.length("data.metrics"), test.more)
			assert.Equal(t, test.groups, r.length("data.groups"), test.more)
			for _, group := range r.each("data.groups") {
				if kind, ok := test.more["reportSubType"].(string); ok {
					assert.Equal(t, map[string]string{"INC": "income", "EXP": "expense"}[group.text("id")[:3]], kind)
				}
			}
			assert.Equal(t, decoded(t, f.with(test.more).list()), r.under("filters").body, "filters are returned unchanged")
		}
	})
}

func TestReports_Create_Errors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("gavinBelson")
		other := c.newUser()
		accounts := numbers(c.accounts(id))
		good := c.affordabilityFilters(id)
		statement := statementFilters(id, accounts[0])
		const days = " not in valid format. Date has to be in yyyy-mm-dd format"
		for _, test := range []struct {
			kind   string
			f      filters
			code   string
			detail string
		}{
			{"CON_AFFOR_01", good.with(filters{"fromDate": none}), "parameter-not-supplied", "fromDate filter is required."},
			{"CON_AFFOR_01", good.with(filters{"toDate": none}), "parameter-not-supplied", "toDate filter is required."},
			{"CON_AFFOR_01", good.with(filters{"users": none}), "parameter-not-supplied", "users filter is required."},
			{"CON_AFFOR_01", good.with(filters{"accounts": none}), "parameter-not-supplied", "accounts filter is required."},
			{"CON_AFFOR_01", good.with(filters{"users": nil}), "parameter-not-valid", "users filter is not valid."},
			{"CON_AFFOR_01", good.with(filters{"users": 7}), "parameter-not-valid", "users filter is not valid."},
			{"CON_AFFOR_01", good.with(filters{"users": []int{7}}), "parameter-not-valid", "users filter is not valid."},
			{"CON_AFFOR_01", good.with(filters{"account": accounts[0]}), "parameter-not-valid", "account filter is not valid."},
			{"CON_AFFOR_01", good.with(filters{"includeMetrics": []string{"ME999"}}), "parameter-not-valid", "includeMetrics filter is not valid."},
			{"CON_AFFOR_01", good.with(filters{"includeGroups": []string{"ME002"}}), "parameter-not-valid", "includeGroups filter is not valid."},
			{"CON_AFFOR_01", good.with(filters{"includeGroups": "EXP-001"}), "parameter-not-valid", "includeGroups filter is not valid."},
			{"CON_AFFOR_01", good.with(filters{"reportSubType": "Income"}), "parameter-not-valid", "reportSubType filter is not valid."},
			{"CON_AFFOR_01", good.with(filters{"reportSubType": []string{"income"}}), "parameter-not-valid", "reportSubType filter is not valid."},
			{"CON_AFFOR_01", good.with(filters{"fromDate": []string{"1999-01-01"}}), "parameter-not-valid", "fromDate filter is not valid."},
			{"CON_AFFOR_01", good.with(filters{"fromDate": "1999-02-30"}), "parameter-not-valid", "fromDate" + days},
			{"CON_AFFOR_01", good.with(filters{"toDate": "1999-12"}), "parameter-not-valid", "toDate" + days},
			{"CON_AFFOR_01", good.with(filters{"fromDate": "1", "toDate": "2"}), "parameter-not-valid", "Dates" + days},
			{"CON_AFFOR_01", good.with(filters{"toDate": "1998-12-31"}), "parameter-not-valid", "toDate must be be after or equal to fromDate"},
			{"STATEMENT_01", statement.with(filters{"account": none}), "parameter-not-supplied", "account filter is required."},
			{"STATEMENT_01", statement.with(filters{"user": none}), "parameter-not-supplied", "user filter is required."},
			{"STATEMENT_01", statement.with(filters{"users": []string{id}}), "parameter-not-valid", "users filter is not valid."},
			{"STATEMENT_01", statement.with(filters{"account": accounts[:1]}), "parameter-not-valid", "account filter is not valid."},
			{"STATEMENT_01", statement.with(filters{"account": ""}), "parameter-not-valid", "account filter is not valid."},
		} {
			r := c.post("/reports", newReport(test.kind, test.f))
			r.requireError(http.StatusBadRequest, test.code, test.detail)
			assert.Equal(t, map[string]any{"parameter": "filters", "pointer": "report/filters"}, r.under("data.0.source").body)
		}
		for _, test := range []struct {
			name         string
			change       map[string]any
			code, detail string
		}{
			{"reportType", map[string]any{"reportType": ""}, "parameter-not-supplied", "Report type parameter is required."},
			{"reportType", map[string]any{"reportType": "CON_AFFOR_02"}, "parameter-not-valid", "Report type is not supported."},
			{"title", map[string]any{"title": ""}, "parameter-not-supplied", "Title parameter is required."},
			{"title", map[string]any{"title": strings.Repeat("ä", 51)}, "parameter-not-valid", "Title cannot be longer than 50 characters."},
		} {
			body := newReport("CON_AFFOR_01", good)
			maps.Copy(body, test.change)
			r := c.post("/reports", body)
			r.requireError(http.StatusBadRequest, test.code, test.detail)
			assert.Equal(t, test.name, r.text("data.0.source.parameter"))
		}
		twice := newReport("CON_AFFOR_01", good)
		twice["filters"] = append(good.list(), good.list()[0])
		c.post("/reports", twice).requireError(http.StatusBadRequest, "parameter-not-valid", "accounts filter is not valid.")
		c.post("/reports", []string{}).requireError(http.StatusBadRequest, "invalid-content", "Posted report is not in valid format.")

		for _, test := range []struct {
			f             filters
			title, detail string
		}{
			{good.with(filters{"users": []string{"1", "2", "3", "4", "5", "6"}}), "Invalid users filter. Maximum 5 users allowed.", ""},
			{good.with(filters{"users": []string{id, id}}), `Following user ID(s)/account ID(s) have been entered more than once: ["` + id + `"].`, ""},
			{good.with(filters{"accounts": []string{accounts[0], accounts[1], accounts[1], accounts[0]}}), `Following user ID(s)/account ID(s) have been entered more than once: ["` + accounts[1] + `", "` + accounts[0] + `"].`, ""},
		} {
			r := c.post("/reports", newReport("CON_AFFOR_01", test.f))
			r.requireError(http.StatusBadRequest, "forbidden-access", test.detail)
			assert.Equal(t, test.title, r.text("data.0.title"))
		}
		for _, test := range []struct {
			f      filters
			detail string
		}{
			{good.with(filters{"users": []string{id, noID}}), "Requested user does not exist."},
			{good.with(filters{"accounts": []string{accounts[0], noID}}), "Requested resource is not found"},
			{good.with(filters{"users": other}), "Requested resource is not found"},
		} {
			c.post("/reports", newReport("CON_AFFOR_01", test.f)).requireError(http.StatusNotFound, "resource-not-found", test.detail)
		}
		assert.Equal(t, 0, c.get("/reports").length("data"))

		// A second connection duplicates the account.
		c.connected(id, hooli, "gavinBelson", passwords["gavinBelson"])
		all := numbers(c.accounts(id))
		require.Len(t, all, 2*len(accounts))
		r := c.post("/reports", newReport("CON_AFFOR_01", good.with(filters{"accounts": all})))
		r.requireError(http.StatusBadRequest, "forbidden-access", "")
		var pairs []string
		for i := range accounts {
			pairs = append(pairs, "['"+all[i]+"', '"+all[i+len(accounts)]+"']")
		}
		assert.Equal(t, "The following accounts are duplicated: "+strings.Join(pairs, ", ")+".", r.text("data.0.title"))
	})
}

func TestReports_Create_SeveralUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		first, second := c.customer("gavinBelson"), c.customer("jared")
		accounts := slices.Concat(numbers(c.accounts(first)), numbers(c.accounts(second)))
		require.Equal(t, http.StatusAccepted, c.post("/reports", newReport("CON_AFFOR_01", filters{
			"fromDate": "1999-01-01", "toDate": "1999-01-01", "users": first, "accounts": accounts[0],
		})).status, "one id may stand for a list")
		path := c.report("CON_AFFOR_01", filters{
			"fromDate": "1999-12-01", "toDate": "2000-01-01", "users": []string{first, second}, "accounts": accounts,
		})
		assert.Equal(t, accounts, numbers(c.get(path).each("data.accounts")))
		assert.Equal(t, 2, c.get("/reports").length("data"))
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+second).status)
		c.get(path).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
		assert.Equal(t, 1, c.get("/reports").length("data"), "deleted with the user")
	})
}

func TestReports_Transactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("Wentworth-Smith")
		path := c.report("CON_AFFOR_01", c.affordabilityFilters(id).with(filters{"toDate": "2000-01-02"})) + "/transactions"
		all := c.pages(path)
		first := c.get(path)
		assert.Equal(t, json.Number(strconv.Itoa(len(all))), first.under("size").body)
		assert.Equal(t, 500, first.length("data"))
		for _, l := range all {
			if made := l.text("transactionDate"); made != "" {
				require.GreaterOrEqual(t, made, "1999-01-01T00:00:00Z", "card payments made earlier are not included")
			}
		}
		account, line := all[3].text("account"), all[400].text("id")
		posted := func(pass func(day string) bool) func(reply) bool {
			return func(l reply) bool { return l.text("status") == "posted" && pass(l.text("postDate")[:10]) }
		}
		for text, want := range map[string]func(reply) bool{
			"account.id.eq('" + account + "')":                   func(l reply) bool { return l.text("account") == account },
			"transaction.id.eq('" + line + "')":                  func(l reply) bool { return l.text("id") == line },
			"connection.id.eq('" + c.newestConnection(id) + "')": func(reply) bool { return true },
			"connection.id.eq('x')":                              func(reply) bool { return false },
			"institution.id.eq('AU00001')":                       func(reply) bool { return false },
			"institution.id.eq('AU00000')":                       func(reply) bool { return true },
			"transaction.status.eq('pending')":                   func(l reply) bool { return l.text("status") == "pending" },
			"transaction.status.eq('posted')":                    func(l reply) bool { return l.text("status") == "posted" },
			"transaction.direction.eq('credit')":                 func(l reply) bool { return l.money("amount") > 0 },
			"transaction.class.eq('transfer')":                   func(l reply) bool { return l.text("class") == "transfer" },
			"transaction.postDate.bt('1999-10-01,1999-10-10')":   posted(func(day string) bool { return day >= "1999-10-01" && day <= "1999-10-10" }),
			"transaction.postDate.bt('1999-10-01','1999-10-10')": posted(func(day string) bool { return day >= "1999-10-01" && day <= "1999-10-10" }),
			"transaction.postDate.gteq('1999-12-03T00:00:00Z')":  posted(func(day string) bool { return day >= "1999-12-03" }),
			"transaction.postDate.lt('1999-02-01')":              posted(func(day string) bool { return day < "1999-02-01" }),
			"transaction.postDate.eq('1999-06-01')":              posted(func(day string) bool { return day == "1999-06-01" }),
			"account.id.eq('" + account + "'),transaction.postDate.bt('1999-03-01,1999-03-31'),transaction.direction.eq('debit')": func(l reply) bool {
				return l.text("account") == account && l.money("amount") < 0 && l.text("status") == "posted" && strings.HasPrefix(l.text("postDate"), "1999-03")
			},
		} {
			got := c.pages(path + "?limit=40&filter=" + url.QueryEscape(text))
			assert.Equal(t, numbers(filter(all, want)), numbers(got), text)
		}
		for _, text := range []string{
			"x", "transaction.amount.eq('1')", "transaction.direction.eq('up')", "account.id.gt('1')", "transaction.status.ne('posted')",
			"transaction.postDate.bt('1999-10-01')", "transaction.postDate.bt('1999-10-01,1999-10-02,1999-10-03')",
		} {
			c.get(path+"?filter="+url.QueryEscape(text)).requireError(http.StatusBadRequest, "parameter-not-valid", "The provided filter parameter is in invalid format or unsupported")
		}
		c.get(path+"?filter="+url.QueryEscape("transaction.postDate.bt('a,b')")).requireError(http.StatusBadRequest, "parameter-not-valid", "PostDate is not valid")
		c.get("/reports/"+noID+"/transactions").requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")

		for _, field := range []string{"id", "status", "description", "amount", "balance", "account", "connection", "institution", "direction", "class"} {
			assert.NotEmpty(t, with(all, "status", "posted")[0].text(field), field)
		}
	})
}

func TestReports_Delete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("gavinBelson")
		f := c.affordabilityFilters(id)
		gone, kept := c.report("CON_AFFOR_01", f), c.report("CON_AFFOR_01", f)
		require.Equal(t, 2, c.get("/reports").length("data"))
		r := c.delete(gone)
		assert.Equal(t, http.StatusNoContent, r.status)
		assert.Empty(t, r.raw)
		for _, again := range []reply{c.delete(gone), c.get(gone), c.get(gone + "/transactions")} {
			again.requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
		}
		assert.Equal(t, c.sandbox.URL()+kept, c.get("/reports").text("data.0.links.self"))

		before := c.get(kept).raw
		conn := c.newestConnection(id)
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+id+"/connections/"+conn).status)
		assert.Equal(t, before, c.get(kept).raw, "a report has its own copy of the data")
		time.Sleep(24*time.Hour - 2*long)
		c = c.as("3.0", server, "")
		assert.Equal(t, http.StatusOK, c.get(kept).status)
		time.Sleep(2 * long)
		c.get(kept).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
		assert.Equal(t, 0, c.get("/reports").length("data"))
	})
}

func TestReports_Types(t *testing.T) {
	t.Parallel()
	c := new30(t)
	r := c.get("/reports/types")
	assert.Equal(t, json.Number("2"), r.under("count").body)
	want := map[string][]string{
		"CON_AFFOR_01": {"fromDate string true", "toDate string true", "accounts array true", "users array true", "includeGroups array false", "includeMetrics array false", "reportSubType string false"},
		"STATEMENT_01": {"fromDate string true", "account string true", "user string true"},
	}
	for _, kind := range r.each("data") {
		var got []string
		for _, f := range kind.each("filters") {
			got = append(got, f.text("name")+" "+f.text("type")+" "+strconv.FormatBool(f.under("required").body.(bool)))
		}
		assert.Equal(t, want[kind.text("id")], got)
		assert.Equal(t, "report", kind.text("type"))
		assert.NotEmpty(t, kind.text("name")+kind.text("description"))
		assert.Equal(t, kind.body, c.get("/reports/types/"+kind.text("id")).body)
	}
	c.get("/reports/types/CON_AFFOR_02").requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
	assert.Equal(t, http.StatusNotFound, c.as("2.1", server, "").get("/reports/types").status, "only 3.0 has reports")
}

func TestReports_Statement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("Wentworth-Smith")
		account := with(c.accounts(id), "class.type", "mortgage")[0]
		path := c.report("STATEMENT_01", statementFilters(id, account.text("id")))
		r := c.get(path)
		assert.Equal(t, "STATEMENT_01", r.text("reportType"))
		assert.Equal(t, c.sandbox.URL()+path+"/transactions", r.text("data.transactions"))
		assert.Equal(t, "Hooli", r.text("data.institution.name"))
		assert.Equal(t, "person", r.text("data.identity.customerType"))
		assert.Equal(t, "Max Wentworth-Smith", r.text("data.identity.fullName"))
		assert.Equal(t, []any{"maxsmith@gmail.com"}, r.under("data.identity.emails").body)
		assert.Equal(t, "2099", r.text("data.identity.physicalAddresses.0.postCode"))
		assert.Equal(t, "Basiq", r.text("data.accreditation.entityName"))
		require.Equal(t, 1, r.length("data.account"))
		got := r.under("data.account.0")
		for _, name := range []string{"id", "accountNo", "name", "balance", "currency", "lastUpdated", "status", "type"} {
			assert.Equal(t, account.text(name), got.text(name))
		}
		number := account.text("accountNo")
		assert.Equal(t, "xxxxxxxx"+number[len(number)-4:], got.text("maskedNumber"))
		assert.Equal(t, "TWO_PARTY", got.text("accountOwnership"))

		lines := c.pages(path + "/transactions")
		require.Len(t, lines, 4, "interest and a repayment in each of two months")
		text := pdfText(t, c.accept(path, "application/pdf").raw)
		for _, l := range lines {
			assert.Equal(t, account.text("id"), l.text("account"))
			assert.Contains(t, text, l.text("postDate")[:10]+"  "+l.text("description")+"  "+l.text("amount"))
		}

		// Without an end date, the period ends today.
		open := c.report("STATEMENT_01", statementFilters(id, account.text("id")).with(filters{"toDate": none}))
		assert.Len(t, c.pages(open+"/transactions"), 5)
	})
}

func TestReports_Statement_Business(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("laurieBream")
		r := c.get(c.report("STATEMENT_01", statementFilters(id, numbers(c.accounts(id))[0])))
		assert.Equal(t, "organisation", r.text("data.identity.customerType"))
		assert.Equal(t, "Laurie Bream", r.text("data.identity.agentName"))
		for _, field := range []string{"businessName", "abn", "agentRole"} {
			assert.NotEmpty(t, r.text("data.identity."+field))
		}
	})
}

func TestReports_Affordability_PDF(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		path := c.report("CON_AFFOR_01", c.affordabilityFilters(c.customer("richard")))
		r := c.get(path)
		printed := c.accept(path, "application/pdf")
		assert.Equal(t, "application/pdf", printed.header.Get("Content-Type"))
		text := pdfText(t, printed.raw)
		assert.Contains(t, text, "Max, 1999")
		for metric, value := range metrics(r) {
			assert.Regexp(t, "(?m)^"+metric+" .*: "+value+"$", text)
		}
		assert.Contains(t, printed.raw, "/Count 2", "it needs two pages")
		c.accept(path, "text/csv").requireError(http.StatusBadRequest, "unsupported-accept", "Accept type is not supported")
	})
}

func TestReports_List_Pages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		f := statementFilters(c.customer("gavinBelson"), "")
		f["account"] = numbers(c.accounts(f["user"].(string)))[0]
		for range 3 {
			c.report("STATEMENT_01", f)
		}
		all := c.get("/reports")
		assert.Equal(t, numbers(all.each("data")), numbers(c.pages("/reports?limit=2")))
		assert.False(t, all.has("links.next"))
	})
}

func TestReports_Create_Limit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t, basiqtest.WithLimits())
		id := c.customer("gavinBelson")
		f := c.affordabilityFilters(id)
		c.post("/reports", newReport("CON_AFFOR_01", f.with(filters{"toDate": none}))).requireError(http.StatusBadRequest, "parameter-not-supplied", "toDate filter is required.")
		c.report("CON_AFFOR_01", f)
		c.post("/reports", newReport("CON_AFFOR_01", f)).requireError(http.StatusTooManyRequests, "too-many-requests", "You have exceeded the rate limit for this API.")
		assert.Equal(t, 1, c.get("/reports").length("data"))
		c.summary(id, "income", nil) // counted separately
	})
}

// Creating a report is faster if the sandbox is faster.
func TestReports_Create_Speed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t, basiqtest.WithSpeed(1000))
		f := c.affordabilityFilters(c.customer("gavinBelson"))
		r := c.post("/reports", newReport("CON_AFFOR_01", f))
		time.Sleep(100 * time.Millisecond)
		assert.Equal(t, "success", c.get("/jobs/"+r.text("id")).text("status"))
	})
}

// Reports work for periods without data, and before any data was retrieved.
func TestReports_Create_NoTransactions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		more  filters
		ready func(c *caller, userID string)
	}{
		{"before all data", filters{"fromDate": "1990-01-01", "toDate": "1990-12-31"}, func(*caller, string) { time.Sleep(long) }},
		{"accounts only", filters{}, func(c *caller, userID string) {
			for range 200 {
				if c.get("/users/"+userID).length("accounts.data") > 0 {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				id := c.newUser()
				c.connect(id, hooli, "gavinBelson", passwords["gavinBelson"])
				test.ready(c, id)
				f := c.affordabilityFilters(id).with(test.more)
				if test.name == "accounts only" {
					assert.Equal(t, http.StatusNoContent, c.post("/users/"+id+"/affordability", nil).status)
				}
				s := statementFilters(id, f["accounts"].([]string)[0]).with(test.more)
				first := c.post("/reports", newReport("CON_AFFOR_01", f)).text("id")
				second := c.post("/reports", newReport("STATEMENT_01", s)).text("id")
				time.Sleep(long)
				for _, job := range []string{first, second} {
					path := c.local(c.get("/jobs/" + job).text("links.source"))
					r := c.get(path)
					require.Equal(t, http.StatusOK, r.status, r.raw)
					assert.Equal(t, 0, c.get(path+"/transactions").length("data"))
					pdfText(t, c.accept(path, "application/pdf").raw)
					if r.text("reportType") == "CON_AFFOR_01" {
						assert.Equal(t, "0.00", metrics(r)["ME002"])
						assert.Equal(t, "true", metrics(r)["ME028"])
						assert.Equal(t, 0, r.length("data.accounts.0.transactionIntervals"))
					}
				}
			})
		})
	}
}
