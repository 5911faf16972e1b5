package basiqtest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shape returns a JSON value with strings, numbers and booleans replaced by their types, and each list reduced to its
// first item.
func shape(value any) any {
	switch value := value.(type) {
	case map[string]any:
		fields := map[string]any{}
		for name, field := range value {
			fields[name] = shape(field)
		}
		return fields
	case []any:
		if len(value) == 0 {
			return "empty"
		}
		return []any{shape(value[0])}
	case nil:
		return nil
	case string:
		if _, err := time.Parse(time.RFC3339, value); err == nil {
			return "moment"
		}
		return "text"
	case bool:
		return "truth"
	default:
		return "number"
	}
}

// The list matches the format of Basiq's example, for active and revoked consents.
func TestConsents_List_OfficialExample(t *testing.T) {
	t.Parallel()
	example := official(t, "examples/connect/getConsents.200.example").(map[string]any)
	examples := example["data"].([]any)

	c, userID := newPage(t)
	c.visit(userID, nil).press("I agree")
	r := c.get("/users/" + userID + "/consents")
	require.Equal(t, http.StatusOK, r.status)
	active, _ := r.at("data.0")
	for _, consent := range examples { // recorded, but not in the documentation
		data := consent.(map[string]any)["data"].(map[string]any)
		data["disclosure"], data["initialRetrievalDays"] = nil, nil
	}
	assert.Equal(t, shape(examples[0]), shape(active))
	assert.Equal(t, 4, r.length("data.0.data.permissions"))
	assert.Equal(t, c.sandbox.URL()+"/users/"+userID+"/consents", r.text("links.self"))

	require.Equal(t, http.StatusNoContent, c.delete("/users/"+userID+"/consents/"+r.text("data.0.id")).status)
	revoked, _ := c.get("/users/" + userID + "/consents").at("data.0")
	assert.Equal(t, shape(examples[1]), shape(revoked))
	example["data"], example["links"] = "data", "links"
	list := c.get("/users/" + userID + "/consents").body.(map[string]any)
	list["data"], list["links"] = "data", "links"
	assert.Equal(t, shape(example), shape(list))
}

func TestConsents_Delete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		c.consented(userID)
		other := c.connected(userID, hooliGov, "gavinBelson", "hooli2016") // without a consent
		accounts := c.get("/users/" + userID).length("accounts.data")
		b := c.visit(userID, action("connect"))
		b.connectTo("Nucleus", "ashMann", "hooli2024")
		nucleusID := c.newestConnection(userID)
		time.Sleep(long)
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+userID+"/connections/"+nucleusID).status)
		require.Greater(t, c.get("/users/"+userID).length("accounts.data"), accounts)

		consents := "/users/" + userID + "/consents"
		id := c.get(consents).text("data.0.id")
		r := c.delete(consents + "/" + id)
		assert.Equal(t, http.StatusNoContent, r.status)
		assert.Empty(t, r.raw)
		list := c.get(consents)
		assert.Equal(t, "revoked", list.text("data.0.status"))
		assert.Equal(t, list.text("data.0.updated"), list.text("data.0.revoked"))

		connections := c.get("/users/" + userID + "/connections")
		require.Equal(t, 1, connections.length("data"), "only its own connections are deleted")
		assert.Equal(t, other, connections.text("data.0.id"))
		assert.Less(t, c.get("/users/"+userID).length("accounts.data"), accounts, "fetched data is deleted too")

		c.delete(consents+"/"+id).requireError(http.StatusGone, "resource-no-longer-available", "Requested resource has expired or been revoked.")
		c.delete(consents+"/x").requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
		c.delete("/users/"+noID+"/consents/"+id).requireError(http.StatusNotFound, "resource-not-found", "Requested user does not exist.")
		c.get("/users/"+noID+"/consents").requireError(http.StatusNotFound, "resource-not-found", "Requested user does not exist.")
		stranger := c.newUser()
		c.delete("/users/"+stranger+"/consents/"+id).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
	})
}

