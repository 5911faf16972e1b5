package mirror

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
)

// Dialect is the SQL dialect of a database.
type Dialect string

// The dialects.
const (
	SQLite     = Dialect(sqldb.SQLite)
	PostgreSQL = Dialect(sqldb.PostgreSQL)
)

// ErrSchema is returned by [SQL.Migrate] if the database has a newer schema than this version of the package.
var ErrSchema = sqldb.ErrNewerSchema

// migrations are the versions of the schema. Released versions never change.
var migrations = []string{migration1}

//go:embed schema/1.sql
var migration1 string

// Schema returns the statements that create the current schema, for users of other migration tools. Do not call
// [SQL.Migrate] then.
func Schema(d Dialect) []string {
	return sqldb.Dialect(d).Statements(strings.Join(migrations, ""))
}

// SQL is a [Store] in a SQLite or PostgreSQL database. Open SQLite with a busy timeout, and with write-ahead logging if
// several connections use it.
type SQL struct {
	db      *sql.DB
	dialect sqldb.Dialect
	hook    func(ctx context.Context, tx *sql.Tx, changes []Change) error
	// onDelivery stores the work of an event. If it is nil, the store keeps it in basiq_task.
	onDelivery func(ctx context.Context, tx *sql.Tx, work Work) error
}

// A SQLOption configures an [SQL]. If an option is given more than once, the last one takes effect.
type SQLOption func(*SQL)

// InTx sets a function that is called in every database transaction that changes transactions, before it is committed.
// What it writes with tx is committed with the mirror or not at all. If it returns an error, the sync fails with it. It must
// use neither the database outside tx nor the mirror.
//
// All changes belong to one user. If the user is erased, the only change is of [KindErased]: delete the user's rows then.
func InTx(hook func(ctx context.Context, tx *sql.Tx, changes []Change) error) SQLOption {
	return func(s *SQL) { s.hook = hook }
}

// OnDelivery sets a function that is called in every database transaction that stores an event of an [Inbox], before it is
// committed. It stores the work with tx, for example as a job of a queue. It is called once for each
// event that asks for work. If it returns an error, nothing is stored and Basiq delivers the event again.
//
// By default the store keeps the work for [Inbox.Work]. With OnDelivery there is nothing left for Inbox.Work to do.
func OnDelivery(hook func(ctx context.Context, tx *sql.Tx, work Work) error) SQLOption {
	return func(s *SQL) { s.onDelivery = hook }
}

// OpenSQL returns a store in a database. It checks the connection and changes nothing; see [SQL.Migrate].
func OpenSQL(ctx context.Context, db *sql.DB, dialect Dialect, options ...SQLOption) (*SQL, error) {
	if db == nil || !sqldb.Dialect(dialect).Valid() {
		return nil, invalidInput("OpenSQL", "a database and a dialect are required")
	}
	s := &SQL{db: db, dialect: sqldb.Dialect(dialect)}
	if err := configure("OpenSQL", s, options); err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("mirror: OpenSQL: %w", err)
	}
	return s, nil
}

// Migrate creates or updates the tables, whose names begin with basiq_. It is safe to call concurrently, does nothing if
// the schema is current, and returns [ErrSchema] if it is newer.
func (s *SQL) Migrate(ctx context.Context) error {
	if err := s.dialect.Migrate(ctx, s.db, "basiq_migration", migrations...); err != nil {
		return fmt.Errorf("mirror: Migrate: %w", err)
	}
	return nil
}

func (s *SQL) load(ctx context.Context, userID string) (*state, error) {
	// The generation is read first: if the accounts are newer, the write fails.
	users, err := sqldb.Query(ctx, s.db, s.dialect, `SELECT generation, details, feed_start, erased_at IS NOT NULL FROM basiq_user WHERE user_id = ?`, func(st *state) []any {
		return []any{&st.generation, &st.details, &st.start, &st.erased}
	}, userID)
	if err != nil || len(users) == 0 {
		return newState(), err
	}
	st := &users[0]
	accounts, err := sqldb.Query(ctx, s.db, s.dialect, `SELECT account_id, `+stateColumns+` FROM basiq_account WHERE user_id = ?`, func(a *accountState) []any {
		return append([]any{&a.id}, a.columns()...)
	}, userID)
	st.accounts = make(map[string]accountState, len(accounts))
	for _, a := range accounts {
		st.accounts[a.id] = a
	}
	return st, err
}

// stateColumns are the columns of an accountState.
const stateColumns = `version, hash, connection_id, settled, seen_from, read_fully, newest, oldest, missing, missing_from, superseded_by, counted_before`

// columns returns pointers to the values of stateColumns.
func (a *accountState) columns() []any {
	return []any{&a.version, &a.hash, &a.connectionID, &a.settled, &a.seenFrom, &a.readFully, &a.newest, &a.oldest, &a.missing, &a.missingFrom, &a.supersededBy, &a.countedBefore}
}

const storedColumns = `SELECT transaction_id, account_id, hash, status, COALESCE(CAST(posted_at AS TEXT), ''), day, made_on,
	COALESCE(CAST(amount AS TEXT), ''), description, pending_id FROM basiq_transaction WHERE user_id = ? AND `

// stored adds the transactions that meet a condition to found.
func (s *SQL) stored(ctx context.Context, found map[string]*stored, condition string, args ...any) error {
	all, err := sqldb.Query(ctx, s.db, s.dialect, storedColumns+condition, func(t *stored) []any {
		return []any{&t.id, &t.accountID, &t.hash, &t.status, &t.postedAt, (*date)(&t.day), (*date)(&t.made), &t.amount, &t.description, &t.pendingID}
	}, args...)
	for i := range all {
		found[all[i].id] = &all[i]
	}
	return err
}

