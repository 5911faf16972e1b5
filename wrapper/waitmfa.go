package basiq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// mfaAnswers are the answers to a challenge until they are delivered.
type mfaAnswers struct {
	challenge *MFAChallenge
	answers   []Secret
	// expires is when the challenge ends. It is zero if the job does not say.
	expires time.Time
}

// handleMFA answers the job's challenge, if there is one that is to be answered now. It reports whether the wait is over.
func (w *wait) handleMFA(ctx context.Context, job *Job) (bool, error) {
	challenge := job.MFA()
	switch {
	case challenge == nil:
		// The next challenge is a new one, even if it asks the same.
		w.config.answered, w.undelivered = nil, nil
		return false, nil
	case challenge.same(w.config.answered):
		return false, nil
	case w.config.required:
		return true, ErrMFARequired
	case w.config.answer == nil: // the loop over Watch answers it
		return false, nil
	}
	if w.config.userID != "" {
		challenge.UserID = w.config.userID
	}
	if challenge.UserID == "" {
		return true, errors.New("the job does not tell whose it is; give basiq.WaitForUser")
	}
	if w.undelivered == nil || !challenge.same(w.undelivered.challenge) {
		answers, err := w.askCaller(ctx, challenge)
		switch {
		case err != nil && ctx.Err() != nil && errors.Is(ownError(ctx, err), ctx.Err()):
			return false, nil // the wait has ended, not the function
		case err != nil:
			return true, err
		}
		w.undelivered = answers
	}
	return w.deliver(ctx)
}

// askCaller calls the function of [WithMFA], with a context that ends when the challenge does.
func (w *wait) askCaller(ctx context.Context, challenge *MFAChallenge) (*mfaAnswers, error) {
	result := &mfaAnswers{challenge: challenge}
	if challenge.ValidFor > 0 {
		result.expires = time.Now().Add(challenge.ValidFor)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, result.expires)
		defer cancel()
	}
	var err error
	if result.answers, err = w.config.answer(ctx, *challenge); err != nil {
		return nil, err
	}
	if n, want := len(result.answers), len(challenge.Questions); n != want && want > 0 {
		return nil, fmt.Errorf("%d answers for %d questions: %w", n, want, ErrMFARequired)
	}
	return result, nil
}

// deliver sends the answers to Basiq. Answers that may have arrived count as given, and the job's state decides. Answers
// that certainly did not arrive are kept for the next poll while the challenge lasts.
func (w *wait) deliver(ctx context.Context) (bool, error) {
	pending := w.undelivered
	if pending.expires.IsZero() || time.Now().Before(pending.expires) {
		_, err := w.jobs.AnswerMFA(withoutRetries(ctx), pending.challenge.UserID, w.jobID, pending.answers...)
		if err != nil && !MayHaveBeenDone(err) {
			if !w.fail(ctx, err) {
				return false, nil
			}
			if failure := w.refused(ctx, err); failure != nil {
				return true, failure
			}
			return true, err
		}
	}
	w.config.answered, w.undelivered = pending.challenge, nil
	return false, nil
}

// refused returns the job's failure if the job has failed because Basiq refused the answers, and nil otherwise.
func (w *wait) refused(ctx context.Context, err error) *JobError {
	if _, ok := err.(*Error); !ok { //nolint:errorlint // an *Error below a TransportError is of another call
		return nil
	}
	job, pollErr := w.poll(ctx)
	if pollErr != nil {
		return nil
	}
	failure, failed := errors.AsType[*JobError](job.Err())
	if failed {
		w.job, failure.Err = job, err
	}
	return failure
}

// same reports whether both challenges ask the same.
func (c *MFAChallenge) same(other *MFAChallenge) bool {
	return other != nil && (other.JobID == c.JobID || other.JobID == "") && other.Method == c.Method && other.Description == c.Description &&
		slices.Equal(other.Questions, c.Questions)
}
