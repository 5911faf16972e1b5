package basiqtest

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/basiq-go/basiq-go/gen"
)

const (
	// maxRequests is the number of requests kept in the log. The oldest are dropped.
	maxRequests = 10_000
	// maxLoggedBody is the maximum size of logged bodies and queries in bytes.
	maxLoggedBody = 4096
)

// A Request is a request that the sandbox received, with its outcome. Secrets are redacted, so it can be printed and
// logged.
type Request struct {
	Method string
	// Path is the URL path with IDs. Tokens and the IDs of consent page visits are redacted.
	Path string
	// Operation is the operationId, or "" if the request matches no operation.
	Operation string
	// Query holds the decoded and redacted query parameters, such as "filter=institution.id.eq('AU00000')&limit=5". It is
	// "" if they cannot be decoded or exceed 4,096 bytes.
	Query string
	// Body is the redacted request body of an operation: compact JSON, or a form in the format of Query. It is "" if the
	// body is neither, is invalid, or exceeds 4,096 bytes.
	Body string
	// BodySize is the size of the body in bytes.
	BodySize int
	// Token describes the token of the request.
	Token RequestToken
	// Status is the HTTP status of the response, or 0 if there is none (yet).
	Status int
	// CorrelationID is the correlation ID of an error response, or "".
	CorrelationID string
	// Fault lists the faults that were applied, in the syntax of [ParseFault], separated by ", ".
	Fault string
	// Time is when the sandbox started to process the request, after reading it.
	Time time.Time
	// Duration is the time from then until the start of the response, or until the request was aborted.
	Duration time.Duration
}

// A RequestToken describes the token of a request at the time of the request.
type RequestToken struct {
	// Sent reports whether the request had a token.
	Sent bool
	// Scope is SERVER_ACCESS or CLIENT_ACCESS, or "" if the token is unknown.
	Scope string
	// UserID is the ID of the user that the token is limited to, or "" for all users.
	UserID string
	// Version is the token's API version, "2.1" or "3.0", or "" if the token is unknown.
	Version string
}

// String describes the request and its outcome in one line.
func (r Request) String() string {
	var b strings.Builder
	b.WriteString(r.Method + " " + singleLine(r.Path))
	if r.Query != "" {
		b.WriteString("?" + singleLine(r.Query))
	}
	if r.Body != "" {
		b.WriteString(" " + singleLine(r.Body))
	}
	if r.Status == 0 {
		b.WriteString(": no response")
	} else {
		b.WriteString(": " + strconv.Itoa(r.Status))
	}
	if r.Duration > 0 {
		b.WriteString(" after " + r.Duration.String())
	}
	for _, about := range [][2]string{
		{"operation", r.Operation},
		{"token", r.Token.Scope},
		{"user", r.Token.UserID},
		{"fault", r.Fault},
		{"correlation", r.CorrelationID},
	} {
		if about[1] != "" {
			b.WriteString(", " + about[0] + " " + about[1])
		}
	}
	return b.String()
}

// oneLine quotes text that contains line breaks or other unprintable characters.
func singleLine(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.QuoteToGraphic(text)
	}
	return text
}

// LogValue implements [slog.LogValuer]. It returns the request without its body.
func (r Request) LogValue() slog.Value { return slog.GroupValue(r.attrs()...) }

func (r Request) attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("path", r.Path),
		slog.Int("status", r.Status), slog.Duration("duration", r.Duration),
	}
	for _, about := range [][2]string{
		{"operation", r.Operation},
		{"query", r.Query},
		{"scope", r.Token.Scope},
		{"user", r.Token.UserID},
		{"fault", r.Fault},
		{"correlation", r.CorrelationID},
	} {
		if about[1] != "" {
			attrs = append(attrs, slog.String(about[0], about[1]))
		}
	}
	return attrs
}

// recordFault adds a fault to the logged request.
func (c *call) recordFault(f Fault) {
	if c.logged.Fault != "" {
		c.logged.Fault += ", "
	}
	c.logged.Fault += f.String()
}

// newRequest returns the log entry of a new request. Bodies are only read for operations.
func newRequest(c *call) Request {
	r := Request{
		Method: c.http.Method, Path: redactPath(c.http.URL.Path), Operation: c.route.operation, BodySize: len(c.body),
	}
	if len(c.http.URL.RawQuery) <= maxLoggedBody {
		r.Query = redactPairs(c.http.URL.RawQuery)
	}
	if len(c.body) <= maxLoggedBody {
		r.Body = redactBody(c.http.Header.Get("Content-Type"), c.body)
	}
	return r
}

// describeToken describes the token of a request. The sandbox must be locked.
func (s *Sandbox) describeToken(r *http.Request) RequestToken {
	value := bearer(r)
	described := RequestToken{Sent: value != ""}
	if t := s.tokens[value]; t != nil {
		described.Scope, described.UserID, described.Version = string(gen.TokenScopeServerAccess), t.user, "2.1"
		if t.scope == client {
			described.Scope = string(gen.TokenScopeClientAccess)
		}
		if t.version.since(v30) {
			described.Version = "3.0"
		}
	}
	return described
}

// recordResponse records the status that is about to be sent, or 0 for none, and logs the request. The sandbox must not
// be locked.
func (s *Sandbox) recordResponse(ctx context.Context, c *call, status int) {
	s.mu.Lock()
	c.logged.Status, c.logged.Duration = status, time.Since(c.began)
	if status == 0 {
		c.logged.CorrelationID = ""
	}
	request := *c.logged
	s.mu.Unlock()
	s.logRequest(ctx, request)
}

// logRequest sends a request to the logger. The sandbox must not be locked, because the logger may block.
func (s *Sandbox) logRequest(ctx context.Context, request Request) {
	attrs := request.attrs()
	if request.Body != "" && s.config.logger.Enabled(ctx, slog.LevelDebug) {
		attrs = append(attrs, slog.String("body", request.Body))
	}
	s.config.logger.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
}

// correlationID returns the correlation ID of an error response, or "".
func (a response) correlationID() string {
	body, _ := a.body.(object)
	id, _ := body["correlationId"].(string)
	return id
}

// Requests returns the requests received so far, the oldest first. The last 10,000 are kept. The Status is 0 if the
// response has not been sent yet.
func (s *Sandbox) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.all()
}

// RequestsOf returns the requests of one operation, by operationId. See [Sandbox.Requests]. If the operation does not
// exist, RequestsOf fails the test that created the sandbox with [New]. For a sandbox created with [Start], it panics.
func (s *Sandbox) RequestsOf(operation string) []Request {
	if _, err := findOperation(operation); err != nil {
		if s.tb != nil {
			s.tb.Helper()
		}
		s.fatalf("RequestsOf", err)
		return nil
	}
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return r.Operation != operation })
}

// ForgetRequests clears the log, for example after the setup of a test.
func (s *Sandbox) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = requestLog{}
}

// requestLog is a ring buffer of the last requests. Entries change until their response is sent.
type requestLog struct {
	entries []*Request
	oldest  int
}

// add appends an entry and returns it for later updates.
func (l *requestLog) add(r Request) *Request {
	entry := &r
	if len(l.entries) < maxRequests {
		l.entries = append(l.entries, entry)
		return entry
	}
	l.entries[l.oldest] = entry
	l.oldest = (l.oldest + 1) % maxRequests
	return entry
}

func (l *requestLog) all() []Request {
	all := make([]Request, 0, len(l.entries))
	for i := range l.entries {
		all = append(all, *l.entries[(l.oldest+i)%len(l.entries)])
	}
	return all
}
