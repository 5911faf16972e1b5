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
	if strings.Trim(a.AccountNo, "0123456789 -") != "" {
		return ""
	}
	digits := func(s string) string {
		return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }), "")
	}
	number := digits(a.AccountNo)
	if len(number) < 5 { // the last digits only
		return ""
	}
	if bsb := digits(a.BSB); !strings.HasPrefix(number, bsb) {
		return bsb + number
	}
	return number
}

// supersede returns for each account that others of the user replace the ID of the next one: each link of a chain has its own.
// Accounts of existing connections replace accounts of deleted ones, and later connections replace earlier ones.
func (m *Mirror) supersede(accounts []*listedAccount, connections map[string]*basiq.Connection) map[string]string {
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
	superseded := map[string]string{}
	for i, old := range ordered {
		for _, newer := range slices.Backward(ordered[:i]) {
			if old.item.Connection.ID != newer.item.Connection.ID && m.sameAccount(old.item, newer.item) {
				superseded[old.item.ID] = newer.item.ID
				break
			}
		}
	}
	return superseded
}
