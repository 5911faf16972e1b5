package fleet

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/riverqueue/river"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
)

// The interval between two polls of a job grows with its age. Most jobs take 3 to 30 seconds.
const (
	pollShortest = 2 * time.Second
	pollLongest  = time.Minute
)

type waitWorker struct {
	river.WorkerDefaults[WaitArgs]

	fleet *Fleet
}

// Work polls the job once. Between two polls the wait is only a row in the database, so it survives restarts and another
// machine can continue it.
func (w *waitWorker) Work(ctx context.Context, job *river.Job[WaitArgs]) error {
	f, args := w.fleet, job.Args
	about := Ask{UserID: args.UserID, ConnectionID: args.ConnectionID, JobID: args.JobID}
	polled, err := f.config.Client.Jobs.Get(ctx, args.JobID)
	if err != nil {
		return f.outcome(ctx, job.JobRow, about, err)
	}
	if owner, known := polled.UserID(); known && !strings.EqualFold(owner, args.UserID) {
		return river.JobCancel(basiq.ErrUserMismatch)
	}
	if connectionID, known := polled.ConnectionID(); known {
		about.ConnectionID = connectionID
	}
	if failure := polled.Err(); failure != nil {
		return f.jobFailed(ctx, about, failure)
	}
	if polled.Done() {
		return sqldb.InTx(ctx, f.db.DB, func(tx *sql.Tx) error {
			if err := f.insertSync(ctx, tx, args.UserID); err != nil {
				return err
			}
			if err := f.addUsers(ctx, tx, args.UserID); err != nil {
				return err
			}
			return complete(ctx, tx, job)
		})
	}
	if polled.Queued() {
		return f.outcome(ctx, job.JobRow, about, basiq.ErrJobQueued)
	}
	if polled.MFA() != nil { // unique, so that the user is asked once
		about.Need = basiq.NeedMFA
		if err := f.ask(ctx, about); err != nil {
			return err
		}
	}
	return snooze(job.JobRow, min(max(time.Since(job.CreatedAt)/4, pollShortest), pollLongest), basiq.ErrWaitTimeout)
}

// jobFailed handles the failure of a job, which has ended. If another job may succeed, the sweep starts one.
func (f *Fleet) jobFailed(ctx context.Context, about Ask, failure error) error {
	var err error
	switch advice := basiq.AdviseOn(failure); advice.Action {
	case basiq.ActionRetry:
		err = f.scheduleRefresh(ctx, f.db.DB, about.UserID, time.Now().Add(max(advice.After, refreshRetry)))
	case basiq.ActionAskUser:
		about.Need = advice.Need
		err = f.ask(ctx, about)
	default:
	}
	if err != nil {
		return err
	}
	return river.JobCancel(failure)
}
