package basiq

import (
	"context"

	"github.com/basiq-go/basiq-go/gen"
)

// Expenses is a summary of a user's expenses in a period, by category.
type Expenses = gen.Expenses

// ExpensesService summarizes users' expenses. API 3.0 marks its operations as deprecated.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability] and [ReportSubTypeExpense], or insights.
type ExpensesService struct{ client *Client }

// Create creates a summary without a job. It has the limits and errors of [AffordabilityService.Create].
// operationId: postExpenses.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability] and [ReportSubTypeExpense], or insights.
func (s *ExpensesService) Create(ctx context.Context, userID string, request AffordabilityRequest) (*Expenses, error) {
	if err := checkSummary(opPostExpenses, request); err != nil {
		return nil, err
	}
	return createSummary(ctx, s.client, opPostExpenses, userID, expensesResource, bindIDInput(s.client.raw.PostExpenses, userID, request))
}

// Get returns a summary. operationId: getExpenses.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability] and [ReportSubTypeExpense], or insights.
func (s *ExpensesService) Get(ctx context.Context, userID, snapshotID string) (*Expenses, error) {
	return get(ctx, s.client, opGetExpenses, []pathParam{{"userID", userID}, {"snapshotID", snapshotID}}, expensesResource, bindIDs(s.client.raw.GetExpenses, userID, snapshotID))
}

// CSV returns a summary as a CSV document, in memory. Errors: [ErrResponseTooLarge]. operationId: getExpenses.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability] and [ReportSubTypeExpense], or insights.
func (s *ExpensesService) CSV(ctx context.Context, userID, snapshotID string) ([]byte, error) {
	return getDocument(ctx, s.client, opGetExpenses, []pathParam{{"userID", userID}, {"snapshotID", snapshotID}}, "text/csv", bindIDs(s.client.raw.GetExpenses, userID, snapshotID))
}

var expensesResource = resource[Expenses]{"expenses", func(v *Expenses) (string, string) { return v.Type, v.ID }}
