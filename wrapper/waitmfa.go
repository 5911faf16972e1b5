package basiq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// handleMFA answers the job's challenge, if there is one that is to be answered now. It reports whether the wait is over.
func (w *wait) handleMFA(ctx context.Context, job *Job) (bool, error) {
	challenge := job.MFA()
	switch {
	case challenge == nil:
		// The next challenge is a new one, even if it asks the same.
		w.answered, w.undelivered = nil, nil
		return false, nil
	case challenge.same(w.answered):
		return false, nil
	case w.answer == nil && w.changed != nil: // the loop over Watch handles MFA
		return false, nil
	case w.answer == nil:
		return true, ErrMFARequired
	}
	challenge.UserID = cmp.Or(w.userID, challenge.UserID)
	if challenge.UserID == "" {
		return true, errNoUser
	}
	if !challenge.same(w.undelivered) {
		err := w.askCaller(ctx, challenge)
		switch {
		case err != nil && ctx.Err() != nil && errors.Is(withoutCause(ctx, err), ctx.Err()):
			return false, nil // the wait has ended, not the function
		case err != nil:
			return true, err
		}
	}
	return w.deliver(ctx)
}

// askCaller calls the function of [WithMFA], with a context that ends when the challenge does.
func (w *wait) askCaller(ctx context.Context, challenge *MFAChallenge) error {
	ctx, cancel := withOptionalTimeout(ctx, challenge.ValidFor)
	defer cancel()
	answers, err := w.answer(ctx, *challenge)
	if err != nil {
		return err
	}
	if n, want := len(answers), len(challenge.Questions); n != want && want > 0 {
		return fmt.Errorf("%d answers for %d questions: %w", n, want, ErrMFARequired)
	}
	w.undelivered, w.answers = challenge, answers
	w.expires, _ = ctx.Deadline() // that of the wait unless the challenge ends before
	return nil
}

// deliver sends the MFA answers to Basiq. MFA answers that may have arrived count as given, and the job's state decides.
// MFA answers that certainly did not arrive are kept for the next poll while the challenge lasts.
func (w *wait) deliver(ctx context.Context) (bool, error) {
	if time.Now().Before(w.expires) {
		_, err := w.jobs.AnswerMFA(withoutRetries(ctx), w.undelivered.UserID, w.jobID, w.answers...)
		if err != nil && !MayHaveSucceeded(err) {
			if !w.fail(ctx, err) {
				return false, nil
			}
			return true, w.refused(ctx, err)
		}
	}
	w.answered, w.undelivered = w.undelivered, nil
	return false, nil
}

// refused returns the job's failure if the job has failed because Basiq refused the MFA answers, and err otherwise.
func (w *wait) refused(ctx context.Context, err error) error {
	if _, ok := err.(*Error); !ok { //nolint:errorlint // an *Error below a TransportError is of another call
		return err
	}
	job, pollErr := w.poll(ctx)
	if pollErr != nil {
		return err
	}
	failure, failed := errors.AsType[*JobError](job.Err())
	if !failed {
		return err
	}
	w.job, failure.Err = job, err
	return failure
}

// same reports whether both challenges ask the same.
func (c *MFAChallenge) same(other *MFAChallenge) bool {
	return other != nil && (other.JobID == c.JobID || other.JobID == "") && other.Method == c.Method && other.Description == c.Description &&
		slices.Equal(other.Questions, c.Questions)
}
