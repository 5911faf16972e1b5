package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api/conformance/official"
	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// invocation is a call of the wrapper. It returns the caller's result: for a list, the items of all pages.
type invocation = func(context.Context, *basiq.Client) (any, error)

func callOf(operation string) invocation {
	return func(ctx context.Context, c *basiq.Client) (any, error) { return callsOf(ctx, c)[operation]() }
}

// callsOf returns a call with valid arguments for every operation.
func callsOf(ctx context.Context, c *basiq.Client) map[string]func() (any, error) {
	return map[string]func() (any, error){
		"getUsers":  func() (any, error) { return items(c.Users.List(ctx)) },
		"postToken": func() (any, error) { return one(c.Tokens.Create(ctx, basiq.ClientAccess("u1"))) },
		"createUser": func() (any, error) {
			return one(c.Users.Create(ctx, basiq.CreateUser{
				Email: "gavin@hooli.com", Mobile: "+61410888999", FirstName: "Gavin", MiddleName: "M", LastName: "Belson",
				BusinessName: "Manly Accounting PTY LTD", BusinessIDNo: "16 7645 892", BusinessIDNoType: basiq.BusinessIDNoTypeABN,
				BusinessAddress:    &basiq.BusinessAddress{AddressLine1: "21 Sydney Rd", Suburb: "Manly", State: "NSW", Postcode: "2095", CountryCode: "AUS"},
				VerificationStatus: new(bool), VerificationDate: "12/01/2024",
			}))
		},
		"getUser": func() (any, error) { return one(c.Users.Get(ctx, "u1")) },
		"updateUser": func() (any, error) {
			return one(c.Users.Update(ctx, "u1", basiq.UpdateUser{Mobile: "+61410888999", FirstName: "Malcolm"}))
		},
		"deleteUser": func() (any, error) { return nil, c.Users.Delete(ctx, "u1") },
		"getConnections": func() (any, error) {
			return items(c.Connections.List(ctx, "u1", basiq.ConnectionListOptions{Filter: basiq.ConnectionFields.InstitutionID.Eq("AU00000").And(basiq.ConnectionFields.Status.Eq(basiq.ConnectionStatusActive), basiq.ConnectionFields.ID.Eq("c1"))}))
		},
		"postConnection": func() (any, error) {
			return one(c.Connections.Create(ctx, "u1", basiq.CreateConnection{
				InstitutionID: "AU00000", LoginID: basiq.NewSecret("gavinBelson"), Password: basiq.NewSecret("hooli2016"),
				SecondaryLoginID: basiq.NewSecret("4321"), SecurityCode: basiq.NewSecret("1234"),
			}))
		},
		"getConnection": func() (any, error) { return one(c.Connections.Get(ctx, "u1", "c1")) },
		"updateConnection": func() (any, error) {
			return one(c.Connections.Update(ctx, "u1", "c1", basiq.UpdateConnection{
				Password: basiq.NewSecret("hooli2016"), SecondaryLoginID: basiq.NewSecret("4321"), SecurityCode: basiq.NewSecret("1234"),
			}))
		},
		"deleteConnection":    func() (any, error) { return nil, c.Connections.Delete(ctx, "u1", "c1") },
		"refreshConnection":   func() (any, error) { return one(c.Connections.Refresh(ctx, "u1", "c1")) },
		"refreshConnections":  func() (any, error) { return one(c.Connections.RefreshAll(ctx, "u1")) },
		"purgeConnectionData": func() (any, error) { return nil, c.Connections.Purge(ctx, "u1", "c1") },
		"getJobs":             func() (any, error) { return one(c.Jobs.Get(ctx, "j1")) },
		"getUserJobs": func() (any, error) {
			return items(c.Jobs.List(ctx, "u1", basiq.JobListOptions{Filter: basiq.JobFields.ConnectionID.Eq("c1")}))
		},
		"postJobMfa": func() (any, error) { return one(c.Jobs.AnswerMFA(ctx, "u1", "j1", basiq.NewSecret("1234"))) },

		"getConsents": func() (any, error) {
			return items(c.Consents.List(ctx, "u1", basiq.ConsentListOptions{Filter: basiq.ConsentFields.Status.Eq(basiq.ConsentStatusActive)}))
		},
		"deleteConsent": func() (any, error) { return nil, c.Consents.Delete(ctx, "u1", "co1") },
		"postAuthLink": func() (any, error) {
			return one(c.AuthLinks.Create(ctx, "u1", basiq.CreateAuthLink{Mobile: "+61410888999"}))
		},
		"getAuthLink":    func() (any, error) { return one(c.AuthLinks.Get(ctx, "u1")) },
		"deleteAuthLink": func() (any, error) { return nil, c.AuthLinks.Delete(ctx, "u1") },

		"getAccounts": func() (any, error) {
			return items(c.Accounts.List(ctx, "u1", basiq.AccountListOptions{Filter: basiq.AccountFields.ConnectionID.Eq("c1").And(basiq.AccountFields.InstitutionID.Eq("AU00001"))}))
		},
		"getAccount": func() (any, error) { return one(c.Accounts.Get(ctx, "u1", "a1")) },
		"getTransactions": func() (any, error) {
			return items(c.Transactions.List(ctx, "u1", basiq.TransactionListOptions{Filter: basiq.TransactionFields.Status.Eq(basiq.TransactionStatusPosted).And(basiq.TransactionFields.PostDate.Between("2018-01-28", "2018-02-27")), PageSize: 1}))
		},
		"getTransaction": func() (any, error) { return one(c.Transactions.Get(ctx, "u1", "t1")) },
		"getEnrich": func() (any, error) {
			return one(c.Enrichment.Get(ctx, basiq.EnrichQuery{
				Description: "WOOLWORTHS 1234 & SONS", InstitutionID: "AU00000", Country: "AU", MCC: "5411", AccountType: "transaction", Amount: "-42.10",
			}))
		},
		"createStatement": func() (any, error) {
			return one(c.Statements.Upload(ctx, "u1", basiq.Statement{
				InstitutionID: "AU01001", Name: "march.pdf", Content: strings.NewReader("%PDF-1.7"),
			}))
		},
		"getUserIdentities": func() (any, error) { return items(c.Identities.List(ctx, "u1")) },
		"getUserIdentity":   func() (any, error) { return one(c.Identities.Get(ctx, "u1", "i1")) },

		"getConnectors": func() (any, error) {
			return items(c.Connectors.List(ctx, basiq.ConnectorListOptions{Filter: basiq.ConnectorFields.Stage.Eq(basiq.InstitutionStageLive).And(basiq.ConnectorFields.InstitutionTier.In("1", "2"), basiq.ConnectorFields.Method.Eq(basiq.ConnectionMethodOpenBanking))}))
		},
		"getConnector": func() (any, error) { return one(c.Connectors.Get(ctx, "AU00000", basiq.ConnectionMethodWeb)) },
		"getPublicConnectors": func() (any, error) {
			return items(c.Connectors.ListPublic(ctx, basiq.ConnectorListOptions{Filter: basiq.ConnectorFields.Engine.Ne("node")}))
		},
		"getPublicConnector": func() (any, error) { return one(c.Connectors.GetPublic(ctx, "AU00000", basiq.ConnectionMethodWeb)) },
		"getInstitutions": func() (any, error) {
			return items(c.Institutions.List(ctx, basiq.InstitutionListOptions{Filter: basiq.InstitutionFields.ServiceType.Eq("Personal Banking").And(basiq.InstitutionFields.Country.In("Australia", "New Zealand"))}))
		},
		"getInstitution": func() (any, error) { return one(c.Institutions.Get(ctx, "AU00000")) },
		"getPublicInstitutions": func() (any, error) {
			return items(c.Institutions.ListPublic(ctx, basiq.InstitutionListOptions{Filter: basiq.InstitutionFields.Tier.Ne("4")}))
		},

		"getAffordabilityList": func() (any, error) { return items(c.Affordability.List(ctx, "u1")) },
		"postAffordability": func() (any, error) {
			return one(c.Affordability.Create(ctx, "u1", basiq.AffordabilityRequest{
				Accounts: []string{"s55bf3", "s55bf4"}, FromMonth: "2019-05", ToMonth: "2019-09",
			}))
		},
		"getAffordability": func() (any, error) { return one(c.Affordability.Get(ctx, "u1", "s1")) },
		"getAffordabilitySnapshotTransactions": func() (any, error) {
			return items(c.Affordability.Transactions(ctx, "u1", "s1", basiq.AffordabilityTransactionListOptions{PageSize: 1}))
		},
		"postIncome": func() (any, error) { return one(c.Income.Create(ctx, "u1", basiq.AffordabilityRequest{})) },
		"getIncome":  func() (any, error) { return one(c.Income.Get(ctx, "u1", "s1")) },
		"postExpenses": func() (any, error) {
			return one(c.Expenses.Create(ctx, "u1", basiq.AffordabilityRequest{FromMonth: "2019-05"}))
		},
		"getExpenses": func() (any, error) { return one(c.Expenses.Get(ctx, "u1", "s1")) },

		"listReports": func() (any, error) { return items(c.Reports.List(ctx)) },
		"createReport": func() (any, error) {
			return one(c.Reports.Create(ctx, basiq.CreateReport{
				ReportType: basiq.ReportTypeAffordability, Title: "Gavin Belson, March", Filters: []basiq.ReportFilter{
					basiq.ReportFilterString(basiq.ReportFilterNameFromDate, "2024-01-01"),
					basiq.ReportFilterStrings(basiq.ReportFilterNameAccounts, "s55bf3"),
					basiq.ReportFilterStrings(basiq.ReportFilterNameIncludeMetrics),
					basiq.ReportFilterNone(basiq.ReportFilterNameIncludeGroups),
				},
			}))
		},
		"retrieveReport": func() (any, error) { return one(c.Reports.Get(ctx, "r1")) },
		"deleteReport":   func() (any, error) { return nil, c.Reports.Delete(ctx, "r1") },
		"retrieveReportTransactions": func() (any, error) {
			return items(c.Reports.Transactions(ctx, "r1", basiq.ReportTransactionListOptions{Filter: basiq.ReportTransactionFields.PostDate.Gteq("2022-12-03T00:00:00Z")}))
		},
		"listReportTypes":            func() (any, error) { return items(c.Reports.Types(ctx)) },
		"retrieveSpecificReportType": func() (any, error) { return one(c.Reports.Type(ctx, basiq.ReportTypeAffordability)) },

		"listUserInsights": func() (any, error) {
			return items(c.Insights.List(ctx, "u1", basiq.InsightListOptions{
				Filter: basiq.InsightFields.Kind.Eq(basiq.InsightKindBalance).And(basiq.InsightFields.Created.Between("2025-10-01", "2025-10-31")),
			}))
		},
		"getInsightById": func() (any, error) { return one(c.Insights.Get(ctx, "u1", "in1")) },
		"getAccountInsights": func() (any, error) {
			return one(c.Insights.VerifyAccount(ctx, "u1", basiq.VerifyAccount{AccountNumber: "032096658830", AccountType: "savings"}))
		},
		"getBalanceInsights": func() (any, error) {
			return one(c.Insights.VerifyBalance(ctx, "u1", basiq.BalanceRange{Min: "1", Max: "2.50"}))
		},
		"getIdentityInsights": func() (any, error) {
			return one(c.Insights.VerifyIdentity(ctx, "u1", basiq.VerifyIdentity{Name: "Gavin Belson", Phone: "0410888666", Email: "gavin@hooli.com", Address: "13/91 Fisher Rd"}))
		},
		"createInsight": func() (any, error) {
			return one(c.Insights.Create(ctx, basiq.CreateInsight{
				Users: []string{"u1", "u2"}, Type: basiq.InsightTypeIDExpenseRatio, Data: map[string]any{"expense": "1000"},
			}))
		},
		"getInsightTypes": func() (any, error) { return items(c.Insights.Types(ctx)) },
		"getInsightType":  func() (any, error) { return one(c.Insights.Type(ctx, basiq.InsightTypeIDBalance)) },

		"GetPayees": func() (any, error) {
			return items(c.Payees.List(ctx, "u1", basiq.PayeeListOptions{
				Filter: basiq.PayeeFields.Type.Eq(basiq.PayeeTypeBiller).And(
					basiq.PayeeFields.ConnectionID.Eq("c1"), basiq.PayeeFields.Created.Gteq("2024-01-01"),
				),
				PageSize: 1,
			}))
		},
		"GetPayeeDetails": func() (any, error) { return one(c.Payees.Get(ctx, "u1", "p1")) },

		"MerchantSearch": func() (any, error) {
			return items(c.Merchants.Search(ctx, basiq.MerchantQuery{ABN: "38865358328", Name: "Coles & Sons", Suburb: "Manly", EntityType: "Individual/Sole Trader"}))
		},
		"GetMerchantById": func() (any, error) { return one(c.Merchants.Get(ctx, "me1")) },

		"getUserAnalytics": func() (any, error) {
			return one(c.Analytics.Users(ctx, basiq.UserAnalyticsQuery{
				Interval: basiq.AnalyticsIntervalMonthly, From: "2026-01-01", To: "2026-01-31",
				ConnectionTypes: []basiq.AnalyticsConnectionType{basiq.AnalyticsConnectionTypeCDR, basiq.AnalyticsConnectionTypeWeb},
			}))
		},

		"getEvents": func() (any, error) {
			return items(c.Events.List(ctx, basiq.EventListOptions{Filter: basiq.EventFields.Entity.Eq(basiq.EventEntityConsent).And(basiq.EventFields.Type.Eq(basiq.EventActionRevoked))}))
		},
		"getEvent":         func() (any, error) { return one(c.Events.Get(ctx, "e1")) },
		"listEventTypes":   func() (any, error) { return items(c.Events.Types(ctx)) },
		"getEventTypeById": func() (any, error) { return one(c.Events.Type(ctx, basiq.EventTypeNameUserCreated)) },

		"listAppWebhooks": func() (any, error) { return items(c.Webhooks.List(ctx)) },
		"addWebhook": func() (any, error) {
			return one(c.Webhooks.Create(ctx, basiq.CreateWebhook{
				Name: "Consents", Description: "What users allow.", URL: "https://hooli.com/basiq",
				SubscribedEvents: []basiq.EventTypeName{basiq.EventTypeNameConsentCreated, basiq.EventTypeNameConsentRevoked},
			}))
		},
		"getWebhook": func() (any, error) { return one(c.Webhooks.Get(ctx, "w1")) },
		"updateWebhook": func() (any, error) {
			return one(c.Webhooks.Update(ctx, "w1", basiq.UpdateWebhook{
				URL: "https://hooli.com/basiq", SubscribedEvents: []basiq.EventTypeName{basiq.EventTypeNameConsentRevoked},
			}))
		},
		"deleteWebhook": func() (any, error) { return nil, c.Webhooks.Delete(ctx, "w1") },
		"listMessages": func() (any, error) {
			return items(c.Webhooks.Messages(ctx, "w1", basiq.WebhookMessageListOptions{Filter: basiq.WebhookMessageFields.EventTypeID.Eq(basiq.EventTypeNameUserCreated)}))
		},
		"getWebhookMessage": func() (any, error) { return one(c.Webhooks.Message(ctx, "w1", "m1")) },
		"testMessage": func() (any, error) {
			return nil, c.Webhooks.SendTest(ctx, basiq.WebhookTestMessage{EventTypeID: basiq.EventTypeNameUserCreated, Text: "Hello"})
		},
	}
}

