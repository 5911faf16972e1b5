package basiqtest

import "net/http"

// versions and scopes are sets of API versions and token scopes.
type (
	versions uint8
	scopes   uint8
)

const (
	v21 versions = 1 << iota
	v30

	anyVersion = v21 | v30
)

// since reports whether a version is the given one or a later one. Use it for all differences between versions, so that a
// version that is added later behaves as the latest one.
func (v versions) since(first versions) bool { return v >= first }

const (
	server scopes = 1 << iota
	client

	anyScope = server | client
)

// Media types other than JSON.
const (
	csv            = "text/csv"
	applicationCSV = "application/csv" // transactions of a summary, as documented
	pdf            = "application/pdf"
)

// A route is an operation of the contract.
type route struct {
	operation   string
	method      string
	path        string
	versions    versions
	scopes      scopes // 0 if the operation requires no token
	body        string // documented name of the JSON body; "" for none
	alternative string // alternative media type of the response; "" for none
	handler     func(*Sandbox, *call) (response, error)
}

// routes returns all operations of the contract, in its order.
func routes() []route {
	return []route{
		{"postToken", http.MethodPost, "/token", anyVersion, 0, "", "", (*Sandbox).postToken},

		{"getUsers", http.MethodGet, "/users", anyVersion, server, "", "", (*Sandbox).getUsers},
		{"createUser", http.MethodPost, "/users", anyVersion, server, "user", "", (*Sandbox).createUser},
		{"getUser", http.MethodGet, "/users/{userId}", anyVersion, anyScope, "", "", (*Sandbox).getUser},
		{"updateUser", http.MethodPost, "/users/{userId}", anyVersion, server, "user", "", (*Sandbox).updateUser},
		{"deleteUser", http.MethodDelete, "/users/{userId}", anyVersion, anyScope, "", "", (*Sandbox).deleteUser},

		{"getConnections", http.MethodGet, "/users/{userId}/connections", anyVersion, server, "", "", (*Sandbox).getConnections},
		{"postConnection", http.MethodPost, "/users/{userId}/connections", v21, anyScope, "connection", "", (*Sandbox).postConnection},
		{"refreshConnections", http.MethodPost, "/users/{userId}/connections/refresh", anyVersion, server, "", "", (*Sandbox).refreshConnections},
		{"getConnection", http.MethodGet, "/users/{userId}/connections/{connectionId}", anyVersion, anyScope, "", "", (*Sandbox).getConnection},
		{"updateConnection", http.MethodPost, "/users/{userId}/connections/{connectionId}", v21, anyScope, "connection", "", (*Sandbox).updateConnection},
		{"deleteConnection", http.MethodDelete, "/users/{userId}/connections/{connectionId}", anyVersion, server, "", "", (*Sandbox).deleteConnection},
		{"refreshConnection", http.MethodPost, "/users/{userId}/connections/{connectionId}/refresh", anyVersion, server, "", "", (*Sandbox).refreshConnection},
		{"purgeConnectionData", http.MethodPost, "/users/{userId}/connections/{connectionId}/purge", v30, server, "", "", (*Sandbox).purgeConnectionData},

		{"getUserJobs", http.MethodGet, "/users/{userId}/jobs", anyVersion, server, "", "", (*Sandbox).getUserJobs},
		{"getJobs", http.MethodGet, "/jobs/{jobId}", anyVersion, anyScope, "", "", (*Sandbox).getJobs},
		{"postJobMfa", http.MethodPost, "/jobs/{jobId}/mfa", anyVersion, client, "MFA response", "", (*Sandbox).postJobMFA},

		{"getAccounts", http.MethodGet, "/users/{userId}/accounts", anyVersion, server, "", "", (*Sandbox).getAccounts},
		{"getAccount", http.MethodGet, "/users/{userId}/accounts/{accountId}", anyVersion, server, "", "", (*Sandbox).getAccount},

		{"getTransactions", http.MethodGet, "/users/{userId}/transactions", anyVersion, server, "", "", (*Sandbox).getTransactions},
		{"getTransaction", http.MethodGet, "/users/{userId}/transactions/{transactionId}", anyVersion, server, "", "", (*Sandbox).getTransaction},

		{"createStatement", http.MethodPost, "/users/{userId}/statements", anyVersion, anyScope, "", "", (*Sandbox).createStatement},
		{"getEnrich", http.MethodGet, "/enrich", anyVersion, anyScope, "", "", (*Sandbox).getEnrich},

		{"getConnectors", http.MethodGet, "/connectors", anyVersion, anyScope, "", "", (*Sandbox).getConnectors},
		{"getConnector", http.MethodGet, "/connectors/{connectorId}/{method}", anyVersion, anyScope, "", "", (*Sandbox).getConnector},
		{"getPublicConnectors", http.MethodGet, "/public/connectors", v21, 0, "", "", (*Sandbox).getPublicConnectors},
		{"getPublicConnector", http.MethodGet, "/public/connectors/{connectorId}/{method}", v21, 0, "", "", (*Sandbox).getPublicConnector},
		{"getInstitutions", http.MethodGet, "/institutions", anyVersion, anyScope, "", "", (*Sandbox).getInstitutions},
		{"getInstitution", http.MethodGet, "/institutions/{institutionId}", anyVersion, anyScope, "", "", (*Sandbox).getInstitution},
		{"getPublicInstitutions", http.MethodGet, "/public/institutions", v21, 0, "", "", (*Sandbox).getPublicInstitutions},

		{"getConsents", http.MethodGet, "/users/{userId}/consents", v30, anyScope, "", "", (*Sandbox).getConsents},
		{"deleteConsent", http.MethodDelete, "/users/{userId}/consents/{consentId}", v30, server, "", "", (*Sandbox).deleteConsent},
		{"getAuthLink", http.MethodGet, "/users/{userId}/auth_link", anyVersion, server, "", "", (*Sandbox).getAuthLink},
		{"postAuthLink", http.MethodPost, "/users/{userId}/auth_link", anyVersion, server, "auth link", "", (*Sandbox).postAuthLink},
		{"deleteAuthLink", http.MethodDelete, "/users/{userId}/auth_link", anyVersion, anyScope, "", "", (*Sandbox).deleteAuthLink},

		{"getUserIdentities", http.MethodGet, "/users/{userId}/identities", anyVersion, anyScope, "", "", (*Sandbox).getUserIdentities},
		{"getUserIdentity", http.MethodGet, "/users/{userId}/identities/{identityId}", anyVersion, anyScope, "", "", (*Sandbox).getUserIdentity},

		{"getEvents", http.MethodGet, "/events", v30, server, "", "", (*Sandbox).getEvents},
		{"getEvent", http.MethodGet, "/events/{eventId}", v30, server, "", "", (*Sandbox).getEvent},
		{"listEventTypes", http.MethodGet, "/events/types", v30, server, "", "", (*Sandbox).listEventTypes},
		{"getEventTypeById", http.MethodGet, "/events/types/{eventTypeId}", v30, server, "", "", (*Sandbox).getEventTypeByID},

		{"listAppWebhooks", http.MethodGet, "/notifications/webhooks", v30, server, "", "", (*Sandbox).listAppWebhooks},
		{"addWebhook", http.MethodPost, "/notifications/webhooks", v30, server, "webhook", "", (*Sandbox).addWebhook},
		{"getWebhook", http.MethodGet, "/notifications/webhooks/{webhookId}", v30, server, "", "", (*Sandbox).getWebhook},
		{"updateWebhook", http.MethodPost, "/notifications/webhooks/{webhookId}", v30, server, "webhook", "", (*Sandbox).updateWebhook},
		{"deleteWebhook", http.MethodDelete, "/notifications/webhooks/{webhookId}", v30, server, "", "", (*Sandbox).deleteWebhook},
		{"listMessages", http.MethodGet, "/notifications/webhooks/{webhookId}/messages", v30, server, "", "", (*Sandbox).listMessages},
		{"getWebhookMessage", http.MethodGet, "/notifications/webhooks/{webhookId}/messages/{messageId}", v30, server, "", "", (*Sandbox).getWebhookMessage},
		{"testMessage", http.MethodPost, "/notifications/messages/test", v30, server, "message", "", (*Sandbox).testMessage},

		{"getAffordabilityList", http.MethodGet, "/users/{userId}/affordability", anyVersion, server, "", "", (*Sandbox).getAffordabilityList},
		{"postAffordability", http.MethodPost, "/users/{userId}/affordability", anyVersion, server, "affordability", pdf, (*Sandbox).postAffordability},
		{"getAffordability", http.MethodGet, "/users/{userId}/affordability/{snapshotId}", anyVersion, server, "", pdf, (*Sandbox).getAffordability},
		{"getAffordabilitySnapshotTransactions", http.MethodGet, "/users/{userId}/affordability/{snapshotId}/transactions", anyVersion, server, "", applicationCSV, (*Sandbox).getAffordabilitySnapshotTransactions},
		{"postIncome", http.MethodPost, "/users/{userId}/income", anyVersion, server, "income", "", (*Sandbox).postIncome},
		{"getIncome", http.MethodGet, "/users/{userId}/income/{snapshotId}", anyVersion, server, "", "", (*Sandbox).getIncome},
		{"postExpenses", http.MethodPost, "/users/{userId}/expenses", anyVersion, server, "expenses", "", (*Sandbox).postExpenses},
		{"getExpenses", http.MethodGet, "/users/{userId}/expenses/{snapshotId}", anyVersion, server, "", csv, (*Sandbox).getExpenses},

		{"listReports", http.MethodGet, "/reports", v30, server, "", "", (*Sandbox).listReports},
		{"createReport", http.MethodPost, "/reports", v30, server, "report", "", (*Sandbox).createReport},
		{"retrieveReport", http.MethodGet, "/reports/{reportId}", v30, server, "", pdf, (*Sandbox).retrieveReport},
		{"deleteReport", http.MethodDelete, "/reports/{reportId}", v30, server, "", "", (*Sandbox).deleteReport},
		{"retrieveReportTransactions", http.MethodGet, "/reports/{reportId}/transactions", v30, server, "", "", (*Sandbox).retrieveReportTransactions},
		{"listReportTypes", http.MethodGet, "/reports/types", v30, server, "", "", (*Sandbox).listReportTypes},
		{"retrieveSpecificReportType", http.MethodGet, "/reports/types/{reportTypeId}", v30, server, "", "", (*Sandbox).retrieveSpecificReportType},

		{"listUserInsights", http.MethodGet, "/users/{userId}/insights", v30, server, "", "", (*Sandbox).listUserInsights},
		{"getInsightById", http.MethodGet, "/users/{userId}/insights/{insightId}", v30, server, "", "", (*Sandbox).getInsightByID},
		{"getAccountInsights", http.MethodPost, "/users/{userId}/insights/account", v30, server, "insight", "", (*Sandbox).getAccountInsights},
		{"getBalanceInsights", http.MethodPost, "/users/{userId}/insights/balance", v30, server, "insight", "", (*Sandbox).getBalanceInsights},
		{"getIdentityInsights", http.MethodPost, "/users/{userId}/insights/identity", v30, server, "insight", "", (*Sandbox).getIdentityInsights},
		{"createInsight", http.MethodPost, "/insights", v30, server, "insight", "", (*Sandbox).createInsight},
		{"getInsightTypes", http.MethodGet, "/insights/types", v30, server, "", "", (*Sandbox).getInsightTypes},
		{"getInsightType", http.MethodGet, "/insights/types/{typeId}", v30, server, "", "", (*Sandbox).getInsightType},

		{"GetPayees", http.MethodGet, "/users/{userId}/payees", v30, server, "", "", (*Sandbox).getPayees},
		{"GetPayeeDetails", http.MethodGet, "/users/{userId}/payees/{payeeId}", v30, server, "", "", (*Sandbox).getPayeeDetails},

		{"MerchantSearch", http.MethodGet, "/merchants", v30, server, "", "", (*Sandbox).merchantSearch},
		{"GetMerchantById", http.MethodGet, "/merchants/{merchantId}", v30, server, "", "", (*Sandbox).getMerchantByID},

		{"getUserAnalytics", http.MethodGet, "/analytics/users", v30, server, "", "", (*Sandbox).getUserAnalytics},
	}
}
