package basiqtest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// The classes of transactions that the sums tell apart; all others are counted by their sign and category.
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

// analysis is what the sums are made of: accounts, and what happened on them in a period. It never changes.
type analysis struct {
	from, end     time.Time // the first day that was asked for, and the first after the last
	start         time.Time // the first day that there is anything to know about
	last          time.Time // the last such day
	holdings      []*holding
	transactions  []transaction // pending ones first, then the newest first
	internalFlows map[string]bool
}

// analyse reads what happened on accounts in a period. What is pending counts on the day on which it was made.
func (s *Sandbox) analyse(holdings []*holding, from, end time.Time) *analysis {
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
			// A statement may tell of days that are still to come.
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

// findOwn finds the flows from one of the accounts to another: they are neither income nor expenses.
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

// internal reports whether the money went from one of the accounts to another.
func (a *analysis) internal(t transaction) bool { return a.internalFlows[t.flow()] }

// flow is the stream of a transaction, told apart from those of other connections; of one that belongs to none it is what
// the statement says.
func (t transaction) flow() string {
	return t.holding.connection.id + " " + cmp.Or(t.Flow, t.Description)
}

// date is the day on which a transaction counts.
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

// days is how many days are covered.
func (a *analysis) days() int { return max(1, daysBetween(a.start, a.last)+1) }

func daysBetween(from, to time.Time) int { return int(to.Sub(from) / (24 * time.Hour)) }

// monthsBetween is how many months later the month of one day is than that of another.
func monthsBetween(from, to time.Time) int {
	from, to = from.UTC(), to.UTC()
	return (to.Year()-from.Year())*12 + int(to.Month()-from.Month())
}

// monthly is what a sum comes to in a month. The rule is the documents': by the days covered, thirty of which are a month.
func (a *analysis) monthly(total bank.Cents) bank.Cents {
	return divide(total*30, int64(a.days()))
}

// months are the first days of the months that are covered, the latest first.
func (a *analysis) months() []time.Time {
	var all []time.Time
	for m := monthOf(a.last); !m.Before(monthOf(a.start)); m = m.AddDate(0, -1, 0) {
		all = append(all, m)
	}
	return all
}

// lastMonths are the last n months that are covered in whole, the latest first; where there is none, the last one, and
// none of a period that nothing is known about.
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

// within returns those of the lines that are in one of the months.
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

// of returns the lines of one account.
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

// sumsOf are what the lines come to in each of the months.
func monthlySums(transactions []transaction, months []time.Time) []bank.Cents {
	sums := make([]bank.Cents, len(months))
	for _, t := range transactions {
		if i := slices.Index(months, monthOf(t.date())); i >= 0 {
			sums[i] += t.Amount
		}
	}
	return sums
}

// firstAndLast are the days of the first and the last of some lines.
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

// mean and median are 0 of nothing.
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

// percent is a share in hundredths of a percent, which a Cents prints as a percentage; 0 of nothing.
func percent(part, whole bank.Cents) bank.Cents {
	if whole == 0 {
		return 0
	}
	return divide(max(part, -part)*100_00, int64(max(whole, -whole)))
}

// rhythm is how often money comes or goes.
type frequency struct {
	name          string // Basiq's, in summaries
	iso, display  string // as reports write it
	days          int
	tolerance     int
	months, years int // for what keeps its day of the month
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

// series is money that comes from one source or goes to one payee, the newest first.
type series struct {
	transactions []transaction
	frequency    *frequency // nil when it has none
}

// seriesOf puts what belongs together into series, the greatest sums first.
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

// rhythmOf finds the rhythm that four fifths of the intervals keep; nil when there is none, or not three days to find
// one in.
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
		r := &frequencies[i]
		if !r.matches(middle) {
			continue
		}
		kept := 0
		for _, interval := range intervals {
			if r.matches(interval) {
				kept++
			}
		}
		if kept*5 >= len(intervals)*4 {
			return r
		}
	}
	return nil
}

func (r *frequency) matches(days int) bool {
	return days >= r.days-r.tolerance && days <= r.days+r.tolerance
}

// next is when it is the next time.
func (r *frequency) next(after time.Time) time.Time {
	if r.months == 0 && r.years == 0 {
		return after.AddDate(0, 0, r.days)
	}
	return after.AddDate(r.years, r.months, 0)
}

func (s *series) newest() transaction { return s.transactions[0] }

func (s *series) oldest() transaction { return s.transactions[len(s.transactions)-1] }

// age is how many days lie between the first and the last.
func (s *series) ageDays() int { return daysBetween(s.oldest().date(), s.newest().date()) }

// ongoing reports whether more is to be expected. What has no rhythm is given up after sixty days.
func (s *series) ongoing(a *analysis) bool {
	if s.frequency == nil {
		return daysBetween(s.newest().date(), a.last) <= 60
	}
	return !s.frequency.next(s.newest().date()).AddDate(0, 0, s.frequency.tolerance).Before(a.last)
}

// steady reports whether four fifths of the amounts lie within a quarter of the one in the middle.
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

// long reports whether it has the documented least of a source of income: five credits in ninety days.
func (s *series) hasMinimumHistory() bool { return len(s.transactions) >= 5 && s.ageDays() >= 90 }

// clean is a description as summaries have it.
func normalizeDescription(description string) string {
	return strings.ToLower(strings.Join(strings.Fields(description), " "))
}

// isCard and isLoan tell the accounts that are owed from those that are owned.
func (h *holding) isCard() bool { return h.Kind == bank.CreditCard }

func (h *holding) isLoan() bool { return h.Kind == bank.Mortgage || h.Kind == bank.Loan }

func (h *holding) isAsset() bool { return !h.isCard() && !h.isLoan() }

// institutionName is the name of the bank, or its id where it is not known.
func (h *holding) institutionName() string {
	if b := bank.FindBank(h.institution); b != nil {
		return b.Name
	}
	return h.institution
}
