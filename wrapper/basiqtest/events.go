package basiqtest

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

const (
	// eventsKept is for how long an event can be read, and so can the message about it; the documents say so of events.
	eventRetention = 7 * 24 * time.Hour
	// maxEvents bounds the events of those days. The oldest go first.
	maxEvents = 100_000
)

// invalidConnection is the status of a connection in the event that it was invalidated. It has it nowhere else.
const invalidConnection = "invalid-connection"

// event is something that has happened. It never changes.
type event struct {
	id      string
	created time.Time
	entity  gen.EventEntity
	action  gen.EventAction
	userID  string
	ref     string // the path of what it is about
	data    object // what that was then, as the sandbox's own view shows it
}

// typeID is the id of the event's type, such as user.created.
func (e *event) typeID() string { return string(e.entity) + "." + string(e.action) }

func (e *event) path() string { return "/events/" + e.id }

func (e *event) retained(now time.Time) bool { return now.Before(e.created.Add(eventRetention)) }

// emit makes an event known and tells the webhooks that want to hear of it.
func (s *Sandbox) emit(e *event) {
	for len(s.events) > 0 && (len(s.events) >= maxEvents || !s.events[0].retained(e.created)) {
		s.events[0] = nil
		s.events = s.events[1:]
	}
	s.events = append(s.events, e)
	s.notify(e)
}

// emitUser tells what has become of a user, in the words of the answers that create and update one.
func (s *Sandbox) emitUser(u *user, action gen.EventAction, now time.Time) {
	v := s.eventView(now)
	s.emit(&event{
		id: s.newEventID(), created: now, entity: gen.EventEntityUser, action: action, userID: u.id, ref: u.path(),
		data: u.short(&v),
	})
}

// emitConnection tells what has become of a connection. It is for calls; see [Sandbox.noteProgress] for jobs.
func (s *Sandbox) emitConnection(conn *connection, action gen.EventAction, now time.Time) {
	s.emitConnectionAs(s.newEventID(), conn, action, now)
}

// emitConnectionAs tells it with the connection as it stands in a list. The documents' examples of events have mfaEnabled,
// which is else of version 2.1.
func (s *Sandbox) emitConnectionAs(id string, conn *connection, action gen.EventAction, now time.Time) {
	v := s.eventView(now)
	data := conn.listItem(&v)
	data["mfaEnabled"] = conn.institution.Asks != bank.Never
	if action == gen.EventActionInvalidated {
		data["status"] = invalidConnection
	}
	s.emit(&event{
		id: id, created: now, entity: gen.EventEntityConnection, action: action, userID: conn.user.id, ref: conn.path(),
		data: data,
	})
}

// emitConsent tells what has become of a consent. The data is the consent as the sandbox's own view shows it, and must not
// change any more. The id is derived, since the clock brings some of these about, and from the number of the event among
// those of the consent: a moment would make it another one every time that the same calls are made.
func (s *Sandbox) emitConsentEvent(u *user, consentID string, number int, data object, action gen.EventAction, now time.Time) {
	s.emit(&event{
		id: derivedEventID(consentID, "event consent "+strconv.Itoa(number)), created: now, entity: gen.EventEntityConsent,
		action: action, userID: u.id, ref: u.path() + "/consents/" + consentID, data: data,
	})
}

// noteProgress has events tell what has become of a job since j.noted. Nobody is told of a connection that is gone, nor of
// a report, for which there are no events. A login that works also updates the connection, by when it was last used.
//
// The ids of the events are derived, not drawn: when a job gets on depends on the clock, and what is drawn must depend on
// nothing but the calls.
func (s *Sandbox) emitProgress(j *job, p progress, now time.Time) {
	conn := j.connection
	if conn == nil || s.users[j.user.id] != j.user || !slices.Contains(j.user.connections, conn) {
		return
	}
	tell := func(action gen.EventAction) {
		s.emitConnectionAs(derivedEventID(j.id, "event connection."+string(action)), conn, action, now)
	}
	before := conn.before.status
	if !p.verified.IsZero() && j.reported.verified.IsZero() {
		if before != gen.ConnectionStatusActive {
			tell(gen.EventActionActivated)
		}
		tell(gen.EventActionUpdated)
	}
	if p.rejected && !j.reported.rejected && before != gen.ConnectionStatusInvalid {
		tell(gen.EventActionInvalidated)
	}
	if !p.fetched.IsZero() && j.reported.fetched.IsZero() {
		s.emitAccounts(j, now)
	}
	if !p.read.IsZero() && j.reported.read.IsZero() {
		s.emitTransactions(j, now)
	}
}

// emitAccounts tells of each account that a job has fetched, changed or not: how Basiq tells the two apart is not
// documented.
func (s *Sandbox) emitAccounts(j *job, now time.Time) {
	v := s.eventView(now)
	for _, h := range s.holdings(j.connection, now) {
		data := h.embedded(&v)
		data["accountHolder"] = textOrNull(h.Holder)
		if !h.Opened.IsZero() { // A statement does not tell.
			data["creationDate"] = day(h.Opened)
		}
		data["transactionIntervals"] = h.intervals()
		data["connection"] = h.connection.reference(&v)
		s.emit(&event{
			id: derivedEventID(j.id, "event account.updated "+h.id), created: now, entity: gen.EventEntityAccount,
			action: gen.EventActionUpdated, userID: j.user.id, ref: h.path(), data: data,
		})
	}
}

