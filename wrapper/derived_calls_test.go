package basiq_test

import (
	"iter"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// A pathMethod is a method whose arguments are a context and the IDs in the operation's path, in order. The tables of calls
// need no rows for operations with such a method.
type pathMethod struct {
	op basiq.Operation
	// arguments are the names of the IDs in error texts, such as "userID".
	arguments []string
}

// pathMethods returns the operations with such a method. List methods may also have options.
func pathMethods() (all []pathMethod) {
	for _, op := range basiq.Operations() {
		m := pathMethod{op: op}
		for segment := range strings.SplitSeq(op.Path, "/") {
			if parameter, ok := strings.CutPrefix(segment, "{"); ok {
				m.arguments = append(m.arguments, strings.TrimSuffix(parameter, "Id}")+"ID")
			}
		}
		t := m.method(new(basiq.Client)).Type()
		in := slices.Collect(t.Ins())[1:]
		if t.IsVariadic() {
			in = in[:len(in)-1]
		}
		if len(in) == len(m.arguments) && !slices.ContainsFunc(in, func(t reflect.Type) bool { return t != reflect.TypeFor[string]() }) {
			all = append(all, m)
		}
	}
	return all
}

func (m pathMethod) method(c *basiq.Client) reflect.Value {
	service, method, _ := strings.Cut(m.op.Name, ".")
	field := reflect.ValueOf(c).Elem().FieldByName(service)
	if field.IsNil() { // c is not in use, and only the type of the method matters
		field = reflect.New(field.Type().Elem())
	}
	return field.MethodByName(method)
}

// call calls the method and returns its result, if it has one, and its error. For a list, this is the first error.
func (m pathMethod) call(t testing.TB, c *basiq.Client, ids ...string) (result reflect.Value, err error) {
	arguments := []reflect.Value{reflect.ValueOf(t.Context())}
	for _, id := range ids {
		arguments = append(arguments, reflect.ValueOf(id))
	}
	results := m.method(c).Call(arguments)
	last := results[len(results)-1]
	if last.Kind() == reflect.Func {
		next, stop := iter.Pull2(last.Seq2())
		defer stop()
		if _, failure, ok := next(); ok {
			err, _ = reflect.TypeAssert[error](failure)
		}
		return reflect.Value{}, err
	}
	err, _ = reflect.TypeAssert[error](last)
	return results[0], err
}

// ids returns an ID for each argument. The one at position i is id.
func (m pathMethod) ids(i int, id string) []string {
	ids := slices.Repeat([]string{userID}, len(m.arguments))
	ids[i] = id
	return ids
}

// withPathMethods adds rows for the methods whose IDs have no rows.
func withPathMethods(rows []idCall) []idCall {
	for _, m := range pathMethods() {
		for i, argument := range m.arguments {
			if !slices.ContainsFunc(rows, func(c idCall) bool { return c.operation == m.op.Name && c.argument == argument }) {
				rows = append(rows, idCall{m.op.Name, argument, func(t testing.TB, c *basiq.Client, id string) error {
					_, err := m.call(t, c, m.ids(i, id)...)
					return err
				}})
			}
		}
	}
	return rows
}

// withPathGets adds rows for the methods that get a resource by its ID and have no row.
func withPathGets(rows []resourceCall) []resourceCall {
	for _, m := range pathMethods() {
		if !m.getsByID() || getsElsewhere[m.op.Name] || slices.ContainsFunc(rows, func(c resourceCall) bool { return c.operation == m.op.Name }) {
			continue
		}
		last := len(m.arguments) - 1
		path := m.op.Path
		for _, id := range m.ids(last, "x1") {
			before, rest, _ := strings.Cut(path, "{")
			_, after, _ := strings.Cut(rest, "}")
			path = before + id + after
		}
		rows = append(rows, resourceCall{m.op.Name, path, func(t testing.TB, c *basiq.Client) (item, error) {
			value, err := m.call(t, c, m.ids(last, "x1")...)
			if err != nil || value.IsNil() {
				return item{}, err
			}
			return item{value.Elem().FieldByName("ID").String(), value.Interface()}, nil
		}})
	}
	return rows
}

// getsByID reports whether the method is a read that returns one resource with an ID.
func (m pathMethod) getsByID() bool {
	t := m.method(new(basiq.Client)).Type()
	if m.op.Method != http.MethodGet || len(m.arguments) == 0 || t.NumOut() != 2 || t.Out(0).Kind() != reflect.Pointer {
		return false
	}
	id, found := t.Out(0).Elem().FieldByName("ID")
	return found && id.Type.Kind() == reflect.String
}

// getsElsewhere are the methods that get a resource and are not in the table of things.
var getsElsewhere = map[string]bool{
	"Users.Get": true, "Connections.Get": true, "Jobs.Get": true, // have tests of their own
	"AuthLinks.Get": true, "Enrichment.Get": true, // have no IDs
	"Merchants.Get": true, // the ID is not at the top level; see TestMerchants_Get
}

// isGet reports whether the method of an operation gets one resource.
func isGet(op basiq.Operation) bool {
	_, method, _ := strings.Cut(op.Name, ".")
	return slices.Contains([]string{"Get", "GetPublic", "Type", "Message"}, method)
}
