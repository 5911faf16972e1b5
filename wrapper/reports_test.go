package basiq_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func TestReports_Create(t *testing.T) {
	t.Parallel()
	for payload, report := range map[string]basiq.CreateReport{
		"conn-affor-report": {
			ReportType: basiq.ReportTypeAffordability,
			Title:      "John Smith Affordability Report 2022-03-26",
			Filters: []basiq.ReportFilter{
				basiq.ReportFilterString(basiq.ReportFilterNameFromDate, "2022-01-01"),
				basiq.ReportFilterString(basiq.ReportFilterNameToDate, "2023-01-01"),
				basiq.ReportFilterStrings(basiq.ReportFilterNameAccounts, "ag829sj", "aj82gka"),
				basiq.ReportFilterStrings(basiq.ReportFilterNameUsers, "272af9fa-0f4a-44dc-bf88-a63bec2d0662"),
				basiq.ReportFilterStrings(basiq.ReportFilterNameIncludeMetrics, "ME002", "ME003", "ME004"),
				basiq.ReportFilterStrings(basiq.ReportFilterNameIncludeGroups, "INC-001", "INC-002", "EXP-001"),
			},
		},
		"statement": {
			ReportType: basiq.ReportTypeStatement,
			Title:      "Bank Statement 2024-03-20",
			Filters: []basiq.ReportFilter{
				basiq.ReportFilterString(basiq.ReportFilterNameFromDate, "2022-01-01"),
				basiq.ReportFilterString(basiq.ReportFilterNameToDate, "2023-01-01"),
				basiq.ReportFilterString(basiq.ReportFilterNameAccount, "ag829sj"),
				basiq.ReportFilterString(basiq.ReportFilterNameUser, "272af9fa-0f4a-44dc-bf88-a63bec2d0662"),
			},
		},
	} {
		t.Run(payload, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(202, official(t, "examples/reports/createreport.202.example")))
			job, err := client.Reports.Create(t.Context(), report)
			require.NoError(t, err)
			assert.Equal(t, "b1824ad0-73f1-0138-3700-0a58a9feac09", job.ID)
			require.Len(t, s.seen(), 1)
			assert.Equal(t, "POST /reports", s.seen()[0].String())
			assert.JSONEq(t, official(t, "examples/reports/createreport.request."+payload), s.seen()[0].Body)
		})
	}
}

func TestReports_Page(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, `{"type":"list","size":2,"data":[`+reportJSON+`],"links":{"next":"/reports?next=b"}}`))
	page, err := client.Reports.Page(t.Context(), "next=a")
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	checkReport(t, &page.Items[0])
	assert.EqualValues(t, 2, page.Total)
	assert.Equal(t, basiq.Cursor("next=b"), page.Next)
	assert.Equal(t, "next=a", s.seen()[0].Query)
}

