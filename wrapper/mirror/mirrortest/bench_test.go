package mirrortest

import (
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

var (
	loadUsers = flag.Int("load-users", 50, "users of the first load, with 1,000 transactions each")
	feedRows  = flag.Int("feed-rows", 100_000, "rows of the large database")
)

// perUser is the number of transactions of a user of the stub.
const perUser = 1000

// stub is Basiq as a transport: each user has one account with transactions that end on a day.
type stub struct {
	requests atomic.Int64
	// day is how many days have passed. Each brings every moved user five transactions.
	day   atomic.Int64
	moved func(user string) bool
}

func (s *stub) RoundTrip(r *http.Request) (*http.Response, error) {
	s.requests.Add(1)
	var body bytes.Buffer
	parts := strings.Split(r.URL.Path, "/")
	day := int64(0)
	if len(parts) > 2 && s.moved != nil && s.moved(parts[2]) {
		day = s.day.Load()
	}
	switch {
	case r.URL.Path == "/token":
		body.WriteString(`{"access_token":"t","token_type":"Bearer","expires_in":3600}`)
	case strings.HasSuffix(r.URL.Path, "/accounts"):
		updated := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(day)).Format(time.RFC3339)
		fmt.Fprintf(&body, `{"type":"list","data":[{"type":"account","id":"a-%s","accountNo":"600%s","name":"Everyday","currency":"AUD","balance":"%d.50",`+
			`"class":{"type":"transaction"},"connection":"c-%s","institution":"AU00000","lastUpdated":%q,"status":"available"}],"links":{}}`, parts[2], parts[2], 1000+day, parts[2], updated)
	case strings.HasSuffix(r.URL.Path, "/transactions"):
		s.transactions(&body, parts[2], r, perUser+5*int(day))
	case strings.HasSuffix(r.URL.Path, "/connections"):
		fmt.Fprintf(&body, `{"type":"list","data":[{"type":"connection","id":"c-%s","status":"active","method":"web","institution":{"type":"institution","id":"AU00000"},"links":{}}],"links":{}}`, parts[2])
	default:
		body.WriteString(emptyList)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(&body), ContentLength: int64(body.Len()), Request: r,
	}, nil
}

func (s *stub) transactions(body *bytes.Buffer, user string, r *http.Request, total int) {
	from, _ := strconv.Atoi(r.URL.Query().Get("next"))
	to := min(from+500, total)
	body.Grow((to - from + 1) * transactionSize)
	fmt.Fprintf(body, `{"type":"list","count":%d,"size":%d,"data":[`, to-from, total)
	for i := from; i < to; i++ {
		if i > from {
			body.WriteByte(',')
		}
		n := total - i // the newest first
		writeTransaction(body, user, n)
	}
	body.WriteString(`],"links":{`)
	if to < total {
		fmt.Fprintf(body, `"next":"https://au-api.basiq.io%s?next=%d"`, r.URL.Path, to)
	}
	body.WriteString(`}}`)
}

// transactionSize is more than the size of a transaction.
const transactionSize = 1280

func writeTransaction(body *bytes.Buffer, user string, n int) {
	posted := time.Date(2025, 6, 15, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * 288 * time.Minute).Format(time.RFC3339)
	fmt.Fprintf(body, `{"type":"transaction","id":"t-%s-%d","status":"posted","description":"WOOLWORTHS %04d DEE WHY NSW","reference":"","amount":"-%d.%02d","currency":"AUD",`+
		`"account":"a-%s","balance":"1234.56","direction":"debit","class":"payment","institution":"AU00000","connection":"c-%s","transactionDate":%q,"postDate":%q,`+
		`"subClass":{"code":"411","title":"Supermarket and Grocery Stores"},"enrich":{"merchant":{"id":"m1","businessName":"Woolworths","website":"woolworths.com.au"},`+
		`"location":{"country":"Australia","formattedAddress":"Pittwater Rd, Dee Why NSW 2099","geometry":{"lat":"-33.75","lng":"151.28"}},`+
		`"category":{"anzsic":{"division":{"code":"G","title":"Retail Trade"},"group":{"code":"411","title":"Supermarket and Grocery Stores"}}}},`+
		`"links":{"self":"https://au-api.basiq.io/users/%s/transactions/t-%s-%d","account":"https://au-api.basiq.io/users/%s/accounts/a-%s"}}`,
		user, n, n%10000, n%300, n%100, user, user, posted, posted, user, user, n, user, user)
}

