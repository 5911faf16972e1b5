package basiqtest

import (
	"net/http"
	"slices"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// maxConnections is how many connections a sandbox holds, as is documented.
const maxConnections = 500

// connection is a user's login at a bank. What it has come to is not stored but follows from its latest job.
type connection struct {
	id          string
	user        *user
	institution institution
	loginID     api.Secret
	password    api.Secret
	created     time.Time
	purged      time.Time // the zero time when it never was
	jobs        int       // how many jobs it has had

	job    *job            // the latest; only the latest can be running
	before connectionState // what the connection was when that job started
}

// connectionState is what a connection has come to at some moment.
type connectionState struct {
	status   gen.ConnectionStatus
	lastUsed time.Time
	fetched  time.Time // when the accounts were fetched last; the zero time when there are none
}

// at returns the state at a moment since the latest job started. Wrong credentials make the connection invalid; any
// other failure leaves its status as it was, since it says nothing about the credentials.
func (conn *connection) at(now time.Time) connectionState {
	state, progress := conn.before, conn.job.at(now)
	switch {
	case !progress.verified.IsZero():
		state.status, state.lastUsed = gen.ConnectionStatusActive, progress.verified
	case progress.rejected:
		state.status = gen.ConnectionStatusInvalid
	}
	if !progress.fetched.IsZero() {
		state.fetched = progress.fetched
	}
	if !state.fetched.After(conn.purged) {
		state.fetched = time.Time{}
	}
	return state
}

// runningJob returns the connection's job that has not ended, or nil.
func (conn *connection) runningJob(now time.Time) *job {
	if conn.job.at(now).done {
		return nil
	}
	return conn.job
}

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

func (s *Sandbox) getConnections(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	conditions, err := c.filter("id", "status", "institution.id")
	if err != nil {
		return answer{}, err
	}
	data := []object{}
	for _, conn := range u.connections {
		if match(conditions, map[string]string{
			"id": conn.id, "status": string(conn.at(c.now).status), "institution.id": conn.institution.id,
		}) {
			data = append(data, conn.listItem(c))
		}
	}
	return answer{http.StatusOK, object{"type": "list", "data": data, "links": c.self(u.path() + "/connections")}}, nil
}

func (s *Sandbox) postConnection(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	var data gen.CreateConnection
	if err := c.decode(&data); err != nil {
		return answer{}, err
	}
	bank, err := checkConnection(data)
	if err != nil {
		return answer{}, err
	}
	loginID := data.LoginID.Secret()
	for _, conn := range u.connections {
		if conn.institution.id == bank.id && conn.loginID.Equal(loginID) {
			if running := conn.runningJob(c.now); running != nil {
				return running.reference(c, http.StatusOK), nil
			}
		}
	}
	if s.countConnections() >= maxConnections {
		return answer{}, tooManyConnections()
	}
	conn := &connection{
		id: newID(), user: u, institution: bank, loginID: loginID, password: data.Password.Secret(), created: c.now,
	}
	u.connections = append(u.connections, conn)
	return s.startJob(c, conn).reference(c, http.StatusAccepted), nil
}

// checkConnection returns the bank to connect to. Only what is wrong first is reported: every recorded error has one
// item. All the test banks want a login and a password, none takes a userToken.
func checkConnection(data gen.CreateConnection) (institution, error) {
	switch {
	case data.LoginID == "":
		return institution{}, notSupplied("Login ID parameter is required.", fromPointer("loginId", "connection/loginId"))
	case data.Password == "":
		return institution{}, notSupplied("Password parameter is required.", fromPointer("password", "connection/password"))
	case data.Institution.ID == "":
		// The two spaces are the documents'.
		return institution{}, notSupplied("Institution ID  parameter is required.",
			fromPointer("id", "connection/institution/id"))
	}
	bank, ok := findInstitution(data.Institution.ID)
	if !ok {
		// The code is not documented.
		return institution{}, notValid("Requested institution does not exist.", fromPointer("id", "connection/institution/id"))
	}
	return bank, nil
}

func (s *Sandbox) countConnections() int {
	count := 0
	for _, u := range s.users {
		count += len(u.connections)
	}
	return count
}

func (s *Sandbox) getConnection(c *call) (answer, error) {
	_, conn, err := s.connection(c)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, conn.single(c)}, nil
}

// updateConnection stores the new password. When a job is running it answers with that job, which goes on with the
// password it began with: the new one is for the next.
func (s *Sandbox) updateConnection(c *call) (answer, error) {
	_, conn, err := s.connection(c)
	if err != nil {
		return answer{}, err
	}
	var data gen.UpdateConnection
	if err := c.decode(&data); err != nil {
		return answer{}, err
	}
	if data.Password == "" {
		return answer{}, notValid("Password value is not valid", fromPointer("password", "connection/password"))
	}
	conn.password = data.Password.Secret()
	j, status := s.refresh(c, conn)
	return j.reference(c, status), nil
}

