package basiqtest_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var business = map[string]any{
	"email": "laurie@example.com", "mobile": "+61410888666", "firstName": "Laurie", "middleName": "M", "lastName": "Bream",
	"businessName": "Manly Accounting", "businessIdNo": "16 7645 892", "businessIdNoType": "ABN",
	"businessAddress":    map[string]any{"addressLine1": "21 Sydney Rd", "suburb": "Manly"},
	"verificationStatus": false, "verificationDate": "12/01/2024",
}

func TestUsers_Create(t *testing.T) {
	t.Parallel()
	c := new30(t)
	r := c.post("/users", business)
	require.Equal(t, http.StatusCreated, r.status)
	id := r.text("id")
	want := map[string]any{"type": "user", "id": id, "links": map[string]any{"self": c.sandbox.URL() + "/users/" + id}}
	maps.Copy(want, business)
	assert.Equal(t, want, r.body)

	r = c.as("2.1", server, "").post("/users", map[string]any{"mobile": "61410888666", "firstName": "Gavin"})
	id = r.text("id")
	assert.Equal(t, map[string]any{
		"type": "user", "id": id, "email": "", "mobile": "61410888666",
		"links": map[string]any{"self": c.sandbox.URL() + "/users/" + id},
	}, r.body, "2.1 has no names")
}

func TestUsers_Create_Errors(t *testing.T) {
	t.Parallel()
	c := new30(t)
	id := c.newUser()
	for _, test := range []struct {
		name         string
		body         map[string]any
		create       bool // the error is for new users only
		code, detail string
		parameter    string
	}{
		{"neither", map[string]any{"firstName": "G"}, true, "parameter-not-supplied", "One of 'email' or 'mobile' is required.", ""},
		{"email without host", map[string]any{"email": "gavin"}, false, "parameter-not-valid", "Provided email is in bad format.", "email"},
		{"email without domain", map[string]any{"email": "gavin@hooli"}, false, "parameter-not-valid", "Provided email is in bad format.", "email"},
		{"email with blank", map[string]any{"email": "ga vin@hooli.com"}, false, "parameter-not-valid", "Provided email is in bad format.", "email"},
		{"mobile with letters", map[string]any{"mobile": "+61 FLOWERS"}, false, "parameter-not-valid", "Provided mobile is in bad format.", "mobile"},
		{"mobile without country", map[string]any{"mobile": "0410888666"}, false, "parameter-not-valid", "Provided mobile is in bad format.", "mobile"},
		{"number without name", map[string]any{"email": "g@hooli.com", "businessIdNo": "1"}, true, "parameter-not-supplied", "Business name is required when business number is provided.", "businessName"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := c.post("/users", test.body)
			r.requireError(http.StatusBadRequest, test.code, test.detail)
			if test.parameter == "" { // recorded
				assert.Equal(t, map[string]any{}, r.under("data.0.source").body)
			} else {
				assert.Equal(t, test.parameter, r.text("data.0.source.parameter"))
			}
			if !test.create {
				c.post("/users/"+id, test.body).requireError(http.StatusBadRequest, test.code, test.detail)
			}
		})
	}
}

func TestUsers_Get(t *testing.T) {
	t.Parallel()
	c := new30(t)
	id := c.post("/users", business).text("id")
	base := c.sandbox.URL() + "/users/" + id
	none := map[string]any{"type": "list", "count": json.Number("0"), "data": []any{}}
	links := map[string]any{
		"self": base, "accounts": base + "/accounts", "connections": base + "/connections",
		"transactions": base + "/transactions", "auth_link": nil,
	}
	want := map[string]any{
		"type": "user", "id": id, "name": "Laurie M Bream", "connections": none, "accounts": none, "links": links,
	}
	maps.Copy(want, business)
	assert.Equal(t, want, c.get("/users/"+id).body)
	assert.Equal(t, map[string]any{
		"type": "user", "id": id, "email": "laurie@example.com", "mobile": "+61410888666", "name": "Laurie M Bream",
		"business": "Manly Accounting", "connections": none, "accounts": none, "links": links,
	}, c.as("2.1", server, "").get("/users/"+id).body, "2.1 has fewer fields")

	plain := c.get("/users/" + c.newUser())
	for _, name := range []string{"name", "firstName", "middleName", "lastName", "mobile"} {
		assert.Empty(t, plain.text(name), "present and empty")
	}
	assert.False(t, plain.has("businessName"))
}

