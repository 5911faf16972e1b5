package basiq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// handleMFA answers the job's challenge if it has one that was not answered. It reports whether the wait is over.
func (w *wait) handleMFA(ctx context.Context, job *Job) (bool, error) {
	challenge := job.MFA()
	switch {
	case challenge == nil:
		// The next challenge is a new one, even with the same questions.
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
			return false, nil // the function failed because the wait has ended
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
	w.expires, _ = ctx.Deadline() // the end of the challenge or of the wait, whichever comes first
	return nil
}

// deliver sends the MFA answers to Basiq. If Basiq may have received them, the challenge counts as answered and the
// job's state decides. MFA answers that Basiq certainly did not receive are kept for the next poll while the challenge
// lasts.
func (w *wait) deliver(ctx context.Context) (bool, error) {
	if time.Now().Before(w.expires) {
		_, err := w.jobs.AnswerMFA(withoutRetries(ctx, 0), w.undelivered.UserID, w.jobID, w.answers...)
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

// same reports whether both challenges are equal, except for their users and times.
func (c *MFAChallenge) same(other *MFAChallenge) bool {
	return other != nil && (other.JobID == c.JobID || other.JobID == "") && other.Method == c.Method && other.Description == c.Description &&
		slices.Equal(other.Questions, c.Questions)
}