// requestedIDs contains the ID that the call of an operation requests. A response with another ID is an error.
var requestedIDs = map[string]string{
	"getUser": "u1", "updateUser": "u1", "getConnection": "c1", "getJobs": "j1", "postJobMfa": "j1", "getAccount": "a1",
	"getTransaction": "t1", "getUserIdentity": "i1", "getAffordability": "s1", "getIncome": "s1", "getExpenses": "s1",
	"getInstitution": "AU00000", "retrieveReport": "r1", "getEvent": "e1", "getEventTypeById": string(basiq.EventTypeNameUserCreated),
	"retrieveSpecificReportType": basiq.ReportTypeAffordability, "getWebhook": "w1", "updateWebhook": "w1", "getWebhookMessage": "m1",
	"getInsightById": "in1", "getInsightType": string(basiq.InsightTypeIDBalance), "GetPayeeDetails": "p1", "GetMerchantById": "me1",
}

// requestedTypes contains the type of resources for which assembled payloads have a placeholder.
var requestedTypes = map[string]string{"getEvent": "event", "getJobs": "job", "retrieveReport": "report"}

// withRequestedID sets the ID and the type of the resource in a response to the requested ones, and returns it.
func withRequestedID(operation string, value any) any {
	resource, _ := value.(map[string]any)
	if merchant, ok := resource["merchant"].(map[string]any); ok && operation == "GetMerchantById" {
		merchant["id"] = requestedIDs[operation]
	}
	if _, ok := resource["id"]; ok && requestedIDs[operation] != "" {
		resource["id"] = requestedIDs[operation]
	}
	if kind, _ := resource["type"].(string); strings.HasPrefix(kind, official.Placeholder) && requestedTypes[operation] != "" {
		resource["type"] = requestedTypes[operation]
	}
	return value
}

