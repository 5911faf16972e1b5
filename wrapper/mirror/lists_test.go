package mirror_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// lists are the responses of a Basiq with the user u, for lists that the sandbox does not have.
type lists struct {
	*testing.T

	store  *mirror.Memory
	mirror *mirror.Mirror
	// connections and accounts hold the JSON of the items, and transactions by account.
	connections, accounts []string
	transactions          map[string][]string
	// respond returns another response for a list of transactions; "" changes nothing.
	respond func(r *http.Request, account string) (status int, body string)
}

func onLists(t *testing.T, test func(l *lists), options ...mirror.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &lists{T: t, store: new(mirror.Memory), transactions: map[string][]string{}}
		client, err := basiq.New("key", basiq.WithHTTPClient(&http.Client{Transport: l}))
		require.NoError(t, err)
		l.mirror, err = mirror.New(client, l.store, options...)
		require.NoError(t, err)
		test(l)
	})
}

var filteredAccount = regexp.MustCompile(`account\.id\.eq\('(.*)'\)`)

// RoundTrip implements [http.RoundTripper].
func (l *lists) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := http.StatusOK, ""
	switch path := strings.TrimPrefix(r.URL.Path, "/users/u"); path {
	case "/token":
		body = `{"access_token":"t","token_type":"Bearer","expires_in":3600}`
	case "/accounts":
		body = listBody(l.accounts...)
	case "/connections":
		body = listBody(l.connections...)
	case "/consents":
		body = listBody()
	case "/transactions":
		account := filteredAccount.FindStringSubmatch(r.URL.Query().Get("filter"))[1]
		if l.respond != nil {
			status, body = l.respond(r, account)
		}
		if body == "" {
			status, body = http.StatusOK, listBody(l.transactions[account]...)
		}
	default: // nothing else exists
		status, body = http.StatusNotFound, `{"data":[{"code":"resource-not-found"}]}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func listBody(items ...string) string {
	return fmt.Sprintf(`{"type":"list","size":%d,"data":[%s],"links":{}}`, len(items), strings.Join(items, ","))
}

// connect adds or replaces a connection and its account, which has just been updated.
func (l *lists) connect(connection, account string) {
	now := time.Now().Format(time.RFC3339)
	put(&l.connections, fmt.Sprintf(`{"type":"connection","id":%q,`, connection), fmt.Sprintf(`"createdDate":%q,"institution":{"id":"AU00000"},"links":{}}`, now))
	put(&l.accounts, fmt.Sprintf(`{"type":"account","id":%q,`, account), fmt.Sprintf(
		`"connection":%q,"accountNo":"062000 12345678","currency":"AUD","institution":"AU00000","lastUpdated":%q}`, connection, now))
}

// put adds an item to a list, or replaces the one with the same beginning.
func put(list *[]string, start, rest string) {
	if i := slices.IndexFunc(*list, func(item string) bool { return strings.HasPrefix(item, start) }); i >= 0 {
		(*list)[i] = start + rest
		return
	}
	*list = append(*list, start+rest)
}

// transaction returns a transaction of a day, counted from the first day of the bubble.
func transaction(account, id, status string, day int) string {
	date := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day).Format(time.RFC3339)
	return fmt.Sprintf(`{"type":"transaction","id":%q,"account":%q,"status":%q,"amount":"-5.00","postDate":%q}`, id, account, status, date)
}

// posted returns one posted transaction for each day before a last one, the newest first.
func posted(account string, days, last int) (all []string) {
	for day := last; day > last-days; day-- {
		all = append(all, transaction(account, fmt.Sprint(account, " ", day), "posted", day))
	}
	return all
}

// requireTruth compares the mirror with the lists.
func (l *lists) requireTruth() {
	l.Helper()
	var want, got []string
	for _, transactions := range l.transactions {
		want = append(want, transactions...)
	}
	for _, payload := range l.store.Transactions("u") {
		got = append(got, string(payload))
	}
	require.ElementsMatch(l, want, got)
}

func (l *lists) sync(options ...mirror.SyncOption) mirror.Result {
	l.Helper()
	result, err := l.mirror.Sync(l.Context(), "u", options...)
	require.NoError(l, err)
	return result
}

// A transaction that moved to another account is not removed together with the rows that the old one lacks.
func TestMirror_Sync_OtherAccount(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"pending", "posted"} {
		onLists(t, func(l *lists) {
			l.connect("c1", "new")
			l.connect("c2", "old")
			l.transactions["new"], l.transactions["old"] = posted("new", 20, -1), posted("old", 20, -1)
			moves := transaction("old", "moves", status, 0)
			l.transactions["old"] = slices.Insert(l.transactions["old"], 0, moves)
			time.Sleep(time.Hour)
			l.sync()
			l.requireTruth()

			l.transactions["old"] = l.transactions["old"][1:]
			l.connect("c2", "old")
			if status == "posted" { // it is missing in one read before
				time.Sleep(time.Minute)
				l.sync()
				time.Sleep(10 * time.Minute)
			}
			l.connect("c1", "new")
			l.connect("c2", "old")
			l.transactions["new"] = slices.Insert(l.transactions["new"], 0, transaction("new", "moves", status, 0))
			l.sync()
			l.requireTruth()
		})
	}
}

// The window is not used if transactions are in another order than Basiq's.
func TestMirror_Sync_OtherOrder(t *testing.T) {
	t.Parallel()
	for name, order := range map[string]func(day int) []string{
		"the oldest first": func(day int) []string {
			all := append([]string{transaction("a", fmt.Sprint("p", day), "pending", day)}, posted("a", 100+day, day)...)
			slices.Reverse(all)
			return all
		},
		"pending transactions last": func(day int) []string {
			return append(posted("a", 100+day, day), transaction("a", fmt.Sprint("p", day), "pending", day))
		},
		"two parts": func(day int) []string { // as if of two kinds of transactions
			all := posted("a", 100+day, day)
			return slices.Concat(all[50:], all[:50])
		},
	} {
		onLists(t, func(l *lists) {
			for day := range 4 {
				l.connect("c", "a")
				l.transactions["a"] = order(day)
				time.Sleep(time.Hour)
				l.sync()
				l.Log(name, day)
				l.requireTruth()
				time.Sleep(23 * time.Hour)
			}
		})
	}
}

// An account that cannot be read does not keep the others from being written.
func TestMirror_Sync_UnreadableAccount(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		body   string
		err    error
	}{
		{http.StatusForbidden, `{"data":[{"code":"access-denied"}]}`, basiq.ErrForbidden},
		{http.StatusNotFound, `{"data":[{"code":"resource-not-found"}]}`, mirror.ErrUnstable}, // ErrNotFound would mean the user
		{http.StatusOK, `{"type":"list","size":9,"data":[],"links":{}}`, mirror.ErrUnstable},
	} {
		onLists(t, func(l *lists) {
			for n := range 3 {
				account := fmt.Sprint("a", n)
				l.connect("c", account)
				l.transactions[account] = posted(account, 20, -1)
			}
			time.Sleep(time.Hour)
			l.respond = func(_ *http.Request, account string) (int, string) {
				if account == "a1" {
					return test.status, test.body
				}
				return 0, ""
			}
			result, err := l.mirror.Sync(l.Context(), "u")
			require.ErrorIs(t, err, test.err)
			assert.Equal(t, 40, result.Added)
			l.respond = nil
			assert.Equal(t, 20, l.sync().Added)
			l.requireTruth()
		})
	}
}

// Basiq may report the size on the first page only. Links that form a loop end.
func TestMirror_Sync_Pages(t *testing.T) {
	t.Parallel()
	onLists(t, func(l *lists) {
		l.connect("c", "a")
		l.transactions["a"] = posted("a", 2, -1)
		time.Sleep(time.Hour)
		l.respond = func(r *http.Request, _ string) (int, string) {
			link := "https://au-api.basiq.io/?" + r.URL.RawQuery + "&page=2"
			if r.URL.Query().Get("page") == "" {
				return http.StatusOK, `{"type":"list","size":2,"data":[` + l.transactions["a"][0] + `],"links":{"next":"` + link + `"}}`
			}
			return http.StatusOK, `{"type":"list","data":[` + l.transactions["a"][1] + `],"links":{}}`
		}
		l.sync()
		l.requireTruth()

		l.connect("c", "a")
		pages := 0
		l.respond = func(r *http.Request, _ string) (int, string) {
			pages++
			query := r.URL.Query()
			query.Set("page", strconv.Itoa(pages%3))
			return http.StatusOK, `{"type":"list","data":[],"links":{"next":"https://au-api.basiq.io/?` + query.Encode() + `"}}`
		}
		_, err := l.mirror.Sync(l.Context(), "u")
		require.ErrorIs(t, err, mirror.ErrUnstable)
	})
}

// A sync that lost a race does not return the doubts of its first round.
func TestMirror_Sync_MassRemovalByAnother(t *testing.T) {
	t.Parallel()
	onLists(t, func(l *lists) {
		l.connect("c", "a")
		l.transactions["a"] = posted("a", 20, -1)
		time.Sleep(time.Hour)
		l.sync()
		l.transactions["a"] = l.transactions["a"][10:]
		time.Sleep(8 * 24 * time.Hour)
		l.sync()
		time.Sleep(time.Hour)
		l.respond = func(*http.Request, string) (int, string) {
			l.respond = nil
			l.transactions["a"] = slices.Insert(l.transactions["a"], 0, transaction("a", "new", "posted", 0))
			assert.Equal(t, 10, l.sync(mirror.AllowMassRemoval()).Removed)
			return 0, ""
		}
		l.sync()
		l.requireTruth()
	})
}

// Older transactions that Basiq imports after a first read are not left to the next full read.
func TestMirror_Sync_ImportedInParts(t *testing.T) {
	t.Parallel()
	onLists(t, func(l *lists) {
		l.connect("c", "a")
		all := posted("a", 300, -1)
		l.transactions["a"] = all[:20]
		time.Sleep(time.Minute)
		assert.Equal(t, 20, l.sync().Added)
		l.transactions["a"] = all
		time.Sleep(10 * time.Minute)
		l.sync()
		l.requireTruth()
		assert.True(t, l.sync().Idle)
	})
}

// Each transaction that vanishes is removed by the second read that lacks it, also if others vanish and come back between the reads.
func TestMirror_Sync_VanishInTurn(t *testing.T) {
	t.Parallel()
	onLists(t, func(l *lists) {
		l.connect("c", "a")
		all := posted("a", 60, -1)
		l.transactions["a"] = all
		without := func(indexes ...int) {
			l.transactions["a"] = nil
			for i, item := range all {
				if !slices.Contains(indexes, i) {
					l.transactions["a"] = append(l.transactions["a"], item)
				}
			}
			time.Sleep(10 * time.Minute)
		}
		without()
		l.sync()
		l.connect("c", "a")
		for _, step := range []struct {
			missing []int
			removed int
		}{
			{[]int{1}, 0}, {[]int{2}, 0}, {[]int{1, 2}, 1}, {[]int{1, 2, 50}, 1}, {[]int{1, 2, 50}, 1}, {[]int{1, 2, 50}, 0},
		} {
			without(step.missing...)
			assert.Equal(t, step.removed, l.sync().Removed, step.missing)
		}
		l.requireTruth()
		assert.True(t, l.sync().Idle)
		without()
		time.Sleep(8 * 24 * time.Hour) // a full read
		assert.Equal(t, 3, l.sync().Added)
		l.requireTruth()
	})
}
