// Command transactions prints the transactions of a user. Without BASIQ_API_KEY it creates a user in the basiqtest sandbox.
//
//	BASIQ_API_KEY=... go run ./wrapper/examples/transactions USER_ID
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func main() {
	flag.Parse()
	if err := run(context.Background(), os.Getenv("BASIQ_API_KEY"), flag.Arg(0), os.Stdout); err != nil {
		log.Fatal(err, "\nAdvice: ", basiq.AdviseOn(err))
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
	sydney, err := time.LoadLocation("Australia/Sydney") // the time zone of the bank
	if err != nil {
		return err
	}
	for transaction, err := range client.Transactions.List(ctx, userID) {
		if err != nil {
			return err
		}
		date := cmp.Or(transaction.PostDate, transaction.TransactionDate).DateIn(sydney) // a pending transaction has no post date
		fmt.Fprintln(out, date, basiq.FormatMoney(transaction.Amount, transaction.Currency), transaction.Description)
	}
	return nil
}
