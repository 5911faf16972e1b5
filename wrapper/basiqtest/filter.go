package basiqtest

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// condition is one statement of a filter, such as status.eq('active').
type filterCondition struct {
	property string
	operator string
	values   []string
}

// conditions must all hold.
type filterConditions []filterCondition

// filterable says what a collection can be filtered by: each property with its conditions.
type filterable map[string]filterRule

// filterRule is what can be asked of a property.
type filterRule struct {
	operators []string
	values    []string // the documented ones; nil when any text will do
	form      *regexp.Regexp
	date      bool   // values are dates, or moments; the property is a moment
	invalid   string // the detail of the answer to a value that is none; "" for the general one
}

// The conditions that the documents give to properties.
var (
	eq     = []string{"eq"}
	eqNe   = []string{"eq", "ne"}
	eqNeIn = []string{"eq", "ne", "in"}
	ranges = []string{"eq", "bt", "gt", "gteq", "lt", "lteq"}
)

const quotedOrNot = `(?:'[^']*'|[^'"(),\s]+)`

// statement matches the first statement of a filter, and filterValue the values in it. No way to write a quote inside a value is
// documented, so a quote ends it. Basiq's own consent UI sends blanks after commas. An application, and an example of Basiq's for
// events, have values without quotes.
var (
	statement   = regexp.MustCompile(`^([A-Za-z]+(?:\.[A-Za-z]+)*)\.(eq|bt|gt|gteq|lt|lteq|ne|in)\((` + quotedOrNot + `(?:, *` + quotedOrNot + `)*)\)`)
	filterValue = regexp.MustCompile(quotedOrNot)
)

// parseFilter reads statements joined by commas. The second result is false when text is none.
func parseFilter(text string) (filterConditions, bool) {
	var found filterConditions
	for {
		m := statement.FindStringSubmatch(text)
		if m == nil {
			return nil, false
		}
		var values []string
		for _, value := range filterValue.FindAllString(m[3], -1) {
			values = append(values, strings.Trim(value, "'"))
		}
		if m[2] != "in" && (m[2] == "bt") != (len(values) == 2) || m[2] != "in" && len(values) > 2 {
			return nil, false
		}
		found = append(found, filterCondition{property: m[1], operator: m[2], values: values})
		text = text[len(m[0]):]
		if text == "" {
			return found, true
		}
		if text[0] != ',' {
			return nil, false
		}
		text = strings.TrimLeft(text[1:], " ")
	}
}

// filter returns the conditions of the request's filter parameter. An empty parameter is taken for none; the documents do
// not say. Collections that have no filters do not call it: they take no notice of one, as of all parameters that they do
// not have.
func (c *call) filter(allowed filterable) (filterConditions, error) {
	query, err := c.parameters()
	if err != nil || len(query["filter"]) > 1 {
		return nil, badFilter()
	}
	text := query.Get("filter")
	if text == "" {
		return nil, nil
	}
	found, ok := parseFilter(text)
	if !ok {
		return nil, badFilter()
	}
	for _, cond := range found {
		rule, known := allowed[cond.property]
		if !known || !slices.Contains(rule.operators, cond.operator) {
			return nil, badFilter()
		}
		for _, value := range cond.values {
			if rule.accepts(value) {
				continue
			}
			if rule.invalid != "" {
				return nil, notValid(rule.invalid, fromParameter("filter"))
			}
			return nil, badFilter()
		}
	}
	return found, nil
}

func (r *filterRule) accepts(value string) bool {
	switch {
	case r.date:
		_, _, ok := parseMoment(value)
		return ok
	case r.values != nil:
		return slices.Contains(r.values, value)
	default:
		return r.form == nil || r.form.MatchString(value)
	}
}

// hold reports whether all the conditions hold for a thing whose properties are these. The property of a date is a moment
// as the API writes it; a thing that has none meets no condition on it.
func (all filterConditions) match(property func(name string) string) bool {
	for _, cond := range all {
		if !cond.match(property(cond.property)) {
			return false
		}
	}
	return true
}

// holds reports whether a condition holds for a property.
func (cond filterCondition) match(property string) bool {
	switch cond.operator {
	case "eq", "in":
		if slices.Contains(cond.values, property) {
			return true
		}
		return cond.operator == "eq" && compare(property, cond.values[0]) == 0
	case "ne":
		return property != cond.values[0]
	case "bt":
		return compare(property, cond.values[0]) >= 0 && isAtMost(compare(property, cond.values[1]))
	case "gt":
		return compare(property, cond.values[0]) == 1
	case "gteq":
		return compare(property, cond.values[0]) >= 0
	case "lt":
		return compare(property, cond.values[0]) == -1
	default:
		return isAtMost(compare(property, cond.values[0]))
	}
}

func isAtMost(order int) bool { return order == -1 || order == 0 }

// incomparable is the order of two texts that are not both moments: neither smaller, equal nor larger.
const incomparable = -2

// compare returns -1, 0 or 1 for a moment that is before, at or after a given one. A given day is all of it.
func compare(property, given string) int {
	at, _, ok := parseMoment(property)
	if !ok {
		return incomparable
	}
	want, isDay, ok := parseMoment(given)
	if !ok {
		return incomparable
	}
	if isDay {
		at = at.Truncate(24 * time.Hour)
	}
	return at.Compare(want)
}

// parseMoment reads a date, or a date with a time; the second result says that it is a date.
func parseMoment(text string) (at time.Time, isDay, ok bool) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, true, true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at.UTC(), false, err == nil
}
