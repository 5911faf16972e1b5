package basiq_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

// Advice in the notation of Advice.String.
const (
	fix, giveUp, unknown, check = "fix", "give up", "unknown", "check"
	askLogin, askMFA            = "ask user for credentials", "ask user for MFA"
	askBank, askConsent         = "ask user for action at the bank", "ask user for consent"
)

// codeAdvice has the advice on each code, as the code of a failed step.
var codeAdvice = map[basiq.Code]string{
	basiq.CodeAccessDenied:                    giveUp,
	basiq.CodeAccountDataDiffers:              fix,
	basiq.CodeAccountNotAccessible:            askBank,
	basiq.CodeAuthorizationFailed:             askConsent,
	basiq.CodeBankStatementInvalid:            fix,
	basiq.CodeBankStatementNewProduct:         fix,
	basiq.CodeBankStatementNotSupported:       fix,
	basiq.CodeBankStatementParsingError:       fix,
	basiq.CodeConnectorError:                  "retry after 10m0s",
	basiq.CodeEmptyFile:                       fix,
	basiq.CodeEventAlreadySubscribed:          fix,
	basiq.CodeForbiddenAccess:                 fix,
	basiq.CodeInstitutionDisabled:             giveUp,
	basiq.CodeInstitutionNotAvailable:         "retry after 10m0s",
	basiq.CodeInstitutionNotFound:             fix,
	basiq.CodeInstitutionNotSupported:         fix,
	basiq.CodeInternalServerError:             "retry after 10m0s",
	basiq.CodeInvalidAuthorizationRequest:     fix,
	basiq.CodeInvalidAuthorizationToken:       fix,
	basiq.CodeInvalidCSVRow:                   fix,
	basiq.CodeInvalidConnection:               askLogin,
	basiq.CodeInvalidContent:                  fix,
	basiq.CodeInvalidCredentials:              askLogin,
	basiq.CodeInvalidFieldValue:               fix,
	basiq.CodeInvalidRequestContent:           fix,
	basiq.CodeInvalidToken:                    fix,
	basiq.CodeInvalidUsernameOrPassword:       askLogin,
	basiq.CodeJobInvalidated:                  unknown,
	basiq.CodeJobTimedOut:                     "retry after 10m0s",
	basiq.CodeLockedAccount:                   askBank,
	basiq.CodeMaintenance:                     "retry after 10m0s",
	basiq.CodeMaintenanceError:                "retry after 10m0s",
	basiq.CodeMethodNotAllowed:                fix,
	basiq.CodeMissingRequiredField:            fix,
	basiq.CodeMissingRequiredFieldValue:       fix,
	basiq.CodeMultiFactorAuthentication:       askMFA,
	basiq.CodeNoProductionAccess:              giveUp,
	basiq.CodeNoWebhooksFound:                 fix,
	basiq.CodeParameterNotSupplied:            fix,
	basiq.CodeParameterNotValid:               fix,
	basiq.CodePathParameterNotValid:           fix,
	basiq.CodeRequestNotValid:                 fix,
	basiq.CodeResourceAlreadyExists:           fix,
	basiq.CodeResourceNoLongerAvailable:       askConsent,
	basiq.CodeResourceNotFound:                fix,
	basiq.CodeRowCountExceeded:                fix,
	basiq.CodeServiceUnavailable:              "retry after 10m0s",
	basiq.CodeStatementNotAvailable:           giveUp,
	basiq.CodeSystemUnavailable:               "retry after 10m0s",
	basiq.CodeTemporaryUnavailable:            "retry after 2h0m0s",
	basiq.CodeTemporaryUnavailableQueued:      "wait after 2h0m0s",
	basiq.CodeTooManyRequests:                 "retry after 1m0s",
	basiq.CodeTooManySandboxConnections:       fix,
	basiq.CodeTransactionAfterLastUpdatedDate: fix,
	basiq.CodeUnauthorized:                    fix,
	basiq.CodeUnauthorizedAccess:              fix,
	basiq.CodeUnknownError:                    unknown,
	basiq.CodeUnsupportedAccept:               fix,
	basiq.CodeUnsupportedContentType:          fix,
	basiq.CodeUserActionRequired:              askBank,
}

