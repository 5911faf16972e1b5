package basiqtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxBody bounds the body of a request; a longer one is not valid.
const maxBody = 1 << 20

// versions and scopes are sets of API versions and of token scopes.
type (
	versions uint8
	scopes   uint8
)

const (
	v21 versions = 1 << iota
	v30

	anyVersion = v21 | v30
)

const (
	server scopes = 1 << iota
	client

	anyScope = server | client
)

// route is an operation of the contract.
type route struct {
	operation string
	method    string
	path      string
	versions  versions
	scopes    scopes // none: the operation wants no token
	body      string // what the documents call the JSON that it takes; "" when it takes none
	handle    func(*Sandbox, *call) (answer, error)
}

// routes is the contract: each of its operations has one line here, in its order.
func routes() []route {
	return []route{
		{"postToken", http.MethodPost, "/token", anyVersion, 0, "", (*Sandbox).postToken},

		{"createUser", http.MethodPost, "/users", anyVersion, server, "user", (*Sandbox).createUser},
		{"getUser", http.MethodGet, "/users/{userId}", anyVersion, anyScope, "", (*Sandbox).getUser},
		{"updateUser", http.MethodPost, "/users/{userId}", anyVersion, server, "user", (*Sandbox).updateUser},
		{"deleteUser", http.MethodDelete, "/users/{userId}", anyVersion, server, "", (*Sandbox).deleteUser},

		{"getConnections", http.MethodGet, "/users/{userId}/connections", anyVersion, server, "", (*Sandbox).getConnections},
		{"postConnection", http.MethodPost, "/users/{userId}/connections", v21, anyScope, "connection", (*Sandbox).postConnection},
		{"refreshConnections", http.MethodPost, "/users/{userId}/connections/refresh", anyVersion, server, "", (*Sandbox).refreshConnections},
		{"getConnection", http.MethodGet, "/users/{userId}/connections/{connectionId}", anyVersion, anyScope, "", (*Sandbox).getConnection},
		{"updateConnection", http.MethodPost, "/users/{userId}/connections/{connectionId}", v21, anyScope, "connection", (*Sandbox).updateConnection},
		{"deleteConnection", http.MethodDelete, "/users/{userId}/connections/{connectionId}", anyVersion, server, "", (*Sandbox).deleteConnection},
		{"refreshConnection", http.MethodPost, "/users/{userId}/connections/{connectionId}/refresh", anyVersion, server, "", (*Sandbox).refreshConnection},
		{"purgeConnectionData", http.MethodPost, "/users/{userId}/connections/{connectionId}/purge", v30, server, "", (*Sandbox).purgeConnectionData},

		{"getUserJobs", http.MethodGet, "/users/{userId}/jobs", anyVersion, server, "", (*Sandbox).getUserJobs},
		{"getJobs", http.MethodGet, "/jobs/{jobId}", anyVersion, anyScope, "", (*Sandbox).getJobs},
		{"postJobMfa", http.MethodPost, "/jobs/{jobId}/mfa", anyVersion, client, "MFA response", (*Sandbox).postJobMFA},
	}
}

// call is a request on its way through a handler, which runs with the sandbox locked.
type call struct {
	route *route
	http  *http.Request
	body  []byte
	token *token // nil where the operation wants none
	now   time.Time
}

// answer is what a handler has to say. A nil body is none.
type answer struct {
	status int
	body   any
}

func (s *Sandbox) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range routes() {
		mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, req *http.Request) {
			// Read before anything is locked: a slow client must not keep the others waiting.
			body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
			if err != nil {
				body = nil // is not valid where a body is wanted
			}
			s.answer(w, &call{route: &r, http: req, body: body}, s.dispatch)
		})
	}
	mux.HandleFunc("/", s.serveUnknown)
	return mux
}

