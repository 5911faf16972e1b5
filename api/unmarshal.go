package api

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Unmarshal reads the JSON text data into value, a pointer that is not nil, as [json.Unmarshal] does: the same texts are
// accepted, with the same values. It takes a fraction of the time and of the memory, for it makes neither each string nor
// each object by itself: strings are cut from pieces of 1 KiB at most, those that repeat are shared, and objects behind
// pointers come from arrays of 8 at most. So whoever keeps a string keeps 1 KiB, and whoever keeps an object of an answer
// keeps its neighbors, and theirs: about a twentieth of a page.
//
// Nothing in value refers to data. A value that is not of the kind that its place wants is a [MistypedError], after all
// else was read. What differs from encoding/json: a list that is there twice is read anew, where encoding/json lets
// elements of the first show through.
//
// jsontext, which is part of Go's standard library from Go 1.27 on, finds the tokens; here they are put into place.
func Unmarshal(data []byte, value any) error {
	target := reflect.ValueOf(value)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("api.Unmarshal: give a pointer that is not nil, and not a %T", value)
	}
	d := newReader(data)
	defer d.free()
	if err := d.document(shapeOf(target.Type().Elem()), target.Elem()); err != nil {
		return reason(data, err)
	}
	return d.mistyped
}

// MistypedError is a value that is not of the kind that its place wants. It does not repeat the value, which may be anything.
type MistypedError struct {
	// Field is where the value stands, for example "data.0.amount"; empty for the whole text.
	Field string
	// Kind is what the place wants, for example "string".
	Kind string
}

// Error says where the value stands, and what is wanted there.
func (e *MistypedError) Error() string {
	return fmt.Sprintf("the field %q is not of the kind %s", e.Field, e.Kind)
}

// readers holds what readings have in common, for the next ones. What was read stays in none of them.
var readers = sync.Pool{New: func() any {
	return &reader{tokens: jsontext.NewDecoder(new(bytes.Buffer))}
}}

// leniency is that of encoding/json.
var leniency = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// reader is one reading of a text.
type reader struct {
	tokens *jsontext.Decoder
	input  bytes.Buffer
	length int
	texts  texts
	// slabs has one for each shape that pointers point to, by its number.
	slabs []slab
	// scratch is where texts with escapes are put together.
	scratch  []byte
	mistyped error
	// room is for how many elements lists may still be given room before they come.
	room int
}

// newReader returns a reader for data. It must be freed.
func newReader(data []byte) *reader {
	d := readers.Get().(*reader) //nolint:forcetypeassert // nothing else is in there
	d.input = *bytes.NewBuffer(data)
	d.tokens.Reset(&d.input, leniency...)
	d.length, d.room = len(data), expectedElements
	d.texts.size = min(len(data), pieceSize)
	return d
}

// free lets go of all that was read.
func (d *reader) free() {
	d.input = bytes.Buffer{}
	d.tokens.Reset(&d.input)
	d.texts.forget()
	clear(d.slabs)
	d.scratch, d.mistyped = nil, nil
	readers.Put(d)
}

// document reads the whole text.
func (d *reader) document(s *shape, v reflect.Value) error {
	if err := d.read(s, v); err != nil {
		return err
	}
	if _, err := d.tokens.ReadToken(); !errors.Is(err, io.EOF) {
		return errMore
	}
	return nil
}

var errMore = errors.New("there is more after the end of the JSON text")

// reason returns what encoding/json says of a text that cannot be read: of the text itself, no more than a character.
func reason(data []byte, err error) error {
	if said := json.Unmarshal(data, new(json.RawMessage)); said != nil {
		return said
	}
	return err
}

// read reads the next value into v, whose shape is s.
func (d *reader) read(s *shape, v reflect.Value) error {
	if s.kind == kindCustom {
		return v.Addr().Interface().(custom).readJSON(d) //nolint:forcetypeassert // see newShape
	}
	if s.kind == kindOther {
		raw, err := d.tokens.ReadValue()
		if err != nil {
			return err
		}
		return d.other(raw, v)
	}
	if s.isScalar() {
		return d.scalar(s, v)
	}
	kind := d.tokens.PeekKind()
	switch {
	case kind == 'n': // null
		if s.kind != kindObject {
			v.SetZero()
		}
		return d.tokens.SkipValue()
	case s.kind == kindPointer:
		if v.IsNil() {
			v.Set(d.slab(s.element))
		}
		return d.read(s.element, v.Elem())
	case s.kind == kindObject && kind == '{':
		return d.object(s, v)
	case s.kind == kindList && kind == '[':
		return d.list(s, v)
	}
	if err := d.tokens.SkipValue(); err != nil {
		return err
	}
	d.mistype(s)
	return nil
}

// scalar reads a text, an integer or a boolean. null leaves v as it is.
func (d *reader) scalar(s *shape, v reflect.Value) error {
	raw, err := d.tokens.ReadValue()
	if err != nil {
		return err
	}
	switch kind := raw.Kind(); {
	case kind == 'n':
	case s.kind == kindText && kind == '"':
		v.SetString(d.text(raw))
	case s.kind == kindBoolean && (kind == 't' || kind == 'f'):
		v.SetBool(kind == 't')
	case s.kind == kindInteger && kind == '0':
		if number, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			v.SetInt(number)
		} else {
			d.mistype(s)
		}
	default:
		d.mistype(s)
	}
	return nil
}

// other has encoding/json read what there is no shape for.
func (d *reader) other(raw jsontext.Value, v reflect.Value) error {
	err := json.Unmarshal(raw, v.Addr().Interface())
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		d.mistypeAs(mistyped.Type.String())
		return nil
	}
	return err
}

