package mirror

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// state is what a store has of a user before a sync.
type state struct {
	generation int64
	erased     bool
	start      Position // of the feed, after the positions of erased feeds
	accounts   map[string]accountState
	// details is the hash of the connections and consents.
	details string
}

func newState() *state { return &state{accounts: map[string]accountState{}} }

// accountState is the state of an account's copy. Times are in instantFormat, "" if there is none.
type accountState struct {
	id           string
	version      string // lastUpdated as Basiq sent it
	hash         string
	connectionID string
	settled      bool   // version is complete, and nothing is in doubt
	seenFrom     string // when version was first seen
	readFully    string // when all transactions were last read; "" if they must be
	newest       string // the latest posted transaction; "" if reads have no window
	oldest       string // the day of the first posted transaction
	missing      string // the IDs of rows, or of the account, that Basiq lacks, one on each line
	missingFrom  string // when exactly these were first missing
	supersededBy string // the account that replaces it next, or ""
	// countedBefore is the first day of the accounts that replace it, "" if they have no posted transactions.
	countedBefore string
}

// batch is what was read of an account, and what one database transaction writes.
type batch struct {
	userID string
	// account is the account to store with its state; nil if the batch stores none.
	account *listedAccount
	state   accountState
	day     string // where the balance is recorded
	began   time.Time
	from    string             // the window; "" if all transactions were read
	count   int                // of the transactions that were read
	oldest  string             // the day of the first posted one
	old     map[string]*stored // the rows of the window, and of all transactions that were read

	rows    []*row   // transactions to store
	removed []string // transactions to delete before
	changes []Change
	// states are the new states of other accounts. dropAccount is the account to delete.
	states      []accountState
	dropAccount string
	details     *details
}

// details are the connections and consents of a user.
type details struct {
	connections []*listed[basiq.Connection]
	consents    []*listed[basiq.Consent]
	hash        string
}

// applyTo updates the states of accounts.
func (b *batch) applyTo(accounts map[string]accountState) {
	if b.account != nil {
		accounts[b.state.id] = b.state
	}
	for _, a := range b.states {
		accounts[a.id] = a
	}
	delete(accounts, b.dropAccount)
}

// doubted returns what has been missing for at least the import time, in order.
func (m *Mirror) doubted(a accountState, now time.Time) []string {
	if age(a.missingFrom, now) < m.settle {
		return nil
	}
	return strings.Split(a.missing, "\n")
}

// doubt sets what is missing.
func (a *accountState) doubt(missing []string, now time.Time) {
	slices.Sort(missing)
	if ids := strings.Join(missing, "\n"); a.missing != ids {
		a.missing, a.missingFrom = ids, now.UTC().Format(instantFormat)
	}
}

// conclude sets what to write so that the account's rows equal what was read. The error is ErrMassRemoval. The batch is valid
// then: it keeps the rows.
func (m *Mirror) conclude(b *batch, allowMass bool) error {
	a, item, at := &b.state, b.account.item, b.began.UTC().Format(instantFormat)
	version := text(string(item.LastUpdated))
	same, emptyBefore := a.version == version, a.readFully != ""
	if !same {
		a.seenFrom = at
	}
	a.id, a.version, a.hash = item.ID, version, b.account.hash
	a.connectionID = text(item.Connection.ID)
	b.day = bankDay(item.LastUpdated, m.zone(item.Institution.ID))
	removed, err := m.removals(b, allowMass)
	b.fill(removed)
	// Basiq sets lastUpdated before it imports the transactions.
	imported := age(cmp.Or(instant(item.LastUpdated), a.seenFrom), b.began) >= m.settle
	switch {
	case a.missing != "":
		a.readFully = "" // only a full read may remove posted transactions
	case b.from == "":
		if a.oldest = b.oldest; imported {
			a.readFully = at
		}
	}
	// An empty list is in doubt too, until a second read after the import finds it empty.
	a.settled = imported && a.missing == "" && (b.count > 0 || same && emptyBefore)
	return err
}

// removals returns the rows to remove. A pending transaction is removed at once. What else was not read is in doubt, and so is
// everything if Basiq lists nothing. The second full read that lacks it removes it. The limit of a mass removal applies to all
// posted transactions that a read lacks, also if earlier reads had them: otherwise an empty read of the window and a later empty
// read of everything would remove the window.
func (m *Mirror) removals(b *batch, allowMass bool) (removed []*stored, err error) {
	var missing []*stored
	posted, postedMissing := 0, 0
	for _, old := range b.old {
		if !old.pending() {
			posted++
		}
		switch {
		case old.seen, old.postedAt == "" && !old.pending() && b.from != "": // the second may lie before the window
		case old.pending() && b.count > 0:
			removed = append(removed, old)
		default:
			missing = append(missing, old)
			if !old.pending() {
				postedMissing++
			}
		}
	}
	before := m.doubted(b.state, b.began)
	var doubt []string
	for _, old := range missing {
		_, doubted := slices.BinarySearch(before, old.id)
		confirmed := doubted && b.from == ""
		if confirmed && (allowMass || 10*postedMissing <= posted) { // posted is all of them
			removed = append(removed, old)
			continue
		}
		doubt = append(doubt, old.id)
		if confirmed {
			err = fmt.Errorf("%w: %d of %d", ErrMassRemoval, postedMissing, posted)
		}
	}
	b.state.doubt(doubt, b.began)
	return removed, err
}

// fill sets the changes, and the rows to delete.
func (b *batch) fill(removed []*stored) {
	unsure := link(removed, where(b.rows, func(r *row) bool { return b.old[r.id] == nil }))
	settled := map[string]bool{}
	b.changes = make([]Change, 0, len(b.rows)+len(removed))
	for _, r := range b.rows {
		c := Change{Kind: KindAdded, UserID: b.userID, AccountID: r.accountID, TransactionID: r.id, Transaction: r.transaction, Day: basiq.Date(r.day), PendingID: r.pendingID, Candidates: unsure[r]}
		switch old := b.old[r.id]; {
		case old != nil:
			c.Kind, r.pendingID = KindModified, old.pendingID
			b.removed = append(b.removed, r.id)
		case r.pendingID != "":
			c.Kind, settled[r.pendingID] = KindSettled, true
		}
		b.changes = append(b.changes, c)
	}
	b.remove(slices.Values(removed), settled)
}

// removeAll adds the removal of rows.
func (b *batch) removeAll(rows map[string]*stored) { b.remove(maps.Values(rows), nil) }

// remove adds the removal of rows, whose change those in settled have already.
func (b *batch) remove(rows iter.Seq[*stored], settled map[string]bool) {
	for old := range rows {
		b.removed = append(b.removed, old.id)
		if !settled[old.id] {
			b.changes = append(b.changes, Change{Kind: KindRemoved, UserID: b.userID, AccountID: old.accountID, TransactionID: old.id, Day: basiq.Date(old.day)})
		}
	}
}
