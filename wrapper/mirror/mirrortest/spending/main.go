// Command spending mirrors three users of the sandbox into a database, prints what they spent by month and category, and
// syncs again after a simulated day:
//
//	go run ./spending                                              # a new SQLite file
//	go run ./spending -database postgres://user@localhost/database
//
// It requires neither an API key nor a network.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // the time zones of the banks

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

func main() {
	database := flag.String("database", "", "URL of a PostgreSQL database, or path of a SQLite file (default: a new file)")
	flag.Parse()
	// A bubble of testing/synctest has a clock that can be advanced by a day. It requires a test.
	now := time.Now()
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "spending", F: func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(now))
			if err := run(t, *database); err != nil {
				fmt.Fprintln(os.Stderr, "spending:", err)
				os.Exit(1)
			}
			os.Exit(0)
		})
	}}}, nil, nil)
}

// open opens the database that the flag names.
func open(name string) (db *sql.DB, dialect mirror.Dialect, shown string, err error) {
	if strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://") {
		db, err = sql.Open("pgx", name)
		return db, mirror.PostgreSQL, "PostgreSQL", err
	}
	if name == "" {
		dir, err := os.MkdirTemp("", "basiq-spending")
		if err != nil {
			return nil, "", "", err
		}
		name = filepath.Join(dir, "basiq.db")
	}
	db, err = sql.Open("sqlite", "file:"+(&url.URL{Path: name}).EscapedPath()+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate")
	return db, mirror.SQLite, name, err
}

type person struct {
	userID, login, connectionID string
	position                    mirror.Position
}

func run(t *testing.T, database string) error {
	t.Helper()
	ctx := context.Background()
	db, dialect, name, err := open(database)
	if err != nil {
		return err
	}
	store, err := mirror.OpenSQL(ctx, db, dialect)
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	sandbox := basiqtest.New(t, basiqtest.WithSeed(uint64(time.Now().UnixNano()))) // a second run has other IDs
	client, err := sandbox.NewClient()
	if err != nil {
		return err
	}
	m, err := mirror.New(client, store)
	if err != nil {
		return err
	}
	people := []*person{{login: "Wentworth-Smith"}, {login: "gavinBelson"}, {login: "Whistler"}}
	for _, p := range people {
		if err := p.connect(ctx, client, sandbox); err != nil {
			return err
		}
	}
	time.Sleep(time.Hour)
	fmt.Printf("First sync of three users into %s\n\n", name)
	if err := syncAll(ctx, m, people); err != nil {
		return err
	}
	if err := printSpending(ctx, db, dialect, people); err != nil {
		return err
	}

	time.Sleep(24 * time.Hour)
	for _, p := range people {
		if _, err := client.Connections.RefreshAndWait(ctx, p.userID, p.connectionID); err != nil {
			return err
		}
	}
	time.Sleep(10 * time.Minute)
	fmt.Print("\nSecond sync, a day later\n\n")
	if err := syncAll(ctx, m, people); err != nil {
		return err
	}
	for _, p := range people {
		if err := p.printChanges(ctx, m); err != nil {
			return err
		}
	}
	fmt.Print("\nThird sync, nothing new\n\n")
	return syncAll(ctx, m, people)
}

func (p *person) connect(ctx context.Context, client *basiq.Client, sandbox *basiqtest.Sandbox) error {
	user, err := client.Users.Create(ctx, basiq.CreateUser{Email: p.login + "@example.com"})
	if err != nil {
		return err
	}
	p.userID = user.ID
	job, err := client.Jobs.Wait(ctx, sandbox.Connect(user.ID, "AU00000", p.login))
	if err != nil {
		return err
	}
	id, ok := job.ConnectionID()
	if !ok {
		return errors.New("the job has no connection")
	}
	p.connectionID = id
	return nil
}

func syncAll(ctx context.Context, m *mirror.Mirror, people []*person) error {
	for _, p := range people {
		result, err := m.Sync(ctx, p.userID)
		if err != nil {
			return err
		}
		fmt.Printf("  %-16s %5d added %3d posted %3d modified %3d removed %3d requests\n", p.login, result.Added, result.Settled, result.Modified, result.Removed, result.Requests)
		if p.position > 0 {
			continue
		}
		for change, err := range m.Changes(ctx, p.userID, p.position) {
			if err != nil {
				return err
			}
			p.position = change.Position
		}
	}
	return nil
}

// printChanges prints the changes since the first sync.
func (p *person) printChanges(ctx context.Context, m *mirror.Mirror) error {
	fmt.Printf("\n  %s\n", p.login)
	pending := 0
	for change, err := range m.Changes(ctx, p.userID, p.position) {
		if err != nil {
			return err
		}
		if change.Kind == mirror.KindRemoved { // replaced by the new pending ones
			pending++
			continue
		}
		t := change.Transaction
		if t == nil {
			continue
		}
		note := ""
		switch {
		case change.Kind == mirror.KindSettled:
			note = "(was pending)"
		case t.Status == basiq.TransactionStatusPending:
			note = "(pending)"
		case len(change.Candidates) > 0:
			note = fmt.Sprintf("(may be one of %d pending ones)", len(change.Candidates))
		}
		fmt.Printf("    %-8s %-10s %12s  %s %s\n", change.Kind, change.Day, t.Amount, t.Description, note)
	}
	if pending > 0 {
		fmt.Printf("    removed  %d pending transactions, which Basiq imports anew with every refresh\n", pending)
	}
	return nil
}
