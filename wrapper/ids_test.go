package basiq_test

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// idCall is a call with an ID as an argument.
type idCall struct {
	operation string
	// argument is the name of the argument.
	argument string
	call     func(t testing.TB, c *basiq.Client, id string) error
}

// idCalls has a row for each ID in a path, and for IDs in queries and bodies, which are validated too. Methods whose only
// arguments are IDs need no row here.
var idCalls = withPathMethods([]idCall{
	{"Users.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Users.Get(t.Context(), id))
	}},
	{"Users.Update", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Users.Update(t.Context(), id, basiq.UpdateUser{Email: "a@b.c"}))
	}},
	{"Users.Delete", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return c.Users.Delete(t.Context(), id)
	}},
	{"Connections.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Connections.List(t.Context(), id))
	}},
	{"Connections.Create", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connections.Create(t.Context(), id, login))
	}},
	{"Connections.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connections.Get(t.Context(), id, connID))
	}},
	{"Connections.Get", "connectionID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connections.Get(t.Context(), userID, id))
	}},
	{"Connections.Update", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connections.Update(t.Context(), id, connID, basiq.UpdateConnection{Password: basiq.NewSecret("x")}))
	}},
	{"Connections.Update", "connectionID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connections.Update(t.Context(), userID, id, basiq.UpdateConnection{Password: basiq.NewSecret("x")}))
	}},
	{"Connections.Delete", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return c.Connections.Delete(t.Context(), id, connID)
	}},
	{"Connections.Delete", "connectionID", func(t testing.TB, c *basiq.Client, id string) error {
		return c.Connections.Delete(t.Context(), userID, id)
	}},
	{"Connections.Refresh", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connections.Refresh(t.Context(), id, connID))
	}},
	{"Connections.Refresh", "connectionID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connections.Refresh(t.Context(), userID, id))
	}},
	{"Connections.RefreshIfStale", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connections.RefreshIfStale(t.Context(), id, connID, time.Hour))
	}},
	{"Connections.RefreshIfStale", "connectionID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connections.RefreshIfStale(t.Context(), userID, id, time.Hour))
	}},
	{"Connections.RefreshListedIfStale", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connections.RefreshListedIfStale(t.Context(), id, &basiq.Connection{ID: connID}, time.Hour))
	}},
	{"Connections.Purge", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return c.Connections.Purge(t.Context(), id, connID)
	}},
	{"Connections.Purge", "connectionID", func(t testing.TB, c *basiq.Client, id string) error {
		return c.Connections.Purge(t.Context(), userID, id)
	}},
	{"Connections.RefreshAll", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connections.RefreshAll(t.Context(), id))
	}},
	{"Jobs.Get", "jobID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Jobs.Get(t.Context(), id))
	}},
	{"Jobs.Wait", "jobID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Jobs.Wait(t.Context(), id))
	}},
	{"Jobs.WaitEach", "jobIDs", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Jobs.WaitEach(t.Context(), slices.Values([]string{id})))
	}},
	{"Jobs.Watch", "jobID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Jobs.Watch(t.Context(), id))
	}},
	{"Jobs.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Jobs.List(t.Context(), id))
	}},
	{"Jobs.AnswerMFA", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Jobs.AnswerMFA(t.Context(), id, jobID, basiq.NewSecret("1")))
	}},
	{"Jobs.AnswerMFA", "jobID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Jobs.AnswerMFA(t.Context(), userID, id, basiq.NewSecret("1")))
	}},
	{"Tokens.Get", "scope", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Tokens.Get(t.Context(), basiq.ClientAccess(id)))
	}},
	{"Tokens.Create", "scope", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Tokens.Create(t.Context(), basiq.ClientAccess(id)))
	}},
	{"Consents.PageURL", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Consents.PageURL(t.Context(), id, basiq.ConsentPage{State: "s"}))
	}},
	{"Accounts.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Accounts.List(t.Context(), id))
	}},
	{"Accounts.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Accounts.Get(t.Context(), id, "a1"))
	}},
	{"Accounts.Get", "accountID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Accounts.Get(t.Context(), userID, id))
	}},
	{"Transactions.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Transactions.List(t.Context(), id))
	}},
	{"Transactions.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Transactions.Page(t.Context(), id, "next=a"))
	}},
	{"Transactions.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Transactions.Get(t.Context(), id, "t1"))
	}},
	{"Transactions.Get", "transactionID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Transactions.Get(t.Context(), userID, id))
	}},
	{"Statements.Upload", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Statements.Upload(t.Context(), id, basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: strings.NewReader("%PDF")}))
	}},
	{"Statements.Upload", "statement.InstitutionID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: id, Name: "a.pdf", Content: strings.NewReader("%PDF")}))
	}},
	{"Consents.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Consents.List(t.Context(), id))
	}},
	{"Consents.Delete", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return c.Consents.Delete(t.Context(), id, "n1")
	}},
	{"Consents.Delete", "consentID", func(t testing.TB, c *basiq.Client, id string) error {
		return c.Consents.Delete(t.Context(), userID, id)
	}},
	{"AuthLinks.Create", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.AuthLinks.Create(t.Context(), id, basiq.CreateAuthLink{}))
	}},
	{"AuthLinks.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.AuthLinks.Get(t.Context(), id))
	}},
	{"AuthLinks.Delete", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return c.AuthLinks.Delete(t.Context(), id)
	}},
	{"Identities.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Identities.List(t.Context(), id))
	}},
	{"Identities.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Identities.Get(t.Context(), id, "i1"))
	}},
	{"Identities.Get", "identityID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Identities.Get(t.Context(), userID, id))
	}},
	{"Connectors.Get", "institutionID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connectors.Get(t.Context(), id, basiq.ConnectionMethodWeb))
	}},
	{"Connectors.Get", "method", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connectors.Get(t.Context(), "AU00000", basiq.ConnectionMethod(id)))
	}},
	{"Connectors.GetPublic", "institutionID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connectors.GetPublic(t.Context(), id, basiq.ConnectionMethodWeb))
	}},
	{"Connectors.GetPublic", "method", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Connectors.GetPublic(t.Context(), "AU00000", basiq.ConnectionMethod(id)))
	}},
	{"Institutions.Get", "institutionID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Institutions.Get(t.Context(), id))
	}},
	{"Affordability.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Affordability.List(t.Context(), id))
	}},
	{"Affordability.Create", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Affordability.Create(t.Context(), id, basiq.AffordabilityRequest{}))
	}},
	{"Affordability.Create", "request.Accounts", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Affordability.Create(t.Context(), userID, basiq.AffordabilityRequest{Accounts: []string{"a1", id}}))
	}},
	{"Affordability.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Affordability.Get(t.Context(), id, "s1"))
	}},
	{"Affordability.Get", "snapshotID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Affordability.Get(t.Context(), userID, id))
	}},
	{"Affordability.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Affordability.PDF(t.Context(), id, "s1"))
	}},
	{"Affordability.Get", "snapshotID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Affordability.PDF(t.Context(), userID, id))
	}},
	{"Affordability.Transactions", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Affordability.Transactions(t.Context(), id, "s1"))
	}},
	{"Affordability.Transactions", "snapshotID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Affordability.TransactionsPage(t.Context(), userID, id, ""))
	}},
	{"Income.Create", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Income.Create(t.Context(), id, basiq.AffordabilityRequest{}))
	}},
	{"Income.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Income.Get(t.Context(), id, "s1"))
	}},
	{"Income.Get", "snapshotID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Income.Get(t.Context(), userID, id))
	}},
	{"Expenses.Create", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Expenses.Create(t.Context(), id, basiq.AffordabilityRequest{}))
	}},
	{"Expenses.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Expenses.Get(t.Context(), id, "s1"))
	}},
	{"Expenses.Get", "snapshotID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Expenses.Get(t.Context(), userID, id))
	}},
	{"Reports.Get", "reportID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Reports.Get(t.Context(), id))
	}},
	{"Reports.Get", "reportID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Reports.PDF(t.Context(), id))
	}},
	{"Reports.Delete", "reportID", func(t testing.TB, c *basiq.Client, id string) error {
		return c.Reports.Delete(t.Context(), id)
	}},
	{"Reports.Transactions", "reportID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Reports.Transactions(t.Context(), id))
	}},
	{"Reports.Transactions", "reportID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Reports.TransactionsPage(t.Context(), id, ""))
	}},
	{"Reports.Type", "reportTypeID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Reports.Type(t.Context(), id))
	}},
	{"Insights.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Insights.List(t.Context(), id))
	}},
	{"Insights.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Insights.Page(t.Context(), id, ""))
	}},
	{"Insights.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Insights.Get(t.Context(), id, "n1"))
	}},
	{"Insights.Get", "insightID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Insights.Get(t.Context(), userID, id))
	}},
	{"Insights.VerifyAccount", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Insights.VerifyAccount(t.Context(), id, basiq.VerifyAccount{AccountNumber: "1"}))
	}},
	{"Insights.VerifyBalance", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Insights.VerifyBalance(t.Context(), id, basiq.BalanceRange{Min: "1"}))
	}},
	{"Insights.VerifyIdentity", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Insights.VerifyIdentity(t.Context(), id, basiq.VerifyIdentity{Name: "Gavin Belson"}))
	}},
	{"Insights.Create", "insight.Users", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Insights.Create(t.Context(), basiq.CreateInsight{
			Users: []string{userID, id}, Type: basiq.InsightTypeIDExpenseRatio, Data: map[string]any{"expense": "1000"},
		}))
	}},
	{"Insights.Type", "typeID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Insights.Type(t.Context(), basiq.InsightTypeID(id)))
	}},
	{"Payees.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Payees.List(t.Context(), id))
	}},
	{"Payees.List", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Payees.Page(t.Context(), id, ""))
	}},
	{"Payees.Get", "userID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Payees.Get(t.Context(), id, "p1"))
	}},
	{"Payees.Get", "payeeID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Payees.Get(t.Context(), userID, id))
	}},
	{"Merchants.Get", "merchantID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Merchants.Get(t.Context(), id))
	}},
	{"Events.Get", "eventID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Events.Get(t.Context(), id))
	}},
	{"Events.Type", "eventType", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Events.Type(t.Context(), basiq.EventTypeName(id)))
	}},
	{"Webhooks.Get", "webhookID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Webhooks.Get(t.Context(), id))
	}},
	{"Webhooks.Update", "webhookID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Webhooks.Update(t.Context(), id, basiq.UpdateWebhook{URL: "https://piper.com/basiq-messages/"}))
	}},
	{"Webhooks.Delete", "webhookID", func(t testing.TB, c *basiq.Client, id string) error {
		return c.Webhooks.Delete(t.Context(), id)
	}},
	{"Webhooks.Messages", "webhookID", func(t testing.TB, c *basiq.Client, id string) error {
		return rangeErr(c.Webhooks.Messages(t.Context(), id))
	}},
	{"Webhooks.Messages", "webhookID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Webhooks.MessagesPage(t.Context(), id, ""))
	}},
	{"Webhooks.Message", "webhookID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Webhooks.Message(t.Context(), id, "m1"))
	}},
	{"Webhooks.Message", "messageID", func(t testing.TB, c *basiq.Client, id string) error {
		return errOf(c.Webhooks.Message(t.Context(), "w1", id))
	}},
})

