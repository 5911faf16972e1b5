package basiq

import "strings"

// Code is Basiq's name for what is wrong, in answers and in failed job steps. It is an error, so that
// errors.Is(err, basiq.CodeInvalidCredentials) works for both. The list is open: banks add to it, and any Code can be
// compared with.
type Code string

// Error returns the code.
func (c Code) Error() string { return string(c) }

// Codes that the documents name for the operations of this package. Compare with Code("…") for any other.
const (
	CodeAccessDenied                Code = "access-denied"
	CodeAccountNotAccessible        Code = "account-not-accessible-requires-user-action"
	CodeAuthorizationFailed         Code = "authorization-failed"
	CodeConnectorError              Code = "connector-error"
	CodeForbiddenAccess             Code = "forbidden-access"
	CodeInstitutionDisabled         Code = "institution-disabled"
	CodeInstitutionNotAvailable     Code = "institution-not-available"
	CodeInstitutionNotFound         Code = "institution-not-found"
	CodeInstitutionNotSupported     Code = "institution-not-supported"
	CodeInternalServerError         Code = "internal-server-error"
	CodeInvalidAuthorizationRequest Code = "invalid-authorization-request"
	CodeInvalidAuthorizationToken   Code = "invalid-authorization-token"
	CodeInvalidConnection           Code = "invalid-connection"
	CodeInvalidContent              Code = "invalid-content"
	CodeInvalidCredentials          Code = "invalid-credentials"
	CodeInvalidUsernameOrPassword   Code = "invalid-username-or-password"
	CodeJobTimedOut                 Code = "job-timed-out"
	CodeLockedAccount               Code = "locked-account"
	CodeMaintenance                 Code = "maintenance"
	CodeMaintenanceError            Code = "maintenance-error"
	CodeMethodNotAllowed            Code = "method-not-allowed"
	CodeMultiFactorAuthentication   Code = "multi-factor-authentication"
	CodeNoProductionAccess          Code = "no-production-access"
	CodeParameterNotSupplied        Code = "parameter-not-supplied"
	CodeParameterNotValid           Code = "parameter-not-valid"
	CodeRequestNotValid             Code = "request-not-valid"
	CodeResourceAlreadyExists       Code = "resource-already-exists"
	CodeResourceNotFound            Code = "resource-not-found"
	CodeServiceUnavailable          Code = "service-unavailable"
	CodeSystemUnavailable           Code = "system-unavailable"
	CodeTemporaryUnavailable        Code = "temporary-unavailable"
	CodeTemporaryUnavailableQueued  Code = "temporary-unavailable-queued"
	CodeTooManyRequests             Code = "too-many-requests"
	CodeTooManySandboxConnections   Code = "too-many-sandbox-connections"
	CodeUnauthorizedAccess          Code = "unauthorized-access"
	CodeUnknownError                Code = "unknown-error"
	CodeUnsupportedAccept           Code = "unsupported-accept"
	CodeUnsupportedContentType      Code = "unsupported-content-type"
	CodeUserActionRequired          Code = "user-action-required"
)

// normalized evens out the spellings that occur: "Service unavailable", "unauthorised-access".
func (c Code) normalized() Code {
	s := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(string(c)), " ", "-"))
	return Code(strings.ReplaceAll(s, "unauthoris", "unauthoriz"))
}

// is reports whether target is the same code, however spelt.
func (c Code) is(target error) bool {
	other, ok := target.(Code) //nolint:errorlint // a target is compared as it is, not searched
	return ok && c != "" && c.normalized() == other.normalized()
}
