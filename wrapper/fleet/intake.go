package fleet

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/riverqueue/river"

	"github.com/basiq-go/basiq-go/wrapper/mirror"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

// WebhookHandler returns the handler of the webhook's URL. It verifies a delivery, and stores it in the same commit as the job
// that it asks for, before it responds with 204. A delivery that comes again causes no other job. The URL is the only one of
// the fleet that Basiq must reach.
func (f *Fleet) WebhookHandler(verifier *webhook.Verifier) http.Handler {
	return f.inbox.Handler(verifier)
}

// onDelivery stores the job of an event in the transaction that stores the event.
func (f *Fleet) onDelivery(ctx context.Context, tx *sql.Tx, work mirror.Work) error {
	if work.Reason == "" {
		if err := f.insertSync(ctx, tx, work.UserID); err != nil {
			return err
		}
		return f.addUsers(ctx, tx, work.UserID)
	}
	args := EraseArgs{UserID: work.UserID, Reason: work.Reason, EventID: work.EventID}
	_, err := f.river.InsertTx(ctx, tx, args, nil)
	return err
}

// listTimeout is how long a job may take that lists the events or the users of the application.
const listTimeout = time.Hour

type catchUpWorker struct {
	river.WorkerDefaults[catchUpArgs]

	fleet *Fleet
}

// Timeout implements [river.Worker].
func (w *catchUpWorker) Timeout(*river.Job[catchUpArgs]) time.Duration { return listTimeout }

// Work stores the jobs of events that were not delivered, and checks that Basiq delivers.
func (w *catchUpWorker) Work(ctx context.Context, job *river.Job[catchUpArgs]) error {
	err := errors.Join(w.fleet.inbox.CatchUp(ctx), w.fleet.inbox.Check(ctx))
	return w.fleet.outcome(ctx, job.JobRow, Ask{}, err)
}
