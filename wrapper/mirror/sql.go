package mirror

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// SQL is a [Store] in a SQLite or PostgreSQL database. Open SQLite with a busy timeout, and with write-ahead logging if
// several connections use it.
type SQL struct {
	db      *sql.DB
	dialect Dialect
	hook    func(ctx context.Context, tx *sql.Tx, changes []Change) error
}

// A SQLOption configures an [SQL]. If an option is given more than once, the last one takes effect.
type SQLOption func(*SQL) error

// InTx sets a function that is called in every database transaction that changes transactions, before it is committed.
// What it writes with tx is committed with the mirror or not at all. If it returns an error, the sync fails with it. It must
// use neither the database outside tx nor the mirror.
//
// All changes belong to one user. If the user is erased, the only change is of [KindErased]: delete the user's rows then.
func InTx(hook func(ctx context.Context, tx *sql.Tx, changes []Change) error) SQLOption {
	return func(s *SQL) error {
		if hook == nil {
			return fmt.Errorf("%w: InTx: nil", ErrInvalidInput)
		}
		s.hook = hook
		return nil
	}
}

// OpenSQL returns a store in a database. It checks the connection and changes nothing; see [SQL.Migrate].
func OpenSQL(ctx context.Context, db *sql.DB, dialect Dialect, options ...SQLOption) (*SQL, error) {
	if db == nil || types[dialect] == nil {
		return nil, fmt.Errorf("%w: OpenSQL: a database and a dialect are required", ErrInvalidInput)
	}
	s := &SQL{db: db, dialect: dialect}
	for _, option := range options {
		if option == nil {
			return nil, fmt.Errorf("%w: OpenSQL: nil option", ErrInvalidInput)
		}
		if err := option(s); err != nil {
			return nil, err
		}
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("mirror: OpenSQL: %w", err)
	}
	return s, nil
}