// notInPath lists the arguments of idCalls that are not part of a path.
var notInPath = map[string]bool{
	"Statements.Upload/statement.InstitutionID": true, "Affordability.Create/request.Accounts": true, "Jobs.AnswerMFA/userID": true,
	"Insights.Create/insight.Users": true,
	"Tokens.Get/scope":              true, "Tokens.Create/scope": true, "Consents.PageURL/userID": true,
}

// idCalls contains every path parameter of every operation.
func TestIDs_EveryPathParameter(t *testing.T) {
	t.Parallel()
	arguments := map[string]map[string]bool{}
	for _, c := range idCalls {
		if arguments[c.operation] == nil {
			arguments[c.operation] = map[string]bool{}
		}
		if !notInPath[c.operation+"/"+c.argument] {
			arguments[c.operation][c.argument] = true
		}
	}
	for _, op := range basiq.Operations() {
		assert.Len(t, arguments[op.Name], strings.Count(op.Path, "{"), "the IDs of %s", op.Name)
	}
}

// idsWithEveryByte calls call with IDs that contain each byte: alone, at the start, in the middle and at the end.
func idsWithEveryByte(call func(id string)) {
	for b := range 256 {
		c := string([]byte{byte(b)})
		for _, id := range []string{c, c + "ab", "a" + c + "b", "ab" + c} {
			call(id)
		}
	}
}

