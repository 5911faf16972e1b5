package basiqtest_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const notFound = "Requested resource is not found"

func TestConnections_Create(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		path := "/users/" + c.newUser() + "/connections"
		body := credentials(hooli, "gavinBelson", "hooli2016")
		r := c.post(path, body)
		require.Equal(t, http.StatusAccepted, r.status)
		job := r.text("id")
		assert.Equal(t, map[string]any{
			"type": "job", "id": job, "links": map[string]any{"self": c.sandbox.URL() + "/jobs/" + job},
		}, r.body)
		assert.Equal(t, "pending", c.get(path).text("data.0.status"), "listed immediately")

		again := c.post(path, body)
		require.Equal(t, http.StatusOK, again.status, "the job is running")
		assert.Equal(t, r.body, again.body)
		for _, other := range []map[string]any{
			credentials(hooliGov, "gavinBelson", "hooli2016"), credentials(hooli, "jared", "django"),
		} {
			r := c.post(path, other)
			require.Equal(t, http.StatusAccepted, r.status)
			assert.NotEqual(t, job, r.text("id"))
		}

		time.Sleep(long)
		assert.Equal(t, http.StatusAccepted, c.post(path, body).status, "no job is running")
		assert.Equal(t, 4, c.get(path).length("data"))
	})
}

func TestConnections_Create_Errors(t *testing.T) {
	t.Parallel()
	c := new21(t)
	path := "/users/" + c.newUser() + "/connections"
	for _, test := range []struct {
		name, bank, login, password string
		code, detail, pointer       string
	}{
		{"no login", hooli, "", "p", "parameter-not-supplied", "Login ID parameter is required.", "connection/loginId"},
		{"no password", hooli, "l", "", "parameter-not-supplied", "Password parameter is required.", "connection/password"},
		{"no bank", "", "l", "p", "parameter-not-supplied", "Institution ID  parameter is required.", "connection/institution/id"},
		{"unknown bank", "AU00001", "l", "p", "parameter-not-valid", "Requested institution does not exist.", "connection/institution/id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := c.post(path, credentials(test.bank, test.login, test.password))
			r.requireError(http.StatusBadRequest, test.code, test.detail)
			assert.Equal(t, test.pointer, r.text("data.0.source.pointer"))
		})
	}
}

func TestConnections_List_Versions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		created := time.Now().UTC().Format(time.RFC3339)
		conn := c.connected(id, piedPiper, "ashMann", "hooli2024")
		base := c.sandbox.URL()
		user := base + "/users/" + id
		lastUsed := c.get("/users/" + id + "/connections").text("data.0.lastUsed")
		assert.Greater(t, lastUsed, created)

		for version, institution := range map[string]string{
			"2.1": base + "/institutions/AU00002", "3.0": base + "/connectors/AU00002",
		} {
			want := map[string]any{
				"type": "connection", "id": conn, "status": "active", "createdDate": created, "lastUsed": lastUsed,
				"institution": map[string]any{
					"type": "institution", "id": piedPiper, "links": map[string]any{"self": institution},
				},
				"links": map[string]any{
					"self": user + "/connections/" + conn, "institution": institution,
					"accounts":     user + "/accounts?filter=institution.id.eq('AU00002')",
					"transactions": user + "/transactions?filter=institution.id.eq('AU00002')",
				},
			}
			if version == "3.0" {
				want["method"], want["expiryDate"] = "web", ""
			} else {
				want["mfaEnabled"] = true
			}
			assert.Equal(t, map[string]any{
				"type": "list", "data": []any{want}, "links": map[string]any{"self": user + "/connections"},
			}, c.as(version, server, "").get("/users/"+id+"/connections").body, version)

			single := c.as(version, server, "").get("/users/" + id + "/connections/" + conn)
			assert.Equal(t, version == "2.1", single.has("profile"))
			got := single.body.(map[string]any)
			assert.Contains(t, got, "accounts")
			delete(got, "profile")
			delete(got, "accounts")
			links := want["links"].(map[string]any)
			delete(links, "institution")
			links["user"] = user
			assert.Equal(t, want, got, version)

			public := c.as(version, client, id).get("/users/" + id + "/connections/" + conn)
			for _, name := range []string{"status", "createdDate", "lastUsed"} {
				assert.False(t, public.has(name), name)
				delete(want, name)
			}
			got = public.body.(map[string]any)
			delete(got, "profile")
			delete(got, "accounts")
			assert.Equal(t, want, got, "%s, CLIENT_ACCESS", version)
		}
	})
}

