package basiqtest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const webhooks = "/notifications/webhooks"

func TestWebhooks_CreateGetUpdateDelete(t *testing.T) {
	t.Parallel()
	c := new30(t)
	r := c.post(webhooks, map[string]any{
		"name": "Users", "description": "What happens to users", "url": hook,
		"subscribedEvents": []string{"user.created", "user.deleted", "user.created"},
	})
	require.Equal(t, http.StatusCreated, r.status, r.raw)
	id, secret := r.text("id"), r.text("secret")
	assert.Regexp(t, `^whsec_[A-Za-z0-9+/]{32}$`, secret)
	self := c.sandbox.URL() + webhooks + "/" + id
	want := map[string]any{
		"type": "webhook", "id": id, "name": "Users", "description": "What happens to users", "url": hook, "status": "active",
		"subscribedEvents": []any{"user.created", "user.deleted"}, "links": map[string]any{"self": self}, "secret": secret,
	}
	assert.Equal(t, want, r.body)

	delete(want, "secret")
	assert.Equal(t, want, c.get(webhooks+"/"+id).body, "no secret")
	list := c.get(webhooks)
	assert.Equal(t, map[string]any{
		"type": "list", "size": json.Number("1"), "count": json.Number("1"), "data": []any{want},
		"links": map[string]any{"self": c.sandbox.URL() + webhooks},
	}, list.body)
	assert.NotContains(t, list.raw, secret)

	// Missing fields keep their values.
	r = c.post(webhooks+"/"+id, map[string]any{"url": hook + "/2", "name": "All users"})
	require.Equal(t, http.StatusOK, r.status, r.raw)
	want["url"], want["name"], want["secret"] = hook+"/2", "All users", secret
	assert.Equal(t, want, r.body)
	r = c.post(webhooks+"/"+id, map[string]any{"url": hook + "/2", "description": "", "subscribedEvents": []string{}})
	assert.Empty(t, r.text("description"))
	assert.Zero(t, r.length("subscribedEvents"))
	r = c.post(webhooks+"/"+id, map[string]any{"url": hook + "/2", "subscribedEvents": []string{"user.updated", "user.created"}})
	want["description"], want["subscribedEvents"] = "", []any{"user.updated", "user.created"}
	assert.Equal(t, want, r.body)

	r = c.delete(webhooks + "/" + id)
	assert.Equal(t, http.StatusNoContent, r.status)
	assert.Empty(t, r.raw)
	assert.Zero(t, c.get(webhooks).length("data"))
	c.get(webhooks+"/"+id).requireError(http.StatusNotFound, "resource-not-found", "Webhook with provided id doesn't exist.")
	other := c.subscribe(hook, "user.created")
	assert.NotEqual(t, secret, other.text("secret"), "URL and events can be reused, the secret is new")
}

// As in the documented request example.
func TestWebhooks_Create_SingleEventType(t *testing.T) {
	t.Parallel()
	c := new30(t)
	r := c.post(webhooks, map[string]any{"url": hook, "subscribedEvents": "user.created"})
	require.Equal(t, http.StatusCreated, r.status, r.raw)
	events, _ := r.at("subscribedEvents")
	assert.Equal(t, []any{"user.created"}, events)
	assert.Empty(t, r.text("name"))
	r = c.post(webhooks, map[string]any{"url": hook + "/none"})
	require.Equal(t, http.StatusCreated, r.status, r.raw)
	assert.Zero(t, r.length("subscribedEvents"))
}

