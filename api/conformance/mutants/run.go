package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// outcome is the result of testing a mutant.
type outcome int

const (
	killed outcome = iota
	timedOut
	lived
	notCovered
	// equivalent: the mutant lived, and its accepted reason says that the change has no effect.
	equivalent
)

func (o outcome) String() string {
	return [...]string{"killed", "timed out", "lived", "not covered", "equivalent"}[o]
}

// suite contains the tests of a package with its mutants.
type suite struct {
	dir, program string
	mutation     *mutation
	tests        []*test
}

// slowTest is the duration above which a test is slow. A mutant that lives costs the time of all tests that are tried. There are
// hundreds, and a few tests take most of the time.
const slowTest = 2 * time.Second

// test is a test of a suite.
type test struct {
	name, file string
	took       time.Duration
	reached    []byte // by mutant ID, not 0 if the test reaches it
}

// output runs a program in dir and returns its output.
func output(ctx context.Context, dir, program string, arguments ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, arguments...) //nolint:gosec // the arguments are ours
	cmd.Dir = dir
	var problem bytes.Buffer
	cmd.Stderr = &problem
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", program, strings.Join(arguments, " "), err, problem.Bytes())
	}
	return text, nil
}

// exports returns a function that opens the export data of the packages that the package in dir imports.
func exports(ctx context.Context, dir string) (func(path string) (io.ReadCloser, error), error) {
	list, err := output(ctx, dir, "go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", ".")
	if err != nil {
		return nil, err
	}
	files := make(map[string]string)
	for line := range strings.Lines(string(list)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }, nil
}

// build compiles the tests of the package in dir with replacements for some files, and returns the program.
func build(ctx context.Context, dir, tmp, name string, files map[string]string) (string, error) {
	replace := make(map[string]string)
	for path, text := range files {
		changed := filepath.Join(tmp, name+"-"+filepath.Base(path))
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[path] = changed
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlayFile, program := filepath.Join(tmp, name+".json"), filepath.Join(tmp, name+".test")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return "", err
	}
	_, err = output(ctx, dir, "go", "test", "-c", "-vet=off", "-overlay", overlayFile, "-o", program, ".")
	return program, err
}

// prepare builds the package in dir with its mutants and runs each test alone to determine which mutants it reaches.
func prepare(ctx context.Context, dir, tmp string, workers int) (*suite, error) {
	exported, err := exports(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &suite{dir: dir}
	if s.mutation, err = mutate(dir, exported); err != nil {
		return nil, err
	}
	if s.program, err = build(ctx, dir, tmp, "all", s.mutation.files); err != nil {
		return nil, err
	}
	if err := s.list(ctx); err != nil {
		return nil, err
	}
	err = inParallel(workers, s.tests, func(_ int, t *test) (err error) {
		note := filepath.Join(tmp, "reached-"+t.name)
		if err := os.WriteFile(note, make([]byte, len(s.mutation.mutants)+1), 0o600); err != nil {
			return err
		}
		var result outcome
		var output string
		for range 2 { // on a busy machine a test that measures may fail
			start := time.Now()
			result, output = s.run(ctx, s.program, []*test{t}, 2*time.Minute, "MUTANTS_REACHED="+note)
			if t.took = time.Since(start); result == lived {
				break
			}
		}
		if result != lived {
			return fmt.Errorf("%s fails without a mutant:\n%s", t.name, output)
		}
		t.reached, err = os.ReadFile(note) //nolint:gosec // written above
		return err
	})
	return s, err
}

var testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Example|Fuzz)\w*)\(`)

// list determines the tests and the files that contain them.
func (s *suite) list(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(s.dir, "*_test.go"))
	if err != nil {
		return err
	}
	in := make(map[string]string)
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // the directory is named on the command line
		if err != nil {
			return err
		}
		for _, match := range testFunction.FindAllSubmatch(text, -1) {
			in[string(match[1])] = filepath.Base(file)
		}
	}
	names, err := output(ctx, s.dir, s.program, "-test.list", ".")
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(names)) {
		if file, ok := in[name]; ok {
			s.tests = append(s.tests, &test{name: name, file: file})
		}
	}
	return nil
}

// try runs the tests that reach a mutant: first those in the test file of the mutant's file, which most likely detect it, then the
// others, fastest first. It omits slow tests in other files, unless no other test reaches the mutant.
func (s *suite) try(ctx context.Context, tmp string, m *mutant) (outcome, error) {
	subject := strings.TrimSuffix(m.file, ".go")
	var tests, slow []*test
	for _, t := range s.tests {
		switch {
		case m.alone == "" && t.reached[m.id] == 0:
		case t.took <= slowTest || strings.HasPrefix(t.file, subject):
			tests = append(tests, t)
		default:
			slow = append(slow, t)
		}
	}
	if len(tests) == 0 {
		tests = slow
	}
	if len(tests) == 0 {
		return notCovered, nil
	}
	program := s.program
	if m.alone != "" {
		var err error
		if program, err = build(ctx, s.dir, tmp, strconv.Itoa(m.id), map[string]string{filepath.Join(s.dir, m.file): m.alone}); err != nil {
			return killed, err
		}
		defer func() { _ = os.Remove(program) }()
	}
	rank := func(t *test) time.Duration {
		if strings.HasPrefix(t.file, subject) && t.took <= slowTest {
			return t.took
		}
		return t.took + time.Hour
	}
	slices.SortStableFunc(tests, func(a, b *test) int { return int(rank(a) - rank(b)) })
	for size := 12; len(tests) > 0; size = len(tests) {
		batch := tests[:min(size, len(tests))]
		tests = tests[len(batch):]
		limit := 10 * time.Second
		for _, t := range batch {
			limit += 2 * t.took
		}
		if result, _ := s.run(ctx, program, batch, limit, "MUTANT="+strconv.Itoa(m.id)); result != lived {
			return result, nil
		}
	}
	return lived, nil
}

// run runs tests until the first one fails, and returns their output.
func (s *suite) run(ctx context.Context, program string, tests []*test, limit time.Duration, environment ...string) (outcome, string) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	names := make([]string, len(tests))
	for i, t := range tests {
		names[i] = t.name
	}
	// Limit memory, because a mutant may allocate without end.
	const script = `ulimit -v 8000000; exec nice -n 10 "$0" "$@"`
	cmd := exec.CommandContext(ctx, "sh", "-c", script, program, //nolint:gosec // the arguments are ours
		"-test.v", "-test.failfast", "-test.run", "^("+strings.Join(names, "|")+")$")
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), append(environment, "GOMAXPROCS=2")...)
	// A test may start a process, which a mutant can make run forever. Kill the whole process group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return killed, err.Error()
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return killed, err.Error()
	}
	var output strings.Builder
	failed := false
	for lines := bufio.NewReader(stdout); err == nil; {
		var line string
		line, err = lines.ReadString('\n')
		output.WriteString(line)
		if strings.HasPrefix(line, "--- FAIL") || strings.HasPrefix(line, "panic:") {
			failed = true
			cancel() // the other tests do not matter
		}
	}
	err = cmd.Wait()
	switch {
	case !failed && ctx.Err() != nil:
		return timedOut, output.String()
	case failed || err != nil:
		return killed, output.String()
	}
	return lived, output.String()
}

// inParallel calls do for each item, with a limited number of goroutines, and returns the first error.
func inParallel[T any](workers int, items []T, do func(i int, item T) error) error {
	var group errgroup.Group
	group.SetLimit(workers)
	for i, item := range items {
		group.Go(func() error { return do(i, item) })
	}
	return group.Wait()
}
