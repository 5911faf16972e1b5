package basiqtest

import (
	"hash/fnv"
	"net/http"
	"slices"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

const (
	// jobRetention is how long a job can be read. The documentation specifies it for the list of jobs only.
	jobRetention = 7 * 24 * time.Hour
	// challengeLifetime is how long a challenge can be answered. [WithSpeed] does not change it, because it limits the
	// user and not the sandbox.
	challengeLifetime = 2 * time.Minute
	// forever exceeds the lifetime of any sandbox.
	forever = 100 * 365 * 24 * time.Hour
)

// Minimum durations of the steps; see pace.
const (
	verifyTime       = 1500 * time.Millisecond
	confirmTime      = 500 * time.Millisecond // from the correct MFA answer to the success of the step
	accountsTime     = 2 * time.Second
	transactionsTime = 3 * time.Second
)

// A job retrieves the data of a connection or creates a report. Its progress depends only on the time and on the
// response to its MFA challenge.
type job struct {
	id         string
	kind       string // connection or report
	user       *user
	connection *connection // may be deleted; nil for a report
	source     string      // path of the job's result
	created    time.Time
	steps      []step
	neverEnds  bool // never leaves its first step

	challenge    *bank.Challenge // nil if the bank does not ask
	answered     time.Time       // time of the correct MFA answer; zero if none
	rejected     time.Time       // time of an incorrect MFA answer
	autoAnswered bool            // the MFA challenge is answered as soon as the bank asks
	confirmDelay time.Duration

	reported progress // progress already reported by events
}

// Kinds of jobs.
const (
	jobKindConnection = "connection"
	jobKindReport     = "report"
)

// A step is a planned step of a job.
type step struct {
	title   gen.JobStepTitle
	takes   time.Duration
	failure *stepError // nil if it will succeed
	link    string     // URL of the result if it succeeds
}

// A stepError is the error of a failed job step.
type stepError struct{ code, title, detail string }

// wrongCredentials is also the error for refreshing an invalid connection.
var wrongCredentials = stepError{
	code:   "invalid-credentials",
	title:  "Cannot login to target institution, check credentials.",
	detail: "Cannot login to target institution using supplied credentials. Please check credentials and try again.",
}

// startJob starts the next job of the connection. No other job may be running.
func (s *Sandbox) startJob(now time.Time, conn *connection) *job {
	conn.before = conn.stateAt(now)
	pace := pace(conn.loginID)
	if conn.statement != nil {
		pace = statementPace
	}
	takes := func(d time.Duration) time.Duration { return s.scaleDuration(time.Duration(float64(d) * pace)) }

	j := &job{
		id: s.newID(), kind: jobKindConnection, user: conn.user, connection: conn, source: conn.path(), created: now,
		confirmDelay: takes(confirmTime),
	}
	person := conn.person()
	verify := step{title: gen.JobStepTitleVerifyCredentials, takes: takes(verifyTime), link: conn.path()}
	accounts := step{title: gen.JobStepTitleRetrieveAccounts, takes: takes(accountsTime), link: conn.dataPath("accounts")}
	switch {
	case conn.statement != nil:
		verify.failure = conn.statement.failure
	case person == nil || !conn.password.Equal(api.NewSecret(person.Password)):
		verify.failure = &wrongCredentials
	case person.Failure == nil:
	case person.Failure.Step == string(verify.title):
		verify.failure = newStepError(person.Failure)
	case person.Failure.Step == string(accounts.title):
		accounts.failure = newStepError(person.Failure)
	}
	j.steps = []step{verify}
	if asks := conn.institution.Asks; asks != bank.Never {
		j.steps = append(j.steps, step{title: gen.JobStepTitleMFAChallenge})
		if person != nil && (asks == bank.Always || conn.jobs%2 == 0) {
			j.challenge = person.Challenge
		}
	}
	j.steps = append(j.steps, accounts, step{
		title: gen.JobStepTitleRetrieveTransactions, takes: takes(transactionsTime), link: conn.dataPath("transactions"),
	})

	conn.job = j
	conn.jobs++
	s.registerJob(j, now)
	return j
}

// registerJob stores a job and watches it. It drops the user's expired jobs.
func (s *Sandbox) registerJob(j *job, now time.Time) {
	for len(j.user.jobs) > 0 && !j.user.jobs[0].retained(now) {
		delete(s.jobs, j.user.jobs[0].id)
		j.user.jobs[0] = nil
		j.user.jobs = j.user.jobs[1:]
	}
	j.user.jobs = append(j.user.jobs, j)
	s.jobs[j.id] = j
	j.neverEnds = s.applyJobFaults()
	s.watchJob(j, now)
}

// watchJob emits the events for a job's progress, now and when the next step changes.
func (s *Sandbox) watchJob(j *job, now time.Time) {
	p := j.progressAt(now)
	s.emitProgress(j, p, now)
	j.reported = p
	if !p.done && !j.neverEnds {
		s.schedule(p.next, func(now time.Time) { s.watchJob(j, now) })
	}
}

// scaleDuration returns a duration at the sandbox's speed. It is capped at twice the retention of jobs, because a
// longer job could not be observed.
func (s *Sandbox) scaleDuration(d time.Duration) time.Duration {
	return time.Duration(min(float64(d)/s.config.speed, float64(2*jobRetention)))
}

func newStepError(f *bank.Failure) *stepError { return &stepError{f.Code, f.Title, f.Detail} }

// pace returns the duration factor of a login's jobs, from 1 to 2.5. It is derived from the login, so that the duration
// of a job is always the same, between 6.5 and 16.25 seconds.
func pace(loginID api.Secret) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(loginID.Reveal()))
	return 1 + float64(h.Sum32()%16)/10
}

