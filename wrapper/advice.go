package basiq

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// An Action is what to do about an error; see [AdviseOn].
type Action string

// The actions.
const (
	// ActionNone is the action for a nil error.
	ActionNone Action = ""
	// ActionRetry: the failure may be temporary, and calling again is safe. Call again after [Advice].After. After a
	// [JobError] start a new job, with [ConnectionsService.Refresh] if the connection exists.
	ActionRetry Action = "retry"
	// ActionWait: the job continues. Wait for it again after [Advice].After, with the JobID of the [WaitError]. Do not start
	// another job.
	ActionWait Action = "wait"
	// ActionCheck: the call may have taken effect and is not safe to retry; see [MayHaveSucceeded]. Check whether the
	// resource exists or has changed before calling again. RELIABILITY.md lists what to check for each operation.
	ActionCheck Action = "check"
	// ActionAskUser: only the end user can help. [Advice].Need names what to ask for.
	ActionAskUser Action = "ask user"
	// ActionFix: the call, the uploaded file or the client's configuration is invalid. The same call fails again.
	ActionFix Action = "fix"
	// ActionGiveUp: neither the program nor the user can help. Basiq or the institution has to, or the caller has
	// canceled the call, or no data exists.
	ActionGiveUp Action = "give up"
	// ActionUnknown: this package does not know what to do. Log the error. Do not retry automatically.
	ActionUnknown Action = "unknown"
)

// A UserNeed is what only the end user can provide; see [Advice].
type UserNeed string

// What only the end user can provide.
const (
	// NeedCredentials: the correct login. Pass it to [ConnectionsService.Update], or with API 3.0 let the user correct it on
	// the consent page; see [ConsentPage].
	NeedCredentials UserNeed = "credentials"
	// NeedMFA: the answers to a challenge of the bank. After [ErrMFARequired] answer the challenge of the WaitError's Job.
	// After [ErrMFARejected] the job is over: refresh the connection and answer its new challenge.
	NeedMFA UserNeed = "MFA"
	// NeedBankAction: the user must log in at the bank, for example to accept its terms or to unlock the account. Then
	// refresh the connection.
	NeedBankAction UserNeed = "action at the bank"
	// NeedConsent: the user must give consent on the consent page; see [ConsentsService.PageURL].
	NeedConsent UserNeed = "consent"
)

// Advice is what to do about an error.
type Advice struct {
	// Action is the kind of the advice.
	Action Action
	// After is how long to wait before [ActionRetry] or [ActionWait], from Retry-After if Basiq sent it. It is 0 if there is
	// no need to wait, and for all other actions.
	After time.Duration
	// Need is what to ask the user for. It is empty unless Action is [ActionAskUser].
	Need UserNeed
}

// String returns the advice in a few words, for example "retry after 10m0s" or "ask user for credentials".
func (a Advice) String() string {
	text := cmp.Or(string(a.Action), "none")
	if a.After > 0 {
		text += " after " + a.After.String()
	}
	if a.Need != "" {
		text += " for " + string(a.Need)
	}
	return text
}

// How long to wait if Basiq does not say for how long.
const (
	networkDelay   = time.Minute
	throttledDelay = time.Minute
	tokenDelay     = 5 * time.Minute  // Basiq counts token requests over five minutes
	basiqDelay     = 5 * time.Minute  // as Basiq's documents advise after 503
	bankDelay      = 10 * time.Minute // as Basiq's documents advise after a failed step
	queuedDelay    = 2 * time.Hour    // between two of Basiq's attempts for a queued job
)

var (
	retryAdvice   = Advice{Action: ActionRetry}
	checkAdvice   = Advice{Action: ActionCheck}
	fixAdvice     = Advice{Action: ActionFix}
	giveUpAdvice  = Advice{Action: ActionGiveUp}
	unknownAdvice = Advice{Action: ActionUnknown}
)

func askFor(need UserNeed) Advice { return Advice{Action: ActionAskUser, Need: need} }

