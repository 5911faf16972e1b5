package basiq

import (
	"net/http"
	"slices"
	"strings"
)

// Operation describes an operation of the API.
type Operation struct {
	// ID is the operationId in Basiq's documents and openapi.yaml, for example "getConnection".
	ID string
	// Name is the Go method that calls it, for example "Connections.Get".
	Name string
	// Method is the HTTP method, and Path the template of the path, for example "/users/{userId}".
	Method, Path string

	retries  retryRule
	versions versionSet
}

// versionSet is a set of API versions.
type versionSet uint8

const (
	v21 versionSet = 1 << iota
	v30
)

// Versions returns the API versions that have the operation, in ascending order.
func (op Operation) Versions() []APIVersion {
	versions := []APIVersion{APIVersion21, APIVersion30}
	return slices.DeleteFunc(versions, func(version APIVersion) bool { return op.versions&setOf(version) == 0 })
}

func setOf(version APIVersion) versionSet {
	if version == APIVersion21 {
		return v21
	}
	return v30
}

// checkVersion returns an error if the operation does not exist in an API version.
func (op Operation) checkVersion(version APIVersion) error {
	if op.versions == 0 || op.versions&setOf(version) != 0 { // an unknown operation has no versions
		return nil
	}
	return &InputError{Operation: op.Name, Argument: "client", Problem: ErrWrongAPIVersion.Error(), reason: ErrWrongAPIVersion}
}

// A retryRule describes when an operation can be retried. It depends on what the operation does, not on its HTTP
// method: Basiq uses POST for updates and refreshes.
type retryRule uint8

const (
	// retryIfUnsent allows a retry only if Basiq certainly did not carry out the request. A retry could create a second
	// connection or user, or send a second MFA answer, and banks lock logins that fail too often.
	retryIfUnsent retryRule = iota
	// retryAlways marks an operation that is safe to retry.
	retryAlways
	// retryDelete marks a delete that is safe to retry. A retry gets 404 if an earlier attempt was carried out.
	retryDelete
)

// operations holds all operations, in the order of the documents. The token scopes that an operation accepts are in
// openapi.yaml (x-basiq-scopes) and in basiqtest/routes.go: this client sends a server token unless the context sets a scope.
var operations []*Operation

func register(id, name, method, path string, retries retryRule, versions versionSet) *Operation {
	op := &Operation{id, name, method, path, retries, versions}
	operations = append(operations, op)
	return op
}

