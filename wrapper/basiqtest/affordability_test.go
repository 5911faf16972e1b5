package basiqtest_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
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

// passwords of the test users whose accounts are summarized.
var passwords = map[string]string{
	"Wentworth-Smith": "whislter", "Whistler": "ShowBox", "Gilfoyle": "PiedPiper", "gavinBelson": "hooli2016",
	"jared": "django", "richard": "tabsnotspaces", "laurieBream": "business2024", "ashMann": "hooli2024",
}

// customer creates a user with the accounts of a test user at Hooli. Call it in a synctest bubble.
func (c *caller) customer(login string) string {
	c.t.Helper()
	id := c.newUser()
	c.connected(id, hooli, login, passwords[login])
	return id
}

// accept sends a GET with an Accept header.
func (c *caller) accept(path, contentType string) reply {
	c.t.Helper()
	return bindInput(c.t, c.sandbox, http.MethodGet, path, "", map[string]string{
		"Authorization": "Bearer " + c.token, "Accept": contentType,
	})
}

// summary creates a summary of the user and returns it.
func (c *caller) summary(userID, kind string, body any) reply {
	c.t.Helper()
	r := c.post("/users/"+userID+"/"+kind, body)
	require.Equal(c.t, http.StatusOK, r.status, r.raw)
	return r
}

// under returns a reply with the value at a path.
func (r reply) under(path string) reply {
	r.t.Helper()
	value, ok := r.at(path)
	require.True(r.t, ok, "nothing at %s in %s", path, r.raw)
	raw, err := json.Marshal(value)
	require.NoError(r.t, err)
	return reply{t: r.t, status: r.status, header: r.header, raw: string(raw), body: value}
}

// each returns the elements of the array at a path.
func (r reply) each(path string) []reply {
	r.t.Helper()
	var all []reply
	for i := range r.length(path) {
		all = append(all, r.under(path+"."+strconv.Itoa(i)))
	}
	return all
}

// local returns a link without its scheme and host.
func (c *caller) local(link string) string { return strings.TrimPrefix(link, c.sandbox.URL()) }

// cents parses an amount.
func cents(t *testing.T, amount string) int64 {
	t.Helper()
	require.Regexp(t, `^-?[0-9]+\.[0-9]{2}$`, amount)
	n, err := strconv.ParseInt(strings.Replace(amount, ".", "", 1), 10, 64)
	require.NoError(t, err)
	return n
}

// money returns the amount at a path.
func (r reply) money(path string) int64 { r.t.Helper(); return cents(r.t, r.text(path)) }

// sum returns the sum of the amounts at a path in several objects.
func sum(all []reply, path string) int64 {
	var total int64
	for _, r := range all {
		total += r.money(path)
	}
	return total
}

// days returns the coverageDays of a summary.
func (r reply) days() int64 {
	r.t.Helper()
	value, _ := r.at("coverageDays")
	n, err := value.(json.Number).Int64()
	require.NoError(r.t, err)
	return n
}

// monthly returns the monthly average of a total in cents, by the documented rule.
func monthly(total, days int64) int64 {
	half := days / 2
	if total < 0 {
		half = -half
	}
	return (total*30 + half) / days
}

// pages returns the items of all pages of a collection.
func (c *caller) pages(path string) []reply {
	c.t.Helper()
	var all []reply
	for path != "" {
		r := c.get(path)
		require.Equal(c.t, http.StatusOK, r.status, r.raw)
		all = append(all, r.each("data")...)
		path = ""
		if r.has("links.next") {
			path = c.local(r.text("links.next"))
		}
	}
	return all
}

// filter returns the replies that pass a test.
func filter(all []reply, pass func(reply) bool) []reply {
	var passed []reply
	for _, r := range all {
		if pass(r) {
			passed = append(passed, r)
		}
	}
	return passed
}

// with returns the replies whose string at a path is one of texts.
func with(all []reply, path string, texts ...string) []reply {
	return filter(all, func(r reply) bool { return slices.Contains(texts, r.text(path)) })
}

