package basiq_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestAnalytics_Users_InvalidInput(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		query      basiq.UserAnalyticsQuery
	}{
		{"no interval", "query.Interval: must be daily, weekly or monthly", basiq.UserAnalyticsQuery{}},
		{"unknown interval", "query.Interval: must be daily, weekly or monthly", basiq.UserAnalyticsQuery{Interval: "yearly"}},
		{"bad first day", "query.From: not a date such as 2019-10-29", basiq.UserAnalyticsQuery{Interval: "daily", From: "yesterday"}},
		{"bad last day", "query.To: not a date such as 2019-10-29", basiq.UserAnalyticsQuery{Interval: "daily", To: "2026-02-30"}},
		{"from after to", "query: From is after To", basiq.UserAnalyticsQuery{Interval: "daily", From: "2026-02-02", To: "2026-02-01"}},
		{"empty type", "query.ConnectionTypes: empty type", basiq.UserAnalyticsQuery{Interval: "daily", ConnectionTypes: []basiq.AnalyticsConnectionType{""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, analyticsJSON))
			err := errOf(client.Analytics.Users(t.Context(), tt.query))
			require.ErrorIs(t, err, basiq.ErrInvalidInput)
			require.EqualError(t, err, "basiq: Analytics.Users: "+tt.text)
			assert.Empty(t, s.seen())
		})
	}
}

func TestAnalytics_Users(t *testing.T) {
	t.Parallel()
	query := basiq.UserAnalyticsQuery{Interval: basiq.AnalyticsIntervalMonthly, From: "2026-02-01", To: "2026-02-01"}
	s, client := newStub(t, ok(200, analyticsJSON))
	_, err := client.Analytics.Users(t.Context(), query)
	require.NoError(t, err)
	assert.Equal(t, "interval=monthly&fromDate=2026-02-01&toDate=2026-02-01", s.seen()[0].Query)
	for _, open := range []basiq.UserAnalyticsQuery{{From: query.From}, {To: query.To}} {
		open.Interval = query.Interval
		require.NoError(t, errOf(client.Analytics.Users(t.Context(), open)))
	}
	for body, problem := range map[string]string{
		`{"message":"hello"}`:              "missing interval and data",
		`{"type":"list","data":[]}`:        "missing interval and data",
		`{"interval":"daily","data":[{}]}`: "response about another interval",
	} {
		_, client := newStub(t, ok(200, body))
		require.ErrorContains(t, errOf(client.Analytics.Users(t.Context(), query)), problem)
	}
	_, client = newStub(t, ok(200, `{"data":[{"created":1}]}`))
	_, err = client.Analytics.Users(t.Context(), query)
	require.NoError(t, err, "no field is required")
}