// AdviseOn returns what to do about an error of this package, however it is wrapped:
//
//	switch advice := basiq.AdviseOn(err); advice.Action {
//	case basiq.ActionRetry, basiq.ActionWait:
//		schedule(time.Now().Add(advice.After))
//	case basiq.ActionAskUser:
//		notify(user, advice.Need)
//	...
//	}
//
// It distinguishes Basiq's 503 response to a create, which may have taken effect ([ActionCheck]), from a job that failed
// because the bank is unavailable ([ActionRetry]). The client has already retried what [RetryPolicy] allows. Limit the
// number of further retries: some failures that look temporary are not.
//
// If err joins several errors, AdviseOn returns the advice that comes first in this order: check, give up, fix, ask user,
// wait, retry, and the longest wait of these. Errors of other packages, including package webhook, are
// [ActionUnknown]. The exceptions are the errors of package context: a canceled context is [ActionGiveUp], an expired
// one [ActionRetry].
func AdviseOn(err error) Advice {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case nil:
		return Advice{}
	case *InputError:
		return fixAdvice
	case *Error:
		if e != nil {
			return adviseOnResponse(e)
		}
	case *JobError:
		if e != nil {
			return adviseOnJob(e)
		}
	case *WaitError:
		if e != nil {
			return adviseOnWait(e)
		}
	case *TransportError:
		if e != nil {
			return adviseOnTransport(e)
		}
	case *ThrottledError:
		if e != nil {
			return Advice{Action: ActionRetry, After: cmp.Or(e.RetryAfter, throttledDelay)}
		}
	case Code:
		return adviseOnCode(e, basiqDelay)
	case interface{ Unwrap() error }:
		return adviseOnInner(err, e.Unwrap())
	case interface{ Unwrap() []error }:
		return adviseOnInner(err, e.Unwrap()...)
	default:
		return adviseOnSentinel(err)
	}
	return unknownAdvice
}

// adviseOnInner returns the advice on a wrapped error, or on the wrapping one if that is a sentinel.
func adviseOnInner(outer error, inner ...error) Advice {
	advice := adviseOnSentinel(outer)
	for _, err := range inner {
		advice = prefer(advice, AdviseOn(err))
	}
	return advice
}

// precedence is the order of actions for joined errors: actions that forbid calling again come first.
var precedence = []Action{
	ActionCheck, ActionGiveUp, ActionFix, ActionAskUser, ActionWait, ActionRetry, ActionUnknown, ActionNone,
}

// prefer returns the advice that takes precedence.
func prefer(a, b Advice) Advice {
	rank := func(advice Advice) int { return slices.Index(precedence, advice.Action) }
	if order := cmp.Compare(rank(a), rank(b)); order < 0 || order == 0 && a.After >= b.After {
		return a
	}
	return b
}

// sentinelAdvice holds the advice on errors without a type of their own.
var sentinelAdvice = []struct {
	err    error
	advice Advice
}{
	{ErrBadRequest, fixAdvice},
	{ErrUnauthorized, fixAdvice},
	{ErrForbidden, fixAdvice},
	{ErrNotFound, fixAdvice},
	{ErrConflict, fixAdvice},
	{ErrGone, giveUpAdvice},
	{ErrRequestTooLarge, fixAdvice},
	{ErrTooManyRequests, Advice{Action: ActionRetry, After: throttledDelay}},
	{ErrUnavailable, Advice{Action: ActionRetry, After: basiqDelay}},
	{ErrInvalidAPIKey, fixAdvice},
	{ErrTooManyTokenRequests, Advice{Action: ActionRetry, After: tokenDelay}},
	{ErrWrongAPIVersion, fixAdvice},
	{ErrResponseTooLarge, fixAdvice},
	{ErrInvalidInput, fixAdvice},
	{ErrProxyAuth, fixAdvice},
	{ErrMFARequired, askFor(NeedMFA)},
	{ErrMFARejected, askFor(NeedMFA)},
	{ErrJobQueued, Advice{Action: ActionWait, After: queuedDelay}},
	{ErrUserMismatch, fixAdvice},
	{ErrWaitTimeout, Advice{Action: ActionWait, After: networkDelay}},
	{ErrListChanged, retryAdvice},
	{ErrBadPageLink, giveUpAdvice},
	{ErrNoTransactions, giveUpAdvice},
	{ErrPDFCreated, checkAdvice},
	{ErrConsentState, giveUpAdvice},
	{errRedirect, fixAdvice},
	{errUnsafeURL, fixAdvice},
	{errContextReplaced, fixAdvice},
	{errNoUser, fixAdvice},
	{errNoConnection, giveUpAdvice},
	{errNoReport, giveUpAdvice},
	{errAbandoned, Advice{Action: ActionWait}},
	{context.Canceled, giveUpAdvice},
	{context.DeadlineExceeded, Advice{Action: ActionRetry, After: networkDelay}},
}

