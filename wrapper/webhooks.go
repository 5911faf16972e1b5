package basiq

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/url"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// Webhook is a URL of the application to which Basiq sends a message when an event occurs. Package webhook verifies and
// parses the messages.
type Webhook struct {
	gen.Webhook

	// Secret signs the messages. Basiq returns it only when the webhook is created or updated: store the
	// result of [Secret.Reveal]. It replaces the generated field, which is empty.
	Secret Secret `json:"secret"`
}

type (
	// CreateWebhook specifies the webhook to create.
	CreateWebhook = gen.CreateWebhook
	// UpdateWebhook is a webhook's new configuration.
	UpdateWebhook = gen.UpdateWebhook
	// WebhookStatus is the state of a webhook.
	WebhookStatus = gen.WebhookStatus
	// WebhookMessage is a message to a webhook about an event.
	WebhookMessage = gen.WebhookMessage
	// WebhookAttemptStatus is the result of a delivery attempt.
	WebhookAttemptStatus = gen.WebhookAttemptStatus
	// WebhookTestMessage specifies the test message to send.
	WebhookTestMessage = gen.WebhookTestMessage
)

// The states of a webhook.
const (
	WebhookStatusActive          = gen.WebhookStatusActive
	WebhookStatusPendingApproval = gen.WebhookStatusPendingApproval
)

// Results of delivery attempts.
const (
	WebhookAttemptStatusSuccess = gen.WebhookAttemptStatusSuccess
	WebhookAttemptStatusFailed  = gen.WebhookAttemptStatusFailed
)

// WebhookMessageFields are the fields that [WebhooksService.Messages] can filter by. Their conditions are not
// documented.
var WebhookMessageFields = webhookMessageFields{
	Date:        DateField[WebhookMessage, Time]{name: "date"},
	Status:      EqualField[WebhookMessage, WebhookAttemptStatus]{name: "status"},
	EventTypeID: EqualField[WebhookMessage, EventTypeName]{name: "eventTypeId"},
	WebhookID:   EqualField[WebhookMessage, string]{name: "webhookId"},
	EventID:     EqualField[WebhookMessage, string]{name: "eventId"},
}

type webhookMessageFields struct {
	Date        DateField[WebhookMessage, Time]
	Status      EqualField[WebhookMessage, WebhookAttemptStatus]
	EventTypeID EqualField[WebhookMessage, EventTypeName]
	WebhookID   EqualField[WebhookMessage, string]
	EventID     EqualField[WebhookMessage, string]
}

// WebhooksService subscribes to events. It requires [APIVersion30].
type WebhooksService struct{ client *Client }

// List returns the application's webhooks without their secrets. Errors: [ErrForbidden]. operationId: listAppWebhooks.
func (s *WebhooksService) List(ctx context.Context) iter.Seq2[*Webhook, error] {
	return func(yield func(*Webhook, error) bool) {
		for webhook, err := range s.list().all(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(newWebhook(webhook), nil) {
				return
			}
		}
	}
}

func (s *WebhooksService) list() collection[gen.Webhook] {
	return collection[gen.Webhook]{
		client: s.client, op: opListWebhooks, resource: webhookResource,
		request: s.client.raw.ListAppWebhooks,
		// In the documented example, data is an object if there is one webhook.
		decode: func(resp response) (*pageBody[gen.Webhook], error) {
			list, err := decodeResponse[gen.WebhookList](resp)
			if err != nil {
				return nil, err
			}
			return &pageBody[gen.Webhook]{Type: list.Type, Size: list.Size, Data: list.Data.Items, Links: list.Links}, nil
		},
	}
}

// Create creates a webhook, with a Secret that Basiq does not return again. The first message may take 15 minutes.
// There can be one webhook for a URL, and one for an event type.
//
// Errors: [ErrInvalidInput] if the scheme of the URL is not https (http is allowed for localhost, 127.0.0.0/8 and ::1),
// [ErrConflict] if a webhook for the URL exists, [CodeEventAlreadySubscribed], [ErrForbidden]. operationId: addWebhook.
func (s *WebhooksService) Create(ctx context.Context, webhook CreateWebhook) (*Webhook, error) {
	if err := checkWebhookURL(opAddWebhook.Name, "webhook.URL", webhook.URL); err != nil {
		return nil, err
	}
	return webhookOf(get(ctx, s.client, opAddWebhook, nil, webhookResource, bindInput(s.client.raw.AddWebhook, webhook)))
}

// Ensure returns the webhook of a URL, and creates it if it does not exist. URLs are compared as they are. created reports
// whether Ensure created the webhook.
//
// Basiq returns the Secret only when a webhook is created or updated. Store it if created is true. Otherwise the Secret is
// empty: use the stored one, or call [WebhooksService.Update] to get one. Ensure does not change a webhook that exists:
// compare its SubscribedEvents with yours, and call [WebhooksService.Update] if they differ.
//
// If another process creates the webhook at the same time, Ensure returns that one. Errors: as [WebhooksService.List] and
// [WebhooksService.Create]. After an error for which [MayHaveSucceeded] is true the webhook may exist, and its Secret is
// lost. operationIds: listAppWebhooks, addWebhook.
func (s *WebhooksService) Ensure(ctx context.Context, webhook CreateWebhook) (found *Webhook, created bool, err error) {
	if err := checkWebhookURL("Webhooks.Ensure", "webhook.URL", webhook.URL); err != nil {
		return nil, false, err
	}
	if found, err = s.find(ctx, webhook.URL); found != nil || err != nil {
		return found, false, err
	}
	made, err := s.Create(ctx, webhook)
	switch {
	case err == nil:
		return made, true, nil
	case !errors.Is(err, ErrConflict):
		return nil, false, err
	}
	found, findErr := s.find(ctx, webhook.URL)
	if found == nil {
		return nil, false, cmp.Or(findErr, err)
	}
	return found, false, nil
}

