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

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// Connect creates the consent and the connection that a visit to the page would, and the job succeeds.
func TestSandbox_Connect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ bank, login, step, want string }{
		{hooli, "gavinBelson", "retrieve-transactions", "success"},
		{piedPiper, "gavinBelson", "mfa-challenge", "success"},
		{nucleus, "Whistler", "mfa-challenge", "success"}, // two questions
		{nucleus, "ashMann", "mfa-challenge", "skipped"},
		{hooliGov, "bighead", "verify-credentials", "failed"},
		{hooli, "erlich", "retrieve-accounts", "failed"},
	} {
		t.Run(test.bank+" "+test.login, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				userID := c.newUser()
				jobID := c.sandbox.Connect(userID, test.bank, test.login)
				first := c.get("/jobs/" + jobID)
				require.Equal(t, http.StatusOK, first.status, first.raw)
				assert.Equal(t, "verify-credentials:in-progress", first.steps()[0])
				time.Sleep(long)
				assert.Contains(t, c.get("/jobs/"+jobID).steps(), test.step+":"+test.want)

				consents := c.get("/users/" + userID + "/consents")
				assert.Equal(t, 1, consents.length("data"))
				assert.Equal(t, "active", consents.text("data.0.status"))
				assert.Equal(t, test.bank, c.get("/users/"+userID+"/connections").text("data.0.institution.id"))
			})
		})
	}
}

// Challenges of later jobs are not answered automatically, and a second bank does not need another consent.
func TestSandbox_Connect_Twice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		userID := c.newUser()
		c.sandbox.Connect(userID, piedPiper, "jared")
		time.Sleep(long)
		c.sandbox.Connect(userID, hooli, "jared")
		time.Sleep(long)
		assert.Equal(t, 1, c.get("/users/"+userID+"/consents").length("data"))
		connections := c.get("/users/" + userID + "/connections")
		require.Equal(t, 2, connections.length("data"))

		refreshed := c.post("/users/"+userID+"/connections/"+connections.text("data.0.id")+"/refresh", nil)
		require.Equal(t, http.StatusAccepted, refreshed.status, refreshed.raw)
		time.Sleep(long)
		assert.Contains(t, c.get("/jobs/"+refreshed.text("id")).steps(), "mfa-challenge:in-progress")
	})
}

func TestSandbox_Connect_InvalidArguments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ bank, login, want string }{
		{"AU0", "gavinBelson", `bank "AU0" does not support logins (supported: AU00000, `},
		{"AU01001", "gavinBelson", `bank "AU01001" does not support logins`},
		{hooli, "gavin", `unknown test user "gavin" (known: Wentworth-Smith, `},
		{hooli, "gavinBelson", `user "u1" does not exist`},
	} {
		sandbox, err := basiqtest.Start()
		require.NoError(t, err)
		t.Cleanup(func() { _ = sandbox.Close() })
		func() {
			defer func() { assert.Contains(t, recover(), "basiqtest: Connect: "+test.want) }()
			sandbox.Connect("u1", test.bank, test.login)
		}()
	}
}

// pageFor returns the URL of the consent page, as an app creates it.
func (c *caller) pageFor(userID string, parameters url.Values) string {
	c.t.Helper()
	parameters.Set("token", c.as("3.0", client, userID).token)
	return c.sandbox.URL() + "/home?" + parameters.Encode()
}

