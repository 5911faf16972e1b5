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

// user is a user and all that belongs to it.
type user struct {
	id          string
	created     time.Time
	order       int // of creation, among those of a moment
	data        gen.CreateUser
	connections []*connection
	jobs        []*job // the oldest first
	// orphans are the accounts of deleted connections: they stay reachable under the user, except those of open banking.
	orphans   []*holding
	consents  []*consent // the oldest first
	authLink  *authLink  // nil when there is none
	snapshots []*snapshot
	insights  []*insight // the oldest first
}

var (
	emailFormat = regexp.MustCompile(`^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$`)
	// E.164; the documents have examples without the plus sign.
	mobileFormat = regexp.MustCompile(`^\+?[1-9][0-9]{6,14}$`)
)

// user returns the user that the path names.
func (s *Sandbox) user(c *call) (*user, error) {
	u := s.users[c.http.PathValue("userId")]
	if u == nil {
		return nil, userNotFound()
	}
	return u, nil
}

func (s *Sandbox) createUser(c *call) (answer, error) {
	var data gen.CreateUser
	if err := c.decode(&data); err != nil {
		return answer{}, err
	}
	if err := checkUser(data); err != nil {
		return answer{}, err
	}
	s.usersMade++
	s.countUser(c.now)
	s.userCounts.add(c.now, userCount{created: 1})
	u := &user{id: s.newID(), created: c.now, order: s.usersMade, data: data}
	s.users[u.id] = u
	s.emitUser(u, gen.EventActionCreated, c.now)
	return answer{http.StatusCreated, u.short(&c.view)}, nil
}

// getUsers is known from an old guide only, which shows the newest users nowhere in particular: here the oldest come
// first.
func (s *Sandbox) getUsers(c *call) (answer, error) {
	users := slices.SortedFunc(maps.Values(s.users), func(a, b *user) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.order, b.order))
	})
	data := make([]object, 0, len(users))
	for _, u := range users {
		o := object{
			"type": "user", "id": u.id, "email": u.data.Email, "mobile": u.data.Mobile,
			"createdTime": formatTime(u.created), "links": c.self(u.path()),
		}
		o.addIfSet("firstName", u.data.FirstName)
		o.addIfSet("lastName", u.data.LastName)
		data = append(data, o)
	}
	return answer{http.StatusOK, object{"type": "list", "size": len(data), "data": data, "links": c.self("/users")}}, nil
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

func (s *Sandbox) getUser(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, s.full(u, &c.view)}, nil
}

// updateUser leaves a field that is empty as it is, like one that is absent; so a user can never lose both email and
// mobile.
func (s *Sandbox) updateUser(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	var change gen.UpdateUser
	if err := c.decode(&change); err != nil {
		return answer{}, err
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
		return answer{}, err
	}
	u.data = data
	s.emitUser(u, gen.EventActionUpdated, c.now)
	return answer{http.StatusOK, u.short(&c.view)}, nil
}

func (s *Sandbox) deleteUser(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	for _, j := range u.jobs {
		delete(s.jobs, j.id)
	}
	delete(s.users, u.id)
	// Some who know the user still wait for their time, such as the end of a consent, and would keep all this until then.
	u.connections, u.jobs, u.orphans, u.snapshots, u.insights = nil, nil, nil, nil, nil
	s.userCounts.add(c.now, userCount{deleted: 1})
	s.emitUser(u, gen.EventActionDeleted, c.now)
	return answer{status: http.StatusNoContent}, nil
}

func (u *user) path() string { return "/users/" + u.id }

// short is the user as createUser and updateUser answer it.
func (u *user) short(v *view) object {
	o := object{"type": "user", "id": u.id, "email": u.data.Email, "mobile": u.data.Mobile, "links": v.self(u.path())}
	if v.version == v30 {
		o.addIfSet("firstName", u.data.FirstName)
		o.addIfSet("middleName", u.data.MiddleName)
		o.addIfSet("lastName", u.data.LastName)
		u.addBusiness(o)
	}
	return o
}

// full is the user as getUser answers it.
func (s *Sandbox) full(u *user, v *view) object {
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
	if v.version == v30 {
		// Version 3.0 declares the names required, so they are there when they are empty.
		o["firstName"], o["middleName"], o["lastName"] = u.data.FirstName, u.data.MiddleName, u.data.LastName
		u.addBusiness(o)
	} else {
		o.addIfSet("business", u.data.BusinessName)
	}
	return o
}

// addBusiness adds the fields of a business user, those that it has.
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
		data = append(data, object{"type": "connection", "id": conn.id, "links": v.self(conn.path())})
	}
	return object{"type": "list", "count": len(data), "data": data}
}

func (s *Sandbox) accountReferences(u *user, v *view) object {
	accounts := s.userHoldings(u, v.now)
	data := make([]object, 0, len(accounts))
	for _, a := range accounts {
		data = append(data, object{"type": "account", "id": a.id, "links": v.self(u.path() + "/accounts/" + a.id)})
	}
	return object{"type": "list", "count": len(data), "data": data}
}
