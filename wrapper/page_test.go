package basiq_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// ledger is a server with n transactions. The limit of the first request sets the page size.
type ledger struct{ n int }

func (l ledger) respond(_ int, req request) (*http.Response, error) {
	query, err := url.ParseQuery(req.Query)
	if err != nil {
		return nil, err
	}
	first, size := 0, 0
	if next := query.Get("next"); next != "" {
		if _, err := fmt.Sscanf(next, "from-%d-by-%d", &first, &size); err != nil {
			return nil, err
		}
	} else if size, err = strconv.Atoi(query.Get("limit")); err != nil {
		return nil, err
	}
	last := min(first+size, l.n)
	var data strings.Builder
	for i := first; i < last; i++ {
		if i > first {
			data.WriteByte(',')
		}
		fmt.Fprintf(&data, `{"type":"transaction","id":"t%d","amount":"-%d.95"}`, i, i)
	}
	links := `{"self":"https://au-api.basiq.io` + req.Path + `"}`
	if last < l.n {
		// As recorded: the link has only the cursor.
		links = fmt.Sprintf(`{"next":"https://au-api.basiq.io%s?next=from-%d-by-%d"}`, req.Path, last, size)
	}
	return reply(200, fmt.Sprintf(`{"type":"list","count":%d,"size":%d,"data":[%s],"links":%s}`, last-first, l.n, data.String(), links)), nil
}

// ways are the two ways to read pages. Callers must not see a difference.
var ways = map[string]basiq.TransactionListOptions{
	"on demand":  {},
	"prefetched": {Prefetch: true},
}

// eachWay runs a test in both ways.
func eachWay(t *testing.T, test func(t *testing.T, way basiq.TransactionListOptions)) {
	t.Helper()
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, way)
		})
	}
}

// A hundred thousand transactions on two hundred pages are returned in order and once each.
func TestPages_Order(t *testing.T) {
	t.Parallel()
	const n = 100_000
	eachWay(t, func(t *testing.T, way basiq.TransactionListOptions) {
		s := &stub{respond: ledger{n}.respond}
		client := newClient(t, s)
		next := 0
		way.Filter = basiq.TransactionFields.Status.Eq(basiq.TransactionStatusPosted)
		for transaction, err := range client.Transactions.List(t.Context(), userID, way) {
			require.NoError(t, err)
			if transaction.ID != "t"+strconv.Itoa(next) {
				require.Equal(t, "t"+strconv.Itoa(next), transaction.ID)
			}
			next++
		}
		assert.Equal(t, n, next)
		seen := s.seen()
		require.Len(t, seen, n/basiq.MaxPageSize)
		assert.Equal(t, "limit=500&filter=transaction.status.eq%28%27posted%27%29", seen[0].Query, "the documented maximum must be the default")
		assert.Equal(t, "next=from-500-by-500", seen[1].Query, "the query of the link must be unchanged")
	})
}

// Pages are requested only when the loop needs them.
func TestPages_OnDemand(t *testing.T) {
	t.Parallel()
	s := &stub{respond: ledger{10}.respond}
	client := newClient(t, s)
	all := client.Transactions.List(t.Context(), userID, basiq.TransactionListOptions{PageSize: 2})
	assert.Empty(t, s.seen(), "no request before the loop starts")
	var ids []string
	for transaction, err := range all {
		require.NoError(t, err)
		ids = append(ids, transaction.ID)
		if len(ids) == 3 {
			break
		}
	}
	assert.Equal(t, []string{"t0", "t1", "t2"}, ids)
	assert.Len(t, s.seen(), 2, "the third page must not be requested")

	ids = nil
	for transaction, err := range all {
		require.NoError(t, err)
		ids = append(ids, transaction.ID)
	}
	assert.Len(t, ids, 10, "a second loop must start over")
}

