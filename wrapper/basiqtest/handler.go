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

// Maximum sizes of request bodies. A larger body is invalid; for a statement it results in 413.
const (
	maxBody      = 1 << 20
	maxStatement = 10 << 20
)

// A view determines how a response is rendered: the base of links, the API version and the token's scope. For content
// that is not rendered for a request, such as events, see [Sandbox.eventView].
type view struct {
	base    string // scheme and host
	version versions
	scope   scopes
	now     time.Time
}

// A call is a request being handled. Handlers run with the sandbox locked.
type call struct {
	view

	route *route
	http  *http.Request
	body  []byte
	token *token     // nil if the operation requires none
	query url.Values // for a next page, the parameters of the first page
	after string     // ID of the last item of the previous page; "" for the first page
	start int        // number of items on previous pages

	logged  *Request
	began   time.Time // real time, which Advance does not change
	fault   Fault
	latency time.Duration
	// bodyIncomplete reports that the body was too long or truncated. It is then invalid, if the operation has a body.
	bodyIncomplete bool
}

// A response is the result of a handler. A body that is not a [document] is encoded as JSON, after the sandbox is
// unlocked. It must therefore not contain mutable data. A nil body is empty.
type response struct {
	status int
	body   any
}

// A document is a response body that is not JSON.
type document struct {
	contentType string
	content     []byte
}

// findRoute returns the route of a request and its path parameters, or nil. If two paths match, the one with fewer
// parameters wins, as in the contract. It does not use http.ServeMux, because that rejects two of the contract's paths
// as conflicting.
func (s *Sandbox) findRoute(method string, path []string) (found *route, values map[string]string) {
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

// matchPath reports whether a path matches, and the number of its parameters. It is called for every route on every
// request, so it does not allocate.
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

// ServeHTTP handles requests to the API and the consent page. It implements [http.Handler].
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i, segment := range segments {
		if text, err := url.PathUnescape(segment); err == nil {
			segments[i] = text
		}
	}
	// Basiq's gateway rejects paths with an empty segment. The sandbox also rejects dot segments, which is not documented.
	// A server that cleans such paths would execute a different operation.
	if r.URL.Path != "/" && (segments[0] != "" || slices.ContainsFunc(segments[1:], isInvalidSegment)) {
		s.serveCall(w, &call{route: &route{}, http: r}, func(*call) (response, error) { return response{}, invalidRequest() })
		return
	}
	if len(segments) > 1 && segments[1] == "home" {
		s.servePage(w, r, segments[2:])
		return
	}
	if s.allowOrigin(w.Header(), r) {
		s.serveCall(w, &call{route: &route{}, http: r}, func(*call) (response, error) {
			return response{status: http.StatusNoContent}, nil
		})
		return
	}
	route, values := s.findRoute(r.Method, segments)
	if route == nil {
		s.serveUnknown(w, r, segments)
		return
	}
	for name, value := range values {
		r.SetPathValue(name, value)
	}
	// Read the body before locking the sandbox, so that slow clients do not block others.
	limit := int64(maxBody)
	if route.operation == "createStatement" {
		limit = maxStatement
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong && limit == maxStatement {
		s.serveCall(w, &call{route: route, http: r}, func(*call) (response, error) { return response{}, requestTooLong() })
		return
	}
	if err != nil {
		body = nil
	}
	s.serveCall(w, &call{route: route, http: r, body: body, bodyIncomplete: err != nil}, s.dispatch)
}

func isInvalidSegment(segment string) bool { return segment == "" || segment == "." || segment == ".." }

// serveUnknown responds to a request that matches no operation: with 405 if its path has other methods, otherwise with
// 404.
func (s *Sandbox) serveUnknown(w http.ResponseWriter, r *http.Request, path []string) {
	var allowed []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPost} {
		if other, _ := s.findRoute(method, path); other != nil {
			allowed = append(allowed, method)
		}
	}
	err := resourceNotFound()
	if allowed != nil {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		err = methodNotAllowed()
	}
	s.serveCall(w, &call{route: &route{}, http: r}, func(*call) (response, error) { return response{}, err })
}

// serveCall logs the request, runs handle with the sandbox locked and writes the response, as modified by faults.
func (s *Sandbox) serveCall(w http.ResponseWriter, c *call, handle func(*call) (response, error)) {
	s.writeResponse(w, c.http, c, s.handleCall(c, newRequest(c), handle))
}

