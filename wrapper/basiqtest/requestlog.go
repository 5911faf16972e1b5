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
	// maxRequests bounds the log of requests, so that a sandbox may run for days.
	maxRequests = 10_000
	// maxLoggedBody bounds the bodies in it, in bytes, and the queries.
	maxLoggedBody = 4096
)

// Request is a request that has come to the sandbox, and what it was answered. Secrets are redacted: it can be printed and
// logged.
type Request struct {
	Method string
	// Path is the path of the URL, ids included. What in it is a token, or leads to a visit of the consent page, is redacted.
	Path string
	// Operation is the operationId, or "" when the API has no such operation.
	Operation string
	// Query is the URL's parameters as they came, but decoded and redacted: "filter=institution.id.eq('AU00000')&limit=5".
	// It is "" when they cannot be decoded, or are longer than 4,096 bytes.
	Query string
	// Body is the body that was sent to an operation, redacted: JSON without blanks, or a form in the way of Query. It is
	// "" when the body is neither, is not valid, or is longer than 4,096 bytes.
	Body string
	// BodySize is the length of the body in bytes.
	BodySize int
	// Token tells of the token that came with the request.
	Token RequestToken
	// Status is the HTTP status that was sent, or 0 when there was no answer, or none yet.
	Status int
	// CorrelationID is that of an error in the documented envelope, or "".
	CorrelationID string
	// Fault names the faults that struck, as [ParseFault] reads them, with ", " between; it is "" for none.
	Fault string
	// Time is when the sandbox turned to the request, after reading it.
	Time time.Time
	// Duration is how long it was from then until the answer began to be sent, or the sandbox gave up.
	Duration time.Duration
}

// RequestToken is what the sandbox knows of a token when a request comes with it.
type RequestToken struct {
	// Sent reports whether there was a token at all.
	Sent bool
	// Scope is SERVER_ACCESS or CLIENT_ACCESS, or "" when the sandbox does not know the token.
	Scope string
	// UserID is the id of the only user that the token is good for, or "" when it is good for all.
	UserID string
	// Version is the token's API version, "2.1" or "3.0", or "" when the sandbox does not know the token.
	Version string
}

// String describes the request in one line: method, path, parameters and body, and what came of it.
func (r Request) String() string {
	var b strings.Builder
	b.WriteString(r.Method + " " + oneLine(r.Path))
	if r.Query != "" {
		b.WriteString("?" + oneLine(r.Query))
	}
	if r.Body != "" {
		b.WriteString(" " + oneLine(r.Body))
	}
	if r.Status == 0 {
		b.WriteString(": no answer")
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

// oneLine returns text that cannot be taken for more than one line.
func oneLine(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.QuoteToGraphic(text)
	}
	return text
}

// LogValue is the request without its body, as attributes. It makes a Request a [slog.LogValuer].
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

// noteFault notes in the log that a fault has struck the call.
func (c *call) recordFault(f Fault) {
	if c.logged.Fault != "" {
		c.logged.Fault += ", "
	}
	c.logged.Fault += f.String()
}

// newRequest is what the log keeps of a request as it comes. Only the bodies of operations have been read.
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

// describe tells of the request's token. The sandbox must be locked.
func (s *Sandbox) describeToken(r *http.Request) RequestToken {
	value := bearer(r)
	described := RequestToken{Sent: value != ""}
	if t := s.tokens[value]; t != nil {
		described.Scope, described.UserID, described.Version = string(gen.TokenScopeServerAccess), t.user, "2.1"
		if t.scope == client {
			described.Scope = string(gen.TokenScopeClientAccess)
		}
		if t.version == v30 {
			described.Version = "3.0"
		}
	}
	return described
}

// sent notes which status is about to be sent, 0 for none, and tells the logger. The sandbox must not be locked.
func (s *Sandbox) recordResponse(ctx context.Context, c *call, status int) {
	s.mu.Lock()
	c.logged.Status, c.logged.Duration = status, time.Since(c.now)
	if status == 0 {
		c.logged.CorrelationID = ""
	}
	request := *c.logged
	s.mu.Unlock()
	s.logRequest(ctx, request)
}

// tell tells the logger of a request. The sandbox must not be locked: a logger may take its time.
func (s *Sandbox) logRequest(ctx context.Context, request Request) {
	attrs := request.attrs()
	if request.Body != "" && s.config.logger.Enabled(ctx, slog.LevelDebug) {
		attrs = append(attrs, slog.String("body", request.Body))
	}
	s.config.logger.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
}

// correlationID is that of an answer which is an error.
func (a response) correlationID() string {
	body, _ := a.body.(object)
	id, _ := body["correlationId"].(string)
	return id
}

// Requests returns the requests that have come so far, the oldest first; the last 10,000 are kept. One whose answer is
// still to come has the Status 0.
func (s *Sandbox) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.all()
}

// RequestsOf returns those of [Sandbox.Requests] that are calls of an operation, by its operationId. A name that is none
// ends the test that made the sandbox with [New]; with [Start] it panics.
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

// ForgetRequests empties the log, so that a test can look at what comes after its preparations.
func (s *Sandbox) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = requestLog{}
}

// requestLog keeps the last requests, in a ring once it is full. Those in it change until their answers are sent.
type requestLog struct {
	entries []*Request
	oldest  int
}

// add returns the entry, so that it can be completed.
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
