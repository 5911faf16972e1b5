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

// vulnDB returns the URL of a vulnerability database, in the form that govulncheck reads. In "found" all versions below 99.0.0
// of two modules are vulnerable, in "fixed" all below 0.0.1.
func vulnDB(t *testing.T, name string) string {
	t.Helper()
	directory, err := filepath.Abs(filepath.Join("testdata/vulndb", name))
	require.NoError(t, err)
	require.DirExists(t, directory)
	return "file://" + directory
}

// smallModule writes a module of one file.
func smallModule(t *testing.T, code string) string {
	t.Helper()
	directory := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, "go.mod"), []byte("module example.com/small\n\ngo 1.26.0\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(directory, "small.go"), []byte(code), 0o600))
	return directory
}

// A check that passes when it cannot look needs a proof that it does look, and tells one from the other. `make vuln` runs
// this first.
func TestVulnScript(t *testing.T) {
	t.Parallel()
	// The script must not have to fetch govulncheck below, where its way out is cut off.
	golang(t, "-C", "api/conformance", "tool", "-n", "govulncheck")

	sound, broken := smallModule(t, "package small\n"), smallModule(t, "package small\n\nvar x int = \"\"\n")
	strange := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(strange.Close)
	// Nothing listens there, and the proxy is asked for every host but this machine's.
	const noWayOut = "HTTPS_PROXY=http://127.0.0.1:1"

	for _, c := range []struct {
		name      string
		directory []string // empty: all that the script looks at by itself
		env       []string
		fails     bool
		says      []string
	}{
		{
			name: "each of the three is searched, and a finding in it fails", env: []string{"VULNDB=" + vulnDB(t, "found")},
			fails: true, says: []string{
				"Vulnerability #1: GO-2099-000", "Made up for a test",
				"Found in the module: see above", "Found in api/conformance: see above", "Found in the generator: see above",
			},
		},
		{
			name: "what is fixed in the version here is no finding", directory: []string{"."},
			env:  []string{"VULNDB=" + vulnDB(t, "fixed")},
			says: []string{"No known vulnerability in reach; looked through 1"},
		},
		{
			name: "a database out of reach is said", directory: []string{sound}, env: []string{noWayOut},
			says: []string{"127.0.0.1:1", "SKIPPED: the vulnerability database is out of reach"},
		},
		{
			name: "unless it is required", directory: []string{sound}, env: []string{noWayOut, "VULNDB_REQUIRED=1"},
			fails: true, says: []string{"FAILED: the vulnerability database is out of reach"},
		},
		{
			name: "code that does not compile fails, whatever is in reach", directory: []string{broken}, env: []string{noWayOut},
			fails: true, says: []string{"small.go:3", "govulncheck failed with status 1"},
		},
		{
			name: "an answer that is no database's fails", directory: []string{sound}, env: []string{"VULNDB=" + strange.URL},
			fails: true, says: []string{"unrecognized vulndb format", "govulncheck failed with status 1"},
		},
		{
			name: "arguments that govulncheck does not take fail", directory: []string{sound}, env: []string{"VULNDB=ftp://127.0.0.1"},
			fails: true, says: []string{"unsupported scheme", "govulncheck failed with status"},
		},
		{
			name: "a directory that is not there fails", directory: []string{filepath.Join(sound, "none")}, env: []string{noWayOut},
			fails: true, says: []string{"govulncheck failed with status"},
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
			for _, text := range c.says {
				require.Contains(t, string(out), text)
			}
		})
	}
}
