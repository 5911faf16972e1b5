package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// ErrNewerSchema is returned by [Dialect.Migrate] if the database has more versions than the given migrations.
var ErrNewerSchema = errors.New("database has a newer schema")

// types are the column types of each dialect. JSON of PostgreSQL keeps the text as sent, JSONB would not. In SQLite, types
// other than TEXT would make numbers of amounts, and times of days.
var types = map[Dialect]*strings.Replacer{
	SQLite:     strings.NewReplacer(" MONEY", " TEXT", " DAY", " TEXT", " INSTANT", " TEXT", " PAYLOAD", " TEXT", " CLUSTERED", " WITHOUT ROWID"),
	PostgreSQL: strings.NewReplacer(" MONEY", " NUMERIC", " DAY", " DATE", " INSTANT", " TIMESTAMPTZ", " PAYLOAD", " JSON", " CLUSTERED", ""),
}

// Statements returns the statements of a migration, which end with a semicolon and a line break. The column types MONEY,
// DAY, INSTANT and PAYLOAD are replaced by types of the dialect, and the table option CLUSTERED by the dialect's option, if
// there is one.
func (d Dialect) Statements(migration string) (statements []string) {
	if !d.Valid() {
		return nil
	}
	for statement := range strings.SplitSeq(migration, ";\n") {
		if statement = strings.TrimSpace(statement); statement != "" {
			statements = append(statements, types[d].Replace(statement))
		}
	}
	return statements
}

// Migrate applies those migrations that the database does not have, each once and in order, in one transaction. The table
// ledger records the versions. It is safe to call concurrently.
func (d Dialect) Migrate(ctx context.Context, db *sql.DB, ledger string, migrations ...string) error {
	const read = `SELECT COALESCE(MAX(version), 0) FROM `
	var newest int
	// Even CREATE TABLE IF NOT EXISTS requires the right to create tables. An error means that the table does not exist yet.
	if db.QueryRowContext(ctx, read+ledger).Scan(&newest) == nil && newest >= len(migrations) {
		return newerSchema(newest, len(migrations))
	}
	return d.InTx(ctx, db, func(tx *Tx) error {
		if d == PostgreSQL { // concurrent CREATE TABLE IF NOT EXISTS fails
			tx.Exec(ctx, `SELECT pg_advisory_xact_lock(6291503127)`)
		}
		tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS `+ledger+` (version BIGINT PRIMARY KEY)`)
		if err := tx.Get(ctx, &newest, read+ledger); err != nil {
			return err
		}
		if err := newerSchema(newest, len(migrations)); err != nil {
			return err
		}
		for version := newest + 1; version <= len(migrations); version++ {
			for _, statement := range d.Statements(migrations[version-1]) {
				tx.Exec(ctx, statement)
			}
			tx.Exec(ctx, `INSERT INTO `+ledger+` (version) VALUES (?)`, version)
			if tx.err != nil {
				return fmt.Errorf("migration %d: %w", version, tx.err)
			}
		}
		return nil
	})
}

// newerSchema returns ErrNewerSchema if the newest version of a database is not known.
func newerSchema(newest, known int) error {
	if newest <= known {
		return nil
	}
	return fmt.Errorf("%w: version %d, known are %d", ErrNewerSchema, newest, known)
}
