package basiqtest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// The tests use plain net/http, so that the basiq client cannot hide errors of the sandbox.

const (
	server = "SERVER_ACCESS"
	client = "CLIENT_ACCESS"

	hooli     = "AU00000"
	piedPiper = "AU00002"
	nucleus   = "AU00003"
	hooliGov  = "AU00004"

	// noID is a well-formed ID that does not exist.
	noID = "00000000-0000-4000-8000-000000000000"

	// long exceeds the duration of any job.
	long = 20 * time.Second
)

// A caller sends requests to a sandbox with one token.
type caller struct {
	t       *testing.T
	sandbox *basiqtest.Sandbox
	token   string
}

func newCaller(t *testing.T, s *basiqtest.Sandbox, version, scope, userID string) *caller {
	t.Helper()
	r := requestToken(t, s, "Basic "+s.APIKey(), version, url.Values{"scope": {scope}, "userId": {userID}})
	require.Equal(t, http.StatusOK, r.status, r.raw)
	return &caller{t: t, sandbox: s, token: r.text("access_token")}
}

// new21 and new30 create a sandbox and a caller with a server token of that version.
func new21(t *testing.T, opts ...basiqtest.Option) *caller {
	t.Helper()
	return newCaller(t, basiqtest.New(t, opts...), "2.1", server, "")
}

func new30(t *testing.T, opts ...basiqtest.Option) *caller {
	t.Helper()
	return newCaller(t, basiqtest.New(t, opts...), "3.0", server, "")
}

// as returns a caller of the same sandbox with another token.
func (c *caller) as(version, scope, userID string) *caller {
	c.t.Helper()
	return newCaller(c.t, c.sandbox, version, scope, userID)
}

func requestToken(t *testing.T, s *basiqtest.Sandbox, authorization, version string, form url.Values) reply {
	t.Helper()
	return bindInput(t, s, http.MethodPost, "/token", form.Encode(), map[string]string{
		"Authorization": authorization, "basiq-version": version, "Content-Type": "application/x-www-form-urlencoded",
	})
}

// call sends a request. A non-nil body is sent as JSON.
func (c *caller) call(method, path string, body any) reply {
	c.t.Helper()
	headers := map[string]string{"Authorization": "Bearer " + c.token}
	var text string
	if body != nil {
		encoded, err := json.Marshal(body)
		require.NoError(c.t, err)
		text = string(encoded)
		headers["Content-Type"] = "application/json"
	}
	return bindInput(c.t, c.sandbox, method, path, text, headers)
}

func (c *caller) get(path string) reply { c.t.Helper(); return c.call(http.MethodGet, path, nil) }

func (c *caller) post(path string, body any) reply {
	c.t.Helper()
	return c.call(http.MethodPost, path, body)
}

func (c *caller) delete(path string) reply {
	c.t.Helper()
	return c.call(http.MethodDelete, path, nil)
}

// send sends a request. Headers with an empty value are omitted.
func bindInput(t *testing.T, s *basiqtest.Sandbox, method, path, body string, headers map[string]string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	require.NoError(t, err)
	for name, value := range headers {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	resp, err := s.HTTPClient().Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	r := reply{t: t, status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if resp.Header.Get("Content-Type") == "application/json" {
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&r.body), r.raw)
	}
	return r
}

// A reply is a response to a test request.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	raw    string
	body   any
}

// at returns the value at a path, such as data.0.links.self, and whether it exists.
func (r reply) at(path string) (any, bool) {
	value := r.body
	for name := range strings.SplitSeq(path, ".") {
		switch node := value.(type) {
		case map[string]any:
			next, ok := node[name]
			if !ok {
				return nil, false
			}
			value = next
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(node) {
				return nil, false
			}
			value = node[i]
		default:
			return nil, false
		}
	}
	return value, true
}

// text returns the string at a path, which must exist.
func (r reply) text(path string) string {
	r.t.Helper()
	value, ok := r.at(path)
	require.True(r.t, ok, "nothing at %s in %s", path, r.raw)
	text, ok := value.(string)
	require.True(r.t, ok, "no string at %s in %s", path, r.raw)
	return text
}

// has reports whether a path exists, even if its value is null.
func (r reply) has(path string) bool {
	_, ok := r.at(path)
	return ok
}

// length returns the length of the array at a path, which must exist.
func (r reply) length(path string) int {
	r.t.Helper()
	value, _ := r.at(path)
	list, ok := value.([]any)
	require.True(r.t, ok, "no array at %s in %s", path, r.raw)
	return len(list)
}

// requireError asserts that the response is this error, in the documented format.
func (r reply) requireError(status int, code, detail string) {
	r.t.Helper()
	require.Equal(r.t, status, r.status, r.raw)
	require.Equal(r.t, "application/json", r.header.Get("Content-Type"))
	assert.Equal(r.t, "list", r.text("type"))
	assert.Regexp(r.t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, r.text("correlationId"))
	require.Equal(r.t, 1, r.length("data"))
	assert.Equal(r.t, "error", r.text("data.0.type"))
	assert.Equal(r.t, code, r.text("data.0.code"))
	assert.NotEmpty(r.t, r.text("data.0.title"))
	if detail == "" {
		assert.False(r.t, r.has("data.0.detail"), r.raw)
	} else {
		assert.Equal(r.t, detail, r.text("data.0.detail"))
	}
}