// Pages can be read one at a time, with the cursor stored in between.
func TestTransactions_Page(t *testing.T) {
	t.Parallel()
	client := newClient(t, &stub{respond: ledger{5}.respond})
	var ids []string
	pages := 0
	for at := basiq.Cursor(""); ; {
		page, err := client.Transactions.Page(t.Context(), userID, at, basiq.TransactionListOptions{PageSize: 2})
		require.NoError(t, err)
		assert.Equal(t, int64(5), page.Total)
		for _, transaction := range page.Items {
			ids = append(ids, transaction.ID)
		}
		pages++
		stored := string(page.Next)
		if at = basiq.Cursor(stored); at == "" {
			break
		}
	}
	assert.Equal(t, 3, pages)
	assert.Equal(t, []string{"t0", "t1", "t2", "t3", "t4"}, ids)
}

// An invalid link to the next page is an error after the items of its page, and is not followed.
func TestPages_InvalidLink(t *testing.T) {
	t.Parallel()
	const own = "https://au-api.basiq.io/users/u1/transactions"
	for name, c := range map[string]struct{ link, text string }{
		"missing query":    {own, "missing query"},
		"empty query":      {own + "?", "missing query"},
		"only a fragment":  {own + "#next", "missing query"},
		"space":            {own + "?next=a b", "invalid character"},
		"non-ASCII letter": {own + "?next=\u00e4", "invalid character"},
		"line break":       {own + "?next=a\\r\\nHost: evil.example", "not a URL"},
		"invalid URL":      {"https://[::1?next=a", "not a URL"},
		"credentials":      {"https://token@au-api.basiq.io/users/u1/transactions?next=a", "credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, way basiq.TransactionListOptions) {
				s, client := newStub(t, ok(200, `{"type":"list","data":[{"type":"transaction","id":"t1"}],"links":{"next":"`+c.link+`"}}`))
				var ids []string
				var failure error
				for transaction, err := range client.Transactions.List(t.Context(), userID, way) {
					if err != nil {
						require.NoError(t, failure, "an error must come once")
						failure = err
						continue
					}
					require.NoError(t, failure, "an error must come last")
					ids = append(ids, transaction.ID)
				}
				require.ErrorIs(t, failure, basiq.ErrBadPageLink)
				assert.Contains(t, failure.Error(), c.text)
				assert.NotContains(t, failure.Error(), "evil.example/users")
				assert.Less(t, len(failure.Error()), 300)
				assert.Equal(t, []string{"t1"}, ids, "the items before the error must be returned")
				assert.Len(t, s.seen(), 1, "the link must not be followed")

				page, err := client.Transactions.Page(t.Context(), userID, "", way)
				require.ErrorIs(t, err, basiq.ErrBadPageLink)
				require.NotNil(t, page, "the page must be returned")
				assert.Equal(t, "t1", page.Items[0].ID)
				assert.Empty(t, page.Next)
			})
		})
	}
}

// Links may be relative, and gateways may rewrite them. Only the query of a link is used. The link of the last page may be
// missing or empty.
func TestPages_ValidLink(t *testing.T) {
	t.Parallel()
	for name, links := range map[string]string{
		"absolute":     `{"next":"https://au-api.basiq.io/users/u1/transactions?next=a&limit=2"}`,
		"relative":     `{"next":"/users/u1/transactions?next=a&limit=2"}`,
		"only a query": `{"next":"?next=a&limit=2"}`,
		"upper case":   `{"next":"HTTPS://AU-API.basiq.io/users/u1/transactions?next=a&limit=2"}`,
		"default port": `{"next":"https://au-api.basiq.io:443/users/u1/transactions?next=a&limit=2"}`,
		"plain http":   `{"next":"http://au-api.basiq.io/users/u1/transactions?next=a&limit=2"}`,
		"another host": `{"next":"https://evil.example/users/u2/transactions?next=a&limit=2"}`,
		"another path": `{"next":"https://au-api.basiq.io/v3/internal/users/u2?next=a&limit=2"}`,
		"fragment":     `{"next":"?next=a&limit=2#top"}`,
	} {
		for last, end := range map[string]string{"no next": `{}`, "null": `{"next":null}`, "empty": `{"next":""}`, "no links": `null`} {
			t.Run(name+"/"+last, func(t *testing.T) {
				t.Parallel()
				eachWay(t, func(t *testing.T, way basiq.TransactionListOptions) {
					s, client := newStub(t, ok(200, `{"type":"list","data":[],"links":`+links+`}`), ok(200, `{"type":"list","data":[{"id":"t1"}],"links":`+end+`}`))
					n := 0
					for _, err := range client.Transactions.List(t.Context(), userID, way) {
						require.NoError(t, err)
						n++
					}
					assert.Equal(t, 1, n, "an empty page is not necessarily the last one")
					assert.Equal(t, "next=a&limit=2", s.seen()[1].Query)
					assert.Equal(t, s.seen()[0].String(), s.seen()[1].String(), "all pages must have the same path")
				})
			})
		}
	}
}

