package basiq

import (
	"context"
	"errors"
)

// pageFetcher fetches the pages of one range, on demand or ahead.
type pageFetcher[T any] struct {
	collection collection[T]
	// ahead waits for the page that is being prefetched. It is nil if there is none.
	ahead  func() (*pageResult[T], error)
	cancel context.CancelFunc
}

// prefetch starts to fetch the page at a cursor, which must be the next one that is requested.
func (f *pageFetcher[T]) prefetch(ctx context.Context, at Cursor, number int) {
	ctx, f.cancel = context.WithCancel(ctx)
	var (
		page     *pageResult[T]
		err      = errUnfinished
		panicked *recovered // a panic of middleware
		done     = make(chan struct{})
	)
	go func() {
		defer close(done)
		defer func() { panicked = catch(recover()) }()
		page, err = f.collection.page(ctx, at, number)
	}()
	f.ahead = func() (*pageResult[T], error) {
		<-done
		f.cancel()
		f.ahead = nil
		panicked.raise()
		return page, err
	}
}

// page returns the page at a cursor.
func (f *pageFetcher[T]) page(ctx context.Context, at Cursor, number int) (*pageResult[T], error) {
	if f.ahead != nil {
		page, err := f.ahead()
		// A page that was received before ctx ended is not returned after that: the call fails as without prefetching.
		if end := ctx.Err(); end == nil || errors.Is(err, end) {
			return page, err
		}
	}
	return f.collection.page(ctx, at, number)
}

// stop ends the request for a page that is being prefetched.
func (f *pageFetcher[T]) stop() {
	if f.ahead != nil {
		f.cancel()
		_, _ = f.ahead() // it may panic
	}
}