// newUser creates a user and returns its ID.
func (c *caller) newUser() string {
	c.t.Helper()
	r := c.as("2.1", server, "").post("/users", map[string]any{"email": "gavin@hooli.com"})
	require.Equal(c.t, http.StatusCreated, r.status, r.raw)
	return r.text("id")
}

func credentials(bank, login, password string) map[string]any {
	return map[string]any{"institution": map[string]any{"id": bank}, "loginId": login, "password": password}
}

// connect creates a connection and returns the ID of its job. It uses a 2.1 token, because version 3.0 does not have
// this operation.
func (c *caller) connect(userID, bank, login, password string) string {
	c.t.Helper()
	r := c.as("2.1", server, "").post("/users/"+userID+"/connections", credentials(bank, login, password))
	require.Equal(c.t, http.StatusAccepted, r.status, r.raw)
	return r.text("id")
}

// newestConnection returns the ID of the user's newest connection.
func (c *caller) newestConnection(userID string) string {
	c.t.Helper()
	r := c.as("2.1", server, "").get("/users/" + userID + "/connections")
	return r.text("data." + strconv.Itoa(r.length("data")-1) + ".id")
}

// connected creates a connection, waits until its job is done, and returns its ID. Call it in a synctest bubble.
func (c *caller) connected(userID, bank, login, password string) string {
	c.t.Helper()
	c.connect(userID, bank, login, password)
	time.Sleep(long)
	return c.newestConnection(userID)
}

// steps returns title:status for each step of a job.
func (r reply) steps() []string {
	r.t.Helper()
	var steps []string
	for i := range r.length("steps") {
		prefix := "steps." + strconv.Itoa(i)
		steps = append(steps, r.text(prefix+".title")+":"+r.text(prefix+".status"))
	}
	return steps
}

// official returns one of Basiq's official payloads.
func official(t *testing.T, name string) any {
	t.Helper()
	root := filepath.Join("..", "..", "api", "conformance")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Skip("official payloads are only in the repository, not in the module")
	}
	raw, err := os.ReadFile(filepath.Join(root, "testdata", "official", filepath.FromSlash(name)+".json"))
	require.NoError(t, err)
	var value any
	require.NoError(t, json.Unmarshal(raw, &value))
	return value
}

// requireShape asserts that the response has the structure of an official payload. Each value must have the same type
// or be null. Additional fields must be listed in extra, as paths without array indexes.
func (r reply) requireShape(want any, extra ...string) {
	r.t.Helper()
	compareShape(r.t, "", want, r.body, extra)
}

func compareShape(t *testing.T, path string, want, got any, extra []string) {
	t.Helper()
	switch got := got.(type) {
	case nil:
	case map[string]any:
		fields, ok := want.(map[string]any)
		require.True(t, ok, "an object at %s", path)
		for name, value := range got {
			at := strings.TrimPrefix(path+"."+name, ".")
			if slices.Contains(extra, at) {
				continue
			}
			require.Contains(t, fields, name, "at %s", path)
			compareShape(t, at, fields[name], value, extra)
		}
	case []any:
		items, ok := want.([]any)
		require.True(t, ok, "a list at %s", path)
		for _, item := range got {
			require.NotEmpty(t, items, path)
			compareShape(t, path, items[0], item, extra)
		}
	case json.Number:
		require.IsType(t, 0.0, want, path)
	case string:
		if want != nil { // an example of an unknown date is null
			require.IsType(t, "", want, path)
		}
	case bool:
		require.IsType(t, true, want, path)
	}
}

// requireFields asserts that the object at a path has at least these fields.
func (r reply) requireFields(path string, names ...string) {
	r.t.Helper()
	for _, name := range names {
		require.True(r.t, r.has(path+"."+name), "%s in %s", path+"."+name, r.raw)
	}
}

// ids returns the IDs of the items of a list.
func (r reply) ids() []string {
	r.t.Helper()
	ids := make([]string, 0, r.length("data"))
	for i := range r.length("data") {
		ids = append(ids, r.text("data."+strconv.Itoa(i)+".id"))
	}
	return ids
}

// filtered returns a path with a filter.
func filtered(path, filter string) string { return path + "?filter=" + url.QueryEscape(filter) }

// object is a JSON object to send.
type object = map[string]any

// items returns the list at a path.
func items(r reply, path string) []any {
	r.t.Helper()
	value, _ := r.at(path)
	list, ok := value.([]any)
	require.True(r.t, ok, "%s in %s", path, r.raw)
	return list
}

// numberAt returns the number at a path.
func numberAt(r reply, path string) float64 {
	r.t.Helper()
	value, _ := r.at(path)
	text, _ := value.(json.Number)
	number, err := text.Float64()
	require.NoError(r.t, err, "%s in %s", path, r.raw)
	return number
}
