package mirror

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func (s *SQL) apply(ctx context.Context, userID string, generation int64, b *batch) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if generation == 0 {
			if err := s.exec(ctx, tx, `INSERT INTO basiq_user (user_id, generation, position, feed_start, details) VALUES (?, 0, 0, 0, '') ON CONFLICT DO NOTHING`, userID); err != nil {
				return err
			}
		}
		var position Position
		err := tx.QueryRowContext(ctx, s.bind(`UPDATE basiq_user SET generation = generation + 1, position = position + ?
			WHERE user_id = ? AND generation = ? AND erased_at IS NULL RETURNING position`), len(b.changes), userID, generation).Scan(&position)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrConflict
		}
		if err != nil {
			return err
		}
		for i := range b.changes {
			b.changes[i].Position = position - Position(len(b.changes)-1-i)
		}
		if err := s.writeAccounts(ctx, tx, b); err != nil {
			return err
		}
		if err := s.writeTransactions(ctx, tx, b); err != nil {
			return err
		}
		if b.details != nil {
			if err := s.writeDetails(ctx, tx, b); err != nil {
				return err
			}
		}
		if s.hook != nil && len(b.changes) > 0 {
			return s.hook(ctx, tx, b.changes)
		}
		return nil
	})
}

const accountColumns = `user_id, account_id, connection_id, institution_id, name, account_no, class, status, ownership, currency, ` +
	`balance, balance_minor, available, available_minor, last_updated, superseded_by, frozen, settled, version, seen_from, read_fully, newest, missing_from, hash, payload`

const balanceColumns = `user_id, account_id, day, balance, balance_minor, available, available_minor`

func (s *SQL) writeAccounts(ctx context.Context, tx *sql.Tx, b *batch) error {
	if b.account != nil {
		a, st := &b.account.account, b.state
		balance, balanceMinor := money(a.Balance, a.Currency)
		available, availableMinor := money(a.AvailableFunds, a.Currency)
		amounts := []any{null(balance), balanceMinor, null(available), availableMinor}
		values := append([]any{
			b.userID, a.ID, text(a.Connection.ID), text(a.Institution.ID), text(basiq.AccountName(a)), text(a.AccountNo), text(a.Class.Type),
			text(string(a.Status)), text(string(a.AccountOwnership)), text(a.Currency),
		}, amounts...)
		values = append(values, null(instant(a.LastUpdated)), st.supersededBy, st.frozen, st.settled, text(st.version), st.seenFrom, st.readFully, st.newest,
			st.missingFrom, st.hash, b.account.payload)
		err := s.insert(ctx, tx, "basiq_account", accountColumns, updateAll("user_id, account_id", accountColumns), 1, func(int) []any { return values })
		if err == nil && b.day != "" && balance+available != "" {
			err = s.insert(ctx, tx, "basiq_balance", balanceColumns, updateAll("user_id, account_id, day", balanceColumns), 1, func(int) []any {
				return append([]any{b.userID, a.ID, b.day}, amounts...)
			})
		}
		if err != nil {
			return err
		}
	}
	for id, st := range b.states {
		if err := s.exec(ctx, tx, `UPDATE basiq_account SET superseded_by = ?, frozen = ?, missing_from = ? WHERE user_id = ? AND account_id = ?`,
			st.supersededBy, st.frozen, st.missingFrom, b.userID, id); err != nil {
			return err
		}
	}
	if b.dropAccount == "" {
		return nil
	}
	if err := s.exec(ctx, tx, `DELETE FROM basiq_balance WHERE user_id = ? AND account_id = ?`, b.userID, b.dropAccount); err != nil {
		return err
	}
	return s.exec(ctx, tx, `DELETE FROM basiq_account WHERE user_id = ? AND account_id = ?`, b.userID, b.dropAccount)
}

const transactionColumns = `user_id, transaction_id, account_id, connection_id, institution_id, status, day, made_on, posted_at, amount, amount_minor, ` +
	`currency, direction, description, class, category, merchant, pending_id, missing_from, hash, payload`

const changeColumns = `user_id, position, kind, account_id, transaction_id, day, pending_id, candidates`

func (s *SQL) writeTransactions(ctx context.Context, tx *sql.Tx, b *batch) error {
	// Modified rows are inserted anew: PostgreSQL takes a quarter longer to insert new rows with an ON CONFLICT clause.
	if err := s.forIDs(ctx, tx, `DELETE FROM basiq_transaction WHERE user_id = ? AND transaction_id`, slices.Concat(b.removed, b.replaced), b.userID); err != nil {
		return err
	}
	if err := s.insert(ctx, tx, "basiq_transaction", transactionColumns, "", len(b.rows), func(i int) []any {
		r := b.rows[i]
		return []any{
			b.userID, r.id, r.accountID, r.connectionID, r.institutionID, r.status, null(r.day), null(r.made), null(r.postedAt),
			null(r.amount), r.minor, r.currency, r.direction, r.description, r.class, r.category, r.merchant, r.pendingID, "",
			r.hash, r.payload,
		}
	}); err != nil {
		return err
	}
	if err := s.forIDs(ctx, tx, `UPDATE basiq_transaction SET missing_from = ? WHERE user_id = ? AND transaction_id`, b.mark, b.at, b.userID); err != nil {
		return err
	}
	if err := s.forIDs(ctx, tx, `UPDATE basiq_transaction SET missing_from = '' WHERE user_id = ? AND transaction_id`, b.unmark, b.userID); err != nil {
		return err
	}
	return s.insert(ctx, tx, "basiq_change", changeColumns, "", len(b.changes), func(i int) []any {
		c := &b.changes[i]
		return []any{b.userID, int64(c.Position), string(c.Kind), c.AccountID, c.TransactionID, string(c.Day), c.PendingID, strings.Join(c.Candidates, " ")}
	})
}

const consentColumns = `user_id, consent_id, status, created_at, expires_at, payload`

func (s *SQL) writeDetails(ctx context.Context, tx *sql.Tx, b *batch) error {
	d := b.details
	if err := s.exec(ctx, tx, `UPDATE basiq_user SET details = ? WHERE user_id = ?`, d.hash, b.userID); err != nil {
		return err
	}
	if err := s.exec(ctx, tx, `DELETE FROM basiq_connection WHERE user_id = ?`, b.userID); err != nil {
		return err
	}
	if err := s.insert(ctx, tx, "basiq_connection", `user_id, connection_id, institution_id, status, method, created_at, last_used, expires_at, payload`, "",
		len(d.connections), func(i int) []any {
			c := &d.connections[i]
			return []any{b.userID, c.id, c.institutionID, c.status, c.method, null(c.created), null(c.lastUsed), null(c.expires), c.payload}
		}); err != nil {
		return err
	}
	// Basiq lists consents that have ended too. One that it does not list is kept for the deletion record.
	return s.insert(ctx, tx, "basiq_consent", consentColumns, updateAll("user_id, consent_id", consentColumns), len(d.consents), func(i int) []any {
		c := &d.consents[i]
		return []any{b.userID, c.id, c.status, null(c.created), null(c.expires), c.payload}
	})
}
