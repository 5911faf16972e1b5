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

	opCreateUser = &Operation{"createUser", "Users.Create", http.MethodPost, "/users", repeatUnarrived}
	opGetUser    = &Operation{"getUser", "Users.Get", http.MethodGet, "/users/{userId}", repeatAlways}
	opUpdateUser = &Operation{"updateUser", "Users.Update", http.MethodPost, "/users/{userId}", repeatUnarrived}
	opDeleteUser = &Operation{"deleteUser", "Users.Delete", http.MethodDelete, "/users/{userId}", repeatDelete}

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
)

var operations = []*Operation{
	opPostToken,
	opCreateUser, opGetUser, opUpdateUser, opDeleteUser,
	opGetConnections, opPostConnection, opGetConnection, opUpdateConnection, opDeleteConnection,
	opRefreshConnection, opRefreshConnections, opPurgeConnection,
	opGetJob, opGetUserJobs, opPostJobMFA,
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
