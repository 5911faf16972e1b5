package basiq

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// newRequest makes a request without a body: what the generated client makes of the same ids, which a test compares, at a
// fraction of the cost. The generated client reads the server's URL anew each time, looks into each id by reflection, and
// puts URLs together from text three times.
func (c *Client) newRequest(ctx context.Context, op *Operation, ids []id, query, accept string) (*http.Request, error) {
	if err := checkIDs(op, ids...); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, op.Method, "", nil)
	if err != nil {
		return nil, err
	}
	*req.URL = c.url(op, ids, query)
	req.Host = req.URL.Host
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	return req, nil
}

// url returns where an operation is called. The ids must have been checked.
func (c *Client) url(op *Operation, ids []id, query string) url.URL {
	base := c.config.baseURL
	path, escaped := callPath(op, base.Path, ids)
	u := url.URL{Scheme: base.Scheme, Host: base.Host, Path: path, RawQuery: query}
	if escaped {
		if raw := escapedCallPath(op, base.EscapedPath(), ids); raw != u.EscapedPath() {
			u.RawPath = raw
		}
	}
	return u
}

// callPath returns the operation's path after prefix, with ids in the place of its parameters, in their order. The second result
// says whether one of them has a character that is escaped in a URL.
func callPath(op *Operation, prefix string, ids []id) (path string, escaped bool) {
	var b strings.Builder
	length := len(prefix) + len(op.Path)
	for _, id := range ids {
		length += len(id.value)
		escaped = escaped || strings.ContainsFunc(id.value, isReserved)
	}
	b.Grow(length)
	b.WriteString(prefix)
	fillPath(&b, op, ids, func(value string) string { return value })
	return b.String(), escaped
}

// escapedCallPath is callPath as a URL has it.
func escapedCallPath(op *Operation, prefix string, ids []id) string {
	var b strings.Builder
	b.WriteString(prefix)
	fillPath(&b, op, ids, url.PathEscape)
	return b.String()
}

// fillPath writes the operation's path with ids in the place of its parameters.
func fillPath(b *strings.Builder, op *Operation, ids []id, form func(string) string) {
	rest := op.Path
	for _, id := range ids {
		before, after, _ := strings.Cut(rest, "{")
		_, rest, _ = strings.Cut(after, "}")
		b.WriteString(before)
		b.WriteString(form(id.value))
	}
	b.WriteString(rest)
}

// isReserved reports whether a character is not one of those that are never escaped.
func isReserved(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~", r)
}

// TEMPORARY
func (c *Client) ask(ctx context.Context, op *Operation, ids []id, query, accept string) (answer, error) {
	call := newCall(ctx, op)
	call.pooled = true
	req, err := c.newRequest(call, op, ids, query, accept)
	if err != nil {
		return answer{}, err
	}
	resp, err := c.raw.Client.Do(req)
	if err != nil {
		return answer{}, err
	}
	return c.checkResponse(call, resp)
}

func (c *Client) send(ctx context.Context, op *Operation, request func(ctx context.Context) (*http.Response, error)) (answer, error) {
	return c.do(ctx, op, nil, request)
}