// on returns the date of a transaction in a summary.
func (r reply) on() string {
	r.t.Helper()
	if r.text("status") == "pending" {
		return r.text("transactionDate")[:10]
	}
	return r.text("postDate")[:10]
}

// accounts returns the accounts embedded in the user's connections.
func (c *caller) accounts(userID string) []reply {
	c.t.Helper()
	r := c.get("/users/" + userID + "/connections")
	var all []reply
	for _, conn := range r.each("data") {
		all = append(all, c.get("/users/"+userID+"/connections/"+conn.text("id")).each("accounts.data")...)
	}
	return all
}

// numbers returns the IDs of accounts.
func numbers(accounts []reply) []string {
	var ids []string
	for _, a := range accounts {
		ids = append(ids, a.text("id"))
	}
	return ids
}

func TestAffordability_Create(t *testing.T) {
	t.Parallel()
	for login := range passwords {
		t.Run(login, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				id := c.customer(login)
				r := c.summary(id, "affordability", nil)
				assert.Equal(t, "affordability", r.text("type"))
				assert.Equal(t, "1999-01", r.text("fromMonth"))
				assert.Equal(t, "2000-01", r.text("toMonth"))
				assert.Equal(t, time.Now().UTC().Format("2006-01-02T15:04:05"), r.text("generatedDate"))

				accounts := c.accounts(id)
				cards, loans := with(accounts, "class.type", "credit-card"), with(accounts, "class.type", "mortgage", "loan")
				owned := filter(accounts, func(a reply) bool {
					return !slices.Contains([]string{"credit-card", "mortgage", "loan"}, a.text("class.type"))
				})
				assets, owed := sum(owned, "balance"), sum(cards, "balance")+sum(loans, "balance")
				assert.Equal(t, assets, r.money("summary.assets"))
				assert.Equal(t, owed, r.money("summary.liabilities"))
				assert.Equal(t, assets+owed, r.money("summary.netPosition"))
				assert.Equal(t, assets, sum(r.each("assets"), "balance"))
				assert.Len(t, r.each("assets"), len(owned))
				assert.Len(t, r.each("liabilities.credit"), len(cards))
				assert.Len(t, r.each("liabilities.loan"), len(loans))
				assert.Equal(t, sum(r.each("liabilities.credit"), "creditLimit"), r.money("summary.creditLimit"))

				lines := c.pages("/users/" + id + "/affordability/" + r.text("id") + "/transactions")
				of := with(lines, "account", numbers(owned)...)
				assert.Equal(t, monthly(sum(of, "amount"), r.days()), r.money("summary.savings"))
				repaid := with(with(lines, "account", numbers(loans)...), "class", "loan-repayment")
				if len(loans) > 0 {
					assert.Equal(t, monthly(sum(repaid, "amount"), r.days()), r.money("summary.loanRepaymentMonthly"))
				} else {
					assert.Nil(t, r.under("summary.loanRepaymentMonthly").body)
				}
				if external := r.each("external"); len(external) > 0 {
					assert.Equal(t, sum(external, "payments.0.amountAvgMonthly"), r.money("summary.potentialLiabilitiesMonthly"))
				} else {
					assert.Nil(t, r.under("summary.potentialLiabilitiesMonthly").body)
				}

				income, expenses := c.get(c.local(r.text("links.income"))), c.get(c.local(r.text("links.expenses")))
				assert.Equal(t, income.text("summary.regularIncomeAvg"), r.text("summary.regularIncome.previous3Months.avgMonthly"))
				parts := sum(expenses.each("payments"), "avgMonthly")
				for _, part := range expenseParts {
					parts += expenses.money(part + ".avgMonthly")
				}
				assert.Equal(t, parts, r.money("summary.expenses"))
				var links []any
				for _, a := range accounts {
					links = append(links, a.text("links.self"))
				}
				assert.Equal(t, links, r.under("links.accounts").body)
				assert.Equal(t, links, income.under("links.accounts").body)
				assert.Equal(t, links, expenses.under("links.accounts").body)
			})
		})
	}
}

