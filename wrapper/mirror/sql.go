package mirror

import (
	"context"
	"database/sql"
	"fmt"
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

// bind puts the placeholders of a statement in the form of the dialect.
func (s *SQL) bind(query string) string { return s.dialect.Bind(query) }

// inTx runs f in a transaction.
func (s *SQL) inTx(ctx context.Context, f func(tx *sql.Tx) error) error { return inTx(ctx, s.db, f) }

func inTx(ctx context.Context, db *sql.DB, f func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it does nothing after Commit
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *SQL) exec(ctx context.Context, tx *sql.Tx, query string, args ...any) error {
	_, err := tx.ExecContext(ctx, s.bind(query), args...)
	return err
}

// chunkSizes are the numbers of rows in a statement. There are few, so that drivers can cache the statements.
var chunkSizes = []int{256, 64, 16, 4, 1}

// chunks calls f for consecutive ranges [from, from+size) of n. The sizes end with 1.
func chunks(sizes []int, n int, f func(from, size int) error) error {
	for from := 0; from < n; {
		for _, size := range sizes {
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
	sizes := chunkSizes
	if s.dialect == SQLite {
		sizes = sizes[2:] // it parses each statement, which takes longer than executing several small ones
	}
	args := make([]any, 0, count*min(n, sizes[0]))
	var statement *sql.Stmt
	prepared := 0
	return chunks(sizes, n, func(from, size int) error {
		args = args[:0]
		for i := range size {
			args = append(args, values(from+i)...)
		}
		//nolint:gosec // the names are constants
		query := "INSERT INTO " + table + " (" + columns + ") VALUES " + strings.Repeat(tuple+",", size-1) + tuple + conflict
		if s.dialect != SQLite || n-from < 2*size && size != prepared {
			return s.exec(ctx, tx, query, args...)
		}
		if size != prepared { // SQLite would parse it for each chunk; drivers of PostgreSQL cache statements
			var err error
			if statement, err = tx.PrepareContext(ctx, query); err != nil {
				return err
			}
			prepared = size
		}
		_, err := statement.ExecContext(ctx, args...)
		return err
	})
}

// updateAll returns an ON CONFLICT clause that replaces all columns, except for the key and the kept columns.
func updateAll(key, columns string, kept ...string) string {
	kept = append(kept, strings.Split(key, ", ")...)
	var set []string
	for column := range strings.SplitSeq(columns, ", ") {
		if !slices.Contains(kept, column) {
			set = append(set, column+"=excluded."+column)
		}
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// forIDs runs a statement whose last condition is transaction_id IN (...).
func (s *SQL) forIDs(ctx context.Context, tx *sql.Tx, query string, ids []string, args ...any) error {
	return chunks(chunkSizes, len(ids), func(from, size int) error {
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
