package basiq

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A Filter selects items of a list of T. Filters are made from the fields of the collection, for example
// [TransactionFields], and combined with [Filter.And]. The zero Filter selects all items.
type Filter[T any] struct {
	_ of[T]

	conditions []condition
}

// And returns a filter that selects the items that f and all others select.
func (f Filter[T]) And(others ...Filter[T]) Filter[T] {
	conditions := slices.Clone(f.conditions)
	for _, other := range others {
		conditions = append(conditions, other.conditions...)
	}
	return Filter[T]{conditions: conditions}
}

// of is a field of size 0 that prevents conversions between types of different T.
type of[T any] [0]*T

// String returns the filter in Basiq's syntax, for example "institution.id.eq('AU00000')". Fields have their names in API
// 3.0; a call sends the names for its API version.
func (f Filter[T]) String() string { return f.in(v30) }

// in returns the filter with the field names of an API version.
func (f Filter[T]) in(version versionSet) string {
	texts := make([]string, len(f.conditions))
	for i, c := range f.conditions {
		texts[i] = c.in(version)
	}
	return strings.Join(texts, ",")
}

// problem returns the reason for an invalid filter, or "".
func (f Filter[T]) problem() string {
	for _, c := range f.conditions {
		if problem := c.problem(); problem != "" {
			return c.field + ": " + problem
		}
	}
	return ""
}

// A condition compares a field with values.
type condition struct {
	field, operator string
	// field21 is the field's name in API 2.1 if that differs.
	field21 string
	values  []string
	// moment parses a value that must be a date or a time. It is nil for other values.
	moment func(string) (time.Time, bool)
}

func (c condition) in(version versionSet) string {
	field := c.field
	if version == v21 {
		field = cmp.Or(c.field21, c.field)
	}
	return fmt.Sprintf("%s.%s('%s')", field, c.operator, strings.Join(c.values, "','"))
}

func (c condition) problem() string {
	if len(c.values) == 0 {
		return "missing value"
	}
	for _, value := range c.values {
		switch {
		case value == "":
			return "empty value"
		case strings.Contains(value, "'"):
			return "value must not contain a single quote: Basiq documents no way to escape it"
		case strings.ContainsFunc(value, unicode.IsControl):
			return "value must not contain control characters"
		}
		if c.moment != nil {
			if _, ok := c.moment(value); !ok {
				return "value must be a date such as 2019-10-29"
			}
		}
	}
	if c.operator == between {
		first, _ := c.moment(c.values[0])
		last, _ := c.moment(c.values[1])
		if last.Before(first) {
			return "first date is after last date"
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
	filter.conditions[0].field21 = f.name21
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
	filter.conditions[0].moment = func(value string) (time.Time, bool) {
		if _, dates := any(V("")).(Date); dates {
			return Date(value).Time()
		}
		return Time(value).Time()
	}
	return filter
}

func newFilter[T any, V ~string](field, operator string, values ...V) Filter[T] {
	c := condition{field: field, operator: operator}
	for _, value := range values {
		c.values = append(c.values, string(value))
	}
	return Filter[T]{conditions: []condition{c}}
}