func TestAffordability_Create_Liabilities(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("Wentworth-Smith")
		r := c.summary(id, "affordability", nil)
		accounts := c.accounts(id)
		lines := c.pages("/users/" + id + "/affordability/" + r.text("id") + "/transactions")
		of := func(kind string) []reply {
			return with(lines, "account", numbers(with(accounts, "class.type", kind))...)
		}
		december := func(all []reply) []reply {
			return filter(all, func(r reply) bool { return strings.HasPrefix(r.on(), "1999-12") })
		}
		lastHalf := func(all []reply) []reply {
			return filter(all, func(r reply) bool { return r.on() >= "1999-07-01" && r.on() < "2000-01-01" })
		}
		balances := func(all []reply) []int64 {
			var found []int64
			for _, l := range with(all, "status", "posted") {
				found = append(found, l.money("balance"))
			}
			return found
		}

		// The period is 1999 and the first day of 2000, so December is the last full month.
		saved := with(r.each("assets"), "account.type", "savings")[0]
		assert.Equal(t, map[string]any{"type": "savings", "product": "Hooli Savings"}, saved.under("account").body)
		assert.Equal(t, "Hooli", saved.text("institution"))
		assert.Equal(t, slices.Min(balances(lastHalf(of("savings")))), saved.money("previous6Months.minBalance"))
		assert.Equal(t, slices.Max(balances(lastHalf(of("savings")))), saved.money("previous6Months.maxBalance"))

		card := r.under("liabilities.credit.0")
		spent := december(of("credit-card"))
		assert.Equal(t, "10000.00", card.text("creditLimit"))
		assert.Equal(t, slices.Max(balances(spent)), card.money("previousMonth.minBalance"), "lowest debt")
		assert.Equal(t, slices.Min(balances(spent)), card.money("previousMonth.maxBalance"), "highest debt")
		assert.Equal(t, sum(with(spent, "direction", "credit"), "amount"), card.money("previousMonth.totalCredits"))
		assert.Equal(t, sum(with(spent, "direction", "debit"), "amount"), card.money("previousMonth.totalDebits"))
		assert.Equal(t, "0.00", card.text("previous6Months.cashAdvances"))

		loan := r.under("liabilities.loan.0")
		moved := december(of("mortgage"))
		interest, repaid := with(moved, "class", "loan-interest"), with(moved, "class", "loan-repayment")
		require.Len(t, interest, 1)
		require.Len(t, repaid, 1)
		assert.Equal(t, map[string]any{
			"totalCredits": "0.00", "totalDebits": interest[0].text("amount"), "totalInterestCharged": interest[0].text("amount"),
			"totalRepayments": "2150.00",
		}, loan.under("previousMonth").body)
		assert.Equal(t, "false", loan.text("previous6Months.arrears"))
		assert.Equal(t, "0.00", loan.text("availableFunds"))
		history := loan.each("changeHistory")
		require.Len(t, history, len(of("mortgage")))
		assert.Equal(t, "debit", history[0].text("direction"))
		assert.Equal(t, "2000-01-01", history[0].text("date"))
		assert.Equal(t, "interest charged", history[0].text("source"))
		assert.Equal(t, sum(of("mortgage"), "amount"), sum(history, "amount"))

		require.Len(t, r.each("external"), 1)
		lender := r.under("external.0")
		paid := filter(lines, func(l reply) bool { return strings.Contains(l.text("description"), "TOYOTA FINANCE") })
		require.Len(t, paid, 12)
		assert.Equal(t, "toyota finance", lender.text("source"))
		total := sum(paid, "amount")
		assert.Equal(t, map[string]any{
			"amountAvg": "-612.40", "amountAvgMonthly": amount(monthly(total, r.days())), "first": paid[11].on(), "last": paid[0].on(),
			"noOccurrences": json.Number("12"), "total": amount(total),
		}, lender.under("payments.0").body)
		assert.Equal(t, map[string]any{
			"amount": "-612.40", "date": paid[0].on(), "source": paid[0].text("description"),
		}, lender.under("changeHistory.0").body)
	})
}

// amount formats cents as an amount.
func amount(c int64) string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Sprintf("%s%d.%02d", sign, c/100, c%100)
}

