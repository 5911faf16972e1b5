package basiqtest

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

func (s *Sandbox) postExpenses(c *call) (response, error) { return s.postSnapshot(c, kindExpenses) }

func (s *Sandbox) getExpenses(c *call) (response, error) {
	snap, err := s.snapshot(c, kindExpenses)
	if err != nil {
		return response{}, err
	}
	if c.wantsAlternative() {
		return response{http.StatusOK, document{c.alternativeType(), snap.expensesCSV()}}, nil
	}
	return response{http.StatusOK, snap.show(&c.view)}, nil
}

// expenseParts are the parts of an expense summary other than payments.
var expenseParts = []string{"bankFees", "cashWithdrawals", "externalTransfers", "loanInterests", "loanRepayments"}

// expenseClasses maps transaction classes to expense parts. Debits of other classes are payments.
var expenseClasses = map[string]string{
	classBankFee: "bankFees", classCash: "cashWithdrawals", classTransfer: "externalTransfers",
	classLoanInterest: "loanInterests", classInterest: "loanInterests", classLoanRepayment: "loanRepayments",
}

// expenseTransactions returns the debits by expense part, with payments under "". Internal transfers are not expenses,
// except loan repayments.
func (a *analysis) expenseTransactions() map[string][]transaction {
	parts := map[string][]transaction{}
	for _, t := range a.transactions {
		if isDebit(t) && (!a.internal(t) || t.Class == classLoanRepayment) {
			part := expenseClasses[t.Class]
			parts[part] = append(parts[part], t)
		}
	}
	return parts
}

// An expenseDivision holds the payments of one division.
type expenseDivision struct {
	hecDivision

	transactions []transaction
}

// divisions groups payments by division, the largest first.
func (a *analysis) divisions(payments []transaction) []*expenseDivision {
	var all []*expenseDivision
	for _, t := range payments {
		division := classOf(t).division
		i := slices.IndexFunc(all, func(d *expenseDivision) bool { return d.hecDivision == division })
		if i < 0 {
			i = len(all)
			all = append(all, &expenseDivision{hecDivision: division})
		}
		all[i].transactions = append(all[i].transactions, t)
	}
	slices.SortFunc(all, func(x, y *expenseDivision) int {
		return cmp.Or(cmp.Compare(sum(x.transactions), sum(y.transactions)), cmp.Compare(x.code, y.code))
	})
	return all
}

// expensesMonthly returns the sum of all monthly averages in the expense summary.
func (a *analysis) expensesMonthly() bank.Cents {
	parts := a.expenseTransactions()
	var total bank.Cents
	for _, part := range expenseParts {
		total += a.monthly(sum(parts[part]))
	}
	for _, division := range a.divisions(parts[""]) {
		total += a.monthly(sum(division.transactions))
	}
	return total
}

func (snap *snapshot) expenses(v *view) object {
	a := snap.analysis
	parts := a.expenseTransactions()
	total := sum(parts[""])
	divisions := a.divisions(parts[""])
	payments := make([]object, 0, len(divisions))
	for _, division := range divisions {
		payments = append(payments, object{
			"division": division.title, "avgMonthly": a.monthly(sum(division.transactions)).String(),
			// Shares are relative to all payments, because the other parts have none.
			"percentageTotal": json.Number(percent(sum(division.transactions), total).String()),
			"subCategory":     a.subCategories(division),
		})
	}
	first, last := a.monthsOfExpenses(parts)
	o := object{
		"type": snap.kind, "id": snap.id, "coverageDays": a.days(), "fromMonth": first, "toMonth": last, "payments": payments,
		"links": object{"self": v.url(snap.path()), "accounts": a.accountLinks(v)},
	}
	for _, part := range expenseParts {
		o[part] = object{
			"avgMonthly": a.monthly(sum(parts[part])).String(), "changeHistory": a.monthlyHistory(parts[part]),
			"summary": "monthly",
		}
	}
	return o
}

func (a *analysis) subCategories(division *expenseDivision) []object {
	classes := seriesOf(division.transactions, func(t transaction) string { return classOf(t).code })
	all := make([]object, 0, len(classes))
	for _, s := range classes {
		class := classOf(s.newest())
		all = append(all, object{
			"category": object{"expenseClass": object{
				"classCode": class.code, "classTitle": class.title,
				"divisionCode": class.division.code, "divisionTitle": class.division.title,
			}},
			"changeHistory": a.monthlyHistory(s.transactions), "summary": "monthly",
		})
	}
	return all
}

// monthlyHistory returns the sum for every covered month, the latest first.
func (a *analysis) monthlyHistory(transactions []transaction) []object {
	months := a.months()
	history := make([]object, 0, len(months))
	for i, spent := range monthlySums(transactions, months) {
		history = append(history, object{"date": formatMonth(months[i]), "amount": spent.String()})
	}
	return history
}

// monthsOfExpenses returns the first and the last month with an expense, or of the period if there are none.
func (a *analysis) monthsOfExpenses(parts map[string][]transaction) (first, last string) {
	all := slices.Concat(slices.Collect(maps.Values(parts))...)
	if len(all) == 0 {
		return formatMonth(a.from), formatMonth(a.last)
	}
	from, to := dateRange(all)
	return formatMonth(from), formatMonth(to)
}

// expensesCSV returns a CSV file with a row for each month of each class. The format is not documented.
func (snap *snapshot) expensesCSV() []byte {
	a := snap.analysis
	rows := [][]string{{"category", "classCode", "classTitle", "month", "amount"}}
	add := func(category string, class hecClass, transactions []transaction) {
		months := a.months()
		for i, spent := range monthlySums(transactions, months) {
			rows = append(rows, []string{category, class.code, class.title, formatMonth(months[i]), spent.String()})
		}
	}
	parts := a.expenseTransactions()
	for _, part := range expenseParts {
		add(part, hecClass{}, parts[part])
	}
	for _, division := range a.divisions(parts[""]) {
		for _, s := range seriesOf(division.transactions, func(t transaction) string { return classOf(t).code }) {
			add(division.title, classOf(s.newest()), s.transactions)
		}
	}
	return writeCSV(rows)
}