func adviseOnSentinel(err error) Advice {
	for _, sentinel := range sentinelAdvice {
		if err == sentinel.err { //nolint:errorlint // the tree is walked by AdviseOn
			return sentinel.advice
		}
	}
	return unknownAdvice
}

// codeAdvice holds the advice on the codes. A retry without After waits for as long as the source of the code suggests.
var codeAdvice = map[Code]Advice{
	CodeAccessDenied:                    giveUpAdvice,
	CodeAccountDataDiffers:              fixAdvice,
	CodeAccountNotAccessible:            askFor(NeedBankAction),
	CodeAuthorizationFailed:             askFor(NeedConsent),
	CodeBankStatementInvalid:            fixAdvice,
	CodeBankStatementNewProduct:         fixAdvice,
	CodeBankStatementNotSupported:       fixAdvice,
	CodeBankStatementParsingError:       fixAdvice,
	CodeConnectorError:                  retryAdvice,
	CodeEmptyFile:                       fixAdvice,
	CodeEventAlreadySubscribed:          fixAdvice,
	CodeForbiddenAccess:                 fixAdvice,
	CodeInstitutionDisabled:             giveUpAdvice,
	CodeInstitutionNotAvailable:         retryAdvice,
	CodeInstitutionNotFound:             fixAdvice,
	CodeInstitutionNotSupported:         fixAdvice,
	CodeInternalServerError:             retryAdvice,
	CodeInvalidAuthorizationRequest:     fixAdvice,
	CodeInvalidAuthorizationToken:       fixAdvice,
	CodeInvalidCSVRow:                   fixAdvice,
	CodeInvalidConnection:               askFor(NeedCredentials),
	CodeInvalidContent:                  fixAdvice,
	CodeInvalidCredentials:              askFor(NeedCredentials),
	CodeInvalidFieldValue:               fixAdvice,
	CodeInvalidRequestContent:           fixAdvice,
	CodeInvalidToken:                    fixAdvice,
	CodeInvalidUsernameOrPassword:       askFor(NeedCredentials),
	CodeJobInvalidated:                  unknownAdvice,
	CodeJobTimedOut:                     retryAdvice,
	CodeLockedAccount:                   askFor(NeedBankAction),
	CodeMaintenance:                     retryAdvice,
	CodeMaintenanceError:                retryAdvice,
	CodeMethodNotAllowed:                fixAdvice,
	CodeMissingRequiredField:            fixAdvice,
	CodeMissingRequiredFieldValue:       fixAdvice,
	CodeMultiFactorAuthentication:       askFor(NeedMFA),
	CodeNoProductionAccess:              giveUpAdvice,
	CodeNoWebhooksFound:                 fixAdvice,
	CodeParameterNotSupplied:            fixAdvice,
	CodeParameterNotValid:               fixAdvice,
	CodePathParameterNotValid:           fixAdvice,
	CodeRequestNotValid:                 fixAdvice,
	CodeResourceAlreadyExists:           fixAdvice,
	CodeResourceNoLongerAvailable:       askFor(NeedConsent),
	CodeResourceNotFound:                fixAdvice,
	CodeRowCountExceeded:                fixAdvice,
	CodeServiceUnavailable:              retryAdvice,
	CodeStatementNotAvailable:           giveUpAdvice,
	CodeSystemUnavailable:               retryAdvice,
	CodeTemporaryUnavailable:            {Action: ActionRetry, After: queuedDelay},
	CodeTemporaryUnavailableQueued:      {Action: ActionWait, After: queuedDelay},
	CodeTooManyRequests:                 {Action: ActionRetry, After: throttledDelay},
	CodeTooManySandboxConnections:       fixAdvice,
	CodeTransactionAfterLastUpdatedDate: fixAdvice,
	CodeUnauthorized:                    fixAdvice,
	CodeUnauthorizedAccess:              fixAdvice,
	CodeUnknownError:                    unknownAdvice,
	CodeUnsupportedAccept:               fixAdvice,
	CodeUnsupportedContentType:          fixAdvice,
	CodeUserActionRequired:              askFor(NeedBankAction),
}

