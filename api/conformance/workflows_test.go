package conformance

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// workflow is what of a CI workflow decides how far it can be trusted.
type workflow struct {
	On          yaml.Node         `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Concurrency yaml.Node         `yaml:"concurrency"`
	Jobs        map[string]struct {
		Permissions map[string]string `yaml:"permissions"`
		Timeout     int               `yaml:"timeout-minutes"`
		Uses        yaml.Node         `yaml:"uses"`
		Steps       []struct {
			Uses yaml.Node         `yaml:"uses"`
			With map[string]string `yaml:"with"`
			Run  string            `yaml:"run"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

var (
	// A tag can be moved to another commit, a commit's hash cannot. The comment is for people, and for Dependabot.
	pinned = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	tagged = regexp.MustCompile(`^# v\d+\.\d+\.\d+$`)
	// Targets of make that a script runs.
	makes = regexp.MustCompile(`\bmake ([a-z-]+)`)
)

// problems says what of a workflow could give a stranger more than the reading of public code: rights of the token, code
// from a tag that was moved, or a shell that runs a pull request's title.
func problems(text string, targets []string) ([]string, error) {
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		return nil, err
	}
	var found []string
	report := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	events, err := yaml.Marshal(&w.On)
	if err != nil {
		return nil, err
	}
	for _, event := range []string{"pull_request_target", "workflow_run", "issue_comment"} {
		if regexp.MustCompile(`\b` + event + `\b`).Match(events) {
			report("on %s, which strangers start with the rights of the project", event)
		}
	}
	if !maps.Equal(w.Permissions, map[string]string{"contents": "read"}) {
		report("the permissions are not contents: read")
	}
	if w.Concurrency.IsZero() {
		report("no concurrency")
	}
	if strings.Contains(text, "secrets.") {
		report("it uses a secret")
	}
	if len(w.Jobs) == 0 {
		report("no jobs")
	}
	for _, name := range slices.Sorted(maps.Keys(w.Jobs)) {
		job := w.Jobs[name]
		// A job that only the project starts may file issues.
		filesIssues := ownEvents(&w.On) && maps.Equal(job.Permissions, map[string]string{"contents": "read", "issues": "write"})
		if job.Permissions != nil && !filesIssues {
			report("%s: permissions of its own", name)
		}
		if job.Timeout == 0 {
			report("%s: no timeout-minutes", name)
		}
		uses := []yaml.Node{job.Uses}
		for _, step := range job.Steps {
			uses = append(uses, step.Uses)
			if strings.HasPrefix(step.Uses.Value, "actions/checkout@") && step.With["persist-credentials"] != "false" {
				report("%s: actions/checkout leaves the token for later steps: set persist-credentials: false", name)
			}
			if strings.Contains(step.Run, "${{") {
				report("%s: an expression becomes part of a script: hand it over in env", name)
			}
			for _, target := range makes.FindAllStringSubmatch(step.Run, -1) {
				if !slices.Contains(targets, target[1]) {
					report("%s: there is no make %s", name, target[1])
				}
			}
		}
		for _, action := range uses {
			switch {
			case action.IsZero():
			case !pinned.MatchString(action.Value):
				report("%s: %s is not pinned to a commit", name, action.Value)
			case !tagged.MatchString(action.LineComment):
				report("%s: no comment says which version %s is", name, action.Value)
			}
		}
	}
	return found, nil
}

// ownEvents reports whether only a schedule, or a person with rights to the repository, starts a workflow.
func ownEvents(on *yaml.Node) bool {
	var events map[string]yaml.Node
	if on.Decode(&events) != nil || len(events) == 0 {
		return false
	}
	delete(events, "schedule")
	delete(events, "workflow_dispatch")
	return len(events) == 0
}

func makeTargets(t *testing.T) []string {
	t.Helper()
	var targets []string
	for _, target := range regexp.MustCompile(`(?m)^([a-z-]+):.*## `).FindAllStringSubmatch(readFile(t, root, "Makefile"), -1) {
		targets = append(targets, target[1])
	}
	return targets
}

func TestWorkflowsAreSafe(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.y*ml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	versions := map[string]string{}
	for _, file := range files {
		text := readFile(t, file)
		found, err := problems(text, makeTargets(t))
		require.NoError(t, err, file)
		assert.Empty(t, found, file)
		for _, use := range regexp.MustCompile(`uses: (\S+)@(.+)`).FindAllStringSubmatch(text, -1) {
			if other, seen := versions[use[1]]; seen {
				assert.Equal(t, other, use[2], "%s: two versions of %s", file, use[1])
			}
			versions[use[1]] = use[2]
		}
	}
}

