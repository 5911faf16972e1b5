// Command mutants measures the quality of the tests of a package. It changes the code in one place at a time and checks whether
// a test fails. It makes the changes that gremlins makes, and also omits statements and returns zero values. gremlins does not work for
// package basiq: it expects the package in a directory of that name and runs the tests of another package.
//
// All changes are compiled in once, each behind a switch. Each test first runs alone to determine which switches it reaches.
// Then each change is switched on for the tests that reach it, without the slow ones, so that the score is a lower bound. Changes to
// constants are compiled one by one. The source files are not modified.
//
// A change that no test detects needs either a test or an entry, with a reason, in the file of accepted survivors.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
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
		os.Exit(1) //nolint:forbidigo // main function
	}
}

func command(ctx context.Context, arguments []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	accepted := flags.String("accepted", "", "the `file` of accepted survivors")
	floor := flags.Float64("floor", 85, "fail if less than this `percent` of the mutants is killed")
	only := flags.String("file", "", "only mutants in files whose name matches this `regexp`")
	workers := flags.Int("workers", runtime.NumCPU(), "number of concurrent runs")
	verbose := flags.Bool("v", false, "print the result of each mutant")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("missing directory argument")
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
	existing := make(map[string]bool)
	for _, m := range suite.mutation.mutants {
		existing[m.key()] = true
	}
	var stale []error
	for _, key := range slices.Sorted(maps.Keys(reasons)) {
		if !existing[key] {
			stale = append(stale, fmt.Errorf("accepted survivor does not exist: %s", key))
		}
	}
	if len(stale) > 0 {
		return errors.Join(stale...)
	}
	mutants := slices.DeleteFunc(slices.Clone(suite.mutation.mutants), func(m *mutant) bool { return !pattern.MatchString(m.file) })
	fmt.Fprintf(out, "%d mutants, %d tests, prepared in %v\n", len(mutants), len(suite.tests), time.Since(start).Round(time.Second))

	outcomes := make([]outcome, len(mutants))
	var printing sync.Mutex
	err = inParallel(*workers, mutants, func(i int, m *mutant) error {
		result, err := suite.try(ctx, tmp, m)
		// On a busy machine a test may fail for other reasons. Retry mutants that are expected to survive.
		if _, known := reasons[m.key()]; known {
			for again := 0; again < 3 && result < lived && err == nil; again++ {
				result, err = suite.try(ctx, tmp, m)
			}
		}
		outcomes[i] = result
		if *verbose {
			printing.Lock()
			defer printing.Unlock()
			fmt.Fprintf(out, "%s:%d\t%v\t%s\n", m.file, m.line, result, m.change)
		}
		return errors.Join(err, ctx.Err())
	})
	if err != nil {
		return err
	}
	err = report(out, mutants, outcomes, reasons, *floor)
	fmt.Fprintf(out, "in %v\n", time.Since(start).Round(time.Second))
	return err
}

// acceptedSurvivor is an entry of the file of accepted survivors.
type acceptedSurvivor struct {
	reason string
	// equivalent is set if the change has no observable effect.
	equivalent bool
}

const equivalentMark = "equivalent: "

// readAccepted reads lines of file, function, change and reason, separated by tabs.
func readAccepted(path string) (map[string]acceptedSurvivor, error) {
	reasons := make(map[string]acceptedSurvivor)
	if path == "" {
		return reasons, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // named on the command line
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		end := strings.LastIndex(line, "\t")
		if strings.Count(line, "\t") != 3 || line[end+1:] == "" {
			return nil, fmt.Errorf("%s: invalid line, want file, function, change and reason: %q", path, line)
		}
		reason, equivalent := strings.CutPrefix(line[end+1:], equivalentMark)
		reasons[line[:end]] = acceptedSurvivor{reason: reason, equivalent: equivalent}
	}
	return reasons, nil
}

// report prints the outcomes. It returns an error if too few mutants were killed or an accepted survivor did not survive.
func report(out io.Writer, mutants []*mutant, outcomes []outcome, reasons map[string]acceptedSurvivor, floor float64) error {
	counts := map[string]map[outcome]int{"all": {}} // by file
	var survivors, stale []string
	for i, m := range mutants {
		if counts[m.file] == nil {
			counts[m.file] = map[outcome]int{}
		}
		accepted, known := reasons[m.key()]
		survived := outcomes[i] == lived || outcomes[i] == notCovered
		result := outcomes[i]
		if survived && accepted.equivalent {
			result = equivalent
		}
		counts[m.file][result]++
		counts["all"][result]++
		switch {
		case known && !survived:
			stale = append(stale, m.key())
		case survived && !known:
			survivors = append(survivors, fmt.Sprintf("%s:%d: %v: in %s: %s", m.file, m.line, outcomes[i], m.function, m.change))
		}
	}
	score := func(c map[outcome]int) float64 {
		dead, alive := c[killed]+c[timedOut], c[lived]+c[notCovered]
		if dead+alive == 0 {
			return 100
		}
		return 100 * float64(dead) / float64(dead+alive)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "file\tkilled\ttimed out\tlived\tnot covered\tequivalent\tscore")
	files := slices.DeleteFunc(slices.Sorted(maps.Keys(counts)), func(name string) bool { return name == "all" })
	for _, file := range append(files, "all") {
		c := counts[file]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f %%\n", file, c[killed], c[timedOut], c[lived], c[notCovered], c[equivalent], score(c))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, line := range survivors {
		fmt.Fprintln(out, line)
	}
	if len(stale) > 0 {
		return fmt.Errorf("accepted survivors were killed:\n%s", strings.Join(stale, "\n"))
	}
	if score := score(counts["all"]); score < floor {
		return fmt.Errorf("%.1f %% of the mutants are killed, want at least %.1f %%", score, floor)
	}
	return nil
}
