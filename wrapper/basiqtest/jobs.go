package basiqtest

import (
	"hash/fnv"
	"net/http"
	"slices"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

const (
	// jobsKept is for how long a job can be read; the documents say so of the list only.
	jobsKept = 7 * 24 * time.Hour
	// challengeLifetime is how long a challenge waits for its answer. It belongs to the user, so [Speed] leaves it alone.
	challengeLifetime = 2 * time.Minute
)

// How long the steps take at the least; see pace.
const (
	verifyTime       = 1500 * time.Millisecond
	confirmTime      = 500 * time.Millisecond // from a right answer to the success of its step
	accountsTime     = 2 * time.Second
	transactionsTime = 3 * time.Second
)

// job is the work on a connection. What it has come to is a function of the time alone, and of the answer to its
// challenge; nothing runs in the background.
type job struct {
	id         string
	connection *connection // may have been deleted since
	created    time.Time
	steps      []step

	challenge  *challenge // nil when the bank does not ask
	answered   time.Time  // when the right answer came; the zero time when it has not
	refused    time.Time  // when a wrong answer came
	confirming time.Duration
}

// step is what a step of a job is going to do.
type step struct {
	title   gen.JobStepTitle
	takes   time.Duration
	failure *reason // nil when it is going to succeed
	link    string  // the url of its result when it has
}

// reason is why a step of a job failed.
type reason struct{ code, title, detail string }

// wrongCredentials is also how the refresh of an invalid connection is refused.
var wrongCredentials = reason{
	code:   "invalid-credentials",
	title:  "Cannot login to target institution, check credentials.",
	detail: "Cannot login to target institution using supplied credentials. Please check credentials and try again.",
}

// startJob starts the connection's next job. None may be running.
func (s *Sandbox) startJob(c *call, conn *connection) *job {
	if conn.job == nil {
		conn.before = connectionState{status: gen.ConnectionStatusPending, lastUsed: conn.created}
	} else {
		conn.before = conn.at(c.now)
	}
	pace := pace(conn.loginID) / s.config.speed
	takes := func(d time.Duration) time.Duration {
		return time.Duration(min(float64(d)*pace, float64(jobsKept))) // nobody can see a step that takes longer
	}

	j := &job{id: newID(), connection: conn, created: c.now, confirming: takes(confirmTime)}
	who, known := personas[conn.loginID.Reveal()]
	verify := step{title: gen.JobStepTitleVerifyCredentials, takes: takes(verifyTime), link: conn.path()}
	accounts := step{title: gen.JobStepTitleRetrieveAccounts, takes: takes(accountsTime), link: conn.dataPath("accounts")}
	switch {
	case !known || !conn.password.Equal(api.NewSecret(who.password)):
		verify.failure = &wrongCredentials
	case who.failsAt == verify.title:
		verify.failure = &who.failure
	case who.failsAt == accounts.title:
		accounts.failure = &who.failure
	}
	j.steps = []step{verify}
	if conn.institution.asks != never {
		j.steps = append(j.steps, step{title: gen.JobStepTitleMFAChallenge})
		if conn.institution.asks == always || conn.jobs%2 == 0 {
			j.challenge = who.challenge
		}
	}
	j.steps = append(j.steps, accounts, step{
		title: gen.JobStepTitleRetrieveTransactions, takes: takes(transactionsTime), link: conn.dataPath("transactions"),
	})

	conn.job = j
	conn.jobs++
	conn.user.jobs = append(conn.user.jobs, j)
	s.jobs[j.id] = j
	return j
}

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
	done    bool

	verified time.Time // when the login worked; the zero time when it has not
	rejected bool      // the credentials were wrong
	waiting  bool      // for the answer to the challenge
	fetched  time.Time // when the accounts were fetched; the zero time when they have not been
}

type stepState struct {
	step

	status gen.JobStepStatus
}

// at returns the progress at a moment, which is not before the job's start.
func (j *job) at(now time.Time) progress {
	p := progress{updated: j.created, done: true}
	stopped := false // at a step that is not over, or failed: those after it stay pending
	for _, planned := range j.steps {
		state := stepState{step: planned, status: gen.JobStepStatusPending}
		if !stopped {
			state.status, p.updated = j.stepAt(planned, p.updated, now)
			p.done = state.status != gen.JobStepStatusInProgress
			stopped = !p.done || state.status == gen.JobStepStatusFailed
			p.note(j, state)
		}
		p.steps = append(p.steps, state)
	}
	return p
}

