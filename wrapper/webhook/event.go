package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
)

// EventTypeID is the type of an event. Basiq may add values; an Event keeps unknown ones. Package basiq, which this package
// does not import, has its own type for the same values: basiq.EventTypeName(id).
type EventTypeID string

// The types of events. All except EventConnectionUpdated can be subscribed to.
const (
	// EventAccountUpdated: an account or one of its attributes has changed.
	EventAccountUpdated EventTypeID = "account.updated"
	// EventConnectionActivated: a connection has become active.
	EventConnectionActivated EventTypeID = "connection.activated"
	// EventConnectionCreated: a connection was created.
	EventConnectionCreated EventTypeID = "connection.created"
	// EventConnectionDeleted: a connection was deleted.
	EventConnectionDeleted EventTypeID = "connection.deleted"
	// EventConnectionInvalidated: a connection has become inactive, and only its user can restore it: the login is wrong or
	// locked, the bank requires MFA, or the open banking authorisation has ended.
	EventConnectionInvalidated EventTypeID = "connection.invalidated"
	// EventConnectionUpdated: a connection has changed. Basiq lists such events but does not accept subscriptions to them.
	EventConnectionUpdated EventTypeID = "connection.updated"
	// EventConsentArchived: a consent was archived. Only one of Basiq's guides names this type.
	EventConsentArchived EventTypeID = "consent.archived"
	// EventConsentCreated: a user has given consent.
	EventConsentCreated EventTypeID = "consent.created"
	// EventConsentExpired: a consent has expired.
	EventConsentExpired EventTypeID = "consent.expired"
	// EventConsentReminder: a consent has not changed for 90 days.
	EventConsentReminder EventTypeID = "consent.reminder"
	// EventConsentRevoked: a consent was revoked.
	EventConsentRevoked EventTypeID = "consent.revoked"
	// EventConsentUpdated: a consent has changed.
	EventConsentUpdated EventTypeID = "consent.updated"
	// EventConsentWarning: a consent is about to expire.
	EventConsentWarning EventTypeID = "consent.warning"
	// EventTransactionsUpdated: a user has new transactions, after a connection was created, updated or refreshed, including
	// scheduled refreshes by Basiq.
	EventTransactionsUpdated EventTypeID = "transactions.updated"
	// EventUserCreated: a user was created.
	EventUserCreated EventTypeID = "user.created"
	// EventUserDeleted: a user was deleted.
	EventUserDeleted EventTypeID = "user.deleted"
	// EventUserUpdated: a user has changed.
	EventUserUpdated EventTypeID = "user.updated"
)

// Event is the content of a delivery. It does not contain the data of the event; retrieve that with
// client.Events.Get(ctx, event.EventID). It can be marshaled to JSON and back, for example to store it in a queue.
type Event struct {
	// DeliveryID identifies the delivery. It is the value of the webhook-id header and is the same when Basiq retries the
	// delivery. Store it to handle each delivery once.
	DeliveryID string `json:"deliveryId"`
	// Timestamp is the time of this delivery attempt, in whole seconds.
	Timestamp time.Time `json:"timestamp"`
	// EventTypeID is the type of the event.
	EventTypeID EventTypeID `json:"eventTypeId"`
	// EventID identifies the event. It is empty if the payload has none.
	EventID string `json:"eventId"`
	// Links contains the URLs of the event and of the resource concerned.
	Links Links `json:"links"`
	// Payload is the unmodified body, for data that this type has no field for.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// Links contains URLs in Basiq's API, or "" if the payload has none. Do not send requests to them. Pass the IDs to the client
// instead. If Event and the event's ID disagree, the ID is correct.
type Links struct {
	// Event is the event's URL.
	Event string `json:"event"`
	// EventEntity is the URL of the resource concerned. See [Event.Entity].
	EventEntity string `json:"eventEntity"`
}

// newEvent decodes a payload whose signature was verified. Basiq retries a rejected payload and then disables the endpoint.
// Therefore any JSON object is accepted, and a field of the wrong type is empty.
func newEvent(sealed envelope, body []byte) (*Event, error) {
	var payload struct {
		EventTypeID EventTypeID `json:"eventTypeId"`
		EventID     string      `json:"eventId"`
		Links       Links       `json:"links"`
	}
	err := api.Unmarshal(body, &payload)
	if _, ok := errors.AsType[*api.TypeError](err); ok {
		err = nil // the other fields have been decoded
	}
	// Do not wrap err: it may quote the body.
	if err != nil || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return nil, reject(ErrBadPayload, "must be a JSON object")
	}
	return &Event{
		DeliveryID: sealed.id, Timestamp: sealed.sent,
		EventTypeID: payload.EventTypeID, EventID: payload.EventID, Links: payload.Links,
		Payload: body,
	}, nil
}

