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

// templateSet is what the consent page is made of.
type templateSet struct {
	pages map[string]*template.Template
	style []byte
}

// templates reads the files when somebody opens the page, which most tests never do.
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
		panic("basiqtest: " + err.Error()) // it is embedded
	}
	set.style = style
	return set
})

// pageData is what the templates show. Each uses what it needs.
type pageData struct {
	Title string
	Step  string
	Place string // such as "Step 2 of 3"
	Self  string // where forms go
	Back  string // where the browser can go on to; "" when nowhere

	Text        []string // of a refusal
	Notice      string   // of what has just been done; "" for nothing
	Problems    []fieldProblem
	Bank        string
	Banks       []bankChoice
	CanChoose   bool // another bank
	TakesData   bool // removing the connection deletes its accounts and transactions
	Renewing    bool // it is about a connection that was there before
	LoginID     string
	Words       loginCaptions
	Since       string // when the connection that is logged in to was made; "" for a new one
	People      []*bank.Person
	Fields      []answerInput
	Code        bool // the answer is a code that was sent
	Until       string
	Updating    bool
	Permissions []permission
	Steps       []progressLine
	Reason      string
	Advice      string
	Done        []string // the names of the banks that were connected
	JobIDs      string
	Active      bool // there is a consent
	Consents    []consentLine
	Connections []connectionLine
}

// fieldProblem is what is wrong with a field of a form.
type fieldProblem struct{ Field, Text string }

// Problem returns what is wrong with a field, or "".
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

// longDate is how the page writes a day to people.
func longDate(t time.Time) string { return t.UTC().Format("2 January 2006") }

// show makes the page of the visit's step.
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
	answer := page{status: http.StatusOK, template: step, data: d}
	if wrong != nil {
		answer.status = http.StatusUnprocessableEntity
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
		answer.refresh = time.Second
	case stepMFA:
		answer.refresh = showMFA(v, d, now)
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
	return answer
}

// place says how far it is to a connection, or "" when there is nothing to say.
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

// loginWords are the names of the fields to log in with.
func loginWords(method gen.ConnectionMethod) loginCaptions {
	if method == gen.ConnectionMethodOpenBanking {
		return loginCaptions{"Member number", "One-time password", "one-time-code"}
	}
	return loginCaptions{"Login ID", "Password", "current-password"}
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }

// openBankingMember is the test member of AU00000 that Basiq documents for open banking. Its password is the code that the
// bank sends. Whose accounts it has is not documented; here they are those of openBankingPerson.
var openBankingMember = bank.Person{Login: "374829", Password: "227470"}

const openBankingPerson = "gavinBelson"

// bankChoices returns the banks to choose from. A bank with open banking is there for each method.
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

// choiceOf is the value of a choice in the form: the bank's id, with the method unless it is web.
func choiceValue(institutionID string, method gen.ConnectionMethod) string {
	if method == gen.ConnectionMethodWeb {
		return institutionID
	}
	return institutionID + "/" + string(method)
}

// findChoice returns the connector that was chosen, or nil.
func findChoice(value string) *connector {
	for _, ctor := range connectors() {
		if ctor.bank.Login && choiceValue(ctor.bank.ID, ctor.method) == value {
			return &ctor
		}
	}
	return nil
}

// showMFA returns when the page has to be loaded again, because the time for the answer is over.
func showMFA(v *visit, d *pageData, now time.Time) time.Duration {
	p, challenge := v.job.progressAt(now), v.job.challenge
	d.Title = d.Bank + " asks for one thing more"
	d.Text = []string{challenge.Description}
	d.Code = challenge.Method == "token"
	d.Until = p.next.UTC().Format("15:04:05 UTC")
	for i, q := range challenge.Questions {
		d.Fields = append(d.Fields, answerInput{Name: answerField(i), Question: q.Text, Hint: q.Answer})
	}
	return p.next.Sub(now)
}

// progressLines are the steps of the job that the page waits for.
func progressLines(p progress) []progressLine {
	texts := map[gen.JobStepTitle]string{
		gen.JobStepTitleVerifyCredentials: "Checking your login", gen.JobStepTitleMFAChallenge: "Checking your answer",
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

// whyFailed says why a job has failed, and what its user can do.
func failureText(p progress) (reason, advice string) {
	for _, state := range p.steps {
		switch {
		case state.status != gen.JobStepStatusFailed:
		case state.title == gen.JobStepTitleMFAChallenge:
			return "The bank did not get the right answer in time.", "Log in again to be asked again."
		case state.failure.code == wrongCredentials.code:
			return state.failure.detail, "Check your login ID and your password."
		default:
			return state.failure.detail, ""
		}
	}
	return "", ""
}

// showManage fills in the pages about what the user has already, and the last one.
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
