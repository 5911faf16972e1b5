package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// The defaults of a client, defined independently of the library.
const (
	maxAttempts    = 4
	baseDelay      = 500 * time.Millisecond
	maxDelay       = 30 * time.Second
	attemptTimeout = 30 * time.Second
	uploadTimeout  = 10 * time.Minute
	// tokenTimeout limits the token request of a call.
	tokenTimeout = 2 * time.Minute
)

// callKind is a kind of call. All calls of a kind have the same outcome under every fault. The fields follow from Basiq's
// documentation of the operations, not from the library.
type callKind struct {
	title string
	// about describes the kind in the table.
	about string
	// calls are operationIds, or the names of variants.
	calls []string

	// once: the operation is not idempotent, so it must not be retried if it may have been carried out.
	once bool
	// replayed: net/http retries the request if a reused connection turns out to be closed.
	replayed bool
	// body: the request has a body.
	body bool
	// public: no token is sent. withKey: the API key is sent.
	public, withKey bool
	// document: the response is a file. noContent: the method returns only an error.
	document, noContent bool
	// deletes: a second request gets a 404 response.
	deletes bool
	// stream: the request body can be read only once.
	stream bool
	// forToken: the fault applies to the token request of the call.
	forToken bool
	timeout  time.Duration
}

// kinds are in the order of the table's columns. Any other operation with the method GET is of the first kind.
var kinds = withOtherReads([]callKind{
	{
		title: "Reads and lists", about: "Reads with a token. Each page of a list is a call.", replayed: true,
		calls: []string{
			"getUsers", "getUser", "getConsents", "getAuthLink", "getConnections", "getConnection", "getJobs", "getUserJobs",
			"getAccounts", "getAccount", "getTransactions", "getTransactions, second page", "getTransaction", "getEnrich",
			"getUserIdentities", "getUserIdentity", "getConnectors", "getConnector", "getInstitutions", "getInstitution",
			"getAffordabilityList", "getAffordability", "getAffordabilitySnapshotTransactions", "getIncome", "getExpenses",
			"listReports", "retrieveReport", "retrieveReportTransactions", "listReportTypes", "retrieveSpecificReportType",
			"getEvents", "getEvent", "listEventTypes", "getEventTypeById",
			"listAppWebhooks", "getWebhook", "listMessages", "getWebhookMessage",
			"listUserInsights", "getInsightById", "getInsightTypes", "getInsightType", "GetPayees", "GetPayeeDetails",
			"MerchantSearch", "GetMerchantById", "getUserAnalytics",
		},
	},
	{
		title: "Public reads", about: "Reads without a token.", replayed: true, public: true,
		calls: []string{"getPublicConnectors", "getPublicConnector", "getPublicInstitutions"},
	},
	{
		title: "Documents", about: "Downloads of a file.", replayed: true, document: true,
		calls: []string{
			"getAffordability as PDF", "getAffordabilitySnapshotTransactions as CSV", "getExpenses as CSV", "retrieveReport as PDF",
		},
	},
	{
		title: "Refreshes", about: "Start a job unless it is already running.",
		calls: []string{"refreshConnection", "refreshConnections"},
	},
	{
		title: "Deletes", about: "Delete a resource by ID.", deletes: true, noContent: true,
		calls: []string{"deleteUser", "deleteConsent", "deleteConnection", "deleteReport", "deleteWebhook"},
	},
	{
		title: "Creates and updates", about: "Create or change a resource. A second request could create another one, count against a daily limit, or contribute to a locked bank login.",
		body: true, once: true,
		calls: []string{
			"createUser", "updateUser", "postAuthLink", "postConnection", "updateConnection", "postJobMfa",
			"postAffordability", "postIncome", "postExpenses", "createReport", "addWebhook", "updateWebhook",
			"getAccountInsights", "getBalanceInsights", "getIdentityInsights", "createInsight",
		},
	},
	{
		title: "Once, no content", about: "Must not be carried out twice either. The response has no content.",
		once: true, noContent: true,
		calls: []string{"deleteAuthLink", "purgeConnectionData", "testMessage"},
	},
	{
		title: "Uploads", about: "A statement from a file that can be read again.", body: true, once: true, timeout: uploadTimeout,
		calls: []string{"createStatement"},
	},
	{
		title: "Uploads of a stream", about: "A statement from a reader that can be read only once.", body: true, once: true, stream: true, timeout: uploadTimeout,
		calls: []string{"createStatement, from a stream"},
	},
	{
		title: "Tokens.Create", about: "The token request itself.", body: true, withKey: true,
		calls: []string{"postToken"},
	},
	{
		title: "The token of a call", about: "Any other call, if the fault applies to its token request. The call itself is sent after there is a token.", forToken: true, body: true, withKey: true,
		calls: []string{"getUser, its token", "createUser, its token"},
	},
})