// withVersion selects the newest API version that has the operation.
func withVersion(operation string) basiq.Option {
	versions := operationOf(operation).Versions()
	return basiq.WithAPIVersion(versions[len(versions)-1])
}

// documents returns the calls that request a success response other than JSON, by operation and media type.
func documents() map[string]invocation {
	all := map[string]invocation{
		// The wrapper has no method for this operation.
		"postAffordability application/pdf": func(ctx context.Context, c *basiq.Client) (any, error) {
			resp, err := c.Raw().PostAffordability(ctx, "u1", gen.AffordabilityRequest{}, func(_ context.Context, req *http.Request) error {
				req.Header.Set("Accept", "application/pdf")
				return nil
			})
			if err != nil {
				return nil, err
			}
			defer func() { _ = resp.Body.Close() }()
			return one(io.ReadAll(resp.Body))
		},
	}
	for _, variant := range variants {
		if variant.mediaType != "" {
			all[variant.operation+" "+variant.mediaType] = variant.call
		}
	}
	return all
}

// one combines the results of a call. items collects the items of a list.
func one[T any](value T, err error) (any, error) { return value, err }

func items[T any](list iter.Seq2[T, error]) (any, error) { return one(collect(list)) }

func collect[T any](list iter.Seq2[T, error]) ([]T, error) {
	all := []T{}
	for item, err := range list {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}

func failure(ctx context.Context, c *basiq.Client, operation string) error {
	_, err := callOf(operation)(ctx, c)
	return err
}

// fixedResponse sends the same response to every request of one operation, and a token to token requests. If the response is a
// page with a link to the next page, the next page has the same items with other IDs, and no link.
type fixedResponse struct {
	operation string
	status    int
	mediaType string
	body      string
}

func (a fixedResponse) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/token" && a.operation != "postToken" {
		return respond(http.StatusOK, "application/json", `{"access_token":"t","token_type":"Bearer","expires_in":3600}`), nil
	}
	return respond(a.status, a.mediaType, pageFor(req.URL, a.body)), nil
}

