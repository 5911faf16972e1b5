package basiqtest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The documented size of pages, where a collection has them.
const (
	maxLimit = 500
	// maxCursors bounds how many next pages can be asked for, so that a sandbox may run for days. The oldest go first; how
	// long Basiq keeps its own is not documented.
	maxCursors = 20_000
)

// cursor is where a page ended. The link to the next page holds only its id: Basiq's drop the limit and the filter.
type cursor struct {
	path  string
	query url.Values // of the first page
	after string     // the id of the page's last item
	start int        // how many items there were, in case that one is gone
}

// cursors are those that links have told of, in the order in which they came to be.
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

// parameters returns the parameters in the URL; of a next page, those of the first.
func (c *call) parameters() (url.Values, error) {
	if c.query != nil {
		return c.query, nil
	}
	return url.ParseQuery(c.http.URL.RawQuery) // Callers only check whether there is an error.
}

// resume finds the page that the next parameter names. A handler of a collection that comes in pages calls it first.
func (s *Sandbox) resume(c *call) error {
	if known := s.resumeAt(c, "next"); !known {
		return notValid("Next value is not valid", fromParameter("next"))
	}
	return nil
}

// resumeAt finds the page that a parameter names. It reports false if there is no such page.
func (s *Sandbox) resumeAt(c *call, parameter string) (known bool) {
	query, err := c.parameters()
	if err != nil || !query.Has(parameter) {
		return true // What needs the parameters says that they cannot be read.
	}
	at, known := s.cursors.byID[query.Get(parameter)]
	if !known || at.path != c.http.URL.Path {
		return false
	}
	c.query, c.after, c.start = at.query, at.after, at.start
	return true
}

// limit returns how many items a page is to have, or usual if the request does not say.
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

// paged answers with a page of the items that the filter has left, in the order in which they are listed. Call
// [Sandbox.resume] before filtering.
func paged[T any](s *Sandbox, c *call, items []T, id func(T) string, show func(T) any) (answer, error) {
	limit, err := c.limit(maxLimit)
	if err != nil {
		return answer{}, err
	}
	a, next := pageOf(s, c, limit, items, id, show)
	if next != "" {
		a.links["next"] = c.url(c.http.URL.Path + "?next=" + next)
	}
	return answer{http.StatusOK, a}, nil
}

// pageOf returns a page of at most limit items, and the cursor of the next page, or "" if it is the last.
func pageOf[T any](s *Sandbox, c *call, limit int, items []T, id func(T) string, show func(T) any) (page *listPage, next string) {
	start := 0
	if c.after != "" {
		// What has come or gone since is not to repeat an item, nor to leave one out.
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
	links := c.asked()
	if kept := c.http.URL.Query(); kept.Has("limit") { // recorded links leave the limit out
		kept.Del("limit")
		links = c.self(strings.TrimSuffix(path+"?"+kept.Encode(), "?"))
	}
	if end < len(items) {
		query, _ := c.parameters() // The caller has read them.
		next = s.cursors.add(cursor{path: path, query: query, after: id(items[end-1]), start: end})
	}
	return &listPage{size: len(items), data: data, links: links}, next
}

// listPage is a page of a collection.
type listPage struct {
	size      int  // of the collection
	uncounted bool // says neither its size nor the collection's
	reversed  bool // count is the size of the collection and size that of the page, as documented for insights and payees
	data      []any
	links     object
}

// itemSize is about what the items of pages, most of them transactions, are long.
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
