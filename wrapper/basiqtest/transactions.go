package basiqtest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

var transactionFilters = filterable{
	"account.id":            {operators: eq},
	"connection.id":         {operators: eq},
	"institution.id":        {operators: eq},
	"transaction.status":    {operators: eq, values: []string{"pending", "posted"}},
	"transaction.direction": {operators: eq, values: []string{"credit", "debit"}},
	"transaction.class":     {operators: eq},
	"transaction.postDate":  {operators: ranges, date: true, invalid: "PostDate is not valid"},
}

func (l line) property(name string) string {
	switch name {
	case "transaction.status":
		return string(l.status())
	case "transaction.direction":
		return string(l.direction())
	case "transaction.class":
		return l.Class
	case "transaction.postDate":
		if l.Pending() {
			return ""
		}
		return formatTime(l.Posted)
	default:
		return l.holding.property(name)
	}
}

func (l line) status() gen.TransactionStatus {
	if l.Pending() {
		return gen.TransactionStatusPending
	}
	return gen.TransactionStatusPosted
}

func (l line) direction() gen.TransactionDirection { return directionOf(l.Amount) }

func directionOf(amount bank.Cents) gen.TransactionDirection {
	if amount < 0 {
		return gen.TransactionDirectionDebit
	}
	return gen.TransactionDirectionCredit
}

// getTransactions lists them by account, in the order of the accounts. A filter by an account or a connection that is
// not the user's finds nothing: only the accounts' operations are documented to refuse it.
func (s *Sandbox) getTransactions(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.resume(c); err != nil {
		return answer{}, err
	}
	conditions, err := c.filter(transactionFilters)
	if err != nil {
		return answer{}, err
	}
	var found []line
	for _, h := range s.userHoldings(u, c.now) {
		lines := s.lines(h)
		if conditions == nil {
			found = append(found, lines...)
			continue
		}
		for _, l := range lines {
			if conditions.hold(l.property) {
				found = append(found, l)
			}
		}
	}
	return paged(s, c, found, func(l line) string { return l.id }, func(l line) any { return s.transaction(&c.view, l) })
}

func (s *Sandbox) getTransaction(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	for _, h := range s.userHoldings(u, c.now) {
		for _, l := range s.lines(h) {
			if l.id == c.http.PathValue("transactionId") {
				return answer{http.StatusOK, s.transaction(&c.view, l)}, nil
			}
		}
	}
	return answer{}, resourceNotFound()
}

// made is when a transaction was made, as far as the bank tells: where that is not the day of posting, as of purchases by
// card. Else it is the empty text, as was recorded.
func (l line) made() string {
	if l.Made.Equal(l.Posted) {
		return ""
	}
	return formatTime(l.Made)
}

// balance is the account's after the transaction. It is empty in open banking, and of a pending transaction: the 2.1 schema
// wants a string.
func (l line) balance() string {
	if l.Pending() || l.holding.connection.openBanking() {
		return ""
	}
	return l.Balance.String()
}

// transaction is a transaction as it is sent. It writes itself, because a page has 500 of them; the fields are in the
// documents' order.
type transaction struct {
	*bank.Transaction

	view       *view
	id         string
	holding    *holding
	connection *string // the link
	enrich     json.RawMessage
}

func (s *Sandbox) transaction(v *view, l line) *transaction {
	return &transaction{
		Transaction: l.Transaction, view: v, id: l.id, holding: l.holding, connection: l.holding.connectionLink(v),
		enrich: s.enrichment(v, l.Transaction),
	}
}

func (t *transaction) writeTo(w *jsonWriter) {
	h := t.holding
	l := line{Transaction: t.Transaction, holding: h}
	w.begin()
	w.text("type", "transaction")
	w.text("id", t.id)
	w.text("status", string(l.status()))
	w.text("description", t.Description)
	if t.view.version == v30 {
		w.text("reference", "")
	}
	w.text("amount", t.Amount.String())
	if t.view.version == v30 {
		w.text("currency", h.currency)
	}
	w.text("account", h.id)
	w.text("balance", l.balance())
	w.text("direction", string(l.direction()))
	w.text("class", t.Class)
	w.text("institution", h.institution)
	w.text("connection", h.connection.id)
	w.text("transactionDate", l.made())
	if t.view.version == v30 {
		t.writePayment(w)
	}
	if t.Pending() {
		w.raw("postDate", "null")
	} else {
		w.text("postDate", formatTime(t.Posted))
	}
	t.writeSubClass(w)
	w.name("enrich")
	w.buf = append(w.buf, t.enrich...)
	w.name("links")
	w.begin()
	w.text("self", t.view.url(h.user.path()+"/transactions/"+t.id))
	w.text("account", t.view.url(h.path()))
	w.text("institution", t.view.url(t.view.institutionPath(h.institution)))
	w.textOrNull("connection", t.connection)
	w.end()
	w.end()
}

