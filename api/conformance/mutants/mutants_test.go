package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func module(t *testing.T, tests string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/sums\n\ngo 1.26.0\n",
		"sums.go": `package sums

const most = 4 * 5

// Sum adds the positive numbers, up to most.
func Sum(numbers ...int) (sum int, whole bool) {
	for i := 0; i < len(numbers); i++ {
		n := numbers[i]
		if n <= 0 {
			continue
		}
		if sum+n > most {
			return sum, false
		}
		sum += n
	}
	return sum, true
}

type list struct{ names []string }

func (l *list) add(name string) { l.names = append(l.names, name) }

func (l *list) pair(a, b string) {
	l.add(a)
	l.add(b)
}

func unused() int { return -1 }

func (s span) empty() bool { return s.to-s.from == 0 }
`,
		// sums.go has an expression of a type of package time, and does not import it.
		"span.go":      "package sums\n\nimport \"time\"\n\ntype span struct{ from, to time.Duration }\n",
		"sums_test.go": "package sums\n\nimport \"testing\"\n" + tests,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

const goodTests = `
func TestSum(t *testing.T) {
	for _, c := range []struct{ numbers []int; sum int; whole bool }{
		{[]int{1, 2}, 3, true}, {[]int{-1, 0, 5}, 5, true}, {[]int{1, 19}, 20, true}, {[]int{1, 20}, 1, false}, {nil, 0, true},
	} {
		if sum, whole := Sum(c.numbers...); sum != c.sum || whole != c.whole {
			t.Error(c.numbers, sum, whole)
		}
	}
}

func TestPair(t *testing.T) {
	var l list
	l.pair("a", "b")
	if len(l.names) != 2 || l.names[0] != "a" {
		t.Error(l.names)
	}
}

func TestEmpty(t *testing.T) {
	if (span{1, 2}).empty() || !(span{1, 1}).empty() {
		t.Error()
	}
}
`

// Mutants that the tests detect are killed. Others are reported, unless they are accepted.
func TestCommand(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	accepted := filepath.Join(t.TempDir(), "accepted.txt")
	require.NoError(t, os.WriteFile(accepted, []byte("# why\n"+
		"sums.go\tSum\tn <= 0 => n < 0\tequivalent: 0 adds nothing\nsums.go\tunused\treturn -1 => return 0\tit is not called\n"), 0o600))
	err := command(t.Context(), []string{"-accepted", accepted, "-floor", "85", "-v", module(t, goodTests)}, &out)
	require.NoError(t, err, out.String())
	var survivors []string
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "lived: in") || strings.Contains(line, "not covered: in") {
			survivors = append(survivors, strings.TrimSpace(line))
		}
	}
	assert.Equal(t, []string{"sums.go:29: not covered: in unused: -1 => 1"}, survivors)
	for _, change := range []string{
		"4 * 5 => 4 / 5", "i++ => i--", "i < len(numbers) => i >= len(numbers)", "continue => break", "sum+n > most => sum+n >= most",
		"sum + n => sum - n", "sum += n => sum = n", "return sum, false => return 0, false", "s.to - s.from => s.to + s.from", "leave out: l.add(b)",
	} {
		assert.Contains(t, out.String(), "\tkilled\t"+change)
	}
}

// A score below the floor, a killed mutant that is accepted, and invalid entries are errors.
func TestCommand_Errors(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := command(t.Context(), []string{module(t, "\nfunc TestNothing(t *testing.T) { Sum(1, 2, 30, -1) }\n")}, &out)
	require.ErrorContains(t, err, "of the mutants are killed, want at least 85.0 %", out.String())

	accepted := filepath.Join(t.TempDir(), "accepted.txt")
	require.NoError(t, os.WriteFile(accepted, []byte("sums.go\tlist.pair\tleave out: l.add(b)\tso what\n"), 0o600))
	err = command(t.Context(), []string{"-accepted", accepted, "-floor", "0", module(t, goodTests)}, &out)
	require.ErrorContains(t, err, "accepted survivors were killed:\nsums.go\tlist.pair\tleave out: l.add(b)")

	require.NoError(t, os.WriteFile(accepted, []byte("sums.go\tgone\tleave out: l.add(b)\tso what\ngone.go\tpair\tleave out: l.add(b)\tso what\n"), 0o600))
	err = command(t.Context(), []string{"-accepted", accepted, module(t, goodTests)}, &out)
	require.EqualError(t, err, "accepted survivor does not exist: gone.go\tpair\tleave out: l.add(b)\n"+
		"accepted survivor does not exist: sums.go\tgone\tleave out: l.add(b)", "every stale row is listed")

	require.NoError(t, os.WriteFile(accepted, []byte("sums.go\tlist.pair\tleave out: l.add(b)\n"), 0o600))
	err = command(t.Context(), []string{"-accepted", accepted, module(t, goodTests)}, &out)
	require.ErrorContains(t, err, "invalid line")

	err = command(t.Context(), []string{module(t, "\nfunc TestBroken(t *testing.T) { t.Error() }\n")}, &out)
	require.ErrorContains(t, err, "TestBroken fails without a mutant")
}