func TestUsers_Get_WithData(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		path := "/users/" + id
		conn := c.connected(id, hooli, "Wentworth-Smith", "whislter")
		r := c.get(path)
		connections, _ := r.at("connections.data")
		assert.Equal(t, []any{map[string]any{
			"type": "connection", "id": conn,
			"links": map[string]any{"self": c.sandbox.URL() + path + "/connections/" + conn},
		}}, connections)
		count, _ := r.at("accounts.count")
		assert.Equal(t, json.Number("4"), count)
		account := r.text("accounts.data.0.id")
		assert.Equal(t, "account", r.text("accounts.data.0.type"))
		assert.Equal(t, c.sandbox.URL()+path+"/accounts/"+account, r.text("accounts.data.0.links.self"))
		assert.Equal(t, account, c.get(path+"/connections/"+conn).text("accounts.data.0.id"))
	})
}

func TestUsers_Update(t *testing.T) {
	t.Parallel()
	c := new30(t)
	id := c.post("/users", business).text("id")
	r := c.post("/users/"+id, map[string]any{"mobile": "+61410888999", "lastName": "Brim", "email": "", "businessName": "X"})
	require.Equal(t, http.StatusOK, r.status)
	assert.Equal(t, "+61410888999", r.text("mobile"))
	got := c.get("/users/" + id)
	for name, want := range map[string]string{
		"mobile": "+61410888999", "lastName": "Brim", "email": "laurie@example.com", "firstName": "Laurie",
		"businessName": "Manly Accounting",
	} {
		assert.Equal(t, want, got.text(name), name)
	}
}

func TestUsers_Delete(t *testing.T) {
	t.Parallel()
	c := new21(t)
	id := c.newUser()
	job := c.connect(id, hooli, "gavinBelson", "hooli2016")
	bindInput(t, c.sandbox, http.MethodDelete, "/users/"+id, "", nil).requireError(http.StatusForbidden,
		"request-not-valid", "Missing Authentication Token")
	r := c.delete("/users/" + id)
	assert.Equal(t, http.StatusNoContent, r.status)
	assert.Empty(t, r.raw)
	assert.Empty(t, r.header.Get("Content-Type"))
	c.get("/jobs/"+job).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
	c.delete("/users/"+id).requireError(http.StatusNotFound, "resource-not-found", "Requested user does not exist.")
}

func TestUsers_Unknown(t *testing.T) {
	t.Parallel()
	c := new21(t)
	missing := strings.NewReplacer("U", noID, "C", noID)
	for _, op := range operations {
		if op.name == "createUser" || op.name == "getJobs" || op.name == "postJobMfa" {
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			version := op.only
			if version == "" {
				version = "3.0"
			}
			c.as(version, server, "").call(op.method, missing.Replace(op.path), nil).requireError(http.StatusNotFound,
				"resource-not-found", "Requested user does not exist.")
		})
	}
}

