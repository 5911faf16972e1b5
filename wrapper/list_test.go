package basiq_test

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// listing is a method that returns a list.
type listing struct {
	operation, path, query string
	// paged reports whether the method follows links to further pages.
	paged bool
	// list calls the method.
	list func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error]
}

// item is an item of a list with its ID.
type item struct {
	id    string
	value any
}

// itemsOf converts a sequence of resources to a sequence of items, including errors.
func itemsOf[T any](seq iter.Seq2[*T, error], idOf func(*T) string) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for value, err := range seq {
			var listed item
			if value != nil {
				listed = item{idOf(value), value}
			}
			if !yield(listed, err) {
				return
			}
		}
	}
}

var listings = []listing{
	{"Users.List", "/users", "", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Users.List(ctx), func(v *basiq.User) string { return v.ID })
	}},
	{"Connections.List", "/users/u1/connections", "", false, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Connections.List(ctx, userID), func(v *basiq.Connection) string { return v.ID })
	}},
	{"Jobs.List", "/users/u1/jobs", "", false, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Jobs.List(ctx, userID), func(v *basiq.Job) string { return v.ID })
	}},
	{"Accounts.List", "/users/u1/accounts", "", false, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Accounts.List(ctx, userID), func(v *basiq.Account) string { return v.ID })
	}},
	{"Transactions.List", "/users/u1/transactions", "limit=500", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Transactions.List(ctx, userID), func(v *basiq.Transaction) string { return v.ID })
	}},
	{"Consents.List", "/users/u1/consents", "", false, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Consents.List(ctx, userID), func(v *basiq.Consent) string { return v.ID })
	}},
	{"Identities.List", "/users/u1/identities", "", false, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Identities.List(ctx, userID), func(v *basiq.Identity) string { return v.ID })
	}},
	{"Connectors.List", "/connectors", "", false, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Connectors.List(ctx), func(v *basiq.Connector) string { return v.ID })
	}},
	{"Connectors.ListPublic", "/public/connectors", "", false, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Connectors.ListPublic(ctx), func(v *basiq.Connector) string { return v.ID })
	}},
	{"Institutions.List", "/institutions", "", false, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Institutions.List(ctx), func(v *basiq.Institution) string { return v.ID })
	}},
	{"Institutions.ListPublic", "/public/institutions", "", false, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Institutions.ListPublic(ctx), func(v *basiq.Institution) string { return v.ID })
	}},
	{"Affordability.List", "/users/u1/affordability", "", false, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Affordability.List(ctx, userID), func(v *basiq.Affordability) string { return v.ID })
	}},
	{"Affordability.Transactions", "/users/u1/affordability/s1/transactions", "limit=500", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Affordability.Transactions(ctx, userID, "s1"), func(v *basiq.AffordabilityTransaction) string { return v.ID })
	}},
	{"Reports.List", "/reports", "", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Reports.List(ctx), func(v *basiq.Report) string { return v.ID })
	}},
	{"Reports.Transactions", "/reports/r1/transactions", "", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Reports.Transactions(ctx, "r1"), func(v *basiq.ReportTransaction) string { return v.ID })
	}},
	{"Reports.Types", "/reports/types", "", false, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Reports.Types(ctx), func(v *basiq.ReportType) string { return v.ID })
	}},
	{"Insights.List", "/users/u1/insights", "", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Insights.List(ctx, userID), func(v *basiq.Insight) string { return v.ID })
	}},
	{"Insights.Types", "/insights/types", "", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Insights.Types(ctx), func(v *basiq.InsightType) string { return string(v.ID) })
	}},
	{"Payees.List", "/users/u1/payees", "limit=500", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Payees.List(ctx, userID), func(v *basiq.Payee) string { return v.ID })
	}},
	{"Events.List", "/events", "", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Events.List(ctx), func(v *basiq.Event) string { return v.ID })
	}},
	{"Events.Types", "/events/types", "", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Events.Types(ctx), func(v *basiq.EventType) string { return string(v.ID) })
	}},
	{"Webhooks.List", "/notifications/webhooks", "", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Webhooks.List(ctx), func(v *basiq.Webhook) string { return v.ID })
	}},
	{"Webhooks.Messages", "/notifications/webhooks/w1/messages", "limit=500", true, func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error] {
		return itemsOf(c.Webhooks.Messages(ctx, "w1"), func(v *basiq.WebhookMessage) string { return v.ID })
	}},
}

// listings contains every method that returns a list.
func TestLists_EveryMethod(t *testing.T) {
	t.Parallel()
	var want, have []string
	for _, op := range basiq.Operations() {
		_, method, _ := strings.Cut(op.Name, ".")
		switch method {
		case "List", "ListPublic", "Transactions", "Types", "Messages":
			want = append(want, op.Name)
		}
	}
	for _, c := range listings {
		have = append(have, c.operation)
	}
	assert.ElementsMatch(t, want, have)
}

const threeItems = `{"type":"list","count":3,"size":3,"brandNew":1,"data":[{"id":"x1","brandNew":{"a":[]}},{"id":"x2","status":"brand-new"},{"id":"x3","type":null}],"links":{"self":"/x"}}`

