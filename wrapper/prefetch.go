package basiq

import (
	"context"
	"errors"
)

// pagedItem constrains [Prefetch] to collections that have pages and options.
type pagedItem interface{ sizedItem | Event }

// Prefetch fetches the next page of a collection of T while the caller works on the one before it:
//
//	client.Transactions.List(ctx, userID, basiq.Prefetch[basiq.Transaction]())
//
// T has to be named. Items, their order and errors stay the same. At most one page is fetched ahead: two pages are in
// memory instead of one. A loop that is left early may have requested one page more; that request ends with the loop.
// Prefetch has no effect on methods that return one page.
func Prefetch[T pagedItem]() ListOption[T] { return prefetch[T]{} }

type prefetch[T any] struct{}

func (prefetch[T]) apply(request *listRequest[T]) { request.prefetch = true }

// prefetches reports whether the options include [Prefetch]. Invalid options are reported with the first page.
func (c collection[T]) prefetches() bool {
	var request listRequest[T]
	for _, option := range c.options {
		if option != nil {
			option.apply(&request)
		}
	}
	return request.prefetch
}

// pageFetcher fetches the pages of one range, on demand or ahead.
type pageFetcher[T any] struct {
	collection collection[T]
	// ahead is the page that is being prefetched, until it is used.
	ahead *prefetchedPage[T]
}

// prefetchedPage is a page that is fetched while the caller works on the one before it.
type prefetchedPage[T any] struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the fields below are set
	page   *pageResult[T]
	err    error
	// panicked is the panic of middleware.
	panicked *recovered
}

// prefetch starts to fetch the page at a cursor, which must be the next one that is asked for.
func (f *pageFetcher[T]) prefetch(ctx context.Context, at Cursor) {
	ctx, cancel := context.WithCancel(ctx) //nolint:gosec // stop calls it
	ahead := &prefetchedPage[T]{cancel: cancel, done: make(chan struct{}), err: errUnfinished}
	f.ahead = ahead
	go func() {
		defer close(ahead.done)
		// Recover here: a panic in this goroutine could not be recovered by the caller and would crash the program.
		defer func() { ahead.panicked = catch(recover()) }()
		ahead.page, ahead.err = f.collection.page(ctx, at)
	}()
}

// page returns the page at a cursor.
func (f *pageFetcher[T]) page(ctx context.Context, at Cursor) (*pageResult[T], error) {
	ahead := f.ahead
	if ahead == nil {
		return f.collection.page(ctx, at)
	}
	<-ahead.done // soon after ctx has ended, too
	f.stop()
	if end := ctx.Err(); end != nil && !errors.Is(ahead.err, end) {
		// The page was received before the context ended, and is asked for after that. The call fails as it would without
		// prefetching.
		return f.collection.page(ctx, at)
	}
	return ahead.page, ahead.err
}

// stop waits until nothing is being fetched, and re-raises a panic of middleware.
func (f *pageFetcher[T]) stop() {
	ahead := f.ahead
	if ahead == nil {
		return
	}
	f.ahead = nil
	ahead.cancel()
	<-ahead.done
	ahead.panicked.raise()
}
