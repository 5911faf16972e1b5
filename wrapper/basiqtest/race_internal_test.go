package basiqtest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// roundTripper adapts a function to http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestOperations_Concurrent is for the race detector. Responses are encoded after the sandbox is unlocked, while other
// calls may change the data. The sandbox is running, so jobs and deliveries also make progress.
func TestOperations_Concurrent(t *testing.T) {
	t.Parallel()
	tgt := newTarget(t)
	s := tgt.sandbox
	s.webhookClient = &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{}}, nil
	})}
	s.mu.Lock()
	s.closed = false
	s.mu.Unlock()
	send := func(ctx context.Context, number int, method, path, body string) int {
		at, err := url.ParseRequestURI(tgt.ids.Replace(path))
		if err != nil {
			return 0
		}
		r := (&http.Request{
			Method: method, URL: at, Host: "sandbox.example", Body: io.NopCloser(strings.NewReader(tgt.ids.Replace(body))),
			Header: http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + tgt.tokens[number]}},
		}).WithContext(ctx)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	bodies := map[string]string{
		"createUser": `{"email":"a@b.cd","businessName":"b","businessAddress":{"city":"x"},"verificationStatus":true}`, "updateUser": `{"firstName":"a"}`,
		"postConnection":   `{"institution":{"id":"AU00000"},"loginId":"Wentworth-Smith","password":"whislter"}`,
		"updateConnection": `{"password":"hooli2016"}`, "postJobMfa": `{"mfa-response":["Hooli"]}`,
		"addWebhook":    `{"url":"https://app.example/other","subscribedEvents":["user.created","connection.updated","account.updated"]}`,
		"updateWebhook": `{"url":"https://app.example/hook","subscribedEvents":["user.updated","transactions.updated"]}`,
		"testMessage":   `{"eventTypeId":"user.updated"}`,
		"createReport": `{"reportType":"CON_AFFOR_01","title":"t","filters":[{"name":"fromDate","value":"2020-01-01"},{"name":"toDate","value":"2099-01-01"},` +
			`{"name":"accounts","value":["{accountId}"]},{"name":"users","value":["{userId}"]}]}`,
	}
	var group sync.WaitGroup
	answered := make([]map[int]int, 4)
	for worker := range answered {
		answered[worker] = map[int]int{}
		group.Go(func() {
			for i := range s.routes {
				r := &s.routes[(i+worker*len(s.routes)/len(answered))%len(s.routes)]
				path := r.path
				switch r.operation {
				case "deleteUser", "deleteConnection", "deleteConsent": // otherwise no data would be left to read
					continue
				case "getTransactions", "getEvents":
					path += "?limit=20"
				case "postJobMfa":
					path = "/jobs/{mfaJobId}/mfa"
				}
				for number := range tgt.tokens {
					answered[worker][send(t.Context(), number, r.method, path, bodies[r.operation])]++
				}
				send(t.Context(), 0, http.MethodGet, "/home?token={token}&action=manage", "")
				send(t.Context(), 0, http.MethodGet, "/home/visit/{visitId}", "")
				s.Requests()
			}
		})
	}
	group.Wait()
	for _, operation := range []string{"/consents/{consentId}", "/connections/{connectionId}", ""} {
		for range 4 {
			group.Go(func() { send(t.Context(), 1, http.MethodDelete, "/users/{userId}"+operation, "") })
			group.Go(func() { send(t.Context(), 1, http.MethodGet, "/users/{userId}", "") })
			group.Go(func() { send(t.Context(), 1, http.MethodGet, "/users/{userId}/transactions?limit=20", "") })
		}
		group.Wait()
	}
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	s.cancel()
	s.background.Wait()
	for _, codes := range answered {
		for code := range codes {
			require.Contains(t, []int{200, 201, 202, 204, 400, 401, 403, 404, 409, 410, 415}, code, "%v", codes)
		}
		require.Positive(t, codes[http.StatusOK])
	}
}
