package basiq_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// The status is reported for any body.
func TestErrors_Bodies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"envelope": {
			404, envelope("resource-not-found", "Requested resource is not found.", "no such connection"),
			"basiq: Connections.Get: 404 resource-not-found: no such connection (correlation corr-1)",
		},
		"no detail": {
			401, `{"type":"list","correlationId":"abc","data":[{"type":"error","code":"unauthorized-access","title":"Unauthorized"}]}`,
			"basiq: Connections.Get: 401 unauthorized-access: Unauthorized (correlation abc)",
		},
		"details": {
			400, `{"data":[{"code":"parameter-not-valid","details":"ID value is not valid"}]}`,
			"basiq: Connections.Get: 400 parameter-not-valid: ID value is not valid",
		},
		"several": {
			400, `{"data":[{"code":"parameter-not-valid","detail":"first"},{"code":"invalid-content","detail":"second"}]}`,
			"basiq: Connections.Get: 400 parameter-not-valid: first: second",
		},
		"gateway":       {403, `{"message":"Missing Authentication Token"}`, "basiq: Connections.Get: 403: Missing Authentication Token"},
		"HTML":          {502, "<html><body>Bad Gateway</body></html>", "basiq: Connections.Get: 502 Bad Gateway: unexpected response body"},
		"empty":         {503, "", "basiq: Connections.Get: 503 Service Unavailable: unexpected response body"},
		"truncated":     {500, `{"type":"list","correlationId":"abc","data":[{"type":"err`, "basiq: Connections.Get: 500 Internal Server Error: unexpected response body"},
		"cut":           {500, `{"correlationId":"abc","data":[{"code":"x","detail":"y"}],`, "basiq: Connections.Get: 500 Internal Server Error: unexpected response body"},
		"not JSON":      {500, `{"correlationId":"abc","data":[{"code":"x","detail":"y"}]} x`, "basiq: Connections.Get: 500 Internal Server Error: unexpected response body"},
		"array":         {500, `[]`, "basiq: Connections.Get: 500 Internal Server Error: unexpected response body"},
		"null":          {500, `null`, "basiq: Connections.Get: 500 Internal Server Error: unexpected response body"},
		"mistyped data": {500, `{"correlationId":"abc","data":{"code":"x"}}`, "basiq: Connections.Get: 500 Internal Server Error: unexpected response body (correlation abc)"},
		"mistyped code": {500, `{"correlationId":"abc","data":[{"code":{},"detail":"still here"}]}`, "basiq: Connections.Get: 500: still here (correlation abc)"},
		"route": {
			404, "Route not found for this API version.",
			"basiq: Connections.Get: 404: operation not available in the client's API version; see basiq.WithAPIVersion",
		},
		"two lines":  {400, `{"data":[{"code":"a\r\nb","detail":"c\nd\u0000e"}]}`, "basiq: Connections.Get: 400 a  b: c d e"},
		"redirected": {302, "", "basiq: Connections.Get: 302: unexpected redirect (redirects are not followed)"},
		"choices":    {300, "", "basiq: Connections.Get: 300: unexpected redirect (redirects are not followed)"},
		"redirected with a body": {
			302, envelope("moved", "", "elsewhere"),
			"basiq: Connections.Get: 302 moved: elsewhere: unexpected redirect (redirects are not followed) (correlation corr-1)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(c.status, c.body))
			_, err := client.Connections.Get(t.Context(), userID, connID)
			require.EqualError(t, err, c.want)
			var failure *basiq.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, c.status, failure.StatusCode)
			assert.Equal(t, c.body, string(failure.Body()))
		})
	}
}

