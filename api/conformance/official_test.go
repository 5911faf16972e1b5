package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api/conformance/official"
)

// These tests compare Basiq's descriptions in testdata/official with the contract and the generated types.

// officialData is described in its README.
const officialData = "testdata/official"

// mistake is a row of mistakes.tsv: an error in Basiq's descriptions and its correction.
type mistake struct {
	file       string
	operations []string // operationIds in the file
	where      string   // "operationId", "path", or the status of a payload and a pointer into it, in which * is any member
	official   string   // what the file says; for a value, its kind
	here       string   // what is correct; for a value, its kind, or "absent"
	used       bool
}

const (
	inOperationID = "operationId"
	inPath        = "path"
)

// inOperation reports whether the mistake concerns an operation, not a payload.
func (m *mistake) inOperation() bool { return m.where == inOperationID || m.where == inPath }

func (m *mistake) of(file, operation string) bool {
	return m.file == file && slices.Contains(m.operations, operation)
}

func readMistakes(t *testing.T) []*mistake {
	t.Helper()
	var all []*mistake
	for _, row := range rows(t, "mistakes.tsv", 6) {
		assert.NotEmpty(t, row[5], "missing reason: %q", row)
		all = append(all, &mistake{file: row[0], operations: strings.Split(row[1], ","), where: row[2], official: row[3], here: row[4]})
	}
	return all
}

// rows returns the rows of a table without the header.
func rows(t *testing.T, name string, columns int) [][]string {
	t.Helper()
	var all [][]string
	for line := range strings.Lines(readFile(t, officialData, name)) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, row, columns, "%s: %q", name, line)
		all = append(all, row)
	}
	require.NotEmpty(t, all)
	return all[1:]
}

// contractOperation is an operation of the contract with its method and path.
type contractOperation struct {
	*openapi3.Operation
	method, path string
}

// officialOperation is an operation of Basiq's descriptions and, if it exists, the contract's operation for it.
type officialOperation struct {
	official.Operation
	contract *contractOperation
	id, path string // the expected values in the contract
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// place returns a key for an operation that ignores the names of path parameters.
func place(method, path string) string { return method + " " + parameter.ReplaceAllString(path, "{}") }

func contractOperations(doc *openapi3.T) map[string]*contractOperation {
	all := map[string]*contractOperation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			all[place(method, path)] = &contractOperation{op, method, path}
		}
	}
	return all
}

func officialOperations(t *testing.T, known []*mistake) []officialOperation {
	t.Helper()
	contract := contractOperations(loaded(t))
	var all []officialOperation
	for _, row := range rows(t, "operations.tsv", 5) {
		op := officialOperation{Operation: official.Operation{File: row[0], Version: row[1], Method: row[2], Path: row[3], ID: row[4]}}
		op.id, op.path = op.ID, op.Path
		for _, m := range known {
			switch {
			case !m.of(op.File, op.ID):
			case m.where == inOperationID && m.official == op.ID:
				op.id, m.used = m.here, true
			case m.where == inPath && m.official == op.Path:
				op.path, m.used = m.here, true
			}
		}
		op.contract = contract[place(op.Method, op.path)]
		all = append(all, op)
	}
	// 41 of API 2.1 and 86 of 3.0, of which 30 are in two files. The count makes sure that the table is complete.
	require.Len(t, all, 127)
	return all
}

// recordedVersions holds the API versions that have an operation by recorded behavior only; see NOTES.md.
var recordedVersions = map[string]string{"getInstitutions": "3.0", "getInstitution": "3.0"}

// describedElsewhere matches the paths of operations whose descriptions are not in testdata/official: insights.json,
// payees.json, and the newer enrich.json. `make upstream` compares the contract with them.
var describedElsewhere = regexp.MustCompile(`^(/users/\{userId\}/(insights|payees)|/merchants)(/|$)`)

