package basiq

import (
	"encoding"
	"maps"
	"reflect"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// An UnknownField is a part of a response that this version of the package does not know.
type UnknownField struct {
	// Operation is the operation whose response has the field.
	Operation Operation
	// Path is the path of the field, for example "data[].account.displayName". Keys of maps are "*".
	Path string
	// Problem specifies which part of the field is not known.
	Problem UnknownProblem
	// Value is the value if Problem is [UnknownValue], and otherwise empty.
	Value string
}

// UnknownProblem specifies which part of a field is not known.
type UnknownProblem string

// The parts of a field that may not be known.
const (
	// UnknownName means that no field has this name. The field is not decoded; [ContextWithRawJSON] returns it.
	UnknownName UnknownProblem = "name"
	// UnknownValue means that the value is not one of the type's constants. It is decoded.
	UnknownValue UnknownProblem = "value"
	// UnknownKind means that the value is of another JSON kind than the field. A number is decoded for a string
	// field and a string for a number field. Amounts, decimals, and fields of several kinds keep any value. Other
	// fields do not decode it.
	UnknownKind UnknownProblem = "kind"
)

// WithUnknownFields makes the client report the parts of responses that this version of the package does not know:
// names of fields, values of types with constants, and kinds of JSON values. Use it in tests or in a canary, to learn
// of additions to the API. Values that are not decoded are not reported.
//
// Each combination is reported once per client, and at most 1,000 are. report is called by the goroutine that made the
// call or fetches the page, possibly concurrently, before the call returns. By default responses are not compared. With
// this option each response is read once more. Error responses and the values of raw JSON are not compared.
func WithUnknownFields(report func(UnknownField)) Option {
	return setting("WithUnknownFields", report != nil, "must not be nil",
		func(c *config) { c.unknown = &unknownFields{report: report} })
}

// maxUnknown is the number of reports of a client.
const maxUnknown = 1000

// unknownFields reports each unknown field once.
type unknownFields struct {
	report func(UnknownField)

	mu   sync.Mutex
	seen map[unknownKey]bool
}

type unknownKey struct{ operation, path, problem, value string }

// compare reports the parts of a response that type t does not have. A nil unknownFields does nothing.
func (u *unknownFields) compare(op *Operation, body []byte, t reflect.Type) {
	if u == nil {
		return
	}
	c := comparison{unknownFields: u, op: op, decoder: newDecoder(body)}
	c.value(shapeOf(t), "")
}

// add reports a field unless it has been reported before.
func (u *unknownFields) add(op *Operation, path string, problem UnknownProblem, value string) {
	key := unknownKey{op.ID, path, string(problem), value}
	u.mu.Lock()
	fresh := !u.seen[key] && len(u.seen) < maxUnknown
	if fresh {
		if u.seen == nil {
			u.seen = map[unknownKey]bool{}
		}
		u.seen[key] = true
	}
	u.mu.Unlock()
	if fresh {
		u.report(UnknownField{*op, path, problem, value})
	}
}

// A comparison walks through the JSON of one response.
type comparison struct {
	*unknownFields

	op      *Operation
	decoder *jsontext.Decoder
}

// value compares the next value with a shape. It reports false after an error, which ends the comparison.
func (c *comparison) value(s *shape, path string) bool {
	kind := c.decoder.PeekKind()
	if len(path) > maxErrorText { // the server can nest values of a type that contains itself
		s = anything
	}
	for s.single && kind != '[' {
		s = s.element
	}
	if s.fields != nil && kind == '{' {
		return c.object(s, path)
	}
	if s.element != nil && s.fields == nil {
		switch {
		case kind == '[' && s.kinds[0] == '[':
			return c.array(s, path)
		case kind == '{' && s.kinds == "{":
			return c.object(s, path)
		}
	}
	value, err := c.decoder.ReadValue()
	switch {
	case err != nil:
		return false
	case kind == 'n':
	case !s.accepts(value):
		c.add(c.op, path, UnknownKind, "")
	case s.valid != nil && kind == '"':
		text, err := jsontext.AppendUnquote(nil, value)
		if err == nil && len(text) > 0 && !s.valid(string(text)) {
			c.add(c.op, path, UnknownValue, truncate(singleLine(string(text))))
		}
	}
	return true
}

func (c *comparison) array(s *shape, path string) bool {
	_, err := c.decoder.ReadToken()
	for err == nil && c.decoder.PeekKind() != ']' {
		if !c.value(s.element, path+"[]") {
			return false
		}
	}
	_, _ = c.decoder.ReadToken()
	return err == nil
}

func (c *comparison) object(s *shape, path string) bool {
	if path != "" {
		path += "."
	}
	_, err := c.decoder.ReadToken()
	for err == nil && c.decoder.PeekKind() != '}' {
		token, err := c.decoder.ReadToken()
		if err != nil {
			return false
		}
		name, member := token.String(), s.element
		if s.fields == nil {
			name = "*" // it may be personal data
		} else if member = s.fields[strings.ToLower(name)]; member == nil {
			c.add(c.op, path+truncate(singleLine(name)), UnknownName, "")
			member = anything
		}
		if !c.value(member, path+name) {
			return false
		}
	}
	_, _ = c.decoder.ReadToken()
	return err == nil
}

// A shape describes the JSON values that a type can hold.
type shape struct {
	// kinds holds the kinds of values, as [jsontext.Kind] writes them. It is empty for any kind, unless leaf decides.
	kinds string
	// fields holds the members of an object by name in lower case. It is nil unless the type is a struct.
	fields map[string]*shape
	// element is the shape of the elements of an array, or of the values of a map.
	element *shape
	// single is set if an element may occur without an array around it.
	single bool
	// leaf is a type that does not hold every value of its kinds. It is nil for other types.
	leaf reflect.Type
	// valid reports whether a string is one of the type's constants. It is nil if the type has no constants.
	valid func(string) bool
}

var anything = new(shape)

// accepts reports whether a value is of a kind that the type can hold.
func (s *shape) accepts(value jsontext.Value) bool {
	if s.kinds != "" && !strings.ContainsRune(s.kinds, rune(value.Kind())) {
		return false
	}
	return s.leaf == nil || api.Unmarshal(value, reflect.New(s.leaf).Interface()) == nil
}

var shapes sync.Map // of *shape by reflect.Type

// shapeOf returns the shape of a type. It is complete once the outermost call returns.
func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape) //nolint:forcetypeassert // the map holds no other type
	}
	s := shapeBuilder{}.build(t)
	shapes.Store(t, s)
	return s
}

