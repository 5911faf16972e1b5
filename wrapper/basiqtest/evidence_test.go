package basiqtest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// These tests repeat recorded exchanges and requests of applications over plain HTTP, without the client. Each says where it
// was seen. What stays different has a row in api/NOTES.md.

// Recorded with API 2.1 by Basiq's own Go client.
func TestRecorded_Errors(t *testing.T) {
	t.Parallel()
	c := new21(t)
	id := c.newUser()
	for _, test := range []struct {
		name                string
		got                 reply
		status              int
		code, title, detail string
		source              any
	}{
		{
			"an institution that does not exist", c.get("/institutions/AU99999"), 404, "resource-not-found",
			"Requested resource is not found", "Requested institution does not exist.", nil,
		},
		{
			"a user without email and mobile", c.post("/users", map[string]any{}), 400, "parameter-not-supplied",
			"Required parameter not supplied", "One of 'email' or 'mobile' is required.",
			map[string]any{},
		},
		{
			"enrichment without an institution", c.get("/enrich?q=xyz"), 400, "parameter-not-supplied",
			"Required parameter not supplied", "Missing",
			map[string]any{"parameter": "institution"},
		},
		{
			"summaries of a malformed user ID", c.get("/users/bad/affordability"), 400, "path-parameter-not-valid",
			"Parameter value is not valid", "User ID value is not valid",
			map[string]any{"parameter": "userId"},
		},
		{
			"a statement without an institution", c.upload(id, "", file{name: "statement", content: "x"}), 400, "invalid-content",
			"Invalid request content", "InstitutionID not provided", nil,
		},
		{
			"a period of more than 12 months", c.post("/users/"+c.customer("richard")+"/affordability", map[string]any{"fromMonth": "2015-11", "toMonth": "2020-10"}),
			400, "parameter-not-valid", "Parameter value is not valid", "maximum length of fromMonth - toMonth interval is 12 months",
			map[string]any{"parameter": "toDate, fromDate"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.got.requireError(test.status, test.code, test.detail)
			assert.Equal(t, test.title, test.got.text("data.0.title"))
			if test.source == nil {
				assert.False(t, test.got.has("data.0.source"))
			} else {
				assert.Equal(t, test.source, test.got.under("data.0.source").body)
			}
		})
	}
}

// A period may end in the month that is 12 months after its first.
func TestRecorded_TwelveMonths(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		path := "/users/" + c.customer("richard")
		for _, kind := range []string{"affordability", "income", "expenses"} {
			assert.NotEqual(t, http.StatusBadRequest, c.post(path+"/"+kind, map[string]any{"fromMonth": "1998-10", "toMonth": "1999-10"}).status)
			c.post(path+"/"+kind, map[string]any{"fromMonth": "1998-09", "toMonth": "1999-10"}).
				requireError(400, "parameter-not-valid", "maximum length of fromMonth - toMonth interval is 12 months")
		}
	})
}

// Recorded with API 2.1: each of three refreshes in a row starts a job. Basiq's guide says otherwise.
func TestRecorded_ConcurrentRefreshes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			options []basiqtest.Option
			status  int
		}{{nil, http.StatusOK}, {[]basiqtest.Option{basiqtest.ConcurrentRefreshes()}, http.StatusAccepted}} {
			c := newCaller(t, basiqtest.New(t, test.options...), "2.1", server, "")
			id := c.newUser()
			path := "/users/" + id + "/connections/"
			connection := c.connected(id, hooli, "gavinBelson", "hooli2016")
			all := c.post(path+"refresh", nil)
			require.Equal(t, http.StatusAccepted, all.status)
			one := c.post(path+connection+"/refresh", nil)
			updated := c.post(path+connection, map[string]any{"password": "hooli2016"})
			assert.Equal(t, []int{test.status, test.status}, []int{one.status, updated.status})
			jobs := map[string]bool{all.text("data.0.id"): true, one.text("id"): true, updated.text("id"): true}
			assert.Equal(t, test.status == http.StatusAccepted, len(jobs) == 3, "%v", jobs)
			time.Sleep(long)
			for job := range jobs {
				assert.Equal(t, "success", c.get("/jobs/"+job).text("steps.2.status"))
			}
			assert.Equal(t, "active", c.get(path+connection).text("status"))
		}
	})
}