// Malformed IDs are rejected without a lookup.
func TestIDs_Malformed(t *testing.T) {
	t.Parallel()
	c := new30(t)
	user := "/users/" + c.newUser()
	for path, detail := range map[string]string{
		"/users/x":                     "User ID value is not valid",
		"/users/x/connections":         "User ID value is not valid",
		"/users/x/connections/x":       "User ID value is not valid",
		"/users/x/accounts":            "User ID value is not valid",
		"/users/x/transactions":        "User ID value is not valid",
		"/users/x/jobs":                "User ID value is not valid",
		"/users/x/consents":            "User ID value is not valid",
		user + "/connections/x":        "Connection ID value is not valid",
		user + "/connections/" + "..x": "Connection ID value is not valid",
		user + "/accounts/x":           "Account ID value is not valid",
		user + "/transactions/x":       "Transaction ID value is not valid",
		"/jobs/x":                      "Job ID value is not valid",
		"/jobs/" + noID + "0":          "Job ID value is not valid",
	} {
		c.get(path).requireError(http.StatusBadRequest, "parameter-not-valid", detail)
	}
	c.post(user+"/connections/x/refresh", nil).requireError(http.StatusBadRequest, "parameter-not-valid", "Connection ID value is not valid")
	c.token = "x"
	c.get("/users/x").requireError(http.StatusUnauthorized, "invalid-authorization-token", "")
}

// TestUsers_Delete_AllResources requests every kind of resource of a deleted user. Only events and the resources of
// other users remain.
func TestUsers_Delete_AllResources(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, id := newPage(t)
		c.consented(id)
		other := c.customer("gavinBelson")
		require.Equal(t, http.StatusAccepted, c.upload(id, nab, file{name: "a.csv", content: twoAccounts}).status)
		time.Sleep(2 * long)
		path := "/users/" + id
		require.Equal(t, http.StatusCreated, c.post(path+"/auth_link", map[string]any{"mobile": "+61410888666"}).status)
		account := c.get(path + "/accounts").text("data.0.id")
		body := map[string]any{"accounts": []string{account}}
		report := newReport("STATEMENT_01", statementFilters(id, account))
		reportJob := c.post("/reports", report).text("id")
		time.Sleep(long)

		things := []string{path, path + "/accounts", path + "/auth_link", "/jobs/" + reportJob, c.local(c.get("/jobs/" + reportJob).text("links.source"))}
		things = append(things, things[4]+"/transactions")
		for _, kind := range []string{"affordability", "income", "expenses"} {
			things = append(things, path+"/"+kind+"/"+c.summary(id, kind, body).text("id"))
		}
		things = append(things, path+"/affordability", things[6]+"/transactions")
		for _, list := range []string{"connections", "jobs", "accounts", "transactions", "identities"} {
			item := path + "/" + list + "/" + c.get(path+"/"+list).text("data.0.id")
			if list == "jobs" {
				item = item[len(path):]
			}
			things = append(things, path+"/"+list, item)
		}
		consents := path + "/consents"
		consent := consents + "/" + c.get(consents).text("data.0.id")
		for _, thing := range append(things, consents) {
			require.Equal(t, http.StatusOK, c.get(thing).status, thing)
		}

		require.Equal(t, http.StatusNoContent, c.delete(path).status)
		for _, thing := range append(things, consents) {
			r := c.get(thing)
			require.Equal(t, http.StatusNotFound, r.status, "%s %s", thing, r.raw)
			assert.Equal(t, "resource-not-found", r.text("data.0.code"), thing)
		}
		assert.Equal(t, http.StatusNotFound, c.delete(consent).status)
		assert.Equal(t, http.StatusNotFound, c.delete(path+"/auth_link").status)
		c.post("/reports", report).requireError(http.StatusNotFound, "resource-not-found", "Requested user does not exist.")
		assert.Zero(t, c.get("/reports").length("data"))
		types := c.eventTypesOf(id)
		assert.Equal(t, "user.created", types[0])
		assert.Equal(t, "user.deleted", types[len(types)-1], "the last event of the user")
		require.Equal(t, http.StatusOK, c.get("/events/"+c.events("user.id.eq('" + id + "')")[0].text("id")).status)
		assert.Equal(t, 3, c.get("/users/"+other).length("accounts.data"))

		time.Sleep(400 * 24 * time.Hour)
		assert.Empty(t, c.eventTypesOf(id), "the consent no longer expires")
	})
}
