package basiq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

type (
	// JobStep is one step of a job.
	JobStep = gen.JobStep
	// JobStepTitle names what a step does.
	JobStepTitle = gen.JobStepTitle
	// JobStepStatus is the state of a step.
	JobStepStatus = gen.JobStepStatus
	// JobStepResult is the result of a step: a link, an error or a challenge.
	JobStepResult = gen.JobStepResult
	// MFAMethod is the kind of a challenge.
	MFAMethod = gen.MFAMethod
)

// The steps of a job. Basiq may add values.
const (
	StepVerifyCredentials    = gen.JobStepTitleVerifyCredentials // the job names its connection once this has succeeded
	StepMFAChallenge         = gen.JobStepTitleMFAChallenge
	StepRetrieveAccounts     = gen.JobStepTitleRetrieveAccounts
	StepRetrieveTransactions = gen.JobStepTitleRetrieveTransactions
	StepRetrieveStatements   = gen.JobStepTitleRetrieveStatements
	StepCreateReport         = gen.JobStepTitleCreateReport
)

// The states of a step. Basiq may add values.
const (
	JobStepStatusPending    = gen.JobStepStatusPending    // not started, or queued, see [Job.Queued]
	JobStepStatusInProgress = gen.JobStepStatusInProgress // running, or waiting for the user's answer, see [Job.MFA]
	JobStepStatusSuccess    = gen.JobStepStatusSuccess
	JobStepStatusFailed     = gen.JobStepStatusFailed  // the job has failed, see [Job.Err]
	JobStepStatusSkipped    = gen.JobStepStatusSkipped // the step was not needed
)

// The kinds of challenges. Basiq may add values.
const (
	MFAMethodToken             = gen.MFAMethodToken             // a code that an app shows, or that arrives by SMS, email or phone
	MFAMethodSecurityQuestions = gen.MFAMethodSecurityQuestions // personal questions
)

// Job is a task that Basiq runs in the background, in steps. It ends with the first step that fails. The response of a
// call that starts a job has only Type, ID and Links; [JobsService.Get] returns the steps.
type Job struct {
	gen.Job
	// AlreadyRunning is set if a create, update or refresh did not start a job, because this job was already running.
	// An earlier attempt of the same refresh may have started it.
	AlreadyRunning bool `json:"-"`
}

// Step returns the step with the title, or nil.
func (j *Job) Step(title JobStepTitle) *JobStep {
	return j.step(func(step *JobStep) bool { return step.Title == title })
}

// step returns the first step that satisfies the condition, or nil.
func (j *Job) step(satisfies func(*JobStep) bool) *JobStep {
	for i := range j.Steps {
		if satisfies(&j.Steps[i]) {
			return &j.Steps[i]
		}
	}
	return nil
}

// Done reports whether the job is over: all its steps have succeeded or were skipped, or one has failed.
func (j *Job) Done() bool {
	done, total := j.Progress()
	return j.Err() != nil || done == total && (total > 0 || j.Status == string(JobStepStatusSuccess))
}