func TestWebhooks_Create_Errors(t *testing.T) {
	t.Parallel()
	c := new30(t)
	c.subscribe(hook, "user.created")
	other := c.subscribe(hook+"/other", "user.deleted").text("id")
	const invalid, title = "invalid-content", "Invalid request content"
	for _, test := range []struct {
		name                string
		body                any
		status              int
		code, title, detail string
	}{
		{"no url", map[string]any{"name": "x"}, 400, invalid, title, "Posted request not valid."},
		{"relative url", map[string]any{"url": "/basiq"}, 400, invalid, title, "Posted request not valid."},
		{"no host", map[string]any{"url": "https://:80/"}, 400, invalid, title, "Posted request not valid."},
		{"invalid url", map[string]any{"url": "http://a b"}, 400, invalid, title, "Posted request not valid."},
		{"other scheme", map[string]any{"url": "ftp://piper.example"}, 400, invalid, title, "Posted request not valid."},
		{"not an object", []string{hook}, 400, invalid, title, "Posted request not valid."},
		{"numeric event type", map[string]any{"url": "http://h", "subscribedEvents": []int{1}}, 400, invalid, title, "Posted request not valid."},
		{
			"unknown type",
			map[string]any{"url": "http://h", "subscribedEvents": []string{"account.updated", "job.done"}},
			400, invalid, title, "Posted subscribedEvents contains unsupported event types.",
		},
		{
			"event without webhooks",
			map[string]any{"url": "http://h", "subscribedEvents": []string{"connection.updated"}},
			400, invalid, title, "Posted subscribedEvents contains unsupported event types.",
		},
		{
			"subscribed",
			map[string]any{"url": "http://h", "subscribedEvents": []string{"account.updated", "user.created"}},
			400, "event-already-subscribed", "Event already subscribed",
			"Posted subscribedEvents contains events that are already subscribed to for this application.",
		},
		{
			"same url",
			map[string]any{"url": hook, "subscribedEvents": []string{"account.updated"}},
			409, "resource-already-exists", "Resource already exists", "Webhook with provided url already exists.",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{webhooks, webhooks + "/" + other} {
				r := c.post(path, test.body)
				r.requireError(test.status, test.code, test.detail)
				assert.Equal(t, test.title, r.text("data.0.title"))
				assert.False(t, r.has("data.0.source"))
			}
		})
	}
}

func TestWebhooks_Unknown(t *testing.T) {
	t.Parallel()
	c := new30(t)
	body := map[string]any{"url": hook}
	const noWebhook, noMessage = "Webhook with provided id doesn't exist.", "Message not found."
	for _, test := range []struct {
		method, under string
		body          any
		detail        string
	}{
		{http.MethodGet, "", nil, noWebhook},
		{http.MethodPost, "", body, noWebhook},
		{http.MethodDelete, "", nil, noWebhook},
		{http.MethodGet, "/messages", nil, "Resource not found."},
		{http.MethodGet, "/messages/" + unknownID, nil, noMessage},
	} {
		c.call(test.method, webhooks+"/"+unknownID+test.under, test.body).
			requireError(http.StatusNotFound, "resource-not-found", test.detail)
		r := c.call(test.method, webhooks+"/42"+test.under, test.body)
		r.requireError(http.StatusBadRequest, "path-parameter-not-valid", "Webhook ID value is not valid")
		assert.Equal(t, "Parameter value is not valid", r.text("data.0.title"))
		assert.Equal(t, "webhookId", r.text("data.0.source.parameter"))
	}
	id := c.subscribe(hook, "user.created").text("id")
	c.get(webhooks+"/"+id+"/messages/42").requireError(http.StatusNotFound, "resource-not-found", noMessage)
}

func TestWebhooks_TestMessage(t *testing.T) {
	t.Parallel()
	const path = "/notifications/messages/test"
	synctest.Test(t, func(t *testing.T) {
		sub := respondWith(http.StatusOK)
		c := new30(t, sub.option())
		r := c.post(path, map[string]any{"eventTypeId": "user.created"})
		r.requireError(http.StatusBadRequest, "no-webhooks-found", "No webhooks found for an app: "+
			"b1d2a3c4-0000-4000-8000-000000000002, at least one webhook should exist in the system")
		assert.Equal(t, "No webhooks found for an app", r.text("data.0.title"))
		c.subscribe(hook, "user.created", "account.updated", "transactions.updated")
		for detail, body := range map[string]any{
			"Posted request not valid.":          map[string]any{"Text": "x"},
			"Posted eventTypeId doesn't exists.": map[string]any{"eventTypeId": "connection.updated"},
		} {
			r = c.post(path, body)
			r.requireError(http.StatusBadRequest, "invalid-content", detail)
			assert.Equal(t, "Invalid request content", r.text("data.0.title"))
		}
		for _, body := range []map[string]any{
			{"eventTypeId": "user.created", "Text": "My test message"},
			{"eventTypeId": "account.updated"},
			{"eventTypeId": "transactions.updated"},
			{"eventTypeId": "consent.revoked"}, // no webhook subscribes to it
		} {
			r = c.post(path, body)
			assert.Equal(t, http.StatusCreated, r.status)
			assert.Empty(t, r.raw)
			sub.deliveries()
		}
		got := sub.deliveries()
		require.Len(t, got, 3)
		for i, entity := range []string{"", "/accounts/[0-9a-f-]{36}", "/transactions"} {
			var message map[string]any
			require.NoError(t, json.Unmarshal([]byte(got[i].body), &message))
			links := message["links"].(map[string]any)
			assert.Equal(t, c.sandbox.URL()+"/events/"+message["eventId"].(string), links["event"])
			assert.Regexp(t, "^"+c.sandbox.URL()+"/users/[0-9a-f-]{36}"+entity+"$", links["eventEntity"])
			if i == 0 {
				assert.Equal(t, "My test message", message["Text"])
			} else {
				assert.NotContains(t, message, "Text")
			}
		}
		assert.Empty(t, c.events(""), "no event exists")
		list := c.get(webhooks + "/" + c.get(webhooks).text("data.0.id") + "/messages")
		assert.Equal(t, 3, list.length("data"))
		assert.NotContains(t, list.raw, "Text", "undeclared field")
	})
}

func TestWebhooks_Messages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := &subscriber{status: func(n int, _ *http.Request) int {
			return []int{http.StatusOK, http.StatusInternalServerError, http.StatusOK}[n]
		}}
		c := new30(t, sub.option())
		hooked := c.subscribe(hook, "user.created", "user.updated").text("id")
		path := webhooks + "/" + hooked + "/messages"
		empty := c.get(path)
		assert.Equal(t, map[string]any{
			"type": "list", "count": json.Number("0"), "size": json.Number("0"), "data": []any{},
			"links": map[string]any{"self": c.sandbox.URL() + path},
		}, empty.body)

		user := c.newUser()
		sub.deliveries()
		time.Sleep(time.Second)
		c.post("/users/"+user, map[string]any{"email": "g@hooli.com"})
		sub.deliveries()
		r := c.get(path)
		require.Equal(t, 2, r.length("data"))
		assert.Equal(t, "user.updated", r.text("data.0.payload.eventTypeId"), "newest first")
		created := c.event("event.type.eq('created')").text("id")
		id := r.text("data.1.id")
		item, _ := r.at("data.1")
		base := c.sandbox.URL()
		assert.Equal(t, map[string]any{
			"id": id, "webhookId": hooked, "eventTypeId": "user.created", "eventId": created,
			"payload": map[string]any{
				"eventTypeId": "user.created", "eventId": created,
				"links": map[string]any{"event": base + "/events/" + created, "eventEntity": base + "/users/" + user},
			},
			"links": map[string]any{"self": base + path + "/" + id, "webhook": base + webhooks + "/" + hooked},
		}, item)
		assert.Equal(t, id, sub.deliveries()[0].header.Get("webhook-id"))

		both := []string{"user.updated", "user.created"}
		today := time.Now().UTC().Format(time.DateOnly)
		for filter, want := range map[string][]string{
			"eventTypeId.eq('user.created')":                             both[1:],
			"eventTypeId.eq('user.deleted')":                             nil,
			"eventId.eq('" + created + "')":                              both[1:],
			"webhookId.eq('" + hooked + "')":                             both,
			"webhookId.eq('" + unknownID + "')":                          nil,
			"status.eq('Success')":                                       both[1:],
			"status.eq('Failed')":                                        both[:1],
			"status.eq('Failed'),eventId.eq('" + id + "')":               nil,
			"date.eq('" + today + "')":                                   both,
			"date.gt('" + today + "')":                                   nil,
			"date.bt('" + today + "','" + today + "')":                   both,
			"date.gteq('" + time.Now().UTC().Format(time.RFC3339) + "')": both[:1],
			"date.lt('" + time.Now().UTC().Format(time.RFC3339) + "')":   both[1:],
		} {
			r := c.get(path + "?filter=" + filter)
			require.Equal(t, http.StatusOK, r.status, r.raw)
			var got []string
			for i := range r.length("data") {
				got = append(got, r.text("data."+strconv.Itoa(i)+".eventTypeId"))
			}
			assert.Equal(t, want, got, filter)
		}
		for _, filter := range []string{"status.eq('OK')", "date.eq('today')", "id.eq('1')", "eventId.ne('1')", "status"} {
			c.get(path+"?filter="+filter).requireError(http.StatusBadRequest, "parameter-not-valid",
				"The provided filter parameter is in invalid format or unsupported")
		}
		for limit, detail := range map[string]string{
			"0": "Limit value is not valid", "501": "Maximum limit allowed is 500", "ten": "Limit value is not valid",
		} {
			c.get(path+"?limit="+limit).requireError(http.StatusBadRequest, "parameter-not-valid", detail)
		}
		time.Sleep(10 * time.Second)
		assert.Equal(t, 2, c.get(path+"?filter=status.eq('Success')").length("data"), "the second attempt counts")

		time.Sleep(7*24*time.Hour - 12*time.Second)
		c = c.as("3.0", server, "")
		assert.Equal(t, 2, c.get(path).length("data"))
		time.Sleep(time.Second)
		assert.Equal(t, 1, c.get(path).length("data"), "same retention as events")
		c.get(path+"/"+id).requireError(http.StatusNotFound, "resource-not-found", "Message not found.")
	})
}

func TestWebhooks_Messages_FirstAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := &subscriber{status: func(_ int, r *http.Request) int {
			<-r.Context().Done()
			return 0
		}}
		c := new30(t, sub.option())
		path := webhooks + "/" + c.subscribe(hook, "user.created").text("id") + "/messages"
		c.newUser()
		require.Len(t, sub.deliveries(), 1)
		assert.Equal(t, 1, c.get(path).length("data"))
		assert.Zero(t, c.get(path+"?filter=status.eq('Failed')").length("data"))
		assert.Zero(t, c.get(path+"/"+c.get(path).text("data.0.id")).length("attempts"))
	})
}

func TestWebhooks_Messages_Pages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sub := respondWith(http.StatusOK)
		c := new30(t, sub.option())
		path := webhooks + "/" + c.subscribe(hook, "user.created").text("id") + "/messages"
		var want, got []string
		for range 5 {
			c.newUser()
			sent := sub.deliveries()
			want = append(want, sent[len(sent)-1].header.Get("webhook-id"))
		}
		slices.Reverse(want)
		for r := c.get(path + "?limit=2&filter=eventTypeId.eq('user.created')"); ; r = c.get(r.text("links.next")[len(c.sandbox.URL()):]) {
			require.Equal(t, http.StatusOK, r.status, r.raw)
			for i := range r.length("data") {
				got = append(got, r.text("data."+strconv.Itoa(i)+".id"))
			}
			if !r.has("links.next") {
				break
			}
			assert.Equal(t, 2, r.length("data"))
			c.newUser()
		}
		assert.Equal(t, want, got)
	})
}
