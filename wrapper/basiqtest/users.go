package basiqtest

import (
	"cmp"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

// A user is a Basiq user with all its resources.
type user struct {
	id          string
	created     time.Time
	order       int // order of creation, for users created at the same time
	data        gen.CreateUser
	connections []*connection
	jobs        []*job // oldest first
	// detachedAccounts holds the accounts of deleted connections, except open-banking connections.
	detachedAccounts []*holding
	consents         []*consent // oldest first
	authLink         *authLink  // nil if there is none
	snapshots        []*snapshot
	insights         []*insight // oldest first
}

var (
	emailFormat = regexp.MustCompile(`^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$`)
	// E.164. Documented examples omit the plus sign.
	mobileFormat = regexp.MustCompile(`^\+?[1-9][0-9]{6,14}$`)
)

// user returns the user named in the path.
func (s *Sandbox) user(c *call) (*user, error) {
	u := s.users[c.http.PathValue("userId")]
	if u == nil {
		return nil, userNotFound()
	}
	return u, nil
}

func (s *Sandbox) createUser(c *call) (response, error) {
	var data gen.CreateUser
	if err := c.decode(&data); err != nil {
		return response{}, err
	}
	if err := checkUser(data); err != nil {
		return response{}, err
	}
	s.usersCreated++
	s.countUser(c.now)
	s.userCounts.add(c.now, userCount{created: 1})
	u := &user{id: s.newID(), created: c.now, order: s.usersCreated, data: data}
	s.users[u.id] = u
	s.emitUser(u, gen.EventActionCreated, c.now)
	return response{http.StatusCreated, u.short(&c.view)}, nil
}

// getUsers is documented in an old guide only, without an order. The sandbox lists the oldest user first.
func (s *Sandbox) getUsers(c *call) (response, error) {
	users := slices.SortedFunc(maps.Values(s.users), func(a, b *user) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.order, b.order))
	})
	data := make([]object, 0, len(users))
	for _, u := range users {
		o := object{
			"type": "user", "id": u.id, "email": u.data.Email, "mobile": u.data.Mobile,
			"createdTime": formatTime(u.created), "links": c.selfLinks(u.path()),
		}
		o.addIfSet("firstName", u.data.FirstName)
		o.addIfSet("lastName", u.data.LastName)
		data = append(data, o)
	}
	return response{http.StatusOK, object{"type": "list", "size": len(data), "data": data, "links": c.selfLinks("/users")}}, nil
}

func checkUser(data gen.CreateUser) error {
	switch {
	case data.Email == "" && data.Mobile == "":
		return notSupplied("One of 'email' or 'mobile' is required.", &object{}) // recorded
	case data.Email != "" && !emailFormat.MatchString(data.Email):
		return notValid("Provided email is in bad format.", fromPointer("email", "user/email"))
	case data.Mobile != "" && !mobileFormat.MatchString(data.Mobile):
		return notValid("Provided mobile is in bad format.", fromPointer("mobile", "user/mobile"))
	case data.BusinessIDNo != "" && data.BusinessName == "":
		return notSupplied("Business name is required when business number is provided.",
			fromPointer("businessName", "user/businessName"))
	}
	return nil
}

func (s *Sandbox) getUser(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	return response{http.StatusOK, s.userObject(u, &c.view)}, nil
}

// updateUser ignores empty fields like missing ones, so a user cannot lose both email and mobile.
func (s *Sandbox) updateUser(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	var change gen.UpdateUser
	if err := c.decode(&change); err != nil {
		return response{}, err
	}
	data := u.data
	for _, field := range []struct {
		to   *string
		from string
	}{
		{&data.Email, change.Email},
		{&data.Mobile, change.Mobile},
		{&data.FirstName, change.FirstName},
		{&data.MiddleName, change.MiddleName},
		{&data.LastName, change.LastName},
	} {
		if field.from != "" {
			*field.to = field.from
		}
	}
	if err := checkUser(data); err != nil {
		return response{}, err
	}
	u.data = data
	s.emitUser(u, gen.EventActionUpdated, c.now)
	return response{http.StatusOK, u.short(&c.view)}, nil
}

