package basiqtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// What a user can come for. The documents write "null" for none.
const (
	actionNone        = ""
	actionNull        = "null"
	actionConnect     = "connect"
	actionManage      = "manage"
	actionExtend      = "extend"
	actionUpdate      = "update"
	actionReauthorise = "reauthorise"
)

// The steps of a visit, each of which has a template of that name.
const (
	stepConsent   = "consent"
	stepBanks     = "banks"
	stepRenew     = "renew" // a connection is to be chosen and authorised again
	stepLogin     = "login"
	stepProgress  = "progress"
	stepMFA       = "mfa"
	stepFailed    = "failed"
	stepConnected = "connected"
	stepManage    = "manage"
	stepRevoke    = "revoke"
	stepRemove    = "remove"
	stepExtend    = "extend"
	stepExtended  = "extended"
	stepDone      = "done"
)

// visit is a user on the consent page. All the fields of one visit are in one browser; what it makes is the user's.
type visit struct {
	id          string
	user        *user
	token       string    // the text of the token that it began with, and ends with; "" when it was an auth link
	link        *authLink // the auth link; nil when it was a token
	action      string
	state       *string     // nil when none was given
	presetBank  *bank.Bank  // the bank to begin with; nil when it is to be chosen
	target      *connection // the connection that it is about; nil when it is about none
	currentStep string      // the step, as far as it does not follow from a job

	withConsentStep bool                 // the way to the next connection begins with a consent
	consent         *consent             // under which connections are made; nil when none has been given
	bank            *bank.Bank           // to log in to
	method          gen.ConnectionMethod // how: web or open banking
	connection      *connection          // what gets new credentials, or is authorised again; nil for a new one
	created         *connection          // what the latest login has made; nil when it was there before
	job             *job                 // the latest
	done            []*job               // those that have logged in

	revoking *consent    // about to be revoked
	removing *connection // about to be removed
	notice   string      // what the user has just done on the page for managing; "" for nothing
}

// begin chooses the first step. It returns a refusal when there is nothing that the action could do.
func (v *visit) start(now time.Time) *page {
	refused := func(title string, text ...string) *page {
		return new(refusal(http.StatusBadRequest, title, text...))
	}
	v.consent = v.user.activeConsent(now)
	switch {
	case v.action == actionReauthorise && len(v.user.connections) == 0:
		return refused("There is nothing to authorise again", "You have no connection to a bank here.")
	case v.action == actionReauthorise:
		v.currentStep = stepRenew
	case v.target != nil && v.target.openBanking():
		v.currentStep = stepRenew
	case v.target != nil:
		v.startLogin(v.target.institution, v.target.method, v.target)
	case v.action == actionNone || v.action == actionNull:
		v.consent, v.currentStep = nil, stepConsent
	case v.action == actionConnect:
		v.chooseBank()
	case v.action == actionManage:
		v.currentStep = stepManage
	case (v.action == actionExtend || v.action == actionUpdate) && v.consent == nil:
		return refused("You have not given a consent", "There is none that is still good, so it cannot be changed. Give one first.")
	case v.action == actionExtend:
		v.currentStep = stepExtend
	case v.action == actionUpdate:
		v.currentStep = stepConsent
	default:
		return refused("This page cannot do that", "The action in the address is none that is documented.")
	}
	return nil
}

func (v *visit) startLogin(at *bank.Bank, method gen.ConnectionMethod, conn *connection) {
	v.bank, v.method, v.connection, v.currentStep = at, method, conn, stepLogin
}

// chooseBank goes to the list of banks, or past it when the bank is known.
func (v *visit) chooseBank() {
	v.connection, v.job, v.currentStep = nil, nil, stepBanks
	if v.presetBank != nil {
		v.startLogin(v.presetBank, gen.ConnectionMethodWeb, nil)
	}
}

// another goes to where one more is chosen.
func (v *visit) chooseAnother() {
	v.connection, v.job, v.bank, v.withConsentStep = nil, nil, nil, false
	v.presetBank = nil // that one is done, or was given up
	v.currentStep = stepBanks
	if v.action == actionReauthorise {
		v.currentStep = stepRenew
	}
}

// step returns the step that the visit has come to. No login goes without a consent, unless the connection is there.
func (v *visit) step(now time.Time) string {
	switch {
	case v.currentStep == stepProgress:
		return v.progress(now)
	case v.currentStep == stepConsent:
		v.withConsentStep = true
	case v.consent != nil && v.consent.status(now) == gen.ConsentStatusActive:
	case (v.currentStep == stepBanks || v.currentStep == stepLogin) && v.connection == nil, v.currentStep == stepExtend:
		v.consent, v.currentStep, v.withConsentStep = nil, stepConsent, true
	}
	return v.currentStep
}

