package conformance

import (
	"maps"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// For each operation of the contract, this test lists the parts that are missing, by file. It does not stop at the first. Tests
// that use the parts check their content. CONTRIBUTING.md describes the parts.
func TestOperations_NothingMissing(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for _, op := range basiq.Operations() {
		names[op.ID] = op.Name
	}
	files := map[string]string{}
	for _, file := range []string{
		"wrapper/operations.go", "wrapper/helpers_test.go", "wrapper/basiqtest/routes.go", "wrapper/RELIABILITY.md",
		"api/conformance/operations_test.go",
	} {
		files[file] = readFile(t, filepath.Join(root, filepath.FromSlash(file)))
	}
	generated := map[string]bool{}
	for method := range reflect.TypeFor[gen.ClientInterface]().Methods() {
		generated[strings.ToLower(method.Name)] = true
		generated[strings.ToLower(strings.TrimSuffix(method.Name, "WithBody"))] = true
	}
	page := readFile(t, operationsPage)
	all := contractOperations(loaded(t))
	for _, place := range slices.Sorted(maps.Keys(all)) {
		op := all[place]
		id, name := op.OperationID, names[op.OperationID]
		part := func(present bool, file, action string) {
			if !present {
				t.Errorf("%s: %s: %s", id, file, action) // one short line, unlike testify's
			}
		}
		part(generated[strings.ToLower(id)], "gen", "run make generate")
		part(name != "", "wrapper/operations.go", "register the operation")
		part(strings.Contains(files["wrapper/helpers_test.go"], `{"`+id+`", `), "wrapper/helpers_test.go", "add a call to operationCalls")
		part(strings.Contains(files["wrapper/basiqtest/routes.go"], `{"`+id+`", `), "wrapper/basiqtest/routes.go", "add a route")
		part(strings.Contains(files["api/conformance/operations_test.go"], `"`+id+`": `), "api/conformance/operations_test.go", "add a call to callsOf")
		byID := op.method == http.MethodGet && strings.HasSuffix(op.path, "Id}")
		part(!byID || requestedIDs[id] != "", "api/conformance/operations_test.go", "add the ID that the call requests to requestedIDs")
		part(strings.Contains(page, "| `"+id+"` |"), "wrapper/OPERATIONS.md", "run make tables")
		if name == "" {
			continue
		}
		part(strings.Contains(files["wrapper/RELIABILITY.md"], "`"+name+"`"), "wrapper/RELIABILITY.md", "add a mutating call to a kind in fault_calls_test.go, then run make tables")
		service, method, _ := strings.Cut(name, ".")
		field, found := reflect.TypeFor[basiq.Client]().FieldByName(service)
		if found {
			_, found = field.Type.MethodByName(method)
		}
		part(found, "wrapper", "add the method "+name)
	}
}
