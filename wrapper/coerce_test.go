package basiq_test

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// The official examples of API 3.0 have numbers where the schemas have strings. All values are decoded and nothing is logged.
func TestResponses_Numbers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		call func(t *testing.T, client *basiq.Client)
	}{
		"mobile of a created user": {`{"type":"user","id":"u1","mobile":61410888666}`, func(t *testing.T, client *basiq.Client) {
			user, err := client.Users.Create(t.Context(), basiq.CreateUser{Mobile: "+61410888666"})
			require.NoError(t, err)
			assert.Equal(t, "u1", user.ID)
			assert.Equal(t, "61410888666", user.Mobile)
		}},
		"mobile of an auth link": {`{"type":"auth_link","userId":"u1","mobile":61410888666,"expiresAt":"2024-01-01T00:00:00Z","links":{"public":"https://connect.basiq.io/x"}}`, func(t *testing.T, client *basiq.Client) {
			authLink, err := client.AuthLinks.Get(t.Context(), userID)
			require.NoError(t, err)
			assert.Equal(t, "61410888666", authLink.Mobile)
		}},
		"transactions": {
			`{"type":"list","count":"2","size":"2","data":[{"type":"transaction","id":"t1","amount":-12.50,"balance":1e2,"subClass":{"code":0.10,"title":"x"},
				"enrich":{"category":{"anzsic":{"class":{"code":4511}}},"merchant":{"id":7,"ABN":90065628864},"location":{"postalCode":2000}}},{"id":61723}]}`,
			func(t *testing.T, client *basiq.Client) {
				items := all(t, client.Transactions.List(t.Context(), userID))
				require.Len(t, items, 2)
				first := items[0]
				assert.Equal(t, basiq.Amount("-12.50"), first.Amount)
				assert.Equal(t, basiq.Amount("1e2"), first.Balance)
				assert.Equal(t, "0.10", first.SubClass.Code)
				assert.Equal(t, "4511", first.Enrich.Category.ANZSIC.Class.Code)
				assert.Equal(t, "90065628864", first.Enrich.Merchant.ABN)
				assert.Equal(t, "2000", first.Enrich.Location.PostalCode)
				assert.Equal(t, "61723", items[1].ID)
			},
		},
		"account": {`{"type":"account","id":"a1","accountNo":600000157441965,"balance":1.10,"institution":17,"connection":{"id":18}}`, func(t *testing.T, client *basiq.Client) {
			account, err := client.Accounts.Get(t.Context(), userID, "a1")
			require.NoError(t, err)
			assert.Equal(t, "600000157441965", account.AccountNo)
			assert.Equal(t, basiq.Amount("1.10"), account.Balance)
			assert.Equal(t, "17", account.Institution.ID)
			assert.Equal(t, "18", account.Connection.ID)
		}},
		"job": {`{"type":"job","id":"j1","steps":[{"title":"mfa-challenge","status":"in-progress","result":{"type":"mfa","method":1,"input":[2,"b"],"expiryMs":"120000"}}]}`, func(t *testing.T, client *basiq.Client) {
			job, err := client.Jobs.Get(t.Context(), jobID)
			require.NoError(t, err)
			challenge := job.MFA()
			assert.Equal(t, basiq.MFAMethod("1"), challenge.Method)
			assert.Equal(t, []string{"2", "b"}, challenge.Questions)
			assert.Equal(t, 2*time.Minute, challenge.ValidFor)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logs bytes.Buffer
			client := newClient(t, &stub{respond: respondWith(ok(200, c.body))}, basiq.WithLogger(slog.New(slog.NewTextHandler(&logs, nil))))
			c.call(t, client)
			assert.NotContains(t, logs.String(), "WARN")
		})
	}
}

// A value that is neither a number nor a string is skipped and logged. The rest of the response is decoded.
func TestResponses_Mistyped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body, field string
		call        func(t *testing.T, client *basiq.Client)
	}{
		"boolean for a code": {`{"type":"list","data":[{"id":"t1","subClass":{"code":true,"title":"kept"}}]}`, "data.0.subClass.code", func(t *testing.T, client *basiq.Client) {
			items := all(t, client.Transactions.List(t.Context(), userID))
			require.Len(t, items, 1)
			assert.Equal(t, "kept", items[0].SubClass.Title)
			assert.Empty(t, items[0].SubClass.Code)
		}},
		"object for a mobile": {`{"type":"user","id":"u1","mobile":{},"email":"kept"}`, "mobile", func(t *testing.T, client *basiq.Client) {
			user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "a@b.c"})
			require.NoError(t, err)
			assert.Equal(t, "kept", user.Email)
			assert.Empty(t, user.Mobile)
		}},
		"institution as string": {`{"type":"connection","id":"c1","institution":"AU00000","status":"active"}`, "institution", func(t *testing.T, client *basiq.Client) {
			connection, err := client.Connections.Get(t.Context(), userID, connID)
			require.NoError(t, err)
			assert.Equal(t, basiq.ConnectionStatusActive, connection.Status)
		}},
		"institution of a job as string": {`{"type":"job","id":"j1","institution":"AU00000","steps":[{"title":"verify-credentials","status":"success","result":null}]}`, "institution", func(t *testing.T, client *basiq.Client) {
			job, err := client.Jobs.Wait(t.Context(), jobID)
			require.NoError(t, err)
			assert.True(t, job.Done())
		}},
		"step result as string": {`{"type":"job","id":"j1","steps":[{"title":"verify-credentials","status":"success","result":"done"}]}`, "0", func(t *testing.T, client *basiq.Client) {
			job, err := client.Jobs.Wait(t.Context(), jobID)
			require.NoError(t, err)
			assert.True(t, job.Done())
		}},
		"object for the data of an insight": {`{"type":"insight","id":"i1","data":{"categories":[]}}`, "data", func(t *testing.T, client *basiq.Client) {
			insight, err := client.Insights.VerifyBalance(t.Context(), userID, basiq.BalanceRange{Min: "1"})
			require.NoError(t, err)
			assert.Equal(t, "i1", insight.ID)
		}},
		"string for the data of an event": {`{"type":"event","id":"e1","entity":"user","data":"gone"}`, "0", func(t *testing.T, client *basiq.Client) {
			event, err := client.Events.Get(t.Context(), "e1")
			require.NoError(t, err)
			assert.EqualValues(t, "user", event.Entity)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logs bytes.Buffer
			client := newClient(t, &stub{respond: respondWith(ok(200, c.body))}, basiq.WithLogger(slog.New(slog.NewTextHandler(&logs, nil))))
			c.call(t, client)
			assert.Contains(t, logs.String(), "level=WARN")
			assert.Contains(t, logs.String(), "field="+c.field+" ")
		})
	}
}

func TestTokens_Create_QuotedExpiry(t *testing.T) {
	t.Parallel()
	s := &wire{response: ok(200, userJSON), token: &stubResponse{status: 200, body: `{"access_token":"a","expires_in":"1800"}`}}
	client := newClient(t, s)
	token, err := client.Tokens.Create(t.Context(), basiq.ServerAccess())
	require.NoError(t, err)
	assert.InDelta(t, 30*time.Minute, time.Until(token.Expires), float64(time.Minute))
}
