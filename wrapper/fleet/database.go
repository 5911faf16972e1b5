package fleet

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"modernc.org/sqlite" // the driver sqlite

	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// DefaultDatabase is the SQLite file of a fleet that names no other database.
const DefaultDatabase = "basiq.db"

//go:embed schema/1.sql
var migration1 string

// Database is the database of a fleet. It holds the mirror, the jobs and the schedule of the users. The application may use
// DB for its own tables.
type Database struct {
	DB      *sql.DB
	Dialect mirror.Dialect
	// listener holds the connection that waits for notifications of PostgreSQL. It is nil for SQLite.
	listener *pgxpool.Pool
}

// OpenDatabase opens a database, and creates or updates the tables of the mirror (basiq_*), of the fleet (basiq_fleet_*) and
// of River (river_*). address is a PostgreSQL URL, which begins with postgres:// or postgresql://, or the name of a SQLite
// file, which is created if it does not exist. Several machines can share PostgreSQL. SQLite serves the processes of one
// machine.
func OpenDatabase(ctx context.Context, address string) (*Database, error) {
	d, err := newDatabase(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("fleet: OpenDatabase: %w", err)
	}
	if err := d.migrate(ctx); err != nil {
		return nil, fmt.Errorf("fleet: OpenDatabase: %w", errors.Join(err, d.Close()))
	}
	return d, nil
}

func newDatabase(ctx context.Context, address string) (*Database, error) {
	if address == "" {
		return nil, errors.New("address: missing")
	}
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		if strings.Contains(address, "://") {
			return nil, errors.New("address: must be a postgres:// URL or the name of a SQLite file")
		}
		file := strings.TrimPrefix(address, "file:")
		// Other accounts of the machine must not read bank data. The files that SQLite creates beside this one inherit its mode.
		created, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, err
		}
		if err := created.Close(); err != nil {
			return nil, err
		}
		// Transactions lock the file when they begin, because one that starts to write later fails if another has written.
		name := strings.ReplaceAll(url.PathEscape(file), "%2F", "/")
		db, err := sql.Open("sqlite", "file:"+name+"?_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_txlock=immediate")
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(4)
		if err := enableWAL(ctx, db); err != nil {
			return nil, errors.Join(err, db.Close())
		}
		return &Database{DB: db, Dialect: mirror.SQLite}, nil
	}
	config, err := pgxpool.ParseConfig(address) // its errors do not contain the password
	if err != nil {
		return nil, err
	}
	config.MinConns, config.MaxConns = 0, 1
	listener, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	return &Database{DB: db, Dialect: mirror.PostgreSQL, listener: listener}, nil
}

// enableWAL opens a connection, which enables write-ahead logging in a new file. SQLite does not wait for other processes
// that do the same, despite its busy timeout.
func enableWAL(ctx context.Context, db *sql.DB) error {
	const busy, attempts = 5, 1000
	var err error
	for range attempts {
		err = db.PingContext(ctx)
		if failure, ok := errors.AsType[*sqlite.Error](err); !ok || failure.Code()&0xff != busy {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return err
}

// Close closes the connections.
func (d *Database) Close() error {
	if d.listener != nil {
		d.listener.Close()
	}
	return d.DB.Close()
}

// driver returns River's driver. Both drivers use database/sql, so that a job is stored in the transaction of the mirror.
func (d *Database) driver() riverdriver.Driver[*sql.Tx] {
	if d.Dialect == mirror.PostgreSQL {
		return riverdatabasesql.NewWithPgxListener(d.DB, d.listener)
	}
	return riversqlite.New(d.DB)
}

// migrationLock is the number of the advisory lock of concurrent migrations.
const migrationLock = 6291503128

func (d *Database) migrate(ctx context.Context) error {
	store, err := mirror.OpenSQL(ctx, d.DB, d.Dialect)
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	if err := sqldb.Dialect(d.Dialect).Migrate(ctx, d.DB, "basiq_fleet_migration", migration1); err != nil {
		return err
	}
	migrator, err := rivermigrate.New(d.driver(), nil)
	if err != nil {
		return err
	}
	if d.Dialect == mirror.SQLite {
		return sqldb.InTx(ctx, d.DB, func(tx *sql.Tx) error {
			_, err := migrator.MigrateTx(ctx, tx, rivermigrate.DirectionUp, nil) //nolint:staticcheck // it keeps other processes out; all migrations for SQLite can share a transaction
			return err
		})
	}
	// River's migrations for PostgreSQL need several transactions.
	conn, err := d.DB.Conn(ctx)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err != nil {
		return errors.Join(err, conn.Close())
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, migrationLock)
	return errors.Join(err, unlockErr, conn.Close())
}

// execer is a *sql.DB or *sql.Tx.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// bind returns a statement, whose placeholders are question marks, in the form of the dialect.
func (d *Database) bind(query string) string { return sqldb.Dialect(d.Dialect).Bind(query) }

func (d *Database) exec(ctx context.Context, db execer, query string, args ...any) error {
	_, err := db.ExecContext(ctx, d.bind(query), args...)
	return err
}
