package official

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// Exception is a row of lacking.tsv: facts that the contract intentionally lacks.
type Exception struct {
	// Operation is the operationId in the contract, or the method and path of an operation that the contract lacks, with
	// path parameters as {}.
	Operation string
	// Kind, Place and Name identify the facts. A Name of "*" matches any name.
	Kind, Place, Name string
	// Section and Subject identify the row of NOTES.md that gives the reason.
	Section, Subject string

	used bool
}

// Exceptions are the rows of a table.
type Exceptions []*Exception

// ReadExceptions parses the exceptions in a table with a header.
func ReadExceptions(table string) (Exceptions, error) {
	var all Exceptions
	heading := true
	for line := range strings.Lines(table) {
		if heading {
			heading = false
			continue
		}
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(row) != 6 || row[4] == "" || row[5] == "" {
			return nil, fmt.Errorf("invalid row %q", line)
		}
		all = append(all, &Exception{Operation: row[0], Kind: row[1], Place: row[2], Name: row[3], Section: row[4], Subject: row[5]})
	}
	return all, nil
}

// Filter returns the facts that do not match an exception.
func (all Exceptions) Filter(contract *Contract, facts []Fact) []Fact {
	var left []Fact
	for _, fact := range facts {
		excepted := false
		for _, e := range all {
			if e.Operation == contract.OperationID(fact.Operation) && e.Kind == fact.Kind && e.Place == fact.Place &&
				(e.Name == fact.Name || e.Name == "*") {
				e.used, excepted = true, true
			}
		}
		if !excepted {
			left = append(left, fact)
		}
	}
	return left
}

// Unused returns the exceptions that did not match any fact.
func (all Exceptions) Unused() []Exception {
	var unused []Exception
	for _, e := range all {
		if !e.used {
			unused = append(unused, *e)
		}
	}
	return unused
}

// Describe describes a fact for a report.
func (c *Contract) Describe(fact Fact) string {
	op := c.OperationID(fact.Operation)
	switch fact.Kind {
	case KindOperation:
		return fmt.Sprintf("operation %s %s (%s)", fact.Operation.Method, fact.Operation.Path, fact.Operation.ID)
	case KindStatus:
		return fmt.Sprintf("status %s of %s", fact.Name, op)
	case KindValue:
		return fmt.Sprintf("value %q of %s in %s", fact.Name, fact.Place, op)
	default:
		return fmt.Sprintf("%s %s of %s in %s", fact.Kind, fact.Name, fact.Place, op)
	}
}

var codeConstant = regexp.MustCompile(`(?m)^\tCode\w+ +Code = "([^"]+)"$`)

// OpenContract reads the contract and the error codes of the client from the root of this repository.
func OpenContract(root fs.FS) (*Contract, error) {
	text, err := fs.ReadFile(root, "openapi.yaml")
	if err != nil {
		return nil, err
	}
	source, err := fs.ReadFile(root, "wrapper/codes.go")
	if err != nil {
		return nil, err
	}
	var codes []string
	for _, constant := range codeConstant.FindAllSubmatch(source, -1) {
		codes = append(codes, string(constant[1]))
	}
	return ReadContract(text, codes)
}
