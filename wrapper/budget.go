package basiq

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// decodeBudget bounds the memory that the decoder allocates for one response, in bytes. The body itself is not included.
	decodeBudget = 112 << 20
	// growth is how much more a slice allocates than it needs, because it is copied while it grows.
	growth = 3
	// mistypedCost is charged for a value of another JSON kind, for which the decoder makes an error.
	mistypedCost = 256
	// mapCost and tokenCost are charged for an entry of a map and for a token that a value type keeps.
	mapCost   = 128
	tokenCost = 48
	// invalidCost is charged for a byte of a string that is not valid UTF-8.
	invalidCost = 11
)

// checkBudget returns an error if decoding body into value would allocate more than decodeBudget. Otherwise it gives the list
// of a response the room that it needs.
//
// `[0,0,0]` takes two bytes an element on the wire and up to a KiB in memory.
func checkBudget(body []byte, value any) error {
	target := reflect.ValueOf(value).Elem()
	nodes := 0
	for _, start := range []string{",", "[", "{"} {
		nodes += bytes.Count(body, []byte(start))
	}
	if int64(nodes)*int64(largestIn(target.Type()))+int64(textCost(body)) <= decodeBudget {
		return nil
	}
	m := newMeter(body)
	_ = m.value(target.Type()) // the decoder reports what is not JSON
	if m.left < 0 {
		return fmt.Errorf("%w: its values take more than %d MiB of memory", ErrResponseTooLarge, decodeBudget>>20)
	}
	if list := listOf(target); list.IsValid() && m.elements > 0 {
		list.Set(reflect.MakeSlice(list.Type(), 0, m.elements))
	}
	return nil
}

// listOf returns the field of a response that is its list, or the zero Value.
func listOf(response reflect.Value) reflect.Value {
	if response.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	if list := response.FieldByName("Data"); list.IsValid() && list.Kind() == reflect.Slice {
		return list
	}
	return reflect.Value{}
}

// meter adds up what the decoder would allocate for a JSON text.
type meter struct {
	tokens *jsontext.Decoder
	body   []byte
	left   int
	// elements is the length of the longest list that is a member of the whole.
	elements int
	lower    []byte
}

func newMeter(body []byte) *meter {
	lenient := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	return &meter{tokens: jsontext.NewDecoder(bytes.NewBuffer(body), lenient...), body: body, left: decodeBudget}
}

// spend charges size bytes. It returns false once the budget is exceeded.
func (m *meter) spend(size int) bool {
	m.left -= size
	return m.left >= 0
}

func (m *meter) value(t reflect.Type) bool {
	kind := m.tokens.PeekKind()
	switch of := t.Kind(); {
	case kind == 'n':
		return m.skip(0)
	case of == reflect.Pointer:
		return m.spend(int(t.Elem().Size())) && m.value(t.Elem())
	case of == reflect.Slice && t.Elem().Kind() != reflect.Uint8 && kind == '[':
		return m.list(t.Elem())
	case reflect.PointerTo(t).Implements(unmarshalerType):
		if of == reflect.Slice && t.Elem().Kind() != reflect.Uint8 { // a list of one
			return m.spend(int(t.Elem().Size())) && m.value(t.Elem())
		}
		return m.opaque()
	case of == reflect.Struct && kind == '{':
		return m.object(fieldsOf(t), 0, nil)
	case of == reflect.Map && kind == '{':
		return m.object(nil, mapCost+int(t.Elem().Size()), t.Elem())
	case of == reflect.String && kind == '"', t == numberType && kind == '0':
		return m.text()
	case of == reflect.Bool && (kind == 't' || kind == 'f'), of == reflect.Int64 && kind == '0':
		return m.skip(0)
	}
	return m.skip(mistypedCost)
}

var (
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
	numberType      = reflect.TypeFor[json.Number]()
)

func (m *meter) skip(cost int) bool { return m.tokens.SkipValue() == nil && m.spend(cost) }

// text charges the length of a value that is kept as a string.
func (m *meter) text() bool {
	raw, err := m.tokens.ReadValue()
	return err == nil && m.spend(textCost(raw))
}

