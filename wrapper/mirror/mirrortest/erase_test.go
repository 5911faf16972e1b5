package mirrortest

import (
	"context"
	"flag"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

var erasures = flag.Int("erasures", 12, "number of erasures during a sync of another process")

// TestErase erases users while another process syncs them. Nothing may be left, except the record.
func TestErase(t *testing.T) { //nolint:paralleltest // it uses all processors
	for _, dialect := range []mirror.Dialect{mirror.SQLite, mirror.PostgreSQL} { //nolint:paralleltest // the function says why
		t.Run(string(dialect), func(t *testing.T) {
			d := newDatabase(t, dialect)
			p := newProxy(1)
			defer p.server.Close()
			replies := make(chan reply)
			process := &process{replies: replies, setup: setup{Dialect: d.dialect, Database: d.url, Server: p.server.URL, APIKey: apiKey}}
			defer process.start()()
			synctest.Test(t, func(t *testing.T) { eraseDuringSync(t, d, p, process, replies) })
		})
	}
}

func eraseDuringSync(t *testing.T, d database, p *proxy, process *process, replies chan reply) {
	t.Helper()
	db := d.open(t)
	defer func() { _ = db.Close() }()
	store := d.store(t, db, mirror.InTx(ownTable(d)))
	_, err := db.Exec(ownSchema)
	require.NoError(t, err)
	p.sandbox = basiqtest.New(t)
	client, err := p.sandbox.NewClient()
	require.NoError(t, err)
	m, err := mirror.New(client, store)
	require.NoError(t, err)
	ctx := context.Background()
	rows, undone := 0, 0
	for i := range *erasures {
		user, err := client.Users.Create(ctx, basiq.CreateUser{Email: "gavin@hooli.com", FirstName: "Gavin"})
		require.NoError(t, err)
		_, err = client.Jobs.Wait(ctx, p.sandbox.Connect(user.ID, "AU00000", "Whistler"))
		require.NoError(t, err)
		if i%2 == 0 { // one in two has rows before the sync
			_, err = m.Sync(ctx, user.ID)
			require.NoError(t, err)
			time.Sleep(time.Hour)
		}
		process.commands <- command{User: user.ID, Now: time.Now(), Calm: true}
		left := i % 12 // the erasure comes after this many requests
		var record mirror.Deletion
		erased := false
		for done := false; !done; {
			select {
			case x := <-p.exchanges:
				if left--; left < 0 && !erased {
					record, err = m.Erase(ctx, user.ID, mirror.ReasonUserRequest)
					require.NoError(t, err)
					erased = true
				}
				p.handle(x)
			case r := <-replies:
				done = true
				if erased {
					require.Contains(t, r.Err, mirror.ErrErased.Error())
				}
			}
		}
		if !erased {
			record, err = m.Erase(ctx, user.ID, mirror.ReasonUserRequest)
			require.NoError(t, err)
			undone++
		}
		rows += record.Transactions
		assert.Equal(t, user.ID, record.UserID)
		for _, table := range []string{"basiq_account", "basiq_balance", "basiq_transaction", "basiq_change", "basiq_connection", "basiq_consent", "basiq_task", "app_transaction"} {
			var count int
			require.NoError(t, db.QueryRow(d.bind("SELECT COUNT(*) FROM "+table+" WHERE user_id = ?"), user.ID).Scan(&count))
			require.Zero(t, count, table)
		}
		again, err := m.Erase(ctx, user.ID, mirror.ReasonConsentExpired)
		require.NoError(t, err)
		require.Equal(t, record, again)
	}
	t.Logf("%d erasures, %d of them after the sync, %d rows deleted", *erasures, undone, rows)
	var text string
	require.NoError(t, db.QueryRow(`SELECT COALESCE(MAX(user_id || reason || consent_ids), '') FROM basiq_deletion`).Scan(&text))
	assert.False(t, strings.Contains(text, "Gavin") || strings.Contains(text, "hooli"), "personal data")
}
