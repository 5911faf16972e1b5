package basiqtest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Documented page size.
const (
	maxLimit = 500
	// maxCursors is the number of cursors kept, so that memory is bounded. The oldest are dropped. Basiq does not document
	// how long cursors are valid.
	maxCursors = 20_000
)

// A cursor is the position after a page. The link to the next page contains only its ID, because Basiq's links also
// drop the limit and the filter.
type cursor struct {
	path  string
	query url.Values // of the first page
	after string     // ID of the page's last item
	start int        // number of items up to there, in case the last item was deleted
}

// cursors holds the cursors of links in responses, in the order of creation.
type cursors struct {
	byID map[string]cursor
	ids  []string
}

func (all *cursors) add(next cursor) string {
	id := derivedID("cursor "+next.path, next.query.Encode()+" "+next.after+" "+strconv.Itoa(next.start))
	if _, known := all.byID[id]; known {
		return id
	}
	if all.byID == nil {
		all.byID = map[string]cursor{}
	}
	if len(all.ids) == maxCursors {
		delete(all.byID, all.ids[0])
		all.ids = all.ids[1:]
	}
	all.byID[id] = next
	all.ids = append(all.ids, id)
	return id
}

// parameters returns the query parameters. For a next page, they are the parameters of the first page.
func (c *call) parameters() (url.Values, error) {
	if c.query != nil {
		return c.query, nil
	}
	return url.ParseQuery(c.http.URL.RawQuery) // callers only check whether there is an error
}

// resumePage looks up the cursor in the next parameter. Handlers of paged collections call it first.
func (s *Sandbox) resumePage(c *call) error {
	if known := s.resumeAt(c, "next"); !known {
		return notValid("Next value is not valid", fromParameter("next"))
	}
	return nil
}

// resumeAt looks up the cursor in a parameter. It reports false if the cursor is unknown.
func (s *Sandbox) resumeAt(c *call, parameter string) (known bool) {
	query, err := c.parameters()
	if err != nil || !query.Has(parameter) {
		return true // reported where the parameters are used
	}
	at, known := s.cursors.byID[query.Get(parameter)]
	if !known || at.path != c.http.URL.Path {
		return false
	}
	c.query, c.after, c.start = at.query, at.after, at.start
	return true
}

// limit returns the page size, or usual if the request has none.
func (c *call) limit(usual int) (int, error) {
	query, err := c.parameters()
	if err != nil || len(query["limit"]) > 1 {
		return 0, notValid("Limit value is not valid", fromParameter("limit"))
	}
	text := query.Get("limit")
	if text == "" {
		return usual, nil
	}
	limit, err := strconv.Atoi(text)
	switch {
	case err != nil || limit < 1:
		return 0, notValid("Limit value is not valid", fromParameter("limit"))
	case limit > maxLimit:
		return 0, notValid("Maximum limit allowed is 500", fromParameter("limit"))
	}
	return limit, nil
}

// pageResponse returns a page of items. Call [Sandbox.resumePage] before filtering the items.
func pageResponse[T any](s *Sandbox, c *call, items []T, id func(T) string, show func(T) any) (response, error) {
	limit, err := c.limit(maxLimit)
	if err != nil {
		return response{}, err
	}
	a, next := pageOf(s, c, limit, items, id, show)
	if next != "" {
		a.links["next"] = c.url(c.http.URL.Path + "?next=" + next)
	}
	return response{http.StatusOK, a}, nil
}

// pageOf returns a page of at most limit items, and the cursor of the next page, or "" if it is the last.
func pageOf[T any](s *Sandbox, c *call, limit int, items []T, id func(T) string, show func(T) any) (page *listPage, next string) {
	start := 0
	if c.after != "" {
		// Continue after the last item of the previous page, so that items added or deleted since are neither repeated nor
		// skipped.
		start = slices.IndexFunc(items, func(item T) bool { return id(item) == c.after }) + 1
		if start == 0 {
			start = min(c.start, len(items))
		}
	}
	end := min(start+limit, len(items))
	data := make([]any, 0, end-start)
	for _, item := range items[start:end] {
		data = append(data, show(item))
	}
	path := c.http.URL.Path
	links := c.requestLinks()
	if kept := c.http.URL.Query(); kept.Has("limit") { // recorded links omit the limit
		kept.Del("limit")
		links = c.selfLinks(strings.TrimSuffix(path+"?"+kept.Encode(), "?"))
	}
	if end < len(items) {
		query, _ := c.parameters() // c.limit has already parsed them
		next = s.cursors.add(cursor{path: path, query: query, after: id(items[end-1]), start: end})
	}
	return &listPage{size: len(items), data: data, links: links}, next
}

// A listPage is a page of a collection.
type listPage struct {
	size      int  // number of items in the collection
	uncounted bool // omits count and size
	reversed  bool // count is the size of the collection and size the size of the page, as documented for insights and payees
	data      []any
	links     object
}

// itemSize is the approximate encoded size of an item, usually a transaction.
const itemSize = 2 << 10

func (p *listPage) writeTo(w *jsonWriter) {
	w.buf = slices.Grow(w.buf, len(p.data)*itemSize+1024)
	w.begin()
	w.text("type", "list")
	count, size := len(p.data), p.size
	if p.reversed {
		count, size = size, count
	}
	if !p.uncounted {
		w.number("count", count)
		w.number("size", size)
	}
	w.raw("data", "[")
	for i, item := range p.data {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.value(item)
	}
	w.buf = append(w.buf, ']')
	w.name("links")
	w.value(p.links)
	w.end()
}
