package conformance

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
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

// mayImport maps prefixes of package paths to the packages of this module that they may import. The longest prefix applies.
// Examples must not be imported.
var mayImport = map[string][]string{
	"":                  {},
	"api":               {},
	"gen":               {"api"},
	"wrapper":           {"api", "gen", "wrapper/internal"},
	"wrapper/internal":  {"api", "gen", "wrapper/internal"},
	"wrapper/webhook":   {"api"},
	"wrapper/mirror":    {"api", "wrapper", "wrapper/internal", "wrapper/webhook"},
	"wrapper/basiqtest": {"", "api", "gen", "wrapper", "wrapper/internal", "wrapper/webhook", "wrapper/basiqtest"},
	"wrapper/examples":  {"api", "gen", "wrapper", "wrapper/webhook", "wrapper/basiqtest"},
}

// under reports whether a path within the module equals prefix or is below it. Only the root package is under "".
func under(path, prefix string) bool {
	return path == prefix || prefix != "" && strings.HasPrefix(path, prefix+"/")
}

func TestImports_WithinModule(t *testing.T) {
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
		if !assert.True(t, found, "add %s to mayImport", pkg) {
			continue
		}
		for _, path := range fields[1:] {
			if path != module && !strings.HasPrefix(path, module+"/") {
				continue
			}
			path = strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
			allowed := false
			for _, prefix := range mayImport[rule] {
				// "wrapper" means only that package, not those below it.
				allowed = allowed || path == prefix || prefix != "wrapper" && under(path, prefix)
			}
			assert.True(t, allowed, "%q must not import %q", pkg, path)
		}
	}
}

// checkers are modules that check or generate the library, or that only a nested module needs. Users must neither link nor
// require them.
var checkers = []string{
	"go.opentelemetry.io", "github.com/getkin/kin-openapi", "github.com/oapi-codegen/oapi-codegen", "github.com/Shopify/toxiproxy", "github.com/stretchr/testify",
}

func TestImports_NoCheckers(t *testing.T) {
	t.Parallel()
	for _, pkg := range []string{"./wrapper", "./wrapper/basiqtest", "./wrapper/mirror", "./wrapper/webhook"} {
		for dependency := range strings.Lines(golang(t, "list", "-e", "-deps", pkg)) {
			dependency = strings.TrimSpace(dependency)
			for _, checker := range checkers {
				assert.False(t, under(dependency, checker), "%s links %s", pkg, dependency)
			}
			// Package testing would add the test flags to users' programs.
			assert.NotEqual(t, "testing", dependency, "%s links package testing", pkg)
		}
	}
}

// Users of the mirror choose the database driver.
func TestImports_MirrorWithoutDriver(t *testing.T) {
	t.Parallel()
	for dependency := range strings.FieldsSeq(golang(t, "list", "-deps", "./wrapper/mirror")) {
		for _, driver := range []string{"modernc.org", "github.com/jackc", "github.com/lib/pq", "github.com/mattn/go-sqlite3"} {
			assert.False(t, under(dependency, driver), "package mirror links %s", dependency)
		}
	}
}

// Users of the main module must not get the queue, the database drivers or the metrics of the fleet, which is a module of its own.
func TestImports_FleetIsNested(t *testing.T) {
	t.Parallel()
	for dependency := range strings.FieldsSeq(golang(t, "list", "-m", "all")) {
		for _, queue := range []string{"github.com/riverqueue", "riverqueue.com", "github.com/jackc/pgx", "github.com/prometheus", "modernc.org/sqlite"} {
			assert.False(t, under(dependency, queue), "the main module requires %s", dependency)
		}
	}
	fleet := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	fleet.Dir = filepath.Join(root, "wrapper", "fleet")
	out, err := fleet.Output()
	require.NoError(t, err)
	for dependency := range strings.FieldsSeq(string(out)) {
		assert.False(t, under(dependency, module+"/wrapper/basiqtest"), "package fleet links the sandbox")
		assert.NotEqual(t, "testing", dependency, "package fleet links package testing")
	}
}

// Programs choose the SDK and the exporters of OpenTelemetry.
func TestImports_OpenTelemetryAPIOnly(t *testing.T) {
	t.Parallel()
	for dependency := range strings.FieldsSeq(golang(t, "-C", "wrapper/basiqotel", "list", "-deps", ".")) {
		for _, other := range append(checkers[1:], "go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters") {
			assert.False(t, under(dependency, other), "package basiqotel links %s", dependency)
		}
		if path, ours := strings.CutPrefix(dependency, module+"/"); ours {
			assert.Contains(t, []string{"api", "gen", "wrapper", "wrapper/basiqotel"}, path)
		}
	}
}

// Programs that only receive webhooks must link few packages: not the generated client, and no third-party package except the
// JSON engine of package api, which is part of the standard library from Go 1.27 on.
func TestImports_Webhook(t *testing.T) {
	t.Parallel()
	var ours []string
	for dependency := range strings.FieldsSeq(golang(t, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./wrapper/webhook")) {
		if !under(dependency, "github.com/go-json-experiment/json") {
			ours = append(ours, dependency)
		}
	}
	assert.Equal(t, []string{module + "/api", module + "/wrapper/webhook"}, ours)
}

// A requirement affects users even if nothing is linked: the highest required version is used, and a user who needs an older
// version could no longer build.
func TestGoMod_NoCheckers(t *testing.T) {
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