func TestConnections_Get_ProfileAndAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		c.connect(id, hooli, "Wentworth-Smith", "whislter")
		path := "/users/" + id + "/connections/" + c.newestConnection(id)
		assert.False(t, c.get(path).has("accounts"), "not before accounts are retrieved")
		assert.False(t, c.get(path).has("profile"))
		time.Sleep(long)

		r := c.get(path)
		profile, _ := r.at("profile")
		assert.Equal(t, map[string]any{
			"fullName": "Max Wentworth-Smith", "firstName": "Max", "middleName": "", "lastName": "Wentworth-Smith",
			"phoneNumbers": []any{"0400 555 001"}, "emailAddresses": []any{"maxsmith@gmail.com"},
			"physicalAddresses": []any{map[string]any{
				"addressLine1": "91 Fisher Road", "addressLine2": nil, "addressLine3": nil, "city": "Dee Why",
				"state": "NSW", "postcode": "2099", "country": "Australia", "countryCode": "AU",
				"formattedAddress": "91 Fisher Road, Dee Why NSW 2099, Australia",
			}},
		}, profile)
		require.Equal(t, 4, r.length("accounts.data"))
		assert.Equal(t, "list", r.text("accounts.type"))
		for i, kind := range []string{"savings", "mortgage", "credit-card", "transaction"} {
			assert.Equal(t, kind, r.text("accounts.data."+strconv.Itoa(i)+".class.type"))
		}
		account, _ := r.at("accounts.data.1")
		accountID := r.text("accounts.data.1.id")
		user := c.sandbox.URL() + "/users/" + id
		assert.Equal(t, map[string]any{
			"type": "account", "id": accountID, "accountNo": "105148119696", "name": "Home Loan", "currency": "AUD",
			"class": map[string]any{"type": "mortgage", "product": "Hooli Home Loan"}, "balance": r.text("accounts.data.1.balance"),
			"availableFunds": "0.00", "status": "available", "lastUpdated": r.text("accounts.data.0.lastUpdated"),
			"links": map[string]any{
				"self":         user + "/accounts/" + accountID,
				"transactions": user + "/transactions?filter=account.id.eq('" + accountID + "')",
			},
		}, account)
		assert.Regexp(t, `^-29[0-9]{4}\.[0-9]{2}$`, r.text("accounts.data.1.balance"), "debt is negative")

		require.Equal(t, http.StatusAccepted, c.post(path+"/refresh", nil).status)
		time.Sleep(long)
		refreshed := c.get(path)
		assert.Equal(t, accountID, refreshed.text("accounts.data.1.id"), "a refresh keeps the IDs")
		assert.Greater(t, refreshed.text("accounts.data.1.lastUpdated"), r.text("accounts.data.1.lastUpdated"))
		assert.Greater(t, refreshed.text("lastUsed"), r.text("lastUsed"))

		other := c.connected(id, hooli, "Wentworth-Smith", "whislter")
		assert.NotEqual(t, accountID, c.get("/users/"+id+"/connections/"+other).text("accounts.data.1.id"))
	})
}

func TestConnections_List_Filter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		first := c.connected(id, hooli, "gavinBelson", "hooli2016")
		second := c.connected(id, hooliGov, "gavinBelson", "wrong")
		path := "/users/" + id + "/connections?filter="
		for filter, want := range map[string][]string{
			"":                                 {first, second},
			"status.eq('active')":              {first},
			"status.eq('invalid')":             {second},
			"status.eq('nonsense')":            nil,
			"id.eq('" + second + "')":          {second},
			"institution.id.eq('AU00000')":     {first},
			"institution.id.eq(%27AU00004%27)": {second},
			"id.eq('')":                        nil,
			"status.eq('active'),id.eq('" + first + "')":  {first},
			"status.eq('active'),id.eq('" + second + "')": nil,
		} {
			r := c.get(path + filter)
			require.Equal(t, http.StatusOK, r.status, filter)
			var got []string
			for i := range r.length("data") {
				got = append(got, r.text("data."+strconv.Itoa(i)+".id"))
			}
			assert.Equal(t, want, got, filter)
		}
		for _, filter := range []string{
			"status", "status.eq", "status.eq()", "status.eq(active", "status.eq('active'", "status.eq('a'b')",
			"status.eq('active'),", ",status.eq('active')", "status.eq('active')%20", "status.eq('active')id.eq('x')",
			"status.eq('a','b')", "status.bt('a','b')", "status.ne('active')", "connection.status.eq('active')",
			"method.eq('web')", ".eq('x')", "%zz", "id.eq('x')&filter=id.eq('x')", "status.like('a')",
		} {
			r := c.get(path + filter)
			r.requireError(http.StatusBadRequest, "parameter-not-valid",
				"The provided filter parameter is in invalid format or unsupported")
			assert.Equal(t, "filter", r.text("data.0.source.parameter"), filter)
		}
	})
}