// A shapeBuilder holds the shapes of types that may contain themselves.
type shapeBuilder map[reflect.Type]*shape

func (b shapeBuilder) build(t reflect.Type) *shape {
	if t.Kind() == reflect.Pointer {
		return b.build(t.Elem())
	}
	if s := b[t]; s != nil {
		return s
	}
	s := new(shape)
	b[t] = s
	if items, ok := oneOrManyItems(t); ok {
		s.kinds, s.single, s.element = "[", true, b.build(items.Elem())
		return s
	}
	if object, ok := stringOrObject(t); ok {
		s.kinds, s.fields = `"{`, b.build(object).fields
		return s
	}
	switch t {
	case reflect.TypeFor[api.Amount](), reflect.TypeFor[api.Decimal]():
		s.kinds = `"0`
		return s
	case reflect.TypeFor[api.StringOrList](): // tags may also be an object
		s.kinds, s.element = `["{`, b.build(reflect.TypeFor[string]())
		return s
	}
	pointer := reflect.PointerTo(t)
	if pointer.Implements(reflect.TypeFor[interface{ UnmarshalJSON(data []byte) error }]()) ||
		pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		s.leaf = t
		return s
	}
	switch t.Kind() {
	case reflect.Slice:
		s.kinds, s.element = "[", b.build(t.Elem())
	case reflect.Map:
		s.kinds, s.element = "{", b.build(t.Elem())
	case reflect.Struct:
		s.kinds, s.fields = "{", map[string]*shape{}
		b.addFields(s.fields, t)
	case reflect.String:
		s.kinds, s.valid = `"`, constantsOf(t)
	case reflect.Bool:
		s.kinds = "tf"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Float32, reflect.Float64:
		s.kinds, s.leaf = "0", t // a fraction does not fit an integer
	default:
		*s = *anything
	}
	return s
}

// stringOrObject returns the type of the object in an [api.StringOrObject] or an [api.Reference].
func stringOrObject(t reflect.Type) (reflect.Type, bool) {
	switch {
	case t == reflect.TypeFor[api.Reference]():
		return reflect.TypeFor[gen.InstitutionReference](), true // has the members of the reference to a connection
	case t.Kind() == reflect.Struct && strings.HasPrefix(t.Name(), "StringOrObject["):
		return t.Field(1).Type.Elem(), true
	}
	return nil, false
}

// addFields adds the members of a struct to fields.
func (b shapeBuilder) addFields(fields map[string]*shape, t reflect.Type) {
	if listed, ok := reflect.TypeAssert[interface{ documented() reflect.Type }](reflect.Zero(t)); ok {
		t = listed.documented()
	}
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			maps.Copy(fields, b.build(field.Type).fields)
		case field.IsExported() && name != "-":
			if name == "" {
				name = field.Name
			}
			fields[strings.ToLower(name)] = b.build(field.Type)
		}
	}
	if t == reflect.TypeFor[gen.AffordabilitySubClass]() { // API 3.0 has Code, a number, and API 2.1 has code, a string
		fields["code"] = b.build(reflect.TypeFor[api.Decimal]())
	}
}

// constantsOf returns the method of a type that reports whether a value is one of its constants, or nil.
func constantsOf(t reflect.Type) func(string) bool {
	if !t.Implements(reflect.TypeFor[interface{ Valid() bool }]()) {
		return nil
	}
	return func(value string) bool {
		constant, ok := reflect.TypeAssert[interface{ Valid() bool }](reflect.ValueOf(value).Convert(t))
		return ok && constant.Valid()
	}
}

// documentedPage has all members that the documents name for lists. pageBody has only the members that this package
// uses.
type documentedPage[T any] struct {
	Type                    string
	Size, Count, TotalCount int64
	Data                    []T
	Links                   struct {
		gen.AccountLinks

		Next string
	}
}

func (pageBody[T]) documented() reflect.Type {
	if reflect.TypeFor[T]() == reflect.TypeFor[ReportType]() { // the documents declare the members of a report type for the list too
		return reflect.TypeFor[struct {
			documentedPage[T]
			gen.ReportTypeList
		}]()
	}
	return reflect.TypeFor[documentedPage[T]]()
}
