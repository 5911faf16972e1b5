package basiq_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// summary is the Create method of Affordability, Income or Expenses.
type summary struct {
	path   string
	create func(t testing.TB, c *basiq.Client, request basiq.AffordabilityRequest) (item, error)
}

var summaries = map[string]summary{
	"Affordability.Create": {"/users/u1/affordability", func(t testing.TB, c *basiq.Client, request basiq.AffordabilityRequest) (item, error) {
		return got(func(v *basiq.Affordability) string { return v.ID })(c.Affordability.Create(t.Context(), userID, request))
	}},
	"Income.Create": {"/users/u1/income", func(t testing.TB, c *basiq.Client, request basiq.AffordabilityRequest) (item, error) {
		return got(func(v *basiq.Income) string { return v.ID })(c.Income.Create(t.Context(), userID, request))
	}},
	"Expenses.Create": {"/users/u1/expenses", func(t testing.TB, c *basiq.Client, request basiq.AffordabilityRequest) (item, error) {
		return got(func(v *basiq.Expenses) string { return v.ID })(c.Expenses.Create(t.Context(), userID, request))
	}},
}

func TestSummaries_Create(t *testing.T) {
	t.Parallel()
	for operation, c := range summaries {
		for name, request := range map[string]struct {
			request basiq.AffordabilityRequest
			body    string
		}{
			"some accounts": {
				basiq.AffordabilityRequest{Accounts: []string{"s55bf3", "s55bf4"}, FromMonth: "2019-05", ToMonth: "2019-09"},
				official(t, "assembled/affordability/postAffordability.request.1"),
			},
			"of everything":  {basiq.AffordabilityRequest{}, `{}`},
			"only FromMonth": {basiq.AffordabilityRequest{FromMonth: "2019-12"}, `{"fromMonth":"2019-12"}`},
			"only ToMonth":   {basiq.AffordabilityRequest{ToMonth: "2019-01"}, `{"toMonth":"2019-01"}`},
			"one month":      {basiq.AffordabilityRequest{FromMonth: "2019-05", ToMonth: "2019-05"}, `{"fromMonth":"2019-05","toMonth":"2019-05"}`},
			"12 months apart": {
				basiq.AffordabilityRequest{FromMonth: "2018-10", ToMonth: "2019-10"}, `{"fromMonth":"2018-10","toMonth":"2019-10"}`,
			},
			"one account": {basiq.AffordabilityRequest{Accounts: []string{"s55bf3"}}, `{"accounts":["s55bf3"]}`},
		} {
			t.Run(operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				s, client := newStub(t, ok(200, `{"id":"s1"}`))
				made, err := c.create(t, client, request.request)
				require.NoError(t, err)
				assert.Equal(t, "s1", made.id)
				require.Len(t, s.seen(), 1)
				assert.Equal(t, "POST "+c.path, s.seen()[0].String())
				assert.JSONEq(t, request.body, s.seen()[0].Body)
				assert.Equal(t, "application/json", s.seen()[0].ContentType)
			})
		}
	}
}

// Basiq limits the number of summaries, so requests that Basiq would reject are not sent.
func TestSummaries_Create_InvalidRequest(t *testing.T) {
	t.Parallel()
	const noMonth = "not a month such as 2019-05"
	for operation, c := range summaries {
		for name, bad := range map[string]struct {
			request basiq.AffordabilityRequest
			want    string
		}{
			"month 13":         {basiq.AffordabilityRequest{FromMonth: "2019-13"}, "request.FromMonth: " + noMonth},
			"month 0":          {basiq.AffordabilityRequest{FromMonth: "2019-00"}, "request.FromMonth: " + noMonth},
			"day":              {basiq.AffordabilityRequest{ToMonth: "2019-05-01"}, "request.ToMonth: " + noMonth},
			"one-digit month":  {basiq.AffordabilityRequest{ToMonth: "2019-5"}, "request.ToMonth: " + noMonth},
			"words":            {basiq.AffordabilityRequest{FromMonth: "May 2019"}, "request.FromMonth: " + noMonth},
			"line break":       {basiq.AffordabilityRequest{FromMonth: "2019-05\n"}, "request.FromMonth: " + noMonth},
			"five years":       {basiq.AffordabilityRequest{FromMonth: "2015-11", ToMonth: "2020-10"}, "request: ToMonth is more than 12 months after FromMonth"},
			"13 months apart":  {basiq.AffordabilityRequest{FromMonth: "2018-09", ToMonth: "2019-10"}, "request: ToMonth is more than 12 months after FromMonth"},
			"reversed":         {basiq.AffordabilityRequest{FromMonth: "2019-10", ToMonth: "2019-09"}, "request: FromMonth is after ToMonth"},
			"empty account ID": {basiq.AffordabilityRequest{Accounts: []string{"a1", ""}}, "invalid request.Accounts: must not be empty"},
		} {
			t.Run(operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				s, client := newStub(t, ok(200, `{"id":"s1"}`))
				_, err := c.create(t, client, bad.request)
				require.ErrorIs(t, err, basiq.ErrInvalidInput)
				assert.Equal(t, "basiq: "+operation+": "+bad.want, err.Error())
				assert.Empty(t, s.seen(), "an invalid request must not be sent")
			})
		}
	}
}

