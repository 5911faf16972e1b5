package basiq

import "strings"

// Code is a Basiq error code, of a response or of a failed job step. It is an error, so that errors.Is(err,
// basiq.CodeInvalidCredentials) matches both. Any other Code can be compared too.
type Code string

// Error returns the code.
func (c Code) Error() string { return string(c) }

// Error codes documented by Basiq. To match a code that is not listed, convert it with Code("...").
const (
	CodeAccessDenied                    Code = "access-denied"
	CodeAccountDataDiffers              Code = "account-data-differs"
	CodeAccountNotAccessible            Code = "account-not-accessible-requires-user-action"
	CodeAuthorizationFailed             Code = "authorization-failed"
	CodeBankStatementInvalid            Code = "bank-statement-invalid"
	CodeBankStatementNewProduct         Code = "bank-statement-new-product"
	CodeBankStatementNotSupported       Code = "bank-statement-not-supported"
	CodeBankStatementParsingError       Code = "bank-statement-parsing-error"
	CodeConnectorError                  Code = "connector-error"
	CodeEmptyFile                       Code = "empty-file"
	CodeEventAlreadySubscribed          Code = "event-already-subscribed"
	CodeForbiddenAccess                 Code = "forbidden-access"
	CodeInstitutionDisabled             Code = "institution-disabled"
	CodeInstitutionNotAvailable         Code = "institution-not-available"
	CodeInstitutionNotFound             Code = "institution-not-found"
	CodeInstitutionNotSupported         Code = "institution-not-supported"
	CodeInternalServerError             Code = "internal-server-error"
	CodeInvalidAuthorizationRequest     Code = "invalid-authorization-request"
	CodeInvalidAuthorizationToken       Code = "invalid-authorization-token"
	CodeInvalidCSVRow                   Code = "invalid-csv-row"
	CodeInvalidConnection               Code = "invalid-connection"
	CodeInvalidContent                  Code = "invalid-content"
	CodeInvalidCredentials              Code = "invalid-credentials"
	CodeInvalidFieldValue               Code = "invalid-field-value"
	CodeInvalidRequestContent           Code = "invalid-request-content"
	CodeInvalidToken                    Code = "invalid-token"
	CodeInvalidUsernameOrPassword       Code = "invalid-username-or-password"
	CodeJobInvalidated                  Code = "job-invalidated"
	CodeJobTimedOut                     Code = "job-timed-out"
	CodeLockedAccount                   Code = "locked-account"
	CodeMaintenance                     Code = "maintenance"
	CodeMaintenanceError                Code = "maintenance-error"
	CodeMethodNotAllowed                Code = "method-not-allowed"
	CodeMissingRequiredField            Code = "missing-required-field"
	CodeMissingRequiredFieldValue       Code = "missing-required-field-value"
	CodeMultiFactorAuthentication       Code = "multi-factor-authentication"
	CodeNoProductionAccess              Code = "no-production-access"
	CodeNoWebhooksFound                 Code = "no-webhooks-found"
	CodeParameterNotSupplied            Code = "parameter-not-supplied"
	CodeParameterNotValid               Code = "parameter-not-valid"
	CodePathParameterNotValid           Code = "path-parameter-not-valid"
	CodeRequestNotValid                 Code = "request-not-valid"
	CodeResourceAlreadyExists           Code = "resource-already-exists"
	CodeResourceNoLongerAvailable       Code = "resource-no-longer-available"
	CodeResourceNotFound                Code = "resource-not-found"
	CodeRowCountExceeded                Code = "row-count-exceeded"
	CodeServiceUnavailable              Code = "service-unavailable"
	CodeStatementNotAvailable           Code = "statement-not-available"
	CodeSystemUnavailable               Code = "system-unavailable"
	CodeTemporaryUnavailable            Code = "temporary-unavailable"
	CodeTemporaryUnavailableQueued      Code = "temporary-unavailable-queued"
	CodeTooManyRequests                 Code = "too-many-requests"
	CodeTooManySandboxConnections       Code = "too-many-sandbox-connections"
	CodeTransactionAfterLastUpdatedDate Code = "txn-after-last-updated-date"
	CodeUnauthorized                    Code = "unauthorized"
	CodeUnauthorizedAccess              Code = "unauthorized-access"
	CodeUnknownError                    Code = "unknown-error"
	CodeUnsupportedAccept               Code = "unsupported-accept"
	CodeUnsupportedContentType          Code = "unsupported-content-type"
	CodeUserActionRequired              Code = "user-action-required"
)

// normalized returns one spelling for variants such as "Service unavailable" and "unauthorised-access".
func (c Code) normalized() Code {
	s := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(string(c)), " ", "-"))
	return Code(strings.ReplaceAll(s, "unauthoris", "unauthoriz"))
}

// is reports whether target is the same code in any spelling.
func (c Code) is(target error) bool {
	other, ok := target.(Code) //nolint:errorlint // a target is compared as it is, not searched
	code := c.normalized()
	return ok && code != "" && code == other.normalized()
}
