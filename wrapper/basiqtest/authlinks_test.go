package basiqtest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAuthLinks_CreateGetDelete(t *testing.T) {
	t.Parallel()
	for version, expires := range map[string]string{"2.1": "2000-01-04T00:00:00Z", "3.0": "2000-01-31T00:00:00Z"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, userID := newPage(t)
				c = c.as(version, server, "")
				path := "/users/" + userID + "/auth_link"
				c.get(path).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
				c.delete(path).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
				link, _ := c.get("/users/" + userID).at("links.auth_link")
				assert.Nil(t, link)

				made := c.post(path, map[string]any{"mobile": "+61410888666"})
				require.Equal(t, http.StatusCreated, made.status, made.raw)
				public := made.text("links.public")
				assert.Regexp(t, `^http://localhost/home/link/[0-9a-f-]{36}$`, public)
				want := map[string]any{
					"type": "auth_link", "userId": userID, "mobile": "+61410888666", "expiresAt": expires,
					"links": map[string]any{"self": c.sandbox.URL() + path, "public": public},
				}
				assert.Equal(t, want, made.body)
				want["id"] = public[len(public)-36:]
				assert.Equal(t, want, c.get(path).body)
				assert.Equal(t, c.sandbox.URL()+path, c.get("/users/"+userID).text("links.auth_link"))

				again := c.post(path, map[string]any{"mobile": "61410888777"})
				assert.NotEqual(t, public, again.text("links.public"))
				b := newBrowser(c)
				b.open(strings.TrimPrefix(public, c.sandbox.URL()))
				b.at("Unknown link")
				assert.Equal(t, http.StatusNotFound, b.status, "replaced by the newer link")
				b.open(strings.TrimPrefix(again.text("links.public"), c.sandbox.URL()))
				b.at("Share your financial data")

				assert.Equal(t, http.StatusNoContent, c.as(version, client, userID).delete(path).status)
				c.get(path).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
				b.reload()
				b.at("This visit has ended")
			})
		})
	}
}

func TestAuthLinks_Get_Expired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		path := "/users/" + userID + "/auth_link"
		public := strings.TrimPrefix(c.post(path, map[string]any{"mobile": "+61410888666"}).text("links.public"), c.sandbox.URL())
		b := newBrowser(c)
		b.open(public)
		time.Sleep(30*24*time.Hour - time.Second)
		b.reload()
		b.at("Share your financial data")
		time.Sleep(time.Second)
		b.reload()
		b.at("This visit has ended")
		b.open(public)
		b.at("This link has expired")
		assert.Equal(t, http.StatusGone, b.status)
		c = c.as("3.0", server, "")
		for _, r := range []reply{c.get(path), c.delete(path)} {
			r.requireError(http.StatusGone, "resource-no-longer-available", "Requested resource has expired or been revoked.")
		}
		link, _ := c.get("/users/" + userID).at("links.auth_link")
		assert.Nil(t, link)
		assert.Equal(t, http.StatusCreated, c.post(path, map[string]any{"mobile": "+61410888666"}).status)
	})
}

func TestAuthLinks_Create_Mobile(t *testing.T) {
	t.Parallel()
	c, userID := newPage(t)
	path := "/users/" + userID + "/auth_link"
	r := c.post(path, nil)
	r.requireError(http.StatusBadRequest, "parameter-not-supplied", "Mobile parameter is required.")
	assert.Equal(t, "mobile", r.text("data.0.source.parameter"))
	c.post(path, map[string]any{}).requireError(http.StatusBadRequest, "parameter-not-supplied", "Mobile parameter is required.")
	c.post(path, map[string]any{"mobile": "FLOWERS"}).
		requireError(http.StatusBadRequest, "parameter-not-valid", "Provided mobile is in bad format.")
	c.post(path, []int{1}).requireError(http.StatusBadRequest, "invalid-content", "Posted auth link is not in valid format.")
	c.post("/users/"+noID+"/auth_link", nil).requireError(http.StatusNotFound, "resource-not-found", "Requested user does not exist.")

	r = c.as("2.1", server, "").post(path, nil)
	assert.Equal(t, http.StatusCreated, r.status, "optional in 2.1")
	assert.Empty(t, r.text("mobile"))

	withMobile := c.post("/users", map[string]any{"mobile": "+61410888666"}).text("id")
	r = c.post("/users/"+withMobile+"/auth_link", nil)
	assert.Equal(t, "+61410888666", r.text("mobile"))
	r = c.post("/users/"+withMobile+"/auth_link", map[string]any{"mobile": "+61410888777"})
	assert.Equal(t, "+61410888777", r.text("mobile"), "the mobile of the link takes precedence")
	c.as("3.0", client, withMobile).get("/users/"+withMobile+"/auth_link").
		requireError(http.StatusForbidden, "forbidden-access", "Access to this resource is forbidden")
}

// An auth link cannot be used again after the user has connected a bank and finished. If no bank was connected, it can.
func TestAuthLinks_Get_Used(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		path := "/users/" + userID + "/auth_link"
		public := strings.TrimPrefix(c.post(path, map[string]any{"mobile": "+61410888666"}).text("links.public"), c.sandbox.URL())
		b := newBrowser(c)
		b.open(public)
		b.press("Cancel")
		assert.Equal(t, appURL, b.left)
		assert.Equal(t, http.StatusOK, c.get(path).status)

		b = newBrowser(c)
		b.open(public)
		b.press("I agree")
		b.connectTo("Hooli AU00000", "gavinBelson", "hooli2016")
		b.press("Finish")
		assert.Contains(t, b.left, "jobIds=")
		assert.Equal(t, http.StatusNotFound, c.get(path).status)

		// Without a redirect URL, the last page remains available, although the link does not.
		c = new30(t)
		userID = c.newUser()
		path = "/users/" + userID + "/auth_link"
		b = newBrowser(c)
		b.open(strings.TrimPrefix(c.post(path, map[string]any{"mobile": "+61410888666"}).text("links.public"), c.sandbox.URL()))
		b.press("I agree")
		b.connectTo("Hooli AU00000", "gavinBelson", "hooli2016")
		b.press("Finish")
		b.at("You can close this page")
		assert.Equal(t, http.StatusNotFound, c.get(path).status)
	})
}