// Basiq responds with 204 if it has no transactions to summarize. This must not look like an empty summary or a lost
// response.
func TestSummaries_Create_NoTransactions(t *testing.T) {
	t.Parallel()
	for operation, c := range summaries {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(204, ""))
			_, err := c.create(t, client, basiq.AffordabilityRequest{})
			require.ErrorIs(t, err, basiq.ErrNoTransactions)
			assert.Equal(t, "basiq: "+operation+": no transactions in the period", err.Error())
			require.NotErrorIs(t, err, basiq.ErrNotFound)
			assert.False(t, basiq.MayHaveSucceeded(err), "no summary was created")
			assert.Len(t, s.seen(), 1)
		})
		for name, body := range map[string]string{"missing ID": `{"type":"summary"}`, "empty": ``, "null": `null`, "HTML": `<html>`} {
			t.Run(operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				s, client := newStub(t, ok(200, body))
				_, err := c.create(t, client, basiq.AffordabilityRequest{})
				var failure *basiq.Error
				require.ErrorAs(t, err, &failure)
				require.NotErrorIs(t, err, basiq.ErrNoTransactions)
				assert.True(t, basiq.MayHaveSucceeded(err), "the summary was created and counted")
				assert.Len(t, s.seen(), 1)
			})
		}
	}
}

// Basiq documents 201 without a body, and 200 with the PDF, for a PDF report. In both cases the summary was created.
func TestAffordability_Create_PDF(t *testing.T) {
	t.Parallel()
	for name, response := range map[string]stubResponse{
		"empty body": ok(201, ""), "blank body": ok(201, "\r\n"), "PDF with 201": ok(201, "%PDF-1.7 PLANTED"), "PDF with 200": ok(200, "%PDF-1.7 PLANTED"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, response)
			summary, err := client.Affordability.Create(t.Context(), userID, basiq.AffordabilityRequest{})
			assert.Nil(t, summary)
			require.ErrorIs(t, err, basiq.ErrPDFCreated)
			require.EqualError(t, err, fmt.Sprintf("basiq: Affordability.Create: %d: the summary was created as a PDF report: "+
				"Affordability.List returns its ID, and Affordability.PDF the report", response.status))
			failure, ok := errors.AsType[*basiq.Error](err)
			require.True(t, ok)
			assert.Empty(t, failure.Body(), "the report must not be in the error")
			assert.True(t, basiq.MayHaveSucceeded(err), "the summary counts against the daily limit")
			assert.Len(t, s.seen(), 1)
		})
	}
	t.Run("summary with 201", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(201, `{"type":"affordability","id":"s1"}`))
		summary, err := client.Affordability.Create(t.Context(), userID, basiq.AffordabilityRequest{})
		require.NoError(t, err)
		assert.Equal(t, "s1", summary.ID)
	})
	for name, response := range map[string]stubResponse{"empty": ok(200, ""), "without an ID": ok(201, "{}"), "HTML": ok(201, "<html>")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, response)
			_, err := client.Affordability.Create(t.Context(), userID, basiq.AffordabilityRequest{})
			require.ErrorContains(t, err, "invalid response (")
			require.NotErrorIs(t, err, basiq.ErrPDFCreated)
		})
	}
	for operation, c := range summaries {
		if operation == "Affordability.Create" {
			continue
		}
		_, client := newStub(t, ok(201, ""))
		_, err := c.create(t, client, basiq.AffordabilityRequest{})
		require.ErrorContains(t, err, "basiq: "+operation+": invalid response (201 Created): ")
		require.NotErrorIs(t, err, basiq.ErrPDFCreated, "not a documented response")
	}
}

