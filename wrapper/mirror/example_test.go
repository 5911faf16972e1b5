package mirror_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

// Copy a user's accounts and transactions, and read what has changed since.
func Example() {
	ctx := context.Background()
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(1000))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = sandbox.Close() }()
	client, err := sandbox.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	user, err := client.Users.Create(ctx, basiq.CreateUser{Email: "gavin@hooli.com"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Jobs.Wait(ctx, sandbox.Connect(user.ID, "AU00000", "gavinBelson")); err != nil {
		log.Fatal(err)
	}

	m, err := mirror.New(client, new(mirror.Memory)) // programs use OpenSQL
	if err != nil {
		log.Fatal(err)
	}
	first, err := m.Sync(ctx, user.ID)
	if err != nil {
		log.Fatal(err)
	}
	for account, err := range client.Accounts.List(ctx, user.ID) {
		if err != nil {
			log.Fatal(err)
		}
		sandbox.AddTransaction(account.ID, basiqtest.Transaction{Description: "RENT", Amount: "-500.00"})
		break
	}
	if _, err := m.Sync(ctx, user.ID); err != nil {
		log.Fatal(err)
	}
	for change, err := range m.Changes(ctx, user.ID, mirror.Position(first.Added)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(change.Kind, change.Transaction.Amount, change.Transaction.Description)
	}
	// Output:
	// added -500.00 RENT
}

// Keep a table of the application in the same transaction as the mirror.
func ExampleInTx() {
	update := func(ctx context.Context, tx *sql.Tx, changes []mirror.Change) error {
		for _, change := range changes {
			var err error
			switch change.Kind {
			case mirror.KindAdded, mirror.KindSettled:
				_, err = tx.ExecContext(ctx, `INSERT INTO receipt (user_id, transaction_id) VALUES ($1, $2)`, change.UserID, change.TransactionID)
			case mirror.KindErased:
				_, err = tx.ExecContext(ctx, `DELETE FROM receipt WHERE user_id = $1`, change.UserID)
			case mirror.KindModified, mirror.KindRemoved: // receipts are kept
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	open := func(ctx context.Context, db *sql.DB) (*mirror.SQL, error) {
		return mirror.OpenSQL(ctx, db, mirror.PostgreSQL, mirror.InTx(update))
	}
	_ = open
}

// Sync users when Basiq delivers events, and erase users whose consent has ended.
func ExampleInbox() {
	serve := func(ctx context.Context, m *mirror.Mirror, verifier *webhook.Verifier, webhookID string) error {
		inbox, err := mirror.NewInbox(m, webhookID)
		if err != nil {
			return err
		}
		http.Handle("/basiq", inbox.Handler(verifier))
		return inbox.Run(ctx, func(err error) { log.Print(err) })
	}
	_ = serve
}
