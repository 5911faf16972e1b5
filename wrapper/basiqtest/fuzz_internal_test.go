package basiqtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// A target is a sandbox that contains one of everything. Placeholders such as {userId} in requests are replaced by IDs,
// so that the fuzzer reaches existing resources without guessing IDs.
type target struct {
	t       *testing.T
	sandbox *Sandbox
	tokens  []string // server and client tokens of both versions
	ids     *strings.Replacer
}

// futureCSV is a statement with transactions in the future only.
const futureCSV = "accountNo,name,currency,lastUpdated,date,description,amount,balance\n" +
	"1,Savings,AUD,2099-01-01,2098-02-01,RENT,1.00,1.00\n1,Savings,AUD,2099-01-01,2098-03-01,SALARY,2.00,3.00\n"

// newTarget creates a stopped sandbox that only changes through calls: it fires no timers and delivers no messages.
func newTarget(t *testing.T) *target {
	t.Helper()
	s, err := newSandbox([]Option{WithSpeed(1e9), WithRedirectURL("https://app.example/back")})
	require.NoError(t, err)
	t.Cleanup(s.cancel)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	then := time.Now().Add(-time.Minute)
	u := &user{id: s.newID(), created: then, data: gen.CreateUser{Email: "gavin@hooli.com", Mobile: "+61410888666"}}
	s.users[u.id] = u
	tgt := &target{t: t, sandbox: s}
	for _, kind := range []token{{scope: server, version: v21}, {scope: server, version: v30}, {scope: client, version: v21}, {scope: client, version: v30}} {
		if kind.scope == client {
			kind.user = u.id
		}
		kind.expires = then.Add(time.Hour)
		tgt.tokens = append(tgt.tokens, s.newToken(&kind, then))
	}
	consent := s.giveConsent(u, 1, then)
	person := bank.FindPerson("gavinBelson")
	j, _, err := s.connect(u, credentialsOf(bank.FindBank("AU00000"), gen.ConnectionMethodWeb, person), consent, then)
	require.NoError(t, err)
	statement, err := readCSV([]byte(futureCSV))
	require.NoError(t, err)
	uploaded := &connection{
		id: s.newID(), user: u, institution: bank.FindBank("AU00000"), method: gen.ConnectionMethodCSV, created: then, statement: statement,
	}
	u.connections = append(u.connections, uploaded)
	s.startJob(then, uploaded)
	asking := bank.FindPerson("richard")
	asked, _, err := s.connect(u, credentialsOf(bank.FindBank("AU00002"), gen.ConnectionMethodWeb, asking), nil, then)
	require.NoError(t, err)
	now := time.Now()
	s.runDue(now)
	holdings := s.userHoldings(u, now)
	require.NotEmpty(t, holdings)
	a := s.analyze(holdings, now.AddDate(-1, 0, 0), now)
	snap := s.addSnapshot(u, kindAffordability, a, now)
	snap.parts.income, snap.parts.expenses = s.addSnapshot(u, kindIncome, a, now), s.addSnapshot(u, kindExpenses, a, now)
	w := s.newWebhook()
	w.status, w.url = gen.WebhookStatusActive, "https://app.example/hook"
	s.webhooks = append(s.webhooks, w)
	u.authLink = &authLink{id: s.newID()[:8], expires: now.Add(time.Hour)}
	v := &visit{id: s.newID(), user: u, token: tgt.tokens[3], action: actionConnect}
	require.Nil(t, v.start(now))
	s.addVisit(v, now.Add(time.Hour))
	tgt.ids = strings.NewReplacer(
		"{userId}", u.id, "{connectionId}", u.connections[0].id, "{statementId}", uploaded.id, "{jobId}", j.id, "{mfaJobId}", asked.id,
		"{accountId}", holdings[0].id, "{transactionId}", s.transactions(holdings[0])[0].id, "{snapshotId}", snap.id,
		"{incomeId}", snap.parts.income.id, "{expensesId}", snap.parts.expenses.id, "{webhookId}", w.id,
		"{messageId}", derivedID("m", "1"), "{eventId}", s.events[0].id, "{consentId}", consent.id,
		"{identityId}", u.connections[0].identityID(), "{connectorId}", "AU00000", "{method}", "web", "{institutionId}", "AU00000",
		"{eventTypeId}", "user.created", "{reportTypeId}", affordabilityReport, "{linkId}", u.authLink.id, "{visitId}", v.id,
		"{token}", tgt.tokens[3], "{statementAccountId}", holdings[len(holdings)-1].id,
	)
	return tgt
}