// A successful response that cannot be decoded is an error that may have been carried out.
func TestErrors_InvalidResponse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"HTML":      {"<html>", "invalid character"},
		"empty":     {"", "unexpected end of JSON input"},
		"truncated": {`{"type":"connection","id":"c1`, "unexpected end of JSON input"},
		"array":     {`[]`, `not a JSON object`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, c.body))
			_, err := client.Connections.Get(t.Context(), userID, connID)
			var failure *basiq.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, 200, failure.StatusCode)
			assert.Contains(t, err.Error(), "basiq: Connections.Get: invalid response (200 OK): ")
			assert.Contains(t, err.Error(), c.want)
			assert.NotContains(t, err.Error(), "secret-value")
			assert.Equal(t, c.body, string(failure.Body()))
			assert.Len(t, s.seen(), 1)
		})
	}
	t.Run("unexpected status", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{203, 205, 206, 207, 226, 299} {
			_, client := newStub(t, ok(status, connectionJSON))
			_, err := client.Connections.Get(t.Context(), userID, connID)
			require.EqualError(t, err, fmt.Sprintf("basiq: Connections.Get: invalid response (%d %s): unexpected status", status, http.StatusText(status)))
			assert.True(t, basiq.MayHaveSucceeded(err))
			err = client.Connections.Delete(t.Context(), userID, connID)
			require.EqualError(t, err, fmt.Sprintf("basiq: Connections.Delete: invalid response (%d %s): unexpected status", status, http.StatusText(status)))
		}
	})
	t.Run("user without an ID", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{"null", "{}", `{"id":""}`} {
			_, client := newStub(t, ok(200, body))
			_, err := client.Users.Get(t.Context(), userID)
			require.ErrorContains(t, err, "invalid response (200 OK): missing id")
		}
	})
	t.Run("job without an ID", func(t *testing.T) {
		t.Parallel()
		_, client := newStub21(t, ok(202, `{}`))
		_, err := client.Connections.Create(t.Context(), userID, login)
		require.ErrorContains(t, err, "invalid response (202 Accepted): missing id")
	})
}

func TestErrors_ByStatus(t *testing.T) {
	t.Parallel()
	byStatus := map[int]error{
		400: basiq.ErrBadRequest, 401: basiq.ErrUnauthorized, 403: basiq.ErrForbidden, 404: basiq.ErrNotFound, 409: basiq.ErrConflict,
		410: basiq.ErrGone, 413: basiq.ErrRequestTooLarge, 429: basiq.ErrTooManyRequests, 502: basiq.ErrUnavailable, 503: basiq.ErrUnavailable, 504: basiq.ErrUnavailable,
	}
	for status, want := range byStatus {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(status, envelope("some-code", "", "")))
			_, err := client.Users.Get(t.Context(), userID)
			for _, other := range byStatus {
				assert.Equal(t, errors.Is(want, other), errors.Is(err, other), other)
			}
		})
	}
	t.Run("other statuses", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{402, 405, 411, 414, 415, 418, 422, 500, 501} {
			_, client := newStub(t, ok(status, envelope("some-code", "", "")))
			_, err := client.Users.Get(t.Context(), userID)
			for _, known := range byStatus {
				require.NotErrorIs(t, err, known, status)
			}
		}
	})
	t.Run("not found by code", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(400, envelope("resource-not-found", "", "")))
		_, err := client.Jobs.Get(t.Context(), jobID)
		require.ErrorIs(t, err, basiq.ErrNotFound)
		require.ErrorIs(t, err, basiq.ErrBadRequest)
	})
	t.Run("missing route is not a missing resource", func(t *testing.T) {
		t.Parallel()
		_, client := newStub21(t, ok(404, "Route not found for this API version."))
		_, err := client.Connections.Create(t.Context(), userID, login)
		require.ErrorIs(t, err, basiq.ErrWrongAPIVersion)
		require.NotErrorIs(t, err, basiq.ErrNotFound)
	})
}

