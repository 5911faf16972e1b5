package basiqtest

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

// Documented consent lifetime and events. The lifetime of one year is from the examples.
const (
	consentYears   = 1
	warningBefore  = 7 * 24 * time.Hour
	reminderEvery  = 90 * 24 * time.Hour
	consentPurpose = "We need to connect to your bank to collect some information about your finances"
)

// A consent is a user's agreement, granted on the consent page.
type consent struct {
	id         string
	policy     int // version of the policy agreed to, starting at 1
	created    time.Time
	updated    time.Time
	expires    time.Time
	revoked    time.Time // zero if not revoked
	changes    int       // number of extensions
	eventCount int       // number of events emitted
}

func (c *consent) status(now time.Time) gen.ConsentStatus {
	switch {
	case !c.revoked.IsZero():
		return gen.ConsentStatusRevoked
	case !now.Before(c.expires):
		return gen.ConsentStatusExpired
	default:
		return gen.ConsentStatusActive
	}
}

// consentExpiry returns when a consent expires that is granted or extended now.
func consentExpiry(now time.Time) time.Time { return now.AddDate(consentYears, 0, 0) }

// activeConsent returns the user's newest active consent, or nil.
func (u *user) activeConsent(now time.Time) *consent {
	for _, c := range slices.Backward(u.consents) {
		if c.status(now) == gen.ConsentStatusActive {
			return c
		}
	}
	return nil
}

// checkConsent returns an error if all consents of the user have ended. Data may remain, for example from connections
// created without the consent page. The documentation lists this error without a code or text. Users without any
// consent pass, because they connected with API 2.1, which has no consents.
func (u *user) checkConsent(now time.Time) error {
	if len(u.consents) == 0 || u.activeConsent(now) != nil {
		return nil
	}
	return noActiveConsent()
}

// policy returns the current version of the policy for a user. It increases when the user agrees to an update, because
// the sandbox has no other way to detect a changed policy.
func (u *user) policy() int {
	if len(u.consents) == 0 {
		return 1
	}
	return u.consents[len(u.consents)-1].policy
}

func (s *Sandbox) giveConsent(u *user, policy int, now time.Time) *consent {
	c := &consent{
		id: s.newID(), policy: policy, created: now, updated: now, expires: consentExpiry(now),
	}
	u.consents = append(u.consents, c)
	s.emitConsent(u, c, gen.EventActionCreated, now)
	s.scheduleConsentEvents(u, c)
	return c
}

// extendConsent extends the consent and its open-banking connections to the lifetime of a new consent.
func (s *Sandbox) extendConsent(u *user, c *consent, now time.Time) {
	s.renewConsent(u, c, now)
	for _, conn := range u.connections {
		if conn.consent == c && conn.openBanking() {
			s.authorizeUntil(conn, c.expires)
		}
	}
}

// reauthorize renews the authorization of an open-banking connection, and its consent, which would otherwise end the
// connection before.
func (s *Sandbox) reauthorize(conn *connection, now time.Time) {
	if conn.consent != nil {
		s.renewConsent(conn.user, conn.consent, now)
	}
	s.authorizeUntil(conn, consentExpiry(now))
}

// authorizeUntil sets when an open-banking connection expires. It is then deleted with its data, unless it was renewed.
func (s *Sandbox) authorizeUntil(conn *connection, end time.Time) {
	conn.expires = end
	u, id := conn.user, conn.id // the task does not keep the data of a deleted connection in memory
	s.schedule(end, func(now time.Time) {
		i := slices.IndexFunc(u.connections, func(conn *connection) bool { return conn.id == id && conn.expires.Equal(end) })
		if i >= 0 && s.users[u.id] == u {
			s.removeConnection(u, u.connections[i], now)
		}
	})
}

func (s *Sandbox) renewConsent(u *user, c *consent, now time.Time) {
	c.changes++
	c.updated, c.expires = now, consentExpiry(now)
	s.emitConsent(u, c, gen.EventActionUpdated, now)
	s.scheduleConsentEvents(u, c)
}

func (s *Sandbox) revokeConsent(u *user, c *consent, now time.Time) {
	c.revoked = now
	s.endConsent(u, c, gen.EventActionRevoked, now)
}

// endConsent deletes the connections created under the consent and all data fetched through them. The documentation
// describes this for revoked and for expired consents. Connections created without the consent page belong to no
// consent.
func (s *Sandbox) endConsent(u *user, c *consent, action gen.EventAction, now time.Time) {
	c.updated = now
	for _, conn := range slices.Clone(u.connections) {
		if conn.consent == c {
			s.removeConnection(u, conn, now)
		}
	}
	u.detachedAccounts = slices.DeleteFunc(u.detachedAccounts, func(h *holding) bool { return h.connection.consent == c })
	s.emitConsent(u, c, action, now)
}

// scheduleConsentEvents schedules the reminders, the warning and the expiry of a consent. They are dropped if the
// consent is changed in the meantime.
func (s *Sandbox) scheduleConsentEvents(u *user, c *consent) {
	changes := c.changes
	when := func(at time.Time, do func(now time.Time)) {
		s.schedule(at, func(now time.Time) {
			if s.users[u.id] == u && c.revoked.IsZero() && c.changes == changes {
				do(now)
			}
		})
	}
	tell := func(at time.Time, action gen.EventAction) {
		when(at, func(now time.Time) { s.emitConsent(u, c, action, now) })
	}
	for at := c.updated.Add(reminderEvery); at.Before(c.expires); at = at.Add(reminderEvery) {
		tell(at, gen.EventActionReminder)
	}
	tell(c.expires.Add(-warningBefore), gen.EventActionWarning)
	when(c.expires, func(now time.Time) { s.endConsent(u, c, gen.EventActionExpired, now) })
}

