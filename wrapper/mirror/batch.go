package mirror

import (
	"cmp"
	"fmt"
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
	missingFrom  string // when the account was first not listed
	supersededBy string
	frozen       bool // its rows were merged or dropped, and it is not read
}

// batch is what one database transaction writes.
type batch struct {
	userID string
	// account is the account to store with its new state. Its day is where its balance is recorded.
	account *listedAccount
	state   accountState
	day     string
	// states are the new states of other accounts. dropAccount is the account to delete.
	states                []accountState
	dropAccount           string
	rows                  []*row   // transactions to store
	replaced              []string // those of them that are stored already
	removed, mark, unmark []string // transactions to delete, and to mark as missing or not
	at                    string   // the time of the marks
	changes               []Change
	details               *details
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

// snapshot is what was read of an account.
type snapshot struct {
	listed *listedAccount
	known  bool
	was    accountState
	began  time.Time
	from   string // the window; "" if all transactions were read
	old    map[string]*stored
	rows   []*row // rows that are new or have changed
	count  int
	newest string
	// unordered is set if the transactions are not in the order of Basiq. All of them were read then.
	unordered bool
}

// batch returns what to write so that the account's rows equal the snapshot. The error is ErrMassRemoval, and the batch is
// valid: it keeps the withheld rows.
func (m *Mirror) batch(userID string, s *snapshot, allowMass bool) (b *batch, withheld int, err error) {
	b = &batch{userID: userID, account: s.listed, state: s.was, at: s.began.UTC().Format(instantFormat)}
	removed, withheld, err := m.removals(s, b, allowMass)
	b.fill(s, removed)
	b.day = string(bankDay(s.listed.item.LastUpdated, m.zone(s.listed.item.Institution.ID)))
	version := text(string(s.listed.item.LastUpdated))
	same := s.was.version == version
	if !same {
		b.state.seenFrom = b.at
	}
	b.state.id, b.state.version, b.state.hash, b.state.missingFrom = s.listed.item.ID, version, s.listed.hash, ""
	b.state.connectionID, b.state.frozen = text(s.listed.item.Connection.ID), false
	switch {
	case s.unordered:
		b.state.newest = ""
	case s.newest != "":
		b.state.newest = s.newest
	}
	// Basiq sets lastUpdated before it imports the transactions.
	imported := age(cmp.Or(instant(s.listed.item.LastUpdated), b.state.seenFrom), s.began) >= m.settle
	doubt := false
	for _, old := range s.old {
		doubt = doubt || !old.seen && old.missingFrom != ""
	}
	switch {
	case doubt, s.count == 0 && !imported:
		b.state.readFully = "" // only a full read may remove posted transactions
	case s.from == "":
		b.state.readFully = b.at
	}
	// An empty list is in doubt too, until a second read after the import finds it empty.
	b.state.settled = imported && !doubt && (s.count > 0 || same && s.was.readFully != "")
	return b, withheld, err
}

// removals returns the rows to remove, and marks the others that were not read. A pending transaction is removed at once.
// A posted one is removed by the second full read without it, and so is everything if Basiq lists nothing. The limit of a mass
// removal applies to all posted transactions that a read lacks, also if earlier reads had them: otherwise an empty read of the
// window and a later empty read of everything would remove the window.
func (m *Mirror) removals(s *snapshot, b *batch, allowMass bool) (removed []*stored, withheld int, err error) {
	var confirmed []*stored
	posted, missing := 0, 0
	for _, old := range s.old {
		if !old.pending() {
			posted++
		}
		if !old.pending() && !old.seen {
			missing++
		}
		switch {
		case old.seen && old.missingFrom != "":
			b.unmark = append(b.unmark, old.id)
		case old.seen:
		case old.pending() && s.count > 0:
			removed = append(removed, old)
		case old.postedAt == "" && !old.pending() && s.from != "": // it may lie before the window
		case old.missingFrom == "":
			old.missingFrom = b.at
			b.mark = append(b.mark, old.id)
		case s.from == "" && age(old.missingFrom, s.began) >= m.settle:
			if old.pending() {
				removed = append(removed, old)
			} else {
				confirmed = append(confirmed, old)
			}
		}
	}
	if len(confirmed) > 0 && !allowMass && 10*missing > posted { // posted is all of them: only a full read confirms
		return removed, len(confirmed), fmt.Errorf("%w: %d of %d", ErrMassRemoval, missing, posted)
	}
	for _, old := range confirmed {
		old.missingFrom = "" // not in doubt any more
	}
	return append(removed, confirmed...), 0, nil
}

// fill sets the rows and the changes.
func (b *batch) fill(s *snapshot, removed []*stored) {
	var added []*row
	for _, r := range s.rows {
		if s.old[r.id] == nil {
			added = append(added, r)
		}
	}
	unsure := link(removed, added)
	settled := map[string]bool{}
	b.changes = make([]Change, 0, len(s.rows)+len(removed))
	for _, r := range s.rows {
		c := Change{Kind: KindAdded, UserID: b.userID, AccountID: r.accountID, TransactionID: r.id, Transaction: r.transaction, Day: basiq.Date(r.day), PendingID: r.pendingID, Candidates: unsure[r]}
		switch old := s.old[r.id]; {
		case old != nil:
			c.Kind = KindModified
			b.replaced = append(b.replaced, r.id)
			r.pendingID = old.pendingID
		case r.pendingID != "":
			c.Kind = KindSettled
			settled[r.pendingID] = true
		}
		b.changes = append(b.changes, c)
	}
	b.rows = s.rows
	for _, old := range removed {
		if settled[old.id] {
			b.removed = append(b.removed, old.id)
		} else {
			b.remove(old)
		}
	}
}

// remove adds the removal of a row.
func (b *batch) remove(old *stored) {
	b.removed = append(b.removed, old.id)
	b.changes = append(b.changes, Change{Kind: KindRemoved, UserID: b.userID, AccountID: old.accountID, TransactionID: old.id, Day: basiq.Date(old.day)})
}

// removeAll adds the removal of rows.
func (b *batch) removeAll(rows map[string]*stored) {
	for _, old := range rows {
		b.remove(old)
	}
}