// withOtherReads adds the reads that have no kind to the first kind.
func withOtherReads(kinds []callKind) []callKind {
	for _, op := range basiq.Operations() {
		if op.Method == http.MethodGet && !slices.ContainsFunc(kinds, func(k callKind) bool { return slices.Contains(k.calls, op.ID) }) {
			kinds[0].calls = append(kinds[0].calls, op.ID)
		}
	}
	return kinds
}

// unreplayed reports whether net/http cannot replay the request over HTTP/2, so that only the library retries it.
func (k *callKind) unreplayed() bool { return k.once || k.deletes }

// wholeNumbers are the calls whose responses contain numbers only in integer fields, such as counts and days. Numbers in other
// responses are amounts, which keep all digits.
var wholeNumbers = []string{
	"getUser", "getConsents", "getJobs", "getConnector", "getInstitution",
	"getAffordabilityList", "getAffordability", "postAffordability", "getIncome", "postIncome", "getUserAnalytics",
}

type subject struct {
	name string
	// operation is the operationId of the request to which faults apply.
	operation string
	kind      *callKind
	call      invocation
	// begin, if not nil, prepares the call before the fault and returns it.
	begin func(*testing.T, *basiq.Client) invocation
	good  reply
	// matches reports whether faults apply to a request. other returns the response to other requests, except token requests.
	matches func(*http.Request) bool
	other   func(*http.Request) reply
}

// variants are calls that callsOf does not contain, by name.
var variants = map[string]struct {
	operation, mediaType string
	// method is the Go method of the variant, if it differs from the operation's.
	method string
	call   invocation
}{
	"getAffordability as PDF": {"getAffordability", "application/pdf", "Affordability.PDF", func(ctx context.Context, c *basiq.Client) (any, error) {
		return one(c.Affordability.PDF(ctx, "u1", "s1"))
	}},
	"getAffordabilitySnapshotTransactions as CSV": {"getAffordabilitySnapshotTransactions", "application/csv", "Affordability.TransactionsCSV", func(ctx context.Context, c *basiq.Client) (any, error) {
		return one(c.Affordability.TransactionsCSV(ctx, "u1", "s1"))
	}},
	"getExpenses as CSV": {"getExpenses", "text/csv", "Expenses.CSV", func(ctx context.Context, c *basiq.Client) (any, error) {
		return one(c.Expenses.CSV(ctx, "u1", "s1"))
	}},
	"retrieveReport as PDF": {"retrieveReport", "application/pdf", "Reports.PDF", func(ctx context.Context, c *basiq.Client) (any, error) {
		return one(c.Reports.PDF(ctx, "r1"))
	}},
	"createStatement, from a stream": {"createStatement", "", "", func(ctx context.Context, c *basiq.Client) (any, error) {
		return one(c.Statements.Upload(ctx, "u1", basiq.Statement{
			InstitutionID: "AU01001", Name: "march.pdf", Content: struct{ *strings.Reader }{strings.NewReader("%PDF-1.7")},
		}))
	}},
	"getTransactions, second page": {operation: "getTransactions"},
	"getUser, its token":           {operation: "getUser"},
	"createUser, its token":        {operation: "createUser"},
	// This variant checks the expiry, which depends on the time of the call.
	"postToken": {"postToken", "", "", func(ctx context.Context, c *basiq.Client) (any, error) {
		start := time.Now()
		token, err := c.Tokens.Create(ctx, basiq.ClientAccess("u1"))
		if err != nil {
			return nil, err
		}
		if token.Expires.Before(start.Add(time.Hour)) || token.Expires.After(time.Now().Add(time.Hour)) {
			return nil, fmt.Errorf("token expires at %v", token.Expires)
		}
		return token.Value.Reveal(), nil
	}},
}

