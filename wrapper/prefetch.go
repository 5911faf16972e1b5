package basiq

import (
	"context"
	"errors"
)

// pagedItem are the items of the collections that come in pages and have options.
type pagedItem interface{ sizedItem | Event }

// Prefetch fetches the next page of a collection of T while the caller works on the one before:
//
//	client.Transactions.List(ctx, userID, basiq.Prefetch[basiq.Transaction]())
//
// T has to be named. It does not change what is listed, nor in which order, nor where an error comes: it saves the wait for
// a page wherever the work on the one before takes as long. Never more than one page is fetched ahead. So there are two pages
// in memory instead of one, and a loop that is left early may have asked for a page more; that request ends with the loop. Of a
// call that returns one page it changes nothing.
func Prefetch[T pagedItem]() ListOption[T] { return prefetch[T]{} }

type prefetch[T any] struct{}

func (prefetch[T]) apply(request *listRequest[T]) { request.prefetch = true }

func (p prefetch[T]) applyEach(request *listEachRequest[T]) { request.list = append(request.list, p) }

// prefetches reports whether the options ask for [Prefetch]. What is wrong with them shows with the first page.
func (c collection[T]) prefetches() bool {
	var request listRequest[T]
	for _, option := range c.options {
		if option != nil {
			option.apply(&request)
		}
	}
	return request.prefetch
}

// pageFetcher fetches the pages of one range: when they are asked for, or, from begin on, before.
type pageFetcher[T any] struct {
	collection collection[T]
	// ahead is the page that begin has asked for, until it is taken.
	ahead *pageAhead[T]
}

// pageAhead is a page that is fetched while the caller works on the one before.
type pageAhead[T any] struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when what follows is set
	page   *fetched[T]
	err    error
	// panicked is what a hook has panicked with.
	panicked any
}

// begin begins to fetch the page at a cursor, which must be the one that is asked for next.
func (f *pageFetcher[T]) begin(ctx context.Context, at Cursor) {
	ctx, cancel := context.WithCancel(ctx) //nolint:gosec // stop calls it
	ahead := &pageAhead[T]{cancel: cancel, done: make(chan struct{}), err: errUnfinished}
	f.ahead = ahead
	go func() {
		defer close(ahead.done)
		// A hook that panics here would end the program, out of reach of who called.
		defer func() { ahead.panicked = recover() }()
		ahead.page, ahead.err = f.collection.page(ctx, at)
	}()
}

// page returns the page at a cursor.
func (f *pageFetcher[T]) page(ctx context.Context, at Cursor) (*fetched[T], error) {
	ahead := f.ahead
	if ahead == nil {
		return f.collection.page(ctx, at)
	}
	<-ahead.done // soon after ctx has ended, too
	f.stop()
	if end := ctx.Err(); end != nil && !errors.Is(ahead.err, end) {
		// It came before the context ended, and the caller asks for it after that. So it is not sent for again, but refused as
		// it would have been had nobody fetched it ahead.
		return f.collection.page(ctx, at)
	}
	return ahead.page, ahead.err
}

// stop waits until nothing is fetched any more, and hands on the panic of a hook.
func (f *pageFetcher[T]) stop() {
	ahead := f.ahead
	if ahead == nil {
		return
	}
	f.ahead = nil
	ahead.cancel()
	<-ahead.done
	if ahead.panicked != nil {
		panic(ahead.panicked)
	}
}
