package mirrortest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// database is a database that several processes can open.
type database struct {
	dialect mirror.Dialect
	url     string
}

// databases returns a new SQLite file or PostgreSQL database.
func newDatabase(t testing.TB, dialect mirror.Dialect) database {
	t.Helper()
	if dialect == mirror.PostgreSQL {
		return database{dialect, postgresURL(t)}
	}
	return database{dialect, "file:" + filepath.Join(t.TempDir(), "mirror.db") +
		"?_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_txlock=immediate"}
}

func (d database) driver() string {
	if d.dialect == mirror.PostgreSQL {
		return "pgx"
	}
	return "sqlite"
}

func (d database) open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver(), d.url)
	require.NoError(t, err)
	db.SetMaxOpenConns(4)
	return db
}

// bind puts the placeholders of a statement in the form of the dialect.
func (d database) bind(query string) string { return sqldb.Dialect(d.dialect).Bind(query) }

// store opens a store and migrates the database.
func (d database) store(t testing.TB, db *sql.DB, options ...mirror.SQLOption) *mirror.SQL {
	t.Helper()
	store, err := mirror.OpenSQL(t.Context(), db, d.dialect, options...)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	return store
}

// errInjected is the error of a statement that a faulty database fails.
var errInjected = errors.New("injected database fault")

// trouble is what goes wrong with a database: each statement fails, or the process is killed before or after it, with a
// probability.
type trouble struct {
	random     *rand.Rand
	fail, kill float64
	// query and args belong to the last query of changes.
	query string
	args  []any
}

// strike is called before and after each statement, and fails it.
func (f *trouble) strike() error {
	if f.random.Float64() < f.kill {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if f.random.Float64() < f.fail {
		return errInjected
	}
	return nil
}

// openFaulty opens a database whose statements fail. It is used by one goroutine at a time.
func (d database) openFaulty(t testing.TB, f *trouble) *sql.DB {
	t.Helper()
	db := d.open(t)
	defer func() { _ = db.Close() }()
	return sql.OpenDB(&faultyConnector{driver: db.Driver(), url: d.url, trouble: f})
}

type faultyConnector struct {
	driver  driver.Driver
	url     string
	trouble *trouble
}

func (c *faultyConnector) Driver() driver.Driver { return c.driver }

func (c *faultyConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.url)
	if err != nil {
		return nil, err
	}
	return &faultyConn{Conn: conn, trouble: c.trouble}, nil
}

type faultyConn struct {
	driver.Conn

	trouble *trouble
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.trouble.strike(); err != nil {
		return nil, err
	}
	result, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	return result, errors.Join(err, c.trouble.strike())
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if strings.Contains(query, "basiq_change") {
		c.trouble.query, c.trouble.args = query, nil
		for _, arg := range args {
			c.trouble.args = append(c.trouble.args, arg.Value)
		}
	}
	if err := c.trouble.strike(); err != nil {
		return nil, err
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.trouble.strike(); err != nil {
		return nil, err
	}
	statement, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{Stmt: statement, trouble: c.trouble}, nil
}

type faultyStmt struct {
	driver.Stmt

	trouble *trouble
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.trouble.strike(); err != nil {
		return nil, err
	}
	result, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	return result, errors.Join(err, s.trouble.strike())
}

func (c *faultyConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if err := c.trouble.strike(); err != nil {
		return nil, err
	}
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return &faultyTx{Tx: tx, trouble: c.trouble}, nil
}

type faultyTx struct {
	driver.Tx

	trouble *trouble
}

// Commit fails before the commit, or after it: then the data is there and the caller gets an error.
func (tx *faultyTx) Commit() error {
	if err := tx.trouble.strike(); err != nil {
		_ = tx.Rollback()
		return err
	}
	err := tx.Tx.Commit()
	return errors.Join(err, tx.trouble.strike())
}
