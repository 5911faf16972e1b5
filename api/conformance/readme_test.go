package conformance

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// readFile returns the text of a file.
func readFile(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(text)
}

// operationsPage is the page with the table of operations.
var operationsPage = filepath.Join(root, "wrapper", "OPERATIONS.md")

var operationsRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `(\\w+ /\\S*)` \\| `(\\w+\\.\\w+)`(.*?) \\| ([0-9., ]+) \\|\n")

// operationsTable returns the rows of the table of operations. Further methods and remarks are kept from the rows in have.
func operationsTable(t *testing.T, have [][]string) string {
	t.Helper()
	more, versions := map[string]string{}, map[string]string{}
	for _, row := range have {
		more[row[1]] = row[4]
	}
	for _, op := range operations(loaded(t)) {
		list, _ := op.Extensions["x-basiq-versions"].([]any)
		versions[op.OperationID] = strings.ReplaceAll(strings.Trim(fmt.Sprint(list), "[]"), " ", ", ")
	}
	var table strings.Builder
	for _, op := range basiq.Operations() {
		fmt.Fprintf(&table, "| `%s` | `%s %s` | `%s`%s | %s |\n", op.ID, op.Method, op.Path, op.Name, more[op.ID], versions[op.ID])
	}
	return table.String()
}

// TestOperationsPage compares the page with the operations and methods of the client.
func TestOperationsPage(t *testing.T) {
	t.Parallel()
	page := readFile(t, operationsPage)
	rows, places := operationsRow.FindAllStringSubmatch(page, -1), operationsRow.FindAllStringIndex(page, -1)
	require.NotEmpty(t, rows)
	client := reflect.TypeFor[basiq.Client]()
	for _, row := range rows {
		for _, other := range regexp.MustCompile("`(\\w+)\\.(\\w+)`").FindAllStringSubmatch(row[4], -1) {
			service, found := client.FieldByName(other[1])
			require.True(t, found, other[0])
			_, found = service.Type.MethodByName(other[2])
			assert.True(t, found, other[0])
		}
	}
	start, end := places[0][0], places[len(places)-1][1]
	table := operationsTable(t, rows)
	if *update {
		require.NoError(t, os.WriteFile(operationsPage, []byte(page[:start]+table+page[end:]), 0o644))
		return
	}
	assert.Equal(t, table, page[start:end], "outdated table: run make tables")
}

func TestReadme_ProgramsCompile(t *testing.T) {
	t.Parallel()
	programs := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readFile(t, root, "README.md"), -1)
	require.Len(t, programs, 1)
	out, err := vet(t, "main.go", programs[0][1])
	require.NoError(t, err, out)
}

// The page is an entry point: it must be short, its links must lead to files, and it must warn of the loss of data.
func TestReadme_Content(t *testing.T) {
	t.Parallel()
	text := readFile(t, root, "README.md")
	prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
	assert.Less(t, len(strings.Fields(prose)), 900)
	assert.Contains(t, strings.Join(strings.Fields(prose), " "), "Deleting an open-banking connection also deletes its accounts and transactions",
		"this cannot be undone, so the page must mention it")
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(prose, -1)
	require.Greater(t, len(links), 20)
	for _, link := range links {
		if !strings.HasPrefix(link[1], "https://") {
			_, err := os.Stat(filepath.Join(root, link[1]))
			assert.NoError(t, err)
		}
	}
}

// vet runs go vet on a program that uses the library and returns its output.
func vet(t *testing.T, name, program string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(program), 0o600))
	cmd := exec.CommandContext(t.Context(), "go", "vet", file)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Each example that is not a demo is listed, and short enough to read in a minute.
func TestExamples_Length(t *testing.T) {
	t.Parallel()
	page := readFile(t, root, "wrapper", "examples", "README.md")
	listed := regexp.MustCompile(`(?m)^\| \[(\w+)\]\(`).FindAllStringSubmatch(page, -1)
	mains, err := filepath.Glob(filepath.Join(root, "wrapper", "examples", "*", "main.go"))
	require.NoError(t, err)
	require.Len(t, listed, len(mains), "each example has a row in README.md")
	for _, row := range listed {
		text := readFile(t, root, "wrapper", "examples", row[1], "main.go")
		if name := row[1]; name != "quickstart" && name != "consent" {
			assert.LessOrEqual(t, strings.Count(text, "\n"), 60, name)
		}
	}
}

// Names of tests in the pages are those of tests, or their first parts. Otherwise a renamed test leaves its old name behind.
func TestPages_NamesOfTests(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z]\w*`)
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	var declared []string
	named := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir() || filepath.Base(path) == "CHANGELOG.md":
		case strings.HasSuffix(path, "_test.go"):
			for _, found := range declaration.FindAllStringSubmatch(readFile(t, path), -1) {
				declared = append(declared, found[1])
			}
		case strings.HasSuffix(path, ".md"), entry.Name() == "Makefile":
			for _, found := range name.FindAllString(readFile(t, path), -1) {
				named[found] = path
			}
		}
		return err
	}))
	require.NotEmpty(t, named)
	for test, page := range named {
		assert.True(t, slices.ContainsFunc(declared, func(name string) bool { return strings.HasPrefix(name, test) }),
			"%s names %s, which does not exist", page, test)
	}
}
