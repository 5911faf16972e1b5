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

func (s *Sandbox) getAffordabilityList(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	data := []object{}
	for _, snap := range u.snapshots {
		if snap.kind == kindAffordability {
			data = append(data, snap.listItem(&c.view))
		}
	}
	return response{http.StatusOK, object{
		"type": "list", "data": data, "links": c.selfLinks(u.path() + "/" + kindAffordability),
	}}, nil
}

func (s *Sandbox) postAffordability(c *call) (response, error) {
	return s.postSnapshot(c, kindAffordability)
}

func (s *Sandbox) getAffordability(c *call) (response, error) {
	snap, err := s.snapshot(c, kindAffordability)
	if err != nil {
		return response{}, err
	}
	if c.wantsAlternative() {
		return response{http.StatusOK, document{pdf, snap.renderPDF()}}, nil
	}
	return response{http.StatusOK, snap.show(&c.view)}, nil
}

func (s *Sandbox) getAffordabilitySnapshotTransactions(c *call) (response, error) {
	snap, err := s.snapshot(c, kindAffordability)
	if err != nil {
		return response{}, err
	}
	if err := s.resumePage(c); err != nil {
		return response{}, err
	}
	if !c.wantsAlternative() {
		return pageResponse(s, c, snap.transactions, func(t transaction) string { return t.id }, func(t transaction) any { return t.summaryObject(&c.view) })
	}
	// A file cannot hold a link to the next page, so it contains all transactions.
	if _, err := c.limit(maxLimit); err != nil {
		return response{}, err
	}
	return response{http.StatusOK, document{c.alternativeType(), snap.transactionsCSV()}}, nil
}

// listItem returns the summary as it appears in a list.
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
		"self": v.url(snap.path()), "income": v.url(snap.parts.income.path()), "expenses": v.url(snap.parts.expenses.path()),
	}
}

// figures holds the totals of a summary.
type figures struct {
	assets, liabilities, creditLimit, savings bank.Cents
	expenses, regularIncome                   bank.Cents
	loanRepayments, potential                 *bank.Cents // nil without such loans
}

func (a *analysis) figures() figures {
	f := figures{expenses: a.expensesMonthly(), regularIncome: a.regularIncome(a.income())}
	var kept bank.Cents // net flow of the asset accounts
	for _, h := range a.holdings {
		switch {
		case h.isAsset():
			f.assets += h.Balance
			kept += sum(a.ofAccount(h))
		case h.isCard():
			f.liabilities += h.Balance
			f.creditLimit += h.Limit
		default:
			f.liabilities += h.Balance
			repaid := sum(selectTransactions(a.ofAccount(h), isRepayment))
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
		each := a.monthly(sum(s.transactions))
		if f.potential != nil {
			each += *f.potential
		}
		f.potential = &each
	}
	return f
}

// orNull formats an amount, or returns nil (JSON null) if c is nil.
func orNull(c *bank.Cents) any {
	if c == nil {
		return nil
	}
	return c.String()
}

// isRepayment reports whether t is a repayment received by a loan account.
func isRepayment(t transaction) bool { return isCredit(t) && t.Class == classLoanRepayment }

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

// position returns the fields that assets, cards and loans share.
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
		o["availableFunds"] = "" // Other types use null here, but this field must be a string.
	}
	least, most := balances(inMonths(a.ofAccount(h), a.lastFullMonths(6)))
	o["previous6Months"] = object{"minBalance": orNull(least), "maxBalance": orNull(most)}
	return o
}

