package basiq_test

import (
	"errors"
	"iter"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// official returns an official payload of Basiq, for example "examples/core/getTypeById.200.success".
func official(t testing.TB, name string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join("..", "api", "conformance", "go.mod")); err != nil {
		t.Skip("Basiq's payloads are not part of the downloaded module")
	}
	body, err := os.ReadFile(filepath.Join("..", "api", "conformance", "testdata", "official", filepath.FromSlash(name)+".json"))
	require.NoError(t, err)
	return string(body)
}

// errOf returns the error of a call and discards the result.
func errOf[T any](_ T, err error) error { return err }

// rangeErr returns the first error of a sequence.
func rangeErr[T any](seq iter.Seq2[*T, error]) error {
	for _, err := range seq {
		return err
	}
	return nil
}

// all returns the items of a sequence, which must not contain an error.
func all[T any](t testing.TB, seq iter.Seq2[*T, error]) []*T {
	t.Helper()
	var items []*T
	for item, err := range seq {
		require.NoError(t, err)
		items = append(items, item)
	}
	return items
}

// resourceCall is a call that returns one resource.
type resourceCall struct {
	operation, path string
	get             func(t testing.TB, c *basiq.Client) (item, error)
}

// got converts the result of a call to an item. A call must not return both a resource and an error.
func got[T any](idOf func(*T) string) func(*T, error) (item, error) {
	return func(value *T, err error) (item, error) {
		switch {
		case err != nil && value != nil:
			return item{}, errors.New("call returned both a value and an error")
		case err != nil:
			return item{}, err
		}
		return item{idOf(value), value}, nil
	}
}

var resourceCalls = withPathGets([]resourceCall{
	{"Accounts.Get", "/users/u1/accounts/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Account) string { return v.ID })(c.Accounts.Get(t.Context(), userID, "x1"))
	}},
	{"Transactions.Get", "/users/u1/transactions/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Transaction) string { return v.ID })(c.Transactions.Get(t.Context(), userID, "x1"))
	}},
	{"Identities.Get", "/users/u1/identities/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Identity) string { return v.ID })(c.Identities.Get(t.Context(), userID, "x1"))
	}},
	{"Connectors.Get", "/connectors/x1/web", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Connector) string { return v.ID })(c.Connectors.Get(t.Context(), "x1", basiq.ConnectionMethodWeb))
	}},
	{"Connectors.GetPublic", "/public/connectors/x1/web", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Connector) string { return v.ID })(c.Connectors.GetPublic(t.Context(), "x1", basiq.ConnectionMethodWeb))
	}},
	{"Institutions.Get", "/institutions/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Institution) string { return v.ID })(c.Institutions.Get(t.Context(), "x1"))
	}},
	{"Affordability.Get", "/users/u1/affordability/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Affordability) string { return v.ID })(c.Affordability.Get(t.Context(), userID, "x1"))
	}},
	{"Income.Get", "/users/u1/income/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Income) string { return v.ID })(c.Income.Get(t.Context(), userID, "x1"))
	}},
	{"Expenses.Get", "/users/u1/expenses/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Expenses) string { return v.ID })(c.Expenses.Get(t.Context(), userID, "x1"))
	}},
	{"Reports.Get", "/reports/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Report) string { return v.ID })(c.Reports.Get(t.Context(), "x1"))
	}},
	{"Reports.Type", "/reports/types/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.ReportType) string { return v.ID })(c.Reports.Type(t.Context(), "x1"))
	}},
	{"Insights.Get", "/users/u1/insights/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Insight) string { return v.ID })(c.Insights.Get(t.Context(), userID, "x1"))
	}},
	{"Insights.Type", "/insights/types/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.InsightType) string { return string(v.ID) })(c.Insights.Type(t.Context(), "x1"))
	}},
	{"Payees.Get", "/users/u1/payees/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Payee) string { return v.ID })(c.Payees.Get(t.Context(), userID, "x1"))
	}},
	{"Events.Get", "/events/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Event) string { return v.ID })(c.Events.Get(t.Context(), "x1"))
	}},
	{"Events.Type", "/events/types/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.EventType) string { return string(v.ID) })(c.Events.Type(t.Context(), "x1"))
	}},
	{"Webhooks.Get", "/notifications/webhooks/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.Webhook) string { return v.ID })(c.Webhooks.Get(t.Context(), "x1"))
	}},
	{"Webhooks.Message", "/notifications/webhooks/w1/messages/x1", func(t testing.TB, c *basiq.Client) (item, error) {
		return got(func(v *basiq.WebhookMessage) string { return v.ID })(c.Webhooks.Message(t.Context(), "w1", "x1"))
	}},
})