// stepAt returns the status of a step that began at a moment, and since when it has it.
func (j *job) stepAt(planned step, began, now time.Time) (gen.JobStepStatus, time.Time) {
	status, end := j.end(planned, began)
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
func (j *job) end(planned step, began time.Time) (gen.JobStepStatus, time.Time) {
	switch {
	case planned.title == gen.JobStepTitleMFAChallenge && j.challenge == nil:
		return gen.JobStepStatusSkipped, began
	case planned.title == gen.JobStepTitleMFAChallenge && !j.refused.IsZero():
		return gen.JobStepStatusFailed, j.refused
	case planned.title == gen.JobStepTitleMFAChallenge && !j.answered.IsZero():
		return gen.JobStepStatusSuccess, j.answered.Add(j.confirming)
	case planned.title == gen.JobStepTitleMFAChallenge:
		return gen.JobStepStatusFailed, began.Add(challengeLifetime)
	case planned.failure != nil:
		return gen.JobStepStatusFailed, began.Add(planned.takes)
	default:
		return gen.JobStepStatusSuccess, began.Add(planned.takes)
	}
}

// note keeps what a step that has begun means for the connection.
func (p *progress) note(j *job, state stepState) {
	switch {
	case state.title == gen.JobStepTitleVerifyCredentials && state.status == gen.JobStepStatusSuccess:
		p.verified = p.updated
	case state.title == gen.JobStepTitleVerifyCredentials && state.status == gen.JobStepStatusFailed:
		p.rejected = state.failure.code == wrongCredentials.code
	case state.title == gen.JobStepTitleMFAChallenge && state.status == gen.JobStepStatusInProgress:
		p.waiting = j.answered.IsZero()
	case state.title == gen.JobStepTitleRetrieveAccounts && state.status == gen.JobStepStatusSuccess:
		p.fetched = p.updated
	}
}

// job returns the job that the path names, if the call's token is good for its user.
func (s *Sandbox) job(c *call) (*job, error) {
	j := s.jobs[c.http.PathValue("jobId")]
	if j == nil || !j.kept(c.now) {
		return nil, resourceNotFound()
	}
	return j, c.mayAccess(j.connection.user.id)
}

func (j *job) kept(now time.Time) bool { return now.Before(j.created.Add(jobsKept)) }

func (s *Sandbox) getJobs(c *call) (answer, error) {
	j, err := s.job(c)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, j.full(c)}, nil
}

func (s *Sandbox) getUserJobs(c *call) (answer, error) {
	u, err := s.user(c)
	if err != nil {
		return answer{}, err
	}
	conditions, err := c.filter("connection.id")
	if err != nil {
		return answer{}, err
	}
	var jobs []*job
	for _, j := range slices.Backward(u.jobs) { // of two updated in the same moment, the later job comes first
		if j.kept(c.now) && match(conditions, map[string]string{"connection.id": j.connection.id}) {
			jobs = append(jobs, j)
		}
	}
	slices.SortStableFunc(jobs, func(a, b *job) int { return b.at(c.now).updated.Compare(a.at(c.now).updated) })
	data := []object{}
	for _, j := range jobs {
		item := j.full(c)
		item["institution"] = j.connection.institution.reference(c)
		data = append(data, item)
	}
	return answer{http.StatusOK, object{
		"type": "list", "size": len(data), "data": data, "links": c.self(u.path() + "/jobs"),
	}}, nil
}

// postJobMFA gives one try: a wrong answer fails the step, as a late one does. A body that has no answers at all leaves
// it as it is.
func (s *Sandbox) postJobMFA(c *call) (answer, error) {
	j, err := s.job(c)
	if err != nil {
		return answer{}, err
	}
	var data gen.MFAAnswer
	if err := c.decode(&data); err != nil {
		return answer{}, err
	}
	source := fromPointer("mfa-response", "mfa-response")
	switch {
	case data.MFAResponse == nil:
		return answer{}, notSupplied("MFA response parameter is required.", source)
	case !j.at(c.now).waiting:
		return answer{}, notValid("No MFA challenge is waiting for a response.", source)
	case !j.challenge.accepts(data.MFAResponse, j.connection.institution.id):
		j.refused = c.now
		return answer{}, notValid("MFA response is not valid.", source)
	}
	j.answered = c.now
	return j.reference(c, http.StatusAccepted), nil
}

func (j *job) path() string { return "/jobs/" + j.id }

// short is the job as an answer that refers to it has it.
func (j *job) short(c *call) object {
	return object{"type": "job", "id": j.id, "links": c.self(j.path())}
}

// reference is the answer that refers to the job.
func (j *job) reference(c *call, status int) answer { return answer{status, j.short(c)} }

// full is the job with all it has come to.
func (j *job) full(c *call) object {
	p := j.at(c.now)
	steps := make([]object, 0, len(p.steps))
	for _, state := range p.steps {
		steps = append(steps, object{"title": state.title, "status": state.status, "result": j.result(c, p, state)})
	}
	links := c.self(j.path())
	if !p.verified.IsZero() {
		links["source"] = c.url(j.connection.path())
	}
	o := object{
		"type": "job", "id": j.id, "created": formatTime(j.created), "updated": formatTime(p.updated), "steps": steps,
		"links": links,
	}
	if c.token.version == v30 {
		o["jobType"] = "connection"
	}
	return o
}

// result is the result of a step: nil when there is none, which is written as null. A challenge that was met stays, one
// that was not met goes.
func (j *job) result(c *call, p progress, state stepState) any {
	switch {
	case state.title == gen.JobStepTitleMFAChallenge:
		if p.waiting || state.status == gen.JobStepStatusSuccess {
			return j.challenge.object(c, j)
		}
	case state.status == gen.JobStepStatusSuccess:
		return object{"type": "link", "url": state.link}
	case state.status == gen.JobStepStatusFailed:
		return object{"code": state.failure.code, "title": state.failure.title, "detail": state.failure.detail}
	}
	return nil
}
