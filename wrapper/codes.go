package basiq

import "strings"

// Code is a Basiq error code, of a response or of a failed job step. It is an error, so that errors.Is(err,
// basiq.CodeInvalidCredentials) matches both. Any other Code can be compared too.
type Code string

// Error returns the code.
func (c Code) Error() string { return string(c) }

// Error codes that Basiq's documents describe. To match a code that is not listed, convert it with Code("...").
const (
	// CodeAccessDenied is returned with 403: the token has expired, or Basiq has disabled the account. Some documents
	// list it with 401.
	CodeAccessDenied Code = "access-denied"
	// CodeAccountDataDiffers is returned with 400, or is the code of a failed job, if the rows of a CSV statement
	// contain different data for one account.
	CodeAccountDataDiffers Code = "account-data-differs"
	// CodeAccountNotAccessible is the code of a failed job: the institution requires an action from the user. Refresh
	// the connection after the user has logged in there.
	CodeAccountNotAccessible Code = "account-not-accessible-requires-user-action"
	// CodeAuthorizationFailed is the code of a failed job: the institution did not authorize access, for example
	// because the user denied it.
	CodeAuthorizationFailed Code = "authorization-failed"
	// CodeBankStatementNewProduct is returned with 400, or is the code of a failed job, if the PDF statement is of a
	// product that Basiq has not configured yet.
	CodeBankStatementNewProduct Code = "bank-statement-new-product"
	// CodeBankStatementNotSupported is returned with 400, or is the code of a failed job, if Basiq does not support
	// this kind of PDF statement.
	CodeBankStatementNotSupported Code = "bank-statement-not-supported"
	// CodeBankStatementParsingError is returned with 400, or is the code of a failed job, if the PDF statement cannot
	// be parsed.
	CodeBankStatementParsingError Code = "bank-statement-parsing-error"
	// CodeEmptyFile is returned with 400, or is the code of a failed job, if the CSV statement has no data rows.
	CodeEmptyFile Code = "empty-file"
	// CodeEventAlreadySubscribed is returned with 400: another webhook of the application is already subscribed to the
	// event type.
	CodeEventAlreadySubscribed Code = "event-already-subscribed"
	// CodeForbiddenAccess is returned with 403: the scope of the token does not allow the operation, or the operation
	// does not support the connection.
	CodeForbiddenAccess Code = "forbidden-access"
	// CodeInstitutionNotSupported is returned with 400: the operation does not support the institution, for example a
	// statement of the test bank AU00000.
	CodeInstitutionNotSupported Code = "institution-not-supported"
	// CodeInternalServerError is returned with 500: Basiq failed to process the request.
	CodeInternalServerError Code = "internal-server-error"
	// CodeInvalidAuthorizationRequest is returned with 401: the request to authorize is invalid; see the detail.
	CodeInvalidAuthorizationRequest Code = "invalid-authorization-request"
	// CodeInvalidAuthorizationToken is returned with 401: the token is malformed or unknown.
	CodeInvalidAuthorizationToken Code = "invalid-authorization-token"
	// CodeInvalidContent is returned with 400: the body is missing or invalid, or the event type of a test message does
	// not exist.
	CodeInvalidContent Code = "invalid-content"
	// CodeInvalidCredentials is returned with 400, or is the code of a failed job, if the institution rejected the
	// login. Ask the user for the credentials and update the connection.
	CodeInvalidCredentials Code = "invalid-credentials"
	// CodeInvalidFieldValue is returned with 400, or is the code of a failed job, if a field of a CSV statement has an
	// invalid value.
	CodeInvalidFieldValue Code = "invalid-field-value"
	// CodeInvalidRequestContent is returned with 400: the uploaded file is not a valid statement.
	CodeInvalidRequestContent Code = "invalid-request-content"
	// CodeInvalidToken is returned with 401 by the operations on payees: the token is invalid.
	CodeInvalidToken Code = "invalid-token"
	// CodeMaintenanceError is the code of a failed job: the resource is unavailable because the institution is under
	// maintenance.
	CodeMaintenanceError Code = "maintenance-error"
	// CodeMethodNotAllowed is returned with 405: the path does not support the HTTP method.
	CodeMethodNotAllowed Code = "method-not-allowed"
	// CodeMissingRequiredField is returned with 400, or is the code of a failed job, if the header of a CSV statement
	// lacks a required field.
	CodeMissingRequiredField Code = "missing-required-field"
	// CodeMissingRequiredFieldValue is returned with 400, or is the code of a failed job, if a row of a CSV statement
	// lacks the value of a required field.
	CodeMissingRequiredFieldValue Code = "missing-required-field-value"
	// CodeNoProductionAccess is returned with 403: the API key is enabled only for Basiq's sandbox
	// environment.
	CodeNoProductionAccess Code = "no-production-access"
	// CodeNoWebhooksFound is returned with 400: a test message was sent, but the application has no webhook.
	CodeNoWebhooksFound Code = "no-webhooks-found"
	// CodeParameterNotSupplied is returned with 400: a required parameter is missing. The Source of the detail names
	// the parameter.
	CodeParameterNotSupplied Code = "parameter-not-supplied"
	// CodeParameterNotValid is returned with 400: a parameter is invalid. The Source of the detail names the parameter.
	// POST /token returns it with 404 for an unknown API key.
	CodeParameterNotValid Code = "parameter-not-valid"
	// CodePathParameterNotValid is returned with 400: an ID in the path is malformed.
	CodePathParameterNotValid Code = "path-parameter-not-valid"
	// CodeRequestNotValid is returned with 403 after too many token requests or without an Authorization header, and
	// with 413 if an uploaded file is too large.
	CodeRequestNotValid Code = "request-not-valid"
	// CodeResourceAlreadyExists is returned with 409: the resource already exists, for example a webhook for the URL.
	CodeResourceAlreadyExists Code = "resource-already-exists"
	// CodeResourceNoLongerAvailable is returned with 410: the resource no longer exists, for example an expired auth
	// link.
	CodeResourceNoLongerAvailable Code = "resource-no-longer-available"
	// CodeResourceNotFound is returned with 404: the resource does not exist. Some documents list it with 400.
	CodeResourceNotFound Code = "resource-not-found"
	// CodeRowCountExceeded is returned with 400, or is the code of a failed job, if the CSV statement has too many
	// rows.
	CodeRowCountExceeded Code = "row-count-exceeded"
	// CodeServiceUnavailable is returned with 503: Basiq is temporarily unavailable. A failed job can have it too.
	CodeServiceUnavailable Code = "service-unavailable"
	// CodeTemporaryUnavailable is the code of a failed job: the institution was unavailable for seven days, during
	// which Basiq retried the job.
	CodeTemporaryUnavailable Code = "temporary-unavailable"
	// CodeTemporaryUnavailableQueued is the code of a pending job, see [Job.Queued]: the institution is unavailable.
	// Basiq retries the job every two hours for up to seven days.
	CodeTemporaryUnavailableQueued Code = "temporary-unavailable-queued"
	// CodeTooManyRequests is returned with 429: a rate limit was exceeded.
	CodeTooManyRequests Code = "too-many-requests"
	// CodeTooManySandboxConnections is returned with 403: the application has reached the limit of sandbox connections.
	CodeTooManySandboxConnections Code = "too-many-sandbox-connections"
	// CodeUnauthorized is returned with 401 by the operations on payees: the request has no valid token.
	CodeUnauthorized Code = "unauthorized"
	// CodeUnauthorizedAccess is returned with 401: the token does not allow access to this user. Some documents spell
	// the code "unauthorised-access".
	CodeUnauthorizedAccess Code = "unauthorized-access"
	// CodeUnsupportedAccept is returned with 400: the Accept header names an unsupported media type.
	CodeUnsupportedAccept Code = "unsupported-accept"
	// CodeUnsupportedContentType is returned with 415: the Content-Type of the request is not supported.
	CodeUnsupportedContentType Code = "unsupported-content-type"
)

