package official

import (
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "regenerate testdata/official from the descriptions in $BASIQ_OFFICIAL")

// written are the files in testdata/official that this package generates.
var written = []string{"operations.tsv", "properties.tsv", "facts.tsv", "examples", "assembled"}

// The committed files must match Basiq's descriptions, which are not in this repository. BASIQ_OFFICIAL is their directory.
func TestCommittedFiles(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("BASIQ_OFFICIAL")
	if dir == "" {
		t.Skip("BASIQ_OFFICIAL is not set to the directory with Basiq's descriptions")
	}
	all, err := Read(os.DirFS(dir))
	require.NoError(t, err)
	want := map[string]string{
		"operations.tsv": "file\tversion\tmethod\tpath\toperationId\n",
		"properties.tsv": "file\toperationId\tstatus\tpointer\ttype\trequired\tnullable\n",
	}
	for _, op := range all.Operations {
		want["operations.tsv"] += strings.Join([]string{op.File, op.Version, op.Method, op.Path, op.ID}, "\t") + "\n"
	}
	for _, property := range all.Properties {
		want["properties.tsv"] += strings.Join(property.Row(), "\t") + "\n"
	}
	want["facts.tsv"], err = FactTable(all.Facts)
	require.NoError(t, err)
	for _, payload := range all.Payloads {
		assert.NotContains(t, want, payload.File(), "duplicate payload name")
		want[payload.File()] = string(payload.JSON)
	}

	const committed = "../testdata/official"
	if *update {
		for _, name := range written {
			require.NoError(t, os.RemoveAll(filepath.Join(committed, name)))
		}
		for name, text := range want {
			name = filepath.Join(committed, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
			require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		}
	}
	have := map[string]string{}
	for _, root := range written {
		require.NoError(t, fs.WalkDir(os.DirFS(committed), root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(filepath.Join(committed, name))
			have[name] = string(text)
			return err
		}))
	}
	assert.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(have)))
	for name, text := range have {
		assert.Equal(t, want[name], text, name)
	}
}
