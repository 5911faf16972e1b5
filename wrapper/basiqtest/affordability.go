package basiqtest

import (
	"bytes"
	encodingcsv "encoding/csv"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

func (s *Sandbox) getAffordabilityList(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	data := []object{}
	for _, snap := range u.snapshots {
		if snap.kind == kindAffordability {
			data = append(data, snap.listItem(&c.view))
		}
	}
	return answer{http.StatusOK, object{
		"type": "list", "data": data, "links": c.self(u.path() + "/" + kindAffordability),
	}}, nil
}

func (s *Sandbox) postAffordability(c *call) (answer, error) {
	return s.postSnapshot(c, kindAffordability)
}

func (s *Sandbox) getAffordability(c *call) (answer, error) {
	snap, err := s.snapshot(c, kindAffordability)
	if err != nil {
		return answer{}, err
	}
	if c.wantsOther() {
		return answer{http.StatusOK, document{pdf, snap.print()}}, nil
	}
	return answer{http.StatusOK, snap.show(&c.view)}, nil
}

func (s *Sandbox) getAffordabilitySnapshotTransactions(c *call) (answer, error) {
	snap, err := s.snapshot(c, kindAffordability)
	if err != nil {
		return answer{}, err
	}
	if err := s.resume(c); err != nil {
		return answer{}, err
	}
	if !c.wantsOther() {
		return paged(s, c, snap.lines, func(l line) string { return l.id }, func(l line) any { return l.summarized(&c.view) })
	}
	// A file has no place for the link to a next page, so it holds all.
	if _, err := c.limit(maxLimit); err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, document{c.otherType(), snap.transactionsCSV()}}, nil
}

// listItem is the summary as it stands in a list.
func (snap *snapshot) listItem(v *view) object {
	institutions := []string{}
	for _, h := range snap.holdings {
		if !slices.Contains(institutions, h.institution) {
			institutions = append(institutions, h.institution)
		}
	}
	return object{
		"type": snap.kind, "id": snap.id, "coverageDays": snap.days(),
		"fromMonth": formatMonth(snap.from), "toMonth": formatMonth(snap.end.AddDate(0, 0, -1)),
		"generatedDate": formatMoment(snap.created), "institutions": institutions, "links": snap.links(v),
	}
}

func (snap *snapshot) links(v *view) object {
	return object{
		"self": v.url(snap.path()), "income": v.url(snap.with.income.path()), "expenses": v.url(snap.with.expenses.path()),
	}
}

// figures are the summary's totals.
type figures struct {
	assets, liabilities, creditLimit, savings bank.Cents
	expenses, regularIncome                   bank.Cents
	loanRepayments, potential                 *bank.Cents // nil where there are no loans, nor any elsewhere
}

func (a *analysis) figures() figures {
	f := figures{expenses: a.expensesMonthly(), regularIncome: a.regularIncome(a.income())}
	var kept bank.Cents // what came into the accounts that are owned and stayed there
	for _, h := range a.holdings {
		switch {
		case h.isAsset():
			f.assets += h.Balance
			kept += sum(a.of(h))
		case h.isCard():
			f.liabilities += h.Balance
			f.creditLimit += h.Limit
		default:
			f.liabilities += h.Balance
			repaid := sum(only(a.of(h), isRepayment))
			if f.loanRepayments != nil {
				repaid += *f.loanRepayments
			}
			f.loanRepayments = &repaid
		}
	}
	f.savings = a.monthly(kept)
	if f.loanRepayments != nil {
		repaid := a.monthly(*f.loanRepayments)
		f.loanRepayments = &repaid
	}
	for _, s := range a.external() {
		each := a.monthly(sum(s.lines))
		if f.potential != nil {
			each += *f.potential
		}
		f.potential = &each
	}
	return f
}

// orNull writes an amount, or null where there is none.
func orNull(c *bank.Cents) any {
	if c == nil {
		return nil
	}
	return c.String()
}

// isRepayment tells what was paid to a loan.
func isRepayment(l line) bool { return isCredit(l) && l.Class == classLoanRepayment }

