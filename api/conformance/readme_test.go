package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	return string(text)
}

// A table that is written by hand goes stale, unless it is looked at.
func TestReadmeListsEveryOperation(t *testing.T) {
	t.Parallel()
	rows := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `(\\w+ /\\S*)` \\| `(\\w+\\.\\w+)`").FindAllStringSubmatch(readme(t), -1)
	have := map[string]string{}
	for _, row := range rows {
		have[row[1]] = row[2] + " " + row[3]
	}
	want := map[string]string{}
	for _, op := range basiq.Operations() {
		want[op.ID] = op.Method + " " + op.Path + " " + op.Name
	}
	assert.Equal(t, want, have)
}

func TestReadmeProgramsCompile(t *testing.T) {
	t.Parallel()
	programs := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readme(t), -1)
	require.Len(t, programs, 2)
	for i, program := range programs {
		file := filepath.Join(t.TempDir(), []string{"main.go", "app_test.go"}[i])
		require.NoError(t, os.WriteFile(file, []byte(program[1]), 0o600))
		vet := exec.CommandContext(t.Context(), "go", "vet", file)
		vet.Dir = "../.."
		out, err := vet.CombinedOutput()
		require.NoError(t, err, strings.TrimSpace(string(out)))
	}
}
