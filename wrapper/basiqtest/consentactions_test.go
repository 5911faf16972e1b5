package basiqtest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// consented grants a consent and connects gavinBelson to Hooli under it.
func (c *caller) consented(userID string) {
	c.t.Helper()
	b := c.visit(userID, url.Values{"institutionId": {hooli}})
	b.press("I agree")
	b.logIn("gavinBelson", "hooli2016")
	b.at("Hooli is connected")
	time.Sleep(long)
}

// statuses returns the statuses of the user's consents, the newest first.
func (c *caller) statuses(userID string) []string {
	c.t.Helper()
	r := c.get("/users/" + userID + "/consents")
	list := []string{}
	for i := range r.length("data") {
		list = append(list, r.text("data."+string(rune('0'+i))+".status"))
	}
	return list
}

func action(name string) url.Values { return url.Values{"action": {name}} }

func TestConsentPage_ActionNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		c.consented(userID)
		c.visit(userID, action("null")).at("Share your financial data")
		b := c.visit(userID, nil)
		b.press("I agree")
		assert.Equal(t, []string{"active", "active"}, c.statuses(userID))
	})
}

func TestConsentPage_ActionConnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		c.visit(userID, action("connect")).at("Share your financial data") // no consent to connect under
		c.consented(userID)
		b := c.visit(userID, action("connect"))
		b.connectTo("HooliGov", "gavinBelson", "hooli2016")
		b.at("HooliGov is connected")
		assert.Equal(t, []string{"active"}, c.statuses(userID))
		assert.Equal(t, 2, c.get("/users/"+userID+"/connections").length("data"))

		b = c.visit(userID, url.Values{"action": {"connect"}, "institutionId": {hooliGov}})
		b.at("Log in to HooliGov")
		b.press("Choose another bank")
		b.at("Choose your bank")
	})
}

func TestConsentPage_ActionManage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		b := c.visit(userID, action("manage"))
		b.at("Manage what you share")
		assert.Contains(t, b.main(), "You have no consents.")
		assert.Contains(t, b.main(), "You have no connections.")
		b.press("Connect a bank")
		b.at("Share your financial data")

		c.consented(userID)
		c.connected(userID, hooliGov, "gavinBelson", "hooli2016")
		b = c.visit(userID, action("manage"))
		assert.Contains(t, b.main(), "Active until 1 January 2001")
		assert.Contains(t, b.main(), "Hooliactive, since 1 January 2000")

		b.press("Remove the connection to HooliGov")
		b.at("Remove your connection?")
		assert.Contains(t, b.main(), "The data that it has fetched is kept.")
		b.press("Keep it")
		b.press("Remove the connection to HooliGov")
		assert.Equal(t, 2, c.get("/users/"+userID+"/connections").length("data"))
		b.press("Remove HooliGov")
		b.at("Manage what you share")
		assert.Contains(t, b.main(), "Your connection to HooliGov is removed.")
		assert.Equal(t, 1, c.get("/users/"+userID+"/connections").length("data"))
		assert.NotZero(t, c.get("/users/"+userID).length("accounts.data"))

		b.press("Connect another bank")
		b.connectTo("HooliGov", "gavinBelson", "hooli2016")
		time.Sleep(long)
		b = c.visit(userID, action("manage"))
		assert.NotContains(t, b.main(), "is removed", "result of another visit")
		b.press("Revoke the consent")
		b.at("Revoke your consent?")
		assert.Contains(t, b.main(), "HooliGov, since", "shows what is removed")
		b.press("Keep it")
		assert.Equal(t, []string{"active"}, c.statuses(userID))
		b.press("Revoke the consent")
		b.press("Revoke my consent")
		b.at("Manage what you share")
		assert.Contains(t, b.main(), "Your consent is revoked.")
		assert.Contains(t, b.main(), "Revoked on 1 January 2000")
		assert.Equal(t, []string{"revoked"}, c.statuses(userID))
		assert.Equal(t, 0, c.get("/users/"+userID+"/connections").length("data"))
		b.press("Finish")
		assert.Equal(t, appURL, b.left, "no job, no state")
	})
}

func TestConsentPage_ActionExtend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		c.consented(userID)
		time.Sleep(30 * 24 * time.Hour)
		c = c.as("3.0", server, "")
		b := c.visit(userID, action("extend"))
		b.at("Extend your consent")
		assert.Contains(t, b.main(), "valid until 1 January 2001")
		b.press("Extend my consent")
		b.at("Your consent is extended")
		assert.Contains(t, b.main(), "31 January 2001")
		consents := c.get("/users/" + userID + "/consents")
		assert.Contains(t, consents.text("data.0.expiryDate"), "2001-01-31T")
		assert.Contains(t, consents.text("data.0.updated"), "2000-01-31T")
		assert.Contains(t, consents.text("data.0.created"), "2000-01-01T")
		b.press("Finish")
		assert.Equal(t, appURL, b.left)

		// The expiry scheduled before the extension does not happen.
		time.Sleep(340 * 24 * time.Hour)
		c = c.as("3.0", server, "")
		assert.Equal(t, []string{"active"}, c.statuses(userID))
		time.Sleep(30 * 24 * time.Hour)
		assert.Equal(t, []string{"expired"}, c.as("3.0", server, "").statuses(userID))

		c = c.as("3.0", server, "")
		b = c.visit(userID, nil)
		b.press("I agree")
		b = c.visit(userID, action("extend"))
		given := c.get("/users/" + userID + "/consents").text("data.0.id")
		c.delete("/users/" + userID + "/consents/" + given)
		b.press("Extend my consent")
		b.at("Share your financial data")
		assert.Equal(t, []string{"revoked", "expired"}, c.statuses(userID))
	})
}

