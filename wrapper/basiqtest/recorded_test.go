package basiqtest_test

import (
	"encoding/json"
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

// These tests replay recorded exchanges and requests of applications over plain HTTP, without the client. Each comment
// names the source. Remaining differences are listed in api/NOTES.md.

// Recorded with API 2.1 by Basiq's own Go client.
func TestRecorded_Errors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
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
			t.Log(test.name)
			test.got.requireError(test.status, test.code, test.detail)
			assert.Equal(t, test.title, test.got.text("data.0.title"))
			if test.source == nil {
				assert.False(t, test.got.has("data.0.source"))
			} else {
				assert.Equal(t, test.source, test.got.under("data.0.source").body)
			}
		}
	})
}

// The last month of a period may be 12 months after the first.
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

// Recorded with API 2.1: each of three consecutive refreshes starts a job. Basiq's guide differs.
func TestRecorded_ConcurrentRefreshes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			options []basiqtest.Option
			status  int
		}{{nil, http.StatusOK}, {[]basiqtest.Option{basiqtest.WithConcurrentRefreshes()}, http.StatusAccepted}} {
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
	requireNoConsent(t, c.get("/users/"+id+"/consents"))

	c.visit(id, nil).press("I agree")
	data := c.get("/users/" + id + "/consents").under("data.0.data")
	assert.True(t, data.has("disclosure"))
	assert.Nil(t, data.under("disclosure").body)
	assert.Nil(t, data.under("initialRetrievalDays").body)
	permissions := data.each("permissions")
	assert.Equal(t, "customer.person.detail", permissions[0].text("scope"))
	for scope, attributes := range map[string][]string{
		"account.basic": {"Account number"}, "account.detail": {"Account holder"},
		"transaction.detail": {"Status of transactions", "Type of transactions"},
	} {
		for _, permission := range permissions {
			if permission.text("scope") == "account.detail" {
				assert.Equal(t, "Account numbers and features", permission.text("information.name"))
			}
			if permission.text("scope") == scope {
				for _, attribute := range attributes {
					assert.Contains(t, permission.under("information.attributeList").body, attribute, scope)
				}
			}
		}
	}
}

// Recorded with API 2.1: the test bank as an institution.
func TestRecorded_Institution(t *testing.T) {
	t.Parallel()
	r := new21(t).get("/institutions/AU00000")
	for path, want := range map[string]string{
		"name": "Hooli Bank", "serviceType": "Personal Banking", "loginIdCaption": "Login", "features.mfaChallenge.0": "web",
	} {
		assert.Equal(t, want, r.text(path))
	}
	assert.Zero(t, r.length("features.profile.physicalAddresses"))
}

// Recorded with API 2.1: a filter by a country without institutions returns an empty list.
func TestRecorded_UnknownValueOfIn(t *testing.T) {
	t.Parallel()
	c := new21(t)
	for _, path := range []string{"/institutions", "/public/institutions"} {
		r := c.get(filtered(path, "institution.country.in('Yugoslavia')"))
		require.Equal(t, http.StatusOK, r.status, r.raw)
		assert.Empty(t, r.each("data"))
		assert.Equal(t, json.Number("0"), r.under("totalCount").body)
	}
}