func (s *stub) client(t testing.TB) *basiq.Client {
	t.Helper()
	client, err := basiq.New("key", basiq.WithHTTPClient(&http.Client{Transport: s}))
	require.NoError(t, err)
	return client
}

// heap measures the largest heap while a function runs.
func heap(f func()) (growth uint64) {
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				runtime.ReadMemStats(&now)
				if now.HeapAlloc > before.HeapAlloc {
					growth = max(growth, now.HeapAlloc-before.HeapAlloc)
				}
			}
		}
	})
	f()
	close(stop)
	wait.Wait()
	return growth
}

// BenchmarkLoad measures the first load, a day's change of one in ten users, and an idle sync, of -load-users users from a
// stub in memory. Bare is a program that inserts the same rows by hand. One iteration is everything.
func BenchmarkLoad(b *testing.B) {
	for _, dialect := range []mirror.Dialect{mirror.SQLite, mirror.PostgreSQL} {
		b.Run(string(dialect), func(b *testing.B) {
			for range b.N {
				benchmarkLoad(b, dialect)
			}
		})
	}
}

func benchmarkLoad(b *testing.B, dialect mirror.Dialect) {
	b.Helper()
	rows := float64(*loadUsers * perUser)
	cpu := processorTime()
	cpuOf := func(name string) { // of this process, without the server of PostgreSQL
		b.ReportMetric((processorTime()-cpu)/rows*1e6, name+"-cpu-µs/row")
		cpu = processorTime()
	}
	bareDatabase := newDatabase(b, dialect)
	bareDB := bareDatabase.openTuned(b)
	bareDatabase.migrated(b, bareDB)
	began := time.Now()
	bareHeap := heap(func() { bare(b, bareDatabase, bareDB) })
	bareRate := rows / time.Since(began).Seconds()
	cpuOf("bare")
	require.NoError(b, bareDB.Close())
	b.ReportMetric(bareRate, "bare-rows/s")
	b.ReportMetric(float64(bareHeap)/(1<<20), "bare-heap-MiB")

	d := newDatabase(b, dialect)
	db := d.openTuned(b)
	defer func() { _ = db.Close() }()
	s := &stub{moved: func(user string) bool { return strings.HasSuffix(user, "0") }}
	m, err := mirror.New(s.client(b), d.migrated(b, db))
	require.NoError(b, err)
	phase := func(name string) float64 {
		requests := s.requests.Load()
		began := time.Now()
		growth := heap(func() { syncUsers(b, m) })
		elapsed := time.Since(began).Seconds()
		b.ReportMetric(float64(s.requests.Load()-requests), name+"-requests")
		b.ReportMetric(elapsed, name+"-s")
		b.ReportMetric(float64(growth)/(1<<20), name+"-heap-MiB")
		return elapsed
	}
	cpu = processorTime()
	rate := rows / phase("load")
	cpuOf("load")
	b.ReportMetric(rate, "rows/s")
	b.ReportMetric(rate/bareRate, "of-bare")
	s.day.Store(1)
	phase("day")
	phase("idle")
}

// processorTime returns the processor time of this process in seconds. A busy machine affects it less than other times.
func processorTime() float64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

// openTuned opens SQLite with one connection: several would only wait for each other.
func (d database) openTuned(t testing.TB) *sql.DB {
	t.Helper()
	db := d.open(t)
	if d.dialect == mirror.SQLite {
		db.SetMaxOpenConns(1)
	}
	return db
}

func (d database) migrated(t testing.TB, db *sql.DB) *mirror.SQL {
	t.Helper()
	store, err := mirror.OpenSQL(context.Background(), db, d.dialect)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(context.Background()))
	return store
}

// atOnce is how many users are synced at once.
const atOnce = 2

func syncUsers(b *testing.B, m *mirror.Mirror) {
	b.Helper()
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(atOnce)
	for i := range *loadUsers {
		group.Go(func() error {
			_, err := m.Sync(ctx, fmt.Sprintf("user%06d", i))
			return err
		})
	}
	require.NoError(b, group.Wait())
}