// The contract must have exactly the operations of Basiq's descriptions, with the same versions, and operations marked as
// documented in prose only.
func TestContract_OfficialOperations(t *testing.T) {
	t.Parallel()
	known := readMistakes(t)
	all := officialOperations(t, known)
	versions := map[string]map[string]bool{}
	for _, op := range all {
		if !assert.NotNil(t, op.contract, "the contract has no %s %s (%s in %s)", op.Method, op.path, op.ID, op.File) {
			continue
		}
		assert.Equal(t, op.id, op.contract.OperationID, "%s %s in %s: if the difference is intended, add it to mistakes.tsv", op.Method, op.path, op.File)
		id := op.contract.OperationID
		if versions[id] == nil {
			versions[id] = map[string]bool{}
		}
		versions[id][op.Version] = true
	}
	for _, op := range contractOperations(loaded(t)) {
		id := op.OperationID
		if documented := op.Extensions["x-basiq-documented"]; documented != nil {
			assert.Empty(t, versions[id], "%s is marked as documented in %v only", id, documented)
			continue
		}
		if describedElsewhere.MatchString(op.path) {
			assert.Empty(t, versions[id], "%s is described in testdata/official: remove its path from describedElsewhere", id)
			continue
		}
		if assert.NotEmpty(t, versions[id], "Basiq's descriptions do not contain %s %s (%s)", op.method, op.path, id) {
			var want []any
			for _, version := range slices.Sorted(maps.Keys(versions[id])) {
				want = append(want, version)
			}
			if recordedVersions[id] != "" {
				want = append(want, recordedVersions[id])
			}
			assert.ElementsMatch(t, want, op.Extensions["x-basiq-versions"], "versions of %s", id)
		}
	}
	for _, m := range known {
		assert.True(t, m.used || !m.inOperation(), "unused row of mistakes.tsv: %+v", *m)
	}
}

// officialPayload is a payload of testdata/official with its operation.
type officialPayload struct {
	official.Payload
	file   string
	id     string // operationId in the contract
	schema string // name in the contract
	value  any    // corrected
	before any    // as in the file, if it was corrected
}

// schemaOf returns the name of the contract's schema for a body.
func schemaOf(op *contractOperation, status string) (string, error) {
	var content openapi3.Content
	if status == official.Request {
		if op.RequestBody == nil {
			return "", errors.New("has no request body")
		}
		content = op.RequestBody.Value.Content
	} else {
		response := op.Responses.Value(status)
		if response == nil {
			return "", fmt.Errorf("does not declare status %s", status)
		}
		content = response.Value.Content
	}
	media := content.Get("application/json")
	if media == nil || media.Schema == nil || media.Schema.Ref == "" {
		return "", fmt.Errorf("has no named schema for the JSON of %s", status)
	}
	return path.Base(media.Schema.Ref), nil
}

// officialPayloads returns the payloads of the operations in the contract. TestContract_OfficialOperations reports the others.
func officialPayloads(t *testing.T, known []*mistake) []officialPayload {
	t.Helper()
	operations := map[string]officialOperation{}
	for _, op := range officialOperations(t, known) {
		operations[op.Stem()+"/"+op.ID] = op
	}
	files, err := filepath.Glob(officialData + "/*/*/*.json")
	require.NoError(t, err)
	// The count makes sure that no payloads are missing.
	require.GreaterOrEqual(t, len(files), 170)
	var all []officialPayload
	for _, file := range files {
		name := strings.Split(filepath.Base(file), ".") // operation, status, name, json
		require.Len(t, name, 4, file)
		op, ok := operations[filepath.Base(filepath.Dir(file))+"/"+name[0]]
		require.True(t, ok, "%s: operations.tsv has no such operation", file)
		if op.contract == nil {
			continue
		}
		p := officialPayload{file: file, id: op.contract.OperationID, Payload: official.Payload{
			Operation: op.Operation, Status: name[1], Name: name[2],
			Assembled: filepath.Base(filepath.Dir(filepath.Dir(file))) == "assembled",
		}}
		p.JSON = []byte(readFile(t, file))
		if p.schema, err = schemaOf(op.contract, p.Status); !assert.NoError(t, err, "%s: %s of the contract", file, op.contract.OperationID) {
			continue
		}
		p.value = decode(t, p.JSON)
		for _, m := range known {
			status, pointer, _ := strings.Cut(m.where, " ")
			if !m.of(op.File, op.ID) || m.inOperation() || status != p.Status {
				continue
			}
			before := decode(t, p.JSON)
			corrected, changed := correct(p.value, strings.Split(pointer, "/")[1:], m)
			if changed {
				p.value, p.before, m.used = corrected, before, true
			}
		}
		all = append(all, p)
	}
	return all
}

// absent represents a value to be removed.
type absent struct{}