// validPathParam reports whether an ID of one to three bytes is valid by the rules of package api.
func validPathParam(id string) bool {
	return strings.Trim(id, printable) == "" && !strings.ContainsAny(id, `/\?#%`) && id != "."
}

// checkPath checks that the path of a request matches a template with the ID as one of its parameters.
func checkPath(t testing.TB, template, path, id string) {
	t.Helper()
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	require.Len(t, have, len(want), "%q in %s", path, template)
	found := false
	for i, segment := range have {
		text, err := url.PathUnescape(segment)
		require.NoError(t, err)
		if strings.HasPrefix(want[i], "{") {
			found = found || text == id
		} else {
			require.Equal(t, want[i], segment, "%q in %s", path, template)
		}
	}
	require.True(t, found || id == "", "%q is not in %q", id, path)
}

// An ID with any byte in it either identifies a resource of the requested type or is rejected before a request is sent. It never
// causes a request for another resource, such as DELETE /reports/.. or GET /reports/types.
func TestIDs_PathTraversal(t *testing.T) {
	t.Parallel()
	withoutRaceDetector(t)
	for _, c := range idCalls {
		t.Run(c.operation+"/"+c.argument, func(t *testing.T) {
			t.Parallel()
			template, version := "", basiq.APIVersion30
			for _, op := range basiq.Operations() {
				if op.Name == strings.NewReplacer("Jobs.Wait", "Jobs.Get", "Jobs.Watch", "Jobs.Get").Replace(c.operation) {
					template, version = op.Path, op.Versions()[len(op.Versions())-1]
				}
			}
			w := new(wire)
			client := newClient(t, w, oneAttempt, basiq.WithAPIVersion(version))
			rejected := func(id string) {
				w.set(ok(http.StatusOK, ""))
				w.token = &stubResponse{status: http.StatusTeapot} // a token request would fail with another error
				err := c.call(t, client, id)
				var input *basiq.InputError
				require.ErrorAs(t, err, &input, "%q", id)
				require.ErrorIs(t, err, basiq.ErrInvalidInput)
				require.Equal(t, c.operation, input.Operation)
				require.Equal(t, c.argument, input.Argument)
				require.Contains(t, err.Error(), ": invalid ")
				require.Empty(t, w.sent, "%q", id)
			}
			for _, id := range []string{"", ".", "..", "a%2fb", "a%2Fb", "%2e%2e", "ä", "refresh", "types", "transactions", "account", "balance", "identity", "income", "expense-ratio"} {
				rejected(id)
			}
			idsWithEveryByte(func(id string) {
				if !validPathParam(id) {
					rejected(id)
					return
				}
				// A wait would continue after a response about another job.
				w.set(ok(http.StatusOK, fmt.Sprintf(`{"id":%s,"data":[],"status":"success"}`, strconv.Quote(id))))
				// Use a new client, because tokens are cached. The response is not valid for every call, so ignore the error.
				_ = c.call(t, newClient(t, w, oneAttempt, basiq.WithAPIVersion(version)), id)
				if template == "" || template == "/token" {
					return
				}
				require.Len(t, w.sent, 1, "%q", id)
				if notInPath[c.operation+"/"+c.argument] {
					checkPath(t, template, w.sent[0].URL.EscapedPath(), "")
				} else {
					checkPath(t, template, w.sent[0].URL.EscapedPath(), id)
				}
			})
		})
	}
}

