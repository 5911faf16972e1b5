package basiq_test

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// oneAttempt disables retries.
var oneAttempt = basiq.WithRetry(basiq.RetryPolicy{MaxAttempts: 1, BaseDelay: 1, MaxDelay: 1})

// wire is a transport that returns the fuzzer's responses and records the requests. It is used for one call at a time.
type wire struct {
	response stubResponse
	// then is the response to all requests except the first. If it is nil, response is returned to all requests.
	then *stubResponse
	// token is the response to POST /token. If it is nil, the response is valid.
	token *stubResponse
	sent  []*http.Request
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	switch {
	case strings.HasSuffix(req.URL.Path, "/token") && w.token == nil:
		return reply(http.StatusOK, tokenJSON), nil
	case strings.HasSuffix(req.URL.Path, "/token"):
		return w.token.httpResponse(), nil
	}
	w.sent = append(w.sent, req)
	if len(w.sent) > 1 && w.then != nil {
		return w.then.httpResponse(), nil
	}
	return w.response.httpResponse(), nil
}

// set sets the response and removes all other state.
func (w *wire) set(response stubResponse) { *w = wire{response: response} }

// payloads returns the responses in Basiq's documentation as a seed corpus, except the largest, which are slow. It returns
// none outside the repository.
func payloads(tb testing.TB) [][]byte {
	tb.Helper()
	var found [][]byte
	for _, pattern := range []string{"official/*/*/*.json", "Job*/*.json", "Connection*/*.json", "ErrorResponse/*.json"} {
		names, err := filepath.Glob(filepath.Join("..", "api", "conformance", "testdata", filepath.FromSlash(pattern)))
		require.NoError(tb, err)
		for _, name := range names {
			body, err := os.ReadFile(name)
			require.NoError(tb, err)
			if len(body) < 12<<10 && !strings.Contains(name, ".request.") {
				found = append(found, body)
			}
		}
	}
	return found
}

// replacements are values that are unexpected at most positions of a payload.
var replacements = []string{
	`null`, `""`, `"x"`, `0`, `-1`, `1e400`, `9223372036854775808`, `1.5`, `true`, `[]`, `{}`, `[null]`, `[[]]`, `[{},{}]`, `{"id":1}`, `"\ud800"`,
	`"https://evil.example/"`, `["a","b"]`, `-0`, ``,
}

// addBodies adds seed bodies: documented ones, and the same bodies with one unexpected value.
func addBodies(f *testing.F, more ...string) {
	f.Helper()
	bodies := payloads(f)
	for _, c := range operationCalls {
		bodies = append(bodies, []byte(c.body))
	}
	for i, body := range bodies {
		f.Add(body, uint(i*i), []byte(replacements[i%len(replacements)]))
	}
	for _, body := range more {
		f.Add([]byte(body), uint(0), []byte{})
	}
}

