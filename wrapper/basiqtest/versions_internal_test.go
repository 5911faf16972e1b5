package basiqtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A version after 3.0 behaves as 3.0 unless the code says otherwise.
func TestVersions_Since(t *testing.T) {
	t.Parallel()
	const next = v30 << 1
	assert.True(t, v21.since(v21))
	assert.False(t, v21.since(v30))
	assert.True(t, v30.since(v21))
	assert.True(t, v30.since(v30))
	assert.True(t, next.since(v30))
}

// Comparing for equality would play a version that is added later as the wrong one.
func TestVersions_NotCompared(t *testing.T) {
	t.Parallel()
	comparison := regexp.MustCompile(`[=!]= *v(21|30)\b|case v(21|30)\b`)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Empty(t, comparison.FindAllString(string(text), -1), "%s: use since", file)
	}
}
