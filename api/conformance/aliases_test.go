package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

const genPackage = "github.com/basiq-go/basiq-go/gen"

// Users import one package: every generated type that a service takes or returns, and every value of its enums, has a
// name there.
func TestGeneratedTypesHaveNamesInTheWrapper(t *testing.T) {
	t.Parallel()
	reached := map[string]bool{}
	client := reflect.TypeFor[basiq.Client]()
	for field := range client.Fields() {
		for method := range field.Type.Methods() {
			if field.IsExported() {
				reach(method.Type, reached, map[reflect.Type]bool{})
			}
		}
	}
	require.Contains(t, reached, "Connection")
	require.Contains(t, reached, "PhysicalAddress")
	delete(reached, "Job") // basiq.Job embeds it

	named := selectors(t, "../../wrapper", "gen")
	for name := range reached {
		assert.Contains(t, named, name, "package basiq needs the alias %s = gen.%s", name, name)
	}
	for constant, kind := range constants(t, "../../gen/models.gen.go") {
		if reached[kind] {
			assert.Contains(t, named, constant, "package basiq needs the constant %s", constant)
		}
	}
}

// reach adds the generated types that t is made of.
func reach(t reflect.Type, reached map[string]bool, seen map[reflect.Type]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	if t.PkgPath() == genPackage {
		reached[t.Name()] = true
	}
	switch t.Kind() {
	case reflect.Func:
		for in := range t.Ins() {
			reach(in, reached, seen)
		}
		for out := range t.Outs() {
			reach(out, reached, seen)
		}
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		reach(t.Elem(), reached, seen)
	case reflect.Struct:
		for field := range t.Fields() {
			if field.IsExported() {
				reach(field.Type, reached, seen)
			}
		}
	default:
	}
}

// selectors returns the names that the package in a folder uses of another package.
func selectors(t *testing.T, folder, of string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		parsed, err := parser.ParseFile(token.NewFileSet(), file, source, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := selector.X.(*ast.Ident); ok && x.Name == of {
					names[selector.Sel.Name] = true
				}
			}
			return true
		})
	}
	return names
}

// constants returns the constants in a file and the types they are of.
func constants(t *testing.T, file string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	kinds := map[string]string{}
	for _, decl := range parsed.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			if value, ok := spec.(*ast.ValueSpec); ok {
				if kind, ok := value.Type.(*ast.Ident); ok {
					kinds[value.Names[0].Name] = kind.Name
				}
			}
		}
	}
	require.NotEmpty(t, kinds)
	return kinds
}
