package official

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/official again, from the descriptions in $BASIQ_OFFICIAL")

// written are the parts of testdata/official that this package writes.
var written = []string{"operations.tsv", "properties.tsv", "examples", "assembled"}

// What is committed is what Basiq's descriptions say. They are not in this repository: BASIQ_OFFICIAL is their directory.
func TestCommittedIsWhatTheDescriptionsSay(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("BASIQ_OFFICIAL")
	if dir == "" {
		t.Skip("BASIQ_OFFICIAL does not name the directory with Basiq's descriptions")
	}
	all, err := Read(os.DirFS(dir))
	require.NoError(t, err)
	want := map[string]string{"operations.tsv": table(all.Operations), "properties.tsv": properties(all.Properties)}
	for _, payload := range all.Payloads {
		assert.NotContains(t, want, payload.File(), "two payloads of one name")
		want[payload.File()] = string(payload.JSON)
	}
	t.Log("\n" + summary(all))

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

func table(operations []Operation) string {
	var text strings.Builder
	text.WriteString("file\tversion\tmethod\tpath\toperationId\n")
	for _, op := range operations {
		fmt.Fprintln(&text, strings.Join([]string{op.File, op.Version, op.Method, op.Path, op.ID}, "\t"))
	}
	return text.String()
}

func properties(all []Property) string {
	var text strings.Builder
	text.WriteString("file\toperationId\tstatus\tpointer\ttype\trequired\tnullable\n")
	for _, p := range all {
		fmt.Fprintln(&text, strings.Join(p.Row(), "\t"))
	}
	return text.String()
}

func summary(all *Description) string {
	type counts struct{ operations, examples, assembled, slips int }
	files := map[string]counts{}
	for _, op := range all.Operations {
		n := files[op.File]
		n.operations++
		files[op.File] = n
	}
	for _, payload := range all.Payloads {
		n := files[payload.Operation.File]
		if payload.Assembled {
			n.assembled++
		} else {
			n.examples++
		}
		n.slips += payload.Slips
		files[payload.Operation.File] = n
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "file\toperations\texamples\tassembled\tforgotten quotes")
	var sum counts
	for _, name := range slices.Sorted(maps.Keys(files)) {
		n := files[name]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\n", name, n.operations, n.examples, n.assembled, n.slips)
		sum.operations, sum.examples = sum.operations+n.operations, sum.examples+n.examples
		sum.assembled, sum.slips = sum.assembled+n.assembled, sum.slips+n.slips
	}
	fmt.Fprintf(w, "all\t%d\t%d\t%d\t%d\n", sum.operations, sum.examples, sum.assembled, sum.slips)
	_ = w.Flush()
	return text.String()
}
