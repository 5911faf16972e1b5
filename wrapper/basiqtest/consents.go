package basiqtest

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

// What the documents say of how a consent ends. The year is that of the examples.
const (
	consentYears   = 1
	warningBefore  = 7 * 24 * time.Hour
	reminderEvery  = 90 * 24 * time.Hour
	consentPurpose = "We need to connect to your bank to collect some information about your finances"
)

// consent is what a user has agreed to on the consent page.
type consent struct {
	id      string
	policy  int // the one that it agrees to: the first is 1
	created time.Time
	updated time.Time
	expires time.Time
	revoked time.Time // the zero time when it was not
	changes int       // counts extensions
	told    int       // counts events
}

func (given *consent) status(now time.Time) gen.ConsentStatus {
	switch {
	case !given.revoked.IsZero():
		return gen.ConsentStatusRevoked
	case !now.Before(given.expires):
		return gen.ConsentStatusExpired
	default:
		return gen.ConsentStatusActive
	}
}

// consentUntil is how long a consent is good that is given or extended now.
func consentUntil(now time.Time) time.Time { return now.AddDate(consentYears, 0, 0) }

// activeConsent returns the user's newest consent that is good, or nil.
func (u *user) activeConsent(now time.Time) *consent {
	for _, given := range slices.Backward(u.consents) {
		if given.status(now) == gen.ConsentStatusActive {
			return given
		}
	}
	return nil
}

// checkConsent refuses to summarize or report on a user whose consents have all ended and whose data is still there, such
// as that of connections made without the consent page. The documents have the error without its code and text. A user who
// never gave a consent has connected with API 2.1, which has none.
func (u *user) checkConsent(now time.Time) error {
	if len(u.consents) == 0 || u.activeConsent(now) != nil {
		return nil
	}
	return noActiveConsent()
}

// policy returns the policy that the application has for a user. It changes when a user comes to agree to a new one: that
// is the only sign of a change which reaches the sandbox.
func (u *user) policy() int {
	if len(u.consents) == 0 {
		return 1
	}
	return u.consents[len(u.consents)-1].policy
}

func (s *Sandbox) giveConsent(u *user, policy int, now time.Time) *consent {
	given := &consent{
		id: s.newID(), policy: policy, created: now, updated: now, expires: consentUntil(now),
	}
	u.consents = append(u.consents, given)
	s.tellConsent(u, given, gen.EventActionCreated, now)
	s.watchConsent(u, given)
	return given
}

// extendConsent sets the end of a consent, and of its open-banking connections, to that of a new consent.
func (s *Sandbox) extendConsent(u *user, given *consent, now time.Time) {
	given.changes++
	given.updated, given.expires = now, consentUntil(now)
	for _, conn := range u.connections {
		if conn.consent == given && conn.openBanking() {
			conn.expires = given.expires
		}
	}
	s.tellConsent(u, given, gen.EventActionUpdated, now)
	s.watchConsent(u, given)
}

func (s *Sandbox) revokeConsent(u *user, given *consent, now time.Time) {
	given.revoked = now
	s.endConsent(u, given, gen.EventActionRevoked, now)
}

// endConsent deletes what the consent was for: the connections made under it, and all that was fetched through them. So
// the documents have it for consents that were revoked and for those that have expired. A connection that was made without
// the consent page belongs to none.
func (s *Sandbox) endConsent(u *user, given *consent, action gen.EventAction, now time.Time) {
	given.updated = now
	for _, conn := range slices.Clone(u.connections) {
		if conn.consent == given {
			s.removeConnection(u, conn, now)
		}
	}
	u.orphans = slices.DeleteFunc(u.orphans, func(h *holding) bool { return h.connection.consent == given })
	s.tellConsent(u, given, action, now)
}

// watchConsent has done what time does to a consent that nobody touches from now on.
func (s *Sandbox) watchConsent(u *user, given *consent) {
	changes := given.changes
	when := func(at time.Time, do func(now time.Time)) {
		s.later(at, func(now time.Time) {
			if s.users[u.id] == u && given.revoked.IsZero() && given.changes == changes {
				do(now)
			}
		})
	}
	tell := func(at time.Time, action gen.EventAction) {
		when(at, func(now time.Time) { s.tellConsent(u, given, action, now) })
	}
	for at := given.updated.Add(reminderEvery); at.Before(given.expires); at = at.Add(reminderEvery) {
		tell(at, gen.EventActionReminder)
	}
	tell(given.expires.Add(-warningBefore), gen.EventActionWarning)
	when(given.expires, func(now time.Time) { s.endConsent(u, given, gen.EventActionExpired, now) })
}

