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
	// jobsKept is for how long a job can be read; the documents say so of the list only.
	jobRetention = 7 * 24 * time.Hour
	// challengeLifetime is how long a challenge waits for its answer. It belongs to the user, so [Speed] leaves it alone.
	challengeLifetime = 2 * time.Minute
	// forever is longer than any sandbox lives.
	forever = 100 * 365 * 24 * time.Hour
)

// How long the steps take at the least; see pace.
const (
	verifyTime       = 1500 * time.Millisecond
	confirmTime      = 500 * time.Millisecond // from a right answer to the success of its step
	accountsTime     = 2 * time.Second
	transactionsTime = 3 * time.Second
)

// job is the work on a connection or on a report. What it has come to is a function of the time alone, and of the answer
// to its challenge.
type job struct {
	id         string
	kind       string // connection or report
	user       *user
	connection *connection // may have been deleted since; nil for a report
	source     string      // the path of what the job makes
	created    time.Time
	steps      []step
	neverEnds  bool // never gets over its first step

	challenge    *bank.Challenge // nil when the bank does not ask
	answered     time.Time       // when the right answer came; the zero time when it has not
	rejected     time.Time       // when a wrong answer came
	autoAnswered bool            // the right answer comes as soon as the bank asks
	confirmDelay time.Duration

	reported progress // what events have told of
}

// The kinds of jobs.
const (
	jobKindConnection = "connection"
	jobKindReport     = "report"
)

// step is what a step of a job is going to do.
type step struct {
	title   gen.JobStepTitle
	takes   time.Duration
	failure *stepError // nil when it is going to succeed
	link    string     // the url of its result when it has
}

// reason is why a step of a job failed.
type stepError struct{ code, title, detail string }

// wrongCredentials is also how the refresh of an invalid connection is refused.
var wrongCredentials = stepError{
	code:   "invalid-credentials",
	title:  "Cannot login to target institution, check credentials.",
	detail: "Cannot login to target institution using supplied credentials. Please check credentials and try again.",
}

// startJob starts the connection's next job. None may be running.
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
	who := conn.person()
	verify := step{title: gen.JobStepTitleVerifyCredentials, takes: takes(verifyTime), link: conn.path()}
	accounts := step{title: gen.JobStepTitleRetrieveAccounts, takes: takes(accountsTime), link: conn.dataPath("accounts")}
	switch {
	case conn.statement != nil:
		verify.failure = conn.statement.failure
	case who == nil || !conn.password.Equal(api.NewSecret(who.Password)):
		verify.failure = &wrongCredentials
	case who.Failure == nil:
	case who.Failure.Step == string(verify.title):
		verify.failure = newStepError(who.Failure)
	case who.Failure.Step == string(accounts.title):
		accounts.failure = newStepError(who.Failure)
	}
	j.steps = []step{verify}
	if asks := conn.institution.Asks; asks != bank.Never {
		j.steps = append(j.steps, step{title: gen.JobStepTitleMFAChallenge})
		if who != nil && (asks == bank.Always || conn.jobs%2 == 0) {
			j.challenge = who.Challenge
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

// begin makes a job known and follows it. The user's jobs that nobody can read any more go.
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

// follow has events tell what becomes of a job.
func (s *Sandbox) watchJob(j *job, now time.Time) {
	p := j.progressAt(now)
	s.emitProgress(j, p, now)
	j.reported = p
	if !p.done && !j.neverEnds {
		s.schedule(p.next, func(now time.Time) { s.watchJob(j, now) })
	}
}

// faster is how long something takes at the sandbox's speed. Nobody can see a job that takes longer than jobs are kept.
func (s *Sandbox) scaleDuration(d time.Duration) time.Duration {
	return time.Duration(min(float64(d)/s.config.speed, float64(2*jobRetention)))
}

func newStepError(f *bank.Failure) *stepError { return &stepError{f.Code, f.Title, f.Detail} }

// pace is by how much the jobs of a login take longer than the least, from 1 to 2.5, the same every time: so the whole
// takes from 6.5 to 16.25 seconds.
func pace(loginID api.Secret) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(loginID.Reveal()))
	return 1 + float64(h.Sum32()%16)/10
}