// balances returns the lowest and the highest balance after one of the transactions, or nil if no balance is known.
func balances(transactions []transaction) (least, most *bank.Cents) {
	for _, t := range transactions {
		if t.Pending() {
			continue
		}
		balance := t.Balance
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
	recent := inMonths(a.ofAccount(h), a.lastFullMonths(1))
	most, least := balances(recent) // The documented example calls the largest debt the maximum balance.
	if least == nil {
		least, most = &h.Balance, &h.Balance
	}
	o["previousMonth"] = object{
		"minBalance": least.String(), "maxBalance": most.String(),
		"totalCredits": sum(selectTransactions(recent, isCredit)).String(), "totalDebits": sum(selectTransactions(recent, isDebit)).String(),
	}
	cash := selectTransactions(inMonths(a.ofAccount(h), a.lastFullMonths(6)), func(t transaction) bool { return t.Class == classCash })
	o["previous6Months"] = object{"cashAdvances": sum(cash).String()}
	return o
}

// loan lists repayments separately from other credits, as in the documented examples.
func (a *analysis) loan(h *holding) object {
	o := h.position()
	recent := inMonths(a.ofAccount(h), a.lastFullMonths(1))
	o["previousMonth"] = object{
		"totalCredits":         sum(selectTransactions(recent, func(t transaction) bool { return isCredit(t) && !isRepayment(t) })).String(),
		"totalDebits":          sum(selectTransactions(recent, isDebit)).String(),
		"totalInterestCharged": sum(selectTransactions(recent, func(t transaction) bool { return t.Class == classLoanInterest })).String(),
		"totalRepayments":      sum(selectTransactions(recent, isRepayment)).String(),
	}
	o["previous6Months"] = object{"arrears": a.arrears(h)}
	history := []object{}
	for _, t := range a.ofAccount(h) {
		if t.Class == classLoanInterest || t.Class == classLoanRepayment {
			history = append(history, object{
				"amount": t.Amount.String(), "date": day(t.date()), "direction": t.direction(), "source": normalizeDescription(t.Description),
			})
		}
	}
	o["changeHistory"] = history
	return o
}

// arrears returns "true" if any of the last six months had no repayment, or nil without any transactions.
func (a *analysis) arrears(h *holding) any {
	transactions := a.ofAccount(h)
	if len(transactions) == 0 {
		return nil
	}
	for _, m := range a.lastFullMonths(6) {
		if !m.Before(monthOf(h.First)) && len(selectTransactions(inMonths(transactions, []time.Time{m}), isRepayment)) == 0 {
			return "true"
		}
	}
	return "false"
}

// external returns the series of payments to lenders whose accounts are not connected.
func (a *analysis) external() []*series {
	return seriesOf(selectTransactions(a.transactions, func(t transaction) bool {
		switch t.Category.Group {
		case "loan", "bnpl", "credit-card-repayment":
			return isDebit(t) && !t.holding.isLoan() && !a.internal(t)
		default:
			return false
		}
	}), transaction.payee)
}

// payee returns the name of the payee as summaries show it. If the merchant is unknown, it is the normalized
// description.
func (t transaction) payee() string {
	if t.Merchant != nil {
		return normalizeDescription(t.Merchant.Name)
	}
	return normalizeDescription(t.Description)
}

func (a *analysis) externalLiabilities() []object {
	external := a.external()
	all := make([]object, 0, len(external))
	for _, s := range external {
		history := make([]object, 0, len(s.transactions))
		for _, t := range s.transactions {
			history = append(history, object{"amount": t.Amount.String(), "date": day(t.date()), "source": t.Description})
		}
		all = append(all, object{
			"source": s.newest().payee(),
			"payments": []object{{
				"amountAvg": mean(amountsOf(s.transactions)).String(), "amountAvgMonthly": a.monthly(sum(s.transactions)).String(),
				"first": day(s.oldest().date()), "last": day(s.newest().date()), "noOccurrences": len(s.transactions),
				"total": sum(s.transactions).String(),
			}},
			"changeHistory": history,
		})
	}
	return all
}

// summaryObject returns the transaction as it appears in summaries.
func (t transaction) summaryObject(v *view) object {
	o := object{
		"type": "transaction", "id": t.id, "status": gen.TransactionStatusPosted, "description": t.Description,
		"amount": t.Amount.String(), "account": t.holding.id, "balance": t.balance(), "direction": t.direction(),
		"class": t.summaryClass(), "institution": t.holding.institution,
		"transactionDate": t.transactionDate(), "postDate": t.postDate(),
		"links": object{
			"account": v.url(t.holding.path()), "institution": v.url(v.institutionPath(t.holding.institution)),
		},
	}
	if t.Pending() {
		o["status"], o["postDate"], o["balance"] = gen.TransactionStatusPending, nil, ""
	}
	code, title := t.subClass()
	switch {
	case !v.version.since(v30) && code == "": // recorded
		o["subClass"] = nil
	case !v.version.since(v30):
		o["subClass"] = object{"code": code, "title": title}
	case code != "": // a number in 3.0, and optional
		o["subClass"] = object{"Code": json.Number(strings.TrimLeft(code, "0")), "title": title}
	}
	return o
}

// summaryClass returns the class that summaries use. Unlike the transactions operations, summaries distinguish
// transfers between the user's own accounts and repayments of the user's own cards from other transfers. This was
// recorded.
func (t transaction) summaryClass() string {
	owner, _, _ := strings.Cut(t.Flow, ":")
	switch {
	case t.Class != classTransfer:
		return t.Class
	case owner == "own", owner == "card":
		return string(gen.TransactionClassInternalTransfer)
	default:
		return string(gen.TransactionClassExternalTransfer)
	}
}

// subClass returns the code and title of a payment's purpose, or empty strings if t is not a payment.
func (t transaction) subClass() (code, title string) {
	if t.Class != classPayment {
		return "", ""
	}
	class := classOf(t)
	return class.code, class.title
}

func (snap *snapshot) transactionsCSV() []byte {
	rows := make([][]string, 0, 1+len(snap.transactions))
	rows = append(rows, []string{
		"id", "status", "description", "amount", "account", "balance", "direction", "class", "institution", "transactionDate",
		"postDate", "subClassCode", "subClassTitle",
	})
	for _, t := range snap.transactions {
		code, title := t.subClass()
		rows = append(rows, []string{
			t.id, string(t.status()), t.Description, t.Amount.String(), t.holding.id, t.balance(), string(t.direction()), t.summaryClass(),
			t.holding.institution, t.transactionDate(), t.postDate(), code, title,
		})
	}
	return writeCSV(rows)
}

func writeCSV(rows [][]string) []byte {
	var buf bytes.Buffer
	_ = encodingcsv.NewWriter(&buf).WriteAll(rows) // writes to a buffer cannot fail
	return buf.Bytes()
}

// renderPDF returns the summary as a PDF document.
func (snap *snapshot) renderPDF() []byte {
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
