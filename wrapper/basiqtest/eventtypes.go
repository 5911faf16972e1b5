package basiqtest

import (
	"net/http"
	"regexp"
	"slices"

	"github.com/basiq-go/basiq-go/gen"
)

// An eventType is a type of events that webhooks can subscribe to.
type eventType struct {
	id          gen.EventTypeName
	description string
}

// eventTypes are the documented types, with their order and descriptions. The list does not contain connection.updated,
// although such events exist, or consent.archived.
var eventTypes = []eventType{
	{gen.EventTypeNameAccountUpdated, "when an account is updated"},
	{gen.EventTypeNameConnectionActivated, "when a connection is activated"},
	{gen.EventTypeNameConnectionCreated, "when a connection is created"},
	{gen.EventTypeNameConnectionDeleted, "when a connection is deleted"},
	{gen.EventTypeNameConnectionInvalidated, "when a connection is invalidated"},
	{gen.EventTypeNameConsentCreated, "when a consent is created"},
	{gen.EventTypeNameConsentExpired, "when a consent is expired"},
	{gen.EventTypeNameConsentReminder, "when a consent has been active for 90 days since the last update"},
	{gen.EventTypeNameConsentRevoked, "when a consent is revoked"},
	{gen.EventTypeNameConsentUpdated, "when a consent is updated"},
	{gen.EventTypeNameConsentWarning, "when a consent is about to expire"},
	{gen.EventTypeNameTransactionsUpdated, "when transactions are updated"},
	{gen.EventTypeNameUserCreated, "when an user is created"},
	{gen.EventTypeNameUserDeleted, "when an user is deleted"},
	{gen.EventTypeNameUserUpdated, "when an user is updated"},
}

// findEventType returns the index of the type with this ID, or -1.
func findEventType(id string) int {
	return slices.IndexFunc(eventTypes, func(t eventType) bool { return string(t.id) == id })
}

func (t eventType) show(v *view) object {
	return object{
		"type": "eventType", "id": t.id, "description": t.description, "links": v.selfLinks("/events/types/" + string(t.id)),
	}
}

func (s *Sandbox) listEventTypes(c *call) (response, error) {
	data := make([]object, 0, len(eventTypes))
	for _, t := range eventTypes {
		data = append(data, t.show(&c.view))
	}
	return response{http.StatusOK, object{
		"type": "list", "size": len(data), "count": len(data), "data": data, "links": c.selfLinks("/events/types/"),
	}}, nil
}

var eventTypeFormat = regexp.MustCompile(`^[a-z]+\.[a-z]+$`)

func (s *Sandbox) getEventTypeByID(c *call) (response, error) {
	id := c.http.PathValue("eventTypeId")
	if !eventTypeFormat.MatchString(id) {
		return response{}, eventTypeNotValid()
	}
	i := findEventType(id)
	if i < 0 {
		return response{}, eventTypeNotFound()
	}
	return response{http.StatusOK, eventTypes[i].show(&c.view)}, nil
}

func eventTypeNotFound() *failure { return notFound("Requested event type does not exist.") }

func eventTypeNotValid() *failure {
	return pathNotValid("Event Type ID parameter is not valid", "eventTypeId")
}

// pathNotValid is the error for a malformed ID in a path.
func pathNotValid(detail, parameter string) *failure {
	f := notValid(detail, fromParameter(parameter))
	f.code = "path-parameter-not-valid"
	return f
}
