package basiqtest

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
	signing "github.com/basiq-go/basiq-go/wrapper/webhook"
)

// A webhook is a subscription to events. A disabled webhook has the status pending-approval, because that is the only
// other documented status. Any update activates it again.
type webhook struct {
	id          string
	name        string
	description string
	url         string
	status      gen.WebhookStatus
	events      []string // IDs of event types
	secret      api.Secret
	verifier    *signing.Verifier // signs messages with the secret
	// base is the base URL of links in messages, from the request that created or last updated the webhook.
	base     string
	messages []*message // oldest first
}

func (w *webhook) path() string { return "/notifications/webhooks/" + w.id }

func (w *webhook) subscribesTo(typeID string) bool {
	return w.status == gen.WebhookStatusActive && slices.Contains(w.events, typeID)
}

// webhookInput is the body of requests that create or update a webhook. The documentation declares an array of event
// types, but an example has a single string. Both are accepted. Missing fields are nil.
type webhookInput struct {
	Name             *string          `json:"name"`
	Description      *string          `json:"description"`
	URL              string           `json:"url"`
	SubscribedEvents oneOrManyStrings `json:"subscribedEvents"`
}

// webhookInput decodes and validates the body of a request. The updated webhook is nil for a new one.
func (s *Sandbox) webhookInput(c *call, updated *webhook) (webhookInput, error) {
	var in webhookInput
	if c.decode(&in) != nil || !isWebURL(in.URL) {
		return in, invalidRequestContent("Posted request not valid.")
	}
	if slices.ContainsFunc(in.SubscribedEvents, func(id string) bool { return findEventType(id) < 0 }) {
		return in, invalidRequestContent("Posted subscribedEvents contains unsupported event types.")
	}
	for _, other := range s.webhooks {
		switch {
		case other == updated:
		case other.url == in.URL:
			return in, webhookExists()
		case slices.ContainsFunc(in.SubscribedEvents, func(id string) bool { return slices.Contains(other.events, id) }):
			return in, alreadySubscribed()
		}
	}
	return in, nil
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// update applies the input. Missing fields keep their values, which is not documented.
func (w *webhook) update(in webhookInput, base string) {
	w.url, w.base, w.status = in.URL, base, gen.WebhookStatusActive
	if in.Name != nil {
		w.name = *in.Name
	}
	if in.Description != nil {
		w.description = *in.Description
	}
	if in.SubscribedEvents != nil {
		w.events = nil
		for _, id := range in.SubscribedEvents { // without duplicates
			if !slices.Contains(w.events, id) {
				w.events = append(w.events, id)
			}
		}
	}
}

// addWebhook creates a webhook that receives events immediately. At Basiq this may take up to 15 minutes.
func (s *Sandbox) addWebhook(c *call) (response, error) {
	in, err := s.webhookInput(c, nil)
	if err != nil {
		return response{}, err
	}
	w := s.newWebhook()
	w.update(in, c.base)
	s.webhooks = append(s.webhooks, w)
	return response{http.StatusCreated, w.withSecret(&c.view)}, nil
}

// newWebhook creates a webhook with a secret.
func (s *Sandbox) newWebhook() *webhook {
	w := &webhook{id: s.newID(), secret: s.newWebhookSecret()}
	verifier, err := signing.New(w.secret)
	if err != nil {
		panic("basiqtest: invalid webhook secret: " + err.Error())
	}
	w.verifier = verifier
	return w
}

// newWebhookSecret returns a random secret of 24 bytes.
func (s *Sandbox) newWebhookSecret() api.Secret {
	return api.NewSecret("whsec_" + base64.StdEncoding.EncodeToString(s.randomBytes(3)))
}

// updateWebhook keeps the secret. The documentation says only that the response contains it.
func (s *Sandbox) updateWebhook(c *call) (response, error) {
	w, err := s.webhook(c)
	if err != nil {
		return response{}, err
	}
	in, err := s.webhookInput(c, w)
	if err != nil {
		return response{}, err
	}
	w.update(in, c.base)
	return response{http.StatusOK, w.withSecret(&c.view)}, nil
}

// listAppWebhooks lists the oldest webhook first. The data is always an array, although the documented example has a
// single object.
func (s *Sandbox) listAppWebhooks(c *call) (response, error) {
	data := make([]object, 0, len(s.webhooks))
	for _, w := range s.webhooks {
		data = append(data, w.show(&c.view))
	}
	return response{http.StatusOK, object{
		"type": "list", "size": len(data), "count": len(data), "data": data, "links": c.selfLinks("/notifications/webhooks"),
	}}, nil
}

func (s *Sandbox) getWebhook(c *call) (response, error) {
	w, err := s.webhook(c)
	if err != nil {
		return response{}, err
	}
	return response{http.StatusOK, w.show(&c.view)}, nil
}

// deleteWebhook also ends deliveries, except an attempt in progress.
func (s *Sandbox) deleteWebhook(c *call) (response, error) {
	w, err := s.webhook(c)
	if err != nil {
		return response{}, err
	}
	s.webhooks = slices.DeleteFunc(s.webhooks, func(other *webhook) bool { return other == w })
	return response{status: http.StatusNoContent}, nil
}

// webhook returns the webhook named in the path.
func (s *Sandbox) webhook(c *call) (*webhook, error) {
	id := c.http.PathValue("webhookId")
	if !idFormat.MatchString(id) {
		return nil, pathNotValid("Webhook ID value is not valid", "webhookId")
	}
	for _, w := range s.webhooks {
		if w.id == id {
			return w, nil
		}
	}
	return nil, notFound("Webhook with provided id doesn't exist.")
}

// show returns the webhook without its secret. The event types are always an array, as in the request schema. The
// examples have a string.
func (w *webhook) show(v *view) object {
	return object{
		"type": "webhook", "id": w.id, "name": w.name, "description": w.description, "url": w.url, "status": w.status,
		"subscribedEvents": append([]string{}, w.events...), "links": v.selfLinks(w.path()),
	}
}

// withSecret returns the webhook with its secret, which only the create and update responses contain.
func (w *webhook) withSecret(v *view) object {
	o := w.show(v)
	o["secret"] = w.secret.Reveal()
	return o
}

// testMessage sends a message about an event that does not exist, so fetching the event responds with 404. Apart from
// the text, the content of test messages is not documented.
func (s *Sandbox) testMessage(c *call) (response, error) {
	var in gen.WebhookTestMessage
	if c.decode(&in) != nil || in.EventTypeID == "" {
		return response{}, invalidRequestContent("Posted request not valid.")
	}
	if findEventType(string(in.EventTypeID)) < 0 {
		return response{}, invalidRequestContent("Posted eventTypeId doesn't exists.")
	}
	if len(s.webhooks) == 0 {
		return response{}, noWebhooks()
	}
	ref := "/users/" + s.newID()
	switch entity, _, _ := strings.Cut(string(in.EventTypeID), "."); gen.EventEntity(entity) {
	case gen.EventEntityUser:
	case gen.EventEntityTransactions:
		ref += "/transactions"
	default:
		ref += "/" + entity + "s/" + s.newID()
	}
	s.sendMessages(&event{id: s.newEventID(), created: c.now, ref: ref}, string(in.EventTypeID), in.Text)
	return response{status: http.StatusCreated}, nil
}

// messageFilters are the documented properties. Their operators and values are not documented.
var messageFilters = filterable{
	"date":        {operators: ranges, date: true},
	"status":      {operators: eq, values: []string{string(gen.WebhookAttemptStatusSuccess), string(gen.WebhookAttemptStatusFailed)}},
	"eventTypeId": {operators: eq},
	"webhookId":   {operators: eq},
	"eventId":     {operators: eq},
}

func (m *message) property(name string) string {
	switch name {
	case "date":
		return formatTime(m.created)
	case "status":
		return string(m.status())
	case "eventTypeId":
		return m.typeID
	case "webhookId":
		return m.webhook.id
	default:
		return m.eventID
	}
}

// listMessages lists the newest message first. The order is not documented.
func (s *Sandbox) listMessages(c *call) (response, error) {
	w, err := s.webhook(c)
	if err != nil {
		return response{}, withNotFoundDetail(err, "Resource not found.")
	}
	if err := s.resumePage(c); err != nil {
		return response{}, err
	}
	conditions, err := c.filter(messageFilters)
	if err != nil {
		return response{}, err
	}
	var found []*message
	for _, m := range slices.Backward(w.messages) {
		if m.retained(c.now) && conditions.match(m.property) {
			found = append(found, m)
		}
	}
	return pageResponse(s, c, found, func(m *message) string { return m.id }, func(m *message) any { return m.show(&c.view) })
}

func (s *Sandbox) getWebhookMessage(c *call) (response, error) {
	w, err := s.webhook(c)
	if err != nil {
		return response{}, withNotFoundDetail(err, messageNotFound)
	}
	for _, m := range w.messages {
		if m.id == c.http.PathValue("messageId") && m.retained(c.now) {
			return response{http.StatusOK, m.withAttempts(&c.view)}, nil
		}
	}
	return response{}, notFound(messageNotFound)
}

const messageNotFound = "Message not found."

// withNotFoundDetail replaces the detail of a 404 error.
func withNotFoundDetail(err error, detail string) error {
	if f, ok := errors.AsType[*failure](err); ok && f.status == http.StatusNotFound {
		return notFound(detail)
	}
	return err
}

func (m *message) retained(now time.Time) bool { return now.Before(m.created.Add(eventRetention)) }

func (m *message) path() string { return m.webhook.path() + "/messages/" + m.id }

// show returns the message as in a list, without its attempts.
func (m *message) show(v *view) object {
	return object{
		"id": m.id, "webhookId": m.webhook.id, "eventTypeId": m.typeID, "eventId": m.eventID, "payload": m.payload,
		"links": object{"self": v.url(m.path()), "webhook": v.url(m.webhook.path())},
	}
}

// withAttempts returns the message with its attempts, the newest first, as in the documented example.
func (m *message) withAttempts(v *view) object {
	attempts := make([]object, 0, len(m.attempts))
	for _, a := range slices.Backward(m.attempts) {
		attempts = append(attempts, a.show())
	}
	o := m.show(v)
	o["attempts"] = attempts
	return o
}

func invalidRequestContent(detail string) *failure {
	return &failure{
		status: http.StatusBadRequest, code: "invalid-content", title: "Invalid request content", detail: detail,
	}
}

func alreadySubscribed() *failure {
	return &failure{
		status: http.StatusBadRequest, code: "event-already-subscribed", title: "Event already subscribed",
		detail: "Posted subscribedEvents contains events that are already subscribed to for this application.",
	}
}

func noWebhooks() *failure {
	return &failure{
		status: http.StatusBadRequest, code: "no-webhooks-found", title: "No webhooks found for an app",
		detail: "No webhooks found for an app: " + applicationID + ", at least one webhook should exist in the system",
	}
}

func webhookExists() *failure {
	return &failure{
		status: http.StatusConflict, code: "resource-already-exists", title: "Resource already exists",
		detail: "Webhook with provided url already exists.",
	}
}