// secondPage reads the first page of a list and returns the call that reads the second.
func secondPage(t *testing.T, c *basiq.Client) invocation {
	t.Helper()
	next, stop := iter.Pull2(c.Transactions.List(t.Context(), "u1"))
	t.Cleanup(stop)
	first, err, ok := next()
	require.True(t, ok)
	require.NoError(t, err)
	return func(context.Context, *basiq.Client) (any, error) {
		second, err, ok := next()
		if !ok {
			return nil, errors.New("the list ended early")
		}
		if err != nil {
			return nil, err
		}
		return []*basiq.Transaction{first, second}, nil
	}
}

// revealing returns a call whose result contains a webhook's secret as a string, because secrets cannot be compared.
func revealing(call invocation) invocation {
	return func(ctx context.Context, c *basiq.Client) (any, error) {
		value, err := call(ctx, c)
		if webhook, ok := value.(*basiq.Webhook); ok && webhook != nil {
			value = []any{webhook.Webhook, webhook.Secret.Reveal()}
		}
		return value, err
	}
}

func subjects(t *testing.T) []subject {
	t.Helper()
	all := successes(t)
	slices.SortFunc(all, func(a, b success) int { // the largest body first
		return cmp.Or(cmp.Compare(len(b.body), len(a.body)), cmp.Compare(a.status, b.status), cmp.Compare(a.name, b.name))
	})
	good := func(operation, mediaType string) reply {
		for _, s := range all {
			if s.operation != operation || s.noSummary || s.body != "" && s.mediaType != cmp.Or(mediaType, "application/json") {
				continue
			}
			if operation == "retrieveReportTransactions" { // the example is an empty list
				s.body = `{"type":"list","count":1,"data":[{"id":"t1","amount":"-42.10"}]}`
			}
			return reply{status: s.status, mediaType: s.mediaType, body: prepared(t, s.body)}
		}
		require.Fail(t, "the contract has no success for "+operation+" "+mediaType)
		return reply{}
	}
	var list []subject
	for i := range kinds {
		for _, name := range kinds[i].calls {
			s := subject{name: name, operation: name, kind: &kinds[i]}
			mediaType := ""
			if variant, ok := variants[name]; ok {
				s.operation, mediaType, s.call = variant.operation, variant.mediaType, variant.call
			}
			if s.call == nil {
				s.call = callOf(s.operation)
			}
			s.call = revealing(s.call)
			s.good = good(s.operation, mediaType)
			s.matches = func(req *http.Request) bool { return req.URL.Path != "/token" }
			s.other = func(*http.Request) reply { return s.good } // for unexpected requests
			switch {
			case s.operation == "postToken":
				s.matches = func(req *http.Request) bool { return req.URL.Path == "/token" }
			case s.kind.forToken:
				response := s.good
				s.good = good("postToken", "")
				s.matches = func(req *http.Request) bool { return req.URL.Path == "/token" }
				warm := good("getPublicConnector", "") // see player.prepare
				s.other = func(req *http.Request) reply {
					if strings.HasPrefix(req.URL.Path, "/public/") {
						return warm
					}
					return response
				}
			case strings.HasSuffix(name, "second page"):
				second := s.good
				s.begin = secondPage
				s.matches = func(req *http.Request) bool { return req.URL.Path != "/token" && req.URL.Query().Has("next") }
				s.other = func(*http.Request) reply {
					first := second
					var list map[string]json.RawMessage
					require.NoError(t, json.Unmarshal([]byte(first.body), &list))
					list["data"], list["links"] = withOtherIDs(list["data"]), json.RawMessage(`{"next":"?next=2"}`)
					first.body = marshal(t, list)
					return first
				}
			}
			list = append(list, s)
		}
	}
	return list
}

// prepared removes the links to further pages from a response, so that one call is one request. It adds a marker that must not
// appear in errors. It returns text unchanged if it is not a JSON object.
func prepared(t *testing.T, text string) string {
	t.Helper()
	var fields, links map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &fields) != nil || fields == nil {
		return text
	}
	if json.Unmarshal(fields["links"], &links) == nil && fields["data"] != nil {
		delete(fields, "links")
	}
	changed := marshal(t, fields)
	return `{"planted":"` + marker + `",` + changed[1:]
}

// Every operation and every variant must belong to exactly one kind.
func TestFaults_EveryOperation(t *testing.T) {
	t.Parallel()
	var want, have []string
	for _, op := range basiq.Operations() {
		want = append(want, op.ID)
	}
	for name := range variants {
		if name != "postToken" {
			want = append(want, name)
		}
	}
	for _, kind := range kinds {
		have = append(have, kind.calls...)
	}
	require.ElementsMatch(t, want, have)
}
