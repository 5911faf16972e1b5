package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"

	"github.com/basiq-go/basiq-go/api/conformance/official"
)

// report contains the results of the comparison.
type report struct {
	contract   *official.Contract
	exceptions official.Exceptions

	compared    []string
	properties  int
	lacks       []string // missing facts, and descriptions that can no longer be compared
	unavailable []string // descriptions that could not be downloaded
}

func newReport(root fs.FS) (*report, error) {
	contract, err := official.OpenContract(root)
	if err != nil {
		return nil, err
	}
	r := &report{contract: contract}
	for _, name := range []string{"official/lacking.tsv", "upstream.tsv"} {
		text, err := fs.ReadFile(root, "api/conformance/testdata/"+name)
		if err != nil {
			return nil, err
		}
		all, err := official.ReadExceptions(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r.exceptions = append(r.exceptions, all...)
	}
	return r, nil
}

// add compares a description, or records the error.
func (r *report) add(name string, text []byte, err error) {
	var facts []official.Fact
	if err == nil {
		facts, err = official.Facts(name, text)
	}
	switch {
	case errors.Is(err, errUnavailable):
		r.unavailable = append(r.unavailable, fmt.Sprintf("%s: %v", name, err))
		return
	case err != nil:
		r.lacks = append(r.lacks, singleLine(fmt.Sprintf("%s: %v", name, err)))
		return
	}
	r.compared = append(r.compared, name)
	for _, fact := range facts {
		if fact.Kind == official.KindProperty {
			r.properties++
		}
	}
	for _, fact := range r.exceptions.Filter(r.contract, r.contract.Lacks(facts)) {
		r.lacks = append(r.lacks, singleLine(name+": "+r.contract.Describe(fact)))
	}
}

// singleLine returns text of a description as one line that cannot end a code block.
func singleLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '`':
			return '\''
		case !unicode.IsPrint(r):
			return ' '
		default:
			return r
		}
	}, text)
}

func (r *report) text() string {
	var b strings.Builder
	for _, line := range r.unavailable {
		fmt.Fprintf(&b, "SKIPPED: %s\n", line)
	}
	if len(r.compared)+len(r.lacks) == 0 {
		b.WriteString("No description could be downloaded, so nothing was compared.\n")
		return b.String()
	}
	fmt.Fprintf(&b, "Compared %d properties of %d descriptions: %s.\n", r.properties, len(r.compared), strings.Join(r.compared, ", "))
	if len(r.lacks) == 0 {
		b.WriteString("The contract lacks nothing.\n")
	}
	for _, line := range r.lacks {
		fmt.Fprintln(&b, "-", line)
	}
	return b.String()
}

// maxList is the size in bytes of the list in an issue. GitHub accepts bodies of up to 65,536 characters.
const maxList = 60_000

// issue returns the body of the issue.
func (r *report) issue() string {
	var b strings.Builder
	b.WriteString("Basiq's published descriptions have something that `openapi.yaml` lacks. `make upstream` prints this list. " +
		"Add what is missing to the contract, or add a row to `api/NOTES.md` and to `testdata/upstream.tsv`.\n\n```text\n")
	size := 0
	for i, line := range r.lacks {
		if size += len(line) + 1; size > maxList {
			fmt.Fprintf(&b, "... and %d more\n", len(r.lacks)-i)
			break
		}
		fmt.Fprintln(&b, line)
	}
	b.WriteString("```\n")
	if len(r.unavailable) > 0 {
		fmt.Fprintf(&b, "\nNot compared because the download failed: %d of %d descriptions.\n", len(r.unavailable), len(files))
	}
	return b.String()
}
