package basiqtest

import (
	"encoding/json"
	"strconv"
)

// writable is implemented by values that encode themselves. It is used instead of [json.Marshaler], because
// encoding/json validates the output of a Marshaler again. With the race detector, this takes longer than the rest of
// the work for a page of 500 transactions.
type writable interface{ writeTo(w *jsonWriter) }

// jsonWriter writes JSON objects with their fields in call order.
type jsonWriter struct{ buf []byte }

func (w *jsonWriter) begin() { w.buf = append(w.buf, '{') }

func (w *jsonWriter) end() { w.buf = append(w.buf, '}') }

// name begins a field with a name that needs no escaping. The value must be written next.
func (w *jsonWriter) name(name string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

// text writes a string field.
func (w *jsonWriter) text(name, value string) {
	w.name(name)
	if !plain(value) {
		w.value(value)
		return
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, value...)
	w.buf = append(w.buf, '"')
}

// plain reports whether a string needs no escaping in JSON.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// textOrNull writes a field that is a string or null.
func (w *jsonWriter) textOrNull(name string, value *string) {
	if value == nil {
		w.raw(name, "null")
		return
	}
	w.text(name, *value)
}

func (w *jsonWriter) number(name string, value int) { w.raw(name, strconv.Itoa(value)) }

// raw writes a field with an already encoded value.
func (w *jsonWriter) raw(name, value string) {
	w.name(name)
	w.buf = append(w.buf, value...)
}

// value writes any value.
func (w *jsonWriter) value(v any) {
	if own, ok := v.(writable); ok {
		own.writeTo(w)
		return
	}
	written, err := json.Marshal(v)
	if err != nil {
		panic("basiqtest: cannot encode response: " + err.Error())
	}
	w.buf = append(w.buf, written...)
}
