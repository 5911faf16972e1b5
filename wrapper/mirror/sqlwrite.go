package mirror

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
)

const insertUser = `INSERT INTO basiq_user (user_id, generation, position, feed_start, details) VALUES (?, 0, 0, 0, '') ON CONFLICT DO NOTHING`

func (s *SQL) apply(ctx context.Context, userID string, generation int64, b *batch) error {
	return s.inTx(ctx, func(tx *sqldb.Tx) error {
		if generation == 0 {
			tx.Exec(ctx, insertUser, userID)
		}
		var position Position
		err := tx.Get(ctx, &position, `UPDATE basiq_user SET generation = generation + 1, position = position + ?
			WHERE user_id = ? AND generation = ? AND erased_at IS NULL RETURNING position`, len(b.changes), userID, generation)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrConflict
		}
		if err != nil {
			return err
		}
		for i := range b.changes {
			b.changes[i].Position = position - Position(len(b.changes)-1-i)
		}
		b.writeAccounts(ctx, tx)
		b.writeTransactions(ctx, tx)
		if b.details != nil {
			b.details.write(ctx, tx, userID)
		}
		return s.callHook(ctx, tx, b.changes)
	})
}

// callHook calls the function of [InTx].
func (s *SQL) callHook(ctx context.Context, tx *sqldb.Tx, changes []Change) error {
	if s.hook == nil || len(changes) == 0 || tx.Err() != nil {
		return tx.Err()
	}
	return s.hook(ctx, tx.Tx, changes)
}

const (
	balanceColumns = `user_id, account_id, day, balance, balance_minor, available, available_minor`
	accountColumns = `user_id, account_id, institution_id, name, account_no, class, status, ownership, currency, ` +
		`balance, balance_minor, available, available_minor, last_updated, payload, ` + stateColumns
)

func (b *batch) writeAccounts(ctx context.Context, tx *sqldb.Tx) {
	if b.account != nil {
		a := b.account.item
		balance, balanceMinor := money(a.Balance, a.Currency)
		available, availableMinor := money(a.AvailableFunds, a.Currency)
		amounts := []any{null(balance), balanceMinor, null(available), availableMinor}
		tx.Upsert(ctx, "basiq_account", "user_id, account_id", accountColumns, 1, func(int) []any {
			return slices.Concat([]any{
				b.userID, a.ID, text(a.Institution.ID), text(basiq.AccountName(a)), text(a.AccountNo), text(a.Class.Type),
				text(string(a.Status)), text(string(a.AccountOwnership)), text(a.Currency),
			}, amounts, []any{null(instant(a.LastUpdated)), b.account.payload}, b.state.columns())
		})
		if b.day != "" && balance+available != "" {
			tx.Upsert(ctx, "basiq_balance", "user_id, account_id, day", balanceColumns, 1, func(int) []any {
				return append([]any{b.userID, a.ID, b.day}, amounts...)
			})
		}
	}
	for _, st := range b.states {
		tx.Exec(ctx, `UPDATE basiq_account SET superseded_by = ?, frozen = ?, settled = ?, missing = ?, missing_from = ? WHERE user_id = ? AND account_id = ?`,
			st.supersededBy, st.frozen, st.settled, st.missing, st.missingFrom, b.userID, st.id)
	}
	if b.dropAccount != "" {
		tx.Exec(ctx, `DELETE FROM basiq_balance WHERE user_id = ? AND account_id = ?`, b.userID, b.dropAccount)
		tx.Exec(ctx, `DELETE FROM basiq_account WHERE user_id = ? AND account_id = ?`, b.userID, b.dropAccount)
	}
}

const (
	transactionColumns = `user_id, transaction_id, account_id, connection_id, institution_id, status, day, made_on, posted_at, amount, amount_minor, ` +
		`currency, direction, description, class, category, merchant, pending_id, hash, payload`
	changeColumns = `user_id, position, kind, account_id, transaction_id, day, pending_id, candidates`
)

func (b *batch) writeTransactions(ctx context.Context, tx *sqldb.Tx) {
	// Modified rows are inserted anew: PostgreSQL takes a quarter longer to insert new rows with an ON CONFLICT clause.
	tx.ExecIn(ctx, `DELETE FROM basiq_transaction WHERE user_id = ? AND transaction_id`, b.removed, b.userID)
	tx.Insert(ctx, "basiq_transaction", transactionColumns, "", len(b.rows), func(i int) []any {
		r := b.rows[i]
		return []any{
			b.userID, r.id, r.accountID, r.connectionID, r.institutionID, r.status, null(r.day), null(r.made), null(r.postedAt),
			null(r.amount), r.minor, r.currency, r.direction, r.description, r.class, r.category, r.merchant, r.pendingID,
			r.hash, r.payload,
		}
	})
	tx.Insert(ctx, "basiq_change", changeColumns, "", len(b.changes), func(i int) []any {
		c := &b.changes[i]
		return []any{b.userID, int64(c.Position), string(c.Kind), c.AccountID, c.TransactionID, string(c.Day), c.PendingID, strings.Join(c.Candidates, " ")}
	})
}