func TestConsentPage_ActionUpdate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		c.consented(userID)
		b := c.visit(userID, action("update"))
		b.at("Share your financial data")
		assert.Contains(t, b.main(), "your previous consent is revoked")
		assert.Equal(t, []string{"active"}, c.statuses(userID))
		b.press("I agree")
		b.at("Choose your bank")
		assert.Equal(t, 0, c.get("/users/"+userID+"/connections").length("data"))
		assert.Equal(t, 0, c.get("/users/"+userID).length("accounts.data"))
		assert.Equal(t, []string{"active", "revoked"}, c.statuses(userID))

		r := c.get("/users/" + userID + "/consents")
		newest, old := r.text("data.0.links.consentPolicy"), r.text("data.1.links.consentPolicy")
		assert.NotEqual(t, newest, old)
		assert.Equal(t, newest, r.text("data.0.links.latestConsentPolicy"))
		assert.Equal(t, newest, r.text("data.1.links.latestConsentPolicy"))
		b.press("Hooli AU00000")
		b.logIn("gavinBelson", "hooli2016")
		b.at("Hooli is connected")
	})
}

func TestConsentPage_ActionReauthorise(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		c.consented(userID)
		second := c.connected(userID, piedPiper, "gavinBelson", "hooli2016")
		before := c.get("/users/" + userID).raw
		b := c.visit(userID, action("reauthorise"))
		b.at("Authorise your connections again")
		b.send(http.MethodPost, b.url, url.Values{"step": {"renew"}, "connection": {"x"}})
		b.at("Authorise your connections again") // unknown connection
		b.press("Hooli")
		b.wait()
		b.at("Hooli is connected")
		b.press("Connect another")
		b.press("Pied Piper")
		b.wait()
		b.press("Send", "answer0", "Hooli")
		b.wait()
		b.press("Finish")
		assert.Len(t, strings.Split(strings.TrimPrefix(b.left, appURL+"&jobIds="), ","), 2)
		time.Sleep(long)
		assert.Contains(t, before, c.get("/users/"+userID).text("accounts.data.0.id"), "accounts keep their IDs")

		b = c.visit(userID, url.Values{"action": {"reauthorise"}, "connectionId": {second}})
		assert.Len(t, b.page.all("button"), 2, "the only connection, and the cancel button")
		b.press("Pied Piper")
		b.wait()
		b.at("Pied Piper needs one more step")
		b.send(http.MethodPost, b.url, url.Values{"step": {"mfa"}, "do": {"leave"}})
		assert.Equal(t, appURL, b.left)
	})
}

// If a connection is named, its credentials are updated and its data is kept.
func TestConsentPage_UpdateConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		connectionID := c.connected(userID, hooli, "gavinBelson", "outdated")
		get := func() reply { return c.get("/users/" + userID + "/connections/" + connectionID) }
		require.Equal(t, "invalid", get().text("status"))
		b := c.visit(userID, url.Values{"connectionId": {connectionID}})
		b.at("Enter your new password for Hooli")
		assert.Nil(t, b.page.find("input", "id", "loginId"))
		b.press("Log in")
		assert.Equal(t, http.StatusUnprocessableEntity, b.status)
		b.press("Log in", "password", "wrong")
		b.wait()
		b.at("Hooli could not be connected")
		b.press("Try again")
		b.at("Enter your new password for Hooli")
		b.press("Log in", "password", "hooli2016")
		b.wait()
		b.at("Hooli is connected")
		assert.Equal(t, "active", get().text("status"))
		assert.Equal(t, 1, c.get("/users/"+userID+"/connections").length("data"))

		b = c.visit(userID, url.Values{"connectionId": {connectionID}})
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+userID+"/connections/"+connectionID).status)
		b.press("Log in", "password", "hooli2016")
		b.at("Connection not found")
	})
}

// A connection created without a consent can be updated without one. From its page, a submitted form can lead to the
// consent step, without a previous consent to end.
func TestConsentPage_UpdateConnection_NoConsent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		connectionID := c.connected(userID, hooli, "gavinBelson", "hooli2016")
		b := c.visit(userID, url.Values{"action": {"update"}, "connectionId": {connectionID}})
		b.at("Enter your new password for Hooli")
		b.send(http.MethodPost, b.url, url.Values{"step": {"login"}, "do": {"another"}})
		b.at("Share your financial data")
		b.press("I agree")
		b.at("Choose your bank")
		assert.Equal(t, []string{"active"}, c.statuses(userID))
	})
}

// Uploaded statements have no password, so the page cannot update them either.
func TestConsentPage_UpdateConnection_Statement(t *testing.T) {
	t.Parallel()
	c, userID := newPage(t)
	require.Equal(t, http.StatusAccepted, c.upload(userID, nab, file{"a.csv", "", twoAccounts}).status)
	c.visit(userID, url.Values{"connectionId": {c.newestConnection(userID)}}).at("Connection not found")
}
