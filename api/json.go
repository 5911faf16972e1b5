package api

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
)

// Unmarshal decodes JSON with the semantics of encoding/json. It uses the implementation that encoding/json has from Go 1.27.
//
// A JSON number in place of a string is decoded as its digits, exactly as they were sent. A quoted integer in place of a
// number is decoded as that number. Any other value whose JSON kind does not match its field is skipped. The rest is
// decoded, and the first skipped value is returned as a [*TypeError]. Invalid JSON is a different error.
func Unmarshal(data []byte, value any) error {
	if jsonv2.Unmarshal(data, value, stopAtError) == nil {
		return nil
	}
	if target := reflect.ValueOf(value); target.Kind() == reflect.Pointer && !target.IsNil() {
		target.Elem().SetZero()
	}
	return UnmarshalOnce(data, value)
}

// UnmarshalOnce is [Unmarshal] for large values. Unmarshal is faster, but decodes a text with a mistyped value twice, which
// takes twice the memory.
func UnmarshalOnce(data []byte, value any) error {
	err := jsonv2.Unmarshal(data, value, collectErrors)
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		// A path may contain map keys, which can be of any length.
		path := strings.ToValidUTF8(mistyped.Field[:min(len(mistyped.Field), maxPath)], "")
		return &TypeError{Field: path, Kind: fmt.Sprint(mistyped.Type)}
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && strings.Contains(syntax.Error(), "escape sequence") {
		return fmt.Errorf("json: invalid escape sequence at byte %d", syntax.Offset) // the original error quotes the text
	}
	return err
}

// stopAtError configures decoding as in encoding/json, except that it stops at the first error. To skip values of the wrong
// kind, encoding/json first scans the whole text, which takes a sixth of the time.
var stopAtError = jsonv2.JoinOptions(json.DefaultOptionsV1(), json.ReportErrorsWithLegacySemantics(false))

// collectErrors decodes as encoding/json does, with the additions of coerce.
var collectErrors = jsonv2.JoinOptions(json.DefaultOptionsV1(), coerce)

const maxPath = 256

// TypeError reports a JSON value whose kind does not match its field. It does not hold the value.
type TypeError struct {
	// Field is the path of the value, for example "data.0.amount". It is empty for the whole text.
	// A path within a [OneOrMany] starts there. A [WireSecret] is named "secret".
	Field string
	// Kind is the Go type of the field, for example "string".
	Kind string
}

// Error returns the path and the expected type.
func (e *TypeError) Error() string {
	return fmt.Sprintf("field %q is not of type %s", e.Field, e.Kind)
}

// text returns the string that a JSON string represents.
func text(data []byte) string {
	var buffer [64]byte
	unquoted, _ := jsontext.AppendUnquote(buffer[:0], data) // invalid UTF-8 is replaced
	return string(unquoted)
}