func TestAffordability_Get_Immutable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("gavinBelson")
		made := c.summary(id, "affordability", map[string]any{})
		self := c.local(made.text("links.self"))
		transactions := c.get(self + "/transactions").raw
		income, expenses := c.get(c.local(made.text("links.income"))).raw, c.get(c.local(made.text("links.expenses"))).raw
		assert.Equal(t, made.raw, c.get(self).raw)

		conn := c.newestConnection(id)
		time.Sleep(40 * 24 * time.Hour)
		c = c.as("3.0", server, "")
		require.Equal(t, http.StatusAccepted, c.post("/users/"+id+"/connections/"+conn+"/refresh", nil).status)
		time.Sleep(long)
		later := c.summary(id, "affordability", nil)
		assert.NotEqual(t, made.text("summary.assets"), later.text("summary.assets"))
		assert.Equal(t, "2000-02", later.text("toMonth"))
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+id+"/connections/"+conn).status)
		assert.Equal(t, made.raw, c.get(self).raw)
		assert.Equal(t, transactions, c.get(self+"/transactions").raw)
		assert.Equal(t, income, c.get(c.local(made.text("links.income"))).raw)
		assert.Equal(t, expenses, c.get(c.local(made.text("links.expenses"))).raw)

		// The data of a deleted connection is kept.
		assert.Equal(t, later.text("summary.assets"), c.summary(id, "affordability", nil).text("summary.assets"))
	})
}

func TestAffordability_List(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("gavinBelson")
		self := c.sandbox.URL() + "/users/" + id + "/affordability"
		empty := map[string]any{"type": "list", "data": []any{}, "links": map[string]any{"self": self}}
		assert.Equal(t, empty, c.get("/users/"+id+"/affordability").body)
		made := c.summary(id, "affordability", nil)
		c.summary(id, "income", nil)
		r := c.get("/users/" + id + "/affordability")
		require.Equal(t, 1, r.length("data"), "without income")
		links := made.under("links").body.(map[string]any)
		delete(links, "accounts")
		assert.Equal(t, map[string]any{
			"type": "affordability", "id": made.text("id"), "coverageDays": made.under("coverageDays").body,
			"fromMonth": "1999-01", "toMonth": "2000-01", "generatedDate": made.text("generatedDate"),
			"institutions": []any{hooli}, "links": links,
		}, r.under("data.0").body)
		assert.Equal(t, self+"/"+made.text("id"), made.text("links.self"))
		assert.Equal(t, empty["links"], r.under("links").body)
	})
}

