package basiq_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// updateAccount brings the stored transactions of an account up to date. Call it after a refresh job has ended. If it returns
// an error, for example basiq.ErrListChanged, nothing has changed: call it again.
func updateAccount(ctx context.Context, client *basiq.Client, userID, accountID string, stored map[string]*basiq.Transaction) error {
	var newest time.Time
	for _, t := range stored {
		if posted, ok := t.PostDate.Time(); ok && t.Account == accountID && posted.After(newest) {
			newest = posted
		}
	}
	window := newest.AddDate(0, 0, -35) // pre-authorisations can post after 31 days

	// A filter by date would exclude pending transactions.
	var listed []*basiq.Transaction
	filter := basiq.TransactionFields.AccountID.Eq(accountID)
	for t, err := range client.Transactions.List(ctx, userID, basiq.TransactionListOptions{Filter: filter}) {
		if err != nil {
			return err
		}
		posted, ok := t.PostDate.Time()
		if ok && t.Status == basiq.TransactionStatusPosted && posted.Before(window) {
			break // the others are older
		}
		listed = append(listed, t)
	}
	if len(listed) == 0 { // do not remove anything because of an empty list
		return nil
	}

	// The refresh gave pending transactions new IDs. Posted ones keep theirs.
	maps.DeleteFunc(stored, func(_ string, t *basiq.Transaction) bool {
		return t.Account == accountID && t.Status == basiq.TransactionStatusPending
	})
	for _, t := range listed {
		stored[t.ID] = t
	}
	return nil
}

// Keep a copy of an account's transactions without package mirror. A posted transaction that Basiq removes stays in this copy;
// read everything now and then to find such transactions.
func ExampleTransactionsService_List_incremental() {
	client, done := pages() // basiq.New(os.Getenv("BASIQ_API_KEY"))
	defer done()

	stored := map[string]*basiq.Transaction{} // a table in an application
	if err := updateAccount(context.Background(), client, "u1", "a1", stored); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(stored), "transactions")
	// Output: 3 transactions
}

// The copy of the example equals the list after 40 days of refreshes, without being read as a whole.
func TestExample_Incremental(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		sandbox := basiqtest.New(t)
		client, err := sandbox.NewClient()
		require.NoError(t, err)
		user, err := client.Users.Create(ctx, basiq.CreateUser{Email: "gavin@hooli.com"})
		require.NoError(t, err)
		job, err := client.Jobs.Wait(ctx, sandbox.Connect(user.ID, "AU00000", "Wentworth-Smith"))
		require.NoError(t, err)
		connectionID, _ := job.ConnectionID()
		stored := map[string]*basiq.Transaction{}
		for range 8 {
			for account, err := range client.Accounts.List(ctx, user.ID) {
				require.NoError(t, err)
				require.NoError(t, updateAccount(ctx, client, user.ID, account.ID, stored))
			}
			want := map[string]string{}
			for transaction, err := range client.Transactions.List(ctx, user.ID) {
				require.NoError(t, err)
				want[transaction.ID] = transaction.Description
			}
			got := map[string]string{}
			for id, transaction := range stored {
				got[id] = transaction.Description
			}
			require.Equal(t, want, got)
			time.Sleep(5 * 24 * time.Hour)
			_, err = client.Connections.RefreshAndWait(ctx, user.ID, connectionID)
			require.NoError(t, err)
		}
	})
}
