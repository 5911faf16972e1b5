package basiqtest

import (
	"embed"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

//go:embed pages
var pageFiles embed.FS

// templateSet holds the parsed templates and the style sheet of the consent page.
type templateSet struct {
	pages map[string]*template.Template
	style []byte
}

// templates parses the embedded files on first use, because most tests never open the page.
var templates = sync.OnceValue(func() templateSet {
	set := templateSet{pages: map[string]*template.Template{}}
	layout := template.Must(template.ParseFS(pageFiles, "pages/layout.html"))
	for _, name := range []string{
		stepConsent, stepBanks, stepRenew, stepLogin, stepProgress, stepMFA, stepFailed, stepConnected, stepManage,
		stepRevoke, stepRemove, stepExtend, stepExtended, stepDone, "refusal",
	} {
		set.pages[name] = template.Must(template.Must(layout.Clone()).ParseFS(pageFiles, "pages/"+name+".html"))
	}
	style, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		panic("basiqtest: " + err.Error()) // cannot happen: the file is embedded
	}
	set.style = style
	return set
})

// pageData holds the data of all templates. Each template uses only some of the fields.
type pageData struct {
	Title string
	Step  string
	Place string // such as "Step 2 of 3"
	Self  string // target of forms
	Back  string // URL to continue to; "" for none

	Text        []string // of a refusal
	Notice      string   // result of the previous action; "" for none
	Problems    []fieldProblem
	Bank        string
	Banks       []bankChoice
	CanChoose   bool // the user may choose another bank
	TakesData   bool // removing the connection deletes its accounts and transactions
	Renewing    bool // the connection already existed
	LoginID     string
	Words       loginCaptions
	Since       string // creation date of the existing connection; "" for a new one
	People      []*bank.Person
	Fields      []answerInput
	Code        bool // the MFA answer is a code sent by the bank
	Until       string
	Updating    bool
	Permissions []permission
	Steps       []progressLine
	Reason      string
	Advice      string
	Done        []string // names of the connected banks
	JobIDs      string
	Active      bool // an active consent exists
	Consents    []consentLine
	Connections []connectionLine
}

// A fieldProblem describes an invalid field of a form.
type fieldProblem struct{ Field, Text string }

// Problem returns the error text of a field, or "".
func (d *pageData) Problem(field string) string {
	for _, p := range d.Problems {
		if p.Field == field {
			return p.Text
		}
	}
	return ""
}

type (
	bankChoice     struct{ Value, Name, Detail string }
	loginCaptions  struct{ LoginID, Password, Completion string }
	answerInput    struct{ Name, Question, Hint, Given string }
	progressLine   struct{ Text, Status string }
	consentLine    struct{ ID, Given, Status, Until string }
	connectionLine struct{ ID, Bank, Status, Since string }
)

func answerField(i int) string { return "answer" + strconv.Itoa(i) }

// longDate formats a date for display.
func longDate(t time.Time) string { return t.UTC().Format("2 January 2006") }

// show returns the page of the visit's current step.
func (s *Sandbox) show(v *visit, now time.Time, wrong []fieldProblem) page {
	step := v.step(now)
	d := &pageData{Step: step, Self: visitPath + v.id, Back: s.returnURL(v), Problems: wrong, JobIDs: v.jobIDs()}
	d.Place = v.stepLabel(step)
	if v.bank != nil {
		d.Bank = v.bank.Name
	}
	for _, j := range v.done {
		d.Done = append(d.Done, j.connection.institution.Name)
	}
	p := page{status: http.StatusOK, template: step, data: d}
	if wrong != nil {
		p.status = http.StatusUnprocessableEntity
	}
	switch step {
	case stepConsent:
		d.Title = "Share your financial data"
		d.Updating = v.action == actionUpdate
		d.Permissions = permissions
		d.Until = longDate(consentExpiry(now))
	case stepBanks:
		d.Title = "Choose your bank"
		d.Banks = bankChoices()
	case stepRenew:
		d.Title = "Authorise your connections again"
		d.Connections = connectionLines(v.renewableConnections(), now)
	case stepLogin:
		showLogin(v, d)
	case stepProgress:
		d.Title = "Connecting to " + d.Bank
		d.Steps = progressLines(v.job.progressAt(now))
		p.refresh = time.Second
	case stepMFA:
		p.refresh = showMFA(v, d, now)
	case stepFailed:
		d.Title = d.Bank + " could not be connected"
		d.CanChoose, d.Renewing = v.target == nil, v.connection != nil
		d.Reason, d.Advice = failureText(v.job.progressAt(now))
	case stepConnected:
		d.Title = d.Bank + " is connected"
		d.CanChoose = v.target == nil
	default:
		showManage(v, d, now)
	}
	return p
}

// stepLabel returns the progress label of a step, such as "Step 2 of 3", or "" if it has none.
func (v *visit) stepLabel(step string) string {
	var way []string
	if v.withConsentStep {
		way = append(way, stepConsent)
	}
	if v.presetBank == nil {
		way = append(way, stepBanks)
	}
	way = append(way, stepLogin)
	i := slices.Index(way, step)
	if i < 0 || len(way) == 1 || v.connection != nil {
		return ""
	}
	return "Step " + strconv.Itoa(i+1) + " of " + strconv.Itoa(len(way))
}

func showLogin(v *visit, d *pageData) {
	d.Title = "Log in to " + d.Bank
	d.CanChoose = v.target == nil
	d.People = bank.People()
	d.Words = loginWords(v.method)
	if v.method == gen.ConnectionMethodOpenBanking {
		d.People = slices.Concat([]*bank.Person{&openBankingMember}, d.People)
	}
	if v.connection != nil {
		d.Title = "Enter your new password for " + d.Bank
		d.Since = longDate(v.connection.created)
	}
}

