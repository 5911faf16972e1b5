package basiq_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// Invalid arguments are rejected before a request is sent.
func TestInsights_InvalidInput(t *testing.T) {
	t.Parallel()
	users := slices.Repeat([]string{userID}, 11)
	data := map[string]any{"expense": "1000"}
	create := func(insight basiq.CreateInsight) func(t testing.TB, c *basiq.Client) error {
		return func(t testing.TB, c *basiq.Client) error {
			t.Helper()
			return errOf(c.Insights.Create(t.Context(), insight))
		}
	}
	balance := func(balance basiq.BalanceRange) func(t testing.TB, c *basiq.Client) error {
		return func(t testing.TB, c *basiq.Client) error {
			t.Helper()
			return errOf(c.Insights.VerifyBalance(t.Context(), userID, balance))
		}
	}
	tests := []struct {
		name, text string
		call       func(t testing.TB, c *basiq.Client) error
	}{
		{"no account number", "Insights.VerifyAccount: account.AccountNumber: missing", func(t testing.TB, c *basiq.Client) error {
			t.Helper()
			return errOf(c.Insights.VerifyAccount(t.Context(), userID, basiq.VerifyAccount{AccountType: "savings"}))
		}},
		{"no min", "Insights.VerifyBalance: balance.Min: not a decimal number", balance(basiq.BalanceRange{Max: "1"})},
		{"min not a number", "Insights.VerifyBalance: balance.Min: not a decimal number", balance(basiq.BalanceRange{Min: "$1"})},
		{"max not a number", "Insights.VerifyBalance: balance.Max: not a decimal number", balance(basiq.BalanceRange{Min: "1", Max: "1,000"})},
		{"no field", "Insights.VerifyIdentity: identity: all fields are empty", func(t testing.TB, c *basiq.Client) error {
			t.Helper()
			return errOf(c.Insights.VerifyIdentity(t.Context(), userID, basiq.VerifyIdentity{}))
		}},
		{"no user", "Insights.Create: insight.Users: missing", create(basiq.CreateInsight{Type: basiq.InsightTypeIDExpenseRatio, Data: data})},
		{"11 users", "Insights.Create: insight.Users: more than 10 users", create(basiq.CreateInsight{Users: users, Type: basiq.InsightTypeIDExpenseRatio, Data: data})},
		{"two users", "Insights.Create: insight.Users: only EXPENSE_RATIO_VERIFICATION accepts more than one user", create(basiq.CreateInsight{Users: users[:2], Type: basiq.InsightTypeIDBalance, Data: data})},
		{"no type", "Insights.Create: insight.Type: missing", create(basiq.CreateInsight{Users: users[:1], Data: data})},
		{"no data", "Insights.Create: insight.Data: missing", create(basiq.CreateInsight{Users: users[:1], Type: basiq.InsightTypeIDBalance})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, insightJSON))
			err := tt.call(t, client)
			require.ErrorIs(t, err, basiq.ErrInvalidInput)
			require.EqualError(t, err, "basiq: "+tt.text)
			assert.Empty(t, s.seen())
			assert.Zero(t, s.tokenRequests())
		})
	}
}

// Ten users are accepted for an expense ratio, and Data may be any value that marshals to an object.
func TestInsights_Create(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, insightJSON))
	_, err := client.Insights.Create(t.Context(), basiq.CreateInsight{
		Users: slices.Repeat([]string{userID}, 10), Type: basiq.InsightTypeIDExpenseRatio, Data: json.RawMessage(`{"expense":"1000"}`),
	})
	require.NoError(t, err)
	_, err = client.Insights.Create(t.Context(), basiq.CreateInsight{
		Users: []string{userID}, Type: basiq.InsightTypeIDAccount, Data: basiq.VerifyAccount{AccountNumber: "1"},
	})
	require.NoError(t, err)
	assert.JSONEq(t, `{"users":["u1"],"type":"ACCOUNT_VERIFICATION","data":{"accountNumber":"1"}}`, s.seen()[1].Body)
}

// The result of a balance insight is in the balance, or in the accountNumber until April 2026.
func TestBalanceMatch(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, data, want string }{
		{"new", `{"accountId":"a1","balance":{"input":{"min":"1","max":""},"match":true,"confidence":1}}`, `{"input":{"min":"1"},"match":true,"confidence":1}`},
		{"old", `{"accountId":"a1","accountNumber":{"input":{"min":"1","max":"2"},"match":false,"confidence":0.0}}`, `{"input":{"min":"1","max":"2"},"match":false,"confidence":0.0}`},
		{"unverified", `{"balance":{"input":{"min":"1"},"match":null,"error":"unknown"},"accountNumber":{"input":{"min":"2"}}}`, `{"input":{"min":"1"},"error":"unknown"}`},
		{"about an account", `{"accountNumber":{"input":"10445533","match":true,"confidence":1}}`, `{}`},
		{"about an identity", `{"name":{"input":"aa","match":true}}`, `{}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var data basiq.InsightData
			require.NoError(t, json.Unmarshal([]byte(tt.data), &data))
			got, err := json.Marshal(basiq.BalanceMatch(&data))
			require.NoError(t, err)
			assert.JSONEq(t, tt.want, string(got))
		})
	}
}

// The sizes of two pages may differ, because Basiq's documents disagree about what they count.
func TestLists_Uncounted(t *testing.T) {
	t.Parallel()
	insights := []any{
		ok(200, `{"type":"list","count":3,"size":2,"data":[{"id":"x1"},{"id":"x2"}],"links":{"next":"https://au-api.basiq.io/users/u1/insights?next=a"}}`),
		ok(200, `{"type":"list","count":3,"size":1,"data":[{"id":"x3"}],"links":{}}`),
	}
	payees := []any{
		ok(200, `{"type":"list","count":2,"size":25,"data":[{"id":"x1"},{"id":"x2"}],"links":{"next":"https://au-api.basiq.io/users/u1/payees?limit=25&cursor=abc123"}}`),
		ok(200, `{"type":"list","count":1,"size":1,"data":[{"id":"x3"}],"links":{"next":null}}`),
	}
	s, client := newStub(t, insights...)
	assert.Len(t, all(t, client.Insights.List(t.Context(), userID)), 3)
	assert.Equal(t, "next=a", s.seen()[1].Query)

	s, client = newStub(t, payees...)
	assert.Len(t, all(t, client.Payees.List(t.Context(), userID)), 3)
	assert.Equal(t, "limit=25&cursor=abc123", s.seen()[1].Query)

	_, client = newStub(t, payees...)
	page, err := client.Payees.Page(t.Context(), userID, "")
	require.NoError(t, err)
	assert.Zero(t, page.Total)
	assert.Equal(t, basiq.Cursor("limit=25&cursor=abc123"), page.Next)
	_, client = newStub(t, insights...)
	insightPage, err := client.Insights.Page(t.Context(), userID, "")
	require.NoError(t, err)
	assert.Zero(t, insightPage.Total)
}

// A verification stores an insight, so it is not retried if it may have succeeded, and MayHaveSucceeded reports true.
func TestInsights_VerifyAfterTimeout(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(http.StatusGatewayTimeout, ""), ok(200, insightJSON))
	err := errOf(client.Insights.VerifyBalance(t.Context(), userID, basiq.BalanceRange{Min: "1"}))
	require.ErrorIs(t, err, basiq.ErrUnavailable)
	assert.True(t, basiq.MayHaveSucceeded(err))
	assert.Len(t, s.seen(), 1)
}
