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

// The longest bodies of requests that are read. A longer one is not valid; of a statement it is too long.
const (
	maxBody      = 1 << 20
	maxStatement = 10 << 20
)

// view is what the form of an answer depends on: where the links lead, and which of the API's versions and of the token's
// scopes are to be obeyed. [Sandbox.ownView] makes one for what nobody has called for, such as an event.
type view struct {
	base    string // scheme and host
	version versions
	scope   scopes
	now     time.Time
}

// call is a request on its way through a handler, which runs with the sandbox locked.
type call struct {
	view

	route *route
	http  *http.Request
	body  []byte
	token *token     // nil where the operation wants none
	query url.Values // of a next page, that of the first
	after string     // the id of the item that the page before ended with; "" for a first page
	start int        // how many items the pages before had

	logged  *Request
	fault   Fault
	latency time.Duration
	// unread reports that the body was too long or has not come in whole, so that it is not valid where one is wanted. That
	// it may be left out altogether is another matter.
	unread bool
}

// answer is what a handler has to say. A nil body is none; one that is no [document] is sent as JSON. It must hold
// nothing that may change, since it is encoded when the sandbox is no longer locked.
type answer struct {
	status int
	body   any
}

// document is the body of an answer that is no JSON.
type document struct {
	contentType string
	content     []byte
}

// find returns the route of a request and the values of its path's parameters, or nil. Where two paths fit, the one with
// fewer parameters is meant, as in the contract. (http.ServeMux refuses two of the contract's paths beside each other.)
func (s *Sandbox) find(method string, path []string) (found *route, values map[string]string) {
	fewest := 0
	for i := range s.routes {
		r := &s.routes[i]
		if r.method != method {
			continue
		}
		if parameters, ok := matchPath(r.path, path); ok && (found == nil || parameters < fewest) {
			found, fewest = r, parameters
		}
	}
	if found == nil {
		return nil, nil
	}
	values = make(map[string]string, fewest)
	for i, segment := range strings.Split(found.path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			values[strings.TrimSuffix(name, "}")] = path[i]
		}
	}
	return found, values
}

// matchPath reports whether a path fits, and how many parameters it has. It is asked about every route of every request,
// and leaves no garbage.
func matchPath(template string, path []string) (parameters int, ok bool) {
	i := 0
	for segment := range strings.SplitSeq(template, "/") {
		switch {
		case i == len(path):
			return 0, false
		case strings.HasPrefix(segment, "{"):
			parameters++
		case segment != path[i]:
			return 0, false
		}
		i++
	}
	return parameters, i == len(path)
}