// object reads an object's members into the fields of v. What v has no field for is skipped.
func (d *reader) object(s *shape, v reflect.Value) error {
	if _, err := d.tokens.ReadToken(); err != nil {
		return err
	}
	for d.tokens.PeekKind() == '"' {
		raw, err := d.tokens.ReadValue()
		if err != nil {
			return err
		}
		f := s.byName[string(raw[1:len(raw)-1])] // the rule: it is written like that, and without escapes
		if f == nil {
			f = s.field(d.unquote(raw))
		}
		if f == nil {
			err = d.tokens.SkipValue()
		} else {
			err = d.read(f.shape, f.in(v))
		}
		if err != nil {
			return err
		}
	}
	_, err := d.tokens.ReadToken() // the end, or what is wrong
	return err
}

// expectedElements bounds how many elements all lists of a text together are given room for by the size of their first. A
// text may have the same list a million times.
const expectedElements = 512

// list reads an array's elements into v.
func (d *reader) list(s *shape, v reflect.Value) error {
	if _, err := d.tokens.ReadToken(); err != nil {
		return err
	}
	v.SetZero()
	start, n := d.tokens.InputOffset(), 0
	for ; d.tokens.PeekKind() != ']'; n++ {
		if n == v.Cap() {
			v.Grow(d.expected(n, start))
		}
		v.SetLen(n + 1)
		if err := d.read(s.element, v.Index(n)); err != nil {
			return err
		}
	}
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0)) // which is not null
	}
	_, err := d.tokens.ReadToken()
	return err
}

// expected returns how many elements a list that began at start is given room for, beside the n that it has.
func (d *reader) expected(n int, start int64) int {
	// An answer's own list is most of its text, and the elements are of about the same size.
	if n != 1 || d.tokens.StackDepth() > 2 {
		return 1
	}
	now := d.tokens.InputOffset()
	room := int(min((int64(d.length)-now)/max(now-start, 1)+1, int64(d.room)))
	d.room -= room
	return max(room, 1)
}

// mistype remembers that the value that was read last is not of the kind s.
func (d *reader) mistype(s *shape) { d.mistypeAs(s.goType.String()) }

func (d *reader) mistypeAs(kind string) {
	if d.mistyped == nil {
		field := strings.ReplaceAll(strings.TrimPrefix(string(d.tokens.StackPointer()), "/"), "/", ".")
		d.mistyped = &MistypedError{Field: field, Kind: kind}
	}
}

// unquote returns what a JSON string stands for, until the next call.
func (d *reader) unquote(raw []byte) []byte {
	inside := raw[1 : len(raw)-1]
	if isPlain(inside) {
		return inside
	}
	d.scratch, _ = jsontext.AppendUnquote(d.scratch[:0], raw) // invalid UTF-8 is replaced
	return d.scratch
}

// isPlain reports whether what is inside a JSON string stands for itself.
func isPlain(inside []byte) bool {
	for _, c := range inside {
		if c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// text returns what a JSON string stands for.
func (d *reader) text(raw []byte) string { return d.texts.keep(d.unquote(raw)) }

// slab returns a pointer to a new value of a shape.
func (d *reader) slab(s *shape) reflect.Value {
	if s.number >= len(d.slabs) {
		d.slabs = append(d.slabs, make([]slab, s.number+1-len(d.slabs))...)
	}
	return d.slabs[s.number].next(s)
}

// slab is an array of values that pointers are given to, one after the other.
type slab struct {
	values reflect.Value
	used   int
}

// slabSize is how many values a slab has at most: each of them keeps the others.
const slabSize = 8

func (b *slab) next(s *shape) reflect.Value {
	if !b.values.IsValid() || b.used == b.values.Len() {
		size := 1
		if b.values.IsValid() {
			size = min(2*b.used, slabSize)
		}
		b.values, b.used = reflect.MakeSlice(reflect.SliceOf(s.goType), size, size), 0
	}
	b.used++
	return b.values.Index(b.used - 1).Addr()
}

// texts makes strings: those that repeat once, the others from pieces of memory.
type texts struct {
	piece strings.Builder
	size  int
	known [256]string
	used  bool
}

const (
	// pieceSize bounds the pieces: a string that is kept keeps its piece.
	pieceSize = 1 << 10
	// These are the lengths of strings that are worth looking for.
	shortestShareable, longestShareable = 2, 128
)

// forget lets go of all strings.
func (t *texts) forget() {
	t.piece = strings.Builder{}
	if t.used {
		clear(t.known[:])
		t.used = false
	}
}

// keep returns b as a string.
func (t *texts) keep(b []byte) string {
	if len(b) < shortestShareable || len(b) > longestShareable {
		return t.cut(b)
	}
	known := &t.known[hash(b)]
	if *known != string(b) {
		t.used = true
		*known = t.cut(b)
	}
	return *known
}

// hash tells texts apart by their ends, which differ more than their middle does. It need not be good: of two texts with the
// same hash one is kept twice.
func hash(b []byte) uint8 {
	var head, tail uint64
	if n := len(b); n >= 8 {
		head, tail = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	} else {
		for _, c := range b {
			head = head<<8 | uint64(c)
		}
	}
	return uint8((head*0x9e3779b97f4a7c15 ^ bits.RotateLeft64(tail, 32)*0xc2b2ae3d27d4eb4f) >> 56)
}

// cut returns a string from the piece at hand.
func (t *texts) cut(b []byte) string {
	if len(b) > pieceSize/4 {
		return string(b)
	}
	if t.piece.Cap()-t.piece.Len() < len(b) {
		t.piece = strings.Builder{}
		t.piece.Grow(max(t.size, len(b)))
	}
	start := t.piece.Len()
	t.piece.Write(b)
	return t.piece.String()[start:] // a Builder never writes where it has written
}