func TestConnections_Get_Status(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		login, password, status string
		accounts                bool
	}{
		{"gavinBelson", "hooli2016", "active", true},
		{"gavinBelson", "wrong", "invalid", false},
		{"nobody", "hooli2016", "invalid", false},
		{"bighead", "password", "invalid", false},
		{"erlich", "aviato", "active", false},
		{"jianYang", "nothotdog", "active", false},
	} {
		t.Run(test.login+" "+test.password, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new21(t)
				id := c.newUser()
				r := c.get("/users/" + id + "/connections/" + c.connected(id, hooli, test.login, test.password))
				assert.Equal(t, test.status, r.text("status"))
				assert.Equal(t, test.accounts, r.has("accounts"))
			})
		})
	}
}

func TestConnections_Update(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		path := "/users/" + id + "/connections/" + c.connected(id, hooli, "gavinBelson", "wrong")
		require.Equal(t, "invalid", c.get(path).text("status"))
		c.post(path, map[string]any{}).requireError(http.StatusBadRequest, "parameter-not-valid", "Password value is not valid")

		r := c.as("2.1", client, id).post(path, map[string]any{"password": "hooli2016"})
		require.Equal(t, http.StatusAccepted, r.status)
		assert.Equal(t, "job", r.text("type"))
		again := c.post(path, map[string]any{"password": "wrong"})
		require.Equal(t, http.StatusOK, again.status, "the job is running")
		assert.Equal(t, r.body, again.body)
		time.Sleep(long)
		assert.Equal(t, "active", c.get(path).text("status"), "the running job uses the old password")

		require.Equal(t, http.StatusAccepted, c.post(path+"/refresh", nil).status)
		time.Sleep(long)
		got := c.get(path)
		assert.Equal(t, "invalid", got.text("status"), "the next job uses the new password")
		assert.True(t, got.has("accounts"), "fetched data is kept")
	})
}

func TestConnections_Refresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		created := c.connect(id, hooli, "gavinBelson", "hooli2016")
		path := "/users/" + id + "/connections/" + c.newestConnection(id) + "/refresh"
		r := c.post(path, nil)
		require.Equal(t, http.StatusOK, r.status, "the job that creates the connection is running")
		assert.Equal(t, created, r.text("id"))
		time.Sleep(long)

		r = c.post(path, nil)
		require.Equal(t, http.StatusAccepted, r.status)
		assert.NotEqual(t, created, r.text("id"))
		again := c.post(path, nil)
		require.Equal(t, http.StatusOK, again.status)
		assert.Equal(t, r.body, again.body)

		invalid := c.connected(id, hooli, "jared", "wrong")
		c.post("/users/"+id+"/connections/"+invalid+"/refresh", nil).requireError(http.StatusBadRequest, "invalid-credentials",
			"Cannot login to target institution using supplied credentials. Please check credentials and try again.")
	})
}

func TestConnections_RefreshAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		path := "/users/" + id + "/connections"
		r := c.post(path+"/refresh", nil)
		require.Equal(t, http.StatusAccepted, r.status)
		assert.Equal(t, map[string]any{"type": "list", "data": []any{}}, r.body)

		first := c.connected(id, hooli, "gavinBelson", "hooli2016")
		c.connected(id, hooli, "gavinBelson", "wrong")
		c.connected(id, hooliGov, "gavinBelson", "hooli2016")
		c.connect(id, hooli, "jared", "django")
		running := c.post(path+"/"+first+"/refresh", nil)
		r = c.post(path+"/refresh", nil)
		require.Equal(t, http.StatusAccepted, r.status)
		require.Equal(t, 2, r.length("data"), "neither the invalid nor the pending connection")
		got, _ := r.at("data.0")
		assert.Equal(t, running.body, got, "the running job")
		assert.Equal(t, r.body, c.post(path+"/refresh", nil).body, "all jobs are running")
		assert.False(t, r.has("links"))
	})
}

