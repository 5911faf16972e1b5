package conformance

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the tables in wrapper/RELIABILITY.md again, from what was measured")

// reliability is the document for users whose tables are measured.
const reliability = "../../wrapper/RELIABILITY.md"

// checkReliability holds the tables of the document to the cells of the matrix, or writes them.
func checkReliability(t *testing.T, m *matrix, rows []fault, all []subject) {
	t.Helper()
	cells := 0
	for _, f := range rows {
		for _, s := range all {
			if assert.NotEmpty(t, m.cells[f.String()][s.name], "the cell of %s and %s", f, s.name) {
				cells++
			}
		}
	}
	require.Equal(t, len(rows)*len(all), cells, "no cell is empty")
	t.Logf("%d faults × %d calls = %d cells", len(rows), len(all), cells)

	columns := make(map[string][]string, len(kinds)) // by title: the cells of a kind, row by row
	for _, f := range rows {
		for i := range kinds {
			columns[kinds[i].title] = append(columns[kinds[i].title], cellOf(t, m, f, &kinds[i]))
		}
	}
	for i := range kinds {
		for j := range i {
			assert.NotEqual(t, columns[kinds[i].title], columns[kinds[j].title], "%s and %s are one kind", kinds[i].title, kinds[j].title)
		}
	}
	if t.Failed() {
		return
	}
	have, err := os.ReadFile(reliability)
	require.NoError(t, err)
	want := string(have)
	for name, table := range map[string]string{"matrix": matrixTable(rows, columns), "kinds": kindsTable()} {
		want = between(t, want, name, table)
	}
	if *update {
		require.NoError(t, os.WriteFile(reliability, []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, string(have), "it is not what was measured: run make reliability")
}

// cellOf returns what came of all calls of a kind, which must be the same. Only where the fault is in numbers is it another
// for answers that have some.
func cellOf(t *testing.T, m *matrix, f fault, k *callKind) string {
	t.Helper()
	var different []string
	for _, name := range k.calls {
		if cell := m.cells[f.String()][name]; !slices.Contains(different, cell) {
			different = append(different, cell)
		}
	}
	slices.Sort(different)
	if f.meaning == numbers && len(different) == 2 {
		return strings.Join([]string{different[1], different[0]}, ", or ") // "ok" first
	}
	assert.Len(t, different, 1, "%s: %s", f, k.title)
	return different[0]
}

// matrixTable writes the tables of the faults: first all that go on, moment by moment, then those that come once.
func matrixTable(rows []fault, columns map[string][]string) string {
	var text strings.Builder
	for _, once := range []bool{false, true} {
		title := "When it goes on"
		if once {
			title = "When it happens once, and all is well then"
		}
		fmt.Fprintf(&text, "### %s\n\n| |", title)
		for i := range kinds {
			fmt.Fprintf(&text, " %s |", kinds[i].title)
		}
		text.WriteString("\n|---|" + strings.Repeat("---|", len(kinds)) + "\n")
		for _, moment := range moments {
			fmt.Fprintf(&text, "| **%s** |%s\n", moment, strings.Repeat(" |", len(kinds)))
			for i, f := range rows {
				if f.moment != moment || f.once != once {
					continue
				}
				fmt.Fprintf(&text, "| %s |", f.name)
				for k := range kinds {
					fmt.Fprintf(&text, " %s |", columns[kinds[k].title][i])
				}
				text.WriteString("\n")
			}
		}
		text.WriteString("\n")
	}
	return text.String()
}

// kindsTable writes which operation is of which kind.
func kindsTable() string {
	var text strings.Builder
	text.WriteString("| Kind | What it is | Calls |\n|---|---|---|\n")
	for i := range kinds {
		var names []string
		for _, name := range kinds[i].calls {
			id, more, varies := strings.Cut(name, ", ")
			method := cmp.Or(variants[name].method, operationOf(id).Name)
			id, _, _ = strings.Cut(id, " ")
			method = cmp.Or(method, operationOf(id).Name)
			text := "`" + method + "`"
			if varies {
				text += " (" + more + ")"
			}
			names = append(names, text)
		}
		fmt.Fprintf(&text, "| %s | %s | %s |\n", kinds[i].title, kinds[i].about, strings.Join(names, ", "))
	}
	return text.String() + "\n"
}

// between puts text between the markers of that name.
func between(t *testing.T, document, name, text string) string {
	t.Helper()
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	before, rest, hasBegin := strings.Cut(document, begin)
	_, after, hasEnd := strings.Cut(rest, end)
	require.True(t, hasBegin && hasEnd, "the document has no markers for %s", name)
	return before + begin + "\n" + text + end + after
}
