// Command nightlyrefresh refreshes the connections of all users that were last used more than a day ago. Run it at night.
//
//	BASIQ_API_KEY=... go run ./wrapper/examples/nightlyrefresh
package main

import (
	"context"
	"errors"
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
	switch {
	case errors.Is(err, basiq.ErrInvalidAPIKey):
		log.Fatal(err, "\nSet BASIQ_API_KEY to a key from Basiq's dashboard.")
	case err != nil:
		log.Fatal(err, "\nRun the program again. It skips connections that have been refreshed.")
	}
}

// refreshAll handles eight users at a time. A failure of one user does not stop the others, except an invalid API key.
func refreshAll(ctx context.Context, client *basiq.Client, printf func(format string, args ...any)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for user, err := range client.Users.List(ctx) {
		if err != nil {
			group.Go(func() error { return err })
			break
		}
		group.Go(func() error {
			err := refreshUser(ctx, client, user.ID, printf)
			if err == nil || errors.Is(err, basiq.ErrInvalidAPIKey) {
				return err
			}
			printf("user %s: %v", user.ID, err)
			return nil
		})
	}
	return group.Wait()
}

// refreshUser refreshes the stale connections of a user and waits for their data.
func refreshUser(ctx context.Context, client *basiq.Client, userID string, printf func(format string, args ...any)) error {
	for connection, err := range client.Connections.List(ctx, userID) {
		if err != nil {
			return err
		}
		refresh, err := client.Connections.RefreshIfStale(ctx, userID, connection.ID, 24*time.Hour)
		if err == nil && refresh.Job != nil {
			_, err = client.Jobs.Wait(ctx, refresh.Job.ID, basiq.WithUser(userID))
		}
		switch {
		case errors.Is(err, basiq.CodeInvalidCredentials), errors.Is(err, basiq.ErrMFARequired):
			printf("connection %s: ask the user to reconnect: %v", connection.ID, err)
		case err != nil:
			return err
		case refresh.Skipped != "":
			printf("connection %s: skipped (%s)", connection.ID, refresh.Skipped)
		default:
			printf("connection %s: refreshed", connection.ID)
		}
	}
	return nil
}