func TestAffordability_Create_PeriodAndAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("Wentworth-Smith")
		all := c.pages("/users/" + id + "/affordability/" + c.summary(id, "affordability", nil).text("id") + "/transactions")
		for _, test := range []struct {
			name          string
			body          map[string]any
			from, to      string // first and last day that count
			months        [2]string
			days          int64
			onlySavings   bool
			wantNoContent bool
		}{
			{"both", map[string]any{"fromMonth": "1999-05", "toMonth": "1999-09"}, "1999-05-01", "1999-09-30", [2]string{"1999-05", "1999-09"}, 153, false, false},
			{"one month", map[string]any{"fromMonth": "1999-02", "toMonth": "1999-02"}, "1999-02-01", "1999-02-28", [2]string{"1999-02", "1999-02"}, 28, false, false},
			{"from only", map[string]any{"fromMonth": "1999-12"}, "1999-12-01", "2000-01-01", [2]string{"1999-12", "2000-01"}, 32, false, false},
			{"to only", map[string]any{"toMonth": "1999-03"}, "1999-01-01", "1999-03-31", [2]string{"1998-03", "1999-03"}, 90, false, false},
			{"empty list selects all", map[string]any{"accounts": []string{}, "fromMonth": "1999-12"}, "1999-12-01", "2000-01-01", [2]string{"1999-12", "2000-01"}, 32, false, false},
			{"accounts", map[string]any{}, "1999-01-01", "2000-01-01", [2]string{"1999-01", "2000-01"}, 366, true, false},
			{"before all data", map[string]any{"fromMonth": "1990-01", "toMonth": "1990-12"}, "", "", [2]string{}, 0, false, true},
			{"after all data", map[string]any{"fromMonth": "2000-02", "toMonth": "2000-03"}, "", "", [2]string{}, 0, false, true},
		} {
			saved := numbers(with(c.accounts(id), "class.type", "savings"))
			if test.onlySavings {
				test.body["accounts"] = saved
			}
			for _, kind := range []string{"affordability", "income", "expenses"} {
				r := c.post("/users/"+id+"/"+kind, test.body)
				if test.wantNoContent {
					assert.Equal(t, http.StatusNoContent, r.status, "%s %s", test.name, kind)
					assert.Empty(t, r.raw)
					continue
				}
				require.Equal(t, http.StatusOK, r.status, r.raw)
				assert.Equal(t, test.days, r.days(), "%s %s", test.name, kind)
				if kind != "affordability" {
					continue
				}
				assert.Equal(t, test.months[0], r.text("fromMonth"), test.name)
				assert.Equal(t, test.months[1], r.text("toMonth"), test.name)
				want := filter(all, func(l reply) bool {
					return l.on() >= test.from && l.on() <= test.to && (!test.onlySavings || slices.Contains(saved, l.text("account")))
				})
				got := c.pages(c.local(r.text("links.self")) + "/transactions")
				assert.Equal(t, numbers(want), numbers(got), test.name)
			}
		}
		assert.Equal(t, 7, c.get("/users/"+id+"/affordability").length("data"), "no summary for a period without transactions")
	})
}

func TestAffordability_Errors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("gavinBelson")
		const days = " not in valid format. Date has to be in yyyy-mm-dd format"
		for _, kind := range []string{"affordability", "income", "expenses"} {
			path := "/users/" + id + "/" + kind
			for _, test := range []struct {
				body         map[string]any
				detail, name string
			}{
				{map[string]any{"fromMonth": "2019-13"}, "fromDate" + days, "fromMonth"},
				{map[string]any{"fromMonth": "2019-05-01"}, "fromDate" + days, "fromMonth"},
				{map[string]any{"toMonth": "May"}, "toDate" + days, "toMonth"},
				{map[string]any{"fromMonth": "1", "toMonth": "2"}, "Dates" + days, "fromMonth"},
				{map[string]any{"fromMonth": "1999-06", "toMonth": "1999-05"}, "toDate must be be after or equal to fromDate", "toMonth"},
				{map[string]any{"fromMonth": "2000-02"}, "toDate must be be after or equal to fromDate", "toMonth"},
			} {
				r := c.post(path, test.body)
				r.requireError(http.StatusBadRequest, "parameter-not-valid", test.detail)
				assert.Equal(t, map[string]any{"parameter": test.name, "pointer": kind + "/" + test.name}, r.under("data.0.source").body)
			}
			c.post(path, map[string]any{"accounts": []string{noID}}).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
			c.post(path, map[string]any{"accounts": "x"}).requireError(http.StatusBadRequest, "invalid-content", "Posted "+kind+" is not in valid format.")
			c.post("/users/"+noID+"/"+kind, nil).requireError(http.StatusNotFound, "resource-not-found", "Requested user does not exist.")
			c.post("/users/"+c.newUser()+"/"+kind, nil).requireError(http.StatusNotFound, "resource-not-found", "User doesn't have any accounts")

			c.get("/users/"+noID+"/"+kind+"/"+noID).requireError(http.StatusNotFound, "resource-not-found", "Requested user does not exist.")
			c.get(path+"/"+noID).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
			r := c.get(path + "/s55bf3")
			r.requireError(http.StatusBadRequest, "path-parameter-not-valid", "Snapshot ID value is not valid")
			assert.Equal(t, map[string]any{"parameter": "snapshotId"}, r.under("data.0.source").body)
			c.accept(path+"/"+noID, "text/html").requireError(http.StatusBadRequest, "unsupported-accept", "Accept type is not supported")
		}
		c.get("/users/"+noID+"/affordability").requireError(http.StatusNotFound, "resource-not-found", "Requested user does not exist.")
		c.get("/users/"+id+"/affordability/"+noID+"/transactions").requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")

		made := c.summary(id, "income", nil).text("id")
		c.get("/users/"+id+"/expenses/"+made).requireError(http.StatusBadRequest, "parameter-not-valid", "Invalid expenses snapshot ID provided")
		c.get("/users/"+id+"/affordability/"+made).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
		c.get("/users/"+c.newUser()+"/income/"+made).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
	})
}