// replaceValue replaces one value of a JSON text. at selects the value and wraps around. A fuzzer that changes single bytes
// rarely produces valid JSON. Invalid JSON is returned unchanged.
func replaceValue(body []byte, at uint, value []byte) []byte {
	if !json.Valid(body) || !json.Valid(value) {
		return body
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	var spans [][2]int64
	var read func()
	read = func() {
		token, _ := decoder.Token()
		i, start := len(spans), decoder.InputOffset()
		spans = append(spans, [2]int64{})
		switch token {
		case json.Delim('{'), json.Delim('['):
			start--
			for decoder.More() {
				if token == json.Delim('{') {
					_, _ = decoder.Token()
				}
				read()
			}
			_, _ = decoder.Token()
		default:
			// The decoder does not report where a token begins, which is after the preceding bracket, comma or colon.
			before := bytes.TrimRight(body[:start], " \t\r\n")
			start = int64(len(before)) - tokenSize(before)
		}
		spans[i] = [2]int64{start, decoder.InputOffset()}
	}
	read()
	span := spans[at%uint(len(spans))]
	return slices.Concat(body[:span[0]], value, body[span[1]:])
}

// tokenSize returns the length of the string or word at the end of a JSON text.
func tokenSize(before []byte) int64 {
	if before[len(before)-1] != '"' {
		return int64(len(before) - 1 - bytes.LastIndexAny(before, "[,: \t\r\n"))
	}
	for i := len(before) - 2; ; i-- {
		escapes := len(before[:i]) - len(bytes.TrimRight(before[:i], `\`))
		if before[i] == '"' && escapes%2 == 0 {
			return int64(len(before) - i)
		}
	}
}

func TestReplaceValue(t *testing.T) {
	t.Parallel()
	const body = ` {"a": [1, "\\\"x", null ],"b" :{}, "c":-1e5} `
	for at, want := range []string{
		` 7 `, ` {"a": 7,"b" :{}, "c":-1e5} `, ` {"a": [7, "\\\"x", null ],"b" :{}, "c":-1e5} `, ` {"a": [1, 7, null ],"b" :{}, "c":-1e5} `,
		` {"a": [1, "\\\"x", 7 ],"b" :{}, "c":-1e5} `, ` {"a": [1, "\\\"x", null ],"b" :7, "c":-1e5} `, ` {"a": [1, "\\\"x", null ],"b" :{}, "c":7} `, ` 7 `,
	} {
		require.Equal(t, want, string(replaceValue([]byte(body), uint(at), []byte("7"))))
	}
	for _, c := range [][3]string{{body, "[", body}, {"true", "7", "7"}, {"[", "7", "["}} {
		require.Equal(t, c[2], string(replaceValue([]byte(c[0]), 5, []byte(c[1]))))
	}
}

// breaks lists characters that end a line or start an escape sequence in a log or a terminal.
const breaks = "\n\v\f\r\x00\x1b\u0085\u2028\u2029"

// checkText checks that the text of an error is one line of valid UTF-8 with a limited length.
func checkText(t testing.TB, err error, most int) {
	t.Helper()
	text := err.Error()
	require.False(t, strings.ContainsAny(text, breaks), "%q", text)
	require.Less(t, len(text), most)
	require.True(t, utf8.ValidString(text))
	require.NotContains(t, fmt.Sprintf("%+v", err), "\n")
}

// invalidResponse matches the texts of errors for useless responses with status 200. They contain at most single characters
// of the body.
var invalidResponse = regexp.MustCompile(`^basiq: [A-Za-z]+\.[A-Za-z]+: invalid response \(200 OK\): (` + strings.Join([]string{
	`not a JSON object`, `(data is )?not a list`, `negative size`, `item [0-9]+: (missing id|resource of another type)`,
	`invalid character '.{1,10}' .{1,60}`, `unexpected end of JSON input`, `exceeded max depth`, `json: .{1,60}`,
	`missing [A-Za-z_ ]{1,30}`, `media type is not [a-z/]+`, `empty document`, `not a PDF document`,
	`resource has another (ID|type)`, `job belongs to another connection`,
	`invalid link to the next page: [a-zA-Z' ]+`,
}, "|") + `)$`)

// checkInvalidResponse checks the error of a call that received an invalid response with status 200.
func checkInvalidResponse(t testing.TB, err error, operation string) {
	t.Helper()
	var failure *basiq.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, operation, failure.Operation)
	require.Equal(t, http.StatusOK, failure.StatusCode)
	require.Empty(t, failure.Details)
	require.True(t, basiq.MayHaveSucceeded(err), "status 200 means that the call succeeded")
	checkText(t, err, 400)
	require.True(t, invalidResponse.MatchString(err.Error()), err.Error())
}

// tree parses JSON, keeping numbers as written and converting names of fields to lower case. The second result is false if an
// object has duplicate names, because which of the values is used is undocumented.
func tree(t testing.TB, data []byte) (any, bool) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var read func() (any, bool, error)
	read = func() (any, bool, error) {
		token, err := decoder.Token()
		if err != nil {
			return nil, false, err
		}
		switch token {
		case json.Delim('{'):
			object, single := map[string]any{}, true
			for decoder.More() {
				name, err := decoder.Token()
				if err != nil {
					return nil, false, err
				}
				value, ok, err := read()
				if err != nil {
					return nil, false, err
				}
				folded := fold(name.(string))
				_, twice := object[folded]
				object[folded] = value
				single = single && ok && !twice
			}
			_, err := decoder.Token()
			return object, single, err
		case json.Delim('['):
			array, single := []any{}, true
			for decoder.More() {
				value, ok, err := read()
				if err != nil {
					return nil, false, err
				}
				array, single = append(array, value), single && ok
			}
			_, err := decoder.Token()
			return array, single, err
		default:
			return token, true, nil
		}
	}
	value, single, err := read()
	require.NoError(t, err)
	return value, single
}

// parse is like tree for text that may be invalid JSON. The third result reports whether it is valid.
func parse(t testing.TB, data []byte) (value any, single, valid bool) {
	t.Helper()
	if valid = json.Valid(data); valid {
		value, single = tree(t, data)
	}
	return value, single, valid
}

// fold returns the same string for names that encoding/json considers equal.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// checkPreserved checks that a value contains exactly the JSON that it was decoded from, as far as its type has fields for it.
func checkPreserved(t testing.TB, value, before any) {
	t.Helper()
	again, err := json.Marshal(value)
	require.NoError(t, err)
	after, single := tree(t, again)
	require.True(t, single, "%s", again)
	comparePreserved(t, reflect.TypeOf(value).Elem(), before, after, "")
}

func isObject(value any) bool {
	_, object := value.(map[string]any)
	return object
}

var (
	secretType      = reflect.TypeFor[basiq.Secret]()
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// comparePreserved compares the JSON before and after decoding for a value of a type; where is its path. null, empty and missing
// values are considered equal, except for pointers, which distinguish them. The function is recursive and does not call
// t.Helper, which would take a third of the time.
func comparePreserved(t testing.TB, kind reflect.Type, before, after any, where string) {
	switch {
	case kind == secretType:
		text, _ := before.(string)
		require.Equal(t, text != "", after == "[redacted]", where)
		return
	case kind == reflect.TypeFor[basiq.Amount](): // holds any value as text
		text, _ := after.(string)
		switch sent := before.(type) {
		case string:
			require.Equal(t, sent, text, where)
		case json.Number:
			require.Equal(t, sent.String(), text, where)
		default:
			require.Equal(t, sent == nil, text == "", where)
		}
		return
	case strings.HasPrefix(kind.Name(), "OneOrMany["):
		if _, list := before.([]any); !list && after == nil {
			return // a single element of another type
		}
		kind = kind.Field(0).Type
		before, after = asList(before), asList(after)
	case strings.HasPrefix(kind.Name(), "StringOrObject[") && isObject(before):
		object, _ := kind.FieldByName("Object")
		comparePreserved(t, object.Type, before, after, where)
		return
	case reflect.PointerTo(kind).Implements(unmarshaler) && kind.Kind() != reflect.Pointer:
		if before != nil && before != "" || after != nil && after != "" {
			require.Equal(t, before, after, where)
		}
		return
	case reflect.PointerTo(kind).Implements(textUnmarshaler):
		require.Fail(t, "missing case for "+kind.String())
	}
	switch kind.Kind() {
	case reflect.Pointer:
		if before == nil {
			require.Nil(t, after, where)
			return
		}
		require.NotNil(t, after, "%s was %v", where, before)
		comparePreserved(t, kind.Elem(), before, after, where)
	case reflect.Struct:
		sent, _ := before.(map[string]any)
		again, _ := after.(map[string]any)
		for name, field := range fields(kind) {
			if sent[name] == nil && again[name] == nil {
				continue
			}
			comparePreserved(t, field, sent[name], again[name], where+"."+name)
		}
	case reflect.Slice:
		sent, _ := before.([]any)
		again, _ := after.([]any)
		require.Len(t, again, len(sent), where)
		for i := range sent {
			comparePreserved(t, kind.Elem(), sent[i], again[i], where+"["+strconv.Itoa(i)+"]")
		}
	case reflect.Map:
		sent, _ := before.(map[string]any)
		again, _ := after.(map[string]any)
		require.Len(t, again, len(sent), where)
		for name := range sent {
			comparePreserved(t, kind.Elem(), sent[name], again[name], where+"."+name)
		}
	case reflect.String:
		sent, again := textOf(before), textOf(after)
		if sent != again { // testify is slow, and there are many values
			require.Equal(t, sent, again, where)
		}
	case reflect.Bool:
		require.Equal(t, before == true, after == true, where)
	case reflect.Int, reflect.Int32, reflect.Int64:
		if quoted, ok := before.(string); ok { // must be an integer to be decoded
			if _, err := strconv.ParseInt(quoted, 10, kind.Bits()); err == nil && quoted[0] != '+' {
				before = json.Number(quoted)
			}
		}
		require.Zero(t, exact(before).Cmp(exact(after)), "%s: %v is %v", where, before, after)
	default:
		require.Fail(t, "missing case for "+kind.String(), where)
	}
}

// fieldsOf caches the results of fields.
var fieldsOf sync.Map

// fields maps the JSON names of a struct's fields, in lower case, to their types.
func fields(kind reflect.Type) map[string]reflect.Type {
	if known, ok := fieldsOf.Load(kind); ok {
		return known.(map[string]reflect.Type)
	}
	found := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(kind) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		// An outer field hides fields of embedded structs, whether these come before or after it.
		if _, hidden := found[fold(name)]; !hidden || len(field.Index) == 1 {
			found[fold(name)] = field.Type
		}
	}
	fieldsOf.Store(kind, found)
	return found
}

// asList returns a list with a single value, and lists unchanged.
func asList(value any) any {
	switch value.(type) {
	case nil, []any:
		return value
	default:
		return []any{value}
	}
}

// textOf returns a string, or the digits of a number as sent.
func textOf(value any) string {
	if number, ok := value.(json.Number); ok {
		return number.String()
	}
	text, _ := value.(string)
	return text
}

func exact(number any) *big.Rat {
	literal, _ := number.(json.Number)
	if value, ok := new(big.Rat).SetString(literal.String()); ok {
		return value
	}
	return new(big.Rat)
}

// allocated returns the total number of bytes that the program has allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// otherResourceCalls lists the calls that return one resource and are missing in the other tables.
var otherResourceCalls = []resourceCall{
	{"Users.Get", "/users/u1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.User) string { return v.ID })(c.Users.Get(t.Context(), userID))
	}},
	{"Users.Create", "/users", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.User) string { return v.ID })(c.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"}))
	}},
	{"Users.Update", "/users/u1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.User) string { return v.ID })(c.Users.Update(t.Context(), userID, basiq.UpdateUser{Email: "gavin@hooli.com"}))
	}},
	{"Connections.Get", "/users/u1/connections/c1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Connection) string { return v.ID })(c.Connections.Get(t.Context(), userID, connID))
	}},
	{"Connections.Create", "/users/u1/connections", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(idOfJob)(c.Connections.Create(t.Context(), userID, login))
	}},
	{"Connections.Update", "/users/u1/connections/c1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(idOfJob)(c.Connections.Update(t.Context(), userID, connID, basiq.UpdateConnection{Password: basiq.NewSecret("hooli2016")}))
	}},
	{"Connections.Refresh", "/users/u1/connections/c1/refresh", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(idOfJob)(c.Connections.Refresh(t.Context(), userID, connID))
	}},
	{"Jobs.Get", "/jobs/j1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(idOfJob)(c.Jobs.Get(t.Context(), jobID))
	}},
	{"Jobs.AnswerMFA", "/jobs/j1/mfa", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(idOfJob)(c.Jobs.AnswerMFA(t.Context(), userID, jobID, basiq.NewSecret("1234")))
	}},
	{"AuthLinks.Get", "/users/u1/auth_link", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(publicLink)(c.AuthLinks.Get(t.Context(), userID))
	}},
	{"AuthLinks.Create", "/users/u1/auth_link", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(publicLink)(c.AuthLinks.Create(t.Context(), userID, basiq.CreateAuthLink{}))
	}},
	{"Enrichment.Get", "/enrich", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Enrich) string { return v.Type })(c.Enrichment.Get(t.Context(),
			basiq.EnrichQuery{Description: "WOOLWORTHS", InstitutionID: "AU00000", Country: "AU"}))
	}},
	{"Statements.Upload", "/users/u1/statements", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(idOfJob)(c.Statements.Upload(t.Context(), userID,
			basiq.Statement{InstitutionID: "AU00000", Name: "a.pdf", Content: strings.NewReader("%PDF")}))
	}},
	{"Reports.Create", "/reports", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(idOfJob)(c.Reports.Create(t.Context(), basiq.CreateReport{
			ReportType: basiq.ReportTypeAffordability, Title: "a", Filters: []basiq.ReportFilter{basiq.ReportFilterStrings(basiq.ReportFilterNameUsers, userID)},
		}))
	}},
	{"Insights.VerifyAccount", "/users/u1/insights/account", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(insightID)(c.Insights.VerifyAccount(t.Context(), userID, basiq.VerifyAccount{AccountNumber: "10445533"}))
	}},
	{"Insights.VerifyBalance", "/users/u1/insights/balance", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(insightID)(c.Insights.VerifyBalance(t.Context(), userID, basiq.BalanceRange{Min: "1"}))
	}},
	{"Insights.VerifyIdentity", "/users/u1/insights/identity", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(insightID)(c.Insights.VerifyIdentity(t.Context(), userID, basiq.VerifyIdentity{Name: "Gavin Belson"}))
	}},
	{"Insights.Create", "/insights", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(insightID)(c.Insights.Create(t.Context(), basiq.CreateInsight{
			Users: []string{userID}, Type: basiq.InsightTypeIDExpenseRatio, Data: map[string]any{"expense": "1000"},
		}))
	}},
	{"Merchants.Get", "/merchants/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Merchant) string { return v.Merchant.ID })(c.Merchants.Get(t.Context(), "x1"))
	}},
	{"Analytics.Users", "/analytics/users", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(*basiq.UserAnalytics) string { return "no ID" })(c.Analytics.Users(t.Context(), basiq.UserAnalyticsQuery{Interval: basiq.AnalyticsIntervalMonthly}))
	}},
	{"Webhooks.Create", "/notifications/webhooks", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Webhook) string { return v.ID })(c.Webhooks.Create(t.Context(), basiq.CreateWebhook{
			URL: "https://piper.com/basiq-messages/", Name: "My General Webhook", SubscribedEvents: []basiq.EventTypeName{basiq.EventTypeNameUserCreated},
		}))
	}},
	{"Webhooks.Update", "/notifications/webhooks/w1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Webhook) string { return v.ID })(c.Webhooks.Update(t.Context(), "w1", basiq.UpdateWebhook{URL: "https://piper.com/basiq-messages/"}))
	}},
}

