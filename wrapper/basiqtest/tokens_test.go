package basiqtest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func TestTokens_Create(t *testing.T) {
	t.Parallel()
	s := basiqtest.New(t)
	key := "Basic " + s.APIKey()
	first := requestToken(t, s, key, "3.0", url.Values{"scope": {server}})
	require.Equal(t, http.StatusOK, first.status)
	assert.Equal(t, "Bearer", first.text("token_type"))
	expiresIn, _ := first.at("expires_in")
	assert.Equal(t, json.Number("3600"), expiresIn)
	assert.NotEqual(t, first.text("access_token"), requestToken(t, s, key, "3.0", nil).text("access_token"))
}

func TestTokens_Create_Errors(t *testing.T) {
	t.Parallel()
	s := basiqtest.New(t)
	id := newCaller(t, s, "2.1", server, "").newUser()
	key := "Basic " + s.APIKey()
	const (
		needsKey, badKey   = "Authorization header parameter is required", "Invalid authorization header"
		unknownKey         = "Unable to authenticate. Please, check your API key"
		needsVersion       = "Basiq-version must be specified in HTTP request header"
		oldVersion         = " is no longer supported. Please upgrade to the latest version"
		badScope, badUser  = "Scope value is not valid", "User ID value is not valid"
		needsUser, badForm = "User ID parameter is required.", "Posted form is not in valid format."
		notValid           = "parameter-not-valid"
	)
	for _, test := range []struct {
		name, authorization, version, body string
		status                             int
		code, detail                       string
	}{
		{"scope omitted", key, "3.0", "", 200, "", ""},
		{"2.0", key, "2.0", "", 200, "", ""},
		{"no key", "", "3.0", "", 400, notValid, needsKey},
		{"no scheme", s.APIKey(), "3.0", "", 400, notValid, badKey},
		{"other scheme", "Bearer " + s.APIKey(), "3.0", "", 400, notValid, badKey},
		{"scheme only", "Basic", "3.0", "", 400, notValid, badKey},
		{"wrong key", "Basic " + s.APIKey() + "x", "3.0", "", 404, notValid, unknownKey},
		{"no version", key, "", "", 400, notValid, needsVersion},
		{"old version", key, "0.9", "", 400, notValid, "Version 0.9" + oldVersion},
		{"unknown version", key, "three", "", 400, notValid, "Version given" + oldVersion},
		{"unknown scope", key, "3.0", "scope=ROOT", 400, notValid, badScope},
		{"client without user", key, "3.0", "scope=" + client, 400, "parameter-not-supplied", needsUser},
		{"client without user, 2.1", key, "2.1", "scope=" + client, 200, "", ""},
		{"client with user", key, "3.0", "scope=" + client + "&userId=" + id, 200, "", ""},
		{"client with unknown user", key, "3.0", "scope=" + client + "&userId=u1", 400, notValid, badUser},
		{"client with unknown user, 2.1", key, "2.1", "scope=" + client + "&userId=u1", 400, notValid, badUser},
		{"server with unknown user", key, "3.0", "scope=" + server + "&userId=u1", 200, "", ""},
		{"no form", key, "3.0", "scope=%zz", 400, "invalid-content", badForm},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := bindInput(t, s, http.MethodPost, "/token", test.body, map[string]string{
				"Authorization": test.authorization, "basiq-version": test.version,
				"Content-Type": "application/x-www-form-urlencoded",
			})
			if test.code == "" {
				require.Equal(t, test.status, r.status, r.raw)
				return
			}
			r.requireError(test.status, test.code, test.detail)
			switch test.detail {
			case needsVersion:
				assert.Equal(t, "Required parameter not valid", r.text("data.0.title"))
				assert.Equal(t, "basiq-version", r.text("data.0.source.parameter"))
				assert.Equal(t, "header/basiq-version", r.text("data.0.source.pointer"))
			case unknownKey:
				assert.Equal(t, "We have encountered an error", r.text("data.0.title"))
				assert.False(t, r.has("data.0.source"))
			}
		})
	}
	for _, contentType := range []string{"application/json", ";"} {
		r := bindInput(t, s, http.MethodPost, "/token", `["SERVER_ACCESS"]`, map[string]string{
			"Authorization": key, "basiq-version": "3.0", "Content-Type": contentType,
		})
		r.requireError(http.StatusBadRequest, "invalid-content", badForm)
	}
}

func TestTokens_Bearer(t *testing.T) {
	t.Parallel()
	s := basiqtest.New(t)
	c := newCaller(t, s, "3.0", server, "")
	path := "/users/" + c.newUser()
	for name, authorization := range map[string]string{
		"missing": "", "garbage": "Bearer garbage", "no scheme": c.token, "wrong scheme": "Basic " + c.token, "empty": "Bearer ",
	} {
		r := bindInput(t, s, http.MethodGet, path, "", map[string]string{"Authorization": authorization})
		r.requireError(http.StatusUnauthorized, "invalid-authorization-token", "")
		assert.Equal(t, "Invalid authorization token.", r.text("data.0.title"), name)
	}
	assert.Equal(t, http.StatusOK, c.get(path).status)
}

