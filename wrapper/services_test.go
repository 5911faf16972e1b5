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

// official reads a payload of Basiq's own documents, for example "examples/core/getTypeById.200.success".
func official(t testing.TB, name string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join("..", "api", "conformance", "go.mod")); err != nil {
		t.Skip("Basiq's payloads are in the repository, and not in the module that is downloaded from it")
	}
	body, err := os.ReadFile(filepath.Join("..", "api", "conformance", "testdata", "official", filepath.FromSlash(name)+".json"))
	require.NoError(t, err)
	return string(body)
}

// errOf is the error of a call whose result does not matter.
func errOf[T any](_ T, err error) error { return err }

// rangeErr is the error that a range begins with.
func rangeErr[T any](seq iter.Seq2[*T, error]) error {
	for _, err := range seq {
		return err
	}
	return nil
}

// all collects what a range yields, which must be without an error.
func all[T any](t testing.TB, seq iter.Seq2[*T, error]) []*T {
	t.Helper()
	var items []*T
	for item, err := range seq {
		require.NoError(t, err)
		items = append(items, item)
	}
	return items
}

// thing is a call that gets one thing.
type thing struct {
	operation, path string
	get             func(t testing.TB, c *basiq.Client) (item, error)
}

// got is what a call returned; a call must not return both a thing and an error.
func got[T any](idOf func(*T) string) func(*T, error) (item, error) {
	return func(value *T, err error) (item, error) {
		switch {
		case err != nil && value != nil:
			return item{}, errors.New("the test got a value beside the error")
		case err != nil:
			return item{}, err
		}
		return item{idOf(value), value}, nil
	}
}

var things = withPathGets([]thing{
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

func TestGettingOneThing(t *testing.T) {
	t.Parallel()
	for _, c := range things {
		t.Run(c.operation, func(t *testing.T) {
			t.Parallel()
			// Basiq adds fields without notice, and leaves out or empties what an institution does not tell.
			s, client := newStub(t, ok(200, `{"id":"X1","brandNew":{"deep":[1,"2",null]},"status":"brand-new","links":null,"data":null}`))
			thing, err := c.get(t, client)
			require.NoError(t, err)
			assert.Equal(t, "X1", thing.id, "IDs are compared without case")
			require.Len(t, s.seen(), 1)
			sent := s.seen()[0]
			assert.Equal(t, "GET "+c.path, sent.String())
			assert.Empty(t, sent.Query)
			assert.Empty(t, sent.Body)
			assert.Equal(t, "application/json", sent.Header.Get("Accept"))
		})
	}
}

// An answer that has nothing of the thing is an error, never an empty thing.
func TestGettingWhatIsNoThing(t *testing.T) {
	t.Parallel()
	for _, c := range things {
		for name, body := range map[string]string{
			"no id": `{"type":"thing","private":"gavin@hooli.com"}`, "empty id": `{"id":""}`, "null id": `{"id":null}`, "null": `null`, "empty": ``,
			"list": `[{"id":"x1"}]`, "HTML": `<html>gavin@hooli.com`, "number": `{"id":17}`, "cut short": `{"id":"x1","ty`,
		} {
			t.Run(c.operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				_, client := newStub(t, ok(200, body))
				_, err := c.get(t, client)
				var answer *basiq.Error
				require.ErrorAs(t, err, &answer)
				assert.Equal(t, c.operation, answer.Operation)
				assert.Equal(t, 200, answer.StatusCode)
				require.NotErrorIs(t, err, basiq.ErrNotFound)
				assert.NotContains(t, err.Error(), "hooli", "what Basiq sent about people is not in the error")
			})
		}
	}
}

func TestEveryGetIsInTheTable(t *testing.T) {
	t.Parallel()
	have := maps.Clone(getsElsewhere)
	for _, c := range things {
		have[c.operation] = true
	}
	for _, op := range basiq.Operations() {
		if isGet(op) {
			assert.True(t, have[op.Name], "%s is not in the table", op.Name)
		}
	}
}

// Deleting what is not there is an error, but not when this very call has deleted it and only the answer was lost. Auth
// links are another matter, see TestDeleteAuthLink.
func TestDeleting(t *testing.T) {
	t.Parallel()
	notFound := ok(404, envelope("resource-not-found", "Requested resource is not found", "Resource not found."))
	for path, remove := range map[string]func(c *basiq.Client) error{
		"/users/u1/consents/n1":      func(c *basiq.Client) error { return c.Consents.Delete(t.Context(), userID, "n1") },
		"/notifications/webhooks/w1": func(c *basiq.Client) error { return c.Webhooks.Delete(t.Context(), "w1") },
		"/reports/r1":                func(c *basiq.Client) error { return c.Reports.Delete(t.Context(), "r1") },
	} {
		for name, answers := range map[string][]any{
			"204":                   {ok(204, "")},
			"200 with a body":       {ok(200, `{"type":"deleted"}`)},
			"after a lost answer":   {errReset, notFound},
			"after a gateway's 502": {ok(502, "<html>"), notFound},
			"when it is gone":       {errReset, ok(410, envelope("resource-no-longer-available", "", "gone"))},
		} {
			t.Run(path+"/"+name, func(t *testing.T) {
				t.Parallel()
				s, client := newStub(t, answers...)
				require.NoError(t, remove(client))
				require.Len(t, s.seen(), len(answers))
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

// The public lists are for programs without a key: a token must not go where none is asked for.
func TestPublicOperationsSendNoToken(t *testing.T) {
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
