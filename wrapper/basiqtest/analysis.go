package basiqtest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// Transaction classes that the calculations distinguish. All others are counted by sign and category.
const (
	classPayment       = string(gen.TransactionClassPayment)
	classBankFee       = string(gen.TransactionClassBankFee)
	classCash          = string(gen.TransactionClassCashWithdrawal)
	classInterest      = string(gen.TransactionClassInterest)
	classLoanInterest  = string(gen.TransactionClassLoanInterest)
	classLoanRepayment = string(gen.TransactionClassLoanRepayment)
	classRefund        = string(gen.TransactionClassRefund)
	classTransfer      = string(gen.TransactionClassTransfer)
)

// An analysis holds accounts and their transactions in a period. It is immutable.
type analysis struct {
	from, end     time.Time // first day of the period, and the day after its last day
	start         time.Time // first day covered by data
	last          time.Time // last day covered by data
	holdings      []*holding
	transactions  []transaction // pending first, then the newest first
	internalFlows map[string]bool
}

// analyze collects the transactions of accounts in a period. A pending transaction counts on the day it was made.
func (s *Sandbox) analyze(holdings []*holding, from, end time.Time) *analysis {
	a := &analysis{from: from, end: end, holdings: holdings, internalFlows: map[string]bool{}}
	for _, h := range holdings {
		if first := dayOf(h.First); a.start.IsZero() || first.Before(a.start) {
			a.start = first
		}
		if read := dayOf(h.read); read.After(a.last) {
			a.last = read
		}
		for _, t := range s.transactions(h) {
			at := t.date()
			if at.Before(from) || !at.Before(end) {
				continue
			}
			a.transactions = append(a.transactions, t)
			// Uploaded statements may contain days in the future.
			if at.Before(a.start) {
				a.start = at
			}
			if at.After(a.last) {
				a.last = at
			}
		}
	}
	if a.start.Before(from) {
		a.start = from
	}
	if last := end.AddDate(0, 0, -1); last.Before(a.last) {
		a.last = last
	}
	slices.SortStableFunc(a.transactions, func(x, y transaction) int {
		return cmp.Or(-compareBools(x.Pending(), y.Pending()), y.date().Compare(x.date()))
	})
	a.findInternalFlows()
	return a
}

// findInternalFlows finds the flows between two of the accounts. They are neither income nor expenses.
func (a *analysis) findInternalFlows() {
	type side struct {
		flow   string
		credit bool
	}
	sides := map[side]*holding{}
	for _, t := range a.transactions {
		if t.Flow == "" {
			continue
		}
		sides[side{t.flow(), t.Amount > 0}] = t.holding
		if other := sides[side{t.flow(), t.Amount < 0}]; other != nil && other != t.holding {
			a.internalFlows[t.flow()] = true
		}
	}
}

// internal reports whether t is a transfer between two of the accounts.
func (a *analysis) internal(t transaction) bool { return a.internalFlows[t.flow()] }

// flow returns the name of the recurring flow that t belongs to, unique per connection. If t belongs to none, the
// description is used.
func (t transaction) flow() string {
	return t.holding.connection.id + " " + cmp.Or(t.Flow, t.Description)
}

// date returns the day on which a transaction counts.
func (t transaction) date() time.Time {
	if t.Pending() {
		return dayOf(t.Made)
	}
	return dayOf(t.Posted)
}

func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func formatMonth(t time.Time) string { return t.Format("2006-01") }

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// days returns the number of days covered.
func (a *analysis) days() int { return max(1, daysBetween(a.start, a.last)+1) }

func daysBetween(from, to time.Time) int { return int(to.Sub(from) / (24 * time.Hour)) }

// monthsBetween returns the number of calendar months from one date to another.
func monthsBetween(from, to time.Time) int {
	from, to = from.UTC(), to.UTC()
	return (to.Year()-from.Year())*12 + int(to.Month()-from.Month())
}

// monthly returns the monthly average of a total, by the documented rule: total / covered days * 30.
func (a *analysis) monthly(total bank.Cents) bank.Cents {
	return divide(total*30, int64(a.days()))
}

// months returns the first day of each covered month, the latest first.
func (a *analysis) months() []time.Time {
	var all []time.Time
	for m := monthOf(a.last); !m.Before(monthOf(a.start)); m = m.AddDate(0, -1, 0) {
		all = append(all, m)
	}
	return all
}

