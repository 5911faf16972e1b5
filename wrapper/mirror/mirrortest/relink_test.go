package mirrortest

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// relinked is Basiq as a transport. Its user has linked one account several times, and deleted the connections before the last.
type relinked struct {
	accounts, connections []string
	transactions          map[string][]string
}

// RoundTrip implements [http.RoundTripper].
func (l *relinked) RoundTrip(r *http.Request) (*http.Response, error) {
	status, items := http.StatusOK, []string(nil)
	switch r.URL.Path {
	case "/token":
	case "/users/u/accounts":
		items = l.accounts
	case "/users/u/connections":
		items = l.connections
	case "/users/u/consents":
	case "/users/u/transactions":
		filter, err := url.QueryUnescape(r.URL.Query().Get("filter"))
		if err != nil {
			return nil, err
		}
		items = l.transactions[strings.Split(filter, "'")[1]]
	default: // a connection
		status = http.StatusNotFound
	}
	body := fmt.Sprintf(`{"type":"list","size":%d,"data":[%s],"links":{},"access_token":"t","token_type":"Bearer","expires_in":3600}`, len(items), strings.Join(items, ","))
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// link links the account again. It has one posted transaction for each day of a span.
func (l *relinked) link(account string, from, to int) {
	now := time.Now().Format(time.RFC3339)
	l.connections = []string{fmt.Sprintf(`{"type":"connection","id":"c%s","createdDate":%q,"institution":{"id":"AU00000"},"links":{}}`, account, now)}
	l.accounts = append(l.accounts, fmt.Sprintf(
		`{"type":"account","id":%q,"connection":"c%s","accountNo":"062000 12345678","currency":"AUD","institution":"AU00000","lastUpdated":%q}`, account, account, now))
	for day := to; day >= from; day-- {
		date := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day).Format(time.RFC3339)
		l.transactions[account] = append(l.transactions[account], fmt.Sprintf(
			`{"type":"transaction","id":"%s%d","account":%q,"status":"posted","amount":"-5.00","postDate":%q}`, account, day, account, date))
	}
}

// An account that was linked again twice is counted once, also if both happened before the first sync, while Basiq imports the
// transactions, and if a newer account goes back further than an older one.
func TestSQL_Relink(t *testing.T) { //nolint:paralleltest // see onBoth
	onBoth(t, func(t *testing.T, d database, db *sql.DB) {
		store := d.store(t, db)
		requireOnce := func(relation string, rows int) {
			var got, days int
			require.NoError(t, db.QueryRow(`SELECT COUNT(*), COUNT(DISTINCT day) FROM `+relation).Scan(&got, &days))
			require.Equal(t, rows, got, relation)
			require.Equal(t, rows, days, "no day is counted twice")
		}
		for _, test := range []struct {
			spans            [3][2]int
			current, counted [3]int
		}{
			{[3][2]int{{-109, -50}, {-84, -40}, {-59, -30}}, [3]int{60, 45, 30}, [3]int{60, 70, 80}},
			{[3][2]int{{-109, -50}, {-60, -40}, {-80, -30}}, [3]int{60, 21, 51}, [3]int{60, 70, 80}},
		} {
			for _, each := range []bool{false, true} {
				l := &relinked{transactions: map[string][]string{}}
				client, err := basiq.New("key", basiq.WithHTTPClient(&http.Client{Transport: l}))
				require.NoError(t, err)
				m, err := mirror.New(client, store)
				require.NoError(t, err)
				total := 0
				for n, account := range []string{"b", "c", "a"} { // the order of the IDs is another one
					l.link(account, test.spans[n][0], test.spans[n][1])
					total += test.spans[n][1] - test.spans[n][0] + 1
					for _, wait := range []time.Duration{time.Minute, time.Hour} {
						time.Sleep(wait)
						if !each && n < 2 {
							continue
						}
						_, err = m.Sync(t.Context(), "u")
						require.NoError(t, err)
						requireOnce("basiq_current_transaction", test.current[n])
						requireOnce("basiq_counted_transaction", test.counted[n])
					}
				}
				var rows int
				require.NoError(t, db.QueryRow(`SELECT COUNT(*) FROM basiq_transaction`).Scan(&rows))
				assert.Equal(t, total, rows)
				result, err := m.Sync(t.Context(), "u")
				require.NoError(t, err)
				assert.True(t, result.Idle)
				_, err = m.Erase(t.Context(), "u", mirror.ReasonUserRequest)
				require.NoError(t, err)
				require.NoError(t, m.Readmit(t.Context(), "u"))
			}
		}
	})
}
