package conformance

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

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

// keepsAll reports whether a path is within a value that keeps its JSON as it is: an api.Reference, a free-form object, or the
// input of an insight.
func keepsAll(operation, path string) bool {
	switch operation {
	case "getAccount":
		return strings.HasPrefix(path, "institution.")
	case "getEvent":
		return strings.HasPrefix(path, "data.institution.") || strings.HasPrefix(path, "data.connection.")
	case "getInsightType", "getInsightTypes":
		return strings.Contains(path, "dataSchema.")
	case "getUserAnalytics":
		return strings.Contains(path, "billable.")
	}
	return strings.Contains(path, ".input.")
}

// A field that Basiq adds to any object of any response is reported, and is in the raw JSON. Without additions nothing is
// reported: this package knows all fields and values of the contract's examples.
func TestUnknownFields_EverySuccess(t *testing.T) {
	t.Parallel()
	fields, responses := 0, 0
	for _, tc := range successes(t) {
		var body, counted map[string]any
		text := []byte(prepared(t, tc.body))
		if tc.mediaType != "application/json" || json.Unmarshal(text, &body) != nil || json.Unmarshal(text, &counted) != nil {
			continue
		}
		delete(body, "planted")
		responses++
		plant(counted, "", func(string, string) { fields++ })
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
				if !keepsAll(tc.operation, path) {
					want[path] = basiq.UnknownName
				}
			})
			problems, raw := call(body)
			assert.Equal(t, want, problems)
			switch data, isList := body["data"].([]any); {
			case tc.operation == "postToken" || tc.operation == "addWebhook" || tc.operation == "updateWebhook":
				assert.Nil(t, raw, "it has a secret")
			case tc.operation == "listAppWebhooks" && !isList:
				assert.JSONEq(t, marshal(t, body["data"]), string(raw), "the item without an array around it")
			case isList && body["type"] == "list" && tc.operation != "refreshConnections" && tc.operation != "retrieveSpecificReportType":
				if len(data) > 0 {
					assert.JSONEq(t, marshal(t, data[len(data)-1]), string(raw), "the last item")
				}
			default:
				for name := range names {
					assert.Contains(t, string(raw), name)
				}
			}
		})
	}
	t.Logf("%d fields in %d responses", fields, responses)
	require.Greater(t, fields, 300)
}
