package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
)

// generated makes a value of the Go type of a schema.
var generated = map[string]func() any{
	"Account":                      func() any { return new(gen.Account) },
	"AccountList":                  func() any { return new(gen.AccountList) },
	"Affordability":                func() any { return new(gen.Affordability) },
	"AffordabilityList":            func() any { return new(gen.AffordabilityList) },
	"AffordabilityRequest":         func() any { return new(gen.AffordabilityRequest) },
	"AffordabilityTransactionList": func() any { return new(gen.AffordabilityTransactionList) },
	"AuthLink":                     func() any { return new(gen.AuthLink) },
	"Connection":                   func() any { return new(gen.Connection) },
	"ConnectionList":               func() any { return new(gen.ConnectionList) },
	"Connector":                    func() any { return new(gen.Connector) },
	"ConnectorList":                func() any { return new(gen.ConnectorList) },
	"ConsentList":                  func() any { return new(gen.ConsentList) },
	"CreateAuthLink":               func() any { return new(gen.CreateAuthLink) },
	"CreateConnection":             func() any { return new(gen.CreateConnection) },
	"CreateReport":                 func() any { return new(gen.CreateReport) },
	"CreateUser":                   func() any { return new(gen.CreateUser) },
	"CreateWebhook":                func() any { return new(gen.CreateWebhook) },
	"Enrich":                       func() any { return new(gen.Enrich) },
	"ErrorResponse":                func() any { return new(gen.ErrorResponse) },
	"Event":                        func() any { return new(gen.Event) },
	"EventList":                    func() any { return new(gen.EventList) },
	"EventType":                    func() any { return new(gen.EventType) },
	"EventTypeList":                func() any { return new(gen.EventTypeList) },
	"Expenses":                     func() any { return new(gen.Expenses) },
	"Identity":                     func() any { return new(gen.Identity) },
	"IdentityList":                 func() any { return new(gen.IdentityList) },
	"Income":                       func() any { return new(gen.Income) },
	"Institution":                  func() any { return new(gen.Institution) },
	"InstitutionList":              func() any { return new(gen.InstitutionList) },
	"Job":                          func() any { return new(gen.Job) },
	"JobList":                      func() any { return new(gen.JobList) },
	"MFAAnswer":                    func() any { return new(gen.MFAAnswer) },
	"Report":                       func() any { return new(gen.Report) },
	"ReportList":                   func() any { return new(gen.ReportList) },
	"ReportType":                   func() any { return new(gen.ReportType) },
	"ReportTypeList":               func() any { return new(gen.ReportTypeList) },
	"Token":                        func() any { return new(gen.Token) },
	"Transaction":                  func() any { return new(gen.Transaction) },
	"TransactionList":              func() any { return new(gen.TransactionList) },
	"UpdateConnection":             func() any { return new(gen.UpdateConnection) },
	"UpdateUser":                   func() any { return new(gen.UpdateUser) },
	"UpdateWebhook":                func() any { return new(gen.UpdateWebhook) },
	"User":                         func() any { return new(gen.User) },
	"Webhook":                      func() any { return new(gen.Webhook) },
	"WebhookList":                  func() any { return new(gen.WebhookList) },
	"WebhookMessage":               func() any { return new(gen.WebhookMessage) },
	"WebhookMessageList":           func() any { return new(gen.WebhookMessageList) },
	"WebhookTestMessage":           func() any { return new(gen.WebhookTestMessage) },
}

// What Basiq sends fits the contract, strictly, and goes through the generated types without losing anything.
func TestPayloadsFitTheContractAndTheTypes(t *testing.T) {
	t.Parallel()
	strict, err := strictContract()
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/*/*.json")
	require.NoError(t, err)
	leaves := 0
	for _, file := range files {
		schema := filepath.Base(filepath.Dir(file))
		payload, err := os.ReadFile(file)
		require.NoError(t, err)

		options := append(schemaOptions(), openapi3.MultiErrors())
		assert.NoError(t, strict.doc.Components.Schemas[schema].Value.VisitJSON(decode(t, payload), options...), file) //nolint:testifylint // The next files are worth a look.

		require.Contains(t, generated, schema)
		value := generated[schema]()
		require.NoError(t, json.Unmarshal(payload, value), file)
		again, err := json.Marshal(value)
		require.NoError(t, err, file)
		want := essence(decode(t, payload))
		assert.Equal(t, want, essence(decode(t, again)), file)
		leaves += countLeaves(want)
	}
	t.Logf("%d payloads with %d values", len(files), leaves)
}

// decode keeps numbers as they are written.
func decode(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	require.NoError(t, decoder.Decode(&value))
	return value
}

// essence is a value without what the types need not keep apart: null, "", {} and [] in a field are the same as no
// field, a count of 0 is the same as none, and an array of one in a field is the same as its element: only an
// [api.OneOrMany] takes both, and for a list there can be no confusion.
func essence(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, field := range value {
			if list, ok := field.([]any); ok && len(list) == 1 && !isNothing(list[0]) {
				field = list[0]
			}
			if (name == "count" || name == "size") && field == json.Number("0") {
				continue
			}
			if field = essence(field); !isNothing(field) {
				kept[name] = field
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

func countLeaves(value any) int {
	n := 0
	switch value := value.(type) {
	case map[string]any:
		for _, field := range value {
			n += countLeaves(field)
		}
	case []any:
		for _, element := range value {
			n += countLeaves(element)
		}
	default:
		n = 1
	}
	return n
}

// The comparison notices what it is there for.
func TestPayloadComparisonSeesLoss(t *testing.T) {
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
		"an array of one":      {`{"result":[{"a":"x"}]}`, `{"result":{"a":"x"}}`, true},
		"an array of more":     {`{"result":[{"a":"x"},{"a":"y"}]}`, `{"result":{"a":"x"}}`, false},
		"an array of one \"\"": {`{"a":[""]}`, `{}`, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := essence(decode(t, []byte(tc.before))), essence(decode(t, []byte(tc.after)))
			assert.Equal(t, tc.same, assert.ObjectsAreEqual(before, after))
		})
	}
}
