package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// The methods of deprecated operations, and only those, must be deprecated in both Go packages.
func TestDeprecatedOperations(t *testing.T) {
	t.Parallel()
	doc, err := load()
	require.NoError(t, err)
	deprecated := map[string]bool{} // operationId
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			deprecated[op.OperationID] = op.Deprecated
		}
	}
	services, methods := map[string]bool{}, map[string]bool{}
	for _, op := range basiq.Operations() {
		service, _, _ := strings.Cut(op.Name, ".")
		old, known := services[service]
		require.True(t, !known || old == deprecated[op.ID], "%s: a service must not mix deprecated and other operations", service)
		services[service] = deprecated[op.ID]
		methods[strings.ToLower(op.ID)] = deprecated[op.ID]
	}

	checked := 0
	for _, method := range methodsOf(t, "../../wrapper/*.go") {
		if service, isService := strings.CutSuffix(method.receiver, "Service"); isService && ast.IsExported(method.name) {
			assert.Equal(t, services[service], method.deprecated, method.receiver+"."+method.name)
			checked++
		}
	}
	assert.Greater(t, checked, len(services))
	checked = 0
	for _, method := range methodsOf(t, "../../gen/client.gen.go") {
		name, _ := strings.CutSuffix(method.name, "WithBody")
		if old, known := methods[strings.ToLower(name)]; known && method.receiver == "Client" {
			assert.Equal(t, old, method.deprecated, "gen.Client."+method.name)
			checked++
		}
	}
	assert.GreaterOrEqual(t, checked, len(methods))
}

// The comment of each method of a service names the operations that it calls.
func TestComments_OperationID(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, op := range basiq.Operations() {
		ids[op.ID] = true
	}
	for _, method := range methodsOf(t, "../../wrapper/*.go") {
		if !strings.HasSuffix(method.receiver, "Service") || !ast.IsExported(method.name) {
			continue
		}
		found := operationIDs.FindStringSubmatch(strings.ReplaceAll(method.doc, "\n", " "))
		if assert.NotNil(t, found, "%s.%s has no operationId", method.receiver, method.name) {
			for id := range strings.SplitSeq(found[1]+found[2], ", ") {
				assert.True(t, ids[id], "%s.%s: %s is not an operationId", method.receiver, method.name, id)
			}
		}
	}
}

var operationIDs = regexp.MustCompile(`operationId(?:: (\w+)|s: ((?:\w+, )*\w+))`)

type method struct {
	receiver, name string
	deprecated     bool
	doc            string
}

// methodsOf returns the methods with pointer receivers in the files that match a pattern.
func methodsOf(t *testing.T, pattern string) []method {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	var all []method
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil {
				continue
			}
			if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
				if receiver, ok := star.X.(*ast.Ident); ok {
					all = append(all, method{receiver.Name, f.Name.Name, strings.Contains(f.Doc.Text(), "\n\nDeprecated: "), f.Doc.Text()})
				}
			}
		}
	}
	return all
}
