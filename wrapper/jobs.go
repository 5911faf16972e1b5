package basiq

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

type (
	// JobStep is one step of a job.
	JobStep = gen.JobStep
	// JobStepTitle is what a step does.
	JobStepTitle = gen.JobStepTitle
	// JobStepStatus is the state of a step.
	JobStepStatus = gen.JobStepStatus
	// JobStepResult is what came of a step: a link, an error or a challenge.
	JobStepResult = gen.JobStepResult
	// MFAMethod is what kind of challenge it is.
	MFAMethod = gen.MFAMethod
)

// What the steps do. The list is open.
const (
	// StepVerifyCredentials: log in at the institution. The job names its connection once this has succeeded.
	StepVerifyCredentials = gen.JobStepTitleVerifyCredentials
	// StepMFAChallenge: ask the user for a second factor, where the institution wants one.
	StepMFAChallenge = gen.JobStepTitleMFAChallenge
	// StepRetrieveAccounts: fetch every account with its details, such as number, name and balance.
	StepRetrieveAccounts = gen.JobStepTitleRetrieveAccounts
	// StepRetrieveTransactions: fetch the transactions of each account.
	StepRetrieveTransactions = gen.JobStepTitleRetrieveTransactions
	// StepRetrieveStatements: fetch statements.
	StepRetrieveStatements = gen.JobStepTitleRetrieveStatements
	// StepCreateReport: make a report.
	StepCreateReport = gen.JobStepTitleCreateReport
)

// The states of a step. The list is open.
const (
	// JobStepStatusPending: not started, or put aside, see [Job.Queued].
	JobStepStatusPending = gen.JobStepStatusPending
	// JobStepStatusInProgress: running, or waiting for the user's answer, see [Job.MFA].
	JobStepStatusInProgress = gen.JobStepStatusInProgress
	// JobStepStatusSuccess: done.
	JobStepStatusSuccess = gen.JobStepStatusSuccess
	// JobStepStatusFailed: it failed, and the job with it; see [Job.Err].
	JobStepStatusFailed = gen.JobStepStatusFailed
	// JobStepStatusSkipped: it was not needed.
	JobStepStatusSkipped = gen.JobStepStatusSkipped
)

// The kinds of challenges. The list is open.
const (
	// MFAMethodToken: the user gives a code that an app shows, or that arrives by SMS, email or phone.
	MFAMethodToken = gen.MFAMethodToken
	// MFAMethodSecurityQuestions: the user answers personal questions.
	MFAMethodSecurityQuestions = gen.MFAMethodSecurityQuestions
)

// Job is work that Basiq does in the background, in steps: the first that fails ends it. The answer to a call that
// starts a job has only Type, ID and Links; [JobsService.Get] has the steps.
type Job struct {
	gen.Job
	// AlreadyRunning is set in the answer to a create, update or refresh that started no job, because this one was under
	// way. An earlier attempt of the same refresh may have started it.
	AlreadyRunning bool `json:"-"`
}

// Step returns the step of that title, or nil when the job has none.
func (j *Job) Step(title JobStepTitle) *JobStep {
	for i := range j.Steps {
		if j.Steps[i].Title == title {
			return &j.Steps[i]
		}
	}
	return nil
}

// Done reports whether the job is over: all its steps have succeeded or were skipped, or one has failed.
func (j *Job) Done() bool {
	if j.failed() {
		return true
	}
	if len(j.Steps) == 0 {
		return j.Status == string(JobStepStatusSuccess)
	}
	done, total := j.Progress()
	return done == total
}

// Err returns a [JobError] when the job has failed, and nil otherwise.
func (j *Job) Err() error {
	if !j.failed() {
		return nil
	}
	failure := &JobError{JobID: j.ID, Job: j}
	step := j.step(JobStepStatusFailed)
	if step == nil {
		return failure
	}
	failure.Step = step.Title
	if result := step.Result.First(); result != nil {
		failure.Code, failure.Title, failure.Detail = Code(result.Code), result.Title, result.Detail
		if failure.Detail == "" {
			failure.Detail = result.Details
		}
		if wrapped := result.Error; wrapped != nil && failure.Code == "" {
			failure.Code, failure.Title, failure.Detail = Code(wrapped.Code), wrapped.Title, wrapped.Detail
		}
	}
	return failure
}

func (j *Job) failed() bool {
	return j.step(JobStepStatusFailed) != nil || j.Status == string(JobStepStatusFailed)
}

// step returns the first step in that state, or nil.
func (j *Job) step(status JobStepStatus) *JobStep {
	for i := range j.Steps {
		if j.Steps[i].Status == status {
			return &j.Steps[i]
		}
	}
	return nil
}

