package mirror

import (
	"context"
	"database/sql"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// SQL is a [Store] in a SQLite or PostgreSQL database. Open SQLite with a busy timeout, and with write-ahead logging if
// several connections use it.
type SQL struct {
	db      *sql.DB
	dialect Dialect
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
	if db == nil || types[dialect] == nil {
		return nil, invalidInput("OpenSQL", "a database and a dialect are required")
	}
	s := &SQL{db: db, dialect: dialect}
	if err := configure("OpenSQL", s, options); err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("mirror: OpenSQL: %w", err)
	}
	return s, nil
}

// inTx runs f in a transaction.
func (s *SQL) inTx(ctx context.Context, f func(tx *dbTx) error) error {
	return s.dialect.inTx(ctx, s.db, f)
}

func (d Dialect) inTx(ctx context.Context, db *sql.DB, f func(tx *dbTx) error) error {
	began, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = began.Rollback() }() // it does nothing after Commit
	tx := &dbTx{Tx: began, dialect: d}
	if err := f(tx); err != nil {
		return err
	}
	if tx.err != nil {
		return tx.err
	}
	return tx.Commit()
}

// dbTx is a database transaction that keeps the first error: the statements after it are not executed, and it is not
// committed.
type dbTx struct {
	*sql.Tx

	dialect Dialect
	err     error
}

// exec executes a statement and returns the number of rows that it changed.
func (tx *dbTx) exec(ctx context.Context, statement string, args ...any) (changed int64) {
	if tx.err != nil {
		return 0
	}
	result, err := tx.ExecContext(ctx, tx.dialect.Bind(statement), args...)
	if err == nil {
		changed, err = result.RowsAffected()
	}
	tx.err = err
	return changed
}

// row executes a statement whose result is one value, and stores it. Without a row it returns [sql.ErrNoRows].
func (tx *dbTx) row(ctx context.Context, value any, statement string, args ...any) error {
	if tx.err != nil {
		return tx.err
	}
	return tx.QueryRowContext(ctx, tx.dialect.Bind(statement), args...).Scan(value)
}

// rowsPerStatement is how many rows a statement has at most.
var rowsPerStatement = map[Dialect]int{
	SQLite:     16, // it parses each statement, which takes longer than executing several small ones
	PostgreSQL: 256,
}

// chunks calls f for consecutive ranges of n, whose sizes are powers of two, so that drivers can cache the statements.
func chunks(most, n int, f func(from, to int) error) error {
	for from := 0; from < n; {
		to := from + min(most, 1<<(bits.Len(uint(n-from))-1))
		if err := f(from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// insert inserts n rows with statements of many rows. conflict is the ON CONFLICT clause or "".
func (tx *dbTx) insert(ctx context.Context, table, columns, conflict string, n int, values func(i int) []any) {
	if tx.err != nil {
		return
	}
	tuple := "(?" + strings.Repeat(",?", strings.Count(columns, ",")) + ")"
	var (
		args      []any
		size      int
		query     string
		statement *sql.Stmt // nil for PostgreSQL, whose drivers cache statements
	)
	tx.err = chunks(rowsPerStatement[tx.dialect], n, func(from, to int) (err error) {
		if to-from != size {
			size = to - from
			query = tx.dialect.Bind("INSERT INTO " + table + " (" + columns + ") VALUES " + tuple + strings.Repeat(","+tuple, size-1) + conflict)
			if tx.dialect == SQLite {
				if statement, err = tx.PrepareContext(ctx, query); err != nil {
					return err
				}
			}
		}
		args = args[:0]
		for i := from; i < to; i++ {
			args = append(args, values(i)...)
		}
		if statement == nil {
			_, err = tx.ExecContext(ctx, query, args...)
		} else {
			_, err = statement.ExecContext(ctx, args...)
		}
		return err
	})
}

const idsPerStatement = 256

// forIDs executes a statement whose last condition is transaction_id, for many IDs.
func (tx *dbTx) forIDs(ctx context.Context, statement string, ids []string, args ...any) {
	_ = chunks(idsPerStatement, len(ids), func(from, to int) error {
		tx.exec(ctx, statement+in(to-from), append(slices.Clip(args), anySlice(ids[from:to])...)...)
		return tx.err
	})
}

// in returns the condition that a column has one of n values.
func in(n int) string { return " IN (?" + strings.Repeat(",?", n-1) + ")" }

func anySlice(list []string) []any {
	values := make([]any, len(list))
	for i, v := range list {
		values[i] = v
	}
	return values
}

// updateAll returns an ON CONFLICT clause that replaces all columns. Those of the key are equal already.
func updateAll(key, columns string) string {
	var set []string
	for column := range strings.SplitSeq(columns, ", ") {
		set = append(set, column+"=excluded."+column)
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// queryer is a *sql.DB or *sql.Tx.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// query returns the rows of a query. fields returns where the columns of a row are stored.
func query[T any](ctx context.Context, db queryer, query string, fields func(row *T) []any, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		var row T
		if err := rows.Scan(fields(&row)...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// null returns nil for "".
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