// A filter value can be a string, a list, an empty list or null. Each has a different meaning.
func TestReports_Create_Filters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		filters []basiq.ReportFilter
		want    string
	}{
		"string":              {[]basiq.ReportFilter{basiq.ReportFilterString("fromDate", "2024-01-01")}, `[{"name":"fromDate","value":"2024-01-01"}]`},
		"date":                {[]basiq.ReportFilter{basiq.ReportFilterString("toDate", string(basiq.Date("2024-03-26")))}, `[{"name":"toDate","value":"2024-03-26"}]`},
		"empty string":        {[]basiq.ReportFilter{basiq.ReportFilterString("user", "")}, `[{"name":"user","value":""}]`},
		"list":                {[]basiq.ReportFilter{basiq.ReportFilterStrings("users", "u1", "u2")}, `[{"name":"users","value":["u1","u2"]}]`},
		"list with one value": {[]basiq.ReportFilter{basiq.ReportFilterStrings("users", "u1")}, `[{"name":"users","value":["u1"]}]`},
		"empty list, for all": {[]basiq.ReportFilter{basiq.ReportFilterStrings("includeMetrics")}, `[{"name":"includeMetrics","value":[]}]`},
		"empty slice":         {[]basiq.ReportFilter{basiq.ReportFilterStrings("includeMetrics", []string{}...)}, `[{"name":"includeMetrics","value":[]}]`},
		"null, for none":      {[]basiq.ReportFilter{basiq.ReportFilterNone("includeGroups")}, `[{"name":"includeGroups","value":null}]`},
		"unknown filter":      {[]basiq.ReportFilter{basiq.ReportFilterString("brandNew", "x")}, `[{"name":"brandNew","value":"x"}]`},
		"no filters":          {nil, `[]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(202, jobJSON))
			_, err := client.Reports.Create(t.Context(), basiq.CreateReport{ReportType: "CON_AFFOR_01", Title: "March", Filters: c.filters})
			require.NoError(t, err)
			var body map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(s.seen()[0].Body), &body))
			assert.JSONEq(t, c.want, string(body["filters"]))
		})
	}
}

func TestReports_Create_InvalidReport(t *testing.T) {
	t.Parallel()
	const twice = "filters must have unique names"
	from := basiq.ReportFilterString(basiq.ReportFilterNameFromDate, "2024-01-01")
	for name, c := range map[string]struct {
		report basiq.CreateReport
		want   string
	}{
		"missing type":          {basiq.CreateReport{Title: "March"}, "ReportType is required"},
		"blank type":            {basiq.CreateReport{ReportType: " ", Title: "March"}, "ReportType is required"},
		"missing title":         {basiq.CreateReport{ReportType: "STATEMENT_01"}, "Title is required"},
		"blank title":           {basiq.CreateReport{ReportType: "STATEMENT_01", Title: "\t"}, "Title is required"},
		"long title":            {basiq.CreateReport{ReportType: "STATEMENT_01", Title: strings.Repeat("x", 51)}, "the Title has more than 50 characters"},
		"duplicate filter":      {basiq.CreateReport{ReportType: "STATEMENT_01", Title: "March", Filters: []basiq.ReportFilter{from, basiq.ReportFilterNone("users"), from}}, twice},
		"filter without a name": {basiq.CreateReport{ReportType: "STATEMENT_01", Title: "March", Filters: []basiq.ReportFilter{basiq.ReportFilterString("", "x")}}, twice},
		"zero filter":           {basiq.CreateReport{ReportType: "STATEMENT_01", Title: "March", Filters: []basiq.ReportFilter{{}}}, twice},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(202, jobJSON))
			job, err := client.Reports.Create(t.Context(), c.report)
			require.ErrorIs(t, err, basiq.ErrInvalidInput)
			assert.Equal(t, "basiq: Reports.Create: report: "+c.want, err.Error())
			assert.Nil(t, job)
			assert.Empty(t, s.seen(), "an invalid report must not be sent")
		})
	}
	t.Run("fifty two-byte characters", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, ok(202, jobJSON))
		filters := make([]basiq.ReportFilter, 0, 4)
		report := basiq.CreateReport{ReportType: "STATEMENT_01", Title: strings.Repeat("ä", 50), Filters: filters}
		_, err := client.Reports.Create(t.Context(), report)
		require.NoError(t, err)
		assert.Len(t, s.seen(), 1)
	})
	t.Run("the caller's struct is not changed", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(202, jobJSON))
		report := basiq.CreateReport{ReportType: "STATEMENT_01", Title: "March"}
		_, err := client.Reports.Create(t.Context(), report)
		require.NoError(t, err)
		assert.Nil(t, report.Filters)
	})
}

func TestReports_Get(t *testing.T) {
	t.Parallel()
	t.Run("documented example", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, ok(200, official(t, "examples/reports/retrieveReport.200.example")))
		report, err := client.Reports.Get(t.Context(), "b1824ad0-73f1-0138-3700-0a58a9feac09")
		require.NoError(t, err)
		assert.Equal(t, "GET /reports/b1824ad0-73f1-0138-3700-0a58a9feac09", s.seen()[0].String())
		assert.Equal(t, "application/json", s.seen()[0].Header.Get("Accept"))
		assert.Equal(t, "David Smith", report.CreatedBy)
		assertMoment(t, "2022-03-26T06:56:44Z", report.CreatedDate) // sent without a time zone
		_, expires := report.ExpiresAt.Time()
		assert.False(t, expires, "only the list has an expiry date")
		require.NotNil(t, report.Data)
		require.Len(t, report.Data.Accounts, 2)
		assertCents(t, 35650, report.Data.Accounts[0].Balance)
		require.NotEmpty(t, report.Data.Groups)
		group := report.Data.Groups[0]
		assert.Equal(t, "INC-001", group.ID)
		assertCents(t, 30000, group.Analysis.Amount.Total)
		assertMoment(t, "2022-04-01T00:00:00Z", group.Analysis.Frequency.Next.Date)
		assert.Equal(t, int64(3), *group.Analysis.Summary.TransactionCount)
		assertCents(t, 0, group.Analysis.Summary.OverallPercentage.Credit)
		require.NotEmpty(t, group.Subgroup)
		assert.Len(t, group.Subgroup[0].Transactions, 3)
		require.NotEmpty(t, report.Data.Metrics)
		for _, metric := range report.Data.Metrics {
			assert.NotEmpty(t, metric.ID)
		}
	})
	t.Run("missing fields", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, `{"type":"report","id":"r1","reportType":"BRAND_NEW_01","createdDate":"","filters":[
			{"name":"fromDate","value":"2022-01-01"},{"name":"users","value":["sj29sjd"]},{"name":"accounts","value":[]},{"name":"includeGroups","value":null}],
			"data":{"metrics":[{"id":"ME001","result":{"format":"money","value":"-12.50"}},{"id":"ME002","result":{"format":"integer","value":7}},
				{"id":"ME003","result":{"format":"boolean","value":true}},{"id":"ME004","result":{"format":"percent","value":null}},
				{"id":"ME005","result":{"format":"haiku","value":"n/a"}},{"id":"ME006","result":null}],"groups":null,"accounts":null,"brandNew":{}}}`))
		report, err := client.Reports.Get(t.Context(), "r1")
		require.NoError(t, err)
		assert.Equal(t, "BRAND_NEW_01", report.ReportType)
		require.Len(t, report.Filters, 4)
		assert.False(t, report.Filters[0].Value.IsList())
		assert.Equal(t, []string{"2022-01-01"}, report.Filters[0].Value.Strings())
		assert.True(t, report.Filters[1].Value.IsList(), "a list with one value must stay a list")
		assert.Equal(t, []string{"sj29sjd"}, report.Filters[1].Value.Strings())
		assert.True(t, report.Filters[2].Value.IsList())
		assert.Empty(t, report.Filters[2].Value.Strings())
		assert.True(t, report.Filters[3].Value.IsZero())
		metrics := report.Data.Metrics
		assertCents(t, -1250, metrics[0].Result.Value)
		assertCents(t, 700, metrics[1].Result.Value)
		assert.Equal(t, "true", metrics[2].Result.Value.String())
		assert.True(t, metrics[3].Result.Value.IsZero())
		assert.Equal(t, basiq.ReportMetricFormat("haiku"), metrics[4].Result.Format)
		_, isNumber := metrics[4].Result.Value.Rat()
		assert.False(t, isNumber)
		assert.Zero(t, metrics[5].Result)
	})
}

func TestReports_List(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, official(t, "examples/reports/listallreports.200.example")), ok(200, `{"count":0,"data":[],"size":2,"type":"list","links":{}}`))
	reports := all(t, client.Reports.List(t.Context()))
	require.Len(t, reports, 2)
	assertMoment(t, "2022-12-25T06:56:44Z", reports[0].ExpiresAt)
	assert.Nil(t, reports[0].Data, "list items have no figures")
	assert.Equal(t, basiq.ReportTypeStatement, reports[1].ReportType)
	require.Len(t, s.seen(), 2, "the link in the example must be followed")
	assert.Equal(t, "next=bf1ec9d4", s.seen()[1].Query)
}

func TestReports_Types(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, official(t, "examples/reports/listReportTypes.200.example")))
	types := all(t, client.Reports.Types(t.Context()))
	require.Len(t, types, 2)
	assert.Equal(t, basiq.ReportTypeAffordability, types[0].ID)
	require.Len(t, types[0].Filters, 6)
	assert.Equal(t, basiq.ReportFilterNameAccounts, types[0].Filters[2].Name)
	assert.Equal(t, "array", types[0].Filters[2].Type)
	assert.True(t, *types[0].Filters[2].Required)
	assert.False(t, *types[0].Filters[5].Required)
}

// According to the documented schema, one report type is sent as a list of types. Callers get the type in both cases.
func TestReports_Type_InList(t *testing.T) {
	t.Parallel()
	const one = `{"type":"reportType","id":"CON_AFFOR_01","name":"Consumer Affordability Report","filters":[{"name":"fromDate","type":"string","required":true}]}`
	for name, body := range map[string]string{
		"by itself":                               one,
		"list with one type":                      `{"type":"list","count":1,"data":[` + one + `]}`,
		"list without a type field":               `{"data":[` + one + `]}`,
		"list with the type's ID":                 `{"type":"list","id":"CON_AFFOR_01","name":"Reports","count":1,"filters":[],"data":[` + one + `]}`,
		"list with another ID":                    `{"type":"List","id":"b1824ad0","data":[` + one + `]}`,
		"list with the ID of an item without one": `{"type":"list","id":"CON_AFFOR_01","data":[` + strings.Replace(one, `"id":"CON_AFFOR_01",`, "", 1) + `]}`,
		"type field list, no data":                strings.Replace(one, "reportType", "list", 1),
		"report type with data":                   strings.Replace(one, `"filters"`, `"data":[{"id":"STATEMENT_01"}],"filters"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, body))
			reportType, err := client.Reports.Type(t.Context(), basiq.ReportTypeAffordability)
			require.NoError(t, err)
			assert.Equal(t, basiq.ReportTypeAffordability, reportType.ID)
			assert.Equal(t, "Consumer Affordability Report", reportType.Name)
			require.Len(t, reportType.Filters, 1)
			assert.Equal(t, "GET /reports/types/CON_AFFOR_01", s.seen()[0].String())
		})
	}
	for name, body := range map[string]string{
		"empty list":                             `{"type":"list","data":[]}`,
		"several types":                          `{"type":"list","data":[` + one + `,{"id":"STATEMENT_01"}]}`,
		"missing ID":                             `{"type":"list","data":[{"name":"x"}]}`,
		"null":                                   `{"type":"list","data":null}`,
		"empty list with the type's ID":          `{"type":"list","id":"CON_AFFOR_01","data":[]}`,
		"several types, list with the type's ID": `{"type":"list","id":"CON_AFFOR_01","data":[` + one + `,{"id":"STATEMENT_01"}]}`,
		"another type, list with the type's ID":  `{"type":"list","id":"CON_AFFOR_01","data":[{"id":"STATEMENT_01"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, body))
			reportType, err := client.Reports.Type(t.Context(), basiq.ReportTypeAffordability)
			var failure *basiq.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, 200, failure.StatusCode)
			assert.Nil(t, reportType)
		})
	}
}

// A list with an ID is not accepted as a resource or an item, even if a resource has no fixed type.
func TestReports_Type_ListWithID(t *testing.T) {
	t.Parallel()
	const envelope = `{"type":"list","id":"x1","data":[{"type":"event-type","id":"x1","description":"d"}]}`
	_, client := newStub(t, ok(200, envelope))
	_, err := client.Events.Type(t.Context(), "x1")
	require.ErrorContains(t, err, "resource has another type")

	_, client = newStub(t, ok(200, `{"type":"list","data":[`+envelope+`]}`))
	for reportType, err := range client.Reports.Types(t.Context()) {
		assert.Nil(t, reportType)
		require.ErrorContains(t, err, "resource of another type")
	}
}

// This operation has no documented limit, so a limit is sent only if the caller sets one.
func TestReports_Transactions_PageSize(t *testing.T) {
	t.Parallel()
	fields := basiq.ReportTransactionFields
	for name, c := range map[string]struct {
		options []basiq.ReportTransactionListOptions
		query   string
	}{
		"default":  {nil, ""},
		"filter":   {[]basiq.ReportTransactionListOptions{{Filter: fields.ID.Eq("t1")}}, "filter=transaction.id.eq%28%27t1%27%29"},
		"prefetch": {[]basiq.ReportTransactionListOptions{{Prefetch: true}}, ""},
		"size":     {[]basiq.ReportTransactionListOptions{{PageSize: 250}}, "limit=250"},
		"maximum":  {[]basiq.ReportTransactionListOptions{{PageSize: 500}}, "limit=500"},
		"minimum":  {[]basiq.ReportTransactionListOptions{{PageSize: 1}}, "limit=1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
			assert.Empty(t, all(t, client.Reports.Transactions(t.Context(), "r1", c.options...)))
			_, err := client.Reports.TransactionsPage(t.Context(), "r1", "", c.options...)
			require.NoError(t, err)
			require.Len(t, s.seen(), 2)
			for _, seen := range s.seen() {
				assert.Equal(t, c.query, seen.Query)
			}
		})
	}
	s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
	for _, size := range []int{-1, 501} {
		_, err := client.Reports.TransactionsPage(t.Context(), "r1", "", basiq.ReportTransactionListOptions{PageSize: size})
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
	}
	assert.Empty(t, s.seen())
}

func TestReports_Transactions(t *testing.T) {
	t.Parallel()
	// The first transaction follows the documented schema, with tags as in enrich.yml. The second one has missing fields.
	s, client := newStub(t, ok(200, `{"type":"list","count":500,"size":2000,"data":[
		{"type":"transaction","id":"d3de1ca1","account":"d3de1ca1","amount":"123.12","balance":"123.12","class":"payment","connection":"d3de1ca1","direction":"debit",
			"institution":"AU00000","postDate":"2018-11-02T00:00:00Z","status":"posted","transactionDate":null,"enrich":{"tags":["conduct:dishonour"],
			"category":{"anzsic":{"class":{"code":"4511","title":"Cafes and Restaurants"}}},"merchant":{"ABN":"90065628864"}}},
		{"type":"transaction","id":"t2","amount":"","postDate":"","enrich":null,"status":"brand-new","brandNew":1}],
		"links":{"next":"/reports/r1/transactions?next=9b7d9a64"}}`))
	fields := basiq.ReportTransactionFields
	page, err := client.Reports.TransactionsPage(t.Context(), "r1", "", basiq.ReportTransactionListOptions{Filter: fields.ID.Eq("t1").And(fields.AccountID.Eq("a1"), fields.ConnectionID.Eq("c1"), fields.InstitutionID.Eq("AU00000"), fields.PostDate.Between("2022-01-01", "2022-12-01T23:59:59Z"), fields.Status.Eq(basiq.TransactionStatusPosted), fields.Direction.Eq(basiq.TransactionDirectionDebit), fields.Class.Eq(basiq.TransactionClassPayment)), PageSize: 250})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	first := page.Items[0]
	assert.Equal(t, "d3de1ca1", first.ID)
	assertCents(t, 12312, first.Amount)
	assertMoment(t, "2018-11-02T00:00:00Z", first.PostDate)
	_, known := first.TransactionDate.Time()
	assert.False(t, known)
	assert.Equal(t, "4511", first.Enrich.Category.ANZSIC.Class.Code)
	assert.Equal(t, []string{"conduct:dishonour"}, first.Enrich.Tags.Strings())
	plain := []basiq.Transaction{first.Transaction}
	assert.Equal(t, basiq.TransactionStatusPosted, plain[0].Status, "the embedded Transaction must be decoded")
	_, known = page.Items[1].Amount.Rat()
	assert.False(t, known)
	assert.Equal(t, basiq.TransactionStatus("brand-new"), page.Items[1].Status)
	assert.Equal(t, int64(2000), page.Total)
	assert.Equal(t, basiq.Cursor("next=9b7d9a64"), page.Next)

	marshaled, err := json.Marshal(first)
	require.NoError(t, err)
	var again basiq.ReportTransaction
	require.NoError(t, json.Unmarshal(marshaled, &again))
	assert.Equal(t, first, again, "JSON must round-trip")

	assert.Equal(t, "GET /reports/r1/transactions", s.seen()[0].String())
	query, err := url.ParseQuery(s.seen()[0].Query)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"limit": {"250"}, "filter": {
		"transaction.id.eq('t1'),account.id.eq('a1'),connection.id.eq('c1'),institution.id.eq('AU00000')," +
			"transaction.postDate.bt('2022-01-01','2022-12-01T23:59:59Z'),transaction.status.eq('posted'),transaction.direction.eq('debit'),transaction.class.eq('payment')",
	}}, query)
}

// CreateAndWait returns the report, and its errors name the job.
func TestReports_CreateAndWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := basiqtest.New(t)
		client, err := box.NewClient()
		require.NoError(t, err)
		user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
		require.NoError(t, err)
		_, err = client.Jobs.Wait(t.Context(), box.Connect(user.ID, "AU00000", "gavinBelson"))
		require.NoError(t, err)
		var accounts []string
		for account, err := range client.Accounts.List(t.Context(), user.ID) {
			require.NoError(t, err)
			accounts = append(accounts, account.ID)
		}
		report, err := client.Reports.CreateAndWait(t.Context(), basiq.CreateReport{
			ReportType: basiq.ReportTypeAffordability, Title: "Gavin Belson", Filters: []basiq.ReportFilter{
				basiq.ReportFilterString(basiq.ReportFilterNameFromDate, "1999-10-01"),
				basiq.ReportFilterString(basiq.ReportFilterNameToDate, "1999-12-31"),
				basiq.ReportFilterStrings(basiq.ReportFilterNameUsers, user.ID),
				basiq.ReportFilterStrings(basiq.ReportFilterNameAccounts, accounts...),
			},
		})
		require.NoError(t, err)
		assert.Equal(t, "Gavin Belson", report.Title)
		assert.NotNil(t, report.Data)
	})
}

func TestReports_CreateAndWait_Errors(t *testing.T) {
	t.Parallel()
	report := basiq.CreateReport{ReportType: basiq.ReportTypeStatement, Title: "March"}
	done := func(result string) stubResponse { return ok(200, job(step("create-report", "success", result))) }
	s, client := newStub(t)
	_, err := client.Reports.CreateAndWait(t.Context(), report, basiq.WithMaxWait(0))
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
	require.ErrorContains(t, err, "basiq: Reports.CreateAndWait: options: ")
	assert.Empty(t, s.seen())

	_, client = newStub(t, ok(400, envelope("parameter-not-valid", "", "")))
	_, err = client.Reports.CreateAndWait(t.Context(), report)
	require.ErrorIs(t, err, basiq.ErrBadRequest)
	assert.False(t, basiq.MayHaveSucceeded(err))

	var waited *basiq.WaitError
	_, client = newStub(t, ok(202, jobJSON), done("null"))
	_, err = client.Reports.CreateAndWait(t.Context(), report)
	require.ErrorAs(t, err, &waited)
	assert.Equal(t, jobID, waited.JobID)
	require.ErrorContains(t, err, "job does not name its report")

	_, client = newStub(t, ok(202, jobJSON), done(`{"type":"link","url":"/reports/r1"}`), ok(404, envelope("resource-not-found", "", "")))
	_, err = client.Reports.CreateAndWait(t.Context(), report)
	require.ErrorAs(t, err, &waited)
	require.ErrorIs(t, err, basiq.ErrNotFound)
	assert.True(t, waited.Job.Done())

	var failure *basiq.JobError
	_, client = newStub(t, ok(202, jobJSON), ok(200, job(step("create-report", "failed", "null"))))
	_, err = client.Reports.CreateAndWait(t.Context(), report)
	require.ErrorAs(t, err, &failure)
}
