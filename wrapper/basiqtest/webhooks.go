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

// webhook is a URL that is told of events. One that was disabled shows as pending-approval: the documents do not say how
// it shows, and that is the only other status they have. An update, of whatever, makes it active again.
type webhook struct {
	id          string
	name        string
	description string
	url         string
	status      gen.WebhookStatus
	events      []string // the ids of the event types
	secret      api.Secret
	verifier    *signing.Verifier // signs with the secret
	// base is where the links in its messages lead: to where the API was reached when the webhook was made or updated.
	base     string
	messages []*message // the oldest first
}

func (w *webhook) path() string { return "/notifications/webhooks/" + w.id }

func (w *webhook) wants(typeID string) bool {
	return w.status == gen.WebhookStatusActive && slices.Contains(w.events, typeID)
}

// webhookInput is what a webhook is made or updated from. The documents declare an array of event types and show one type
// without an array; either will do. A nil field was not given.
type webhookInput struct {
	Name             *string          `json:"name"`
	Description      *string          `json:"description"`
	URL              string           `json:"url"`
	SubscribedEvents oneOrManyStrings `json:"subscribedEvents"`
}

// webhookInput reads and checks the body of a call that makes a webhook or updates the given one.
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

// set makes the webhook what the input says. What was not given stays as it is, which is not documented.
func (w *webhook) set(in webhookInput, base string) {
	w.url, w.base, w.status = in.URL, base, gen.WebhookStatusActive
	if in.Name != nil {
		w.name = *in.Name
	}
	if in.Description != nil {
		w.description = *in.Description
	}
	if in.SubscribedEvents != nil {
		w.events = nil
		for _, id := range in.SubscribedEvents { // each once
			if !slices.Contains(w.events, id) {
				w.events = append(w.events, id)
			}
		}
	}
}

// addWebhook makes a webhook that is told of events at once. At Basiq that may take up to 15 minutes.
func (s *Sandbox) addWebhook(c *call) (answer, error) {
	in, err := s.webhookInput(c, nil)
	if err != nil {
		return answer{}, err
	}
	w := s.newWebhook()
	w.set(in, c.base)
	s.webhooks = append(s.webhooks, w)
	return answer{http.StatusCreated, w.withSecret(&c.view)}, nil
}

// newWebhook makes a webhook that can sign, and nothing else yet.
func (s *Sandbox) newWebhook() *webhook {
	w := &webhook{id: s.newID(), secret: s.newWebhookSecret()}
	verifier, err := signing.New(w.secret)
	if err != nil {
		panic("basiqtest: a secret that signs nothing: " + err.Error())
	}
	w.verifier = verifier
	return w
}

// newWebhookSecret draws a secret of 24 bytes.
func (s *Sandbox) newWebhookSecret() api.Secret {
	return api.NewSecret("whsec_" + base64.StdEncoding.EncodeToString(s.draw(3)))
}

// updateWebhook keeps the secret, of which the documents say no more than that it is in the answer.
func (s *Sandbox) updateWebhook(c *call) (answer, error) {
	w, err := s.webhook(c)
	if err != nil {
		return answer{}, err
	}
	in, err := s.webhookInput(c, w)
	if err != nil {
		return answer{}, err
	}
	w.set(in, c.base)
	return answer{http.StatusOK, w.withSecret(&c.view)}, nil
}

// listAppWebhooks lists the oldest first, always in an array: the documents' example has an only one without.
func (s *Sandbox) listAppWebhooks(c *call) (answer, error) {
	data := make([]object, 0, len(s.webhooks))
	for _, w := range s.webhooks {
		data = append(data, w.show(&c.view))
	}
	return answer{http.StatusOK, object{
		"type": "list", "size": len(data), "count": len(data), "data": data, "links": c.self("/notifications/webhooks"),
	}}, nil
}

func (s *Sandbox) getWebhook(c *call) (answer, error) {
	w, err := s.webhook(c)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, w.show(&c.view)}, nil
}