func (snap *snapshot) affordability(v *view) object {
	a, f := snap.analysis, snap.figures()
	assets, credit, loans := []object{}, []object{}, []object{}
	for _, h := range a.holdings {
		switch {
		case h.isAsset():
			assets = append(assets, a.asset(h))
		case h.isCard():
			credit = append(credit, a.credit(h))
		default:
			loans = append(loans, a.loan(h))
		}
	}
	links := snap.links(v)
	links["accounts"] = a.accountLinks(v)
	return object{
		"type": snap.kind, "id": snap.id, "coverageDays": a.days(),
		"fromMonth": formatMonth(a.from), "toMonth": formatMonth(a.end.AddDate(0, 0, -1)),
		"generatedDate": formatMoment(snap.created),
		"summary": object{
			"assets": f.assets.String(), "liabilities": f.liabilities.String(),
			"netPosition": (f.assets + f.liabilities).String(), "creditLimit": f.creditLimit.String(),
			"expenses": f.expenses.String(), "savings": f.savings.String(),
			"loanRepaymentMonthly": orNull(f.loanRepayments), "potentialLiabilitiesMonthly": orNull(f.potential),
			"regularIncome": object{"previous3Months": object{"avgMonthly": f.regularIncome.String()}},
		},
		"assets": assets, "liabilities": object{"credit": credit, "loan": loans},
		"external": a.externalLiabilities(), "links": links,
	}
}

// position is what the forms of assets, cards and loans share.
func (h *holding) position() object {
	o := object{
		"account":     object{"type": h.Kind, "product": h.Product},
		"institution": h.institutionName(), "currency": h.currency, "balance": h.Balance.String(), "availableFunds": nil,
	}
	if h.HasAvailable {
		o["availableFunds"] = h.Available.String()
	}
	return o
}

func (a *analysis) asset(h *holding) object {
	o := h.position()
	o["type"] = "account"
	if !h.HasAvailable {
		o["availableFunds"] = "" // It may be null elsewhere, but not here.
	}
	least, most := balances(within(a.of(h), a.lastMonths(6)))
	o["previous6Months"] = object{"minBalance": orNull(least), "maxBalance": orNull(most)}
	return o
}

// balances are the least and the greatest balance after one of the transactions; nil where none is known.
func balances(lines []line) (least, most *bank.Cents) {
	for _, l := range lines {
		if l.Pending() {
			continue
		}
		balance := l.Balance
		if least == nil || balance < *least {
			least = &balance
		}
		if most == nil || balance > *most {
			most = &balance
		}
	}
	return least, most
}

func (a *analysis) credit(h *holding) object {
	o := h.position()
	o["creditLimit"] = h.Limit.String()
	recent := within(a.of(h), a.lastMonths(1))
	most, least := balances(recent) // In the example the greatest balance is the one of which most is owed.
	if least == nil {
		least, most = &h.Balance, &h.Balance
	}
	o["previousMonth"] = object{
		"minBalance": least.String(), "maxBalance": most.String(),
		"totalCredits": sum(only(recent, isCredit)).String(), "totalDebits": sum(only(recent, isDebit)).String(),
	}
	cash := only(within(a.of(h), a.lastMonths(6)), func(l line) bool { return l.Class == classCash })
	o["previous6Months"] = object{"cashAdvances": sum(cash).String()}
	return o
}

// loan has the repayments apart from the other credits, as the examples do.
func (a *analysis) loan(h *holding) object {
	o := h.position()
	recent := within(a.of(h), a.lastMonths(1))
	o["previousMonth"] = object{
		"totalCredits":         sum(only(recent, func(l line) bool { return isCredit(l) && !isRepayment(l) })).String(),
		"totalDebits":          sum(only(recent, isDebit)).String(),
		"totalInterestCharged": sum(only(recent, func(l line) bool { return l.Class == classLoanInterest })).String(),
		"totalRepayments":      sum(only(recent, isRepayment)).String(),
	}
	o["previous6Months"] = object{"arrears": a.arrears(h)}
	history := []object{}
	for _, l := range a.of(h) {
		if l.Class == classLoanInterest || l.Class == classLoanRepayment {
			history = append(history, object{
				"amount": l.Amount.String(), "date": day(l.date()), "direction": l.direction(), "source": clean(l.Description),
			})
		}
	}
	o["changeHistory"] = history
	return o
}

// arrears is "true" when one of the last six months went by without a repayment, null when nothing happened at all.
func (a *analysis) arrears(h *holding) any {
	lines := a.of(h)
	if len(lines) == 0 {
		return nil
	}
	for _, m := range a.lastMonths(6) {
		if !m.Before(monthOf(h.First)) && len(only(within(lines, []time.Time{m}), isRepayment)) == 0 {
			return "true"
		}
	}
	return "false"
}

// external are the series of payments to lenders whose accounts are not there.
func (a *analysis) external() []*series {
	return seriesOf(only(a.lines, func(l line) bool {
		switch l.Category.Group {
		case "loan", "bnpl", "credit-card-repayment":
			return isDebit(l) && !l.holding.isLoan() && !a.internal(l)
		default:
			return false
		}
	}), line.payee)
}

// payee names who was paid, as summaries do; where that is not known, it is what the statement says.
func (l line) payee() string {
	if l.Merchant != nil {
		return clean(l.Merchant.Name)
	}
	return clean(l.Description)
}