// loginWords returns the labels of the login fields.
func loginWords(method gen.ConnectionMethod) loginCaptions {
	if method == gen.ConnectionMethodOpenBanking {
		return loginCaptions{"Member number", "One-time password", "one-time-code"}
	}
	return loginCaptions{"Login ID", "Password", "current-password"}
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }

// openBankingMember is the test member of AU00000 that Basiq documents for open banking. The password represents the
// one-time code. Basiq does not document the accounts of the member, so the sandbox uses openBankingPerson's.
var openBankingMember = bank.Person{Login: "374829", Password: "227470"}

const openBankingPerson = "gavinBelson"

// bankChoices returns the banks to choose from. A bank with open banking is listed once per method.
func bankChoices() []bankChoice {
	var choices []bankChoice
	for _, ctor := range connectors() {
		switch ctor.method {
		case gen.ConnectionMethodWeb:
			choices = append(choices, bankChoice{choiceValue(ctor.bank.ID, ctor.method), ctor.bank.Name, ctor.bank.ID})
		case gen.ConnectionMethodOpenBanking:
			choices = append(choices, bankChoice{choiceValue(ctor.bank.ID, ctor.method), ctor.bank.Name + " open banking", ctor.bank.ID})
		default:
		}
	}
	return choices
}

// choiceValue returns the form value of a bank: its ID, with the method appended unless it is web.
func choiceValue(institutionID string, method gen.ConnectionMethod) string {
	if method == gen.ConnectionMethodWeb {
		return institutionID
	}
	return institutionID + "/" + string(method)
}

// findChoice returns the chosen connector, or nil.
func findChoice(value string) *connector {
	for _, ctor := range connectors() {
		if ctor.bank.Login && choiceValue(ctor.bank.ID, ctor.method) == value {
			return &ctor
		}
	}
	return nil
}

// showMFA returns the time until the challenge expires, after which the page must be reloaded.
func showMFA(v *visit, d *pageData, now time.Time) time.Duration {
	p, challenge := v.job.progressAt(now), v.job.challenge
	d.Title = d.Bank + " needs one more step"
	d.Text = []string{challenge.Description}
	d.Code = challenge.Method == "token"
	d.Until = p.next.UTC().Format("15:04:05 UTC")
	for i, q := range challenge.Questions {
		d.Fields = append(d.Fields, answerInput{Name: answerField(i), Question: q.Text, Hint: q.Answer})
	}
	return p.next.Sub(now)
}

// progressLines returns the job steps that the page waits for.
func progressLines(p progress) []progressLine {
	texts := map[gen.JobStepTitle]string{
		gen.JobStepTitleVerifyCredentials: "Checking your login", gen.JobStepTitleMFAChallenge: "Checking your MFA answer",
	}
	statuses := map[gen.JobStepStatus]string{
		gen.JobStepStatusPending: "to come", gen.JobStepStatusInProgress: "in progress", gen.JobStepStatusSuccess: "done",
		gen.JobStepStatusSkipped: "not needed",
	}
	var lines []progressLine
	for _, state := range p.steps {
		if text, shown := texts[state.title]; shown {
			lines = append(lines, progressLine{text, statuses[state.status]})
		}
	}
	return lines
}

// failureText returns why a job failed and what the user can do.
func failureText(p progress) (reason, advice string) {
	for _, state := range p.steps {
		switch {
		case state.status != gen.JobStepStatusFailed:
		case state.title == gen.JobStepTitleMFAChallenge:
			return "The bank did not receive a correct MFA answer in time.", "Log in again to get a new question."
		case state.failure.code == wrongCredentials.code:
			return state.failure.detail, "Check your login ID and your password."
		default:
			return state.failure.detail, ""
		}
	}
	return "", ""
}

// showManage fills in the pages about existing consents and connections, and the final page.
func showManage(v *visit, d *pageData, now time.Time) {
	switch d.Step {
	case stepManage:
		d.Title = "Manage what you share"
		d.Notice = v.notice
		d.Active = v.user.activeConsent(now) != nil
		for _, consent := range slices.Backward(v.user.consents) {
			until := consent.expires
			if !consent.revoked.IsZero() {
				until = consent.revoked
			}
			d.Consents = append(d.Consents, consentLine{
				consent.id, longDate(consent.created), string(consent.status(now)), longDate(until),
			})
		}
		d.Connections = connectionLines(v.user.connections, now)
	case stepRevoke:
		d.Title = "Revoke your consent?"
		var under []*connection
		for _, conn := range v.user.connections {
			if conn.consent == v.revoking {
				under = append(under, conn)
			}
		}
		d.Connections = connectionLines(under, now)
	case stepRemove:
		d.Title = "Remove your connection?"
		d.Bank = v.removing.institution.Name
		d.TakesData = v.removing.openBanking()
	case stepExtend:
		d.Title = "Extend your consent"
		d.Consents = []consentLine{{Until: longDate(v.consent.expires)}}
		d.Until = longDate(consentExpiry(now))
	case stepExtended:
		d.Title = "Your consent is extended"
		d.Until = longDate(v.consent.expires)
	default:
		d.Title = "You can close this page"
	}
}

func connectionLines(connections []*connection, now time.Time) []connectionLine {
	lines := make([]connectionLine, 0, len(connections))
	for _, conn := range connections {
		lines = append(lines, connectionLine{
			conn.id, conn.institution.Name, string(conn.stateAt(now).status), longDate(conn.created),
		})
	}
	return lines
}
