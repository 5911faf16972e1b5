package official

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Contract contains the facts of our contract, to compare Basiq's descriptions with.
type Contract struct {
	ids   map[string]string // operationIds by method and path
	facts map[Fact]bool     // with only the method and path of the operation
	enums map[Fact]bool     // places with a list of values
	texts map[Fact]string   // descriptions of places
	codes []string
}

// ReadContract parses the contract. codes are the error codes that the client knows, because the contract does not restrict codes.
func ReadContract(text []byte, codes []string) (*Contract, error) {
	all, err := statements("", text)
	if err != nil {
		return nil, err
	}
	c := &Contract{ids: map[string]string{}, facts: map[Fact]bool{}, enums: map[Fact]bool{}, texts: map[Fact]string{}, codes: codes}
	for _, s := range all {
		c.ids[placeOf(s.Operation)] = s.Operation.ID
		at := Fact{Operation: unnamed(s.Operation), Place: s.Place}
		switch s.Kind {
		case "":
			c.texts[at] += " " + s.text
		case KindValue:
			c.enums[at] = true
			fallthrough
		default:
			c.facts[Fact{unnamed(s.Operation), s.Kind, s.Place, s.Name}] = true
		}
	}
	return c, nil
}

var placeholders = regexp.MustCompile(`\{[^}]*\}`)

// unnamed returns the operation's key for comparisons between descriptions. It ignores the names of path parameters.
func unnamed(op Operation) Operation {
	return Operation{Method: op.Method, Path: placeholders.ReplaceAllString(op.Path, "{}")}
}

func placeOf(op Operation) string {
	op = unnamed(op)
	return op.Method + " " + op.Path
}

// OperationID returns the contract's operationId for an operation. If the contract does not have the operation, it returns the
// method and the path, with path parameters as {}.
func (c *Contract) OperationID(op Operation) string {
	place := placeOf(op)
	return cmp.Or(c.ids[place], place)
}

// Lacks returns the facts that the contract does not have. It omits facts that are part of a missing fact, such as the parameters
// of a missing operation or the properties below a missing property.
func (c *Contract) Lacks(facts []Fact) []Fact {
	var lacks []Fact
	missing := map[Fact]bool{}
	for _, fact := range facts {
		key := fact
		key.Operation = unnamed(fact.Operation)
		if c.has(key) {
			continue
		}
		if !slices.ContainsFunc(around(key), func(outer Fact) bool { return missing[outer] }) {
			lacks = append(lacks, fact)
		}
		missing[key] = true
	}
	return lacks
}

// has reports whether the contract has a fact. A value of an open list is known if the description of its place contains it.
func (c *Contract) has(fact Fact) bool {
	if c.facts[fact] {
		return true
	}
	at := Fact{Operation: fact.Operation, Place: fact.Place}
	if fact.Kind != KindValue || c.enums[at] {
		return false
	}
	if strings.HasSuffix(fact.Place, "/code") && slices.Contains(c.codes, fact.Name) {
		return true
	}
	return names(c.texts[at], fact.Name)
}

// names reports whether a description contains a value in quotes or as code, which avoids matches with ordinary words.
func names(text, value string) bool {
	for _, quotes := range []string{"`%s`", "'%s'", `"%s"`} {
		if strings.Contains(text, fmt.Sprintf(quotes, value)) {
			return true
		}
	}
	return false
}

// around returns the facts that contain a fact.
func around(fact Fact) []Fact {
	op := fact.Operation
	outer := []Fact{{op, KindOperation, "", ""}}
	place, name := fact.Place, fact.Name
	switch fact.Kind {
	case KindValue:
		place, name, _ = strings.Cut(fact.Place, " ")
		outer = append(outer, Fact{op, KindParameter, place, name}, Fact{op, KindProperty, place, name})
	case KindProperty:
	default:
		return outer
	}
	outer = append(outer, Fact{op, KindStatus, "", place})
	for at := strings.LastIndex(name, "/"); at > 0; at = strings.LastIndex(name, "/") {
		name = name[:at]
		outer = append(outer, Fact{op, KindProperty, place, name})
	}
	return outer
}
