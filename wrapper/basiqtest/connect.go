package basiqtest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// Connect connects a user to a bank as if the user had visited the consent page. It returns the ID of the job, which
// has just started:
//
//	jobID := sandbox.Connect(user.ID, "AU00000", "gavinBelson")
//	job, err := client.Jobs.Wait(ctx, jobID)
//
// It is the shortest way to a connected user, with any API version. The user grants a consent unless one is active, and
// logs in as the test user loginID with the correct password. If the bank asks for a second factor in this job, Connect
// supplies the correct answer immediately. Challenges of later jobs are left to the application. If the test user is
// one whose logins fail, the job fails.
//
// The connection is a web connection unless [WithOpenBanking] is given.
//
// If the user does not exist, the bank does not support logins, loginID is not a test user or the limit of
// [WithLimits] is reached, Connect fails the test that created the sandbox with [New]. For a sandbox created with
// [Start], it panics.
func (s *Sandbox) Connect(userID, institutionID, loginID string, options ...ConnectOption) (jobID string) {
	if s.tb != nil {
		s.tb.Helper()
	}
	jobID, err := s.connectUser(userID, institutionID, loginID, methodOf(options))
	if err != nil {
		s.fatalf("Connect", err)
	}
	return jobID
}

// A ConnectOption configures how [Sandbox.Connect] and [Sandbox.VisitConsentPage] connect a user.
type ConnectOption struct{ method gen.ConnectionMethod }

// WithOpenBanking creates an open-banking connection. Only the bank AU00000 supports it. As at Basiq, open-banking
// connections differ from web connections:
//
//   - Deleting a connection deletes its accounts and transactions.
//   - Transactions have no balance.
//   - The name of an account is the user's nickname; credit cards have none.
//   - Times are in UTC. The postDate is midnight in Sydney, so its date in UTC is the day before the bank's.
//   - They can be refreshed 20 times a day, then the response is 429.
//   - They have an expiryDate, and their credentials cannot be updated. A visit with
//     basiq.ConsentActionReauthorise sets the date to one year from then, extends the consent and keeps all IDs. If the
//     date passes, the connection and its data are deleted.
func WithOpenBanking() ConnectOption { return ConnectOption{gen.ConnectionMethodOpenBanking} }

func methodOf(options []ConnectOption) gen.ConnectionMethod {
	method := gen.ConnectionMethodWeb
	for _, option := range options {
		method = option.method
	}
	return method
}

func (s *Sandbox) connectUser(userID, institutionID, loginID string, method gen.ConnectionMethod) (string, error) {
	institution, person, err := findLogin(institutionID, loginID, method)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.runDue(now)
	u := s.users[userID]
	if u == nil {
		return "", fmt.Errorf("user %q does not exist", userID)
	}
	consent := u.activeConsent(now)
	if consent == nil {
		consent = s.giveConsent(u, u.policy(), now)
	}
	j, _, err := s.connect(u, credentialsOf(institution, method, person), consent, now)
	if err != nil {
		return "", errors.New("limit of 500 connections reached (WithLimits)")
	}
	j.autoAnswered = true
	return j.id, nil
}

// findLogin returns the bank and the test user with these IDs.
func findLogin(institutionID, loginID string, method gen.ConnectionMethod) (*bank.Bank, *bank.Person, error) {
	if method == gen.ConnectionMethodOpenBanking && institutionID != openBankingID {
		return nil, nil, fmt.Errorf("bank %q does not support open banking in the sandbox (supported: %s)", institutionID, openBankingID)
	}
	institution, person := bank.FindBank(institutionID), bank.FindPerson(loginID)
	if institution == nil || !institution.Login {
		var ids []string
		for _, b := range bank.Banks() {
			if b.Login {
				ids = append(ids, b.ID)
			}
		}
		return nil, nil, fmt.Errorf("bank %q does not support logins (supported: %s)", institutionID, strings.Join(ids, ", "))
	}
	if person == nil {
		var logins []string
		for _, p := range bank.People() {
			logins = append(logins, p.Login)
		}
		return nil, nil, fmt.Errorf("unknown test user %q (known: %s)", loginID, strings.Join(logins, ", "))
	}
	return institution, person, nil
}

