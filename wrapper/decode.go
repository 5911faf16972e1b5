package basiq

import (
	"errors"
	"reflect"

	"github.com/basiq-go/basiq-go/api"
)

// decode decodes a response body into value, a pointer to a struct. It returns an error if the body is not
// a JSON object, if its list is missing, or if it would take too much memory. value is not valid then.
//
// A field with a value of another JSON kind keeps its zero value. mismatch describes the first such field, or is nil.
func decode(body []byte, value any) (mismatch *api.TypeError, err error) {
	unmarshal := api.Unmarshal
	switch large, err := checkBudget(body, value); {
	case err != nil:
		return nil, err
	case large:
		unmarshal = api.UnmarshalOnce
	}
	err = unmarshal(body, value)
	mismatch, ok := errors.AsType[*api.TypeError](err)
	switch {
	case !ok:
		return nil, err
	case mismatch.Field == "":
		return nil, errors.New("not a JSON object")
	}
	if list := listOf(reflect.ValueOf(value).Elem()); list.IsValid() && list.IsNil() {
		return nil, errors.New("data is not a list")
	}
	return mismatch, nil
}

// listOf returns the field of a list response that is its list, or the zero Value. Only lists have a size: a resource may
// also have data, without which it is still useful.
func listOf(response reflect.Value) reflect.Value {
	if response.Kind() != reflect.Struct || !response.FieldByName("Size").IsValid() {
		return reflect.Value{}
	}
	list := response.FieldByName("Data")
	if list.Kind() == reflect.Struct { // an api.OneOrMany
		list = list.FieldByName("Items")
	}
	if list.Kind() == reflect.Slice {
		return list
	}
	return reflect.Value{}
}
