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

var update = flag.Bool("update", false, "write the tables in wrapper/RELIABILITY.md and README.md")

// reliability is a page for users with generated tables.
const reliability = "../../wrapper/RELIABILITY.md"

// checkReliability compares the tables of the page with the cells of the matrix, or writes them.
func checkReliability(t *testing.T, m *matrix, rows []fault, all []subject) {
	t.Helper()
	lines, cells := tableRows(t, m, rows, all)
	t.Logf("%d rows for %d calls: %d cells", len(lines), len(all), cells)
	for i := range kinds {
		for j := range i {
			same := true
			for _, line := range lines {
				same = same && line.cells[i] == line.cells[j]
			}
			assert.False(t, same, "%s and %s have the same outcomes: merge the kinds", kinds[i].title, kinds[j].title)
		}
	}
	if t.Failed() {
		return
	}
	have := readFile(t, reliability)
	want := have
	for name, table := range map[string]string{"matrix": matrixTable(lines), "kinds": kindsTable()} {
		want = between(t, want, name, table)
	}
	if *update {
		require.NoError(t, os.WriteFile(reliability, []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, have, "outdated tables: run make reliability")
}

// The list of calls does not depend on the outcomes, so it is checked and written without playing the matrix.
func TestReliability_Calls(t *testing.T) {
	t.Parallel()
	have := readFile(t, reliability)
	want := between(t, have, "kinds", kindsTable())
	if *update {
		require.NoError(t, os.WriteFile(reliability, []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, have, "outdated table: run make tables")
}

// tableRow is a row of the tables: a fault and the outcome for each kind of call.
type tableRow struct {
	title  string
	moment moment
	once   bool
	cells  []string
}

// tableRows returns the rows and the number of cells of the matrix. A fault with the same outcomes over both protocols has one
// row.
func tableRows(t *testing.T, m *matrix, rows []fault, all []subject) ([]tableRow, int) {
	t.Helper()
	var lines []tableRow
	count := 0
	first := map[string]int{} // by fault: its row for HTTP/1.1
	for _, f := range rows {
		for _, p := range protocols {
			if !f.in(p) {
				continue
			}
			for _, s := range sample(f, all) {
				if assert.NotEmpty(t, m.cells[cell{p, f.String(), s.name}], "%s: %s: %s", p, f, s.name) {
					count++
				}
			}
			line := tableRow{title: f.name, moment: f.moment, once: f.times > 0}
			for i := range kinds {
				line.cells = append(line.cells, cellOf(t, m, p, f, &kinds[i]))
			}
			other, differs := first[f.String()]
			switch {
			case differs && slices.Equal(lines[other].cells, line.cells):
				lines[other].title = f.name
				continue
			case p == h1:
				first[f.String()] = len(lines)
			}
			line.title += " (" + string(p) + ")"
			lines = append(lines, line)
		}
	}
	return lines, count
}

// cellOf returns the outcome of all calls of a kind. It must be the same for all of them, unless the fault requires something
// that some of them lack.
func cellOf(t *testing.T, m *matrix, p protocol, f fault, k *callKind) string {
	t.Helper()
	var different []string
	for _, name := range k.calls {
		if outcome := m.cells[cell{p, f.String(), name}]; outcome != "" && !slices.Contains(different, outcome) {
			different = append(different, outcome)
		}
	}
	slices.Sort(different)
	if f.varies() && len(different) == 2 {
		return strings.Join([]string{different[1], different[0]}, ", or ") // "ok" first
	}
	require.Len(t, different, 1, "%s: %s", f, k.title)
	return different[0]
}

// matrixTable returns the tables of the faults: first the lasting faults, then the others.
func matrixTable(lines []tableRow) string {
	var text strings.Builder
	for _, once := range []bool{false, true} {
		title := "When the fault lasts"
		if once {
			title = "When the fault happens once"
		}
		fmt.Fprintf(&text, "### %s\n\n| |", title)
		for i := range kinds {
			fmt.Fprintf(&text, " %s |", kinds[i].title)
		}
		text.WriteString("\n|---|" + strings.Repeat("---|", len(kinds)) + "\n")
		for _, moment := range moments {
			heading := fmt.Sprintf("| **%s** |%s\n", moment, strings.Repeat(" |", len(kinds)))
			for _, line := range lines {
				if line.moment == moment && line.once == once {
					text.WriteString(heading + "| " + line.title + " | " + strings.Join(line.cells, " | ") + " |\n")
					heading = ""
				}
			}
		}
		text.WriteString("\n")
	}
	return text.String()
}

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

func between(t *testing.T, document, name, text string) string {
	t.Helper()
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	before, rest, hasBegin := strings.Cut(document, begin)
	_, after, hasEnd := strings.Cut(rest, end)
	require.True(t, hasBegin && hasEnd, "missing markers for %s", name)
	return before + begin + "\n" + text + end + after
}
