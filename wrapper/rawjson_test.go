package basiq_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestContextWithRawJSON_Get(t *testing.T) {
	t.Parallel()
	const body = ` {"type":"account", "id":"a1","nEw":1.50,"newer":{"a":[null]}} `
	_, client := newStub(t, ok(200, body), ok(404, `{"type":"list","data":[]}`), ok(200, `{"type":"account","id":"a2"}`), ok(200, `{`))
	var raw []byte
	ctx := basiq.ContextWithRawJSON(t.Context(), &raw)
	account, err := client.Accounts.Get(ctx, userID, "a1")
	require.NoError(t, err)
	assert.Equal(t, "a1", account.ID)
	assert.True(t, bytes.Equal([]byte(body), raw), "the bytes must be unchanged: %s", raw)

	for _, problem := range []string{"not found", "another resource", "not JSON"} {
		raw = []byte("stale")
		_, err = client.Accounts.Get(ctx, userID, "a1")
		require.Error(t, err, problem)
		assert.Nil(t, raw, problem)
	}
}

func TestContextWithRawJSON_EveryOperation(t *testing.T) {
	t.Parallel()
	secret := []string{"postToken", "addWebhook", "updateWebhook"}
	for _, c := range operationCalls {
		if !strings.HasPrefix(c.body, "{") { // no JSON
			continue
		}
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, &stub{respond: respondWith(ok(c.status, c.body))}, versionOf(t, c.id))
			var raw []byte
			require.NoError(t, c.call(withContext{t, basiq.ContextWithRawJSON(t.Context(), &raw)}, client))
			if slices.Contains(secret, c.id) {
				assert.Nil(t, raw)
				return
			}
			assert.NotEmpty(t, raw)
			assert.Contains(t, c.body, string(raw), "the response, or an item of the list")
		})
	}
}

func TestContextWithRawJSON_List(t *testing.T) {
	t.Parallel()
	pages := []any{
		ok(200, `{"type":"list","DATA":[{"id":"t1","new":[1, 2]}, {"id":"t2","x":"\u00e9\ud800"}],"size":3,"links":{"next":"/users/u1/transactions?next=a"}}`),
		ok(200, `{"data":[{"id":"lost"}],"type":"list","data" : [ {"id":"t3" } ]}`),
	}
	want := []string{`{"id":"t1","new":[1, 2]}`, `{"id":"t2","x":"\u00e9\ud800"}`, `{"id":"t3" }`}
	for name, options := range map[string][]basiq.TransactionListOptions{
		"on demand": nil, "prefetched": {{Prefetch: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, pages...)
			raw := []byte("stale")
			var got []string
			for transaction, err := range client.Transactions.List(basiq.ContextWithRawJSON(t.Context(), &raw), userID, options...) {
				require.NoError(t, err)
				got = append(got, string(raw))
				assert.Contains(t, string(raw), transaction.ID)
			}
			assert.Equal(t, want, got)
			assert.Contains(t, string(raw), `"lost"`, "after the loop, the last page")
		})
	}
	t.Run("error", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, pages[0], ok(400, `{}`))
		var raw []byte
		n := 0
		for _, err := range client.Transactions.List(basiq.ContextWithRawJSON(t.Context(), &raw), userID) {
			if err != nil {
				assert.Nil(t, raw)
				continue
			}
			n++
		}
		assert.Equal(t, 2, n)
	})
	t.Run("page", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, pages...)
		page, err := client.Transactions.Page(t.Context(), userID, "")
		require.NoError(t, err)
		assert.Nil(t, page.Raw, "raw JSON is returned only on request")
		var raw []byte
		page, err = client.Transactions.Page(basiq.ContextWithRawJSON(t.Context(), &raw), userID, page.Next)
		require.NoError(t, err)
		assert.Equal(t, [][]byte{[]byte(want[2])}, page.Raw)
		assert.True(t, json.Valid(raw))
		assert.Contains(t, string(raw), `"lost"`, "the whole response")
		page.Raw[0] = append(page.Raw[0], "overflow"...)
		assert.NotContains(t, string(raw), "overflow", "appending to an item must not overwrite the next item")
	})
}

