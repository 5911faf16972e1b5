package basiqtest

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// A Transaction specifies a transaction for [Sandbox.AddTransaction] and [Sandbox.ChangeTransaction].
type Transaction struct {
	// Description is required. It determines the merchant, if the sandbox knows one.
	Description string
	// Amount is required. It has up to two decimal places, and is negative for a debit.
	Amount api.Amount
	// Class is derived from the description and the amount by default.
	Class gen.TransactionClass
	// Date is the day on which the transaction was posted, or made if it is pending. The default is the current day in UTC.
	// It must not be in the future.
	Date api.Date
	// Pending reports whether the transaction is pending. [Sandbox.ChangeTransaction] can post it later.
	Pending bool
}

// AddTransaction adds a transaction to an account and returns its ID:
//
//	id := sandbox.AddTransaction(account.ID, basiqtest.Transaction{Description: "RENT", Amount: "-500.00"})
//
// It can be read immediately. The account balance, and the balances of later transactions, change with it. Events are
// raised by the next refresh, as for all transactions. As at Basiq, every refresh gives a pending transaction a new ID.
// It belongs to the connection: a refresh after a purge fetches it again, but a new connection does not have it.
//
// The transactions of the account must have been retrieved, and its connection must exist. If they are not, or if t is
// invalid, AddTransaction fails the test that created the sandbox with [New]. For a sandbox created with [Start], it
// panics.
func (s *Sandbox) AddTransaction(accountID string, t Transaction) (transactionID string) {
	if s.tb != nil {
		s.tb.Helper()
	}
	transactionID, err := s.addTransaction(accountID, t)
	if err != nil {
		s.fatalf("AddTransaction", err)
	}
	return transactionID
}

// ChangeTransaction replaces a transaction that is posted, or that [Sandbox.AddTransaction] added, and returns its ID. A
// posted transaction keeps its ID. If a pending transaction is posted, it has a new ID, as at Basiq. Errors are reported
// as for AddTransaction.
func (s *Sandbox) ChangeTransaction(transactionID string, t Transaction) (newID string) {
	if s.tb != nil {
		s.tb.Helper()
	}
	newID, err := s.changeTransaction(transactionID, &t)
	if err != nil {
		s.fatalf("ChangeTransaction", err)
	}
	return newID
}

// RemoveTransaction removes a transaction that is posted, or that [Sandbox.AddTransaction] added. It does not return
// with the next refresh. Errors are reported as for AddTransaction.
func (s *Sandbox) RemoveTransaction(transactionID string) {
	if s.tb != nil {
		s.tb.Helper()
	}
	if _, err := s.changeTransaction(transactionID, nil); err != nil {
		s.fatalf("RemoveTransaction", err)
	}
}

// accountEdits holds what a test changed in the transactions of an account.
type accountEdits struct {
	count   int                          // number of additions
	added   []*bank.Transaction          // the newest first
	changed map[string]*bank.Transaction // by the key of a posted transaction of the bank; nil if it was removed
}

func (s *Sandbox) addTransaction(accountID string, t Transaction) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.runDue(now)
	for h := range s.connectedHoldings(now) {
		if h.id != accountID {
			continue
		}
		if h.read.IsZero() {
			return "", fmt.Errorf("transactions of account %q have not been retrieved", accountID)
		}
		edits := h.connection.editsOf(h.Key)
		added, err := t.bank("added "+strconv.Itoa(edits.count), h, now)
		if err != nil {
			return "", err
		}
		edits.count++
		edits.added = slices.Insert(edits.added, 0, added)
		return s.reload(h.connection, h.Key, added.Key, now), nil
	}
	return "", fmt.Errorf("account %q does not exist, or its connection was deleted", accountID)
}

// connectedHoldings returns the accounts of all connections that exist.
func (s *Sandbox) connectedHoldings(now time.Time) iter.Seq[*holding] {
	return func(yield func(*holding) bool) {
		for _, u := range s.users {
			for _, conn := range u.connections {
				for _, h := range s.holdings(conn, now) {
					if !yield(h) {
						return
					}
				}
			}
		}
	}
}