// Err returns a [JobError] if the job has failed, and nil otherwise.
func (j *Job) Err() error {
	step := j.step(func(step *JobStep) bool { return step.Status == JobStepStatusFailed })
	if step == nil {
		if j.Status != string(JobStepStatusFailed) {
			return nil
		}
		step = new(JobStep)
	}
	failure := &JobError{JobID: j.ID, Step: step.Title, Job: j}
	if result := step.Result.First(); result != nil {
		failure.Code, failure.Title, failure.Detail = Code(result.Code), result.Title, cmp.Or(result.Detail, result.Details)
		if wrapped := result.Error; wrapped != nil && failure.Code == "" {
			failure.Code, failure.Title, failure.Detail = Code(wrapped.Code), wrapped.Title, wrapped.Detail
		}
	}
	return failure
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

// Queued reports whether Basiq has queued the job because the institution is unavailable. Basiq retries every two hours
// for up to seven days; then the job fails with [CodeTemporaryUnavailable].
func (j *Job) Queued() bool {
	return j.step(func(step *JobStep) bool {
		result := step.Result.First()
		return step.Status == JobStepStatusPending && result != nil && CodeTemporaryUnavailableQueued.is(Code(result.Code))
	}) != nil
}

// ConnectionID returns the ID of the connection that the job is about. The second result is false if it is not known:
// before the first step has succeeded, and for jobs that are not about a connection.
func (j *Job) ConnectionID() (string, bool) {
	_, connectionID := j.source()
	return connectionID, connectionID != ""
}

// UserID returns the ID of the job's user. The second result is false if it is not known.
func (j *Job) UserID() (string, bool) {
	userID, _ := j.source()
	return userID, userID != ""
}

// ReportID returns the ID of the report that the job creates. The second result is false if it is not known, and for
// jobs that are not about a report. The report can be read when the job is done.
func (j *Job) ReportID() (string, bool) {
	if ids := j.linkedIDs(StepCreateReport, reportPath); ids != nil {
		return ids[0], true
	}
	return "", false
}

// source returns the IDs of the job's user and connection, or "".
func (j *Job) source() (userID, connectionID string) {
	if ids := j.linkedIDs(StepVerifyCredentials, connectionPath); ids != nil {
		return ids[0], ids[1]
	}
	return "", ""
}

var (
	connectionPath = regexp.MustCompile(`^/*users/([^/]+)/connections/([^/]+)/*$`)
	reportPath     = regexp.MustCompile(`^/*reports/([^/]+)/*$`)
)

// linkedIDs returns the IDs in the link of the step's result if the link has the path, and otherwise the IDs in the
// source link of the job.
func (j *Job) linkedIDs(title JobStepTitle, path *regexp.Regexp) []string {
	links := []string{j.Links.Source}
	if step := j.Step(title); step != nil && step.Result.First() != nil {
		links = []string{step.Result.First().URL, j.Links.Source}
	}
	for _, link := range links {
		u, err := url.Parse(link)
		if err != nil {
			continue
		}
		ids := path.FindStringSubmatch(u.Path)
		if ids != nil && !slices.ContainsFunc(ids[1:], func(id string) bool { return api.ID(id).Validate() != nil }) {
			return ids[1:]
		}
	}
	return nil
}

// MFA returns the challenge that waits for the user's answer, or nil. Answer it with [JobsService.AnswerMFA].
//
// A challenge is recognized by its content, whatever the state of its step is. It was answered if the step is over, or
// if a later step has started. Until then MFA returns it also after it was answered; see [WithAnsweredMFA].
func (j *Job) MFA() *MFAChallenge {
	result := j.openChallenge()
	if result == nil {
		return nil
	}
	challenge := &MFAChallenge{
		JobID:       j.ID,
		Method:      result.Method,
		Description: result.Description,
		Questions:   result.Input,
		ValidFor:    time.Duration(min(max(result.ExpiryMs, 0), (24*time.Hour).Milliseconds())) * time.Millisecond,
	}
	challenge.UserID, _ = j.UserID()
	return challenge
}

// openChallenge returns the last challenge that was not answered, or nil.
func (j *Job) openChallenge() *JobStepResult {
	for i := len(j.Steps) - 1; i >= 0; i-- {
		step := &j.Steps[i]
		switch step.Status {
		case JobStepStatusSuccess, JobStepStatusFailed, JobStepStatusSkipped: // the result may still be the challenge
		default:
			if at := slices.IndexFunc(step.Result.Items, isChallenge); at >= 0 {
				return &step.Result.Items[at]
			}
		}
		// Steps run in order. Only the check of the credentials may be listed after the challenge that is a part of it.
		started := step.Status == JobStepStatusInProgress || step.Status == JobStepStatusSuccess
		if started && step.Title != StepVerifyCredentials {
			return nil
		}
	}
	return nil
}

// isChallenge reports whether a result is a challenge. The type alone does not show it: in an example of API 2.1 a challenge
// has the type link.
func isChallenge(result JobStepResult) bool {
	return result.Type == "mfa" || result.Method != "" || len(result.Input) > 0 || result.Links.Response != ""
}

// MFAChallenge is a challenge of a bank, which the user answers while a job runs.
type MFAChallenge struct {
	// JobID is the job that waits for the MFA answers.
	JobID string
	// UserID is the job's user; empty if it is not known.
	UserID string
	// Method is the kind of the challenge.
	Method MFAMethod
	// Description instructs the user.
	Description string
	// Questions each need one answer, in this order.
	Questions []string
	// ValidFor is how long the challenge accepts answers after it was created, usually two minutes. It is 0 if it is
	// not known.
	ValidFor time.Duration
}

// JobError is returned if a job has failed.
type JobError struct {
	// JobID is the job's ID.
	JobID string
	// Step is the step that failed; empty if it is not known.
	Step JobStepTitle
	// Code, Title and Detail describe the failure; each may be empty.
	Code          Code
	Title, Detail string
	// Job is the job that failed.
	Job *Job
	// Err is the error of [JobsService.AnswerMFA] if the job failed because Basiq refused the answers; nil otherwise.
	Err error
}

// Error describes the failure in one line, with at most 1 KiB of each text.
func (e *JobError) Error() string {
	var text strings.Builder
	text.WriteString("basiq: job " + cmp.Or(truncate(e.JobID), "(unknown)") + " failed")
	if e.Step != "" {
		text.WriteString(" at " + truncate(string(e.Step)))
	}
	for _, part := range []string{string(e.Code), cmp.Or(e.Detail, e.Title)} {
		if part != "" {
			text.WriteString(": " + truncate(part))
		}
	}
	if e.Err != nil {
		text.WriteString(": " + strings.TrimPrefix(e.Err.Error(), "basiq: "))
	}
	return singleLine(text.String())
}

// Unwrap returns Err.
func (e *JobError) Unwrap() error { return e.Err }

// Is reports whether target is the [Code] of the failure, or [ErrMFARejected] if Basiq rejected the MFA answers or the
// step of the challenge failed for no other known reason.
func (e *JobError) Is(target error) bool {
	if target == ErrMFARejected {
		return e.Err != nil || e.Step == StepMFAChallenge && slices.Contains(mfaFailures, e.Code.normalized())
	}
	return e.Code.is(target)
}

// mfaFailures are the codes of a failed step of a challenge that are about the answers.
var mfaFailures = []Code{"", CodeInvalidCredentials, CodeMultiFactorAuthentication, CodeParameterNotValid}

// JobFields are the fields that [JobsService.List] can filter by.
var JobFields = jobFields{ConnectionID: EqualField[Job, string]{name: "connection.id"}}

type jobFields struct {
	// ConnectionID is the ID of the connection that the job is about.
	ConnectionID EqualField[Job, string]
}

// JobsService gets the jobs that Basiq runs in the background, and waits for them.
type JobsService struct{ client *Client }

// Get returns the current state of a job. If the job has failed, Get returns no error: see [Job.Err].
// Basiq does not document how long it keeps a job; [JobsService.List] returns the jobs of the last seven days. operationId:
// getJobs.
func (s *JobsService) Get(ctx context.Context, jobID string) (*Job, error) {
	return get(ctx, s.client, opGetJob, []pathParam{{"jobID", jobID}}, jobResource, bindID(s.client.raw.GetJobs, jobID))
}

// List returns the user's jobs of the last seven days that the options select, the most recently changed first; see
// [JobListOptions]. operationId: getUserJobs.
func (s *JobsService) List(ctx context.Context, userID string, options ...JobListOptions) iter.Seq2[*Job, error] {
	return list(ctx, s.client, opGetUserJobs, []pathParam{{"userID", userID}}, jobResource, bindIDInput(s.client.raw.GetUserJobs, userID, nil), listOptionsOf(options))
}

// AnswerMFA answers the challenge of a user's job, see [Job.MFA], with one answer for each of its Questions, in their
// order. [WithMFA] does this during a wait. The returned job has no steps.
//
// A wrong or late MFA answer is an error of this call or fails the job. The call is retried only if the MFA answers
// certainly did not reach Basiq. It uses a [ClientAccess] token of the user, as Basiq's documentation requires, unless
// [ContextWithScope] sets another. Errors: [ErrMFARejected], [ErrBadRequest]. operationId: postJobMfa.
func (s *JobsService) AnswerMFA(ctx context.Context, userID, jobID string, answers ...Secret) (*Job, error) {
	if len(answers) == 0 {
		return nil, invalidInput(opPostJobMFA.Name, "answers", "one answer is required for each question")
	}
	body := gen.MFAAnswer{MFAResponse: make([]api.WireSecret, len(answers))}
	for i, answer := range answers {
		if answer.IsZero() {
			return nil, invalidInput(opPostJobMFA.Name, "answers", fmt.Sprintf("MFA answer %d is empty", i+1))
		}
		body.MFAResponse[i] = wire(answer)
	}
	ctx = contextWithDefaultScope(ctx, ClientAccess(userID))
	return get(ctx, s.client, opPostJobMFA, []pathParam{{"userID", userID}, {"jobID", jobID}}, jobResource, bindIDInput(s.client.raw.PostJobMFA, jobID, body))
}

// startJob makes a call whose response is a job: 202 if it was started, 200 if it was already running. connection holds
// the expected IDs of the user and the connection; each may be empty. They are compared if the job names its
// connection.
func startJob(ctx context.Context, c *Client, op *Operation, ids []pathParam, connection [2]string, request requester) (*Job, error) {
	resp, err := c.do(ctx, op, ids, request)
	if err != nil {
		return nil, err
	}
	job, err := jobResource.read(resp, "", func(job *Job) error {
		userID, connectionID := job.source()
		if connectionID != "" && (connection[0] != "" && !strings.EqualFold(userID, connection[0]) ||
			connection[1] != "" && !strings.EqualFold(connectionID, connection[1])) {
			return errors.New("job belongs to another connection")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	job.AlreadyRunning = resp.status == http.StatusOK
	return job, nil
}

var jobResource = resource[Job]{"job", func(j *Job) (string, string) { return j.Type, j.ID }}
