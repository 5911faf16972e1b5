package basiqtest

import (
	"strconv"
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

// account is an account that was fetched for a user.
type account struct {
	bankAccount
	id          string
	institution string
	updated     time.Time
}

// accounts returns the connection's accounts, none before a job has fetched them. Their ids stay the same when the
// connection is refreshed.
func (conn *connection) accounts(now time.Time) []account {
	fetched := conn.at(now).fetched
	if fetched.IsZero() {
		return nil
	}
	var list []account
	for i, held := range personas[conn.loginID.Reveal()].accounts {
		list = append(list, account{
			bankAccount: held,
			id:          derivedID(conn.id, "account "+strconv.Itoa(i)),
			institution: conn.institution.id,
			updated:     fetched,
		})
	}
	return list
}

// embedded is the account as a connection shows it.
func (a account) embedded(c *call, u *user) object {
	return object{
		"type": "account", "id": a.id, "accountNo": a.number, "name": a.name, "currency": "AUD",
		"class":   object{"type": a.kind, "product": a.product},
		"balance": a.balance, "availableFunds": a.available,
		"lastUpdated": formatTime(a.updated),
		"status":      gen.AccountStatusAvailable,
		"links": object{
			"self":         c.url(u.path() + "/accounts/" + a.id),
			"transactions": c.url(u.path() + "/transactions?filter=account.id.eq('" + a.id + "')"),
		},
	}
}
