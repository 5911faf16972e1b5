package decoders

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// The ways in which a decoder can differ from encoding/json.
const (
	accepts = "accepts"
	refuses = "refuses"
	differs = "another value"
	panics  = "panics"
	aliases = "aliases the input"
)

// ourDifferences are the inputs on which [api.Unmarshal] may differ from encoding/json, and why.
var ourDifferences = map[string]string{
	"member twice | list of objects":              listTwice,
	"member twice, longer last | list of objects": listTwice,
	"member twice, null element | list of texts":  listTwice,
}

// listTwice is golang/go#21092; encoding/json/v2 has it mended.
const listTwice = "a list that is there twice is read anew, where encoding/json lets elements of the first show through"

func TestUnmarshalIsLikeEncodingJSON(t *testing.T) {
	t.Parallel()
	seen, names := map[string]bool{}, map[string]bool{}
	mistyped := 0
	for _, in := range inputs() {
		require.False(t, names[in.String()], "two inputs are called %v", in)
		names[in.String()] = true
		both := decodeBoth(ours, in.text, in.into)
		difference := both.difference()
		if _, documented := ourDifferences[in.String()]; documented {
			seen[in.String()] = true
			assert.Equal(t, differs, difference, "%v", in)
			continue
		}
		assert.Empty(t, difference, "%v: %.200q", in, in.text)
		difference, found := both.ofMistyped()
		assert.Empty(t, difference, "%v: %.200q", in, in.text)
		if found {
			mistyped++
		}
	}
	assert.Len(t, seen, len(ourDifferences), "an input is gone")
	assert.Greater(t, mistyped, 100)
}

// encoding/json asks a type of ours for its own UnmarshalJSON, which api.Unmarshal stands behind. So what it would make of a
// list of one or many is put together here from what it makes of a list and of an element. FuzzWhatIsKept in package api has
// the other types.
func TestOneOrManyIsLikeEncodingJSON(t *testing.T) {
	t.Parallel()
	oneOrMany[gen.EnrichCode](t)
	oneOrMany[string](t)
	oneOrMany[*gen.EnrichCode](t)
}

func oneOrMany[T any](t *testing.T) {
	t.Helper()
	for _, value := range values {
		var many []T
		var err error
		switch text := strings.TrimLeft(value.text, " \t\r\n"); {
		case strings.HasPrefix(text, "["), text == "null":
			err = json.Unmarshal([]byte(value.text), &many)
		default:
			many = make([]T, 1)
			err = json.Unmarshal([]byte(value.text), &many[0])
		}
		var have api.OneOrMany[T]
		haveErr := api.Unmarshal([]byte(value.text), &have)
		if err != nil {
			require.Error(t, haveErr, "%T: %s", have, value.what)
			continue
		}
		require.NoError(t, haveErr, "%T: %s", have, value.what)
		assert.Equal(t, many, []T(have), "%T: %s", have, value.what)
	}
}

// outcome is what encoding/json and another decoder have made of a text.
type outcome struct {
	want, have       any
	wantErr, haveErr error
	panicked         bool
	// buffer is what the other has read from.
	buffer []byte
}

// decodeBoth returns nil where the other cannot decode into what fresh makes.
func decodeBoth(by candidate, text string, fresh func() any) *outcome {
	o := &outcome{want: fresh(), have: by.into(fresh), buffer: []byte(text)}
	if o.have == nil {
		return nil
	}
	o.wantErr = standard.unmarshal([]byte(text), o.want)
	o.panicked, o.haveErr = try(by, o.buffer, o.have)
	return o
}

// alike reports whether both have read the same.
func (o *outcome) alike() bool { return alike(reflect.ValueOf(o.want), reflect.ValueOf(o.have)) }

// difference tells how the other differs, or returns "".
func (o *outcome) difference() string {
	switch {
	case o.panicked:
		return panics
	case o.wantErr != nil && o.haveErr == nil:
		return accepts
	case o.wantErr == nil && o.haveErr != nil:
		return refuses
	case o.wantErr != nil:
		return "" // what is left in the value then is nobody's
	case !o.alike():
		return differs
	}
	// Bodies are read into buffers that are used again.
	for i := range o.buffer {
		o.buffer[i] = '#'
	}
	if !o.alike() {
		return aliases
	}
	return ""
}

