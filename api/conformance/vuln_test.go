package conformance

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// vulnDB returns the URL of a vulnerability database in the format of govulncheck. In "found", all versions below 99.0.0 of two
// modules are vulnerable; in "fixed", all versions below 0.0.1.
func vulnDB(t *testing.T, name string) string {
	t.Helper()
	directory, err := filepath.Abs(filepath.Join("testdata/vulndb", name))
	require.NoError(t, err)
	require.DirExists(t, directory)
	return "file://" + directory
}

// smallModule creates a module with one file and returns its directory.
func smallModule(t *testing.T, code string) string {
	t.Helper()
	directory := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, "go.mod"), []byte("module example.com/small\n\ngo 1.26.0\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(directory, "small.go"), []byte(code), 0o600))
	return directory
}

// The script passes if the database is unreachable, so these tests make sure that it does search and that it distinguishes the two
// cases. `make vuln` runs them first.
func TestVulnScript(t *testing.T) {
	t.Parallel()
	// Build govulncheck first, because the script cannot download it below, where the network is blocked.
	golang(t, "-C", "api/conformance", "tool", "-n", "govulncheck")

	sound, broken := smallModule(t, "package small\n"), smallModule(t, "package small\n\nvar x int = \"\"\n")
	strange := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(strange.Close)
	// The port is closed. The proxy is used for every host except localhost.
	const noWayOut = "HTTPS_PROXY=http://127.0.0.1:1"

	for _, c := range []struct {
		name      string
		directory []string // empty: the default modules of the script
		env       []string
		fails     bool
		want      []string
	}{
		{
			name: "a vulnerability in each of the three fails", env: []string{"VULNDB=" + vulnDB(t, "found")},
			fails: true, want: []string{
				"Vulnerability #1: GO-2099-000", "Made up for a test",
				"Found in the module: see above", "Found in api/conformance: see above", "Found in the generator: see above",
			},
		},
		{
			name: "a vulnerability fixed in the used version passes", directory: []string{"."},
			env:  []string{"VULNDB=" + vulnDB(t, "fixed")},
			want: []string{"No known vulnerabilities found in 1 scanned"},
		},
		{
			name: "an unreachable database is reported", directory: []string{sound}, env: []string{noWayOut},
			want: []string{"127.0.0.1:1", "SKIPPED: the vulnerability database is unreachable"},
		},
		{
			name: "an unreachable database fails if it is required", directory: []string{sound}, env: []string{noWayOut, "VULNDB_REQUIRED=1"},
			fails: true, want: []string{"FAILED: the vulnerability database is unreachable"},
		},
		{
			name: "code that does not compile fails even without a database", directory: []string{broken}, env: []string{noWayOut},
			fails: true, want: []string{"small.go:3", "govulncheck failed with status 1"},
		},
		{
			name: "an invalid database fails", directory: []string{sound}, env: []string{"VULNDB=" + strange.URL},
			fails: true, want: []string{"unrecognized vulndb format", "govulncheck failed with status 1"},
		},
		{
			name: "an unsupported database URL fails", directory: []string{sound}, env: []string{"VULNDB=ftp://127.0.0.1"},
			fails: true, want: []string{"unsupported scheme", "govulncheck failed with status"},
		},
		{
			name: "a missing directory fails", directory: []string{filepath.Join(sound, "none")}, env: []string{noWayOut},
			fails: true, want: []string{"govulncheck failed with status"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			script := exec.CommandContext(t.Context(), "../vuln.sh", c.directory...)
			script.Env = append(append(os.Environ(), "VULNDB=", "VULNDB_REQUIRED=", "NO_PROXY=", "no_proxy=", "https_proxy="), c.env...)
			out, err := script.CombinedOutput()
			if c.fails {
				var status *exec.ExitError
				require.ErrorAs(t, err, &status, "%s", out)
				assert.Equal(t, 1, status.ExitCode(), "%s", out)
			} else {
				require.NoError(t, err, "%s", out)
			}
			for _, text := range c.want {
				require.Contains(t, string(out), text)
			}
		})
	}
}