// sentinelAdvice has the advice on each sentinel, by its name.
var sentinelAdvice = map[string]struct {
	err  error
	want string
}{
	"ErrBadRequest":           {basiq.ErrBadRequest, fix},
	"ErrUnauthorized":         {basiq.ErrUnauthorized, fix},
	"ErrForbidden":            {basiq.ErrForbidden, fix},
	"ErrNotFound":             {basiq.ErrNotFound, fix},
	"ErrConflict":             {basiq.ErrConflict, fix},
	"ErrGone":                 {basiq.ErrGone, giveUp},
	"ErrRequestTooLarge":      {basiq.ErrRequestTooLarge, fix},
	"ErrTooManyRequests":      {basiq.ErrTooManyRequests, "retry after 1m0s"},
	"ErrUnavailable":          {basiq.ErrUnavailable, "retry after 5m0s"},
	"ErrInvalidAPIKey":        {basiq.ErrInvalidAPIKey, fix},
	"ErrTooManyTokenRequests": {basiq.ErrTooManyTokenRequests, "retry after 5m0s"},
	"ErrWrongAPIVersion":      {basiq.ErrWrongAPIVersion, fix},
	"ErrResponseTooLarge":     {basiq.ErrResponseTooLarge, fix},
	"ErrInvalidInput":         {basiq.ErrInvalidInput, fix},
	"ErrProxyAuth":            {basiq.ErrProxyAuth, fix},
	"ErrMFARequired":          {basiq.ErrMFARequired, askMFA},
	"ErrMFARejected":          {basiq.ErrMFARejected, askMFA},
	"ErrJobQueued":            {basiq.ErrJobQueued, "wait after 2h0m0s"},
	"ErrUserMismatch":         {basiq.ErrUserMismatch, fix},
	"ErrWaitTimeout":          {basiq.ErrWaitTimeout, "wait after 1m0s"},
	"ErrListChanged":          {basiq.ErrListChanged, "retry"},
	"ErrBadPageLink":          {basiq.ErrBadPageLink, giveUp},
	"ErrNoTransactions":       {basiq.ErrNoTransactions, giveUp},
	"ErrPDFCreated":           {basiq.ErrPDFCreated, check},
	"ErrConsentState":         {basiq.ErrConsentState, giveUp},

	"webhook.ErrNotSigned":    {webhook.ErrNotSigned, unknown},
	"webhook.ErrBadHeader":    {webhook.ErrBadHeader, unknown},
	"webhook.ErrTimestamp":    {webhook.ErrTimestamp, unknown},
	"webhook.ErrBadSignature": {webhook.ErrBadSignature, unknown},
	"webhook.ErrBodyTooLarge": {webhook.ErrBodyTooLarge, unknown},
	"webhook.ErrBadPayload":   {webhook.ErrBadPayload, unknown},
}

// Every Code constant has advice. A new constant without a row fails.
func TestAdviseOn_Codes(t *testing.T) {
	t.Parallel()
	found := 0
	eachValue(t, "codes.go", func(name string, value ast.Expr) {
		literal, ok := value.(*ast.BasicLit)
		if !ok || !strings.HasPrefix(name, "Code") {
			return
		}
		found++
		text, err := strconv.Unquote(literal.Value)
		require.NoError(t, err)
		want, ok := codeAdvice[basiq.Code(text)]
		if assert.True(t, ok, "%s: missing row", name) {
			failure := &basiq.JobError{Code: basiq.Code(text), Step: basiq.StepRetrieveAccounts}
			assert.Equal(t, want, basiq.AdviseOn(failure).String(), name)
			assert.Equal(t, want, basiq.AdviseOn(fmt.Errorf("refresh: %w", failure)).String(), name)
		}
	})
	assert.Len(t, codeAdvice, found)
}

