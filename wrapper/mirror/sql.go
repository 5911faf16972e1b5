package mirror

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

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

// inTx runs f in a transaction.
func (s *SQL) inTx(ctx context.Context, f func(tx *sqldb.Tx) error) error {
	return s.dialect.InTx(ctx, s.db, f)
}

// query returns the rows of a query. fields returns where the columns of a row are stored.
func query[T any](ctx context.Context, s *SQL, query string, fields func(row *T) []any, args ...any) ([]T, error) {
	return sqldb.Query(ctx, s.db, s.dialect, query, fields, args...)
}

func (s *SQL) load(ctx context.Context, userID string) (*state, error) {
	// The generation is read first: if the accounts are newer, the write fails.
	users, err := query(ctx, s, `SELECT generation, details, feed_start, erased_at IS NOT NULL FROM basiq_user WHERE user_id = ?`, func(st *state) []any {
		return []any{&st.generation, &st.details, &st.start, &st.erased}
	}, userID)
	if err != nil || len(users) == 0 {
		return newState(), err
	}
	st := &users[0]
	accounts, err := query(ctx, s, `SELECT account_id, `+stateColumns+` FROM basiq_account WHERE user_id = ?`, func(a *accountState) []any {
		return append([]any{&a.id}, a.columns()...)
	}, userID)
	st.accounts = make(map[string]accountState, len(accounts))
	for _, a := range accounts {
		st.accounts[a.id] = a
	}
	return st, err
}

// stateColumns are the columns of an accountState.
const stateColumns = `version, hash, connection_id, settled, seen_from, read_fully, newest, missing, missing_from, superseded_by, frozen`

// columns returns pointers to the values of stateColumns.
func (a *accountState) columns() []any {
	return []any{&a.version, &a.hash, &a.connectionID, &a.settled, &a.seenFrom, &a.readFully, &a.newest, &a.missing, &a.missingFrom, &a.supersededBy, &a.frozen}
}

const storedColumns = `SELECT transaction_id, account_id, hash, status, COALESCE(CAST(posted_at AS TEXT), ''), day, made_on,
	COALESCE(CAST(amount AS TEXT), ''), description, pending_id FROM basiq_transaction WHERE user_id = ? AND `

// stored adds the transactions that meet a condition to found.
func (s *SQL) stored(ctx context.Context, found map[string]*stored, condition string, args ...any) error {
	all, err := query(ctx, s, storedColumns+condition, func(t *stored) []any {
		return []any{&t.id, &t.accountID, &t.hash, &t.status, &t.postedAt, (*date)(&t.day), (*date)(&t.made), &t.amount, &t.description, &t.pendingID}
	}, args...)
	for i := range all {
		found[all[i].id] = &all[i]
	}
	return err
}

func (s *SQL) rows(ctx context.Context, userID, accountID, from string) (map[string]*stored, error) {
	found := map[string]*stored{}
	if from == "" {
		return found, s.stored(ctx, found, `account_id = ?`, userID, accountID)
	}
	return found, s.stored(ctx, found, `account_id = ? AND (posted_at >= ? OR posted_at IS NULL OR status = 'pending')`, userID, accountID, from)
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
	return query(ctx, s, `SELECT c.user_id, c.position, c.kind, c.account_id, c.transaction_id, c.day, c.pending_id, c.candidates, COALESCE(CAST(t.payload AS TEXT), '')
		FROM (SELECT * FROM basiq_change WHERE user_id = ? AND position > ? ORDER BY position LIMIT `+strconv.Itoa(limit)+`) c
		LEFT JOIN basiq_transaction t ON t.user_id = c.user_id AND t.transaction_id = c.transaction_id ORDER BY c.position`, func(c *Change) []any {
		return []any{&c.UserID, &c.Position, &c.Kind, &c.AccountID, &c.TransactionID, &c.Day, &c.PendingID, (*words)(&c.Candidates), &c.payload}
	}, userID, int64(after))
}

func (s *SQL) receive(ctx context.Context, ids []string, at time.Time, work Work) (fresh bool, err error) {
	err = s.inTx(ctx, func(tx *sqldb.Tx) error {
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

func (s *SQL) queued(ctx context.Context, after Work) ([]Work, error) {
	return query(ctx, s, `SELECT user_id, reason, sequence FROM basiq_task WHERE (user_id, reason) > (?, ?) ORDER BY user_id, reason LIMIT 100`, func(t *Work) []any {
		return []any{&t.UserID, &t.Reason, &t.sequence}
	}, after.UserID, string(after.Reason))
}

func (s *SQL) finish(ctx context.Context, done Work) error {
	return s.inTx(ctx, func(tx *sqldb.Tx) error {
		tx.Exec(ctx, `DELETE FROM basiq_task WHERE user_id = ? AND reason = ? AND sequence = ?`, done.UserID, string(done.Reason), done.sequence)
		return nil
	})
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
	if text.String != "" {
		*w = strings.Fields(text.String)
	}
	return err
}
