package basiqtest_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var expenseParts = []string{"bankFees", "cashWithdrawals", "externalTransfers", "loanInterests", "loanRepayments"}

// expenseClasses maps expense parts to transaction classes.
var expenseClasses = map[string][]string{
	"bankFees": {"bank-fee"}, "cashWithdrawals": {"cash-withdrawal"}, "externalTransfers": {"external-transfer"},
	"loanInterests": {"loan-interest", "interest"}, "loanRepayments": {"loan-repayment"},
}

func TestExpenses_Consistent(t *testing.T) {
	t.Parallel()
	for login := range passwords {
		t.Run(login, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				id := c.customer(login)
				made := c.summary(id, "affordability", nil)
				r := c.get(c.local(made.text("links.expenses")))
				assert.Equal(t, "expenses", r.text("type"))
				assert.Equal(t, c.sandbox.URL()+"/users/"+id+"/expenses/"+r.text("id"), r.text("links.self"))
				debits := with(c.pages(c.local(made.text("links.self"))+"/transactions"), "direction", "debit")
				// Transfers to a connected card or savings account are internal and not an expense.
				held := c.accounts(id)
				external := filter(debits, func(l reply) bool { return l.text("class") != "internal-transfer" })
				for _, l := range with(debits, "class", "internal-transfer", "external-transfer") {
					internal := slices.ContainsFunc(held, func(a reply) bool {
						return strings.Contains(l.text("description"), a.text("accountNo"))
					})
					require.Equal(t, internal, l.text("class") == "internal-transfer", l.text("description"))
				}
				months := map[string]int64{}
				for _, part := range expenseParts {
					of := with(external, "class", expenseClasses[part]...)
					assert.Equal(t, monthly(sum(of, "amount"), r.days()), r.money(part+".avgMonthly"), part)
					assert.Equal(t, "monthly", r.text(part+".summary"))
					clear(months)
					for _, l := range of {
						months[l.on()[:7]] += l.money("amount")
					}
					history := r.each(part + ".changeHistory")
					require.Len(t, history, 13, "every month is listed")
					for i, m := range history {
						at := time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).AddDate(0, -i, 0)
						require.Equal(t, at.Format("2006-01"), m.text("date"))
						assert.Equal(t, months[m.text("date")], m.money("amount"), part)
					}
				}

				payments := with(external, "class", "payment")
				var shares float64
				var total int64
				for _, division := range r.each("payments") {
					share, err := division.under("percentageTotal").body.(json.Number).Float64()
					require.NoError(t, err)
					assert.Positive(t, share)
					shares += share
					var spent int64
					for _, class := range division.each("subCategory") {
						category := class.under("category.expenseClass")
						assert.Equal(t, division.text("division"), category.text("divisionTitle"))
						assert.Regexp(t, `^[0-9]{10}$`, category.text("classCode"))
						assert.True(t, strings.HasPrefix(category.text("classCode"), category.text("divisionCode")))
						of := filter(payments, func(l reply) bool {
							code := fmt.Sprintf("%010s", l.under("subClass.Code").body.(json.Number).String())
							return code == category.text("classCode")
						})
						require.NotEmpty(t, of)
						assert.Equal(t, category.text("classTitle"), of[0].text("subClass.title"))
						history := sumOf(class.each("changeHistory"))
						assert.Equal(t, sum(of, "amount"), history)
						spent += history
					}
					assert.Equal(t, monthly(spent, r.days()), division.money("avgMonthly"))
					total += spent
				}
				assert.Equal(t, sum(payments, "amount"), total, "each payment is in one division")
				assert.InDelta(t, 100, shares, 0.1)
			})
		})
	}
}

func TestExpenses_OneMonth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("Wentworth-Smith")
		r := c.summary(id, "expenses", map[string]any{"fromMonth": "1998-02", "toMonth": "1999-02"})
		assert.Equal(t, "1999-01", r.text("fromMonth"), "the first month with an expense")
		assert.Equal(t, "1999-02", r.text("toMonth"))
		assert.Equal(t, 2, r.length("bankFees.changeHistory"))

		// A mortgage account has no expenses except redraws.
		saved := numbers(with(c.accounts(id), "class.type", "mortgage"))
		r = c.summary(id, "expenses", map[string]any{"accounts": saved, "fromMonth": "1999-03", "toMonth": "1999-04"})
		assert.Equal(t, 0, r.length("payments"))
		assert.Equal(t, "0.00", r.text("loanRepayments.avgMonthly"), "repayments are not expenses of the loan account")
		assert.Negative(t, r.money("loanInterests.avgMonthly"))
	})
}

func TestExpenses_CSV(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("gavinBelson")
		made := c.summary(id, "expenses", map[string]any{"fromMonth": "1999-10", "toMonth": "1999-12"})
		path := c.local(made.text("links.self"))
		r := c.accept(path, "text/csv")
		require.Equal(t, http.StatusOK, r.status)
		assert.Equal(t, "text/csv", r.header.Get("Content-Type"))
		rows, err := csv.NewReader(strings.NewReader(r.raw)).ReadAll()
		require.NoError(t, err)
		assert.Equal(t, []string{"category", "classCode", "classTitle", "month", "amount"}, rows[0])
		got := map[string]int64{}
		for _, row := range rows[1:] {
			got[row[0]] += cents(t, row[4])
			assert.Contains(t, []string{"1999-10", "1999-11", "1999-12"}, row[3])
		}
		want := map[string]int64{}
		for _, part := range expenseParts {
			want[part] = sumOf(made.each(part + ".changeHistory"))
		}
		for _, division := range made.each("payments") {
			for _, class := range division.each("subCategory") {
				want[division.text("division")] += sumOf(class.each("changeHistory"))
			}
		}
		assert.Equal(t, want, got)
		c.accept(path, "application/pdf").requireError(http.StatusBadRequest, "unsupported-accept", "Accept type is not supported")
		c.accept(path, "application/csv").requireError(http.StatusBadRequest, "unsupported-accept", "Accept type is not supported")
	})
}
