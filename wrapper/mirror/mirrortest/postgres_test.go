package mirrortest

import (
	"errors"
	"os"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/internal/postgrestest"
)

// postgres is a PostgreSQL server that belongs to the test binary.
var postgres struct {
	once   sync.Once
	server *postgrestest.Server
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if postgres.server != nil {
		postgres.server.Stop()
	}
	os.Exit(code)
}

// postgresURL returns the URL of a new, empty database. The test is skipped if PostgreSQL is not installed, unless
// POSTGRES_TESTS is "required". POSTGRES_URL is the URL of a server to use instead of a new one.
func postgresURL(t testing.TB) string {
	t.Helper()
	postgres.once.Do(func() {
		if serverURL := os.Getenv("POSTGRES_URL"); serverURL != "" {
			postgres.server = postgrestest.Use("pgx", serverURL)
			return
		}
		postgres.server, postgres.err = postgrestest.Start("pgx")
	})
	if errors.Is(postgres.err, postgrestest.ErrNotInstalled) && os.Getenv("POSTGRES_TESTS") != "required" {
		t.Skip(postgres.err)
	}
	require.NoError(t, postgres.err)
	databaseURL, err := postgres.server.NewDatabase()
	require.NoError(t, err)
	return databaseURL
}