func idOfJob(j *basiq.Job) string         { return j.ID }
func insightID(v *basiq.Insight) string   { return v.ID }
func publicLink(v *basiq.AuthLink) string { return v.Links.Public }

// allResourceCalls returns all calls that return one resource.
func allResourceCalls() []resourceCall {
	all := slices.Concat(resourceCalls, otherResourceCalls)
	for operation, c := range summaries {
		all = append(all, resourceCall{operation, c.path, func(t testing.TB, client *basiq.Client) (item, error) {
			return c.create(t, client, basiq.AffordabilityRequest{})
		}})
	}
	return all
}

// The response of every operation is fuzzed, except for operations without a result.
func TestFuzz_EveryOperation(t *testing.T) {
	t.Parallel()
	have := []string{
		"Tokens.Create", // tested by FuzzToken
		// These have no result.
		"Users.Delete", "Consents.Delete", "AuthLinks.Delete", "Connections.Delete", "Connections.Purge", "Reports.Delete",
		"Webhooks.Delete", "Webhooks.SendTest",
	}
	for _, c := range fuzzedListings() {
		have = append(have, c.operation)
	}
	for _, c := range allResourceCalls() {
		have = append(have, c.operation)
	}
	var want []string
	for _, op := range basiq.Operations() {
		want = append(want, op.Name)
	}
	require.ElementsMatch(t, want, have)
}

