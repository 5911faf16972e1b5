package basiqtest_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// openBanking creates an open-banking connection, waits until its job is done, and returns its ID.
func (c *caller) openBanking(userID string) string {
	c.t.Helper()
	c.sandbox.Connect(userID, hooli, "gavinBelson", basiqtest.WithOpenBanking())
	time.Sleep(long)
	return c.newestConnection(userID)
}

// Deleting an open-banking connection deletes its accounts and transactions, and no others.
func TestOpenBanking_Delete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		userID := c.newUser()
		path := "/users/" + userID
		web := c.connected(userID, hooliGov, "gavinBelson", "hooli2016")
		accounts, transactions := c.get(path+"/accounts").ids(), c.get(path+"/transactions").ids()
		conn := c.openBanking(userID)
		all := c.get(path + "/accounts")
		require.Greater(t, len(all.ids()), len(accounts))
		gone := c.get(filtered(path+"/accounts", "connection.id.eq('"+conn+"')")).text("data.0.id")
		goneTransaction := c.get(filtered(path+"/transactions", "account.id.eq('"+gone+"')")).text("data.0.id")

		require.Equal(t, http.StatusNoContent, c.delete(path+"/connections/"+conn).status)
		assert.Equal(t, accounts, c.get(path+"/accounts").ids())
		assert.Equal(t, transactions, c.get(path+"/transactions").ids())
		for _, lost := range []string{"/connections/" + conn, "/accounts/" + gone, "/transactions/" + goneTransaction} {
			c.get(path+lost).requireError(http.StatusNotFound, "resource-not-found", "Requested resource is not found")
		}
		require.Equal(t, http.StatusNoContent, c.delete(path+"/connections/"+web).status)
		assert.Equal(t, accounts, c.get(path+"/accounts").ids(), "accounts of a web connection are kept")
	})
}

func TestOpenBanking_Get(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		userID := c.newUser()
		path := "/users/" + userID
		web := c.connected(userID, hooli, "gavinBelson", "hooli2016")
		conn := c.openBanking(userID)
		require.NotEqual(t, web, conn)
		one := c.get(path + "/connections/" + conn)
		assert.Equal(t, "open-banking", one.text("method"))
		assert.Equal(t, "active", one.text("status"))
		assert.Equal(t, c.get(path+"/consents").text("data.0.expiryDate"), one.text("expiryDate"))
		other := c.get(path + "/connections/" + web)
		assert.Equal(t, "web", other.text("method"))
		assert.Empty(t, other.text("expiryDate"))

		// The same accounts through both methods.
		nicknames := map[string]map[string]string{}
		for _, id := range []string{web, conn} {
			nicknames[id] = map[string]string{}
			accounts := c.get(filtered(path+"/accounts", "connection.id.eq('"+id+"')"))
			for i := range accounts.length("data") {
				at := "data." + strconv.Itoa(i)
				nicknames[id][accounts.text(at+".class.type")] = accounts.text(at + ".name")
				assert.Equal(t, accounts.text(at+".class.product"), accounts.text(at+".displayName"))
				assert.False(t, c.get(path+"/connections/"+id).has("accounts."+at+".displayName"), "not in a connection")
			}
			for _, transaction := range c.get(filtered(path+"/transactions", "connection.id.eq('"+id+"'),transaction.status.eq('posted')")).each("data") {
				assert.Equal(t, id == conn, transaction.text("balance") == "", transaction.raw)
			}
		}
		assert.Equal(t, map[string]string{"transaction": "Everyday", "credit-card": "Credit Card", "loan": "Personal Loan"}, nicknames[web])
		assert.Equal(t, map[string]string{"transaction": "Everyday", "credit-card": "", "loan": "Personal Loan"}, nicknames[conn])
		old := c.as("2.1", server, "").get(path + "/accounts")
		assert.False(t, old.has("data.0.displayName"), "API 2.1 has no such field")
		for _, account := range append(one.each("accounts.data"), old.each("data")...) {
			assert.NotEmpty(t, account.text("name"), "the name is the institution's if there is no nickname")
		}

		refreshed := c.post(path+"/connections/"+conn+"/refresh", nil)
		require.Equal(t, http.StatusAccepted, refreshed.status, refreshed.raw)
		time.Sleep(long)
		assert.Equal(t, 2, c.post(path+"/connections/refresh", nil).length("data"))
		c.as("2.1", server, "").post(path+"/connections/"+conn, map[string]any{"password": "x"}).
			requireError(http.StatusBadRequest, "parameter-not-valid", "Connection type is not Web")
	})
}

