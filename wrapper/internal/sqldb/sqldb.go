// Package sqldb executes statements in SQLite and PostgreSQL databases with database/sql. Packages mirror and fleet use it.
package sqldb

import (
	"context"
	"database/sql"
	"iter"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Dialect is the SQL dialect of a database.
type Dialect string

// The dialects.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgresql"
)

// Valid reports whether the dialect is supported.
func (d Dialect) Valid() bool { return types[d] != nil }

// Bind returns a statement with its placeholders, which are question marks, in the form of the dialect. A statement must
// not contain other question marks.
func (d Dialect) Bind(query string) string {
	if d != PostgreSQL {
		return query
	}
	var b strings.Builder
	b.Grow(3 * len(query))
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		query = after
	}
}

// InTx runs f in a transaction, which is committed unless f returns an error.
func InTx(ctx context.Context, db *sql.DB, f func(tx *sql.Tx) error) error {
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

// InTx runs f in a transaction, which is committed unless f returns an error or a statement failed.
func (d Dialect) InTx(ctx context.Context, db *sql.DB, f func(tx *Tx) error) error {
	return InTx(ctx, db, func(tx *sql.Tx) error {
		t := &Tx{Tx: tx, dialect: d}
		if err := f(t); err != nil {
			return err
		}
		return t.err
	})
}

// Tx is a database transaction that keeps the first error: the statements after it are not executed.
type Tx struct {
	*sql.Tx

	dialect Dialect
	err     error
}

// Err returns the first error.
func (tx *Tx) Err() error { return tx.err }

// Exec executes a statement and returns the number of rows that it changed.
func (tx *Tx) Exec(ctx context.Context, statement string, args ...any) (changed int64) {
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

// Get executes a statement whose result is one value, and stores it. Without a row it returns [sql.ErrNoRows], which is not
// kept.
func (tx *Tx) Get(ctx context.Context, value any, statement string, args ...any) error {
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

// Insert inserts n rows with statements of many rows. conflict is the ON CONFLICT clause or "".
func (tx *Tx) Insert(ctx context.Context, table, columns, conflict string, n int, values func(i int) []any) {
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
	for from, to := range chunks(rowsPerStatement[tx.dialect], n) {
		if to-from != size {
			size = to - from
			query = tx.dialect.Bind("INSERT INTO " + table + " (" + columns + ") VALUES " + tuple + strings.Repeat(","+tuple, size-1) + conflict)
			if tx.dialect == SQLite {
				if statement, tx.err = tx.PrepareContext(ctx, query); tx.err != nil {
					return
				}
			}
		}
		args = args[:0]
		for i := from; i < to; i++ {
			args = append(args, values(i)...)
		}
		if statement == nil {
			_, tx.err = tx.ExecContext(ctx, query, args...)
		} else {
			_, tx.err = statement.ExecContext(ctx, args...)
		}
		if tx.err != nil {
			return
		}
	}
}

// Upsert is Insert for a row whose key may exist, which it replaces.
func (tx *Tx) Upsert(ctx context.Context, table, key, columns string, n int, values func(i int) []any) {
	var set []string
	for column := range strings.SplitSeq(columns, ", ") { // those of the key are equal already
		set = append(set, column+"=excluded."+column)
	}
	tx.Insert(ctx, table, columns, " ON CONFLICT ("+key+") DO UPDATE SET "+strings.Join(set, ", "), n, values)
}

// ExecIn executes a statement that ends with the name of a column, for the rows in which it has one of the values. args are
// the arguments before them.
func (tx *Tx) ExecIn(ctx context.Context, statement string, in []string, args ...any) {
	for part := range Parts(in) {
		condition, values := In(part)
		tx.Exec(ctx, statement+condition, slices.Concat(args, values)...)
	}
}

// In returns the condition that a column has one of the values, and the values as arguments. There must be at least one.
func In(in []string) (condition string, args []any) {
	for _, v := range in {
		args = append(args, v)
	}
	return " IN (?" + strings.Repeat(",?", len(in)-1) + ")", args
}

const idsPerStatement = 256

// Parts returns consecutive parts of a list, for the conditions of several statements.
func Parts(list []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for from, to := range chunks(idsPerStatement, len(list)) {
			if !yield(list[from:to]) {
				return
			}
		}
	}
}

// chunks returns consecutive ranges of n, whose sizes are powers of two, so that drivers can cache the statements.
func chunks(most, n int) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for from := 0; from < n; {
			to := from + min(most, 1<<(bits.Len(uint(n-from))-1))
			if !yield(from, to) {
				return
			}
			from = to
		}
	}
}

// Queryer is a *sql.DB or *sql.Tx.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Query returns the rows of a query. fields returns where the columns of a row are stored.
func Query[T any](ctx context.Context, db Queryer, dialect Dialect, query string, fields func(row *T) []any, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, dialect.Bind(query), args...)
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