func requireExpired(t *testing.T, r reply) {
	t.Helper()
	r.requireError(http.StatusForbidden, "access-denied", "Token has expired")
	assert.Equal(t, "Access denied.", r.text("data.0.title"))
	source, ok := r.at("data.0.source")
	assert.True(t, ok && source == nil, "null source: %s", r.raw)
}

func TestTokens_Expire(t *testing.T) {
	t.Parallel()
	for lifetime, opts := range map[time.Duration][]basiqtest.Option{
		time.Hour:               nil,
		1500 * time.Millisecond: {basiqtest.WithTokenLifetime(1500 * time.Millisecond)},
	} {
		t.Run(lifetime.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t, opts...)
				expiresIn, _ := requestToken(t, c.sandbox, "Basic "+c.sandbox.APIKey(), "3.0", nil).at("expires_in")
				seconds, err := expiresIn.(json.Number).Int64()
				require.NoError(t, err)
				assert.Equal(t, int64(lifetime/time.Second), seconds)
				path := "/users/" + c.newUser()
				time.Sleep(lifetime - time.Nanosecond)
				assert.Equal(t, http.StatusOK, c.get(path).status)
				time.Sleep(time.Nanosecond)
				requireExpired(t, c.get(path))
				assert.Equal(t, http.StatusOK, c.as("3.0", server, "").get(path).status)
			})
		})
	}
}

func TestTokens_ExpireAndRevoke(t *testing.T) {
	t.Parallel()
	c := new30(t)
	path := "/users/" + c.newUser()
	c.sandbox.ExpireTokens()
	requireExpired(t, c.get(path))
	c = c.as("3.0", server, "")
	require.Equal(t, http.StatusOK, c.get(path).status)
	c.sandbox.RevokeTokens()
	c.get(path).requireError(http.StatusUnauthorized, "invalid-authorization-token", "")
	require.Equal(t, http.StatusOK, c.as("3.0", server, "").get(path).status)
}

// operations lists the operations on existing resources: user U, connection C and job J.
var operations = []struct {
	name, method, path string
	client             bool // CLIENT_ACCESS is sufficient
	clientOnly         bool
	only               string // the only version with this operation
}{
	{"createUser", "POST", "/users", false, false, ""},
	{"getUser", "GET", "/users/U", true, false, ""},
	{"updateUser", "POST", "/users/U", false, false, ""},
	{"getConnections", "GET", "/users/U/connections", false, false, ""},
	{"postConnection", "POST", "/users/U/connections", true, false, "2.1"},
	{"refreshConnections", "POST", "/users/U/connections/refresh", false, false, ""},
	{"getConnection", "GET", "/users/U/connections/C", true, false, ""},
	{"updateConnection", "POST", "/users/U/connections/C", true, false, "2.1"},
	{"refreshConnection", "POST", "/users/U/connections/C/refresh", false, false, ""},
	{"purgeConnectionData", "POST", "/users/U/connections/C/purge", false, false, "3.0"},
	{"getUserJobs", "GET", "/users/U/jobs", false, false, ""},
	{"getJobs", "GET", "/jobs/J", true, false, ""},
	{"postJobMfa", "POST", "/jobs/J/mfa", true, true, ""},
	{"deleteConnection", "DELETE", "/users/U/connections/C", false, false, ""},
}

// Basiq's account verification app deletes its user with the user's own token.
func TestUsers_Delete_ClientToken(t *testing.T) {
	t.Parallel()
	c := new30(t)
	id, other := c.newUser(), c.newUser()
	bound := c.as("3.0", client, id)
	bound.delete("/users/"+other).
		requireError(http.StatusUnauthorized, "unauthorized-access", "You are not authorized to access this resource")
	require.Equal(t, http.StatusNoContent, bound.delete("/users/"+id).status)
	require.Equal(t, http.StatusNotFound, c.get("/users/"+id).status)
	require.Equal(t, http.StatusOK, c.get("/users/"+other).status)
}

func TestTokens_Scopes(t *testing.T) {
	t.Parallel()
	c := new21(t)
	id, other := c.newUser(), c.newUser()
	job := c.connect(id, hooli, "gavinBelson", "hooli2016")
	paths := strings.NewReplacer("U", id, "C", c.newestConnection(id), "J", job)
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			path := paths.Replace(op.path)
			for _, version := range []string{"2.0", "2.1", "3.0"} {
				if op.only != "" && (op.only == "3.0") != (version == "3.0") {
					for _, scope := range []string{server, client} {
						r := c.as(version, scope, id).call(op.method, path, nil)
						assert.Equal(t, http.StatusNotFound, r.status)
						assert.Equal(t, "Route not found for this API version.", r.raw)
						assert.Contains(t, r.header.Get("Content-Type"), "text/plain")
					}
					continue
				}
				const forbidden, detail = "forbidden-access", "Access to this resource is forbidden"
				if op.clientOnly {
					c.as(version, server, "").call(op.method, path, nil).requireError(http.StatusForbidden, forbidden, detail)
				}
				if !op.client {
					c.as(version, client, id).call(op.method, path, nil).requireError(http.StatusForbidden, forbidden, detail)
					continue
				}
				c.as(version, client, other).call(op.method, path, nil).requireError(http.StatusUnauthorized,
					"unauthorized-access", "You are not authorized to access this resource")
				r := c.as(version, client, id).call(op.method, path, nil)
				assert.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, r.status, r.raw)
			}
		})
	}
}

