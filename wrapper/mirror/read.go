package mirror

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// listed is an account, connection or consent as Basiq listed it.
type listed[T any] struct {
	item          *T
	payload, hash string
}

type listedAccount = listed[basiq.Account]

// list reads a list of the user.
func list[T, O any](ctx context.Context, r *run, items func(ctx context.Context, userID string, options ...O) iter.Seq2[*T, error]) (all []*listed[T], err error) {
	r.result.Requests++
	var raw []byte
	for item, err := range items(basiq.ContextWithRawJSON(ctx, &raw), r.userID) {
		if err != nil {
			return nil, err
		}
		all = append(all, &listed[T]{item, text(string(raw)), fingerprint(raw)})
	}
	return all, nil
}

// read reads an account's transactions: all of them, or until those before the window. seen has the transactions of the accounts that
// are not written yet.
func (r *run) read(ctx context.Context, a *listedAccount, seen map[string]bool) (b *batch, err error) {
	b = &batch{userID: r.userID, account: a, state: r.accounts[a.item.ID], began: time.Now(), old: map[string]*stored{}}
	if b.state.newest != "" && age(b.state.readFully, b.began) < r.fullRead {
		since := max(0, age(b.state.newest, b.began)) // some banks date transactions in the future
		b.from = b.began.UTC().Add(-since).AddDate(0, 0, -r.window).Format(instantFormat)
	}
	if b.state.id != "" {
		b.old, err = r.store.rows(ctx, r.userID, a.item.ID, b.from)
	}
	if err == nil {
		err = r.readPages(ctx, b, seen)
	}
	if err == nil {
		err = r.findOld(ctx, b)
	}
	return b, err
}

func (r *run) readPages(ctx context.Context, b *batch, seen map[string]bool) error {
	account, zone := b.account.item, r.zone(b.account.item.Institution.ID)
	total, ordered, last := int64(0), true, ""
	b.state.newest = ""
	pages := map[basiq.Cursor]bool{}
	var raw []byte
	ctx = basiq.ContextWithRawJSON(ctx, &raw)
	for at, more := basiq.Cursor(""), true; more; more = at != "" {
		r.result.Requests++
		page, err := r.client.Transactions.Page(ctx, r.userID, at, basiq.TransactionListOptions{Filter: basiq.TransactionFields.AccountID.Eq(account.ID)})
		if err != nil {
			return err
		}
		pages[at] = true
		at = page.Next
		if total > 0 && page.Total > 0 && page.Total != total || at != "" && pages[at] {
			return basiq.ErrListChanged
		}
		total = max(total, page.Total)
		for i := range page.Items {
			t := &page.Items[i]
			posted := instant(t.PostDate)
			if t.Status != basiq.TransactionStatusPending {
				// Basiq lists pending transactions first, then the newest. Otherwise read everything, now and later.
				ordered = ordered && posted != "" && (last == "" || posted <= last)
				last = posted
				if ordered && b.from != "" && posted < b.from && b.state.newest >= b.from {
					return nil
				}
				b.state.newest = max(b.state.newest, posted)
				if day := bankDay(t.PostDate, zone); day != "" && (b.oldest == "" || day < b.oldest) {
					b.oldest = day
				}
			} else if last != "" {
				ordered = false
			}
			if seen[t.ID] || t.Account != "" && t.Account != account.ID {
				return basiq.ErrListChanged
			}
			seen[t.ID] = true
			b.count++
			b.add(t, page.Raw[i], zone)
		}
	}
	if total > 0 && int64(b.count) != total {
		return basiq.ErrListChanged
	}
	if !ordered {
		b.state.newest = ""
	}
	return nil
}

// add adds a transaction to the rows if it is new or has changed.
func (b *batch) add(t *basiq.Transaction, payload []byte, zone *time.Location) {
	hash := fingerprint(payload)
	if old := b.old[t.ID]; old != nil {
		if old.seen = true; old.hash == hash {
			return
		}
	}
	b.rows = append(b.rows, newRow(t, text(string(payload)), hash, b.account.item, zone))
}

// findOld looks for rows that are stored outside the window or under another account.
func (r *run) findOld(ctx context.Context, b *batch) error {
	var ids []string
	for _, row := range b.rows {
		if b.old[row.id] == nil && r.generation > 0 {
			ids = append(ids, row.id)
		}
	}
	found, err := r.store.find(ctx, r.userID, ids)
	for id, old := range found {
		old.seen = true
		b.old[id] = old
	}
	b.rows = slices.DeleteFunc(b.rows, func(row *row) bool {
		old := b.old[row.id]
		return old != nil && old.hash == row.hash && old.accountID == row.accountID
	})
	return err
}

// readDetails reads the connections and consents, once per sync. API 2.1 has no consents.
func (r *run) readDetails(ctx context.Context, accounts []*listedAccount) (err error) {
	if r.details != nil {
		return nil
	}
	var d details
	if d.connections, err = list(ctx, r, r.client.Connections.List); err != nil {
		return err
	}
	if d.consents, err = list(ctx, r, r.client.Consents.List); err != nil && !errors.Is(err, basiq.ErrWrongAPIVersion) {
		return err
	}
	r.connections = map[string]*basiq.Connection{}
	var hashes []string
	for _, c := range d.connections {
		r.connections[c.item.ID] = c.item
		hashes = append(hashes, c.hash)
	}
	for _, c := range d.consents {
		hashes = append(hashes, c.hash)
	}
	slices.Sort(hashes)
	d.hash = fingerprint([]byte(strings.Join(hashes, " ")))
	for _, a := range accounts { // a list without any connection is in doubt if an account has one
		if id := a.item.Connection.ID; len(r.connections) == 0 && id != "" {
			if deleted, err := r.connectionDeleted(ctx, id); !deleted {
				return cmp.Or(err, basiq.ErrListChanged)
			}
		}
	}
	r.details = &d
	return nil
}