// ofMistyped tells how what [api.Unmarshal] has read differs from what encoding/json has read of a text that has a value of a
// wrong kind somewhere, or returns "". Both go on behind it, and of the bodies of errors that is used. It returns false when
// there is no such value.
func (o *outcome) ofMistyped() (difference string, found bool) {
	_, have := errors.AsType[*api.MistypedError](o.haveErr)
	switch o.wantErr.(type) { //nolint:errorlint // it comes as it is
	case *json.UnmarshalTypeError:
		if !have {
			return fmt.Sprintf("%v instead of a wrong kind", o.haveErr), true
		}
		if !o.alike() {
			return differs, true
		}
	case *api.MistypedError: // encoding/json stops where a type's own UnmarshalJSON fails
		if !have {
			return fmt.Sprintf("%v instead of a wrong kind", o.haveErr), true
		}
	default:
		if have {
			return fmt.Sprintf("a wrong kind instead of %v", o.wantErr), true
		}
		return "", false
	}
	return "", true
}

// try decodes.
func try(by candidate, text []byte, value any) (panicked bool, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err, panicked = fmt.Errorf("%v", reason), true
		}
	}()
	return false, by.unmarshal(text, value)
}

// alike is reflect.DeepEqual for values whose types have the same fields.
func alike(a, b reflect.Value) bool {
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return alike(a.Elem(), b.Elem())
	case reflect.Slice:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !alike(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		for _, key := range a.MapKeys() {
			if !alike(a.MapIndex(key), b.MapIndex(key)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range a.NumField() {
			if !alike(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	default:
		return a.Equal(b)
	}
}

// A decoder that keeps what it learns of a type learns it from many goroutines at once. The race detector watches.
func TestCandidatesLearnTypesConcurrently(t *testing.T) {
	t.Parallel()
	for _, by := range candidates() {
		if by.own != nil {
			continue
		}
		t.Run(by.name, func(t *testing.T) {
			t.Parallel()
			for i := range 5 {
				// A type of many that nobody has seen: each has names of its own in it.
				fields, members := make([]reflect.StructField, 100), make([]string, 100)
				for j := range fields {
					name := fmt.Sprintf("%s%d_%d", by.name, i, j)
					tag := reflect.StructTag(`json:"` + name + `"`)
					inner := reflect.StructOf([]reflect.StructField{{Name: "Code", Type: reflect.TypeFor[*gen.EnrichCode](), Tag: tag}})
					fields[j] = reflect.StructField{Name: fmt.Sprintf("A%d", j), Type: reflect.PointerTo(inner), Tag: tag}
					members[j] = fmt.Sprintf(`%[1]q:{%[1]q:{"code":"%[2]d"}}`, name, j)
				}
				outer, text := reflect.StructOf(fields), []byte("{"+strings.Join(members, ",")+"}")
				values := make([]any, 8)
				var ready, all sync.WaitGroup
				ready.Add(1)
				for j := range values {
					values[j] = reflect.New(outer).Interface()
					all.Go(func() {
						ready.Wait()
						assert.NoError(t, by.unmarshal(text, values[j]))
					})
				}
				ready.Done()
				all.Wait()
				want := reflect.New(outer).Interface()
				require.NoError(t, standard.unmarshal(text, want))
				for _, have := range values {
					assert.True(t, alike(reflect.ValueOf(want), reflect.ValueOf(have)), "%+v", have)
				}
			}
		})
	}
}

// A decoder that cuts many values from one piece of memory must not give the same memory twice, nor room to grow into what
// belongs to another: appending to a list would write there.
func TestCandidatesGiveNoMemoryTwice(t *testing.T) {
	t.Parallel()
	for _, by := range candidates() {
		t.Run(by.name, func(t *testing.T) {
			t.Parallel()
			for _, fixture := range fixtures() {
				value := by.into(fixture.into)
				if value == nil {
					continue
				}
				require.NoError(t, by.unmarshal(fixture.text, value))
				var all []memory
				held(reflect.ValueOf(value), &all)
				assert.Greater(t, len(all), 10, "there is nothing to look at")
				assert.Empty(t, shared(all), fixture.name)
			}
		})
	}
	var pair [2]string
	assert.NotEmpty(t, shared(heldBy([][]string{pair[:1], pair[1:]})), "the first has room in the second")
	assert.Empty(t, shared(heldBy([][]string{pair[:1:1], pair[1:]})))
	assert.NotEmpty(t, shared(heldBy([]*string{&pair[0], &pair[0]})))
	assert.Empty(t, shared(heldBy([]*string{&pair[0], &pair[1]})))
}

// memory is a piece of it.
type memory struct {
	start, end uintptr
	of         reflect.Type
}

func heldBy(value any) []memory {
	var all []memory
	held(reflect.ValueOf(value), &all)
	return all
}

// held adds what belongs to a value: what its pointers point to, and its lists with their room.
func held(value reflect.Value, all *[]memory) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			*all = append(*all, memory{value.Pointer(), value.Pointer() + value.Type().Elem().Size(), value.Type()})
			held(value.Elem(), all)
		}
	case reflect.Slice:
		size := uintptr(value.Cap()) * value.Type().Elem().Size()
		*all = append(*all, memory{value.Pointer(), value.Pointer() + size, value.Type()})
		for i := range value.Len() {
			held(value.Index(i), all)
		}
	case reflect.Struct:
		for _, field := range value.Fields() {
			held(field, all)
		}
	default:
	}
}

// shared returns the pieces that overlap with another.
func shared(all []memory) []memory {
	all = slices.DeleteFunc(all, func(piece memory) bool { return piece.start == piece.end })
	slices.SortFunc(all, func(a, b memory) int { return cmp.Compare(a.start, b.start) })
	var both []memory
	for i := 1; i < len(all); i++ {
		if all[i-1].end > all[i].start {
			both = append(both, all[i-1], all[i])
		}
	}
	return both
}

// Whoever sends a text must not choose how much work and memory it takes: lists that are there again and again, each of
// which could be a long one, cost 110 GiB once.
//
//nolint:paralleltest // It counts the allocations of the whole process.
func TestUnmarshalTakesMemoryForWhatIsThere(t *testing.T) {
	for _, unit := range []string{`"data":[0,0],`, `"data":[{},{}],`, `"data":[],"data":[{},{}],`, `"data":null,"data":[{},{}],`, `"links":{},"links":null,`} {
		text := []byte("{" + strings.Repeat(unit, (1<<20)/len(unit)) + `"type":"list"}`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = ours.unmarshal(text, new(gen.TransactionList)) // an element may be of the wrong kind
		runtime.ReadMemStats(&after)
		// Three transactions of 300 bytes for a list of 13.
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(200<<20), unit)
	}
}

// A decoder is used from many goroutines at once. The race detector watches.
func TestCandidatesDecodeConcurrently(t *testing.T) {
	t.Parallel()
	for _, by := range candidates() {
		t.Run(by.name, func(t *testing.T) {
			t.Parallel()
			for _, fixture := range fixtures() {
				if by.into(fixture.into) == nil {
					continue
				}
				want := fixture.into()
				require.NoError(t, standard.unmarshal(fixture.text, want))
				var all sync.WaitGroup
				for range 4 {
					all.Go(func() {
						have := by.into(fixture.into)
						if assert.NoError(t, by.unmarshal(fixture.text, have)) {
							assert.True(t, alike(reflect.ValueOf(want), reflect.ValueOf(have)), fixture.name)
						}
					})
				}
				all.Wait()
			}
		})
	}
}

// What the comparison says is only worth something if it sees differences.
func TestCompareSeesDifferences(t *testing.T) {
	t.Parallel()
	type value struct {
		A string
		B *int
		C []string
		D map[string]*string
		E any
	}
	const text = `{"A":"a","B":1,"C":["c"],"D":{"d":"e"},"E":[1]}`
	decode := func(change func(*value)) candidate {
		return candidate{unmarshal: func(data []byte, into any) error {
			err := standard.unmarshal(data, into)
			change(into.(*value))
			return err
		}}
	}
	other, number := "x", 2
	for name, by := range map[string]candidate{
		"text":         decode(func(v *value) { v.A = "b" }),
		"pointer":      decode(func(v *value) { v.B = &number }),
		"nil":          decode(func(v *value) { v.B = nil }),
		"longer":       decode(func(v *value) { v.C = append(v.C, "") }),
		"element":      decode(func(v *value) { v.C[0] = "" }),
		"no list":      decode(func(v *value) { v.C = nil }),
		"map's value":  decode(func(v *value) { v.D["d"] = &other }),
		"map's key":    decode(func(v *value) { v.D = map[string]*string{"x": v.D["d"]} }),
		"interface":    decode(func(v *value) { v.E = "1" }),
		"in interface": decode(func(v *value) { v.E = []any{2.0} }),
	} {
		assert.Equal(t, differs, decodeBoth(by, text, into[value]).difference(), name)
	}
	difference := func(text string, unmarshal func(data []byte, value any) error) string {
		return decodeBoth(candidate{unmarshal: unmarshal}, text, into[value]).difference()
	}
	assert.Empty(t, difference(text, json.Unmarshal))
	assert.Empty(t, difference(strings.TrimSuffix(text, "}"), json.Unmarshal))
	assert.Equal(t, accepts, difference(`{`, func([]byte, any) error { return nil }))
	assert.Equal(t, refuses, difference(`{}`, func([]byte, any) error { return assert.AnError }))
	assert.Equal(t, panics, difference(`{}`, func([]byte, any) error { panic("") }))
	assert.Equal(t, aliases, difference(text, func(data []byte, into any) error {
		err := json.Unmarshal(data, into)
		into.(*value).A = unsafe.String(&data[6], 1)
		return err
	}))
}
