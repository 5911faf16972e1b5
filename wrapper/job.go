package basiq

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

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
	// JobStepError is why a step failed, where it is wrapped in the step's result; [Job.Err] looks there too.
	JobStepError = gen.JobStepError
	// JobStepResultLinks is where to answer a challenge; [JobsService.AnswerMFA] knows by itself.
	JobStepResultLinks = gen.JobStepResultLinks
	// JobLinks is where to find a job and what it works on.
	JobLinks = gen.JobLinks
	// MFAMethod is what kind of challenge it is.
	MFAMethod = gen.MFAMethod
)

// What the steps do. The list is open.
const (
	// StepVerifyCredentials: log in at the institution. The connection exists once it has succeeded.
	StepVerifyCredentials = gen.JobStepTitleVerifyCredentials
	// StepMFAChallenge: ask the user for a second factor, where the institution wants one.
	StepMFAChallenge = gen.JobStepTitleMFAChallenge
	// StepRetrieveAccounts: fetch the complete list of accounts and their details.
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
	JobStepStatusPending    = gen.JobStepStatusPending
	JobStepStatusInProgress = gen.JobStepStatusInProgress
	JobStepStatusSuccess    = gen.JobStepStatusSuccess
	JobStepStatusFailed     = gen.JobStepStatusFailed
	JobStepStatusSkipped    = gen.JobStepStatusSkipped
)

// The kinds of challenges. The list is open.
const (
	// MFAMethodToken: the user gives a code that an app shows, or that arrives by SMS, email or phone.
	MFAMethodToken = gen.MFAMethodToken
	// MFAMethodSecurityQuestions: the user answers personal questions.
	MFAMethodSecurityQuestions = gen.MFAMethodSecurityQuestions
)

var (
	errNoJobID      = errors.New("there is no job id in it")
	errNoConnection = errors.New("the job names no connection")
)

// Job is work that Basiq does in the background, in steps: the first that fails ends it. The answer to a call that
// starts a job has only Type, ID and Links; [JobsService.Get] has the steps.
type Job struct {
	gen.Job
	// AlreadyRunning is set in the answer to a create, update or refresh that started no job, because this one was under
	// way.
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
// hours, for up to seven days.
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

// source reads the ids of the user and the connection from the links of the job and its steps.
func (j *Job) source() (userID, connectionID string) {
	var links []string
	if step := j.Step(StepVerifyCredentials); step != nil {
		if result := step.Result.First(); result != nil {
			links = append(links, result.URL)
		}
	}
	if j.Links != nil {
		links = append(links, j.Links.Source)
	}
	for _, link := range links {
		u, err := url.Parse(link)
		if err != nil {
			continue
		}
		parts := strings.Split(strings.Trim(u.Path, "/"), "/")
		if len(parts) == 4 && parts[0] == "users" && parts[2] == "connections" {
			return parts[1], parts[3]
		}
	}
	return "", ""
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
}

// Error says what is wrong in one line.
func (e *JobError) Error() string {
	var b strings.Builder
	b.WriteString("basiq: job " + e.JobID + " failed")
	if e.Step != "" {
		b.WriteString(" at " + string(e.Step))
	}
	if e.Code != "" {
		b.WriteString(": " + string(e.Code))
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	} else if e.Title != "" {
		b.WriteString(": " + e.Title)
	}
	return oneLine(b.String())
}

// Is reports whether target is the [Code] of the failure.
func (e *JobError) Is(target error) bool { return e.Code.is(target) }

var (
	// ErrMFARequired says that the job waits for the user to answer a challenge, and [WithMFA] was not given.
	ErrMFARequired = errors.New("the bank asks the user for a second factor; see basiq.WithMFA")
	// ErrJobQueued says that Basiq has put the job aside because the institution is out of reach, and tries again every
	// two hours for up to seven days. Look again in an hour or so.
	ErrJobQueued = errors.New("the institution is out of reach, and Basiq tries again every two hours")
	// ErrWaitedTooLong says that the job was not over within [WithMaxWait].
	ErrWaitedTooLong = errors.New("the job was not over in time")
)

// WaitError is a wait that ended before its job did. The job goes on: wait for it again with JobID.
type WaitError struct {
	// JobID is the job's id.
	JobID string
	// Job is the job as it was last seen; nil when it was not.
	Job *Job
	// Err is why the wait ended: the context's error, [ErrMFARequired], [ErrJobQueued], [ErrWaitedTooLong], the error of
	// the function given to [WithMFA], or that of a call.
	Err error
}

// Error says why the wait ended in one line.
func (e *WaitError) Error() string {
	return oneLine(fmt.Sprintf("basiq: waiting for job %s: %v", e.JobID, e.Err))
}

// Unwrap returns Err.
func (e *WaitError) Unwrap() error { return e.Err }
