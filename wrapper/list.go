package basiq

import (
	"context"
	"errors"
	"iter"
	"strings"
)

// readList decodes an answer that is a list. One that is no list is somebody else's answer.
func readList[T any](answer answer) ([]T, error) {
	list, err := read[struct {
		Type string `json:"type"`
		Data []T    `json:"data"`
	}](answer)
	if err != nil {
		return nil, err
	}
	if !isList(list.Type, list.Data) {
		return nil, unreadable(answer.op, answer.status, nil, errNoList)
	}
	return list.Data, nil
}

// isList reports whether an answer with that type and data is a list.
func isList[T any](kind string, data []T) bool { return data != nil || strings.EqualFold(kind, "list") }

var errNoList = errors.New("there is no list in it")

// listAll returns the items of a list whose page size nobody can choose. Most of these no document shows in pages; should
// they come in pages all the same, all are followed: a list that ends early is worse than a call more.
func listAll[T any](ctx context.Context, c *Client, op *Operation, ids []id, filters []Filter[T]) iter.Seq2[*T, error] {
	options := make([]ListOption[T], len(filters))
	for i, filter := range filters {
		options[i] = filter
	}
	return collection[T]{client: c, op: op, ids: ids, options: options}.all(ctx)
}
