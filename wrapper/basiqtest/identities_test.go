package basiqtest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIdentities_ListAndGet(t *testing.T) {
	t.Parallel()
	for version, of := range map[string]struct{ payload, emails string }{
		"2.1": {"assembled/swagger-2.1/getUserIdentities.200.1", "emails"},
		"3.0": {"assembled/identity/getUserIdentities.200.1", "emailAddresses"},
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			want := official(t, of.payload)
			synctest.Test(t, func(t *testing.T) {
				c := new30(t).as(version, server, "")
				id := c.newUser()
				path := "/users/" + id + "/identities"
				assert.JSONEq(t, `{"type":"list","count":0,"data":[]}`, c.get(path).raw)
				conn := c.connected(id, hooli, "Wentworth-Smith", "whislter")
				c.connected(id, hooli, "gavinBelson", "hooli2016")
				c.connected(id, hooli, "gavinBelson", "wrong")
				c.connected(id, hooli, "erlich", "aviato")
				r := c.get(path)
				require.Equal(t, http.StatusOK, r.status, r.raw)
				r.requireShape(want)
				require.Equal(t, 2, r.length("data"), "one per connection with fetched data")
				r.requireFields("data.0", "type", "id", "created", "updated", "links.self", "links.job", "source", "fullName",
					"middleName", "title", "occupationCode", "occupationCodeVersion", "physicalAddresses.0.formattedAddress")
				assert.Equal(t, "Max Wentworth-Smith", r.text("data.0.fullName"))
				assert.Equal(t, "1983-04-12", r.text("data.0.DOB"))
				assert.Equal(t, "maxsmith@gmail.com", r.text("data.0."+of.emails+".0"))
				assert.Equal(t, "2099", r.text("data.0.physicalAddresses.0.postcode"))
				assert.Equal(t, "0400 555 001", r.text("data.0.phoneNumbers.0"))
				assert.Equal(t, "web", r.text("data.0.source"))
				assert.Empty(t, r.text("data.0.organisation.abn"))
				assert.Equal(t, "Gavin", r.text("data.1.firstName"))
				assert.Equal(t, c.sandbox.URL()+"/users/"+id+"/connections/"+conn, r.text("data.0.links.job"))
				if version == "3.0" {
					assert.Equal(t, conn, r.text("data.0.connectionID"))
					assert.Equal(t, hooli, r.text("data.0.institutionID"))
				}

				first, _ := r.at("data.0")
				one := c.as(version, client, id).get(path + "/" + r.text("data.0.id"))
				assert.Equal(t, first, one.body, "CLIENT_ACCESS is sufficient")
				c.get(path+"/nothing").requireError(404, "resource-not-found", "Requested resource is not found")
				c.get("/users/"+c.newUser()+"/identities/"+r.text("data.0.id")).
					requireError(404, "resource-not-found", "Requested resource is not found")
				c.get("/users/"+noID+"/identities").requireError(404, "resource-not-found", "Requested user does not exist.")
				c.get("/users/"+noID+"/identities/x").requireError(404, "resource-not-found", "Requested user does not exist.")
				c.as(version, client, c.newUser()).get(path).
					requireError(401, "unauthorized-access", "You are not authorized to access this resource")

				require.Equal(t, http.StatusNoContent, c.delete("/users/"+id+"/connections/"+conn).status)
				assert.Equal(t, 1, c.get(path).length("data"), "deleted with its connection")
				c.get(path+"/"+r.text("data.0.id")).requireError(404, "resource-not-found", "Requested resource is not found")
			})
		})
	}
}

// The identity of a business is the organisation's, as in the documented example. The user is its agent.
func TestIdentities_Get_Business(t *testing.T) {
	t.Parallel()
	want := official(t, "examples/identity/getUserIdentities.200.organisation")
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		c.connected(id, hooli, "laurieBream", "business2024")
		r := c.get("/users/" + id + "/identities")
		r.requireShape(want)
		require.Equal(t, 1, r.length("data"))
		assert.Equal(t, "Laurie", r.text("data.0.organisation.agentFirstName"))
		assert.Equal(t, "Bream Homewares Pty Ltd", r.text("data.0.organisation.legalName"))
		assert.Equal(t, "COMPANY", r.text("data.0.organisation.organisationType"))
		assert.Regexp(t, `^\d{11}$`, r.text("data.0.organisation.abn"))
		assert.Empty(t, r.text("data.0.fullName"))
		assert.Empty(t, r.text("data.0.DOB"))
		assert.Zero(t, r.length("data.0.emailAddresses"))
		assert.Zero(t, r.length("data.0.physicalAddresses"))
	})
}

func TestIdentities_Get_AfterRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.newUser()
		conn := c.connected(id, hooli, "gavinBelson", "hooli2016")
		before := c.get("/users/" + id + "/identities")
		require.Equal(t, http.StatusAccepted, c.post("/users/"+id+"/connections/"+conn+"/refresh", nil).status)
		time.Sleep(long)
		after := c.get("/users/" + id + "/identities")
		assert.Equal(t, before.ids(), after.ids())
		assert.Equal(t, before.text("data.0.created"), after.text("data.0.created"))
		assert.Less(t, before.text("data.0.updated"), after.text("data.0.updated"))
	})
}