func TestErrors_Codes(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]basiq.Code{
		"invalid-credentials": basiq.CodeInvalidCredentials,
		"Service unavailable": basiq.CodeServiceUnavailable,
		"unauthorised-access": basiq.CodeUnauthorizedAccess,
		"a-code-of-next-year": "a-code-of-next-year",
		" Forbidden access ":  basiq.CodeForbiddenAccess,
		"TOO-MANY-REQUESTS":   basiq.CodeTooManyRequests,
		// Codes of operations other than connections and jobs.
		"bank-statement-invalid":       basiq.CodeBankStatementInvalid,
		"bank-statement-new-product":   basiq.CodeBankStatementNewProduct,
		"bank-statement-not-supported": basiq.CodeBankStatementNotSupported,
		"bank-statement-parsing-error": basiq.CodeBankStatementParsingError,
		"empty-file":                   basiq.CodeEmptyFile,
		"event-already-subscribed":     basiq.CodeEventAlreadySubscribed,
		"institution-not-supported":    basiq.CodeInstitutionNotSupported,
		"invalid-csv-row":              basiq.CodeInvalidCSVRow,
		"no-webhooks-found":            basiq.CodeNoWebhooksFound,
		"path-parameter-not-valid":     basiq.CodePathParameterNotValid,
		"resource-already-exists":      basiq.CodeResourceAlreadyExists,
		"resource-no-longer-available": basiq.CodeResourceNoLongerAvailable,
		"row-count-exceeded":           basiq.CodeRowCountExceeded,
		"txn-after-last-updated-date":  basiq.CodeTransactionAfterLastUpdatedDate,
		"unsupported-accept":           basiq.CodeUnsupportedAccept,
	} {
		t.Run(sent, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(400, fmt.Sprintf(`{"data":[{"code":"other"},{"code":%q}]}`, sent)))
			_, err := client.Users.Get(t.Context(), userID)
			require.ErrorIs(t, err, want)
			require.ErrorIs(t, err, basiq.Code("other"))
			require.NotErrorIs(t, err, basiq.Code("another"))
			require.NotErrorIs(t, err, basiq.Code(""))
		})
	}
	t.Run("no code", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(400, `{"data":[{"code":"","detail":"no code"},{"code":" "}]}`))
		_, err := client.Users.Get(t.Context(), userID)
		require.NotErrorIs(t, err, basiq.Code(""), "an error without a code must not match an empty code")
		require.NotErrorIs(t, err, errReset)
	})
}

// Basiq responds with 204 if there is nothing to summarize. This is a specific error. Nothing was created, so the call can be
// made again.
func TestErrors_NoTransactions(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(t testing.TB, c *basiq.Client) error{
		"Affordability.Create": func(t testing.TB, c *basiq.Client) error {
			summary, err := c.Affordability.Create(t.Context(), userID, basiq.AffordabilityRequest{})
			return checkResult(t, summary, err, func() {})
		},
		"Income.Create": func(t testing.TB, c *basiq.Client) error {
			income, err := c.Income.Create(t.Context(), userID, basiq.AffordabilityRequest{})
			return checkResult(t, income, err, func() {})
		},
		"Expenses.Create": func(t testing.TB, c *basiq.Client) error {
			expenses, err := c.Expenses.Create(t.Context(), userID, basiq.AffordabilityRequest{})
			return checkResult(t, expenses, err, func() {})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(204, ""))
			err := call(t, client)
			require.ErrorIs(t, err, basiq.ErrNoTransactions)
			require.EqualError(t, err, "basiq: "+name+": no transactions in the period")
			require.NotErrorIs(t, err, basiq.ErrNotFound)
			assert.False(t, basiq.MayHaveSucceeded(err))
			require.Len(t, s.seen(), 1)
			assert.JSONEq(t, "{}", s.seen()[0].Body, "an empty request covers all accounts and the whole period")
		})
		for _, other := range []stubResponse{ok(200, ""), ok(200, "{}"), ok(404, envelope("resource-not-found", "", ""))} {
			t.Run(fmt.Sprint(name, "/not ", other.status, other.body), func(t *testing.T) {
				t.Parallel()
				_, client := newStub(t, other)
				err := call(t, client)
				require.Error(t, err)
				require.NotErrorIs(t, err, basiq.ErrNoTransactions)
			})
		}
	}
}

// The body of an error response is available from the error, but is not printed or logged.
func TestErrors_BodyNotLogged(t *testing.T) {
	t.Parallel()
	_, client := newStub21(t, ok(400, `{"correlationId":"abc","data":[{"code":"invalid-content"}],"echo":"hooli2016"}`))
	_, err := client.Connections.Create(t.Context(), userID, login)
	require.Error(t, err)
	var failure *basiq.Error
	require.ErrorAs(t, err, &failure)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("failed", "err", failure)
	asJSON, marshalErr := json.Marshal(failure)
	require.NoError(t, marshalErr)
	var hidden strings.Builder
	hidden.WriteString("abc")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} { // %d and %#v could print the fields of the struct
		for _, value := range []any{struct{ e error }{err}, struct{ e *basiq.Error }{failure}, struct{ e basiq.Error }{*failure}} {
			_, _ = fmt.Fprintf(&hidden, verb, value)
		}
	}
	slog.New(slog.NewTextHandler(&log, nil)).Info("nothing failed", "err", (*basiq.Error)(nil))
	assert.NotContains(t, log.String(), "panicked")
	assert.NotContains(t, hidden.String(), "104 111 111 108 105 50 48 49 54", "the body must not be printed as numbers")
	for _, text := range []string{hidden.String(), log.String(), string(asJSON), fmt.Sprintf("%v %+v %#v %s %q %d %x %s", err, err, err, err, err, err, err, *failure)} {
		assert.NotContains(t, text, "hooli2016")
		assert.Contains(t, text, "abc")
	}
	assert.Contains(t, log.String(), `"status":400,"code":"invalid-content","correlation_id":"abc"`)
}

