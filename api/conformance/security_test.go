package conformance

import (
	"encoding/csv"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// modules returns the modules that packages depend on, except ours. args are arguments of go list.
func modules(t *testing.T, args ...string) []string {
	t.Helper()
	list := append([]string{"list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}"}, args...)
	found := strings.Fields(golang(t, list...))
	slices.Sort(found)
	return slices.DeleteFunc(slices.Compact(found), func(path string) bool { return path == module })
}

// licenses returns the licenses of the modules, as reported by go-licenses. A module may have several.
func licenses(t *testing.T, all []string) map[string]string {
	t.Helper()
	report := exec.CommandContext(t.Context(), strings.TrimSpace(golang(t, "-C", "api/conformance", "tool", "-n", "go-licenses")),
		"report", "--include_tests", "./...")
	report.Dir = root
	out, err := report.Output()
	require.NoError(t, err)
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	require.NoError(t, err)
	found := map[string][]string{}
	for _, row := range rows {
		require.Len(t, row, 3)
		for _, path := range all {
			if under(row[0], path) {
				found[path] = append(found[path], row[2])
			}
		}
	}
	joined := map[string]string{}
	for path, licenses := range found {
		slices.Sort(licenses)
		joined[path] = strings.Join(slices.Compact(licenses), ", ")
	}
	return joined
}

// The table in SECURITY.md must list every dependency, because reviewers read the table and not go.mod.
func TestSecurityPolicy_Dependencies(t *testing.T) {
	t.Parallel()
	linked, all := modules(t, "./api", "./gen", "./wrapper", "./wrapper/basiqtest/...", "./wrapper/mirror", "./wrapper/webhook"), modules(t, "-test", "./...")
	require.NotEmpty(t, linked)
	license := licenses(t, all)
	var want, have []string
	for _, path := range all {
		part := "our tests"
		if slices.Contains(linked, path) {
			part = "your program"
		}
		want = append(want, path+" | "+part+" | "+license[path])
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.+) \\|$").FindAllStringSubmatch(readFile(t, root, "SECURITY.md"), -1) {
		have = append(have, row[1]+" | "+row[2])
	}
	assert.ElementsMatch(t, want, have)
}

func TestSecurityPolicy_MakeTargets(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile("`make ([a-z]+)`").FindAllStringSubmatch(readFile(t, root, "SECURITY.md"), -1)
	require.NotEmpty(t, named)
	targets := makeTargets(t)
	for _, target := range named {
		assert.Contains(t, targets, target[1])
	}
}