// deleteConnection leaves the connection's accounts with the user. A job that is running goes on and can be read, but
// what it fetches from now on is lost.
func (s *Sandbox) deleteConnection(c *call) (answer, error) {
	u, conn, err := s.connection(c)
	if err != nil {
		return answer{}, err
	}
	u.orphans = append(u.orphans, conn.accounts(c.now)...)
	u.connections = slices.DeleteFunc(u.connections, func(other *connection) bool { return other == conn })
	return answer{status: http.StatusNoContent}, nil
}

// refresh starts a job for the connection unless one is running, and returns it with the status to answer with.
func (s *Sandbox) refresh(c *call, conn *connection) (*job, int) {
	if running := conn.runningJob(c.now); running != nil {
		return running, http.StatusOK
	}
	return s.startJob(c, conn), http.StatusAccepted
}

// refreshConnection takes a connection that is pending, though no job is running: its first job failed for a reason
// that may have passed. The documents name invalid connections only as ones that cannot be refreshed.
func (s *Sandbox) refreshConnection(c *call) (answer, error) {
	_, conn, err := s.connection(c)
	if err != nil {
		return answer{}, err
	}
	if conn.at(c.now).status == gen.ConnectionStatusInvalid {
		return answer{}, invalidCredentials()
	}
	j, status := s.refresh(c, conn)
	return j.reference(c, status), nil
}

// refreshConnections passes over connections that are not active: Basiq asks that only active ones be refreshed.
func (s *Sandbox) refreshConnections(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	data := []object{}
	for _, conn := range u.connections {
		if conn.at(c.now).status == gen.ConnectionStatusActive {
			j, _ := s.refresh(c, conn)
			data = append(data, j.short(c))
		}
	}
	return answer{http.StatusAccepted, object{"type": "list", "data": data}}, nil
}

// purgeConnectionData removes what any of the user's connections, deleted ones included, has fetched from the
// connection's bank. How a connection that is not active is refused is not documented.
func (s *Sandbox) purgeConnectionData(c *call) (answer, error) {
	u, conn, err := s.connection(c)
	if err != nil {
		return answer{}, err
	}
	if conn.at(c.now).status != gen.ConnectionStatusActive {
		return answer{}, notValid("Connection is not active", fromParameter("connectionId"))
	}
	for _, other := range u.connections {
		if other.institution.id == conn.institution.id {
			other.purged = c.now
		}
	}
	u.orphans = slices.DeleteFunc(u.orphans, func(a account) bool { return a.institution == conn.institution.id })
	return answer{status: http.StatusNoContent}, nil
}

// common is what a connection has in a list and by itself.
func (conn *connection) common(c *call) (object, connectionState) {
	state := conn.at(c.now)
	o := object{"type": "connection", "id": conn.id, "institution": conn.institution.reference(c)}
	if c.token.version == v30 {
		o["method"] = gen.ConnectionMethodWeb
		o["expiryDate"] = "" // only an open-banking connection has one
	} else {
		o["mfaEnabled"] = conn.institution.asks != never
	}
	if c.token.scope == server {
		o["status"] = state.status
		o["createdDate"] = formatTime(conn.created)
		o["lastUsed"] = formatTime(state.lastUsed)
	}
	return o, state
}

func (conn *connection) listItem(c *call) object {
	o, _ := conn.common(c)
	links := conn.links(c)
	links["institution"] = c.url(conn.institution.path(c))
	o["links"] = links
	return o
}

func (conn *connection) single(c *call) object {
	o, state := conn.common(c)
	links := conn.links(c)
	links["user"] = c.url(conn.user.path())
	o["links"] = links
	if state.fetched.IsZero() {
		return o
	}
	data := []object{}
	for _, a := range conn.accounts(c.now) {
		data = append(data, a.embedded(c, conn.user))
	}
	o["accounts"] = object{"type": "list", "data": data}
	if c.token.version == v21 {
		o["profile"] = personas[conn.loginID.Reveal()].profile.object()
	}
	return o
}

func (conn *connection) links(c *call) object {
	return object{
		"self":         c.url(conn.path()),
		"accounts":     c.url(conn.dataPath("accounts")),
		"transactions": c.url(conn.dataPath("transactions")),
	}
}

// dataPath is the path of the user's accounts or transactions at the connection's bank. The quotes stand in it as they
// are, because Basiq writes them so.
func (conn *connection) dataPath(what string) string {
	return conn.user.path() + "/" + what + "?filter=institution.id.eq('" + conn.institution.id + "')"
}
