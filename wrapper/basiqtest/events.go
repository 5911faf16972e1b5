package basiqtest

import (
	"fmt"
	"hash/maphash"
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
	// eventRetention is how long events and their messages can be read. The documentation specifies it for events.
	eventRetention = 7 * 24 * time.Hour
	// maxEvents is the number of events kept. The oldest are dropped.
	maxEvents = 100_000
)

// invalidConnection is the status of a connection in its invalidated event. It is used nowhere else.
const invalidConnection = "invalid-connection"

// An event records something that happened. It is immutable.
type event struct {
	id      string
	created time.Time
	entity  gen.EventEntity
	action  gen.EventAction
	userID  string
	ref     string // path of the subject
	data    object // the subject at that time, as eventView shows it
}

// typeID returns the ID of the event's type, such as user.created.
func (e *event) typeID() string { return string(e.entity) + "." + string(e.action) }

func (e *event) path() string { return "/events/" + e.id }

func (e *event) retained(now time.Time) bool { return now.Before(e.created.Add(eventRetention)) }

// emit stores an event and sends it to the webhooks that subscribe to its type.
func (s *Sandbox) emit(e *event) {
	for len(s.events) > 0 && (len(s.events) >= maxEvents || !s.events[0].retained(e.created)) {
		s.events[0] = nil
		s.events = s.events[1:]
	}
	s.events = append(s.events, e)
	s.notify(e)
}

// emitUser emits an event about a user. Its data is the body of the createUser and updateUser responses.
func (s *Sandbox) emitUser(u *user, action gen.EventAction, now time.Time) {
	v := s.eventView(now)
	s.emit(&event{
		id: s.newEventID(), created: now, entity: gen.EventEntityUser, action: action, userID: u.id, ref: u.path(),
		data: u.short(&v),
	})
}

// emitConnection emits a connection event for an API call. For jobs, see [Sandbox.emitProgress].
func (s *Sandbox) emitConnection(conn *connection, action gen.EventAction, now time.Time) {
	s.emitConnectionAs(s.newEventID(), conn, action, now)
}

// emitConnectionAs emits a connection event with the given ID. Its data is the connection as in a list. The documented
// examples also have mfaEnabled, which otherwise exists only in version 2.1.
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

// emitConsentEvent emits an event about a consent. The data is the consent as eventView shows it, and must not be
// modified afterwards. The ID is derived from the number of the event, not from the time, because some of these events
// are triggered by the clock. The same calls therefore produce the same IDs.
func (s *Sandbox) emitConsentEvent(u *user, consentID string, number int, data object, action gen.EventAction, now time.Time) {
	s.emit(&event{
		id: derivedEventID(consentID, "event consent "+strconv.Itoa(number)), created: now, entity: gen.EventEntityConsent,
		action: action, userID: u.id, ref: u.path() + "/consents/" + consentID, data: data,
	})
}

// emitProgress emits the events for what a job achieved since j.reported. It emits none for deleted connections or for
// reports, which have no events. A successful login updates the connection, because it changes the time of last use.
//
// The event IDs are derived and not random, because the progress of a job depends on the clock. Random values must
// depend only on the sequence of calls.
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

// A fingerprint identifies the content of an account and of its transactions.
type fingerprint struct{ account, transactions uint64 }

var fingerprintSeed = maphash.MakeSeed()

// emitAccounts emits an event for each account that a job fetched and that is new or has changed. The time of the fetch
// is not a change. Basiq does not document how it detects changes.
func (s *Sandbox) emitAccounts(j *job, now time.Time) {
	v, conn := s.eventView(now), j.connection
	for _, h := range s.holdings(conn, now) {
		seen, known := conn.reported[h.Key]
		found := h.fingerprint()
		if known && seen.account == found {
			continue
		}
		if conn.reported == nil {
			conn.reported = map[string]fingerprint{}
		}
		conn.reported[h.Key] = fingerprint{found, seen.transactions}
		data := h.embedded(&v)
		data["accountHolder"] = textOrNull(h.Holder)
		if !h.Opened.IsZero() { // unknown for a statement
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

// fingerprint identifies the account, except for its transactions.
func (h *holding) fingerprint() uint64 {
	return maphash.String(fingerprintSeed, fmt.Sprint(h.Account, h.currency))
}

// fingerprintOf identifies transactions by what the bank knows of them. A refresh gives pending transactions new IDs,
// which is not a change.
func fingerprintOf(transactions []*bank.Transaction) uint64 {
	var f maphash.Hash
	f.SetSeed(fingerprintSeed)
	for _, t := range transactions {
		maphash.WriteComparable(&f, struct {
			made, posted       int64
			amount             bank.Cents
			class, description string
		}{t.Made.Unix(), t.Posted.Unix(), t.Amount, t.Class, t.Description})
	}
	return f.Sum64()
}

// emitTransactions emits an event if the transactions that a job retrieved differ from those of the last event. The
// count is documented only as a string. It is the number of transactions behind the link.
func (s *Sandbox) emitTransactions(j *job, now time.Time) {
	v, conn, count, changed := s.eventView(now), j.connection, 0, false
	for _, h := range s.holdings(conn, now) {
		transactions := s.bankTransactions(h)
		count += len(transactions)
		seen := conn.reported[h.Key]
		found := fingerprint{seen.account, fingerprintOf(transactions)}
		changed = changed || found != seen
		conn.reported[h.Key] = found
	}
	if !changed {
		return
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

// reference returns the connection as accounts and transactions refer to it.
func (conn *connection) reference(v *view) object {
	return object{"type": "connection", "id": conn.id, "links": v.selfLinks(conn.path())}
}

// eventFilters are the documented filters. An unknown entity or action is an error, because it could not match any
// event.
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

// getEvents lists events in pages, the newest first. Neither the order nor paging is documented.
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
		list.uncounted = true // as documented for this list
	}
	return a, err
}

// getEvent responds to an invalid ID with the documented error, although its text is about event types.
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

// rebased returns a copy of an object whose links point to another host.
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

// idNotValid has a different title from other errors with the same code.
func idNotValid() *failure {
	return &failure{
		status: http.StatusBadRequest, code: "parameter-not-valid", title: "Parameter not valid.",
		detail: "ID value is not valid.", source: fromParameter("id"),
	}
}
