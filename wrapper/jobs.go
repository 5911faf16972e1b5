package basiq

import (
	"context"
	"fmt"
	"iter"
	"net/http"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// JobsService follows the work that Basiq does in the background.
type JobsService struct{ client *Client }

// jobList is gen.JobList with the jobs in the form that this package returns.
type jobList struct {
	Data []Job `json:"data"`
}

// Get returns a job as it is now. A job that failed is no error of this call: see [Job.Err].
//
// Errors: [ErrNotFound], also for a job that is older than seven days. operationId: getJobs.
func (s *JobsService) Get(ctx context.Context, jobID string) (*Job, error) {
	if err := checkIDs(opGetJob, id{"jobID", jobID}); err != nil {
		return nil, err
	}
	job, _, err := receive[Job](ctx, s.client, opGetJob, func(ctx context.Context) (*http.Response, error) {
		return s.client.raw.GetJobs(ctx, api.ID(jobID))
	})
	return job, err
}

// List returns the user's jobs of the last seven days that satisfy all filters, the one that changed last first; see
// [JobFields]. Nothing is sent before the range begins; an error comes once, and last.
//
// Errors: [ErrNotFound] for a user that is not there. operationId: getUserJobs.
func (s *JobsService) List(ctx context.Context, userID string, filters ...Filter[Job]) iter.Seq2[*Job, error] {
	return listAll(func() ([]Job, error) {
		if err := checkIDs(opGetUserJobs, id{"userID", userID}); err != nil {
			return nil, err
		}
		filter, err := joinFilters(opGetUserJobs, filters)
		if err != nil {
			return nil, err
		}
		list, _, err := receive[jobList](ctx, s.client, opGetUserJobs, func(ctx context.Context) (*http.Response, error) {
			return s.client.raw.GetUserJobs(ctx, api.ID(userID), &gen.GetUserJobsParams{Filter: filter})
		})
		if err != nil {
			return nil, err
		}
		return list.Data, nil
	})
}

// AnswerMFA answers the challenge of a job that works for the user: one answer for each of the challenge's Questions, in
// their order. See [Job.MFA], and [WithMFA] for having it called while waiting. The answer is a reference to the job.
//
// There is no second try: a wrong or late answer is an error, and the job fails. So it is sent again only when it
// certainly did not arrive. It goes out with a [ClientAccess] token of the user, as Basiq's documents ask, unless
// [ContextWithScope] says otherwise. Errors: [ErrInvalidInput], [ErrBadRequest], [ErrNotFound]. operationId: postJobMfa.
func (s *JobsService) AnswerMFA(ctx context.Context, userID, jobID string, answers ...Secret) (*Job, error) {
	if err := checkIDs(opPostJobMFA, id{"userID", userID}, id{"jobID", jobID}); err != nil {
		return nil, err
	}
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
	return receiveJob(ctx, s.client, opPostJobMFA, func(ctx context.Context) (*http.Response, error) {
		return s.client.raw.PostJobMFA(ctx, api.ID(jobID), body)
	})
}

// receiveJob makes a call that is answered with a job: 202 with one that goes on or was started, 200 with one that was
// under way already.
func receiveJob(ctx context.Context, c *Client, op *Operation, request func(ctx context.Context) (*http.Response, error)) (*Job, error) {
	job, status, err := receive[Job](ctx, c, op, request)
	if err != nil {
		return nil, err
	}
	if job.ID == "" {
		return nil, unreadable(op, status, nil, errNoJobID)
	}
	job.AlreadyRunning = status == http.StatusOK
	return job, nil
}