// LogValue implements [slog.LogValuer]. It contains the IDs of the delivery and the event and the event type. It does not
// contain the links, which include a user ID.
func (e *Event) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	return slog.GroupValue(
		slog.String("delivery_id", e.DeliveryID),
		slog.String("event_id", e.EventID),
		slog.String("event_type_id", string(e.EventTypeID)),
	)
}

// EntityKind is the kind of resource that an event concerns. Basiq may add values.
type EntityKind string

// The kinds of resources that events concern.
const (
	// EntityUser is a user.
	EntityUser EntityKind = "user"
	// EntityConnection is a connection of a user to a bank.
	EntityConnection EntityKind = "connection"
	// EntityAccount is a bank account.
	EntityAccount EntityKind = "account"
	// EntityTransactions is a list of transactions, which has no ID.
	EntityTransactions EntityKind = "transactions"
	// EntityConsent is a consent of a user.
	EntityConsent EntityKind = "consent"
)

// entityKinds maps path segments of URLs to kinds.
var entityKinds = map[string]EntityKind{
	"users":       EntityUser,
	"connections": EntityConnection,
	"accounts":    EntityAccount,
	"consents":    EntityConsent,
}

// Entity identifies the resource that an event concerns, as far as its link does. IDs that are not empty are valid
// ([api.ID.Validate]).
type Entity struct {
	// Kind is the kind of resource. A kind that is not one of the constants is the path segment of the URL.
	Kind EntityKind
	// ID is the ID of the resource, or "" for a list.
	ID string
	// UserID is the ID of the user who owns the resource, or of the user itself. It is empty if the link does not contain it.
	UserID string
}

// Entity parses the link to the resource that the event concerns, for example the connection c1 of the user u1 from
// https://au-api.basiq.io/users/u1/connections/c1. It returns the zero Entity if the link is missing or invalid. The resource
// may already be deleted.
func (e *Event) Entity() Entity {
	link, err := url.Parse(e.Links.EventEntity)
	if err != nil {
		return Entity{}
	}
	// Split the escaped path, so that an ID with an escaped slash is rejected instead of becoming two segments.
	path, rooted := strings.CutPrefix(link.EscapedPath(), "/")
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for i, segment := range segments {
		if i%2 == 0 && segment != "" {
			segment = "kind-" + segment // a kind may be a word that is reserved in IDs
		}
		if !rooted || api.ID(segment).Validate() != nil {
			return Entity{}
		}
	}
	// Kinds and IDs alternate. The last kind may have no ID.
	last := (len(segments) - 1) / 2 * 2
	entity := Entity{Kind: EntityKind(segments[last])}
	if kind, known := entityKinds[segments[last]]; known {
		entity.Kind = kind
	}
	if last+1 < len(segments) {
		entity.ID = segments[last+1]
	}
	if segments[0] == "users" && len(segments) > 1 {
		entity.UserID = segments[1]
	}
	return entity
}

// UserID returns the ID of the user whom the event concerns, or "" if the link does not contain it.
func (e *Event) UserID() string { return e.Entity().UserID }
