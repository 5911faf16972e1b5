package basiq

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/basiq-go/basiq-go/gen"
)

// MaxPageSize is how many items Basiq puts on one page at most, and how many are asked for by default.
const MaxPageSize = 500

// ErrBadPageLink says that Basiq's link to the next page cannot be followed: it leads to another host, scheme or path,
// has been followed before, or names no page. Nothing was sent there.
var ErrBadPageLink = errors.New("the link to the next page cannot be followed")

// Cursor marks where a page of a collection begins. It can be stored, and used by another process; for how long Basiq
// knows it is not documented. It belongs to the collection it was made for, and carries that call's filters and page
// size. The empty Cursor is the first page's.
type Cursor string

// problem says why the cursor cannot be part of a URL, or "".
func (c Cursor) problem() string {
	if strings.ContainsFunc(string(c), func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }) {
		return "it has a character that no cursor has; give one as a Page had it in Next"
	}
	return ""
}

// Page is one page of a collection of T.
type Page[T any] struct {
	// Items are what is on this page, in Basiq's order.
	Items []T
	// Total is how many items there are on all pages together, as Basiq counts them in size; 0 where it does not say.
	Total int64
	// Next is where the next page begins; empty on the last one.
	Next Cursor
}

// ListOption chooses which items of a paged collection of T are listed, and how: a [Filter], a [PageSize] or [Prefetch].
// Collect several in a []ListOption[T].
type ListOption[T any] interface {
	ListEachOption[T]

	apply(request *listRequest[T])
}

// listRequest is what the options of a call come to.
type listRequest[T any] struct {
	filters  []Filter[T]
	pageSize int64
	prefetch bool
}

// sizedItem are the items of the collections whose page size can be chosen.
type sizedItem interface {
	Transaction | AffordabilityTransaction | ReportTransaction | WebhookMessage
}

// PageSize asks for pages of at most items, 1 to [MaxPageSize], of a collection of T:
//
//	client.Transactions.List(ctx, userID, basiq.PageSize[basiq.Transaction](100))
//
// T has to be named. It does not change what is listed. Larger pages take fewer calls, smaller ones less memory.
func PageSize[T sizedItem](items int) ListOption[T] { return pageSize[T](items) }

type pageSize[T any] int64

func (s pageSize[T]) apply(request *listRequest[T]) { request.pageSize = int64(s) }

func (s pageSize[T]) applyEach(request *listEachRequest[T]) { request.list = append(request.list, s) }

func (f Filter[T]) apply(request *listRequest[T]) { request.filters = append(request.filters, f) }

func (f Filter[T]) applyEach(request *listEachRequest[T]) { request.list = append(request.list, f) }

// firstQuery returns the query of a collection's first page.
func (c collection[T]) firstQuery() (string, error) {
	request := listRequest[T]{pageSize: MaxPageSize}
	for _, option := range c.options {
		if option == nil {
			return "", invalidInput(c.op.Name, "options", "one of them is nil")
		}
		option.apply(&request)
	}
	if request.pageSize < 1 || request.pageSize > MaxPageSize {
		return "", invalidInput(c.op.Name, "options", fmt.Sprintf("the page size is %d; give 1 to %d", request.pageSize, MaxPageSize))
	}
	var parts []string
	if c.sized {
		parts = append(parts, "limit="+strconv.FormatInt(request.pageSize, 10))
	}
	filter, err := joinFilters(c.op, request.filters)
	if filter != "" { // `?filter=` is another thing
		parts = append(parts, "filter="+url.QueryEscape(filter))
	}
	return strings.Join(parts, "&"), err
}

// collection is a paged collection of T. Each of its pages is one call.
type collection[T any] struct {
	client *Client
	op     *Operation
	// ids are those in the path.
	ids     []id
	options []ListOption[T]
	// sized is set where the size of a page can be chosen.
	sized bool
	// decode reads a page, where it is not a pageBody by itself.
	decode func(answer answer) (*pageBody[T], error)
}

// fetched is a page as it came.
type fetched[T any] struct {
	Page[T]

	// query is what the page was asked for with.
	query Cursor
	// linkErr is what is wrong with the link to the next page. What is on this page is good all the same.
	linkErr error
}