const (
	connectionColumns = `user_id, connection_id, institution_id, status, method, created_at, last_used, expires_at, payload`
	consentColumns    = `user_id, consent_id, status, created_at, expires_at, payload`
)

func (d *details) write(ctx context.Context, tx *sqldb.Tx, userID string) {
	tx.Exec(ctx, `UPDATE basiq_user SET details = ? WHERE user_id = ?`, d.hash, userID)
	tx.Exec(ctx, `DELETE FROM basiq_connection WHERE user_id = ?`, userID)
	tx.Insert(ctx, "basiq_connection", connectionColumns, "", len(d.connections), func(i int) []any {
		c := d.connections[i].item
		return []any{
			userID, c.ID, text(c.Institution.ID), text(string(c.Status)), text(string(c.Method)),
			null(instant(c.CreatedDate)), null(instant(c.LastUsed)), null(instant(c.ExpiryDate)), d.connections[i].payload,
		}
	})
	// Basiq lists consents that have ended too. One that it does not list is kept for the deletion record.
	tx.Upsert(ctx, "basiq_consent", "user_id, consent_id", consentColumns, len(d.consents), func(i int) []any {
		c := d.consents[i].item
		return []any{userID, c.ID, text(string(c.Status)), null(instant(c.Created)), null(instant(c.ExpiryDate)), d.consents[i].payload}
	})
}

func (s *SQL) erase(ctx context.Context, record Deletion) (Deletion, error) {
	at := record.Time.Format(instantFormat)
	err := s.inTx(ctx, func(tx *sqldb.Tx) error {
		// The first statement locks the user, so that the others see what a sync in flight has committed.
		tx.Exec(ctx, insertUser, record.UserID)
		var generation int64
		err := tx.Get(ctx, &generation, `UPDATE basiq_user SET generation = generation + 1, erased_at = ?, feed_start = position, details = ''
			WHERE user_id = ? AND erased_at IS NULL RETURNING generation`, at, record.UserID)
		if err == nil {
			record.ConsentIDs, err = sqldb.Query(ctx, tx, s.dialect, `SELECT consent_id FROM basiq_consent WHERE user_id = ? ORDER BY consent_id`, func(id *string) []any { return []any{id} }, record.UserID)
		}
		if err != nil {
			return err
		}
		remove := func(table string) int {
			return int(tx.Exec(ctx, `DELETE FROM basiq_`+table+` WHERE user_id = ?`, record.UserID))
		}
		record.Transactions, record.Accounts, record.Changes = remove("transaction"), remove("account"), remove("change")
		for _, table := range []string{"balance", "connection", "consent", "task"} {
			remove(table)
		}
		tx.Exec(ctx, `INSERT INTO basiq_deletion (user_id, erased_at, reason, consent_ids, accounts, transactions, changes, generation) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			record.UserID, at, string(record.Reason), strings.Join(record.ConsentIDs, " "), record.Accounts, record.Transactions, record.Changes, generation)
		return s.callHook(ctx, tx, []Change{{Kind: KindErased, UserID: record.UserID}})
	})
	if errors.Is(err, sql.ErrNoRows) {
		return s.lastDeletion(ctx, record.UserID)
	}
	return record, err
}

// lastDeletion returns the record of the last erasure.
func (s *SQL) lastDeletion(ctx context.Context, userID string) (Deletion, error) {
	d, at := Deletion{UserID: userID}, ""
	err := s.db.QueryRowContext(ctx, s.dialect.Bind(`SELECT erased_at, reason, consent_ids, accounts, transactions, changes FROM basiq_deletion WHERE user_id = ? ORDER BY generation DESC LIMIT 1`), userID).
		Scan(&at, &d.Reason, (*words)(&d.ConsentIDs), &d.Accounts, &d.Transactions, &d.Changes)
	erased, parseErr := time.Parse(time.RFC3339, at) // database/sql gives this form to PostgreSQL's times
	d.Time = erased.UTC()
	return d, cmp.Or(err, parseErr)
}

func (s *SQL) readmit(ctx context.Context, userID string) error {
	return s.inTx(ctx, func(tx *sqldb.Tx) error {
		tx.Exec(ctx, `UPDATE basiq_user SET generation = generation + 1, erased_at = NULL WHERE user_id = ? AND erased_at IS NOT NULL`, userID)
		return nil
	})
}

// null returns nil for "".
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
