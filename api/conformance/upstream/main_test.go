package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const contract = `
openapi: 3.0.3
paths:
  /things:
    get:
      operationId: getThings
      parameters: [{name: sort, in: query, schema: {type: string, enum: [up]}}]
      responses:
        "200":
          description: Things.
          content: {application/json: {schema: {type: object, properties: {id: {type: string}, status: {type: string, enum: [on]}}}}}
`

const description = `{"openapi": "3.0.1", "paths": {"/things": {"get": {"operationId": "things",
  "parameters": [{"name": "sort", "in": "query", "schema": {"enum": ["up"]}}],
  "responses": {"200": {"content": {"application/json": {"schema": {"properties": {"id": {}, "status": {"enum": ["on"]}}}}}}}
}}}}`

// repository returns a directory with the files that the command reads.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	const heading = "operation\tkind\tplace\tname\tsection\tsubject\n"
	for name, text := range map[string]string{
		"openapi.yaml":     contract,
		"wrapper/codes.go": "package basiq\n",
		"api/conformance/testdata/official/lacking.tsv": heading + "getThings\tstatus\t\t418\tThings\tteapots\n",
		"api/conformance/testdata/upstream.tsv":         heading + "GET /left/{}\toperation\t\t\tThings\tleft out\n",
	} {
		name = filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	return root
}

// serve starts a server of descriptions. connect serves connect.json. The other descriptions match the contract.
func serve(t *testing.T, connect http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{name}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("name") == "connect.json" {
			connect(w, r)
			return
		}
		_, _ = w.Write([]byte(description))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func text(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func run(t *testing.T, env map[string]string, arguments ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := command(t.Context(), append([]string{"-root", repository(t)}, arguments...), func(name string) string { return env[name] }, &out)
	return out.String(), err
}

func TestCommand(t *testing.T) {
	t.Parallel()
	planted := func(old, with string) http.HandlerFunc {
		require.Equal(t, 1, strings.Count(description, old))
		return text(strings.Replace(description, old, with, 1))
	}
	for _, tc := range []struct {
		name    string
		connect http.HandlerFunc
		want    []string // the lines that report something
	}{
		{"no difference", text(description), nil},
		{"a property", planted(`"id": {}`, `"id": {}, "displayName": {}`), []string{"- connect.json: property /displayName of 200 in getThings"}},
		{"an operation", planted(`"/things": {`, `"/more": {"get": {"operationId": "getMore"}}, "/things": {`), []string{"- connect.json: operation GET /more (getMore)"}},
		{"a value", planted(`["on"]`, `["on", "off"]`), []string{`- connect.json: value "off" of 200 /status in getThings`}},
		{"a value of a parameter", planted(`["up"]`, `["down"]`), []string{`- connect.json: value "down" of query sort in getThings`}},
		{"a parameter", planted(`"sort"`, `"filter"`), []string{"- connect.json: parameter filter of query in getThings"}},
		{"a status", planted(`"200": {`, `"410": {}, "200": {`), []string{"- connect.json: status 410 of getThings"}},
		{"exceptions", planted(`{"200": {`, `{"418": {}, "200": {`), nil},
		{"an operation left out", planted(`"/things": {`, `"/left/{id}": {"get": {}}, "/things": {`), nil},
		{"a line that ends the block", planted(`"id": {}`, "\"```\\n@all\": {}"), []string{"- connect.json: property /''' @all of 200 in getThings"}},
		{"removed", status(http.StatusNotFound), []string{"- connect.json: no longer published (404 Not Found)"}},
		{"not JSON", text("paths: {}"), []string{"- connect.json: not JSON"}},
		{"no operations", text(`{"paths": {}}`), []string{"- connect.json: no operations"}},
		{"a broken reference", text(`{"paths": {"/a": {"get": {"parameters": [{"$ref": "#/a"}]}}}}`), []string{"- connect.json: line 1: unresolved reference #/a"}},
		{"too large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxSize+1)) }, []string{"- connect.json: larger than 16777216 bytes"}},
		{"unavailable", status(http.StatusServiceUnavailable), []string{"SKIPPED: connect.json: not available: 503 Service Unavailable"}},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}, []string{"SKIPPED: connect.json: not available: unexpected EOF"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, err := run(t, nil, "-from", serve(t, tc.connect))
			var lines []string
			lacking := false
			for line := range strings.Lines(out) {
				if line = strings.TrimSpace(line); strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "SKIPPED") {
					lines = append(lines, line)
					lacking = lacking || line[0] == '-'
				}
			}
			assert.Equal(t, tc.want, lines)
			assert.Equal(t, !lacking, strings.Contains(out, "The contract lacks nothing."), out)
			if lacking {
				require.ErrorContains(t, err, "the contract lacks something")
			} else {
				require.NoError(t, err)
			}
			assert.Contains(t, out, "affordability.json")
		})
	}
}