// pageFor makes the link of an example point to the operation that was called. The links of examples contain other IDs, and some
// are not valid URLs.
func pageFor(page *url.URL, body string) string {
	if !hasNext(body) {
		return body
	}
	var list, links map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &list) != nil || json.Unmarshal(list["links"], &links) != nil {
		return body
	}
	if page.Query().Has("next") {
		delete(links, "next")
		list["data"] = withOtherIDs(list["data"])
	} else {
		next := *page
		next.RawQuery = "next=bf1ec9d4"
		links["next"], _ = json.Marshal(next.String())
	}
	list["links"], _ = json.Marshal(links)
	changed, _ := json.Marshal(list)
	return string(changed)
}

func withOtherIDs(data json.RawMessage) json.RawMessage {
	var items []map[string]json.RawMessage
	if json.Unmarshal(data, &items) != nil {
		return data
	}
	for _, item := range items {
		if id, ok := bytes.CutPrefix(item["id"], []byte(`"`)); ok {
			item["id"] = append([]byte(`"`+official.Placeholder), id...)
		}
	}
	changed, _ := json.Marshal(items)
	return changed
}

// hasNext reports whether a page has a link to a next page.
func hasNext(body string) bool {
	var list struct {
		Data  []json.RawMessage `json:"data"`
		Links struct {
			Next string `json:"next"`
		} `json:"links"`
	}
	return json.Unmarshal([]byte(body), &list) == nil && list.Data != nil && list.Links.Next != ""
}

