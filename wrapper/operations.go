package basiq

import (
	"net/http"
	"strings"
)

// Operation is one operation of the API.
type Operation struct {
	// ID is the operationId that Basiq's documents and openapi.yaml give it, for example "getConnection".
	ID string
	// Name is the Go method that calls it, for example "Connections.Get".
	Name string
	// Method is the HTTP method.
	Method string
	// Path is the path's template, for example "/users/{userId}/connections/{connectionId}".
	Path string

	repeat repeatability
}

// repeatability says when an operation may be sent again. It is a property of what the operation does, not of its HTTP
// method: Basiq updates with POST and refreshes with POST.
type repeatability uint8

const (
	// repeatUnarrived: only when the request certainly did not arrive, or was turned away unread with 429. A second
	// connection, user or MFA answer would do harm: banks lock logins that fail too often.
	repeatUnarrived repeatability = iota
	// repeatAlways: a second time does no harm.
	repeatAlways
	// repeatDelete: a second time does no harm, and finds nothing where the first was carried out.
	repeatDelete
)

// One row for every operation of the contract; a test in api/conformance compares.
var (
	opPostToken = &Operation{"postToken", "Tokens.Create", http.MethodPost, "/token", repeatAlways}

	opGetUsers   = &Operation{"getUsers", "Users.List", http.MethodGet, "/users", repeatAlways}
	opCreateUser = &Operation{"createUser", "Users.Create", http.MethodPost, "/users", repeatUnarrived}
	opGetUser    = &Operation{"getUser", "Users.Get", http.MethodGet, "/users/{userId}", repeatAlways}
	opUpdateUser = &Operation{"updateUser", "Users.Update", http.MethodPost, "/users/{userId}", repeatUnarrived}
	opDeleteUser = &Operation{"deleteUser", "Users.Delete", http.MethodDelete, "/users/{userId}", repeatDelete}

	opGetConsents   = &Operation{"getConsents", "Consents.List", http.MethodGet, "/users/{userId}/consents", repeatAlways}
	opDeleteConsent = &Operation{"deleteConsent", "Consents.Delete", http.MethodDelete, "/users/{userId}/consents/{consentId}", repeatDelete}

	// A user has one link at a time, which has no id in the path: a second creation would replace one that may have been
	// sent to the user, and a second deletion could meet one that was made in between.
	opPostAuthLink   = &Operation{"postAuthLink", "AuthLinks.Create", http.MethodPost, "/users/{userId}/auth_link", repeatUnarrived}
	opGetAuthLink    = &Operation{"getAuthLink", "AuthLinks.Get", http.MethodGet, "/users/{userId}/auth_link", repeatAlways}
	opDeleteAuthLink = &Operation{"deleteAuthLink", "AuthLinks.Delete", http.MethodDelete, "/users/{userId}/auth_link", repeatUnarrived}

	opGetConnections   = &Operation{"getConnections", "Connections.List", http.MethodGet, "/users/{userId}/connections", repeatAlways}
	opPostConnection   = &Operation{"postConnection", "Connections.Create", http.MethodPost, "/users/{userId}/connections", repeatUnarrived}
	opGetConnection    = &Operation{"getConnection", "Connections.Get", http.MethodGet, "/users/{userId}/connections/{connectionId}", repeatAlways}
	opUpdateConnection = &Operation{"updateConnection", "Connections.Update", http.MethodPost, "/users/{userId}/connections/{connectionId}", repeatUnarrived}
	opDeleteConnection = &Operation{"deleteConnection", "Connections.Delete", http.MethodDelete, "/users/{userId}/connections/{connectionId}", repeatDelete}
	// A refresh that is sent again is answered with the job that the first has started. That is not stated for
	// refreshConnections, and taken to hold.
	opRefreshConnection  = &Operation{"refreshConnection", "Connections.Refresh", http.MethodPost, "/users/{userId}/connections/{connectionId}/refresh", repeatAlways}
	opRefreshConnections = &Operation{"refreshConnections", "Connections.RefreshAll", http.MethodPost, "/users/{userId}/connections/refresh", repeatAlways}
	opPurgeConnection    = &Operation{"purgeConnectionData", "Connections.Purge", http.MethodPost, "/users/{userId}/connections/{connectionId}/purge", repeatUnarrived}

	opGetJob      = &Operation{"getJobs", "Jobs.Get", http.MethodGet, "/jobs/{jobId}", repeatAlways}
	opGetUserJobs = &Operation{"getUserJobs", "Jobs.List", http.MethodGet, "/users/{userId}/jobs", repeatAlways}
	opPostJobMFA  = &Operation{"postJobMfa", "Jobs.AnswerMFA", http.MethodPost, "/jobs/{jobId}/mfa", repeatUnarrived}

	opGetAccounts = &Operation{"getAccounts", "Accounts.List", http.MethodGet, "/users/{userId}/accounts", repeatAlways}
	opGetAccount  = &Operation{"getAccount", "Accounts.Get", http.MethodGet, "/users/{userId}/accounts/{accountId}", repeatAlways}

	opGetTransactions = &Operation{"getTransactions", "Transactions.List", http.MethodGet, "/users/{userId}/transactions", repeatAlways}
	opGetTransaction  = &Operation{"getTransaction", "Transactions.Get", http.MethodGet, "/users/{userId}/transactions/{transactionId}", repeatAlways}
	opGetEnrich       = &Operation{"getEnrich", "Enrichment.Get", http.MethodGet, "/enrich", repeatAlways}

	opCreateStatement = &Operation{"createStatement", "Statements.Upload", http.MethodPost, "/users/{userId}/statements", repeatUnarrived}

	opGetUserIdentities = &Operation{"getUserIdentities", "Identities.List", http.MethodGet, "/users/{userId}/identities", repeatAlways}
	opGetUserIdentity   = &Operation{"getUserIdentity", "Identities.Get", http.MethodGet, "/users/{userId}/identities/{identityId}", repeatAlways}

	opGetConnectors         = &Operation{"getConnectors", "Connectors.List", http.MethodGet, "/connectors", repeatAlways}
	opGetConnector          = &Operation{"getConnector", "Connectors.Get", http.MethodGet, "/connectors/{connectorId}/{method}", repeatAlways}
	opGetPublicConnectors   = &Operation{"getPublicConnectors", "Connectors.ListPublic", http.MethodGet, "/public/connectors", repeatAlways}
	opGetPublicConnector    = &Operation{"getPublicConnector", "Connectors.GetPublic", http.MethodGet, "/public/connectors/{connectorId}/{method}", repeatAlways}
	opGetInstitutions       = &Operation{"getInstitutions", "Institutions.List", http.MethodGet, "/institutions", repeatAlways}
	opGetInstitution        = &Operation{"getInstitution", "Institutions.Get", http.MethodGet, "/institutions/{institutionId}", repeatAlways}
	opGetPublicInstitutions = &Operation{"getPublicInstitutions", "Institutions.ListPublic", http.MethodGet, "/public/institutions", repeatAlways}

	// A summary that is made twice counts twice against the daily limit, and leaves two snapshots.
	opGetAffordabilityList    = &Operation{"getAffordabilityList", "Affordability.List", http.MethodGet, "/users/{userId}/affordability", repeatAlways}
	opPostAffordability       = &Operation{"postAffordability", "Affordability.Create", http.MethodPost, "/users/{userId}/affordability", repeatUnarrived}
	opGetAffordability        = &Operation{"getAffordability", "Affordability.Get", http.MethodGet, "/users/{userId}/affordability/{snapshotId}", repeatAlways}
	opGetSnapshotTransactions = &Operation{"getAffordabilitySnapshotTransactions", "Affordability.Transactions", http.MethodGet, "/users/{userId}/affordability/{snapshotId}/transactions", repeatAlways}
	opPostIncome              = &Operation{"postIncome", "Income.Create", http.MethodPost, "/users/{userId}/income", repeatUnarrived}
	opGetIncome               = &Operation{"getIncome", "Income.Get", http.MethodGet, "/users/{userId}/income/{snapshotId}", repeatAlways}
	opPostExpenses            = &Operation{"postExpenses", "Expenses.Create", http.MethodPost, "/users/{userId}/expenses", repeatUnarrived}
	opGetExpenses             = &Operation{"getExpenses", "Expenses.Get", http.MethodGet, "/users/{userId}/expenses/{snapshotId}", repeatAlways}

	opListReports        = &Operation{"listReports", "Reports.List", http.MethodGet, "/reports", repeatAlways}
	opCreateReport       = &Operation{"createReport", "Reports.Create", http.MethodPost, "/reports", repeatUnarrived}
	opRetrieveReport     = &Operation{"retrieveReport", "Reports.Get", http.MethodGet, "/reports/{reportId}", repeatAlways}
	opDeleteReport       = &Operation{"deleteReport", "Reports.Delete", http.MethodDelete, "/reports/{reportId}", repeatDelete}
	opReportTransactions = &Operation{"retrieveReportTransactions", "Reports.Transactions", http.MethodGet, "/reports/{reportId}/transactions", repeatAlways}
	opListReportTypes    = &Operation{"listReportTypes", "Reports.Types", http.MethodGet, "/reports/types", repeatAlways}
	opReportType         = &Operation{"retrieveSpecificReportType", "Reports.Type", http.MethodGet, "/reports/types/{reportTypeId}", repeatAlways}

	opGetEvents      = &Operation{"getEvents", "Events.List", http.MethodGet, "/events", repeatAlways}
	opGetEvent       = &Operation{"getEvent", "Events.Get", http.MethodGet, "/events/{eventId}", repeatAlways}
	opListEventTypes = &Operation{"listEventTypes", "Events.Types", http.MethodGet, "/events/types", repeatAlways}
	opGetEventType   = &Operation{"getEventTypeById", "Events.Type", http.MethodGet, "/events/types/{eventTypeId}", repeatAlways}

	opListWebhooks      = &Operation{"listAppWebhooks", "Webhooks.List", http.MethodGet, "/notifications/webhooks", repeatAlways}
	opAddWebhook        = &Operation{"addWebhook", "Webhooks.Create", http.MethodPost, "/notifications/webhooks", repeatUnarrived}
	opGetWebhook        = &Operation{"getWebhook", "Webhooks.Get", http.MethodGet, "/notifications/webhooks/{webhookId}", repeatAlways}
	opUpdateWebhook     = &Operation{"updateWebhook", "Webhooks.Update", http.MethodPost, "/notifications/webhooks/{webhookId}", repeatUnarrived}
	opDeleteWebhook     = &Operation{"deleteWebhook", "Webhooks.Delete", http.MethodDelete, "/notifications/webhooks/{webhookId}", repeatDelete}
	opListMessages      = &Operation{"listMessages", "Webhooks.Messages", http.MethodGet, "/notifications/webhooks/{webhookId}/messages", repeatAlways}
	opGetWebhookMessage = &Operation{"getWebhookMessage", "Webhooks.Message", http.MethodGet, "/notifications/webhooks/{webhookId}/messages/{messageId}", repeatAlways}
	opTestMessage       = &Operation{"testMessage", "Webhooks.SendTest", http.MethodPost, "/notifications/messages/test", repeatUnarrived}
)

