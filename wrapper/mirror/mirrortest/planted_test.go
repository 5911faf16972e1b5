package mirrortest

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var planted = flag.Bool("planted", false, "run the chaos test against wrong methods, which it must catch")

// wrongMethods are the ways in which copies of bank data go wrong, as changes of package mirror.
var wrongMethods = []struct{ name, file, right, wrong string }{
	{"watermark without settling", "batch.go", "a.seenFrom), b.began) >= m.settle", "a.seenFrom), b.began) >= -time.Hour"},
	{
		"date filter", "read.go", "basiq.TransactionFields.AccountID.Eq(account.ID)}",
		`basiq.TransactionFields.AccountID.Eq(account.ID).And(basiq.TransactionFields.PostDate.Gteq("1990-01-01"))}`,
	},
	{"upsert without replacement", "batch.go", "case old.pending() && b.count > 0:\n\t\t\tremoved = append(removed, old)", "case old.pending() && b.count > 0:"},
	{"set difference on an empty response", "batch.go", "case old.pending() && b.count > 0:", "case !old.seen:"},
	{"no compare-and-swap", "sql.go", "AND generation = ? AND erased_at", "AND ? >= 0 AND erased_at"},
}

// TestPlantedErrors plants each wrong method in a copy of the package. The chaos test must fail.
func TestPlantedErrors(t *testing.T) { //nolint:paralleltest // it uses all processors
	if !*planted {
		t.Skip("-planted runs it")
	}
	for _, method := range wrongMethods { //nolint:paralleltest // the function says why
		t.Run(method.name, func(t *testing.T) {
			path, err := filepath.Abs("../" + method.file)
			require.NoError(t, err)
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, 1, strings.Count(string(source), method.right), "the code to replace")
			copied := filepath.Join(t.TempDir(), method.file)
			require.NoError(t, os.WriteFile(copied, []byte(strings.Replace(string(source), method.right, method.wrong, 1)), 0o600))
			overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: copied}})
			require.NoError(t, err)
			overlayFile := filepath.Join(t.TempDir(), "overlay.json")
			require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))
			for _, seed := range []string{"1", "2", "3", "4", "5", "6"} {
				cmd := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlayFile, "-count=1", "-run", "^TestChaos$/^sqlite$", ".", "-args", "-seed", seed, "-days", "6", "-users", "2")
				out, err := cmd.CombinedOutput()
				require.NotContains(t, string(out), "build failed")
				if err == nil {
					continue
				}
				for line := range strings.Lines(string(out)) {
					if strings.Contains(line, "Error:") || strings.Contains(line, "Messages:") || strings.Contains(line, "Basiq ") {
						t.Log("seed", seed, strings.TrimSpace(line))
					}
				}
				return
			}
			require.Fail(t, "the chaos test passes")
		})
	}
}
