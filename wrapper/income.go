package basiq

import (
	"context"

	"github.com/basiq-go/basiq-go/gen"
)

// Income is a summary of a user's income in a period, by source.
type Income = gen.Income

// IncomeFrequency is the frequency of payments from a source of income.
type IncomeFrequency = gen.IncomeFrequency

// The frequencies of payments from a source of income.
const (
	IncomeFrequencyBiMonthly = gen.IncomeFrequencyBiMonthly
	IncomeFrequencyBiWeekly  = gen.IncomeFrequencyBiWeekly
	IncomeFrequencyDaily     = gen.IncomeFrequencyDaily
	IncomeFrequencyHalfYear  = gen.IncomeFrequencyHalfYear
	IncomeFrequencyIrregular = gen.IncomeFrequencyIrregular
	IncomeFrequencyMonthly   = gen.IncomeFrequencyMonthly
	IncomeFrequencyOther     = gen.IncomeFrequencyOther
	IncomeFrequencyQuarterly = gen.IncomeFrequencyQuarterly
	IncomeFrequencyWeekly    = gen.IncomeFrequencyWeekly
	IncomeFrequencyYearly    = gen.IncomeFrequencyYearly
)

// IncomeService summarizes users' income. API 3.0 marks its operations as deprecated.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability] and [ReportSubTypeIncome], or insights.
type IncomeService struct{ client *Client }

// Create creates a summary, of up to ten institutions, without a job. It has the limits and errors of
// [AffordabilityService.Create]. operationId: postIncome.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability] and [ReportSubTypeIncome], or insights.
func (s *IncomeService) Create(ctx context.Context, userID string, request AffordabilityRequest) (*Income, error) {
	if err := checkSummary(opPostIncome, request); err != nil {
		return nil, err
	}
	return createSummary(ctx, s.client, opPostIncome, userID, incomeResource, bindIDInput(s.client.raw.PostIncome, userID, request))
}

// Get returns a summary. operationId: getIncome.
//
// Deprecated: use [ReportsService.Create] with [ReportTypeAffordability] and [ReportSubTypeIncome], or insights.
func (s *IncomeService) Get(ctx context.Context, userID, snapshotID string) (*Income, error) {
	return get(ctx, s.client, opGetIncome, []pathParam{{"userID", userID}, {"snapshotID", snapshotID}}, incomeResource, bindIDs(s.client.raw.GetIncome, userID, snapshotID))
}

var incomeResource = resource[Income]{"income", func(v *Income) (string, string) { return v.Type, v.ID }}
