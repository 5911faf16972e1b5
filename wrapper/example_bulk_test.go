package basiq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// connected returns a client of a sandbox, the IDs of users who have connected a bank, and the IDs of the jobs that this
// started.
func connected(logins ...string) (client *basiq.Client, userIDs, jobIDs []string, done func()) {
	box, err := basiqtest.Start(basiqtest.WithSpeed(10_000))
	if err != nil {
		panic(err)
	}
	if client, err = box.NewClient(); err != nil {
		panic(err)
	}
	for _, login := range logins {
		user, err := client.Users.Create(context.Background(), basiq.CreateUser{Email: login + "@hooli.com"})
		if err != nil {
			panic(err)
		}
		userIDs = append(userIDs, user.ID)
		jobIDs = append(jobIDs, box.Connect(user.ID, "AU00000", login))
	}
	return client, userIDs, jobIDs, func() { _ = box.Close() }
}

// Wait for many jobs and process each one as soon as it ends.
func ExampleJobsService_WaitEach() {
	client, _, jobIDs, done := connected("gavinBelson", "bighead", "richard") // bighead's account is locked
	defer done()

	succeeded := 0
	for job, err := range client.Jobs.WaitEach(context.Background(), slices.Values(jobIDs)) {
		failure, failed := errors.AsType[*basiq.JobError](err)
		ended, early := errors.AsType[*basiq.WaitError](err)
		switch {
		case failed:
			fmt.Println("ask the user:", failure.Code, failure.JobID == jobIDs[1])
		case early:
			fmt.Println("wait again for", ended.JobID)
		case err != nil:
			fmt.Println(err) // no request was sent
		case job.Done():
			succeeded++
		}
	}
	fmt.Println(succeeded, "have succeeded")
	// Output:
	// ask the user: invalid-credentials true
	// 2 have succeeded
}

// Read the posted transactions of many users, eight users at a time. A failure of one user does not stop the others, except
// an invalid API key.
func Example_manyUsers() {
	client, userIDs, jobIDs, done := connected("gavinBelson", "richard")
	defer done()
	if _, err := client.Jobs.WaitAll(context.Background(), jobIDs); err != nil {
		fmt.Println(err)
		return
	}
	userIDs = append(userIDs, "..") // an invalid ID

	var transactions atomic.Int64
	read := func(ctx context.Context, userID string) error {
		posted := basiq.TransactionListOptions{Filter: basiq.TransactionFields.Status.Eq(basiq.TransactionStatusPosted)}
		for transaction, err := range client.Transactions.List(ctx, userID, posted) {
			if err != nil {
				return err
			}
			_ = transaction // store it
			transactions.Add(1)
		}
		return nil
	}
	failures := make([]error, len(userIDs)) // one for each user
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(8)
	for i, userID := range userIDs {
		group.Go(func() error {
			failures[i] = read(ctx, userID) // fails immediately after the group has stopped
			if errors.Is(failures[i], basiq.ErrInvalidAPIKey) {
				return failures[i] // stops the other users
			}
			return nil
		})
	}
	err := group.Wait()
	for i, failure := range failures {
		if failure != nil {
			fmt.Println("user", i, "failed:", errors.Is(failure, basiq.ErrInvalidInput))
		}
	}
	fmt.Println(err, transactions.Load() > 1000)
	// Output:
	// user 2 failed: true
	// <nil> true
}

// Fetch the next page while the caller processes the current one.
func ExampleTransactionListOptions_prefetch() {
	client, done := pages()
	defer done()

	for transaction, err := range client.Transactions.List(context.Background(), "u1", basiq.TransactionListOptions{Prefetch: true}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(transaction.ID)
	}
	// Output:
	// t1
	// t2
	// t3
}

// Refresh a connection if its data is older than a day, and report why it was not refreshed.
func ExampleConnectionsService_RefreshIfStale() {
	client, userIDs, jobIDs, done := connected("gavinBelson")
	defer done()
	ctx := context.Background()
	jobs, err := client.Jobs.WaitAll(ctx, jobIDs)
	if err != nil {
		fmt.Println(err)
		return
	}
	connectionID, _ := jobs[0].ConnectionID()

	refresh, err := client.Connections.RefreshIfStale(ctx, userIDs[0], connectionID, 24*time.Hour)
	switch {
	case err != nil:
		fmt.Println(err)
	case refresh.Skipped == basiq.RefreshSkipInvalid:
		fmt.Println("ask the user for new credentials")
	case refresh.Job == nil:
		fmt.Println("not refreshed:", refresh.Skipped, refresh.Connection.Status)
	default:
		fmt.Println("wait for", refresh.Job.ID)
	}
	// Output: not refreshed: recent active
}

// Refresh the connections of a user whose data is older than a day. The list has everything that is needed.
func ExampleConnectionsService_RefreshListedIfStale() {
	client, userIDs, jobIDs, done := connected("gavinBelson")
	defer done()
	ctx := context.Background()
	if _, err := client.Jobs.WaitAll(ctx, jobIDs); err != nil {
		fmt.Println(err)
		return
	}

	for connection, err := range client.Connections.List(ctx, userIDs[0]) {
		if err != nil {
			fmt.Println(err)
			return
		}
		refresh, err := client.Connections.RefreshListedIfStale(ctx, userIDs[0], connection, 24*time.Hour)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(connection.Institution.ID, refresh.Skipped)
	}
	// Output: AU00000 recent
}
