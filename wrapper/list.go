package basiq

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"

	"github.com/basiq-go/basiq-go/gen"
)

// receiveList makes a call whose answer is a list. One that is no list is somebody else's answer.
func receiveList[T any](ctx context.Context, c *Client, op *Operation, request func(ctx context.Context) (*http.Response, error)) ([]T, error) {
	list, status, err := receive[struct {
		Type string `json:"type"`
		Data []T    `json:"data"`
	}](ctx, c, op, request)
	if err != nil {
		return nil, err
	}
	if !isList(list.Type, list.Data) {
		return nil, unreadable(op, status, nil, errNoList)
	}
	return list.Data, nil
}

// isList reports whether an answer with that type and data is a list.
func isList[T any](kind string, data []T) bool { return data != nil || strings.EqualFold(kind, "list") }

var errNoList = errors.New("there is no list in it")

// listAll returns the items of a list whose page size nobody can choose. Most of these no document shows in pages; should
// they come in pages all the same, all are followed: a list that ends early is worse than a call more.
func listAll[T any](ctx context.Context, c *Client, op *Operation, ids []id, filters []Filter[T], fetch func(ctx context.Context, query pageQuery, edit gen.RequestEditorFn) (*http.Response, error)) iter.Seq2[*T, error] {
	options := make([]ListOption[T], len(filters))
	for i, filter := range filters {
		options[i] = filter
	}
	return collection[T]{client: c, op: op, ids: ids, options: options, fetch: fetch}.all(ctx)
}
