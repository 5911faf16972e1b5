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

// workflow contains the parts of a CI workflow that affect security.
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
	// A tag can be moved to another commit, a commit hash cannot. The comment is for readers and Dependabot.
	pinned = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	tagged = regexp.MustCompile(`^# v\d+\.\d+\.\d+$`)
	// makes matches the targets of make in a script.
	makes = regexp.MustCompile(`\bmake ([a-z-]+)`)
)

// problems returns the problems of a workflow that could give outsiders more than read access to public code: permissions of the
// token, code from a moved tag, or a shell that executes the title of a pull request.
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
			report("on %s: outsiders can trigger it with the permissions of the project", event)
		}
	}
	if !maps.Equal(w.Permissions, map[string]string{"contents": "read"}) {
		report("permissions must be contents: read")
	}
	if w.Concurrency.IsZero() {
		report("missing concurrency")
	}
	if strings.Contains(text, "secrets.") {
		report("must not use secrets")
	}
	if len(w.Jobs) == 0 {
		report("missing jobs")
	}
	for _, name := range slices.Sorted(maps.Keys(w.Jobs)) {
		job := w.Jobs[name]
		// A job that only the project can trigger may file issues.
		filesIssues := ownEvents(&w.On) && maps.Equal(job.Permissions, map[string]string{"contents": "read", "issues": "write"})
		if job.Permissions != nil && !filesIssues {
			report("%s: must not change permissions", name)
		}
		if job.Timeout == 0 {
			report("%s: missing timeout-minutes", name)
		}
		uses := []yaml.Node{job.Uses}
		for _, step := range job.Steps {
			uses = append(uses, step.Uses)
			if strings.HasPrefix(step.Uses.Value, "actions/checkout@") && step.With["persist-credentials"] != "false" {
				report("%s: actions/checkout must have persist-credentials: false, or later steps can use the token", name)
			}
			if strings.Contains(step.Run, "${{") {
				report("%s: expressions must be passed to scripts in env", name)
			}
			for _, target := range makes.FindAllStringSubmatch(step.Run, -1) {
				if !slices.Contains(targets, target[1]) {
					report("%s: unknown make target %s", name, target[1])
				}
			}
		}
		for _, action := range uses {
			switch {
			case action.IsZero():
			case !pinned.MatchString(action.Value):
				report("%s: %s is not pinned to a commit", name, action.Value)
			case !tagged.MatchString(action.LineComment):
				report("%s: missing version comment for %s", name, action.Value)
			}
		}
	}
	return found, nil
}

// ownEvents reports whether a workflow is triggered only by a schedule or by users with write access.
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

func TestWorkflows_NoProblems(t *testing.T) {
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

func TestWorkflowProblems(t *testing.T) {
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
		{"permissions:\n  contents: read\n", "", "permissions must be contents: read"},
		{"contents: read", "contents: write", "permissions must be contents: read"},
		{"contents: read", "contents: read\n  id-token: write", "permissions must be contents: read"},
		{"concurrency:\n  group: one\n", "", "missing concurrency"},
		{"make test", "echo $TOKEN\n        env: {TOKEN: '${{ secrets.TOKEN }}'}", "must not use secrets"},
		{"    timeout-minutes: 5\n", "    timeout-minutes: 5\n    permissions: {contents: read}\n", "gate: must not change permissions"},
		{"    timeout-minutes: 5\n", "", "gate: missing timeout-minutes"},
		{"persist-credentials: false", "fetch-depth: 0", "gate: actions/checkout must have persist-credentials"},
		{"persist-credentials: false", "persist-credentials: true", "gate: actions/checkout must have persist-credentials"},
		{"make test", "echo ${{ github.event.pull_request.title }}", "gate: expressions must be passed"},
		{"make test", "make rest", "gate: unknown make target rest"},
		{"@0123456789abcdef0123456789abcdef01234567 # v6.0.3", "@v6", "gate: actions/checkout@v6 is not pinned"},
		{"@0123456789abcdef0123456789abcdef01234567", "@0123456", "gate: actions/checkout@0123456 is not pinned"},
		{"run: make test", "uses: ./here", "gate: ./here is not pinned"},
		{"run: make test", "uses: docker://alpine:3", "gate: docker://alpine:3 is not pinned"},
		{"# v6.0.3", "# v6", "gate: missing version comment"},
		{"jobs:", "work:", "missing jobs"},
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

func TestWorkflowProblems_IssuePermissions(t *testing.T) {
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
				assert.Equal(t, []string{"one: must not change permissions"}, found)
			}
		})
	}
}

// Dependabot updates only the modules in its configuration, and the targets of the Makefile check only those in NESTED.
func TestDependabot_EveryModule(t *testing.T) {
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

	nested := regexp.MustCompile(`(?m)^NESTED\s*:=(.*)$`).FindStringSubmatch(readFile(t, root, "Makefile"))
	require.NotNil(t, nested)
	checked := append(strings.Fields(nested[1]), ".", "api/conformance")
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
			assert.Contains(t, checked, path.Dir(name))
		}
		return nil
	}))
	assert.GreaterOrEqual(t, modules, 2)
}