// Progress returns how many of the job's steps have succeeded or were skipped, and how many there are.
func (j *Job) Progress() (done, total int) {
	for i := range j.Steps {
		if status := j.Steps[i].Status; status == JobStepStatusSuccess || status == JobStepStatusSkipped {
			done++
		}
	}
	return done, len(j.Steps)
}

// Queued reports whether the job was put aside because the institution is out of reach. Basiq tries again every two
// hours, for up to seven days; then the job fails with [CodeTemporaryUnavailable].
func (j *Job) Queued() bool {
	for i := range j.Steps {
		if result := j.Steps[i].Result.First(); j.Steps[i].Status == JobStepStatusPending && result != nil &&
			CodeTemporaryUnavailableQueued.is(Code(result.Code)) {
			return true
		}
	}
	return false
}

// ConnectionID returns the id of the connection that the job works on. The second result is false as long as it is not
// known: before the first step has succeeded, and for jobs that are not about a connection.
func (j *Job) ConnectionID() (string, bool) {
	_, connectionID := j.source()
	return connectionID, connectionID != ""
}

// UserID returns the id of the user that the job works for. The second result is false as long as the job does not tell.
func (j *Job) UserID() (string, bool) {
	userID, _ := j.source()
	return userID, userID != ""
}

// ReportID returns the id of the report that the job makes. The second result is false as long as the job does not tell,
// and for jobs that are not about a report. The report can be read when the job is done.
func (j *Job) ReportID() (string, bool) {
	for _, link := range j.sources(StepCreateReport) {
		if parts := pathOf(link); len(parts) == 2 && parts[0] == "reports" && api.ID(parts[1]).Validate() == nil {
			return parts[1], true
		}
	}
	return "", false
}

// source reads the ids of the user and the connection from the links of the job and its steps.
func (j *Job) source() (userID, connectionID string) {
	for _, link := range j.sources(StepVerifyCredentials) {
		if parts := pathOf(link); len(parts) == 4 && parts[0] == "users" && parts[2] == "connections" &&
			api.ID(parts[1]).Validate() == nil && api.ID(parts[3]).Validate() == nil {
			return parts[1], parts[3]
		}
	}
	return "", ""
}

// sources returns the links that may tell what the job works on: the one in the result of a step, and the job's own.
func (j *Job) sources(title JobStepTitle) []string {
	var links []string
	if step := j.Step(title); step != nil {
		if result := step.Result.First(); result != nil {
			links = append(links, result.URL)
		}
	}
	if j.Links.Source != "" {
		links = append(links, j.Links.Source)
	}
	return links
}

// pathOf returns the parts of a link's path, or nil when it has none.
func pathOf(link string) []string {
	u, err := url.Parse(link)
	if err != nil {
		return nil
	}
	return strings.Split(strings.Trim(u.Path, "/"), "/")
}

// MFA returns the challenge that waits for the user's answer, or nil when there is none. Answer it with
// [JobsService.AnswerMFA].
func (j *Job) MFA() *MFAChallenge {
	for i := range j.Steps {
		result := j.Steps[i].Result.First()
		// It stays there after it was met.
		if j.Steps[i].Status != JobStepStatusInProgress || result == nil || result.Type != "mfa" {
			continue
		}
		challenge := &MFAChallenge{
			JobID:       j.ID,
			Method:      result.Method,
			Description: result.Description,
			Questions:   result.Input,
			ValidFor:    time.Duration(min(max(result.ExpiryMs, 0), int64(24*time.Hour/time.Millisecond))) * time.Millisecond,
		}
		challenge.UserID, _ = j.UserID()
		return challenge
	}
	return nil
}

// MFAChallenge is what a bank asks of the user while a job runs.
type MFAChallenge struct {
	// JobID is the job that waits for the answers.
	JobID string
	// UserID is the user that the job works for; empty when the job does not tell.
	UserID string
	// Method is what kind of challenge it is.
	Method MFAMethod
	// Description tells the user what to do.
	Description string
	// Questions are what to ask. Each wants one answer, in this order.
	Questions []string
	// ValidFor is how much time there is for the answers, counted from when the challenge was made; 0 when the job does
	// not tell. Two minutes as a rule.
	ValidFor time.Duration
}

// JobError is a job that failed.
type JobError struct {
	// JobID is the job's id.
	JobID string
	// Step is the step that failed; empty when the job does not tell.
	Step JobStepTitle
	// Code, Title and Detail say why; each may be empty.
	Code          Code
	Title, Detail string
	// Job is the whole job.
	Job *Job
	// Err is the error of the call whose MFA answer Basiq refused, where that is why the job failed; nil otherwise.
	Err error
}

