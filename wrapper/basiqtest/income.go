package basiqtest

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// smallIncome is the minimum monthly amount of a source of income. The documentation has a label for smaller sources,
// but no amount.
const smallIncome = bank.Cents(200_00)

func (s *Sandbox) postIncome(c *call) (response, error) { return s.postSnapshot(c, kindIncome) }

func (s *Sandbox) getIncome(c *call) (response, error) {
	snap, err := s.snapshot(c, kindIncome)
	if err != nil {
		return response{}, err
	}
	return response{http.StatusOK, snap.show(&c.view)}, nil
}

// incomeSources holds the series of credits by kind of income.
type incomeSources struct {
	regular, irregular, other []*series
	label                     map[*series]string // labels of the other sources
}

// income finds the sources of income. Refunds and payments to a card or loan account do not count.
func (a *analysis) income() *incomeSources {
	credits := selectTransactions(a.transactions, func(t transaction) bool {
		return isCredit(t) && t.Class != classRefund && t.holding.isAsset() && !a.internal(t)
	})
	found := &incomeSources{label: map[*series]string{}}
	for _, s := range seriesOf(credits, transaction.flow) {
		label := a.otherLabel(s)
		switch {
		case label != "":
			found.other = append(found.other, s)
			found.label[s] = label
		case s.frequency != nil && s.hasSteadyAmounts():
			found.regular = append(found.regular, s)
		default:
			found.irregular = append(found.irregular, s)
		}
	}
	return found
}

// otherLabel returns why a series is neither regular nor irregular income, or "" if it is.
func (a *analysis) otherLabel(s *series) string {
	small := a.monthly(sum(s.transactions)) < smallIncome
	switch {
	case s.newest().Class == classTransfer:
		return "transfer"
	case s.frequency != nil && small:
		return "regular income small amount"
	case s.newest().Class == classInterest:
		return "interest"
	case s.hasMinimumHistory() && !s.ongoing(a) && s.frequency != nil:
		return "former regular income"
	case s.hasMinimumHistory() && !s.ongoing(a):
		return "former irregular income"
	case !s.hasMinimumHistory():
		return "potential future income"
	default:
		return ""
	}
}

// regularMonthly returns the median monthly income from a regular source over the last three months.
func (a *analysis) regularMonthly(s *series) bank.Cents {
	return median(monthlySums(s.transactions, a.lastFullMonths(3)))
}

// regularIncome returns the monthly income from all regular sources.
func (a *analysis) regularIncome(found *incomeSources) bank.Cents {
	var total bank.Cents
	for _, s := range found.regular {
		total += a.regularMonthly(s)
	}
	return total
}

func (snap *snapshot) income(v *view) object {
	a := snap.analysis
	found := a.income()
	regular := make([]object, 0, len(found.regular))
	irregular := make([]object, 0, len(found.irregular))
	other := make([]object, 0, len(found.other))
	var toDate, sometimes bank.Cents
	for _, s := range found.regular {
		regular = append(regular, a.regularSource(s))
		toDate += sum(selectTransactions(s.transactions, func(t transaction) bool { return !t.date().Before(financialYear(a.last)) }))
	}
	for _, s := range found.irregular {
		o := a.otherSource(s)
		o["frequency"] = "irregular"
		irregular = append(irregular, o)
		sometimes += sum(s.transactions)
	}
	for _, s := range found.other {
		o := a.otherSource(s)
		o["current"] = object{
			"amount": s.newest().Amount.String(), "date": formatMoment(s.newest().date()), "otherCreditLabel": found.label[s],
		}
		other = append(other, o)
	}
	average := a.regularIncome(found)
	// The yearly income is announced for version 3.0 as coming soon. In the 2.1 example it covers twelve months.
	var year any
	if !v.version.since(v30) {
		year = (average * 12).String()
	}
	return object{
		"type": snap.kind, "id": snap.id, "coverageDays": a.days(),
		"fromMonth": formatMonth(a.from), "toMonth": formatMonth(a.end.AddDate(0, 0, -1)),
		"summary": object{
			"regularIncomeAvg": average.String(), "regularIncomeYTD": toDate.String(), "regularIncomeYear": year,
			"irregularIncomeAvg": a.monthly(sometimes).String(),
		},
		"regular": regular, "irregular": irregular, "otherCredit": other,
		"links": object{"self": v.url(snap.path()), "accounts": a.accountLinks(v)},
	}
}

