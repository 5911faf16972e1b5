package basiq_test

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// readAll returns the IDs of a list and the error at its end.
func readAll[T any](list iter.Seq2[*T, error], idOf func(*T) string) (ids []string, failure error) {
	for value, err := range list {
		if err != nil {
			return ids, err
		}
		ids = append(ids, idOf(value))
	}
	return ids, nil
}

func transactionID(t *basiq.Transaction) string { return t.ID }

// listPage returns a page of transactions. next is the link to the next page.
func listPage(size int, next string, ids ...string) stubResponse {
	items := make([]string, len(ids))
	for i, id := range ids {
		items[i] = fmt.Sprintf(`{"type":"transaction","id":%q}`, id)
	}
	body := fmt.Sprintf(`"data":[%s],"links":{"next":%q}}`, strings.Join(items, ","), next)
	if size > 0 {
		body = fmt.Sprintf(`"size":%d,`, size) + body
	}
	return ok(200, `{"type":"list",`+body)
}

// A list that changes while its pages are read ends with an error.
func TestLists_Changed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		pages  []any
		want   []string
		cursor basiq.Cursor
		text   string
	}{
		{
			"larger",
			[]any{listPage(3, "?next=2", "t1", "t2"), listPage(4, "", "t2", "t3")},
			[]string{"t1", "t2"},
			"next=2", "size was 3 and is 4",
		}, {
			"smaller",
			[]any{listPage(3, "?next=2", "t1", "t2"), listPage(2, "", "t3")},
			[]string{"t1", "t2"},
			"next=2", "size was 3 and is 2",
		}, {
			"larger on the third page",
			[]any{listPage(5, "?next=2", "t1"), listPage(0, "?next=3", "t2"), listPage(6, "", "t3")},
			[]string{"t1", "t2"},
			"next=3", "size was 5 and is 6",
		}, {
			"item repeated on the next page",
			[]any{listPage(0, "?next=2", "t1", "t2"), listPage(0, "", "t2", "t3")},
			[]string{"t1", "t2"},
			"next=2", "duplicate ID",
		}, {
			"item repeated with unchanged size",
			[]any{listPage(4, "?next=2", "t1", "t2"), listPage(4, "", "t3", "t1")},
			[]string{"t1", "t2", "t3"},
			"next=2", "duplicate ID",
		}, {
			"duplicate item on one page",
			[]any{listPage(3, "", "t1", "t2", "t1")},
			[]string{"t1", "t2"},
			"", "duplicate ID",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, way basiq.TransactionListOptions) {
				_, client := newStub(t, c.pages...)
				ids, err := readAll(client.Transactions.List(t.Context(), userID, way), transactionID)
				require.ErrorIs(t, err, basiq.ErrListChanged)
				require.ErrorContains(t, err, c.text)
				assert.Equal(t, c.want, ids)
				page, found := errors.AsType[*basiq.PageError](err)
				require.True(t, found)
				assert.Equal(t, c.cursor, page.Cursor, "the cursor must point to the page that showed the change")
				assert.NotContains(t, err.Error(), "t1")
				assert.False(t, basiq.MayHaveSucceeded(err))
			})
		})
	}
}

func TestTransactions_Page_Duplicate(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, listPage(3, "", "t1", "t2", "t1"))
	page, err := client.Transactions.Page(t.Context(), userID, "")
	require.ErrorIs(t, err, basiq.ErrListChanged)
	assert.Nil(t, page)
}

// Sizes of 0 and absent sizes are not compared.
func TestLists_UnknownSize(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, listPage(0, "?next=2", "t1"), listPage(3, "?next=3", "t2"), listPage(0, "", "t3"))
	ids, err := readAll(client.Transactions.List(t.Context(), userID), transactionID)
	require.NoError(t, err)
	assert.Equal(t, []string{"t1", "t2", "t3"}, ids)
}

// An institution has one connector for each method, with the same ID. In all other lists IDs are unique.
func TestLists_DuplicateIDs(t *testing.T) {
	t.Parallel()
	for _, c := range listings {
		t.Run(c.operation, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, `{"type":"list","data":[{"id":"x1","method":"web"},{"id":"x1","method":"open-banking"},{"id":"x1","method":"web"}]}`))
			n := 0
			var failure error
			for _, err := range c.list(t.Context(), client) {
				if failure = err; err == nil {
					n++
				}
			}
			require.ErrorIs(t, failure, basiq.ErrListChanged)
			want := 1
			if strings.HasPrefix(c.operation, "Connectors.") {
				want = 2
			}
			assert.Equal(t, want, n)
		})
	}
	t.Run("connectors without a method", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, `{"type":"list","data":[{"id":"x1"},{"id":"x1"}]}`))
		assert.Equal(t, 2, count(client.Connectors.List(t.Context())))
	})
}

