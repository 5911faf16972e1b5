package mirrortest

import (
	"errors"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/internal/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// postgresURL returns the URL of a new, empty database. The test is skipped if PostgreSQL is not installed, unless
// POSTGRES_TESTS is "required". POSTGRES_URL is the URL of a server to use instead of a new one.
func postgresURL(t testing.TB) string {
	t.Helper()
	server, err := postgrestest.Shared("pgx")
	if errors.Is(err, postgrestest.ErrNotInstalled) {
		t.Skip(err)
	}
	require.NoError(t, err)
	databaseURL, err := server.NewDatabase()
	require.NoError(t, err)
	return databaseURL
}