// One line for each operation of the contract; a test in api/conformance compares them.
var (
	opPostToken = register("postToken", "Tokens.Create", http.MethodPost, "/token", retryAlways, v21|v30)

	opGetUsers   = register("getUsers", "Users.List", http.MethodGet, "/users", retryAlways, v21|v30)
	opCreateUser = register("createUser", "Users.Create", http.MethodPost, "/users", retryIfUnsent, v21|v30)
	opGetUser    = register("getUser", "Users.Get", http.MethodGet, "/users/{userId}", retryAlways, v21|v30)
	opUpdateUser = register("updateUser", "Users.Update", http.MethodPost, "/users/{userId}", retryIfUnsent, v21|v30)
	opDeleteUser = register("deleteUser", "Users.Delete", http.MethodDelete, "/users/{userId}", retryDelete, v21|v30)

	opGetConsents   = register("getConsents", "Consents.List", http.MethodGet, "/users/{userId}/consents", retryAlways, v30)
	opDeleteConsent = register("deleteConsent", "Consents.Delete", http.MethodDelete, "/users/{userId}/consents/{consentId}", retryDelete, v30)

	// A user has one link at a time, without an ID in the path. Creating it again would replace a link that the user
	// may have received, and deleting it again could delete a newer link.
	opPostAuthLink   = register("postAuthLink", "AuthLinks.Create", http.MethodPost, "/users/{userId}/auth_link", retryIfUnsent, v21|v30)
	opGetAuthLink    = register("getAuthLink", "AuthLinks.Get", http.MethodGet, "/users/{userId}/auth_link", retryAlways, v21|v30)
	opDeleteAuthLink = register("deleteAuthLink", "AuthLinks.Delete", http.MethodDelete, "/users/{userId}/auth_link", retryIfUnsent, v21|v30)

	opGetConnections   = register("getConnections", "Connections.List", http.MethodGet, "/users/{userId}/connections", retryAlways, v21|v30)
	opPostConnection   = register("postConnection", "Connections.Create", http.MethodPost, "/users/{userId}/connections", retryIfUnsent, v21)
	opGetConnection    = register("getConnection", "Connections.Get", http.MethodGet, "/users/{userId}/connections/{connectionId}", retryAlways, v21|v30)
	opUpdateConnection = register("updateConnection", "Connections.Update", http.MethodPost, "/users/{userId}/connections/{connectionId}", retryIfUnsent, v21)
	opDeleteConnection = register("deleteConnection", "Connections.Delete", http.MethodDelete, "/users/{userId}/connections/{connectionId}", retryDelete, v21|v30)
	// Basiq responds to a second refresh with the job of the first. This is not documented for refreshConnections.
	opRefreshConnection  = register("refreshConnection", "Connections.Refresh", http.MethodPost, "/users/{userId}/connections/{connectionId}/refresh", retryAlways, v21|v30)
	opRefreshConnections = register("refreshConnections", "Connections.RefreshAll", http.MethodPost, "/users/{userId}/connections/refresh", retryAlways, v21|v30)
	opPurgeConnection    = register("purgeConnectionData", "Connections.Purge", http.MethodPost, "/users/{userId}/connections/{connectionId}/purge", retryIfUnsent, v30)

	opGetJob      = register("getJobs", "Jobs.Get", http.MethodGet, "/jobs/{jobId}", retryAlways, v21|v30)
	opGetUserJobs = register("getUserJobs", "Jobs.List", http.MethodGet, "/users/{userId}/jobs", retryAlways, v21|v30)
	opPostJobMFA  = register("postJobMfa", "Jobs.AnswerMFA", http.MethodPost, "/jobs/{jobId}/mfa", retryIfUnsent, v21|v30)

	opGetAccounts = register("getAccounts", "Accounts.List", http.MethodGet, "/users/{userId}/accounts", retryAlways, v21|v30)
	opGetAccount  = register("getAccount", "Accounts.Get", http.MethodGet, "/users/{userId}/accounts/{accountId}", retryAlways, v21|v30)

	opGetTransactions = register("getTransactions", "Transactions.List", http.MethodGet, "/users/{userId}/transactions", retryAlways, v21|v30)
	opGetTransaction  = register("getTransaction", "Transactions.Get", http.MethodGet, "/users/{userId}/transactions/{transactionId}", retryAlways, v21|v30)
	opGetEnrich       = register("getEnrich", "Enrichment.Get", http.MethodGet, "/enrich", retryAlways, v21|v30)

	opCreateStatement = register("createStatement", "Statements.Upload", http.MethodPost, "/users/{userId}/statements", retryIfUnsent, v21|v30)

	opGetUserIdentities = register("getUserIdentities", "Identities.List", http.MethodGet, "/users/{userId}/identities", retryAlways, v21|v30)
	opGetUserIdentity   = register("getUserIdentity", "Identities.Get", http.MethodGet, "/users/{userId}/identities/{identityId}", retryAlways, v21|v30)

	opGetConnectors         = register("getConnectors", "Connectors.List", http.MethodGet, "/connectors", retryAlways, v21|v30)
	opGetConnector          = register("getConnector", "Connectors.Get", http.MethodGet, "/connectors/{connectorId}/{method}", retryAlways, v21|v30)
	opGetPublicConnectors   = register("getPublicConnectors", "Connectors.ListPublic", http.MethodGet, "/public/connectors", retryAlways, v21|v30)
	opGetPublicConnector    = register("getPublicConnector", "Connectors.GetPublic", http.MethodGet, "/public/connectors/{connectorId}/{method}", retryAlways, v21|v30)
	opGetInstitutions       = register("getInstitutions", "Institutions.List", http.MethodGet, "/institutions", retryAlways, v21|v30)
	opGetInstitution        = register("getInstitution", "Institutions.Get", http.MethodGet, "/institutions/{institutionId}", retryAlways, v21|v30)
	opGetPublicInstitutions = register("getPublicInstitutions", "Institutions.ListPublic", http.MethodGet, "/public/institutions", retryAlways, v21|v30)

	// Each summary counts against the daily limit.
	opGetAffordabilityList    = register("getAffordabilityList", "Affordability.List", http.MethodGet, "/users/{userId}/affordability", retryAlways, v21|v30)
	opPostAffordability       = register("postAffordability", "Affordability.Create", http.MethodPost, "/users/{userId}/affordability", retryIfUnsent, v21|v30)
	opGetAffordability        = register("getAffordability", "Affordability.Get", http.MethodGet, "/users/{userId}/affordability/{snapshotId}", retryAlways, v21|v30)
	opGetSnapshotTransactions = register("getAffordabilitySnapshotTransactions", "Affordability.Transactions", http.MethodGet, "/users/{userId}/affordability/{snapshotId}/transactions", retryAlways, v21|v30)
	opPostIncome              = register("postIncome", "Income.Create", http.MethodPost, "/users/{userId}/income", retryIfUnsent, v21|v30)
	opGetIncome               = register("getIncome", "Income.Get", http.MethodGet, "/users/{userId}/income/{snapshotId}", retryAlways, v21|v30)
	opPostExpenses            = register("postExpenses", "Expenses.Create", http.MethodPost, "/users/{userId}/expenses", retryIfUnsent, v21|v30)
	opGetExpenses             = register("getExpenses", "Expenses.Get", http.MethodGet, "/users/{userId}/expenses/{snapshotId}", retryAlways, v21|v30)

	opListReports        = register("listReports", "Reports.List", http.MethodGet, "/reports", retryAlways, v30)
	opCreateReport       = register("createReport", "Reports.Create", http.MethodPost, "/reports", retryIfUnsent, v30)
	opRetrieveReport     = register("retrieveReport", "Reports.Get", http.MethodGet, "/reports/{reportId}", retryAlways, v30)
	opDeleteReport       = register("deleteReport", "Reports.Delete", http.MethodDelete, "/reports/{reportId}", retryDelete, v30)
	opReportTransactions = register("retrieveReportTransactions", "Reports.Transactions", http.MethodGet, "/reports/{reportId}/transactions", retryAlways, v30)
	opListReportTypes    = register("listReportTypes", "Reports.Types", http.MethodGet, "/reports/types", retryAlways, v30)
	opReportType         = register("retrieveSpecificReportType", "Reports.Type", http.MethodGet, "/reports/types/{reportTypeId}", retryAlways, v30)

	// Each POST stores an insight.
	opListInsights   = register("listUserInsights", "Insights.List", http.MethodGet, "/users/{userId}/insights", retryAlways, v30)
	opGetInsight     = register("getInsightById", "Insights.Get", http.MethodGet, "/users/{userId}/insights/{insightId}", retryAlways, v30)
	opVerifyAccount  = register("getAccountInsights", "Insights.VerifyAccount", http.MethodPost, "/users/{userId}/insights/account", retryIfUnsent, v30)
	opVerifyBalance  = register("getBalanceInsights", "Insights.VerifyBalance", http.MethodPost, "/users/{userId}/insights/balance", retryIfUnsent, v30)
	opVerifyIdentity = register("getIdentityInsights", "Insights.VerifyIdentity", http.MethodPost, "/users/{userId}/insights/identity", retryIfUnsent, v30)
	opCreateInsight  = register("createInsight", "Insights.Create", http.MethodPost, "/insights", retryIfUnsent, v30)
	opInsightTypes   = register("getInsightTypes", "Insights.Types", http.MethodGet, "/insights/types", retryAlways, v30)
	opInsightType    = register("getInsightType", "Insights.Type", http.MethodGet, "/insights/types/{typeId}", retryAlways, v30)

	opGetPayees = register("GetPayees", "Payees.List", http.MethodGet, "/users/{userId}/payees", retryAlways, v30)
	opGetPayee  = register("GetPayeeDetails", "Payees.Get", http.MethodGet, "/users/{userId}/payees/{payeeId}", retryAlways, v30)

	opSearchMerchants = register("MerchantSearch", "Merchants.Search", http.MethodGet, "/merchants", retryAlways, v30)
	opGetMerchant     = register("GetMerchantById", "Merchants.Get", http.MethodGet, "/merchants/{merchantId}", retryAlways, v30)

	opUserAnalytics = register("getUserAnalytics", "Analytics.Users", http.MethodGet, "/analytics/users", retryAlways, v30)

	opGetEvents      = register("getEvents", "Events.List", http.MethodGet, "/events", retryAlways, v30)
	opGetEvent       = register("getEvent", "Events.Get", http.MethodGet, "/events/{eventId}", retryAlways, v30)
	opListEventTypes = register("listEventTypes", "Events.Types", http.MethodGet, "/events/types", retryAlways, v30)
	opGetEventType   = register("getEventTypeById", "Events.Type", http.MethodGet, "/events/types/{eventTypeId}", retryAlways, v30)

	opListWebhooks      = register("listAppWebhooks", "Webhooks.List", http.MethodGet, "/notifications/webhooks", retryAlways, v30)
	opAddWebhook        = register("addWebhook", "Webhooks.Create", http.MethodPost, "/notifications/webhooks", retryIfUnsent, v30)
	opGetWebhook        = register("getWebhook", "Webhooks.Get", http.MethodGet, "/notifications/webhooks/{webhookId}", retryAlways, v30)
	opUpdateWebhook     = register("updateWebhook", "Webhooks.Update", http.MethodPost, "/notifications/webhooks/{webhookId}", retryIfUnsent, v30)
	opDeleteWebhook     = register("deleteWebhook", "Webhooks.Delete", http.MethodDelete, "/notifications/webhooks/{webhookId}", retryDelete, v30)
	opListMessages      = register("listMessages", "Webhooks.Messages", http.MethodGet, "/notifications/webhooks/{webhookId}/messages", retryAlways, v30)
	opGetWebhookMessage = register("getWebhookMessage", "Webhooks.Message", http.MethodGet, "/notifications/webhooks/{webhookId}/messages/{messageId}", retryAlways, v30)
	opTestMessage       = register("testMessage", "Webhooks.SendTest", http.MethodPost, "/notifications/messages/test", retryIfUnsent, v30)
)

