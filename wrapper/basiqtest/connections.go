package basiqtest

import (
	"net/http"
	"slices"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// connection is a user's login at a bank. What it has come to is not stored but follows from its latest job.
type connection struct {
	id           string
	user         *user
	institution  *bank.Bank
	method       gen.ConnectionMethod
	loginID      api.Secret // like the password, empty for a statement's
	password     api.Secret
	consent      *consent // nil when it was made without one
	created      time.Time
	expires      time.Time // when the authorization of an open-banking connection ends; the zero time of any other
	purged       time.Time // the zero time when it never was
	deleted      bool
	jobs         int            // how many jobs it has had
	statement    *bankStatement // what was uploaded; nil when somebody logged in
	accountCache accountCache   // what it had brought when somebody last looked

	job    *job            // the latest; only the latest can be running
	before connectionState // what the connection was when that job started
}

// connectionState is what a connection has come to at some moment.
type connectionState struct {
	status   gen.ConnectionStatus
	lastUsed time.Time
	fetched  time.Time // when the accounts were fetched last; the zero time when there are none
	read     time.Time // when the transactions were, likewise
	reader   string    // the id of the job that did so
}

// at returns the state at a moment since the latest job started. Wrong credentials make the connection invalid; any
// other failure leaves its status as it was, since it says nothing about the credentials.
func (conn *connection) stateAt(now time.Time) connectionState {
	if conn.job == nil {
		return connectionState{status: gen.ConnectionStatusPending, lastUsed: conn.created}
	}
	state, progress := conn.before, conn.job.progressAt(now)
	switch {
	case !progress.verified.IsZero():
		state.status, state.lastUsed = gen.ConnectionStatusActive, progress.verified
	case progress.rejected:
		state.status = gen.ConnectionStatusInvalid
	}
	if !progress.fetched.IsZero() {
		state.fetched = progress.fetched
	}
	if !progress.read.IsZero() {
		state.read, state.reader = progress.read, conn.job.id
	}
	if !state.fetched.After(conn.purged) {
		state.fetched = time.Time{}
	}
	if !state.read.After(conn.purged) {
		state.read = time.Time{}
	}
	return state
}

// runningJob returns the connection's job that has not ended, or nil.
func (conn *connection) runningJob(now time.Time) *job {
	if conn.job.progressAt(now).done {
		return nil
	}
	return conn.job
}

// person is who logs in; nil when the bank knows nobody of that name.
func (conn *connection) person() *bank.Person { return bank.FindPerson(conn.loginID.Reveal()) }

func (conn *connection) openBanking() bool { return conn.method == gen.ConnectionMethodOpenBanking }

func (conn *connection) path() string { return conn.user.path() + "/connections/" + conn.id }

// connection returns the user and the connection that the path names.
func (s *Sandbox) connection(c *call) (*user, *connection, error) {
	u, err := s.user(c)
	if err != nil {
		return nil, nil, err
	}
	for _, conn := range u.connections {
		if conn.id == c.http.PathValue("connectionId") {
			return u, conn, nil
		}
	}
	return nil, nil, resourceNotFound()
}

var connectionFilters = filterable{"id": {operators: eq}, "status": {operators: eq}, "institution.id": {operators: eq}}

func (conn *connection) property(name string, now time.Time) string {
	switch name {
	case "id":
		return conn.id
	case "status":
		return string(conn.stateAt(now).status)
	default:
		return conn.institution.ID
	}
}

func (s *Sandbox) getConnections(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	conditions, err := c.filter(connectionFilters)
	if err != nil {
		return response{}, err
	}
	data := []object{}
	for _, conn := range u.connections {
		if conditions.match(func(name string) string { return conn.property(name, c.now) }) {
			data = append(data, conn.listItem(&c.view))
		}
	}
	return response{http.StatusOK, object{"type": "list", "data": data, "links": c.selfLinks(u.path() + "/connections")}}, nil
}

func (s *Sandbox) postConnection(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	var data gen.CreateConnection
	if err := c.decode(&data); err != nil {
		return response{}, err
	}
	in, err := checkConnection(data)
	if err != nil {
		return response{}, err
	}
	j, status, err := s.connect(u, login{in, gen.ConnectionMethodWeb, data.LoginID.Secret, data.Password.Secret}, nil, c.now)
	if err != nil {
		return response{}, err
	}
	return j.reference(&c.view, status), nil
}

// login is what a user logs in at a bank with.
type login struct {
	bank         *bank.Bank
	method       gen.ConnectionMethod // web or open banking
	id, password api.Secret
}

func loginAs(at *bank.Bank, method gen.ConnectionMethod, who *bank.Person) login {
	return login{at, method, api.NewSecret(who.Login), api.NewSecret(who.Password)}
}

// connect logs a user in at a bank, and returns the job with the status to answer with: that of the job which is doing so
// already, if there is one.
func (s *Sandbox) connect(u *user, in login, c *consent, now time.Time) (*job, int, error) {
	for _, conn := range u.connections {
		if conn.institution == in.bank && conn.method == in.method && conn.loginID.Equal(in.id) {
			if running := conn.runningJob(now); running != nil {
				return running, http.StatusOK, nil
			}
		}
	}
	if s.config.limits && s.countConnections() >= maxConnections {
		return nil, 0, tooManyConnections()
	}
	conn := &connection{
		id: s.newID(), user: u, institution: in.bank, method: in.method, loginID: in.id, password: in.password,
		consent: c, created: now,
	}
	if conn.openBanking() {
		conn.expires = consentExpiry(now)
		if c != nil {
			conn.expires = c.expires
		}
	}
	u.connections = append(u.connections, conn)
	s.emitConnection(conn, gen.EventActionCreated, now)
	return s.startJob(now, conn), http.StatusAccepted, nil
}

// checkConnection returns the bank to connect to. Only what is wrong first is reported: every recorded error has one
// item. All the test banks want a login and a password, none takes a userToken.
func checkConnection(data gen.CreateConnection) (*bank.Bank, error) {
	switch {
	case data.LoginID.IsZero():
		return nil, notSupplied("Login ID parameter is required.", fromPointer("loginId", "connection/loginId"))
	case data.Password.IsZero():
		return nil, notSupplied("Password parameter is required.", fromPointer("password", "connection/password"))
	case data.Institution.ID == "":
		// The two spaces are the documents'.
		return nil, notSupplied("Institution ID  parameter is required.",
			fromPointer("id", "connection/institution/id"))
	}
	in := bank.FindBank(data.Institution.ID)
	if in == nil || !in.Login {
		// The code is not documented.
		return nil, notValid("Requested institution does not exist.", fromPointer("id", "connection/institution/id"))
	}
	return in, nil
}

func (s *Sandbox) countConnections() int {
	count := 0
	for _, u := range s.users {
		count += len(u.connections)
	}
	return count
}

func (s *Sandbox) getConnection(c *call) (response, error) {
	_, conn, err := s.connection(c)
	if err != nil {
		return response{}, err
	}
	return response{http.StatusOK, s.connectionObject(conn, &c.view)}, nil
}

// updateConnection stores the new password. When a job is running it answers with that job, which goes on with the
// password it began with: the new one is for the next.
func (s *Sandbox) updateConnection(c *call) (response, error) {
	_, conn, err := s.connection(c)
	if err != nil {
		return response{}, err
	}
	var data gen.UpdateConnection
	if err := c.decode(&data); err != nil {
		return response{}, err
	}
	if data.Password.IsZero() {
		return response{}, notValid("Password value is not valid", fromPointer("password", "connection/password"))
	}
	if conn.method != gen.ConnectionMethodWeb {
		return response{}, notWeb()
	}
	conn.password = data.Password.Secret
	j, status := s.refresh(conn, c.now)
	return j.reference(&c.view, status), nil
}

// deleteConnection deletes a connection; see [Sandbox.removeConnection]. A job that is running goes on and can be read, but
// what it fetches from now on is lost.
func (s *Sandbox) deleteConnection(c *call) (response, error) {
	u, conn, err := s.connection(c)
	if err != nil {
		return response{}, err
	}
	s.removeConnection(u, conn, c.now)
	return response{status: http.StatusNoContent}, nil
}

// removeConnection leaves the connection's accounts with the user, except those of open banking: they are deleted with it.
func (s *Sandbox) removeConnection(u *user, conn *connection, now time.Time) {
	if !conn.openBanking() {
		u.detachedAccounts = append(u.detachedAccounts, s.holdings(conn, now)...)
	}
	conn.deleted = true
	s.emitConnection(conn, gen.EventActionDeleted, now)
	u.connections = slices.DeleteFunc(u.connections, func(other *connection) bool { return other == conn })
}

// refresh starts a job for the connection and returns it with the status of the response. If a job is running, it returns
// that one, unless the option ConcurrentRefreshes is set.
func (s *Sandbox) refresh(conn *connection, now time.Time) (*job, int) {
	if running := conn.runningJob(now); running != nil && !s.config.concurrentRefreshes {
		return running, http.StatusOK
	}
	return s.startJob(now, conn), http.StatusAccepted
}

// refreshConnection takes a connection that is pending, though no job is running: its first job failed for a reason
// that may have passed. The documents name invalid connections only as ones that cannot be refreshed. It also takes
// open-banking connections: guides allow it, and only one table of errors has "Connection type is not Web" for a refresh.
func (s *Sandbox) refreshConnection(c *call) (response, error) {
	_, conn, err := s.connection(c)
	if err != nil {
		return response{}, err
	}
	if conn.statement != nil {
		return response{}, notWeb()
	}
	if conn.stateAt(c.now).status == gen.ConnectionStatusInvalid {
		return response{}, invalidCredentials()
	}
	j, status := s.refresh(conn, c.now)
	return j.reference(&c.view, status), nil
}

// refreshConnections passes over connections that are not active: Basiq asks that only active ones be refreshed.
func (s *Sandbox) refreshConnections(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	data := []object{}
	for _, conn := range u.connections {
		if conn.statement == nil && conn.stateAt(c.now).status == gen.ConnectionStatusActive {
			j, _ := s.refresh(conn, c.now)
			data = append(data, j.short(&c.view))
		}
	}
	return response{http.StatusAccepted, object{"type": "list", "data": data}}, nil
}

// purgeConnectionData removes what any of the user's connections, deleted ones included, has fetched from the
// connection's bank. How a connection that is not active is refused is not documented.
func (s *Sandbox) purgeConnectionData(c *call) (response, error) {
	u, conn, err := s.connection(c)
	if err != nil {
		return response{}, err
	}
	if conn.stateAt(c.now).status != gen.ConnectionStatusActive {
		return response{}, notValid("Connection is not active", fromParameter("connectionId"))
	}
	for _, other := range u.connections {
		if other.institution == conn.institution {
			other.purged = c.now
		}
	}
	u.detachedAccounts = slices.DeleteFunc(u.detachedAccounts, func(h *holding) bool { return h.institution == conn.institution.ID })
	return response{status: http.StatusNoContent}, nil
}

// common is what a connection has in a list and by itself.
func (conn *connection) common(v *view) (object, connectionState) {
	state := conn.stateAt(v.now)
	o := object{"type": "connection", "id": conn.id, "institution": v.institution(conn.institution.ID)}
	if v.version == v30 {
		o["method"] = conn.method
		o["expiryDate"] = "" // only an open-banking connection has one
		if conn.openBanking() {
			o["expiryDate"] = formatTime(conn.expires)
		}
	} else {
		o["mfaEnabled"] = conn.institution.Asks != bank.Never
	}
	if v.scope == server {
		o["status"] = state.status
		o["createdDate"] = formatTime(conn.created)
		o["lastUsed"] = formatTime(state.lastUsed)
	}
	return o, state
}

func (conn *connection) listItem(v *view) object {
	o, _ := conn.common(v)
	links := conn.links(v)
	links["institution"] = v.url(v.institutionPath(conn.institution.ID))
	o["links"] = links
	return o
}

func (s *Sandbox) connectionObject(conn *connection, v *view) object {
	o, state := conn.common(v)
	links := conn.links(v)
	links["user"] = v.url(conn.user.path())
	o["links"] = links
	if state.fetched.IsZero() {
		return o
	}
	data := []object{}
	for _, h := range s.holdings(conn, v.now) {
		data = append(data, h.embedded(v))
	}
	o["accounts"] = object{"type": "list", "data": data}
	if who := conn.person(); v.version == v21 && who != nil {
		o["profile"] = profile(&who.Profile)
	}
	return o
}

func (conn *connection) links(v *view) object {
	return object{
		"self":         v.url(conn.path()),
		"accounts":     v.url(conn.dataPath("accounts")),
		"transactions": v.url(conn.dataPath("transactions")),
	}
}

// dataPath is the path of the user's accounts or transactions at the connection's bank. The quotes stand in it as they
// are, because Basiq writes them so.
func (conn *connection) dataPath(what string) string {
	return conn.user.path() + "/" + what + "?filter=institution.id.eq('" + conn.institution.ID + "')"
}

// profile is what a connection shows of the person who logs in.
func profile(p *bank.Profile) object {
	return object{
		"fullName": p.First + " " + p.Last, "firstName": p.First, "middleName": p.Middle, "lastName": p.Last,
		"phoneNumbers": []string{p.Phone}, "emailAddresses": []string{p.Email},
		"physicalAddresses": []object{{
			"addressLine1": p.Street, "addressLine2": nil, "addressLine3": nil,
			"city": p.Suburb, "state": p.State, "postcode": p.Postcode, "country": "Australia", "countryCode": "AU",
			"formattedAddress": p.Address(),
		}},
	}
}
