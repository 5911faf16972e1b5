package basiq_test

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// operationCalls contains every operation once.
func TestOperations_EveryOperationTested(t *testing.T) {
	t.Parallel()
	var want, have []string
	for _, op := range basiq.Operations() {
		want = append(want, op.ID)
	}
	for _, c := range operationCalls {
		have = append(have, c.id)
	}
	assert.ElementsMatch(t, want, have)
}

// sent is what each operation sends in addition to its path. Operations without an entry send nothing. Uploads are tested by
// TestStatements_Upload.
var sent = map[string]struct{ query, body string }{
	"createUser":                           {body: `{"email":"gavin@hooli.com"}`},
	"updateUser":                           {body: `{"mobile":"+61410888666"}`},
	"postAuthLink":                         {body: `{"mobile":"+61410000000"}`},
	"getConnections":                       {query: "filter=institution.id.eq('AU00000')"},
	"postConnection":                       {body: `{"institution":{"id":"AU00000"},"loginId":"gavinBelson","password":"hooli2016"}`},
	"updateConnection":                     {body: `{"password":"hooli2016"}`},
	"getUserJobs":                          {query: "filter=connection.id.eq('c1')"},
	"postJobMfa":                           {body: `{"mfa-response":["1234"]}`},
	"getAccounts":                          {query: "filter=connection.id.eq('c2')"},
	"getTransactions":                      {query: "filter=account.id.eq('a1')&limit=100"},
	"getEnrich":                            {query: "accountType=credit-card&amount=-12.50&country=AU&institution=AU00000&mcc=5411&q=WOOLWORTHS 1234 & SONS"},
	"getConnectors":                        {query: "filter=connector.stage.eq('live'),connector.institution.tier.in('1','2')"},
	"getInstitutions":                      {query: "filter=institution.country.ne('New Zealand')"},
	"postAffordability":                    {body: `{"fromMonth":"2019-05","toMonth":"2019-09","accounts":["s55bf3","s55bf4"]}`},
	"postIncome":                           {body: `{"fromMonth":"2019-05","toMonth":"2019-09","accounts":["s55bf3","s55bf4"]}`},
	"postExpenses":                         {body: `{"fromMonth":"2019-05","toMonth":"2019-09","accounts":["s55bf3","s55bf4"]}`},
	"getEvents":                            {query: "filter=user.id.eq('u1'),event.entity.eq('connection')"},
	"updateWebhook":                        {body: `{"url":"https://piper.com/basiq-messages/"}`},
	"listMessages":                         {query: "filter=date.gteq('2019-08-24')&limit=500"},
	"testMessage":                          {body: `{"eventTypeId":"user.created","Text":"My test message"}`},
	"getPublicConnectors":                  {query: "filter=connector.id.eq('AU00000')"},
	"getPublicInstitutions":                {query: "filter=institution.tier.eq('3')"},
	"retrieveReportTransactions":           {query: "filter=transaction.id.eq('t1')"},
	"getAffordabilitySnapshotTransactions": {query: "limit=500"},
	"listUserInsights":                     {query: "filter=insightType.eq('balance'),created.gteq('2025-09-01')"},
	"getAccountInsights":                   {body: `{"accountNumber":"032096658830","accountType":"savings"}`},
	"getBalanceInsights":                   {body: `{"balance":{"min":"1"}}`},
	"getIdentityInsights":                  {body: `{"name":"Gavin Belson"}`},
	"createInsight":                        {body: `{"users":["u1"],"type":"EXPENSE_RATIO_VERIFICATION","data":{"expense":"1000"}}`},
	"GetPayees":                            {query: "filter=type.eq('biller')&limit=25"},
	"MerchantSearch":                       {query: "abn=38865358328&entityType=Individual/Sole Trader&merchantName=Coles & Co&suburb=Manly"},
	"getUserAnalytics":                     {query: "connectionType=CDR&connectionType=WEB&fromDate=2026-01-01&interval=monthly&toDate=2026-01-31"},
	// An empty list of metrics would select all metrics, so a filter without metrics is null.
	"createReport": {body: `{"reportType":"CON_AFFOR_01","title":"John Smith Affordability Report 2022-03-26","filters":[` +
		`{"name":"fromDate","value":"2022-01-01"},{"name":"users","value":["u1"]},{"name":"includeMetrics","value":null}]}`},
	// The documented schema has a list of events, but the documented example has a string.
	"addWebhook": {body: `{"name":"My General Webhook","subscribedEvents":["user.created"],"url":"https://piper.com/basiq-messages/"}`},
}