func TestWorkflowProblemsAreFound(t *testing.T) {
	t.Parallel()
	const sound = `
on:
  pull_request:
permissions:
  contents: read
concurrency:
  group: one
jobs:
  gate:
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v6.0.3
        with:
          persist-credentials: false
      - run: make test
`
	found, err := problems(sound, []string{"test"})
	require.NoError(t, err)
	assert.Empty(t, found)

	for _, c := range []struct{ old, new, problem string }{
		{"pull_request:", "pull_request_target:", "on pull_request_target"},
		{"\n  pull_request:", " [push, workflow_run]", "on workflow_run"},
		{"permissions:\n  contents: read\n", "", "the permissions are not contents: read"},
		{"contents: read", "contents: write", "the permissions are not contents: read"},
		{"contents: read", "contents: read\n  id-token: write", "the permissions are not contents: read"},
		{"concurrency:\n  group: one\n", "", "no concurrency"},
		{"make test", "echo $TOKEN\n        env: {TOKEN: '${{ secrets.TOKEN }}'}", "it uses a secret"},
		{"    timeout-minutes: 5\n", "    timeout-minutes: 5\n    permissions: {contents: read}\n", "gate: permissions of its own"},
		{"    timeout-minutes: 5\n", "", "gate: no timeout-minutes"},
		{"persist-credentials: false", "fetch-depth: 0", "gate: actions/checkout leaves the token"},
		{"persist-credentials: false", "persist-credentials: true", "gate: actions/checkout leaves the token"},
		{"make test", "echo ${{ github.event.pull_request.title }}", "gate: an expression becomes part of a script"},
		{"make test", "make rest", "gate: there is no make rest"},
		{"@0123456789abcdef0123456789abcdef01234567 # v6.0.3", "@v6", "gate: actions/checkout@v6 is not pinned"},
		{"@0123456789abcdef0123456789abcdef01234567", "@0123456", "gate: actions/checkout@0123456 is not pinned"},
		{"run: make test", "uses: ./here", "gate: ./here is not pinned"},
		{"run: make test", "uses: docker://alpine:3", "gate: docker://alpine:3 is not pinned"},
		{"# v6.0.3", "# v6", "gate: no comment says which version"},
		{"jobs:", "work:", "no jobs"},
	} {
		t.Run(c.problem, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, sound, c.old)
			found, err := problems(strings.Replace(sound, c.old, c.new, 1), []string{"test"})
			require.NoError(t, err)
			require.Len(t, found, 1)
			assert.Contains(t, found[0], c.problem)
		})
	}
}

func TestWorkflowsMayFileIssues(t *testing.T) {
	t.Parallel()
	const format = `
on: {%s}
permissions: {contents: read}
concurrency: {group: one}
jobs:
  one:
    timeout-minutes: 5
    permissions: {%s}
`
	for _, tc := range []struct {
		name, on, permissions string
		allowed               bool
	}{
		{"weekly", "schedule: [{cron: 0 0 * * 0}], workflow_dispatch: ", "contents: read, issues: write", true},
		{"pull request", "schedule: [], pull_request: ", "contents: read, issues: write", false},
		{"issue", "issues: ", "contents: read, issues: write", false},
		{"no event", "", "contents: read, issues: write", false},
		{"more", "schedule: []", "contents: write, issues: write", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found, err := problems(fmt.Sprintf(format, tc.on, tc.permissions), nil)
			require.NoError(t, err)
			if tc.allowed {
				assert.Empty(t, found)
			} else {
				assert.Equal(t, []string{"one: permissions of its own"}, found)
			}
		})
	}
}

// A go.mod that Dependabot is not told of gets no fixes.
func TestDependabotSeesEveryModule(t *testing.T) {
	t.Parallel()
	var config struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directory   string   `yaml:"directory"`
			Directories []string `yaml:"directories"`
		} `yaml:"updates"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, root, ".github/dependabot.yml")), &config))
	watched := map[string][]string{}
	for _, update := range config.Updates {
		watched[update.Ecosystem] = append(append(watched[update.Ecosystem], update.Directories...), update.Directory)
	}
	assert.Contains(t, watched["github-actions"], "/")

	modules := 0
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.Name() == "go.mod":
			modules++
			assert.Contains(t, watched["gomod"], path.Clean("/"+path.Dir(name)))
		}
		return nil
	}))
	assert.GreaterOrEqual(t, modules, 2)
}
