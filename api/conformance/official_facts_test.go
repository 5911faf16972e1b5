package conformance

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api/conformance/official"
)

// The contract must contain every operation, parameter, property, value and status of Basiq's descriptions, except those in
// lacking.tsv. Each row of lacking.tsv names the row of NOTES.md that gives the reason.
func TestContract_OfficialFacts(t *testing.T) {
	t.Parallel()
	contract, err := official.OpenContract(os.DirFS(root))
	require.NoError(t, err)
	var operations []official.Operation
	for _, op := range officialOperations(t, readMistakes(t)) {
		op.Path = op.path // the corrected path
		operations = append(operations, op.Operation)
	}
	facts, err := official.ParseFacts(operations, rows(t, "facts.tsv", 5))
	require.NoError(t, err)
	exceptions, err := official.ReadExceptions(readFile(t, officialData, "lacking.tsv"))
	require.NoError(t, err)
	for _, fact := range exceptions.Filter(contract, contract.Lacks(facts)) {
		assert.Fail(t, "the contract lacks "+contract.Describe(fact), "in %s; if this is intended, add rows to lacking.tsv and NOTES.md", fact.Operation.File)
	}
	assert.Empty(t, exceptions.Unused(), "unused rows of lacking.tsv")

	notes := notesSubjects(t)
	upstream, err := official.ReadExceptions(readFile(t, "testdata/upstream.tsv"))
	require.NoError(t, err)
	for _, e := range slices.Concat(exceptions, upstream) {
		assert.Contains(t, notes[e.Section], e.Subject, "section %q of NOTES.md has no row for an exception: %+v", e.Section, *e)
	}

	for _, e := range upstream {
		// The operationId of a missing operation is its method and path.
		method, path, _ := strings.Cut(e.Operation, " ")
		if e.Kind == official.KindOperation {
			assert.Equal(t, e.Operation, contract.OperationID(official.Operation{Method: method, Path: path}), "unused row of upstream.tsv: the contract has the operation")
		}
	}

	for _, e := range exceptions {
		t.Logf("the contract lacks %s %s of %s in %s: see %s in section %s of NOTES.md", e.Kind, e.Name, e.Place, e.Operation, e.Subject, e.Section)
	}
	count := map[string]int{}
	files := map[string]bool{}
	for _, fact := range facts {
		count[fact.Kind]++
		files[fact.Operation.File] = true
	}
	// Make sure that the comparison was not empty.
	require.Len(t, files, 10)
	require.Greater(t, count[official.KindProperty], 8000)
	t.Logf("compared with the contract: %d properties, %d values, %d parameters and %d statuses of %d operations in %d files; %d exceptions",
		count[official.KindProperty], count[official.KindValue], count[official.KindParameter], count[official.KindStatus],
		count[official.KindOperation], len(files), len(exceptions))
}

var notesRow = regexp.MustCompile(`^\| (.+?) \|`)

// notesSubjects returns the first cells of the table rows in NOTES.md by section.
func notesSubjects(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	section := ""
	for line := range strings.Lines(readFile(t, root, "api/NOTES.md")) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(heading)
		} else if row := notesRow.FindStringSubmatch(line); row != nil {
			all[section] = append(all[section], row[1])
		}
	}
	return all
}
