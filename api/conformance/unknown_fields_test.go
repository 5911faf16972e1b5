package conformance

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// plant adds a member with a random name to each object in a JSON value. It calls planted with the name and its path.
func plant(value any, path string, planted func(name, path string)) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			plant(element, path+"[]", planted)
		}
	case map[string]any:
		if path != "" {
			path += "."
		}
		for name, member := range value {
			plant(member, path+name, planted)
		}
		name := "new" + rand.Text()
		value[name] = map[string]any{"n": 1}
		planted(name, path+name)
	}
}

// complete returns an example with all objects, arrays and values that the schema has and the example lacks.
func complete(s *openapi3.Schema, value any, depth int) any {
	if value == nil && depth < 12 { // a report type may contain report types
		s, value = emptyValue(s)
	}
	switch value := value.(type) {
	case []any:
		if s.Items != nil {
			for i := range value {
				value[i] = complete(s.Items.Value, value[i], depth+1)
			}
		}
	case map[string]any:
		for _, union := range append(s.OneOf, s.NewRef()) {
			for name, property := range union.Value.Properties {
				value[name] = complete(property.Value, value[name], depth+1)
			}
		}
	}
	return value
}

// emptyValue returns a value of a schema, which is as large as possible in a union. It is nil for a free-form value.
func emptyValue(s *openapi3.Schema) (*openapi3.Schema, any) {
	for _, union := range s.OneOf {
		if chosen, value := emptyValue(union.Value); value != nil {
			s = chosen
		}
	}
	switch {
	case len(s.Properties) > 0:
		return s, map[string]any{}
	case s.Items != nil:
		return s, []any{nil}
	case s.Type.Is("string"):
		return s, ""
	case s.Type.Is("integer"), s.Type.Is("number"):
		return s, 0
	case s.Type.Is("boolean"):
		return s, false
	}
	return s, nil
}

// keepsAll reports whether a path is within a free-form object, which keeps its JSON as it is.
func keepsAll(path string) bool {
	return strings.Contains(path, "dataSchema.") || strings.Contains(path, "billable.")
}

// A field that Basiq adds to any object of any response is reported, and is in the raw JSON. Without additions nothing is
// reported: this package knows all fields and values of the contract's examples.
func TestUnknownFields_EverySuccess(t *testing.T) {
	t.Parallel()
	var fields, responses atomic.Int32
	t.Cleanup(func() {
		t.Logf("%d fields in %d responses", fields.Load(), responses.Load())
		assert.Greater(t, fields.Load(), int32(1000))
	})
	for _, tc := range successes(t) {
		var body map[string]any
		if tc.mediaType != "application/json" || json.Unmarshal([]byte(tc.body), &body) != nil {
			continue
		}
		complete(tc.schema, body, 0)
		if links, ok := body["links"].(map[string]any); ok {
			delete(links, "next")
		}
		responses.Add(1)
		t.Run(tc.operation+"/"+tc.name, func(t *testing.T) {
			t.Parallel()
			call := func(body map[string]any) (problems map[string]basiq.UnknownProblem, raw []byte) {
				problems = map[string]basiq.UnknownProblem{}
				c, err := basiq.New("key", withVersion(tc.operation),
					basiq.WithHTTPClient(&http.Client{Transport: fixedResponse{tc.operation, tc.status, tc.mediaType, marshal(t, body)}}),
					basiq.WithUnknownFields(func(f basiq.UnknownField) {
						if f.Operation.ID == tc.operation {
							problems[f.Path] = f.Problem
						}
					}))
				require.NoError(t, err)
				require.NoError(t, failure(basiq.ContextWithRawJSON(t.Context(), &raw), c, tc.operation))
				return problems, raw
			}
			problems, _ := call(body)
			assert.Empty(t, problems, "the example itself")

			want, names := map[string]basiq.UnknownProblem{}, map[string]bool{}
			plant(body, "", func(name, path string) {
				names[name] = true
				fields.Add(1)
				if !keepsAll(path) {
					want[path] = basiq.UnknownName
				}
			})
			problems, raw := call(body)
			assert.Equal(t, want, problems)
			if tc.operation == "postToken" || tc.operation == "addWebhook" || tc.operation == "updateWebhook" {
				assert.Nil(t, raw, "it has a secret")
				return
			}
			for name := range names { // after a list, raw is the whole page
				assert.Contains(t, string(raw), name)
			}
		})
	}
}
