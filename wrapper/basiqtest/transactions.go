package basiqtest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // for bankZone

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

func (t transaction) property(name string) string {
	switch name {
	case "transaction.status":
		return string(t.status())
	case "transaction.direction":
		return string(t.direction())
	case "transaction.class":
		return t.Class
	case "transaction.postDate":
		return t.postDate()
	default:
		return t.holding.property(name)
	}
}

func (t transaction) status() gen.TransactionStatus {
	if t.Pending() {
		return gen.TransactionStatusPending
	}
	return gen.TransactionStatusPosted
}

func (t transaction) direction() gen.TransactionDirection { return directionOf(t.Amount) }

func directionOf(amount bank.Cents) gen.TransactionDirection {
	if amount < 0 {
		return gen.TransactionDirectionDebit
	}
	return gen.TransactionDirectionCredit
}

// getTransactions lists the transactions by account, in the order of the accounts. A filter by an unknown account or
// connection matches nothing. Errors for such filters are documented for the account operations only.
func (s *Sandbox) getTransactions(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	if err := s.resumePage(c); err != nil {
		return response{}, err
	}
	conditions, err := c.filter(transactionFilters)
	if err != nil {
		return response{}, err
	}
	var found []transaction
	for _, h := range s.userHoldings(u, c.now) {
		transactions := s.transactions(h)
		if conditions == nil {
			found = append(found, transactions...)
			continue
		}
		for _, t := range transactions {
			if conditions.match(t.property) {
				found = append(found, t)
			}
		}
	}
	return pageResponse(s, c, found, func(t transaction) string { return t.id }, func(t transaction) any { return s.newTransactionJSON(&c.view, t) })
}

func (s *Sandbox) getTransaction(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	for _, h := range s.userHoldings(u, c.now) {
		for _, t := range s.transactions(h) {
			if t.id == c.http.PathValue("transactionId") {
				return response{http.StatusOK, s.newTransactionJSON(&c.view, t)}, nil
			}
		}
	}
	return response{}, resourceNotFound()
}

// transactionDate returns the time of the transaction if it differs from the posting date, as for card payments.
// Otherwise it returns "", as recorded.
func (t transaction) transactionDate() string {
	if t.Made.Equal(t.Posted) {
		return ""
	}
	return t.holding.time(t.Made)
}

// postDate returns the posting date, or "" if the transaction is pending.
func (t transaction) postDate() string {
	if t.Pending() {
		return ""
	}
	return t.holding.time(t.Posted)
}

// time formats a time of a transaction. The test banks keep days, which web connections send as midnight UTC. Open
// banking sends the time of the bank's zone, in UTC.
func (h *holding) time(at time.Time) string {
	if h.connection.openBanking() {
		at = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, bankZone())
	}
	return formatTime(at)
}

// bankZone returns the time zone of the bank that supports open banking.
var bankZone = sync.OnceValue(func() *time.Location {
	zone, err := time.LoadLocation("Australia/Sydney")
	if err != nil {
		panic("basiqtest: " + err.Error()) // impossible with package tzdata
	}
	return zone
})

// balance returns the account balance after the transaction. It is "" for open banking and for pending transactions,
// because the 2.1 schema requires a string.
func (t transaction) balance() string {
	if t.Pending() || t.holding.connection.openBanking() {
		return ""
	}
	return t.Balance.String()
}

// transactionJSON is a transaction as responses show it. It implements writable, because a page has up to 500
// transactions. The fields are in the documented order.
type transactionJSON struct {
	*bank.Transaction

	view       *view
	id         string
	holding    *holding
	connection *string // link
	enrich     json.RawMessage
}

func (s *Sandbox) newTransactionJSON(v *view, t transaction) *transactionJSON {
	return &transactionJSON{
		Transaction: t.Transaction, view: v, id: t.id, holding: t.holding, connection: t.holding.connectionLink(v),
		enrich: s.enrichment(v, t.Transaction),
	}
}

func (t *transactionJSON) writeTo(w *jsonWriter) {
	h := t.holding
	l := transaction{Transaction: t.Transaction, holding: h}
	w.begin()
	w.text("type", "transaction")
	w.text("id", t.id)
	w.text("status", string(l.status()))
	w.text("description", t.Description)
	if t.view.version.since(v30) {
		w.text("reference", "")
	}
	w.text("amount", t.Amount.String())
	if t.view.version.since(v30) {
		w.text("currency", h.currency)
	}
	w.text("account", h.id)
	w.text("balance", l.balance())
	w.text("direction", string(l.direction()))
	w.text("class", t.Class)
	w.text("institution", h.institution)
	w.text("connection", h.connection.id)
	w.text("transactionDate", l.transactionDate())
	if t.view.version.since(v30) {
		t.writePayment(w)
	}
	if t.Pending() {
		w.raw("postDate", "null")
	} else {
		w.text("postDate", l.postDate())
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

// writeSubClass writes the purpose of a payment. It is null for other transactions, as recorded.
func (t *transactionJSON) writeSubClass(w *jsonWriter) {
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

// writePayment writes the payment details, if any. Basiq does not document which transactions have them. In the
// sandbox, direct credits and debits have an APCA number, and descriptions that start with BPAY have a biller.
func (t *transactionJSON) writePayment(w *jsonWriter) {
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
		w.text("billerCode", fakeNumber(t.Merchant.ID, 6))
		w.text("billerName", t.Merchant.Name)
		w.text("crn", fakeNumber(t.Account+t.Merchant.ID, 10))
		w.end()
	} else {
		w.text("apcaNumber", fakeNumber(t.Merchant.ID, 6))
	}
	w.end()
}

// fakeNumber returns a number derived from a string. It is deterministic.
func fakeNumber(of string, digits int) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(of))
	text := fmt.Sprintf("%020d", h.Sum64())
	return text[len(text)-digits:]
}

// classify derives the class of a transaction from its description.
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

// categoryOf returns the category of a transaction without a known merchant.
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