func TestTokens_ClientWithoutUser(t *testing.T) {
	t.Parallel()
	c := new21(t)
	path := "/users/" + c.newUser()
	assert.Equal(t, http.StatusOK, c.as("2.1", client, "").get(path).status, "2.1 allows client tokens without a user")
}

// open lists the documented operations, beyond the table above, that allow CLIENT_ACCESS or no token. All others
// require SERVER_ACCESS.
var open = map[string]string{
	"POST /users/U/statements": client, "GET /enrich": client, "GET /connectors": client, "GET /connectors/AU00000/web": client,
	"GET /institutions": client, "GET /institutions/AU00000": client, "DELETE /users/U/auth_link": client,
	"GET /users/U/identities": client, "GET /users/U/identities/I": client,
	"GET /public/connectors": "", "GET /public/connectors/AU00000/web": "", "GET /public/institutions": "",
}

func TestTokens_Scopes_OtherOperations(t *testing.T) {
	t.Parallel()
	both := []string{"2.1", "3.0"}
	c := new21(t)
	id, other := c.newUser(), c.newUser()
	for _, group := range []struct {
		versions []string
		calls    string
	}{
		{[]string{"2.1"}, "GET /public/connectors," +
			"GET /public/connectors/AU00000/web,GET /public/institutions"},
		{both, "GET /users,GET /institutions,GET /institutions/AU00000,GET /users/U/accounts,GET /users/U/accounts/I,GET /users/U/transactions,GET /users/U/transactions/I," +
			"POST /users/U/statements,GET /enrich,GET /connectors,GET /connectors/AU00000/web,GET /users/U/auth_link," +
			"POST /users/U/auth_link,DELETE /users/U/auth_link,GET /users/U/identities,GET /users/U/identities/I," +
			"GET /users/U/affordability,POST /users/U/affordability,GET /users/U/affordability/I," +
			"GET /users/U/affordability/I/transactions,POST /users/U/income,GET /users/U/income/I,POST /users/U/expenses," +
			"GET /users/U/expenses/I"},
		{[]string{"3.0"}, "DELETE /users/U/consents/I,GET /events,GET /events/I,GET /events/types," +
			"GET /events/types/user.created,GET /notifications/webhooks,POST /notifications/webhooks," +
			"GET /notifications/webhooks/I,POST /notifications/webhooks/I,DELETE /notifications/webhooks/I," +
			"GET /notifications/webhooks/I/messages,GET /notifications/webhooks/I/messages/I,POST /notifications/messages/test," +
			"GET /reports,POST /reports,GET /reports/I,DELETE /reports/I,GET /reports/I/transactions,GET /reports/types," +
			"GET /reports/types/CON_AFFOR_01"},
	} {
		for call := range strings.SplitSeq(group.calls, ",") {
			t.Run(call, func(t *testing.T) {
				t.Parallel()
				method, path, _ := strings.Cut(call, " ")
				path = strings.NewReplacer("/U", "/"+id, "/I", "/00000000-0000-4000-8000-000000000000").Replace(path)
				scope, isOpen := open[call]
				none := bindInput(t, c.sandbox, method, path, "", nil)
				if isOpen && scope == "" {
					assert.Equal(t, http.StatusOK, none.status)
					return
				}
				none.requireError(http.StatusUnauthorized, "invalid-authorization-token", "")
				for _, version := range both {
					server, bound := c.as(version, server, ""), c.as(version, client, id)
					if !slices.Contains(group.versions, version) {
						assert.Equal(t, "Route not found for this API version.", server.call(method, path, nil).raw)
						assert.Equal(t, "Route not found for this API version.", bound.call(method, path, nil).raw)
						continue
					}
					assert.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed},
						server.call(method, path, nil).status)
					if !isOpen {
						bound.call(method, path, nil).requireError(http.StatusForbidden, "forbidden-access",
							"Access to this resource is forbidden")
						continue
					}
					assert.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, bound.call(method, path, nil).status)
					if strings.Contains(call, "/U") {
						c.as(version, client, other).call(method, path, nil).requireError(http.StatusUnauthorized,
							"unauthorized-access", "You are not authorized to access this resource")
					}
				}
			})
		}
	}
}

// Every error has a unique correlation ID, for support requests.
func TestErrors_CorrelationIDs(t *testing.T) {
	t.Parallel()
	c := new30(t)
	seen := map[string]bool{}
	for range 3 {
		for _, r := range []reply{c.get("/users/unknown"), c.get("/nothing"), c.get("/users//jobs"), c.as("3.0", client, c.newUser()).get("/events")} {
			id := r.text("correlationId")
			assert.False(t, seen[id])
			seen[id] = true
		}
	}
}