// find returns the webhook of a URL, or nil.
func (s *WebhooksService) find(ctx context.Context, address string) (*Webhook, error) {
	for webhook, err := range s.List(ctx) {
		if err != nil {
			return nil, err
		}
		if webhook.URL == address {
			return webhook, nil
		}
	}
	return nil, nil
}

// Get returns a webhook without its secret. operationId: getWebhook.
func (s *WebhooksService) Get(ctx context.Context, webhookID string) (*Webhook, error) {
	return webhookOf(get(ctx, s.client, opGetWebhook, []pathParam{{"webhookID", webhookID}}, webhookResource, bindID(s.client.raw.GetWebhook, webhookID)))
}

// Update changes a webhook and returns it with its Secret. Store the Secret: whether it changes is not documented.
// Errors: as [WebhooksService.Create]. operationId: updateWebhook.
func (s *WebhooksService) Update(ctx context.Context, webhookID string, change UpdateWebhook) (*Webhook, error) {
	if err := checkWebhookURL(opUpdateWebhook.Name, "change.URL", change.URL); err != nil {
		return nil, err
	}
	return webhookOf(get(ctx, s.client, opUpdateWebhook, []pathParam{{"webhookID", webhookID}}, webhookResource, bindIDInput(s.client.raw.UpdateWebhook, webhookID, change)))
}

// Delete deletes a webhook. operationId: deleteWebhook.
func (s *WebhooksService) Delete(ctx context.Context, webhookID string) error {
	return doNoContent(ctx, s.client, opDeleteWebhook, []pathParam{{"webhookID", webhookID}}, bindID(s.client.raw.DeleteWebhook, webhookID))
}

// Messages returns the messages to a webhook that the options select, without their attempts; see
// [WebhookMessageListOptions]. operationId: listMessages.
func (s *WebhooksService) Messages(ctx context.Context, webhookID string, options ...WebhookMessageListOptions) iter.Seq2[*WebhookMessage, error] {
	return s.messages(webhookID, options).all(ctx)
}

// MessagesPage returns one page of [WebhooksService.Messages]; see [TransactionsService.Page]. operationId: listMessages.
func (s *WebhooksService) MessagesPage(ctx context.Context, webhookID string, at Cursor, options ...WebhookMessageListOptions) (*Page[WebhookMessage], error) {
	return s.messages(webhookID, options).one(ctx, at)
}

func (s *WebhooksService) messages(webhookID string, options []WebhookMessageListOptions) collection[WebhookMessage] {
	return collection[WebhookMessage]{
		client: s.client, op: opListMessages, ids: []pathParam{{"webhookID", webhookID}}, resource: messageResource, options: listOptionsOf(options), sized: true,
		request: bindIDInput(s.client.raw.ListMessages, webhookID, nil),
	}
}

// Message returns a message with its delivery attempts. operationId: getWebhookMessage.
func (s *WebhooksService) Message(ctx context.Context, webhookID, messageID string) (*WebhookMessage, error) {
	return get(ctx, s.client, opGetWebhookMessage, []pathParam{{"webhookID", webhookID}, {"messageID", messageID}}, messageResource, bindIDs(s.client.raw.GetWebhookMessage, webhookID, messageID))
}

// SendTest sends a test message of an event type to the application's webhooks. Errors: [ErrInvalidInput] if the event
// type is missing, [CodeNoWebhooksFound] without a webhook, [CodeInvalidContent] if the event type does not exist.
// operationId: testMessage.
func (s *WebhooksService) SendTest(ctx context.Context, message WebhookTestMessage) error {
	if message.EventTypeID == "" {
		return invalidInput(opTestMessage.Name, "message", "EventTypeID is required")
	}
	return doNoContent(ctx, s.client, opTestMessage, nil, bindInput(s.client.raw.TestMessage, message))
}

// checkWebhookURL requires https, so that events are not sent in clear text. It also accepts http for a loopback host,
// so that webhooks can be developed locally.
func checkWebhookURL(operation, argument, address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		return invalidInput(operation, argument, "must be an absolute URL, for example https://example.com/basiq")
	case !secure(u):
		return invalidInput(operation, argument, "scheme must be https (http is allowed for localhost only)")
	}
	return nil
}

// webhookOf converts the result of a call.
func webhookOf(webhook *gen.Webhook, err error) (*Webhook, error) {
	if err != nil {
		return nil, err
	}
	return newWebhook(webhook), nil
}

// newWebhook moves the secret to the field that is redacted.
func newWebhook(webhook *gen.Webhook) *Webhook {
	secret := webhook.Secret.Secret
	webhook.Secret = api.WireSecret{}
	return &Webhook{Webhook: *webhook, Secret: secret}
}

var messageResource = resource[WebhookMessage]{"", func(m *WebhookMessage) (string, string) { return "", m.ID }}

var webhookResource = resource[gen.Webhook]{"webhook", func(w *gen.Webhook) (string, string) { return w.Type, w.ID }}
