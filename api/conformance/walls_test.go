package conformance

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root   = "../.."
	module = "github.com/basiq-go/basiq-go"
)

// golang runs the go command in the library's module.
func golang(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err, "go %s", strings.Join(args, " "))
	return string(out)
}

// mayImport says which of our packages a package may import; the longest prefix of its path within the module counts.
// Nothing imports the examples.
var mayImport = map[string][]string{
	"":                  {},
	"api":               {},
	"gen":               {"api"},
	"wrapper":           {"api", "gen", "wrapper/internal"},
	"wrapper/internal":  {"api", "gen", "wrapper/internal"},
	"wrapper/webhook":   {"api"},
	"wrapper/mirror":    {"api", "wrapper", "wrapper/webhook"},
	"wrapper/basiqtest": {"", "api", "gen", "wrapper", "wrapper/internal", "wrapper/webhook", "wrapper/basiqtest"},
	"wrapper/examples":  {"api", "gen", "wrapper", "wrapper/webhook", "wrapper/basiqtest"},
}

// under reports whether a path within the module is prefix or lies below it. Only the root package lies under "".
func under(path, prefix string) bool {
	return path == prefix || prefix != "" && strings.HasPrefix(path, prefix+"/")
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(golang(t, "list", "-e", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(strings.TrimPrefix(fields[0], module), "/")
		rule, found := "", pkg == ""
		for prefix := range mayImport {
			if prefix != "" && under(pkg, prefix) && len(prefix) > len(rule) {
				rule, found = prefix, true
			}
		}
		if !assert.True(t, found, "say in mayImport what %s may import", pkg) {
			continue
		}
		for _, path := range fields[1:] {
			if path != module && !strings.HasPrefix(path, module+"/") {
				continue
			}
			path = strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
			allowed := false
			for _, prefix := range mayImport[rule] {
				// "wrapper" means that package alone, not what lies below it.
				allowed = allowed || path == prefix || prefix != "wrapper" && under(path, prefix)
			}
			assert.True(t, allowed, "%q must not import %q", pkg, path)
		}
	}
}

// checkers are modules that check or generate the library. Users must neither link nor require them.
var checkers = []string{
	"github.com/getkin/kin-openapi", "github.com/oapi-codegen/oapi-codegen", "github.com/Shopify/toxiproxy", "github.com/stretchr/testify",
}

func TestUsersLinkNoChecker(t *testing.T) {
	t.Parallel()
	for _, pkg := range []string{"./wrapper", "./wrapper/basiqtest", "./wrapper/mirror", "./wrapper/webhook"} {
		for dependency := range strings.Lines(golang(t, "list", "-e", "-deps", pkg)) {
			dependency = strings.TrimSpace(dependency)
			for _, checker := range checkers {
				assert.False(t, under(dependency, checker), "%s links %s", pkg, dependency)
			}
			// It would put the test flags into users' programs.
			assert.NotEqual(t, "testing", dependency, "%s links it", pkg)
		}
	}
}

// Users of the mirror choose the driver of their database.
func TestMirrorLinksNoDriver(t *testing.T) {
	t.Parallel()
	for dependency := range strings.FieldsSeq(golang(t, "list", "-deps", "./wrapper/mirror")) {
		for _, driver := range []string{"modernc.org", "github.com/jackc", "github.com/lib/pq", "github.com/mattn/go-sqlite3"} {
			assert.False(t, under(dependency, driver), "package mirror links %s", dependency)
		}
	}
}

// Programs that only receive webhooks link little: no generated client, and nothing of anyone else's but the JSON engine, which package
// api decodes with and which is part of the standard library from Go 1.27 on.
func TestWebhookLinksLittle(t *testing.T) {
	t.Parallel()
	var ours []string
	for dependency := range strings.FieldsSeq(golang(t, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./wrapper/webhook")) {
		if !under(dependency, "github.com/go-json-experiment/json") {
			ours = append(ours, dependency)
		}
	}
	assert.Equal(t, []string{module + "/api", module + "/wrapper/webhook"}, ours)
}

// A requirement counts even where nothing is linked: the highest version that anyone requires is used, and a user who
// holds an older one would no longer build.
func TestModuleRequiresNoChecker(t *testing.T) {
	t.Parallel()
	var mod struct {
		Require []struct{ Path string }
		Tool    []struct{ Path string }
	}
	require.NoError(t, json.Unmarshal([]byte(golang(t, "mod", "edit", "-json")), &mod))
	assert.NotEmpty(t, mod.Require)
	assert.Empty(t, mod.Tool, "tools belong in tools.mod")
	for _, required := range mod.Require {
		for _, checker := range checkers[:len(checkers)-1] { // Our own tests need testify.
			assert.False(t, strings.HasPrefix(required.Path, checker), "go.mod requires %s", required.Path)
		}
	}
}
