package basiq

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Filter is a condition on the items of a list of T. Only the conditions that Basiq documents for T can be made, from
// the fields of the collection, for example [TransactionFields]. Several filters of one call must all hold.
type Filter[T any] struct {
	_ of[T]

	field, condition string
	values           []string
	// moment reads a value where it must be a date or a time.
	moment func(string) (time.Time, bool)
}

// of[T] takes no room, and keeps what is of T from being converted to what is of another.
type of[T any] [0]*T

// String returns the filter as Basiq reads it, for example "institution.id.eq('AU00000')".
func (f Filter[T]) String() string {
	return fmt.Sprintf("%s.%s('%s')", f.field, f.condition, strings.Join(f.values, "','"))
}

// problem says why Basiq could not read the filter as it is meant, or "".
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

// EqualField is a field of T that Basiq can compare with a value of type V, and only for equality.
type EqualField[T any, V ~string] struct {
	_    of[T]
	name string
}

// Eq is the condition that the field is value. A value that is empty or has a single quote or a control character is an
// error of the call that uses the filter.
func (f EqualField[T, V]) Eq(value V) Filter[T] {
	return equal[T](f.name, string(value))
}

// MatchField is a field of T that Basiq can compare with a value of type V for being equal or not.
type MatchField[T any, V ~string] struct {
	_    of[T]
	name string
}

// Eq is the condition that the field is value; see [EqualField.Eq].
func (f MatchField[T, V]) Eq(value V) Filter[T] { return equal[T](f.name, string(value)) }

// Ne is the condition that the field is not value.
func (f MatchField[T, V]) Ne(value V) Filter[T] {
	return notEqual[T](f.name, string(value))
}

// ChoiceField is a field of T that Basiq can compare with one value of type V, or several.
type ChoiceField[T any, V ~string] struct {
	_    of[T]
	name string
}

// Eq is the condition that the field is value; see [EqualField.Eq].
func (f ChoiceField[T, V]) Eq(value V) Filter[T] { return equal[T](f.name, string(value)) }

// Ne is the condition that the field is not value.
func (f ChoiceField[T, V]) Ne(value V) Filter[T] { return notEqual[T](f.name, string(value)) }

// In is the condition that the field is one of values, of which there must be one at least.
func (f ChoiceField[T, V]) In(values ...V) Filter[T] {
	filter := Filter[T]{field: f.name, condition: "in"}
	for _, value := range values {
		filter.values = append(filter.values, string(value))
	}
	return filter
}

// DateField is a field of T that Basiq can compare with values of type V: a [Date], or a [Time], which may be a date as
// well. A value that is neither is an error of the call that uses the filter; [DateOf] and [TimeOf] make them of a
// time; basiq.Time(basiq.DateOf(t)) is a day where a moment may stand.
type DateField[T any, V Date | Time] struct {
	_    of[T]
	name string
}

// Eq is the condition that the field is value.
func (f DateField[T, V]) Eq(value V) Filter[T] { return f.filter("eq", value) }

// Between is the condition that the field is first, last, or between them. Basiq calls it bt.
func (f DateField[T, V]) Between(first, last V) Filter[T] { return f.filter(between, first, last) }

// Gt is the condition that the field is after value.
func (f DateField[T, V]) Gt(value V) Filter[T] { return f.filter("gt", value) }

// Gteq is the condition that the field is value or after it.
func (f DateField[T, V]) Gteq(value V) Filter[T] { return f.filter("gteq", value) }

// Lt is the condition that the field is before value.
func (f DateField[T, V]) Lt(value V) Filter[T] { return f.filter("lt", value) }

// Lteq is the condition that the field is value or before it.
func (f DateField[T, V]) Lteq(value V) Filter[T] { return f.filter("lteq", value) }

func (f DateField[T, V]) filter(condition string, values ...V) Filter[T] {
	filter := Filter[T]{field: f.name, condition: condition, moment: func(value string) (time.Time, bool) {
		if _, dates := any(V("")).(Date); dates {
			return Date(value).Time()
		}
		return Time(value).Time()
	}}
	for _, value := range values {
		filter.values = append(filter.values, string(value))
	}
	return filter
}

func equal[T any](field, value string) Filter[T] {
	return Filter[T]{field: field, condition: "eq", values: []string{value}}
}

func notEqual[T any](field, value string) Filter[T] {
	return Filter[T]{field: field, condition: "ne", values: []string{value}}
}

// joinFilters returns the value of the filter parameter, or nil when there are no filters.
func joinFilters[T any](op *Operation, filters []Filter[T]) (string, error) {
	texts := make([]string, len(filters))
	for i, filter := range filters {
		if problem := filter.problem(); problem != "" {
			return "", invalidInput(op.Name, "filters", problem)
		}
		texts[i] = filter.String()
	}
	return strings.Join(texts, ","), nil
}
