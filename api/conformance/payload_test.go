package conformance

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
)

// generated maps the schemas of payloads to their Go types.
var generated = typesByName(
	new(gen.Account), new(gen.AccountList), new(gen.Affordability), new(gen.AffordabilityList),
	new(gen.AffordabilityRequest), new(gen.AffordabilityTransactionList), new(gen.AuthLink), new(gen.Connection),
	new(gen.ConnectionList), new(gen.Connector), new(gen.ConnectorList), new(gen.ConsentList),
	new(gen.CreateAuthLink), new(gen.CreateConnection), new(gen.CreateReport), new(gen.CreateUser),
	new(gen.CreateWebhook), new(gen.Enrich), new(gen.ErrorResponse), new(gen.Event), new(gen.EventList),
	new(gen.EventType), new(gen.EventTypeList), new(gen.Expenses), new(gen.Identity), new(gen.IdentityList),
	new(gen.Income), new(gen.Institution), new(gen.InstitutionList), new(gen.Job), new(gen.JobList),
	new(gen.MFAAnswer), new(gen.Report), new(gen.ReportList), new(gen.ReportType), new(gen.ReportTypeList),
	new(gen.Token), new(gen.Transaction), new(gen.TransactionList), new(gen.UpdateConnection), new(gen.UpdateUser),
	new(gen.UpdateWebhook), new(gen.User), new(gen.Webhook), new(gen.WebhookList), new(gen.WebhookMessage),
	new(gen.WebhookMessageList), new(gen.WebhookPayload), new(gen.WebhookTestMessage),
	new(gen.CreateInsight), new(gen.Insight), new(gen.InsightList), new(gen.InsightType), new(gen.Merchant),
	new(gen.MerchantList), new(gen.Payee), new(gen.PayeeList), new(gen.UserAnalytics), new(gen.VerifyAccount),
	new(gen.VerifyBalance), new(gen.VerifyIdentity),
)

func typesByName(pointers ...any) map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for _, pointer := range pointers {
		t := reflect.TypeOf(pointer).Elem()
		types[t.Name()] = t
	}
	return types
}

// roundTrip decodes a payload as the Go type of a schema and encodes it again.
func roundTrip(t *testing.T, schema string, payload []byte, name string) any {
	t.Helper()
	value := reflect.New(generated[schema]).Interface()
	require.NoError(t, json.Unmarshal(payload, value), name)
	return decode(t, []byte(marshal(t, value)))
}

// Recorded and documented payloads must match the strict contract and survive decoding and encoding without loss.
func TestPayloads(t *testing.T) {
	t.Parallel()
	strict, err := strictContract()
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/*/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		schema := filepath.Base(filepath.Dir(file))
		payload := []byte(readFile(t, file))

		options := append(schemaOptions(), openapi3.MultiErrors())
		assert.NoError(t, strict.doc.Components.Schemas[schema].Value.VisitJSON(decode(t, payload), options...), file) //nolint:testifylint // check the other files too

		require.Contains(t, generated, schema)
		assert.Equal(t, essence(decode(t, payload)), essence(roundTrip(t, schema, payload, file)), file)
	}
	t.Logf("%d payloads decoded and encoded without loss", len(files))
}

// decode returns the JSON value in data. Numbers keep their text.
func decode(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	require.NoError(t, decoder.Decode(&value))
	return value
}

// essence returns a value without differences that the types need not preserve. A field that is null, "", {} or [] equals a
// missing field, and a count of 0 equals a missing count. The case of names does not matter, as in encoding/json.
func essence(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, field := range value {
			if (name == "count" || name == "size") && field == json.Number("0") {
				continue
			}
			if field = essence(field); !isNothing(field) {
				kept[strings.ToLower(name)] = field
			}
		}
		return kept
	case []any:
		kept := make([]any, len(value))
		for i, element := range value {
			kept[i] = essence(element)
		}
		return kept
	default:
		return value
	}
}

func isNothing(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return value == ""
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	default:
		return false
	}
}

// The comparison must detect lost data.
func TestEssence(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		before, after string
		same          bool
	}{
		"a string":             {`{"a":"x","b":"y"}`, `{"a":"x"}`, false},
		"a digit":              {`{"a":1.10}`, `{"a":1.1}`, false},
		"an element":           {`{"a":["x",""]}`, `{"a":["x"]}`, false},
		"false":                {`{"a":false}`, `{}`, false},
		"a count of zero":      {`{"count":0}`, `{}`, true},
		"zero":                 {`{"a":0}`, `{}`, false},
		"nothing":              {`{"a":null,"b":"","c":{"d":null},"e":[]}`, `{}`, true},
		"an array of one":      {`{"result":[{"a":"x"}]}`, `{"result":{"a":"x"}}`, false},
		"an array of more":     {`{"result":[{"a":"x"},{"a":"y"}]}`, `{"result":{"a":"x"}}`, false},
		"an array of one \"\"": {`{"a":[""]}`, `{}`, false},
	}
	for name, tc := range cases {
		before, after := essence(decode(t, []byte(tc.before))), essence(decode(t, []byte(tc.after)))
		assert.Equal(t, tc.same, assert.ObjectsAreEqual(before, after), name)
	}
}