func respond(status int, mediaType, body string) *http.Response {
	header := http.Header{}
	if body != "" {
		header.Set("Content-Type", mediaType)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// client returns a client for an operation. It validates requests and responses and makes one attempt per call.
func client(t *testing.T, operation string, base http.RoundTripper) (*basiq.Client, *Transport) {
	t.Helper()
	transport, err := NewTransport(base)
	require.NoError(t, err)
	c, err := basiq.New("key", basiq.WithHTTPClient(&http.Client{Transport: transport}), withVersion(operation),
		basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1, BaseDelay: time.Millisecond, MaxDelay: time.Millisecond}))
	require.NoError(t, err)
	t.Cleanup(func() { assert.Empty(t, transport.Violations()) })
	return c, transport
}

func TestOperations_MatchContract(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for path, item := range loaded(t).Paths.Map() {
		for method, op := range item.Operations() {
			want[op.OperationID] = method + " " + path
		}
	}
	have := map[string]string{}
	c, _ := client(t, "getUser", fixedResponse{})
	calls := callsOf(t.Context(), c)
	for _, op := range basiq.Operations() {
		have[op.ID] = op.Method + " " + op.Path
		service, method, _ := strings.Cut(op.Name, ".")
		field := reflect.ValueOf(c).Elem().FieldByName(service)
		if assert.True(t, field.IsValid(), "%s: Client has no %s", op.ID, service) {
			assert.True(t, field.MethodByName(method).IsValid(), "%s: missing method %s", op.ID, op.Name)
		}
		assert.Contains(t, calls, op.ID, "callsOf must contain every operation")
	}
	assert.Equal(t, want, have)
}