// Recorded with API 3.0 by BasiqVoyager.
func TestRecorded_Consents(t *testing.T) {
	t.Parallel()
	c, id := newPage(t)
	none := c.get("/users/" + id + "/consents")
	require.Equal(t, http.StatusForbidden, none.status)
	assert.Equal(t, map[string]any{"type": "error", "code": "access-denied", "title": "Access denied.", "source": nil}, none.under("data.0").body)

	c.visit(id, nil).press("I agree")
	data := c.get("/users/" + id + "/consents").under("data.0.data")
	assert.True(t, data.has("disclosure"))
	assert.Nil(t, data.under("disclosure").body)
	for scope, attributes := range map[string][]string{
		"account.basic": {"Account number"}, "account.detail": {"Account holder"},
		"transaction.detail": {"Status of transactions", "Type of transactions"},
	} {
		for _, permission := range data.each("permissions") {
			if permission.text("scope") == scope {
				for _, attribute := range attributes {
					assert.Contains(t, permission.under("information.attributeList").body, attribute, scope)
				}
			}
		}
	}
}

// publishedStatement has the form of the statement in Basiq's own tests.
const publishedStatement = `accountId,institution_id,accountNo,accountHolder,accCurrency,accBalance,accAvailableFunds,accLastUpdated,accType,accProduct,transactionId,txnPostDate,txnDescription,txnBalance,txnAmount,txnDirection,transactionCode,mccCode,sortRand,user_id
a1,AU00201,062001 10101010,GAVIN BELSON,AUD,900.00,900.00,2019/12/02,transaction,Smart Access,t2,2019/12/02,WOOLWORTHS 1624 DEE WHY NSW,900.00,100.00,debit,,,1,u1
a1,AU00201,062001 10101010,GAVIN BELSON,AUD,900.00,900.00,2019/12/02,transaction,Smart Access,t1,2019/12/01,SALARY HOOLI,1000.00,1000.00,credit,,,2,u1
`

func TestRecorded_Statement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		r := c.upload(id, nab, file{name: "statement", content: publishedStatement})
		require.Equal(t, http.StatusAccepted, r.status, r.raw)
		time.Sleep(long)
		assert.Equal(t, "success", c.get("/jobs/"+r.text("id")).text("steps.2.status"))
		account := c.get("/users/" + id + "/accounts").under("data.0")
		assert.Equal(t, "900.00", account.text("balance"))
		assert.Equal(t, "Smart Access", account.text("class.product"))
		transactions := c.get("/users/" + id + "/transactions").each("data")
		require.Len(t, transactions, 2)
		assert.Equal(t, "-100.00", transactions[0].text("amount"))
		assert.Equal(t, "2019-12-02T00:00:00Z", transactions[0].text("postDate"))
		assert.Equal(t, "1000.00", transactions[1].text("amount"))
	})
}

