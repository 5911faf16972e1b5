package basiqtest

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// condition is one statement of a filter, such as status.eq('active').
type condition struct {
	property string
	operator string
	values   []string
}

// statement matches the first statement of a filter. No way to write a quote inside a value is documented, so a quote
// ends it. Blanks between statements are not documented either and not taken.
var statement = regexp.MustCompile(`^([A-Za-z]+(?:\.[A-Za-z]+)*)\.(eq|bt|gt|gteq|lt|lteq|ne)\(('[^']*'(?:,'[^']*')*)\)`)

// parseFilter reads statements joined by commas. The second result is false when text is none.
func parseFilter(text string) ([]condition, bool) {
	var conditions []condition
	for {
		m := statement.FindStringSubmatch(text)
		if m == nil {
			return nil, false
		}
		values := strings.Split(m[3][1:len(m[3])-1], "','")
		if (m[2] == "bt") != (len(values) == 2) || len(values) > 2 {
			return nil, false
		}
		conditions = append(conditions, condition{property: m[1], operator: m[2], values: values})
		text = text[len(m[0]):]
		if text == "" {
			return conditions, true
		}
		if text[0] != ',' {
			return nil, false
		}
		text = text[1:]
	}
}

// filter returns the conditions of the request's filter parameter; all are on one of the properties and with eq, which
// is what the collections here support. An empty parameter is taken for none; the documents do not say.
func (c *call) filter(properties ...string) ([]condition, error) {
	query, err := url.ParseQuery(c.http.URL.RawQuery)
	if err != nil || len(query["filter"]) > 1 {
		return nil, badFilter()
	}
	text := query.Get("filter")
	if text == "" {
		return nil, nil
	}
	conditions, ok := parseFilter(text)
	if !ok {
		return nil, badFilter()
	}
	for _, cond := range conditions {
		if cond.operator != "eq" || !slices.Contains(properties, cond.property) {
			return nil, badFilter()
		}
	}
	return conditions, nil
}

// match reports whether all the conditions hold for a thing whose properties are these.
func match(conditions []condition, properties map[string]string) bool {
	for _, cond := range conditions {
		if properties[cond.property] != cond.values[0] {
			return false
		}
	}
	return true
}