func TestResources_Get(t *testing.T) {
	t.Parallel()
	for _, c := range resourceCalls {
		t.Run(c.operation, func(t *testing.T) {
			t.Parallel()
			// Basiq adds fields without notice, and omits fields or leaves them empty if an institution does not provide them.
			s, client := newStub(t, ok(200, `{"id":"X1","brandNew":{"deep":[1,"2",null]},"status":"brand-new","links":null,"data":null}`))
			resource, err := c.get(t, client)
			require.NoError(t, err)
			assert.Equal(t, "X1", resource.id, "IDs must be compared case-insensitively")
			require.Len(t, s.seen(), 1)
			sent := s.seen()[0]
			assert.Equal(t, "GET "+c.path, sent.String())
			assert.Empty(t, sent.Query)
			assert.Empty(t, sent.Body)
			assert.Equal(t, "application/json", sent.Header.Get("Accept"))
		})
	}
}

// A response without the resource is an error. An empty resource is never returned.
func TestResources_Get_InvalidResponse(t *testing.T) {
	t.Parallel()
	for _, c := range resourceCalls {
		for name, body := range map[string]string{
			"missing ID": `{"type":"resource","private":"gavin@hooli.com"}`, "empty id": `{"id":""}`, "null id": `{"id":null}`, "null": `null`, "empty": ``,
			"list": `[{"id":"x1"}]`, "HTML": `<html>gavin@hooli.com`, "number": `{"id":17}`, "truncated": `{"id":"x1","ty`,
		} {
			t.Run(c.operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				_, client := newStub(t, ok(200, body))
				_, err := c.get(t, client)
				var failure *basiq.Error
				require.ErrorAs(t, err, &failure)
				assert.Equal(t, c.operation, failure.Operation)
				assert.Equal(t, 200, failure.StatusCode)
				require.NotErrorIs(t, err, basiq.ErrNotFound)
				assert.NotContains(t, err.Error(), "hooli", "personal data must not be in the error")
			})
		}
	}
}

// resourceCalls contains every method that returns one resource, except for those listed here.
func TestResources_EveryMethod(t *testing.T) {
	t.Parallel()
	have := maps.Clone(getsElsewhere)
	for _, c := range resourceCalls {
		have[c.operation] = true
	}
	for _, op := range basiq.Operations() {
		if isGet(op) {
			assert.True(t, have[op.Name], "%s is not in the table", op.Name)
		}
	}
}

// Deleting a resource that does not exist is an error, unless an earlier attempt of the same call may have deleted it. Auth links
// are different, see TestAuthLinks_Delete.
func TestResources_Delete(t *testing.T) {
	t.Parallel()
	notFound := ok(404, envelope("resource-not-found", "Requested resource is not found", "Resource not found."))
	for path, remove := range map[string]func(c *basiq.Client) error{
		"/users/u1/consents/n1":      func(c *basiq.Client) error { return c.Consents.Delete(t.Context(), userID, "n1") },
		"/notifications/webhooks/w1": func(c *basiq.Client) error { return c.Webhooks.Delete(t.Context(), "w1") },
		"/reports/r1":                func(c *basiq.Client) error { return c.Reports.Delete(t.Context(), "r1") },
	} {
		for name, responses := range map[string][]any{
			"204":                          {ok(204, "")},
			"200 with a body":              {ok(200, `{"type":"deleted"}`)},
			"404 after a lost response":    {errReset, notFound},
			"404 after 502 from a gateway": {ok(502, "<html>"), notFound},
			"410 after a lost response":    {errReset, ok(410, envelope("resource-no-longer-available", "", "gone"))},
		} {
			t.Run(path+"/"+name, func(t *testing.T) {
				t.Parallel()
				s, client := newStub(t, responses...)
				require.NoError(t, remove(client))
				require.Len(t, s.seen(), len(responses))
				for _, sent := range s.seen() {
					assert.Equal(t, "DELETE "+path, sent.String())
					assert.Empty(t, sent.Query)
					assert.Empty(t, sent.Body)
				}
			})
		}
		t.Run(path+"/404", func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, notFound)
			require.ErrorIs(t, remove(client), basiq.ErrNotFound)
			assert.Len(t, s.seen(), 1)
		})
	}
}

// Public lists are for programs without a key. A token must not be sent where it is not required.
func TestPublicLists_NoToken(t *testing.T) {
	t.Parallel()
	for path, call := range map[string]func(c *basiq.Client) error{
		"/public/connectors":             func(c *basiq.Client) error { return rangeErr(c.Connectors.ListPublic(t.Context())) },
		"/public/institutions":           func(c *basiq.Client) error { return rangeErr(c.Institutions.ListPublic(t.Context())) },
		"/public/connectors/AU00000/web": func(c *basiq.Client) error { return errOf(c.Connectors.GetPublic(t.Context(), "AU00000", "web")) },
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, `{"id":"AU00000","data":[]}`))
			require.NoError(t, call(client))
			require.Len(t, s.seen(), 1)
			sent := s.seen()[0]
			assert.Equal(t, "GET "+path, sent.String())
			assert.NotContains(t, sent.Header, http.CanonicalHeaderKey("Authorization"))
			assert.Zero(t, s.tokenRequests())
		})
	}
}