// bare inserts the rows of the same transactions into the same table, with the same indexes, 250 in a statement and 1,000 in a
// transaction. It writes no change feed and parses nothing: it writes the JSON with the function of the stub, and knows the values of
// the columns.
func bare(b *testing.B, d database, db *sql.DB) {
	b.Helper()
	const size = 250
	query := `INSERT INTO basiq_transaction (user_id, transaction_id, account_id, connection_id, institution_id, status, day, made_on, posted_at, amount, amount_minor,
		currency, direction, description, class, category, merchant, pending_id, hash, payload) VALUES `
	tuple := "(" + strings.Repeat("?,", 19) + "?)"
	statement := fastBind(d, query+strings.Repeat(tuple+",", size-1)+tuple)
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(atOnce)
	for u := range *loadUsers {
		group.Go(func() error {
			user := fmt.Sprintf("user%06d", u)
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			for from := 0; from < perUser; from += size {
				args := make([]any, 0, 20*size)
				for n := from; n < from+size; n++ {
					var payload bytes.Buffer
					payload.Grow(transactionSize)
					writeTransaction(&payload, user, n)
					posted := time.Date(2025, 6, 15, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * 288 * time.Minute)
					day := posted.Format(time.DateOnly)
					args = append(args, user, fmt.Sprintf("t-%s-%d", user, n), "a-"+user, "c-"+user, "AU00000", "posted", day, day, posted.Format(time.RFC3339),
						fmt.Sprintf("-%d.%02d", n%300, n%100), n, "AUD", "debit", "WOOLWORTHS DEE WHY NSW", "payment", "Supermarket and Grocery Stores", "Woolworths", "",
						"0123456789abcdef0123456789abcdef", payload.String())
				}
				if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
					return err
				}
			}
			return tx.Commit()
		})
	}
	require.NoError(b, group.Wait())
}

func fastBind(d database, query string) string {
	if d.dialect != mirror.PostgreSQL {
		return query
	}
	parts := strings.Split(query, "?")
	var s strings.Builder
	for i, part := range parts {
		s.WriteString(part)
		if i < len(parts)-1 {
			s.WriteString("$" + strconv.Itoa(i+1))
		}
	}
	return s.String()
}

// BenchmarkLarge measures, in a database with -feed-rows transactions and changes of one user, the time until the first change
// comes from any position of the feed, and how much longer a sync of other users takes than in an empty database.
func BenchmarkLarge(b *testing.B) {
	for _, dialect := range []mirror.Dialect{mirror.SQLite, mirror.PostgreSQL} {
		b.Run(string(dialect), func(b *testing.B) {
			for range b.N {
				benchmarkLarge(b, dialect)
			}
		})
	}
}

func benchmarkLarge(b *testing.B, dialect mirror.Dialect) {
	b.Helper()
	s := &stub{moved: func(string) bool { return true }}
	var mirrors [2]*mirror.Mirror // of the empty and of the large database
	for i := range mirrors {
		d := newDatabase(b, dialect)
		db := d.openTuned(b)
		defer func() { _ = db.Close() }()
		var err error
		mirrors[i], err = mirror.New(s.client(b), d.migrated(b, db))
		require.NoError(b, err)
		if i == 0 {
			continue
		}
		fillChanges(b, d, db, *feedRows)
		_, err = db.Exec(map[mirror.Dialect]string{mirror.SQLite: `PRAGMA wal_checkpoint(TRUNCATE)`, mirror.PostgreSQL: `VACUUM ANALYZE`}[dialect])
		require.NoError(b, err)
	}
	const starts = 100
	var changes []time.Duration
	for n := range starts {
		began := time.Now()
		for _, err := range mirrors[1].Changes(b.Context(), "u", mirror.Position((n*7919+1)*104729%*feedRows)) {
			require.NoError(b, err)
			break
		}
		changes = append(changes, time.Since(began))
	}
	// The databases take turns, so that other work on the machine affects both. Each user has a first load and a day's change.
	const users = 100
	var syncs [2][]time.Duration
	for i := range users {
		for day := range 2 {
			s.day.Store(int64(day))
			for n, m := range mirrors {
				began := time.Now()
				_, err := m.Sync(b.Context(), fmt.Sprintf("user%03d", i))
				require.NoError(b, err)
				if day == 1 && i >= users/10 { // the others warm up
					syncs[n] = append(syncs[n], time.Since(began))
				}
			}
		}
	}
	for _, all := range [][]time.Duration{changes, syncs[0], syncs[1]} {
		slices.Sort(all)
	}
	median := func(all []time.Duration) float64 { return float64(all[len(all)/2].Microseconds()) / 1000 }
	b.ReportMetric(float64(changes[len(changes)-1].Microseconds())/1000, "changes-slowest-ms")
	b.ReportMetric(median(changes), "changes-ms")
	b.ReportMetric(median(syncs[0]), "sync-empty-ms")
	b.ReportMetric(median(syncs[1]), "sync-large-ms")
	b.ReportMetric(median(syncs[1])/median(syncs[0]), "sync-ratio")
}