// send sends a request with the token of this number, or with none. It asserts what applies to every response: no
// internal error, and valid JSON if the content type is JSON.
func (tgt *target) send(number uint8, method, target, contentType, accept, body string) *httptest.ResponseRecorder {
	tgt.t.Helper()
	at, err := url.ParseRequestURI(tgt.ids.Replace(target))
	if err != nil {
		tgt.t.Skip("net/http answers it by itself")
	}
	r := (&http.Request{
		Method: method, URL: at, Host: "sandbox.example", Header: http.Header{"Basiq-Version": {"3.0"}},
		Body: io.NopCloser(strings.NewReader(tgt.ids.Replace(body))),
	}).WithContext(tgt.t.Context())
	for name, value := range map[string]string{"Content-Type": contentType, "Accept": accept} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	r.Header.Set("Authorization", "Basic "+apiKey)
	if int(number) < len(tgt.tokens) {
		r.Header.Set("Authorization", "Bearer "+tgt.tokens[number])
	}
	w := httptest.NewRecorder()
	tgt.sandbox.ServeHTTP(w, r)
	require.Less(tgt.t, w.Code, http.StatusInternalServerError, "%s %s", method, target)
	require.GreaterOrEqual(tgt.t, w.Code, http.StatusOK)
	if w.Header().Get("Content-Type") == "application/json" {
		require.True(tgt.t, json.Valid(w.Body.Bytes()), "%s", w.Body)
	}
	return w
}

// FuzzServeHTTP sends arbitrary requests. The sandbox must respond, and still work afterwards.
func FuzzServeHTTP(f *testing.F) {
	const jsonType, form = "application/json", "application/x-www-form-urlencoded"
	for _, r := range routes() {
		number := uint8(1)
		switch {
		case r.versions&v30 == 0:
			number = 0
		case r.scopes == 0:
			number = 9
		case r.scopes&server == 0:
			number = 3
		}
		f.Add(number, r.method, r.path+"?limit=1&filter=", jsonType, "*/*", `{"email":"a@b.c","url":"http://a.b","text":"\ud800","mfa-response":["1"]}`)
	}
	f.Add(uint8(0), "POST", "/users/{userId}/connections", jsonType, "", `{"institution":{"id":"AU00000"},"loginId":"a","loginId":["\u0000"],"password":1e999}`)
	f.Add(uint8(1), "POST", "/users/{userId}/income", jsonType, "", `{"fromMonth":"2098-01","toMonth":"2098-12","accounts":["{statementAccountId}"]}`)
	f.Add(uint8(1), "POST", "/users/{userId}/affordability", jsonType, "", `{"fromMonth":"0000-01","toMonth":"9999-12","accounts":["{statementAccountId}"]}`)
	f.Add(uint8(1), "POST", "/reports", jsonType, "", `{"reportType":"CON_AFFOR_01","title":"t","filters":[{"name":"fromDate","value":"0000-01-01"},{"name":"toDate","value":"9999-12-31"},{"name":"accounts","value":["{accountId}"]},{"name":"users","value":["{userId}"]}]}`)
	f.Add(uint8(1), "POST", "/users/{userId}/statements", "multipart/form-data; boundary=b", "",
		"--b\r\nContent-Disposition: form-data; name=\"institutionId\"\r\n\r\nAU01001\r\n--b\r\nContent-Disposition: form-data; name=\"statement\"; filename=\"a.csv\"\r\n\r\n"+futureCSV+"\r\n--b--\r\n")
	f.Add(uint8(1), "GET", "/users/{userId}/transactions?limit=2&filter=transaction.postDate.bt('0000-01-01','9999-12-31')&next=x", "", "text/*;q=0.0,", "")
	f.Add(uint8(9), "GET", "/home?token={token}&action=update&connectionId={connectionId}&state=%00%ff", "", "", "")
	f.Add(uint8(9), "POST", "/home/visit/{visitId}", form, "", "step=banks&bank=AU00002&do=leave")
	f.Add(uint8(9), "GET", "/home/link/{linkId}", "", "", "")
	f.Add(uint8(9), "POST", "/token", form, "", "scope=CLIENT_ACCESS&userId={userId}")
	f.Fuzz(func(t *testing.T, number uint8, method, path, contentType, accept, body string) {
		tgt := newTarget(t)
		tgt.send(number, method, path, contentType, accept, body)
		require.Equal(t, http.StatusOK, tgt.send(9, http.MethodGet, "/public/institutions", "", "", "").Code)
		// Check that other responses still work after the request.
		for _, path := range []string{
			"/users/{userId}", "/users/{userId}/jobs", "/users/{userId}/accounts", "/users/{userId}/transactions?limit=3",
			"/users/{userId}/affordability", "/users/{userId}/consents", "/users/{userId}/identities", "/events?limit=5", "/reports",
			"/notifications/webhooks",
		} {
			tgt.send(1, http.MethodGet, path, "", "", "")
		}
	})
}