func (s *Sandbox) handleCall(c *call, logged Request, handle func(*call) (response, error)) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.view = view{base: baseURL(c.http), now: s.now()}
	c.began = time.Now()
	s.runDue(c.now)
	logged.Time, logged.Token = c.now, s.describeToken(c.http)
	c.logged = s.log.add(logged)
	s.applyFaults(c)
	a, err := s.runHandler(c, handle)
	if err != nil {
		a = s.errorResponse(err)
	}
	c.logged.CorrelationID = a.correlationID()
	return a
}

// errorResponse returns the response for an error, which must be a *failure.
func (s *Sandbox) errorResponse(err error) response {
	f, ok := errors.AsType[*failure](err)
	switch {
	case !ok:
		panic("basiqtest: unexpected error type: " + err.Error())
	case f.text != "":
		return response{f.status, document{"text/plain; charset=utf-8", []byte(f.text)}}
	default:
		return response{f.status, f.envelope(s.newID())}
	}
}

// encode returns the content type and the encoded body of a response.
func encode(a response) (contentType string, body []byte) {
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
		panic("basiqtest: cannot encode response: " + err.Error())
	}
	return "application/json", buf.Bytes()
}

// dispatch performs the checks common to all operations and calls the handler. The order is as in a typical
// service behind a gateway: authentication, authorization, format, and then the checks of the operation.
func (s *Sandbox) dispatch(c *call) (response, error) {
	if c.route.scopes != 0 {
		if err := s.authorize(c); err != nil {
			return response{}, err
		}
	}
	if err := c.checkIDs(); err != nil {
		return response{}, err
	}
	if !c.accepts("application/json") && c.alternativeType() == "" {
		return response{}, unsupportedAccept()
	}
	// Do not check the content type of a missing body. The operation reports the missing body itself.
	if c.route.body != "" && (len(c.body) > 0 || c.http.Header.Get("Content-Type") != "") &&
		!isReadAsJSON(c.http.Header.Get("Content-Type")) {
		return response{}, unsupportedContentType()
	}
	if c.bodyIncomplete && c.route.body != "" {
		return response{}, invalidContent(c.route.body)
	}
	return c.route.handler(s, c)
}

// idNames lists the path parameters whose format is checked for all operations, with their documented names. Other IDs
// are checked by their operations, because their error texts differ.
var idNames = []struct{ parameter, name string }{
	{"userId", "User ID"},
	{"connectionId", "Connection ID"},
	{"jobId", "Job ID"},
	{"accountId", "Account ID"},
	{"transactionId", "Transaction ID"},
}

// checkIDs returns an error if an ID in the path is malformed.
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

// accepts reports whether the request accepts this media type. Without an Accept header, it accepts all.
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

// wantsAlternative reports whether the request accepts the operation's alternative media type, but not JSON.
func (c *call) wantsAlternative() bool {
	return !c.accepts("application/json") && c.alternativeType() != ""
}

// alternativeType returns the alternative media type of the operation if the request accepts it, or "". The
// documentation uses both text/csv and application/csv, so a request for text/csv is accepted for application/csv.
func (c *call) alternativeType() string {
	switch also := c.route.alternative; {
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

// isReadAsJSON reports whether a body with this content type is decoded as JSON. Some applications, including Basiq's
// own consent UI, send JSON as text/plain or without a content type.
func isReadAsJSON(contentType string) bool {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	return contentType == "" || mediaType == "text/plain" || isJSON(contentType)
}

// decode decodes the body into v. The error does not contain the body, which may hold a password.
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

// baseURL returns the scheme and host that a request was sent to.
func baseURL(r *http.Request) string {
	if r.TLS != nil || r.Context().Value(secureKey{}) != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// eventView returns the view for events, which are rendered in the format of API 3.0.
func (s *Sandbox) eventView(now time.Time) view {
	return view{base: s.url, version: v30, scope: server, now: now}
}

// url returns an absolute URL on the host that the request was sent to.
func (v *view) url(path string) string { return v.base + path }

// selfLinks returns a links object that contains only a self link.
func (v *view) selfLinks(path string) object { return object{"self": v.url(path)} }

// requestLinks returns a links object with the URL of the request, including its filter.
func (c *call) requestLinks() object { return object{"self": c.url(c.http.URL.RequestURI())} }

// day formats a date as the API does.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// formatTime formats a time as the API does, in UTC and whole seconds.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