// progress returns what the latest job has come to: the page is done with it when the login has worked, and the second
// factor too if the bank asks for one. What comes after that is for the application to wait for.
func (v *visit) progress(now time.Time) string {
	p := v.job.progressAt(now)
	for _, state := range p.steps {
		if state.title != gen.JobStepTitleVerifyCredentials && state.title != gen.JobStepTitleMFAChallenge {
			continue
		}
		switch {
		case state.status == gen.JobStepStatusFailed:
			return stepFailed
		case p.waiting:
			return stepMFA
		case state.status == gen.JobStepStatusPending || state.status == gen.JobStepStatusInProgress:
			return stepProgress
		}
	}
	if !slices.Contains(v.done, v.job) {
		v.done = append(v.done, v.job)
	}
	return stepConnected
}

func (v *visit) jobIDs() string {
	ids := make([]string, 0, len(v.done))
	for _, j := range v.done {
		ids = append(ids, j.id)
	}
	return strings.Join(ids, ",")
}

// submit takes a visit further. A form of another step than the current one was sent twice, or is on an old page: it does
// nothing. All the forms lead back to where the visit is, so that nothing is sent twice by loading a page again; only one
// that is not filled in correctly is shown at once, with what was in it.
func (s *Sandbox) submit(v *visit, form url.Values, now time.Time) page {
	here := redirect(visitPath + v.id)
	step, do := v.step(now), form.Get("do")
	if form.Get("step") != step {
		return here
	}
	if do == "leave" {
		return s.leave(v, now)
	}
	v.notice = ""
	switch step {
	case stepConsent:
		if do == "agree" {
			s.agree(v, now)
		}
	case stepBanks:
		if chosen := findChoice(form.Get("bank")); chosen != nil {
			v.startLogin(chosen.bank, chosen.method, nil)
		}
	case stepRenew:
		if conn := v.findRenewable(form.Get("connection")); conn != nil {
			v.connection, v.bank, v.created = conn, conn.institution, nil
			if conn.openBanking() {
				conn.expires = consentExpiry(now)
			}
			v.job, _ = s.refresh(conn, now)
			v.currentStep = stepProgress
		}
	case stepLogin:
		if do == "another" {
			v.chooseAnother()
			return here
		}
		return s.logIn(v, form, now)
	case stepMFA:
		return s.answerMFA(v, form, now)
	case stepFailed:
		s.removeFailedConnection(v, now)
		switch do {
		case "again":
			v.startLogin(v.bank, v.method, v.connection)
		case "another":
			v.chooseAnother()
		}
	case stepConnected:
		if do == "another" {
			v.chooseAnother()
		}
	default:
		s.manage(v, step, do, form, now)
	}
	return here
}

// agree gives the consent. An update comes with a new policy, and ends what was made under the one before: the documents
// say that otherwise it would be an extension, and the sandbox has no other sign of a new policy.
func (s *Sandbox) agree(v *visit, now time.Time) {
	policy := v.user.policy()
	if v.action == actionUpdate {
		policy++
		// There is none when the visit was about a connection that needs none.
		if before := v.consent; before != nil && before.status(now) == gen.ConsentStatusActive {
			s.revokeConsent(v.user, before, now)
		}
		v.action = actionConnect // it is done
	}
	v.consent = s.giveConsent(v.user, policy, now)
	v.chooseBank()
}

// renewable returns the connection of that id if it can be authorised again in this visit, or nil. Basiq has this for
// open-banking connections, which expire. Here web connections can be authorised again, too.
func (v *visit) findRenewable(id string) *connection {
	for _, conn := range v.renewableConnections() {
		if conn.id == id {
			return conn
		}
	}
	return nil
}

func (v *visit) renewableConnections() []*connection {
	var list []*connection
	for _, conn := range v.user.connections {
		if conn.statement == nil && (v.target == nil || v.target == conn) {
			list = append(list, conn)
		}
	}
	return list
}

