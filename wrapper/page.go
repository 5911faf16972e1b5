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

// MaxPageSize is the maximum and the default page size; see [PageSize].
const MaxPageSize = 500

// ErrBadPageLink is returned if Basiq's link to the next page is not a URL, has no query, or leads to a page that has been
// read already. Only the query of the link is used: every page is requested at the client's own base URL.
var ErrBadPageLink = errors.New("invalid link to the next page")

// A Cursor is an opaque position in a collection: the start of a page. It can be stored and used by another process; how
// long Basiq accepts it is not documented. It belongs to the collection it was made for, and carries that call's filters
// and page size. The empty Cursor is the position of the first page.
type Cursor string

// valid reports whether the cursor can be part of a URL.
func (c Cursor) valid() bool {
	return !strings.ContainsFunc(string(c), func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' })
}

// PageError is an error of one page of a list. All lists return it, except for invalid arguments. To continue where the
// list ended, pass its Cursor to the method that returns one page of the same collection.
//
//nolint:recvcheck // a PageError that was copied must print as safely
type PageError struct {
	// Cursor is the position of the page that failed; empty for the first page. It contains filters: do not log it.
	Cursor Cursor
	Err    error
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
	Items []T
	// Total is the number of items on all pages, which Basiq calls size; 0 if Basiq does not report it.
	Total int64
	// Next is the position of the next page; empty on the last page.
	Next Cursor
	// Raw holds the JSON of each item if the context was made by [ContextWithRawJSON].
	Raw [][]byte
}

// ListOption chooses which items of a paged collection of T are listed, and how: a [Filter], a [PageSize] or [Prefetch].
// Collect several in a []ListOption[T].
type ListOption[T any] interface {
	apply(request *listRequest[T])
}

// listRequest holds the options of a call.
type listRequest[T any] struct {
	filters []Filter[T]
	// pageSize is nil if none was chosen.
	pageSize *int64
	prefetch bool
}

// sizedItem constrains [PageSize] to collections that accept a page size.
type sizedItem interface {
	Transaction | AffordabilityTransaction | ReportTransaction | WebhookMessage
}

// PageSize asks for pages of at most items, 1 to [MaxPageSize], of a collection of T:
//
//	client.Transactions.List(ctx, userID, basiq.PageSize[basiq.Transaction](100))
//
// T has to be named. It does not change what is listed. Larger pages take fewer calls, smaller ones less memory. The
// default is [MaxPageSize], except for the transactions of a report, for which no size is sent: their documents do not
// mention one.
func PageSize[T sizedItem](items int) ListOption[T] { return pageSize[T](items) }

type pageSize[T any] int64

func (s pageSize[T]) apply(request *listRequest[T]) { request.pageSize = (*int64)(&s) }

func (f Filter[T]) apply(request *listRequest[T]) { request.filters = append(request.filters, f) }

// firstQuery returns the query of a collection's first page.
func (c collection[T]) firstQuery() (string, error) {
	request := listRequest[T]{filters: c.filters}
	if c.sized {
		request.pageSize = new(int64(MaxPageSize))
	}
	for _, option := range c.options {
		if option == nil {
			return "", invalidInput(c.op.Name, "options", "nil option")
		}
		option.apply(&request)
	}
	var parts []string
	if size := request.pageSize; size != nil {
		if *size < 1 || *size > MaxPageSize {
			return "", invalidInput(c.op.Name, "options", fmt.Sprintf("page size %d out of range [1, %d]", *size, MaxPageSize))
		}
		parts = append(parts, "limit="+strconv.FormatInt(*size, 10))
	}
	filter, err := joinFilters(c.op, c.version(), request.filters)
	if filter != "" { // `?filter=` has another meaning
		parts = append(parts, "filter="+url.QueryEscape(filter))
	}
	return strings.Join(parts, "&"), err
}

// collection is a paged collection of T. Each of its pages is one call. Lists that no document shows in pages are read
// the same way: should they have pages, all of them are read.
type collection[T any] struct {
	client *Client
	op     *Operation
	// ids are those in the path.
	ids []pathParam
	// request requests a page; its query is set afterwards.
	request  requester
	resource resource[T]
	filters  []Filter[T]
	options  []ListOption[T]
	// sized is set if a page size is sent although the caller chose none.
	sized bool
	// decode decodes a page; nil if it has the form of a pageBody.
	decode func(resp response) (*pageBody[T], error)
	// key identifies an item if its ID alone does not; nil if it does. Items with an empty key may repeat.
	key func(*T) string
}

// version returns the API version of the collection's requests. A public operation is sent without a token, which would
// carry the version, and only API 2.1 documents it.
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
	// body is the whole response if the caller asked for raw JSON.
	body []byte
	// err is what ends the list after the page's items: an item without an ID, or an invalid link to the next page.
	err error
}