// lastFullMonths returns the last n months that are fully covered, the latest first. If none is, it returns the last
// month, or nil if the period has no data.
func (a *analysis) lastFullMonths(n int) []time.Time {
	months := a.months()
	var all []time.Time
	for _, m := range months {
		if len(all) < n && !m.Before(a.start) && !m.AddDate(0, 1, 0).After(a.last.AddDate(0, 0, 1)) {
			all = append(all, m)
		}
	}
	if all == nil && months != nil {
		all = months[:1]
	}
	return all
}

// inMonths returns the transactions that fall in one of the months.
func inMonths(transactions []transaction, months []time.Time) []transaction {
	return selectTransactions(transactions, func(t transaction) bool { return slices.Contains(months, monthOf(t.date())) })
}

func selectTransactions(transactions []transaction, keep func(transaction) bool) []transaction {
	var kept []transaction
	for _, t := range transactions {
		if keep(t) {
			kept = append(kept, t)
		}
	}
	return kept
}

// ofAccount returns the transactions of one account.
func (a *analysis) ofAccount(h *holding) []transaction {
	return selectTransactions(a.transactions, func(t transaction) bool { return t.holding == h })
}

func sum(transactions []transaction) bank.Cents {
	var total bank.Cents
	for _, t := range transactions {
		total += t.Amount
	}
	return total
}

func isCredit(t transaction) bool { return t.Amount > 0 }

func isDebit(t transaction) bool { return t.Amount < 0 }

// monthlySums returns the sum of the transactions for each of the months.
func monthlySums(transactions []transaction, months []time.Time) []bank.Cents {
	sums := make([]bank.Cents, len(months))
	for _, t := range transactions {
		if i := slices.Index(months, monthOf(t.date())); i >= 0 {
			sums[i] += t.Amount
		}
	}
	return sums
}

// dateRange returns the dates of the earliest and the latest of the transactions.
func dateRange(transactions []transaction) (first, last time.Time) {
	first, last = transactions[0].date(), transactions[0].date()
	for _, t := range transactions {
		if t.date().Before(first) {
			first = t.date()
		}
		if t.date().After(last) {
			last = t.date()
		}
	}
	return first, last
}

func amountsOf(transactions []transaction) []bank.Cents {
	amounts := make([]bank.Cents, 0, len(transactions))
	for _, t := range transactions {
		amounts = append(amounts, t.Amount)
	}
	return amounts
}

// divide rounds half a cent away from zero.
func divide(c bank.Cents, by int64) bank.Cents {
	half := by / 2
	if c < 0 {
		half = -half
	}
	return (c + bank.Cents(half)) / bank.Cents(by)
}

// mean and median return 0 for an empty list.
func mean(amounts []bank.Cents) bank.Cents {
	var total bank.Cents
	for _, c := range amounts {
		total += c
	}
	return divide(total, int64(max(1, len(amounts))))
}

func median(amounts []bank.Cents) bank.Cents {
	if len(amounts) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(amounts))
	upper := sorted[len(sorted)/2]
	if len(sorted)%2 == 1 {
		return upper
	}
	return divide(sorted[len(sorted)/2-1]+upper, 2)
}

// percent returns a share in hundredths of a percent, so that Cents formats it as a percentage. It returns 0 if whole
// is 0.
func percent(part, whole bank.Cents) bank.Cents {
	if whole == 0 {
		return 0
	}
	return divide(max(part, -part)*100_00, int64(max(whole, -whole)))
}

// A frequency describes how often a payment recurs.
type frequency struct {
	name          string // as summaries name it
	iso, display  string // as reports write it
	days          int
	tolerance     int
	months, years int // for payments on a fixed day of the month
}

var frequencies = []frequency{
	{name: "daily", iso: "P1D", display: "Daily", days: 1, tolerance: 2},
	{name: "weekly", iso: "P1W", display: "Weekly", days: 7, tolerance: 2},
	{name: "bi-weekly", iso: "P2W", display: "Fortnightly", days: 14, tolerance: 3},
	{name: "monthly", iso: "P1M", display: "Monthly", days: 30, tolerance: 5, months: 1},
	{name: "bi-monthly", iso: "P2M", display: "Every two months", days: 61, tolerance: 7, months: 2},
	{name: "quarterly", iso: "P3M", display: "Quarterly", days: 91, tolerance: 8, months: 3},
	{name: "half-year", iso: "P6M", display: "Half-yearly", days: 182, tolerance: 10, months: 6},
	{name: "yearly", iso: "P1Y", display: "Yearly", days: 365, tolerance: 12, years: 1},
}

