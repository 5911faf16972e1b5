package basiqtest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// Cases that the test users do not cover: gaps, arrears, cash advances and all kinds of benefits.

func dayAt(text string) time.Time {
	at, _ := time.Parse(time.DateOnly, text)
	return at
}

// made returns an analysis of 1999 with transactions on one account. A row holds the date, amount, class, group and
// description.
func made(kind bank.Kind, rows ...[5]string) *analysis {
	h := &holding{connection: &connection{id: "c"}, read: dayAt("1999-12-31"), Account: bank.Account{Kind: kind, First: dayAt("1999-01-01")}}
	a := &analysis{
		from: dayAt("1999-01-01"), start: dayAt("1999-01-01"), last: dayAt("1999-12-31"), end: dayAt("2000-01-01"),
		holdings: []*holding{h}, internalFlows: map[string]bool{},
	}
	for _, row := range rows {
		var dollars bank.Cents
		for _, r := range strings.TrimPrefix(row[1], "-") {
			dollars = dollars*10 + bank.Cents(r-'0')
		}
		if row[1][0] == '-' {
			dollars = -dollars
		}
		a.transactions = append(a.transactions, transaction{holding: h, Transaction: &bank.Transaction{
			Made: dayAt(row[0]), Posted: dayAt(row[0]), Amount: dollars * 100, Class: row[2], Category: &bank.Category{Group: row[3]},
			Description: row[4],
		}})
	}
	return a
}

func TestAnalysis_Gaps(t *testing.T) {
	t.Parallel()
	var rows [][5]string
	for _, on := range []string{"12-15", "11-15", "10-15", "09-15", "08-15", "06-15", "05-15", "04-15", "03-15", "02-15", "01-15"} {
		rows = append(rows, [5]string{"1999-" + on, "5000", "direct-credit", "salary", "SALARY"})
	}
	a := made(bank.Everyday, rows...)
	found := a.income()
	if assert.Len(t, found.regular, 1) {
		gaps, stability := a.gaps(found.regular[0])
		assert.Equal(t, []string{"1999-07"}, gaps)
		assert.Equal(t, "91.67", stability.String(), "eleven of twelve")
	}
}

func TestAnalysis_Arrears(t *testing.T) {
	t.Parallel()
	repaid := func(months ...string) *analysis {
		var rows [][5]string
		for _, month := range months {
			rows = append(rows, [5]string{"1999-" + month + "-03", "2150", "loan-repayment", "loan", "REPAYMENT"})
		}
		return made(bank.Mortgage, rows...)
	}
	a := repaid("12", "11", "10", "09", "08", "07")
	assert.Equal(t, "false", a.arrears(a.holdings[0]))
	a = repaid("12", "11", "10", "08", "07", "06")
	assert.Equal(t, "true", a.arrears(a.holdings[0]))
	a = repaid("12", "11")
	a.holdings[0].First = dayAt("1999-11-03")
	assert.Equal(t, "false", a.arrears(a.holdings[0]), "before the loan was opened")
	a = repaid()
	assert.Nil(t, a.arrears(a.holdings[0]))
}

func TestAnalysis_CashAdvances(t *testing.T) {
	t.Parallel()
	a := made(bank.CreditCard,
		[5]string{"1999-12-05", "-200", "cash-withdrawal", "cash", "ATM"},
		[5]string{"1999-07-05", "-50", "cash-withdrawal", "cash", "ATM"},
		[5]string{"1999-06-05", "-70", "cash-withdrawal", "cash", "ATM"},
	)
	credit := a.credit(a.holdings[0])
	assert.Equal(t, object{"cashAdvances": "-250.00"}, credit["previous6Months"])
	assert.Equal(t, "EXP-003", a.groupOf(a.transactions[0]))
	assert.Equal(t, "-320.00", a.reportSums().highRiskSpend().String())
}

func TestAnalysis_CardWithoutTransactions(t *testing.T) {
	t.Parallel()
	a := made(bank.CreditCard, [5]string{"1999-03-05", "-200", "payment", "shopping", "SHOP"})
	a.holdings[0].Balance = -200_00
	previous, _ := a.credit(a.holdings[0])["previousMonth"].(object)
	assert.Equal(t, object{"minBalance": "-200.00", "maxBalance": "-200.00", "totalCredits": "0.00", "totalDebits": "0.00"}, previous)
}