// page returns the page at a cursor.
func (c collection[T]) page(ctx context.Context, at Cursor) (*pageResult[T], error) {
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
	resp, err := c.client.do(ctx, c.op, c.ids, c.request, func(_ context.Context, req *http.Request) error {
		req.URL.RawQuery = query
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer resp.body.release()
	if resp.status != http.StatusOK {
		return nil, invalidResponse(c.op, resp.status, nil, errors.New("unexpected status of a list"))
	}
	list, err := readList(resp, c.decode)
	if err != nil {
		return nil, err
	}
	page := &pageResult[T]{Page: Page[T]{Items: list.Data, Total: list.Size}, query: Cursor(query)}
	if resp.storeRaw(); raw != nil {
		if page.Raw, err = rawItems(raw); err != nil || len(page.Raw) != len(list.Data) {
			return nil, invalidResponse(c.op, resp.status, nil, errors.New("cannot tell the items apart"))
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
			err = fmt.Errorf("%w: it leads to its own page", ErrBadPageLink)
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
	page, err := c.page(ctx, at)
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

// all returns the items of all pages. Nothing is sent before the range begins. A page is requested when the one before it
// has been used up, or with [Prefetch], when the one before it begins.
func (c collection[T]) all(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		pages := pageFetcher[T]{collection: c}
		defer pages.stop()
		prefetch := c.prefetches()
		var history listHistory[T]
		raw := rawOf(ctx)
		for at := Cursor(""); ; {
			raw.set(nil)
			page, err := pages.page(ctx, at)
			if err != nil {
				yield(nil, pageError(at, err))
				return
			}
			items, err := history.check(c, page)
			err = cmp.Or(err, page.err)
			if err == nil && page.Next != "" && prefetch {
				pages.prefetch(ctx, page.Next)
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
				return
			}
		}
	}
}

// list returns all items of a collection whose page size cannot be chosen.
func list[T any](ctx context.Context, c *Client, op *Operation, ids []pathParam, r resource[T], request requester, filters []Filter[T]) iter.Seq2[*T, error] {
	return collection[T]{client: c, op: op, ids: ids, resource: r, request: request, filters: filters}.all(ctx)
}

// pageError returns err with the position of its page. An invalid argument has none.
func pageError(at Cursor, err error) error {
	if errors.Is(err, ErrInvalidInput) {
		return err
	}
	return &PageError{Cursor: at, Err: err}
}

// nextCursor returns the query of a link to the next page. The rest of the link is not used, because a gateway may write
// it in any form. The link is not part of the errors, because it contains IDs.
func nextCursor(link string) (Cursor, error) {
	next, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("%w: not a URL", ErrBadPageLink)
	}
	cursor := Cursor(strings.Clone(next.RawQuery)) // so that it does not keep the page in memory
	switch {
	case next.User != nil: // no gateway writes credentials into a link: the server may have repeated ours
		return "", fmt.Errorf("%w: it contains credentials", ErrBadPageLink)
	case cursor == "":
		return "", fmt.Errorf("%w: missing query", ErrBadPageLink)
	case !cursor.valid():
		return "", fmt.Errorf("%w: invalid character", ErrBadPageLink)
	}
	return cursor, nil
}
