package basiqtest_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var business = map[string]any{
	"email": "laurie@example.com", "mobile": "+61410888666", "firstName": "Laurie", "middleName": "M", "lastName": "Bream",
	"businessName": "Manly Accounting", "businessIdNo": "16 7645 892", "businessIdNoType": "ABN",
	"businessAddress":    map[string]any{"addressLine1": "21 Sydney Rd", "suburb": "Manly"},
	"verificationStatus": false, "verificationDate": "12/01/2024",
}

func TestCreateUser(t *testing.T) {
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

func TestUserNotValid(t *testing.T) {
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
		{"neither", map[string]any{"firstName": "G"}, true, "parameter-not-supplied", "One of 'email' or 'mobile' is required.", "email"},
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
			assert.Equal(t, test.parameter, r.text("data.0.source.parameter"))
			if !test.create {
				c.post("/users/"+id, test.body).requireError(http.StatusBadRequest, test.code, test.detail)
			}
		})
	}
}

func TestGetUser(t *testing.T) {
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
		assert.Empty(t, plain.text(name), "there, and empty")
	}
	assert.False(t, plain.has("businessName"))
}

func TestGetUserWithData(t *testing.T) {
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

func TestUpdateUser(t *testing.T) {
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

func TestDeleteUser(t *testing.T) {
	t.Parallel()
	c := new21(t)
	id := c.newUser()
	job := c.connect(id, hooli, "gavinBelson", "hooli2016")
	r := c.delete("/users/" + id)
	assert.Equal(t, http.StatusNoContent, r.status)
	assert.Empty(t, r.raw)
	assert.Empty(t, r.header.Get("Content-Type"))
	c.get("/jobs/"+job).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
	c.delete("/users/"+id).requireError(http.StatusNotFound, "resource-not-found", "Requested user does not exist.")
}

func TestUnknownUser(t *testing.T) {
	t.Parallel()
	c := new21(t)
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
			c.as(version, server, "").call(op.method, op.path, nil).requireError(http.StatusNotFound,
				"resource-not-found", "Requested user does not exist.")
		})
	}
}
