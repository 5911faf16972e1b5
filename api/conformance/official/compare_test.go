package official

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const ours = `
openapi: 3.0.3
paths:
  /things/{thingId}:
    get:
      operationId: getThing
      parameters:
        - {name: filter, in: query, description: "Fields: 'name'.", schema: {type: string}}
        - {name: sort, in: query, schema: {type: string, enum: [up]}}
        - {name: Thing-Version, in: header, schema: {type: string}}
      responses:
        "200":
          description: The thing.
          content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}
        "404":
          description: None.
          content: {application/json: {schema: {type: object, properties: {code: {type: string}}}}}
    post:
      operationId: postThing
      requestBody:
        content: {application/x-www-form-urlencoded: {schema: {type: object, properties: {scope: {type: string, enum: [A]}}}}}
      responses: {"204": {description: Done.}}
components:
  schemas:
    Thing:
      type: object
      properties:
        id: {type: string}
        status: {allOf: [{$ref: "#/components/schemas/Status"}], nullable: true}
        kind: {type: string, description: "` + "`plain`" + `, or another."}
        parts: {oneOf: [{type: string}, {type: array, items: {$ref: "#/components/schemas/Thing"}}]}
        byName: {type: object, additionalProperties: {type: object, properties: {size: {type: integer}}}}
    Status: {type: string, enum: [on, off]}
`

const theirs = `{"openapi": "3.0.1", "paths": {"/things/{id}": {
  "parameters": [{"name": "id", "in": "path"}],
  "get": {
    "operationId": "thing",
    "parameters": [{"$ref": "#/components/parameters/filter"}, {"name": "thing-version", "in": "header"},
      {"name": "sort", "in": "query", "schema": {"enum": ["up"]}}],
    "responses": {
      "200": {"content": {"application/json": {"schema": {"properties": {
        "id": {"type": "string"},
        "status": {"type": "string", "nullable": true, "enum": ["on", "off", null]},
        "kind": {"enum": ["plain"]},
        "parts": {"type": "array", "items": {"properties": {"byName": {"additionalProperties": {"properties": {"size": {"type": "integer"}}}}}}},
        "byName": {"additionalProperties": {"properties": {"size": {}}}}
      }}}}},
      "404": {"content": {"application/json": {"schema": {"properties": {"code": {"enum": ["gone"]}}}}}}
    }
  },
  "post": {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {"properties": {"scope": {"enum": ["A"]}}}}}},
    "responses": {"204": {}}}
}}, "components": {"parameters": {"filter": {"name": "filter", "in": "query", "schema": {"type": "string", "enum": ["name"]}}}}}`

func lacks(t *testing.T, text string) []string {
	t.Helper()
	contract, err := ReadContract([]byte(ours), []string{"gone"})
	require.NoError(t, err)
	facts, err := Facts("theirs.json", []byte(text))
	require.NoError(t, err)
	var all []string
	for _, fact := range contract.Lacks(facts) {
		all = append(all, contract.Describe(fact))
	}
	return all
}

func TestLacks(t *testing.T) {
	t.Parallel()
	assert.Empty(t, lacks(t, theirs))

	for _, tc := range []struct {
		name, old, new string
		want           []string
	}{
		{"a property", `"id": {"type": "string"}`, `"id": {}, "new": {"enum": ["x"], "properties": {"below": {}}}`, []string{"property /new of 200 in getThing"}},
		{"a nested property", `"size": {}`, `"size": {}, "new": {}`, []string{"property /byName/*/new of 200 in getThing"}},
		{"a property of a recursive schema", `"items": {"properties": {`, `"items": {"properties": {"new": {}, `, []string{"property /parts/*/new of 200 in getThing"}},
		{"a property of a request", `"scope": {`, `"new": {}, "scope": {`, []string{"property /new of request in postThing"}},
		{"a property of an error", `"code": {`, `"new": {}, "code": {`, []string{"property /new of 404 in getThing"}},
		{"a member of an enum", `"off",`, `"off", "half",`, []string{`value "half" of 200 /status in getThing`}},
		{"a value of an open list", `["plain"]`, `["plain", "other"]`, []string{`value "other" of 200 /kind in getThing`}},
		{"a word of the description", `["plain"]`, `["another"]`, []string{`value "another" of 200 /kind in getThing`}},
		{"an error code", `["gone"]`, `["gone", "late"]`, []string{`value "late" of 404 /code in getThing`}},
		{"a value of a request", `["A"]`, `["B"]`, []string{`value "B" of request /scope in postThing`}},
		{"a value of a parameter", `["up"]`, `["up", "down"]`, []string{`value "down" of query sort in getThing`}},
		{"a parameter", `{"name": "thing-version", "in": "header"}`, `{"name": "limit", "in": "query", "schema": {"enum": [1]}}`, []string{"parameter limit of query in getThing"}},
		{"a shared parameter", `{"name": "id", "in": "path"}`, `{"name": "a", "in": "header"}`, []string{"parameter a of header in getThing", "parameter a of header in postThing"}},
		{"a status", `"204": {}`, `"204": {}, "409": {"content": {"text/plain": {"schema": {"properties": {"a": {}}}}}}`, []string{"status 409 of postThing"}},
		{"an operation", `"post": {`, `"put": {"operationId": "putThing", "responses": {"200": {}}}, "post": {`, []string{"operation PUT /things/{id} (putThing)"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(theirs, tc.old))
			assert.Equal(t, tc.want, lacks(t, strings.Replace(theirs, tc.old, tc.new, 1)))
		})
	}
}