// At most 16 KiB of the body of an error response are kept.
func TestErrors_LongBody(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(500, strings.Repeat("x", 1<<20)))
	_, err := client.Users.Get(t.Context(), userID)
	var failure *basiq.Error
	require.ErrorAs(t, err, &failure)
	assert.Len(t, failure.Body(), 16<<10)
	assert.Equal(t, 16<<10, cap(failure.Body()), "the rest must not be kept in memory")
	assert.Less(t, len(err.Error()), 200)
	assert.Empty(t, failure.Code())
	assert.Empty(t, failure.Title())
	assert.Empty(t, failure.Detail())
}

// The text of an error is limited, so that a server cannot fill a log with one error.
func TestErrors_LongText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 1<<13)
	item := fmt.Sprintf(`{"type":%[1]q,"code":%[1]q,"title":%[1]q,"detail":%[1]q,"source":{"parameter":%[1]q,"pointer":%[1]q}}`, long)
	body := fmt.Sprintf(`{"correlationId":%q,"data":[%s]}`, long, item+strings.Repeat(`,{"detail":"x"}`, 100))
	_, client := newStub(t, ok(400, body))
	_, err := client.Users.Get(t.Context(), userID)
	var failure *basiq.Error
	require.ErrorAs(t, err, &failure)
	assert.Len(t, failure.Details, 32)
	assert.Equal(t, strings.Repeat("é", 512)+"…", failure.Detail(), "the beginning must be kept")
	_, client = newStub(t, ok(400, envelope("c", "", strings.Repeat("x", 1024))))
	_, whole1024 := client.Users.Get(t.Context(), userID)
	var fits *basiq.Error
	require.ErrorAs(t, whole1024, &fits)
	assert.Equal(t, strings.Repeat("x", 1024), fits.Detail(), "a text of the maximum length must not be truncated")
	assert.Less(t, len(err.Error()), 5000)
	whole, jsonErr := json.Marshal(failure)
	require.NoError(t, jsonErr)
	assert.Less(t, len(whole), 12_000)
	assert.True(t, utf8.ValidString(err.Error()))
}

func TestErrors_TitleAndDetail(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(400, envelope("c", "the title", "the detail")))
	_, err := client.Users.Get(t.Context(), userID)
	var failure *basiq.Error
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, "the title", failure.Title())
	assert.Equal(t, "the detail", failure.Detail())
}

// byStatus maps sentinels to the statuses that they match, regardless of the body.
var byStatus = map[error][]int{
	basiq.ErrBadRequest: {400}, basiq.ErrUnauthorized: {401}, basiq.ErrForbidden: {403}, basiq.ErrConflict: {409}, basiq.ErrGone: {410},
	basiq.ErrRequestTooLarge: {413}, basiq.ErrTooManyRequests: {429}, basiq.ErrUnavailable: {502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 528, 529, 530},
}