func TestSandbox_VisitConsentPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		visit := func(parameters url.Values, bank, login string) url.Values {
			t.Helper()
			parameters.Set("state", "a b&c=d")
			back, err := c.sandbox.VisitConsentPage(c.pageFor(userID, parameters), bank, login)
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(back.String(), appURL+"&"), back)
			assert.Equal(t, "a b&c=d", back.Query().Get("state"))
			return back.Query()
		}
		assert.False(t, visit(url.Values{}, "", "").Has("jobIds"), "nothing connected after canceling")
		assert.Equal(t, http.StatusForbidden, c.get("/users/"+userID+"/consents").status)
		assert.False(t, visit(url.Values{}, hooli, "bighead").Has("jobIds"), "nothing connected after a failed login")
		assert.Equal(t, 0, c.get("/users/"+userID+"/connections").length("data"))

		jobID := visit(url.Values{}, piedPiper, "Whistler").Get("jobIds")
		time.Sleep(long)
		for _, step := range c.get("/jobs/" + jobID).steps() {
			assert.Contains(t, step, ":success")
		}
		again := visit(url.Values{"action": {"reauthorise"}}, piedPiper, "Whistler").Get("jobIds")
		assert.NotEqual(t, jobID, again)
		time.Sleep(long)
		assert.Contains(t, c.get("/jobs/"+again).steps(), "mfa-challenge:success")
		assert.Equal(t, 1, c.get("/users/"+userID+"/connections").length("data"))

		connection := c.get("/users/" + userID + "/connections").text("data.0.id")
		assert.True(t, visit(url.Values{"connectionId": {connection}}, piedPiper, "Whistler").Has("jobIds"))
		assert.True(t, visit(url.Values{"action": {"connect"}, "institutionId": {hooli}}, hooli, "richard").Has("jobIds"))
		expires := func() string { return c.get("/users/" + userID + "/consents").text("data.0.expiryDate") }
		before := expires()
		time.Sleep(time.Second)
		assert.False(t, visit(url.Values{"action": {"extend"}}, hooli, "richard").Has("jobIds"))
		assert.Greater(t, expires(), before)
		assert.True(t, visit(url.Values{"action": {"update"}}, hooli, "richard").Has("jobIds"))
		assert.Equal(t, 1, c.get("/users/"+userID+"/connections").length("data"), "the other connections were deleted with the previous consent")
	})
}

func TestSandbox_VisitConsentPage_AuthLink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		link := c.post("/users/"+userID+"/auth_link", map[string]any{"mobile": "+61400000000"})
		require.Equal(t, http.StatusCreated, link.status, link.raw)
		back, err := c.sandbox.VisitConsentPage(link.text("links.public"), hooli, "ashMann")
		require.NoError(t, err)
		assert.True(t, back.Query().Has("jobIds"))
	})
}

func TestSandbox_VisitConsentPage_Errors(t *testing.T) {
	t.Parallel()
	c, userID := newPage(t)
	for name, test := range map[string]struct {
		parameters url.Values
		want       string
	}{
		"unknown action":       {url.Values{"action": {"frob"}}, "Unknown action. The action in the address is not documented"},
		"nothing to authorise": {url.Values{"action": {"reauthorise"}}, "There is nothing to authorise again"},
		"managing":             {url.Values{"action": {"manage"}}, `page "Manage what you share" has no login`},
		"another bank":         {url.Values{"institutionId": {piedPiper}}, "page is limited to bank AU00002, not AU00000"},
	} {
		back, err := c.sandbox.VisitConsentPage(c.pageFor(userID, test.parameters), hooli, "gavinBelson")
		require.ErrorContains(t, err, "basiqtest: VisitConsentPage: "+test.want, name)
		assert.Nil(t, back)
	}
	_, err := c.sandbox.VisitConsentPage(c.sandbox.URL()+"/home?token="+c.token, hooli, "gavinBelson")
	require.ErrorContains(t, err, "This link must not be used", "a server's token")
	_, err = c.sandbox.VisitConsentPage("http://x/%?token=Pl4nted", hooli, "gavinBelson")
	require.ErrorContains(t, err, "invalid page URL")
	assert.NotContains(t, err.Error(), "Pl4nted")

	page := c.pageFor(userID, url.Values{})
	c.sandbox.ExpireTokens()
	_, err = c.sandbox.VisitConsentPage(page, hooli, "gavinBelson")
	require.ErrorContains(t, err, "This link has expired")

	_, err = new30(t).sandbox.VisitConsentPage(page, hooli, "gavinBelson")
	require.ErrorContains(t, err, "option WithRedirectURL is required")
}
