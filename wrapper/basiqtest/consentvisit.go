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

// Actions of the consent page. The documentation also uses "null" for none.
const (
	actionNone        = ""
	actionNull        = "null"
	actionConnect     = "connect"
	actionManage      = "manage"
	actionExtend      = "extend"
	actionUpdate      = "update"
	actionReauthorise = "reauthorise"
)

// Steps of a visit. Each has a template of the same name.
const (
	stepConsent   = "consent"
	stepBanks     = "banks"
	stepRenew     = "renew" // choose a connection to reauthorise
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

// A visit is one user's visit to the consent page, in one browser.
type visit struct {
	id          string
	user        *user
	token       string    // token that started the visit and whose expiry ends it; "" for an auth link
	link        *authLink // auth link that started the visit; nil for a token
	action      string
	state       *string     // nil if the URL had none
	presetBank  *bank.Bank  // bank preset by the URL; nil if the user chooses one
	target      *connection // connection that the visit is about; nil for none
	currentStep string      // current step, unless determined by a job

	withConsentStep bool                 // the flow to the next connection starts with a consent
	consent         *consent             // consent for new connections; nil if not yet granted
	bank            *bank.Bank           // bank to log in to
	method          gen.ConnectionMethod // web or open banking
	connection      *connection          // existing connection to update or reauthorise; nil for a new one
	created         *connection          // connection created by the latest login; nil if it already existed
	job             *job                 // latest job
	done            []*job               // jobs with a successful login

	revoking *consent    // consent to confirm the revocation of
	removing *connection // connection to confirm the removal of
	notice   string      // result of the last action on the manage page; "" for none
}

// start chooses the first step. It returns a refusal if the action does not apply to the user.
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
		return refused("You have no active consent", "Grant a consent first.")
	case v.action == actionExtend:
		v.currentStep = stepExtend
	case v.action == actionUpdate:
		v.currentStep = stepConsent
	default:
		return refused("Unknown action", "The action in the address is not documented.")
	}
	return nil
}

func (v *visit) startLogin(institution *bank.Bank, method gen.ConnectionMethod, conn *connection) {
	v.bank, v.method, v.connection, v.currentStep = institution, method, conn, stepLogin
}

// chooseBank moves to the list of banks, or to the login if the bank is preset.
func (v *visit) chooseBank() {
	v.connection, v.job, v.currentStep = nil, nil, stepBanks
	if v.presetBank != nil {
		v.startLogin(v.presetBank, gen.ConnectionMethodWeb, nil)
	}
}

// chooseAnother moves to the step where the user chooses another bank or connection.
func (v *visit) chooseAnother() {
	v.connection, v.job, v.bank, v.withConsentStep = nil, nil, nil, false
	v.presetBank = nil // the preset bank was connected or skipped
	v.currentStep = stepBanks
	if v.action == actionReauthorise {
		v.currentStep = stepRenew
	}
}

// step returns the current step of the visit. A new connection requires an active consent, so the visit returns to the
// consent step if there is none.
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

// progress returns the step determined by the latest job. The page waits only for the login and for the second factor,
// if any. The application waits for the rest of the job.
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

// submit processes a form. It ignores a form of a step other than the current one, which was submitted twice or from an
// outdated page. All forms redirect to the visit, so that reloading a page does not submit the form again. Only an
// invalid form is shown again directly, with its input.
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
				s.reauthorize(conn, now)
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

// agree grants the consent. An update implies a new policy and ends the connections made under the previous consent.
// The documentation says that it would otherwise be an extension, and the sandbox has no other way to detect a new
// policy.
func (s *Sandbox) agree(v *visit, now time.Time) {
	policy := v.user.policy()
	if v.action == actionUpdate {
		policy++
		// The consent is nil if the visit was about a connection that needs none.
		if before := v.consent; before != nil && before.status(now) == gen.ConsentStatusActive {
			s.revokeConsent(v.user, before, now)
		}
		v.action = actionConnect // the update is complete
	}
	v.consent = s.giveConsent(v.user, policy, now)
	v.chooseBank()
}

// findRenewable returns the connection with this ID if it can be reauthorised in this visit, or nil. Basiq supports
// this for open-banking connections, which expire. The sandbox also supports it for web connections.
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

// logIn creates a connection, or updates the credentials of an existing one.
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
		person := bank.FindPerson(openBankingPerson)
		loginID, password = person.Login, person.Password
	}
	if v.connection != nil {
		v.created = nil
		v.connection.password = api.NewSecret(password)
		v.job, _ = s.refresh(v.connection, now)
	} else {
		before := len(v.user.connections)
		j, _, err := s.connect(v.user, credentials{v.bank, v.method, api.NewSecret(loginID), api.NewSecret(password)}, v.consent, now)
		if err != nil {
			return refusal(http.StatusForbidden, "Too many connections",
				"The limit of 500 connections has been reached.")
		}
		v.job, v.created = j, nil
		if len(v.user.connections) > before {
			v.created = j.connection
		}
	}
	v.currentStep = stepProgress
	return redirect(visitPath + v.id)
}

// answerMFA submits the answers to the bank, unless one is missing, because the bank accepts answers only once.
func (s *Sandbox) answerMFA(v *visit, form url.Values, now time.Time) page {
	answers := make([]api.WireSecret, 0, len(v.job.challenge.Questions))
	var wrong []fieldProblem
	for i := range v.job.challenge.Questions {
		given := strings.TrimSpace(form.Get(answerField(i)))
		if given == "" {
			wrong = append(wrong, fieldProblem{answerField(i), "Enter an answer to the question “" + v.job.challenge.Questions[i].Text + "”"})
		}
		answers = append(answers, api.WireSecret{Secret: api.NewSecret(given)})
	}
	if wrong != nil { // keep the input
		again := s.show(v, now, wrong)
		for i := range again.data.Fields {
			again.data.Fields[i].Given = answers[i].Reveal()
		}
		return again
	}
	_ = s.answerChallenge(v.job, answers, now) // the job reports the error too
	return redirect(visitPath + v.id)
}

// removeFailedConnection removes the connection created by a failed login. According to the documentation, a connection
// exists only after a successful login.
func (s *Sandbox) removeFailedConnection(v *visit, now time.Time) {
	if v.created != nil && slices.Contains(v.user.connections, v.created) {
		s.removeConnection(v.user, v.created, now)
	}
	v.created = nil
}

// manage processes the forms about existing consents and connections.
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

// leave ends the visit. An auth link cannot be used again after a successful visit.
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