// Public operations must be sent without credentials and without a token request, the token operation with the API key, and all
// others with a token. This test does not use the strict Transport, which would hide requests that it rejects.
func TestCredentials_MatchContract(t *testing.T) {
	t.Parallel()
	doc := loaded(t)
	public := 0
	for _, op := range operations(doc) {
		security := doc.Security
		if op.Security != nil {
			security = *op.Security
		}
		want := []string{"/token Basic key", "Bearer t"}
		switch {
		case len(security) == 0:
			public++
			want = []string{""}
		case security[0]["api_key"] != nil:
			want = []string{"/token Basic key"}
		}
		t.Run(op.OperationID, func(t *testing.T) {
			t.Parallel()
			var sent []string
			c, err := basiq.New("key", basiq.WithHTTPClient(&http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
				credential := strings.Join(req.Header["Authorization"], ", ")
				if req.URL.Path == "/token" {
					credential = "/token " + credential
				}
				sent = append(sent, credential)
				return fixedResponse{op.OperationID, http.StatusNotFound, "text/plain", "Not here."}.RoundTrip(req)
			})}), withVersion(op.OperationID))
			require.NoError(t, err)
			var e *basiq.Error
			require.ErrorAs(t, failure(t.Context(), c, op.OperationID), &e)
			assert.Equal(t, http.StatusNotFound, e.StatusCode)
			assert.Equal(t, want, sent)
		})
	}
	assert.Equal(t, 3, public, "the connectors, a connector, and the institutions")
}

// The default base URL must be the contract's server.
func TestDefaultBaseURL_MatchesContract(t *testing.T) {
	t.Parallel()
	servers := loaded(t).Servers
	require.Len(t, servers, 1)
	assert.Equal(t, basiq.DefaultBaseURL, servers[0].URL)
	var sent []string
	c, err := basiq.New("key", basiq.WithHTTPClient(&http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		sent = append(sent, req.URL.String())
		return fixedResponse{operation: "getJobs", status: http.StatusOK, mediaType: "application/json", body: `{"id":"j1"}`}.RoundTrip(req)
	})}))
	require.NoError(t, err)
	_, err = c.Jobs.Get(t.Context(), "j1")
	require.NoError(t, err)
	assert.Equal(t, []string{servers[0].URL + "/token", servers[0].URL + "/jobs/j1"}, sent)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// success is an example of a success response in the contract.
