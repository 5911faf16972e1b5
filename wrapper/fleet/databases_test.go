package fleet

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/internal/postgrestest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// newAddress returns the address of a new, empty database. The test is skipped if PostgreSQL is not installed, unless
// POSTGRES_TESTS is "required". POSTGRES_URL is the URL of a server to use instead of a new one.
func newAddress(t *testing.T, dialect mirror.Dialect) string {
	t.Helper()
	if dialect == mirror.SQLite {
		return filepath.Join(t.TempDir(), "basiq.db")
	}
	server, err := postgrestest.Shared("pgx")
	if errors.Is(err, postgrestest.ErrNotInstalled) {
		t.Skip(err)
	}
	require.NoError(t, err)
	address, err := server.NewDatabase()
	require.NoError(t, err)
	return address
}

// Several processes can create the same SQLite file at once.
func TestOpenDatabase_Concurrent(t *testing.T) {
	t.Parallel()
	for range 30 {
		address := newAddress(t, mirror.SQLite)
		var opening errgroup.Group
		for range 4 {
			opening.Go(func() error {
				db, err := OpenDatabase(t.Context(), address)
				if err != nil {
					return err
				}
				return db.Close()
			})
		}
		require.NoError(t, opening.Wait())
	}
}

// Two fleets on one database, each as in a process of its own, share the work: no event is lost or done twice, no user is
// synced twice at the same time, and a sync follows each event.
func TestFleet_TwoProcesses(t *testing.T) {
	t.Parallel()
	for _, dialect := range []mirror.Dialect{mirror.SQLite, mirror.PostgreSQL} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			address := newAddress(t, dialect)
			sandbox, err := basiqtest.Start(basiqtest.WithSpeed(20))
			require.NoError(t, err)
			t.Cleanup(func() { _ = sandbox.Close() })
			client, err := sandbox.NewClient()
			require.NoError(t, err)

			fleets := make([]*Fleet, 2)
			var opening errgroup.Group // concurrent migrations
			for i := range fleets {
				opening.Go(func() error {
					db, err := OpenDatabase(t.Context(), address)
					if err != nil {
						return err
					}
					t.Cleanup(func() { _ = db.Close() })
					fleets[i], err = New(t.Context(), Config{
						Client: client, Database: db, Mirror: []mirror.Option{mirror.WithImportTime(time.Second)},
						tune: func(c *river.Config) { c.PeriodicJobs = nil },
					})
					return err
				})
			}
			require.NoError(t, opening.Wait())

			users := make([]string, 8)
			for i := range users {
				user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
				require.NoError(t, err)
				users[i] = user.ID
				require.NoError(t, fleets[i%2].WaitForJob(t.Context(), user.ID, sandbox.Connect(user.ID, "AU00000", "gavinBelson")))
			}
			for _, f := range fleets {
				require.NoError(t, f.Start(t.Context()))
				t.Cleanup(func() { _ = f.Stop(t.Context()) })
			}
			db := fleets[0].db
			untilReal(t, "waits", func() bool {
				return countOf(t, db, `SELECT COUNT(*) FROM river_job WHERE kind = 'basiq_wait' AND state = 'completed'`) == len(users)
			})

			var (
				storm errgroup.Group
				mu    sync.Mutex
			)
			last := map[string]time.Time{} // when the delivery of the last event of a user began
			for n := range 10 * len(users) {
				for _, f := range fleets { // the same delivery to both
					storm.Go(func() error {
						id, user := fmt.Sprint("e", n), users[n%len(users)]
						mu.Lock()
						last[user] = time.Now().Truncate(time.Millisecond)
						mu.Unlock()
						if code := deliver(t, f, id, id, "transactions.updated", "/users/"+user+"/transactions"); code != http.StatusNoContent {
							return fmt.Errorf("status %d", code)
						}
						return nil
					})
				}
			}
			require.NoError(t, storm.Wait())
			assert.Equal(t, 10*len(users), countOf(t, db, `SELECT COUNT(*) FROM basiq_delivery WHERE delivery_id LIKE 'event %'`))
			untilReal(t, "end of all jobs", func() bool {
				return countOf(t, db, `SELECT COUNT(*) FROM river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded')`) == 0
			})
			assert.Zero(t, countOf(t, db, `SELECT COUNT(*) FROM river_job WHERE state <> 'completed'`))
			assert.Zero(t, countOf(t, db, `SELECT COUNT(*) FROM river_job a JOIN river_job b ON a.kind = 'basiq_sync' AND b.kind = a.kind AND a.id < b.id
				AND CAST(a.args AS TEXT) = CAST(b.args AS TEXT) AND a.attempted_at < b.finalized_at AND b.attempted_at < a.finalized_at`), "syncs that overlap")
			for _, user := range users {
				listed := 0
				for _, err := range client.Transactions.List(t.Context(), user) {
					require.NoError(t, err)
					listed++
				}
				assert.Equal(t, listed, countOf(t, db, `SELECT COUNT(*) FROM basiq_transaction WHERE user_id = ?`, user))
				assert.Positive(t, countOf(t, db, `SELECT COUNT(*) FROM river_job WHERE kind = 'basiq_sync' AND CAST(`+argsText(dialect)+` AS TEXT) LIKE ? AND attempted_at >= ?`,
					"%"+user+"%", timeOf(dialect, last[user])), "a sync after the last event")
			}
		})
	}
}

func argsText(dialect mirror.Dialect) string {
	if dialect == mirror.SQLite {
		return "json(args)"
	}
	return "args"
}

// timeOf returns a time as River stores it.
func timeOf(dialect mirror.Dialect, at time.Time) any {
	if dialect == mirror.SQLite {
		return at.UTC().Format("2006-01-02 15:04:05.000")
	}
	return at
}

// untilReal waits for a condition in real time.
func untilReal(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 2*time.Minute, 50*time.Millisecond, what)
}