// A link that leads to an earlier page ends the list with an error.
func TestPages_RepeatedLink(t *testing.T) {
	t.Parallel()
	page := func(id, next string) stubResponse {
		return ok(200, `{"type":"list","data":[{"id":"`+id+`"}],"links":{"next":"https://au-api.basiq.io/users/u1/transactions?next=`+next+`"}}`)
	}
	for name, c := range map[string]struct {
		responses []any
		want      []string
	}{
		"same link":                      {[]any{page("t1", "a"), page("t2", "a")}, []string{"t1", "t2"}},
		"first page, on the first page":  {[]any{ok(200, `{"type":"list","data":[{"id":"t1"}],"links":{"next":"/users/u1/transactions?limit=500"}}`)}, []string{"t1"}},
		"first page, on the second page": {[]any{page("t1", "a"), ok(200, `{"type":"list","data":[{"id":"t2"}],"links":{"next":"/users/u1/transactions?limit=500"}}`)}, []string{"t1", "t2"}},
		"earlier page":                   {[]any{page("t1", "a"), page("t2", "b"), page("t3", "a")}, []string{"t1", "t2", "t3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, way basiq.TransactionListOptions) {
				s, client := newStub(t, c.responses...)
				var ids []string
				var failure error
				for transaction, err := range client.Transactions.List(t.Context(), userID, way) {
					if failure = err; err == nil {
						ids = append(ids, transaction.ID)
					}
				}
				require.ErrorIs(t, failure, basiq.ErrBadPageLink)
				assert.Equal(t, c.want, ids)
				assert.Len(t, s.seen(), len(c.responses))
				if len(c.responses) > 1 {
					return
				}
				page, err := client.Transactions.Page(t.Context(), userID, "", way)
				require.ErrorIs(t, err, basiq.ErrBadPageLink)
				assert.Empty(t, page.Next, "a program that stores the cursor would never end")
			})
		})
	}
}

func TestPages_InvalidArguments(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
	for name, options := range map[string][]basiq.TransactionListOptions{
		"negative size": {{PageSize: -1}},
		"too many":      {{PageSize: 501}},
		"two values":    {{}, {}},
		"not a date":    {{Filter: basiq.TransactionFields.PostDate.Eq("yesterday")}},
		"date and time": {{Filter: basiq.TransactionFields.PostDate.Eq("2019-10-29T00:00:00Z")}},
		"February 30":   {{Filter: basiq.TransactionFields.PostDate.Gt("2019-02-30")}},
		"reversed":      {{Filter: basiq.TransactionFields.PostDate.Between("2019-10-29", "2019-10-28")}},
	} {
		for _, err := range client.Transactions.List(t.Context(), userID, options...) {
			require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
		}
		_, err := client.Transactions.Page(t.Context(), userID, "", options...)
		require.ErrorIs(t, err, basiq.ErrInvalidInput, name)
	}
	for _, cursor := range []basiq.Cursor{"next=a b", "next=a\r\nHost: evil.example", "next=a\x7f", "#", "ä"} {
		_, err := client.Transactions.Page(t.Context(), userID, cursor)
		require.ErrorIs(t, err, basiq.ErrInvalidInput, "%q", cursor)
	}
	_, err := client.Transactions.Page(t.Context(), "..", "")
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
	assert.Empty(t, s.seen())
	_, err = client.Transactions.Page(t.Context(), userID, "", basiq.TransactionListOptions{PageSize: 1})
	require.NoError(t, err, "a page size of 1 is valid")
	assert.Contains(t, s.seen()[0].Query, "limit=1")
}