// Swagger has different places for bodies and for the schemas of parameters.
func TestLacks_Swagger(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{
		`value "down" of query sort in getThing`, "property /new of 200 in getThing",
		"property /form of request in postThing", "property /body of request in postThing",
	}, lacks(t, `{"swagger": "2.0", "paths": {"/things/{id}": {
		"get": {"parameters": [{"name": "sort", "in": "query", "type": "string", "enum": ["up", "down"]}],
			"responses": {"200": {"schema": {"properties": {"id": {}, "new": {}}}}}},
		"post": {"parameters": [{"name": "form", "in": "formData", "type": "string"}, {"name": "scope", "in": "formData", "type": "string", "enum": ["A"]},
			{"name": "b", "in": "body", "schema": {"properties": {"body": {}}}}], "responses": {"204": {}}}}}}`))
}

func TestFacts_Invalid(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":               "empty",
		"{":              "did not find",
		`{"paths": {}}`:  "no operations",
		"404: Not Found": "no operations",
		`{"paths": {"/a": {"get": {"responses": {"200": {"$ref": "#/gone"}}}}}}`: "#/gone",
	} {
		_, err := Facts("a.json", []byte(text))
		assert.ErrorContains(t, err, want, text)
	}
}

func TestFactTable(t *testing.T) {
	t.Parallel()
	facts, err := Facts("theirs.json", []byte(strings.Replace(theirs, `"post": {`, `"post": {"operationId": "post",`, 1)))
	require.NoError(t, err)
	var operations []Operation
	for _, fact := range facts {
		if fact.Kind == KindOperation {
			operations = append(operations, fact.Operation)
		}
	}
	table, err := FactTable(facts)
	require.NoError(t, err)
	var rows [][]string
	for line := range strings.Lines(strings.TrimPrefix(table, factHeading)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	parsed, err := ParseFacts(operations, rows)
	require.NoError(t, err)
	assert.ElementsMatch(t, facts, parsed)

	_, err = ParseFacts(operations, [][]string{{"theirs.json", "other", KindStatus, "", "[]"}})
	require.ErrorContains(t, err, "unknown operation other")
	_, err = ParseFacts(operations, [][]string{{"theirs.json", "post", KindStatus, "", "200"}})
	require.ErrorContains(t, err, "theirs.json post")
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	contract, err := ReadContract([]byte(ours), nil)
	require.NoError(t, err)
	facts, err := Facts("theirs.json", []byte(strings.NewReplacer(`["plain"]`, `["a", "b"]`, `"204": {}`, `"204": {}, "409": {}`,
		`"post": {`, `"put": {"operationId": "putThing", "responses": {}}, "post": {`).Replace(theirs)))
	require.NoError(t, err)
	exceptions, err := ReadExceptions("operation\tkind\tplace\tname\tsection\tsubject\n" +
		"getThing\tvalue\t200 /kind\t*\tThings\t`kind`\n" +
		"getThing\tvalue\t404 /code\tother\tThings\tcodes\n" +
		"PUT /things/{}\toperation\t\t\tThings\tputting\n")
	require.NoError(t, err)
	var left []string
	for _, fact := range exceptions.Filter(contract, contract.Lacks(facts)) {
		left = append(left, contract.Describe(fact))
	}
	assert.Equal(t, []string{`value "gone" of 404 /code in getThing`, "status 409 of postThing"}, left)
	require.Len(t, exceptions.Unused(), 1)
	assert.Equal(t, "codes", exceptions.Unused()[0].Subject)

	for _, row := range []string{"a\tb", "a\tb\tc\td\te\t"} {
		_, err = ReadExceptions("operation\n" + row + "\n")
		assert.ErrorContains(t, err, "invalid row")
	}
}

func TestOpenContract(t *testing.T) {
	t.Parallel()
	contract, err := OpenContract(fstest.MapFS{
		"openapi.yaml":     {Data: []byte(ours)},
		"wrapper/codes.go": {Data: []byte("const (\n\tCodeGone     Code = \"gone\"\n)\n")},
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"gone"}, contract.codes)
	_, err = OpenContract(fstest.MapFS{})
	assert.Error(t, err)
}
