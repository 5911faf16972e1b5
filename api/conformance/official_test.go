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

// Basiq's own descriptions, as far as testdata/official has them, against the contract and the generated types.

// Its README says how the folder comes about.
const officialData = "testdata/official"

// mistake is a row of mistakes.tsv: what Basiq's descriptions say wrongly, and what holds instead.
type mistake struct {
	file       string
	operations []string // as the file calls them
	where      string   // "operationId", "path", or the status of a payload and a pointer into it, in which * is any member
	official   string   // what stands there; of a value, its kind
	here       string   // what holds; of a value, its kind, or "absent"
	used       bool
}

const (
	inOperationID = "operationId"
	inPath        = "path"
)

// inOperation tells a mistake about an operation from one about a payload.
func (m *mistake) inOperation() bool { return m.where == inOperationID || m.where == inPath }

func (m *mistake) of(file, operation string) bool {
	return m.file == file && slices.Contains(m.operations, operation)
}

func readMistakes(t *testing.T) []*mistake {
	t.Helper()
	var all []*mistake
	for _, row := range rows(t, "mistakes.tsv", 6) {
		assert.NotEmpty(t, row[5], "a mistake without a reason: %q", row)
		all = append(all, &mistake{file: row[0], operations: strings.Split(row[1], ","), where: row[2], official: row[3], here: row[4]})
	}
	return all
}

// rows reads a table, without its heading.
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

// contractOperation is an operation with where it stands.
type contractOperation struct {
	*openapi3.Operation
	method, path string
}

// officialOperation is an operation of Basiq's and what the contract has in its place, if anything.
type officialOperation struct {
	official.Operation
	contract *contractOperation
	id, path string // what they should be in the contract
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// place identifies an operation; what its parameters are called does not matter.
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
	// 41 of API 2.1 and 86 of 3.0, of which 30 are in two files: the check cannot find nothing and be content.
	require.Len(t, all, 127)
	return all
}

// recordedVersions holds the API versions that have an operation by recorded behavior only; see NOTES.md.
var recordedVersions = map[string]string{"getInstitutions": "3.0", "getInstitution": "3.0"}

// describedElsewhere matches the paths of operations whose descriptions are not among those of testdata/official: insights.json,
// payees.json, and the newer enrich.json. `make upstream` compares the contract with them.
var describedElsewhere = regexp.MustCompile(`^(/users/\{userId\}/(insights|payees)|/merchants)(/|$)`)

// The contract has the operations that Basiq's descriptions have, of the versions that they say, and no others but those
// that are marked as documented in prose only.
func TestEveryOfficialOperationIsInTheContract(t *testing.T) {
	t.Parallel()
	known := readMistakes(t)
	all := officialOperations(t, known)
	versions := map[string]map[string]bool{}
	for _, op := range all {
		if !assert.NotNil(t, op.contract, "the contract has no %s %s (%s in %s)", op.Method, op.path, op.ID, op.File) {
			continue
		}
		assert.Equal(t, op.id, op.contract.OperationID, "%s %s in %s: if a difference is on purpose, mistakes.tsv must say so", op.Method, op.path, op.File)
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
		if assert.NotEmpty(t, versions[id], "no description of Basiq's has %s %s (%s)", op.method, op.path, id) {
			var want []any
			for _, version := range slices.Sorted(maps.Keys(versions[id])) {
				want = append(want, version)
			}
			if recordedVersions[id] != "" {
				want = append(want, recordedVersions[id])
			}
			assert.ElementsMatch(t, want, op.Extensions["x-basiq-versions"], "the versions whose descriptions have %s", id)
		}
	}
	for _, m := range known {
		assert.True(t, m.used || !m.inOperation(), "nothing needs this row of mistakes.tsv: %+v", *m)
	}
}

// officialPayload is a payload of testdata/official, with the operation it is of.
type officialPayload struct {
	official.Payload
	file   string
	id     string // of the operation, in the contract
	schema string // of the contract
	value  any    // mended
	before any    // as it stands in the file, where it was mended
}

