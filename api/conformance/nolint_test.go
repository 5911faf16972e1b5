package conformance

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var nolint = regexp.MustCompile(`//nolint(?::([\w,-]+))?( // \S)?`)

// nolintlint does not report a directive for a linter that is not enabled: it cannot know whether the directive is needed.
func TestNolintDirectives(t *testing.T) {
	t.Parallel()
	var config struct {
		Linters struct {
			Enable []string `yaml:"enable"`
		} `yaml:"linters"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, root, ".golangci.yml")), &config))
	require.Contains(t, config.Linters.Enable, "nolintlint")

	checked := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || filepath.Base(path) == "nolint_test.go" {
			return err
		}
		text, err := os.ReadFile(path)
		for n, line := range strings.Split(string(text), "\n") {
			directive := nolint.FindStringSubmatch(line)
			if directive == nil {
				continue
			}
			checked++
			assert.NotEmpty(t, directive[2], "%s:%d: missing reason", path, n+1)
			for name := range strings.SplitSeq(directive[1], ",") {
				assert.Contains(t, config.Linters.Enable, name, "%s:%d: linter is not enabled", path, n+1)
			}
		}
		return err
	}))
	assert.Positive(t, checked)
}
