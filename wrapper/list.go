package basiq

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"strings"

	"github.com/basiq-go/basiq-go/gen"
)

// ErrListChanged is returned if a list changed while its pages were read: its size differs between two pages, or an item
// occurs twice. Items may be missing or duplicated. Discard the items and start over, or read smaller lists, for example the
// transactions of one account at a time.
//
// Duplicates are detected among at least the last 16,384 items, so that the memory of a list does not grow with its length.
var ErrListChanged = errors.New("list changed while it was read")

type pageBody[T any] struct {
	Type  string        `json:"type"`
	Size  int64         `json:"size"`
	Data  []T           `json:"data"`
	Links gen.PageLinks `json:"links"`
}

// readList decodes a list response. It returns an error if the response is not a list. decode may
// be nil.
func readList[T any](resp response, decode func(response) (*pageBody[T], error)) (*pageBody[T], error) {
	if decode == nil {
		decode = decodeResponse[pageBody[T]]
	}
	list, err := decode(resp)
	if err != nil {
		return nil, err
	}
	switch {
	case list.Data == nil && !strings.EqualFold(list.Type, "list"):
		err = errors.New("not a list")
	case list.Size < 0:
		err = errors.New("negative size")
	case list.Data == nil && list.Size > 0:
		err = errors.New("missing data")
	}
	if err != nil {
		resp.body.closeConn()
		return nil, invalidResponse(resp.op, resp.status, resp.body.bytes(), err)
	}
	return list, nil
}

// checkItems returns an error for the first item without an ID, or of another type, and the number of items before it.
// The links of items are not checked: a gateway may rewrite them.
func (r resource[T]) checkItems(items []T) (valid int, err error) {
	for i := range items {
		kind, id := r.identity(&items[i])
		switch {
		case strings.TrimSpace(id) == "":
			return i, fmt.Errorf("item %d: missing id", i+1)
		case !r.has(kind):
			return i, fmt.Errorf("item %d: resource of another type", i+1)
		}
	}
	return len(items), nil
}

// listHistory detects that a list has changed, or that its links form a loop.
type listHistory[T any] struct {
	size  int64
	items recentSet
	// cursors holds the hashes of all used cursors.
	cursors map[uint64]bool
}

// check returns the items of the next page. If the list has changed, it returns those before the change and an error. If
// the link to the next page refers to a page that was already read, it sets the page's err.
func (h *listHistory[T]) check(c collection[T], page *pageResult[T]) ([]T, error) {
	if page.Total > 0 && h.size > 0 && page.Total != h.size {
		return nil, fmt.Errorf("basiq: %s: %w: size was %d and is %d", c.op.Name, ErrListChanged, h.size, page.Total)
	}
	h.size = max(h.size, page.Total)
	for i := range page.Items {
		_, key := c.resource.identity(&page.Items[i])
		if c.key != nil {
			key = c.key(&page.Items[i])
		}
		if key != "" && !h.items.add(key, len(page.Items)) {
			return page.Items[:i], fmt.Errorf("basiq: %s: %w: duplicate ID", c.op.Name, ErrListChanged)
		}
	}
	if h.cursors == nil {
		h.cursors = map[uint64]bool{}
	}
	h.cursors[hash(string(page.query))] = true
	if page.Next != "" && h.cursors[hash(string(page.Next))] {
		page.Next, page.err = "", invalidResponse(c.op, http.StatusOK, nil, fmt.Errorf("%w: refers to a page that was already read", ErrBadPageLink))
	}
	return page.Items, nil
}

// recentLimit is the number of keys in each generation of a recentSet.
const recentLimit = 1 << 14

// recentSet is a set of the 64-bit hashes of the most recent keys: at least recentLimit and at most twice as many.
type recentSet struct{ current, previous map[uint64]struct{} }

// add adds a key. It reports false if the set already contains the key. size is the expected number of further keys.
func (s *recentSet) add(key string, size int) bool {
	sum := hash(key)
	if _, found := s.current[sum]; found {
		return false
	}
	if _, found := s.previous[sum]; found {
		return false
	}
	switch {
	case s.current == nil:
		s.current = make(map[uint64]struct{}, min(size, recentLimit))
	case len(s.current) == recentLimit:
		s.current, s.previous = s.previous, s.current
		clear(s.current)
		if s.current == nil {
			s.current = make(map[uint64]struct{}, recentLimit)
		}
	}
	s.current[sum] = struct{}{}
	return true
}

var hashSeed = maphash.MakeSeed()

func hash(s string) uint64 { return maphash.String(hashSeed, s) }
