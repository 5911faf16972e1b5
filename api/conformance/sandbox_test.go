package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// These tests use the basiqtest sandbox over plain HTTP, so that no client can hide its errors, and validate every response
// against the strict contract.

// visitor sends plain HTTP requests to a sandbox through the validating transport.
type visitor struct {
	t         *testing.T
	sandbox   *basiqtest.Sandbox
	transport *Transport
	pause     func(time.Duration) // waits until jobs of this duration are done
	responses []sandboxResponse   // all success responses with a JSON body
}

type sandboxResponse struct {
	operation, version string
	value              any
}

// newVisitor returns a visitor of a new sandbox in memory, for use in a bubble.
func newVisitor(t *testing.T) *visitor {
	t.Helper()
	return newVisitorOf(t, basiqtest.New(t, basiqtest.WithWebhookClient(&http.Client{Transport: receiver})), time.Sleep)
}

func newVisitorOf(t *testing.T, sandbox *basiqtest.Sandbox, pause func(time.Duration)) *visitor {
	t.Helper()
	transport, err := NewTransport(sandbox.HTTPClient().Transport)
	require.NoError(t, err)
	v := &visitor{t: t, sandbox: sandbox, transport: transport, pause: pause}
	t.Cleanup(func() { assert.Empty(t, transport.Violations()) })
	return v
}

// received is a response: its status, its body as a JSON value, if it is JSON, and the raw body.
type received struct {
	t      *testing.T
	status int
	json   any
	raw    string
}

// at returns the string at a path such as data.0.id, which must exist.
func (s received) at(path string) string {
	s.t.Helper()
	value := s.json
	for name := range strings.SplitSeq(path, ".") {
		switch node := value.(type) {
		case map[string]any:
			value = node[name]
		case []any:
			i, err := strconv.Atoi(name)
			require.NoError(s.t, err)
			require.Less(s.t, i, len(node), "%s in %s", path, s.raw)
			value = node[i]
		}
	}
	text, ok := value.(string)
	require.True(s.t, ok, "no string at %s in %s", path, s.raw)
	return text
}

type accessToken struct{ version, value string }

func (v *visitor) token(version, scope, userID string) accessToken {
	v.t.Helper()
	form := url.Values{"scope": {scope}}
	if userID != "" {
		form.Set("userId", userID)
	}
	got := v.send(http.MethodPost, "/token", http.Header{
		"Authorization": {"Basic " + v.sandbox.APIKey()}, "Basiq-Version": {version},
		"Content-Type": {"application/x-www-form-urlencoded"},
	}, []byte(form.Encode()))
	require.Equal(v.t, http.StatusOK, got.status, got.raw)
	v.record("postToken", version, got)
	return accessToken{version, got.at("access_token")}
}

// send sends a request without changes. If the request or the response violates the contract, the test fails.
func (v *visitor) send(method, path string, header http.Header, body []byte) received {
	v.t.Helper()
	var reader io.Reader = http.NoBody
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.sandbox.URL()+path, reader)
	require.NoError(v.t, err)
	req.Header = header
	resp, err := (&http.Client{Transport: v.transport}).Do(req)
	require.NoError(v.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(v.t, err)
	got := received{t: v.t, status: resp.StatusCode, raw: string(raw)}
	if contentType(resp.Header) == "application/json" {
		got.json = decode(v.t, raw)
	}
	return got
}

// call calls an operation with a token and checks the status.
func (v *visitor) call(as accessToken, operation string, status int, target string, body any) received {
	v.t.Helper()
	method, path, _ := strings.Cut(target, " ")
	header := http.Header{}
	if as.value != "" {
		header.Set("Authorization", "Bearer "+as.value)
	}
	var encoded []byte
	switch body := body.(type) {
	case nil:
	case form:
		header.Set("Content-Type", body.contentType)
		encoded = body.content
	case accept:
		header.Set("Accept", string(body))
	default:
		var err error
		encoded, err = json.Marshal(body)
		require.NoError(v.t, err)
		header.Set("Content-Type", "application/json")
	}
	before := v.transport.Exchanges()[fmt.Sprintf("%s %d", operation, status)]
	got := v.send(method, path, header, encoded)
	require.Equal(v.t, status, got.status, "%s: %s", target, got.raw)
	require.Equal(v.t, before+1, v.transport.Exchanges()[fmt.Sprintf("%s %d", operation, status)], "%s is not %s", target, operation)
	if status < 300 {
		v.record(operation, as.version, got)
	}
	return got
}

