package fleettest

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// front is a server in front of a sandbox. It records all requests, while the sandbox keeps 10,000, and makes connections look
// a day older than they are until they are refreshed.
type front struct {
	sandbox *basiqtest.Sandbox
	server  *httptest.Server

	mu sync.Mutex
	// begin is when the processes start. Connections that were last used before look old.
	begin    time.Time
	requests []record
}

// record is a request that a front has received.
type record struct {
	at           time.Time
	method, path string
	process      string // the product in the User-Agent header
	status       int
}

func newFront(t *testing.T, sandbox *basiqtest.Sandbox) *front {
	t.Helper()
	f := &front{sandbox: sandbox}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

var lastUsed = regexp.MustCompile(`"lastUsed":"[^"]*"`)

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	process, _, _ := strings.Cut(r.UserAgent(), " ")
	f.mu.Lock()
	begin, i := f.begin, len(f.requests)
	f.requests = append(f.requests, record{time.Now(), r.Method, r.URL.Path, process, 0})
	f.mu.Unlock()
	recorder := httptest.NewRecorder()
	f.sandbox.ServeHTTP(recorder, r)
	f.mu.Lock()
	f.requests[i].status = recorder.Code
	f.mu.Unlock()
	body := recorder.Body.Bytes()
	if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/connections") {
		body = lastUsed.ReplaceAllFunc(body, func(field []byte) []byte {
			text := strings.TrimSuffix(strings.TrimPrefix(string(field), `"lastUsed":"`), `"`)
			at, err := time.Parse(time.RFC3339, text)
			if err != nil || !at.Before(begin) {
				return field
			}
			return bytes.Replace(field, []byte(text), []byte(at.Add(-24*time.Hour).Format(time.RFC3339)), 1)
		})
	}
	maps.Copy(w.Header(), recorder.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(body)
}

// start makes the connections look old and forgets the requests.
func (f *front) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begin, f.requests = time.Now().Truncate(time.Second), nil
}

// of returns the recorded requests that meet a condition.
func (f *front) of(condition func(record) bool) []record {
	f.mu.Lock()
	defer f.mu.Unlock()
	var some []record
	for _, r := range f.requests {
		if condition(r) {
			some = append(some, r)
		}
	}
	return some
}
