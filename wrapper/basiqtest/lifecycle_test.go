package basiqtest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// cycles is the number of user lifecycles in TestFullCycles. `make cycles` uses 1,000.
var cycles = flag.Int("cycles", 16, "how many full cycles TestFullCycles makes")

// concurrent is the maximum number of concurrent clients.
const concurrent = 50

// logins are the test users for the cycles. Their bank has no challenges.
var logins = []struct{ login, password string }{
	{"Wentworth-Smith", "whislter"},
	{"Whistler", "ShowBox"},
	{"Gilfoyle", "PiedPiper"},
	{"gavinBelson", "hooli2016"},
	{"jared", "django"},
	{"richard", "tabsnotspaces"},
	{"laurieBream", "business2024"},
	{"ashMann", "hooli2024"},
}

// Many clients with their own tokens run complete user lifecycles concurrently over loopback: create, connect, wait,
// read twelve months, refresh, delete. All data must add up, and the sandbox must be empty afterwards, without leaked
// goroutines. The test is not parallel, because it counts goroutines.
func TestFullCycles(t *testing.T) { //nolint:paralleltest // see above
	before := runtime.NumGoroutine()
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(1000))
	require.NoError(t, err)

	ctx := t.Context()
	var next, read atomic.Int64
	var clients sync.WaitGroup
	failures := make(chan error, concurrent)
	for range concurrent {
		clients.Go(func() {
			client, err := sandbox.NewClient(basiq.WithAPIVersion(basiq.APIVersion21))
			for n := next.Add(1) - 1; err == nil && n < int64(*cycles); n = next.Add(1) - 1 {
				var transactions int
				transactions, err = cycle(ctx, client, int(n))
				read.Add(int64(transactions))
			}
			failures <- err
		})
	}
	clients.Wait()
	for range concurrent {
		require.NoError(t, <-failures)
	}

	c := newCaller(t, sandbox, "2.1", server, "")
	users := c.get("/users")
	assert.Zero(t, users.length("data"), "all users were deleted")
	require.NoError(t, sandbox.Close())
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // the client's connection goroutines are about to end
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before, "leaked goroutine")
	t.Logf("%d cycles of %d clients, %d transactions read", *cycles, concurrent, read.Load())
}

// cycle runs the lifecycle of a user and returns the number of transactions read.
func cycle(ctx context.Context, client *basiq.Client, n int) (int, error) {
	quick := basiq.WithPollInterval(100*time.Millisecond, 200*time.Millisecond)
	user, err := client.Users.Create(ctx, basiq.CreateUser{Email: fmt.Sprintf("user%d@example.com", n)})
	if err != nil {
		return 0, err
	}
	who := logins[n%len(logins)]
	connection, err := client.Connections.CreateAndWait(ctx, user.ID, basiq.CreateConnection{
		InstitutionID: hooli, LoginID: basiq.NewSecret(who.login), Password: basiq.NewSecret(who.password),
	}, quick)
	if err != nil {
		return 0, err
	}
	first, err := readBooks(ctx, client, user.ID)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", who.login, err)
	}
	if _, err := client.Connections.RefreshAndWait(ctx, user.ID, connection.ID, quick); err != nil {
		return 0, err
	}
	if err := client.Connections.Delete(ctx, user.ID, connection.ID); err != nil {
		return 0, err
	}
	again, err := readBooks(ctx, client, user.ID)
	if err != nil {
		return 0, fmt.Errorf("%s, deleted: %w", who.login, err)
	}
	if again.posted < first.posted {
		return 0, fmt.Errorf("%s: %d posted transactions, and %d after a refresh", who.login, first.posted, again.posted)
	}
	return first.all + again.all, client.Users.Delete(ctx, user.ID)
}

type booksRead struct{ all, posted int }

// readBooks reads all accounts and transactions of a user. It checks that the transactions of each account add up from
// one balance to the next and to the account balance.
func readBooks(ctx context.Context, client *basiq.Client, userID string) (booksRead, error) {
	var sum booksRead
	balances := map[string]int64{} // balance of each account before the transactions read so far
	for account, err := range client.Accounts.List(ctx, userID) {
		if err != nil {
			return sum, err
		}
		cents, ok := account.Balance.MinorUnits(2)
		if !ok {
			return sum, fmt.Errorf("account %s has the balance %q", account.Name, account.Balance)
		}
		balances[account.ID] = cents
	}
	if len(balances) == 0 {
		return sum, errors.New("no accounts")
	}
	seen := map[string]bool{}
	for transaction, err := range client.Transactions.List(ctx, userID) {
		if err != nil {
			return sum, err
		}
		if seen[transaction.ID] {
			return sum, fmt.Errorf("duplicate transaction %s", transaction.ID)
		}
		seen[transaction.ID] = true
		sum.all++
		if transaction.Status == basiq.TransactionStatusPending {
			continue
		}
		sum.posted++
		amount, known := transaction.Amount.MinorUnits(2)
		balance, balanced := transaction.Balance.MinorUnits(2)
		if want, ok := balances[transaction.Account]; !known || !balanced || !ok || balance != want {
			return sum, fmt.Errorf("%q: amount %q, balance %q, want %d", transaction.Description, transaction.Amount, transaction.Balance, want)
		}
		balances[transaction.Account] = balance - amount
	}
	if sum.posted < 100 {
		return sum, fmt.Errorf("only %d transactions in twelve months", sum.posted)
	}
	return sum, nil
}
