package basiqtest

import (
	"slices"
	"time"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// holding is an account at a bank that a connection has brought to a user, as it was when it was fetched.
type holding struct {
	bank.Account

	id          string
	user        *user
	connection  *connection // may have been deleted since
	institution string
	fetched     time.Time
	read        time.Time // up to when it has its transactions; the zero time when it has none
}

// line is a transaction as a user has it.
type line struct {
	*bank.Transaction

	id      string
	holding *holding
}

// holdings returns the accounts that a connection has brought, none before a job has fetched them. Their ids stay the
// same when the connection is refreshed, and so do those of what is posted.
func (s *Sandbox) holdings(conn *connection, now time.Time) []*holding {
	state := conn.at(now)
	if state.fetched.IsZero() {
		return nil
	}
	var list []*holding
	for _, account := range s.accountsAt(conn, state.fetched) {
		list = append(list, &holding{
			Account: account, id: derivedID(conn.id, "account "+account.Key), user: conn.user, connection: conn,
			institution: conn.institution.ID, fetched: state.fetched, read: state.read,
		})
	}
	return list
}

// userHoldings returns the user's accounts as they are now, those of deleted connections last.
func (s *Sandbox) userHoldings(u *user, now time.Time) []*holding {
	var list []*holding
	for _, conn := range u.connections {
		list = append(list, s.holdings(conn, now)...)
	}
	return slices.Concat(list, u.orphans)
}

func (s *Sandbox) accountsAt(conn *connection, at time.Time) []bank.Account {
	if conn.person() == nil {
		return nil
	}
	return s.books.Accounts(conn.person(), conn.institution.ID, at)
}

// lines returns the transactions of an account, pending ones first, then the newest first.
func (s *Sandbox) lines(h *holding) []line {
	if h.read.IsZero() {
		return nil
	}
	transactions := s.books.Transactions(h.connection.person(), h.institution, h.Key, h.read)
	lines := make([]line, 0, len(transactions))
	for _, t := range transactions {
		name := "transaction " + h.Key + " " + t.Key
		if t.Pending() {
			name += " " + h.read.UTC().String() // pending ones are imported anew by every refresh
		}
		lines = append(lines, line{Transaction: t, id: derivedID(h.connection.id, name), holding: h})
	}
	return lines
}

// embedded is the account as a connection shows it.
func (h *holding) embedded(v *view) object {
	available := ""
	if h.HasAvailable {
		available = h.Available.String()
	}
	return object{
		"type": "account", "id": h.id, "accountNo": h.Number, "name": h.Name, "currency": "AUD",
		"class":   object{"type": h.Kind, "product": h.Product},
		"balance": h.Balance.String(), "availableFunds": available,
		"lastUpdated": formatTime(h.fetched),
		"status":      gen.AccountStatusAvailable,
		"links": object{
			"self":         v.url(h.path()),
			"transactions": v.url(h.user.path() + "/transactions?filter=account.id.eq('" + h.id + "')"),
		},
	}
}

func (h *holding) path() string { return h.user.path() + "/accounts/" + h.id }

func (s *Sandbox) getAccounts(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }

func (s *Sandbox) getAccount(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }
