package basiq

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Report is a report on users' data. In a list it has no Data.
	Report = gen.Report
	// ReportData holds the contents of a report.
	ReportData = gen.ReportData
	// ReportMetric is a number or a flag in a report, such as the monthly salary.
	ReportMetric = gen.ReportMetric
	// ReportGroup is one kind of income, expense or liability in a report, with its transactions.
	ReportGroup = gen.ReportGroup
	// ReportType is a type of report.
	ReportType = gen.ReportType
	// CreateReport specifies the report to create. [ReportFilterString] and [ReportFilterStrings] create its filters.
	CreateReport = gen.CreateReport
	// ReportFilter is a filter that limits the data in a report.
	ReportFilter = gen.ReportFilter
	// ReportFilterName is the name of a report filter.
	ReportFilterName = gen.ReportFilterName
	// ReportMetricFormat is a format for the value of a metric.
	ReportMetricFormat = gen.ReportMetricFormat
)

// ReportTransaction is a transaction in a report.
type ReportTransaction struct{ Transaction }

// Filters of reports. [ReportsService.Types] returns the filters of each type.
const (
	// ReportFilterNameFromDate and ReportFilterNameToDate: the first and the last day, a [Date].
	ReportFilterNameFromDate = gen.ReportFilterNameFromDate
	ReportFilterNameToDate   = gen.ReportFilterNameToDate
	// ReportFilterNameAccounts and ReportFilterNameUsers: lists of IDs, for affordability reports, with at most five users.
	ReportFilterNameAccounts = gen.ReportFilterNameAccounts
	ReportFilterNameUsers    = gen.ReportFilterNameUsers
	// ReportFilterNameIncludeMetrics and ReportFilterNameIncludeGroups: lists of IDs such as "ME002" and "EXP-016", for
	// affordability reports. An empty list selects all; [ReportFilterNone] selects none.
	ReportFilterNameIncludeMetrics = gen.ReportFilterNameIncludeMetrics
	ReportFilterNameIncludeGroups  = gen.ReportFilterNameIncludeGroups
	// ReportFilterNameReportSubType: [ReportSubTypeIncome] or [ReportSubTypeExpense], for affordability reports. The report
	// contains only the metrics and groups of that kind.
	ReportFilterNameReportSubType = gen.ReportFilterNameReportSubType
	// ReportFilterNameAccount and ReportFilterNameUser: an ID, for bank statements.
	ReportFilterNameAccount = gen.ReportFilterNameAccount
	ReportFilterNameUser    = gen.ReportFilterNameUser
)

// Formats for the value of a metric.
const (
	ReportMetricFormatInteger = gen.ReportMetricFormatInteger
	ReportMetricFormatMoney   = gen.ReportMetricFormatMoney
	ReportMetricFormatPercent = gen.ReportMetricFormatPercent
	// ReportMetricFormatBoolean: the String of the value is "true" or "false".
	ReportMetricFormatBoolean = gen.ReportMetricFormatBoolean
)

// The types of reports that Basiq documents.
const (
	// ReportTypeAffordability: what consumers can afford.
	ReportTypeAffordability = "CON_AFFOR_01"
	// ReportTypeBusinessAffordability: what an organization can afford. Basiq must enable it for the application, and sets
	// the last day to the current day.
	ReportTypeBusinessAffordability = "BUS_AFFOR_01"
	// ReportTypeStatement: the bank statement of one account.
	ReportTypeStatement = "STATEMENT_01"
)

// The values of [ReportFilterNameReportSubType].
const (
	ReportSubTypeIncome  = "income"
	ReportSubTypeExpense = "expense"
)

// ReportFilterString returns a filter whose value is one string: a date or an ID.
func ReportFilterString(name ReportFilterName, value string) ReportFilter {
	return ReportFilter{Name: name, Value: api.String(value)}
}

// ReportFilterStrings returns a filter whose value is a list of IDs.
func ReportFilterStrings(name ReportFilterName, values ...string) ReportFilter {
	return ReportFilter{Name: name, Value: api.List(values...)}
}

// ReportFilterNone returns a filter that hides all metrics or groups.
func ReportFilterNone(name ReportFilterName) ReportFilter { return ReportFilter{Name: name} }

// ReportTransactionFields are the fields that [ReportsService.Transactions] can filter by.
var ReportTransactionFields = reportTransactionFields{
	ID:            EqualField[ReportTransaction, string]{name: "transaction.id"},
	AccountID:     EqualField[ReportTransaction, string]{name: "account.id"},
	ConnectionID:  EqualField[ReportTransaction, string]{name: "connection.id"},
	InstitutionID: EqualField[ReportTransaction, string]{name: "institution.id"},
	PostDate:      DateField[ReportTransaction, Time]{name: "transaction.postDate"},
	Status:        EqualField[ReportTransaction, TransactionStatus]{name: "transaction.status"},
	Direction:     EqualField[ReportTransaction, TransactionDirection]{name: "transaction.direction"},
	Class:         EqualField[ReportTransaction, TransactionClass]{name: "transaction.class"},
}

type reportTransactionFields struct {
	ID            EqualField[ReportTransaction, string]
	AccountID     EqualField[ReportTransaction, string]
	ConnectionID  EqualField[ReportTransaction, string]
	InstitutionID EqualField[ReportTransaction, string]
	PostDate      DateField[ReportTransaction, Time]
	Status        EqualField[ReportTransaction, TransactionStatus]
	Direction     EqualField[ReportTransaction, TransactionDirection]
	Class         EqualField[ReportTransaction, TransactionClass]
}

// ReportsService creates reports from users' data, for example to assess what they can afford. It requires
// [APIVersion30].
type ReportsService struct{ client *Client }

// List returns the reports of all users of the application, without their Data. Errors: [ErrForbidden]. operationId:
// listReports.
func (s *ReportsService) List(ctx context.Context) iter.Seq2[*Report, error] {
	return s.reports().all(ctx)
}

// Page returns one page of [ReportsService.List]; see [TransactionsService.Page]. operationId: listReports.
func (s *ReportsService) Page(ctx context.Context, at Cursor) (*Page[Report], error) {
	return s.reports().one(ctx, at)
}

func (s *ReportsService) reports() collection[Report] {
	return collection[Report]{
		client: s.client, op: opListReports, resource: reportResource,
		request: s.client.raw.ListReports,
	}
}

// maxReportTitle is the maximum number of characters.
const maxReportTitle = 50

// Create starts a job that creates a report. Wait for it with [JobsService.Wait]; [Job.ReportID] returns the report's ID.
// The report keeps a copy of its data.
//
//	job, err := client.Reports.Create(ctx, basiq.CreateReport{
//		ReportType: basiq.ReportTypeAffordability,
//		Title:      "Gavin Belson, March",
//		Filters: []basiq.ReportFilter{
//			basiq.ReportFilterString(basiq.ReportFilterNameFromDate, "2024-01-01"),
//			basiq.ReportFilterString(basiq.ReportFilterNameToDate, "2024-03-26"),
//			basiq.ReportFilterStrings(basiq.ReportFilterNameUsers, userID),
//			basiq.ReportFilterStrings(basiq.ReportFilterNameAccounts, accountID),
//		},
//	})
//
// The daily limit is the number of users created on that day, at most 1,000. Errors: [ErrInvalidInput] if the type, the
// title or the name of a filter is missing, if the title has more than 50 characters, or if a filter is a duplicate;
// [ErrBadRequest], also if a user has no active consent; [ErrForbidden]. operationId: createReport.
func (s *ReportsService) Create(ctx context.Context, report CreateReport) (*Job, error) {
	switch {
	case strings.TrimSpace(report.ReportType) == "":
		return nil, invalidInput(opCreateReport.Name, "report", "ReportType is required")
	case strings.TrimSpace(report.Title) == "":
		return nil, invalidInput(opCreateReport.Name, "report", "Title is required")
	case utf8.RuneCountInString(report.Title) > maxReportTitle:
		return nil, invalidInput(opCreateReport.Name, "report", fmt.Sprintf("the Title has more than %d characters", maxReportTitle))
	}
	names := map[ReportFilterName]bool{}
	for _, filter := range report.Filters {
		if filter.Name == "" || names[filter.Name] {
			return nil, invalidInput(opCreateReport.Name, "report", "filters must have unique names")
		}
		names[filter.Name] = true
	}
	if report.Filters == nil {
		report.Filters = []ReportFilter{} // Basiq requires a list.
	}
	return startJob(ctx, s.client, opCreateReport, nil, [2]string{}, bindInput(s.client.raw.CreateReport, report))
}

// CreateAndWait calls [ReportsService.Create], [JobsService.Wait] and [ReportsService.Get]. An error after the job was
// started is a [*WaitError] or a [*JobError]. After a WaitError wait for the job again with its JobID, and get the report
// with the ID that [Job.ReportID] returns. Do not create it again: each report counts against the daily limit.
// operationIds: createReport, getJobs, retrieveReport.
func (s *ReportsService) CreateAndWait(ctx context.Context, report CreateReport, options ...WaitOption) (*Report, error) {
	config, err := newWaitConfig(ctx, "Reports.CreateAndWait", options)
	if err != nil {
		return nil, err
	}
	job, err := s.Create(ctx, report)
	if err != nil {
		return nil, err
	}
	done, err := s.client.Jobs.wait(ctx, job.ID, config)
	if err != nil {
		return nil, err
	}
	reportID, known := done.ReportID()
	if !known {
		return nil, &WaitError{JobID: job.ID, Job: done, Err: errNoReport}
	}
	made, err := s.Get(ctx, reportID)
	if err != nil {
		return nil, &WaitError{JobID: job.ID, Job: done, Err: err}
	}
	return made, nil
}