// The list of webhooks may be a single object instead of an array.
func TestContextWithRawJSON_ListOfOne(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"type":"list","data":{"type":"webhook","id":"w1","x":{}}}`))
	var raw []byte
	n := 0
	for _, err := range client.Webhooks.List(basiq.ContextWithRawJSON(t.Context(), &raw)) {
		require.NoError(t, err)
		assert.JSONEq(t, `{"type":"webhook","id":"w1","x":{}}`, string(raw))
		n++
	}
	assert.Equal(t, 1, n)
}

// Responses with tokens or secrets are not stored, and neither are responses to other calls.
func TestContextWithRawJSON_OwnResponseOnly(t *testing.T) {
	t.Parallel()
	var raw []byte
	ctx := basiq.ContextWithRawJSON(t.Context(), &raw)
	_, client := newStub(t, ok(200, `{"type":"webhook","id":"w1","secret":"whsec_x"}`))
	_, err := client.Webhooks.Create(ctx, basiq.CreateWebhook{Name: "n", URL: "https://example.com", SubscribedEvents: []basiq.EventTypeName{"user.created"}})
	require.NoError(t, err)
	assert.Nil(t, raw)
	_, err = client.Tokens.Create(ctx, basiq.ServerAccess())
	require.NoError(t, err)
	assert.Nil(t, raw)

	var nested *basiq.Client
	s := &stub{respond: func(_ int, req request) (*http.Response, error) {
		return reply(200, `{"type":"user","id":"`+req.Path[len("/users/"):]+`"}`), nil
	}}
	outer := newClient(t, s, basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
		return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
			if call, _ := basiq.CallFromContext(req.Context()); call.Operation.ID == "getUser" && req.URL.Path == "/users/u1" {
				if _, err := nested.Users.Get(req.Context(), "u2"); err != nil {
					return nil, err
				}
			}
			return next.Do(req)
		})
	}))
	nested = outer
	_, err = outer.Users.Get(ctx, "u1")
	require.NoError(t, err)
	assert.JSONEq(t, `{"type":"user","id":"u1"}`, string(raw))
}

// A job that was waited for comes with the JSON of the poll that returned it.
func TestContextWithRawJSON_Wait(t *testing.T) {
	t.Parallel()
	response := func(status, extra string) stubResponse {
		return ok(200, `{"type":"job","id":"`+jobID+`","new":`+extra+`,"steps":[{"title":"verify-credentials","status":"`+status+`"}],`+
			`"links":{"source":"/users/`+userID+`/connections/c1"}}`)
	}
	started, succeeded, failed := response("in-progress", "1"), response("success", "2"), response("failed", "3")
	for _, c := range []struct {
		name      string
		responses []any
		options   []basiq.WaitOption
		want      []string // the JSON of the job, without an error and with it
	}{
		{"success", []any{started, started, succeeded}, nil, []string{succeeded.body}},
		{"failure", []any{started, failed}, nil, []string{failed.body}},
		{"rejected poll", []any{started, ok(404, `{"type":"list","data":[{"code":"resource-not-found"}]}`)}, nil, []string{started.body, ""}},
		{"another user", []any{succeeded}, []basiq.WaitOption{basiq.WithUser("u2")}, []string{""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				raw := []byte("stale")
				ctx := basiq.ContextWithRawJSON(t.Context(), &raw)
				_, client := newStub(t, c.responses...)
				job, _ := client.Jobs.Wait(ctx, jobID, c.options...)
				assert.Equal(t, c.want[0], string(raw))
				assert.Equal(t, job == nil, raw == nil)

				_, client = newStub(t, c.responses...)
				var last string
				for job, err := range client.Jobs.Watch(ctx, jobID, c.options...) {
					assert.Equal(t, job == nil, raw == nil, err)
					last = string(raw)
				}
				assert.Equal(t, c.want[0], last)

				_, client = newStub(t, c.responses...)
				for _, err := range client.Jobs.WaitEach(ctx, slices.Values([]string{jobID, ""}), c.options...) {
					if errors.Is(err, basiq.ErrInvalidInput) {
						assert.Nil(t, raw)
						continue
					}
					assert.Equal(t, c.want[len(c.want)-1], string(raw))
				}
			})
		})
	}
}
