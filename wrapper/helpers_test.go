package basiq_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

const (
	testKey = "test-api-key"
	userID  = "u1"
	connID  = "c1"
	jobID   = "j1"
)

// withoutRaceDetector skips a test whose result does not depend on the race detector, and which takes long with it. `make
// norace` runs it.
func withoutRaceDetector(t *testing.T) {
	t.Helper()
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^NORACE := (.*)$`).FindSubmatch(makefile)
	require.NotNil(t, line, "the Makefile does not set NORACE")
	name, _, _ := strings.Cut(t.Name(), "/")
	require.Regexp(t, strings.ReplaceAll(string(line[1]), "$$", "$"), name, "make norace does not run this test")
	if raceDetector {
		t.Skip("takes long with the race detector")
	}
}

// fastRetry keeps tests short that run in real time.
var fastRetry = basiq.RetryPolicy{MaxAttempts: 4, BaseDelay: time.Microsecond, MaxDelay: time.Millisecond}

// request is a request that a stub received.
type request struct {
	Method, Path, Query, Authorization, ContentType, Body string
	Header                                                http.Header
}

func (r request) String() string { return r.Method + " " + r.Path }

// stub is a transport with predefined responses. It responds to POST /token with token-1, token-2 and so on, and calls respond
// for all other requests. It is safe for concurrent use.
type stub struct {
	respond func(n int, req request) (*http.Response, error)
	// onToken replaces the response to POST /token; n counts from 1.
	onToken func(n int) (*http.Response, error)

	mu       sync.Mutex
	requests []request
	tokens   int
}

// PassThrough declares that the stub's errors have the same meaning as the errors of an *http.Transport. Like a transport,
// the stub calls the request's trace: before a connection exists for dial errors, afterwards for all other errors.
func (*stub) PassThrough() http.RoundTripper { return new(http.Transport) }

func (s *stub) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.roundTrip(req)
	trace := httptrace.ContextClientTrace(req.Context())
	trace.GetConn("")
	if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "dial" {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	return resp, err
}

func (s *stub) roundTrip(req *http.Request) (*http.Response, error) {
	r := request{
		Method: req.Method, Path: req.URL.EscapedPath(), Query: req.URL.RawQuery, Header: req.Header.Clone(),
		Authorization: req.Header.Get("Authorization"), ContentType: req.Header.Get("Content-Type"),
	}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		_ = req.Body.Close()
		r.Body = string(body)
	}
	s.mu.Lock()
	if r.Path == "/token" {
		s.tokens++
		n := s.tokens
		s.mu.Unlock()
		if s.onToken != nil {
			return s.onToken(n)
		}
		return reply(200, fmt.Sprintf(`{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, n)), nil
	}
	s.requests = append(s.requests, r)
	n := len(s.requests)
	s.mu.Unlock()
	return s.respond(n, r)
}

// seen returns all requests except token requests.
func (s *stub) seen() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// tokenRequests returns the number of token requests.
func (s *stub) tokenRequests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens
}

// newStub returns a stub that returns the responses in order and repeats the last one, and a client of the stub.
func newStub(t testing.TB, responses ...any) (*stub, *basiq.Client) {
	t.Helper()
	s := &stub{respond: respondWith(responses...)}
	return s, newClient(t, s, balanced(t))
}

// balanced is an observer that fails the test if a call or an attempt has started and not ended.
func balanced(t testing.TB) basiq.Option {
	t.Helper()
	var calls, attempts atomic.Int64
	t.Cleanup(func() {
		// A token request may end shortly after the call that waits for its token.
		for range 1000 {
			if calls.Load() == 0 && attempts.Load() == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		assert.Zero(t, calls.Load(), "calls that did not end")
		assert.Zero(t, attempts.Load(), "attempts that did not end")
	})
	return basiq.WithObserver(basiq.Observer{
		CallStarted: func(context.Context, basiq.CallInfo) context.Context {
			calls.Add(1)
			return nil
		},
		AttemptStarted: func(context.Context, basiq.CallInfo) context.Context {
			attempts.Add(1)
			return nil
		},
		AttemptEnded: func(context.Context, basiq.CallInfo, basiq.AttemptResult) { attempts.Add(-1) },
		CallEnded:    func(context.Context, basiq.CallInfo, basiq.CallResult) { calls.Add(-1) },
	})
}

// newClient returns a client whose requests go to transport.
func newClient(t testing.TB, transport http.RoundTripper, options ...basiq.Option) *basiq.Client {
	t.Helper()
	options = append([]basiq.Option{
		basiq.WithHTTPClient(&http.Client{Transport: transport}),
		basiq.WithRetry(fastRetry),
	}, options...)
	client, err := basiq.New(testKey, options...)
	require.NoError(t, err)
	return client
}

// version21 is an option for operations that only API 2.1 has.
var version21 = basiq.WithAPIVersion(basiq.APIVersion21)

// newStub21, newClient21 and serve21 return clients of API 2.1.
func newStub21(t testing.TB, responses ...any) (*stub, *basiq.Client) {
	t.Helper()
	s := &stub{respond: respondWith(responses...)}
	return s, newClient21(t, s, balanced(t))
}

func newClient21(t testing.TB, transport http.RoundTripper, options ...basiq.Option) *basiq.Client {
	t.Helper()
	return newClient(t, transport, append([]basiq.Option{version21}, options...)...)
}

func serve21(t *testing.T, handler http.HandlerFunc, options ...basiq.Option) *basiq.Client {
	t.Helper()
	return serve(t, handler, append([]basiq.Option{version21}, options...)...)
}

// versionOf returns the option for an API version that has the operation: 3.0, unless only 2.1 has it.
func versionOf(t testing.TB, id string) basiq.Option {
	t.Helper()
	if versions := operation(t, id).Versions(); !slices.Contains(versions, basiq.APIVersion30) {
		return basiq.WithAPIVersion(versions[0])
	}
	return basiq.WithAPIVersion(basiq.APIVersion30)
}

// client returns a client of s whose API version has the operation of c.
func (c operationCall) client(t testing.TB, s http.RoundTripper, options ...basiq.Option) *basiq.Client {
	t.Helper()
	return newClient(t, s, append([]basiq.Option{versionOf(t, c.id)}, options...)...)
}

// respondWith returns the given responses in order and repeats the last one. A response is a stubResponse or an error.
func respondWith(responses ...any) func(int, request) (*http.Response, error) {
	return func(n int, _ request) (*http.Response, error) {
		switch a := responses[min(n, len(responses))-1].(type) {
		case stubResponse:
			return a.httpResponse(), nil
		case error:
			return nil, a
		default:
			return nil, fmt.Errorf("invalid type of stub response: %T", a)
		}
	}
}

// stubResponse is a response that can be returned repeatedly.
type stubResponse struct {
	status int
	body   string
	header http.Header
	// cut is the error at the end of the body, or nil.
	cut error
}

func (a stubResponse) httpResponse() *http.Response {
	resp := reply(a.status, a.body)
	maps.Copy(resp.Header, a.header)
	if a.cut != nil {
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(a.body), errReader{a.cut}))
	}
	return resp
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// ok returns a response with a status and a JSON body.
func ok(status int, body string) stubResponse { return stubResponse{status: status, body: body} }

