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
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func main() {
	flag.Parse()
	client, err := basiq.New(os.Getenv("BASIQ_API_KEY"))
	if err == nil {
		err = printMetrics(context.Background(), client, flag.Arg(0), os.Stdout)
	}
	if err != nil { // "check" means that the report may exist: look for it in client.Reports.List
		log.Fatal(err, "\nAdvice: ", basiq.AdviseOn(err))
	}
}

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
		return errors.New("the user has not connected a bank")
	}
	now := time.Now()
	report, err := client.Reports.CreateAndWait(ctx, basiq.CreateReport{
		ReportType: basiq.ReportTypeAffordability,
		Title:      "Six months until " + now.Format(time.DateOnly),
		Filters: []basiq.ReportFilter{
			basiq.ReportFilterString(basiq.ReportFilterNameFromDate, string(basiq.DateOf(now.AddDate(0, -6, 0)))),
			basiq.ReportFilterString(basiq.ReportFilterNameToDate, string(basiq.DateOf(now))),
			basiq.ReportFilterStrings(basiq.ReportFilterNameUsers, userID),
			basiq.ReportFilterStrings(basiq.ReportFilterNameAccounts, accounts...),
		},
	})
	if err != nil || report.Data == nil {
		return err
	}
	for _, metric := range report.Data.Metrics {
		fmt.Fprintf(out, "%-6s %-60s %s\n", metric.ID, metric.Title, metric.Result.Value)
	}
	return nil
}