type success struct {
	operation string
	status    int
	name      string // name of the example
	mediaType string
	body      string
	schema    *openapi3.Schema // nil without a body
	noSummary bool             // the response without transactions to summarize
}

// successes returns all success responses in the contract, for every status and media type of every operation.
func successes(t *testing.T) []success {
	t.Helper()
	var all []success
	for _, op := range operations(loaded(t)) {
		for status, response := range op.Responses.Map() {
			code, err := strconv.Atoi(status)
			require.NoError(t, err)
			if code > 299 {
				continue
			}
			one := success{
				operation: op.OperationID, status: code, name: "no body",
				noSummary: response.Ref == "#/components/responses/NoTransactions",
			}
			if len(response.Value.Content) == 0 {
				all = append(all, one)
			}
			for mediaType, media := range response.Value.Content {
				one.mediaType, one.schema = mediaType, media.Schema.Value
				add := func(name, body string) {
					one.name, one.body = name, body
					all = append(all, one)
				}
				if media.Example != nil {
					add("example", marshal(t, withRequestedID(op.OperationID, media.Example)))
				}
				for name, example := range media.Examples {
					add(name, marshal(t, withRequestedID(op.OperationID, example.Value.Value)))
				}
				switch {
				case media.Example != nil || len(media.Examples) > 0:
				case mediaType != "application/json":
					add(mediaType, "%PDF-1.7, or a,\"b\nc\n") // must not be parsed
				default: // for example updateUser, which has the response of getUser
					add("generated", `{"type":"user","id":"u1"}`)
				}
			}
		}
	}
	return all
}

// The wrapper must accept every success response that the contract declares, with every example. Two of them contain nothing to
// return and are errors.
func TestOperations_DocumentedSuccess(t *testing.T) {
	t.Parallel()
	all := successes(t)
	succeeded, requested, noSummary := map[string]bool{}, map[string]bool{}, 0
	for _, tc := range all {
		exchange := fmt.Sprintf("%s %d", tc.operation, tc.status)
		succeeded[tc.operation] = true
		if tc.noSummary {
			noSummary++
		}
		if tc.mediaType != "" && tc.mediaType != "application/json" {
			requested[tc.operation+" "+tc.mediaType] = true
		}
		t.Run(exchange+"/"+tc.name, func(t *testing.T) {
			t.Parallel()
			accepted := ""
			server := fixedResponse{tc.operation, tc.status, tc.mediaType, tc.body}
			c, transport := client(t, tc.operation, roundTripper(func(req *http.Request) (*http.Response, error) {
				accepted = req.Header.Get("Accept")
				return server.RoundTrip(req)
			}))
			pages := 1
			if hasNext(tc.body) {
				pages = 2
			}
			var e *basiq.Error
			switch {
			case tc.mediaType != "" && tc.mediaType != "application/json":
				call := documents()[tc.operation+" "+tc.mediaType]
				require.NotNil(t, call, "documents must contain every document")
				body, err := call(t.Context(), c)
				require.NoError(t, err)
				assert.Equal(t, []byte(tc.body), body)
				assert.Equal(t, tc.mediaType, accepted)
			case tc.noSummary:
				require.ErrorIs(t, failure(t.Context(), c, tc.operation), basiq.ErrNoTransactions)
			case tc.operation == "postAffordability" && tc.status == http.StatusCreated:
				// This is the documented response to a request for a PDF. The call does not request one, so it returns an error.
				require.ErrorAs(t, failure(t.Context(), c, tc.operation), &e)
				assert.Equal(t, http.StatusCreated, e.StatusCode, "the error shows that the summary was created")
			default:
				require.NoError(t, failure(t.Context(), c, tc.operation))
				if tc.body != "" {
					assert.Equal(t, "application/json", accepted)
				}
			}
			assert.Equal(t, pages, transport.Exchanges()[exchange])
		})
	}
	for id := range callsOf(t.Context(), nil) {
		assert.True(t, succeeded[id], "the contract has no success for %s", id)
	}
	for document := range documents() {
		assert.True(t, requested[document], "the contract does not declare the document %s", document)
	}
	assert.Equal(t, 3, noSummary, "affordability, income and expenses")
	t.Logf("%d successes of %d operations, %d of them documents", len(all), len(succeeded), len(requested))
}