// Each operation sends the documented request once and decodes the documented response.
func TestOperations_Success(t *testing.T) {
	t.Parallel()
	for _, c := range operationCalls {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			s := stubFor(c, func(int) (*http.Response, error) { return reply(c.status, c.body), nil })
			require.NoError(t, c.call(t, c.client(t, s)))
			require.Equal(t, 1, s.calls(c), "a call must send one request")
			if c.id == "postToken" {
				return // TestTokens_Create_Request checks the rest
			}
			got, op := s.seen()[0], operation(t, c.id)
			assert.Equal(t, op.Method+" "+c.path, got.String())
			if isPublic(op) {
				assert.NotContains(t, got.Header, "Authorization")
				assert.Zero(t, s.tokenRequests(), "a public operation must not request a token")
			} else {
				assert.Equal(t, "Bearer token-1", got.Authorization)
				assert.Equal(t, 1, s.tokenRequests())
			}
			assert.Equal(t, "application/json", got.Header.Get("Accept"))
			assert.True(t, strings.HasPrefix(got.Header.Get("User-Agent"), "basiq-go/"))
			query, err := url.ParseQuery(got.Query)
			require.NoError(t, err)
			assert.Equal(t, sent[c.id].query, plain(query))
			switch {
			case c.id == "createStatement":
				assert.Regexp(t, "^multipart/form-data; boundary=.+$", got.ContentType)
			case sent[c.id].body != "":
				assert.JSONEq(t, sent[c.id].body, got.Body)
				assert.Equal(t, "application/json", got.ContentType)
			default:
				assert.Empty(t, got.Body)
				assert.Empty(t, got.ContentType)
			}
		})
	}
	for id := range sent {
		assert.NotEmpty(t, operation(t, id).Name)
	}
}

// isPublic reports whether an operation requires no token according to the documentation. Only the path shows it.
func isPublic(op basiq.Operation) bool { return strings.HasPrefix(op.Path, "/public/") }

// plain returns a decoded query sorted by name.
func plain(query url.Values) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, value := range query[name] {
			pairs = append(pairs, name+"="+value)
		}
	}
	return strings.Join(pairs, "&")
}

// The documented schema of one report type is a list with one item. The client accepts a list and a single report type.
func TestReports_Type_List(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, list(reportTypeJSON)))
	reportType, err := client.Reports.Type(t.Context(), basiq.ReportTypeAffordability)
	require.NoError(t, err)
	checkReportType(t, reportType)
	for name, body := range map[string]string{"empty": `{"type":"list","data":[]}`, "two": list(reportTypeJSON + "," + reportTypeJSON)} {
		_, client := newStub(t, ok(200, body))
		reportType, err := client.Reports.Type(t.Context(), basiq.ReportTypeAffordability)
		require.ErrorContains(t, err, "missing id", name)
		assert.Nil(t, reportType, name)
	}
}

