package mirror

import (
	"cmp"
	"context"
	"maps"
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

// newer returns the account that replaces one next, or "".
func (r *run) newer(accountID string) string {
	if newer := r.superseded[accountID]; len(newer) > 0 {
		return newer[0]
	}
	return ""
}

// relinked writes which accounts are superseded, and does with their rows what [Relink] asks for. An account whose connection exists
// is still updated, so its rows stay.
func (r *run) relinked(ctx context.Context) error {
	if err := r.apply(ctx, &batch{userID: r.userID}); err != nil {
		return err
	}
	for old, newer := range r.superseded {
		was, written := r.state.accounts[old]
		if r.relink == RelinkKeep || !written || was.frozen || slices.ContainsFunc(newer, func(id string) bool { return !r.state.accounts[id].settled }) {
			continue
		}
		deleted, err := r.connectionDeleted(ctx, was.connectionID)
		if deleted {
			err = r.freeze(ctx, was, newer)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// freeze removes the rows of an account that newer ones replace. [RelinkMerge] keeps the rows that were posted before all rows of
// the newer ones.
func (r *run) freeze(ctx context.Context, was accountState, newer []string) error {
	rows, err := r.store.rows(ctx, r.userID, was.id, "")
	if err != nil {
		return err
	}
	first := "9999-12-31"
	for _, id := range newer {
		posted, err := r.store.rows(ctx, r.userID, id, "")
		if err != nil {
			return err
		}
		for _, s := range posted {
			if s.day != "" && !s.pending() {
				first = min(first, s.day)
			}
		}
	}
	maps.DeleteFunc(rows, func(_ string, s *stored) bool {
		return r.relink == RelinkMerge && !s.pending() && s.day != "" && s.day < first
	})
	was.frozen = true
	b := &batch{userID: r.userID, states: []accountState{was}}
	b.removeAll(rows)
	return r.apply(ctx, b)
}
