package basiq

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// A Filter is a condition on the items of a list of T. Conditions are made from the fields of the collection, for
// example [TransactionFields]. Several filters of one call must all hold.
type Filter[T any] struct {
	_ of[T]

	field, condition string
	// field21 is the field's name in API 2.1 if that differs.
	field21 string
	values  []string
	// moment reads a value where it must be a date or a time.
	moment func(string) (time.Time, bool)
}

// of is a field of no size that prevents conversions between types of different T.
type of[T any] [0]*T

// String returns the filter in Basiq's syntax, for example "institution.id.eq('AU00000')". A field whose name depends on
// the API version has that of API 3.0; a call sends the name for its version.
func (f Filter[T]) String() string { return f.in(v30) }

// in returns the filter as an API version has it.
func (f Filter[T]) in(version versionSet) string {
	field := f.field
	if version == v21 {
		field = cmp.Or(f.field21, f.field)
	}
	return fmt.Sprintf("%s.%s('%s')", field, f.condition, strings.Join(f.values, "','"))
}

// problem returns why the filter is invalid, or "".
func (f Filter[T]) problem() string {
	if f.field == "" {
		return "it is the zero Filter; make one from the fields of the collection"
	}
	if len(f.values) == 0 {
		return f.field + ": give a value"
	}
	for _, value := range f.values {
		switch {
		case value == "":
			return f.field + ": the value is empty"
		case strings.Contains(value, "'"):
			return f.field + ": the value has a single quote, and Basiq documents no way to write one"
		case strings.ContainsFunc(value, unicode.IsControl):
			return f.field + ": the value has a control character"
		}
		if f.moment != nil {
			if _, ok := f.moment(value); !ok {
				return f.field + ": the value is not a date; give one such as 2019-10-29, or basiq.DateOf a time"
			}
		}
	}
	if f.condition == between {
		first, _ := f.moment(f.values[0])
		last, _ := f.moment(f.values[1])
		if last.Before(first) {
			return f.field + ": the first date is after the last"
		}
	}
	return ""
}

// between is Basiq's name for a range with both its ends.
const between = "bt"

// EqualField is a field of T that can only be compared for equality with a value of type V.
type EqualField[T any, V ~string] struct {
	_    of[T]
	name string
}

// Eq returns the condition that the field equals value. The call that uses the filter fails if value is empty or
// contains a single quote or a control character.
func (f EqualField[T, V]) Eq(value V) Filter[T] { return newFilter[T](f.name, "eq", value) }

// MatchField is a field of T that can be compared for equality and inequality with a value of type V.
type MatchField[T any, V ~string] struct {
	_    of[T]
	name string
	// name21 is the name in API 2.1 if that differs.
	name21 string
}

// Eq returns the condition that the field equals value; see [EqualField.Eq].
func (f MatchField[T, V]) Eq(value V) Filter[T] { return f.filter("eq", value) }

// Ne returns the condition that the field does not equal value.
func (f MatchField[T, V]) Ne(value V) Filter[T] { return f.filter("ne", value) }

func (f MatchField[T, V]) filter(condition string, value V) Filter[T] {
	filter := newFilter[T](f.name, condition, value)
	filter.field21 = f.name21
	return filter
}

// ChoiceField is a field of T that can be compared with one or several values of type V.
type ChoiceField[T any, V ~string] struct {
	_    of[T]
	name string
}

// Eq returns the condition that the field equals value; see [EqualField.Eq].
func (f ChoiceField[T, V]) Eq(value V) Filter[T] { return newFilter[T](f.name, "eq", value) }

// Ne returns the condition that the field does not equal value.
func (f ChoiceField[T, V]) Ne(value V) Filter[T] { return newFilter[T](f.name, "ne", value) }

// In returns the condition that the field equals one of values, which must not be empty.
func (f ChoiceField[T, V]) In(values ...V) Filter[T] { return newFilter[T](f.name, "in", values...) }

// DateField is a field of T that can be compared with values of type V: a [Date], or a [Time], which may also be a
// date. Invalid values are an error of the call that uses the filter. [DateOf] and [TimeOf] convert a time.
type DateField[T any, V Date | Time] struct {
	_    of[T]
	name string
}

// Eq returns the condition that the field equals value.
func (f DateField[T, V]) Eq(value V) Filter[T] { return f.filter("eq", value) }

// Between returns the condition that the field is between first and last, inclusive.
func (f DateField[T, V]) Between(first, last V) Filter[T] { return f.filter(between, first, last) }

// Gt returns the condition that the field is after value.
func (f DateField[T, V]) Gt(value V) Filter[T] { return f.filter("gt", value) }

// Gteq returns the condition that the field is value or after it.
func (f DateField[T, V]) Gteq(value V) Filter[T] { return f.filter("gteq", value) }

// Lt returns the condition that the field is before value.
func (f DateField[T, V]) Lt(value V) Filter[T] { return f.filter("lt", value) }

// Lteq returns the condition that the field is value or before it.
func (f DateField[T, V]) Lteq(value V) Filter[T] { return f.filter("lteq", value) }

func (f DateField[T, V]) filter(condition string, values ...V) Filter[T] {
	filter := newFilter[T](f.name, condition, values...)
	filter.moment = func(value string) (time.Time, bool) {
		if _, dates := any(V("")).(Date); dates {
			return Date(value).Time()
		}
		return Time(value).Time()
	}
	return filter
}

func newFilter[T any, V ~string](field, condition string, values ...V) Filter[T] {
	filter := Filter[T]{field: field, condition: condition}
	for _, value := range values {
		filter.values = append(filter.values, string(value))
	}
	return filter
}

// joinFilters returns the value of the filter parameter in an API version. It is "" without filters.
func joinFilters[T any](op *Operation, version versionSet, filters []Filter[T]) (string, error) {
	texts := make([]string, len(filters))
	for i, filter := range filters {
		if problem := filter.problem(); problem != "" {
			return "", invalidInput(op.Name, "filters", problem)
		}
		texts[i] = filter.in(version)
	}
	return strings.Join(texts, ","), nil
}
