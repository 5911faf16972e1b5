// Command csvexport writes the posted transactions of a user as CSV.
//
//	BASIQ_API_KEY=... go run ./wrapper/examples/csvexport USER_ID 2026-01-01 2026-06-30 >transactions.csv
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	client, err := basiq.New(os.Getenv("BASIQ_API_KEY"))
	if err == nil {
		err = export(context.Background(), client, flag.Arg(0), basiq.Date(flag.Arg(1)), basiq.Date(flag.Arg(2)), os.Stdout)
	}
	switch {
	case errors.Is(err, basiq.ErrInvalidAPIKey):
		log.Fatal(err, "\nSet BASIQ_API_KEY to a key from Basiq's dashboard.")
	case errors.Is(err, basiq.ErrInvalidInput):
		log.Fatal(err, "\nThe arguments are the ID of a user and two dates such as 2026-01-31.")
	case errors.Is(err, basiq.ErrListChanged):
		log.Fatal(err, "\nNew transactions arrived. Run the program again.")
	case err != nil:
		log.Fatal(err)
	}
}

// export writes one row for each transaction that was posted from one day to another, both included. Amounts are strings, so
// no digit is lost.
func export(ctx context.Context, client *basiq.Client, userID string, from, to basiq.Date, out io.Writer) error {
	options := basiq.TransactionListOptions{
		Filter:   basiq.TransactionFields.Status.Eq(basiq.TransactionStatusPosted).And(basiq.TransactionFields.PostDate.Between(from, to)),
		PageSize: basiq.MaxPageSize,
		Prefetch: true, // request the next page while this one is written
	}
	sydney, err := time.LoadLocation("Australia/Sydney") // the time zone of the bank
	if err != nil {
		return err
	}
	rows := csv.NewWriter(out)
	_ = rows.Write([]string{"id", "account", "date", "amount", "currency", "description"}) // Error returns the error
	for t, err := range client.Transactions.List(ctx, userID, options) {
		if err != nil {
			return err
		}
		_ = rows.Write([]string{t.ID, t.Account, string(t.PostDate.DateIn(sydney)), string(t.Amount), t.Currency, t.Description})
	}
	rows.Flush()
	return rows.Error()
}
