package basiq_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

const webhookURL = "https://piper.com/basiq-messages/"

func TestWebhooks_Create(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(201, official(t, "examples/webhooks/addWebhook.201.success")))
	webhook, err := client.Webhooks.Create(t.Context(), basiq.CreateWebhook{
		Name: "My General Webhook", Description: "Webhook to catch all events", URL: webhookURL,
		SubscribedEvents: []basiq.EventTypeName{basiq.EventTypeNameUserCreated},
	})
	require.NoError(t, err)
	assert.Equal(t, "3fa85f64-5717-4562-b3fc-2c963f66afa6", webhook.ID)
	assert.Equal(t, webhookURL, webhook.URL)
	assert.Equal(t, basiq.WebhookStatusActive, webhook.Status)
	assert.Equal(t, []basiq.EventTypeName{"user.created"}, webhook.SubscribedEvents.Items, "a string instead of an array")
	assert.Equal(t, "rfiuheo43934", webhook.Secret.Reveal())

	require.Len(t, s.seen(), 1)
	assert.Equal(t, "POST /notifications/webhooks", s.seen()[0].String())
	assert.Equal(t, "application/json", s.seen()[0].ContentType)
	assert.JSONEq(t, `{"name":"My General Webhook","description":"Webhook to catch all events","url":"https://piper.com/basiq-messages/",
		"subscribedEvents":["user.created"]}`, s.seen()[0].Body, "a single event must be sent as an array")
}

// exampleWebhookID is the ID of the webhook in the documented examples.
const exampleWebhookID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

func TestWebhooks_Update(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, official(t, "examples/webhooks/updateWebhook.200.success")))
	webhook, err := client.Webhooks.Update(t.Context(), exampleWebhookID, basiq.UpdateWebhook{URL: webhookURL, SubscribedEvents: []basiq.EventTypeName{"user.created", "consent.revoked"}})
	require.NoError(t, err)
	assert.Equal(t, "rfiuheo43934", webhook.Secret.Reveal())
	assert.Equal(t, "POST /notifications/webhooks/"+exampleWebhookID, s.seen()[0].String())
	assert.JSONEq(t, `{"url":"https://piper.com/basiq-messages/","subscribedEvents":["user.created","consent.revoked"]}`, s.seen()[0].Body)
}

func TestWebhooks_Get(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, official(t, "examples/webhooks/getWebhook.200.success")))
	webhook, err := client.Webhooks.Get(t.Context(), exampleWebhookID)
	require.NoError(t, err)
	assert.Equal(t, "My General Webhook", webhook.Name)
	assert.True(t, webhook.Secret.IsZero(), "Basiq returns the secret only once")

	_, client = newStub(t, ok(200, `{"type":"webhook","id":"w1","url":"x","status":"asleep","subscribedEvents":["a.b","c.d"],"secret":null,"links":null,"brandNew":1}`))
	webhook, err = client.Webhooks.Get(t.Context(), "w1")
	require.NoError(t, err)
	assert.Equal(t, basiq.WebhookStatus("asleep"), webhook.Status)
	assert.Len(t, webhook.SubscribedEvents.Items, 2)
	assert.True(t, webhook.Secret.IsZero())
}

// The secret is part of the response's JSON. It must not be visible in values that callers may log or store.
func TestWebhooks_SecretNotVisible(t *testing.T) {
	t.Parallel()
	const planted = "whsec_UExBTlRFRC13ZWJob29r"
	body := `{"type":"webhook","id":"w1","url":"https://piper.com/","secret":"` + planted + `","subscribedEvents":["user.created"]}`
	_, client := newStub(t, ok(201, body))
	created, err := client.Webhooks.Create(t.Context(), basiq.CreateWebhook{URL: webhookURL})
	require.NoError(t, err)
	updated, err := client.Webhooks.Update(t.Context(), "w1", basiq.UpdateWebhook{URL: webhookURL})
	require.NoError(t, err)
	// The documented list has no secrets. If Basiq adds them, they must not be visible either.
	_, client = newStub(t, ok(200, `{"type":"list","data":[`+body+`]}`))
	listed := all(t, client.Webhooks.List(t.Context()))
	require.Len(t, listed, 1)
	for name, webhook := range map[string]*basiq.Webhook{"created": created, "updated": updated, "listed": listed[0]} {
		assert.Equal(t, planted, webhook.Secret.Reveal(), name)
		text := shown(webhook) + shown(*webhook) + shown(webhook.Webhook) + shown(struct{ in *basiq.Webhook }{webhook}) +
			shown([]basiq.Webhook{*webhook})
		assert.NotContains(t, text, planted, name)
		assert.NotContains(t, text, fmt.Sprintf("%x", planted), name)
		assert.Contains(t, text, "[redacted]", name)
		marshaled, err := json.Marshal(webhook)
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(marshaled, &fields))
		assert.Equal(t, "[redacted]", fields["secret"], name)
		assert.Equal(t, "w1", fields["id"], "other fields must be visible")
	}
}

// Errors must not contain the secret. An invalid response may contain it, and so may a proxy's echo.
func TestWebhooks_SecretNotInErrors(t *testing.T) {
	t.Parallel()
	const planted = "whsec_UExBTlRFRC13ZWJob29r"
	for name, response := range map[string]stubResponse{
		"incomplete JSON": ok(201, `{"type":"webhook","id":"w1","secret":"`+planted+`","na`),
		"missing ID":      ok(201, `{"type":"webhook","secret":"`+planted+`"}`),
		"truncated":       {status: 201, body: `{"secret":"` + planted, cut: errors.New("unexpected EOF")},
		"500":             ok(500, `{"secret":"`+planted+`"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, response)
			_, err := client.Webhooks.Create(t.Context(), basiq.CreateWebhook{URL: webhookURL})
			require.Error(t, err)
			assert.NotContains(t, shown(err), planted)
			assert.True(t, basiq.MayHaveSucceeded(err), "the webhook may have been created")
		})
	}
}

func TestWebhooks_URL(t *testing.T) {
	t.Parallel()
	const notAbsolute = "must be an absolute URL, for example https://example.com/basiq"
	const notSecure = "scheme must be https (http is allowed for localhost only)"
	for _, c := range []struct{ url, want string }{
		{webhookURL, ""},
		{"HTTPS://piper.com", ""},
		{"https://piper.com:8443/a?b=c", ""},
		{"https://localhost/basiq", ""},
		{"http://localhost/basiq", ""},
		{"http://LOCALHOST:8080/basiq", ""},
		{"HTTP://localhost:8080", ""},
		{"http://127.0.0.1:8080/basiq", ""},
		{"http://127.255.0.9/basiq", ""},
		{"http://[::1]:8080/basiq", ""},

		{"", notAbsolute},
		{"piper.com/basiq", notAbsolute},
		{"//", notAbsolute},
		{"https://", notAbsolute},
		{"https://:443", notAbsolute},
		{"http://:8080", notAbsolute},
		{"https:///basiq", notAbsolute},
		{"https:piper.com", notAbsolute},
		{"https://[::1", notAbsolute},
		{"https://piper.com/%zz", notAbsolute},
		{"//piper.com", notSecure},
		{"ftp://piper.com", notSecure},
		{"ftp://localhost", notSecure},
		{"http://piper.com/basiq", notSecure},
		{"HTTP://piper.com", notSecure},
		{"http://localhost.piper.com", notSecure},
		{"http://127.0.0.1.piper.com", notSecure},
		{"http://localhost@piper.com", notSecure},
		{"http://0.0.0.0", notSecure},
		{"http://128.0.0.1", notSecure},
		{"http://192.168.0.1", notSecure},
		{"http://[::2]", notSecure},
	} {
		t.Run(c.url, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, `{"type":"webhook","id":"w1","url":"x"}`))
			_, created := client.Webhooks.Create(t.Context(), basiq.CreateWebhook{URL: c.url})
			_, updated := client.Webhooks.Update(t.Context(), "w1", basiq.UpdateWebhook{URL: c.url})
			if c.want == "" {
				require.NoError(t, created)
				require.NoError(t, updated)
				return
			}
			require.ErrorIs(t, created, basiq.ErrInvalidInput)
			require.EqualError(t, created, "basiq: Webhooks.Create: webhook.URL: "+c.want)
			require.ErrorIs(t, updated, basiq.ErrInvalidInput)
			require.EqualError(t, updated, "basiq: Webhooks.Update: change.URL: "+c.want)
			assert.Empty(t, s.seen(), "no request was sent")
		})
	}
}

func TestWebhooks_List(t *testing.T) {
	t.Parallel()
	const one = `{"id":"w1","url":"https://piper.com/1","subscribedEvents":"user.created"}`
	const two = `{"id":"w2","url":"https://piper.com/2","subscribedEvents":["user.updated"]}`
	for name, c := range map[string]struct {
		responses []any
		want      []string
	}{
		"one object instead of an array": {[]any{ok(200, official(t, "examples/webhooks/listAppWebhooks.200.success"))}, []string{"3fa85f64-5717-4562-b3fc-2c963f66afa6"}},
		"several":                        {[]any{ok(200, `{"type":"list","data":[`+one+`,`+two+`]}`)}, []string{"w1", "w2"}},
		"several pages, the last with one object": {[]any{
			ok(200, `{"type":"list","data":[`+one+`],"links":{"next":"https://au-api.basiq.io/notifications/webhooks?next=a"}}`),
			ok(200, `{"type":"list","data":`+two+`,"links":{}}`),
		}, []string{"w1", "w2"}},
		"null": {[]any{ok(200, `{"type":"list","data":null}`)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, c.responses...)
			var ids []string
			for _, webhook := range all(t, client.Webhooks.List(t.Context())) {
				ids = append(ids, webhook.ID)
				assert.True(t, webhook.Secret.IsZero())
				assert.Len(t, webhook.SubscribedEvents.Items, 1)
			}
			assert.Equal(t, c.want, ids)
			assert.Len(t, s.seen(), len(c.responses))
		})
	}
}

// The documented errors match the sentinels that callers use.
func TestWebhooks_Errors(t *testing.T) {
	t.Parallel()
	create := func(c *basiq.Client) error {
		return errOf(c.Webhooks.Create(t.Context(), basiq.CreateWebhook{URL: webhookURL}))
	}
	update := func(c *basiq.Client) error {
		return errOf(c.Webhooks.Update(t.Context(), "w1", basiq.UpdateWebhook{URL: webhookURL}))
	}
	test := func(c *basiq.Client) error {
		return c.Webhooks.SendTest(t.Context(), basiq.WebhookTestMessage{EventTypeID: "user.created"})
	}
	for payload, c := range map[string]struct {
		status int
		call   func(c *basiq.Client) error
		is     []error
	}{
		"addWebhook.400.event-already-subscribed-to": {400, create, []error{basiq.ErrBadRequest, basiq.CodeEventAlreadySubscribed}},
		"addWebhook.400.unsupported-event-types":     {400, create, []error{basiq.ErrBadRequest, basiq.CodeInvalidContent}},
		"addWebhook.403.forbidden":                   {403, create, []error{basiq.ErrForbidden, basiq.CodeForbiddenAccess}},
		"addWebhook.409.error":                       {409, create, []error{basiq.ErrConflict, basiq.CodeResourceAlreadyExists}},
		"addWebhook.503.service-unavailable":         {503, create, []error{basiq.ErrUnavailable, basiq.CodeServiceUnavailable}},
		"updateWebhook.400.webhookid-not-valid":      {400, update, []error{basiq.ErrBadRequest, basiq.CodePathParameterNotValid}},
		"updateWebhook.404.error":                    {404, update, []error{basiq.ErrNotFound, basiq.CodeResourceNotFound}},
		"getWebhookMessage.404.error":                {404, func(c *basiq.Client) error { return errOf(c.Webhooks.Message(t.Context(), "w1", "m1")) }, []error{basiq.ErrNotFound}},
		"listMessages.404.error":                     {404, func(c *basiq.Client) error { return rangeErr(c.Webhooks.Messages(t.Context(), "w1")) }, []error{basiq.ErrNotFound}},
		"testMessage.400.unsupported-event-types":    {400, test, []error{basiq.ErrBadRequest, basiq.CodeInvalidContent}},
		"testMessage.400.webhookid-not-valid":        {400, test, []error{basiq.ErrBadRequest, basiq.CodeNoWebhooksFound}},
	} {
		t.Run(payload, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(c.status, official(t, "examples/webhooks/"+payload)))
			err := c.call(client)
			for _, is := range c.is {
				require.ErrorIs(t, err, is)
			}
		})
	}
}

func TestWebhooks_Messages(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, official(t, "examples/webhooks/listMessages.200.success")))
	fields := basiq.WebhookMessageFields
	messages := all(t, client.Webhooks.Messages(t.Context(), "w1", basiq.WebhookMessageListOptions{Filter: fields.Date.Gt("2019-08-24T14:13:22Z").And(fields.Date.Lteq("2019-08-25"), fields.Status.Eq(basiq.WebhookAttemptStatusFailed), fields.EventTypeID.Eq(basiq.EventTypeNameUserCreated), fields.WebhookID.Eq("w1"), fields.EventID.Eq("e1")), PageSize: 20}))
	require.Len(t, messages, 1)
	assert.Equal(t, "22a85f64-5717-4562-b3fc-2c963f66af22", messages[0].ID)
	assert.Equal(t, "55a85f64-5717-4562-b3fc-2c963f66af55", messages[0].Payload.EventID)
	assert.Empty(t, messages[0].Attempts)
	query, err := url.ParseQuery(s.seen()[0].Query)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"limit": {"20"}, "filter": {
		"date.gt('2019-08-24T14:13:22Z'),date.lteq('2019-08-25'),status.eq('Failed'),eventTypeId.eq('user.created'),webhookId.eq('w1'),eventId.eq('e1')",
	}}, query)

	page, err := client.Webhooks.MessagesPage(t.Context(), "w1", "next=a")
	require.NoError(t, err)
	assert.Equal(t, int64(2), page.Total)
	assert.Empty(t, page.Next)
	assert.Equal(t, "next=a", s.seen()[1].Query)
}

func TestWebhooks_Message(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, official(t, "examples/webhooks/getWebhookMessage.200.success")))
	message, err := client.Webhooks.Message(t.Context(), "w1", "11a85f64-5717-4562-b3fc-2c963f66af11")
	require.NoError(t, err)
	assert.Equal(t, basiq.EventTypeNameUserCreated, message.Payload.EventTypeID)
	require.Len(t, message.Attempts, 2)
	assert.Equal(t, basiq.WebhookAttemptStatusSuccess, message.Attempts[0].Status)
	assert.Equal(t, basiq.WebhookAttemptStatusFailed, message.Attempts[1].Status)
	assertMoment(t, "2019-08-24T14:13:22Z", message.Attempts[1].Timestamp)
	// The documented example has a number in one attempt and a string in the other.
	for i, want := range []int64{http.StatusOK, http.StatusInternalServerError} {
		status, ok := message.Attempts[i].ResponseStatusCode.MinorUnits(0)
		assert.True(t, ok)
		assert.Equal(t, want, status)
	}
}

func TestWebhooks_SendTest(t *testing.T) {
	t.Parallel()
	for name, response := range map[string]stubResponse{
		"201 without a body":         ok(201, ""),
		"201 without a content type": {status: 201, header: http.Header{"Content-Type": nil}},
		"201 with a body":            ok(201, `{"type":"message"}`),
		"204":                        ok(204, ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, response)
			require.NoError(t, client.Webhooks.SendTest(t.Context(), basiq.WebhookTestMessage{EventTypeID: basiq.EventTypeNameUserCreated, Text: "My test message"}))
			require.Len(t, s.seen(), 1)
			assert.Equal(t, "POST /notifications/messages/test", s.seen()[0].String())
			assert.JSONEq(t, official(t, "examples/webhooks/testMessage.request.example"), s.seen()[0].Body)
		})
	}
	t.Run("not JSON", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{"<html>", "OK", "null"} {
			_, client := newStub(t, ok(201, body))
			err := client.Webhooks.SendTest(t.Context(), basiq.WebhookTestMessage{EventTypeID: basiq.EventTypeNameUserCreated})
			require.EqualError(t, err, "basiq: Webhooks.SendTest: invalid response (201 Created): unexpected response body")
			assert.True(t, basiq.MayHaveSucceeded(err))
		}
	})
	t.Run("without an event type", func(t *testing.T) {
		t.Parallel()
		s, client := newStub(t, ok(201, ""))
		err := client.Webhooks.SendTest(t.Context(), basiq.WebhookTestMessage{Text: "My test message"})
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
		assert.Equal(t, "basiq: Webhooks.SendTest: message: EventTypeID is required", err.Error())
		assert.Empty(t, s.seen())
	})
}

// Ensure creates a webhook once. Only then there is a secret.
func TestWebhooks_Ensure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := basiqtest.New(t)
		client, err := box.NewClient()
		require.NoError(t, err)
		other, _, err := client.Webhooks.Ensure(t.Context(), basiq.CreateWebhook{URL: webhookURL + "other", SubscribedEvents: []basiq.EventTypeName{"user.deleted"}})
		require.NoError(t, err)
		want := basiq.CreateWebhook{URL: webhookURL, SubscribedEvents: []basiq.EventTypeName{"user.created"}}
		first, created, err := client.Webhooks.Ensure(t.Context(), want)
		require.NoError(t, err)
		assert.True(t, created)
		assert.False(t, first.Secret.IsZero())
		assert.NotEqual(t, other.ID, first.ID)

		again, created, err := client.Webhooks.Ensure(t.Context(), want)
		require.NoError(t, err)
		assert.False(t, created)
		assert.Equal(t, first.ID, again.ID)
		assert.True(t, again.Secret.IsZero())
		assert.Len(t, box.RequestsOf("addWebhook"), 2)
	})
}

func TestWebhooks_Ensure_Errors(t *testing.T) {
	t.Parallel()
	hook := `{"type":"webhook","id":"w1","url":"` + webhookURL + `","status":"active","subscribedEvents":["user.created"]}`
	none, one := `{"type":"list","size":0,"data":[]}`, `{"type":"list","size":1,"data":[`+hook+`]}`
	conflict := ok(409, envelope("resource-already-exists", "", ""))
	for _, c := range []struct {
		name    string
		answers []any
		want    error
	}{
		{"list fails", []any{ok(403, envelope("forbidden-access", "", ""))}, basiq.ErrForbidden},
		{"create fails", []any{ok(200, none), ok(400, envelope("event-already-subscribed", "", ""))}, basiq.CodeEventAlreadySubscribed},
		{"created by another process", []any{ok(200, none), conflict, ok(200, one)}, nil},
		{"conflict with an invisible one", []any{ok(200, none), conflict, ok(200, none)}, basiq.ErrConflict},
		{"second list fails", []any{ok(200, none), conflict, ok(403, envelope("forbidden-access", "", ""))}, basiq.ErrForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, c.answers...)
			webhook, created, err := client.Webhooks.Ensure(t.Context(), basiq.CreateWebhook{URL: webhookURL})
			require.ErrorIs(t, err, c.want)
			assert.False(t, created)
			assert.Equal(t, c.want == nil, webhook != nil)
			assert.Len(t, s.seen(), len(c.answers))
		})
	}
	s, client := newStub(t)
	_, _, err := client.Webhooks.Ensure(t.Context(), basiq.CreateWebhook{URL: "http://piper.com/"})
	require.ErrorIs(t, err, basiq.ErrInvalidInput)
	require.ErrorContains(t, err, "basiq: Webhooks.Ensure: webhook.URL: ")
	assert.Empty(t, s.seen())
}
