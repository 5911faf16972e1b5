package conformance

import (
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api/conformance/official"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// officialResponse is a response from Basiq's descriptions to an operation of the contract.
type officialResponse struct {
	operation, name string
	status          int
	value           any // nil without a body
}

// officialResponses returns a response for each payload, and for each success without a body.
func officialResponses(t *testing.T) []officialResponse {
	t.Helper()
	var all []officialResponse
	for _, p := range officialPayloads(t, readMistakes(t)) {
		if p.Status == official.Request {
			continue
		}
		status, err := strconv.Atoi(p.Status)
		require.NoError(t, err)
		name, err := filepath.Rel(officialData, p.file)
		require.NoError(t, err)
		all = append(all, officialResponse{operation: p.id, name: name, status: status, value: withRequestedID(p.id, p.value)})
	}
	for _, tc := range successes(t) {
		if tc.mediaType == "" && !tc.noSummary && tc.operation != "postAffordability" {
			all = append(all, officialResponse{operation: tc.operation, name: tc.name, status: tc.status})
		}
	}
	return all
}

// resultOf returns the value that the caller must get for a payload. For a list, it returns the items of all pages.
func resultOf(t *testing.T, operation string, value any, twice bool) any {
	t.Helper()
	payload := value.(map[string]any)
	list, isList := payload["data"].([]any)
	switch {
	case operation == "postToken": // the other fields become the expiry time
		return map[string]any{"access_token": payload["access_token"]}
	case operation == "listAppWebhooks" && !isList: // a single webhook is not in a list
		list = []any{payload["data"]}
	case operation == "retrieveSpecificReportType" && isList: // the schema of a report type is also a list
		return list[0]
	case !isList:
		return payload
	}
	if twice {
		list = append(slices.Clone(list), decode(t, withOtherIDs([]byte(marshal(t, list)))).([]any)...)
	}
	return list
}

// plain converts the caller's value to plain JSON values and reveals its secrets.
func plain(t *testing.T, value any) any {
	t.Helper()
	reveal := func(webhook *basiq.Webhook) any {
		fields := decode(t, []byte(marshal(t, webhook))).(map[string]any)
		fields["secret"] = webhook.Secret.Reveal()
		return fields
	}
	switch value := value.(type) {
	case basiq.Token:
		return map[string]any{"access_token": value.Value.Reveal()}
	case *basiq.Webhook:
		return reveal(value)
	case []*basiq.Webhook:
		all := []any{}
		for _, webhook := range value {
			all = append(all, reveal(webhook))
		}
		return all
	default:
		return decode(t, []byte(marshal(t, value)))
	}
}

// errorCode returns the code of the first error in a payload.
func errorCode(t *testing.T, value any) basiq.Code {
	t.Helper()
	var envelope struct{ Data []struct{ Code basiq.Code } }
	require.NoError(t, json.Unmarshal([]byte(marshal(t, value)), &envelope))
	require.NotEmpty(t, envelope.Data)
	return envelope.Data[0].Code
}

// For each response in Basiq's descriptions, the client must send a valid request and return every value of a success, or the
// code of an error. Operations without a documented error get the error of another operation.
func TestClient_OfficialResponses(t *testing.T) {
	t.Parallel()
	doc := loaded(t)
	forbidUnknownFields(doc)
	allowPlaceholders(doc)
	lenient, err := newContract(doc)
	require.NoError(t, err)

	all, calls := officialResponses(t), callsOf(t.Context(), nil)
	const borrowed = "examples/webhooks/getWebhookMessage.404.error.json"
	at := slices.IndexFunc(all, func(a officialResponse) bool { return a.name == borrowed })
	require.GreaterOrEqual(t, at, 0, "%s does not exist; use another payload", borrowed)
	failed := map[string]bool{}
	for _, a := range all {
		failed[a.operation] = failed[a.operation] || a.status > 299
	}
	for _, id := range slices.Sorted(maps.Keys(calls)) {
		if !failed[id] {
			all = append(all, officialResponse{operation: id, name: "borrowed", status: all[at].status, value: all[at].value})
		}
	}

	succeeded := map[string]bool{}
	for _, a := range all {
		body := ""
		if a.value != nil {
			body = marshal(t, a.value)
		}
		var want any // what the caller must get
		if a.status < 300 {
			succeeded[a.operation] = true
			if a.value != nil {
				want = essence(resultOf(t, a.operation, a.value, hasNext(body)))
				require.Regexp(t, `[^][{},]`, marshal(t, want), "%s has no values", a.name)
			}
		}
		t.Run(a.operation+"/"+strconv.Itoa(a.status)+"/"+strings.ReplaceAll(a.name, "/", " "), func(t *testing.T) {
			t.Parallel()
			transport := newTransport(fixedResponse{a.operation, a.status, "application/json", body}, lenient)
			c, err := basiq.New("key", basiq.WithHTTPClient(&http.Client{Transport: transport}), withVersion(a.operation), basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1}))
			require.NoError(t, err)
			got, err := callOf(a.operation)(t.Context(), c)
			assert.Empty(t, transport.Violations())
			assert.Positive(t, transport.Exchanges()[a.operation+" "+strconv.Itoa(a.status)])
			if a.status < 300 {
				require.NoError(t, err)
				if want != nil {
					assert.Equal(t, want, essence(plain(t, got)))
				}
				return
			}
			var e *basiq.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, a.status, e.StatusCode)
			code := errorCode(t, a.value)
			require.NotEmpty(t, code)
			assert.Equal(t, code, e.Code())
			assert.ErrorIs(t, err, code)
		})
	}
	// Operations that are documented elsewhere have payloads in testdata.
	for _, op := range officialOperations(t, readMistakes(t)) {
		assert.True(t, op.contract == nil || succeeded[op.id], "%s", op.id)
	}
	t.Logf("%d responses to %d operations", len(all), len(calls))
}
