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

// EventTypeID says what has happened to what. The list is open: Basiq adds to it, and an Event keeps what it does not know.
// Package basiq, which this package does not need, has a type of its own for the same texts: basiq.EventTypeName(id).
type EventTypeID string

// The kinds of events. All but EventConnectionUpdated can be subscribed to.
const (
	// EventAccountUpdated: an account or one of its attributes has changed.
	EventAccountUpdated EventTypeID = "account.updated"
	// EventConnectionActivated: a connection has become active.
	EventConnectionActivated EventTypeID = "connection.activated"
	// EventConnectionCreated: a connection was created.
	EventConnectionCreated EventTypeID = "connection.created"
	// EventConnectionDeleted: a connection was deleted.
	EventConnectionDeleted EventTypeID = "connection.deleted"
	// EventConnectionInvalidated: a connection is no longer active, and only its user can mend it: the login is wrong or
	// locked, the bank asks for a second factor, or the authorisation of open banking has ended.
	EventConnectionInvalidated EventTypeID = "connection.invalidated"
	// EventConnectionUpdated: a connection has changed. It is found among the events but cannot be subscribed to.
	EventConnectionUpdated EventTypeID = "connection.updated"
	// EventConsentArchived: a consent was put away. Only a guide names it.
	EventConsentArchived EventTypeID = "consent.archived"
	// EventConsentCreated: a user has given consent.
	EventConsentCreated EventTypeID = "consent.created"
	// EventConsentExpired: a consent has ended by itself.
	EventConsentExpired EventTypeID = "consent.expired"
	// EventConsentReminder: a consent is 90 days old, counted from its last change.
	EventConsentReminder EventTypeID = "consent.reminder"
	// EventConsentRevoked: a consent was withdrawn.
	EventConsentRevoked EventTypeID = "consent.revoked"
	// EventConsentUpdated: a consent has changed.
	EventConsentUpdated EventTypeID = "consent.updated"
	// EventConsentWarning: a consent is about to end.
	EventConsentWarning EventTypeID = "consent.warning"
	// EventTransactionsUpdated: a user has new transactions, after a connection was created, updated or refreshed, also by
	// Basiq's own schedule.
	EventTransactionsUpdated EventTypeID = "transactions.updated"
	// EventUserCreated: a user was created.
	EventUserCreated EventTypeID = "user.created"
	// EventUserDeleted: a user was deleted.
	EventUserDeleted EventTypeID = "user.deleted"
	// EventUserUpdated: a user has changed.
	EventUserUpdated EventTypeID = "user.updated"
)

// Event is what a delivery says. It is no more than a note that something has happened; get the data with
// client.Events.Get(ctx, event.EventID). It can be marshaled to JSON and back, to be put into a queue.
type Event struct {
	// DeliveryID names the delivery, from the header webhook-id, and is the same when Basiq sends it again: keep it to
	// handle each delivery once.
	DeliveryID string `json:"deliveryId"`
	// Timestamp is when this attempt at the delivery was made, in whole seconds.
	Timestamp time.Time `json:"timestamp"`
	// EventTypeID says what has happened.
	EventTypeID EventTypeID `json:"eventTypeId"`
	// EventID names the event. Empty when the payload has none.
	EventID string `json:"eventId"`
	// Links is where the event and what it is about are to be found.
	Links Links `json:"links"`
	// Payload is the body as it came, for what this type has no field for.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// Links are URLs in Basiq's API; empty when the payload has none. Do not send a request to them: let the client make its
// own of the ids. Where Event and the event's id disagree, the id is right.
type Links struct {
	// Event is the event's URL.
	Event string `json:"event"`
	// EventEntity is the URL of what the event is about. See [Event.Entity].
	EventEntity string `json:"eventEntity"`
}

// newEvent reads a payload whose signature was right. Refusing it would only have Basiq send it again, until it disables
// the endpoint; so whatever is an object will do, and a field of the wrong type is empty.
func newEvent(sealed envelope, body []byte) (*Event, error) {
	var payload struct {
		EventTypeID EventTypeID `json:"eventTypeId"`
		EventID     string      `json:"eventId"`
		Links       Links       `json:"links"`
	}
	err := api.Unmarshal(body, &payload)
	if _, ok := errors.AsType[*api.MistypedError](err); ok {
		err = nil // the other fields have been decoded
	}
	// The error may quote the body.
	if err != nil || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return nil, refuse(ErrBadPayload, "it is no JSON object")
	}
	return &Event{
		DeliveryID: sealed.id, Timestamp: sealed.sent,
		EventTypeID: payload.EventTypeID, EventID: payload.EventID, Links: payload.Links,
		Payload: body,
	}, nil
}

// LogValue logs the ids of the delivery and the event and the kind of event, and not the links, which hold a person's id.
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

// EntityKind is a kind of thing that events are about. The list is open.
type EntityKind string

// The kinds of things that events are about.
const (
	// EntityUser is a user.
	EntityUser EntityKind = "user"
	// EntityConnection is a connection of a user to a bank.
	EntityConnection EntityKind = "connection"
	// EntityAccount is a bank account.
	EntityAccount EntityKind = "account"
	// EntityTransactions is a list of transactions, which has no id.
	EntityTransactions EntityKind = "transactions"
	// EntityConsent is a consent of a user.
	EntityConsent EntityKind = "consent"
)

// entityKinds are the kinds by how URLs name them.
var entityKinds = map[string]EntityKind{
	"users":       EntityUser,
	"connections": EntityConnection,
	"accounts":    EntityAccount,
	"consents":    EntityConsent,
}

// Entity is what an event is about, as far as its link says. Ids that are not empty can stand in a path: see [api.ID].
type Entity struct {
	// Kind is what it is. A kind that this package does not know is named as in the URL.
	Kind EntityKind
	// ID is its id; empty for a list.
	ID string
	// UserID is the user whose it is, or the user's own id. Empty when the link does not say.
	UserID string
}

// Entity reads what the event is about from its link, for example the connection c1 of the user u1 from
// https://au-api.basiq.io/users/u1/connections/c1. It is the zero Entity when there is no link or it makes no sense. What it
// names may be deleted by now.
func (e *Event) Entity() Entity {
	link, err := url.Parse(e.Links.EventEntity)
	if err != nil {
		return Entity{}
	}
	// Escaped, so that an id with a slash in it is refused and not taken for two.
	path, rooted := strings.CutPrefix(link.EscapedPath(), "/")
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for i, segment := range segments {
		if i%2 == 0 && segment != "" {
			segment = "kind-" + segment // it may be a word that no id may be
		}
		if !rooted || api.ID(segment).Validate() != nil {
			return Entity{}
		}
	}
	// Kinds and ids by turns; the last kind may have no id.
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

// UserID returns the id of the user whom the event is about, from the link; empty when that does not say.
func (e *Event) UserID() string { return e.Entity().UserID }
