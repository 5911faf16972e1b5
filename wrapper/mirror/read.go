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
		all = append(all, &listed[T]{item, valid(raw), fingerprint(raw)})
	}
	return all, nil
}

func (r *run) accounts(ctx context.Context) ([]*listedAccount, error) {
	return list(ctx, r, r.client.Accounts.List)
}

// read reads an account's transactions: all of them, or until those before the window. seen has the transactions of the accounts that
// are not written yet.
func (r *run) read(ctx context.Context, st *state, a *listedAccount, seen map[string]bool) (*snapshot, error) {
	s := &snapshot{listed: a, began: time.Now(), old: map[string]*stored{}}
	s.was, s.known = st.accounts[a.item.ID]
	if s.was.newest != "" && !s.was.frozen && age(s.was.readFully, s.began) < r.fullRead {
		since := max(0, age(s.was.newest, s.began)) // some banks date transactions in the future
		s.from = s.began.UTC().Add(-since).AddDate(0, 0, -r.window).Format(instantFormat)
	}
	if s.known {
		old, err := r.store.rows(ctx, r.userID, a.item.ID, s.from)
		if err != nil {
			return nil, err
		}
		s.old = old
	}
	if err := r.readPages(ctx, s, seen); err != nil {
		return nil, err
	}
	return s, r.findOld(ctx, st, s)
}

func (r *run) readPages(ctx context.Context, s *snapshot, seen map[string]bool) error {
	zone := r.zone(s.listed.item.Institution.ID)
	total, ordered, last := int64(0), true, ""
	pages := map[basiq.Cursor]bool{}
	var raw []byte
	ctx = basiq.ContextWithRawJSON(ctx, &raw)
	for at := basiq.Cursor(""); ; {
		r.result.Requests++
		page, err := r.client.Transactions.Page(ctx, r.userID, at, basiq.TransactionListOptions{Filter: basiq.TransactionFields.AccountID.Eq(s.listed.item.ID)})
		if err != nil {
			return err
		}
		pages[at] = true
		if total > 0 && page.Total > 0 && page.Total != total || page.Next != "" && pages[page.Next] {
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
				if ordered && s.from != "" && posted < s.from && s.newest >= s.from {
					return nil
				}
				s.newest = max(s.newest, posted)
			} else if last != "" {
				ordered = false
			}
			if seen[t.ID] || t.Account != "" && t.Account != s.listed.item.ID {
				return basiq.ErrListChanged
			}
			seen[t.ID] = true
			s.count++
			s.add(t, page.Raw[i], zone)
		}
		if at = page.Next; at == "" {
			break
		}
	}
	if total > 0 && int64(s.count) != total {
		return basiq.ErrListChanged
	}
	s.unordered = !ordered
	return nil
}

// add adds a transaction to the snapshot if it is new or has changed.
func (s *snapshot) add(t *basiq.Transaction, payload []byte, zone *time.Location) {
	hash := fingerprint(payload)
	if old := s.old[t.ID]; old != nil {
		if old.seen = true; old.hash == hash {
			return
		}
	}
	s.rows = append(s.rows, newRow(t, valid(payload), hash, s.listed.item, zone))
}

// findOld looks for rows that are stored outside the window or under another account.
func (r *run) findOld(ctx context.Context, st *state, s *snapshot) error {
	if st.generation == 0 {
		return nil
	}
	var ids []string
	for _, row := range s.rows {
		if s.old[row.id] == nil {
			ids = append(ids, row.id)
		}
	}
	found, err := r.store.find(ctx, r.userID, ids)
	if err != nil {
		return err
	}
	for id, old := range found {
		old.seen = true
		s.old[id] = old
	}
	if len(found) > 0 {
		s.rows = slices.DeleteFunc(s.rows, func(row *row) bool {
			old := s.old[row.id]
			return old != nil && old.hash == row.hash && old.accountID == row.accountID
		})
	}
	return nil
}

// readDetails reads the connections and consents, once per sync. API 2.1 has no consents.
func (r *run) readDetails(ctx context.Context, accounts []*listedAccount) error {
	if r.details != nil {
		return nil
	}
	var d details
	var err error
	if d.connections, err = list(ctx, r, r.client.Connections.List); err != nil {
		return err
	}
	if d.consents, err = list(ctx, r, r.client.Consents.List); err != nil && !errors.Is(err, basiq.ErrWrongAPIVersion) {
		return err
	}
	connections := map[string]*basiq.Connection{}
	var hashes []string
	for _, c := range d.connections {
		connections[c.item.ID] = c.item
		hashes = append(hashes, c.hash)
	}
	for _, c := range d.consents {
		hashes = append(hashes, c.hash)
	}
	slices.Sort(hashes)
	d.hash = fingerprint([]byte(strings.Join(hashes, " ")))
	checked := map[string]bool{"": true}
	for _, a := range accounts { // a list without any connection is in doubt if an account has one
		id := a.item.Connection.ID
		if len(connections) > 0 || checked[id] {
			continue
		}
		checked[id] = true
		if deleted, err := r.connectionDeleted(ctx, id); !deleted {
			return cmp.Or(err, basiq.ErrListChanged)
		}
	}
	r.details, r.connections = &d, connections
	return nil
}