func TestAnalysis_GroupOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind                                     bank.Kind
		amount, class, group, description, wants string
	}{
		{bank.Everyday, "9", "direct-credit", "benefits", "YOUTH ALLOWANCE", "INC-012"},
		{bank.Everyday, "9", "direct-credit", "benefits", "CTRLINK RENT ASSISTANCE", "INC-013"},
		{bank.Everyday, "9", "direct-credit", "benefits", "FAMILY TAX BENEFIT CENTRELINK", "INC-014"},
		{bank.Everyday, "9", "direct-credit", "other-income", "BENEFIT MEDICARE", "INC-015"},
		{bank.Everyday, "9", "direct-credit", "benefits", "AGE PENSION", "INC-018"},
		{bank.Everyday, "9", "direct-credit", "benefits", "CTRLINK CARERS", "INC-019"},
		{bank.Everyday, "9", "direct-credit", "benefits", "AUSTUDY", "INC-020"},
		{bank.Everyday, "9", "direct-credit", "benefits", "CRISIS PAYMENT", "INC-021"},
		{bank.Everyday, "9", "direct-credit", "benefits", "A GRANT", "INC-001"},
		{bank.Everyday, "9", "transfer", "transfer-in", "TRANSFER", "INC-007"},
		{bank.Everyday, "9", "refund", "shopping", "REFUND", "EXP-032"},
		{bank.Everyday, "-9", "bank-fee", "fees", "DISHONOUR FEE", "EXP-009"},
		{bank.Everyday, "-9", "bank-fee", "fees", "ACCOUNT FEE", "EXP-054"},
		{bank.Everyday, "-9", "cash-withdrawal", "cash", "ATM", "EXP-001"},
		{bank.Mortgage, "-9", "transfer", "transfer-out", "REDRAW", "EXP-029"},
		{bank.Everyday, "-9", "transfer", "transfer-out", "TO A FRIEND", "EXP-013"},
		{bank.Everyday, "-9", "transfer", "other", "WAGES", "EXP-039"},
	} {
		a := made(test.kind, [5]string{"1999-05-05", test.amount, test.class, test.group, test.description})
		assert.Equal(t, test.wants, a.groupOf(a.transactions[0]), test.description)
	}
	for name, want := range map[string]string{
		"Athena Home Loans": "EXP-056", "Toyota Finance": "EXP-023", "Macquarie Leasing": "EXP-023", "Latitude": "EXP-057",
	} {
		a := made(bank.Everyday, [5]string{"1999-05-05", "-9", "loan-repayment", "loan", "DEBIT"})
		a.transactions[0].Merchant = &bank.Merchant{Name: name}
		assert.Equal(t, want, a.groupOf(a.transactions[0]), name)
	}
	known := map[string]bool{}
	for _, g := range reportGroups {
		assert.False(t, known[g.id], g.id)
		known[g.id] = true
	}
	for _, table := range []map[string]string{groupsOfCredits, groupsOfDebits, groupsByANZSIC} {
		for _, group := range table {
			assert.True(t, known[group], group)
		}
	}
}

func TestAnalysis_DetectFrequency(t *testing.T) {
	t.Parallel()
	start := dayAt("1999-01-29")
	for _, test := range []struct {
		step func(time.Time) time.Time
		want string
	}{
		{func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }, "daily"},
		{func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }, "weekly"},
		{func(t time.Time) time.Time { return t.AddDate(0, 0, 14) }, "bi-weekly"},
		{func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }, "monthly"},
		{func(t time.Time) time.Time { return t.AddDate(0, 2, 0) }, "bi-monthly"},
		{func(t time.Time) time.Time { return t.AddDate(0, 3, 0) }, "quarterly"},
		{func(t time.Time) time.Time { return t.AddDate(0, 6, 0) }, "half-year"},
		{func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }, "yearly"},
		{func(t time.Time) time.Time { return t.AddDate(0, 0, 20) }, ""},
	} {
		a := made(bank.Everyday)
		for i, at := 0, start; i < 6; i, at = i+1, test.step(at) {
			a.transactions = append(a.transactions, transaction{Transaction: &bank.Transaction{Posted: at, Made: at}})
		}
		found := detectFrequency(a.transactions)
		if test.want == "" {
			assert.Nil(t, found)
			continue
		}
		if assert.NotNil(t, found, test.want) {
			assert.Equal(t, test.want, found.name)
			assert.Equal(t, test.step(start), found.next(start))
		}
		assert.Nil(t, detectFrequency(a.transactions[:2]), "two days are too few for a frequency")
	}
}

