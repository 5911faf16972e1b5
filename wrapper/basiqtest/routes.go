package basiqtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
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

		{"getUsers", http.MethodGet, "/users", v21, server, "", (*Sandbox).notPlayed},
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

		{"getAccounts", http.MethodGet, "/users/{userId}/accounts", anyVersion, server, "", (*Sandbox).notPlayed},
		{"getAccount", http.MethodGet, "/users/{userId}/accounts/{accountId}", anyVersion, server, "", (*Sandbox).notPlayed},

		{"getTransactions", http.MethodGet, "/users/{userId}/transactions", anyVersion, server, "", (*Sandbox).notPlayed},
		{"getTransaction", http.MethodGet, "/users/{userId}/transactions/{transactionId}", anyVersion, server, "", (*Sandbox).notPlayed},

		{"createStatement", http.MethodPost, "/users/{userId}/statements", anyVersion, anyScope, "", (*Sandbox).notPlayed},
		{"getEnrich", http.MethodGet, "/enrich", anyVersion, anyScope, "", (*Sandbox).notPlayed},

		{"getConnectors", http.MethodGet, "/connectors", anyVersion, anyScope, "", (*Sandbox).notPlayed},
		{"getConnector", http.MethodGet, "/connectors/{connectorId}/{method}", anyVersion, anyScope, "", (*Sandbox).notPlayed},
		{"getPublicConnectors", http.MethodGet, "/public/connectors", v21, 0, "", (*Sandbox).notPlayed},
		{"getPublicConnector", http.MethodGet, "/public/connectors/{connectorId}/{method}", v21, 0, "", (*Sandbox).notPlayed},
		{"getInstitutions", http.MethodGet, "/institutions", v21, anyScope, "", (*Sandbox).notPlayed},
		{"getInstitution", http.MethodGet, "/institutions/{institutionId}", v21, anyScope, "", (*Sandbox).notPlayed},
		{"getPublicInstitutions", http.MethodGet, "/public/institutions", v21, 0, "", (*Sandbox).notPlayed},

		{"getConsents", http.MethodGet, "/users/{userId}/consents", v30, server, "", (*Sandbox).notPlayed},
		{"deleteConsent", http.MethodDelete, "/users/{userId}/consents/{consentId}", v30, server, "", (*Sandbox).notPlayed},
		{"getAuthLink", http.MethodGet, "/users/{userId}/auth_link", anyVersion, server, "", (*Sandbox).notPlayed},
		{"postAuthLink", http.MethodPost, "/users/{userId}/auth_link", anyVersion, server, "", (*Sandbox).notPlayed},
		{"deleteAuthLink", http.MethodDelete, "/users/{userId}/auth_link", anyVersion, anyScope, "", (*Sandbox).notPlayed},

		{"getUserIdentities", http.MethodGet, "/users/{userId}/identities", anyVersion, anyScope, "", (*Sandbox).notPlayed},
		{"getUserIdentity", http.MethodGet, "/users/{userId}/identities/{identityId}", anyVersion, anyScope, "", (*Sandbox).notPlayed},

		{"getEvents", http.MethodGet, "/events", v30, server, "", (*Sandbox).notPlayed},
		{"getEvent", http.MethodGet, "/events/{eventId}", v30, server, "", (*Sandbox).notPlayed},
		{"listEventTypes", http.MethodGet, "/events/types", v30, server, "", (*Sandbox).notPlayed},
		{"getEventTypeById", http.MethodGet, "/events/types/{eventTypeId}", v30, server, "", (*Sandbox).notPlayed},

		{"listAppWebhooks", http.MethodGet, "/notifications/webhooks", v30, server, "", (*Sandbox).notPlayed},
		{"addWebhook", http.MethodPost, "/notifications/webhooks", v30, server, "", (*Sandbox).notPlayed},
		{"getWebhook", http.MethodGet, "/notifications/webhooks/{webhookId}", v30, server, "", (*Sandbox).notPlayed},
		{"updateWebhook", http.MethodPost, "/notifications/webhooks/{webhookId}", v30, server, "", (*Sandbox).notPlayed},
		{"deleteWebhook", http.MethodDelete, "/notifications/webhooks/{webhookId}", v30, server, "", (*Sandbox).notPlayed},
		{"listMessages", http.MethodGet, "/notifications/webhooks/{webhookId}/messages", v30, server, "", (*Sandbox).notPlayed},
		{"getWebhookMessage", http.MethodGet, "/notifications/webhooks/{webhookId}/messages/{messageId}", v30, server, "", (*Sandbox).notPlayed},
		{"testMessage", http.MethodPost, "/notifications/messages/test", v30, server, "", (*Sandbox).notPlayed},

		{"getAffordabilityList", http.MethodGet, "/users/{userId}/affordability", anyVersion, server, "", (*Sandbox).notPlayed},
		{"postAffordability", http.MethodPost, "/users/{userId}/affordability", anyVersion, server, "", (*Sandbox).notPlayed},
		{"getAffordability", http.MethodGet, "/users/{userId}/affordability/{snapshotId}", anyVersion, server, "", (*Sandbox).notPlayed},
		{"getAffordabilitySnapshotTransactions", http.MethodGet, "/users/{userId}/affordability/{snapshotId}/transactions", anyVersion, server, "", (*Sandbox).notPlayed},
		{"postIncome", http.MethodPost, "/users/{userId}/income", anyVersion, server, "", (*Sandbox).notPlayed},
		{"getIncome", http.MethodGet, "/users/{userId}/income/{snapshotId}", anyVersion, server, "", (*Sandbox).notPlayed},
		{"postExpenses", http.MethodPost, "/users/{userId}/expenses", anyVersion, server, "", (*Sandbox).notPlayed},
		{"getExpenses", http.MethodGet, "/users/{userId}/expenses/{snapshotId}", anyVersion, server, "", (*Sandbox).notPlayed},

		{"listReports", http.MethodGet, "/reports", v30, server, "", (*Sandbox).notPlayed},
		{"createReport", http.MethodPost, "/reports", v30, server, "", (*Sandbox).notPlayed},
		{"retrieveReport", http.MethodGet, "/reports/{reportId}", v30, server, "", (*Sandbox).notPlayed},
		{"deleteReport", http.MethodDelete, "/reports/{reportId}", v30, server, "", (*Sandbox).notPlayed},
		{"retrieveReportTransactions", http.MethodGet, "/reports/{reportId}/transactions", v30, server, "", (*Sandbox).notPlayed},
		{"listReportTypes", http.MethodGet, "/reports/types", v30, server, "", (*Sandbox).notPlayed},
		{"retrieveSpecificReportType", http.MethodGet, "/reports/types/{reportTypeId}", v30, server, "", (*Sandbox).notPlayed},
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

