package mirror

import (
	"cmp"
	"slices"
	"strings"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// SameAccount reports whether two accounts are certainly the same account at the bank: institution, currency and type are
// equal, and so are the account numbers, which must be unmasked. A false result does not mean that they differ.
func SameAccount(a, b *basiq.Account) bool {
	if a.Institution.ID != b.Institution.ID || a.Currency != b.Currency || a.Class.Type != b.Class.Type {
		return false
	}
	number := accountNumber(a)
	return number != "" && number == accountNumber(b)
}

// accountNumber returns the digits of an account number, with the BSB if it is separate, or "". Other characters may mask digits.
func accountNumber(a *basiq.Account) string {
	digits := strings.NewReplacer(" ", "", "-", "")
	number, bsb := digits.Replace(a.AccountNo), digits.Replace(a.BSB)
	if len(number) < 5 || strings.Trim(number, "0123456789") != "" { // the last digits only, or masked
		return ""
	}
	if !strings.HasPrefix(number, bsb) {
		return bsb + number
	}
	return number
}

// supersede returns, for each account that others of the user replace, their IDs: first the next one, last the newest.
// Accounts of existing connections replace accounts of deleted ones, and later connections replace earlier ones.
func (m *Mirror) supersede(accounts []*listedAccount, connections map[string]*basiq.Connection) map[string][]string {
	ordered := slices.Clone(accounts)
	rank := func(a *listedAccount) string {
		if c := connections[a.item.Connection.ID]; c != nil {
			return "live " + instant(c.CreatedDate)
		}
		return instant(a.item.LastUpdated)
	}
	slices.SortStableFunc(ordered, func(a, b *listedAccount) int {
		return cmp.Or(strings.Compare(rank(b), rank(a)), strings.Compare(b.item.ID, a.item.ID))
	})
	superseded := map[string][]string{}
	for i, old := range ordered {
		for _, newer := range slices.Backward(ordered[:i]) {
			if old.item.Connection.ID != newer.item.Connection.ID && m.sameAccount(old.item, newer.item) {
				superseded[old.item.ID] = append(superseded[old.item.ID], newer.item.ID)
			}
		}
	}
	return superseded
}

// replaced returns a with the accounts that replace it. Only accounts count that are stored, or that the batch stores.
func (r *run) replaced(a accountState, b *batch) accountState {
	a.supersededBy, a.countedBefore = "", ""
	for _, id := range r.superseded[a.id] {
		newer, written := r.accounts[id]
		if id == b.state.id {
			newer, written = b.state, true
		}
		if written {
			a.supersededBy = cmp.Or(a.supersededBy, id)
			if a.countedBefore == "" || newer.oldest != "" && newer.oldest < a.countedBefore {
				a.countedBefore = newer.oldest
			}
		}
	}
	return a
}