// deleteWebhook ends the deliveries too, but for an attempt that is being made.
func (s *Sandbox) deleteWebhook(c *call) (answer, error) {
	w, err := s.webhook(c)
	if err != nil {
		return answer{}, err
	}
	s.webhooks = slices.DeleteFunc(s.webhooks, func(other *webhook) bool { return other == w })
	return answer{status: http.StatusNoContent}, nil
}

// webhook returns the webhook that the path names.
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

// show is the webhook as it is read. The event types are an array even when there is one, as they are declared where they
// are sent; the examples have a string.
func (w *webhook) show(v *view) object {
	return object{
		"type": "webhook", "id": w.id, "name": w.name, "description": w.description, "url": w.url, "status": w.status,
		"subscribedEvents": append([]string{}, w.events...), "links": v.self(w.path()),
	}
}

// withSecret is the webhook as the calls that make or update it answer it, and no others.
func (w *webhook) withSecret(v *view) object {
	o := w.show(v)
	o["secret"] = w.secret.Reveal()
	return o
}

// testMessage sends a message about an event that never was: to fetch it answers 404. What the message holds beside the
// text is not documented.
func (s *Sandbox) testMessage(c *call) (answer, error) {
	var in gen.WebhookTestMessage
	if c.decode(&in) != nil || in.EventTypeID == "" {
		return answer{}, invalidRequestContent("Posted request not valid.")
	}
	if findEventType(string(in.EventTypeID)) < 0 {
		return answer{}, invalidRequestContent("Posted eventTypeId doesn't exists.")
	}
	if len(s.webhooks) == 0 {
		return answer{}, noWebhooks()
	}
	ref := "/users/" + s.newID()
	switch entity, _, _ := strings.Cut(string(in.EventTypeID), "."); gen.EventEntity(entity) {
	case gen.EventEntityUser:
	case gen.EventEntityTransactions:
		ref += "/transactions"
	default:
		ref += "/" + entity + "s/" + s.newID()
	}
	s.send(&event{id: s.newEventID(), created: c.now, ref: ref}, string(in.EventTypeID), in.Text)
	return answer{status: http.StatusCreated}, nil
}

// messageFilters are the properties that the documents name, without conditions or values.
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

// listMessages lists the newest first; the documents show no order.
func (s *Sandbox) listMessages(c *call) (answer, error) {
	w, err := s.webhook(c)
	if err != nil {
		return answer{}, asNotFound(err, "Resource not found.")
	}
	if err := s.resume(c); err != nil {
		return answer{}, err
	}
	conditions, err := c.filter(messageFilters)
	if err != nil {
		return answer{}, err
	}
	var found []*message
	for _, m := range slices.Backward(w.messages) {
		if m.kept(c.now) && conditions.hold(m.property) {
			found = append(found, m)
		}
	}
	return paged(s, c, found, func(m *message) string { return m.id }, func(m *message) any { return m.show(&c.view) })
}

func (s *Sandbox) getWebhookMessage(c *call) (answer, error) {
	w, err := s.webhook(c)
	if err != nil {
		return answer{}, asNotFound(err, messageNotFound)
	}
	for _, m := range w.messages {
		if m.id == c.http.PathValue("messageId") && m.kept(c.now) {
			return answer{http.StatusOK, m.withAttempts(&c.view)}, nil
		}
	}
	return answer{}, notFound(messageNotFound)
}

const messageNotFound = "Message not found."

// asNotFound puts the operation's own words in the place of others when something was not found.
func asNotFound(err error, detail string) error {
	if f, ok := errors.AsType[*failure](err); ok && f.status == http.StatusNotFound {
		return notFound(detail)
	}
	return err
}

func (m *message) kept(now time.Time) bool { return now.Before(m.created.Add(eventsKept)) }

func (m *message) path() string { return m.webhook.path() + "/messages/" + m.id }

// show is the message as it stands in a list: without its attempts.
func (m *message) show(v *view) object {
	return object{
		"id": m.id, "webhookId": m.webhook.id, "eventTypeId": m.typeID, "eventId": m.eventID, "payload": m.payload,
		"links": object{"self": v.url(m.path()), "webhook": v.url(m.webhook.path())},
	}
}

// withAttempts is the message by itself, with its attempts, the newest first as in the documents' example.
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
