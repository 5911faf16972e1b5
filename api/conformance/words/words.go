// Package words checks the language of the repository: comments, documentation, messages, pages and the contract. It finds
// idioms and private vocabulary for which plain technical English has a usual word.
package words

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Rule is an idiom and the words to use instead.
type Rule struct {
	Name, Instead string

	// pattern matches the idiom after acceptable uses, which except matches, are removed from a line.
	pattern, except *regexp.Regexp
}

func rule(name, pattern, except, instead string) Rule {
	r := Rule{Name: name, Instead: instead, pattern: regexp.MustCompile(`(?i)\b(` + pattern + `)\b`)}
	if except != "" {
		r.except = regexp.MustCompile(`(?i)` + except)
	}
	return r
}

// Rules lists all rules.
var Rules = []Rule{
	rule("answer", `answer(s|ed)?`, `.*(MFA|second factor|challenge|question).*`, "response, respond; an answer is what a user enters for MFA"),
	rule("is no", `(is|are|was) no`, `\bno longer\b`, "is not a, missing, invalid, does not exist"),
	rule("is none", `(is|are|was) none`, `\bthere (is|are|was) none\b`, "missing, does not exist"),
	rule("whoever", `whoever`, "", "callers, users, the server"),
	rule("nobody", `nobody`, "", "no caller, no user, not"),
	rule("as a rule", `as a rule`, "", "usually"),
	rule("all the same", `all the same`, "", "also, identical"),
	rule("there twice", `there twice`, "", "duplicate"),
	rule("not there", `not there`, "", "missing, does not exist"),
	rule("mend", `mend(s|ed)?`, "", "fix, correct, recover"),
	rule("strike", `str(ikes?|uck)`, "", "apply, affect, fail"),
	rule("for good", `for good`, "", "permanently"),
	rule("sent again", `sent again`, "", "retried"),
	rule("tell", `tells?`, "", "reports, returns, distinguishes"),
	rule("those that", `those (who|that|of)`, "", "the noun itself"),
	rule("that of", `that of`, "", "the noun itself"),
	rule("what becomes of", `what (becomes|comes|came) of`, "", "the result, the outcome"),
	rule("is good", `(is|are) good`, "", "is valid, succeeds"),
	rule("leave alone", `left alone|leaves? alone`, "", "unchanged"),
	rule("stand", `stands? (in|for|there)`, "", "is, represents, replaces"),
	rule("by itself", `by itself`, "", "automatically, alone"),
	rule("in the end", `in the end`, "", "finally"),
	rule("cannot be right", `cannot be right`, "", "invalid"),
	rule("give a", `give (a|an|at)`, "", "must be, out of range"),
	rule("none of", `none of`, "", "not one of, no"),
	rule("meanwhile", `meanwhile`, "", "concurrently, during"),
}

// matches reports whether a line contains the idiom.
func (r *Rule) matches(text string) bool {
	if r.except != nil {
		text = r.except.ReplaceAllString(text, "")
	}
	return r.pattern.MatchString(text)
}

// Kind is a kind of text.
type Kind string

// The kinds of text.
const (
	Doc         Kind = "exported documentation"
	Message     Kind = "message"
	Comment     Kind = "comment"
	TestMessage Kind = "test message"
	Page        Kind = "page"
	Config      Kind = "comment of a script or configuration file"
	Contract    Kind = "description in the contract"
)

// limits is the percentage of lines of a kind that may contain an idiom.
var limits = map[Kind]float64{Doc: 0, Message: 0, Comment: 0.5, TestMessage: 0.5, Page: 0.5, Config: 0.5, Contract: 0.5}

// Line is a line of text.
type Line struct {
	File   string
	Number int
	Kind   Kind
	Text   string
}

// Hit is a line with an idiom.
type Hit struct {
	Line
	Rule Rule
}

// String returns the hit with its position and the words to use instead.
func (h Hit) String() string {
	return fmt.Sprintf("%s:%d: %s: %q: use %s: %s", h.File, h.Number, h.Kind, h.Rule.Name, h.Rule.Instead, h.Text)
}

// Report is the result of a check.
type Report struct {
	Lines map[Kind]int
	Hits  []Hit
}

// Check checks all files in root, except for hits that allowed contains. It returns an error for invalid and unused entries of
// allowed.
func Check(root fs.FS, allowed string) (*Report, error) {
	exceptions, err := parseExceptions(allowed)
	if err != nil {
		return nil, err
	}
	lines, err := read(root)
	if err != nil {
		return nil, err
	}
	report := &Report{Lines: map[Kind]int{}}
	for _, line := range lines {
		report.Lines[line.Kind]++
		for _, rule := range Rules {
			if rule.matches(line.Text) && !exceptions.allow(line) {
				report.Hits = append(report.Hits, Hit{line, rule})
			}
		}
	}
	return report, exceptions.unused()
}

// Failures returns the hits of the kinds with too many of them.
func (r *Report) Failures() []Hit {
	return slices.DeleteFunc(slices.Clone(r.Hits), func(h Hit) bool { return r.Percent(h.Kind) <= limits[h.Kind] })
}

// Percent returns the percentage of lines of a kind that contain an idiom.
func (r *Report) Percent(kind Kind) float64 {
	seen := map[Line]bool{}
	for _, hit := range r.Hits {
		if hit.Kind == kind {
			seen[hit.Line] = true
		}
	}
	return 100 * float64(len(seen)) / float64(max(r.Lines[kind], 1))
}

// exceptions is a table of file, text and reason with a header.
type exceptions struct {
	rows [][]string
	used map[int]bool
}

func parseExceptions(table string) (*exceptions, error) {
	e := &exceptions{used: map[int]bool{}}
	for _, row := range strings.Split(strings.TrimSuffix(table, "\n"), "\n")[1:] {
		fields := strings.Split(row, "\t")
		if len(fields) != 3 || slices.Contains(fields, "") {
			return nil, fmt.Errorf("invalid exception, want file, text and reason: %q", row)
		}
		e.rows = append(e.rows, fields)
	}
	return e, nil
}

func (e *exceptions) allow(line Line) bool {
	allowed := false
	for i, row := range e.rows {
		if row[0] == line.File && strings.Contains(line.Text, row[1]) {
			e.used[i], allowed = true, true
		}
	}
	return allowed
}

func (e *exceptions) unused() error {
	var errs []error
	for i, row := range e.rows {
		if !e.used[i] {
			errs = append(errs, fmt.Errorf("unused exception: %s: %q", row[0], row[1]))
		}
	}
	return errors.Join(errs...)
}

// skipped lists directories without text of our own. This package must contain the idioms.
var skipped = []string{".git", "bin", "gen", "node_modules", "testdata", "words"}

// read returns the lines of all files.
func read(root fs.FS) ([]Line, error) {
	var lines []Line
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(skipped, entry.Name()):
			return fs.SkipDir
		}
		reader, ok := readers[path.Base(name)]
		if !ok {
			reader, ok = readers[path.Ext(name)]
		}
		if !ok || entry.IsDir() {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		found, err := reader(name, text)
		lines = append(lines, found...)
		return err
	})
	return lines, err
}

// readers maps names and extensions of files to functions that return their lines.
var readers = map[string]func(name string, text []byte) ([]Line, error){
	"openapi.yaml": readContract, "Makefile": readConfig, "run": readConfig,
	".go": readGo, ".md": readPage, ".yml": readConfig, ".yaml": readConfig, ".sh": readConfig,
}