var operations = []*Operation{
	opPostToken,
	opGetUsers, opCreateUser, opGetUser, opUpdateUser, opDeleteUser,
	opGetConsents, opDeleteConsent,
	opPostAuthLink, opGetAuthLink, opDeleteAuthLink,
	opGetConnections, opPostConnection, opGetConnection, opUpdateConnection, opDeleteConnection, opRefreshConnection, opRefreshConnections, opPurgeConnection,
	opGetJob, opGetUserJobs, opPostJobMFA,
	opGetAccounts, opGetAccount,
	opGetTransactions, opGetTransaction, opGetEnrich,
	opCreateStatement,
	opGetUserIdentities, opGetUserIdentity,
	opGetConnectors, opGetConnector, opGetPublicConnectors, opGetPublicConnector, opGetInstitutions, opGetInstitution, opGetPublicInstitutions,
	opGetAffordabilityList, opPostAffordability, opGetAffordability, opGetSnapshotTransactions, opPostIncome, opGetIncome, opPostExpenses, opGetExpenses,
	opListReports, opCreateReport, opRetrieveReport, opDeleteReport, opReportTransactions, opListReportTypes, opReportType,
	opGetEvents, opGetEvent, opListEventTypes, opGetEventType,
	opListWebhooks, opAddWebhook, opGetWebhook, opUpdateWebhook, opDeleteWebhook, opListMessages, opGetWebhookMessage, opTestMessage,
}