// Basiq documents this member number and one-time password for its test bank.
func TestOpenBanking_ConsentPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		b := c.visit(userID, nil)
		b.press("I agree")
		b.press("Hooli open banking")
		b.at("Log in to Hooli")
		assert.Contains(t, b.main(), "Member number")
		b.press("Log in")
		assert.Contains(t, b.main(), "Enter your member number")
		assert.Contains(t, b.main(), "Enter your one-time password")
		b.logIn("374829", "227471")
		b.at("Hooli could not be connected")
		b.press("Try again")
		b.logIn("374829", "227470")
		b.at("Hooli is connected")
		b.press("Finish")
		time.Sleep(long)
		connections := c.get("/users/" + userID + "/connections")
		require.Equal(t, 1, connections.length("data"))
		assert.Equal(t, "open-banking", connections.text("data.0.method"))
		assert.Equal(t, 3, c.get("/users/"+userID+"/accounts").length("data"))

		conn := connections.text("data.0.id")
		expires := func() string { return c.get("/users/" + userID + "/connections/" + conn).text("expiryDate") }
		assert.Equal(t, "2001-01-01", expires()[:10])
		time.Sleep(30 * 24 * time.Hour)
		c = c.as("3.0", server, "")
		before := c.get("/users/" + userID + "/accounts").ids()
		b = c.visit(userID, url.Values{"connectionId": {conn}})
		b.at("Authorise your connections again")
		b.press("Hooli")
		b.wait()
		b.at("Hooli is connected")
		time.Sleep(long)
		assert.Equal(t, "2001-01-31", expires()[:10])
		time.Sleep(24 * time.Hour)
		c = c.as("3.0", server, "")
		b = c.visit(userID, action("extend"))
		b.press("Extend")
		assert.Equal(t, "2001-02-01", expires()[:10])
		assert.Equal(t, before, c.get("/users/"+userID+"/accounts").ids(), "accounts keep their IDs")

		b = c.visit(userID, action("manage"))
		b.press("Remove the connection to Hooli")
		assert.Contains(t, b.main(), "The data that it has fetched is deleted permanently.")
		b.press("Remove Hooli")
		assert.Empty(t, c.get("/users/"+userID+"/accounts").ids())
	})
}

func TestOpenBanking_VisitConsentPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, parameters := range []url.Values{{}, {"institutionId": {hooli}}} {
			c, userID := newPage(t)
			back, err := c.sandbox.VisitConsentPage(c.pageFor(userID, parameters), hooli, "ashMann", basiqtest.WithOpenBanking())
			require.NoError(t, err)
			assert.True(t, back.Query().Has("jobIds"))
			assert.Equal(t, "open-banking", c.get("/users/"+userID+"/connections").text("data.0.method"))
		}
	})
}

func TestOpenBanking_UnsupportedBank(t *testing.T) {
	t.Parallel()
	sandbox, err := basiqtest.Start()
	require.NoError(t, err)
	t.Cleanup(func() { _ = sandbox.Close() })
	assert.PanicsWithValue(t, `basiqtest: Connect: bank "AU00002" does not support open banking in the sandbox (supported: AU00000)`, func() {
		sandbox.Connect("u1", piedPiper, "gavinBelson", basiqtest.WithOpenBanking())
	})
}

// Reports fail for users with accounts whose consents have all ended. They work for users who never had a consent.
func TestConsents_NoActiveConsent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		userID := c.newUser()
		path := "/users/" + userID
		c.connected(userID, hooliGov, "gavinBelson", "hooli2016") // created with API 2.1, without a consent
		affordable := func() reply { return c.post(path+"/affordability", nil) }
		report := func() reply { return c.post("/reports", newReport("CON_AFFOR_01", c.affordabilityFilters(userID))) }
		require.Equal(t, http.StatusOK, affordable().status)
		require.Equal(t, http.StatusAccepted, report().status)

		c.openBanking(userID)
		require.Equal(t, http.StatusOK, affordable().status)
		require.Equal(t, http.StatusNoContent, c.delete(path+"/consents/"+c.get(path+"/consents").text("data.0.id")).status)
		require.Equal(t, 1, c.get(path+"/connections").length("data"), "the other connection was deleted with the consent")
		refused := []reply{affordable(), report(), c.post(path+"/income", nil), c.post(path+"/expenses", nil)}
		for _, r := range refused {
			r.requireError(http.StatusBadRequest, "parameter-not-valid", "The user has no active consent.")
		}
	})
}