// find returns the route of a request and the values of its path's parameters, or nil. Where two paths fit, the one with
// fewer parameters is meant, as in the contract. (http.ServeMux refuses two of the contract's paths beside each other.)
func (s *Sandbox) find(method string, path []string) (found *route, values map[string]string) {
	for i := range s.routes {
		r := &s.routes[i]
		if r.method != method {
			continue
		}
		if parameters, ok := matchPath(strings.Split(r.path, "/"), path); ok && (found == nil || len(parameters) < len(values)) {
			found, values = r, parameters
		}
	}
	return found, values
}

func matchPath(template, path []string) (map[string]string, bool) {
	if len(template) != len(path) {
		return nil, false
	}
	parameters := map[string]string{}
	for i, segment := range template {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			parameters[strings.TrimSuffix(name, "}")] = path[i]
		} else if segment != path[i] {
			return nil, false
		}
	}
	return parameters, true
}

// ServeHTTP answers a request to the API. It makes the [Sandbox] an [http.Handler].
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i, segment := range segments {
		if text, err := url.PathUnescape(segment); err == nil {
			segments[i] = text
		}
	}
	// The gateway refuses a path with an empty segment. One with a dot for a segment is refused too, which no document
	// mentions: a server that cleans it would answer what was never asked for.
	if r.URL.Path != "/" && (segments[0] != "" || slices.ContainsFunc(segments[1:], noName)) {
		s.answer(w, &call{route: &route{}, http: r}, func(*call) (answer, error) { return answer{}, invalidRequest() })
		return
	}
	route, values := s.find(r.Method, segments)
	if route == nil {
		s.serveUnknown(w, r, segments)
		return
	}
	for name, value := range values {
		r.SetPathValue(name, value)
	}
	// Read before anything is locked: a slow client must not keep the others waiting.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		body = nil // is not valid where a body is wanted
	}
	s.answer(w, &call{route: route, http: r, body: body}, s.dispatch)
}

func noName(segment string) bool { return segment == "" || segment == "." || segment == ".." }

// serveUnknown answers a request to what is no operation: 405 when its path has others, 404 when it has none.
func (s *Sandbox) serveUnknown(w http.ResponseWriter, r *http.Request, path []string) {
	var allowed []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPost} {
		if other, _ := s.find(method, path); other != nil {
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

// notPlayed answers for the operations of the contract that the sandbox does not play yet.
func (*Sandbox) notPlayed(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }

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
