package shared

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// ErrDatabase is returned if the database cannot be used. The call that needs it was not sent, and is safe to retry.
var ErrDatabase = errors.New("shared state unavailable")

// statementTimeout limits a statement, including the wait for a connection.
const statementTimeout = 10 * time.Second

//go:embed schema/1.sql
var migration1 string

// clocks are the expressions for the time of the database in microseconds.
var clocks = map[mirror.Dialect]string{
	mirror.PostgreSQL: "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
	mirror.SQLite:     "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
}

// Store is the shared state of a fleet in a database. It is safe for concurrent use.
type Store struct {
	db      *sql.DB
	dialect sqldb.Dialect
	// now returns the expression for the time of the database in microseconds.
	now func() string
}

// Open returns the shared state in a database. It checks the connection and changes nothing; see [Store.Migrate]. Open
// SQLite with a busy timeout, write-ahead logging and immediate transactions.
func Open(ctx context.Context, db *sql.DB, dialect mirror.Dialect) (*Store, error) {
	if db == nil || clocks[dialect] == "" {
		return nil, fmt.Errorf("%w: Open: a database and a dialect are required", basiq.ErrInvalidInput)
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("shared: Open: %w: %w", ErrDatabase, err)
	}
	return &Store{db: db, dialect: sqldb.Dialect(dialect), now: func() string { return clocks[dialect] }}, nil
}

// Migrate creates or updates the tables, whose names begin with basiq_shared_. It is safe to call concurrently, does
// nothing if the schema is current, and returns [mirror.ErrSchema] if it is newer.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.dialect.Migrate(ctx, s.db, "basiq_shared_migration", migration1); err != nil {
		return fmt.Errorf("shared: Migrate: %w", err)
	}
	return nil
}

// at replaces NOW in a statement by the time of the database.
func (s *Store) at(statement string) string { return strings.ReplaceAll(statement, "NOW", s.now()) }

// exec runs a statement and returns the number of rows that it changed.
func (s *Store) exec(ctx context.Context, query string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	result, err := s.db.ExecContext(ctx, s.dialect.Bind(s.at(query)), args...)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDatabase, err)
	}
	return result.RowsAffected()
}

// queryRow runs a statement and scans its first row. The result is false without a row.
func (s *Store) queryRow(ctx context.Context, query string, args []any, dest ...any) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	switch err := s.db.QueryRowContext(ctx, s.dialect.Bind(s.at(query)), args...).Scan(dest...); {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%w: %w", ErrDatabase, err)
	}
	return true, nil
}

// micros is the number of microseconds in a duration, as the tables have it.
func micros(d time.Duration) int64 { return d.Microseconds() }

// sleep waits, and returns the context's error if it ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
