package shared

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/basiq-go/basiq-go/wrapper/internal/postgrestest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// postgresServer returns the server. The test is skipped if PostgreSQL is not installed, unless POSTGRES_TESTS is
// "required". POSTGRES_URL is the URL of a server to use instead of a new one.
func postgresServer(t testing.TB) *postgrestest.Server {
	t.Helper()
	server, err := postgrestest.Shared("pgx")
	if errors.Is(err, postgrestest.ErrNotInstalled) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return server
}

// database is a database that several processes can open.
type database struct {
	dialect mirror.Dialect
	url     string
}

var dialects = []mirror.Dialect{mirror.SQLite, mirror.PostgreSQL}

// newDatabase returns a new, empty database.
func newDatabase(t testing.TB, dialect mirror.Dialect) database {
	t.Helper()
	if dialect == mirror.PostgreSQL {
		databaseURL, err := postgresServer(t).NewDatabase()
		require.NoError(t, err)
		return database{dialect, databaseURL}
	}
	return database{dialect, "file:" + filepath.Join(t.TempDir(), "shared.db") +
		"?_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_txlock=immediate"}
}

func (d database) open(t testing.TB) *sql.DB {
	t.Helper()
	driver := "sqlite"
	if d.dialect == mirror.PostgreSQL {
		driver = "pgx"
	}
	db, err := sql.Open(driver, d.url)
	require.NoError(t, err)
	db.SetMaxOpenConns(4)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// store returns a store with current tables and connections of its own.
func (d database) store(t testing.TB) *Store {
	t.Helper()
	store, err := Open(context.Background(), d.open(t), d.dialect)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(context.Background()))
	return store
}

// virtual makes a store use the clock of the bubble instead of the database's.
func virtual(s *Store) *Store {
	s.now = func() string { return strconv.FormatInt(time.Now().UnixMicro(), 10) }
	return s
}

// eachDialect runs a test on a new database of each dialect.
func eachDialect(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	for _, dialect := range dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			test(t, newDatabase(t, dialect))
		})
	}
}