// progress is the state of a job at a point in time.
type progress struct {
	steps   []stepState
	updated time.Time // last change of a step
	next    time.Time // next change of a step, unless an MFA answer arrives earlier
	done    bool

	verified time.Time // time of the successful login; zero if none
	rejected bool      // invalid credentials
	waiting  bool      // waiting for the answer to the challenge
	fetched  time.Time // time the accounts were retrieved; zero if not yet
	read     time.Time // time the transactions were retrieved; zero if not yet
}

// status returns the status of the job as a whole.
func (p *progress) status() gen.JobStepStatus {
	for _, state := range p.steps {
		switch state.status {
		case gen.JobStepStatusFailed, gen.JobStepStatusPending, gen.JobStepStatusInProgress:
			return state.status
		case gen.JobStepStatusSuccess, gen.JobStepStatusSkipped:
		}
	}
	return gen.JobStepStatusSuccess
}

type stepState struct {
	step

	status gen.JobStepStatus
}

// progressAt returns the progress at a time after the job's start.
func (j *job) progressAt(now time.Time) progress {
	p := progress{updated: j.created, done: true}
	stopped := false // at an unfinished or failed step; later steps stay pending
	for _, planned := range j.steps {
		state := stepState{step: planned, status: gen.JobStepStatusPending}
		if !stopped {
			_, p.next = j.stepEnd(planned, p.updated)
			state.status, p.updated = j.stepAt(planned, p.updated, now)
			p.done = state.status != gen.JobStepStatusInProgress
			stopped = !p.done || state.status == gen.JobStepStatusFailed
			p.record(j, state)
		}
		p.steps = append(p.steps, state)
	}
	return p
}

// stepAt returns the status of a step that began at a given time, and when the status last changed.
func (j *job) stepAt(planned step, began, now time.Time) (gen.JobStepStatus, time.Time) {
	status, end := j.stepEnd(planned, began)
	switch {
	case !now.Before(end):
		return status, end
	case planned.title == gen.JobStepTitleMFAChallenge && !j.answered.IsZero():
		return gen.JobStepStatusInProgress, j.answered
	default:
		return gen.JobStepStatusInProgress, began
	}
}

