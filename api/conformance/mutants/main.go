// Command mutants tells whether the tests bite: it changes the code of a package in one place after another and looks
// whether a test fails. gremlins, whose changes these are, cannot do it here, because it looks for package basiq in a
// directory of that name, and so runs the tests of another package. Leaving a statement out and returning zero values
// come on top.
//
// All changes are compiled in once, each behind a switch. Every test first runs by itself to tell which switches it comes
// by; then each change is switched on for the tests that reach it. Changes to constants are compiled one by one. The
// source is not touched.
//
// A change that no test notices belongs into the file of accepted survivors, with a reason, or needs a test.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := command(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1) //nolint:forbidigo // a program, and no library
	}
}

func command(ctx context.Context, arguments []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	accepted := flags.String("accepted", "", "the `file` of accepted survivors")
	floor := flags.Float64("floor", 85, "fail when fewer `percent` of the mutants are killed")
	only := flags.String("file", "", "only mutants in files whose name matches this `regexp`")
	again := flags.String("again", "", "only the mutants listed in this `file`, and write to it those that live")
	sample := flags.Int("sample", 0, "only so many mutants, chosen at random")
	seed := flags.Uint64("seed", 1, "what to choose them with")
	workers := flags.Int("workers", runtime.NumCPU(), "how many to try at once")
	verbose := flags.Bool("v", false, "print each mutant as it is tried")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("which directory?")
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	reasons, err := readAccepted(*accepted)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(flags.Arg(0))
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()

	start := time.Now()
	suite, err := prepare(ctx, dir, tmp, *workers)
	if err != nil {
		return err
	}
	there := make(map[string]bool)
	for _, m := range suite.mutation.mutants {
		there[m.key()] = true
	}
	var stale []error
	for _, key := range slices.Sorted(maps.Keys(reasons)) {
		if !there[key] {
			stale = append(stale, fmt.Errorf("accepted as a survivor, and not to be found: %s", key))
		}
	}
	if len(stale) > 0 {
		return errors.Join(stale...)
	}
	mutants := slices.DeleteFunc(slices.Clone(suite.mutation.mutants), func(m *mutant) bool { return !pattern.MatchString(m.file) })
	if *again != "" {
		text, err := os.ReadFile(*again)
		if err != nil {
			return err
		}
		keys := strings.Split(string(text), "\n")
		mutants = slices.DeleteFunc(mutants, func(m *mutant) bool { return !slices.Contains(keys, m.key()) })
	}
	if *sample > 0 {
		random := rand.New(rand.NewPCG(*seed, 0)) //nolint:gosec // to be the same again
		random.Shuffle(len(mutants), func(i, j int) { mutants[i], mutants[j] = mutants[j], mutants[i] })
		mutants = mutants[:min(*sample, len(mutants))]
	}
	fmt.Fprintf(out, "%d mutants, %d tests, prepared in %v\n", len(mutants), len(suite.tests), time.Since(start).Round(time.Second))

	outcomes := make([]outcome, len(mutants))
	problems := make([]error, len(mutants))
	var printing sync.Mutex
	inParallel(*workers, len(mutants), func(i int) {
		if ctx.Err() != nil {
			problems[i] = ctx.Err()
			return
		}
		outcomes[i], problems[i] = suite.try(ctx, tmp, mutants[i])
		// On a busy machine a test may fail by itself. Where nobody expects it to, it is tried again.
		if _, known := reasons[mutants[i].key()]; known {
			for again := 0; again < 3 && outcomes[i] < lived && problems[i] == nil; again++ {
				outcomes[i], problems[i] = suite.try(ctx, tmp, mutants[i])
			}
		}
		if *verbose {
			printing.Lock()
			defer printing.Unlock()
			fmt.Fprintf(out, "%s:%d\t%v\t%s\n", mutants[i].file, mutants[i].line, outcomes[i], mutants[i].change)
		}
	})
	if err := errors.Join(problems...); err != nil {
		return err
	}
	if *again != "" {
		var left strings.Builder
		for i, m := range mutants {
			if outcomes[i] == lived || outcomes[i] == notCovered {
				left.WriteString(m.key() + "\n")
			}
		}
		if err := os.WriteFile(*again, []byte(left.String()), 0o600); err != nil {
			return err
		}
	}
	err = report(out, mutants, outcomes, reasons, *floor)
	fmt.Fprintf(out, "in %v\n", time.Since(start).Round(time.Second))
	return err
}