// schemaOf returns the name of the schema that the contract has for a body.
func schemaOf(op *contractOperation, status string) (string, error) {
	var content openapi3.Content
	if status == official.Request {
		if op.RequestBody == nil {
			return "", errors.New("takes no body")
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

// officialPayloads returns the payloads of the operations that the contract has. Another test tells of the others.
func officialPayloads(t *testing.T, known []*mistake) []officialPayload {
	t.Helper()
	operations := map[string]officialOperation{}
	for _, op := range officialOperations(t, known) {
		operations[op.Stem()+"/"+op.ID] = op
	}
	files, err := filepath.Glob(officialData + "/*/*/*.json")
	require.NoError(t, err)
	// Fewer would be a check that has lost its way.
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
			mended, changed := mend(p.value, strings.Split(pointer, "/")[1:], m)
			if changed {
				p.value, p.before, m.used = mended, before, true
			}
		}
		all = append(all, p)
	}
	return all
}

// absent stands for a value that is taken away.
type absent struct{}

// mend returns the value with what m is about put right, and whether there was any such thing.
func mend(value any, pointer []string, m *mistake) (any, bool) {
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
			mended, did := mend(member, pointer[1:], m)
			changed = changed || did
			if value[name] = mended; mended == (absent{}) {
				delete(value, name)
			}
		}
	case []any:
		if pointer[0] == "*" {
			for i, element := range value {
				mended, did := mend(element, pointer[1:], m)
				changed = changed || did
				value[i] = mended
			}
			return slices.DeleteFunc(value, func(element any) bool { return element == absent{} }), changed
		}
	default:
	}
	return value, changed
}

// converted returns a value as one of another kind that says the same. Where there is no such thing it returns the value.
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

// Every payload of Basiq's descriptions goes through the generated types without losing anything, and so does every
// field that they document: most operations have no example, so there are assembled payloads with all fields.
func TestOfficialPayloadsSurvive(t *testing.T) {
	t.Parallel()
	known := readMistakes(t)
	seen := map[string]bool{}
	all := officialPayloads(t, known)
	for _, p := range all {
		require.Contains(t, generated, p.schema, "add it to generated, in payload_test.go")
		seen[p.schema] = true
		assert.Equal(t, p.Status >= "400" && p.Status != official.Request, p.schema == "ErrorResponse", "%s: there is one error envelope", p.file)
		again := roundTrip(t, p.schema, []byte(marshal(t, p.value)), p.file)
		assert.Equal(t, essence(p.value), essence(again), "%s: gen.%s", p.file, p.schema)
	}
	t.Logf("%d payloads decoded and encoded without a loss", len(all))
	for schema := range generated {
		if !seen[schema] {
			assert.DirExists(t, "testdata/"+schema, "each type has a payload")
		}
	}
	for _, m := range known {
		assert.True(t, m.used || m.inOperation(), "nothing needs this row of mistakes.tsv: %+v", *m)
	}
}

// Basiq's payloads have no field that the contract does not have, and are of its shape.
func TestOfficialPayloadsFitTheContract(t *testing.T) {
	t.Parallel()
	strict := loaded(t)
	forbidUnknownFields(strict)
	allowPlaceholders(strict)
	options := append(schemaOptions(), openapi3.MultiErrors())
	for _, p := range officialPayloads(t, readMistakes(t)) {
		schema := strict.Components.Schemas[p.schema].Value
		assert.NoError(t, schema.VisitJSON(p.value, options...), "%s: %s", p.file, p.schema) //nolint:testifylint // other payloads matter too
		if p.before != nil {
			assert.Error(t, schema.VisitJSON(p.before, options...), "%s fits as it is, so mistakes.tsv need not mend it", p.file)
		}
	}
}

// allowPlaceholders lets the strings of assembled payloads stand where the contract wants a form that Basiq's
// description does not name.
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
