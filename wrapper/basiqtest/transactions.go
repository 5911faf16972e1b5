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

func (t transaction) property(name string) string {
	switch name {
	case "transaction.status":
		return string(t.status())
	case "transaction.direction":
		return string(t.direction())
	case "transaction.class":
		return t.Class
	case "transaction.postDate":
		if t.Pending() {
			return ""
		}
		return formatTime(t.Posted)
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

// getTransactions lists them by account, in the order of the accounts. A filter by an account or a connection that is
// not the user's finds nothing: only the accounts' operations are documented to refuse it.
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

// made is when a transaction was made, as far as the bank tells: where that is not the day of posting, as of purchases by
// card. Else it is the empty text, as was recorded.
func (t transaction) transactionDate() string {
	if t.Made.Equal(t.Posted) {
		return ""
	}
	return formatTime(t.Made)
}

// balance is the account's after the transaction. It is empty in open banking, and of a pending transaction: the 2.1 schema
// wants a string.
func (t transaction) balance() string {
	if t.Pending() || t.holding.connection.openBanking() {
		return ""
	}
	return t.Balance.String()
}

// transaction is a transaction as it is sent. It writes itself, because a page has 500 of them; the fields are in the
// documents' order.
type transactionJSON struct {
	*bank.Transaction

	view       *view
	id         string
	holding    *holding
	connection *string // the link
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
	w.text("transactionDate", l.transactionDate())
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

// writePayment writes how the money was sent, and nothing when nothing tells. Which transactions have it is not
// documented: here a direct credit or debit tells who sent it, and what begins with BPAY who the biller is.
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

// number is a number of some digits that somebody has: the same one every time.
func fakeNumber(of string, digits int) string {
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