// stepEnd returns how and when a step ends that began at a given time, as far as it is known now.
func (j *job) stepEnd(planned step, began time.Time) (gen.JobStepStatus, time.Time) {
	switch {
	case j.neverEnds:
		return gen.JobStepStatusSuccess, began.Add(forever)
	case planned.title == gen.JobStepTitleMFAChallenge && j.challenge == nil:
		return gen.JobStepStatusSkipped, began
	case planned.title == gen.JobStepTitleMFAChallenge && !j.rejected.IsZero():
		return gen.JobStepStatusFailed, j.rejected
	case planned.title == gen.JobStepTitleMFAChallenge && !j.answered.IsZero():
		return gen.JobStepStatusSuccess, j.answered.Add(j.confirmDelay)
	case planned.title == gen.JobStepTitleMFAChallenge && j.autoAnswered:
		return gen.JobStepStatusSuccess, began.Add(j.confirmDelay)
	case planned.title == gen.JobStepTitleMFAChallenge:
		return gen.JobStepStatusFailed, began.Add(challengeLifetime)
	case planned.failure != nil:
		return gen.JobStepStatusFailed, began.Add(planned.takes)
	default:
		return gen.JobStepStatusSuccess, began.Add(planned.takes)
	}
}

// record updates p with the effects of a step on the connection.
func (p *progress) record(j *job, state stepState) {
	switch {
	case state.title == gen.JobStepTitleVerifyCredentials && state.status == gen.JobStepStatusSuccess:
		p.verified = p.updated
	case state.title == gen.JobStepTitleVerifyCredentials && state.status == gen.JobStepStatusFailed:
		// An unreadable statement makes the connection invalid, like wrong credentials, because there is nothing to retry
		// with.
		p.rejected = state.failure.code == wrongCredentials.code || j.connection.statement != nil
	case state.title == gen.JobStepTitleMFAChallenge && state.status == gen.JobStepStatusInProgress:
		p.waiting = j.answered.IsZero() && !j.autoAnswered
	case state.title == gen.JobStepTitleRetrieveAccounts && state.status == gen.JobStepStatusSuccess:
		p.fetched = p.updated
	case state.title == gen.JobStepTitleRetrieveTransactions && state.status == gen.JobStepStatusSuccess:
		p.read = p.updated
	}
}

// job returns the job named in the path if the call's token may access its user.
func (s *Sandbox) job(c *call) (*job, error) {
	j := s.jobs[c.http.PathValue("jobId")]
	if j == nil || !j.retained(c.now) {
		return nil, resourceNotFound()
	}
	return j, c.checkUserAccess(j.user.id)
}

func (j *job) retained(now time.Time) bool { return now.Before(j.created.Add(jobRetention)) }

func (s *Sandbox) getJobs(c *call) (response, error) {
	j, err := s.job(c)
	if err != nil {
		return response{}, err
	}
	return response{http.StatusOK, j.full(&c.view)}, nil
}

func (s *Sandbox) getUserJobs(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	conditions, err := c.filter(jobFilters)
	if err != nil {
		return response{}, err
	}
	type updatedJob struct {
		*job

		updated time.Time
	}
	var jobs []updatedJob
	for _, j := range slices.Backward(u.jobs) { // jobs updated at the same time: the later job first
		if j.retained(c.now) && conditions.match(j.property) {
			jobs = append(jobs, updatedJob{j, j.progressAt(c.now).updated})
		}
	}
	slices.SortStableFunc(jobs, func(a, b updatedJob) int { return b.updated.Compare(a.updated) })
	data := []object{}
	for _, j := range jobs {
		item := j.full(&c.view)
		if j.connection != nil {
			item["institution"] = c.institution(j.connection.institution.ID)
		}
		data = append(data, item)
	}
	return response{http.StatusOK, object{
		"type": "list", "size": len(data), "data": data, "links": c.selfLinks(u.path() + "/jobs"),
	}}, nil
}

var jobFilters = filterable{"connection.id": {operators: eq}}

func (j *job) property(name string) string {
	if name == "connection.id" && j.connection != nil {
		return j.connection.id
	}
	return ""
}

