package fleet

import (
	"context"
	"database/sql"

	"github.com/riverqueue/river"

	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

type eraseWorker struct {
	river.WorkerDefaults[EraseArgs]

	fleet *Fleet
}

// Work erases a user. One who has another consent than the one that ended is synced.
func (w *eraseWorker) Work(ctx context.Context, job *river.Job[EraseArgs]) error {
	f, args := w.fleet, job.Args
	erased, err := f.mirror.EraseFor(ctx, args.UserID, args.Reason)
	if err != nil || erased {
		return f.outcome(ctx, job.JobRow, Ask{UserID: args.UserID}, err)
	}
	return sqldb.InTx(ctx, f.db.DB, func(tx *sql.Tx) error {
		if err := f.insertSync(ctx, tx, args.UserID); err != nil {
			return err
		}
		return complete(ctx, tx, job)
	})
}

// inMirrorTx removes an erased user from the schedule in the transaction of the erasure, and then calls the application's
// function.
func (f *Fleet) inMirrorTx(ctx context.Context, tx *sql.Tx, changes []mirror.Change) error {
	for _, change := range changes {
		if change.Kind == mirror.KindErased {
			if err := f.removeUser(ctx, tx, change.UserID); err != nil {
				return err
			}
		}
	}
	if f.config.InTx == nil {
		return nil
	}
	return f.config.InTx(ctx, tx, changes)
}