// page returns the page at a cursor.
func (c collection[T]) page(ctx context.Context, at Cursor) (*fetched[T], error) {
	query, err := c.firstQuery()
	if err != nil {
		return nil, err
	}
	if problem := at.problem(); problem != "" {
		return nil, invalidInput(c.op.Name, "at", problem)
	}
	if at != "" {
		query = string(at)
	}
	answer, err := c.client.ask(ctx, c.op, c.ids, query, "")
	if err != nil {
		return nil, err
	}
	list, err := c.read(answer)
	if err != nil {
		return nil, err
	}
	page := &fetched[T]{Page: Page[T]{Items: list.Data, Total: list.Size}, query: Cursor(query)}
	if list.Links != nil && list.Links.Next != "" {
		here := c.client.url(c.op, c.ids, query)
		if page.Next, err = nextCursor(&here, list.Links.Next); err == nil && page.Next == page.query {
			err = fmt.Errorf("%w: it leads to the page it is on", ErrBadPageLink)
		}
		if err != nil {
			page.Next, page.linkErr = "", unreadable(c.op, answer.status, nil, err)
		}
	}
	return page, nil
}

// pageBody is the body of a page.
type pageBody[T any] struct {
	Type  string         `json:"type"`
	Size  int64          `json:"size"`
	Data  []T            `json:"data"`
	Links *gen.PageLinks `json:"links"`
}

// read decodes a page. An answer that is no list is somebody else's.
func (c collection[T]) read(answer answer) (*pageBody[T], error) {
	decode := read[pageBody[T]]
	if c.decode != nil {
		decode = c.decode
	}
	list, err := decode(answer)
	if err == nil && !isList(list.Type, list.Data) {
		return nil, unreadable(c.op, answer.status, nil, errNoList)
	}
	return list, err
}

// one returns the page at a cursor. With a bad link to the next one it returns the page as well.
func (c collection[T]) one(ctx context.Context, at Cursor) (*Page[T], error) {
	page, err := c.page(ctx, at)
	if err != nil {
		return nil, err
	}
	return &page.Page, page.linkErr
}

// all returns the items of all pages. Nothing is sent before the range begins, and no page before the one before it has
// been used up, but for the one that [Prefetch] asks for.
func (c collection[T]) all(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		pages := pageFetcher[T]{collection: c}
		defer pages.stop()
		ahead := c.prefetches()
		followed := map[Cursor]bool{}
		for at := Cursor(""); ; {
			page, err := pages.page(ctx, at)
			if err != nil {
				yield(nil, err)
				return
			}
			followed[page.query] = true
			at = page.Next
			switch {
			case at == "":
			case followed[at]:
				page.linkErr = unreadable(c.op, http.StatusOK, nil, fmt.Errorf("%w: it has been followed before", ErrBadPageLink))
			case ahead:
				pages.begin(ctx, at)
			}
			for i := range page.Items {
				if !yield(&page.Items[i], nil) {
					return
				}
			}
			switch {
			case page.linkErr != nil:
				yield(nil, page.linkErr)
				return
			case at == "":
				return
			}
		}
	}
}

// nextCursor reads a link to the next page, which must differ from the page's own URL in nothing but the query: the
// request that follows it carries a token. The link itself is in none of the errors, because it has the ids of people.
func nextCursor(page *url.URL, link string) (Cursor, error) {
	next, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("%w: it is not a URL", ErrBadPageLink)
	}
	next = page.ResolveReference(next)
	cursor := Cursor(strings.Clone(next.RawQuery)) // it is kept, and the rest of the page need not be
	switch {
	case next.Scheme != page.Scheme:
		return "", fmt.Errorf("%w: its scheme is not that of the client's base URL", ErrBadPageLink)
	case next.Host != page.Host:
		return "", fmt.Errorf("%w: it leads to another host than the client's base URL", ErrBadPageLink)
	case next.EscapedPath() != page.EscapedPath():
		return "", fmt.Errorf("%w: it leads to another path than the page's own", ErrBadPageLink)
	case cursor == "":
		return "", fmt.Errorf("%w: it names no page", ErrBadPageLink)
	case cursor.problem() != "":
		return "", fmt.Errorf("%w: it has a character that no URL has", ErrBadPageLink)
	}
	return cursor, nil
}
