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
	// Affordability is a summary of what a user owns, owes, earns and spends.
	Affordability = gen.Affordability
	// AffordabilityRequest is what to summarise, for affordability, income and expenses alike. An empty one has all
	// accounts. A page of API 2.0 gives the default period of income and expenses: from 13 months ago to the current month.
	AffordabilityRequest = gen.AffordabilityRequest
	// AffordabilityTransaction is a transaction as it went into a summary.
	AffordabilityTransaction = gen.AffordabilityTransaction
)

// ErrNoTransactions is returned if the user's accounts have no transactions in the period. Basiq responds with 204.
var ErrNoTransactions = errors.New("there are no transactions to summarise")

// ErrPDFCreated is returned if Basiq created a summary of affordability as a PDF report: it responded with 201 and no body,
// or with the PDF document. Neither has the ID of the summary. [AffordabilityService.List] returns the ID, and
// [AffordabilityService.PDF] and [AffordabilityService.Get] the summary. Do not create the summary again.
var ErrPDFCreated = errors.New("the summary was created as a PDF report: Affordability.List returns its ID, and Affordability.PDF the report")

// AffordabilityService summarizes what users own, owe, earn and spend. API 3.0 marks its operations as deprecated.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
type AffordabilityService struct{ client *Client }

// List returns the user's summaries without their figures, which [AffordabilityService.Get] returns. operationId:
// getAffordabilityList.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func (s *AffordabilityService) List(ctx context.Context, userID string) iter.Seq2[*Affordability, error] {
	return list(ctx, s.client, opGetAffordabilityList, []id{{"userID", userID}}, affordabilityResource, by1(s.client.raw.GetAffordabilityList, userID), listOptions[Affordability]{})
}

// Create creates a summary without a job, and with it the summaries of income and expenses of the same period, see its
// Links. The daily limit of affordability, income and expenses together is the number of users created on that day, at
// most 1,000.
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
	return createSummary(ctx, s.client, opPostAffordability, userID, affordabilityResource, sendTo(s.client.raw.PostAffordability, userID, request))
}

// Get returns a summary. operationId: getAffordability.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func (s *AffordabilityService) Get(ctx context.Context, userID, snapshotID string) (*Affordability, error) {
	return get(ctx, s.client, opGetAffordability, []id{{"userID", userID}, {"snapshotID", snapshotID}}, affordabilityResource, by2(s.client.raw.GetAffordability, userID, snapshotID))
}

// PDF returns a summary as a PDF document, in memory. Errors: [ErrResponseTooLarge]. operationId: getAffordability.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func (s *AffordabilityService) PDF(ctx context.Context, userID, snapshotID string) ([]byte, error) {
	return getDocument(ctx, s.client, opGetAffordability, []id{{"userID", userID}, {"snapshotID", snapshotID}}, mediaPDF, by2(s.client.raw.GetAffordability, userID, snapshotID))
}

// Transactions returns the transactions of a summary. Only the page size is documented here. operationId:
// getAffordabilitySnapshotTransactions.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability], or insights.
func (s *AffordabilityService) Transactions(ctx context.Context, userID, snapshotID string, options ...AffordabilityTransactionListOptions) iter.Seq2[*AffordabilityTransaction, error] {
	return s.transactions(userID, snapshotID, options).all(ctx)
}

// TransactionsPage returns one page of [AffordabilityService.Transactions]; see [TransactionsService.Page].
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
	return getDocument(ctx, s.client, opGetSnapshotTransactions, []id{{"userID", userID}, {"snapshotID", snapshotID}}, "application/csv", sendTo2(s.client.raw.GetAffordabilitySnapshotTransactions, userID, snapshotID, nil))
}

func (s *AffordabilityService) transactions(userID, snapshotID string, options []AffordabilityTransactionListOptions) collection[AffordabilityTransaction] {
	return collection[AffordabilityTransaction]{
		client: s.client, op: opGetSnapshotTransactions, ids: []id{{"userID", userID}, {"snapshotID", snapshotID}}, options: listOptionsOf(options), sized: true,
		resource: resource[AffordabilityTransaction]{"transaction", func(t *AffordabilityTransaction) (string, string) { return t.Type, t.ID }},
		request:  sendTo2(s.client.raw.GetAffordabilitySnapshotTransactions, userID, snapshotID, nil), //nolint:staticcheck // The exported methods that call this one are deprecated too.
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

// maxMonthsApart is how many months the last month of a summary can be after its first, as Basiq was recorded to require.
const maxMonthsApart = 12

// monthLayout is the layout of a month of a request.
const monthLayout = "2006-01"

// month matches a month of a request.
var month = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])$`)

// checkSummary returns an error for an invalid request for a summary.
func checkSummary(op *Operation, request AffordabilityRequest) error {
	for _, account := range request.Accounts {
		if err := checkIDs(op, id{"request.Accounts", account}); err != nil {
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
	answer, err := c.do(ctx, op, []id{{"userID", userID}}, request)
	switch {
	case err != nil:
		return nil, err
	case answer.status == http.StatusNoContent:
		return nil, fmt.Errorf("basiq: %s: %w", op.Name, ErrNoTransactions)
	case op == opPostAffordability && isPDFReport(answer):
		defer answer.body.release()
		return nil, &Error{Operation: op.Name, StatusCode: answer.status, reason: ErrPDFCreated}
	}
	return r.read(answer, "")
}

// isPDFReport reports whether a response is that to the creation of a PDF report: the document, or 201 without a body.
func isPDFReport(answer answer) bool {
	body := bytes.TrimSpace(answer.body.bytes())
	return answer.status == http.StatusCreated && len(body) == 0 || bytes.HasPrefix(body, []byte(pdfMagic))
}

var affordabilityResource = resource[Affordability]{"affordability", func(a *Affordability) (string, string) { return a.Type, a.ID }}