// textCost returns what a string takes. Each byte of invalid UTF-8 becomes three, in a buffer that grows step by step.
func textCost(text []byte) int {
	if utf8.Valid(text) {
		return len(text)
	}
	return invalidCost * len(text)
}

// opaque charges a value that a method decodes.
func (m *meter) opaque() bool {
	start, depth := m.tokens.InputOffset(), m.tokens.StackDepth()
	for {
		if _, err := m.tokens.ReadToken(); err != nil || !m.spend(tokenCost) {
			return false
		}
		if m.tokens.StackDepth() == depth {
			return m.spend(textCost(m.body[start:m.tokens.InputOffset()]))
		}
	}
}

func (m *meter) list(element reflect.Type) bool {
	_, err := m.tokens.ReadToken()
	whole := m.tokens.StackDepth() == 2 // the list will be given the room that it needs
	cost := int(element.Size())
	if !whole {
		cost *= growth
	}
	n := 0
	for ; err == nil && m.tokens.PeekKind() != ']'; n++ {
		if !m.spend(cost) || !m.value(element) {
			return false
		}
	}
	if whole {
		m.elements = max(m.elements, n)
	}
	_, err = m.tokens.ReadToken()
	return err == nil
}

// object charges the members of an object: those of a struct, or of a map whose entries are of the type entry.
func (m *meter) object(fields map[string]reflect.Type, cost int, entry reflect.Type) bool {
	_, err := m.tokens.ReadToken()
	for err == nil && m.tokens.PeekKind() == '"' {
		var name jsontext.Value
		if name, err = m.tokens.ReadValue(); err != nil {
			return false
		}
		if !m.spend(textCost(name) - len(name)) {
			return false
		}
		member := entry
		if fields != nil {
			member = m.field(fields, name)
		}
		if member == nil {
			err = m.tokens.SkipValue()
		} else if !m.spend(cost) || !m.value(member) {
			return false
		}
	}
	if err == nil {
		_, err = m.tokens.ReadToken()
	}
	return err == nil
}

// field returns the type of the field with a name in JSON, or nil.
func (m *meter) field(fields map[string]reflect.Type, quoted []byte) reflect.Type {
	m.lower = m.lower[:0]
	for _, c := range quoted[1 : len(quoted)-1] {
		if c == '\\' || c >= 0x80 {
			name, _ := jsontext.AppendUnquote(nil, quoted)
			return fields[foldName(string(name))]
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		m.lower = append(m.lower, c)
	}
	return fields[string(m.lower)]
}

// foldName makes names equal that the decoder takes for the same.
func foldName(name string) string { return strings.ToLower(strings.ToUpper(name)) }

var largest sync.Map // of int by reflect.Type

// largestIn returns the most that one value inside a value of type t is charged.
func largestIn(t reflect.Type) int {
	if known, ok := largest.Load(t); ok {
		return known.(int) //nolint:forcetypeassert // nothing else is in there
	}
	most := largestOf(t, map[reflect.Type]bool{})
	largest.Store(t, most)
	return most
}

func largestOf(t reflect.Type, seen map[reflect.Type]bool) int {
	most := mistypedCost
	if seen[t] {
		return most
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer:
		most = max(most, int(t.Elem().Size()), largestOf(t.Elem(), seen))
	case reflect.Slice:
		most = max(most, growth*int(t.Elem().Size()), largestOf(t.Elem(), seen))
	case reflect.Map:
		most = max(most, mapCost+int(t.Elem().Size()), largestOf(t.Elem(), seen))
	case reflect.Struct:
		for field := range t.Fields() {
			most = max(most, largestOf(field.Type, seen))
		}
	default: // has no other values in it
	}
	return most
}

var fieldTypes sync.Map // of map[string]reflect.Type by reflect.Type

// fieldsOf returns the types of a struct's fields by their folded names in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if known, ok := fieldTypes.Load(t); ok {
		return known.(map[string]reflect.Type) //nolint:forcetypeassert // nothing else is in there
	}
	fields := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" || field.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = field.Name
		}
		fields[foldName(name)] = field.Type
	}
	fieldTypes.Store(t, fields)
	return fields
}