func TestLists_Range(t *testing.T) {
	t.Parallel()
	for _, c := range listings {
		t.Run(c.operation, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, threeItems))
			list := c.list(t.Context(), client)
			assert.Empty(t, s.seen(), "no request before the loop starts")
			assert.Zero(t, s.tokenRequests())

			var ids []string
			for listed, err := range list {
				require.NoError(t, err)
				if ids = append(ids, listed.id); len(ids) == 2 {
					break
				}
			}
			assert.Equal(t, []string{"x1", "x2"}, ids, "items must be in Basiq's order, also after a break")
			ids = nil
			for listed, err := range list {
				require.NoError(t, err)
				ids = append(ids, listed.id)
			}
			assert.Equal(t, []string{"x1", "x2", "x3"}, ids, "a second loop must start over")

			require.Len(t, s.seen(), 2, "one request for each loop")
			for _, sent := range s.seen() {
				assert.Equal(t, "GET "+c.path, sent.String())
				assert.Equal(t, c.query, sent.Query)
				assert.Empty(t, sent.Body)
			}
		})
	}
}

func TestLists_Empty(t *testing.T) {
	t.Parallel()
	for _, c := range listings {
		for name, body := range map[string]string{
			"empty list":   `{"type":"list","size":0,"data":[],"links":{}}`,
			"missing type": `{"data":[]}`,
			"null":         `{"type":"list","data":null,"links":null}`,
			"missing data": `{"type":"list"}`,
		} {
			t.Run(c.operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				s, client := newStub(t, ok(200, body))
				for listed, err := range c.list(t.Context(), client) {
					require.NoError(t, err)
					assert.Fail(t, "unexpected item", listed.id)
				}
				assert.Len(t, s.seen(), 1)
			})
		}
	}
}

// An error is yielded once, as the last element, so that loops that continue after an error also end.
func TestLists_Errors(t *testing.T) {
	t.Parallel()
	for _, c := range listings {
		for name, response := range map[string]stubResponse{
			"404":              ok(404, envelope("resource-not-found", "Requested resource is not found", "User with provided id does not exist.")),
			"not a list":       ok(200, `{"id":"x1","private":"gavin@hooli.com"}`),
			"array":            ok(200, `[{"id":"x1"}]`),
			"null":             ok(200, `null`),
			"string":           ok(200, `"gavin@hooli.com"`),
			"HTML":             ok(200, `<html>gavin@hooli.com`),
			"empty":            ok(200, ``),
			"truncated":        ok(200, `{"type":"list","data":[{"id":"x1"},{"id"`),
			"string as item":   ok(200, `{"type":"list","data":["gavin@hooli.com",{"id":"x1"}]}`),
			"data is a string": ok(200, `{"type":"list","data":"gavin@hooli.com"}`),
			"data is false":    ok(200, `{"type":"list","data":false}`),
			"an object":        ok(200, `{}`),
			"only a size":      ok(200, `{"type":"list","size":3}`),
			"negative size":    ok(200, `{"type":"list","size":-1,"data":[]}`),
			"no content":       ok(204, ``),
			"accepted":         ok(202, threeItems),
		} {
			t.Run(c.operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				_, client := newStub(t, response)
				n := 0
				var failure error
				for listed, err := range c.list(t.Context(), client) {
					n++
					failure = err
					assert.Empty(t, listed, "an error must come without an item")
				}
				require.Equal(t, 1, n)
				var apiError *basiq.Error
				require.ErrorAs(t, failure, &apiError)
				assert.Equal(t, c.operation, apiError.Operation)
				assert.Equal(t, response.status, apiError.StatusCode)
				var page *basiq.PageError
				require.ErrorAs(t, failure, &page)
				assert.Empty(t, page.Cursor, "the first page has an empty cursor")
				assert.NotContains(t, failure.Error(), "hooli", "personal data must not be in the error")
				if response.status == 404 {
					require.ErrorIs(t, failure, basiq.ErrNotFound)
				}
			})
		}
		t.Run(c.operation+"/cancelled", func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			s, client := newStub(t, ok(200, threeItems))
			list := c.list(ctx, client)
			cancel()
			n := 0
			for _, err := range list {
				n++
				require.ErrorIs(t, err, context.Canceled)
			}
			assert.Equal(t, 1, n)
			assert.Empty(t, s.seen())
		})
	}
}

// Lists whose documentation has links to further pages are read completely. page_test.go tests invalid links.
func TestLists_Pages(t *testing.T) {
	t.Parallel()
	for _, c := range listings {
		if !c.paged {
			continue
		}
		pages := []any{
			ok(200, `{"type":"list","data":[{"id":"x1"}],"links":{"next":"https://au-api.basiq.io`+c.path+`?next=bf1ec9d4"}}`),
			ok(200, `{"type":"list","data":[],"links":{"next":"https://gateway.example/basiq`+c.path+`?next=a&limit=2"}}`),
			ok(200, `{"type":"list","data":[{"id":"x2"}],"links":{"self":"x","next":""}}`),
		}
		t.Run(c.operation+"/break on the first page", func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, pages...)
			for _, err := range c.list(t.Context(), client) {
				require.NoError(t, err)
				break
			}
			require.Len(t, s.seen(), 1, "the second page must not be requested")
		})
		t.Run(c.operation+"/all pages", func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, pages...)
			var ids []string
			for listed, err := range c.list(t.Context(), client) {
				require.NoError(t, err)
				ids = append(ids, listed.id)
			}
			assert.Equal(t, []string{"x1", "x2"}, ids)
			var queries []string
			for _, sent := range s.seen() {
				assert.Equal(t, "GET "+c.path, sent.String())
				queries = append(queries, sent.Query)
			}
			assert.Equal(t, []string{c.query, "next=bf1ec9d4", "next=a&limit=2"}, queries)
		})
	}
}