func (a *analysis) regularSource(s *series) object {
	months := a.lastFullMonths(3)
	recent := amountsOf(inMonths(s.transactions, months))
	var variance bank.Cents
	if len(recent) > 0 {
		variance = slices.Max(recent) - slices.Min(recent)
	}
	gaps, stability := a.gaps(s)
	return object{
		"source": normalizeDescription(s.newest().Description), "frequency": s.frequency.name, "ageDays": s.ageDays(),
		"current": object{
			"amount": s.newest().Amount.String(), "date": formatMoment(s.newest().date()),
			"nextDate": formatMoment(s.frequency.next(s.newest().date())),
		},
		"previous3Months": object{
			"amountAvg": median(recent).String(), "amountAvgMonthly": a.regularMonthly(s).String(),
			"variance": variance.String(),
		},
		"irregularity":  object{"gaps": gaps, "stability": stability.String()},
		"changeHistory": incomeHistory(s),
	}
}

// gaps returns the months without an expected payment between the first and the last payment. Stability is the
// percentage of the expected payments that were received.
func (a *analysis) gaps(s *series) (months []string, stability bank.Cents) {
	months = []string{}
	came := map[string]int{}
	for _, t := range s.transactions {
		came[formatMonth(t.date())]++
	}
	for m := monthOf(s.oldest().date()); s.frequency.days <= 31 && m.Before(s.newest().date()); m = m.AddDate(0, 1, 0) {
		if came[formatMonth(m)] == 0 {
			months = append(months, formatMonth(m))
		}
	}
	expected := 1
	for at := s.oldest().date(); s.frequency.next(at).AddDate(0, 0, -s.frequency.tolerance).Before(s.newest().date()); at = s.frequency.next(at) {
		expected++
	}
	return months, min(percent(bank.Cents(len(s.transactions)), bank.Cents(expected)), 100_00)
}

func (a *analysis) otherSource(s *series) object {
	frequency := "other"
	switch {
	case s.frequency != nil:
		frequency = s.frequency.name
	case s.hasMinimumHistory():
		frequency = "irregular"
	}
	// The number per month has two decimals, like Cents.
	often := divide(bank.Cents(len(s.transactions)*100), int64(monthsBetween(a.start, a.last)+1))
	return object{
		"source": normalizeDescription(s.newest().Description), "frequency": frequency, "ageDays": s.ageDays(), "noOccurrences": len(s.transactions),
		"amountAvg":           mean(amountsOf(s.transactions)).String(),
		"avgMonthlyOccurence": strconv.FormatFloat(float64(often)/100, 'f', -1, 64),
		"current":             object{"amount": s.newest().Amount.String(), "date": formatMoment(s.newest().date())},
		"changeHistory":       incomeHistory(s),
	}
}

func incomeHistory(s *series) []object {
	history := make([]object, 0, len(s.transactions))
	for _, t := range s.transactions {
		history = append(history, object{
			"amount": t.Amount.String(), "date": formatMoment(t.date()), "source": normalizeDescription(t.Description),
		})
	}
	return history
}

// financialYear returns the start of the financial year of a date. In Australia it starts in July.
func financialYear(day time.Time) time.Time {
	july := time.Date(day.Year(), time.July, 1, 0, 0, 0, 0, time.UTC)
	if day.Before(july) {
		july = july.AddDate(-1, 0, 0)
	}
	return july
}

// formatMoment formats a time as summaries do, without a time zone.
func formatMoment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }
