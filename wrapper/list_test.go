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

// listing is a method that lists.
type listing struct {
	operation, path, query string
	// paged is whether links to further pages are followed.
	paged bool
	// list returns what is listed.
	list func(ctx context.Context, c *basiq.Client) iter.Seq2[item, error]
}

// item is what a call returned, with its id.
type item struct {
	id    string
	value any
}

// itemsOf turns a range of things into one of items. It yields whatever the other yields, errors included.
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

func TestEveryListIsInTheTable(t *testing.T) {
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

func TestEveryList(t *testing.T) {
	t.Parallel()
	for _, c := range listings {
		t.Run(c.operation, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, threeItems))
			list := c.list(t.Context(), client)
			assert.Empty(t, s.seen(), "nothing is sent before the range begins")
			assert.Zero(t, s.tokenRequests())

			var ids []string
			for listed, err := range list {
				require.NoError(t, err)
				if ids = append(ids, listed.id); len(ids) == 2 {
					break
				}
			}
			assert.Equal(t, []string{"x1", "x2"}, ids, "in Basiq's order, and a range can be left")
			ids = nil
			for listed, err := range list {
				require.NoError(t, err)
				ids = append(ids, listed.id)
			}
			assert.Equal(t, []string{"x1", "x2", "x3"}, ids, "a second range begins anew")

			require.Len(t, s.seen(), 2, "one request for each range")
			for _, sent := range s.seen() {
				assert.Equal(t, "GET "+c.path, sent.String())
				assert.Equal(t, c.query, sent.Query)
				assert.Empty(t, sent.Body)
			}
		})
	}
}

func TestEveryEmptyList(t *testing.T) {
	t.Parallel()
	for _, c := range listings {
		for name, body := range map[string]string{
			"an empty list": `{"type":"list","size":0,"data":[],"links":{}}`,
			"no type":       `{"data":[]}`,
			"null":          `{"type":"list","data":null,"links":null}`,
			"no data":       `{"type":"list"}`,
		} {
			t.Run(c.operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				s, client := newStub(t, ok(200, body))
				for listed, err := range c.list(t.Context(), client) {
					require.NoError(t, err)
					assert.Fail(t, "there is nothing to list", listed.id)
				}
				assert.Len(t, s.seen(), 1)
			})
		}
	}
}

// An error comes once, and nothing after it, so that a loop that only notes it ends too.
func TestEveryListThatFails(t *testing.T) {
	t.Parallel()
	for _, c := range listings {
		for name, answer := range map[string]answerOf{
			"404":           ok(404, envelope("resource-not-found", "Requested resource is not found", "User with provided id does not exist.")),
			"no list":       ok(200, `{"id":"x1","private":"gavin@hooli.com"}`),
			"no object":     ok(200, `[{"id":"x1"}]`),
			"null":          ok(200, `null`),
			"a text":        ok(200, `"gavin@hooli.com"`),
			"HTML":          ok(200, `<html>gavin@hooli.com`),
			"empty":         ok(200, ``),
			"cut short":     ok(200, `{"type":"list","data":[{"id":"x1"},{"id"`),
			"not of things": ok(200, `{"type":"list","data":["gavin@hooli.com",{"id":"x1"}]}`),
			"data is text":  ok(200, `{"type":"list","data":"gavin@hooli.com"}`),
			"data is false": ok(200, `{"type":"list","data":false}`),
			"an object":     ok(200, `{}`),
			"a size alone":  ok(200, `{"type":"list","size":3}`),
			"negative size": ok(200, `{"type":"list","size":-1,"data":[]}`),
			"no content":    ok(204, ``),
			"accepted":      ok(202, threeItems),
		} {
			t.Run(c.operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				_, client := newStub(t, answer)
				n := 0
				var failure error
				for listed, err := range c.list(t.Context(), client) {
					n++
					failure = err
					assert.Empty(t, listed, "nothing comes beside an error")
				}
				require.Equal(t, 1, n)
				var said *basiq.Error
				require.ErrorAs(t, failure, &said)
				assert.Equal(t, c.operation, said.Operation)
				assert.Equal(t, answer.status, said.StatusCode)
				var page *basiq.PageError
				require.ErrorAs(t, failure, &page)
				assert.Empty(t, page.Cursor, "it is the first page")
				assert.NotContains(t, failure.Error(), "hooli", "what Basiq sent about people is not in the error")
				if answer.status == 404 {
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

// What the documents describe with links to further pages is read to its end; page_test.go has the links that are bad.
func TestPagedListsFollowLinks(t *testing.T) {
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
		t.Run(c.operation+"/left on the first page", func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, pages...)
			for _, err := range c.list(t.Context(), client) {
				require.NoError(t, err)
				break
			}
			require.Len(t, s.seen(), 1, "a page that nobody wants is not fetched")
		})
		t.Run(c.operation+"/to the end", func(t *testing.T) {
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
