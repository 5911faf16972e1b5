package basiqtest_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

const appURL = "https://app.example/back?tab=banks"

// newPage creates a sandbox with a redirect URL, a caller with API 3.0 and a user.
func newPage(t *testing.T, opts ...basiqtest.Option) (c *caller, userID string) {
	t.Helper()
	c = new30(t, append([]basiqtest.Option{basiqtest.WithRedirectURL(appURL)}, opts...)...)
	return c, c.newUser()
}

// connectTo goes from the list of banks to the result of the login.
func (b *browser) connectTo(bank, login, password string) {
	b.t.Helper()
	b.at("Choose your bank")
	b.press(bank)
	b.logIn(login, password)
}

func (b *browser) logIn(login, password string) {
	b.t.Helper()
	b.press("Log in", "loginId", login, "password", password)
	b.wait()
}

// wait waits for as long as the page's Refresh header says and reloads it.
func (b *browser) wait() {
	b.t.Helper()
	for range 20 {
		if !strings.HasPrefix(b.heading(), "Connecting to") {
			return
		}
		require.Equal(b.t, "1", b.header.Get("Refresh"))
		time.Sleep(time.Second)
		b.reload()
	}
	require.Fail(b.t, "the page waits forever", b.main())
}

func TestConsentPage_Connect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		b := c.visit(userID, url.Values{"state": {"a b&c=d"}})
		b.at("Share your financial data")
		assert.Regexp(t, `/home/visit/[0-9a-f-]{36}$`, b.url, "the token is not in the URL")
		assert.Contains(t, b.main(), "Until 1 January 2001, 12 months from now")
		assert.Contains(t, b.main(), "Who you have sent money to and received money from")
		assert.Equal(t, http.StatusForbidden, c.get("/users/"+userID+"/consents").status, "viewing the page grants no consent")

		assert.Contains(t, b.main(), "Step 1 of 3")

		b.press("I agree")
		b.at("Choose your bank")
		assert.Contains(t, b.main(), "Step 2 of 3")
		assert.Len(t, b.page.all("button"), 6, "four banks, one of them twice, and the cancel button; the others do not support logins")
		b.press("Hooli AU00000")
		b.at("Log in to Hooli")
		assert.Contains(t, b.main(), "Step 3 of 3")
		assert.Contains(t, b.main(), "gavinBelson", "the test users are listed")

		b.press("Log in", "loginId", "gavinBelson", "password", "hooli2016")
		b.at("Connecting to Hooli")
		assert.Contains(t, b.main(), "Checking your login: in progress")
		require.NotNil(t, b.page.find("div", "aria-live", "polite"))
		assert.Equal(t, strings.TrimPrefix(b.url, b.sandbox.URL()), b.page.find("a", "class", "").attributes["href"],
			"there is a way on for browsers that do not load it again")
		b.wait()
		b.at("Hooli is connected")

		b.press("Connect another")
		assert.Contains(t, b.main(), "Step 1 of 2")
		b.connectTo("HooliGov", "gavinBelson", "hooli2016")
		b.at("HooliGov is connected")
		assert.Contains(t, b.main(), "Connected in this visit HooliHooliGov")
		b.press("Finish")
		m := regexp.MustCompile(`^https://app\.example/back\?tab=banks&jobIds=([0-9a-f-]{36}),([0-9a-f-]{36})&state=a\+b%26c%3Dd$`).FindStringSubmatch(b.left)
		require.NotNil(t, m, b.left)

		time.Sleep(long)
		for i, jobID := range m[1:] {
			job := c.get("/jobs/" + jobID)
			assert.Equal(t, "retrieve-transactions:success", job.steps()[len(job.steps())-1])
			connection := c.get("/users/" + userID + "/connections").text("data." + []string{"0", "1"}[i] + ".links.self")
			assert.Equal(t, connection, job.text("links.source"))
		}
		b.left = ""
		b.reload()
		b.at("This visit has ended")
		assert.Equal(t, http.StatusNotFound, b.status)
	})
}

