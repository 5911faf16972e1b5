package conformance_test

import (
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

const skipLink = "Skip to the main part"

// A user connects two banks, one of which requires MFA, using only the keyboard: from the first page of the example, through the
// sandbox's consent page, to the accounts.
func TestBrowser(t *testing.T) {
	t.Parallel()
	browser := chromium(t)
	if os.Getenv("AXE") == "" {
		t.Log("SKIPPED: axe-core checks; set AXE to the path of axe.min.js")
	}
	url := startExample(t)
	for _, s := range []screen{{"phone", 390, 844}, {"small", 360, 640}, {"desk", 1280, 900}} {
		t.Run(s.name+" managing", func(t *testing.T) {
			t.Parallel()
			manage(newTab(t, browser, screen{s.name + "-managing", s.width, s.height}))
		})
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			b := newTab(t, browser, s)
			b.do(chromedp.Navigate(url))
			b.at("See all your accounts in one place")
			b.follow("Error: See all your accounts in one place", skipLink, "Your email address", "Connect your bank")
			b.comesTo("Enter your email address") // the error summary
			b.tabs("Enter your email address")
			b.enter() // leads to the field
			b.comesTo("Your email address")
			b.types("gavin@hooli.com")
			b.enter()

			b.at("Share your financial data")
			b.tabs(
				skipLink, "What is shared: Name, occupation, contact details", "What is shared: Account name, type and balance",
				"What is shared: Account numbers and features",
			)
			b.enterTo("Share your financial data") // with expanded details
			b.tabs("What is shared: Transaction details", "I agree")
			b.enter()

			b.at("Choose your bank")
			b.tabs(skipLink, "Hooli AU00000")
			b.enter()

			b.at("Log in to Hooli")
			b.tabs(skipLink, "Login ID")
			b.types("gavinBelson")
			b.enterTo("Error: Log in to Hooli")
			b.comesTo("There is a problem Enter your password")
			b.tabs("Enter your password")
			b.enter()
			b.comesTo("Password")
			b.back("Login ID") // which is still filled in
			b.tabs("Password")
			b.types("wrong")
			b.enterTo("Hooli could not be connected")
			b.tabs(skipLink, "Try again")
			b.enter()

			b.at("Log in to Hooli")
			b.fillIn("gavinBelson", "hooli2016")
			b.follow("Log in to Hooli", "Log in", "Choose another bank", "Cancel and go back to the app", "Test users of the sandbox") // with the expanded test users
			b.back("Cancel and go back to the app", "Choose another bank", "Log in", "Password")
			b.enter()
			b.passing("Connecting to Hooli")
			b.at("Hooli is connected")
			b.tabs(skipLink, "Finish", "Connect another")
			b.enter()

			b.at("Choose your bank")
			b.follow("Log in to Pied Piper", skipLink, "Hooli AU00000", "Hooli open banking AU00000", "Pied Piper AU00002")
			b.fillIn("gavinBelson", "hooli2016")
			b.enterTo("Pied Piper needs one more step")
			b.tabs(skipLink, "What's your first company?")
			b.types("Hooli")
			b.enterTo("Pied Piper is connected")
			b.tabs(skipLink, "Finish")
			b.enter()

			b.passing("Fetching your accounts")
			b.at("Your accounts")
			assert.Regexp(t, `Hooli active(?s:.*)-?\$[0-9,]+\.[0-9]{2}(?s:.*)Pied Piper active(?s:.*)-?\$[0-9,]+\.[0-9]{2}`,
				evaluate[string](b, `document.querySelector("main").innerText`))

			b.follow("Manage what you share", skipLink, "Connect another bank", "Manage what you share")
			b.follow("Revoke your consent?", skipLink, "Revoke the consent given on "+time.Now().UTC().Format("2 January 2006"))
			b.follow("Manage what you share", skipLink, "Revoke my consent")
			b.follow("Your accounts", skipLink, "Finish")
			b.follow("See all your accounts in one place", skipLink, "Connect your bank", "Manage what you share", "Delete all my data")
		})
	}
}

// A user with several connections lists them, authorises one again, removes one, extends the consent and revokes it. This sandbox
// has no redirect URL, so each visit ends on its own last page.
func manage(b *tab) {
	t := b.t
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(20))
	require.NoError(t, err)
	t.Cleanup(func() { _ = sandbox.Close() })
	client, err := sandbox.NewClient()
	require.NoError(t, err)
	user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
	require.NoError(t, err)
	open := func(action basiq.ConsentAction) {
		t.Helper()
		page, err := client.Consents.PageURL(t.Context(), user.ID, basiq.ConsentPage{Action: action, State: basiq.NewConsentState()})
		require.NoError(t, err)
		b.do(chromedp.Navigate(page.Reveal()))
	}
	day := time.Now().UTC().Format("2 January 2006")

	open(basiq.ConsentActionReauthorise)
	b.at("There is nothing to authorise again")
	for _, login := range [][2]string{{"AU00000", "gavinBelson"}, {"AU00002", "Whistler"}, {"AU00004", "ashMann"}} {
		_, err := client.Jobs.Wait(t.Context(), sandbox.Connect(user.ID, login[0], login[1]))
		require.NoError(t, err)
	}

	open(basiq.ConsentActionReauthorise)
	b.at("Authorise your connections again")
	b.tabs(skipLink)
	b.tabsTo("Pied Piper active, since " + day)
	b.enterTo("Pied Piper needs one more step") // two of them
	b.follow("Error: Pied Piper needs one more step", skipLink, "What's your favourite company?")
	b.tabs("Enter an answer to the question “What's your favourite company?”", "Enter an answer to the question “What's the ID of this institution?”")
	b.enter()
	b.comesTo("What's the ID of this institution?")
	b.types("AU00002")
	b.back("What's your favourite company?")
	b.types("Hooli") // an incorrect value
	b.enterTo("Pied Piper could not be connected")
	b.tabs(skipLink, "Try again")
	assert.True(t, evaluate[bool](b, `document.body.innerText.includes("did not receive a correct MFA answer")`))

	open(basiq.ConsentActionManage)
	b.at("Manage what you share")
	b.tabs(skipLink, "Revoke the consent given on "+day)
	b.tabsTo("Remove the connection to Pied Piper made on " + day)
	b.enterTo("Remove your connection?")
	b.tabs(skipLink, "Remove Pied Piper", "Keep it")
	b.back("Remove Pied Piper")
	b.enterTo("Manage what you share")
	assert.True(t, evaluate[bool](b, `document.body.innerText.includes("Your connection to Pied Piper is removed.")`))
	b.follow("Revoke your consent?", skipLink, "Revoke the consent given on "+day)
	b.follow("Manage what you share", skipLink, "Revoke my consent", "Keep it")

	open(basiq.ConsentActionExtend)
	b.at("Extend your consent")
	b.follow("Your consent is extended", skipLink, "Extend my consent")
	b.follow("You can close this page", skipLink, "Finish")

	open(basiq.ConsentActionManage)
	b.at("Manage what you share")
	b.follow("Revoke your consent?", skipLink, "Revoke the consent given on "+day)
	b.follow("Manage what you share", skipLink, "Revoke my consent")
	assert.True(t, evaluate[bool](b, `document.body.innerText.includes("Your consent is revoked.")`))

	open(basiq.ConsentActionUpdate)
	b.at("You have no active consent")
	b.do(chromedp.Navigate(sandbox.URL() + "/home?" + url.Values{"token": {"unknown"}}.Encode()))
	b.at("Unknown link")
}
