package conformance_test

import (
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

const skipLink = "Skip to the main part"

// A user connects two banks, one of which asks for a second factor, with the keyboard alone: from the first page of the
// example, through the sandbox's consent page, to the accounts.
func TestBrowser(t *testing.T) {
	t.Parallel()
	browser := chromium(t)
	if os.Getenv("AXE") == "" {
		t.Log("SKIPPED: axe-core; give the path of its axe.min.js in AXE")
	}
	url := startExample(t)
	for _, s := range []screen{{"phone", 390, 844}, {"small", 360, 640}, {"desk", 1280, 900}} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			b := newTab(t, browser, s)
			b.do(chromedp.Navigate(url))
			b.at("See all your accounts in one place")
			b.tabs(skipLink, "Your email address", "Connect your bank")
			b.enter()
			b.at("Error: See all your accounts in one place")
			b.comesTo("Enter your email address") // the summary of what is wrong
			b.tabs("Enter your email address")
			b.enter() // leads to the field
			b.comesTo("Your email address")
			b.types("gavin@hooli.com")
			b.enter()

			b.at("Share your financial data")
			b.tabs(
				skipLink, "What is shared: Account name, type and balance", "What is shared: Account balance and details",
				"What is shared: Transaction details",
			)
			b.enter()
			b.at("Share your financial data") // with the details open
			b.tabs("What is shared: Name, occupation, contact details", "I agree")
			b.enter()

			b.at("Choose your bank")
			b.tabs(skipLink, "Hooli AU00000")
			b.enter()

			b.at("Log in to Hooli")
			b.tabs(skipLink, "Login ID")
			b.types("gavinBelson")
			b.enter()
			b.at("Error: Log in to Hooli")
			b.comesTo("There is a problem Enter your password")
			b.tabs("Enter your password")
			b.enter()
			b.comesTo("Password")
			b.back("Login ID") // which is filled in
			b.tabs("Password")
			b.types("wrong")
			b.enter()
			b.at("Hooli could not be connected")
			b.tabs(skipLink, "Try again")
			b.enter()

			b.at("Log in to Hooli")
			b.tabs(skipLink, "Login ID")
			b.types("gavinBelson")
			b.tabs("Password")
			b.types("hooli2016")
			b.tabs("Log in", "Choose another bank", "Cancel and go back to the app", "Test users of the sandbox")
			b.enter()
			b.at("Log in to Hooli") // with the test users open
			b.back("Cancel and go back to the app", "Choose another bank", "Log in", "Password")
			b.enter()
			b.passing("Connecting to Hooli")
			b.at("Hooli is connected")
			b.tabs(skipLink, "Finish", "Connect another")
			b.enter()

			b.at("Choose your bank")
			b.tabs(skipLink, "Hooli AU00000", "Pied Piper AU00002")
			b.enter()
			b.at("Log in to Pied Piper")
			b.tabs(skipLink, "Login ID")
			b.types("gavinBelson")
			b.tabs("Password")
			b.types("hooli2016")
			b.enter()
			b.at("Pied Piper asks for one thing more")
			b.tabs(skipLink, "What's your first company?")
			b.types("Hooli")
			b.enter()
			b.at("Pied Piper is connected")
			b.tabs(skipLink, "Finish")
			b.enter()

			b.passing("Fetching your accounts")
			b.at("Your accounts")
			assert.Regexp(t, `Bank AU00000 active(?s:.*)-?\$[0-9,]+\.[0-9]{2}(?s:.*)Bank AU00002 active(?s:.*)-?\$[0-9,]+\.[0-9]{2}`,
				evaluate[string](b, `document.querySelector("main").innerText`))

			b.tabs(skipLink, "Connect another bank", "Manage what you share")
			b.enter()
			b.at("Manage what you share")
			b.tabs(skipLink, "Revoke the consent given on "+time.Now().UTC().Format("2 January 2006"))
			b.enter()
			b.at("Revoke your consent?")
			b.tabs(skipLink, "Revoke my consent")
			b.enter()
			b.at("Manage what you share")
			b.tabs(skipLink, "Finish")
			b.enter()
			b.at("Your accounts")
			b.tabs(skipLink, "Connect your bank", "Manage what you share", "Delete all my data")
			b.enter()
			b.at("See all your accounts in one place")
		})
	}
}
