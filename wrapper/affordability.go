package basiq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Affordability is a summary of a user's assets, liabilities, income and expenses.
	Affordability = gen.Affordability
	// AffordabilityRequest specifies the data in a summary of affordability, income or expenses. The zero value selects all
	// accounts. According to a page of API 2.0, the default period of income and expenses is from 13 months ago to the
	// current month.
	AffordabilityRequest = gen.AffordabilityRequest
	// AffordabilityTransaction is a transaction in a summary.
	AffordabilityTransaction = gen.AffordabilityTransaction
)

// ErrNoTransactions is returned if the user's accounts have no transactions in the period. Basiq responds with 204.
var ErrNoTransactions = errors.New("no transactions in the period")

// ErrPDFCreated is returned if Basiq created a summary of affordability as a PDF report: it responded with 201 and no body,
// or with the PDF document. Neither has the ID of the summary. [AffordabilityService.List] returns the ID, and
// [AffordabilityService.PDF] and [AffordabilityService.Get] the summary. Do not create the summary again.
var ErrPDFCreated = errors.New("the summary was created as a PDF report: Affordability.List returns its ID, and Affordability.PDF the report")

// AffordabilityService summarizes users' assets, liabilities, income and expenses. API 3.0 marks its operations as deprecated.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
type AffordabilityService struct{ client *Client }

// List returns the user's summaries without their figures, which [AffordabilityService.Get] returns. operationId:
// getAffordabilityList.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func (s *AffordabilityService) List(ctx context.Context, userID string) iter.Seq2[*Affordability, error] {
	return list(ctx, s.client, opGetAffordabilityList, []pathParam{{"userID", userID}}, affordabilityResource, bindID(s.client.raw.GetAffordabilityList, userID), listOptions[Affordability]{})
}

// Create creates a summary without a job. Basiq also creates the summaries of income and expenses of the same period; Links
// holds their URLs. Affordability, income and expenses share a daily limit: the number of users created on that day, at most
// 1,000.
//
// Errors: [ErrInvalidInput] for an invalid month or a ToMonth more than 12 months after FromMonth, [ErrNoTransactions],
// [ErrBadRequest] for accounts in different currencies or a user without an active consent, [ErrForbidden] if Basiq has not
// enabled it for the API key. [ErrPDFCreated] is returned if Basiq created a PDF report, which this method does not request.
// operationId: postAffordability.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func (s *AffordabilityService) Create(ctx context.Context, userID string, request AffordabilityRequest) (*Affordability, error) {
	if err := checkSummary(opPostAffordability, request); err != nil {
		return nil, err
	}
	return createSummary(ctx, s.client, opPostAffordability, userID, affordabilityResource, bindIDInput(s.client.raw.PostAffordability, userID, request))
}

// Get returns a summary. operationId: getAffordability.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func (s *AffordabilityService) Get(ctx context.Context, userID, snapshotID string) (*Affordability, error) {
	return get(ctx, s.client, opGetAffordability, []pathParam{{"userID", userID}, {"snapshotID", snapshotID}}, affordabilityResource, bindIDs(s.client.raw.GetAffordability, userID, snapshotID))
}

// PDF returns a summary as a PDF document, in memory. Errors: [ErrResponseTooLarge]. operationId: getAffordability.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func (s *AffordabilityService) PDF(ctx context.Context, userID, snapshotID string) ([]byte, error) {
	return getDocument(ctx, s.client, opGetAffordability, []pathParam{{"userID", userID}, {"snapshotID", snapshotID}}, mediaPDF, bindIDs(s.client.raw.GetAffordability, userID, snapshotID))
}

// Transactions returns the transactions of a summary. The page size is the only documented option. operationId:
// getAffordabilitySnapshotTransactions.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func (s *AffordabilityService) Transactions(ctx context.Context, userID, snapshotID string, options ...AffordabilityTransactionListOptions) iter.Seq2[*AffordabilityTransaction, error] {
	return s.transactions(userID, snapshotID, options).all(ctx)
}

// TransactionsPage returns one page of [AffordabilityService.Transactions]; see [TransactionsService.Page].
// operationId: getAffordabilitySnapshotTransactions.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func (s *AffordabilityService) TransactionsPage(ctx context.Context, userID, snapshotID string, at Cursor, options ...AffordabilityTransactionListOptions) (*Page[AffordabilityTransaction], error) {
	return s.transactions(userID, snapshotID, options).one(ctx, at)
}