// changeTransaction replaces a transaction, or removes it if t is nil.
func (s *Sandbox) changeTransaction(id string, t *Transaction) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.runDue(now)
	h, old := s.findTransaction(id, now)
	if old == nil {
		return "", fmt.Errorf("transaction %q does not exist, or its connection was deleted", id)
	}
	edits := h.connection.editsOf(h.Key)
	i := slices.IndexFunc(edits.added, func(added *bank.Transaction) bool { return added.Key == old.Key })
	if old.Pending() && i < 0 {
		return "", fmt.Errorf("transaction %q is pending at the test bank: only posted and added transactions can be changed", id)
	}
	if t == nil {
		if i >= 0 {
			edits.added = slices.Delete(edits.added, i, i+1)
		} else {
			edits.changed[old.Key] = nil
		}
		h.connection.accountCache = accountCache{}
		return "", nil
	}
	if t.Pending && !old.Pending() {
		return "", fmt.Errorf("transaction %q is posted: it cannot become pending", id)
	}
	changed, err := t.bank(strings.TrimSuffix(old.Key, pendingSuffix), h, now)
	if err != nil {
		return "", err
	}
	if i >= 0 {
		edits.added[i] = changed
	} else {
		edits.changed[old.Key] = changed
	}
	return s.reload(h.connection, h.Key, changed.Key, now), nil
}

// findTransaction returns a transaction of a connection that exists, or nil.
func (s *Sandbox) findTransaction(id string, now time.Time) (*holding, *bank.Transaction) {
	for h := range s.connectedHoldings(now) {
		for _, t := range s.transactions(h) {
			if t.id == id {
				return h, t.Transaction
			}
		}
	}
	return nil, nil
}

// reload applies the edits of a connection and returns the ID of a transaction.
func (s *Sandbox) reload(conn *connection, account, key string, now time.Time) string {
	conn.accountCache = accountCache{}
	for _, h := range s.holdings(conn, now) {
		for _, t := range s.transactions(h) {
			if h.Key == account && t.Key == key {
				return t.id
			}
		}
	}
	return ""
}

func (conn *connection) editsOf(account string) *accountEdits {
	if conn.edits == nil {
		conn.edits = map[string]*accountEdits{}
	}
	if conn.edits[account] == nil {
		conn.edits[account] = &accountEdits{changed: map[string]*bank.Transaction{}}
	}
	return conn.edits[account]
}

// pendingSuffix distinguishes the key of a pending transaction from its key after it was posted, because the ID changes.
const pendingSuffix = " pending"

// bank returns the transaction as the bank of an account keeps it.
func (t *Transaction) bank(key string, h *holding, now time.Time) (*bank.Transaction, error) {
	amount, ok := parseCents(string(t.Amount))
	made, isDay := t.Date.Time()
	if t.Date == "" {
		made, isDay = dayOf(now), true
	}
	switch {
	case t.Description == "":
		return nil, errors.New("transaction.Description is required")
	case !ok:
		return nil, fmt.Errorf("invalid transaction.Amount %q: must be a number with up to two decimal places, such as -12.50", t.Amount)
	case t.Class != "" && !slices.Contains(transactionClasses, string(t.Class)):
		return nil, fmt.Errorf("unknown transaction.Class %q (known: %s)", t.Class, strings.Join(transactionClasses, ", "))
	case !isDay || made.IsZero(): // a zero time would mean pending
		return nil, fmt.Errorf("invalid transaction.Date %q: must be a date, such as 2026-01-31", t.Date)
	case made.After(now):
		return nil, fmt.Errorf("transaction.Date %s is in the future", t.Date)
	}
	class := t.Class
	if class == "" {
		class = classify(t.Description, amount)
	}
	result := newStatementTransaction(key, h.Key, t.Description, string(class), made, amount)
	if t.Pending {
		result.Key, result.Posted = key+pendingSuffix, time.Time{}
	}
	return result, nil
}

// apply returns the transactions of an account with the edits, in the same order. The bank's transactions are shared and
// are not modified. The opening balance does not change, so the balances of later transactions do.
func (e *accountEdits) apply(transactions []*bank.Transaction, balance bank.Cents) []*bank.Transaction {
	opening := balance
	for _, t := range postedOf(transactions) {
		opening -= t.Amount
	}
	list := slices.Clone(e.added)
	for _, t := range transactions {
		if changed, found := e.changed[t.Key]; !found || t.Pending() {
			list = append(list, t)
		} else if changed != nil {
			list = append(list, changed)
		}
	}
	sortTransactions(list)
	posted := postedOf(list)
	for i, t := range slices.Backward(posted) {
		if opening += t.Amount; t.Balance != opening {
			t = new(*t)
			t.Balance = opening
			posted[i] = t
		}
	}
	return list
}

// applyTo changes the fields of an account that depend on its transactions, from before to after the edits.
func applyTo(a *bank.Account, before, after []*bank.Transaction) {
	sum := func(list []*bank.Transaction) (total bank.Cents) {
		for _, t := range list {
			total += t.Amount
		}
		return total
	}
	posted := postedOf(after)
	a.Available += sum(after) - sum(before)
	a.Balance += sum(posted) - sum(postedOf(before))
	a.First, a.Last = time.Time{}, time.Time{}
	if len(posted) > 0 {
		a.First, a.Last = posted[len(posted)-1].Posted, posted[0].Posted
	}
}
