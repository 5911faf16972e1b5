package basiqtest

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// A filterCondition is one condition of a filter, such as status.eq('active').
type filterCondition struct {
	property string
	operator string
	values   []string
}

// filterConditions must all match.
type filterConditions []filterCondition

// filterable maps the properties that a collection can be filtered by to their rules.
type filterable map[string]filterRule

// A filterRule specifies the allowed conditions on a property.
type filterRule struct {
	operators []string
	values    []string // allowed values; nil for any
	form      *regexp.Regexp
	date      bool   // values and the property are dates or times
	invalid   string // error detail for an invalid value; "" for the default
}

// Documented sets of operators.
var (
	eq     = []string{"eq"}
	eqNe   = []string{"eq", "ne"}
	eqNeIn = []string{"eq", "ne", "in"}
	ranges = []string{"eq", "bt", "gt", "gteq", "lt", "lteq"}
)

const quotedOrNot = `(?:'[^']*'|[^'"(),\s]+)`

// statement matches the first condition of a filter, and filterValue the values in it. No escape for quotes is
// documented, so a quote ends the value. Basiq's own consent UI sends spaces after commas. A recorded application and a
// documented event example have values without quotes.
var (
	statement   = regexp.MustCompile(`^([A-Za-z]+(?:\.[A-Za-z]+)*)\.(eq|bt|gt|gteq|lt|lteq|ne|in)\((` + quotedOrNot + `(?:, *` + quotedOrNot + `)*)\)`)
	filterValue = regexp.MustCompile(quotedOrNot)
)

// parseFilter parses conditions separated by commas. It reports false if text is not a valid filter.
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

// filter returns the conditions of the request's filter parameter. An empty parameter counts as none, which is not
// documented. Collections without filters do not call it, because unknown parameters are ignored.
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

// match reports whether all conditions match an item with these properties. Date properties are in the format of
// formatTime. A missing date matches no condition.
func (all filterConditions) match(property func(name string) string) bool {
	for _, cond := range all {
		if !cond.match(property(cond.property)) {
			return false
		}
	}
	return true
}

// match reports whether the condition matches the value of the property.
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

// incomparable is the result of comparing values that are not both times.
const incomparable = -2

// compare returns -1, 0 or 1 if property is before, at or after want. If want is a date, the whole day counts as equal.
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

// parseMoment parses a date or a time, and reports whether it is a date.
func parseMoment(text string) (at time.Time, isDay, ok bool) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, true, true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at.UTC(), false, err == nil
}
