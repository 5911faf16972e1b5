package basiq

import (
	"context"
	"errors"
	"iter"
	"net/http"
)

// receiveList makes a call whose answer is a list. One without any sign of a list is somebody else's answer.
func receiveList[T any](ctx context.Context, c *Client, op *Operation, request func(ctx context.Context) (*http.Response, error)) ([]T, error) {
	list, status, err := receive[struct {
		Type string `json:"type"`
		Data []T    `json:"data"`
	}](ctx, c, op, request)
	if err != nil {
		return nil, err
	}
	if list.Type == "" && list.Data == nil {
		return nil, unreadable(op, status, nil, errNoList)
	}
	return list.Data, nil
}

var errNoList = errors.New("there is no list in it")

// listAll returns the items of a list that comes in one answer. fetch sends the request for it, once the ids in its path
// and the filters are found to be good. Nothing is sent before the range begins.
func listAll[T any](ctx context.Context, c *Client, op *Operation, ids []id, filters []Filter[T], fetch func(ctx context.Context, filter *string) (*http.Response, error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		items, err := func() ([]T, error) {
			if err := checkIDs(op, ids...); err != nil {
				return nil, err
			}
			filter, err := joinFilters(op, filters)
			if err != nil {
				return nil, err
			}
			return receiveList[T](ctx, c, op, func(ctx context.Context) (*http.Response, error) { return fetch(ctx, filter) })
		}()
		if err != nil {
			yield(nil, err)
			return
		}
		for i := range items {
			if !yield(&items[i], nil) {
				return
			}
		}
	}
}
