package mirrortest

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// The program prints the same with both databases, and nothing but plain text into a pipe.
func TestSpending(t *testing.T) { //nolint:paralleltest // it uses all processors
	for _, dialect := range []mirror.Dialect{mirror.SQLite, mirror.PostgreSQL} {
		t.Run(string(dialect), func(t *testing.T) {
			args := []string{"run", "./spending"}
			if dialect == mirror.PostgreSQL {
				args = append(args, "-database", postgresURL(t))
			}
			out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
			require.NoError(t, err, string(out))
			assert.Contains(t, string(out), "Supermarket and Grocery Stores")
			assert.Contains(t, string(out), "(was pending)")
			assert.Contains(t, string(out), "    0 added   0 posted   0 modified   0 removed   1 requests")
			assert.NotContains(t, string(out), "\x1b")
		})
	}
}
