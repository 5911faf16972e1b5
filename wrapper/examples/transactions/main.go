// Command transactions prints the transactions of a user. Without BASIQ_API_KEY it creates a user in the basiqtest sandbox.
//
//	go run ./wrapper/examples/transactions
//	BASIQ_API_KEY=... go run ./wrapper/examples/transactions USER_ID
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	err := run(context.Background(), os.Getenv("BASIQ_API_KEY"), flag.Arg(0), os.Stdout)
	switch {
	case errors.Is(err, basiq.ErrInvalidAPIKey):
		log.Fatal(err, "\nSet BASIQ_API_KEY to a key from Basiq's dashboard.")
	case errors.Is(err, basiq.ErrInvalidInput), errors.Is(err, basiq.ErrBadRequest):
		log.Fatal(err, "\nThe argument must be the ID of a user of your application.")
	case err != nil:
		log.Fatal(err)
	}
}

func run(ctx context.Context, apiKey, userID string, out io.Writer) error {
	if apiKey == "" {
		return runSandbox(ctx, out)
	}
	client, err := basiq.New(apiKey)
	if err != nil {
		return err
	}
	return printTransactions(ctx, client, userID, out)
}

// printTransactions prints the transactions of a user. The iterator requests each page when it is needed.
func printTransactions(ctx context.Context, client *basiq.Client, userID string, out io.Writer) error {
	for transaction, err := range client.Transactions.List(ctx, userID) {
		if err != nil {
			return err
		}
		date := cmp.Or(transaction.PostDate, transaction.TransactionDate).Date() // a pending transaction has no post date
		fmt.Fprintln(out, date, transaction.Amount, transaction.Currency, transaction.Description)
	}
	return nil
}

// runSandbox prints the transactions of a new user in the sandbox.
func runSandbox(ctx context.Context, out io.Writer) error {
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(100)) //nolint:contextcheck // closed below
	if err != nil {
		return err
	}
	defer func() { _ = sandbox.Close() }()
	client, err := sandbox.NewClient()
	if err != nil {
		return err
	}
	user, err := client.Users.Create(ctx, basiq.CreateUser{Email: "gavin@hooli.com"})
	if err != nil {
		return err
	}
	if _, err := client.Jobs.Wait(ctx, sandbox.Connect(user.ID, "AU00000", "gavinBelson")); err != nil {
		return err
	}
	return printTransactions(ctx, client, user.ID, out)
}
