package conformance

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// pagesServer returns three pages of two items each, with the IDs 1 to 6.
type pagesServer struct {
	path string
	// first is the query of the first page. next is the format of the query of another page, with %d for its number.
	first url.Values
	next  string
	// item is the template of all items.
	item map[string]any
	// unsized: the pages do not contain the total number of items.
	unsized bool
	// requested lists the requested pages.
	requested []int
}

func (s *pagesServer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/token" {
		return fixedResponse{}.RoundTrip(req)
	}
	page := 0
	for n := 2; n <= 3; n++ {
		if req.URL.RawQuery == fmt.Sprintf(s.next, n) { // must match exactly
			page = n
		}
	}
	if assert.ObjectsAreEqual(s.first, req.URL.Query()) {
		page = 1
	}
	if page == 0 || req.URL.Path != s.path {
		return nil, fmt.Errorf("unexpected request for %s?%s", req.URL.Path, req.URL.RawQuery)
	}
	s.requested = append(s.requested, page)
	var data []any
	for id := 2*page - 1; id <= 2*page; id++ {
		item := maps.Clone(s.item)
		item["id"] = strconv.Itoa(id)
		data = append(data, item)
	}
	links := map[string]any{"self": req.URL.String(), "next": nil}
	if page < 3 {
		links["next"] = fmt.Sprintf("https://%s%s?"+s.next, req.URL.Host, s.path, page+1)
	}
	list := map[string]any{"type": "list", "data": data, "links": links}
	if !s.unsized {
		list["size"] = 6
	}
	body, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, "application/json", string(body)), nil
}

// exampleItem returns the first item of the contract's example response for a list operation.
func exampleItem(t *testing.T, examples []success, operation string) map[string]any {
	t.Helper()
	for _, tc := range examples {
		if tc.operation == operation {
			var list struct{ Data []map[string]any }
			require.NoError(t, json.Unmarshal([]byte(tc.body), &list))
			require.NotEmpty(t, list.Data)
			return list.Data[0]
		}
	}
	require.Fail(t, "no example for the operation", "%s", operation)
	return nil
}

