package basiq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// MaxPageSize is the maximum and the default page size; see [TransactionListOptions].
const MaxPageSize = 500

// ErrBadPageLink is returned if Basiq's link to the next page is not a URL, does not have a query, or refers to a page that
// was already read. The client uses only the query of the link and requests every page at its own base URL.
var ErrBadPageLink = errors.New("invalid link to the next page")

// A Cursor is an opaque position in a collection: the start of a page. It can be stored and used by another process; its
// lifetime is not documented. It is valid only for its collection, and contains the filters and the page size of the call
// that returned it. The empty Cursor is the position of the first page.
type Cursor string

// valid reports whether the cursor can be part of a URL.
func (c Cursor) valid() bool {
	return !strings.ContainsFunc(string(c), func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' })
}

// PageError is an error of one page of a list. All lists return it, except for invalid arguments. To continue where the
// list ended, pass its Cursor to the method that returns one page of the same collection.
//
//nolint:recvcheck // A copied PageError must also print safely.
type PageError struct {
	// Cursor is the position of the page that failed; empty for the first page. It contains filters: do not log it.
	Cursor Cursor
	// Err is the error of the call that fetched the page, or [ErrBadPageLink] or [ErrListChanged].
	Err error
}

// Error returns the text of Err, without the cursor.
func (e *PageError) Error() string {
	if e.Err == nil {
		return "basiq: a page of a list failed"
	}
	return e.Err.Error()
}

// Format implements [fmt.Formatter]. It prints the text of Err under every verb, because the cursor must not be logged.
func (e PageError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// Unwrap returns Err.
func (e *PageError) Unwrap() error { return e.Err }

// Page is one page of a collection of T.
type Page[T any] struct {
	// Items are in the order of Basiq.
	Items []T
	// Total is the number of items on all pages, which Basiq calls size; 0 if Basiq does not report it. It is 0 for insights
	// and payees, because Basiq's documents disagree about its name there.
	Total int64
	// Next is the position of the next page; empty on the last page.
	Next Cursor
	// Raw holds the JSON of each item if the context was made by [ContextWithRawJSON].
	Raw [][]byte
}

// firstQuery returns the query of a collection's first page.
func (c collection[T]) firstQuery() (string, error) {
	if c.options.problem != "" {
		return "", invalidInput(c.op.Name, "options", c.options.problem)
	}
	size := c.options.pageSize
	if size < 0 || size > MaxPageSize {
		return "", invalidInput(c.op.Name, "options", fmt.Sprintf("page size %d out of range [1, %d]", size, MaxPageSize))
	}
	if size == 0 && c.sized {
		size = MaxPageSize
	}
	var parts []string
	if len(c.query) > 0 {
		parts = append(parts, c.query.Encode())
	}
	if size > 0 {
		parts = append(parts, "limit="+strconv.Itoa(size))
	}
	if problem := c.options.filter.problem(); problem != "" {
		return "", invalidInput(c.op.Name, "options", "filter: "+problem)
	}
	if filter := c.options.filter.in(c.version()); filter != "" { // `?filter=` has another meaning
		parts = append(parts, "filter="+url.QueryEscape(filter))
	}
	return strings.Join(parts, "&"), nil
}

// collection is a paged collection of T. Each page is one call. Lists without documented paging are read in the same way, so
// that all of their pages are read if Basiq adds paging.
type collection[T any] struct {
	client *Client
	op     *Operation
	// ids are those in the path.
	ids []pathParam
	// request requests a page; its query is set afterwards.
	request  requester
	resource resource[T]
	options  listOptions[T]
	// query holds the other query parameters.
	query url.Values
	// sized is set if a page size is always sent, even without PageSize.
	sized bool
	// uncounted is set if the size in a response may not be the number of items on all pages.
	uncounted bool
	// decode decodes a page; nil if the page has the structure of a pageBody.
	decode func(resp response) (*pageBody[T], error)
	// key identifies an item if its ID alone does not; nil if it does. Items with an empty key may repeat.
	key func(*T) string
}

// version returns the API version of the collection's requests. Requests of public operations do not have a token, which
// would determine the version, and only API 2.1 documents them.
func (c collection[T]) version() versionSet {
	if c.op.public() {
		return v21
	}
	if c.client == nil { // of a test
		return v30
	}
	return setOf(c.client.config.version)
}

// pageResult is a page as it was received.
type pageResult[T any] struct {
	Page[T]

	// query is the query of the page's request.
	query Cursor
	// body is the whole response if the caller requested raw JSON.
	body []byte
	// err ends the list after the page's items: an item without an ID, or an invalid link to the next page.
	err error
}

// page returns the page at a cursor. number counts the pages of the list, from 1.
func (c collection[T]) page(ctx context.Context, at Cursor, number int) (page *pageResult[T], err error) {
	query, err := c.firstQuery()
	if err != nil {
		return nil, err
	}
	if !at.valid() {
		return nil, invalidInput(c.op.Name, "at", "must be the Next of a Page or the Cursor of a PageError")
	}
	if at != "" {
		query = string(at)
	}
	var raw []byte
	if rawOf(ctx) != nil { // it belongs to the caller's goroutine, which this may not be
		ctx = ContextWithRawJSON(ctx, &raw)
	}
	resp, err := c.client.doPage(ctx, c.op, c.ids, number, c.request, func(_ context.Context, req *http.Request) error {
		req.URL.RawQuery = query
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if page == nil {
			resp.end(0, err)
		} else {
			resp.end(len(page.Items), page.err)
		}
	}()
	if resp.status != http.StatusOK {
		return nil, invalidResponse(c.op, resp.status, nil, errors.New("unexpected status of a list"))
	}
	list, err := readList(resp, c.decode)
	if err != nil {
		return nil, err
	}
	if c.uncounted {
		list.Size = 0
	}
	page = &pageResult[T]{Page: Page[T]{Items: list.Data, Total: list.Size}, query: Cursor(query)}
	if resp.storeRaw(); raw != nil {
		if page.Raw, err = rawItems(raw); err != nil || len(page.Raw) != len(list.Data) {
			return nil, invalidResponse(c.op, resp.status, nil, errors.New("list cannot be split into items"))
		}
		page.body = raw
	}
	if valid, err := c.resource.checkItems(list.Data); err != nil {
		resp.body.closeConn()
		page.Items, page.err = list.Data[:valid], invalidResponse(c.op, resp.status, nil, err)
		return page, nil
	}
	if list.Links.Next != "" {
		next, err := nextCursor(list.Links.Next)
		if err == nil && next == page.query {
			err = fmt.Errorf("%w: refers to its own page", ErrBadPageLink)
		}
		if err != nil {
			page.err = invalidResponse(c.op, resp.status, nil, err)
			return page, nil
		}
		page.Next = next
	}
	return page, nil
}

// one returns the page at a cursor. If the link to the next page is invalid, it returns the page with the error.
func (c collection[T]) one(ctx context.Context, at Cursor) (*Page[T], error) {
	raw := rawOf(ctx)
	raw.set(nil)
	page, err := c.page(ctx, at, 1)
	if err != nil {
		return nil, err
	}
	if page.err != nil && !errors.Is(page.err, ErrBadPageLink) {
		return nil, page.err
	}
	var history listHistory[T]
	if _, err := history.check(c, page); err != nil {
		return nil, err
	}
	raw.set(page.body)
	return &page.Page, page.err
}

// all returns the items of all pages. No request is sent before the range begins. A page is requested after the last item of
// the previous page, or with Prefetch, before its first item.
func (c collection[T]) all(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		pages := pageFetcher[T]{collection: c}
		defer pages.stop()
		prefetch := c.options.prefetch
		var history listHistory[T]
		raw := rawOf(ctx)
		number := 1
		for at := Cursor(""); ; number++ {
			raw.set(nil)
			page, err := pages.page(ctx, at, number)
			if err != nil {
				yield(nil, pageError(at, err))
				return
			}
			items, err := history.check(c, page)
			err = cmp.Or(err, page.err)
			if err == nil && page.Next != "" && prefetch {
				pages.prefetch(ctx, page.Next, number+1)
			}
			for i := range items {
				if page.Raw != nil {
					raw.set(page.Raw[i])
				}
				if !yield(&items[i], nil) {
					return
				}
			}
			if err != nil {
				raw.set(nil)
				yield(nil, pageError(at, err))
				return
			}
			if at = page.Next; at == "" {
				raw.set(page.body)
				return
			}
		}
	}
}

// list returns all items of a collection whose page size cannot be chosen.
func list[T any](ctx context.Context, c *Client, op *Operation, ids []pathParam, r resource[T], request requester, options listOptions[T]) iter.Seq2[*T, error] {
	return collection[T]{client: c, op: op, ids: ids, resource: r, request: request, options: options}.all(ctx)
}

// failedList returns a list that yields an error.
func failedList[T any](err error) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) { yield(nil, err) }
}

// pageError returns err with the position of its page. An invalid argument has none.
func pageError(at Cursor, err error) error {
	if errors.Is(err, ErrInvalidInput) {
		return err
	}
	return &PageError{Cursor: at, Err: err}
}

// nextCursor returns the query of a link to the next page. The rest of the link is not used, because a gateway may rewrite
// it. Errors do not contain the link, because it contains IDs.
func nextCursor(link string) (Cursor, error) {
	next, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("%w: not a URL", ErrBadPageLink)
	}
	cursor := Cursor(strings.Clone(next.RawQuery)) // so that it does not keep the page in memory
	switch {
	case next.User != nil: // no gateway writes credentials into a link: the server may have repeated ours
		return "", fmt.Errorf("%w: contains credentials", ErrBadPageLink)
	case cursor == "":
		return "", fmt.Errorf("%w: missing query", ErrBadPageLink)
	case !cursor.valid():
		return "", fmt.Errorf("%w: invalid character", ErrBadPageLink)
	}
	return cursor, nil
}
