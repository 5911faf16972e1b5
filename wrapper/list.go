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
		return nil, unreadable(op, status, nil, errors.New("there is no list in it"))
	}
	return list.Data, nil
}

// listAll returns the items of a list that comes in one answer. Nothing is sent before the range begins.
func listAll[T any](fetch func() ([]T, error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		items, err := fetch()
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
