package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

const (
	// giveUpAfter is how long a job is snoozed in total. Basiq keeps jobs for 7 days.
	giveUpAfter = 8 * 24 * time.Hour
	// unstableDelay is how long a sync waits if the accounts kept changing, or if it was interrupted by its timeout.
	unstableDelay = time.Minute
)

// outcome returns what a worker returns to River for an error: a snooze if the job is worth another run, and a cancellation
// if it is not. River retries errors of an unknown kind, such as those of the database, with a growing delay. about is whom
// and what to ask for if only the user can help.
func (f *Fleet) outcome(ctx context.Context, row *rivertype.JobRow, about Ask, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return snooze(row, unstableDelay, err)
	case ctx.Err() != nil: // the process stops
		return river.JobSnooze(0)
	case errors.Is(err, mirror.ErrErased), errors.Is(err, mirror.ErrMassRemoval), errors.Is(err, mirror.ErrEndpointDisabled):
		return river.JobCancel(err)
	case errors.Is(err, mirror.ErrUnstable), errors.Is(err, mirror.ErrConflict):
		return snooze(row, unstableDelay, err)
	}
	switch advice := basiq.AdviseOn(err); advice.Action {
	case basiq.ActionRetry, basiq.ActionWait, basiq.ActionCheck: // all jobs begin with a check
		return snooze(row, advice.After, err)
	case basiq.ActionAskUser:
		about.Need = advice.Need
		if askErr := f.ask(ctx, about); askErr != nil {
			return errors.Join(err, askErr)
		}
		return river.JobCancel(err)
	case basiq.ActionFix, basiq.ActionGiveUp:
		return river.JobCancel(err)
	default:
		return err
	}
}

// snooze returns a snooze of at least a second, which varies by a tenth so that jobs do not run at the same time. It returns
// a cancellation if the job is too old.
func snooze(row *rivertype.JobRow, delay time.Duration, err error) error {
	if age := time.Since(row.CreatedAt); age > giveUpAfter {
		return river.JobCancel(fmt.Errorf("gave up after %s: %w", age.Round(time.Hour), err))
	}
	delay = max(delay, time.Second)
	return river.JobSnooze(delay + rand.N(delay/10)) //nolint:gosec // it spreads jobs
}

// ask inserts a job that asks the user.
func (f *Fleet) ask(ctx context.Context, ask Ask) error {
	_, err := f.river.Insert(ctx, ask, nil)
	return err
}

type askWorker struct {
	river.WorkerDefaults[Ask]

	fleet *Fleet
}

// Work calls the application. River retries it after an error.
func (w *askWorker) Work(ctx context.Context, job *river.Job[Ask]) error {
	if w.fleet.config.OnAskUser == nil {
		w.fleet.config.Logger.WarnContext(ctx, "a user is needed, and OnAskUser is not set", slog.String("need", string(job.Args.Need)), slog.Int64("job", job.ID))
		return nil
	}
	return w.fleet.config.OnAskUser(ctx, job.Args)
}