// opUnknown stands for a request that is none of the operations; nothing is known of it, so it is not repeated.
var opUnknown = &Operation{Name: "Raw"}

// Operations returns all operations that this package knows, in the order of the documents.
func Operations() []Operation {
	all := make([]Operation, len(operations))
	for i, op := range operations {
		all[i] = *op
	}
	return all
}

// Repeatable reports whether a call of the operation is sent again after it may have been carried out: after a
// timeout, a reset, 408 or 5xx. Every operation is sent again when it certainly did not arrive, or was answered 429.
func (op Operation) Repeatable() bool { return op.repeat != repeatUnarrived }

// public reports whether the operation takes no token.
func (op Operation) public() bool { return strings.HasPrefix(op.Path, "/public/") }

// matchOperation finds the operation of a request that came through [Client.Raw]. The path is what follows the base
// URL. Where two templates fit, the one with fewer parameters is meant, as in the contract.
func matchOperation(method, path string) *Operation {
	found, parameters := opUnknown, 0
	for _, op := range operations {
		if op.Method != method || !matchPath(op.Path, path) {
			continue
		}
		if n := strings.Count(op.Path, "{"); found == opUnknown || n < parameters {
			found, parameters = op, n
		}
	}
	return found
}

func matchPath(template, path string) bool {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i, segment := range want {
		if segment != have[i] && !strings.HasPrefix(segment, "{") {
			return false
		}
	}
	return true
}