// Amounts in different currencies cannot be added.
func TestAffordability_Create_MixedCurrencies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		require.Equal(t, http.StatusAccepted, c.upload(id, nab, file{"s.csv", "text/csv", twoAccounts}).status)
		time.Sleep(long)
		accounts := c.get("/users/" + id + "/accounts")
		require.Equal(t, 2, accounts.length("data"))
		for _, kind := range []string{"affordability", "income", "expenses"} {
			path := "/users/" + id + "/" + kind
			c.post(path, nil).requireError(http.StatusBadRequest, "parameter-not-valid", "User's accounts contains mixed currencies")
			for i, currency := range []string{"AUD", "USD"} {
				account := accounts.under("data." + strconv.Itoa(i))
				require.Equal(t, currency, account.text("currency"))
				r := c.post(path, map[string]any{"accounts": []string{account.text("id")}})
				assert.Equal(t, http.StatusOK, r.status, r.raw)
			}
		}
	})
}

func TestAffordability_Transactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("Wentworth-Smith")
		made := c.summary(id, "affordability", nil)
		path := "/users/" + id + "/affordability/" + made.text("id") + "/transactions"
		first := c.get(path)
		assert.Equal(t, 500, first.length("data"))
		assert.Equal(t, json.Number("500"), first.under("count").body)
		all := c.pages(path)
		assert.Equal(t, json.Number(strconv.Itoa(len(all))), first.under("size").body)
		assert.Equal(t, numbers(all), numbers(c.pages(path+"?limit=77")), "page size does not change the items")
		ids := numbers(all)
		slices.Sort(ids)
		assert.Len(t, slices.Compact(ids), len(all), "no duplicates")

		r := c.get(path + "?limit=1")
		assert.Equal(t, c.sandbox.URL()+path, r.text("links.self"), "recorded without the limit")
		assert.Regexp(t, "^"+c.sandbox.URL()+path+`\?next=`, r.text("links.next"))
		for limit, detail := range map[string]string{"0": "Limit value is not valid", "x": "Limit value is not valid", "501": "Maximum limit allowed is 500"} {
			c.get(path+"?limit="+limit).requireError(http.StatusBadRequest, "parameter-not-valid", detail)
			c.accept(path+"?limit="+limit, "text/csv").requireError(http.StatusBadRequest, "parameter-not-valid", detail)
		}
		c.get(path+"?next=x").requireError(http.StatusBadRequest, "parameter-not-valid", "Next value is not valid")

		pending := with(all, "status", "pending")
		require.NotEmpty(t, pending)
		assert.Equal(t, numbers(pending), numbers(all[:len(pending)]), "pending transactions come first")
		assert.Nil(t, pending[0].under("postDate").body)
		assert.Empty(t, pending[0].text("balance"))
		days := []string{}
		for _, l := range all[len(pending):] {
			days = append(days, l.on())
		}
		slices.Reverse(days)
		assert.True(t, slices.IsSorted(days), "newest first")

		bought := with(with(all, "class", "payment"), "status", "posted")[0]
		account := bought.text("account")
		institution := c.sandbox.URL() + "/connectors/" + hooli
		assert.Equal(t, map[string]any{"account": c.sandbox.URL() + "/users/" + id + "/accounts/" + account, "institution": institution}, bought.under("links").body)
		assert.Equal(t, hooli, bought.text("institution"))
		assert.Equal(t, "debit", bought.text("direction"))
		for _, name := range []string{"transactionDate", "postDate"} {
			assert.Regexp(t, `^\d{4}-\d\d-\d\dT00:00:00Z$`, bought.text(name))
		}
		code, ok := bought.under("subClass.Code").body.(json.Number)
		require.True(t, ok, "the code is a number in 3.0: %s", bought.raw)
		paid := with(all, "class", "loan-repayment")[0]
		assert.False(t, paid.has("subClass"), "for other classes")

		// Version 2.1 has other subclasses and another link to the institution.
		old := c.as("2.1", server, "").pages(path)
		at := slices.Index(numbers(old), bought.text("id"))
		assert.Equal(t, map[string]any{"code": fmt.Sprintf("%010s", code.String()), "title": bought.text("subClass.title")}, old[at].under("subClass").body)
		assert.Equal(t, c.sandbox.URL()+"/institutions/"+hooli, old[at].text("links.institution"))
		at = slices.Index(numbers(old), paid.text("id"))
		assert.Nil(t, old[at].under("subClass").body)

		for accepted, contentType := range map[string]string{"application/csv": "application/csv", "text/csv": "text/csv", "text/csv, application/csv": "application/csv"} {
			r := c.accept(path, accepted)
			require.Equal(t, http.StatusOK, r.status)
			assert.Equal(t, contentType, r.header.Get("Content-Type"))
			rows, err := csv.NewReader(strings.NewReader(r.raw)).ReadAll()
			require.NoError(t, err)
			require.Len(t, rows, len(all)+1, "a file contains all pages")
			for i, l := range all {
				require.Equal(t, []string{l.text("id"), l.text("status"), l.text("description"), l.text("amount"), l.text("account"), l.text("balance")}, rows[i+1][:6])
			}
			assert.Equal(t, []string{"id", "status", "description", "amount", "account", "balance"}, rows[0][:6])
		}
		assert.Equal(t, "application/json", c.accept(path, "text/csv, application/json").header.Get("Content-Type"))
	})
}

