package basiq

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// UserAnalytics holds the numbers of users in a period. Preview, outside the stability promise.
	UserAnalytics = gen.UserAnalytics
	// UserAnalyticsInterval holds the numbers of users in one interval. Preview, outside the stability promise.
	UserAnalyticsInterval = gen.UserAnalyticsInterval
	// AnalyticsInterval is the length of an interval. Preview, outside the stability promise.
	AnalyticsInterval = gen.AnalyticsInterval
	// AnalyticsConnectionType is a type of connection. Preview, outside the stability promise.
	AnalyticsConnectionType = gen.AnalyticsConnectionType
)

// The lengths of an interval. Preview, outside the stability promise.
const (
	AnalyticsIntervalDaily   = gen.AnalyticsIntervalDaily
	AnalyticsIntervalWeekly  = gen.AnalyticsIntervalWeekly
	AnalyticsIntervalMonthly = gen.AnalyticsIntervalMonthly
)

// The types of connections. Preview, outside the stability promise.
const (
	AnalyticsConnectionTypeAll = gen.AnalyticsConnectionTypeAll
	// AnalyticsConnectionTypeCDR is open banking.
	AnalyticsConnectionTypeCDR = gen.AnalyticsConnectionTypeCDR
	AnalyticsConnectionTypeWeb = gen.AnalyticsConnectionTypeWeb
	// AnalyticsConnectionTypePDF and AnalyticsConnectionTypeCSV are uploaded statements.
	AnalyticsConnectionTypePDF = gen.AnalyticsConnectionTypePDF
	AnalyticsConnectionTypeCSV = gen.AnalyticsConnectionTypeCSV
)

// UserAnalyticsQuery is the argument of [AnalyticsService.Users]. Preview, outside the stability promise.
type UserAnalyticsQuery struct {
	// Interval is the length of the intervals. Required.
	Interval AnalyticsInterval
	// From and To are the first and the last day of the period. Both are optional; Basiq does not document the defaults.
	From, To Date
	// ConnectionTypes are the types of connections to count. If it is empty, Basiq decides.
	ConnectionTypes []AnalyticsConnectionType
}

// AnalyticsService counts the users of the application. It requires [APIVersion30]. Preview, outside the stability
// promise: Basiq calls these operations a beta.
type AnalyticsService struct{ client *Client }

// Users returns the numbers of users that were created, deleted, active and connected in each interval of a period.
// Preview, outside the stability promise. Errors: [ErrInvalidInput] if the Interval is not one of the constants, a date
// is invalid, or From is after To; [ErrForbidden]. operationId: getUserAnalytics.
func (s *AnalyticsService) Users(ctx context.Context, query UserAnalyticsQuery) (*UserAnalytics, error) {
	from, fromValid := query.From.Time()
	to, toValid := query.To.Time()
	intervals := []AnalyticsInterval{AnalyticsIntervalDaily, AnalyticsIntervalWeekly, AnalyticsIntervalMonthly}
	switch {
	case !slices.Contains(intervals, query.Interval):
		return nil, invalidInput(opUserAnalytics.Name, "query.Interval", "must be daily, weekly or monthly")
	case !fromValid && query.From != "":
		return nil, invalidInput(opUserAnalytics.Name, "query.From", "not a date such as 2019-10-29")
	case !toValid && query.To != "":
		return nil, invalidInput(opUserAnalytics.Name, "query.To", "not a date such as 2019-10-29")
	case fromValid && toValid && from.After(to):
		return nil, invalidInput(opUserAnalytics.Name, "query", "From is after To")
	case slices.Contains(query.ConnectionTypes, ""):
		return nil, invalidInput(opUserAnalytics.Name, "query.ConnectionTypes", "empty type")
	}
	parameters := gen.GetUserAnalyticsParams{Interval: query.Interval, FromDate: optional(query.From), ToDate: optional(query.To)}
	if len(query.ConnectionTypes) > 0 {
		parameters.ConnectionType = &query.ConnectionTypes
	}
	resp, err := s.client.do(ctx, opUserAnalytics, nil, bindInput(s.client.raw.GetUserAnalytics, &parameters))
	if err != nil {
		return nil, err
	}
	return read(resp, func(analytics *UserAnalytics) error {
		switch {
		case analytics.Interval == "" && len(analytics.Data) == 0:
			return errors.New("missing interval and data")
		case analytics.Interval != "" && !strings.EqualFold(string(analytics.Interval), string(query.Interval)):
			return errors.New("response about another interval")
		}
		return nil
	})
}
