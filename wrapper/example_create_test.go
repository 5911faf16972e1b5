package basiq_test

import (
	"context"
	"errors"
	"fmt"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// Create the webhook of a program when it starts, and store its secret. The second start finds the webhook.
func ExampleWebhooksService_Ensure() {
	box, err := basiqtest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = box.Close() }()
	client, err := box.NewClient() // basiq.New(os.Getenv("BASIQ_API_KEY"))
	if err != nil {
		fmt.Println(err)
		return
	}

	for range 2 {
		webhook, created, err := client.Webhooks.Ensure(context.Background(), basiq.CreateWebhook{
			Name: "transactions", URL: "https://example.com/basiq", SubscribedEvents: []basiq.EventTypeName{basiq.EventTypeNameTransactionsUpdated},
		})
		switch {
		case err != nil:
			fmt.Println(err)
		case created:
			fmt.Println("created; store the secret:", webhook.Secret.Reveal() != "")
		default:
			fmt.Println("found; use the stored secret:", webhook.Secret.Reveal() == "")
		}
	}
	// Output:
	// created; store the secret: true
	// found; use the stored secret: true
}

// Create a report on a user's affordability and read it.
func ExampleReportsService_CreateAndWait() {
	client, userID, done := connectedUser() // basiq.New(os.Getenv("BASIQ_API_KEY"))
	defer done()
	ctx := context.Background()
	var accountIDs []string
	for account, err := range client.Accounts.List(ctx, userID) {
		if err != nil {
			fmt.Println(err)
			return
		}
		accountIDs = append(accountIDs, account.ID)
	}

	report, err := client.Reports.CreateAndWait(ctx, basiq.CreateReport{
		ReportType: basiq.ReportTypeAffordability,
		Title:      "First quarter",
		Filters: []basiq.ReportFilter{
			basiq.ReportFilterString(basiq.ReportFilterNameFromDate, "2024-01-01"),
			basiq.ReportFilterString(basiq.ReportFilterNameToDate, "2024-03-31"),
			basiq.ReportFilterStrings(basiq.ReportFilterNameUsers, userID),
			basiq.ReportFilterStrings(basiq.ReportFilterNameAccounts, accountIDs...),
		},
	})
	if failure, ok := errors.AsType[*basiq.WaitError](err); ok {
		fmt.Println("wait again for", failure.JobID) // the report may exist already: do not create another
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Title, len(report.Data.Metrics) > 0)
	// Output: First quarter true
}

// Read the income summary that Basiq created with an affordability summary.
func ExampleSummaryIDs() {
	client, userID, done := connectedUser()
	defer done()
	ctx := context.Background()

	summary, err := client.Affordability.Create(ctx, userID, basiq.AffordabilityRequest{})
	if err != nil {
		fmt.Println(err)
		return
	}
	incomeID, _ := basiq.SummaryIDs(summary)
	income, err := client.Income.Get(ctx, userID, incomeID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(income.ToMonth == summary.ToMonth)
	// Output: true
}