// VisitConsentPage does what a user would do on the consent page in a browser. It returns the URL that the page would
// redirect to: the URL of [WithRedirectURL] with the job IDs and the state. This way a test can cover the complete flow
// of a web app:
//
//	page, err := client.Consents.PageURL(ctx, user.ID, basiq.ConsentPage{State: state}) // where the app sends the browser
//	back, err := sandbox.VisitConsentPage(page.Reveal(), "AU00000", "gavinBelson")
//	redirect, err := basiq.ParseConsentRedirect(back, state)                           // how the app handles a GET of back
//
// The pageURL is a URL from Consents.PageURL or an auth link. The user grants the consent if asked, chooses the bank,
// logs in as the test user loginID and answers the bank's questions. VisitConsentPage does not wait for the job, which
// continues after the visit. If the bank asks for a second factor, the correct answer is supplied immediately. With
// [WithOpenBanking], the connection is an open-banking connection.
//
// The URL has no job IDs if loginID is "" or is a test user whose logins fail. The user then leaves the page without a
// connection. With basiq.ConsentActionExtend the consent is extended. With basiq.ConsentActionReauthorise the user's
// connections to the bank are reauthorised.
//
// VisitConsentPage returns an error with the text of the page if the page rejects the visit, for example because the
// token has expired. It also returns an error for basiq.ConsentActionManage, for a bank other than the one that the URL
// names, and if WithRedirectURL is not given. Like [Sandbox.Connect], it fails the test or panics if the bank does not
// support logins or loginID is not a test user.
func (s *Sandbox) VisitConsentPage(pageURL, institutionID, loginID string, options ...ConnectOption) (back *url.URL, err error) {
	if s.tb != nil {
		s.tb.Helper()
	}
	u, err := url.Parse(pageURL)
	if err != nil {
		return nil, errors.New("basiqtest: VisitConsentPage: invalid page URL") // the parse error would contain the token
	}
	person := &bank.Person{}
	if loginID != "" {
		if _, person, err = findLogin(institutionID, loginID, methodOf(options)); err != nil {
			s.fatalf("VisitConsentPage", err)
			return nil, err
		}
	}
	text, err := s.runVisit(u, institutionID, methodOf(options), person)
	if err != nil {
		return nil, fmt.Errorf("basiqtest: VisitConsentPage: %w", err)
	}
	return url.Parse(text)
}

// runVisit submits the forms of the page one after the other.
func (s *Sandbox) runVisit(u *url.URL, institutionID string, method gen.ConnectionMethod, person *bank.Person) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config.redirectURL == nil {
		return "", errors.New("no redirect URL: option WithRedirectURL is required")
	}
	now := s.now()
	s.runDue(now)
	opened := s.openVisit(u.Query(), now)
	if id, isLink := strings.CutPrefix(u.Path, linkPath); isLink {
		opened = s.openLink(id, now)
	}
	if opened.location == "" {
		return "", errors.New(opened.data.Title + ". " + strings.Join(opened.data.Text, " "))
	}
	v := s.visits[strings.TrimPrefix(opened.location, visitPath)]
	return s.completeVisit(v, institutionID, method, person, now)
}

// completeVisit takes a visit through its steps and leaves the page. It skips the login if the person has none.
func (s *Sandbox) completeVisit(v *visit, institutionID string, method gen.ConnectionMethod, person *bank.Person, now time.Time) (string, error) {
	fill := func(field, value string) page {
		return s.submit(v, url.Values{
			"step": {v.step(now)}, field: {value}, "loginId": {person.Login}, "password": {person.Password},
		}, now)
	}
	for person.Login != "" {
		switch step := v.step(now); step {
		case stepConsent:
			fill("do", "agree")
			continue
		case stepBanks:
			fill("bank", choiceValue(institutionID, method))
			continue
		case stepLogin:
			if v.bank.ID != institutionID {
				return "", fmt.Errorf("page is limited to bank %s, not %s", v.bank.ID, institutionID)
			}
			if v.connection == nil {
				v.method = method // the page may have been opened with a preset bank
			}
			if refused := fill("do", "login"); refused.location == "" {
				return "", errors.New(refused.data.Title)
			}
			s.completeLogin(v, now)
		case stepRenew:
			for _, conn := range v.renewableConnections() {
				if conn.institution.ID == institutionID && conn.loginID.Reveal() == person.Login {
					v.currentStep = stepRenew
					fill("connection", conn.id)
					s.completeLogin(v, now)
				}
			}
			if v.job == nil {
				return "", fmt.Errorf("user has no connection of %s to %s to reauthorise", person.Login, institutionID)
			}
		case stepExtend:
			fill("do", "yes")
		default:
			return "", fmt.Errorf("page %q has no login", s.show(v, now, nil).data.Title)
		}
		break
	}
	return s.leave(v, now).location, nil
}

// completeLogin skips the wait for the latest job on the page. If the login succeeds, the job counts as connected.
func (s *Sandbox) completeLogin(v *visit, now time.Time) {
	if v.job.steps[0].title == gen.JobStepTitleVerifyCredentials && v.job.steps[0].failure != nil {
		s.removeFailedConnection(v, now)
		return
	}
	v.job.autoAnswered = true
	v.done = append(v.done, v.job)
}