func (s *Sandbox) tellConsent(u *user, given *consent, action gen.EventAction, now time.Time) {
	v := s.ownView(now)
	given.told++
	s.emitConsent(u, given.id, given.told, given.show(u, &v), action, now)
}

// consentFilters use the syntax of connections: a changelog announces the filter by status and does not show the syntax.
var consentFilters = filterable{"status": {
	operators: eq,
	values:    []string{string(gen.ConsentStatusActive), string(gen.ConsentStatusExpired), string(gen.ConsentStatusRevoked)},
}}

// getConsents lists the newest first, as the example does, and those that have ended too.
func (s *Sandbox) getConsents(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	conditions, err := c.filter(consentFilters)
	if err != nil {
		return answer{}, err
	}
	if len(u.consents) == 0 { // recorded
		return answer{}, accessDenied()
	}
	data := make([]object, 0, len(u.consents))
	for _, given := range slices.Backward(u.consents) {
		if conditions.hold(func(string) string { return string(given.status(c.now)) }) {
			data = append(data, given.show(u, &c.view))
		}
	}
	return answer{http.StatusOK, object{
		"type": "list", "size": len(data), "data": data, "links": c.asked(),
	}}, nil
}

// deleteConsent revokes a consent. One that has ended is gone: the documents say 410 of revoked ones, and nothing of those
// that have expired.
func (s *Sandbox) deleteConsent(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	given := u.consent(c.http.PathValue("consentId"))
	switch {
	case given == nil:
		return answer{}, resourceNotFound()
	case given.status(c.now) != gen.ConsentStatusActive:
		return answer{}, gone()
	}
	s.revokeConsent(u, given, c.now)
	return answer{status: http.StatusNoContent}, nil
}

// consent returns the user's consent of that id, or nil.
func (u *user) consent(id string) *consent {
	for _, given := range u.consents {
		if given.id == id {
			return given
		}
	}
	return nil
}

// show is the consent as the list and events have it. The links to policies lead nowhere: no operation reads them.
func (given *consent) show(u *user, v *view) object {
	policy := func(n int) string {
		return v.url("/policies/" + derivedID(applicationID, "policy "+strconv.Itoa(n)))
	}
	o := object{
		"type": "consent", "id": given.id,
		"created": formatTime(given.created), "updated": formatTime(given.updated), "expiryDate": formatTime(given.expires),
		"origin": "user", "status": given.status(v.now),
		"purpose": object{
			"primary": object{"title": "Share your financial data", "description": consentPurpose},
			"other":   nil,
		},
		"data": object{
			"retainData": true, "initialRetrievalDays": nil, // recorded; examples have 730
			"organisation": nil, "disclosure": nil, "permissions": grantedPermissions(),
		},
		"links": object{
			"self":          v.url(u.path() + "/consents/" + given.id),
			"consentPolicy": policy(given.policy), "latestConsentPolicy": policy(u.policy()),
		},
	}
	if !given.revoked.IsZero() {
		o["revoked"] = formatTime(given.revoked)
	}
	return o
}

// permission is a kind of data that a consent is for. All of them are required, so a user agrees to all or to none.
type permission struct {
	Scope, Entity     string
	Name, Description string
	Attributes        []string
	Why               string // what the application wants it for
}

var permissions = []permission{
	{
		Scope: "customer.person.detail", Entity: "connection", Name: "Name, occupation, contact details",
		Description: "Who you are, to the bank.",
		Attributes:  []string{"Name", "Occupation", "Phone", "Email address", "Mail address", "Residential address"},
		Why:         "To make sure that the accounts are yours.",
	},
	{
		Scope: "account.basic", Entity: "account", Name: "Account name, type and balance",
		Description: "Your accounts, and what is in them now.",
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
		Why: "To tell your accounts apart, and what they cost.",
	},
	{
		Scope: "transaction.detail", Entity: "transaction", Name: "Transaction details",
		Description: "What comes into your accounts and goes out of them.",
		Attributes: []string{
			"Incoming and outgoing transactions", "Amounts", "Dates", "Descriptions of transactions", "Status of transactions",
			"Type of transactions",
			"Who you have sent money to and received money from",
		},
		Why: "To see what you earn and spend.",
	},
}

// grantedPermissions returns the permissions as a consent has them. They are the same for all consents, which share them.
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