func TestAffordability_PDF(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("richard")
		made := c.summary(id, "affordability", nil)
		headers := map[string]string{"Authorization": "Bearer " + c.token, "Accept": "application/pdf"}
		posted := bindInput(t, c.sandbox, http.MethodPost, "/users/"+id+"/affordability", "", headers)
		read := c.accept(c.local(made.text("links.self")), "application/pdf")
		require.Equal(t, http.StatusOK, read.status, read.raw)
		require.Equal(t, http.StatusCreated, posted.status, posted.raw)
		for _, r := range []reply{read, posted} {
			assert.Equal(t, "application/pdf", r.header.Get("Content-Type"))
			text := pdfText(t, r.raw)
			for _, figure := range []string{"assets", "liabilities", "netPosition", "creditLimit", "expenses", "savings"} {
				assert.Contains(t, text, ": "+made.text("summary."+figure), figure)
			}
			for _, a := range c.accounts(id) {
				assert.Contains(t, text, a.text("accountNo")+": "+a.text("balance"))
			}
		}
		assert.Equal(t, 2, c.get("/users/"+id+"/affordability").length("data"), "a summary returned as PDF is stored too")
	})
}

// The limit is the number of users created that day, for all three kinds of summaries together.
func TestAffordability_Create_Limit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t, basiqtest.WithLimits())
		id := c.customer("gavinBelson")
		c.newUser()
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+c.newUser()).status, "deleted users count")
		assert.Equal(t, http.StatusNoContent, c.post("/users/"+id+"/income", map[string]any{"toMonth": "1990-01"}).status, "not counted")
		for _, kind := range []string{"affordability", "income", "expenses"} {
			c.summary(id, kind, nil)
		}
		for _, kind := range []string{"affordability", "income", "expenses"} {
			c.post("/users/"+id+"/"+kind, nil).requireError(http.StatusTooManyRequests, "too-many-requests", "You have exceeded the rate limit for this API.")
		}
		time.Sleep(24 * time.Hour)
		c.newUser()
		c = c.as("3.0", server, "")
		c.summary(id, "income", nil)
		assert.Equal(t, http.StatusTooManyRequests, c.post("/users/"+id+"/income", nil).status)
	})
}