func (a *analysis) externalLiabilities() []object {
	external := a.external()
	all := make([]object, 0, len(external))
	for _, s := range external {
		history := make([]object, 0, len(s.lines))
		for _, l := range s.lines {
			history = append(history, object{"amount": l.Amount.String(), "date": day(l.date()), "source": l.Description})
		}
		all = append(all, object{
			"source": s.newest().payee(),
			"payments": []object{{
				"amountAvg": mean(amountsOf(s.lines)).String(), "amountAvgMonthly": a.monthly(sum(s.lines)).String(),
				"first": day(s.oldest().date()), "last": day(s.newest().date()), "noOccurrences": len(s.lines),
				"total": sum(s.lines).String(),
			}},
			"changeHistory": history,
		})
	}
	return all
}

// summarized returns a transaction as summaries have it.
func (l line) summarized(v *view) object {
	o := object{
		"type": "transaction", "id": l.id, "status": gen.TransactionStatusPosted, "description": l.Description,
		"amount": l.Amount.String(), "account": l.holding.id, "balance": l.balance(), "direction": l.direction(),
		"class": l.summaryClass(), "institution": l.holding.institution,
		"transactionDate": l.made(), "postDate": formatTime(l.Posted),
		"links": object{
			"account": v.url(l.holding.path()), "institution": v.url(v.institutionPath(l.holding.institution)),
		},
	}
	if l.Pending() {
		o["status"], o["postDate"], o["balance"] = gen.TransactionStatusPending, nil, ""
	}
	code, title := l.paidFor()
	switch {
	case v.version == v21 && code == "": // recorded
		o["subClass"] = nil
	case v.version == v21:
		o["subClass"] = object{"code": code, "title": title}
	case code != "": // version 3.0 has a number, and need not have it
		o["subClass"] = object{"Code": json.Number(strings.TrimLeft(code, "0")), "title": title}
	}
	return o
}

// summaryClass returns the class as summaries have it: they tell transfers between the user's own accounts, and repayments of
// the user's own cards, from transfers to and from others, as recorded.
func (l line) summaryClass() string {
	owner, _, _ := strings.Cut(l.Flow, ":")
	switch {
	case l.Class != classTransfer:
		return l.Class
	case owner == "own", owner == "card":
		return string(gen.TransactionClassInternalTransfer)
	default:
		return string(gen.TransactionClassExternalTransfer)
	}
}

// paidFor is the code and the title of what a payment was for; both are "" where it was none.
func (l line) paidFor() (code, title string) {
	if l.Class != classPayment {
		return "", ""
	}
	class := classOf(l)
	return class.code, class.title
}

func (snap *snapshot) transactionsCSV() []byte {
	rows := make([][]string, 0, 1+len(snap.lines))
	rows = append(rows, []string{
		"id", "status", "description", "amount", "account", "balance", "direction", "class", "institution", "transactionDate",
		"postDate", "subClassCode", "subClassTitle",
	})
	for _, l := range snap.lines {
		status, posted := gen.TransactionStatusPosted, formatTime(l.Posted)
		if l.Pending() {
			status, posted = gen.TransactionStatusPending, ""
		}
		code, title := l.paidFor()
		rows = append(rows, []string{
			l.id, string(status), l.Description, l.Amount.String(), l.holding.id, l.balance(), string(l.direction()), l.summaryClass(),
			l.holding.institution, l.made(), posted, code, title,
		})
	}
	return writeCSV(rows)
}

func writeCSV(rows [][]string) []byte {
	var buf bytes.Buffer
	_ = encodingcsv.NewWriter(&buf).WriteAll(rows) // A buffer takes all.
	return buf.Bytes()
}

// print is the summary as a PDF.
func (snap *snapshot) print() []byte {
	f := snap.figures()
	lines := make([]string, 0, 12+len(snap.holdings))
	lines = append(lines,
		"Affordability summary "+snap.id,
		"From "+formatMonth(snap.from)+" to "+formatMonth(snap.end.AddDate(0, 0, -1)),
		"Generated "+formatMoment(snap.created),
		"",
		"Assets: "+f.assets.String(),
		"Liabilities: "+f.liabilities.String(),
		"Net position: "+(f.assets+f.liabilities).String(),
		"Credit limit: "+f.creditLimit.String(),
		"Regular income, monthly: "+f.regularIncome.String(),
		"Expenses, monthly: "+f.expenses.String(),
		"Savings, monthly: "+f.savings.String(),
		"",
	)
	for _, h := range snap.holdings {
		lines = append(lines, h.institutionName()+" "+h.Product+" "+h.Number+": "+h.Balance.String())
	}
	return newPDF(lines)
}
