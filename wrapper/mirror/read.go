package mirror

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// accounts lists the user's accounts.
func (r *run) accounts(ctx context.Context) ([]listedAccount, error) {
	r.result.Requests++
	var accounts []listedAccount
	var raw []byte
	list := r.client.Accounts.List(basiq.ContextWithRawJSON(ctx, &raw), r.userID)
	err := each(list, &raw, func(a *basiq.Account, payload, hash string) {
		accounts = append(accounts, listedAccount{account: *a, payload: payload, hash: hash})
	})
	return accounts, err
}

// each calls f for the items of a list, whose JSON is raw.
func each[T any](list iter.Seq2[*T, error], raw *[]byte, f func(item *T, payload, hash string)) error {
	for item, err := range list {
		if err != nil {
			return err
		}
		f(item, valid(*raw), fingerprint(*raw))
	}
	return nil
}

// read reads an account's transactions: all of them, or until those before the window. seen has the transactions of the accounts that
// are not written yet.
func (r *run) read(ctx context.Context, st *state, a *listedAccount, seen map[string]bool) (*snapshot, error) {
	s := &snapshot{listed: a, began: time.Now(), old: map[string]*stored{}}
	s.was, s.known = st.accounts[a.account.ID]
	if newest, err := time.Parse(instantFormat, s.was.newest); err == nil && !s.was.frozen && !r.fullReadDue(s.was, s.began) {
		if newest.After(s.began) { // some banks date transactions in the future
			newest = s.began
		}
		s.from = newest.AddDate(0, 0, -r.window).Format(instantFormat)
	}
	if s.known {
		old, err := r.store.rows(ctx, r.userID, a.account.ID, s.from)
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
	zone := r.zone(s.listed.account.Institution.ID)
	total, ordered, last := int64(-1), true, ""
	var raw []byte
	ctx = basiq.ContextWithRawJSON(ctx, &raw)
	for at := basiq.Cursor(""); ; {
		r.result.Requests++
		page, err := r.client.Transactions.Page(ctx, r.userID, at, basiq.TransactionListOptions{Filter: basiq.TransactionFields.AccountID.Eq(s.listed.account.ID)})
		if err != nil {
			return err
		}
		if total >= 0 && page.Total != total {
			return basiq.ErrListChanged
		}
		total = page.Total
		for i := range page.Items {
			t := &page.Items[i]
			posted := instant(t.PostDate)
			if t.Status != basiq.TransactionStatusPending {
				// Basiq lists pending transactions first, then the newest. Otherwise read everything.
				ordered = ordered && posted != "" && (last == "" || posted <= last)
				last = posted
				if ordered && s.from != "" && posted < s.from {
					return nil
				}
				s.newest = max(s.newest, posted)
			} else if last != "" {
				ordered = false
			}
			if seen[t.ID] || t.Account != "" && t.Account != s.listed.account.ID {
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
	s.rows = append(s.rows, newRow(t, valid(payload), hash, &s.listed.account, zone))
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
	for _, old := range found {
		old.seen = true
		s.old[old.id] = old
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
func (r *run) readDetails(ctx context.Context, accounts []listedAccount) error {
	if r.details != nil {
		return nil
	}
	d := &details{}
	connections := map[string]*basiq.Connection{}
	var raw []byte
	var hashes []string
	rawCtx := basiq.ContextWithRawJSON(ctx, &raw)
	r.result.Requests++
	if err := each(r.client.Connections.List(rawCtx, r.userID), &raw, func(c *basiq.Connection, payload, hash string) {
		connections[c.ID] = c
		hashes = append(hashes, hash)
		d.connections = append(d.connections, detail{
			id: c.ID, institutionID: text(c.Institution.ID), status: text(string(c.Status)), method: text(string(c.Method)),
			created: instant(c.CreatedDate), lastUsed: instant(c.LastUsed), expires: instant(c.ExpiryDate), payload: payload,
		})
	}); err != nil {
		return err
	}
	if len(connections) == 0 { // in doubt if an account has a connection
		checked := map[string]bool{}
		for i := range accounts {
			if id := accounts[i].account.Connection.ID; !checked[id] {
				checked[id] = true
				if deleted, err := r.connectionDeleted(ctx, id); err != nil || !deleted && id != "" {
					return cmp.Or(err, basiq.ErrListChanged)
				}
			}
		}
	}
	r.result.Requests++
	if err := each(r.client.Consents.List(rawCtx, r.userID), &raw, func(c *basiq.Consent, payload, hash string) {
		hashes = append(hashes, hash)
		d.consents = append(d.consents, detail{id: c.ID, status: text(string(c.Status)), created: instant(c.Created), expires: instant(c.ExpiryDate), payload: payload})
	}); err != nil && !errors.Is(err, basiq.ErrWrongAPIVersion) {
		return err
	}
	slices.Sort(hashes)
	sum := sha256.Sum256([]byte(strings.Join(hashes, " ")))
	d.hash = hex.EncodeToString(sum[:16])
	r.details, r.connections = d, connections
	return nil
}
