package basiq

import "strings"

// Code is a Basiq error code, of a response or of a failed job step. It is an error, so that errors.Is(err,
// basiq.CodeInvalidCredentials) matches both. Any other Code can be compared too.
type Code string

// Error returns the code.
func (c Code) Error() string { return string(c) }

// Error codes documented by Basiq. [AdviseOn] returns the advice on each. To match a code that is not listed, convert it
// with Code("...").
const (
	CodeAccessDenied                    Code = "access-denied"                               // the account is disabled, or the token has expired
	CodeAccountDataDiffers              Code = "account-data-differs"                        // the account details of a statement differ from those of an earlier one
	CodeAccountNotAccessible            Code = "account-not-accessible-requires-user-action" // the user must do something at the bank
	CodeAuthorizationFailed             Code = "authorization-failed"                        // the user or the bank refused the authorization
	CodeBankStatementInvalid            Code = "bank-statement-invalid"                      // the file is not a valid bank statement
	CodeBankStatementNewProduct         Code = "bank-statement-new-product"                  // the statement is of a product that Basiq does not know
	CodeBankStatementNotSupported       Code = "bank-statement-not-supported"                // the kind of statement is not supported
	CodeBankStatementParsingError       Code = "bank-statement-parsing-error"                // the statement cannot be parsed
	CodeConnectorError                  Code = "connector-error"                             // the connector to the institution failed
	CodeEmptyFile                       Code = "empty-file"                                  // the uploaded file is empty
	CodeEventAlreadySubscribed          Code = "event-already-subscribed"                    // another webhook has the event type
	CodeForbiddenAccess                 Code = "forbidden-access"                            // the scope of the token does not allow the operation
	CodeInstitutionDisabled             Code = "institution-disabled"                        // Basiq has disabled the institution
	CodeInstitutionNotAvailable         Code = "institution-not-available"                   // the institution is unavailable
	CodeInstitutionNotFound             Code = "institution-not-found"                       // the institution does not exist
	CodeInstitutionNotSupported         Code = "institution-not-supported"                   // the operation does not support the institution
	CodeInternalServerError             Code = "internal-server-error"                       // Basiq failed
	CodeInvalidAuthorizationRequest     Code = "invalid-authorization-request"               // the authorization request is invalid
	CodeInvalidAuthorizationToken       Code = "invalid-authorization-token"                 // the token is malformed or unknown
	CodeInvalidCSVRow                   Code = "invalid-csv-row"                             // a row of the uploaded CSV file is invalid
	CodeInvalidConnection               Code = "invalid-connection"                          // the connection is invalid
	CodeInvalidContent                  Code = "invalid-content"                             // the request body is invalid
	CodeInvalidCredentials              Code = "invalid-credentials"                         // the bank rejected the login
	CodeInvalidFieldValue               Code = "invalid-field-value"                         // a field of the uploaded file is invalid
	CodeInvalidRequestContent           Code = "invalid-request-content"                     // the content of the request is invalid
	CodeInvalidToken                    Code = "invalid-token"                               // the token is invalid
	CodeInvalidUsernameOrPassword       Code = "invalid-username-or-password"                // the bank rejected the login
	CodeJobInvalidated                  Code = "job-invalidated"                             // the job was invalidated; Basiq does not say why
	CodeJobTimedOut                     Code = "job-timed-out"                               // the job took too long
	CodeLockedAccount                   Code = "locked-account"                              // the bank has locked the login
	CodeMaintenance                     Code = "maintenance"                                 // the institution is under maintenance
	CodeMaintenanceError                Code = "maintenance-error"                           // the institution is under maintenance
	CodeMethodNotAllowed                Code = "method-not-allowed"                          // the HTTP method is not allowed
	CodeMissingRequiredField            Code = "missing-required-field"                      // a required field of the uploaded file is missing
	CodeMissingRequiredFieldValue       Code = "missing-required-field-value"                // the value of a required field is missing
	CodeMultiFactorAuthentication       Code = "multi-factor-authentication"                 // the bank requires MFA
	CodeNoProductionAccess              Code = "no-production-access"                        // Basiq has not enabled the API key for the operation
	CodeNoWebhooksFound                 Code = "no-webhooks-found"                           // the application has no webhook
	CodeParameterNotSupplied            Code = "parameter-not-supplied"                      // a parameter is missing
	CodeParameterNotValid               Code = "parameter-not-valid"                         // a parameter is invalid
	CodePathParameterNotValid           Code = "path-parameter-not-valid"                    // a path parameter is invalid
	CodeRequestNotValid                 Code = "request-not-valid"                           // the request is invalid
	CodeResourceAlreadyExists           Code = "resource-already-exists"                     // the resource exists already
	CodeResourceNoLongerAvailable       Code = "resource-no-longer-available"                // the auth link has expired, or the consent was revoked
	CodeResourceNotFound                Code = "resource-not-found"                          // the resource does not exist
	CodeRowCountExceeded                Code = "row-count-exceeded"                          // the uploaded file has too many rows
	CodeServiceUnavailable              Code = "service-unavailable"                         // Basiq or the institution is unavailable
	CodeStatementNotAvailable           Code = "statement-not-available"                     // the statement is not available
	CodeSystemUnavailable               Code = "system-unavailable"                          // the institution is unavailable
	CodeTemporaryUnavailable            Code = "temporary-unavailable"                       // the institution was unavailable for all attempts of seven days
	CodeTemporaryUnavailableQueued      Code = "temporary-unavailable-queued"                // the institution is unavailable, and Basiq retries the job; see [Job.Queued]
	CodeTooManyRequests                 Code = "too-many-requests"                           // the rate limit is exceeded
	CodeTooManySandboxConnections       Code = "too-many-sandbox-connections"                // the limit of connections in Basiq's sandbox environment is reached
	CodeTransactionAfterLastUpdatedDate Code = "txn-after-last-updated-date"                 // a transaction is later than the date of the last update
	CodeUnauthorized                    Code = "unauthorized"                                // the token is not valid for the request
	CodeUnauthorizedAccess              Code = "unauthorized-access"                         // the token is not valid for the user
	CodeUnknownError                    Code = "unknown-error"                               // unknown failure
	CodeUnsupportedAccept               Code = "unsupported-accept"                          // the media type of the Accept header is not supported
	CodeUnsupportedContentType          Code = "unsupported-content-type"                    // the media type of the request is not supported
	CodeUserActionRequired              Code = "user-action-required"                        // the user must do something at the bank
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