// acceptedSurvivor is a line of the file of accepted survivors.
type acceptedSurvivor struct {
	reason string
	// equivalent is set where the change changes nothing that anybody could notice.
	equivalent bool
}

const equivalentMark = "equivalent: "

// readAccepted reads lines of file, function, change and reason, with tabs between.
func readAccepted(path string) (map[string]acceptedSurvivor, error) {
	reasons := make(map[string]acceptedSurvivor)
	if path == "" {
		return reasons, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // named by who runs it
	if err != nil {
		return nil, err
	}
	scanner := bufio.NewScanner(strings.NewReader(string(text)))
	for scanner.Scan() {
		line := scanner.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		end := strings.LastIndex(line, "\t")
		if strings.Count(line, "\t") != 3 || line[end+1:] == "" {
			return nil, fmt.Errorf("%s: not a file, a function, a change and a reason: %q", path, line)
		}
		reason, equivalent := strings.CutPrefix(line[end+1:], equivalentMark)
		reasons[line[:end]] = acceptedSurvivor{reason: reason, equivalent: equivalent}
	}
	return reasons, scanner.Err()
}

// report prints what became of the mutants, and fails when too few were killed or one is accepted that did not survive.
func report(out io.Writer, mutants []*mutant, outcomes []outcome, reasons map[string]acceptedSurvivor, floor float64) error {
	type counts struct{ all, killed, timedOut, lived, notCovered, equivalent int }
	var files []string
	byFile := map[string]*counts{"all": {}}
	var survivors, stale []string
	for i, m := range mutants {
		if byFile[m.file] == nil {
			byFile[m.file] = &counts{}
			files = append(files, m.file)
		}
		accepted, known := reasons[m.key()]
		survived := outcomes[i] == lived || outcomes[i] == notCovered
		for _, c := range []*counts{byFile[m.file], byFile["all"]} {
			c.all++
			switch {
			case survived && accepted.equivalent:
				c.equivalent++
			case outcomes[i] == killed:
				c.killed++
			case outcomes[i] == timedOut:
				c.timedOut++
			case outcomes[i] == lived:
				c.lived++
			case outcomes[i] == notCovered:
				c.notCovered++
			}
		}
		switch {
		case known && !survived:
			stale = append(stale, m.key())
		case survived && !known:
			survivors = append(survivors, fmt.Sprintf("%s:%d: %v: in %s: %s", m.file, m.line, outcomes[i], m.function, m.change))
		}
	}
	score := func(c *counts) float64 {
		if c.all == c.equivalent {
			return 100
		}
		return 100 * float64(c.killed+c.timedOut) / float64(c.all-c.equivalent)
	}
	slices.Sort(files)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "file\tmutants\tkilled\ttimed out\tlived\tnot covered\tequivalent\tscore")
	for _, file := range append(files, "all") {
		c := byFile[file]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f %%\n", file, c.all, c.killed, c.timedOut, c.lived, c.notCovered, c.equivalent, score(c))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, line := range survivors {
		fmt.Fprintln(out, line)
	}
	if len(stale) > 0 {
		return fmt.Errorf("accepted as survivors, but killed:\n%s", strings.Join(stale, "\n"))
	}
	if score := score(byFile["all"]); score < floor {
		return fmt.Errorf("%.1f %% are killed, and %.1f %% must be", score, floor)
	}
	return nil
}