func TestAnalysis_Averages(t *testing.T) {
	t.Parallel()
	assert.Equal(t, bank.Cents(0), mean(nil))
	assert.Equal(t, bank.Cents(0), median(nil))
	assert.Equal(t, bank.Cents(3), median([]bank.Cents{9, 1, 3}))
	assert.Equal(t, bank.Cents(3), median([]bank.Cents{9, 1, 2, 3}), "half a cent is rounded away from zero")
	assert.Equal(t, bank.Cents(-3), mean([]bank.Cents{-2, -3}))
	assert.Equal(t, bank.Cents(33_33), percent(-1, -3))
	assert.Equal(t, bank.Cents(0), percent(1, 0))
	assert.Equal(t, dayAt("1999-07-01"), financialYear(dayAt("2000-06-30")))
	assert.Equal(t, dayAt("2000-07-01"), financialYear(dayAt("2000-07-01")))
}

func TestPDF_Text(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `H&R \(Block\) \\ ?`, pdfText("H&R (Block) \\ \u00e4"))
	assert.Contains(t, string(newPDF(nil)), "/Count 1", "an empty document has one page")
	assert.Contains(t, string(newPDF(make([]string, linesOnPage))), "/Count 1")
	assert.Contains(t, string(newPDF(make([]string, linesOnPage+1))), "/Count 2")
}

func TestReports_UnsupportedAccounts(t *testing.T) {
	t.Parallel()
	for method, supported := range map[gen.ConnectionMethod]bool{
		gen.ConnectionMethodWeb: true, gen.ConnectionMethodOpenBanking: true, gen.ConnectionMethodOpenBankingUnhyphenated: true,
		gen.ConnectionMethodPDF: false, gen.ConnectionMethodCSV: false,
	} {
		err := checkReportAccounts([]*holding{{connection: &connection{method: method}}})
		if supported {
			require.NoError(t, err, method)
			continue
		}
		refused, ok := errors.AsType[*failure](err)
		require.True(t, ok, method)
		assert.Equal(t, "forbidden-access", refused.code)
		assert.Equal(t, "Connection source not supported.", refused.title)
		assert.Equal(t, "Connection source has to be web or open banking.", refused.detail)
	}
}

func TestAnalysis_OtherLabel(t *testing.T) {
	t.Parallel()
	rows := func(class, group, dollars string, days ...string) *analysis {
		var all [][5]string
		for _, on := range days {
			all = append(all, [5]string{"1999-" + on, dollars, class, group, "MONEY"})
		}
		return made(bank.Savings, all...)
	}
	monthly := []string{"12-01", "11-01", "10-01", "09-01", "08-01", "07-01", "06-01"}
	irregular := []string{"06-29", "05-03", "03-28", "03-02", "01-30", "01-03"}
	for _, test := range []struct {
		a    *analysis
		want string
	}{
		{rows("interest", "interest-earned", "10", monthly...), "regular income small amount"},
		{rows("interest", "interest-earned", "900", monthly...), "interest"},
		{rows("transfer", "transfer-in", "900", monthly...), "transfer"},
		{rows("direct-credit", "salary", "900", monthly[3:]...), "potential future income"},
		{rows("direct-credit", "salary", "900", "06-01", "05-01", "04-01", "03-01", "02-01", "01-01"), "former regular income"},
		{rows("direct-credit", "other-income", "900", irregular...), "former irregular income"},
		{rows("direct-credit", "salary", "900", monthly...), ""},
	} {
		all := seriesOf(test.a.transactions, transaction.flow)
		require.Len(t, all, 1)
		assert.Equal(t, test.want, test.a.otherLabel(all[0]))
	}
}

// Without a full month, the partial month is used.
func TestAnalysis_LastFullMonths(t *testing.T) {
	t.Parallel()
	a := made(bank.Everyday)
	assert.Equal(t, []time.Time{dayAt("1999-12-01"), dayAt("1999-11-01")}, a.lastFullMonths(2))
	a.last = dayAt("1999-12-30")
	assert.Equal(t, []time.Time{dayAt("1999-11-01")}, a.lastFullMonths(1))
	a.start = dayAt("1999-12-02")
	assert.Equal(t, []time.Time{dayAt("1999-12-01")}, a.lastFullMonths(6))
	assert.Equal(t, 29, a.days())
}

func TestReports_MaskedNumber(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "xxx4567", maskedNumber("1234567"))
	assert.Equal(t, "4567", maskedNumber("4567"))
}
