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

// Connect connects a user of the application to a bank, as if they had been on the consent page, and returns the id of the
// job, which has just begun:
//
//	jobID := sandbox.Connect(user.ID, "AU00000", "gavinBelson")
//	job, err := client.Jobs.Wait(ctx, jobID)
//
// It is the short way, with any version of the API, to a user who has connected. The user gives a consent unless one is
// still good, and logs in as the test user of that login with the right password. Where the bank asks for a second factor
// in this job, it gets the right answer as soon as it asks; what it asks in later ones is for the application to answer.
// The job of a test user whose logins fail fails too.
//
// The connection is a web connection, or an open-banking connection with [OpenBanking].
//
// A user that does not exist, a bank that nobody can log in to, and a login that is no test user's end the test that made
// the sandbox with [New]; with [Start] they panic. So does the limit of [EnforceLimits].
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

// A ConnectOption changes how [Sandbox.Connect] and [Sandbox.VisitConsentPage] connect a user.
type ConnectOption struct{ method gen.ConnectionMethod }

// OpenBanking makes an open-banking connection. Only the bank AU00000 has them. They differ from web connections as at
// Basiq:
//
//   - Deleting one deletes its accounts and transactions.
//   - Transactions have no balance.
//   - The name of an account is the user's nickname; credit cards have none.
//   - They have an expiryDate, and no new credentials can be entered for them. A visit with
//     basiq.ConsentActionReauthorise sets the date to a year from then.
func OpenBanking() ConnectOption { return ConnectOption{gen.ConnectionMethodOpenBanking} }

func methodOf(options []ConnectOption) gen.ConnectionMethod {
	method := gen.ConnectionMethodWeb
	for _, option := range options {
		method = option.method
	}
	return method
}

func (s *Sandbox) connectUser(userID, institutionID, loginID string, method gen.ConnectionMethod) (string, error) {
	at, who, err := findLogin(institutionID, loginID, method)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.runDue(now)
	u := s.users[userID]
	if u == nil {
		return "", fmt.Errorf("there is no user %q: give the id that creating one has returned", userID)
	}
	consent := u.activeConsent(now)
	if consent == nil {
		consent = s.giveConsent(u, u.policy(), now)
	}
	j, _, err := s.connect(u, loginAs(at, method, who), consent, now)
	if err != nil {
		return "", errors.New("there are 500 connections, and EnforceLimits allows no more")
	}
	j.autoAnswered = true
	return j.id, nil
}

// findLogin returns the bank and the test user of these ids.
func findLogin(institutionID, loginID string, method gen.ConnectionMethod) (*bank.Bank, *bank.Person, error) {
	if method == gen.ConnectionMethodOpenBanking && institutionID != openBankingID {
		return nil, nil, fmt.Errorf("the bank %q has no open banking in the sandbox, only %s has", institutionID, openBankingID)
	}
	at, who := bank.FindBank(institutionID), bank.FindPerson(loginID)
	if at == nil || !at.Login {
		var ids []string
		for _, b := range bank.Banks() {
			if b.Login {
				ids = append(ids, b.ID)
			}
		}
		return nil, nil, fmt.Errorf("nobody can log in to a bank %q: take one of %s", institutionID, strings.Join(ids, ", "))
	}
	if who == nil {
		var logins []string
		for _, p := range bank.People() {
			logins = append(logins, p.Login)
		}
		return nil, nil, fmt.Errorf("there is no test user %q: take one of %s", loginID, strings.Join(logins, ", "))
	}
	return at, who, nil
}