// Every exported sentinel of both packages has advice. A new sentinel without a row fails.
func TestAdviseOn_Sentinels(t *testing.T) {
	t.Parallel()
	found := 0
	for dir, prefix := range map[string]string{".": "", "webhook": "webhook."} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			eachValue(t, file, func(name string, _ ast.Expr) {
				if !strings.HasPrefix(name, "Err") {
					return
				}
				found++
				row, ok := sentinelAdvice[prefix+name]
				if assert.True(t, ok, "%s%s: missing row", prefix, name) {
					assert.Equal(t, row.want, basiq.AdviseOn(row.err).String(), name)
					assert.Equal(t, row.want, basiq.AdviseOn(fmt.Errorf("sync: %w", row.err)).String(), name)
				}
			})
		}
	}
	assert.Len(t, sentinelAdvice, found)
}

// eachValue calls f for each constant and variable at the top level of a file.
func eachValue(t *testing.T, file string, f func(name string, value ast.Expr)) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, decl := range parsed.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST && group.Tok != token.VAR {
			continue
		}
		for _, spec := range group.Specs {
			values := spec.(*ast.ValueSpec)
			for i, name := range values.Names {
				var value ast.Expr
				if i < len(values.Values) {
					value = values.Values[i]
				}
				f(name.Name, value)
			}
		}
	}
}

// response returns the Error of a call whose response is status and body.
func response(operation string, status int, code basiq.Code, detail string) *basiq.Error {
	return &basiq.Error{Operation: operation, StatusCode: status, Details: []basiq.ErrorDetail{{Code: string(code), Detail: detail}}}
}