func (v *visitor) record(operation, version string, got received) {
	if got.json != nil {
		v.responses = append(v.responses, sandboxResponse{operation, version, got.json})
	}
}

// accept is passed instead of a body. It requests a media type.
type accept string

// form is a multipart form.
type form struct {
	contentType string
	content     []byte
}

func statementForm(t *testing.T, institution, name, contentType, content string) form {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	require.NoError(t, w.WriteField("institutionId", institution))
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="statement"; filename="` + name + `"`}, "Content-Type": {contentType},
	})
	require.NoError(t, err)
	_, err = io.WriteString(part, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return form{w.FormDataContentType(), buf.Bytes()}
}

// callAll calls every operation successfully, in each API version that has it, and returns the IDs that it used. It must run in
// a bubble.
func (v *visitor) callAll() map[string]string {
	t := v.t
	v21, v30 := v.token("2.1", "SERVER_ACCESS", ""), v.token("3.0", "SERVER_ACCESS", "")
	both := func(do func(accessToken)) { do(v21); do(v30) }
	ids := map[string]string{}

	hook := v.call(v30, "addWebhook", 201, "POST /notifications/webhooks", object{
		"name": "all", "description": "All that happens.", "url": "https://hooks.example.com/basiq",
		"subscribedEvents": []string{"user.created", "connection.created", "connection.activated", "transactions.updated"},
	}).at("id")
	ids["webhookId"] = hook

	user := v.call(v21, "createUser", 201, "POST /users", object{"email": "gavin@hooli.com", "mobile": "+61410888666"}).at("id")
	ids["userId"] = user
	me := "/users/" + user
	v.call(v30, "createUser", 201, "POST /users", object{
		"email": "laurie@example.com", "mobile": "+61410888667", "firstName": "Laurie", "middleName": "M", "lastName": "Bream",
		"businessName": "Bream Capital", "businessIdNo": "16 7645 892", "businessIdNoType": "ABN",
		"businessAddress": object{"addressLine1": "21 Sydney Rd", "suburb": "Manly", "state": "NSW", "postcode": "2095", "countryCode": "AUS"},
	})
	both(func(as accessToken) {
		v.call(as, "updateUser", 200, "POST "+me, object{"firstName": "Gavin"})
		v.call(as, "getUser", 200, "GET "+me, nil)
	})
	v.call(v21, "getUsers", 200, "GET /users", nil)

	client21, client30 := v.token("2.1", "CLIENT_ACCESS", user), v.token("3.0", "CLIENT_ACCESS", user)
	credentials := func(bank, login, password string) object {
		return object{"institution": object{"id": bank}, "loginId": login, "password": password}
	}
	job := v.call(v21, "postConnection", 202, "POST "+me+"/connections", credentials("AU00000", "gavinBelson", "hooli2016")).at("id")
	v.call(client21, "postConnection", 200, "POST "+me+"/connections", credentials("AU00000", "gavinBelson", "hooli2016"))
	both(func(as accessToken) { v.call(as, "getJobs", 200, "GET /jobs/"+job, nil) })
	v.pause(time.Minute)
	both(func(as accessToken) { v.call(as, "getJobs", 200, "GET /jobs/"+job, nil) })
	asked := v.call(v21, "postConnection", 202, "POST "+me+"/connections", credentials("AU00002", "Whistler", "ShowBox")).at("id")
	v.pause(10 * time.Second)
	v.call(client30, "getJobs", 200, "GET /jobs/"+asked, nil)
	v.call(client30, "postJobMfa", 202, "POST /jobs/"+asked+"/mfa", object{"mfa-response": []string{"Basiq", "AU00002"}})
	failed := v.call(v21, "postConnection", 202, "POST "+me+"/connections", credentials("AU00000", "bighead", "password")).at("id")
	v.pause(time.Minute)
	both(func(as accessToken) {
		v.call(as, "getJobs", 200, "GET /jobs/"+asked, nil)
		v.call(as, "getJobs", 200, "GET /jobs/"+failed, nil)
		v.call(as, "getUserJobs", 200, "GET "+me+"/jobs", nil)
	})
	connection := v.call(v21, "getConnections", 200, "GET "+me+"/connections", nil).at("data.0.id")
	ids["connectionId"], ids["jobId"] = connection, job
	v.call(v30, "getConnections", 200, "GET "+me+"/connections?filter="+url.QueryEscape("status.eq('active')"), nil)
	for _, as := range []accessToken{v21, v30, client21, client30} {
		v.call(as, "getConnection", 200, "GET "+me+"/connections/"+connection, nil)
	}
	both(func(as accessToken) {
		v.call(as, "refreshConnection", 202, "POST "+me+"/connections/"+connection+"/refresh", nil)
		v.call(as, "refreshConnection", 200, "POST "+me+"/connections/"+connection+"/refresh", nil)
		v.pause(time.Minute)
		v.call(as, "refreshConnections", 202, "POST "+me+"/connections/refresh", nil)
		v.pause(time.Minute)
	})
	v.call(v21, "updateConnection", 202, "POST "+me+"/connections/"+connection, object{"password": "hooli2016"})
	v.call(v21, "updateConnection", 200, "POST "+me+"/connections/"+connection, object{"password": "hooli2016"})
	v.pause(time.Minute)

	v.call(v30, "createStatement", 202, "POST "+me+"/statements", statementForm(t, v.statementBank(v30), "march.pdf", "application/pdf", "%PDF-1.7 a statement"))
	v.pause(time.Minute)
	v.call(v21, "createStatement", 202, "POST "+me+"/statements", statementForm(t, v.statementBank(v30), "april.pdf", "application/pdf", "%PDF-1.7 another"))
	v.pause(time.Minute)

	both(func(as accessToken) {
		accounts := v.call(as, "getAccounts", 200, "GET "+me+"/accounts", nil)
		ids["accountId"] = accounts.at("data.0.id")
		v.call(as, "getAccount", 200, "GET "+me+"/accounts/"+ids["accountId"], nil)
		page := v.call(as, "getTransactions", 200, "GET "+me+"/transactions?limit=100", nil)
		ids["transactionId"] = page.at("data.50.id")
		v.call(as, "getTransaction", 200, "GET "+me+"/transactions/"+ids["transactionId"], nil)
		pages := 1
		for next := page; hasNext(next.raw); pages++ {
			link, err := url.Parse(next.at("links.next"))
			require.NoError(t, err)
			next = v.call(as, "getTransactions", 200, "GET "+link.RequestURI(), nil)
		}
		assert.Greater(t, pages, 5)
		identities := v.call(as, "getUserIdentities", 200, "GET "+me+"/identities", nil)
		ids["identityId"] = identities.at("data.0.id")
		v.call(as, "getUserIdentity", 200, "GET "+me+"/identities/"+ids["identityId"], nil)
		v.call(as, "getEnrich", 200, "GET /enrich?"+url.Values{"q": {"WOOLWORTHS 1624 DEE WHY"}, "institution": {"AU00000"}, "country": {"AU"}}.Encode(), nil)
		v.call(as, "getConnectors", 200, "GET /connectors", nil)
		v.call(as, "getConnector", 200, "GET /connectors/AU00000/web", nil)
	})
	v.call(v21, "getInstitutions", 200, "GET /institutions", nil)
	v.call(v21, "getInstitution", 200, "GET /institutions/AU00000", nil)
	for operation, path := range map[string]string{
		"getPublicConnectors": "/public/connectors", "getPublicConnector": "/public/connectors/AU00000/web",
		"getPublicInstitutions": "/public/institutions",
	} {
		v.call(accessToken{version: "2.1"}, operation, 200, "GET "+path, nil)
	}

	both(func(as accessToken) {
		link := v.call(as, "postAuthLink", 201, "POST "+me+"/auth_link", object{"mobile": "+61410888666"})
		assert.NotEmpty(t, link.at("links.public"))
		v.call(as, "getAuthLink", 200, "GET "+me+"/auth_link", nil)
		v.call(as, "deleteAuthLink", 204, "DELETE "+me+"/auth_link", nil)
	})
	v.consent(client30)
	ids["consentId"] = v.call(v30, "getConsents", 200, "GET "+me+"/consents", nil).at("data.0.id")
	both(func(as accessToken) { v.call(as, "getUser", 200, "GET "+me, nil) })
	for _, nothing := range []string{"Affordability", "Income", "Expenses"} {
		v.call(v30, "post"+nothing, 204, "POST "+me+"/"+strings.ToLower(nothing), object{"fromMonth": "1970-01", "toMonth": "1970-02"})
	}

	both(func(as accessToken) {
		v.call(as, "postAffordability", 200, "POST "+me+"/affordability", object{})
		list := v.call(as, "getAffordabilityList", 200, "GET "+me+"/affordability", nil)
		ids["snapshotId"] = list.at("data.0.id")
		summary := me + "/affordability/" + ids["snapshotId"]
		v.call(as, "getAffordability", 200, "GET "+summary, nil)
		v.call(as, "getAffordabilitySnapshotTransactions", 200, "GET "+summary+"/transactions?limit=100", nil)
		income := v.call(as, "postIncome", 200, "POST "+me+"/income", object{})
		v.call(as, "getIncome", 200, "GET "+me+"/income/"+income.at("id"), nil)
		expenses := v.call(as, "postExpenses", 200, "POST "+me+"/expenses", object{})
		v.call(as, "getExpenses", 200, "GET "+me+"/expenses/"+expenses.at("id"), nil)
		for operation, other := range map[string]struct{ path, mediaType string }{
			"getAffordability":                     {summary, "application/pdf"},
			"getAffordabilitySnapshotTransactions": {summary + "/transactions", "application/csv"},
			"getExpenses":                          {me + "/expenses/" + expenses.at("id"), "text/csv"},
		} {
			assert.NotEmpty(t, v.call(as, operation, 200, "GET "+other.path, accept(other.mediaType)).raw)
		}
	})

	types := v.call(v30, "listReportTypes", 200, "GET /reports/types", nil)
	for i := range types.json.(map[string]any)["data"].([]any) {
		id := types.at("data." + strconv.Itoa(i) + ".id")
		v.call(v30, "retrieveSpecificReportType", 200, "GET /reports/types/"+id, nil)
		ids["reportTypeId"] = id
		made := v.call(v30, "createReport", 202, "POST /reports", object{
			"reportType": id, "title": "A report", "filters": v.reportFilters(types, i, ids),
		})
		v.call(v30, "getJobs", 200, "GET /jobs/"+made.at("id"), nil)
		v.pause(time.Minute)
		done := v.call(v30, "getJobs", 200, "GET /jobs/"+made.at("id"), nil)
		source, err := url.Parse(done.at("links.source"))
		require.NoError(t, err)
		v.call(v30, "retrieveReport", 200, "GET "+source.Path, nil)
		v.call(v30, "retrieveReport", 200, "GET "+source.Path, accept("application/pdf"))
		v.call(v30, "retrieveReportTransactions", 200, "GET "+source.Path+"/transactions", nil)
		ids["reportId"] = strings.TrimPrefix(source.Path, "/reports/")
	}
	v.call(v30, "listReports", 200, "GET /reports", nil)

	account := v.call(v30, "getAccount", 200, "GET "+me+"/accounts/"+ids["accountId"], nil)
	v.call(v30, "getAccountInsights", 200, "POST "+me+"/insights/account", object{"accountNumber": account.at("accountNo"), "accountType": "savings"})
	v.call(v30, "getBalanceInsights", 200, "POST "+me+"/insights/balance", object{"balance": object{"min": "0.01", "max": "100000"}})
	v.call(v30, "getIdentityInsights", 200, "POST "+me+"/insights/identity", object{
		"name": "Gavin Belson", "phone": "0400 555 001", "email": "gavin@hooli.com", "address": "13/91 Fisher Rd, Dee Why NSW 2099",
	})
	v.call(v30, "createInsight", 200, "POST /insights", object{"users": []string{user}, "type": "BALANCE_VERIFICATION", "data": object{"balance": object{"min": "1"}}})
	v.call(v30, "createInsight", 200, "POST /insights", object{"users": []string{user}, "type": "EXPENSE_RATIO_VERIFICATION", "data": object{"expense": "1000"}})
	ids["insightId"] = v.call(v30, "listUserInsights", 200, "GET "+me+"/insights", nil).at("data.0.id")
	v.call(v30, "getInsightById", 200, "GET "+me+"/insights/"+ids["insightId"], nil)
	ids["typeId"] = v.call(v30, "getInsightTypes", 200, "GET /insights/types", nil).at("data.0.id")
	v.call(v30, "getInsightType", 200, "GET /insights/types/"+ids["typeId"], nil)

	payees := v.call(v30, "GetPayees", 200, "GET "+me+"/payees?limit=3", nil)
	next, err := url.Parse(payees.at("links.next"))
	require.NoError(t, err)
	v.call(v30, "GetPayees", 200, "GET "+next.RequestURI(), nil)
	payees = v.call(v30, "GetPayees", 200, "GET "+me+"/payees", nil)
	for i := range payees.json.(map[string]any)["data"].([]any) {
		ids["payeeId"] = payees.at("data." + strconv.Itoa(i) + ".id")
		v.call(v30, "GetPayeeDetails", 200, "GET "+me+"/payees/"+ids["payeeId"], nil)
	}
	ids["merchantId"] = v.call(v30, "MerchantSearch", 200, "GET /merchants?merchantName=Coles", nil).at("data.0.merchantId")
	v.call(v30, "GetMerchantById", 200, "GET /merchants/"+ids["merchantId"], nil)
	for _, query := range []string{"daily", "weekly&connectionType=CDR&connectionType=WEB", "monthly&fromDate=1999-01-15&toDate=2000-06-15"} {
		v.call(v30, "getUserAnalytics", 200, "GET /analytics/users?interval="+query, nil)
	}

	events := v.call(v30, "getEvents", 200, "GET /events", nil)
	for i := range events.json.(map[string]any)["data"].([]any) {
		ids["eventId"] = events.at("data." + strconv.Itoa(i) + ".id")
		v.call(v30, "getEvent", 200, "GET /events/"+ids["eventId"], nil)
	}
	v.call(v30, "listEventTypes", 200, "GET /events/types", nil)
	v.call(v30, "getEventTypeById", 200, "GET /events/types/user.created", nil)
	ids["eventTypeId"] = "user.created"

	v.call(v30, "listAppWebhooks", 200, "GET /notifications/webhooks", nil)
	v.call(v30, "getWebhook", 200, "GET /notifications/webhooks/"+hook, nil)
	v.call(v30, "updateWebhook", 200, "POST /notifications/webhooks/"+hook, object{
		"name": "some", "url": "https://hooks.example.com/basiq", "subscribedEvents": []string{"user.created", "consent.created"},
	})
	v.call(v30, "testMessage", 201, "POST /notifications/messages/test", object{"eventTypeId": "user.created", "Text": "hello"})
	v.pause(time.Minute)
	messages := v.call(v30, "listMessages", 200, "GET /notifications/webhooks/"+hook+"/messages?limit=100", nil)
	ids["messageId"] = messages.at("data.0.id")
	v.call(v30, "getWebhookMessage", 200, "GET /notifications/webhooks/"+hook+"/messages/"+ids["messageId"], nil)
	v.callOtherReads(ids, v21, v30)
	return ids
}

// callOtherReads calls the reads that callAll does not call explicitly, if it knows the IDs in their paths.
func (v *visitor) callOtherReads(ids map[string]string, tokens ...accessToken) {
	called, all := v.transport.Exchanges(), contractOperations(loaded(v.t))
	for _, place := range slices.Sorted(maps.Keys(all)) {
		op := all[place]
		if op.method != http.MethodGet || called[op.OperationID+" 200"] > 0 {
			continue
		}
		path := op.path
		for name, id := range ids {
			path = strings.ReplaceAll(path, "{"+name+"}", id)
		}
		versions, _ := op.Extensions["x-basiq-versions"].([]any)
		for _, as := range tokens {
			if slices.Contains(versions, any(as.version)) && !strings.Contains(path, "{") {
				v.call(as, op.OperationID, http.StatusOK, "GET "+path, nil)
			}
		}
	}
}

// deleteAll deletes what callAll has created, by calling the operations that delete.
func (v *visitor) deleteAll(ids map[string]string) {
	v30 := v.token("3.0", "SERVER_ACCESS", "")
	me := "/users/" + ids["userId"]
	v.call(v30, "deleteConsent", 204, "DELETE "+me+"/consents/"+ids["consentId"], nil)
	v.call(v30, "getConsents", 200, "GET "+me+"/consents", nil)
	v.call(v30, "purgeConnectionData", 204, "POST "+me+"/connections/"+ids["connectionId"]+"/purge", nil)
	v.call(v30, "deleteConnection", 204, "DELETE "+me+"/connections/"+ids["connectionId"], nil)
	v.call(v30, "deleteReport", 204, "DELETE /reports/"+ids["reportId"], nil)
	v.call(v30, "deleteWebhook", 204, "DELETE /notifications/webhooks/"+ids["webhookId"], nil)
	v.call(v30, "deleteUser", 204, "DELETE "+me, nil)
	v.call(v30, "getUser", 404, "GET "+me, nil)
}

func (v *visitor) statementBank(as accessToken) string {
	v.t.Helper()
	return v.call(as, "getConnectors", 200, "GET /connectors?filter="+url.QueryEscape("connector.method.eq('pdf')"), nil).at("data.0.id")
}

// reportFilters returns the filters that a report type requires.
func (v *visitor) reportFilters(types received, i int, ids map[string]string) []object {
	v.t.Helper()
	values := map[string]any{
		"fromDate": time.Now().AddDate(0, -2, 0).Format(time.DateOnly), "toDate": time.Now().Format(time.DateOnly),
		"users": []string{ids["userId"]}, "accounts": []string{ids["accountId"]},
		"user": ids["userId"], "account": ids["accountId"],
	}
	kind := types.json.(map[string]any)["data"].([]any)[i].(map[string]any)
	var filters []object
	for _, f := range kind["filters"].([]any) {
		filter := f.(map[string]any)
		if filter["required"] != true {
			continue
		}
		name := filter["name"].(string)
		require.Contains(v.t, values, name)
		filters = append(filters, object{"name": name, "value": values[name]})
	}
	require.NotEmpty(v.t, filters)
	return filters
}

type object = map[string]any

// The success of each operation must match the contract, in each version that has the operation.
func TestSandbox_SuccessResponses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		v.deleteAll(v.callAll())
		passed := v.transport.Exchanges()
		for _, op := range contractOperations(loaded(t)) {
			for status := range op.Responses.Map() {
				if code, err := strconv.Atoi(status); err == nil && code < 300 && !neverSent[op.OperationID+" "+status] {
					assert.Positive(t, passed[op.OperationID+" "+status], "%s %s: call it in callAll of sandbox_test.go, or add the ID in its path to ids", op.OperationID, status)
				}
			}
		}
		t.Logf("%d valid exchanges of %d kinds", total(passed), len(passed))
	})
}

// neverSent lists success responses that the contract declares and the sandbox never sends.
var neverSent = map[string]bool{
	"postAffordability 201": true, // documented without content for a PDF; the sandbox sends a PDF with status 200
}

// receiver receives webhooks and accepts every delivery.
var receiver = roundTripper(func(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
})

// consent gives consent and connects a bank on the sandbox's consent page. The page is not an operation of the API, so the
// contract does not describe it.
func (v *visitor) consent(as accessToken) {
	v.t.Helper()
	browser := &http.Client{Transport: v.sandbox.HTTPClient().Transport}
	at := v.sandbox.URL() + "/home?" + url.Values{"token": {as.value}, "state": {"s"}, "institutionId": {"AU00000"}}.Encode()
	resp, err := browser.Get(at)
	for _, form := range []url.Values{
		{"step": {"consent"}, "do": {"agree"}},
		{"step": {"login"}, "do": {"login"}, "loginId": {"jared"}, "password": {"django"}},
		{"step": {"connected"}, "do": {"leave"}},
	} {
		require.NoError(v.t, err)
		require.NoError(v.t, resp.Body.Close())
		require.Equal(v.t, http.StatusOK, resp.StatusCode, form)
		at = resp.Request.URL.String()
		v.pause(time.Minute)
		resp, err = browser.PostForm(at, form)
	}
	require.NoError(v.t, err)
	require.NoError(v.t, resp.Body.Close())
}

// Error responses must also match the contract: for invalid and expired tokens, tokens with the wrong scope or version, resources
// that do not exist, and every error status that the contract declares for an operation.
func TestSandbox_ErrorResponses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		ids := v.callAll()
		tokens := func(scope, userID string) map[string]accessToken {
			return map[string]accessToken{"2.1": v.token("2.1", scope, userID), "3.0": v.token("3.0", scope, userID)}
		}
		old := tokens("SERVER_ACCESS", "")
		v.sandbox.ExpireTokens()
		fresh, client := tokens("SERVER_ACCESS", ""), tokens("CLIENT_ACCESS", ids["userId"])
		for _, op := range contractOperations(loaded(t)) {
			versions := strings.Split(strings.Trim(fmt.Sprint(op.Extensions["x-basiq-versions"]), "[]"), " ")
			scopes := fmt.Sprint(op.Extensions["x-basiq-scopes"])
			if op.OperationID == "postToken" || scopes == "<nil>" {
				continue // these operations use no access token
			}
			target := func(ids map[string]string) string {
				path := op.path
				for name, id := range ids {
					path = strings.ReplaceAll(path, "{"+name+"}", id)
				}
				return op.method + " " + strings.ReplaceAll(strings.ReplaceAll(path, "{method}", "web"), "{connectorId}", "AU00000") + exampleQuery[op.OperationID]
			}
			ids["institutionId"] = "AU00000"
			body := exampleBody(t, op)
			version := versions[0]
			v.call(accessToken{value: "no-token-at-all"}, op.OperationID, 401, target(ids), body)
			v.call(old[version], op.OperationID, 403, target(ids), body)
			switch {
			case !strings.Contains(scopes, "CLIENT_ACCESS"):
				v.call(client[version], op.OperationID, 403, target(ids), body)
			case !strings.Contains(scopes, "SERVER_ACCESS"):
				v.call(fresh[version], op.OperationID, 403, target(ids), body)
			}
			if len(versions) == 1 {
				other := map[string]string{"2.1": "3.0", "3.0": "2.1"}[version]
				v.call(fresh[other], op.OperationID, 404, target(ids), body)
			}
			may := fresh[version]
			if !strings.Contains(scopes, "SERVER_ACCESS") {
				may = client[version]
			}
			for status := range op.Responses.Map() {
				if code, err := strconv.Atoi(status); err == nil && code >= 400 {
					v.sandbox.Inject(basiqtest.Fail(code), basiqtest.Operations(op.OperationID), basiqtest.Times(1))
					v.call(may, op.OperationID, code, target(ids), body)
				}
			}
			if strings.Contains(op.path, "{userId}") && strings.Contains(scopes, "SERVER_ACCESS") {
				unknown := maps.Clone(ids)
				unknown["userId"] = "00000000-0000-4000-8000-000000000000"
				v.call(fresh[version], op.OperationID, 404, target(unknown), body)
			}
		}
		t.Logf("%d valid exchanges", total(v.transport.Exchanges()))
	})
}

var exampleQuery = map[string]string{
	"getEnrich": "?q=a&institution=AU00000&country=AU", "MerchantSearch": "?abn=38865358328", "getUserAnalytics": "?interval=daily",
}

// exampleBody returns a valid request body for the operation, or nil if it has none.
func exampleBody(t *testing.T, op *contractOperation) any {
	t.Helper()
	if op.RequestBody == nil {
		return nil
	}
	if op.OperationID == "createStatement" {
		return statementForm(t, "AU00000", "march.pdf", "application/pdf", "%PDF-1.7")
	}
	media := op.RequestBody.Value.Content.Get("application/json")
	require.NotNil(t, media, op.OperationID)
	if media.Example != nil {
		return media.Example
	}
	for _, name := range slices.Sorted(maps.Keys(media.Examples)) {
		return media.Examples[name].Value.Value
	}
	t.Fatalf("%s has no example body", op.OperationID)
	return nil
}
