package basiqtest_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// A browser visits pages like a user who reads them and presses buttons. It checks requirements that apply to every
// page.
type browser struct {
	t       *testing.T
	sandbox *basiqtest.Sandbox
	url     string // of the page
	left    string // URL outside the sandbox that the browser was redirected to
	status  int
	header  http.Header
	raw     string
	page    *node
}

func newBrowser(c *caller) *browser {
	c.t.Helper()
	return &browser{t: c.t, sandbox: c.sandbox}
}

// visit opens the consent page for a user, with a new token and the given parameters.
func (c *caller) visit(userID string, parameters url.Values) *browser {
	c.t.Helper()
	query := url.Values{"token": {c.as("3.0", client, userID).token}}
	maps.Copy(query, parameters)
	b := newBrowser(c)
	b.open("/home?" + query.Encode())
	return b
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.send(http.MethodGet, b.sandbox.URL()+path, nil)
}

// reload loads the page again.
func (b *browser) reload() { b.t.Helper(); b.send(http.MethodGet, b.url, nil) }

func (b *browser) send(method, address string, form url.Values) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	follow := *b.sandbox.HTTPClient()
	follow.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := follow.Do(req)
	require.NoError(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	assert.Equal(b.t, "no-store", resp.Header.Get("Cache-Control"))
	assert.Equal(b.t, "no-referrer", resp.Header.Get("Referrer-Policy"))
	assert.Contains(b.t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'; form-action 'self'")
	if to := resp.Header.Get("Location"); to != "" {
		require.Equal(b.t, http.StatusSeeOther, resp.StatusCode)
		if strings.HasPrefix(to, "/") {
			b.send(http.MethodGet, b.sandbox.URL()+to, nil)
			return
		}
		b.left = to
		return
	}
	b.url, b.status, b.header, b.raw = address, resp.StatusCode, resp.Header, string(raw)
	b.page = parse(b.t, raw)
	b.check()
}

// check asserts the accessibility requirements of all pages.
func (b *browser) check() {
	b.t.Helper()
	assert.Equal(b.t, "text/html; charset=utf-8", b.header.Get("Content-Type"))
	assert.Equal(b.t, "en", b.page.find("html", "", "").attributes["lang"])
	require.Len(b.t, b.page.all("h1"), 1)
	assert.Contains(b.t, b.page.find("title", "", "").text(), b.heading(), "each step has its own title")
	for _, landmark := range []string{"header", "main", "footer"} {
		assert.Len(b.t, b.page.all(landmark), 1, landmark)
	}
	assert.Empty(b.t, b.page.all("script"))
	ids := map[string]bool{}
	b.page.walk(func(n *node) {
		if id := n.attributes["id"]; id != "" {
			assert.False(b.t, ids[id], "duplicate id %s", id)
			ids[id] = true
		}
	})
	for _, input := range b.page.all("input") {
		if input.attributes["type"] != "hidden" {
			label := b.page.find("label", "for", input.attributes["id"])
			require.NotNil(b.t, label, "no label for %v", input.attributes)
			assert.NotEmpty(b.t, label.text())
		}
	}
	for _, button := range b.page.all("button") {
		assert.NotEmpty(b.t, button.text())
	}
	b.page.walk(func(n *node) {
		for of := range strings.FieldsSeq(n.attributes["aria-describedby"]) {
			assert.True(b.t, ids[of], "no element with id %s", of)
		}
		if to, inside := strings.CutPrefix(n.attributes["href"], "#"); inside {
			assert.True(b.t, ids[to], "no element with id %s", to)
		}
	})
}

func (b *browser) heading() string { return b.page.find("h1", "", "").text() }

func (b *browser) main() string { return b.page.find("main", "", "").text() }

// at asserts that the page has this heading.
func (b *browser) at(heading string) {
	b.t.Helper()
	require.Empty(b.t, b.left, "the browser was redirected")
	require.Equal(b.t, heading, b.heading(), b.main())
}

// press submits the only button whose text has this prefix, with its form filled in.
func (b *browser) press(text string, fields ...string) {
	b.t.Helper()
	address, form := b.form(text, fields...)
	b.send(http.MethodPost, address, form)
}

// form returns what pressing a button would send. The fields are alternating names and values.
func (b *browser) form(text string, fields ...string) (address string, values url.Values) {
	b.t.Helper()
	values = url.Values{}
	for _, form := range b.page.all("form") {
		for _, button := range form.all("button") {
			if strings.HasPrefix(button.text(), text) {
				require.Empty(b.t, address, "more than one button %s", text)
				address = b.sandbox.URL() + form.attributes["action"]
				values.Set(button.attributes["name"], button.attributes["value"])
			}
		}
		for _, input := range form.all("input") {
			values.Set(input.attributes["name"], input.attributes["value"])
		}
	}
	require.NotEmpty(b.t, address, "no button %s in %s", text, b.main())
	for i := 0; i < len(fields); i += 2 {
		_, known := values[fields[i]]
		require.True(b.t, known, "no field %s", fields[i])
		values.Set(fields[i], fields[i+1])
	}
	return address, values
}

// A node is an element or text of a page.
type node struct {
	name       string
	attributes map[string]string
	children   []*node
	content    string // content of a text node, whose name is ""
}

// parse parses a page, which must be well-formed.
func parse(t *testing.T, raw []byte) *node {
	t.Helper()
	root := &node{}
	open := []*node{root}
	decoder := xml.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := decoder.Token()
		if err == io.EOF { //nolint:errorlint // returned unwrapped by the decoder
			return root
		}
		require.NoError(t, err, string(raw))
		parent := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, attributes: map[string]string{}}
			for _, attribute := range token.Attr {
				n.attributes[attribute.Name.Local] = attribute.Value
			}
			parent.children = append(parent.children, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			parent.children = append(parent.children, &node{content: string(token)})
		}
	}
}

func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, child := range n.children {
		child.walk(visit)
	}
}

func (n *node) all(name string) []*node {
	var found []*node
	n.walk(func(n *node) {
		if n.name == name {
			found = append(found, n)
		}
	})
	return found
}

// find returns the first element with this name and attribute, or nil. An empty attribute matches any element.
func (n *node) find(name, attribute, value string) *node {
	for _, found := range n.all(name) {
		if attribute == "" || found.attributes[attribute] == value {
			return found
		}
	}
	return nil
}

// text returns the text of an element with whitespace collapsed.
func (n *node) text() string {
	var all strings.Builder
	n.walk(func(n *node) { all.WriteString(n.content) })
	return strings.Join(strings.Fields(all.String()), " ")
}
