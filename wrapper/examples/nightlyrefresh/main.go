// Command nightlyrefresh refreshes the connections of all users that were last used more than a day ago. Run it at night.
//
//	BASIQ_API_KEY=... go run ./wrapper/examples/nightlyrefresh
package main

import (
	"context"
	"log"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func main() {
	client, err := basiq.New(os.Getenv("BASIQ_API_KEY"))
	if err == nil {
		err = refreshAll(context.Background(), client, log.Printf)
	}
	if err != nil {
		log.Fatal(err, "\nAdvice: ", basiq.AdviseOn(err)) // a second run skips the connections that this one refreshed
	}
}

// refreshAll refreshes the connections of eight users at a time. A failure of one user does not stop the others.
func refreshAll(ctx context.Context, client *basiq.Client, printf func(format string, args ...any)) error {
	var group errgroup.Group
	group.SetLimit(8)
	for user, err := range client.Users.List(ctx) {
		if err != nil {
			_ = group.Wait()
			return err
		}
		group.Go(func() error { refreshUser(ctx, client, user.ID, printf); return nil })
	}
	return group.Wait()
}

// refreshUser refreshes the stale connections of a user and waits for their data.
func refreshUser(ctx context.Context, client *basiq.Client, userID string, printf func(format string, args ...any)) {
	for connection, err := range client.Connections.List(ctx, userID) {
		if err != nil {
			printf("user %s: %v; advice: %v", userID, err, basiq.AdviseOn(err))
			return
		}
		refresh, err := client.Connections.RefreshListedIfStale(ctx, userID, connection, 24*time.Hour)
		if err == nil && refresh.Job != nil {
			_, err = client.Jobs.Wait(ctx, refresh.Job.ID, basiq.WithUser(userID))
		}
		if err != nil { // for example "advice: ask user for credentials"
			printf("connection %s: %v; advice: %v", connection.ID, err, basiq.AdviseOn(err))
			continue
		}
		printf("connection %s: refreshed %t, skipped %q", connection.ID, refresh.Job != nil, refresh.Skipped)
	}
}
