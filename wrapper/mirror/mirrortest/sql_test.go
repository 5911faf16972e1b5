package mirrortest

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// onBoth runs a test in a bubble on a new database of each kind.
func onBoth(t *testing.T, test func(t *testing.T, d database, db *sql.DB)) {
	t.Helper()
	for _, dialect := range []mirror.Dialect{mirror.SQLite, mirror.PostgreSQL} {
		t.Run(string(dialect), func(t *testing.T) {
			d := newDatabase(t, dialect)
			synctest.Test(t, func(t *testing.T) {
				db := d.open(t)
				defer func() { _ = db.Close() }()
				test(t, d, db)
			})
		})
	}
}

// newUser returns a client and a user with a connection.
func newUser(t *testing.T) (*basiqtest.Sandbox, *basiq.Client, string, string) {
	t.Helper()
	sandbox := basiqtest.New(t)
	client, err := sandbox.NewClient()
	require.NoError(t, err)
	user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
	require.NoError(t, err)
	job, err := client.Jobs.Wait(t.Context(), sandbox.Connect(user.ID, "AU00000", "Wentworth-Smith"))
	require.NoError(t, err)
	id, _ := job.ConnectionID()
	return sandbox, client, user.ID, id
}

// The queries of SCHEMA.md run on both databases, and payloads are kept as sent.
func TestSQL_Queries(t *testing.T) { //nolint:paralleltest // see onBoth
	page, err := os.ReadFile("../SCHEMA.md")
	require.NoError(t, err)
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Len(t, queries, 10)
	onBoth(t, func(t *testing.T, d database, db *sql.DB) {
		_, client, user, connection := newUser(t)
		m, err := mirror.New(client, d.store(t, db))
		require.NoError(t, err)
		for range 12 { // until a pending transaction has posted
			time.Sleep(24 * time.Hour)
			_, err = client.Connections.RefreshAndWait(t.Context(), user, connection)
			require.NoError(t, err)
			time.Sleep(time.Hour)
			_, err = m.Sync(t.Context(), user)
			require.NoError(t, err)
		}
		for i, query := range queries {
			rows, err := db.Query(d.bind(query[1]), user)
			require.NoError(t, err, query[1])
			count := 0
			for rows.Next() {
				count++
			}
			require.NoError(t, rows.Err())
			require.NoError(t, rows.Close())
			if i != 4 && i != 8 {
				assert.Positive(t, count, query[1])
			}
		}
		var raw []byte
		for transaction, err := range client.Transactions.List(basiq.ContextWithRawJSON(t.Context(), &raw), user) {
			require.NoError(t, err)
			var payload string
			require.NoError(t, db.QueryRow(d.bind(`SELECT CAST(payload AS TEXT) FROM basiq_transaction WHERE user_id = ? AND transaction_id = ?`), user, transaction.ID).Scan(&payload))
			assert.Equal(t, string(raw), payload)
		}
	})
}

// Migrate can be called concurrently and again. It refuses a newer schema.
func TestSQL_Migrate(t *testing.T) { //nolint:paralleltest // see onBoth
	onBoth(t, func(t *testing.T, d database, db *sql.DB) {
		store, err := mirror.OpenSQL(t.Context(), db, d.dialect)
		require.NoError(t, err)
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() { assert.NoError(t, store.Migrate(context.Background())) })
		}
		wait.Wait()
		_, err = db.Exec(`INSERT INTO basiq_migration (version) VALUES (1000)`)
		require.NoError(t, err)
		require.ErrorIs(t, store.Migrate(t.Context()), mirror.ErrSchema)
	})
}

// Migrate of a current schema requires neither the right to create tables nor to write.
func TestSQL_Migrate_ReadOnly(t *testing.T) { //nolint:paralleltest // see onBoth
	onBoth(t, func(t *testing.T, d database, db *sql.DB) {
		store := d.store(t, db)
		db.SetMaxOpenConns(1) // the setting applies to one connection
		readOnly := map[mirror.Dialect]string{mirror.SQLite: `PRAGMA query_only = on`, mirror.PostgreSQL: `SET default_transaction_read_only = on`}
		_, err := db.Exec(readOnly[d.dialect])
		require.NoError(t, err)
		require.NoError(t, store.Migrate(t.Context()))
	})
}