// fuzzedListings returns the calls that return a list.
func fuzzedListings() []listing {
	return append(slices.Clone(listings), listing{
		"Merchants.Search", "/merchants", "merchantName=Coles", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
			return itemsOf(c.Merchants.Search(ctx, basiq.MerchantQuery{Name: "Coles"}), func(v *basiq.MerchantMatch) string { return v.MerchantID })
		},
	}, listing{
		"Connections.RefreshAll", "/users/u1/connections/refresh", "", false,
		func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
			return func(yield func(item, error) bool) {
				jobs, err := c.Connections.RefreshAll(ctx, userID)
				if err != nil {
					yield(item{}, err)
					return
				}
				for _, job := range jobs {
					if !yield(item{job.ID, job}, nil) {
						return
					}
				}
			}
		},
	})
}

// For any response to a list request, the items contain everything that was sent, or the last iteration returns an error in
// one line without content of the body. The only other request is for the next page of the same collection.
func FuzzListBody(f *testing.F) {
	addBodies(f, "", "{}", "null", `{"data":[{}]}`, `{"data":[null]}`, `{"data":{}}`, `{"data":[{"links":[]}]}`, threeItems)
	w := new(wire)
	client := newClient(f, w, oneAttempt)
	all := fuzzedListings()
	f.Fuzz(func(t *testing.T, body []byte, at uint, value []byte) {
		body = replaceValue(body, at, value)
		w.set(ok(http.StatusOK, string(body)))
		whole, single, valid := parse(t, body)
		object, _ := whole.(map[string]any)
		list, _ := asList(object["data"]).([]any)
		before := allocated()
		for _, c := range all {
			w.sent = nil
			var items []any
			var failure error
			for listed, err := range c.list(t.Context(), client) {
				require.NoError(t, failure, "an error must come last")
				if failure = err; err != nil {
					require.Empty(t, listed, "an error must come without an item")
					continue
				}
				items = append(items, listed.value)
			}
			checkPages(t, c, w.sent)
			if failure != nil && !errors.Is(failure, basiq.ErrListChanged) { // the second page may repeat the items of the first
				checkInvalidResponse(t, failure, c.operation)
			}
			if failure != nil && len(items) == 0 {
				continue // the first page may have failed
			}
			require.True(t, valid)
			if !single {
				continue
			}
			if failure == nil {
				require.Len(t, items, len(list)*len(w.sent), "each page must contain all items that were sent")
				kind, _ := object["type"].(string)
				require.True(t, object["data"] != nil || strings.EqualFold(kind, "list"), "another response must not be read as an empty list")
			}
			for i, value := range items[:min(len(items), len(list))] {
				checkPreserved(t, value, list[i])
			}
		}
		require.Less(t, allocated()-before, uint64(len(all))*(1<<20+perByte*uint64(len(body))))
	})
}