// TransactionsCSV returns the transactions of a summary as a CSV document, in memory. Errors: [ErrResponseTooLarge].
// operationId: getAffordabilitySnapshotTransactions.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func (s *AffordabilityService) TransactionsCSV(ctx context.Context, userID, snapshotID string) ([]byte, error) {
	return getDocument(ctx, s.client, opGetSnapshotTransactions, []pathParam{{"userID", userID}, {"snapshotID", snapshotID}}, "application/csv", bindIDsInput(s.client.raw.GetAffordabilitySnapshotTransactions, userID, snapshotID, nil))
}

func (s *AffordabilityService) transactions(userID, snapshotID string, options []AffordabilityTransactionListOptions) collection[AffordabilityTransaction] {
	return collection[AffordabilityTransaction]{
		client: s.client, op: opGetSnapshotTransactions, ids: []pathParam{{"userID", userID}, {"snapshotID", snapshotID}}, options: listOptionsOf(options), sized: true,
		resource: resource[AffordabilityTransaction]{"transaction", func(t *AffordabilityTransaction) (string, string) { return t.Type, t.ID }},
		request:  bindIDsInput(s.client.raw.GetAffordabilitySnapshotTransactions, userID, snapshotID, nil), //nolint:staticcheck // The exported methods that call this one are deprecated too.
	}
}

// SummaryIDs returns the IDs of the summaries of income and expenses that [AffordabilityService.Create] created with a
// summary of affordability, for [IncomeService.Get] and [ExpensesService.Get]. Basiq sends them only in Links. An ID is empty
// if the link is missing or invalid.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func SummaryIDs(summary *Affordability) (incomeID, expensesID string) {
	return linkedSummary(summary.Links.Income, "income"), linkedSummary(summary.Links.Expenses, "expenses")
}

// linkedSummary returns the ID in a link to a summary of that kind, or "".
func linkedSummary(link, kind string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	match := summaryPath.FindStringSubmatch(u.Path)
	if match == nil || match[1] != kind || api.ID(match[2]).Validate() != nil {
		return ""
	}
	return match[2]
}

var summaryPath = regexp.MustCompile(`^/*users/[^/]+/(income|expenses)/([^/]+)/*$`)

// maxMonthsApart is the maximum number of months from the first to the last month of a summary, as recorded.
const maxMonthsApart = 12

// monthLayout is the layout of a month of a request.
const monthLayout = "2006-01"

// month matches a month of a request.
var month = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])$`)

// checkSummary returns an error for an invalid request for a summary.
func checkSummary(op *Operation, request AffordabilityRequest) error {
	for _, account := range request.Accounts {
		if err := checkIDs(op, pathParam{"request.Accounts", account}); err != nil {
			return err
		}
	}
	for argument, value := range map[string]string{"request.FromMonth": request.FromMonth, "request.ToMonth": request.ToMonth} {
		if value != "" && !month.MatchString(value) {
			return invalidInput(op.Name, argument, "not a month such as 2019-05")
		}
	}
	if request.FromMonth == "" || request.ToMonth == "" {
		return nil
	}
	from, _ := time.Parse(monthLayout, request.FromMonth) // both match month
	to, _ := time.Parse(monthLayout, request.ToMonth)
	switch {
	case from.After(to):
		return invalidInput(op.Name, "request", "FromMonth is after ToMonth")
	case to.After(from.AddDate(0, maxMonthsApart, 0)):
		return invalidInput(op.Name, "request", "ToMonth is more than 12 months after FromMonth")
	}
	return nil
}

// createSummary makes a call whose response is a summary, or 204 if there is none.
func createSummary[T any](ctx context.Context, c *Client, op *Operation, userID string, r resource[T], request requester) (*T, error) {
	resp, err := c.do(ctx, op, []pathParam{{"userID", userID}}, request)
	switch {
	case err != nil:
		return nil, err
	case resp.status == http.StatusNoContent:
		resp.end(0, nil)
		return nil, fmt.Errorf("basiq: %s: %w", op.Name, ErrNoTransactions)
	case op == opPostAffordability && isPDFReport(resp):
		resp.end(0, nil)
		return nil, &Error{Operation: op.Name, StatusCode: resp.status, reason: ErrPDFCreated}
	}
	return r.read(resp, "")
}

// isPDFReport reports whether Basiq has created a PDF report: the response is the document, or 201 without a body.
func isPDFReport(resp response) bool {
	body := bytes.TrimSpace(resp.body.bytes())
	return resp.status == http.StatusCreated && len(body) == 0 || bytes.HasPrefix(body, []byte(pdfMagic))
}

var affordabilityResource = resource[Affordability]{"affordability", func(a *Affordability) (string, string) { return a.Type, a.ID }}
