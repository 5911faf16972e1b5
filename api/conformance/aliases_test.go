package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

const genPackage = "github.com/basiq-go/basiq-go/gen"

// Package basiq must name every generated type that a service accepts or returns, the types inside accepted values, and all
// enums with their values, so that users need only one import. Types that occur only inside returned values need no name.
func TestAliases(t *testing.T) {
	t.Parallel()
	types := reachable{needed: map[string]bool{}, seen: map[seen]bool{}}
	client := reflect.TypeFor[basiq.Client]()
	for field := range client.Fields() {
		for method := range field.Type.Methods() {
			if !field.IsExported() {
				continue
			}
			for in := range method.Type.Ins() {
				if in == reflect.TypeFor[*basiq.Connection]() { // one that List has returned, not one that users build
					continue
				}
				types.add(in, input)
			}
			for out := range method.Type.Outs() {
				types.add(out, output)
			}
		}
	}
	require.Contains(t, types.needed, "Connection")
	require.Contains(t, types.needed, "ReportFilter", "part of an argument")
	require.Contains(t, types.needed, "AccountStatus", "an enum")
	require.NotContains(t, types.needed, "AccountLinks", "part of a result")
	for _, embedded := range []string{"Job", "Webhook"} { // embedded in types of the wrapper
		delete(types.needed, embedded)
	}

	named := selectors(t, "../../wrapper", "gen")
	for name := range types.needed {
		assert.Truef(t, named[name], "package basiq needs the alias %s = gen.%s", name, name)
	}
	for constant, kind := range constants(t, "../../gen/models.gen.go") {
		assert.Truef(t, !types.needed[kind] || named[constant], "package basiq needs the constant %s", constant)
	}
}

// role is the position of a type: an argument, a result, or part of a result.
type role int

const (
	input role = iota
	output
	part
)

type seen struct {
	kind reflect.Type
	role role
}

// reachable collects the generated types that need a name in package basiq.
type reachable struct {
	needed map[string]bool
	seen   map[seen]bool
}

func (r reachable) add(t reflect.Type, as role) {
	if r.seen[seen{t, as}] {
		return
	}
	r.seen[seen{t, as}] = true
	if t.PkgPath() == genPackage && (as != part || t.Kind() == reflect.String) {
		r.needed[t.Name()] = true
	}
	switch t.Kind() {
	case reflect.Func: // an iterator, or a callback, whose arguments are results
		if as == input {
			as = output
		}
		for in := range t.Ins() {
			r.add(in, as)
		}
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		r.add(t.Elem(), as)
	case reflect.Struct:
		inside := as
		if as == output {
			inside = part
			if strings.HasPrefix(t.Name(), "Page[") {
				inside = output
			}
		}
		for field := range t.Fields() {
			if field.IsExported() {
				r.add(field.Type, inside)
			}
		}
	default:
	}
}

// selectors returns the names that the package in a folder uses from another package.
func selectors(t *testing.T, folder, of string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
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

// constants returns the constants in a file and their types.
func constants(t *testing.T, file string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	kinds := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if value, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := value.Type.(*ast.Ident); ok {
				kinds[value.Names[0].Name] = kind.Name
			}
		}
		return true
	})
	require.NotEmpty(t, kinds)
	return kinds
}