// perByte limits the memory used for each byte of a body. Three bytes decode to an empty account, which takes half a KiB.
const perByte = 2 << 10

// checkPages checks that the requests are for the first page of a list and, optionally, the next page.
func checkPages(t testing.TB, c listing, sent []*http.Request) {
	t.Helper()
	require.NotEmpty(t, sent)
	require.LessOrEqual(t, len(sent), 2, "the second page links to itself")
	for i, req := range sent {
		require.Equal(t, "https", req.URL.Scheme)
		require.Equal(t, "au-api.basiq.io", req.URL.Host)
		require.Equal(t, c.path, req.URL.EscapedPath())
		require.True(t, i > 0 || req.URL.RawQuery == c.query)
	}
}

// For any response to a request for one resource, the result contains everything that was sent, or an error is returned.
func FuzzResourceBody(f *testing.F) {
	addBodies(f, "", "null", "[]", `{"id":"x1"}`, `{"ID":"x1","id":""}`, `{"id":"x1","secret":"[redacted]"}`)
	w := new(wire)
	clients := map[string]*basiq.Client{}
	for _, op := range basiq.Operations() {
		clients[op.Name] = newClient(f, w, oneAttempt, versionOf(f, op.ID))
	}
	all := allResourceCalls()
	f.Fuzz(func(t *testing.T, body []byte, at uint, value []byte) {
		body = replaceValue(body, at, value)
		before := allocated()
		for id, about := range aboutIDs(t, body) {
			w.set(ok(http.StatusOK, string(about.body)))
			for _, c := range all {
				if idIn(c.path) == id {
					checkResource(t, c, clients[c.operation], w, about)
				}
			}
		}
		require.Less(t, allocated()-before, uint64(len(all))*(1<<20+perByte*uint64(len(body))))
	})
}