// emitTransactions tells of the transactions that a job has read. The count, of which the documents say no more than that
// it is a string, is that of all that the link leads to.
func (s *Sandbox) emitTransactions(j *job, now time.Time) {
	v, conn, count := s.eventView(now), j.connection, 0
	for _, h := range s.holdings(conn, now) {
		count += len(s.bankTransactions(h))
	}
	path := j.user.path() + "/transactions"
	s.emit(&event{
		id: derivedEventID(j.id, "event transactions.updated"), created: now, entity: gen.EventEntityTransactions,
		action: gen.EventActionUpdated, userID: j.user.id, ref: path,
		data: object{
			"type": "transactions", "count": strconv.Itoa(count), "connection": conn.reference(&v),
			"links": v.selfLinks(path + "?filter=connection.id.eq('" + conn.id + "')"),
		},
	})
}

// reference is the connection as what belongs to it refers to it.
func (conn *connection) reference(v *view) object {
	return object{"type": "connection", "id": conn.id, "links": v.selfLinks(conn.path())}
}

// eventFilters are those that the documents name. A word that is no entity or action is refused: it would find nothing.
var eventFilters = filterable{
	"user.id": {operators: eq},
	"event.entity": {operators: eq, values: []string{
		string(gen.EventEntityUser), string(gen.EventEntityConnection), string(gen.EventEntityAccount),
		string(gen.EventEntityTransactions), string(gen.EventEntityConsent),
	}},
	"event.type": {operators: eq, values: []string{
		string(gen.EventActionCreated), string(gen.EventActionUpdated), string(gen.EventActionDeleted),
		string(gen.EventActionActivated), string(gen.EventActionInvalidated), string(gen.EventActionRevoked),
		string(gen.EventActionExpired), string(gen.EventActionReminder), string(gen.EventActionWarning),
		string(gen.EventActionArchived),
	}},
}

func (e *event) property(name string) string {
	switch name {
	case "user.id":
		return e.userID
	case "event.entity":
		return string(e.entity)
	default:
		return string(e.action)
	}
}

// getEvents lists the newest first, in pages of the usual size; the documents show neither an order nor pages.
func (s *Sandbox) getEvents(c *call) (response, error) {
	if err := s.resumePage(c); err != nil {
		return response{}, err
	}
	conditions, err := c.filter(eventFilters)
	if err != nil {
		return response{}, err
	}
	for _, cond := range conditions {
		if cond.property == "user.id" && !idFormat.MatchString(cond.values[0]) {
			return response{}, idNotValid()
		}
	}
	var found []*event
	for _, e := range slices.Backward(s.events) {
		if e.retained(c.now) && conditions.match(e.property) {
			found = append(found, e)
		}
	}
	a, err := pageResponse(s, c, found, func(e *event) string { return e.id }, func(e *event) any { return s.showEvent(e, &c.view) })
	if list, ok := a.body.(*listPage); ok {
		list.uncounted = true // is how this list is described
	}
	return a, err
}

// getEvent refuses an id in the words that the documents have for it, though they are those of getEventTypeById.
func (s *Sandbox) getEvent(c *call) (response, error) {
	id := c.http.PathValue("eventId")
	if !eventIDFormat.MatchString(id) {
		return response{}, eventTypeNotValid()
	}
	for _, e := range s.events {
		if e.id == id && e.retained(c.now) {
			return response{http.StatusOK, s.showEvent(e, &c.view)}, nil
		}
	}
	return response{}, eventTypeNotFound()
}

func (s *Sandbox) showEvent(e *event, v *view) object {
	return object{
		"type": "event", "id": e.id, "createdDate": formatTime(e.created), "entity": e.entity, "eventType": e.action,
		"userId": e.userID, "dataRef": v.url(e.ref), "data": rebased(e.data, s.url, v.base, false), "links": v.selfLinks(e.path()),
	}
}

// rebased returns a copy of an object whose links lead to another host.
func rebased(o object, from, to string, links bool) object {
	o = maps.Clone(o)
	for name, value := range o {
		switch value := value.(type) {
		case object:
			o[name] = rebased(value, from, to, name == "links")
		case []object:
			list := make([]object, 0, len(value))
			for _, item := range value {
				list = append(list, rebased(item, from, to, false))
			}
			o[name] = list
		case string:
			if path, own := strings.CutPrefix(value, from+"/"); links && own {
				o[name] = to + "/" + path
			}
		}
	}
	return o
}

// idNotValid differs from all other errors of its code in its title.
func idNotValid() *failure {
	return &failure{
		status: http.StatusBadRequest, code: "parameter-not-valid", title: "Parameter not valid.",
		detail: "ID value is not valid.", source: fromParameter("id"),
	}
}
