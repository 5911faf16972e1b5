package mirror

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
	for a, err := range r.client.Accounts.List(basiq.ContextWithRawJSON(ctx, &raw), r.userID) {
		if err != nil {
			return nil, err
		}
		hash, err := fingerprint(raw)
		if err != nil {
			return nil, fmt.Errorf("mirror: account: %w", err)
		}
		accounts = append(accounts, listedAccount{account: *a, payload: valid(raw), hash: hash})
	}
	return accounts, nil
}

// read reads an account's transactions: all of them, or until those before the window.
func (r *run) read(ctx context.Context, st *state, a *listedAccount) (*snapshot, error) {
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
	if err := r.readPages(ctx, s); err != nil {
		return nil, err
	}
	return s, r.findOld(ctx, st, s)
}

func (r *run) readPages(ctx context.Context, s *snapshot) error {
	zone := r.zone(s.listed.account.Institution.ID)
	seen := map[string]bool{}
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
			if err := s.add(t, page.Raw[i], zone); err != nil {
				return err
			}
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
func (s *snapshot) add(t *basiq.Transaction, payload []byte, zone *time.Location) error {
	hash, err := fingerprint(payload)
	if err != nil {
		return fmt.Errorf("mirror: transaction: %w", err)
	}
	if old := s.old[t.ID]; old != nil {
		if old.seen = true; old.hash == hash {
			return nil
		}
	}
	s.rows = append(s.rows, newRow(t, valid(payload), hash, &s.listed.account, zone))
	return nil
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
	ctx = basiq.ContextWithRawJSON(ctx, &raw)
	r.result.Requests++
	for c, err := range r.client.Connections.List(ctx, r.userID) {
		if err != nil {
			return err
		}
		hash, err := fingerprint(raw)
		if err != nil {
			return fmt.Errorf("mirror: connection: %w", err)
		}
		hashes = append(hashes, hash)
		d.connections = append(d.connections, listedConnection{connection: *c, payload: valid(raw)})
		connections[c.ID] = c
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
	for c, err := range r.client.Consents.List(ctx, r.userID) {
		if errors.Is(err, basiq.ErrWrongAPIVersion) {
			break
		}
		if err != nil {
			return err
		}
		hash, err := fingerprint(raw)
		if err != nil {
			return fmt.Errorf("mirror: consent: %w", err)
		}
		hashes = append(hashes, hash)
		d.consents = append(d.consents, listedConsent{consent: *c, payload: valid(raw)})
	}
	slices.SortFunc(d.consents, func(a, b listedConsent) int { return cmp.Compare(a.consent.ID, b.consent.ID) })
	slices.Sort(hashes)
	sum := sha256.Sum256([]byte(strings.Join(hashes, " ")))
	d.hash = hex.EncodeToString(sum[:16])
	r.details, r.connections = d, connections
	return nil
}
