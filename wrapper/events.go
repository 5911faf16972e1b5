package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Event is something that has happened to a user or to what belongs to one.
	Event = gen.Event
	// EventData is what an event is about, as it was then: its Type says what, and so which fields there are. An event has
	// one: Data.First returns it, or nil.
	EventData = gen.EventData
	// EventEntity is what an event is about.
	EventEntity = gen.EventEntity
	// EventAction is what has happened to the entity.
	EventAction = gen.EventAction
	// EventType is a type of events.
	EventType = gen.EventType
	// EventTypeName is the id of an event type: an entity, a dot, and what happened to it.
	EventTypeName = gen.EventTypeName
)

// The types of events.
const (
	EventTypeNameUserCreated           = gen.EventTypeNameUserCreated
	EventTypeNameUserUpdated           = gen.EventTypeNameUserUpdated
	EventTypeNameUserDeleted           = gen.EventTypeNameUserDeleted
	EventTypeNameConnectionCreated     = gen.EventTypeNameConnectionCreated
	EventTypeNameConnectionUpdated     = gen.EventTypeNameConnectionUpdated
	EventTypeNameConnectionDeleted     = gen.EventTypeNameConnectionDeleted
	EventTypeNameConnectionActivated   = gen.EventTypeNameConnectionActivated
	EventTypeNameConnectionInvalidated = gen.EventTypeNameConnectionInvalidated
	EventTypeNameAccountUpdated        = gen.EventTypeNameAccountUpdated
	EventTypeNameTransactionsUpdated   = gen.EventTypeNameTransactionsUpdated
	EventTypeNameConsentCreated        = gen.EventTypeNameConsentCreated
	EventTypeNameConsentUpdated        = gen.EventTypeNameConsentUpdated
	EventTypeNameConsentRevoked        = gen.EventTypeNameConsentRevoked
	EventTypeNameConsentExpired        = gen.EventTypeNameConsentExpired
	EventTypeNameConsentReminder       = gen.EventTypeNameConsentReminder
	EventTypeNameConsentWarning        = gen.EventTypeNameConsentWarning
	EventTypeNameConsentArchived       = gen.EventTypeNameConsentArchived
)

// What events are about.
const (
	EventEntityUser         = gen.EventEntityUser
	EventEntityConnection   = gen.EventEntityConnection
	EventEntityAccount      = gen.EventEntityAccount
	EventEntityTransactions = gen.EventEntityTransactions
	EventEntityConsent      = gen.EventEntityConsent
)

// What can happen to an entity.
const (
	EventActionCreated     = gen.EventActionCreated
	EventActionUpdated     = gen.EventActionUpdated
	EventActionDeleted     = gen.EventActionDeleted
	EventActionActivated   = gen.EventActionActivated
	EventActionInvalidated = gen.EventActionInvalidated
	EventActionRevoked     = gen.EventActionRevoked
	EventActionExpired     = gen.EventActionExpired
	EventActionReminder    = gen.EventActionReminder
	EventActionWarning     = gen.EventActionWarning
	EventActionArchived    = gen.EventActionArchived
)

// EventFields are the fields that [EventsService.List] can filter by.
var EventFields = eventFields{
	UserID: EqualField[Event, string]{name: "user.id"},
	Entity: EqualField[Event, EventEntity]{name: "event.entity"},
	Type:   EqualField[Event, EventAction]{name: "event.type"},
}

type eventFields struct {
	UserID EqualField[Event, string]
	Entity EqualField[Event, EventEntity]
	// Type is what has happened to the entity.
	Type EqualField[Event, EventAction]
}

// EventsService reads the events of users and their resources. It requires [APIVersion30]. [WebhooksService] delivers
// events as they happen.
type EventsService struct{ client *Client }

// List returns the application's events of the last seven days that satisfy all filters; see [EventFields].
// operationId: getEvents.
func (s *EventsService) List(ctx context.Context, filters ...ListOption[Event]) iter.Seq2[*Event, error] {
	return s.collection(filters).all(ctx)
}

// Page returns one page of [EventsService.List]; see [TransactionsService.Page].
func (s *EventsService) Page(ctx context.Context, at Cursor, filters ...ListOption[Event]) (*Page[Event], error) {
	return s.collection(filters).one(ctx, at)
}

func (s *EventsService) collection(filters []ListOption[Event]) collection[Event] {
	return collection[Event]{
		client: s.client, op: opGetEvents, resource: eventResource, options: filters,
		request: bindInput(s.client.raw.GetEvents, nil),
	}
}

// Get returns an event with its Data, which messages to webhooks lack. It may return [ErrNotFound] for events older
// than seven days. operationId: getEvent, which the documents call getTypeById.
func (s *EventsService) Get(ctx context.Context, eventID string) (*Event, error) {
	return get(ctx, s.client, opGetEvent, []pathParam{{"eventID", eventID}}, eventResource, bindID(s.client.raw.GetEvent, eventID))
}

// Types returns all event types. operationId: listEventTypes.
func (s *EventsService) Types(ctx context.Context) iter.Seq2[*EventType, error] {
	return list(ctx, s.client, opListEventTypes, nil, eventTypeResource, s.client.raw.ListEventTypes, nil)
}

// Type returns an event type. operationId: getEventTypeById.
func (s *EventsService) Type(ctx context.Context, eventType EventTypeName) (*EventType, error) {
	return get(ctx, s.client, opGetEventType, []pathParam{{"eventType", string(eventType)}}, eventTypeResource, bindID(s.client.raw.GetEventTypeByID, string(eventType)))
}

var eventResource = resource[Event]{"event", func(e *Event) (string, string) { return e.Type, e.ID }}

var eventTypeResource = resource[EventType]{"", func(t *EventType) (string, string) { return t.Type, string(t.ID) }}