// Requests for the first page must match the contract, and requests for other pages the server's link. The validating transport
// must accept both.
func TestPages_MatchContract(t *testing.T) {
	t.Parallel()
	examples := successes(t)
	transactions := []basiq.TransactionListOptions{{Filter: basiq.TransactionFields.PostDate.Between("2018-01-28", "2018-02-27").And(basiq.TransactionFields.Status.Eq(basiq.TransactionStatusPosted)), PageSize: 2}}
	ofReport := []basiq.ReportTransactionListOptions{{Filter: basiq.ReportTransactionFields.PostDate.Gteq("2018-01-28T00:00:00+11:00"), PageSize: 2}}
	messages := []basiq.WebhookMessageListOptions{{Filter: basiq.WebhookMessageFields.EventTypeID.Eq(basiq.EventTypeNameUserCreated), PageSize: 2}}
	events := []basiq.EventListOptions{{Filter: basiq.EventFields.Entity.Eq(basiq.EventEntityUser).And(basiq.EventFields.UserID.Eq("u1"))}}
	t.Run("getTransactions", func(t *testing.T) {
		t.Parallel()
		checkPages(t, "getTransactions", &pagesServer{
			path: "/users/u1/transactions", item: exampleItem(t, examples, "getTransactions"), next: "next=bf1ec9d4%d",
			first: url.Values{"limit": {"2"}, "filter": {"transaction.postDate.bt('2018-01-28','2018-02-27'),transaction.status.eq('posted')"}},
		}, func(c *basiq.Client) iter.Seq2[*basiq.Transaction, error] {
			return c.Transactions.List(t.Context(), "u1", transactions...)
		}, func(c *basiq.Client, at basiq.Cursor) (*basiq.Page[basiq.Transaction], error) {
			return c.Transactions.Page(t.Context(), "u1", at, transactions...)
		})
	})
	t.Run("retrieveReportTransactions", func(t *testing.T) {
		t.Parallel()
		checkPages(t, "retrieveReportTransactions", &pagesServer{ // a cursor of base64, escaped less than url.Values would
			path: "/reports/r1/transactions", item: exampleItem(t, examples, "getTransactions"), next: "limit=2&next=a/%d+b==",
			first: url.Values{"limit": {"2"}, "filter": {"transaction.postDate.gteq('2018-01-28T00:00:00+11:00')"}},
		}, func(c *basiq.Client) iter.Seq2[*basiq.ReportTransaction, error] {
			return c.Reports.Transactions(t.Context(), "r1", ofReport...)
		}, func(c *basiq.Client, at basiq.Cursor) (*basiq.Page[basiq.ReportTransaction], error) {
			return c.Reports.TransactionsPage(t.Context(), "r1", at, ofReport...)
		})
	})
	t.Run("listMessages", func(t *testing.T) {
		t.Parallel()
		checkPages(t, "listMessages", &pagesServer{ // a cursor that repeats the filter, in a different order
			path: "/notifications/webhooks/w1/messages", item: exampleItem(t, examples, "listMessages"),
			next:  "next=%d&filter=eventTypeId.eq%%28%%27user.created%%27%%29&limit=2",
			first: url.Values{"limit": {"2"}, "filter": {"eventTypeId.eq('user.created')"}},
		}, func(c *basiq.Client) iter.Seq2[*basiq.WebhookMessage, error] {
			return c.Webhooks.Messages(t.Context(), "w1", messages...)
		}, func(c *basiq.Client, at basiq.Cursor) (*basiq.Page[basiq.WebhookMessage], error) {
			return c.Webhooks.MessagesPage(t.Context(), "w1", at, messages...)
		})
	})
	t.Run("getEvents", func(t *testing.T) {
		t.Parallel()
		checkPages(t, "getEvents", &pagesServer{ // a collection whose page size cannot be chosen
			path: "/events", unsized: true, item: exampleItem(t, examples, "getEvents"), next: "next=%d",
			first: url.Values{"filter": {"event.entity.eq('user'),user.id.eq('u1')"}},
		}, func(c *basiq.Client) iter.Seq2[*basiq.Event, error] {
			return c.Events.List(t.Context(), events...)
		}, func(c *basiq.Client, at basiq.Cursor) (*basiq.Page[basiq.Event], error) {
			return c.Events.Page(t.Context(), at, events...)
		})
	})
}

func checkPages[T any](
	t *testing.T, operation string, server *pagesServer,
	list func(*basiq.Client) iter.Seq2[*T, error], page func(*basiq.Client, basiq.Cursor) (*basiq.Page[T], error),
) {
	t.Helper()
	c, transport := client(t, operation, server)
	want, wantTotal := []string{"1", "2", "3", "4", "5", "6"}, int64(6)
	if server.unsized {
		wantTotal = 0
	}
	idOf := func(item *T) string { return reflect.ValueOf(item).Elem().FieldByName("ID").String() }
	var ids []string
	for item, err := range list(c) {
		require.NoError(t, err)
		ids = append(ids, idOf(item))
	}
	assert.Equal(t, want, ids)
	assert.Equal(t, []int{1, 2, 3}, server.requested)

	server.requested, ids = nil, nil
	for at := ""; ; { // a stored cursor is a string
		one, err := page(c, basiq.Cursor(at))
		require.NoError(t, err)
		assert.Equal(t, wantTotal, one.Total)
		for i := range one.Items {
			ids = append(ids, idOf(&one.Items[i]))
		}
		if at = string(one.Next); at == "" {
			break
		}
	}
	assert.Equal(t, want, ids)
	assert.Equal(t, []int{1, 2, 3}, server.requested)
	assert.Equal(t, 6, transport.Exchanges()[operation+" 200"])
}