// A failed page request is retried. Earlier items are not lost and no item is returned twice.
func TestPages_FailedPage(t *testing.T) {
	t.Parallel()
	first := ok(200, `{"type":"list","data":[{"id":"t1"}],"links":{"next":"/users/u1/transactions?next=a"}}`)
	second := ok(200, `{"type":"list","data":[{"id":"t2"}]}`)
	for name, c := range map[string]struct {
		responses []any
		want      []string
		is        error
	}{
		"temporary failure": {[]any{first, errReset, second}, []string{"t1", "t2"}, nil},
		"permanent failure": {[]any{first, ok(503, "")}, []string{"t1"}, basiq.ErrUnavailable},
		"not JSON":          {[]any{first, ok(200, "<html>")}, []string{"t1"}, nil},
		"not a list":        {[]any{first, ok(200, `{"id":"x"}`)}, []string{"t1"}, nil},
		"another resource":  {[]any{first, ok(200, `{"type":"webhook","id":"w1"}`)}, []string{"t1"}, nil},
		"expired token":     {[]any{first, tokenExpired, second}, []string{"t1", "t2"}, nil},
		"expired cursor":    {[]any{first, ok(400, envelope("parameter-not-valid", "", "Next value is not valid"))}, []string{"t1"}, basiq.ErrBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, way basiq.TransactionListOptions) {
				_, client := newStub(t, c.responses...)
				var ids []string
				var failure error
				for transaction, err := range client.Transactions.List(t.Context(), userID, way) {
					if failure = err; err == nil {
						ids = append(ids, transaction.ID)
					}
				}
				assert.Equal(t, c.want, ids)
				if c.is != nil {
					require.ErrorIs(t, failure, c.is)
				}
				if len(c.want) == 2 {
					require.NoError(t, failure)
				} else {
					var apiError *basiq.Error
					require.ErrorAs(t, failure, &apiError)
					assert.Equal(t, "Transactions.List", apiError.Operation)
				}
			})
		})
	}
}

// After the loop ends, no request is in flight and every body is closed.
func TestPages_Break(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, way basiq.TransactionListOptions) {
		var mu sync.Mutex
		states := map[net.Conn]http.ConnState{}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				_, _ = io.WriteString(w, tokenJSON)
				return
			}
			resp, err := ledger{100_000}.respond(0, request{Path: r.URL.EscapedPath(), Query: r.URL.RawQuery})
			if !assert.NoError(t, err) {
				return
			}
			body, _ := io.ReadAll(resp.Body)
			// The links must not contain the default base URL, because the client's base URL is the test server's.
			_, _ = w.Write(bytes.ReplaceAll(body, []byte(basiq.DefaultBaseURL), nil))
		}))
		server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			states[conn] = state
		}
		server.Start()
		t.Cleanup(server.Close)
		transport := &http.Transport{}
		client, err := basiq.New(testKey, basiq.WithBaseURL(server.URL), basiq.WithHTTPClient(&http.Client{Transport: transport}))
		require.NoError(t, err)

		n := 0
		for _, err := range client.Transactions.List(t.Context(), userID, way) {
			require.NoError(t, err)
			if n++; n == 50_250 { // within a page
				break
			}
		}
		assert.Equal(t, 50_250, n)
		transport.CloseIdleConnections() // closes only unused connections
		assert.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			for _, state := range states {
				if state != http.StateClosed {
					return false
				}
			}
			return len(states) > 0
		}, 5*time.Second, time.Millisecond)
	})
}

// wholeLink matches a valid query of a link.
var wholeLink = regexp.MustCompile(`^\?([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})+$`)