// writeSubClass writes what a payment was for. It is null for all other transactions, as in recorded responses.
func (t *transaction) writeSubClass(w *jsonWriter) {
	if t.Class != classPayment {
		w.raw("subClass", "null")
		return
	}
	code := t.Category.ANZSICGroup
	w.name("subClass")
	w.begin()
	w.text("code", code.Code)
	w.text("title", code.Title)
	w.end()
}

// writePayment writes how the money was sent, and nothing when nothing tells. Which transactions have it is not
// documented: here a direct credit or debit tells who sent it, and what begins with BPAY who the biller is.
func (t *transaction) writePayment(w *jsonWriter) {
	byBPAY := strings.HasPrefix(t.Description, "BPAY")
	direct := t.Class == string(gen.TransactionClassDirectCredit) || strings.HasPrefix(t.Description, "DIRECT DEBIT")
	if t.Merchant == nil || !byBPAY && !direct {
		return
	}
	w.name("paymentDetails")
	w.begin()
	if byBPAY {
		w.name("bpay")
		w.begin()
		w.text("billerCode", number(t.Merchant.ID, 6))
		w.text("billerName", t.Merchant.Name)
		w.text("crn", number(t.Account+t.Merchant.ID, 10))
		w.end()
	} else {
		w.text("apcaNumber", number(t.Merchant.ID, 6))
	}
	w.end()
}

// number is a number of some digits that somebody has: the same one every time.
func number(of string, digits int) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(of))
	text := fmt.Sprintf("%020d", h.Sum64())
	return text[len(text)-digits:]
}

// classify is what a line of a statement tells of its kind, for those that nobody has classified.
func classify(description string, amount bank.Cents) gen.TransactionClass {
	text := strings.ToUpper(description)
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(text, word) {
				return true
			}
		}
		return false
	}
	switch {
	case has("REFUND"):
		return gen.TransactionClassRefund
	case has("LOAN INTEREST"), has("INTEREST") && amount < 0:
		return gen.TransactionClassLoanInterest
	case has("INTEREST"):
		return gen.TransactionClassInterest
	case has("ATM ", "CASH OUT", "CASH WITHDRAWAL"):
		return gen.TransactionClassCashWithdrawal
	case has("LOAN REPAYMENT", "LOAN PAYMENT"):
		return gen.TransactionClassLoanRepayment
	case has("TRANSFER"):
		return gen.TransactionClassTransfer
	case strings.HasSuffix(text, " FEE"), has(" FEE "):
		return gen.TransactionClassBankFee
	case amount > 0, amount == 0 && has("SALARY", "DIRECT CREDIT"):
		return gen.TransactionClassDirectCredit
	default:
		return gen.TransactionClassPayment
	}
}

// categoryOf is what a transaction is about whose merchant, if it has one, is not known.
func categoryOf(class gen.TransactionClass, amount bank.Cents) *bank.Category {
	group := "other"
	switch class {
	case gen.TransactionClassBankFee:
		group = "fees"
	case gen.TransactionClassCashWithdrawal:
		group = "cash"
	case gen.TransactionClassInterest:
		group = "interest-earned"
	case gen.TransactionClassLoanInterest:
		group = "interest-paid"
	case gen.TransactionClassLoanRepayment:
		group = "loan"
	case gen.TransactionClassTransfer, gen.TransactionClassInternalTransfer, gen.TransactionClassExternalTransfer:
		group = "transfer-in"
		if amount < 0 {
			group = "transfer-out"
		}
	case gen.TransactionClassDirectCredit:
		group = "other-income"
	case gen.TransactionClassPayment, gen.TransactionClassRefund:
	}
	return &bank.Category{Group: group}
}
