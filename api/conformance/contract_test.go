package conformance

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func loaded(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := load()
	require.NoError(t, err)
	return doc
}

func operations(doc *openapi3.T) []*openapi3.Operation {
	var all []*openapi3.Operation
	for _, item := range doc.Paths.Map() {
		all = slices.AppendSeq(all, maps.Values(item.Operations()))
	}
	return all
}

// Validate also checks examples and defaults.
func TestContract_Valid(t *testing.T) {
	t.Parallel()
	require.NoError(t, loaded(t).Validate(t.Context()))
	strict, err := strictContract()
	require.NoError(t, err)
	require.NoError(t, strict.doc.Validate(t.Context()), "examples must not have fields that their schemas do not define")
}

func TestContract_Operations(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, op := range operations(loaded(t)) {
		id := op.OperationID
		assert.NotEmpty(t, id)
		assert.False(t, seen[id], "duplicate operationId %s", id)
		seen[id] = true
		assert.NotEmpty(t, op.Summary, id)
		assert.NotEmpty(t, op.Description, id)
		assert.Len(t, op.Tags, 1, id)
		assert.Subset(t, []any{"2.1", "3.0"}, op.Extensions["x-basiq-versions"], id)
		assert.NotEmpty(t, op.Extensions["x-basiq-versions"], id)

		// The token operation uses the API key and public operations use nothing. All others declare the tokens they accept.
		switch {
		case op.Security == nil:
			assert.Subset(t, []any{"SERVER_ACCESS", "CLIENT_ACCESS"}, op.Extensions["x-basiq-scopes"], id)
			assert.NotEmpty(t, op.Extensions["x-basiq-scopes"], id)
		case len(*op.Security) > 0:
			assert.Equal(t, openapi3.SecurityRequirements{{"api_key": {}}}, *op.Security, id)
		}

		for _, status := range []int{400, 401, 403, 404, 429, 500, 503} {
			response := op.Responses.Status(status)
			if !assert.NotNil(t, response, "%s does not declare status %d", id, status) {
				continue
			}
			media := response.Value.Content.Get("application/json")
			if assert.NotNil(t, media, "%s: status %d has no JSON body", id, status) {
				assert.Equal(t, "#/components/schemas/ErrorResponse", media.Schema.Ref, "%s: errors must use ErrorResponse", id)
			}
		}
		if op.RequestBody != nil && op.RequestBody.Value.Content["application/json"] != nil {
			assert.NotNil(t, op.Responses.Status(415), "%s accepts JSON, so it may reject other media types", id)
		}
	}
	assert.NotEmpty(t, seen)
}

// The generator would produce Go code that loses data or is unusable for these constructs.
func TestContract_GeneratorPitfalls(t *testing.T) {
	t.Parallel()
	doc := loaded(t)
	numbers := slices.Concat(doc.Components.Schemas["Amount"].Value.OneOf, doc.Components.Schemas["Decimal"].Value.OneOf)
	visitSchemas(doc, func(name string, ref *openapi3.SchemaRef) {
		s := ref.Value
		component := doc.Components.Schemas[name] == ref
		assert.False(t, s.ReadOnly || s.WriteOnly, "%s: the generated code would omit a required field of this kind if it is empty", name)
		assert.False(t, ref.Ref == "" && !component && len(s.Properties) > 0, "%s: objects must be named schemas", name)
		// The Go types of Amount and Decimal keep all digits.
		assert.False(t, s.Type.Is("number") && !slices.Contains(numbers, ref), "%s: the generator would use float32", name)
		// Elements of lists and maps are described by the list or map.
		if ref.Ref == "" && !strings.HasSuffix(name, "[]") && !strings.HasSuffix(name, ".*") && !strings.Contains(name, " ") {
			assert.NotEmpty(t, s.Description, "%s has no description", name)
		}
	})
	for _, op := range operations(doc) {
		for status, response := range op.Responses.Map() {
			for name, header := range response.Value.Headers {
				assert.True(t, header.Value.Schema.Value.Type.Is("string"),
					"%s %s %s: strict parsing of the header could make the response unusable", op.OperationID, status, name)
			}
		}
	}
}

// If a path has a word where another has a parameter, an ID equal to the word would call the wrong operation.
func TestIDsCannotBeWordsOfThePaths(t *testing.T) {
	t.Parallel()
	paths := loaded(t).Paths.Keys()
	words := map[string]bool{}
	for _, path := range paths {
		segments := strings.Split(path, "/")
		for _, other := range paths {
			others := strings.Split(other, "/")
			for i := range min(len(segments), len(others)) {
				if isParameter(others[i]) && !isParameter(segments[i]) {
					words[segments[i]] = true
				}
				if !isParameter(segments[i]) && !isParameter(others[i]) && segments[i] != others[i] {
					break
				}
			}
		}
	}
	require.Contains(t, words, "refresh", "no reserved words found")
	for word := range words {
		require.ErrorIs(t, api.ID(word).Validate(), api.ErrBadID, "add %q to api.ID.Validate", word)
	}
	for _, id := range []string{"61723", "cd6fbd92-0b12-43ba-a3c1-286dd5f4f396", "AU00000"} {
		assert.NoError(t, api.ID(id).Validate())
	}
}

func isParameter(segment string) bool { return strings.HasPrefix(segment, "{") }

func TestGeneratedClient_Operations(t *testing.T) {
	t.Parallel()
	var generated []string
	for method := range reflect.TypeFor[gen.ClientInterface]().Methods() {
		name, _, _ := strings.Cut(method.Name, "With")       // an operation with a body has several methods
		generated = append(generated, strings.ToLower(name)) // the generator changes the case of initialisms
	}
	slices.Sort(generated)
	generated = slices.Compact(generated)

	var declared []string
	for _, op := range operations(loaded(t)) {
		declared = append(declared, strings.ToLower(op.OperationID))
	}
	slices.Sort(declared)
	assert.Equal(t, declared, generated)
	t.Logf("%d operations", len(declared))
}

// The client rejects operations that its API version does not have, so its table must match the contract.
func TestOperations_Versions(t *testing.T) {
	t.Parallel()
	contract := map[string]any{}
	for _, op := range operations(loaded(t)) {
		contract[op.OperationID] = op.Extensions["x-basiq-versions"]
	}
	for _, op := range basiq.Operations() {
		var versions []any
		for _, version := range op.Versions() {
			versions = append(versions, string(version))
		}
		if strings.HasPrefix(op.Path, "/public/") { // no token is sent, so clients of any version can call it
			assert.Subset(t, versions, contract[op.ID], op.ID)
			assert.Len(t, versions, 2, op.ID)
			continue
		}
		assert.Equal(t, contract[op.ID], versions, op.ID)
	}
}