func (s *Sandbox) emitConsent(u *user, c *consent, action gen.EventAction, now time.Time) {
	v := s.eventView(now)
	c.eventCount++
	s.emitConsentEvent(u, c.id, c.eventCount, c.show(u, &v), action, now)
}

// consentFilters uses the syntax of connection filters. A changelog announces the filter by status, but does not show
// its syntax.
var consentFilters = filterable{"status": {
	operators: eq,
	values:    []string{string(gen.ConsentStatusActive), string(gen.ConsentStatusExpired), string(gen.ConsentStatusRevoked)},
}}

// getConsents lists all consents, including ended ones, the newest first, as in the documented example.
func (s *Sandbox) getConsents(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	conditions, err := c.filter(consentFilters)
	if err != nil {
		return response{}, err
	}
	if len(u.consents) == 0 { // recorded
		return response{}, accessDenied()
	}
	data := make([]object, 0, len(u.consents))
	for _, consent := range slices.Backward(u.consents) {
		if conditions.match(func(string) string { return string(consent.status(c.now)) }) {
			data = append(data, consent.show(u, &c.view))
		}
	}
	return response{http.StatusOK, object{
		"type": "list", "size": len(data), "data": data, "links": c.requestLinks(),
	}}, nil
}

// deleteConsent revokes a consent. For a consent that has ended it responds with 410. The documentation specifies 410
// for revoked consents and does not mention expired ones.
func (s *Sandbox) deleteConsent(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	consent := u.consent(c.http.PathValue("consentId"))
	switch {
	case consent == nil:
		return response{}, resourceNotFound()
	case consent.status(c.now) != gen.ConsentStatusActive:
		return response{}, resourceGone()
	}
	s.revokeConsent(u, consent, c.now)
	return response{status: http.StatusNoContent}, nil
}

// consent returns the user's consent with this ID, or nil.
func (u *user) consent(id string) *consent {
	for _, c := range u.consents {
		if c.id == id {
			return c
		}
	}
	return nil
}

// show returns the consent as the list and events show it. The links to policies do not resolve, because no operation
// reads policies.
func (c *consent) show(u *user, v *view) object {
	policy := func(n int) string {
		return v.url("/policies/" + derivedID(applicationID, "policy "+strconv.Itoa(n)))
	}
	o := object{
		"type": "consent", "id": c.id,
		"created": formatTime(c.created), "updated": formatTime(c.updated), "expiryDate": formatTime(c.expires),
		"origin": "user", "status": c.status(v.now),
		"purpose": object{
			"primary": object{"title": "Share your financial data", "description": consentPurpose},
			"other":   nil,
		},
		"data": object{
			"retainData": true, "initialRetrievalDays": nil, // recorded; the examples have 730
			"organisation": nil, "disclosure": nil, "permissions": grantedPermissions(),
		},
		"links": object{
			"self":          v.url(u.path() + "/consents/" + c.id),
			"consentPolicy": policy(c.policy), "latestConsentPolicy": policy(u.policy()),
		},
	}
	if !c.revoked.IsZero() {
		o["revoked"] = formatTime(c.revoked)
	}
	return o
}

// A permission is a category of data covered by a consent. All permissions are required, so a user agrees to all or
// none.
type permission struct {
	Scope, Entity     string
	Name, Description string
	Attributes        []string
	Why               string // purpose stated by the application
}

var permissions = []permission{
	{
		Scope: "customer.person.detail", Entity: "connection", Name: "Name, occupation, contact details",
		Description: "Your details as known to the bank.",
		Attributes:  []string{"Name", "Occupation", "Phone", "Email address", "Mail address", "Residential address"},
		Why:         "To make sure that the accounts are yours.",
	},
	{
		Scope: "account.basic", Entity: "account", Name: "Account name, type and balance",
		Description: "Your accounts and their balances.",
		Attributes:  []string{"Name of account", "Type of account", "Account balance", "Account number"},
		Why:         "To show you the list of your accounts.",
	},
	{
		Scope: "account.detail", Entity: "account", Name: "Account numbers and features",
		Description: "Your accounts in detail.",
		Attributes: []string{
			"Name of account", "Type of account", "Account balance", "Account number", "Interest rates", "Fees", "Discounts",
			"Account terms", "Account mail address", "Account holder",
		},
		Why: "To identify your accounts and their costs.",
	},
	{
		Scope: "transaction.detail", Entity: "transaction", Name: "Transaction details",
		Description: "The transactions of your accounts.",
		Attributes: []string{
			"Incoming and outgoing transactions", "Amounts", "Dates", "Descriptions of transactions", "Status of transactions",
			"Type of transactions",
			"Who you have sent money to and received money from",
		},
		Why: "To see what you earn and spend.",
	},
}

// grantedPermissions returns the permissions as a consent shows them. All consents share the same list.
var grantedPermissions = sync.OnceValue(func() []object {
	granted := make([]object, 0, len(permissions))
	for i := range permissions {
		granted = append(granted, permissions[i].show())
	}
	return granted
})

func (p *permission) show() object {
	return object{
		"scope": p.Scope, "required": true, "consented": true, "entity": p.Entity,
		"information": object{"name": p.Name, "description": p.Description, "attributeList": p.Attributes},
		"purpose":     object{"title": p.Name, "description": p.Why},
	}
}