func TestAffordability_Get(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{"assembled/swagger-2.1/getAffordability.200.1", "assembled/affordability/getAffordability.200.1"} {
		t.Run(payload, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, official(t, payload)))
			summary, err := client.Affordability.Get(t.Context(), userID, "s55bf3")
			require.NoError(t, err)
			assert.Equal(t, "s55bf3", summary.ID)
			assert.Equal(t, "2019-03", summary.FromMonth)
			assert.Equal(t, int64(392), *summary.CoverageDays)
			assertMoment(t, "2020-03-26T06:56:44Z", summary.GeneratedDate)

			require.NotNil(t, summary.Summary)
			assertCents(t, -26396309, summary.Summary.NetPosition)
			assertCents(t, 1809800, summary.Summary.RegularIncome.Previous3Months.AvgMonthly)
			require.Len(t, summary.Assets, 1)
			assertCents(t, 3529867, summary.Assets[0].Balance)
			assertCents(t, 1003281, summary.Assets[0].Previous6Months.MinBalance)
			require.Len(t, summary.Liabilities.Credit, 1)
			assertCents(t, 2000000, summary.Liabilities.Credit[0].CreditLimit)
			assertCents(t, -828710, summary.Liabilities.Credit[0].PreviousMonth.TotalDebits)
			require.Len(t, summary.Liabilities.Loan, 1)
			assertCents(t, -31223300, summary.Liabilities.Loan[0].Balance)
			assertMoment(t, "2019-03-31T00:00:00Z", summary.Liabilities.Loan[0].ChangeHistory[0].Date)
			require.Len(t, summary.External, 1)
			assert.Equal(t, int64(2), *summary.External[0].Payments[0].NoOccurrences)
			assert.Len(t, summary.Links.Accounts, 2)
		})
	}
	t.Run("missing fields", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, `{"type":"affordability","id":"s1","coverageDays":null,"generatedDate":"","assets":null,"external":[],
			"liabilities":{"credit":null,"loan":[{"balance":null,"previousMonth":{"totalCredits":12.5,"totalDebits":""}}]},
			"summary":{"assets":0.10,"savings":null,"expenses":"n/a"},"institutions":["AU1","AU2"],"brandNew":{}}`))
		summary, err := client.Affordability.Get(t.Context(), userID, "s1")
		require.NoError(t, err)
		assert.Nil(t, summary.CoverageDays)
		_, generated := summary.GeneratedDate.Time()
		assert.False(t, generated)
		assertCents(t, 10, summary.Summary.Assets) // a number instead of a string
		assert.Empty(t, summary.Summary.Savings)
		assert.Equal(t, basiq.Amount("n/a"), summary.Summary.Expenses)
		_, isNumber := summary.Summary.Expenses.Rat()
		assert.False(t, isNumber)
		assertCents(t, 1250, summary.Liabilities.Loan[0].PreviousMonth.TotalCredits)
		assert.Equal(t, []string{"AU1", "AU2"}, summary.Institutions.Items)
	})
}

// API 2.1 has "code" and API 3.0 "Code", possibly a number.
func TestAffordabilitySubClass_Code(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"code":"0801050199"}`: "0801050199", `{"Code":"0801050199"}`: "0801050199", `{"Code":801050199}`: "801050199", `{"Code":null}`: "",
	} {
		_, client := newStub(t, ok(200, `{"type":"list","data":[{"type":"transaction","id":"t1","subClass":`+text+`}]}`))
		transactions := all(t, client.Affordability.Transactions(t.Context(), userID, "s1"))
		require.Len(t, transactions, 1)
		assert.Equal(t, want, transactions[0].SubClass.Code, text)
	}
}

func TestAffordability_List(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, official(t, "assembled/affordability/getAffordabilityList.200.1")))
	summaries := all(t, client.Affordability.List(t.Context(), userID))
	require.Len(t, summaries, 1)
	assert.Equal(t, []string{"AU00000"}, summaries[0].Institutions.Items, "a string instead of an array")
	assert.Zero(t, summaries[0].Summary, "list items have no figures")
}

func TestAffordability_Transactions(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, official(t, "assembled/affordability/getAffordabilitySnapshotTransactions.200.1")))
	// The link in the example refers to snapshot 9dedbb28 of user 115dc708.
	page, err := client.Affordability.TransactionsPage(t.Context(), "115dc708", "9dedbb28", "", basiq.AffordabilityTransactionListOptions{PageSize: 100})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	transaction := page.Items[0]
	assertCents(t, 12312, transaction.Amount)
	assert.Equal(t, basiq.TransactionStatusPending, transaction.Status)
	assert.Equal(t, "0801050199", transaction.SubClass.Code, "the leading zero must be kept")
	assertMoment(t, "2018-11-02T00:00:00Z", transaction.TransactionDate)
	assert.Equal(t, int64(500), page.Total)
	assert.Equal(t, basiq.Cursor("next=9b7d9a64"), page.Next)
	assert.Equal(t, "GET /users/115dc708/affordability/9dedbb28/transactions", s.seen()[0].String())
	assert.Equal(t, "limit=100", s.seen()[0].Query)
}