func (s *SQL) rows(ctx context.Context, userID, accountID, from string) (map[string]*stored, error) {
	found := map[string]*stored{}
	return found, s.stored(ctx, found, `account_id = ? AND (posted_at >= ? OR posted_at IS NULL OR status = 'pending')`, userID, accountID, cmp.Or(from, earliest))
}

func (s *SQL) find(ctx context.Context, userID string, ids []string) (map[string]*stored, error) {
	found := map[string]*stored{}
	for part := range sqldb.Parts(ids) {
		condition, args := sqldb.In(part)
		if err := s.stored(ctx, found, `transaction_id`+condition, append([]any{userID}, args...)...); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *SQL) changes(ctx context.Context, userID string, after Position, limit int) ([]Change, error) {
	// The limit is within the subquery, so that no planner joins the whole feed.
	return sqldb.Query(ctx, s.db, s.dialect, `SELECT c.user_id, c.position, c.kind, c.account_id, c.transaction_id, c.day, c.pending_id, c.candidates, COALESCE(CAST(t.payload AS TEXT), '')
		FROM (SELECT * FROM basiq_change WHERE user_id = ? AND position > ? ORDER BY position LIMIT `+strconv.Itoa(limit)+`) c
		LEFT JOIN basiq_transaction t ON t.user_id = c.user_id AND t.transaction_id = c.transaction_id ORDER BY c.position`, func(c *Change) []any {
		return []any{&c.UserID, &c.Position, &c.Kind, &c.AccountID, &c.TransactionID, &c.Day, &c.PendingID, (*words)(&c.Candidates), &c.payload}
	}, userID, int64(after))
}

const insertUser = `INSERT INTO basiq_user (user_id, generation, position, feed_start, details) VALUES (?, 0, 0, 0, '') ON CONFLICT DO NOTHING`

func (s *SQL) apply(ctx context.Context, userID string, generation int64, b *batch) error {
	return s.dialect.InTx(ctx, s.db, func(tx *sqldb.Tx) error {
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
		tx.Exec(ctx, `UPDATE basiq_account SET superseded_by = ?, counted_before = ?, settled = ?, missing = ?, missing_from = ? WHERE user_id = ? AND account_id = ?`,
			st.supersededBy, st.countedBefore, st.settled, st.missing, st.missingFrom, b.userID, st.id)
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
	err := s.dialect.InTx(ctx, s.db, func(tx *sqldb.Tx) error {
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
	if err != nil {
		return Deletion{}, err
	}
	return record, nil
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
	_, err := s.db.ExecContext(ctx, s.dialect.Bind(`UPDATE basiq_user SET generation = generation + 1, erased_at = NULL WHERE user_id = ? AND erased_at IS NOT NULL`), userID)
	return err
}

func (s *SQL) receive(ctx context.Context, ids []string, at time.Time, work Work) (fresh bool, err error) {
	err = s.dialect.InTx(ctx, s.db, func(tx *sqldb.Tx) error {
		fresh = true
		for _, id := range ids {
			fresh = tx.Exec(ctx, `INSERT INTO basiq_delivery (delivery_id, received_at) VALUES (?, ?) ON CONFLICT DO NOTHING`, id, at.UTC().Format(instantFormat)) == 1 && fresh
		}
		// Basiq delivers and lists events for 7 days.
		tx.Exec(ctx, `DELETE FROM basiq_delivery WHERE received_at < ?`, at.Add(-deliveryMemory).UTC().Format(instantFormat))
		switch {
		case tx.Err() != nil || !fresh || work.UserID == "":
		case s.onDelivery != nil:
			return s.onDelivery(ctx, tx.Tx, work)
		default:
			tx.Exec(ctx, `INSERT INTO basiq_task (user_id, reason, sequence) VALUES (?, ?, 1) ON CONFLICT (user_id, reason) DO UPDATE SET sequence = basiq_task.sequence + 1`,
				work.UserID, string(work.Reason))
		}
		return tx.Err()
	})
	return fresh, err
}

func (s *SQL) queued(ctx context.Context) ([]Work, error) {
	return sqldb.Query(ctx, s.db, s.dialect, `SELECT user_id, reason, sequence FROM basiq_task ORDER BY user_id, reason`, func(t *Work) []any {
		return []any{&t.UserID, &t.Reason, &t.sequence}
	})
}

func (s *SQL) finish(ctx context.Context, done Work) error {
	_, err := s.db.ExecContext(ctx, s.dialect.Bind(`DELETE FROM basiq_task WHERE user_id = ? AND reason = ? AND sequence = ?`), done.UserID, string(done.Reason), done.sequence)
	return err
}

// date is the text of a day. PostgreSQL formats days by its setting DateStyle if it converts them to text.
type date string

// Scan implements [sql.Scanner].
func (d *date) Scan(value any) error {
	var text sql.NullString // a time in RFC 3339 for PostgreSQL
	err := text.Scan(value)
	*d = date(text.String[:min(len(text.String), len(time.DateOnly))])
	return err
}

// words is a list of IDs that a column holds as words.
type words []string

// Scan implements [sql.Scanner].
func (w *words) Scan(value any) error {
	var text sql.NullString
	err := text.Scan(value)
	*w = append(*w, strings.Fields(text.String)...) // nil if there are none
	return err
}

func null(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
