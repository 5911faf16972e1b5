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
	"Connection":       func() any { return new(gen.Connection) },
	"ConnectionList":   func() any { return new(gen.ConnectionList) },
	"CreateConnection": func() any { return new(gen.CreateConnection) },
	"CreateUser":       func() any { return new(gen.CreateUser) },
	"ErrorResponse":    func() any { return new(gen.ErrorResponse) },
	"Job":              func() any { return new(gen.Job) },
	"JobList":          func() any { return new(gen.JobList) },
	"MFAAnswer":        func() any { return new(gen.MFAAnswer) },
	"Token":            func() any { return new(gen.Token) },
	"UpdateConnection": func() any { return new(gen.UpdateConnection) },
	"UpdateUser":       func() any { return new(gen.UpdateUser) },
	"User":             func() any { return new(gen.User) },
}

// What Basiq sends fits the contract, strictly, and goes through the generated types without losing anything.
func TestPayloadsFitTheContractAndTheTypes(t *testing.T) {
	t.Parallel()
	strict, err := strictContract()
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/*/*.json")
	require.NoError(t, err)
	leaves, schemas := 0, map[string]bool{}
	for _, file := range files {
		schema := filepath.Base(filepath.Dir(file))
		schemas[schema] = true
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
	assert.Len(t, schemas, len(generated), "each type has a payload")
	t.Logf("%d payloads of %d schemas with %d values", len(files), len(schemas), leaves)
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
// field, a count of 0 is the same as none, and a step's result is the same in an array of one.
func essence(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, field := range value {
			if list, ok := field.([]any); ok && name == "result" && len(list) == 1 {
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
		"a string":                  {`{"a":"x","b":"y"}`, `{"a":"x"}`, false},
		"a digit":                   {`{"a":1.10}`, `{"a":1.1}`, false},
		"an element":                {`{"a":["x",""]}`, `{"a":["x"]}`, false},
		"false":                     {`{"a":false}`, `{}`, false},
		"a count of zero":           {`{"count":0}`, `{}`, true},
		"zero":                      {`{"a":0}`, `{}`, false},
		"nothing":                   {`{"a":null,"b":"","c":{"d":null},"e":[]}`, `{}`, true},
		"a result's array":          {`{"result":[{"a":"x"}]}`, `{"result":{"a":"x"}}`, true},
		"a result in a longer list": {`{"result":[{"a":"x"},{"a":"y"}]}`, `{"result":{"a":"x"}}`, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := essence(decode(t, []byte(tc.before))), essence(decode(t, []byte(tc.after)))
			assert.Equal(t, tc.same, assert.ObjectsAreEqual(before, after))
		})
	}
}