// Recorded with API 2.1: links.self is absolute, and the link ID at the end of links.public is a UUID.
func TestRecorded_AuthLink(t *testing.T) {
	t.Parallel()
	c := new21(t)
	path := "/users/" + c.newUser() + "/auth_link"
	made := c.post(path, map[string]any{"mobile": "+61410888666"})
	require.Equal(t, http.StatusCreated, made.status, made.raw)
	read := c.get(path)
	for _, r := range []reply{made, read} {
		assert.Equal(t, c.sandbox.URL()+path, r.text("links.self"))
		assert.Regexp(t, `/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, r.text("links.public"))
	}
	assert.True(t, strings.HasSuffix(made.text("links.public"), "/"+read.text("id")))
}

// Recorded with API 2.1: available funds of a mortgage as an amount, links of transactions without the limit, and
// classes of transfers in the transactions of a summary.
func TestRecorded_Books(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.customer("gavinBelson")
		mortgaged := c.customer("Wentworth-Smith")
		for _, account := range with(c.accounts(mortgaged), "class.type", "mortgage") {
			assert.Regexp(t, `^[0-9]+\.[0-9]{2}$`, account.text("availableFunds"))
		}
		path := "/users/" + id + "/transactions"
		assert.Equal(t, c.sandbox.URL()+path, c.get(path+"?limit=5").text("links.self"))

		classes := map[string]bool{}
		for _, user := range []string{id, mortgaged, c.customer("Whistler")} {
			made := c.summary(user, "affordability", nil)
			for _, l := range c.pages(c.local(made.text("links.self")) + "/transactions") {
				classes[l.text("class")] = true
			}
		}
		assert.True(t, classes["internal-transfer"], classes)
		assert.True(t, classes["external-transfer"], classes)
		assert.False(t, classes["transfer"], classes)
	})
}

// publishedStatement has the format of the statement in Basiq's own tests.
const publishedStatement = `accountId,institution_id,accountNo,accountHolder,accCurrency,accBalance,accAvailableFunds,accLastUpdated,accType,accProduct,transactionId,txnPostDate,txnDescription,txnBalance,txnAmount,txnDirection,transactionCode,mccCode,sortRand,user_id
a1,AU00201,062001 10101010,GAVIN BELSON,AUD,900.00,900.00,2019/12/02,transaction,Smart Access,t2,2019/12/02,WOOLWORTHS 1624 DEE WHY NSW,900.00,100.00,debit,,,1,u1
a1,AU00201,062001 10101010,GAVIN BELSON,AUD,900.00,900.00,2019/12/02,transaction,Smart Access,t1,2019/12/01,SALARY HOOLI,1000.00,1000.00,credit,,,2,u1
`

func TestRecorded_Statement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		r := c.upload(id, ing, file{name: "statement", content: publishedStatement})
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

// requireNoConsent asserts that the reply is the recorded error for a user without any consent.
func requireNoConsent(t *testing.T, r reply) {
	t.Helper()
	require.Equal(t, http.StatusForbidden, r.status, r.raw)
	assert.Equal(t, map[string]any{
		"type": "list", "correlationId": r.text("correlationId"), "data": []any{map[string]any{
			"type": "error", "code": "access-denied", "title": "Access denied.", "detail": "", "source": nil,
		}},
	}, r.body)
}

// sendBody sends a POST with a body and an optional content type.
func (c *caller) sendBody(path, contentType, body string) reply {
	c.t.Helper()
	return bindInput(c.t, c.sandbox, http.MethodPost, path, body, map[string]string{
		"Authorization": "Bearer " + c.token, "Content-Type": contentType,
	})
}

// allAccounts creates a report on all accounts, like Basiq-pfm, and returns its job when it is done.
func (c *caller) allAccounts(id string, extra filters) reply {
	c.t.Helper()
	f := filters{"fromDate": "1999-01-01", "toDate": "1999-12-31", "users": []string{id}, "accounts": []string{}}
	r := c.post("/reports", newReport("CON_AFFOR_01", f.with(extra)))
	require.Equal(c.t, http.StatusAccepted, r.status, r.raw)
	time.Sleep(long)
	return c.get("/jobs/" + r.text("id"))
}

// applications replays requests of applications and checks the expected responses. The requests use a server token of
// API 3.0 and a user who has connected gavinBelson's accounts at AU00000 without a consent. The names match the
// evidence rows and the applications.
var applications = []struct {
	name   string
	replay func(t *testing.T, c *caller, id string)
}{
	{"C1 account-verification-v3, av-webhooks, income-verification, BasiqPFM, data-validation, basiq-poc", func(t *testing.T, c *caller, _ string) {
		assert.NotEmpty(t, c.get("/institutions").each("data"))
		assert.Equal(t, "AU00000", c.get("/institutions/AU00000").text("id"))
	}},
	{"C2 income-verification, data-validation, basiq-poc, Basiq-UDA", func(t *testing.T, c *caller, id string) {
		for _, path := range []string{"/users", "/users?limit=1"} {
			assert.Equal(t, []string{id}, c.get(path).ids(), path)
		}
	}},
	{"C3 BasiqVoyager (recorded), account-verification-v3, OB", func(t *testing.T, c *caller, id string) {
		requireNoConsent(t, c.get("/users/"+id+"/consents"))
	}},
	{"C4 account-verification-v3, OB: consents", func(t *testing.T, c *caller, id string) {
		c.consented(id)
		assert.Equal(t, http.StatusOK, c.as("3.0", client, id).get("/users/"+id+"/consents").status)
	}},
	{"C4 account-verification-v3: deletion", func(t *testing.T, c *caller, id string) {
		assert.Equal(t, http.StatusNoContent, c.as("3.0", client, id).delete("/users/"+id).status)
		assert.Equal(t, http.StatusNotFound, c.get("/users/"+id).status)
	}},
	{"C5 basiq-connect-control: text/plain", func(t *testing.T, c *caller, id string) {
		job := c.connect(id, piedPiper, "jared", "django")
		time.Sleep(long)
		r := c.as("3.0", client, id).sendBody("/jobs/"+job+"/mfa", "text/plain;charset=UTF-8", `{"mfa-response":["1234"]}`)
		require.Equal(t, http.StatusAccepted, r.status, r.raw)
		time.Sleep(long)
		assert.Equal(t, "success", c.get("/jobs/"+job).text("status"))
	}},
	{"C5 gugahoi/basiq: no content type", func(t *testing.T, c *caller, _ string) {
		c.post("/notifications/webhooks", map[string]any{"url": "https://example.com/hook", "subscribedEvents": []string{"user.created"}})
		r := c.sendBody("/notifications/messages/test", "", `{"eventTypeId":"user.created","Text":"Hello"}`)
		assert.Equal(t, http.StatusCreated, r.status, r.raw)
	}},
	{"C5 lukasaron/basiq-go: no content type", func(t *testing.T, c *caller, id string) {
		for _, kind := range []string{"affordability", "income", "expenses"} {
			r := c.sendBody("/users/"+id+"/"+kind, "", `{"fromMonth":"1999-02"}`)
			require.Equal(t, http.StatusOK, r.status, r.raw)
		}
		r := c.sendBody("/users/"+id+"/auth_link", "", `{"mobile":"+61410888666"}`)
		assert.Equal(t, http.StatusCreated, r.status, r.raw)
	}},
	{"C6 Basiq-pfm", func(t *testing.T, c *caller, id string) {
		assert.Equal(t, "success", c.allAccounts(id, nil).text("status"))
	}},
	{"C7 income-verification", func(t *testing.T, c *caller, id string) {
		assert.Equal(t, "success", c.allAccounts(id, filters{"reportSubType": "income"}).text("status"))
	}},
	{"C8 income-verification, Basiq-pfm", func(t *testing.T, c *caller, id string) {
		job := c.allAccounts(id, nil)
		for _, link := range []string{"links.self", "links.source"} {
			require.True(t, strings.HasPrefix(job.text(link), c.sandbox.URL()+"/"), job.text(link))
			assert.Equal(t, http.StatusOK, c.get(c.local(job.text(link))).status)
		}
	}},
	{"C9 Basiq-pfm", func(t *testing.T, c *caller, id string) {
		job := c.post("/users/"+id+"/connections/refresh", nil).text("data.0.id")
		assert.Equal(t, "in-progress", c.get("/jobs/"+job).text("status"))
		time.Sleep(long)
		assert.Equal(t, "success", c.get("/jobs/"+job).text("status"))
	}},
	{"C10 basiq-connect-control, Fetch-Basiq-Institutions", func(t *testing.T, c *caller, _ string) {
		found := c.get(filtered("/public/institutions", "institution.authorization.in('user', 'user-mfa', 'user-mfa-intermittent')"))
		assert.Equal(t, []string{hooli, piedPiper, nucleus, hooliGov}, found.ids())
	}},
	{"C11 basiq-connect-control, Fetch-Basiq-Institutions", func(t *testing.T, c *caller, _ string) {
		for _, filter := range []string{
			"institution.connectorStatus.eq('active')", "institution.connectorStatus.eq('active'), institution.openBankingSource.eq('web')",
		} {
			assert.NotEmpty(t, c.get(filtered("/public/institutions", filter)).ids(), filter)
		}
	}},
	{"C12 OB", func(t *testing.T, c *caller, id string) {
		account := c.get("/users/" + id + "/accounts").text("data.0.id")
		assert.Equal(t, []string{account}, c.get(filtered("/users/"+id+"/accounts", "account.id.eq("+account+")")).ids())
		for _, transaction := range c.get(filtered("/users/"+id+"/transactions", "account.id.eq("+account+")")).each("data") {
			require.Equal(t, account, transaction.text("account"))
		}
	}},
	{"C13 OB", func(t *testing.T, c *caller, id string) {
		token := func(body string) reply {
			return bindInput(t, c.sandbox, http.MethodPost, "/token", body, map[string]string{
				"Authorization": "Basic " + c.sandbox.APIKey(), "basiq-version": "3.0", "Content-Type": "application/json",
			})
		}
		c.token = token(`{"scope":"SERVER_ACCESS"}`).text("access_token")
		assert.Equal(t, http.StatusOK, c.get("/users").status)
		c.token = token(`{"scope":"CLIENT_ACCESS","userId":"` + id + `"}`).text("access_token")
		assert.Equal(t, http.StatusForbidden, c.get("/users").status)
	}},
	{"C14 salesforce-connector", func(t *testing.T, c *caller, id string) {
		made := bindInput(t, c.sandbox, http.MethodPost, "/users/"+id+"/affordability", "",
			map[string]string{"Authorization": "Bearer " + c.token, "Accept": "application/pdf"})
		require.Equal(t, http.StatusCreated, made.status)
		assert.True(t, strings.HasPrefix(made.raw, "%PDF-"))
	}},
	{"C15 Keep It Going (recorded)", func(t *testing.T, c *caller, _ string) {
		for _, id := range c.get("/events").ids() {
			require.Regexp(t, "^[0-9a-f]{64}$", id)
			assert.Equal(t, http.StatusOK, c.get("/events/"+id).status)
		}
	}},
	{"C16 Keep It Going (recorded)", func(t *testing.T, c *caller, id string) {
		updated := c.get(filtered("/events", "event.entity.eq('transactions')")).text("data.0.dataRef")
		assert.Equal(t, c.sandbox.URL()+"/users/"+id+"/transactions", updated)
	}},
	{"consent URLs with action=null", func(_ *testing.T, c *caller, id string) {
		c.visit(id, url.Values{"action": {"null"}}).at("Share your financial data")
	}},
}

func TestRecorded_Applications(t *testing.T) {
	t.Parallel()
	for _, test := range applications {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				test.replay(t, c, c.customer("gavinBelson"))
			})
		})
	}
}

// BasiqPFM reads fields of enrich without checking for empty objects, and two applications check subClass for null.
func TestRecorded_Applications_Nulls(t *testing.T) {
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
			if version == "2.1" { // recorded for a transaction that is not a payment
				nothing := map[string]any{"category": nil, "location": nil, "merchant": nil}
				transfers := c.get(filtered("/users/"+id+"/transactions", "transaction.class.eq('transfer')")).each("data")
				require.NotEmpty(t, transfers)
				for _, transfer := range transfers {
					assert.Equal(t, nothing, transfer.under("enrich").body)
				}
			}
		}
	})
}