// progress is what a job has come to at some moment.
type progress struct {
	steps   []stepState
	updated time.Time // when a step last changed
	next    time.Time // when a step will change, if nobody answers before
	done    bool

	verified time.Time // when the login worked; the zero time when it has not
	rejected bool      // the credentials were wrong
	waiting  bool      // for the answer to the challenge
	fetched  time.Time // when the accounts were fetched; the zero time when they have not been
	read     time.Time // when the transactions were, likewise
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

// at returns the progress at a moment, which is not before the job's start.
func (j *job) progressAt(now time.Time) progress {
	p := progress{updated: j.created, done: true}
	stopped := false // at a step that is not over, or failed: those after it stay pending
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

// stepAt returns the status of a step that began at a moment, and since when it has it.
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

// end returns how and when a step ends that began at a moment, as far as is known now.
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

// note keeps what a step that has begun means for the connection.
func (p *progress) record(j *job, state stepState) {
	switch {
	case state.title == gen.JobStepTitleVerifyCredentials && state.status == gen.JobStepStatusSuccess:
		p.verified = p.updated
	case state.title == gen.JobStepTitleVerifyCredentials && state.status == gen.JobStepStatusFailed:
		// A statement that cannot be read is as bad as a login that is wrong: there is nothing to try again with.
		p.rejected = state.failure.code == wrongCredentials.code || j.connection.statement != nil
	case state.title == gen.JobStepTitleMFAChallenge && state.status == gen.JobStepStatusInProgress:
		p.waiting = j.answered.IsZero() && !j.autoAnswered
	case state.title == gen.JobStepTitleRetrieveAccounts && state.status == gen.JobStepStatusSuccess:
		p.fetched = p.updated
	case state.title == gen.JobStepTitleRetrieveTransactions && state.status == gen.JobStepStatusSuccess:
		p.read = p.updated
	}
}

// job returns the job that the path names, if the call's token is good for its user.
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
	for _, j := range slices.Backward(u.jobs) { // of two updated in the same moment, the later job comes first
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

// answerChallenge gives one try: a wrong answer fails the step, as a late one does.
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

// short is the job as an answer that refers to it has it.
func (j *job) short(v *view) object {
	return object{"type": "job", "id": j.id, "links": v.selfLinks(j.path())}
}

// reference is the answer that refers to the job.
func (j *job) reference(v *view, status int) response { return response{status, j.short(v)} }

// full is the job with all it has come to.
func (j *job) full(v *view) object {
	p := j.progressAt(v.now)
	steps := make([]object, 0, len(p.steps))
	for _, state := range p.steps {
		steps = append(steps, object{"title": state.title, "status": state.status, "result": j.result(v, p, state)})
	}
	o := object{
		"type": "job", "id": j.id, "created": formatTime(j.created), "updated": formatTime(p.updated), "steps": steps,
	}
	if v.version == v30 {
		o["jobType"] = j.kind
	}
	if j.kind == jobKindReport {
		j.addReport(v, o, p)
		return o
	}
	if v.version == v30 {
		o["status"] = p.status()
	}
	links := v.selfLinks(j.path())
	if !p.verified.IsZero() {
		links["source"] = v.url(j.source)
	}
	o["links"] = links
	return o
}

// addReport adds the members that only jobs of reports have. Their links are null when the job has failed. They are relative
// in the documents' examples; two of Basiq's own applications request them as they are, so they are absolute here.
func (j *job) addReport(v *view, o object, p progress) {
	o["partnerId"], o["applicationId"] = partnerID, applicationID
	o["links"] = object{"self": v.url(j.path()), "source": v.url(j.source)}
	status := p.status()
	o["status"] = status
	if status == gen.JobStepStatusFailed {
		o["links"] = nil
	}
}

// result is the result of a step: nil when there is none, which is written as null. A challenge that was met stays in 3.0,
// by its example, and goes in 2.1, by its guide; one that was not met goes.
func (j *job) result(v *view, p progress, state stepState) any {
	switch {
	case state.title == gen.JobStepTitleMFAChallenge:
		if p.waiting || state.status == gen.JobStepStatusSuccess && v.version == v30 {
			return j.challengeResult(v)
		}
	case state.status == gen.JobStepStatusSuccess:
		return object{"type": "link", "url": state.link}
	case state.status == gen.JobStepStatusFailed:
		return object{"code": state.failure.code, "title": state.failure.title, "detail": state.failure.detail}
	}
	return nil
}

// ask is the challenge as the job shows it.
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
