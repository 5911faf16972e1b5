package basiqtest

import (
	"net/http"
	"slices"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// A connection is a user's login at a bank. Its state is not stored, but derived from its latest job.
type connection struct {
	id           string
	user         *user
	institution  *bank.Bank
	method       gen.ConnectionMethod
	loginID      api.Secret // like the password, empty for a statement
	password     api.Secret
	consent      *consent // nil if created without one
	created      time.Time
	expires      time.Time // end of the open-banking authorization; zero for other methods
	purged       time.Time // zero if never purged
	deleted      bool
	jobs         int                      // number of jobs so far
	statement    *bankStatement           // uploaded statement; nil for a login
	accountCache accountCache             // accounts as of the last read
	reported     map[string]fingerprint   // by account key, as of the last account.updated and transactions.updated events
	edits        map[string]*accountEdits // by account key; nil unless a test has edited transactions
	refreshDay   string                   // day of the last refresh of an open-banking connection
	refreshes    int                      // number of refreshes on that day

	job    *job            // the latest job, and the only one that can be running
	before connectionState // state when that job started
}

// connectionState is the state of a connection at a point in time.
type connectionState struct {
	status   gen.ConnectionStatus
	lastUsed time.Time
	fetched  time.Time // time of the last account retrieval; zero if none
	read     time.Time // time of the last transaction retrieval; zero if none
	reader   string    // ID of the job that retrieved the transactions
}

// stateAt returns the state at a time after the latest job started. Invalid credentials make the connection invalid.
// Any other failure keeps the status, because it says nothing about the credentials.
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

// runningJob returns the connection's job in progress, or nil.
func (conn *connection) runningJob(now time.Time) *job {
	if conn.job.progressAt(now).done {
		return nil
	}
	return conn.job
}

// person returns the test user who logs in, or nil if the login is unknown.
func (conn *connection) person() *bank.Person { return bank.FindPerson(conn.loginID.Reveal()) }

func (conn *connection) openBanking() bool { return conn.method == gen.ConnectionMethodOpenBanking }

func (conn *connection) path() string { return conn.user.path() + "/connections/" + conn.id }

// connection returns the user and the connection named in the path.
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
	institution, err := checkConnection(data)
	if err != nil {
		return response{}, err
	}
	j, status, err := s.connect(u, credentials{institution, gen.ConnectionMethodWeb, data.LoginID.Secret, data.Password.Secret}, nil, c.now)
	if err != nil {
		return response{}, err
	}
	return j.reference(&c.view, status), nil
}

// credentials holds the login of a user at a bank.
type credentials struct {
	institution  *bank.Bank
	method       gen.ConnectionMethod // web or open banking
	id, password api.Secret
}

func credentialsOf(institution *bank.Bank, method gen.ConnectionMethod, person *bank.Person) credentials {
	return credentials{institution, method, api.NewSecret(person.Login), api.NewSecret(person.Password)}
}

// connect logs a user in at a bank. It returns the job and the status of the response. If a job for the same login is
// running, connect returns that job.
func (s *Sandbox) connect(u *user, login credentials, c *consent, now time.Time) (*job, int, error) {
	for _, conn := range u.connections {
		if conn.institution == login.institution && conn.method == login.method && conn.loginID.Equal(login.id) {
			if running := conn.runningJob(now); running != nil {
				return running, http.StatusOK, nil
			}
		}
	}
	if s.config.limits && s.countConnections() >= maxConnections {
		return nil, 0, tooManyConnections()
	}
	conn := &connection{
		id: s.newID(), user: u, institution: login.institution, method: login.method, loginID: login.id, password: login.password,
		consent: c, created: now,
	}
	if conn.openBanking() {
		end := consentExpiry(now)
		if c != nil {
			end = c.expires
		}
		s.authorizeUntil(conn, end)
	}
	u.connections = append(u.connections, conn)
	s.emitConnection(conn, gen.EventActionCreated, now)
	return s.startJob(now, conn), http.StatusAccepted, nil
}