// opUnknown is the operation of a request that does not match any operation. It is not retried.
var opUnknown = &Operation{Name: "Raw"}

// Operations returns all operations that this package supports, in the order of the documents.
func Operations() []Operation {
	all := make([]Operation, len(operations))
	for i, op := range operations {
		all[i] = *op
	}
	return all
}

// Idempotent reports whether the operation is safe to retry after it may have been carried out: after a timeout, a
// reset, 408 or 5xx. See the section Retries of the package documentation.
func (op Operation) Idempotent() bool { return op.retries != retryIfUnsent }

// public reports whether the operation needs no token.
func (op Operation) public() bool { return strings.HasPrefix(op.Path, "/public/") }

// matchOperation returns the operation of a request of [Client.Raw]. The path is relative to the base URL. If two
// templates match, the one with fewer parameters is used, as in the contract.
func matchOperation(method, path string) *Operation {
	found := opUnknown
	for _, op := range operations {
		if op.Method == method && matchPath(op.Path, path) &&
			(found == opUnknown || strings.Count(op.Path, "{") < strings.Count(found.Path, "{")) {
			found = op
		}
	}
	return found
}

func matchPath(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i, segment := range want {
		if segment != got[i] && !strings.HasPrefix(segment, "{") {
			return false
		}
	}
	return true
}