// For any link, the next request is for the same collection on the same host and has exactly the query of the link, or no
// request is sent. A valid link is followed.
func FuzzPageLink(f *testing.F) {
	for _, link := range []string{
		"https://au-api.basiq.io/users/u1/transactions?next=a", "/users/u1/transactions?next=a", "?next=a", "", "#", "//evil.example/?a",
		"https://au-api.basiq.io/users/u1/../u2/transactions?next=a", "?a=b c", "?%zz", "?next=\u00e4", "\\evil", "https:users?x",
		"https://au-api.basiq.io:443/users/u1/transactions?next=a", "https://a@au-api.basiq.io/users/u1/transactions?next=a", "?a#b", "?limit=500",
		"https://AU-API.basiq.io/users/u1/transactions?a", "/users/u1/transactions/?a", "/users/%751/transactions?a", "/basiq/users?next=a", "/users?next=a",
		"https://gateway.example/basiq/users?next=a", "https://gateway.example/users?next=a", "?", "??", "?a?b",
		"https://evil.example/users/u1/transactions?next=a", "http://au-api.basiq.io/users/u1/transactions?next=a", "/users/u1/transactions/x?a",
	} {
		f.Add(link)
	}
	w := new(wire)
	client := newClient(f, w, oneAttempt)
	behind := newClient(f, w, oneAttempt, basiq.WithBaseURL("https://gateway.example/basiq/"))
	last := ok(200, `{"type":"list","data":[{"id":"x2"}]}`)
	collections := map[string]func(t testing.TB) iter.Seq2[item, error]{
		"https://au-api.basiq.io/users/u1/transactions": func(t testing.TB) iter.Seq2[item, error] {
			return itemsOf(client.Transactions.List(t.Context(), userID), func(v *basiq.Transaction) string { return v.ID })
		},
		"https://gateway.example/basiq/users": func(t testing.TB) iter.Seq2[item, error] {
			return itemsOf(behind.Users.List(t.Context()), func(v *basiq.User) string { return v.ID })
		},
	}
	f.Fuzz(func(t *testing.T, link string) {
		quoted, err := json.Marshal(link)
		require.NoError(t, err)
		link = strings.ToValidUTF8(link, "\ufffd")
		for address, list := range collections {
			w.set(ok(200, `{"type":"list","data":[{"id":"x1"}],"links":{"next":`+string(quoted)+`}}`))
			w.then = &last
			var ids []string
			var failure error
			for listed, err := range list(t) {
				require.NoError(t, failure, "an error must come last")
				if failure = err; err == nil {
					ids = append(ids, listed.id)
				}
			}
			for _, sent := range w.sent {
				where := *sent.URL
				where.RawQuery, where.ForceQuery = "", false
				require.Equal(t, address, where.String())
				require.Equal(t, sent.URL.Host, cmp.Or(sent.Host, sent.URL.Host))
				require.Equal(t, "Bearer token-1", sent.Header.Get("Authorization"))
			}
			if rest, whole := strings.CutPrefix(link, address); (whole || strings.HasPrefix(link, "?")) && wholeLink.MatchString(rest) && rest != "?"+w.sent[0].URL.RawQuery {
				require.NoError(t, failure)
			}
			switch {
			case failure != nil:
				require.ErrorIs(t, failure, basiq.ErrBadPageLink)
				checkText(t, failure, 300)
				require.Equal(t, []string{"x1"}, ids, "the items before the error must be returned")
				require.Len(t, w.sent, 1, "the link must not be followed")
			case link == "":
				require.Equal(t, []string{"x1"}, ids)
				require.Len(t, w.sent, 1)
			default:
				require.Equal(t, []string{"x1", "x2"}, ids)
				require.Len(t, w.sent, 2)
				_, query, _ := strings.Cut(link, "?")
				query, _, _ = strings.Cut(query, "#")
				require.Equal(t, query, w.sent[1].URL.RawQuery)
			}
		}
	})
}