// Every documented status is returned as an Error with all details.
func TestOperations_Errors(t *testing.T) {
	t.Parallel()
	for _, c := range operationCalls {
		for _, status := range []int{400, 401, 403, 404, 409, 410, 413, 415, 418, 429, 500, 503} {
			t.Run(c.id+"/"+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				s := stubFor(c, func(int) (*http.Response, error) {
					return reply(status, envelope("some-code", "Some title.", "Some detail.")), nil
				})
				err := c.call(t, c.client(t, s))
				var failure *basiq.Error
				require.ErrorAs(t, err, &failure)
				assert.Equal(t, operation(t, c.id).Name, failure.Operation)
				assert.Equal(t, status, failure.StatusCode)
				assert.Equal(t, "corr-1", failure.CorrelationID)
				require.Len(t, failure.Details, 1)
				assert.Equal(t, basiq.ErrorDetail{
					Type: "error", Code: "some-code", Title: "Some title.", Detail: "Some detail.",
					Source: basiq.ErrorSource{Parameter: "id", Pointer: "users/id"},
				}, failure.Details[0])
				require.ErrorIs(t, err, basiq.Code("some-code"))
				assert.Contains(t, err.Error(), "Some detail.")
				assert.Contains(t, err.Error(), "corr-1")
			})
		}
	}
}

// Operations that create, change or send something are not retried if the first request may have arrived: a second request could
// cause duplicates, use up a daily limit or send a message twice. Reads, refreshes and deletes by ID are retried.
func TestOperations_Retry(t *testing.T) {
	t.Parallel()
	once := []string{
		"createUser", "updateUser",
		"postAuthLink", "deleteAuthLink",
		"postConnection", "updateConnection", "purgeConnectionData",
		"postJobMfa",
		"createStatement",
		"postAffordability", "postIncome", "postExpenses", "createReport",
		"getAccountInsights", "getBalanceInsights", "getIdentityInsights", "createInsight",
		"addWebhook", "updateWebhook", "testMessage",
	}
	for _, id := range once {
		assert.NotEqual(t, http.MethodGet, operation(t, id).Method, id)
	}
	for _, c := range operationCalls {
		wantAttempts := 4
		if slices.Contains(once, c.id) {
			wantAttempts = 1
		}
		for name, response := range map[string]any{
			"after a connection reset":  errReset,
			"after 408":                 ok(408, ""),
			"after 500":                 ok(500, ""),
			"after 502":                 ok(502, "<html>"),
			"after 503":                 ok(503, ""),
			"after 504":                 ok(504, ""),
			"after a truncated success": stubResponse{status: c.status, body: `{"ty`, cut: errors.New("unexpected EOF")},
		} {
			t.Run(c.id+"/"+name, func(t *testing.T) {
				t.Parallel()
				turn := respondWith(response)
				s := stubFor(c, func(n int) (*http.Response, error) { return turn(n, request{}) })
				require.Error(t, c.call(t, c.client(t, s)))
				assert.Equal(t, wantAttempts, s.calls(c))
			})
		}
		t.Run(c.id+"/after 429", func(t *testing.T) {
			t.Parallel()
			s := stubFor(c, func(n int) (*http.Response, error) {
				if n < 3 {
					return reply(429, envelope("too-many-requests", "", "")), nil
				}
				return reply(c.status, c.body), nil
			})
			require.NoError(t, c.call(t, c.client(t, s)))
			assert.Equal(t, 3, s.calls(c))
		})
		for _, status := range []int{400, 401, 403, 404, 409, 410, 413, 415, 501} {
			t.Run(c.id+"/not after "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				s := stubFor(c, func(int) (*http.Response, error) { return reply(status, envelope("unauthorized-access", "", "")), nil })
				require.Error(t, c.call(t, c.client(t, s)))
				assert.Equal(t, 1, s.calls(c))
			})
		}
		assert.Equal(t, wantAttempts > 1, operation(t, c.id).Idempotent(), c.id)
	}
}

func operation(t testing.TB, id string) basiq.Operation {
	t.Helper()
	for _, op := range basiq.Operations() {
		if op.ID == id {
			return op
		}
	}
	require.Fail(t, "unknown operation", id)
	return basiq.Operation{}
}
