package conformance

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// generatedCall is a call for testdata/generated/main.go.txt.
type generatedCall struct {
	Method string
	Path   []string          `json:",omitempty"`
	Query  map[string]string `json:",omitempty"`
	Body   any               `json:",omitempty"`
}

// Clients that oapi-codegen generates from Basiq's own descriptions, with its strict defaults, must decode the sandbox's
// responses. The descriptions are not in this repository. BASIQ_OFFICIAL is their directory, as for make official.
func TestSandbox_GeneratedClients(t *testing.T) {
	t.Parallel()
	descriptions := os.Getenv("BASIQ_OFFICIAL")
	if descriptions == "" {
		t.Skip("BASIQ_OFFICIAL is not set to the directory with Basiq's descriptions")
	}

	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(1000), basiqtest.WithWebhookClient(&http.Client{Transport: receiver}))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sandbox.Close()) })
	v := newVisitorOf(t, sandbox, func(time.Duration) { time.Sleep(200 * time.Millisecond) })
	ids := v.callAll()
	v21, v30 := v.token("2.1", "SERVER_ACCESS", ""), v.token("3.0", "SERVER_ACCESS", "")
	link := v.call(v30, "postAuthLink", 201, "POST /users/"+ids["userId"]+"/auth_link", object{})
	require.NotEmpty(t, link.at("links.public"))

	// Call every operation that reads data, with the required arguments.
	query := map[string]map[string]string{
		"getEnrich": {"Q": `"WOOLWORTHS 1624 DEE WHY"`, "Institution": `"AU00000"`}, // API version 2.1
		"Enrich":    {"Q": `"WOOLWORTHS 1624 DEE WHY"`, "Institution": `"AU00000"`, "Country": `"AU"`},
	}
	ids["institutionID"], ids["connectorId"], ids["method"] = "AU00000", "AU00000", "web"
	calls := map[string][]generatedCall{}
	for _, op := range officialOperations(t, readMistakes(t)) {
		if op.Method != http.MethodGet || op.path != op.Path {
			continue
		}
		c := generatedCall{Method: strings.ToUpper(op.ID[:1]) + op.ID[1:], Query: query[op.ID]}
		for _, name := range parameter.FindAllString(op.contract.path, -1) {
			name = strings.Trim(name, "{}")
			id := ids[name]
			switch {
			case op.contract.OperationID == "getIncome", op.contract.OperationID == "getExpenses":
				if name == "snapshotId" {
					as, kind := v30, strings.ToLower(strings.TrimPrefix(op.contract.OperationID, "get"))
					if op.Version == "2.1" {
						as = v21
					}
					id = v.call(as, "post"+strings.TrimPrefix(op.contract.OperationID, "get"), 200, "POST /users/"+ids["userId"]+"/"+kind, object{}).at("id")
				}
			case name == "institutionId":
				id = "AU00000"
			}
			require.NotEmpty(t, id, "%s in %s", name, op.contract.path)
			c.Path = append(c.Path, id)
		}
		calls[op.File] = append(calls[op.File], c)
	}
	require.Len(t, calls, 10)
	for file, list := range calls {
		if file == "reports.yml" {
			continue // the generator rejects this file
		}
		as := v30
		if file == "swagger-2.1.json" {
			as = v21
		}
		input, err := json.Marshal(map[string]any{"Server": sandbox.URL(), "Token": as.value, "Calls": list})
		require.NoError(t, err)
		program := generateClient(t, filepath.Join(descriptions, file))
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Stdin = bytes.NewReader(input)
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", file, output)
		lines := strings.Split(strings.TrimSpace(string(output)), "\n")
		assert.Len(t, lines, len(list), file)
		read := 0
		for _, line := range lines {
			name, outcome, _ := strings.Cut(line, ": ")
			want := "200, read"
			if problem, ok := undecodable[file+" "+name]; ok {
				want = problem
			} else {
				read++
			}
			assert.Contains(t, outcome, want, "%s: %s", file, name)
		}
		t.Logf("%s: %d of %d operations read", file, read, len(lines))
	}
}

// undecodable lists responses that clients generated from a description cannot decode, because the description contradicts its own
// examples. The sandbox follows the examples.
var undecodable = map[string]string{
	"webhooks.yml GetWebhookMessage": "Message.attempts of type string",     // examples have objects
	"core.yml GetEvents":             "EventsData.data.data of type string", // examples have objects
	"platform.json GetEvents":        ".data.data of type string",           // as in core.yml
}

// generateClient generates a client from a description and builds the program that uses it.
func generateClient(t *testing.T, description string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	if filepath.Base(description) == "swagger-2.1.json" { // the generator does not support Swagger 2
		var old openapi2.T
		require.NoError(t, json.Unmarshal([]byte(readFile(t, description)), &old))
		doc, err := openapi2conv.ToV3(&old)
		require.NoError(t, err)
		converted, err := json.Marshal(doc)
		require.NoError(t, err)
		write("openapi.json", string(converted))
		description = filepath.Join(dir, "openapi.json")
	}
	write("config.yaml", "package: main\noutput: "+filepath.Join(dir, "client.go")+
		"\ngenerate: {models: true, client: true}\noutput-options: {resolve-type-name-collisions: true}\n")
	run := func(in string, args ...string) {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = in
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: go %s: %s", description, strings.Join(args, " "), output)
	}
	run(root, "tool", "-modfile=tools.mod", "oapi-codegen", "-config", filepath.Join(dir, "config.yaml"), description)
	write("main.go", readFile(t, "testdata/generated/main.go.txt"))
	for _, name := range []string{"go.mod", "go.sum"} { // the generated code needs the same runtime as ours
		write(name, readFile(t, root, name))
	}
	run(dir, "build", "-o", "program", ".")
	return filepath.Join(dir, "program")
}