// Get returns a report. Its Data, and parts of it, are nil if Basiq sends none. The ExpiresAt of a report in a list is
// the end of the time it can be read. Errors: [ErrResponseTooLarge]. operationId: retrieveReport.
func (s *ReportsService) Get(ctx context.Context, reportID string) (*Report, error) {
	return get(ctx, s.client, opRetrieveReport, []pathParam{{"reportID", reportID}}, reportResource, bindID(s.client.raw.RetrieveReport, reportID))
}

// PDF returns a report as a PDF document, in memory. A report that is too large for a PDF can still be read with
// [ReportsService.Get]. Errors: [ErrResponseTooLarge]. operationId: retrieveReport.
func (s *ReportsService) PDF(ctx context.Context, reportID string) ([]byte, error) {
	return getDocument(ctx, s.client, opRetrieveReport, []pathParam{{"reportID", reportID}}, mediaPDF, bindID(s.client.raw.RetrieveReport, reportID))
}

// Delete deletes a report. operationId: deleteReport.
func (s *ReportsService) Delete(ctx context.Context, reportID string) error {
	return doNoContent(ctx, s.client, opDeleteReport, []pathParam{{"reportID", reportID}}, bindID(s.client.raw.DeleteReport, reportID))
}

// Transactions returns the transactions of a report that the options select; see [ReportTransactionListOptions].
// operationId: retrieveReportTransactions.
func (s *ReportsService) Transactions(ctx context.Context, reportID string, options ...ReportTransactionListOptions) iter.Seq2[*ReportTransaction, error] {
	return s.transactions(reportID, options).all(ctx)
}

// TransactionsPage returns one page of [ReportsService.Transactions]; see [TransactionsService.Page]. operationId:
// retrieveReportTransactions.
func (s *ReportsService) TransactionsPage(ctx context.Context, reportID string, at Cursor, options ...ReportTransactionListOptions) (*Page[ReportTransaction], error) {
	return s.transactions(reportID, options).one(ctx, at)
}

func (s *ReportsService) transactions(reportID string, options []ReportTransactionListOptions) collection[ReportTransaction] {
	return collection[ReportTransaction]{
		client: s.client, op: opReportTransactions, ids: []pathParam{{"reportID", reportID}}, options: listOptionsOf(options),
		resource: resource[ReportTransaction]{"transaction", func(t *ReportTransaction) (string, string) { return t.Type, t.ID }},
		request:  bindIDInput(s.client.raw.RetrieveReportTransactions, reportID, nil),
	}
}

// Types returns the available report types and the filters of each. Errors: [ErrForbidden]. operationId:
// listReportTypes.
func (s *ReportsService) Types(ctx context.Context) iter.Seq2[*ReportType, error] {
	types := resource[ReportType]{"", func(t *ReportType) (string, string) { return t.Type, t.ID }}
	return list(ctx, s.client, opListReportTypes, nil, types, s.client.raw.ListReportTypes, listOptions[ReportType]{})
}

// Type returns a report type. operationId: retrieveSpecificReportType.
func (s *ReportsService) Type(ctx context.Context, reportTypeID string) (*ReportType, error) {
	resp, err := s.client.do(ctx, opReportType, []pathParam{{"reportTypeID", reportTypeID}}, bindID(s.client.raw.RetrieveSpecificReportType, reportTypeID))
	if err != nil {
		return nil, err
	}
	reportType, err := reportTypeResource.read(resp, reportTypeID)
	if err != nil {
		return nil, err
	}
	return withoutList(reportType), nil
}

var reportResource = resource[Report]{"report", func(r *Report) (string, string) { return r.Type, r.ID }}

var reportTypeResource = resource[ReportType]{"", func(t *ReportType) (string, string) { return "", withoutList(t).ID }}

// withoutList returns the report type in a list of one. The documents describe a single report type with the schema of a
// list, which can have its own ID. The result has no ID unless the list has exactly one item.
func withoutList(t *ReportType) *ReportType {
	switch isList := t.ID == "" || strings.EqualFold(t.Type, "list"); {
	case !isList || t.Data == nil:
		return t
	case len(t.Data) != 1:
		return new(ReportType)
	}
	single := t.Data[0]
	single.ID = cmp.Or(single.ID, t.ID)
	return &single
}