// Error says what is wrong in one line, with 1 KiB of each text at most.
func (e *JobError) Error() string {
	var b strings.Builder
	b.WriteString("basiq: job " + cut(e.JobID) + " failed")
	if e.Step != "" {
		b.WriteString(" at " + cut(string(e.Step)))
	}
	if e.Code != "" {
		b.WriteString(": " + cut(string(e.Code)))
	}
	if e.Detail != "" {
		b.WriteString(": " + cut(e.Detail))
	} else if e.Title != "" {
		b.WriteString(": " + cut(e.Title))
	}
	if e.Err != nil {
		b.WriteString(": " + strings.TrimPrefix(e.Err.Error(), "basiq: "))
	}
	return oneLine(b.String())
}

// Unwrap returns Err.
func (e *JobError) Unwrap() error { return e.Err }

// Is reports whether target is the [Code] of the failure.
func (e *JobError) Is(target error) bool { return e.Code.is(target) }

// JobFields are the fields that [JobsService.List] can filter by.
var JobFields = jobFields{
	ConnectionID: EqualField[Job, string]{name: "connection.id"},
}

type jobFields struct {
	// ConnectionID is the id of the connection that the job works on.
	ConnectionID EqualField[Job, string]
}

// JobsService follows the work that Basiq does in the background.
type JobsService struct{ client *Client }

// Get returns a job as it is now. A job that failed is no error of this call: see [Job.Err].
//
// Errors: [ErrInvalidInput], [ErrNotFound]. For how long a job can be read is not documented; [JobsService.List] has
// those of the last seven days. operationId: getJobs.
func (s *JobsService) Get(ctx context.Context, jobID string) (*Job, error) {
	return get(ctx, s.client, opGetJob, []id{{"jobID", jobID}}, jobResource, by1(s.client.raw.GetJobs, jobID))
}

// List returns the user's jobs of the last seven days that satisfy all filters, the one that changed last first; see
// [JobFields]. Nothing is sent before the range begins; an error comes once, and last.
//
// Errors: [ErrInvalidInput], [ErrNotFound] for a user that is not there. operationId: getUserJobs.
func (s *JobsService) List(ctx context.Context, userID string, filters ...Filter[Job]) iter.Seq2[*Job, error] {
	return list(ctx, s.client, opGetUserJobs, []id{{"userID", userID}}, jobResource, sendTo(s.client.raw.GetUserJobs, userID, nil), filters)
}

// AnswerMFA answers the challenge of a job that works for the user: one answer for each of the challenge's Questions, in
// their order. See [Job.MFA], and [WithMFA] for having it called while waiting. The answer is a reference to the job.
//
// There is no second try: a wrong or late answer is an error of this call or fails the job. So it is sent again only
// when it certainly did not arrive. It goes out with a [ClientAccess] token of the user, as Basiq's documents ask, unless
// [ContextWithScope] says otherwise. Errors: [ErrInvalidInput], [ErrBadRequest], [ErrNotFound]. operationId: postJobMfa.
func (s *JobsService) AnswerMFA(ctx context.Context, userID, jobID string, answers ...Secret) (*Job, error) {
	if len(answers) == 0 {
		return nil, invalidInput(opPostJobMFA.Name, "answers", "give one for each question")
	}
	body := gen.MFAAnswer{MFAResponse: make([]api.WireSecret, len(answers))}
	for i, answer := range answers {
		if answer.IsZero() {
			return nil, invalidInput(opPostJobMFA.Name, "answers", fmt.Sprintf("number %d is empty", i+1))
		}
		body.MFAResponse[i] = wire(answer)
	}
	ctx = contextWithDefaultScope(ctx, ClientAccess(userID))
	return get(ctx, s.client, opPostJobMFA, []id{{"userID", userID}, {"jobID", jobID}}, jobResource, sendTo(s.client.raw.PostJobMFA, jobID, body))
}

// startJob makes a call whose response is a job: 202 with one that was started, 200 with one that was running already.
// connection names the user and the connection that the job must be about, as far as it says; empty where there are none.
func startJob(ctx context.Context, c *Client, op *Operation, ids []id, connection [2]string, request requester) (*Job, error) {
	answer, err := c.do(ctx, op, ids, request)
	if err != nil {
		return nil, err
	}
	job, err := jobResource.read(answer, "")
	if err != nil {
		return nil, err
	}
	userID, connectionID := job.source()
	if connectionID != "" && (connection[0] != "" && !strings.EqualFold(userID, connection[0]) ||
		connection[1] != "" && !strings.EqualFold(connectionID, connection[1])) {
		answer.body.closeConn()
		return nil, unreadable(op, answer.status, nil, errors.New("response about a job of another connection"))
	}
	job.AlreadyRunning = answer.status == http.StatusOK
	return job, nil
}

var jobResource = resource[Job]{"job", func(j *Job) (string, string) { return j.Type, j.ID }}
