package api

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// shape says how values of a type are read. It is made once for each type.
type shape struct {
	kind   shapeKind
	goType reflect.Type
	// element is the shape of a list's elements, or of what a pointer points to.
	element *shape
	fields  []field
	byName  map[string]*field
	// number counts the shapes.
	number int
}

type shapeKind uint8

const (
	// kindOther is read by encoding/json.
	kindOther shapeKind = iota
	// kindCustom reads itself.
	kindCustom
	kindText
	kindInteger
	kindBoolean
	kindPointer
	kindList
	kindObject
)

// isScalar reports whether a value is one token.
func (s *shape) isScalar() bool {
	return s.kind == kindText || s.kind == kindInteger || s.kind == kindBoolean
}

// custom is a type of this package that reads itself from JSON.
type custom interface{ readJSON(d *reader) error }

// field is a field of a struct.
type field struct {
	name  []byte
	index []int
	shape *shape
}

// in returns the field of v.
func (f *field) in(v reflect.Value) reflect.Value {
	if len(f.index) == 1 {
		return v.Field(f.index[0])
	}
	return v.FieldByIndex(f.index)
}

// field returns the field for a name, or one whose name differs in case only, as encoding/json does; nil when there is none.
func (s *shape) field(name []byte) *field {
	if f, ok := s.byName[string(name)]; ok {
		return f
	}
	for i := range s.fields {
		if bytes.EqualFold(s.fields[i].name, name) {
			return &s.fields[i]
		}
	}
	return nil
}

var shapes struct {
	known sync.Map // from reflect.Type to *shape

	mu     sync.Mutex
	making map[reflect.Type]*shape
	count  int
}

// shapeOf returns the shape of a type.
func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.known.Load(t); ok {
		return s.(*shape) //nolint:forcetypeassert // nothing else is in there
	}
	shapes.mu.Lock()
	defer shapes.mu.Unlock()
	// A shape that is still being made is known to nobody else: types may contain themselves.
	shapes.making = map[reflect.Type]*shape{}
	s := newShape(t)
	for made, shape := range shapes.making {
		shapes.known.LoadOrStore(made, shape)
	}
	return s
}

func newShape(t reflect.Type) *shape {
	if s, ok := shapes.known.Load(t); ok {
		return s.(*shape) //nolint:forcetypeassert // nothing else is in there
	}
	if s, ok := shapes.making[t]; ok {
		return s
	}
	s := &shape{goType: t, number: shapes.count}
	shapes.count++
	shapes.making[t] = s
	switch pointer := reflect.PointerTo(t); {
	case pointer.Implements(reflect.TypeFor[custom]()):
		s.kind = kindCustom
	case pointer.Implements(reflect.TypeFor[json.Unmarshaler]()), pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()),
		t == reflect.TypeFor[json.Number]():
	case t.Kind() == reflect.String:
		s.kind = kindText
	case t.Kind() == reflect.Int64:
		s.kind = kindInteger
	case t.Kind() == reflect.Bool:
		s.kind = kindBoolean
	case t.Kind() == reflect.Pointer:
		s.kind, s.element = kindPointer, newShape(t.Elem())
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		s.kind, s.element = kindList, newShape(t.Elem())
	case t.Kind() == reflect.Struct:
		if s.addFields(t) {
			s.kind = kindObject
		}
	}
	return s
}

// addFields adds the fields of a struct, those of structs that are embedded in it included. It reports false where the rules
// of encoding/json come to more than that; then encoding/json reads the whole.
func (s *shape) addFields(t reflect.Type) bool {
	if !s.collect(t, nil) {
		return false
	}
	s.byName = make(map[string]*field, len(s.fields))
	for i := range s.fields {
		s.byName[string(s.fields[i].name)] = &s.fields[i]
	}
	return len(s.byName) == len(s.fields) // which of two is meant depends on how deep they are
}

func (s *shape) collect(t reflect.Type, within []int) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		index := append(slices.Clone(within), i)
		switch {
		case tag == "-":
		case f.Anonymous && name == "":
			if f.Type.Kind() != reflect.Struct || !s.collect(f.Type, index) {
				return false
			}
		case !f.IsExported():
		case slices.Contains(strings.Split(options, ","), "string"):
			return false
		default:
			s.fields = append(s.fields, field{name: []byte(cmp.Or(name, f.Name)), index: index, shape: newShape(f.Type)})
		}
	}
	return true
}