func TestConsents_Expire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		c.consented(userID)
		time.Sleep(365 * 24 * time.Hour) // 2000 has 366 days
		c = c.as("3.0", server, "")
		assert.Equal(t, []string{"active"}, c.statuses(userID))
		assert.Equal(t, 1, c.get("/users/"+userID+"/connections").length("data"))
		time.Sleep(24 * time.Hour)
		c = c.as("3.0", server, "")
		assert.Equal(t, []string{"expired"}, c.statuses(userID))
		r := c.get("/users/" + userID + "/consents")
		assert.Equal(t, r.text("data.0.expiryDate"), r.text("data.0.updated"))
		assert.False(t, r.has("data.0.revoked"))
		assert.Equal(t, 0, c.get("/users/"+userID+"/connections").length("data"))
		assert.Equal(t, 0, c.get("/users/"+userID).length("accounts.data"))
		c.delete("/users/"+userID+"/consents/"+r.text("data.0.id")).
			requireError(http.StatusGone, "resource-no-longer-available", "Requested resource has expired or been revoked.")
		b := c.visit(userID, action("manage"))
		assert.Contains(t, b.main(), "Expired on 1 January 2001")
	})
}

// Consents require API 3.0 and the scope SERVER_ACCESS.
func TestConsents_Errors(t *testing.T) {
	t.Parallel()
	c, userID := newPage(t)
	r := c.as("2.1", server, "").get("/users/" + userID + "/consents")
	assert.Equal(t, http.StatusNotFound, r.status)
	assert.Equal(t, "Route not found for this API version.", r.raw)
	for _, scope := range []string{server, client} { // the user has no consents; recorded
		requireNoConsent(t, c.as("3.0", scope, userID).get("/users/"+userID+"/consents"))
	}
}

// consentEvents returns the names of the user's consent events in the last seven days, the oldest first, each with the
// status of the consent at that time.
func (c *caller) consentEvents(userID string) []string {
	c.t.Helper()
	list := []string{}
	for _, e := range c.events("user.id.eq('" + userID + "'),event.entity.eq('consent')") {
		list = append(list, e.text("eventType")+" "+e.text("data.status"))
	}
	return list
}

func TestConsents_Events(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		b := c.visit(userID, nil)
		b.press("I agree")
		assert.Equal(t, []string{"created active"}, c.consentEvents(userID))
		event := c.events("event.entity.eq('consent')")[0]
		list := c.get("/users/" + userID + "/consents")
		given, _ := list.at("data.0")
		data, _ := event.at("data")
		assert.Equal(t, given, data)
		assert.Equal(t, list.text("data.0.links.self"), event.text("dataRef"))

		const day = 24 * time.Hour
		for _, next := range []struct {
			after time.Duration
			want  []string
		}{
			{89 * day, []string{}},
			{2 * day, []string{"reminder active"}},
			{90 * day, []string{"reminder active"}},
			{90 * day, []string{"reminder active"}},
			{87 * day, []string{}},                                                // 358 days
			{day + time.Hour, []string{"warning active"}},                         // of the 366 days of 2000
			{6*day + 22*time.Hour, []string{"warning active", "reminder active"}}, // 365 days, 23 hours
			{2 * time.Hour, []string{"reminder active", "expired expired"}},       // 90 * 4 = 360 days: within the last week
			{180 * day, []string{}},
		} {
			time.Sleep(next.after)
			assert.Equal(t, next.want, c.consentEvents(userID), "on %s", time.Now().UTC())
		}
	})
}

func TestConsents_Events_Changes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		c.visit(userID, nil).press("I agree")
		time.Sleep(60 * 24 * time.Hour)
		c = c.as("3.0", server, "")
		b := c.visit(userID, action("extend"))
		b.press("Extend my consent")
		assert.Equal(t, []string{"updated active"}, c.consentEvents(userID))
		time.Sleep(31 * 24 * time.Hour)
		assert.Empty(t, c.consentEvents(userID), "the reminder comes 90 days after the extension")
		c = c.as("3.0", server, "")
		b = c.visit(userID, action("update"))
		b.press("I agree")
		assert.Equal(t, []string{"revoked revoked", "created active"}, c.consentEvents(userID))
		time.Sleep(60 * 24 * time.Hour)
		assert.Empty(t, c.consentEvents(userID), "no reminder for a revoked consent")
		c = c.as("3.0", server, "")
		id := c.get("/users/" + userID + "/consents").text("data.0.id")
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+userID+"/consents/"+id).status)
		assert.Equal(t, []string{"revoked revoked"}, c.consentEvents(userID))

		// After the user is deleted, no more consent events follow.
		c.visit(userID, nil).press("I agree")
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+userID).status)
		time.Sleep(91 * 24 * time.Hour)
		assert.Empty(t, c.consentEvents(userID))
	})
}