// Requests of applications, with what each expects.
func TestApplications(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("gavinBelson")
		url3 := func(path string, query url.Values) string { return path + "?" + query.Encode() }

		// account-verification-v3, av-webhooks, income-verification, BasiqPFM, data-validation, basiq-poc
		assert.Equal(t, http.StatusOK, c.get("/institutions").status)
		assert.Equal(t, http.StatusOK, c.get("/institutions/AU00000").status)
		// income-verification, data-validation, basiq-poc, Basiq-UDA
		assert.Equal(t, http.StatusOK, c.get("/users").status)
		assert.Equal(t, http.StatusOK, c.get("/users?limit=1").status)
		// basiq-connect-control, Fetch-Basiq-Institutions
		for _, filter := range []string{
			"institution.authorization.in('user', 'user-mfa', 'user-mfa-intermittent')", "institution.connectorStatus.eq('active')",
			"institution.connectorStatus.eq('active'), institution.openBankingSource.eq('web')",
		} {
			r := send(t, c.sandbox, http.MethodGet, url3("/public/institutions", url.Values{"filter": {filter}}), "", nil)
			require.Equal(t, http.StatusOK, r.status, filter)
			assert.NotEmpty(t, r.each("data"), filter)
		}

		// Basiq-pfm waits for the status of a job.
		job := c.post("/users/"+id+"/connections/refresh", nil).text("data.0.id")
		assert.Equal(t, "in-progress", c.get("/jobs/"+job).text("status"))
		time.Sleep(long)
		assert.Equal(t, "success", c.get("/jobs/"+job).text("status"))

		// Basiq-pfm and income-verification: a report on all accounts, and the links of its job.
		for _, extra := range []filters{{"accounts": []string{}}, {"accounts": []string{}, "reportSubType": "income"}} {
			f := filters{"fromDate": "1999-01-01", "toDate": "1999-12-31", "users": []string{id}}.with(extra)
			report := c.post("/reports", newReport("CON_AFFOR_01", f))
			require.Equal(t, http.StatusAccepted, report.status, report.raw)
			time.Sleep(long)
			done := c.get("/jobs/" + report.text("id"))
			for _, link := range []string{"links.self", "links.source"} {
				require.True(t, strings.HasPrefix(done.text(link), c.sandbox.URL()+"/"), done.text(link))
				assert.Equal(t, http.StatusOK, c.get(c.local(done.text(link))).status)
			}
		}

		// lukasaron/basiq-go sends bodies without a content type, basiq-connect-control as text/plain.
		for _, contentType := range []string{"", "text/plain;charset=UTF-8"} {
			r := send(t, c.sandbox, http.MethodPost, "/users/"+id+"/auth_link", `{"mobile":"+61410888666"}`,
				map[string]string{"Authorization": "Bearer " + c.token, "Content-Type": contentType})
			require.Equal(t, http.StatusCreated, r.status, r.raw)
			assert.Regexp(t, `/[0-9a-f]{8}-[0-9a-f-]{27}$`, r.text("links.public"))
			assert.True(t, strings.HasPrefix(r.text("links.self"), c.sandbox.URL()+"/users/"))
		}

		// salesforce-connector expects 201 with the PDF.
		made := send(t, c.sandbox, http.MethodPost, "/users/"+id+"/affordability", "",
			map[string]string{"Authorization": "Bearer " + c.token, "Accept": "application/pdf"})
		require.Equal(t, http.StatusCreated, made.status)
		assert.True(t, strings.HasPrefix(made.raw, "%PDF-"))

		// account-verification-v3 reads consents and deletes the user with the user's token.
		bound := c.as("3.0", client, id)
		bound.get("/users/"+id+"/consents").requireError(http.StatusForbidden, "access-denied", "")
		assert.Equal(t, http.StatusNoContent, bound.delete("/users/"+id).status)
	})
}

// BasiqPFM reads members of enrich without checking for empty objects, and two applications test subClass for null.
func TestApplications_NullInsteadOfHollowObjects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, version := range []string{"2.1", "3.0"} {
			c := new30(t).as(version, server, "")
			id := c.newUser()
			c.connected(id, hooli, "gavinBelson", "hooli2016")
			nulls := 0
			for _, transaction := range c.get("/users/" + id + "/transactions").each("data") {
				for _, name := range []string{"subClass", "enrich.category", "enrich.merchant", "enrich.location"} {
					require.True(t, transaction.has(name), name)
					value, isObject := transaction.under(name).body.(map[string]any)
					if !isObject {
						require.Nil(t, transaction.under(name).body)
						nulls++
						continue
					}
					require.NotEmpty(t, value, name)
				}
			}
			assert.Positive(t, nulls)
		}
	})
}