func (s *Sandbox) deleteUser(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	for _, j := range u.jobs {
		delete(s.jobs, j.id)
	}
	delete(s.users, u.id)
	// Scheduled tasks, such as the expiry of a consent, may still refer to the user. Release the memory now.
	u.connections, u.jobs, u.detachedAccounts, u.snapshots, u.insights = nil, nil, nil, nil, nil
	s.userCounts.add(c.now, userCount{deleted: 1})
	s.emitUser(u, gen.EventActionDeleted, c.now)
	return response{status: http.StatusNoContent}, nil
}

func (u *user) path() string { return "/users/" + u.id }

// short returns the user as in the responses of createUser and updateUser.
func (u *user) short(v *view) object {
	o := object{"type": "user", "id": u.id, "email": u.data.Email, "mobile": u.data.Mobile, "links": v.selfLinks(u.path())}
	if v.version.since(v30) {
		o.addIfSet("firstName", u.data.FirstName)
		o.addIfSet("middleName", u.data.MiddleName)
		o.addIfSet("lastName", u.data.LastName)
		u.addBusiness(o)
	}
	return o
}

// userObject returns the user as in the response of getUser.
func (s *Sandbox) userObject(u *user, v *view) object {
	names := slices.DeleteFunc([]string{u.data.FirstName, u.data.MiddleName, u.data.LastName},
		func(name string) bool { return name == "" })
	o := object{
		"type": "user", "id": u.id, "email": u.data.Email, "mobile": u.data.Mobile, "name": strings.Join(names, " "),
		"connections": u.connectionReferences(v),
		"accounts":    s.accountReferences(u, v),
		"links": object{
			"self":         v.url(u.path()),
			"accounts":     v.url(u.path() + "/accounts"),
			"connections":  v.url(u.path() + "/connections"),
			"transactions": v.url(u.path() + "/transactions"),
			"auth_link":    u.authLinkURL(v),
		},
	}
	if v.version.since(v30) {
		// The names are required in version 3.0, so they are present even if empty.
		o["firstName"], o["middleName"], o["lastName"] = u.data.FirstName, u.data.MiddleName, u.data.LastName
		u.addBusiness(o)
	} else {
		o.addIfSet("business", u.data.BusinessName)
	}
	return o
}

// addBusiness adds the fields of a business user that are set.
func (u *user) addBusiness(o object) {
	o.addIfSet("businessName", u.data.BusinessName)
	o.addIfSet("businessIdNo", u.data.BusinessIDNo)
	o.addIfSet("businessIdNoType", string(u.data.BusinessIDNoType))
	o.addIfSet("verificationDate", u.data.VerificationDate)
	if u.data.BusinessAddress != nil {
		o["businessAddress"] = u.data.BusinessAddress
	}
	if u.data.VerificationStatus != nil {
		o["verificationStatus"] = *u.data.VerificationStatus
	}
}

func (o object) addIfSet(name, value string) {
	if value != "" {
		o[name] = value
	}
}

func (u *user) connectionReferences(v *view) object {
	data := make([]object, 0, len(u.connections))
	for _, conn := range u.connections {
		data = append(data, object{"type": "connection", "id": conn.id, "links": v.selfLinks(conn.path())})
	}
	return object{"type": "list", "count": len(data), "data": data}
}

func (s *Sandbox) accountReferences(u *user, v *view) object {
	accounts := s.userHoldings(u, v.now)
	data := make([]object, 0, len(accounts))
	for _, a := range accounts {
		data = append(data, object{"type": "account", "id": a.id, "links": v.selfLinks(u.path() + "/accounts/" + a.id)})
	}
	return object{"type": "list", "count": len(data), "data": data}
}