// An item that is null, empty or without an ID ends the list with an error, after the items before it.
func TestLists_ItemWithoutID(t *testing.T) {
	t.Parallel()
	for _, c := range listings {
		for name, item := range map[string]string{
			"null": `null`, "empty": `{}`, "missing id": `{"type":null}`, "null id": `{"id":null}`, "empty id": `{"id":""}`, "blank id": `{"id":" \t"}`,
		} {
			t.Run(c.operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				_, client := newStub(t, ok(200, `{"type":"list","data":[{"id":"x1"},{"id":"x2"},`+item+`,{"id":"x4"}],"links":{"next":"?next=2"}}`))
				var ids []string
				var failure error
				for listed, err := range c.list(t.Context(), client) {
					if failure = err; err == nil {
						ids = append(ids, listed.id)
					}
				}
				assert.Equal(t, []string{"x1", "x2"}, ids)
				response, found := errors.AsType[*basiq.Error](failure)
				require.True(t, found, "%v", failure)
				assert.Equal(t, 200, response.StatusCode)
				assert.Equal(t, c.operation, response.Operation)
				require.ErrorContains(t, failure, "item 3: missing id")
			})
		}
	}
}

func TestTransactions_Page_ItemWithoutID(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"type":"list","data":[{"id":"t1"},{}]}`))
	page, err := client.Transactions.Page(t.Context(), userID, "")
	require.ErrorContains(t, err, "item 2: missing id")
	assert.Nil(t, page)
}

// A response to another request, which a proxy left on the connection, may also be a list.
func TestTransactions_List_AnotherType(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"type":"list","data":[{"type":"account","id":"a1"}]}`))
	ids, err := readAll(client.Transactions.List(t.Context(), userID), transactionID)
	require.ErrorContains(t, err, "item 1: resource of another type")
	assert.Empty(t, ids)
}

// The cursor of an error identifies the page that failed. Page continues there.
func TestPageError_Cursor(t *testing.T) {
	t.Parallel()
	first, last := listPage(0, "?next=2", "t1"), listPage(0, "", "t2")
	for _, c := range []struct {
		name      string
		responses []any
		cursor    basiq.Cursor
		is        error
	}{
		{"first page", []any{ok(404, envelope("resource-not-found", "", "gone"))}, "", basiq.ErrNotFound},
		{"second page", []any{first, ok(503, ""), ok(503, ""), ok(503, ""), ok(503, ""), last}, "next=2", basiq.ErrUnavailable},
		{"broken connection", []any{first, errReset, errReset, errReset, errReset, last}, "next=2", errReset},
		{"invalid link on the second page", []any{first, listPage(0, "https://au-api.basiq.io/", "t2"), last}, "next=2", basiq.ErrBadPageLink},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, way basiq.TransactionListOptions) {
				_, client := newStub(t, c.responses...)
				_, err := readAll(client.Transactions.List(t.Context(), userID, way), transactionID)
				require.ErrorIs(t, err, c.is)
				page, found := errors.AsType[*basiq.PageError](err)
				require.True(t, found)
				assert.Equal(t, c.cursor, page.Cursor)
				assert.Equal(t, page.Err.Error(), err.Error())
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
					assert.NotContains(t, fmt.Sprintf(verb, page)+fmt.Sprintf(verb, *page), "next=2")
				}
				if len(c.responses) > 1 {
					rest, err := client.Transactions.Page(t.Context(), userID, page.Cursor)
					require.NoError(t, err)
					assert.Equal(t, "t2", rest.Items[0].ID)
				}
			})
		})
	}
	assert.NotEmpty(t, (&basiq.PageError{}).Error())
}

func TestLists_InvalidArguments(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, listPage(0, "", "t1"))
	for name, list := range map[string]iter.Seq2[*basiq.Transaction, error]{
		"nil context":     client.Transactions.List(nil, userID), //nolint:staticcheck // tests a nil context
		"invalid user ID": client.Transactions.List(t.Context(), ".."),
		"page size":       client.Transactions.List(t.Context(), userID, basiq.TransactionListOptions{PageSize: 501}),
	} {
		_, err := readAll(list, transactionID)
		require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
		_, found := errors.AsType[*basiq.PageError](err)
		assert.False(t, found, name)
	}
	_, err := client.Transactions.Page(nil, userID, "") //nolint:staticcheck // tests a nil context
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
	for _, c := range listings {
		for _, err := range c.list(nil, client) {
			require.ErrorIs(t, err, basiq.ErrInvalidInput, c.operation)
		}
	}
	assert.Empty(t, s.seen())
}

// A large list is read in constant memory.
//
//nolint:paralleltest // measures the memory of the whole process
func TestTransactions_List_Memory(t *testing.T) {
	withoutRaceDetector(t)
	const n = 200_000 // `make bench` reads a million
	client := newClient(t, &discarding{ledger{n}})
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before, items, grown := heap(), 0, uint64(0)
	for _, err := range client.Transactions.List(t.Context(), userID) {
		require.NoError(t, err)
		if items++; items%40_000 == 0 {
			grown = max(grown, heap()-min(before, heap()))
		}
	}
	assert.Equal(t, n, items)
	t.Logf("heap grew by %d KiB", grown>>10)
	assert.LessOrEqual(t, grown, uint64(4<<20))
}

// discarding is a server that does not record requests, unlike a stub.
type discarding struct{ ledger ledger }

func (d *discarding) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/token" {
		return reply(200, tokenJSON), nil
	}
	return d.ledger.respond(0, request{Path: req.URL.Path, Query: req.URL.RawQuery})
}
