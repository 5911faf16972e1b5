package basiqtest

import (
	"slices"
	"strconv"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// A reportMetric is a figure or flag of an affordability report.
type reportMetric struct {
	id, title, description, section string
	format                          gen.ReportMetricFormat
	value                           func(*reportSums) any // a string or an int
}

// Groups combined by metrics.
var (
	groupsOfSupport   = []string{"INC-001", "INC-014", "INC-015", "INC-016", "INC-018", "INC-019", "INC-020", "INC-021"}
	groupsOfOthers    = []string{"INC-002", "INC-003", "INC-004", "INC-005", "INC-006", "INC-007", "INC-008", "INC-010"}
	groupsOfEarnings  = []string{"INC-002", "INC-004", "INC-005", "INC-006", "INC-007", "INC-008", "INC-009"}
	groupsOfMortgages = []string{"EXP-056", "EXP-058"}
)

// Metrics with the IDs, titles, sections, formats and order of Basiq's example. Obvious mistakes in the formats, such
// as a count as money, are corrected.
var reportMetrics = []reportMetric{
	{"ME001", "# OF IDENTIFIED SALARY SOURCES", "Number of recent salary sources", "Income Sources", "integer", func(r *reportSums) any { return countText(len(r.recentSources(r.inGroups("INC-009")))) }},
	{"ME002", "Average monthly amount from salary", "Average monthly salary", "Income Sources", "money", monthlyOf("INC-009")},
	{"ME004", "OTHER POSSIBLE INCOME MONTHLY", "Average monthly income other than salary and benefits", "Income Sources", "money", monthlyOf(groupsOfOthers...)},
	{"ME005", "Youth Allowance monthly", "Average monthly Youth Allowance", "Government Services", "money", monthlyOf("INC-012")},
	{"ME006", "Rental Assistance monthly", "Average monthly Rental Assistance", "Government Services", "money", monthlyOf("INC-013")},
	{"ME007", "Misc Government services monthly", "Average monthly amount of all other benefits", "Government Services", "money", monthlyOf(groupsOfSupport...)},
	{"ME008", "Average monthly amount", "Average monthly repayments to lenders", "Financial Commitments", "money", func(r *reportSums) any { return r.monthly(sum(r.inSection(sectionLiabilities))).String() }},
	{"ME009", "# of identified companies", "Number of lenders", "Financial Commitments", "integer", func(r *reportSums) any { return countText(len(r.sourcesIn(r.inSection(sectionLiabilities)))) }},
	{"ME010", "Total credit card limit", "Total limit of all credit cards", "Financial Commitments", "money", func(r *reportSums) any { return r.cards(func(h *holding) bank.Cents { return h.Limit }) }},
	{"ME011", "Total credit card balance", "Total latest balance of all credit cards", "Financial Commitments", "money", func(r *reportSums) any { return r.cards(func(h *holding) bank.Cents { return h.Balance }) }},
	{"ME012", "Monthly spend on non-discretionary expenses (inc. liabilities)", "Average monthly non-discretionary expenses", "Expenses", "money", func(r *reportSums) any { return r.monthly(r.nonDiscretionarySpend()).String() }},
	{"ME013", "% of spend on non-discretionary expenses", "Share of non-discretionary expenses in all expenses", "Expenses", "percent", func(r *reportSums) any { return percentText(r.nonDiscretionarySpend(), r.totalSpend()) }},
	{"ME014", "Mean monthly spend on discretionary expenses", "Average monthly discretionary expenses", "Expenses", "money", func(r *reportSums) any { return r.monthly(r.sectionSpend(sectionDiscretionary)).String() }},
	{"ME015", "% of spend on discretionary expenses", "Share of discretionary expenses in all expenses", "Expenses", "percent", func(r *reportSums) any { return percentText(r.sectionSpend(sectionDiscretionary), r.totalSpend()) }},
	{"ME016", "Monthly spend on other expenses", "Average monthly other expenses", "Expenses", "money", func(r *reportSums) any { return r.monthly(r.sectionSpend(sectionOther)).String() }},
	{"ME017", "# of SACC loans", "Number of small amount lenders", "Risk Metrics", "integer", func(r *reportSums) any { return countText(len(r.sourcesIn(r.inGroups("EXP-033")))) }},
	{"ME018", "% OF SALARY INCOME WITHDRAWN VIA ATM", "Share of salary withdrawn as cash", "Risk Metrics", "percent", func(r *reportSums) any { return percentText(sum(r.inGroups("EXP-001")), sum(r.inGroups("INC-009"))) }},
	{"ME019", "# of financial dishonours", "Number of dishonoured payments", "Risk Metrics", "integer", func(r *reportSums) any { return countText(len(r.inGroups("EXP-009"))) }},
	{"ME020", "% of income spent on High Risk Activities", "Share of salary spent on cash withdrawals, gambling, interest and redraws", "Risk Metrics", "percent", func(r *reportSums) any { return percentText(r.highRiskSpend(), sum(r.inGroups("INC-009"))) }},
	{"ME021", "Total spend on High Risk Activities", "Total spent on cash withdrawals, gambling, interest and redraws", "Risk Metrics", "money", func(r *reportSums) any { return r.highRiskSpend().String() }},
	{"ME022", "Has recent changes to income circumstances", "Whether a source of income started or stopped in the last two months", "Risk Flags", "boolean", func(r *reportSums) any { return boolText(r.incomeChanged()) }},
	{"ME023", "Has received crisis support payments", "Whether crisis support was received", "Risk Flags", "boolean", hasAny("INC-021")},
	{"ME024", "Has superannuation credits", "Whether superannuation was paid out", "Risk Flags", "boolean", hasAny("INC-010")},
	{"ME025", "Has cash advances", "Whether cash was withdrawn with a credit card", "Risk Flags", "boolean", hasAny("EXP-003")},
	{"ME026", "Has redraws", "Whether money was redrawn from a mortgage", "Risk Flags", "boolean", hasAny("EXP-029")},
	{"ME027", "Has High-Cost Finance", "Whether high-cost lenders were repaid", "Risk Flags", "boolean", hasAny("EXP-026", "EXP-033")},
	{"ME031", "Has Unemployment Benefit", "Whether Jobseeker payments were received", "Risk Flags", "boolean", hasAny("INC-016")},
	{"ME028", "Missing non-discretionary expenses: groceries", "Whether nothing was spent on groceries", "Risk Flags", "boolean", hasNone("EXP-016")},
	{"ME032", "Receives Child Support", "Whether child support was received", "Risk Flags", "boolean", hasAny("INC-002")},
	{"ME029", "Missing non-discretionary expenses: telecommunication", "Whether nothing was spent on telecommunication", "Risk Flags", "boolean", hasNone("EXP-036")},
	{"ME030", "Missing non-discretionary expenses: utilities", "Whether nothing was spent on utilities", "Risk Flags", "boolean", hasNone("EXP-040")},
	{"ME033", "Average Income monthly", "Average monthly income without benefits, tax, insurance and superannuation", "Income Sources", "money", monthlyOf(groupsOfEarnings...)},
	{"ME034", "Average Outgoings monthly", "Average monthly outgoings", "Expenses", "money", func(r *reportSums) any { return r.monthly(r.totalSpend()).String() }},
	{"ME035", "Total Income has been stable for (months)", "Number of recent months with stable income", "Expenses", "integer", func(r *reportSums) any { return countText(r.stableMonths(r.inGroups("INC-"))) }},
	{"ME036", "Median monthly amount from Salary", "Median monthly salary", "Income Sources", "money", func(r *reportSums) any { return r.medianMonth(r.inGroups("INC-009")).String() }},
	{"ME037", "Median Income monthly", "Sum of the median monthly incomes of the groups of ME033", "Income Sources", "money", (*reportSums).medianIncome},
	{"ME039", "Average Outgoings Excluding Liabilities", "Average monthly outgoings without repayments", "Expenses", "money", func(r *reportSums) any {
		return r.monthly(r.totalSpend() - r.sectionSpend(sectionLiabilities)).String()
	}},
	{"ME040", "Average Monthly Credits", "Average monthly credits without internal transfers", "Expenses", "money", func(r *reportSums) any { return r.monthly(r.external(isCredit)).String() }},
	{"ME041", "Average Monthly Debits", "Average monthly debits without internal transfers", "Expenses", "money", func(r *reportSums) any { return r.monthly(r.external(isDebit)).String() }},
	{"ME042", "# of recent income sources", "Number of recent sources of income", "Income", "integer", func(r *reportSums) any { return len(r.recentSources(r.inGroups("INC-"))) }},
	{"ME043", "# of ongoing regular income sources", "Number of ongoing sources of income with a regular frequency", "Income", "integer", (*reportSums).regularSources},
	{"ME046", "Average monthly ongoing amount to lenders", "Ongoing monthly payments to lenders", "Risk Metrics", "money", func(r *reportSums) any { return r.ongoingMonth(r.inSection(sectionLiabilities)).String() }},
	{"ME047", "HAS UNSHARED MORTGAGE ACCOUNT", "Whether a mortgage is repaid whose account is not connected", "Risk Flags", "boolean", hasAny("EXP-056")},
	{"ME048", "ONGOING MONTHLY MORTGAGE REPAYMENT", "Ongoing monthly mortgage repayments", "Financial Commitments", "money", func(r *reportSums) any { return r.ongoingMonth(r.inGroups(groupsOfMortgages...)).String() }},
}

// metricSubType returns the reportSubType filter value that includes a metric, or "" if neither does. The documentation
// does not say which metrics belong to which value, so the sandbox derives it from the section.
func metricSubType(id string) string {
	i := slices.IndexFunc(reportMetrics, func(m reportMetric) bool { return m.id == id })
	switch reportMetrics[i].section {
	case "Income Sources", "Income", "Government Services":
		return subTypeIncome
	case "Expenses", "Financial Commitments":
		return subTypeExpense
	default:
		return ""
	}
}

func monthlyOf(groups ...string) func(*reportSums) any {
	return func(r *reportSums) any { return r.monthly(sum(r.inGroups(groups...))).String() }
}

func hasAny(groups ...string) func(*reportSums) any {
	return func(r *reportSums) any { return boolText(len(r.inGroups(groups...)) > 0) }
}

func hasNone(groups ...string) func(*reportSums) any {
	return func(r *reportSums) any { return boolText(len(r.inGroups(groups...)) == 0) }
}

// countText and boolText return strings, as for most metrics of the example.
func countText(n int) string { return strconv.Itoa(n) }

func boolText(is bool) string { return strconv.FormatBool(is) }

// percentText returns a percentage with one decimal.
func percentText(part, whole bank.Cents) string {
	return strconv.FormatFloat(float64(percent(part, whole))/100, 'f', 1, 64)
}

// sectionSpend returns the total of a section without double counting. A repayment of a card is not counted, because
// its payments are. Interest of a loan is not counted, because it is part of the repayments.
func (r *reportSums) sectionSpend(section string) bank.Cents {
	return sum(selectTransactions(r.inSection(section), func(t transaction) bool {
		return t.Class != classLoanInterest && (!r.internal(t) || t.Class == classLoanRepayment)
	}))
}

// nonDiscretionarySpend returns the non-discretionary expenses including repayments. totalSpend returns all expenses.
func (r *reportSums) nonDiscretionarySpend() bank.Cents {
	return r.sectionSpend(sectionNonDiscretionary) + r.sectionSpend(sectionLiabilities)
}

func (r *reportSums) totalSpend() bank.Cents {
	return r.nonDiscretionarySpend() + r.sectionSpend(sectionDiscretionary) + r.sectionSpend(sectionOther)
}

// highRiskSpend returns the spending on high-risk activities. Only the interest on cards counts.
func (r *reportSums) highRiskSpend() bank.Cents {
	cards := selectTransactions(r.inGroups("EXP-006"), func(t transaction) bool { return t.holding.isCard() })
	return sum(r.inGroups("EXP-001", "EXP-003", "EXP-014", "EXP-029")) + sum(cards)
}

// external returns the total of credits or debits without internal transfers.
func (r *reportSums) external(kind func(transaction) bool) bank.Cents {
	return sum(selectTransactions(r.transactions, func(t transaction) bool { return kind(t) && !r.internal(t) }))
}

func (r *reportSums) cards(figure func(*holding) bank.Cents) string {
	var total bank.Cents
	for _, h := range r.holdings {
		if h.isCard() {
			total += figure(h)
		}
	}
	return total.String()
}

// recentSources returns the sources with a transaction in the last sixty days.
func (r *reportSums) recentSources(transactions []transaction) []*series {
	var found []*series
	for _, s := range r.sourcesIn(transactions) {
		if daysBetween(s.newest().date(), r.last) <= 60 {
			found = append(found, s)
		}
	}
	return found
}

// incomeChanged reports whether a regular source of income started or stopped in the last two months.
func (r *reportSums) incomeChanged() bool {
	since := r.last.AddDate(0, -2, 0)
	for _, s := range r.sourcesIn(r.inGroups("INC-")) {
		began := s.oldest().date().After(since) && r.start.Before(since)
		ended := s.frequency != nil && !s.ongoing(r.analysis) && s.frequency.next(s.newest().date()).After(since)
		if began || ended {
			return true
		}
	}
	return false
}

func (r *reportSums) medianIncome() any {
	var total bank.Cents
	for _, group := range groupsOfEarnings {
		total += r.medianMonth(r.inGroups(group))
	}
	return total.String()
}

func (r *reportSums) regularSources() any {
	count := 0
	for _, s := range r.sourcesIn(r.inGroups("INC-")) {
		if s.frequency != nil && s.ongoing(r.analysis) {
			count++
		}
	}
	return count
}