// reply returns an HTTP response with a JSON body.
func reply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}

// envelope returns the body of an error in the format that Basiq documents.
func envelope(code, title, detail string) string {
	return fmt.Sprintf(`{"type":"list","correlationId":"corr-1","data":[{"type":"error","code":%q,"title":%q,"detail":%q,`+
		`"source":{"parameter":"id","pointer":"users/id"}}]}`, code, title, detail)
}

var (
	tokenExpired = ok(403, `{"type":"list","correlationId":"corr-1","data":[{"type":"error","code":"access-denied",`+
		`"title":"Access denied.","detail":"Token has expired","source":null}]}`)
	errReset = errors.New("read: connection reset by peer")
)

// serve starts a server on loopback and returns a client of it.
func serve(t *testing.T, handler http.HandlerFunc, options ...basiq.Option) *basiq.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"token-1","token_type":"Bearer","expires_in":3600}`)
			return
		}
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	options = append([]basiq.Option{basiq.WithBaseURL(server.URL), basiq.WithRetry(fastRetry)}, options...)
	client, err := basiq.New(testKey, options...)
	require.NoError(t, err)
	return client
}

// operationCall is a call of one operation with its successful response.
type operationCall struct {
	id     string
	status int
	body   string
	path   string
	call   func(t testing.TB, c *basiq.Client) error
}

const (
	userJSON       = `{"type":"user","id":"u1","email":"gavin@hooli.com","links":{"self":"https://au-api.basiq.io/users/u1"}}`
	connectionJSON = `{"type":"connection","id":"c1","status":"active","institution":{"type":"institution","id":"AU00000"},"links":{"self":"https://au-api.basiq.io/users/u1/connections/c1"}}`
	jobJSON        = `{"type":"job","id":"j1","links":{"self":"https://au-api.basiq.io/jobs/j1"}}`
	tokenJSON      = `{"access_token":"token-1","token_type":"Bearer","expires_in":3600}`

	// Shortened official examples with short IDs.
	consentJSON     = `{"type":"consent","id":"n1","origin":"user","status":"active","created":"2024-09-26T12:12:01Z","expiryDate":"2025-09-26T12:12:01Z"}`
	authLinkJSON    = `{"type":"auth_link","userId":"u1","mobile":"+61410000000","expiresAt":"2019-11-21T04:08:50Z","links":{"public":"https://connect.basiq.io/63448be4","self":"/users/u1/auth_link"}}`
	accountJSON     = `{"type":"account","id":"a1","accountNo":"600000157441965","balance":"356.50","availableFunds":"420.28","currency":"AUD","connection":"c1","institution":"AU00000"}`
	transactionJSON = `{"type":"transaction","id":"t1","status":"posted","amount":"-139.95","account":"a1","direction":"debit","class":"payment","postDate":"2018-11-02T00:00:00Z"}`
	identityJSON    = `{"type":"identity","id":"i1","fullName":"John Doe","DOB":"1985-05-25","connectionID":"c1","institutionID":"AU04301"}`
	enrichJSON      = `{"type":"enrich","class":"payment","direction":"debit","data":{"merchant":{"businessName":"Woolworths","abn":"88000014675"}}}`
	connectorJSON   = `{"type":"connector","id":"AU00000","method":"web","stage":"beta","status":"operational","institution":{"name":"Hooli Bank","tier":"1"}}`
	institutionJSON = `{"type":"institution","id":"AU00000","name":"Hooli Bank","stage":"live","status":"operational","tier":"3","authorization":"user"}`
	affordJSON      = `{"type":"affordability","id":"s1","fromMonth":"2019-03","toMonth":"2020-03","coverageDays":392,"generatedDate":"2020-03-26T06:56:44"}`
	incomeJSON      = `{"type":"income","id":"s1","fromMonth":"2019-03","toMonth":"2020-03","irregular":[{"source":"ctrlink carers","amountAvg":"55.00","frequency":"irregular"}]}`
	expensesJSON    = `{"type":"expenses","id":"s1","fromMonth":"2017-12","bankFees":{"avgMonthly":"-421.00","summary":"monthly"}}`
	reportJSON      = `{"type":"report","id":"r1","reportType":"CON_AFFOR_01","title":"John Smith Affordability Report 2022-03-26","createdDate":"2022-03-26T06:56:44"}`
	reportTypeJSON  = `{"type":"report","id":"CON_AFFOR_01","name":"Consumer Affordability Report","filters":[{"name":"fromDate","required":true,"type":"string"}]}`
	eventJSON       = `{"type":"event","id":"e1","userId":"u1","entity":"connection","eventType":"updated","data":{"type":"connection","id":"c1"},"createdDate":"2024-04-17T23:57:17Z"}`
	eventTypeJSON   = `{"type":"eventType","id":"account.updated","description":"when an account is updated"}`
	webhookJSON     = `{"type":"webhook","id":"w1","name":"My General Webhook","status":"active","subscribedEvents":"user.created","url":"https://piper.com/basiq-messages/"}`
	hookSecretJSON  = `{"type":"Webhook","id":"w1","name":"My General Webhook","status":"active","subscribedEvents":"user.created","url":"https://piper.com/basiq-messages/","secret":"rfiuheo43934"}`
	insightJSON     = `{"type":"insight","id":"n1","created":"2025-09-19T00:08:55Z","insightType":"balance","data":[{"accountId":"a1","balance":{"input":{"min":"1","max":""},"match":true,"confidence":1}}]}`
	insightTypeJSON = `{"type":"insightType","id":"BALANCE_VERIFICATION","name":"Balance","supportMultipleUsers":false,"dataSchema":{"type":"object"}}`
	payeeJSON       = `{"type":"payee","id":"p1","payeeType":"biller","biller":{"billerCode":"12345","crn":"987654321","billerName":"AGL Energy"}}`
	foundJSON       = `{"merchantName":"Coles","merchantId":"m1","matchScore":1,"suburb":null,"abn":"38865358328"}`
	merchantJSON    = `{"source":"enrich","merchant":{"id":"m1","businessName":"Coles"},"location":{"state":"NSW","geometry":{"lat":"","lng":""}}}`
	analyticsJSON   = `{"interval":"monthly","fromDate":"2026-01-01","data":[{"date":"2026-01-01","created":3,"deleted":0,"billable":null}]}`
	messageJSON     = `{"id":"m1","payload":{"eventId":"e1","eventTypeId":"user.created"},"attempts":[{"id":"e2du423ed","status":"Failed","responseStatusCode":"500"}]}`
)

// list returns the body of a list with one item.
func list(item string) string {
	return `{"type":"list","count":1,"size":1,"data":[` + item + `],"links":{}}`
}

// operationCalls has one entry for each operation. TestOperations_EveryOperationTested checks that it is complete.
var operationCalls = []operationCall{
	{"postToken", 200, tokenJSON, "/token", func(t testing.TB, c *basiq.Client) error {
		token, err := c.Tokens.Create(t.Context(), basiq.ServerAccess())
		if err == nil {
			require.Equal(t, "token-1", token.Value.Reveal())
		}
		return err
	}},
	{"getUsers", 200, list(userJSON), "/users", func(t testing.TB, c *basiq.Client) error {
		return only(t, c.Users.List(t.Context()), func(user *basiq.User) { _ = checkUser(t, user, nil) })
	}},
	{"createUser", 201, userJSON, "/users", func(t testing.TB, c *basiq.Client) error {
		user, err := c.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
		return checkUser(t, user, err)
	}},
	{"getUser", 200, userJSON, "/users/u1", func(t testing.TB, c *basiq.Client) error {
		user, err := c.Users.Get(t.Context(), userID)
		return checkUser(t, user, err)
	}},
	{"updateUser", 200, userJSON, "/users/u1", func(t testing.TB, c *basiq.Client) error {
		user, err := c.Users.Update(t.Context(), userID, basiq.UpdateUser{Mobile: "+61410888666"})
		return checkUser(t, user, err)
	}},
	{"deleteUser", 204, "", "/users/u1", func(t testing.TB, c *basiq.Client) error {
		return c.Users.Delete(t.Context(), userID)
	}},
	{"getConsents", 200, list(consentJSON), "/users/u1/consents", func(t testing.TB, c *basiq.Client) error {
		return only(t, c.Consents.List(t.Context(), userID), func(consent *basiq.Consent) {
			require.Equal(t, "n1", consent.ID)
			require.Equal(t, basiq.ConsentStatusActive, consent.Status)
			require.Equal(t, basiq.Time("2025-09-26T12:12:01Z"), consent.ExpiryDate)
		})
	}},
	{"deleteConsent", 204, "", "/users/u1/consents/n1", func(t testing.TB, c *basiq.Client) error {
		return c.Consents.Delete(t.Context(), userID, "n1")
	}},
	{"postAuthLink", 201, authLinkJSON, "/users/u1/auth_link", func(t testing.TB, c *basiq.Client) error {
		link, err := c.AuthLinks.Create(t.Context(), userID, basiq.CreateAuthLink{Mobile: "+61410000000"})
		return checkResult(t, link, err, func() { require.Equal(t, "https://connect.basiq.io/63448be4", link.Links.Public) })
	}},
	{"getAuthLink", 200, authLinkJSON, "/users/u1/auth_link", func(t testing.TB, c *basiq.Client) error {
		link, err := c.AuthLinks.Get(t.Context(), userID)
		return checkResult(t, link, err, func() { require.Equal(t, basiq.Time("2019-11-21T04:08:50Z"), link.ExpiresAt) })
	}},
	{"deleteAuthLink", 204, "", "/users/u1/auth_link", func(t testing.TB, c *basiq.Client) error {
		return c.AuthLinks.Delete(t.Context(), userID)
	}},
	{"getConnections", 200, list(connectionJSON), "/users/u1/connections", func(t testing.TB, c *basiq.Client) error {
		connections := c.Connections.List(t.Context(), userID, basiq.ConnectionListOptions{Filter: basiq.ConnectionFields.InstitutionID.Eq("AU00000")})
		return only(t, connections, func(connection *basiq.Connection) { require.Equal(t, connID, connection.ID) })
	}},
	{"postConnection", 202, jobJSON, "/users/u1/connections", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Connections.Create(t.Context(), userID, login)
		return checkJob(t, job, err)
	}},
	{"getConnection", 200, connectionJSON, "/users/u1/connections/c1", func(t testing.TB, c *basiq.Client) error {
		connection, err := c.Connections.Get(t.Context(), userID, connID)
		return checkResult(t, connection, err, func() {
			require.Equal(t, connID, connection.ID)
			require.Equal(t, basiq.ConnectionStatusActive, connection.Status)
		})
	}},
	{"updateConnection", 202, jobJSON, "/users/u1/connections/c1", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Connections.Update(t.Context(), userID, connID, basiq.UpdateConnection{Password: basiq.NewSecret("hooli2016")})
		return checkJob(t, job, err)
	}},
	{"deleteConnection", 204, "", "/users/u1/connections/c1", func(t testing.TB, c *basiq.Client) error {
		return c.Connections.Delete(t.Context(), userID, connID)
	}},
	{"refreshConnection", 202, jobJSON, "/users/u1/connections/c1/refresh", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Connections.Refresh(t.Context(), userID, connID)
		return checkJob(t, job, err)
	}},
	{"refreshConnections", 202, `{"type":"list","data":[` + jobJSON + `]}`, "/users/u1/connections/refresh", func(t testing.TB, c *basiq.Client) error {
		jobs, err := c.Connections.RefreshAll(t.Context(), userID)
		if err == nil {
			require.Len(t, jobs, 1)
			return checkJob(t, jobs[0], nil)
		}
		return err
	}},
	{"purgeConnectionData", 204, "", "/users/u1/connections/c1/purge", func(t testing.TB, c *basiq.Client) error {
		return c.Connections.Purge(t.Context(), userID, connID)
	}},
	{"getJobs", 200, jobJSON, "/jobs/j1", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Jobs.Get(t.Context(), jobID)
		return checkJob(t, job, err)
	}},
	{"getUserJobs", 200, `{"type":"list","size":1,"data":[` + jobJSON + `],"links":null}`, "/users/u1/jobs", func(t testing.TB, c *basiq.Client) error {
		jobs := c.Jobs.List(t.Context(), userID, basiq.JobListOptions{Filter: basiq.JobFields.ConnectionID.Eq(connID)})
		return only(t, jobs, func(job *basiq.Job) { _ = checkJob(t, job, nil) })
	}},
	{"postJobMfa", 202, jobJSON, "/jobs/j1/mfa", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Jobs.AnswerMFA(t.Context(), userID, jobID, basiq.NewSecret("1234"))
		return checkJob(t, job, err)
	}},
	{"getAccounts", 200, list(accountJSON), "/users/u1/accounts", func(t testing.TB, c *basiq.Client) error {
		accounts := c.Accounts.List(t.Context(), userID, basiq.AccountListOptions{Filter: basiq.AccountFields.ConnectionID.Eq("c2")})
		return only(t, accounts, func(account *basiq.Account) { checkAccount(t, account) })
	}},
	{"getAccount", 200, accountJSON, "/users/u1/accounts/a1", func(t testing.TB, c *basiq.Client) error {
		account, err := c.Accounts.Get(t.Context(), userID, "a1")
		return checkResult(t, account, err, func() { checkAccount(t, account) })
	}},
	{"getTransactions", 200, list(transactionJSON), "/users/u1/transactions", func(t testing.TB, c *basiq.Client) error {
		transactions := c.Transactions.List(t.Context(), userID, basiq.TransactionListOptions{Filter: basiq.TransactionFields.AccountID.Eq("a1"), PageSize: 100})
		return only(t, transactions, func(transaction *basiq.Transaction) { checkTransaction(t, transaction) })
	}},
	{"getTransaction", 200, transactionJSON, "/users/u1/transactions/t1", func(t testing.TB, c *basiq.Client) error {
		transaction, err := c.Transactions.Get(t.Context(), userID, "t1")
		return checkResult(t, transaction, err, func() { checkTransaction(t, transaction) })
	}},
	{"getEnrich", 200, enrichJSON, "/enrich", func(t testing.TB, c *basiq.Client) error {
		enrich, err := c.Enrichment.Get(t.Context(), basiq.EnrichQuery{
			Description: "WOOLWORTHS 1234 & SONS", InstitutionID: "AU00000", Country: "AU", MCC: "5411", AccountType: "credit-card", Amount: "-12.50",
		})
		return checkResult(t, enrich, err, func() {
			require.Equal(t, basiq.TransactionDirectionDebit, enrich.Direction)
			require.Equal(t, "Woolworths", enrich.Data.Merchant.BusinessName)
		})
	}},
	{"createStatement", 202, jobJSON, "/users/u1/statements", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Statements.Upload(t.Context(), userID, basiq.Statement{InstitutionID: "AU00000", Name: "m.csv", Content: strings.NewReader("a,b\n")})
		return checkJob(t, job, err)
	}},
	{"getUserIdentities", 200, list(identityJSON), "/users/u1/identities", func(t testing.TB, c *basiq.Client) error {
		return only(t, c.Identities.List(t.Context(), userID), func(identity *basiq.Identity) { checkIdentity(t, identity) })
	}},
	{"getUserIdentity", 200, identityJSON, "/users/u1/identities/i1", func(t testing.TB, c *basiq.Client) error {
		identity, err := c.Identities.Get(t.Context(), userID, "i1")
		return checkResult(t, identity, err, func() { checkIdentity(t, identity) })
	}},
	{"getConnectors", 200, list(connectorJSON), "/connectors", func(t testing.TB, c *basiq.Client) error {
		connectors := c.Connectors.List(t.Context(), basiq.ConnectorListOptions{Filter: basiq.ConnectorFields.Stage.Eq(basiq.InstitutionStageLive).And(basiq.ConnectorFields.InstitutionTier.In("1", "2"))})
		return only(t, connectors, func(connector *basiq.Connector) { checkConnector(t, connector) })
	}},
	{"getConnector", 200, connectorJSON, "/connectors/AU00000/web", func(t testing.TB, c *basiq.Client) error {
		connector, err := c.Connectors.Get(t.Context(), "AU00000", basiq.ConnectionMethodWeb)
		return checkResult(t, connector, err, func() { checkConnector(t, connector) })
	}},
	{"getPublicConnectors", 200, list(connectorJSON), "/public/connectors", func(t testing.TB, c *basiq.Client) error {
		connectors := c.Connectors.ListPublic(t.Context(), basiq.ConnectorListOptions{Filter: basiq.ConnectorFields.ID.Eq("AU00000")})
		return only(t, connectors, func(connector *basiq.Connector) { checkConnector(t, connector) })
	}},
	{"getPublicConnector", 200, connectorJSON, "/public/connectors/AU00000/web", func(t testing.TB, c *basiq.Client) error {
		connector, err := c.Connectors.GetPublic(t.Context(), "AU00000", basiq.ConnectionMethodWeb)
		return checkResult(t, connector, err, func() { checkConnector(t, connector) })
	}},
	{"getInstitutions", 200, list(institutionJSON), "/institutions", func(t testing.TB, c *basiq.Client) error {
		institutions := c.Institutions.List(t.Context(), basiq.InstitutionListOptions{Filter: basiq.InstitutionFields.Country.Ne("New Zealand")})
		return only(t, institutions, func(institution *basiq.Institution) { checkInstitution(t, institution) })
	}},
	{"getInstitution", 200, institutionJSON, "/institutions/AU00000", func(t testing.TB, c *basiq.Client) error {
		institution, err := c.Institutions.Get(t.Context(), "AU00000")
		return checkResult(t, institution, err, func() { checkInstitution(t, institution) })
	}},
	{"getPublicInstitutions", 200, list(institutionJSON), "/public/institutions", func(t testing.TB, c *basiq.Client) error {
		institutions := c.Institutions.ListPublic(t.Context(), basiq.InstitutionListOptions{Filter: basiq.InstitutionFields.Tier.Eq("3")})
		return only(t, institutions, func(institution *basiq.Institution) { checkInstitution(t, institution) })
	}},
	{"getAffordabilityList", 200, list(affordJSON), "/users/u1/affordability", func(t testing.TB, c *basiq.Client) error {
		return only(t, c.Affordability.List(t.Context(), userID), func(summary *basiq.Affordability) { checkAffordability(t, summary) })
	}},
	{"postAffordability", 200, affordJSON, "/users/u1/affordability", func(t testing.TB, c *basiq.Client) error {
		summary, err := c.Affordability.Create(t.Context(), userID, summaryRequest)
		return checkResult(t, summary, err, func() { checkAffordability(t, summary) })
	}},
	{"getAffordability", 200, affordJSON, "/users/u1/affordability/s1", func(t testing.TB, c *basiq.Client) error {
		summary, err := c.Affordability.Get(t.Context(), userID, "s1")
		return checkResult(t, summary, err, func() { checkAffordability(t, summary) })
	}},
	{"getAffordabilitySnapshotTransactions", 200, list(transactionJSON), "/users/u1/affordability/s1/transactions", func(t testing.TB, c *basiq.Client) error {
		return only(t, c.Affordability.Transactions(t.Context(), userID, "s1"), func(transaction *basiq.AffordabilityTransaction) {
			require.Equal(t, "t1", transaction.ID)
			require.Equal(t, basiq.Amount("-139.95"), transaction.Amount)
		})
	}},
	{"postIncome", 200, incomeJSON, "/users/u1/income", func(t testing.TB, c *basiq.Client) error {
		income, err := c.Income.Create(t.Context(), userID, summaryRequest)
		return checkResult(t, income, err, func() { checkIncome(t, income) })
	}},
	{"getIncome", 200, incomeJSON, "/users/u1/income/s1", func(t testing.TB, c *basiq.Client) error {
		income, err := c.Income.Get(t.Context(), userID, "s1")
		return checkResult(t, income, err, func() { checkIncome(t, income) })
	}},
	{"postExpenses", 200, expensesJSON, "/users/u1/expenses", func(t testing.TB, c *basiq.Client) error {
		expenses, err := c.Expenses.Create(t.Context(), userID, summaryRequest)
		return checkResult(t, expenses, err, func() { checkExpenses(t, expenses) })
	}},
	{"getExpenses", 200, expensesJSON, "/users/u1/expenses/s1", func(t testing.TB, c *basiq.Client) error {
		expenses, err := c.Expenses.Get(t.Context(), userID, "s1")
		return checkResult(t, expenses, err, func() { checkExpenses(t, expenses) })
	}},
	{"listReports", 200, list(reportJSON), "/reports", func(t testing.TB, c *basiq.Client) error {
		return only(t, c.Reports.List(t.Context()), func(report *basiq.Report) { checkReport(t, report) })
	}},
	{"createReport", 202, jobJSON, "/reports", func(t testing.TB, c *basiq.Client) error {
		job, err := c.Reports.Create(t.Context(), basiq.CreateReport{
			ReportType: basiq.ReportTypeAffordability, Title: "John Smith Affordability Report 2022-03-26", Filters: []basiq.ReportFilter{
				basiq.ReportFilterString(basiq.ReportFilterNameFromDate, "2022-01-01"),
				basiq.ReportFilterStrings(basiq.ReportFilterNameUsers, userID),
				basiq.ReportFilterNone(basiq.ReportFilterNameIncludeMetrics),
			},
		})
		return checkJob(t, job, err)
	}},
	{"retrieveReport", 200, reportJSON, "/reports/r1", func(t testing.TB, c *basiq.Client) error {
		report, err := c.Reports.Get(t.Context(), "r1")
		return checkResult(t, report, err, func() { checkReport(t, report) })
	}},
	{"deleteReport", 204, "", "/reports/r1", func(t testing.TB, c *basiq.Client) error {
		return c.Reports.Delete(t.Context(), "r1")
	}},
	{"retrieveReportTransactions", 200, list(transactionJSON), "/reports/r1/transactions", func(t testing.TB, c *basiq.Client) error {
		transactions := c.Reports.Transactions(t.Context(), "r1", basiq.ReportTransactionListOptions{Filter: basiq.ReportTransactionFields.ID.Eq("t1")})
		return only(t, transactions, func(transaction *basiq.ReportTransaction) { checkTransaction(t, &transaction.Transaction) })
	}},
	{"listReportTypes", 200, list(reportTypeJSON), "/reports/types", func(t testing.TB, c *basiq.Client) error {
		return only(t, c.Reports.Types(t.Context()), func(reportType *basiq.ReportType) { checkReportType(t, reportType) })
	}},
	// The documentation has a list here too, see TestReports_Type_List.
	{"retrieveSpecificReportType", 200, reportTypeJSON, "/reports/types/CON_AFFOR_01", func(t testing.TB, c *basiq.Client) error {
		reportType, err := c.Reports.Type(t.Context(), basiq.ReportTypeAffordability)
		return checkResult(t, reportType, err, func() { checkReportType(t, reportType) })
	}},
	{"listUserInsights", 200, list(insightJSON), "/users/u1/insights", func(t testing.TB, c *basiq.Client) error {
		insights := c.Insights.List(t.Context(), userID, basiq.InsightListOptions{Filter: basiq.InsightFields.Kind.Eq(basiq.InsightKindBalance).And(basiq.InsightFields.Created.Gteq("2025-09-01"))})
		return only(t, insights, func(insight *basiq.Insight) { checkInsight(t, insight) })
	}},
	{"getInsightById", 200, insightJSON, "/users/u1/insights/n1", func(t testing.TB, c *basiq.Client) error {
		insight, err := c.Insights.Get(t.Context(), userID, "n1")
		return checkResult(t, insight, err, func() { checkInsight(t, insight) })
	}},
	{"getAccountInsights", 200, insightJSON, "/users/u1/insights/account", func(t testing.TB, c *basiq.Client) error {
		insight, err := c.Insights.VerifyAccount(t.Context(), userID, basiq.VerifyAccount{AccountNumber: "032096658830", AccountType: "savings"})
		return checkResult(t, insight, err, func() { checkInsight(t, insight) })
	}},
	{"getBalanceInsights", 200, insightJSON, "/users/u1/insights/balance", func(t testing.TB, c *basiq.Client) error {
		insight, err := c.Insights.VerifyBalance(t.Context(), userID, basiq.BalanceRange{Min: "1"})
		return checkResult(t, insight, err, func() { checkInsight(t, insight) })
	}},
	{"getIdentityInsights", 200, insightJSON, "/users/u1/insights/identity", func(t testing.TB, c *basiq.Client) error {
		insight, err := c.Insights.VerifyIdentity(t.Context(), userID, basiq.VerifyIdentity{Name: "Gavin Belson"})
		return checkResult(t, insight, err, func() { checkInsight(t, insight) })
	}},
	{"createInsight", 200, insightJSON, "/insights", func(t testing.TB, c *basiq.Client) error {
		insight, err := c.Insights.Create(t.Context(), basiq.CreateInsight{
			Users: []string{userID}, Type: basiq.InsightTypeIDExpenseRatio, Data: map[string]any{"expense": "1000"},
		})
		return checkResult(t, insight, err, func() { checkInsight(t, insight) })
	}},
	{"getInsightTypes", 200, list(insightTypeJSON), "/insights/types", func(t testing.TB, c *basiq.Client) error {
		return only(t, c.Insights.Types(t.Context()), func(insightType *basiq.InsightType) {
			require.Equal(t, basiq.InsightTypeIDBalance, insightType.ID)
		})
	}},
	{"getInsightType", 200, insightTypeJSON, "/insights/types/BALANCE_VERIFICATION", func(t testing.TB, c *basiq.Client) error {
		insightType, err := c.Insights.Type(t.Context(), basiq.InsightTypeIDBalance)
		return checkResult(t, insightType, err, func() { require.JSONEq(t, `{"type":"object"}`, string(insightType.DataSchema)) })
	}},
	{"GetPayees", 200, list(payeeJSON), "/users/u1/payees", func(t testing.TB, c *basiq.Client) error {
		payees := c.Payees.List(t.Context(), userID, basiq.PayeeListOptions{Filter: basiq.PayeeFields.Type.Eq(basiq.PayeeTypeBiller), PageSize: 25})
		return only(t, payees, func(payee *basiq.Payee) { checkPayee(t, payee) })
	}},
	{"GetPayeeDetails", 200, payeeJSON, "/users/u1/payees/p1", func(t testing.TB, c *basiq.Client) error {
		payee, err := c.Payees.Get(t.Context(), userID, "p1")
		return checkResult(t, payee, err, func() { checkPayee(t, payee) })
	}},
	{"MerchantSearch", 200, list(foundJSON), "/merchants", func(t testing.TB, c *basiq.Client) error {
		merchants := c.Merchants.Search(t.Context(), basiq.MerchantQuery{ABN: "38865358328", Name: "Coles & Co", Suburb: "Manly", EntityType: "Individual/Sole Trader"})
		return only(t, merchants, func(merchant *basiq.MerchantMatch) {
			require.Equal(t, "m1", merchant.MerchantID)
			require.Equal(t, "1", merchant.MatchScore.String())
		})
	}},
	{"GetMerchantById", 200, merchantJSON, "/merchants/m1", func(t testing.TB, c *basiq.Client) error {
		merchant, err := c.Merchants.Get(t.Context(), "m1")
		return checkResult(t, merchant, err, func() {
			require.Equal(t, "Coles", merchant.Merchant.BusinessName)
			require.True(t, merchant.Location.Geometry.Lat.IsZero())
		})
	}},
	{"getUserAnalytics", 200, analyticsJSON, "/analytics/users", func(t testing.TB, c *basiq.Client) error {
		analytics, err := c.Analytics.Users(t.Context(), basiq.UserAnalyticsQuery{
			Interval: basiq.AnalyticsIntervalMonthly, From: "2026-01-01", To: "2026-01-31",
			ConnectionTypes: []basiq.AnalyticsConnectionType{basiq.AnalyticsConnectionTypeCDR, basiq.AnalyticsConnectionTypeWeb},
		})
		return checkResult(t, analytics, err, func() {
			require.Len(t, analytics.Data, 1)
			require.EqualValues(t, 3, *analytics.Data[0].Created)
		})
	}},
	{"getEvents", 200, list(eventJSON), "/events", func(t testing.TB, c *basiq.Client) error {
		events := c.Events.List(t.Context(), basiq.EventListOptions{Filter: basiq.EventFields.UserID.Eq(userID).And(basiq.EventFields.Entity.Eq(basiq.EventEntityConnection))})
		return only(t, events, func(event *basiq.Event) { checkEvent(t, event) })
	}},
	{"getEvent", 200, eventJSON, "/events/e1", func(t testing.TB, c *basiq.Client) error {
		event, err := c.Events.Get(t.Context(), "e1")
		return checkResult(t, event, err, func() { checkEvent(t, event) })
	}},
	{"listEventTypes", 200, list(eventTypeJSON), "/events/types", func(t testing.TB, c *basiq.Client) error {
		return only(t, c.Events.Types(t.Context()), func(eventType *basiq.EventType) {
			require.Equal(t, basiq.EventTypeNameAccountUpdated, eventType.ID)
		})
	}},
	{"getEventTypeById", 200, eventTypeJSON, "/events/types/account.updated", func(t testing.TB, c *basiq.Client) error {
		eventType, err := c.Events.Type(t.Context(), basiq.EventTypeNameAccountUpdated)
		return checkResult(t, eventType, err, func() { require.Equal(t, "when an account is updated", eventType.Description) })
	}},
	{"listAppWebhooks", 200, list(webhookJSON), "/notifications/webhooks", func(t testing.TB, c *basiq.Client) error {
		return only(t, c.Webhooks.List(t.Context()), func(webhook *basiq.Webhook) { checkWebhook(t, webhook, "") })
	}},
	{"addWebhook", 201, hookSecretJSON, "/notifications/webhooks", func(t testing.TB, c *basiq.Client) error {
		webhook, err := c.Webhooks.Create(t.Context(), basiq.CreateWebhook{
			URL: "https://piper.com/basiq-messages/", Name: "My General Webhook", SubscribedEvents: []basiq.EventTypeName{basiq.EventTypeNameUserCreated},
		})
		return checkResult(t, webhook, err, func() { checkWebhook(t, webhook, "rfiuheo43934") })
	}},
	{"getWebhook", 200, webhookJSON, "/notifications/webhooks/w1", func(t testing.TB, c *basiq.Client) error {
		webhook, err := c.Webhooks.Get(t.Context(), "w1")
		return checkResult(t, webhook, err, func() { checkWebhook(t, webhook, "") })
	}},
	{"updateWebhook", 200, hookSecretJSON, "/notifications/webhooks/w1", func(t testing.TB, c *basiq.Client) error {
		webhook, err := c.Webhooks.Update(t.Context(), "w1", basiq.UpdateWebhook{URL: "https://piper.com/basiq-messages/"})
		return checkResult(t, webhook, err, func() { checkWebhook(t, webhook, "rfiuheo43934") })
	}},
	{"deleteWebhook", 204, "", "/notifications/webhooks/w1", func(t testing.TB, c *basiq.Client) error {
		return c.Webhooks.Delete(t.Context(), "w1")
	}},
	{"listMessages", 200, list(messageJSON), "/notifications/webhooks/w1/messages", func(t testing.TB, c *basiq.Client) error {
		messages := c.Webhooks.Messages(t.Context(), "w1", basiq.WebhookMessageListOptions{Filter: basiq.WebhookMessageFields.Date.Gteq("2019-08-24")})
		return only(t, messages, func(message *basiq.WebhookMessage) { checkMessage(t, message) })
	}},
	{"getWebhookMessage", 200, messageJSON, "/notifications/webhooks/w1/messages/m1", func(t testing.TB, c *basiq.Client) error {
		message, err := c.Webhooks.Message(t.Context(), "w1", "m1")
		return checkResult(t, message, err, func() { checkMessage(t, message) })
	}},
	{"testMessage", 201, "", "/notifications/messages/test", func(t testing.TB, c *basiq.Client) error {
		return c.Webhooks.SendTest(t.Context(), basiq.WebhookTestMessage{EventTypeID: basiq.EventTypeNameUserCreated, Text: "My test message"})
	}},
}

var summaryRequest = basiq.AffordabilityRequest{FromMonth: "2019-05", ToMonth: "2019-09", Accounts: []string{"s55bf3", "s55bf4"}}

// checkResult returns err if it is not nil. Otherwise it runs check.
func checkResult[T any](t testing.TB, value *T, err error, check func()) error {
	t.Helper()
	if err != nil {
		require.Nil(t, value)
		return err
	}
	check()
	return nil
}

// only checks a list that must contain either one item, which is passed to check, or one error, which is returned.
func only[T any](t testing.TB, items iter.Seq2[*T, error], check func(item *T)) error {
	t.Helper()
	var failure error
	n := 0
	for item, err := range items {
		require.NoError(t, failure, "an error must come last")
		if n++; err != nil {
			require.Nil(t, item)
			failure = err
			continue
		}
		check(item)
	}
	require.Equal(t, 1, n)
	return failure
}

var login = basiq.CreateConnection{
	InstitutionID: "AU00000",
	LoginID:       basiq.NewSecret("gavinBelson"),
	Password:      basiq.NewSecret("hooli2016"),
}

func checkUser(t testing.TB, user *basiq.User, err error) error {
	if err == nil {
		require.Equal(t, userID, user.ID)
		require.Equal(t, "gavin@hooli.com", user.Email)
	}
	return err
}

func checkJob(t testing.TB, job *basiq.Job, err error) error {
	if err == nil {
		require.Equal(t, jobID, job.ID)
		require.Equal(t, "https://au-api.basiq.io/jobs/j1", job.Links.Self)
	}
	return err
}

func checkAccount(t testing.TB, account *basiq.Account) {
	t.Helper()
	require.Equal(t, "a1", account.ID)
	require.Equal(t, basiq.Amount("356.50"), account.Balance)
	require.Equal(t, connID, account.Connection.ID)
}

func checkTransaction(t testing.TB, transaction *basiq.Transaction) {
	t.Helper()
	require.Equal(t, "t1", transaction.ID)
	require.Equal(t, basiq.Amount("-139.95"), transaction.Amount)
	require.Equal(t, basiq.TransactionStatusPosted, transaction.Status)
}

func checkIdentity(t testing.TB, identity *basiq.Identity) {
	t.Helper()
	require.Equal(t, "i1", identity.ID)
	require.Equal(t, basiq.Date("1985-05-25"), identity.DOB)
}

func checkConnector(t testing.TB, connector *basiq.Connector) {
	t.Helper()
	require.Equal(t, "AU00000", connector.ID)
	require.Equal(t, basiq.ConnectionMethodWeb, connector.Method)
	require.Equal(t, "Hooli Bank", connector.Institution.Name)
}

func checkInstitution(t testing.TB, institution *basiq.Institution) {
	t.Helper()
	require.Equal(t, "AU00000", institution.ID)
	require.Equal(t, basiq.InstitutionAuthorizationUser, institution.Authorization)
}

func checkAffordability(t testing.TB, summary *basiq.Affordability) {
	t.Helper()
	require.Equal(t, "s1", summary.ID)
	require.EqualValues(t, 392, *summary.CoverageDays)
}

func checkIncome(t testing.TB, income *basiq.Income) {
	t.Helper()
	require.Equal(t, "s1", income.ID)
	require.Len(t, income.Irregular, 1)
	require.Equal(t, basiq.Amount("55.00"), income.Irregular[0].AmountAvg)
}

func checkExpenses(t testing.TB, expenses *basiq.Expenses) {
	t.Helper()
	require.Equal(t, "s1", expenses.ID)
	require.Equal(t, basiq.Amount("-421.00"), expenses.BankFees.AvgMonthly)
}

func checkReport(t testing.TB, report *basiq.Report) {
	t.Helper()
	require.Equal(t, "r1", report.ID)
	require.Equal(t, basiq.ReportTypeAffordability, report.ReportType)
}

func checkReportType(t testing.TB, reportType *basiq.ReportType) {
	t.Helper()
	require.Equal(t, basiq.ReportTypeAffordability, reportType.ID)
	require.Equal(t, basiq.ReportFilterNameFromDate, reportType.Filters[0].Name)
}

func checkInsight(t testing.TB, insight *basiq.Insight) {
	t.Helper()
	require.Equal(t, "n1", insight.ID)
	require.Len(t, insight.Data, 1)
	match := basiq.BalanceMatch(&insight.Data[0])
	require.Equal(t, basiq.Amount("1"), match.Input.Object.Min)
	require.True(t, *match.Match)
}

func checkPayee(t testing.TB, payee *basiq.Payee) {
	t.Helper()
	require.Equal(t, "p1", payee.ID)
	require.Equal(t, "AGL Energy", payee.Biller.BillerName)
}

func checkEvent(t testing.TB, event *basiq.Event) {
	t.Helper()
	require.Equal(t, "e1", event.ID)
	require.Equal(t, basiq.EventEntityConnection, event.Entity)
	require.Equal(t, basiq.EventActionUpdated, event.EventType)
	require.Equal(t, connID, event.Data.First().ID)
}

func checkWebhook(t testing.TB, webhook *basiq.Webhook, secret string) {
	t.Helper()
	require.Equal(t, "w1", webhook.ID)
	require.Equal(t, basiq.WebhookStatusActive, webhook.Status)
	require.Equal(t, []basiq.EventTypeName{basiq.EventTypeNameUserCreated}, webhook.SubscribedEvents.Items)
	require.Equal(t, secret, webhook.Secret.Reveal())
}

func checkMessage(t testing.TB, message *basiq.WebhookMessage) {
	t.Helper()
	require.Equal(t, "m1", message.ID)
	require.Equal(t, basiq.EventTypeNameUserCreated, message.Payload.EventTypeID)
	require.Equal(t, basiq.WebhookAttemptStatusFailed, message.Attempts[0].Status)
}

// stubFor returns a stub that calls respond for all requests of an operation, including POST /token if that is the operation.
func stubFor(c operationCall, respond func(n int) (*http.Response, error)) *stub {
	s := &stub{respond: func(n int, _ request) (*http.Response, error) { return respond(n) }}
	if c.id == "postToken" {
		s.onToken = respond
	}
	return s
}

// calls returns how often the request of an operation was sent.
func (s *stub) calls(c operationCall) int {
	if c.id == "postToken" {
		return s.tokenRequests()
	}
	return len(s.seen())
}

// bodyOf reads the body of a response of the raw client.
func bodyOf(t testing.TB, resp *http.Response) string {
	t.Helper()
	var b bytes.Buffer
	_, err := b.ReadFrom(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return b.String()
}

// earlyExits are the ways to leave a range at its first item. The first two call before.
func earlyExits[T any](before func()) map[string]func(t *testing.T, list iter.Seq2[T, error]) {
	return map[string]func(t *testing.T, list iter.Seq2[T, error]){
		"break": func(t *testing.T, list iter.Seq2[T, error]) {
			t.Helper()
			for _, err := range list {
				require.NoError(t, err)
				before()
				break
			}
		},
		"panic": func(t *testing.T, list iter.Seq2[T, error]) {
			t.Helper()
			assert.PanicsWithValue(t, "mine", func() {
				for _, err := range list {
					assert.NoError(t, err)
					before()
					panic("mine")
				}
			})
		},
		"Goexit": func(t *testing.T, list iter.Seq2[T, error]) {
			t.Helper()
			var wait sync.WaitGroup
			wait.Go(func() {
				for _, err := range list {
					if err != nil {
						t.Error(err)
					}
					runtime.Goexit()
				}
			})
			wait.Wait()
		},
	}
}