// Requests of the generated client match their path templates too, whatever the IDs are.
func TestRaw_PathTraversal(t *testing.T) {
	t.Parallel()
	withoutRaceDetector(t)
	w := new(wire)
	raws := map[basiq.APIVersion]reflect.Value{
		basiq.APIVersion21: reflect.ValueOf(newClient21(t, w, oneAttempt).Raw()),
		basiq.APIVersion30: reflect.ValueOf(newClient(t, w, oneAttempt).Raw()),
	}
	raw := raws[basiq.APIVersion30]
	templates := map[string]basiq.Operation{}
	for _, op := range basiq.Operations() {
		templates[strings.ToLower(op.ID)] = op
	}
	tried := map[string]int{}
	for i := range raw.NumMethod() {
		name := strings.TrimSuffix(strings.ToLower(raw.Type().Method(i).Name), "withbody")
		op, known := templates[name]
		method := raw.Method(i)
		if known {
			method = raws[op.Versions()[0]].Method(i)
		}
		signature := method.Type()
		arguments := []reflect.Value{reflect.ValueOf(t.Context())}
		var ids []int
		for n := 1; n < signature.NumIn()-1; n++ { // the last parameter is for request editors
			argument := reflect.New(signature.In(n)).Elem()
			switch {
			case signature.In(n) == reflect.TypeFor[api.ID]():
				ids = append(ids, n)
				argument.SetString("x1")
			case signature.In(n).Kind() == reflect.Pointer:
				argument.Set(reflect.New(signature.In(n).Elem()))
			}
			arguments = append(arguments, argument)
		}
		if len(ids) == 0 {
			continue
		}
		require.True(t, known, name)
		tried[op.ID] = len(ids)
		for _, n := range ids {
			try := func(id string) {
				w.set(ok(http.StatusOK, "{}"))
				arguments[n].SetString(id)
				results := method.Call(arguments)
				if validPathParam(id) {
					require.Nil(t, results[1].Interface(), "%s: %q", name, id)
					require.Len(t, w.sent, 1)
					require.Equal(t, op.Method, w.sent[0].Method)
					checkPath(t, op.Path, w.sent[0].URL.EscapedPath(), id)
					return
				}
				require.ErrorIs(t, results[1].Interface().(error), api.ErrBadID, "%s: %q", name, id)
				require.Empty(t, w.sent)
			}
			for b := range 256 { // the test above covers the other positions
				try("a" + string([]byte{byte(b)}) + "b")
			}
			try(".")
			arguments[n].SetString("x1")
		}
	}
	for _, op := range basiq.Operations() {
		require.Equal(t, strings.Count(op.Path, "{"), tried[op.ID], "the IDs of %s", op.ID)
	}
}