// bind numbers the placeholders of a statement for PostgreSQL.
func (s *SQL) bind(query string) string {
	if s.dialect != PostgreSQL {
		return query
	}
	var b strings.Builder
	for i, n := 0, 0; i < len(query); i++ {
		if query[i] != '?' {
			b.WriteByte(query[i])
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

// inTx runs f in a transaction.
func (s *SQL) inTx(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

func (s *SQL) exec(ctx context.Context, tx *sql.Tx, query string, args ...any) error {
	_, err := tx.ExecContext(ctx, s.bind(query), args...)
	return err
}

// chunkSizes are the numbers of rows in a statement. There are few, so that drivers can cache the statements.
var chunkSizes = []int{256, 64, 16, 4, 1}

// chunks calls f for consecutive ranges [from, from+size) of n.
func chunks(n int, f func(from, size int) error) error {
	for from := 0; from < n; {
		for _, size := range chunkSizes {
			if size <= n-from {
				if err := f(from, size); err != nil {
					return err
				}
				from += size
				break
			}
		}
	}
	return nil
}

// insert inserts n rows with statements of many rows. conflict is the ON CONFLICT clause or "".
func (s *SQL) insert(ctx context.Context, tx *sql.Tx, table, columns, conflict string, n int, values func(i int) []any) error {
	count := strings.Count(columns, ",") + 1
	tuple := "(" + strings.Repeat("?,", count-1) + "?)"
	args := make([]any, 0, count*min(n, chunkSizes[0]))
	return chunks(n, func(from, size int) error {
		args = args[:0]
		for i := range size {
			args = append(args, values(from+i)...)
		}
		query := "INSERT INTO " + table + " (" + columns + ") VALUES " + strings.Repeat(tuple+",", size-1) + tuple + conflict
		return s.exec(ctx, tx, query, args...)
	})
}

// updateAll returns an ON CONFLICT clause that replaces all columns.
func updateAll(key, columns string) string {
	var set []string
	for column := range strings.SplitSeq(columns, ", ") {
		if !strings.Contains(key, column) {
			set = append(set, column+"=excluded."+column)
		}
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// forIDs runs a statement whose last condition is transaction_id IN (...).
func (s *SQL) forIDs(ctx context.Context, tx *sql.Tx, query string, ids []string, args ...any) error {
	return chunks(len(ids), func(from, size int) error {
		all := append([]any(nil), args...)
		for _, id := range ids[from : from+size] {
			all = append(all, id)
		}
		return s.exec(ctx, tx, query+" IN (?"+strings.Repeat(",?", size-1)+")", all...)
	})
}

// null returns nil for "".
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nullMinor(minor int64, ok bool) any {
	if !ok {
		return nil
	}
	return minor
}

func (s *SQL) load(ctx context.Context, userID string) (*state, error) {
	// The generation is read first: if the accounts are newer, the write fails.
	st := &state{accounts: map[string]accountState{}}
	err := s.db.QueryRowContext(ctx, s.bind(`SELECT generation, details, erased_at IS NOT NULL FROM basiq_user WHERE user_id = ?`), userID).
		Scan(&st.generation, &st.details, &st.erased)
	if errors.Is(err, sql.ErrNoRows) {
		return st, nil
	}
	if err != nil {
		return nil, err
	}
	return st, s.query(ctx, `SELECT account_id, version, hash, connection_id, settled, seen_from, read_fully, newest, missing_from, superseded_by, frozen
		FROM basiq_account WHERE user_id = ?`, func(scan func(...any) error) error {
		var id string
		var a accountState
		if err := scan(&id, &a.version, &a.hash, &a.connectionID, &a.settled, &a.seenFrom, &a.readFully, &a.newest, &a.missingFrom, &a.supersededBy, &a.frozen); err != nil {
			return err
		}
		st.accounts[id] = a
		return nil
	}, userID)
}

// query calls each for every row.
func (s *SQL) query(ctx context.Context, query string, each func(scan func(...any) error) error, args ...any) error {
	rows, err := s.db.QueryContext(ctx, s.bind(query), args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

const storedColumns = `SELECT transaction_id, account_id, hash, status, COALESCE(CAST(posted_at AS TEXT), ''), COALESCE(CAST(day AS TEXT), ''),
	COALESCE(CAST(made_on AS TEXT), ''), COALESCE(CAST(amount AS TEXT), ''), description, missing_from FROM basiq_transaction WHERE user_id = ? AND `

func (s *SQL) stored(ctx context.Context, condition string, args ...any) ([]*stored, error) {
	var all []*stored
	err := s.query(ctx, storedColumns+condition, func(scan func(...any) error) error {
		t := new(stored)
		all = append(all, t)
		return scan(&t.id, &t.accountID, &t.hash, &t.status, &t.postedAt, &t.day, &t.made, &t.amount, &t.description, &t.missingFrom)
	}, args...)
	return all, err
}

func (s *SQL) rows(ctx context.Context, userID, accountID, from string) (map[string]*stored, error) {
	condition, args := `account_id = ?`, []any{userID, accountID}
	if from != "" {
		condition += ` AND (posted_at >= ? OR posted_at IS NULL OR status = 'pending')`
		args = append(args, from)
	}
	all, err := s.stored(ctx, condition, args...)
	rows := make(map[string]*stored, len(all))
	for _, t := range all {
		rows[t.id] = t
	}
	return rows, err
}

func (s *SQL) find(ctx context.Context, userID string, ids []string) ([]*stored, error) {
	var found []*stored
	err := chunks(len(ids), func(from, size int) error {
		args := []any{userID}
		for _, id := range ids[from : from+size] {
			args = append(args, id)
		}
		some, err := s.stored(ctx, `transaction_id IN (?`+strings.Repeat(",?", size-1)+`)`, args...)
		found = append(found, some...)
		return err
	})
	return found, err
}

func (s *SQL) countPosted(ctx context.Context, userID, accountID string) (n int, err error) {
	err = s.db.QueryRowContext(ctx, s.bind(`SELECT COUNT(*) FROM basiq_transaction WHERE user_id = ? AND account_id = ? AND status <> 'pending'`), userID, accountID).Scan(&n)
	return n, err
}

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
		balance, balanceMinor, hasBalance := money(a.Balance, a.Currency)
		available, availableMinor, hasAvailable := money(a.AvailableFunds, a.Currency)
		amounts := []any{null(balance), nullMinor(balanceMinor, hasBalance), null(available), nullMinor(availableMinor, hasAvailable)}
		values := append([]any{b.userID, a.ID, text(a.Connection.ID), text(a.Institution.ID), text(basiq.AccountName(a)), text(a.AccountNo), text(a.Class.Type),
			text(string(a.Status)), text(string(a.AccountOwnership)), text(a.Currency)}, amounts...)
		values = append(values, null(instant(a.LastUpdated)), st.supersededBy, st.frozen, st.settled, text(st.version), st.seenFrom, st.readFully, st.newest,
			st.missingFrom, st.hash, string(b.account.payload))
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
	for old, newer := range b.superseded {
		if err := s.exec(ctx, tx, `UPDATE basiq_account SET superseded_by = ? WHERE user_id = ? AND account_id = ?`, newer, b.userID, old); err != nil {
			return err
		}
	}
	if b.freeze != "" {
		if err := s.exec(ctx, tx, `UPDATE basiq_account SET frozen = TRUE WHERE user_id = ? AND account_id = ?`, b.userID, b.freeze); err != nil {
			return err
		}
	}
	if b.missingAccount != "" {
		if err := s.exec(ctx, tx, `UPDATE basiq_account SET missing_from = ? WHERE user_id = ? AND account_id = ?`, b.at, b.userID, b.missingAccount); err != nil {
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
	if err := s.forIDs(ctx, tx, `DELETE FROM basiq_transaction WHERE user_id = ? AND transaction_id`, b.removed, b.userID); err != nil {
		return err
	}
	// A modified row keeps the link to its pending transaction.
	upsert := updateAll("user_id, transaction_id, pending_id", transactionColumns)
	upsert = strings.Replace(upsert, "user_id, transaction_id, pending_id", "user_id, transaction_id", 1)
	if err := s.insert(ctx, tx, "basiq_transaction", transactionColumns, upsert, len(b.upserts), func(i int) []any {
		r := b.upserts[i]
		return []any{b.userID, r.id, r.accountID, r.connectionID, r.institutionID, r.status, null(string(r.day)), null(string(r.made)), null(r.postedAt),
			null(r.amount), nullMinor(r.minor, r.hasMinor), r.currency, r.direction, r.description, r.class, r.category, r.merchant, r.pendingID, "",
			r.hash, string(r.payload)}
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

func (s *SQL) writeDetails(ctx context.Context, tx *sql.Tx, b *batch) error {
	d := b.details
	if err := s.exec(ctx, tx, `UPDATE basiq_user SET details = ? WHERE user_id = ?`, d.hash, b.userID); err != nil {
		return err
	}
	if err := s.exec(ctx, tx, `DELETE FROM basiq_connection WHERE user_id = ?`, b.userID); err != nil {
		return err
	}
	if err := s.exec(ctx, tx, `DELETE FROM basiq_consent WHERE user_id = ?`, b.userID); err != nil {
		return err
	}
	if err := s.insert(ctx, tx, "basiq_connection", `user_id, connection_id, institution_id, status, method, created_at, last_used, expires_at, payload`, "",
		len(d.connections), func(i int) []any {
			c := &d.connections[i].connection
			return []any{b.userID, c.ID, text(c.Institution.ID), text(string(c.Status)), text(string(c.Method)), null(instant(c.CreatedDate)),
				null(instant(c.LastUsed)), null(instant(c.ExpiryDate)), string(d.connections[i].payload)}
		}); err != nil {
		return err
	}
	return s.insert(ctx, tx, "basiq_consent", `user_id, consent_id, status, created_at, expires_at, payload`, "", len(d.consents), func(i int) []any {
		c := &d.consents[i].consent
		return []any{b.userID, c.ID, text(string(c.Status)), null(instant(c.Created)), null(instant(c.ExpiryDate)), string(d.consents[i].payload)}
	})
}

func (s *SQL) changes(ctx context.Context, userID string, after Position, limit int) ([]Change, error) {
	var erased bool
	var start Position
	err := s.db.QueryRowContext(ctx, s.bind(`SELECT erased_at IS NOT NULL, feed_start FROM basiq_user WHERE user_id = ?`), userID).Scan(&erased, &start)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if erased || after > 0 && after <= start {
		return nil, ErrErased
	}
	var page []Change
	err = s.query(ctx, `SELECT c.position, c.kind, c.account_id, c.transaction_id, c.day, c.pending_id, c.candidates, COALESCE(CAST(t.payload AS TEXT), '')
		FROM basiq_change c LEFT JOIN basiq_transaction t ON t.user_id = c.user_id AND t.transaction_id = c.transaction_id
		WHERE c.user_id = ? AND c.position > ? ORDER BY c.position LIMIT `+strconv.Itoa(limit), func(scan func(...any) error) error {
		c := Change{UserID: userID}
		var candidates, payload string
		if err := scan(&c.Position, &c.Kind, &c.AccountID, &c.TransactionID, &c.Day, &c.PendingID, &candidates, &payload); err != nil {
			return err
		}
		c.Candidates = strings.Fields(candidates)
		if payload != "" && c.Kind != KindRemoved {
			c.Transaction = new(basiq.Transaction)
			var mistyped *api.MistypedError
			if err := api.Unmarshal([]byte(payload), c.Transaction); err != nil && !errors.As(err, &mistyped) {
				return err
			}
		}
		page = append(page, c)
		return nil
	}, userID, int64(after))
	return page, err
}

func (s *SQL) erase(ctx context.Context, record Deletion) (Deletion, error) {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		// The first statement locks the user, so that the others see what a sync in flight has committed.
		if err := s.exec(ctx, tx, `INSERT INTO basiq_user (user_id, generation, position, feed_start, details) VALUES (?, 0, 0, 0, '') ON CONFLICT DO NOTHING`, record.UserID); err != nil {
			return err
		}
		var generation int64
		err := tx.QueryRowContext(ctx, s.bind(`UPDATE basiq_user SET generation = generation + 1, erased_at = ?, feed_start = position, details = ''
			WHERE user_id = ? AND erased_at IS NULL RETURNING generation`), record.Time.Format(instantFormat), record.UserID).Scan(&generation)
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, s.bind(`SELECT consent_id FROM basiq_consent WHERE user_id = ? ORDER BY consent_id`), record.UserID)
		if err != nil {
			return err
		}
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return errors.Join(err, rows.Close())
			}
			record.ConsentIDs = append(record.ConsentIDs, id)
		}
		if err := cmp.Or(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for _, table := range []struct {
			name  string
			count *int
		}{{"transaction", &record.Transactions}, {"account", &record.Accounts}, {"change", &record.Changes}, {"balance", nil}, {"connection", nil}, {"consent", nil}, {"task", nil}} {
			result, err := tx.ExecContext(ctx, s.bind(`DELETE FROM basiq_`+table.name+` WHERE user_id = ?`), record.UserID)
			if err != nil {
				return err
			}
			if n, err := result.RowsAffected(); err == nil && table.count != nil {
				*table.count = int(n)
			}
		}
		if err := s.exec(ctx, tx, `INSERT INTO basiq_deletion (user_id, erased_at, reason, consent_ids, accounts, transactions, changes, generation) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			record.UserID, record.Time.Format(instantFormat), string(record.Reason), strings.Join(record.ConsentIDs, " "), record.Accounts, record.Transactions,
			record.Changes, generation); err != nil {
			return err
		}
		if s.hook == nil {
			return nil
		}
		return s.hook(ctx, tx, []Change{{Kind: KindErased, UserID: record.UserID}})
	})
	if errors.Is(err, sql.ErrNoRows) { // erased before
		all, err := s.deletions(ctx, record.UserID)
		if err != nil || len(all) == 0 {
			return Deletion{}, err
		}
		return all[len(all)-1], nil
	}
	if err != nil {
		return Deletion{}, err
	}
	return record, nil
}

func (s *SQL) deletions(ctx context.Context, userID string) ([]Deletion, error) {
	var all []Deletion
	err := s.query(ctx, `SELECT erased_at, reason, consent_ids, accounts, transactions, changes FROM basiq_deletion WHERE user_id = ? ORDER BY generation`, func(scan func(...any) error) error {
		d := Deletion{UserID: userID}
		var erased any
		var consents string
		if err := scan(&erased, &d.Reason, &consents, &d.Accounts, &d.Transactions, &d.Changes); err != nil {
			return err
		}
		switch at := erased.(type) {
		case time.Time:
			d.Time = at.UTC()
		case string:
			d.Time, _ = time.Parse(instantFormat, at)
		}
		d.ConsentIDs = strings.Fields(consents)
		all = append(all, d)
		return nil
	}, userID)
	return all, err
}

func (s *SQL) readmit(ctx context.Context, userID string) error {
	_, err := s.db.ExecContext(ctx, s.bind(`UPDATE basiq_user SET generation = generation + 1, erased_at = NULL WHERE user_id = ? AND erased_at IS NOT NULL`), userID)
	return err
}

func (s *SQL) receive(ctx context.Context, ids []string, at time.Time, work task) (fresh bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		fresh = true
		for _, id := range ids {
			result, err := tx.ExecContext(ctx, s.bind(`INSERT INTO basiq_delivery (delivery_id, received_at) VALUES (?, ?) ON CONFLICT DO NOTHING`), id, at.UTC().Format(instantFormat))
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			fresh = fresh && n == 1
		}
		if fresh && work.userID != "" {
			if err := s.exec(ctx, tx, `INSERT INTO basiq_task (user_id, kind, sequence) VALUES (?, ?, 1) ON CONFLICT (user_id, kind) DO UPDATE SET sequence = basiq_task.sequence + 1`,
				work.userID, string(work.kind)); err != nil {
				return err
			}
		}
		// Basiq delivers and lists events for 7 days.
		return s.exec(ctx, tx, `DELETE FROM basiq_delivery WHERE received_at < ?`, at.Add(-deliveryMemory).UTC().Format(instantFormat))
	})
	return fresh, err
}

func (s *SQL) tasks(ctx context.Context, limit int) ([]task, error) {
	var all []task
	err := s.query(ctx, `SELECT user_id, kind, sequence FROM basiq_task ORDER BY user_id, kind LIMIT `+strconv.Itoa(limit), func(scan func(...any) error) error {
		var t task
		if err := scan(&t.userID, &t.kind, &t.sequence); err != nil {
			return err
		}
		all = append(all, t)
		return nil
	})
	return all, err
}

func (s *SQL) finish(ctx context.Context, done task) error {
	_, err := s.db.ExecContext(ctx, s.bind(`DELETE FROM basiq_task WHERE user_id = ? AND kind = ? AND sequence = ?`), done.userID, string(done.kind), done.sequence)
	return err
}