// VisitConsentPage does on the consent page what its user would do in a browser, and returns where that would be sent in
// the end: the URL of [RedirectURL] with the jobIds and the state. So a test goes the whole way through a web app:
//
//	page, err := client.Consents.PageURL(ctx, user.ID, basiq.ConsentPage{State: state}) // where the app sends the browser
//	back, err := sandbox.VisitConsentPage(page.Reveal(), "AU00000", "gavinBelson")
//	redirect, err := basiq.ParseConsentRedirect(back, state)                           // what the app does with a GET of back
//
// pageURL is that of Consents.PageURL, or an auth link. The user gives the consent when asked, chooses the bank, logs in
// as the test user of that login, and answers the bank's questions. It all takes no time: the job goes on, as it does
// after a visit, and gets the right answer as soon as the bank asks. A test user whose logins fail gives up, as does
// everyone when loginID is "": then the URL has no jobIds. With [OpenBanking] the user connects by open banking. With
// basiq.ConsentActionExtend the consent is extended, with basiq.ConsentActionReauthorise the user's connections to that bank
// are authorised again.
//
// What the page refuses is an error that says what it would show, such as that of a token which has expired. So is an
// action that is more than a login, basiq.ConsentActionManage, another bank than the one that the URL names, and a
// sandbox without RedirectURL. A bank that nobody can log in to, and a login that is no test user's, are as wrong as with
// [Sandbox.Connect].
func (s *Sandbox) VisitConsentPage(pageURL, institutionID, loginID string, options ...ConnectOption) (back *url.URL, err error) {
	if s.tb != nil {
		s.tb.Helper()
	}
	u, err := url.Parse(pageURL)
	if err != nil {
		return nil, errors.New("basiqtest: VisitConsentPage: the URL of the page cannot be read") // the error would show its token
	}
	who := &bank.Person{}
	if loginID != "" {
		if _, who, err = findLogin(institutionID, loginID, methodOf(options)); err != nil {
			s.fatalf("VisitConsentPage", err)
			return nil, err
		}
	}
	text, err := s.runVisit(u, institutionID, methodOf(options), who)
	if err != nil {
		return nil, fmt.Errorf("basiqtest: VisitConsentPage: %w", err)
	}
	return url.Parse(text)
}

// lockedVisit fills in the forms of the page, one after the other.
func (s *Sandbox) runVisit(u *url.URL, institutionID string, method gen.ConnectionMethod, who *bank.Person) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config.redirectURL == nil {
		return "", errors.New("the page leads back to nowhere: make the sandbox with the option RedirectURL")
	}
	now := time.Now()
	s.runDue(now)
	opened := s.openVisit(u.Query(), now)
	if id, isLink := strings.CutPrefix(u.Path, linkPath); isLink {
		opened = s.openLink(id, now)
	}
	if opened.location == "" {
		return "", errors.New(strings.Join(append([]string{opened.data.Title}, opened.data.Text...), ". "))
	}
	v := s.visits[strings.TrimPrefix(opened.location, visitPath)]
	return s.completeVisit(v, institutionID, method, who, now)
}

// finish takes a visit through its steps, and leaves. Nobody logs in who has no login.
func (s *Sandbox) completeVisit(v *visit, institutionID string, method gen.ConnectionMethod, who *bank.Person, now time.Time) (string, error) {
	fill := func(field, value string) page {
		return s.submit(v, url.Values{
			"step": {v.step(now)}, field: {value}, "loginId": {who.Login}, "password": {who.Password},
		}, now)
	}
	for who.Login != "" {
		switch step := v.step(now); step {
		case stepConsent:
			fill("do", "agree")
			continue
		case stepBanks:
			fill("bank", choiceValue(institutionID, method))
			continue
		case stepLogin:
			if v.bank.ID != institutionID {
				return "", fmt.Errorf("the page is for the bank %s, not %s", v.bank.ID, institutionID)
			}
			if v.connection == nil {
				v.method = method // the page may have been opened at the bank
			}
			if refused := fill("do", "login"); refused.location == "" {
				return "", errors.New(refused.data.Title)
			}
			s.completeLogin(v, now)
		case stepRenew:
			for _, conn := range v.renewableConnections() {
				if conn.institution.ID == institutionID && conn.loginID.Reveal() == who.Login {
					v.currentStep = stepRenew
					fill("connection", conn.id)
					s.completeLogin(v, now)
				}
			}
			if v.job == nil {
				return "", fmt.Errorf("the user has no connection of %s to %s to authorise again", who.Login, institutionID)
			}
		case stepExtend:
			fill("do", "yes")
		default:
			return "", fmt.Errorf("at %q there is nothing to log in to", s.show(v, now, nil).data.Title)
		}
		break
	}
	return s.leave(v, now).location, nil
}

// leaveToJob does what waiting for the latest job on the page would come to: one whose login works is the application's.
func (s *Sandbox) completeLogin(v *visit, now time.Time) {
	if v.job.steps[0].title == gen.JobStepTitleVerifyCredentials && v.job.steps[0].failure != nil {
		s.removeFailedConnection(v, now)
		return
	}
	v.job.autoAnswered = true
	v.done = append(v.done, v.job)
}