// The size of a stream is unknown, so it is checked while it is sent. It must arrive completely.
func TestStatements_Upload_Stream(t *testing.T) {
	t.Parallel()
	const text = "date,amount\n2024-03-01,-42.10\n"
	var got []byte
	c, transport := client(t, "createStatement", roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path != "/token" {
			assert.Zero(t, req.ContentLength, "0 with a body means unknown to net/http")
			file, header, err := req.FormFile("statement")
			if err != nil {
				return nil, err
			}
			assert.Equal(t, "march.csv", header.Filename)
			assert.Equal(t, "AU01001", req.FormValue("institutionId"))
			if got, err = io.ReadAll(file); err != nil {
				return nil, err
			}
		}
		return fixedResponse{"createStatement", http.StatusAccepted, "application/json", `{"type":"job","id":"j1"}`}.RoundTrip(req)
	}))
	job, err := c.Statements.Upload(t.Context(), "u1", basiq.Statement{
		InstitutionID: "AU01001", Name: "march.csv", Content: io.MultiReader(strings.NewReader(text[:7]), strings.NewReader(text[7:])),
	})
	require.NoError(t, err)
	assert.Equal(t, "j1", job.ID)
	assert.Equal(t, text, string(got))
	assert.Equal(t, 1, transport.Exchanges()["createStatement 202"])
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	body, err := json.Marshal(value)
	require.NoError(t, err)
	return string(body)
}

// Every error status that the contract declares must be returned as an Error with all details, and the requests must match the
// contract.
func TestOperations_DocumentedStatus(t *testing.T) {
	t.Parallel()
	for _, op := range operations(loaded(t)) {
		for status := range op.Responses.Map() {
			code, err := strconv.Atoi(status)
			require.NoError(t, err)
			if code < 300 {
				continue
			}
			t.Run(op.OperationID+"/"+status, func(t *testing.T) {
				t.Parallel()
				c, _ := client(t, op.OperationID, fixedResponse{op.OperationID, code, "application/json", `{"type":"list","correlationId":"ac5ah5i","data":[` +
					`{"type":"error","code":"unauthorized-access","title":"The title.","detail":"The detail.","source":{"parameter":"p","pointer":"a/p"}}]}`})
				got := require.New(t)
				var e *basiq.Error
				got.ErrorAs(failure(t.Context(), c, op.OperationID), &e)
				got.Equal(code, e.StatusCode)
				got.Equal("ac5ah5i", e.CorrelationID)
				got.Equal([]basiq.ErrorDetail{{
					Type: "error", Code: "unauthorized-access", Title: "The title.", Detail: "The detail.",
					Source: basiq.ErrorSource{Parameter: "p", Pointer: "a/p"},
				}}, e.Details)
			})
		}
	}
}

// The errors are Basiq's own list by endpoint. The list contains no codes.
func TestOperations_DocumentedErrors(t *testing.T) {
	t.Parallel()
	rows := strings.Split(strings.TrimSpace(readFile(t, "testdata/errors.tsv")), "\n")[1:]
	require.Greater(t, len(rows), 270)
	for _, row := range rows {
		fields := strings.Split(row, "\t")
		require.Len(t, fields, 3)
		operation, detail := fields[0], fields[2]
		status, err := strconv.Atoi(fields[1])
		require.NoError(t, err)
		t.Run(strings.Join(fields, "/"), func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(`{"type":"list","correlationId":"ac5ah5i","data":[{"type":"error","code":"a-code","title":"A title","detail":%q}]}`, detail)
			mediaType := "application/json"
			if strings.HasPrefix(detail, "Route not found") {
				body, mediaType = detail, "text/plain"
			}
			c, _ := client(t, operation, fixedResponse{operation, status, mediaType, body})
			err := failure(t.Context(), c, operation)
			var e *basiq.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, status, e.StatusCode)
			assert.Equal(t, detail, e.Detail())
			assert.Contains(t, err.Error(), detail)
		})
	}
	t.Logf("%d documented errors", len(rows))
}