// adviseOnCode returns the advice on a code in any spelling. A retry that states no time waits for delay.
func adviseOnCode(code Code, delay time.Duration) Advice {
	advice, known := codeAdvice[code.normalized()]
	if !known {
		return unknownAdvice
	}
	if advice.Action == ActionRetry {
		advice.After = cmp.Or(advice.After, delay)
	}
	return advice
}

// safeToRetry reports whether the operation with that name is safe to retry after it may have been carried out.
func safeToRetry(name string) bool {
	return slices.ContainsFunc(operations, func(op *Operation) bool { return op.Name == name && op.Idempotent() })
}

// adviseOnResponse returns the advice on a response. The status takes precedence over the code if the failure is
// temporary.
func adviseOnResponse(e *Error) Advice {
	if MayHaveSucceeded(e) && !safeToRetry(e.Operation) {
		return checkAdvice
	}
	if advice := adviseOnSentinel(e.reason); advice.Action != ActionUnknown {
		if advice.Action == ActionRetry {
			advice.After = cmp.Or(e.RetryAfter, advice.After)
		}
		return advice
	}
	status := e.StatusCode
	switch {
	case status == http.StatusTooManyRequests:
		return Advice{Action: ActionRetry, After: cmp.Or(e.RetryAfter, throttledDelay)}
	case status >= 500:
		return Advice{Action: ActionRetry, After: cmp.Or(e.RetryAfter, basiqDelay)}
	case status < 300 || slices.Contains(temporaryRejections, status):
		return Advice{Action: ActionRetry, After: cmp.Or(e.RetryAfter, networkDelay)}
	case e.Is(ErrMFARejected):
		return askFor(NeedMFA)
	case CodeAccessDenied.is(e.Code()) && strings.Contains(strings.ToLower(e.Detail()), "expired"):
		return Advice{Action: ActionRetry, After: networkDelay} // with a new token
	}
	advice := Advice{}
	for _, detail := range e.Details {
		advice = prefer(advice, adviseOnCode(Code(detail.Code), basiqDelay))
	}
	switch {
	case advice.Action != ActionNone && advice.Action != ActionUnknown:
		return advice
	case status == http.StatusGone:
		return giveUpAdvice
	}
	if _, known := codeAdvice[e.Code().normalized()]; known {
		return unknownAdvice
	}
	return fixAdvice // all other 3xx and 4xx
}

// adviseOnTransport returns the advice on a call without a response.
func adviseOnTransport(e *TransportError) Advice {
	if e.RequestMayHaveBeenReceived && !safeToRetry(e.Operation) {
		return checkAdvice
	}
	if e.Err == nil {
		return Advice{Action: ActionRetry, After: networkDelay}
	}
	if advice := AdviseOn(e.Err); advice.Action != ActionUnknown {
		return advice
	}
	if isPermanent(outcome{err: e.Err, maybeApplied: e.RequestMayHaveBeenReceived}) {
		return fixAdvice
	}
	return Advice{Action: ActionRetry, After: networkDelay}
}

// adviseOnJob returns the advice on a job that failed. The job has ended, so a retry is a new job.
func adviseOnJob(e *JobError) Advice {
	if e.Is(ErrMFARejected) {
		return askFor(NeedMFA)
	}
	return adviseOnCode(e.Code, bankDelay)
}

// adviseOnWait returns the advice on a wait that ended before its job did. What would be a retry of the poll is another
// wait.
func adviseOnWait(e *WaitError) Advice {
	advice := AdviseOn(e.Err)
	switch advice.Action {
	case ActionRetry, ActionCheck, ActionNone:
		advice.Action = ActionWait
	default:
	}
	if last := AdviseOn(e.LastErr); advice.Action == ActionWait && last.Action == ActionRetry {
		advice.After = max(advice.After, last.After)
	}
	return advice
}