// An unsuccessful response with any body is returned as an error with its status and everything that the body contains in
// Basiq's format, up to a limit. The text of the error is one line.
func FuzzErrorBody(f *testing.F) {
	for i, seed := range []string{
		"", "null", "[]", "{}", "<html>", `{"message":"x"}`, `{"data":null}`, `{"data":[null]}`, `{"data":[{"source":[]}]}`,
		envelope("a", "b", "c"), `{"data":[{"code":1}]}`, "Route not found for this API version.", "\x00\xff", `{"correlationId":{}}`,
		`{"data":[{"code":"resource-not-found","detail":"a\u2028b\u001b[2J"}]}`, `{"data":[{"detail":"Token has expired"}]}`,
		`{"data":[{"title":"Invalid request"}]}`, `{"data":[` + strings.Repeat("{},", 40) + `{}]}`,
	} {
		for _, status := range []int{400, 401, 403, 404, 429, 300 + i, 500 + i} {
			f.Add(status, []byte(seed))
		}
	}
	for _, body := range payloads(f) {
		f.Add(400, body)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		status = 300 + (status%300+300)%300
		w := new(wire)
		calls := map[string]func(client *basiq.Client) error{
			"Users.Get":         func(client *basiq.Client) error { return errOf(client.Users.Get(t.Context(), userID)) },
			"Transactions.List": func(client *basiq.Client) error { return rangeErr(client.Transactions.List(t.Context(), userID)) },
			"Reports.Get":       func(client *basiq.Client) error { return errOf(client.Reports.PDF(t.Context(), "r1")) },
			"Users.Delete":      func(client *basiq.Client) error { return client.Users.Delete(t.Context(), userID) },
			"Tokens.Create": func(client *basiq.Client) error {
				return errOf(client.Tokens.Create(t.Context(), basiq.ServerAccess()))
			},
		}
		for operation, call := range calls {
			w.set(ok(status, string(body)))
			if operation == "Tokens.Create" {
				w.token = &w.response
			}
			err := call(newClient(t, w, oneAttempt)) // a new client has no token and has not throttled an operation
			require.LessOrEqual(t, len(w.sent), 2, "at most one retry with a new token")
			var failure *basiq.Error
			require.ErrorAs(t, err, &failure)
			require.Equal(t, operation, failure.Operation)
			require.Equal(t, status, failure.StatusCode)
			require.Equal(t, body[:min(len(body), 16<<10)], append([]byte{}, failure.Body()...))
			require.Equal(t, status == 408 || status >= 500, basiq.MayHaveSucceeded(err))
			for sentinel, statuses := range byStatus {
				require.Equal(t, slices.Contains(statuses, status), errors.Is(err, sentinel), "%v", sentinel)
			}
			require.True(t, strings.HasPrefix(err.Error(), fmt.Sprintf("basiq: %s: %d", operation, status)), err.Error())
			checkText(t, err, 40<<10) // 32 details of 1 KiB
			checkDetails(t, failure, body)
		}
	})
}

// checkDetails compares the details of an error with those found by an independent parser.
func checkDetails(t testing.TB, failure *basiq.Error, body []byte) {
	t.Helper()
	text := func(object map[string]any, name string) string {
		value, _ := object[name].(string)
		return value
	}
	same := func(sent, got string) {
		if len(sent) <= 1<<10 {
			require.Equal(t, sent, got)
			return
		}
		head, cut := strings.CutSuffix(got, "…")
		require.True(t, cut && strings.HasPrefix(sent, head) && len(head) > 1<<10-utf8.UTFMax && len(head) <= 1<<10)
	}
	if !json.Valid(body) {
		return
	}
	value, single := tree(t, body)
	whole, isObject := value.(map[string]any)
	if !isObject {
		require.Empty(t, failure.Details)
		return
	}
	data, isList := whole["data"].([]any)
	if !single || !isList && whole["data"] != nil {
		return
	}
	for _, each := range data {
		detail, _ := each.(map[string]any)
		if detail == nil || detail["source"] != nil {
			return // mistyped sources are undocumented; payload_test.go tests valid ones
		}
		for name, value := range detail {
			if _, isText := value.(string); !isText && slices.Contains([]string{"type", "code", "title", "detail", "details"}, name) {
				return
			}
		}
	}
	same(text(whole, "correlationid"), failure.CorrelationID)
	if len(data) == 0 {
		same(text(whole, "message"), failure.Detail())
		return
	}
	require.Len(t, failure.Details, min(len(data), 32))
	for i, got := range failure.Details {
		detail := data[i].(map[string]any)
		same(text(detail, "code"), got.Code)
		same(text(detail, "title"), got.Title)
		same(cmp.Or(text(detail, "detail"), text(detail, "details")), got.Detail)
		if code := text(detail, "code"); code != "" && len(code) <= 1<<10 {
			require.ErrorIs(t, failure, basiq.Code(code))
		}
	}
}
