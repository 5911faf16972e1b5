package fleet

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/riverqueue/river"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
)

// refreshBudget is how often an open-banking connection may be refreshed within 24 hours without the user.
const refreshBudget = 20

// refreshRetry is how long a connection is not refreshed after a job that failed, or after a refresh that cannot be decided.
const refreshRetry = time.Hour

// lostWaitDelay is longer than most Basiq jobs take.
const lostWaitDelay = 2 * time.Minute

type refreshWorker struct {
	river.WorkerDefaults[RefreshArgs]

	fleet *Fleet
}

// Work refreshes the stale connections of a user. The list of connections is the check that Basiq requires before a refresh.
// A run that follows a failed one cannot know whether that one started a refresh and failed to store the wait for its job,
// because the connection is then recent. So it also inserts a sync for the time when such a job has ended.
func (w *refreshWorker) Work(ctx context.Context, job *river.Job[RefreshArgs]) error {
	f, userID := w.fleet, job.Args.UserID
	next := time.Now().Add(f.config.RefreshAge)
	var failed error
	for connection, err := range f.config.Client.Connections.List(ctx, userID) {
		if err != nil {
			failed = errors.Join(failed, err)
			break
		}
		at, err := f.refresh(ctx, userID, connection)
		failed = errors.Join(failed, err)
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	if errors.Is(failed, basiq.ErrNotFound) {
		if err := f.removeUser(ctx, f.db.DB, userID); err != nil {
			return err
		}
	}
	if failed != nil {
		return f.outcome(ctx, job.JobRow, Ask{UserID: userID}, failed)
	}
	early := false
	err := sqldb.InTx(ctx, f.db.DB, func(tx *sql.Tx) error {
		if err := f.scheduleRefresh(ctx, tx, userID, next); err != nil {
			return err
		}
		if job.Attempt > 1 {
			at := time.Now().Add(lostWaitDelay)
			later, err := f.river.InsertTx(ctx, tx, SyncLaterArgs{UserID: userID}, &river.InsertOpts{ScheduledAt: at})
			if err != nil {
				return err
			}
			if early = later.UniqueSkippedAsDuplicate && later.Job.ScheduledAt.Before(at); early {
				return nil
			}
		}
		return complete(ctx, tx, job)
	})
	if err == nil && early { // the sync that is already scheduled may run before the lost job has ended
		return river.JobSnooze(lostWaitDelay)
	}
	return err
}

// refresh refreshes a connection if it is stale and its budget allows it. It returns when to look at it again, zero for the
// usual time. If only the user can help, it asks the user and returns no error.
func (f *Fleet) refresh(ctx context.Context, userID string, connection *basiq.Connection) (next time.Time, err error) {
	about := Ask{UserID: userID, ConnectionID: connection.ID}
	used, _ := connection.LastUsed.Time()
	openBanking := connection.Method == basiq.ConnectionMethodOpenBanking || connection.Method == basiq.ConnectionMethodOpenBankingUnhyphenated
	if openBanking && basiq.SkipRefresh(connection, f.config.RefreshAge) == "" {
		at, err := f.spendRefresh(ctx, connection.ID, time.Now())
		if err != nil || !at.IsZero() {
			return at, err
		}
	}
	refresh, err := f.config.Client.Connections.RefreshListedIfStale(ctx, userID, connection, f.config.RefreshAge)
	if err != nil {
		if advice := basiq.AdviseOn(err); advice.Action == basiq.ActionAskUser {
			about.Need = advice.Need
			return time.Time{}, f.ask(ctx, about)
		}
		return time.Time{}, err
	}
	switch refresh.Skipped {
	case basiq.RefreshSkipRecent:
		return used.Add(f.config.RefreshAge), nil
	case basiq.RefreshSkipPending:
		return time.Now().Add(refreshRetry), nil
	case basiq.RefreshSkipInvalid:
		about.Need = basiq.NeedCredentials
		return time.Time{}, f.ask(ctx, about)
	case basiq.RefreshSkipInactive, basiq.RefreshSkipUnknown:
		return time.Time{}, nil
	}
	f.metrics.refreshed(refresh.Job.AlreadyRunning)
	// The wait is stored even if the process stops now, because the next run finds the connection recent.
	_, err = f.river.Insert(context.WithoutCancel(ctx), WaitArgs{UserID: userID, JobID: refresh.Job.ID, ConnectionID: connection.ID}, nil)
	return time.Time{}, err
}

// spendRefresh records a refresh at now. If the budget is spent, it records nothing and returns when the next refresh is
// possible. The budget holds for every period of 24 hours, and so for the day of every time zone.
func (f *Fleet) spendRefresh(ctx context.Context, connectionID string, now time.Time) (next time.Time, err error) {
	err = sqldb.InTx(ctx, f.db.DB, func(tx *sql.Tx) error {
		// The first statement locks the row.
		if err := f.db.exec(ctx, tx, `INSERT INTO basiq_fleet_refresh (connection_id, refreshed_at) VALUES (?, '')
			ON CONFLICT (connection_id) DO UPDATE SET refreshed_at = basiq_fleet_refresh.refreshed_at`, connectionID); err != nil {
			return err
		}
		var text string
		if err := tx.QueryRowContext(ctx, f.db.bind(`SELECT refreshed_at FROM basiq_fleet_refresh WHERE connection_id = ?`), connectionID).Scan(&text); err != nil {
			return err
		}
		all := strings.Fields(text) // seconds since 1970, ascending
		for len(all) > 0 {
			seconds, err := strconv.ParseInt(all[0], 10, 64)
			if err != nil {
				return err
			}
			if free := time.Unix(seconds, 0).Add(24 * time.Hour); now.Before(free) {
				if len(all) >= refreshBudget {
					next = free
					return nil
				}
				break
			}
			all = all[1:]
		}
		all = append(all, strconv.FormatInt(now.Unix(), 10))
		return f.db.exec(ctx, tx, `UPDATE basiq_fleet_refresh SET refreshed_at = ? WHERE connection_id = ?`, strings.Join(all, " "), connectionID)
	})
	return next, err
}