func (s *Sandbox) postJobMFA(c *call) (response, error) {
	j, err := s.job(c)
	if err != nil {
		return response{}, err
	}
	var data gen.MFAAnswer
	if err := c.decode(&data); err != nil {
		return response{}, err
	}
	if data.MFAResponse == nil {
		return response{}, notSupplied("MFA response parameter is required.", fromPointer("mfa-response", "mfa-response"))
	}
	if err := s.answerChallenge(j, data.MFAResponse, c.now); err != nil {
		return response{}, err
	}
	return j.reference(&c.view, http.StatusAccepted), nil
}

// answerChallenge submits answers to a challenge. There is a single attempt: an incorrect or late answer fails the
// step.
func (s *Sandbox) answerChallenge(j *job, answers []api.WireSecret, now time.Time) error {
	source := fromPointer("mfa-response", "mfa-response")
	if !j.progressAt(now).waiting {
		return notValid("No MFA challenge is waiting for a response.", source)
	}
	right := isCorrectAnswer(j.challenge, answers, j.connection.institution.ID)
	if right {
		j.answered = now
	} else {
		j.rejected = now
	}
	s.watchJob(j, now)
	if !right {
		return notValid("MFA response is not valid.", source)
	}
	return nil
}

func (j *job) path() string { return "/jobs/" + j.id }

// short returns the job as responses of other operations refer to it.
func (j *job) short(v *view) object {
	return object{"type": "job", "id": j.id, "links": v.selfLinks(j.path())}
}

// reference returns a response that refers to the job.
func (j *job) reference(v *view, status int) response { return response{status, j.short(v)} }

// full returns the job with its steps.
func (j *job) full(v *view) object {
	p := j.progressAt(v.now)
	steps := make([]object, 0, len(p.steps))
	for _, state := range p.steps {
		steps = append(steps, object{"title": state.title, "status": state.status, "result": j.result(v, p, state)})
	}
	o := object{
		"type": "job", "id": j.id, "created": formatTime(j.created), "updated": formatTime(p.updated), "steps": steps,
	}
	if v.version.since(v30) {
		o["jobType"] = j.kind
	}
	if j.kind == jobKindReport {
		j.addReport(v, o, p)
		return o
	}
	if v.version.since(v30) {
		o["status"] = p.status()
	}
	links := v.selfLinks(j.path())
	if !p.verified.IsZero() {
		links["source"] = v.url(j.source)
	}
	o["links"] = links
	return o
}

// addReport adds the fields that only report jobs have. The links are null if the job failed. The links are relative in
// the documented examples, but absolute here, because two of Basiq's own applications request them as they are.
func (j *job) addReport(v *view, o object, p progress) {
	o["partnerId"], o["applicationId"] = partnerID, applicationID
	o["links"] = object{"self": v.url(j.path()), "source": v.url(j.source)}
	status := p.status()
	o["status"] = status
	if status == gen.JobStepStatusFailed {
		o["links"] = nil
	}
}

// result returns the result of a step, or nil (JSON null) if there is none. The result of a successful challenge is
// kept in 3.0, as in its example, and removed in 2.1, as in its guide. The result of a failed challenge is removed.
func (j *job) result(v *view, p progress, state stepState) any {
	switch {
	case state.title == gen.JobStepTitleMFAChallenge:
		if p.waiting || state.status == gen.JobStepStatusSuccess && v.version.since(v30) {
			return j.challengeResult(v)
		}
	case state.status == gen.JobStepStatusSuccess:
		return object{"type": "link", "url": state.link}
	case state.status == gen.JobStepStatusFailed:
		return object{"code": state.failure.code, "title": state.failure.title, "detail": state.failure.detail}
	}
	return nil
}

// challengeResult returns the challenge as the job shows it.
func (j *job) challengeResult(v *view) object {
	input := make([]string, 0, len(j.challenge.Questions))
	for _, q := range j.challenge.Questions {
		input = append(input, q.Text)
	}
	return object{
		"type": "mfa", "method": j.challenge.Method, "description": j.challenge.Description, "input": input,
		"expiryMs": challengeLifetime.Milliseconds(), "links": object{"response": v.url(j.path() + "/mfa")},
	}
}
