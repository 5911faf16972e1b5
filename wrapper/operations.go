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

	repeat   repeatability
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
	var versions []APIVersion
	if op.versions&v21 != 0 {
		versions = append(versions, APIVersion21)
	}
	if op.versions&v30 != 0 {
		versions = append(versions, APIVersion30)
	}
	return versions
}

// checkVersion returns an error if the operation does not exist in an API version.
func (op *Operation) checkVersion(version APIVersion) error {
	of := v30
	if version == APIVersion21 {
		of = v21
	}
	if op == opUnknown || op.versions&of != 0 {
		return nil
	}
	return &InputError{Operation: op.Name, Argument: "client", Problem: ErrWrongAPIVersion.Error(), reason: ErrWrongAPIVersion}
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
	opPostToken = &Operation{"postToken", "Tokens.Create", http.MethodPost, "/token", repeatAlways, v21 | v30}

	opGetUsers   = &Operation{"getUsers", "Users.List", http.MethodGet, "/users", repeatAlways, v21 | v30}
	opCreateUser = &Operation{"createUser", "Users.Create", http.MethodPost, "/users", repeatUnarrived, v21 | v30}
	opGetUser    = &Operation{"getUser", "Users.Get", http.MethodGet, "/users/{userId}", repeatAlways, v21 | v30}
	opUpdateUser = &Operation{"updateUser", "Users.Update", http.MethodPost, "/users/{userId}", repeatUnarrived, v21 | v30}
	opDeleteUser = &Operation{"deleteUser", "Users.Delete", http.MethodDelete, "/users/{userId}", repeatDelete, v21 | v30}

	opGetConsents   = &Operation{"getConsents", "Consents.List", http.MethodGet, "/users/{userId}/consents", repeatAlways, v30}
	opDeleteConsent = &Operation{"deleteConsent", "Consents.Delete", http.MethodDelete, "/users/{userId}/consents/{consentId}", repeatDelete, v30}

	// A user has one link at a time, which has no id in the path: a second creation would replace one that may have been
	// sent to the user, and a second deletion could meet one that was made in between.
	opPostAuthLink   = &Operation{"postAuthLink", "AuthLinks.Create", http.MethodPost, "/users/{userId}/auth_link", repeatUnarrived, v21 | v30}
	opGetAuthLink    = &Operation{"getAuthLink", "AuthLinks.Get", http.MethodGet, "/users/{userId}/auth_link", repeatAlways, v21 | v30}
	opDeleteAuthLink = &Operation{"deleteAuthLink", "AuthLinks.Delete", http.MethodDelete, "/users/{userId}/auth_link", repeatUnarrived, v21 | v30}

	opGetConnections   = &Operation{"getConnections", "Connections.List", http.MethodGet, "/users/{userId}/connections", repeatAlways, v21 | v30}
	opPostConnection   = &Operation{"postConnection", "Connections.Create", http.MethodPost, "/users/{userId}/connections", repeatUnarrived, v21}
	opGetConnection    = &Operation{"getConnection", "Connections.Get", http.MethodGet, "/users/{userId}/connections/{connectionId}", repeatAlways, v21 | v30}
	opUpdateConnection = &Operation{"updateConnection", "Connections.Update", http.MethodPost, "/users/{userId}/connections/{connectionId}", repeatUnarrived, v21}
	opDeleteConnection = &Operation{"deleteConnection", "Connections.Delete", http.MethodDelete, "/users/{userId}/connections/{connectionId}", repeatDelete, v21 | v30}
	// A refresh that is sent again is answered with the job that the first has started. That is not stated for
	// refreshConnections, and taken to hold.
	opRefreshConnection  = &Operation{"refreshConnection", "Connections.Refresh", http.MethodPost, "/users/{userId}/connections/{connectionId}/refresh", repeatAlways, v21 | v30}
	opRefreshConnections = &Operation{"refreshConnections", "Connections.RefreshAll", http.MethodPost, "/users/{userId}/connections/refresh", repeatAlways, v21 | v30}
	opPurgeConnection    = &Operation{"purgeConnectionData", "Connections.Purge", http.MethodPost, "/users/{userId}/connections/{connectionId}/purge", repeatUnarrived, v30}

	opGetJob      = &Operation{"getJobs", "Jobs.Get", http.MethodGet, "/jobs/{jobId}", repeatAlways, v21 | v30}
	opGetUserJobs = &Operation{"getUserJobs", "Jobs.List", http.MethodGet, "/users/{userId}/jobs", repeatAlways, v21 | v30}
	opPostJobMFA  = &Operation{"postJobMfa", "Jobs.AnswerMFA", http.MethodPost, "/jobs/{jobId}/mfa", repeatUnarrived, v21 | v30}

	opGetAccounts = &Operation{"getAccounts", "Accounts.List", http.MethodGet, "/users/{userId}/accounts", repeatAlways, v21 | v30}
	opGetAccount  = &Operation{"getAccount", "Accounts.Get", http.MethodGet, "/users/{userId}/accounts/{accountId}", repeatAlways, v21 | v30}

	opGetTransactions = &Operation{"getTransactions", "Transactions.List", http.MethodGet, "/users/{userId}/transactions", repeatAlways, v21 | v30}
	opGetTransaction  = &Operation{"getTransaction", "Transactions.Get", http.MethodGet, "/users/{userId}/transactions/{transactionId}", repeatAlways, v21 | v30}
	opGetEnrich       = &Operation{"getEnrich", "Enrichment.Get", http.MethodGet, "/enrich", repeatAlways, v21 | v30}

	opCreateStatement = &Operation{"createStatement", "Statements.Upload", http.MethodPost, "/users/{userId}/statements", repeatUnarrived, v21 | v30}

	opGetUserIdentities = &Operation{"getUserIdentities", "Identities.List", http.MethodGet, "/users/{userId}/identities", repeatAlways, v21 | v30}
	opGetUserIdentity   = &Operation{"getUserIdentity", "Identities.Get", http.MethodGet, "/users/{userId}/identities/{identityId}", repeatAlways, v21 | v30}

	opGetConnectors         = &Operation{"getConnectors", "Connectors.List", http.MethodGet, "/connectors", repeatAlways, v21 | v30}
	opGetConnector          = &Operation{"getConnector", "Connectors.Get", http.MethodGet, "/connectors/{connectorId}/{method}", repeatAlways, v21 | v30}
	opGetPublicConnectors   = &Operation{"getPublicConnectors", "Connectors.ListPublic", http.MethodGet, "/public/connectors", repeatAlways, v21 | v30}
	opGetPublicConnector    = &Operation{"getPublicConnector", "Connectors.GetPublic", http.MethodGet, "/public/connectors/{connectorId}/{method}", repeatAlways, v21 | v30}
	opGetInstitutions       = &Operation{"getInstitutions", "Institutions.List", http.MethodGet, "/institutions", repeatAlways, v21 | v30}
	opGetInstitution        = &Operation{"getInstitution", "Institutions.Get", http.MethodGet, "/institutions/{institutionId}", repeatAlways, v21 | v30}
	opGetPublicInstitutions = &Operation{"getPublicInstitutions", "Institutions.ListPublic", http.MethodGet, "/public/institutions", repeatAlways, v21 | v30}

	// A summary that is made twice counts twice against the daily limit, and leaves two snapshots.
	opGetAffordabilityList    = &Operation{"getAffordabilityList", "Affordability.List", http.MethodGet, "/users/{userId}/affordability", repeatAlways, v21 | v30}
	opPostAffordability       = &Operation{"postAffordability", "Affordability.Create", http.MethodPost, "/users/{userId}/affordability", repeatUnarrived, v21 | v30}
	opGetAffordability        = &Operation{"getAffordability", "Affordability.Get", http.MethodGet, "/users/{userId}/affordability/{snapshotId}", repeatAlways, v21 | v30}
	opGetSnapshotTransactions = &Operation{"getAffordabilitySnapshotTransactions", "Affordability.Transactions", http.MethodGet, "/users/{userId}/affordability/{snapshotId}/transactions", repeatAlways, v21 | v30}
	opPostIncome              = &Operation{"postIncome", "Income.Create", http.MethodPost, "/users/{userId}/income", repeatUnarrived, v21 | v30}
	opGetIncome               = &Operation{"getIncome", "Income.Get", http.MethodGet, "/users/{userId}/income/{snapshotId}", repeatAlways, v21 | v30}
	opPostExpenses            = &Operation{"postExpenses", "Expenses.Create", http.MethodPost, "/users/{userId}/expenses", repeatUnarrived, v21 | v30}
	opGetExpenses             = &Operation{"getExpenses", "Expenses.Get", http.MethodGet, "/users/{userId}/expenses/{snapshotId}", repeatAlways, v21 | v30}

	opListReports        = &Operation{"listReports", "Reports.List", http.MethodGet, "/reports", repeatAlways, v30}
	opCreateReport       = &Operation{"createReport", "Reports.Create", http.MethodPost, "/reports", repeatUnarrived, v30}
	opRetrieveReport     = &Operation{"retrieveReport", "Reports.Get", http.MethodGet, "/reports/{reportId}", repeatAlways, v30}
	opDeleteReport       = &Operation{"deleteReport", "Reports.Delete", http.MethodDelete, "/reports/{reportId}", repeatDelete, v30}
	opReportTransactions = &Operation{"retrieveReportTransactions", "Reports.Transactions", http.MethodGet, "/reports/{reportId}/transactions", repeatAlways, v30}
	opListReportTypes    = &Operation{"listReportTypes", "Reports.Types", http.MethodGet, "/reports/types", repeatAlways, v30}
	opReportType         = &Operation{"retrieveSpecificReportType", "Reports.Type", http.MethodGet, "/reports/types/{reportTypeId}", repeatAlways, v30}

	opGetEvents      = &Operation{"getEvents", "Events.List", http.MethodGet, "/events", repeatAlways, v30}
	opGetEvent       = &Operation{"getEvent", "Events.Get", http.MethodGet, "/events/{eventId}", repeatAlways, v30}
	opListEventTypes = &Operation{"listEventTypes", "Events.Types", http.MethodGet, "/events/types", repeatAlways, v30}
	opGetEventType   = &Operation{"getEventTypeById", "Events.Type", http.MethodGet, "/events/types/{eventTypeId}", repeatAlways, v30}

	opListWebhooks      = &Operation{"listAppWebhooks", "Webhooks.List", http.MethodGet, "/notifications/webhooks", repeatAlways, v30}
	opAddWebhook        = &Operation{"addWebhook", "Webhooks.Create", http.MethodPost, "/notifications/webhooks", repeatUnarrived, v30}
	opGetWebhook        = &Operation{"getWebhook", "Webhooks.Get", http.MethodGet, "/notifications/webhooks/{webhookId}", repeatAlways, v30}
	opUpdateWebhook     = &Operation{"updateWebhook", "Webhooks.Update", http.MethodPost, "/notifications/webhooks/{webhookId}", repeatUnarrived, v30}
	opDeleteWebhook     = &Operation{"deleteWebhook", "Webhooks.Delete", http.MethodDelete, "/notifications/webhooks/{webhookId}", repeatDelete, v30}
	opListMessages      = &Operation{"listMessages", "Webhooks.Messages", http.MethodGet, "/notifications/webhooks/{webhookId}/messages", repeatAlways, v30}
	opGetWebhookMessage = &Operation{"getWebhookMessage", "Webhooks.Message", http.MethodGet, "/notifications/webhooks/{webhookId}/messages/{messageId}", repeatAlways, v30}
	opTestMessage       = &Operation{"testMessage", "Webhooks.SendTest", http.MethodPost, "/notifications/messages/test", repeatUnarrived, v30}
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