func TestAdviseOn(t *testing.T) {
	t.Parallel()
	reset := &net.OpError{Op: "read", Err: errReset}
	lost := func(operation string, received bool, err error) error {
		return &basiq.TransportError{Operation: operation, Attempts: 1, RequestMayHaveBeenReceived: received, Err: err}
	}
	waited := func(err, last error) error { return &basiq.WaitError{JobID: jobID, Err: err, LastErr: last} }
	busy := &basiq.Error{Operation: "Jobs.Get", StatusCode: 503, RetryAfter: 20 * time.Minute}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"nil", nil, "none"},
		{"another package's", errors.New("disk full"), unknown},
		{"nil Error", (*basiq.Error)(nil), unknown},
		{"nil JobError", (*basiq.JobError)(nil), unknown},
		{"nil WaitError", (*basiq.WaitError)(nil), unknown},
		{"nil TransportError", (*basiq.TransportError)(nil), unknown},
		{"nil ThrottledError", (*basiq.ThrottledError)(nil), unknown},
		{"canceled", context.Canceled, giveUp},
		{"deadline", fmt.Errorf("sync: %w", context.DeadlineExceeded), "retry after 1m0s"},
		{"input", &basiq.InputError{Operation: "Users.Get", Argument: "userID", Problem: "missing"}, fix},
		{"bare code", basiq.Code("Service unavailable"), "retry after 5m0s"},

		{"503 of a create", response("Connections.Create", 503, basiq.CodeServiceUnavailable, ""), check},
		{"503 of a read", response("Connections.Get", 503, basiq.CodeServiceUnavailable, ""), "retry after 5m0s"},
		{"503 of a refresh", response("Connections.Refresh", 503, "", ""), "retry after 5m0s"},
		{"503 with Retry-After", busy, "retry after 20m0s"},
		{"503 of an unknown operation", response("Raw", 503, "", ""), check},
		{"bank is down", &basiq.JobError{Code: basiq.CodeServiceUnavailable, Step: basiq.StepVerifyCredentials}, "retry after 10m0s"},
		{"408 of a create", response("Users.Create", 408, "", ""), check},
		{"unusable response to a create", response("Users.Create", 201, "", ""), check},
		{"unusable response to a read", response("Users.Get", 200, "", ""), "retry after 1m0s"},
		{"429", response("Users.Create", 429, basiq.CodeTooManyRequests, ""), "retry after 1m0s"},
		{"429 with Retry-After", &basiq.Error{Operation: "Users.Create", StatusCode: 429, RetryAfter: time.Second}, "retry after 1s"},
		{"421", response("Users.Create", 421, "", ""), "retry after 1m0s"},
		{"400", response("Users.Create", 400, "", ""), fix},
		{"400 with a new code", response("Users.Create", 400, "brand-new", ""), fix},
		{"400 unknown error", response("Users.Create", 400, basiq.CodeUnknownError, ""), unknown},
		{"400 bank unavailable", response("Connections.Create", 400, basiq.CodeInstitutionNotAvailable, ""), "retry after 5m0s"},
		{"invalid connection", response("Connections.Refresh", 400, basiq.CodeInvalidCredentials, ""), askLogin},
		{"two details", &basiq.Error{Operation: "Connections.Refresh", StatusCode: 400, Details: []basiq.ErrorDetail{
			{Code: "new"}, {Code: "invalid-credentials"},
		}}, askLogin},
		{"MFA answer", response("Jobs.AnswerMFA", 400, basiq.CodeParameterNotValid, ""), askMFA},
		{"missing MFA answer", response("Jobs.AnswerMFA", 400, basiq.CodeParameterNotSupplied, ""), fix},
		{"expired token", response("Users.Get", 403, basiq.CodeAccessDenied, "Token has expired"), "retry after 1m0s"},
		{"disabled account", response("Tokens.Create", 403, basiq.CodeAccessDenied, "Your account has been disabled."), giveUp},
		{"410", response("Users.Get", 410, "", ""), giveUp},
		{"410 auth link", response("AuthLinks.Get", 410, basiq.CodeResourceNoLongerAvailable, ""), askConsent},
		{"300", response("Users.Get", 300, "", ""), fix},
		{"301", response("Users.Get", 301, "", ""), fix},
		{"page", &basiq.PageError{Err: response("Users.List", 500, "", "")}, "retry after 5m0s"},

		{"reset of a create", lost("Users.Create", true, reset), check},
		{"canceled create", lost("Users.Create", true, context.Canceled), check},
		{"reset of a read", lost("Users.Get", true, reset), "retry after 1m0s"},
		{"connection refused", lost("Users.Create", false, reset), "retry after 1m0s"},
		{"no reason", lost("Users.Create", false, nil), "retry after 1m0s"},
		{"canceled read", lost("Users.Get", true, context.Canceled), giveUp},
		{"no such host", lost("Users.Get", false, &net.DNSError{IsNotFound: true}), fix},
		{"proxy", lost("Users.Get", false, basiq.ErrProxyAuth), fix},
		{"throttled", lost("Users.Create", false, &basiq.ThrottledError{RetryAfter: time.Hour}), "retry after 1h0m0s"},

		{"wait: MFA", waited(basiq.ErrMFARequired, nil), askMFA},
		{"wait: timeout", waited(basiq.ErrWaitTimeout, nil), "wait after 1m0s"},
		{"wait: timeout during an outage", waited(basiq.ErrWaitTimeout, busy), "wait after 20m0s"},
		{"wait: queued", waited(basiq.ErrJobQueued, nil), "wait after 2h0m0s"},
		{"wait: another user", waited(basiq.ErrUserMismatch, nil), fix},
		{"wait: deadline", waited(context.DeadlineExceeded, nil), "wait after 1m0s"},
		{"wait: canceled", waited(context.Canceled, nil), giveUp},
		{"wait: canceled during an outage", waited(context.Canceled, busy), giveUp},
		{"wait: timeout after a rejected poll", waited(basiq.ErrWaitTimeout, &basiq.ThrottledError{}), "wait after 1m0s"},
		{"wait: connection not read", waited(busy, nil), "wait after 20m0s"},
		{"wait: no reason", waited(nil, nil), "wait"},
		{"wait: user's function", waited(errors.New("no terminal"), nil), unknown},

		{"job: no code", &basiq.JobError{}, unknown},
		{"job: new code", &basiq.JobError{Code: "brand-new"}, unknown},
		{"job: spelling", &basiq.JobError{Code: "Service unavailable"}, "retry after 10m0s"},
		{"job: MFA rejected", &basiq.JobError{Step: basiq.StepMFAChallenge}, askMFA},
		{"job: MFA rejected at once", &basiq.JobError{Err: response("Jobs.AnswerMFA", 400, "", "")}, askMFA},
		{"job: bank is down during MFA", &basiq.JobError{Step: basiq.StepMFAChallenge, Code: basiq.CodeMaintenance}, "retry after 10m0s"},

		{"joined", errors.Join(busy, basiq.ErrInvalidInput), fix},
		{"joined retries", errors.Join(response("Users.Get", 500, "", ""), busy), "retry after 20m0s"},
		{"joined create", errors.Join(&basiq.JobError{Code: basiq.CodeInvalidCredentials}, lost("Users.Create", true, reset)), check},
		{"joined questions", errors.Join(&basiq.JobError{Code: basiq.CodeInvalidCredentials}, basiq.ErrMFARequired), askLogin},
		{"joined questions, reversed", errors.Join(basiq.ErrMFARequired, &basiq.JobError{Code: basiq.CodeInvalidCredentials}), askMFA},
		{"joined with a foreign one", errors.Join(errors.New("disk full"), busy), "retry after 20m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			advice := basiq.AdviseOn(c.err)
			assert.Equal(t, c.want, advice.String())
			assert.Equal(t, advice.Action == basiq.ActionAskUser, advice.Need != "")
			if c.err != nil {
				assert.Equal(t, advice, basiq.AdviseOn(fmt.Errorf("nightly: %w", c.err)))
			}
		})
	}
}

