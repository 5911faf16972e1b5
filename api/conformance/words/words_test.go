package words

import (
	_ "embed"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

//go:embed allowed.tsv
var allowed string

const header = "file\ttext\treason\n"

func TestRepository(t *testing.T) {
	t.Parallel()
	report, err := Check(os.DirFS("../../.."), allowed)
	require.NoError(t, err)
	for kind := range limits {
		assert.Positive(t, report.Lines[kind], "no lines of kind %s", kind)
		t.Logf("%s: %.2f %% of %d lines", kind, report.Percent(kind), report.Lines[kind])
	}
	for _, failure := range report.Failures() {
		t.Error(failure)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	planted := map[string][]string{
		"answer":          {"the server answers with 404", "an empty answer", "it has answered"},
		"is no":           {"it is no list", "there are no pages", "It was no success"},
		"is none":         {"the ID is none"},
		"whoever":         {"Whoever calls this waits."},
		"nobody":          {"nobody waits for it"},
		"as a rule":       {"As a rule it is fast."},
		"all the same":    {"it is retried all the same"},
		"there twice":     {"the ID is there twice"},
		"not there":       {"the file is not there"},
		"mend":            {"a retry may mend it", "the mended file"},
		"strike":          {"the faults that strike", "it was struck"},
		"for good":        {"it is deleted for good"},
		"sent again":      {"the request is sent again"},
		"tell":            {"the error tells why"},
		"those that":      {"those who call", "those that fail", "those of others"},
		"that of":         {"the body is that of an error"},
		"what becomes of": {"what becomes of a job", "what came of it"},
		"is good":         {"a state is good once", "two are good"},
		"leave alone":     {"the body is left alone", "leave alone what works"},
		"stand":           {"it stands for a job", "the place to stand in"},
		"by itself":       {"the client does it by itself"},
		"in the end":      {"in the end it succeeds"},
		"cannot be right": {"the length cannot be right"},
		"give a":          {"give at least 1", "give a name"},
		"none of":         {"none of them"},
		"meanwhile":       {"Meanwhile, it waits."},
	}
	for _, rule := range Rules {
		assert.NotEmpty(t, rule.Instead, rule.Name)
		require.NotEmpty(t, planted[rule.Name], "missing example of %q", rule.Name)
		for _, text := range planted[rule.Name] {
			report, err := Check(fstest.MapFS{"a.go": {Data: []byte("package a\n\n// " + text + "\n")}}, header)
			require.NoError(t, err)
			require.Len(t, report.Failures(), 1, text)
			assert.Equal(t, rule.Name, report.Hits[0].Rule.Name, text)
			assert.Contains(t, report.Hits[0].String(), rule.Instead)
		}
	}
}

func TestRules_Acceptable(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"The connection is no longer valid.", "The user answers the MFA challenge.", "the answers to the bank's questions",
		"It recommends a standard.", "The table is not therefore empty.", "goods and nonetheless",
	} {
		for _, rule := range Rules {
			assert.False(t, rule.matches(text), "%s: %s", rule.Name, text)
		}
	}
}

func TestCheck_Kinds(t *testing.T) {
	t.Parallel()
	const idiom = "it is no use"
	for _, tc := range []struct {
		name, file, text string
		want             []Kind
	}{
		{"package comment", "a/a.go", "// Package a: " + idiom + "\npackage a\n", []Kind{Doc}},
		{"exported declarations", "a.go", "package a\n\n// " + idiom + "\nfunc F() {}\n\n// " + idiom + "\ntype T struct {\n\t// " + idiom + "\n\tF int // " + idiom +
			"\n\tg int // " + idiom + "\n}\n\n// " + idiom + "\nconst C = 1\n", []Kind{Doc, Doc, Doc, Doc, Comment, Doc}},
		{"unexported declaration", "a.go", "package a\n\n// " + idiom + "\nfunc f() {}\n", []Kind{Comment}},
		{"program", "a.go", "// " + idiom + "\npackage main\n", []Kind{Comment}},
		{"message", "a.go", "package a\n\nvar e = errors.New(\"" + idiom + "\")\n", []Kind{Message}},
		{"import and tag", "a.go", "package a\n\nimport \"" + idiom + "\"\n\ntype t struct {\n\tf int `json:\"" + idiom + "\"`\n}\n", nil},
		{"test", "a_test.go", "package a\n\n// " + idiom + "\nfunc F() {\n\tt.Run(\"" + idiom + "\", nil)\n\tassert.True(t, false, \"" + idiom + "\")\n}\n", []Kind{Comment, TestMessage}},
		{"page", "a/README.md", idiom + "\n\n```go\n" + idiom + "\n```\n", []Kind{Page}},
		{"Makefile", "Makefile", "# " + idiom + "\nall: ## " + idiom + "\n\techo " + idiom + "\n", []Kind{Config, Config}},
		{"workflow", ".github/workflows/a.yml", "on: push # " + idiom + "\nname: " + idiom + "\n", []Kind{Config}},
		{"script", ".ci/run", "# " + idiom + "\n", []Kind{Config}},
		{"contract", "openapi.yaml", "paths:\n  /a:\n    description: |\n      " + idiom + "\n    summary: " + idiom + "\n    example: {description: " + idiom + "}\n", []Kind{Contract, Contract}},
		{"generated code", "gen/a.go", "// " + idiom + "\npackage gen\n", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			report, err := Check(fstest.MapFS{tc.file: {Data: []byte(tc.text)}}, header)
			require.NoError(t, err)
			var got []Kind
			for _, hit := range report.Failures() {
				got = append(got, hit.Kind)
			}
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestCheck_Limits(t *testing.T) {
	t.Parallel()
	for lines, want := range map[int]int{198: 1, 199: 0} {
		page := strings.Repeat("A line.\n", lines) + "Meanwhile.\n"
		report, err := Check(fstest.MapFS{"a.md": {Data: []byte(page)}}, header)
		require.NoError(t, err)
		assert.Len(t, report.Failures(), want, "1 of %d lines", lines+1)
	}
	code := "package a\n\nvar e = \"Meanwhile, it failed.\"\n" + strings.Repeat("var _ = \"a longer message\"\n", 1000)
	report, err := Check(fstest.MapFS{"a.go": {Data: []byte(code)}}, header)
	require.NoError(t, err)
	assert.Len(t, report.Failures(), 1, "messages have a limit of 0")
}

func TestCheck_Exceptions(t *testing.T) {
	t.Parallel()
	root := fstest.MapFS{"a.md": {Data: []byte("Meanwhile.\n")}}
	report, err := Check(root, header+"a.md\tMeanwhile.\tthe name of a company\n")
	require.NoError(t, err)
	assert.Empty(t, report.Hits)
	_, err = Check(root, header+"b.md\tMeanwhile.\ta reason\na.md\tMeanwhile.\ta reason\n")
	require.EqualError(t, err, `unused exception: b.md: "Meanwhile."`)
	for _, row := range []string{"a.md\tMeanwhile.\t", "a.md\tMeanwhile."} {
		_, err = Check(root, header+row+"\n")
		require.ErrorContains(t, err, "invalid exception")
	}
}