// The days of the mirror do not depend on how PostgreSQL formats days.
func TestSQL_DateStyle(t *testing.T) { //nolint:paralleltest // see onBoth
	rows := map[string]int{}
	for _, style := range []string{"ISO", "German", "SQL,DMY"} { //nolint:paralleltest // see onBoth
		t.Run(style, func(t *testing.T) {
			d := newDatabase(t, mirror.PostgreSQL)
			address, err := url.Parse(d.url)
			require.NoError(t, err)
			parameters := address.Query()
			parameters.Set("datestyle", style)
			address.RawQuery = parameters.Encode()
			d.url = address.String()
			synctest.Test(t, func(t *testing.T) {
				db := d.open(t)
				defer func() { _ = db.Close() }()
				sandbox, client, user, connection := newUser(t)
				m, err := mirror.New(client, d.store(t, db))
				require.NoError(t, err)
				sync := func() {
					t.Helper()
					for range 3 {
						time.Sleep(time.Hour)
						_, err := m.Sync(t.Context(), user)
						require.NoError(t, err)
					}
				}
				for account, err := range client.Accounts.List(t.Context(), user) { // one row is older than those of the second connection
					require.NoError(t, err)
					sandbox.AddTransaction(account.ID, basiqtest.Transaction{Description: "Old", Amount: "1", Date: "1998-02-05"})
				}
				sync()
				require.NoError(t, client.Connections.Delete(t.Context(), user, connection))
				_, err = client.Jobs.Wait(t.Context(), sandbox.Connect(user, "AU00000", "Wentworth-Smith"))
				require.NoError(t, err)
				sync()
				var n int
				require.NoError(t, db.QueryRow(`SELECT COUNT(*) FROM basiq_counted_transaction`).Scan(&n))
				rows[style] = n
			})
		})
	}
	assert.Equal(t, rows["ISO"], rows["German"])
	assert.Equal(t, rows["ISO"], rows["SQL,DMY"])
}

// Changes are read with the primary keys, wherever they begin, without a sort of more than a page.
func TestSQL_ChangesUseTheIndex(t *testing.T) { //nolint:paralleltest // see onBoth
	onBoth(t, func(t *testing.T, d database, db *sql.DB) {
		recorder := &trouble{random: rand.New(rand.NewPCG(1, 1))}
		recorded := d.openFaulty(t, recorder)
		defer func() { _ = recorded.Close() }()
		m, err := mirror.New((&stub{}).client(t), d.store(t, recorded))
		require.NoError(t, err)
		fillChanges(t, d, db, 30_000)
		count := 0
		for change, err := range m.Changes(t.Context(), "u", 15_000) {
			require.NoError(t, err)
			count++
			require.Equal(t, mirror.Position(15_000+count), change.Position)
		}
		require.Equal(t, 15_000, count)
		for _, err := range m.Changes(t.Context(), "u", 15_000) {
			require.NoError(t, err)
			break
		}
		explain := "EXPLAIN QUERY PLAN "
		if d.dialect == mirror.PostgreSQL {
			_, err := db.Exec(`ANALYZE`)
			require.NoError(t, err)
			explain = "EXPLAIN "
		}
		require.NotEmpty(t, recorder.query)
		rows, err := db.Query(explain+recorder.query, recorder.args...)
		require.NoError(t, err)
		defer func() { _ = rows.Close() }()
		columns, err := rows.Columns()
		require.NoError(t, err)
		var plan strings.Builder
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			require.NoError(t, rows.Scan(values...))
			for _, value := range values {
				if text, ok := (*value.(*any)).(string); ok {
					plan.WriteString(text + "\n")
				}
			}
		}
		require.NoError(t, rows.Err())
		for _, index := range map[mirror.Dialect][]string{
			mirror.SQLite:     {"SEARCH basiq_change USING PRIMARY KEY (user_id=? AND position>?)", "SEARCH t USING INDEX sqlite_autoindex_basiq_transaction_1"},
			mirror.PostgreSQL: {"Index Scan using basiq_change_pkey", "Index Scan using basiq_transaction_pkey"},
		}[d.dialect] {
			assert.Contains(t, plan.String(), index)
		}
	})
}

// fillChanges gives the user u n transactions and changes.
func fillChanges(t testing.TB, d database, db *sql.DB, n int) {
	t.Helper()
	series := `WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < ?) `
	if d.dialect == mirror.PostgreSQL {
		series = `WITH s(i) AS (SELECT generate_series(1, CAST(? AS BIGINT))) `
	}
	for _, statement := range []string{
		series + `INSERT INTO basiq_transaction (user_id, transaction_id, account_id, connection_id, institution_id, status, day, currency, direction,
			description, class, category, merchant, pending_id, hash, payload)
			SELECT 'u', 't' || i, 'a', 'c', 'AU00000', 'posted', '2026-01-01', 'AUD', 'debit', '', '', '', '', '', '', '{"type":"transaction","id":"t' || i || '"}' FROM s`,
		series + `INSERT INTO basiq_change (user_id, position, kind, account_id, transaction_id, day, pending_id, candidates)
			SELECT 'u', i, 'added', 'a', 't' || i, '', '', '' FROM s`,
	} {
		if d.dialect == mirror.PostgreSQL {
			statement = strings.Replace(strings.Replace(statement, "'2026-01-01'", "CAST('2026-01-01' AS DATE)", 1), `'"}' FROM s`, `'"}')::json FROM s`, 1)
			statement = strings.Replace(statement, `'{"type"`, `('{"type"`, 1)
		}
		_, err := db.Exec(d.bind(statement), n)
		require.NoError(t, err)
	}
	_, err := db.Exec(d.bind(`INSERT INTO basiq_user (user_id, generation, position, feed_start, details) VALUES ('u', 1, ?, 0, '')`), n)
	require.NoError(t, err)
}
