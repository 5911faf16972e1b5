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

// officialAnswer is an answer to an operation of the contract that Basiq's descriptions show.
type officialAnswer struct {
	operation, name string
	status          int
	value           any // nil for no body
}

// officialAnswers returns an answer for each payload, and for each success that has no body.
func officialAnswers(t *testing.T) []officialAnswer {
	t.Helper()
	var all []officialAnswer
	for _, p := range officialPayloads(t, readMistakes(t)) {
		if p.Status == official.Request {
			continue
		}
		status, err := strconv.Atoi(p.Status)
		require.NoError(t, err)
		name, err := filepath.Rel(officialData, p.file)
		require.NoError(t, err)
		all = append(all, officialAnswer{operation: p.id, name: name, status: status, value: asAsked(p.id, p.value)})
	}
	for _, tc := range successes(t) {
		if tc.mediaType == "" && !tc.noSummary && tc.operation != "postAffordability" {
			all = append(all, officialAnswer{operation: tc.operation, name: tc.name, status: tc.status})
		}
	}
	return all
}

// given is what a caller should be given of a payload: of a list its items, of both pages where there are two.
func given(t *testing.T, operation string, value any, twice bool) any {
	t.Helper()
	payload := value.(map[string]any)
	list, isList := payload["data"].([]any)
	switch {
	case operation == "postToken": // the rest of it becomes a time
		return map[string]any{"access_token": payload["access_token"]}
	case operation == "listAppWebhooks" && !isList: // an only webhook is not in a list
		list = []any{payload["data"]}
	case !isList, operation == "retrieveSpecificReportType" && payload["id"] != nil: // a type of reports is a list too, by its schema
		return payload
	}
	if twice {
		list = append(slices.Clone(list), decode(t, withOtherIDs([]byte(marshal(t, list)))).([]any)...)
	}
	return list
}

// shown is what a caller was given, with secrets where they would not print.
func shown(t *testing.T, value any) any {
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

// withoutPayloads are the operations that no description in testdata/official has. The list of users is documented in prose
// only. Payloads of the others are in testdata.
var withoutPayloads = []string{
	"getUsers",
	"listUserInsights", "getInsightById", "getAccountInsights", "getBalanceInsights", "getIdentityInsights", "createInsight",
	"getInsightTypes", "getInsightType", "GetPayees", "GetPayeeDetails", "MerchantSearch", "GetMerchantById", "getUserAnalytics",
}

// To every operation a server answers with what Basiq's descriptions show for it, and the client gives the caller every
// value of a success, and the code of an error. What it sends for that is the contract's. Where the
// descriptions show no error of an operation, it gets that of another.
func TestOfficialAnswersThroughTheClient(t *testing.T) {
	t.Parallel()
	doc := loaded(t)
	forbidUnknownFields(doc)
	allowPlaceholders(doc)
	lenient, err := newContract(doc)
	require.NoError(t, err)

	all, calls := officialAnswers(t), callsOf(t.Context(), nil)
	const borrowed = "examples/webhooks/getWebhookMessage.404.error.json"
	at := slices.IndexFunc(all, func(a officialAnswer) bool { return a.name == borrowed })
	require.GreaterOrEqual(t, at, 0, "%s is gone; take another", borrowed)
	failed := map[string]bool{}
	for _, a := range all {
		failed[a.operation] = failed[a.operation] || a.status > 299
	}
	for _, id := range slices.Sorted(maps.Keys(calls)) {
		if !failed[id] {
			all = append(all, officialAnswer{operation: id, name: "borrowed", status: all[at].status, value: all[at].value})
		}
	}

	succeeded := map[string]bool{}
	for _, a := range all {
		body := ""
		if a.value != nil {
			body = marshal(t, a.value)
		}
		var want any // of the caller
		if a.status < 300 {
			succeeded[a.operation] = true
			if a.value != nil {
				want = essence(given(t, a.operation, a.value, hasNext(body)))
				require.Regexp(t, `[^][{},]`, marshal(t, want), "%s has no values", a.name)
			}
		}
		t.Run(a.operation+"/"+strconv.Itoa(a.status)+"/"+strings.ReplaceAll(a.name, "/", " "), func(t *testing.T) {
			t.Parallel()
			transport := newTransport(answers{a.operation, a.status, "application/json", body}, lenient)
			c, err := basiq.New("key", basiq.WithHTTPClient(&http.Client{Transport: transport}), withVersion(a.operation), basiq.WithRetry(basiq.Retry{MaxAttempts: 1}))
			require.NoError(t, err)
			got, err := callOf(a.operation)(t.Context(), c)
			assert.Empty(t, transport.Violations())
			assert.Positive(t, transport.Exchanges()[a.operation+" "+strconv.Itoa(a.status)])
			if a.status < 300 {
				require.NoError(t, err)
				if want != nil {
					assert.Equal(t, want, essence(shown(t, got)))
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
	for id := range calls {
		assert.Equal(t, !slices.Contains(withoutPayloads, id), succeeded[id], "%s", id)
	}
	t.Logf("%d answers to %d operations", len(all), len(calls))
}