// checkConnection returns the bank to connect to. It reports only the first error, because every recorded error
// response has a single item. All test banks require a login and a password, and none accepts a userToken.
func checkConnection(data gen.CreateConnection) (*bank.Bank, error) {
	switch {
	case data.LoginID.IsZero():
		return nil, notSupplied("Login ID parameter is required.", fromPointer("loginId", "connection/loginId"))
	case data.Password.IsZero():
		return nil, notSupplied("Password parameter is required.", fromPointer("password", "connection/password"))
	case data.Institution.ID == "":
		// The double space is in Basiq's documentation.
		return nil, notSupplied("Institution ID  parameter is required.",
			fromPointer("id", "connection/institution/id"))
	}
	institution := bank.FindBank(data.Institution.ID)
	if institution == nil || !institution.Login {
		// The error code is not documented.
		return nil, notValid("Requested institution does not exist.", fromPointer("id", "connection/institution/id"))
	}
	return institution, nil
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

// updateConnection stores the new password. If a job is running, the response refers to that job, which continues with
// the old password. The new password is used by the next job.
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

// deleteConnection deletes a connection; see [Sandbox.removeConnection]. A running job continues and can be read, but
// data that it fetches from then on is lost.
func (s *Sandbox) deleteConnection(c *call) (response, error) {
	u, conn, err := s.connection(c)
	if err != nil {
		return response{}, err
	}
	s.removeConnection(u, conn, c.now)
	return response{status: http.StatusNoContent}, nil
}

// removeConnection keeps the connection's accounts on the user, except for open-banking accounts, which are deleted.
func (s *Sandbox) removeConnection(u *user, conn *connection, now time.Time) {
	if !conn.openBanking() {
		u.detachedAccounts = append(u.detachedAccounts, s.holdings(conn, now)...)
	}
	conn.deleted = true
	s.emitConnection(conn, gen.EventActionDeleted, now)
	u.connections = slices.DeleteFunc(u.connections, func(other *connection) bool { return other == conn })
}

// refresh starts a job for the connection and returns it with the status of the response. If a job is running, it
// returns that one, unless the option WithConcurrentRefreshes is given.
func (s *Sandbox) refresh(conn *connection, now time.Time) (*job, int) {
	if running := conn.runningJob(now); running != nil && !s.config.concurrentRefreshes {
		return running, http.StatusOK
	}
	return s.startJob(now, conn), http.StatusAccepted
}

// refreshConnection accepts a pending connection without a running job, because its first job may have failed for a
// temporary reason. The documentation rules out only invalid connections. It also accepts open-banking connections:
// guides allow it, and only one error table lists "Connection type is not Web" for a refresh.
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
	if !conn.mayRefresh(c.now) {
		return response{}, tooManyRequests(limitReached)
	}
	j, status := s.refreshOnRequest(conn, c.now)
	return j.reference(&c.view, status), nil
}

// mayRefresh reports whether a request may refresh the connection. Basiq documents the limit of open-banking
// connections. The sandbox responds to the next one with 429 until midnight UTC.
func (conn *connection) mayRefresh(now time.Time) bool {
	return !conn.openBanking() || conn.refreshDay != day(now) || conn.refreshes < maxOpenBankingRefreshes
}

// refreshOnRequest is like refresh, and counts the job that it starts.
func (s *Sandbox) refreshOnRequest(conn *connection, now time.Time) (*job, int) {
	j, status := s.refresh(conn, now)
	if status == http.StatusAccepted && conn.openBanking() {
		if today := day(now); conn.refreshDay != today {
			conn.refreshDay, conn.refreshes = today, 0
		}
		conn.refreshes++
	}
	return j, status
}

// refreshConnections skips connections that are not active. Basiq asks applications to refresh active connections only.
// It also skips open-banking connections that have reached their limit.
func (s *Sandbox) refreshConnections(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	data := []object{}
	for _, conn := range u.connections {
		if conn.statement == nil && conn.stateAt(c.now).status == gen.ConnectionStatusActive && conn.mayRefresh(c.now) {
			j, _ := s.refreshOnRequest(conn, c.now)
			data = append(data, j.short(&c.view))
		}
	}
	return response{http.StatusAccepted, object{"type": "list", "data": data}}, nil
}

// purgeConnectionData removes all data that the user's connections to this bank have fetched, including deleted
// connections. The error for a connection that is not active is not documented.
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
			other.purged, other.reported = c.now, nil
		}
	}
	u.detachedAccounts = slices.DeleteFunc(u.detachedAccounts, func(h *holding) bool { return h.institution == conn.institution.ID })
	return response{status: http.StatusNoContent}, nil
}

// common returns the fields that a connection has both in a list and on its own.
func (conn *connection) common(v *view) (object, connectionState) {
	state := conn.stateAt(v.now)
	o := object{"type": "connection", "id": conn.id, "institution": v.institution(conn.institution.ID)}
	if v.version.since(v30) {
		o["method"] = conn.method
		o["expiryDate"] = "" // set for open-banking connections only
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
	if person := conn.person(); !v.version.since(v30) && person != nil {
		o["profile"] = profile(&person.Profile)
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

// dataPath returns the path of the user's accounts or transactions at the connection's bank. The quotes are not
// escaped, as in Basiq's links.
func (conn *connection) dataPath(what string) string {
	return conn.user.path() + "/" + what + "?filter=institution.id.eq('" + conn.institution.ID + "')"
}

// profile returns the details of the account holder as a connection shows them.
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