// fuzzedBody is a body and what is known about it.
type fuzzedBody struct {
	body          []byte
	whole         any
	single, valid bool
}

// calledIDs lists the IDs that the calls of allResourceCalls request.
var calledIDs = []string{"x1", userID, connID, jobID, "w1"}

// idIn returns the ID in a path, or "" if it contains none.
func idIn(path string) string {
	found := ""
	for segment := range strings.SplitSeq(path, "/") {
		if slices.Contains(calledIDs, segment) {
			found = segment
		}
	}
	return found
}

var firstID = regexp.MustCompile(`"id"\s*:\s*"[^"\\]+"`)

// aboutIDs returns the body as a response about each of the called IDs, because a response about another ID is an error. A
// missing or empty ID is not changed.
func aboutIDs(t testing.TB, body []byte) map[string]fuzzedBody {
	t.Helper()
	bodies := map[string]fuzzedBody{}
	for _, id := range append(calledIDs, "") {
		about := fuzzedBody{body: body}
		if at := firstID.FindIndex(body); at != nil && id != "" {
			about.body = slices.Concat(body[:at[0]], []byte(`"id":"`+id+`"`), body[at[1]:])
		}
		about.whole, about.single, about.valid = parse(t, about.body)
		bodies[id] = about
	}
	return bodies
}

