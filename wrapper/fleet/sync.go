package fleet

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivertype"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

const (
	// soon is the time within which a sync is scheduled as a job of its own. The sweep inserts later ones.
	soon = time.Hour
	// laterDelay is how long a SyncLaterArgs job waits for a running sync.
	laterDelay = 2 * time.Second
	// emptyDelay is when a user without accounts is synced again. A new connection causes an event.
	emptyDelay = 24 * time.Hour
)

// Statements that use several tables lock rows in this order, so that they never deadlock: the user's sync job, the user's
// SyncLaterArgs job, the user's row in basiq_fleet_user.

// insertSync stores in tx that the user must be synced after tx. A sync that is already running may have read its data before,
// and River cannot insert another one beside it. So a [SyncLaterArgs] job inserts it.
func (f *Fleet) insertSync(ctx context.Context, tx *sql.Tx, userID string) error {
	busy, err := f.tryInsertSync(ctx, tx, userID)
	if err != nil || !busy {
		return err
	}
	_, err = f.river.InsertTx(ctx, tx, SyncLaterArgs{UserID: userID}, &river.InsertOpts{ScheduledAt: time.Now().Add(laterDelay)})
	return err
}

// tryInsertSync inserts a sync unless one is waiting. It reports whether one is running instead.
func (f *Fleet) tryInsertSync(ctx context.Context, tx *sql.Tx, userID string) (busy bool, err error) {
	inserted, err := f.river.InsertTx(ctx, tx, SyncArgs{UserID: userID}, nil)
	if err != nil {
		return false, err
	}
	return inserted.UniqueSkippedAsDuplicate && inserted.Job.State == rivertype.JobStateRunning, nil
}

// complete completes a job in tx, together with what else tx writes.
func complete[T river.JobArgs](ctx context.Context, tx *sql.Tx, job *river.Job[T]) error {
	_, err := river.JobCompleteTx[*riverdatabasesql.Driver](ctx, tx, job) // the type of the driver matters only for the type of tx
	return err
}

type syncWorker struct {
	river.WorkerDefaults[SyncArgs]

	fleet *Fleet
}

// Work syncs a user. It stores when the next sync is useful in the commit that completes the job.
func (w *syncWorker) Work(ctx context.Context, job *river.Job[SyncArgs]) error {
	f, userID := w.fleet, job.Args.UserID
	result, err := f.mirror.Sync(ctx, userID, mirror.ReadConnections())
	if errors.Is(err, mirror.ErrErased) || errors.Is(err, basiq.ErrNotFound) {
		if err := f.removeUser(ctx, f.db.DB, userID); err != nil {
			return err
		}
	}
	if err != nil {
		return f.outcome(ctx, job.JobRow, Ask{UserID: userID}, err)
	}
	f.metrics.synced(result)
	return sqldb.InTx(ctx, f.db.DB, func(tx *sql.Tx) error {
		if err := complete(ctx, tx, job); err != nil {
			return err
		}
		next := result.Next
		if next.IsZero() { // the user has no accounts
			next = time.Now().Add(emptyDelay)
		}
		if time.Until(next) < soon {
			if _, err := f.river.InsertTx(ctx, tx, SyncLaterArgs{UserID: userID}, &river.InsertOpts{ScheduledAt: next}); err != nil {
				return err
			}
		}
		return f.scheduleSync(ctx, tx, userID, next)
	})
}

type syncLaterWorker struct {
	river.WorkerDefaults[SyncLaterArgs]

	fleet *Fleet
}

// Work inserts a sync, or waits for the running one. The job is completed in the commit that inserts the sync. So an event
// that finds this job unfinished is always covered by the sync.
func (w *syncLaterWorker) Work(ctx context.Context, job *river.Job[SyncLaterArgs]) error {
	busy := false
	err := sqldb.InTx(ctx, w.fleet.db.DB, func(tx *sql.Tx) (err error) {
		busy, err = w.fleet.tryInsertSync(ctx, tx, job.Args.UserID)
		if err != nil || busy {
			return err
		}
		return complete(ctx, tx, job)
	})
	if err == nil && busy {
		return river.JobSnooze(laterDelay)
	}
	return w.fleet.outcome(ctx, job.JobRow, Ask{}, err)
}