func TestConnections_Delete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		path := "/users/" + id + "/connections/"
		conn := c.connected(id, hooli, "Wentworth-Smith", "whislter")
		account := c.get(path + conn).text("accounts.data.0.id")
		job := c.post(path+conn+"/refresh", nil).text("id")

		require.Equal(t, http.StatusNoContent, c.delete(path+conn).status)
		c.get(path+conn).requireError(http.StatusNotFound, "resource-not-found", notFound)
		c.delete(path+conn).requireError(http.StatusNotFound, "resource-not-found", notFound)
		assert.Zero(t, c.get("/users/"+id+"/connections").length("data"))
		assert.Equal(t, "verify-credentials:in-progress", c.get("/jobs/" + job).steps()[0])
		time.Sleep(long)
		assert.Equal(t, "retrieve-transactions:success", c.get("/jobs/" + job).steps()[2], "the job continued")
		r := c.get("/users/" + id)
		assert.Equal(t, 4, r.length("accounts.data"), "the accounts are kept")
		assert.Equal(t, account, r.text("accounts.data.0.id"))
		assert.Zero(t, r.length("connections.data"))
		assert.Equal(t, 2, c.get("/users/"+id+"/jobs").length("data"))
	})
}

func TestConnections_Delete_RunningJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new21(t)
		id := c.newUser()
		job := c.connect(id, hooli, "gavinBelson", "hooli2016")
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+id+"/connections/"+c.newestConnection(id)).status)
		assert.NotEqual(t, job, c.connect(id, hooli, "gavinBelson", "hooli2016"), "the job of the deleted connection")
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+id+"/connections/"+c.newestConnection(id)).status)
		time.Sleep(long)
		assert.Zero(t, c.get("/users/"+id).length("accounts.data"))
	})
}

func TestConnections_Purge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		path := "/users/" + id + "/connections/"
		first := c.connected(id, hooli, "Wentworth-Smith", "whislter") // four accounts
		second := c.connected(id, hooli, "gavinBelson", "hooli2016")   // three accounts
		deleted := c.connected(id, hooli, "richard", "tabsnotspaces")  // ten accounts
		other := c.connected(id, hooliGov, "gavinBelson", "hooli2016") // one account
		require.Equal(t, http.StatusNoContent, c.delete(path+deleted).status)
		require.Equal(t, 18, c.get("/users/"+id).length("accounts.data"))

		r := c.post(path+first+"/purge", nil)
		require.Equal(t, http.StatusNoContent, r.status)
		assert.Empty(t, r.raw)
		assert.False(t, c.get(path+first).has("accounts"))
		assert.False(t, c.get(path+second).has("accounts"), "all connections of the bank")
		assert.True(t, c.get(path+other).has("accounts"))
		assert.Equal(t, 1, c.get("/users/"+id).length("accounts.data"))
		assert.Equal(t, "active", c.get(path+first).text("status"))

		again := c.post(path+first+"/refresh", nil)
		require.Equal(t, http.StatusAccepted, again.status)
		assert.False(t, c.get(path+first).has("accounts"))
		fetched := c.get("/jobs/" + again.text("id"))
		for range 2 { // until the login is verified, and until the accounts are retrieved
			fetched = c.untilChanged(again.text("id"), fetched.steps())
		}
		require.Equal(t, "retrieve-accounts:success", fetched.steps()[1])
		ofFirst := filtered("/users/"+id+"/transactions", "connection.id.eq('"+first+"')")
		assert.Zero(t, c.get(ofFirst).length("data"), "purged transactions do not reappear with the accounts")
		time.Sleep(long)
		assert.NotZero(t, c.get(ofFirst).length("data"))
		assert.Equal(t, 4, c.get(path+first).length("accounts.data"))

		invalid := c.connected(id, hooli, "gavinBelson", "wrong")
		c.post(path+invalid+"/purge", nil).requireError(http.StatusBadRequest, "parameter-not-valid", "Connection is not active")
	})
}

func TestConnections_Unknown(t *testing.T) {
	t.Parallel()
	c := new21(t)
	mine, other := c.newUser(), c.newUser()
	c.connect(other, hooli, "gavinBelson", "hooli2016")
	for _, conn := range []string{noID, c.newestConnection(other)} {
		path := "/users/" + mine + "/connections/" + conn
		for _, r := range []reply{
			c.get(path), c.delete(path), c.post(path, map[string]any{"password": "p"}), c.post(path+"/refresh", nil),
			c.as("3.0", server, "").post(path+"/purge", nil),
		} {
			r.requireError(http.StatusNotFound, "resource-not-found", notFound)
		}
	}
}