// A series is a list of transactions from one source or to one payee, the newest first.
type series struct {
	transactions []transaction
	frequency    *frequency // nil if irregular
}

// seriesOf groups transactions by key, the largest sums first.
func seriesOf(transactions []transaction, key func(transaction) string) []*series {
	byKey := map[string]*series{}
	var all []*series
	for _, t := range transactions {
		s := byKey[key(t)]
		if s == nil {
			s = &series{}
			byKey[key(t)] = s
			all = append(all, s)
		}
		s.transactions = append(s.transactions, t)
	}
	for _, s := range all {
		slices.SortStableFunc(s.transactions, func(x, y transaction) int { return y.date().Compare(x.date()) })
		s.frequency = detectFrequency(s.transactions)
	}
	slices.SortStableFunc(all, func(a, b *series) int {
		x, y := sum(a.transactions), sum(b.transactions)
		return cmp.Or(cmp.Compare(max(y, -y), max(x, -x)), cmp.Compare(key(a.transactions[0]), key(b.transactions[0])))
	})
	return all
}

// detectFrequency returns the frequency that at least four fifths of the intervals match, or nil if there is none or
// fewer than three distinct days.
func detectFrequency(transactions []transaction) *frequency {
	var days []time.Time
	for _, t := range transactions {
		days = append(days, t.date())
	}
	slices.SortFunc(days, time.Time.Compare)
	days = slices.Compact(days)
	if len(days) < 3 {
		return nil
	}
	intervals := make([]int, 0, len(days)-1)
	for i := range days[1:] {
		intervals = append(intervals, daysBetween(days[i], days[i+1]))
	}
	middle := slices.Sorted(slices.Values(intervals))[len(intervals)/2]
	for i := range frequencies {
		f := &frequencies[i]
		if !f.matches(middle) {
			continue
		}
		kept := 0
		for _, interval := range intervals {
			if f.matches(interval) {
				kept++
			}
		}
		if kept*5 >= len(intervals)*4 {
			return f
		}
	}
	return nil
}

func (f *frequency) matches(days int) bool {
	return days >= f.days-f.tolerance && days <= f.days+f.tolerance
}

// next returns the expected date of the following payment.
func (f *frequency) next(after time.Time) time.Time {
	if f.months == 0 && f.years == 0 {
		return after.AddDate(0, 0, f.days)
	}
	return after.AddDate(f.years, f.months, 0)
}

func (s *series) newest() transaction { return s.transactions[0] }

func (s *series) oldest() transaction { return s.transactions[len(s.transactions)-1] }

// ageDays returns the number of days between the first and the last transaction.
func (s *series) ageDays() int { return daysBetween(s.oldest().date(), s.newest().date()) }

// ongoing reports whether more transactions are expected. An irregular series ends after sixty days without one.
func (s *series) ongoing(a *analysis) bool {
	if s.frequency == nil {
		return daysBetween(s.newest().date(), a.last) <= 60
	}
	return !s.frequency.next(s.newest().date()).AddDate(0, 0, s.frequency.tolerance).Before(a.last)
}

// hasSteadyAmounts reports whether at least four fifths of the amounts are within a quarter of the median.
func (s *series) hasSteadyAmounts() bool {
	amounts := amountsOf(s.transactions)
	middle := median(amounts)
	near := 0
	for _, amount := range amounts {
		if off := (amount - middle) * 4; max(off, -off) <= max(middle, -middle) {
			near++
		}
	}
	return near*5 >= len(amounts)*4
}

// hasMinimumHistory reports whether the series has the documented minimum for a source of income: five credits in
// ninety days.
func (s *series) hasMinimumHistory() bool { return len(s.transactions) >= 5 && s.ageDays() >= 90 }

// normalizeDescription returns a description as summaries show it.
func normalizeDescription(description string) string {
	return strings.ToLower(strings.Join(strings.Fields(description), " "))
}

// isCard, isLoan and isAsset classify accounts. Cards and loans are liabilities.
func (h *holding) isCard() bool { return h.Kind == bank.CreditCard }

func (h *holding) isLoan() bool { return h.Kind == bank.Mortgage || h.Kind == bank.Loan }

func (h *holding) isAsset() bool { return !h.isCard() && !h.isLoan() }

// institutionName returns the name of the bank, or its ID if the bank is unknown.
func (h *holding) institutionName() string {
	if b := bank.FindBank(h.institution); b != nil {
		return b.Name
	}
	return h.institution
}
