// Command affordability creates an affordability report on a user's last six months and prints its metrics.
//
//	BASIQ_API_KEY=... go run ./wrapper/examples/affordability USER_ID
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"text/tabwriter"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	client, err := basiq.New(os.Getenv("BASIQ_API_KEY"))
	if err == nil {
		err = printMetrics(context.Background(), client, flag.Arg(0), os.Stdout)
	}
	switch {
	case errors.Is(err, basiq.ErrInvalidAPIKey):
		log.Fatal(err, "\nSet BASIQ_API_KEY to a key from Basiq's dashboard.")
	case errors.Is(err, basiq.ErrBadRequest):
		log.Fatal(err, "\nThe user needs an active consent and a connected bank.")
	case basiq.MayHaveSucceeded(err):
		log.Fatal(err, "\nThe report may exist. Check client.Reports.List before you create another.")
	case err != nil:
		log.Fatal(err)
	}
}

var errNoAccounts = errors.New("the user has not connected a bank")

// printMetrics prints a table of metrics, such as the monthly salary. The report stays at Basiq for later reading.
func printMetrics(ctx context.Context, client *basiq.Client, userID string, out io.Writer) error {
	var accounts []string
	for account, err := range client.Accounts.List(ctx, userID) {
		if err != nil {
			return err
		}
		accounts = append(accounts, account.ID)
	}
	if len(accounts) == 0 {
		return errNoAccounts
	}
	now := time.Now()
	job, err := client.Reports.Create(ctx, basiq.CreateReport{
		ReportType: basiq.ReportTypeAffordability,
		Title:      "Six months until " + now.Format(time.DateOnly),
		Filters: []basiq.ReportFilter{
			basiq.ReportFilterString(basiq.ReportFilterNameFromDate, string(basiq.DateOf(now.AddDate(0, -6, 0)))),
			basiq.ReportFilterString(basiq.ReportFilterNameToDate, string(basiq.DateOf(now))),
			basiq.ReportFilterStrings(basiq.ReportFilterNameUsers, userID),
			basiq.ReportFilterStrings(basiq.ReportFilterNameAccounts, accounts...),
		},
	})
	if err != nil {
		return err
	}
	if job, err = client.Jobs.Wait(ctx, job.ID); err != nil {
		return err
	}
	reportID, _ := job.ReportID()
	report, err := client.Reports.Get(ctx, reportID)
	if err != nil || report.Data == nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, metric := range report.Data.Metrics {
		fmt.Fprintf(table, "%s\t%s\t%s\n", metric.ID, metric.Title, metric.Result.Value)
	}
	return table.Flush()
}
