package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
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

// The table of operations is written by hand, so it must be compared with the contract.
func TestOperationsPage(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `(\\w+ /\\S*)` \\| `(\\w+\\.\\w+)`(.*?) \\| ([0-9., ]+) \\|$")
	versions := map[string]string{}
	for _, op := range operations(loaded(t)) {
		var all []string
		list, _ := op.Extensions["x-basiq-versions"].([]any)
		for _, version := range list {
			all = append(all, fmt.Sprint(version))
		}
		versions[op.OperationID] = strings.Join(all, ", ")
	}
	var have, want []string
	client := reflect.TypeFor[basiq.Client]()
	for _, row := range row.FindAllStringSubmatch(readFile(t, root, "wrapper", "OPERATIONS.md"), -1) {
		have = append(have, strings.Join([]string{row[1], row[2], row[3], row[5]}, " "))
		for _, other := range regexp.MustCompile("`(\\w+)\\.(\\w+)`").FindAllStringSubmatch(row[4], -1) {
			service, found := client.FieldByName(other[1])
			require.True(t, found, other[0])
			_, found = service.Type.MethodByName(other[2])
			assert.True(t, found, other[0])
		}
	}
	for _, op := range basiq.Operations() {
		want = append(want, strings.Join([]string{op.ID, op.Method, op.Path, op.Name, versions[op.ID]}, " "))
	}
	assert.Equal(t, want, have)
}

func TestReadme_ProgramsCompile(t *testing.T) {
	t.Parallel()
	programs := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readFile(t, root, "README.md"), -1)
	require.Len(t, programs, 1)
	out, err := vet(t, "main.go", programs[0][1])
	require.NoError(t, err, out)
}

// The page is an entry point: it must be short, and its links must lead to files.
func TestReadme_LengthAndLinks(t *testing.T) {
	t.Parallel()
	text := readFile(t, root, "README.md")
	prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
	assert.Less(t, len(strings.Fields(prose)), 900)
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
