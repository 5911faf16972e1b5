package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// checks names what to check after a call that may have taken effect and is not safe to retry. Operations with the same
// text share a row.
var checks = []struct {
	calls []string
	text  string
}{
	{[]string{"Users.Create"}, "`Users.List`, for a recent user with that email"},
	{[]string{"Users.Update"}, "`Users.Get`, for the new values; sending the same values again is safe"},
	{[]string{"AuthLinks.Create"}, "`AuthLinks.Get`; another create replaces a link that you may have sent to the user"},
	{[]string{"AuthLinks.Delete"}, "`AuthLinks.Get`; `ErrNotFound` means that it was deleted"},
	{[]string{"Connections.Create"}, "`Connections.List` and `Jobs.List`; a bank may lock a login after too many attempts"},
	{[]string{"Connections.Update"}, "`Jobs.List`, for the latest job of the connection"},
	{[]string{"Connections.Purge"}, "`Accounts.List` or `Transactions.List`, for data of that institution"},
	{[]string{"Jobs.AnswerMFA"}, "`Jobs.Get`, for a job that still waits for the answer"},
	{[]string{"Statements.Upload"}, "`Jobs.List`, for a recent job"},
	{[]string{"Affordability.Create"}, "`Affordability.List`, for a summary of today"},
	{[]string{"Income.Create", "Expenses.Create"}, "no list has these; another create counts against the daily limit"},
	{[]string{"Reports.Create"}, "`Reports.List`, for the title"},
	{[]string{"Insights.VerifyAccount", "Insights.VerifyBalance", "Insights.VerifyIdentity"}, "`Insights.List`, for a recent insight"},
	{[]string{"Insights.Create"}, "no operation; Basiq has not described the result in full"},
	{[]string{"Webhooks.Create"}, "`Webhooks.List`, for the URL"},
	{[]string{"Webhooks.Update"}, "`Webhooks.Get`, for the new values"},
	{[]string{"Webhooks.SendTest"}, "`Webhooks.Messages`, or the receiver"},
}

// The page covers every operation that is not safe to retry, and recommends only operations that every API version of the
// call has.
func TestAdviceTables(t *testing.T) { //nolint:paralleltest // with -update it writes the page that TestFaultMatrix writes
	all := map[string]basiq.Operation{}
	for _, op := range basiq.Operations() {
		all[op.Name] = op
	}
	mentioned := regexp.MustCompile("`([A-Z][A-Za-z]+\\.[A-Z][A-Za-z]+)`")
	covered := map[string]bool{}
	for _, row := range checks {
		for _, name := range row.calls {
			call, ok := all[name]
			require.True(t, ok, "no such operation: %s", name)
			assert.False(t, call.Idempotent(), "%s is safe to retry", name)
			assert.False(t, covered[name], "%s has two rows", name)
			covered[name] = true
			for _, match := range mentioned.FindAllStringSubmatch(row.text, -1) {
				recommended, ok := all[match[1]]
				require.True(t, ok, "no such operation: %s", match[1])
				for _, version := range call.Versions() {
					assert.Contains(t, recommended.Versions(), version, "%s recommends %s", name, match[1])
				}
			}
		}
	}
	for name, op := range all {
		assert.True(t, op.Idempotent() || covered[name], "%s: missing row", name)
	}

	have := readFile(t, reliability)
	want := between(t, between(t, have, "checks", checksTable(all)), "advice", adviceTable(t))
	if *update {
		require.NoError(t, os.WriteFile(reliability, []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, have, "outdated tables: run make reliability")
}

func checksTable(all map[string]basiq.Operation) string {
	var text strings.Builder
	text.WriteString("| Call | API | What to check before you call again |\n|---|---|---|\n")
	for _, row := range checks {
		var versions []string
		for _, version := range all[row.calls[0]].Versions() {
			versions = append(versions, string(version))
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", strings.Join(row.calls, "`, `"), strings.Join(versions, ", "), row.text)
	}
	return text.String() + "\n"
}

// adviceTable returns a table of the advice on each code, as the code of a rejected request and of a failed job.
func adviceTable(t *testing.T) string {
	t.Helper()
	byAdvice := map[[2]string][]string{}
	for _, code := range codes(t) {
		response := &basiq.Error{Operation: "Connections.Get", StatusCode: 400, Details: []basiq.ErrorDetail{{Code: code}}}
		key := [2]string{
			basiq.AdviseOn(response).String(),
			basiq.AdviseOn(&basiq.JobError{Code: basiq.Code(code), Step: basiq.StepRetrieveAccounts}).String(),
		}
		byAdvice[key] = append(byAdvice[key], "`"+code+"`")
	}
	var lines []string
	for key, names := range byAdvice {
		lines = append(lines, fmt.Sprintf("| %s | %s | %s |\n", key[0], key[1], strings.Join(names, ", ")))
	}
	slices.Sort(lines)
	return "| A rejected request | A failed job | Codes |\n|---|---|---|\n" + strings.Join(lines, "") + "\n"
}

// codes returns the values of the Code constants.
func codes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../wrapper/codes.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var values []string
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Code") {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			values = append(values, value)
		}
		return true
	})
	require.NotEmpty(t, values)
	return values
}