// ServeHTTP answers a request to the API, or to the consent page. It makes the [Sandbox] an [http.Handler].
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
	if len(segments) > 1 && segments[1] == "home" {
		s.servePage(w, r, segments[2:])
		return
	}
	if s.allowOrigin(w.Header(), r) {
		s.answer(w, &call{route: &route{}, http: r}, func(*call) (answer, error) {
			return answer{status: http.StatusNoContent}, nil
		})
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
	limit := int64(maxBody)
	if route.operation == "createStatement" {
		limit = maxStatement
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong && limit == maxStatement {
		s.answer(w, &call{route: route, http: r}, func(*call) (answer, error) { return answer{}, requestTooLong() })
		return
	}
	if err != nil {
		body = nil
	}
	s.answer(w, &call{route: route, http: r, body: body, unread: err != nil}, s.dispatch)
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

// answer logs the request, runs handle with the sandbox locked and sends the answer, unless a fault wants it otherwise.
func (s *Sandbox) answer(w http.ResponseWriter, c *call, handle func(*call) (answer, error)) {
	s.respond(w, c.http, c, s.lockedAnswer(c, newRequest(c), handle))
}

func (s *Sandbox) lockedAnswer(c *call, logged Request, handle func(*call) (answer, error)) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.view = view{base: baseURL(c.http), now: time.Now()}
	s.settle(c.now)
	logged.Time, logged.Token = c.now, s.describe(c.http)
	c.logged = s.log.add(logged)
	s.strike(c)
	a, err := s.carryOut(c, handle)
	if err != nil {
		a = s.failed(err)
	}
	c.logged.CorrelationID = a.correlationID()
	return a
}

// failed is the answer for an error, which must be a *failure.
func (s *Sandbox) failed(err error) answer {
	f, ok := errors.AsType[*failure](err)
	switch {
	case !ok:
		panic("basiqtest: an error that is no answer: " + err.Error())
	case f.text != "":
		return answer{f.status, document{"text/plain; charset=utf-8", []byte(f.text)}}
	default:
		return answer{f.status, f.envelope(s.newID())}
	}
}

// encode returns the body of an answer and its type.
func encode(a answer) (contentType string, body []byte) {
	switch body := a.body.(type) {
	case nil:
		return "", nil
	case document:
		return body.contentType, body.content
	case writable:
		var w jsonWriter
		body.writeTo(&w)
		return "application/json", append(w.buf, '\n')
	}
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(a.body); err != nil {
		panic("basiqtest: an answer that is no JSON: " + err.Error())
	}
	return "application/json", buf.Bytes()
}

// dispatch makes the checks that all operations share, in the order in which a service behind a gateway is likely to
// make them: who calls, what may they call, in which form, and last what the operation itself has to say.
func (s *Sandbox) dispatch(c *call) (answer, error) {
	if c.route.scopes != 0 {
		if err := s.authorize(c); err != nil {
			return answer{}, err
		}
	}
	if err := c.checkIDs(); err != nil {
		return answer{}, err
	}
	if !c.accepts("application/json") && c.otherType() == "" {
		return answer{}, unsupportedAccept()
	}
	// A body that is missing altogether has no type to be wrong; it is not valid, says the operation later.
	if c.route.body != "" && (len(c.body) > 0 || c.http.Header.Get("Content-Type") != "") &&
		!takenForJSON(c.http.Header.Get("Content-Type")) {
		return answer{}, unsupportedContentType()
	}
	if c.unread && c.route.body != "" {
		return answer{}, invalidContent(c.route.body)
	}
	return c.route.handle(s, c)
}

// idNames are the ids in paths whose form is checked for all operations alike, as the documents call them. Those of other
// things are checked by their own operations, since they are refused in other words.
var idNames = []struct{ parameter, name string }{
	{"userId", "User ID"},
	{"connectionId", "Connection ID"},
	{"jobId", "Job ID"},
	{"accountId", "Account ID"},
	{"transactionId", "Transaction ID"},
}

// checkIDs refuses ids in the path that cannot be any.
func (c *call) checkIDs() error {
	for _, id := range idNames {
		if value := c.http.PathValue(id.parameter); value != "" && !idFormat.MatchString(value) {
			refused := notValid(id.name+" value is not valid", fromParameter(id.parameter))
			if slices.ContainsFunc([]string{kindAffordability, kindIncome, kindExpenses}, func(kind string) bool {
				return strings.Contains(c.route.path, "/"+kind)
			}) {
				refused.code = "path-parameter-not-valid" // recorded for lists of affordability summaries
			}
			return refused
		}
	}
	return nil
}

// accepts reports whether the caller takes an answer of this media type. Who does not say takes all.
func (c *call) accepts(contentType string) bool {
	accept := c.http.Header.Values("Accept")
	if len(accept) == 0 {
		return true
	}
	kind, _, _ := strings.Cut(contentType, "/")
	for ranges := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		mediaType, params, err := mime.ParseMediaType(ranges)
		if err != nil || strings.Trim(params["q"], "0.") == "" && params["q"] != "" {
			continue
		}
		switch mediaType {
		case contentType, kind + "/*", "*/*":
			return true
		}
	}
	return false
}

// wantsOther reports whether the caller asks for the type that its operation can answer with beside JSON, and not for JSON.
func (c *call) wantsOther() bool { return !c.accepts("application/json") && c.otherType() != "" }

// otherType is the type beside JSON that the operation can answer with and the caller takes; "" when there is none. Who
// asks for text/csv where the documents have application/csv is given it: they have one here and the other there.
func (c *call) otherType() string {
	switch also := c.route.also; {
	case also == "":
		return ""
	case c.accepts(also):
		return also
	case also == applicationCSV && c.accepts(csv):
		return csv
	default:
		return ""
	}
}

func isJSON(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && (mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"))
}

// takenForJSON reports whether a body with this content type is read as JSON. Applications, Basiq's own consent UI among them,
// send JSON as text/plain or without a type.
func takenForJSON(contentType string) bool {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	return contentType == "" || mediaType == "text/plain" || isJSON(contentType)
}

// decode reads the body of the call into v. The error says nothing of the body: it may hold a password.
func (c *call) decode(v any) error {
	if json.Unmarshal(c.body, v) != nil {
		return invalidContent(c.route.body)
	}
	return nil
}

// oneOrManyStrings decodes a string or an array of strings in a request. Unlike an [api.OneOrMany], which is for responses, it
// rejects numbers.
type oneOrManyStrings []string

// UnmarshalJSON decodes a string, an array of strings, or null.
func (s *oneOrManyStrings) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte(`"`)) {
		*s = make(oneOrManyStrings, 1)
		return json.Unmarshal(data, &(*s)[0])
	}
	return json.Unmarshal(data, (*[]string)(s))
}

// baseURL is the scheme and host that a request was sent to.
func baseURL(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// ownView is the view of what the sandbox tells of its own accord, such as events, which API 3.0 has.
func (s *Sandbox) ownView(now time.Time) view {
	return view{base: s.url, version: v30, scope: server, now: now}
}

// url returns an absolute URL on the host that the request was sent to.
func (v *view) url(path string) string { return v.base + path }

// self is the links of a thing that links to nothing but itself.
func (v *view) self(path string) object { return object{"self": v.url(path)} }

// asked is the links of a list to itself, filter and all.
func (c *call) asked() object { return object{"self": c.url(c.http.URL.RequestURI())} }

// day writes a day as the API does.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// formatTime writes a moment as the API does, in UTC and in whole seconds.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
