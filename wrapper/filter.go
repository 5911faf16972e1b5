package basiq

import (
	"fmt"
	"strings"
	"unicode"
)

// Filter is a condition on the items of a list of T. Only the conditions that Basiq documents for T can be made: see
// [ConnectionFields] and [JobFields]. Several filters of one call must all hold.
type Filter[T any] struct {
	field, condition string
	values           []string
}

// String returns the filter as Basiq reads it, for example "institution.id.eq('AU00000')".
func (f Filter[T]) String() string {
	return fmt.Sprintf("%s.%s('%s')", f.field, f.condition, strings.Join(f.values, "','"))
}

// problem says why Basiq could not read the filter as it is meant, or "".
func (f Filter[T]) problem() string {
	if f.field == "" {
		return "it is the zero Filter; make one from the fields of the collection"
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
	}
	return ""
}

// EqualField is a field of T that Basiq can compare with a value of type V, and only for equality.
type EqualField[T any, V ~string] struct{ name string }

// Eq is the condition that the field is value. A value that is empty or has a single quote or a control character is an
// error of the call that uses the filter.
func (f EqualField[T, V]) Eq(value V) Filter[T] {
	return Filter[T]{field: f.name, condition: "eq", values: []string{string(value)}}
}

// ConnectionFields are the fields that [ConnectionsService.List] can filter by.
var ConnectionFields = connectionFields{
	ID:            EqualField[Connection, string]{"id"},
	Status:        EqualField[Connection, ConnectionStatus]{"status"},
	InstitutionID: EqualField[Connection, string]{"institution.id"},
}

type connectionFields struct {
	// ID is the connection's own id.
	ID EqualField[Connection, string]
	// Status is the connection's state.
	Status EqualField[Connection, ConnectionStatus]
	// InstitutionID is the bank's id, for example "AU00000".
	InstitutionID EqualField[Connection, string]
}

// JobFields are the fields that [JobsService.List] can filter by.
var JobFields = jobFields{
	ConnectionID: EqualField[Job, string]{"connection.id"},
}

type jobFields struct {
	// ConnectionID is the id of the connection that the job works on.
	ConnectionID EqualField[Job, string]
}

// joinFilters returns the value of the filter parameter, or nil when there are no filters.
func joinFilters[T any](op *Operation, filters []Filter[T]) (*string, error) {
	if len(filters) == 0 {
		return nil, nil //nolint:nilnil // no filter is not an error
	}
	texts := make([]string, len(filters))
	for i, filter := range filters {
		if problem := filter.problem(); problem != "" {
			return nil, invalidInput(op.Name, "filters", problem)
		}
		texts[i] = filter.String()
	}
	joined := strings.Join(texts, ",")
	return &joined, nil
}
