package conformance

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api/conformance/official"
)

// sandboxFile lists the differences between the sandbox's responses and Basiq's descriptions, with reasons.
const sandboxFile = "testdata/sandbox.tsv"

// A program generated from Basiq's own descriptions must be able to use the sandbox. Required properties must exist, have the
// described type, and be null only if the description allows null. Exceptions are listed with reasons.
func TestSandbox_OfficialDescriptions(t *testing.T) {
	t.Parallel()
	described := map[string][]official.Property{} // by operationId of the contract and version
	known := readMistakes(t)
	byName := map[string]officialOperation{}
	for _, op := range officialOperations(t, known) {
		byName[op.File+" "+op.ID] = op
	}
	for _, row := range rows(t, "properties.tsv", 7) {
		p := official.ParseProperty(row)
		op, ok := byName[p.Operation.File+" "+p.Operation.ID]
		require.True(t, ok, "operations.tsv has no %v", row[:2])
		p.Operation = op.Operation
		key := op.contract.OperationID + " " + op.Version
		described[key] = append(described[key], p)
	}

	var responses []sandboxResponse
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		v.callAll()
		responses = v.responses
	})

	found := map[string]bool{} // file, operation, pointer, what
	checked := 0
	for _, a := range responses {
		for _, p := range described[a.operation+" "+a.version] {
			for _, at := range occurrences(a.value, strings.Split(p.Pointer, "/")[1:]) {
				checked++
				problem := ""
				switch got := kind(at.value); {
				case !at.present && p.Required:
					problem = "absent"
				case !at.present:
				case got == "null" && !p.Nullable:
					problem = "null"
				case got != "null" && !sameType(p.Type, at.value):
					problem = got
				}
				if problem != "" {
					found[strings.Join([]string{p.Operation.File, p.Operation.ID, p.Pointer, problem}, "\t")] = true
				}
			}
		}
	}
	exceptions := map[string]bool{}
	for line := range strings.Lines(readFile(t, sandboxFile)) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, row, 5, line)
		require.NotEmpty(t, row[4], line)
		exceptions[strings.Join(row[:4], "\t")] = true
	}
	delete(exceptions, "file\toperationId\tpointer\twhat")
	for _, problem := range slices.Sorted(maps.Keys(found)) {
		assert.True(t, exceptions[problem], "%s\t", problem)
	}
	for exception := range exceptions {
		assert.True(t, found[exception], "unused row of %s: %s", sandboxFile, exception)
	}
	t.Logf("%d responses, %d checks of documented properties", len(responses), checked)
}

// occurrence is a place for a property in an existing parent.
type occurrence struct {
	present bool
	value   any
}

func occurrences(value any, pointer []string) []occurrence {
	if len(pointer) == 0 {
		return []occurrence{{true, value}}
	}
	var all []occurrence
	switch node := value.(type) {
	case map[string]any:
		if pointer[0] == "*" {
			for _, member := range node {
				all = append(all, occurrences(member, pointer[1:])...)
			}
			return all
		}
		member, ok := node[pointer[0]]
		if !ok {
			if len(pointer) == 1 {
				return []occurrence{{}}
			}
			return nil
		}
		return occurrences(member, pointer[1:])
	case []any:
		if pointer[0] == "*" {
			for _, element := range node {
				all = append(all, occurrences(element, pointer[1:])...)
			}
		}
	}
	return all
}

func sameType(want string, value any) bool {
	got := kind(value)
	switch want {
	case "":
		return true
	case "string":
		return got == "string" || got == "empty"
	case "integer":
		number, ok := value.(json.Number)
		_, err := number.Int64()
		return ok && err == nil
	case "map":
		return got == "object"
	default:
		return got == want
	}
}