// reportTypeIn returns the report type in a response, which may be a list with one item, see TestReports_Type_InList.
func reportTypeIn(response map[string]any, got *basiq.ReportType) any {
	items, _ := response["data"].([]any)
	id := textOf(response["id"])
	if len(items) != 1 || id != "" && !strings.EqualFold(textOf(response["type"]), "list") {
		return response
	}
	item, _ := items[0].(map[string]any)
	if textOf(item["id"]) == "" {
		item = maps.Clone(item)
		if item == nil {
			item = map[string]any{}
		}
		item["id"] = got.ID
	}
	return item
}

// checkResource calls c and checks that the result contains everything that was sent, or that the error describes the response.
func checkResource(t testing.TB, c resourceCall, client *basiq.Client, w *wire, sent fuzzedBody) {
	t.Helper()
	w.sent = nil
	resource, err := c.get(t, client)
	require.Len(t, w.sent, 1)
	require.Equal(t, c.path, w.sent[0].URL.EscapedPath())
	if err != nil {
		checkInvalidResponse(t, err, c.operation)
		return
	}
	require.NotEmpty(t, resource.id)
	require.True(t, sent.valid)
	whole := sent.whole
	object, _ := whole.(map[string]any)
	if reportType, ok := resource.value.(*basiq.ReportType); ok && sent.single {
		whole = reportTypeIn(object, reportType)
	}
	if sent.single {
		checkPreserved(t, resource.value, whole)
	}
}