// The errors that a client returns, with their unexported causes.
func TestAdviseOn_Client(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := roundTripper(func(*http.Request) (*http.Response, error) {
			return reply(404, envelope("parameter-not-valid", "", "Unable to authenticate")), nil
		})
		_, err := newClient(t, transport).Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, basiq.ErrInvalidAPIKey)
		assert.Equal(t, fix, basiq.AdviseOn(err).String())

		for after, want := range map[string]string{"": "retry after 5m0s", "1800": "retry after 30m0s"} {
			transport = func(*http.Request) (*http.Response, error) {
				resp := reply(429, "")
				resp.Header.Set("Retry-After", after)
				return resp, nil
			}
			_, err = newClient(t, transport).Users.Get(t.Context(), userID)
			require.ErrorIs(t, err, basiq.ErrTooManyTokenRequests)
			assert.Equal(t, want, basiq.AdviseOn(err).String())
		}

		client := newClient(t, &stub{respond: respondWith(ok(200, strings.Repeat(" ", 1000)))}, basiq.WithMaxResponseBytes(500))
		_, err = client.Users.Get(t.Context(), userID)
		require.ErrorIs(t, err, basiq.ErrResponseTooLarge)
		assert.Equal(t, fix, basiq.AdviseOn(err).String())

		_, client = newStub(t, ok(302, ""))
		_, err = client.Users.Get(t.Context(), userID)
		assert.Equal(t, fix, basiq.AdviseOn(err).String())

		_, client = newStub(t, ok(201, ""))
		_, err = client.Affordability.Create(t.Context(), userID, basiq.AffordabilityRequest{})
		require.ErrorIs(t, err, basiq.ErrPDFCreated)
		assert.Equal(t, check, basiq.AdviseOn(err).String())
	})
}