// Error codes of failed jobs that Basiq's documents list without a description. Their comments follow from the
// names.
const (
	// CodeBankStatementInvalid is the code of a failed job: the bank statement is invalid.
	CodeBankStatementInvalid Code = "bank-statement-invalid"
	// CodeConnectorError is the code of a failed job: the connector to the institution failed.
	CodeConnectorError Code = "connector-error"
	// CodeInstitutionDisabled is the code of a failed job: Basiq has disabled the institution.
	CodeInstitutionDisabled Code = "institution-disabled"
	// CodeInstitutionNotAvailable is the code of a failed job: the institution is not available.
	CodeInstitutionNotAvailable Code = "institution-not-available"
	// CodeInstitutionNotFound is the code of a failed job: the institution does not exist.
	CodeInstitutionNotFound Code = "institution-not-found"
	// CodeInvalidCSVRow is the code of a failed job: a row of a CSV statement is invalid.
	CodeInvalidCSVRow Code = "invalid-csv-row"
	// CodeInvalidConnection is the code of a failed job: the connection is invalid.
	CodeInvalidConnection Code = "invalid-connection"
	// CodeInvalidUsernameOrPassword is the code of a failed job: the institution rejected the login ID or the password.
	CodeInvalidUsernameOrPassword Code = "invalid-username-or-password"
	// CodeJobInvalidated is the code of a failed job: the job was invalidated.
	CodeJobInvalidated Code = "job-invalidated"
	// CodeJobTimedOut is the code of a failed job: the job timed out.
	CodeJobTimedOut Code = "job-timed-out"
	// CodeLockedAccount is the code of a failed job: the institution has locked the login.
	CodeLockedAccount Code = "locked-account"
	// CodeMaintenance is the code of a failed job: the institution is under maintenance.
	CodeMaintenance Code = "maintenance"
	// CodeMultiFactorAuthentication is the code of a failed job: the multi-factor authentication failed or is required.
	CodeMultiFactorAuthentication Code = "multi-factor-authentication"
	// CodeStatementNotAvailable is the code of a failed job: the statement is not available.
	CodeStatementNotAvailable Code = "statement-not-available"
	// CodeSystemUnavailable is the code of a failed job: the system of the institution is unavailable.
	CodeSystemUnavailable Code = "system-unavailable"
	// CodeTransactionAfterLastUpdatedDate is the code of a failed job: a transaction of a CSV statement is later than
	// the last update of its account.
	CodeTransactionAfterLastUpdatedDate Code = "txn-after-last-updated-date"
	// CodeUnknownError is the code of a failed job: the cause of the failure is unknown.
	CodeUnknownError Code = "unknown-error"
	// CodeUserActionRequired is the code of a failed job: the user must act before the job can succeed.
	CodeUserActionRequired Code = "user-action-required"
)

// normalized returns one spelling for variants such as "Service unavailable" and "unauthorised-access".
func (c Code) normalized() Code {
	s := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(string(c)), " ", "-"))
	return Code(strings.ReplaceAll(s, "unauthoris", "unauthoriz"))
}

// is reports whether target is the same code in any spelling.
func (c Code) is(target error) bool {
	other, ok := target.(Code) //nolint:errorlint // the target is compared, its tree is not searched
	code := c.normalized()
	return ok && code != "" && code == other.normalized()
}
