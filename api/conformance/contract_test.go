package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

func loaded(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := load()
	require.NoError(t, err)
	return doc
}

// eachOperation runs check for every operation of the contract.
func eachOperation(t *testing.T, check func(t *testing.T, op *openapi3.Operation)) {
	t.Helper()
	for path, item := range loaded(t).Paths.Map() {
		for method, op := range item.Operations() {
			t.Run(method+" "+path, func(t *testing.T) { check(t, op) })
		}
	}
}

// The OpenAPI library validates examples and defaults too, unless it is told not to.
func TestContractIsValid(t *testing.T) {
	t.Parallel()
	require.NoError(t, loaded(t).Validate(t.Context()))
	strict, err := strictContract()
	require.NoError(t, err)
	require.NoError(t, strict.doc.Validate(t.Context()), "no example has a field that its schema does not name")
}

func TestContractDescribesEveryOperation(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	eachOperation(t, func(t *testing.T, op *openapi3.Operation) {
		t.Helper()
		assert.NotEmpty(t, op.OperationID)
		assert.False(t, seen[op.OperationID], "the operationId stands there twice")
		seen[op.OperationID] = true
		assert.NotEmpty(t, op.Summary)
		assert.NotEmpty(t, op.Description)
		assert.Len(t, op.Tags, 1)
		assert.Subset(t, []any{"2.1", "3.0"}, op.Extensions["x-basiq-versions"])
		assert.NotEmpty(t, op.Extensions["x-basiq-versions"])

		// The token operation takes the API key; all others say which tokens they take.
		if op.Security != nil {
			assert.Equal(t, openapi3.SecurityRequirements{{"api_key": {}}}, *op.Security)
		} else {
			assert.Subset(t, []any{"SERVER_ACCESS", "CLIENT_ACCESS"}, op.Extensions["x-basiq-scopes"])
			assert.NotEmpty(t, op.Extensions["x-basiq-scopes"])
		}

		for _, status := range []int{400, 401, 403, 404, 429, 500, 503} {
			response := op.Responses.Status(status)
			if !assert.NotNil(t, response, "status %d is not declared", status) {
				continue
			}
			media := response.Value.Content.Get("application/json")
			if assert.NotNil(t, media, "status %d has no JSON body", status) {
				assert.Equal(t, "#/components/schemas/ErrorResponse", media.Schema.Ref, "there is one error envelope")
			}
		}
		if op.RequestBody != nil && op.RequestBody.Value.Content["application/json"] != nil {
			assert.NotNil(t, op.Responses.Status(415), "it takes JSON, so it may refuse another type")
		}
	})
	assert.NotEmpty(t, seen)
}

// Each of these made the generator write Go that loses data or that nobody can use.
func TestContractAvoidsTheGeneratorsTraps(t *testing.T) {
	t.Parallel()
	doc := loaded(t)
	visitSchemas(doc, func(name string, ref *openapi3.SchemaRef) {
		s := ref.Value
		component := doc.Components.Schemas[name] == ref
		assert.False(t, s.ReadOnly || s.WriteOnly, "%s: a required field of this kind is left out when it is empty", name)
		assert.False(t, ref.Ref == "" && !component && len(s.Properties) > 0, "%s: give the object a name", name)
		assert.False(t, s.Type.Is("number"), "%s: a float32 to the generator", name)
		if ref.Ref == "" && (component || strings.Contains(name, ".")) && !strings.HasSuffix(name, "]") && !strings.HasSuffix(name, "*") {
			assert.NotEmpty(t, s.Description, "%s has no description", name)
		}
	})
	eachOperation(t, func(t *testing.T, op *openapi3.Operation) {
		t.Helper()
		for status, response := range op.Responses.Map() {
			for name, header := range response.Value.Headers {
				assert.True(t, header.Value.Schema.Value.Type.Is("string"), "%s %s: strict parsing would cost the response", status, name)
			}
		}
	})
}

// Where one path has a word and another a parameter, an id that is this word would call the wrong operation.
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
	require.Contains(t, words, "refresh", "the search is broken")
	for word := range words {
		assert.ErrorIs(t, api.ID(word).Validate(), api.ErrBadID, "add %q to api.ID.Validate", word)
	}
	for _, id := range []string{"61723", "cd6fbd92-0b12-43ba-a3c1-286dd5f4f396", "AU00000"} {
		assert.NoError(t, api.ID(id).Validate())
	}
}

func isParameter(segment string) bool { return strings.HasPrefix(segment, "{") }

// constructor matches the generated functions that build a request; a request with a body has several.
var constructor = regexp.MustCompile(`^New(.+?)Request(With.*)?$`)

func TestGeneratedClientHasEveryOperation(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../../gen/client.gen.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var generated []string
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
			if match := constructor.FindStringSubmatch(fn.Name.Name); match != nil {
				// The generator changes the case of initialisms.
				generated = append(generated, strings.ToLower(match[1]))
			}
		}
	}
	slices.Sort(generated)
	generated = slices.Compact(generated)

	var declared []string
	for _, item := range loaded(t).Paths.Map() {
		for _, op := range item.Operations() {
			declared = append(declared, strings.ToLower(op.OperationID))
		}
	}
	slices.Sort(declared)
	assert.Equal(t, declared, generated)
	t.Logf("%d operations", len(declared))
}