func TestCommand_NoNetwork(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	server.Close()
	out, err := run(t, nil, "-from", server.URL, "-issue")
	require.NoError(t, err)
	assert.Equal(t, len(files), strings.Count(out, "SKIPPED: "))
	assert.Contains(t, out, "No description could be downloaded, so nothing was compared.")
	assert.NotContains(t, out, "lacks nothing")
}

func TestCommand_Errors(t *testing.T) {
	t.Parallel()
	_, err := run(t, nil, "extra")
	require.ErrorContains(t, err, `unexpected argument "extra"`)
	_, err = run(t, nil, "-root", t.TempDir())
	require.ErrorContains(t, err, "openapi.yaml")
	_, err = run(t, nil, "-issue", "-from", serve(t, status(http.StatusNotFound)))
	require.ErrorContains(t, err, "GITHUB_REPOSITORY")
}

// github simulates the parts of GitHub's API that the command uses.
type github struct {
	open    string // the list of open issues
	code    int    // status of the response to a write
	written []string
}

func (g *github) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer the-token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodGet {
		if r.URL.RequestURI() == "/repos/o/r/issues?state=open&per_page=100&labels=upstream" {
			_, _ = w.Write([]byte(g.open))
		}
		return
	}
	var in struct {
		Title, Body string
		Labels      []string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	g.written = append(g.written, fmt.Sprintf("%s %s %s %v\n%s", r.Method, r.URL.Path, in.Title, in.Labels, in.Body))
	w.WriteHeader(g.code)
	_, _ = w.Write([]byte(`{"number": 8}`))
}

func TestCommand_Issue(t *testing.T) {
	t.Parallel()
	const line = "connect.json: no longer published (404 Not Found)\n"
	body := (&report{lacks: []string{strings.TrimSpace(line)}}).issue()
	quoted, err := json.Marshal(body)
	require.NoError(t, err)
	for _, tc := range []struct {
		name, open string
		code       int
		want       string // the start of the write request
		out, err   string
	}{
		{"no issue", `[]`, http.StatusCreated, "POST /repos/o/r/issues " + title + " [upstream]\n", "Opened issue 8.", ""},
		{"another issue", `[{"number": 7, "body": "old"}]`, http.StatusOK, "PATCH /repos/o/r/issues/7  []\n", "Updated issue 7.", ""},
		{"the same issue", `[{"number": 7, "body": ` + string(quoted) + `}]`, http.StatusOK, "", "Issue 7 is up to date.", ""},
		{"a pull request", `[{"number": 7, "body": "old", "pull_request": {}}]`, http.StatusCreated, "POST /repos/o/r/issues ", "Opened issue 8.", ""},
		{"forbidden", `[]`, http.StatusForbidden, "POST", "", "POST issues: 403 Forbidden"},
		{"no list", `{}`, http.StatusOK, "", "", "cannot unmarshal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := &github{open: tc.open, code: tc.code}
			server := httptest.NewServer(g)
			t.Cleanup(server.Close)
			env := map[string]string{"GITHUB_API_URL": server.URL, "GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": "the-token"}
			out, err := run(t, env, "-issue", "-from", serve(t, status(http.StatusNotFound)))
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
			} else {
				require.NoError(t, err)
				assert.Contains(t, out, tc.out)
			}
			assert.NotContains(t, out, "the-token")
			if tc.want == "" {
				assert.Empty(t, g.written)
				return
			}
			require.Len(t, g.written, 1)
			assert.True(t, strings.HasPrefix(g.written[0], tc.want), g.written[0])
			assert.Contains(t, g.written[0], "```text\n"+line+"```\n")
		})
	}
}

func TestReport_IssueIsBounded(t *testing.T) {
	t.Parallel()
	r := &report{unavailable: []string{"a"}}
	for range 1000 {
		r.lacks = append(r.lacks, strings.Repeat("x", 99))
	}
	body := r.issue()
	assert.Less(t, len(body), 65_536)
	assert.Contains(t, body, "\n... and 400 more\n```\n")
	assert.Contains(t, body, "Not compared because the download failed: 1 of 10 descriptions.")
}