func TestConsents_List_Filter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		userID := c.newUser()
		path := "/users/" + userID + "/consents"
		c.sandbox.Connect(userID, hooli, "gavinBelson")
		first := c.get(path).text("data.0.id")
		require.Equal(t, http.StatusNoContent, c.delete(path+"/"+first).status)
		c.sandbox.Connect(userID, hooli, "gavinBelson")
		second := c.get(path).text("data.0.id")
		for status, want := range map[string][]string{"active": {second}, "revoked": {first}, "expired": {}} {
			r := c.get(filtered(path, "status.eq('"+status+"')"))
			require.Equal(t, http.StatusOK, r.status, r.raw)
			assert.Equal(t, want, r.ids(), status)
			assert.Equal(t, strconv.Itoa(len(want)), r.under("size").raw)
		}
		for _, filter := range []string{"status.eq('paused')", "status.ne('active')", "consent.status.eq('active')", "id.eq('x')"} {
			c.get(filtered(path, filter)).
				requireError(http.StatusBadRequest, "parameter-not-valid", "The provided filter parameter is in invalid format or unsupported")
		}
	})
}

// Days at the bank begin in Sydney, in the evening of the previous day in UTC.
func TestOpenBanking_UTC(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		userID := c.newUser()
		path := "/users/" + userID
		days := map[string][]string{}
		for _, conn := range []string{c.connected(userID, hooli, "gavinBelson", "hooli2016"), c.openBanking(userID)} {
			for _, transaction := range c.get(filtered(path+"/transactions", "connection.id.eq('"+conn+"'),transaction.status.eq('posted')")).each("data") {
				days[conn] = append(days[conn], transaction.text("postDate"))
			}
		}
		zone, err := time.LoadLocation("Australia/Sydney")
		require.NoError(t, err)
		connections := c.get(path + "/connections").ids()
		require.Len(t, days[connections[1]], len(days[connections[0]]))
		for i, text := range days[connections[0]] {
			day, err := time.Parse(time.RFC3339, text)
			require.NoError(t, err)
			at := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
			assert.Equal(t, at.UTC().Format(time.RFC3339), days[connections[1]][i])
		}
		last := days[connections[1]][0]
		assert.Equal(t, "1999-12-31T13:00:00Z", last, "midnight on 1 January, with daylight saving time")
		filter := "connection.id.eq('" + connections[1] + "'),transaction.postDate."
		assert.Positive(t, c.get(filtered(path+"/transactions", filter+"eq('1999-12-31')")).length("data"))
		assert.Zero(t, c.get(filtered(path+"/transactions", filter+"gteq('2000-01-01')")).length("data"))
	})
}

func TestOpenBanking_RefreshLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		userID := c.newUser()
		path := "/users/" + userID + "/connections"
		conn := c.openBanking(userID)
		web := c.connected(userID, hooli, "jared", "django")
		refresh := func(id string) reply {
			r := c.post(path+"/"+id+"/refresh", nil)
			time.Sleep(long)
			return r
		}
		for range 20 {
			require.Equal(t, http.StatusAccepted, refresh(conn).status)
			require.Equal(t, http.StatusAccepted, refresh(web).status)
		}
		refresh(conn).requireError(http.StatusTooManyRequests, "too-many-requests", "You have exceeded the rate limit for this API.")
		require.Equal(t, http.StatusAccepted, refresh(web).status)
		assert.Equal(t, 1, c.post(path+"/refresh", nil).length("data"), "the other connection is skipped")
		time.Sleep(24 * time.Hour)
		c = c.as("3.0", server, "")
		require.Equal(t, http.StatusAccepted, refresh(conn).status)
	})
}

// A connection that is authorized again outlives the expiry date of its consent and of other connections.
func TestOpenBanking_Expiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		path := "/users/" + userID
		kept := c.openBanking(userID)
		c.sandbox.Connect(userID, hooli, "jared", basiqtest.WithOpenBanking())
		time.Sleep(long)
		c.connected(userID, hooliGov, "gavinBelson", "hooli2016")
		accounts := filtered(path+"/accounts", "connection.id.eq('"+kept+"')")
		before := c.get(accounts).ids()
		require.NotEmpty(t, before)
		time.Sleep(360 * 24 * time.Hour)
		_, err := c.sandbox.VisitConsentPage(c.pageFor(userID, action("reauthorise")), hooli, "gavinBelson", basiqtest.WithOpenBanking())
		require.NoError(t, err)
		time.Sleep(long)
		c = c.as("3.0", server, "")
		assert.Equal(t, 3, c.get(path+"/connections").length("data"))
		time.Sleep(30 * 24 * time.Hour)
		c = c.as("3.0", server, "")
		assert.Equal(t, 2, c.get(path+"/connections").length("data"), "the other open-banking connection has expired")
		assert.Equal(t, before, c.get(accounts).ids())
		time.Sleep(365 * 24 * time.Hour)
		c = c.as("3.0", server, "")
		assert.Equal(t, 1, c.get(path+"/connections").length("data"))
		assert.Equal(t, http.StatusNotFound, c.get(path+"/accounts/"+before[0]).status)
	})
}
