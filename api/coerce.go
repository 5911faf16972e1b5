package api

import (
	"encoding"
	"errors"
	"reflect"
	"strconv"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	json "github.com/go-json-experiment/json/v1"
)

// coerce decodes a JSON number into a string as its digits, and a JSON string that is an integer into an integer. It
// leaves other values to the default decoding.
var coerce = jsonv2.WithUnmarshalers(jsonv2.UnmarshalFromFunc(func(decoder *jsontext.Decoder, target any) error {
	value := reflect.ValueOf(target).Elem()
	switch kind := decoder.PeekKind(); {
	case kind == '0' && value.Kind() == reflect.String && !decodesItself(target):
		digits, err := decoder.ReadValue()
		if err == nil {
			value.SetString(string(digits))
		}
		return err
	case kind == '"' && value.CanInt() && !decodesItself(target):
		quoted, err := decoder.ReadValue()
		if err != nil {
			return err
		}
		number, err := strconv.ParseInt(text(quoted), 10, value.Type().Bits())
		if err != nil || quoted[1] == '+' {
			return &jsonv2.SemanticError{JSONPointer: decoder.StackPointer(), JSONKind: kind, GoType: value.Type()}
		}
		value.SetInt(number)
		return nil
	}
	return errors.ErrUnsupported
}))

// decodesItself reports whether a value has a method that decodes it.
func decodesItself(target any) bool {
	switch target.(type) {
	case jsonv2.UnmarshalerFrom, json.Unmarshaler, encoding.TextUnmarshaler:
		return true
	}
	return false
}