func TestConsentPage_MFA(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		b := c.visit(userID, url.Values{"institutionId": {piedPiper}})
		b.press("I agree")
		b.at("Log in to Pied Piper") // skips the list of banks
		assert.Contains(t, b.main(), "Step 2 of 2")
		b.logIn("gavinBelson", "hooli2016")
		b.at("Pied Piper needs one more step")
		assert.Equal(t, "120", b.header.Get("Refresh"), "reloads when the challenge expires")

		b.press("Send")
		b.at("Pied Piper needs one more step")
		assert.Equal(t, http.StatusUnprocessableEntity, b.status)
		assert.Contains(t, b.page.find("div", "role", "alert").text(), "Enter an answer to the question “What's your first company?”")
		assert.Equal(t, "answer0-problem answer0-hint", b.page.find("input", "id", "answer0").attributes["aria-describedby"])

		b.press("Send", "answer0", "Aviato")
		b.at("Pied Piper could not be connected")
		assert.Contains(t, b.main(), "did not receive a correct MFA answer in time")
		b.press("Try again")
		assert.Equal(t, 0, c.get("/users/"+userID+"/connections").length("data"), "no connection without a successful login")

		b.logIn("gavinBelson", "hooli2016")
		b.at("Pied Piper needs one more step")
		time.Sleep(121 * time.Second)
		b.reload()
		b.at("Pied Piper could not be connected")
		b.press("Try again")

		b.logIn("gavinBelson", "hooli2016")
		b.press("Send", "answer0", " Hooli ")
		b.at("Connecting to Pied Piper")
		assert.Contains(t, b.main(), "Checking your MFA answer: in progress")
		b.wait()
		b.at("Pied Piper is connected")
		assert.Equal(t, 1, c.get("/users/"+userID+"/connections").length("data"))

		// The field for a code differs from the field for a question.
		b.press("Connect another")
		b.connectTo("Pied Piper", "jared", "django")
		assert.Equal(t, "one-time-code", b.page.find("input", "id", "answer0").attributes["autocomplete"])
	})
}

// If one of two MFA answers is missing, the other one is kept in the form.
func TestConsentPage_MFA_TwoQuestions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		b := c.visit(userID, nil)
		b.press("I agree")
		b.connectTo("Pied Piper", "Whistler", "ShowBox")
		b.press("Send", "answer0", "Basiq")
		assert.Equal(t, http.StatusUnprocessableEntity, b.status)
		assert.NotContains(t, b.main(), "favourite company?”")
		b.press("Send", "answer1", "AU00002")
		b.wait()
		b.at("Pied Piper is connected")
	})
}

func TestConsentPage_FailedLogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		b := c.visit(userID, nil)
		b.press("I agree")
		b.press("Hooli AU00000")

		b.press("Log in", "loginId", " <b> ")
		b.at("Log in to Hooli")
		assert.Equal(t, http.StatusUnprocessableEntity, b.status)
		assert.True(t, strings.HasPrefix(b.page.find("title", "", "").text(), "Error: "))
		summary := b.page.find("div", "role", "alert")
		assert.Equal(t, "autofocus", summary.attributes["autofocus"])
		assert.Equal(t, "#password", summary.find("a", "", "").attributes["href"])
		assert.Equal(t, "true", b.page.find("input", "id", "password").attributes["aria-invalid"])
		assert.Equal(t, "<b>", b.page.find("input", "id", "loginId").attributes["value"], "valid input is kept")
		b.press("Log in", "loginId", "", "password", "x9-secret")
		assert.NotContains(t, b.raw, "x9-secret")
		assert.Equal(t, "#loginId", b.page.find("div", "role", "alert").find("a", "", "").attributes["href"])

		for _, login := range []struct{ login, password, why string }{
			{"gavinBelson", "wrong", "Cannot login to target institution using supplied credentials."},
			{"nobody", "wrong", "Cannot login to target institution using supplied credentials."},
			{"bighead", "password", "Account is locked"},
		} {
			b.logIn(login.login, login.password)
			b.at("Hooli could not be connected")
			assert.Contains(t, b.main(), login.why)
			b.press("Try again")
			b.at("Log in to Hooli")
		}
		b.press("Choose another bank")
		b.connectTo("HooliGov", "gavinBelson", "wrong")
		b.press("Choose another")
		b.connectTo("Hooli AU00000", "gavinBelson", "hooli2016")
		b.at("Hooli is connected")
		assert.Equal(t, 1, c.get("/users/"+userID+"/connections").length("data"))
		b.press("Connect another")
		b.connectTo("HooliGov", "gavinBelson", "wrong")
		b.press("Finish without it")
		assert.Regexp(t, `&jobIds=[0-9a-f-]{36}$`, b.left, "without a state, and with one successful login")
		assert.Equal(t, 1, c.get("/users/"+userID+"/connections").length("data"))
	})
}

func TestConsentPage_Canceled(t *testing.T) {
	t.Parallel()
	c, userID := newPage(t)
	for _, presses := range [][]string{nil, {"I agree"}, {"I agree", "Hooli AU00000"}} {
		b := c.visit(userID, url.Values{"state": {"s"}})
		for _, text := range presses {
			b.press(text)
		}
		b.press("Cancel and go back to the app")
		assert.Equal(t, appURL+"&state=s", b.left)
	}
	assert.Equal(t, 0, c.get("/users/"+userID+"/connections").length("data"))
}

// Without a redirect URL, the last page says so.
func TestConsentPage_NoRedirectURL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		userID := c.newUser()
		b := c.visit(userID, nil)
		b.press("Cancel")
		b.at("You can close this page")
		assert.Contains(t, b.main(), "No bank was connected")

		b = c.visit(userID, nil)
		b.press("I agree")
		b.connectTo("Hooli AU00000", "gavinBelson", "hooli2016")
		b.press("Finish")
		b.at("You can close this page")
		assert.Contains(t, b.main(), "jobIds="+c.get("/users/"+userID+"/jobs").text("data.0.id"))
		assert.NotContains(t, b.header.Get("Content-Security-Policy"), "http")
	})
}

func TestConsentPage_Errors(t *testing.T) {
	t.Parallel()
	c, userID := newPage(t)
	clientToken := c.as("3.0", client, userID).token
	with := func(name, value string) url.Values {
		return url.Values{"token": {clientToken}, "state": {"s"}, name: {value}}
	}
	for _, test := range []struct {
		name    string
		query   url.Values
		status  int
		heading string
		back    bool // has a link back to the app
	}{
		{"no token", nil, 400, "This link has no token", false},
		{"unknown token", url.Values{"token": {"x"}}, 401, "Unknown link", false},
		{"server token", url.Values{"token": {c.token}}, 403, "This link must not be used", false},
		{"token without user", url.Values{"token": {c.as("2.1", client, "").token}}, 403, "This link has no user", false},
		{"unknown action", with("action", "explode"), 400, "Unknown action", true},
		{"unknown bank", with("institutionId", "AU99999"), 400, "Unknown bank", false},
		{"bank without login", with("institutionId", "AU01001"), 400, "Unknown bank", false},
		{"unknown connection", with("connectionId", "x"), 404, "Connection not found", false},
		{"nothing to extend", with("action", "extend"), 400, "You have no active consent", true},
		{"nothing to update", with("action", "update"), 400, "You have no active consent", true},
		{"nothing to authorise", with("action", "reauthorise"), 400, "There is nothing to authorise again", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := &browser{t: t, sandbox: c.sandbox}
			b.open("/home?" + test.query.Encode())
			b.at(test.heading)
			assert.Equal(t, test.status, b.status)
			assert.NotContains(t, b.raw, clientToken)
			if link := b.page.find("a", "class", "button"); test.back {
				require.NotNil(t, link)
				assert.Equal(t, appURL+"&state=s", link.attributes["href"])
			} else {
				assert.Nil(t, link)
			}
		})
	}
}

func TestConsentPage_OtherUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		theirs := c.connected(c.newUser(), hooli, "gavinBelson", "hooli2016")
		b := c.visit(userID, url.Values{"connectionId": {theirs}})
		b.at("Connection not found")
	})
}

// A visit ends when its token expires or is revoked.
func TestConsentPage_VisitExpires(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(c *caller, userID string){
		"expires": func(*caller, string) { time.Sleep(time.Minute) },
		"expired": func(c *caller, _ string) { c.sandbox.ExpireTokens() },
		"revoked": func(c *caller, _ string) { c.sandbox.RevokeTokens() },
		"user deleted": func(c *caller, userID string) {
			require.Equal(c.t, http.StatusNoContent, c.delete("/users/"+userID).status)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, userID := newPage(t, basiqtest.WithTokenLifetime(time.Minute))
				token := c.as("3.0", client, userID).token
				b := newBrowser(c)
				b.open("/home?token=" + token)
				address, form := b.form("I agree")
				end(c, userID)
				b.send(http.MethodPost, address, form)
				b.at("This visit has ended")
				assert.Equal(t, http.StatusNotFound, b.status)
				b.open("/home?token=" + token)
				assert.Contains(t, []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, b.status)
			})
		})
	}
}

// Forms that are submitted twice or from an outdated page have no effect.
func TestConsentPage_StaleForms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		b := c.visit(userID, nil)
		agree, agreed := b.form("I agree")
		b.press("I agree")
		b.send(http.MethodPost, agree, agreed)
		b.at("Choose your bank")
		assert.Equal(t, 1, c.get("/users/"+userID+"/consents").length("data"))

		b.press("Hooli AU00000")
		address, login := b.form("Log in", "loginId", "gavinBelson", "password", "hooli2016")
		b.send(http.MethodPost, address, login)
		b.send(http.MethodPost, address, login)
		b.at("Connecting to Hooli")
		assert.Equal(t, 1, c.get("/users/"+userID+"/connections").length("data"))

		for _, form := range []url.Values{
			nil,
			{"step": {"progress"}},
			{"step": {"progress"}, "do": {"agree"}},
			{"do": {"leave"}},
			{"step": {"progress"}, "x": {strings.Repeat("x", 1<<20)}},
		} {
			b.send(http.MethodPost, address, form)
			b.at("Connecting to Hooli")
		}
		// The consent can end while the page waits for a login.
		b.wait()
		b.press("Connect another")
		b.press("HooliGov")
		b.at("Log in to HooliGov")
		_, login = b.form("Log in", "loginId", "gavinBelson", "password", "hooli2016")
		consentID := c.get("/users/" + userID + "/consents").text("data.0.id")
		require.Equal(t, http.StatusNoContent, c.delete("/users/"+userID+"/consents/"+consentID).status)
		b.send(http.MethodPost, address, login)
		b.at("Share your financial data")
		assert.Equal(t, 0, c.get("/users/"+userID+"/connections").length("data"))
	})
}

func TestConsentPage_ConnectionLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t, basiqtest.WithLimits())
		for range 500 {
			c.as("2.1", server, "").post("/users/"+userID+"/connections", credentials(hooli, "nobody", "x"))
			time.Sleep(long)
		}
		b := c.visit(userID, nil)
		b.press("I agree")
		b.press("Hooli AU00000")
		b.press("Log in", "loginId", "gavinBelson", "password", "hooli2016")
		b.at("Too many connections")
		assert.Equal(t, http.StatusForbidden, b.status)
	})
}

func TestConsentPage_StyleSheet(t *testing.T) {
	t.Parallel()
	s := basiqtest.New(t)
	r := bindInput(t, s, http.MethodGet, "/home/style.css", "", nil)
	require.Equal(t, http.StatusOK, r.status)
	assert.Equal(t, "text/css; charset=utf-8", r.header.Get("Content-Type"))
	assert.Contains(t, r.raw, "prefers-color-scheme: dark")
}

func TestConsentPage_UnknownPaths(t *testing.T) {
	t.Parallel()
	c, _ := newPage(t)
	b := newBrowser(c)
	for _, path := range []string{"/home/x", "/home/visit", "/home/visit/x/y", "/home/visit/x", "/home/link/x"} {
		b.open(path)
		assert.Equal(t, http.StatusNotFound, b.status, path)
	}
	b.send(http.MethodDelete, c.sandbox.URL()+"/home", nil)
	assert.Equal(t, http.StatusNotFound, b.status)
	bindInput(t, c.sandbox, http.MethodGet, "/home/", "", nil).requireError(http.StatusForbidden, "request-not-valid", "Invalid request")
}

// Neither the log nor the pages contain tokens, visit IDs or form input.
func TestConsentPage_Secrets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, userID := newPage(t)
		b := c.visit(userID, nil)
		b.press("I agree")
		b.connectTo("Hooli AU00000", "planted-login", "planted-password")
		assert.NotContains(t, b.raw, "planted")
		visitID := b.url[strings.LastIndex(b.url, "/")+1:]
		seen := map[string]bool{}
		for _, request := range c.sandbox.Requests() {
			assert.NotContains(t, request.Path, visitID)
			assert.NotContains(t, request.Path, "token=")
			seen[request.Method+" "+request.Path] = true
		}
		assert.True(t, seen["GET /home"])
		assert.True(t, seen["POST /home/visit/{visitId}"])
	})
}