// correct returns the value with the mistake corrected, and reports whether the mistake was found.
func correct(value any, pointer []string, m *mistake) (any, bool) {
	if len(pointer) == 0 {
		if kind(value) != m.official {
			return value, false
		}
		return converted(value, m.here), true
	}
	changed := false
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			if pointer[0] != name && pointer[0] != "*" {
				continue
			}
			corrected, did := correct(member, pointer[1:], m)
			changed = changed || did
			if value[name] = corrected; corrected == (absent{}) {
				delete(value, name)
			}
		}
	case []any:
		if pointer[0] == "*" {
			for i, element := range value {
				corrected, did := correct(element, pointer[1:], m)
				changed = changed || did
				value[i] = corrected
			}
			return slices.DeleteFunc(value, func(element any) bool { return element == absent{} }), changed
		}
	default:
	}
	return value, changed
}

// converted returns a value converted to another kind, or the value itself if that is impossible.
func converted(value any, kind string) any {
	switch kind {
	case "absent":
		return absent{}
	case "array":
		return []any{value}
	}
	switch value := value.(type) {
	case []any:
		if len(value) == 1 {
			return value[0]
		}
	case json.Number:
		if kind == "string" {
			return value.String()
		}
	case string:
		if kind == "number" {
			return json.Number(value)
		}
	}
	return value
}

func kind(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case string:
		if value == "" {
			return "empty"
		}
		return "string"
	case json.Number:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// Every payload of Basiq's descriptions must survive decoding and encoding with the generated types without loss. Most operations
// have no example, so there are assembled payloads with all documented fields.
func TestOfficialPayloads_RoundTrip(t *testing.T) {
	t.Parallel()
	known := readMistakes(t)
	seen := map[string]bool{}
	all := officialPayloads(t, known)
	for _, p := range all {
		require.Contains(t, generated, p.schema, "add the type to generated in payload_test.go")
		seen[p.schema] = true
		assert.Equal(t, p.Status >= "400" && p.Status != official.Request, p.schema == "ErrorResponse", "%s: errors must use ErrorResponse", p.file)
		again := roundTrip(t, p.schema, []byte(marshal(t, p.value)), p.file)
		assert.Equal(t, essence(p.value), essence(again), "%s: gen.%s", p.file, p.schema)
	}
	t.Logf("%d payloads decoded and encoded without loss", len(all))
	for schema := range generated {
		if !seen[schema] {
			assert.DirExists(t, "testdata/"+schema, "each type needs a payload")
		}
	}
	for _, m := range known {
		assert.True(t, m.used || m.inOperation(), "unused row of mistakes.tsv: %+v", *m)
	}
}

// Basiq's payloads must match the contract's schemas and must not have unknown fields.
func TestOfficialPayloads_MatchContract(t *testing.T) {
	t.Parallel()
	strict := loaded(t)
	forbidUnknownFields(strict)
	allowPlaceholders(strict)
	options := append(schemaOptions(), openapi3.MultiErrors())
	for _, p := range officialPayloads(t, readMistakes(t)) {
		schema := strict.Components.Schemas[p.schema].Value
		assert.NoError(t, schema.VisitJSON(p.value, options...), "%s: %s", p.file, p.schema) //nolint:testifylint // check the other payloads too
		if p.before != nil {
			assert.Error(t, schema.VisitJSON(p.before, options...), "%s matches without a correction: remove it from mistakes.tsv", p.file)
		}
	}
}

// allowPlaceholders allows the placeholders of assembled payloads in strings for which the contract requires a format that
// Basiq's descriptions do not contain.
func allowPlaceholders(doc *openapi3.T) {
	var formed []*openapi3.Schema
	visitSchemas(doc, func(_ string, ref *openapi3.SchemaRef) {
		if s := ref.Value; s.Type.Is("string") && s.Format != "binary" && (len(s.Enum) > 0 || s.Format != "" || s.Pattern != "") && !slices.Contains(formed, s) {
			formed = append(formed, s)
		}
	})
	for _, s := range formed {
		form := &openapi3.Schema{Type: s.Type, Nullable: s.Nullable, Enum: s.Enum, Format: s.Format, Pattern: s.Pattern}
		s.Enum, s.Format, s.Pattern = nil, "", ""
		s.AnyOf = openapi3.SchemaRefs{form.NewRef(), openapi3.NewStringSchema().WithPattern("^" + official.Placeholder).NewRef()}
	}
}
