package mirrortest

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// The program prints the same with both databases, and nothing but plain text into a pipe.
func TestSpending(t *testing.T) { //nolint:paralleltest // it uses all processors
	for _, dialect := range []mirror.Dialect{mirror.SQLite, mirror.PostgreSQL} {
		t.Run(string(dialect), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "#1.db") // the path must be escaped in a URL
			database := file
			if dialect == mirror.PostgreSQL {
				database = postgresURL(t)
			}
			out, err := exec.CommandContext(t.Context(), "go", "run", "./spending", "-database", database).CombinedOutput()
			require.NoError(t, err, string(out))
			if dialect == mirror.SQLite {
				assert.FileExists(t, file)
			}
			assert.Contains(t, string(out), "Supermarket and Grocery Stores")
			assert.Contains(t, string(out), "(was pending)")
			assert.Contains(t, string(out), "    0 added   0 posted   0 modified   0 removed   1 requests")
			assert.NotContains(t, string(out), "\x1b")
		})
	}
}
