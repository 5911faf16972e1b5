package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Event is a change to a user or to a resource of a user.
	Event = gen.Event
	// EventData is the changed resource at the time of the event. Its Type determines which fields are set. The Data of an
	// event has at most one; Data.First returns it, or nil.
	EventData = gen.EventData
	// EventEntity is the type of a changed resource.
	EventEntity = gen.EventEntity
	// EventAction is a type of change to an entity.
	EventAction = gen.EventAction
	// EventType is an event type.
	EventType = gen.EventType
	// EventTypeName is the ID of an event type: the entity, a dot, and the action.
	EventTypeName = gen.EventTypeName
)

// The event types.
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

// The types of changed resources.
const (
	EventEntityUser         = gen.EventEntityUser
	EventEntityConnection   = gen.EventEntityConnection
	EventEntityAccount      = gen.EventEntityAccount
	EventEntityTransactions = gen.EventEntityTransactions
	EventEntityConsent      = gen.EventEntityConsent
)

// The types of changes to an entity.
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
	// Type is the type of change to the entity.
	Type EqualField[Event, EventAction]
}

// EventsService reads the events of users and their resources. It requires [APIVersion30]. [WebhooksService] delivers
// events when they occur.
type EventsService struct{ client *Client }

// List returns the application's events of the last seven days that the options select; see [EventListOptions].
// operationId: getEvents.
func (s *EventsService) List(ctx context.Context, options ...EventListOptions) iter.Seq2[*Event, error] {
	return s.collection(options).all(ctx)
}

// Page returns one page of [EventsService.List]; see [TransactionsService.Page]. operationId: getEvents.
func (s *EventsService) Page(ctx context.Context, at Cursor, options ...EventListOptions) (*Page[Event], error) {
	return s.collection(options).one(ctx, at)
}

func (s *EventsService) collection(options []EventListOptions) collection[Event] {
	return collection[Event]{
		client: s.client, op: opGetEvents, resource: eventResource, options: listOptionsOf(options),
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
	return list(ctx, s.client, opListEventTypes, nil, eventTypeResource, s.client.raw.ListEventTypes, listOptions[EventType]{})
}

// Type returns an event type. operationId: getEventTypeById.
func (s *EventsService) Type(ctx context.Context, eventType EventTypeName) (*EventType, error) {
	return get(ctx, s.client, opGetEventType, []pathParam{{"eventType", string(eventType)}}, eventTypeResource, bindID(s.client.raw.GetEventTypeByID, string(eventType)))
}

var eventResource = resource[Event]{"event", func(e *Event) (string, string) { return e.Type, e.ID }}

var eventTypeResource = resource[EventType]{"", func(t *EventType) (string, string) { return t.Type, string(t.ID) }}