// logIn connects, or gives a connection new credentials.
func (s *Sandbox) logIn(v *visit, form url.Values, now time.Time) page {
	loginID, password := strings.TrimSpace(form.Get("loginId")), form.Get("password")
	var wrong []fieldProblem
	if v.connection == nil && loginID == "" {
		wrong = append(wrong, fieldProblem{"loginId", "Enter your " + lowerFirst(loginWords(v.method).LoginID)})
	}
	if password == "" {
		wrong = append(wrong, fieldProblem{"password", "Enter your " + lowerFirst(loginWords(v.method).Password)})
	}
	if wrong != nil {
		again := s.show(v, now, wrong)
		again.data.LoginID = loginID
		return again
	}
	if v.method == gen.ConnectionMethodOpenBanking && loginID == openBankingMember.Login && password == openBankingMember.Password {
		who := bank.FindPerson(openBankingPerson)
		loginID, password = who.Login, who.Password
	}
	if v.connection != nil {
		v.created = nil
		v.connection.password = api.NewSecret(password)
		v.job, _ = s.refresh(v.connection, now)
	} else {
		before := len(v.user.connections)
		j, _, err := s.connect(v.user, login{v.bank, v.method, api.NewSecret(loginID), api.NewSecret(password)}, v.consent, now)
		if err != nil {
			return refusal(http.StatusForbidden, "There are too many connections",
				"This sandbox plays the limit of 500, and it has been reached.")
		}
		v.job, v.created = j, nil
		if len(v.user.connections) > before {
			v.created = j.connection
		}
	}
	v.currentStep = stepProgress
	return redirect(visitPath + v.id)
}

// answerMFA gives the answers to the bank, unless one is missing: it takes them once only.
func (s *Sandbox) answerMFA(v *visit, form url.Values, now time.Time) page {
	answers := make([]api.WireSecret, 0, len(v.job.challenge.Questions))
	var wrong []fieldProblem
	for i := range v.job.challenge.Questions {
		given := strings.TrimSpace(form.Get(answerField(i)))
		if given == "" {
			wrong = append(wrong, fieldProblem{answerField(i), "Enter the answer to “" + v.job.challenge.Questions[i].Text + "”"})
		}
		answers = append(answers, api.WireSecret{Secret: api.NewSecret(given)})
	}
	if wrong != nil { // what was filled in does not have to be typed again
		again := s.show(v, now, wrong)
		for i := range again.data.Fields {
			again.data.Fields[i].Given = answers[i].Reveal()
		}
		return again
	}
	_ = s.answerChallenge(v.job, answers, now) // which the job says too
	return redirect(visitPath + v.id)
}

// dropFailed removes the connection that a failed login has made: one exists, say the documents, when a login has worked.
func (s *Sandbox) removeFailedConnection(v *visit, now time.Time) {
	if v.created != nil && slices.Contains(v.user.connections, v.created) {
		s.removeConnection(v.user, v.created, now)
	}
	v.created = nil
}

// manage takes the forms of the steps that are about what the user has already.
func (s *Sandbox) manage(v *visit, step, do string, form url.Values, now time.Time) {
	yes := do == "yes"
	switch step {
	case stepManage:
		consent := v.user.consent(form.Get("revoke"))
		i := slices.IndexFunc(v.user.connections, func(conn *connection) bool { return conn.id == form.Get("remove") })
		switch {
		case consent != nil && consent.status(now) == gen.ConsentStatusActive:
			v.revoking, v.currentStep = consent, stepRevoke
		case i >= 0:
			v.removing, v.currentStep = v.user.connections[i], stepRemove
		case do == "another":
			v.consent = v.user.activeConsent(now)
			v.chooseAnother()
		}
	case stepRevoke:
		if yes && v.revoking.status(now) == gen.ConsentStatusActive {
			s.revokeConsent(v.user, v.revoking, now)
			v.notice = "Your consent is revoked."
		}
		v.currentStep = stepManage
	case stepRemove:
		if yes && slices.Contains(v.user.connections, v.removing) {
			s.removeConnection(v.user, v.removing, now)
			v.notice = "Your connection to " + v.removing.institution.Name + " is removed."
		}
		v.currentStep = stepManage
	case stepExtend:
		if yes {
			s.extendConsent(v.user, v.consent, now)
			v.currentStep = stepExtended
		}
	}
}

// leave ends the visit. An auth link is used up when its user is done.
func (s *Sandbox) leave(v *visit, now time.Time) page {
	if v.step(now) == stepFailed {
		s.removeFailedConnection(v, now)
	}
	if v.link != nil && len(v.done) > 0 {
		v.user.authLink = nil
	}
	if to := s.returnURL(v); to != "" {
		delete(s.visits, v.id)
		return redirect(to)
	}
	v.currentStep = stepDone
	return redirect(visitPath + v.id)
}
