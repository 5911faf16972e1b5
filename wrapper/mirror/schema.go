package mirror

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
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

// ErrSchema is returned by [SQL.Migrate] if the database has a newer schema than this version of the package.
var ErrSchema = errors.New("database has a newer schema")

// migrations are the versions of the schema. Released versions never change. Words in capitals depend on the dialect.
var migrations = []string{migration1}

//go:embed schema/1.sql
var migration1 string

// types are the column types of each dialect. JSON of PostgreSQL keeps the text as sent, JSONB would not. In SQLite, types
// other than TEXT would make numbers of amounts, and times of days.
var types = map[Dialect]*strings.Replacer{
	SQLite:     strings.NewReplacer(" MONEY", " TEXT", " DAY", " TEXT", " INSTANT", " TEXT", " PAYLOAD", " TEXT", " CLUSTERED", " WITHOUT ROWID"),
	PostgreSQL: strings.NewReplacer(" MONEY", " NUMERIC", " DAY", " DATE", " INSTANT", " TIMESTAMPTZ", " PAYLOAD", " JSON", " CLUSTERED", ""),
}

// Schema returns the statements that create the current schema, for users of other migration tools. Do not call
// [SQL.Migrate] then.
func Schema(d Dialect) []string {
	return statementsOf(d, strings.Join(migrations, ""))
}

func statementsOf(d Dialect, migration string) (statements []string) {
	if types[d] == nil {
		return nil
	}
	for statement := range strings.SplitSeq(migration, ";\n") {
		if statement = strings.TrimSpace(statement); statement != "" {
			statements = append(statements, types[d].Replace(statement))
		}
	}
	return statements
}

// Migrate creates or updates the tables, whose names begin with basiq_. It is safe to call concurrently, does nothing if
// the schema is current, and returns [ErrSchema] if it is newer.
func (s *SQL) Migrate(ctx context.Context) error {
	return s.dialect.Migrate(ctx, s.db, "basiq_migration", migrations...)
}

// Migrate applies those migrations that the database does not have, each once and in order, in one transaction. It is for
// tables that belong to another package or to the application. The table ledger records the versions. A
// migration consists of statements that end with a semicolon and a line break. The column types MONEY, DAY, INSTANT and
// PAYLOAD are replaced by types of the dialect, and the table option CLUSTERED by the dialect's option, if there is one.
//
// Migrate is safe to call concurrently. It returns [ErrSchema] if the ledger has more versions than migrations.
func (d Dialect) Migrate(ctx context.Context, db *sql.DB, ledger string, migrations ...string) error {
	if db == nil || types[d] == nil {
		return invalidInput("Migrate", "a database and a dialect are required")
	}
	return d.inTx(ctx, db, func(tx *dbTx) error {
		if d == PostgreSQL { // concurrent CREATE TABLE IF NOT EXISTS fails
			tx.exec(ctx, `SELECT pg_advisory_xact_lock(6291503127)`)
		}
		tx.exec(ctx, `CREATE TABLE IF NOT EXISTS `+ledger+` (version BIGINT PRIMARY KEY)`)
		var newest int
		if err := tx.row(ctx, &newest, `SELECT COALESCE(MAX(version), 0) FROM `+ledger); err != nil {
			return err
		}
		if newest > len(migrations) {
			return fmt.Errorf("%w: version %d, known are %d", ErrSchema, newest, len(migrations))
		}
		for version := newest + 1; version <= len(migrations); version++ {
			for _, statement := range statementsOf(d, migrations[version-1]) {
				tx.exec(ctx, statement)
			}
			tx.exec(ctx, `INSERT INTO `+ledger+` (version) VALUES (?)`, version)
			if tx.err != nil {
				return fmt.Errorf("mirror: migration %d: %w", version, tx.err)
			}
		}
		return nil
	})
}

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