// ServeHTTP answers a request to the API. It makes the [Sandbox] an [http.Handler].
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The gateway refuses a path with an empty segment. One with a dot for a segment is refused too, which no document
	// mentions: http.ServeMux would redirect it, and a client might follow to what it never asked for.
	segments := strings.Split(r.URL.Path, "/")
	if r.URL.Path != "/" && (segments[0] != "" || slices.ContainsFunc(segments[1:], noName)) {
		s.answer(w, &call{route: &route{}, http: r}, func(*call) (answer, error) { return answer{}, invalidRequest() })
		return
	}
	s.mux.ServeHTTP(w, r)
}

func noName(segment string) bool { return segment == "" || segment == "." || segment == ".." }

// serveUnknown answers a request to what is no operation: 405 when its path has others, 404 when it has none.
func (s *Sandbox) serveUnknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	err := resourceNotFound()
	if allowed != nil {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		err = methodNotAllowed()
	}
	s.answer(w, &call{route: &route{}, http: r}, func(*call) (answer, error) { return answer{}, err })
}

// answer runs handle with the sandbox locked, logs the request and writes the answer. The log comes before the writing,
// so that a client who has the answer finds its request in the log.
func (s *Sandbox) answer(w http.ResponseWriter, c *call, handle func(*call) (answer, error)) {
	status, contentType, body := s.lockedAnswer(c, handle)
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (s *Sandbox) lockedAnswer(c *call, handle func(*call) (answer, error)) (status int, contentType string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = time.Now()
	a, err := handle(c)
	status, contentType, body = encode(a, err)
	s.log.add(Request{
		Method: c.http.Method, Path: c.http.URL.Path, Operation: c.route.operation, Status: status, Time: c.now,
	})
	return status, contentType, body
}

func encode(a answer, err error) (status int, contentType string, body []byte) {
	if f, ok := errors.AsType[*failure](err); ok {
		if f.text != "" {
			return f.status, "text/plain; charset=utf-8", []byte(f.text)
		}
		a = answer{f.status, f.envelope()}
	} else if err != nil {
		panic("basiqtest: an error that is no answer: " + err.Error())
	}
	if a.body == nil {
		return a.status, "", nil
	}
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(a.body); err != nil {
		panic("basiqtest: an answer that is no JSON: " + err.Error())
	}
	return a.status, "application/json", buf.Bytes()
}

// dispatch makes the checks that all operations share, in the order in which a service behind a gateway is likely to
// make them: who calls, what may they call, in which form, and last what the operation itself has to say.
func (s *Sandbox) dispatch(c *call) (answer, error) {
	if c.route.scopes != 0 {
		if err := s.authorize(c); err != nil {
			return answer{}, err
		}
	}
	if !acceptsJSON(c.http.Header.Values("Accept")) {
		return answer{}, unsupportedAccept()
	}
	// A body that is missing altogether has no type to be wrong; it is not valid, says the operation later.
	if c.route.body != "" && (len(c.body) > 0 || c.http.Header.Get("Content-Type") != "") &&
		!isJSON(c.http.Header.Get("Content-Type")) {
		return answer{}, unsupportedContentType()
	}
	return c.route.handle(s, c)
}

func acceptsJSON(accept []string) bool {
	if len(accept) == 0 {
		return true
	}
	for ranges := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		mediaType, params, err := mime.ParseMediaType(ranges)
		if err != nil || strings.Trim(params["q"], "0.") == "" && params["q"] != "" {
			continue
		}
		switch mediaType {
		case "application/json", "application/*", "*/*":
			return true
		}
	}
	return false
}

func isJSON(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && (mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"))
}

// decode reads the body of the call into v. The error says nothing of the body: it may hold a password.
func (c *call) decode(v any) error {
	if json.Unmarshal(c.body, v) != nil {
		return invalidContent(c.route.body)
	}
	return nil
}

// url returns an absolute URL on the host that the request was sent to.
func (c *call) url(path string) string {
	scheme := "http"
	if c.http.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.http.Host + path
}

// self is the links of a thing that links to nothing but itself.
func (c *call) self(path string) object { return object{"self": c.url(path)} }

// formatTime writes a moment as the API does, in UTC and in whole seconds.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
