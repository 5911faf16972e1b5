package fleet

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"

	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
)

const (
	sweepInterval = time.Minute
	dailyInterval = 24 * time.Hour
	// sweepLease is when a user is due again if the job that was inserted stores no other time.
	sweepLease = 24 * time.Hour
	// usersAtOnce is how many users are written in one transaction.
	usersAtOnce = 500
)

type sweepWorker struct {
	river.WorkerDefaults[sweepArgs]

	fleet *Fleet
}

// Work inserts jobs for the users that are due, the longest due first, at most as many as the rates allow in one interval.
func (w *sweepWorker) Work(ctx context.Context, job *river.Job[sweepArgs]) error {
	f := w.fleet
	err := f.insertDue(ctx, "sync_at", f.config.SyncRate, syncArgsOf)
	if err == nil && f.config.RefreshAge > 0 {
		err = f.insertDue(ctx, "refresh_at", f.config.RefreshRate, refreshArgsOf)
	}
	return f.outcome(ctx, job.JobRow, Ask{}, err)
}

func syncArgsOf(userID string) river.JobArgs    { return SyncArgs{UserID: userID} }
func refreshArgsOf(userID string) river.JobArgs { return RefreshArgs{UserID: userID} }

// insertDue inserts jobs for the users whose time in a column has come. rate is per second.
func (f *Fleet) insertDue(ctx context.Context, column string, rate float64, args func(userID string) river.JobArgs) error {
	for left := max(int(rate*sweepInterval.Seconds()), 1); left > 0; {
		found := 0
		err := sqldb.InTx(ctx, f.db.DB, func(tx *sql.Tx) error {
			now := time.Now()
			users, err := f.due(ctx, tx, column, now, min(left, usersAtOnce))
			if found = len(users); err != nil || found == 0 {
				return err
			}
			params := make([]river.InsertManyParams, found)
			for i, userID := range users {
				params[i] = river.InsertManyParams{Args: args(userID), InsertOpts: &river.InsertOpts{Priority: prioritySweep}}
			}
			if _, err := f.river.InsertManyTx(ctx, tx, params); err != nil {
				return err
			}
			condition, ids := sqldb.In(users)
			return f.db.exec(ctx, tx, `UPDATE basiq_fleet_user SET `+column+` = ? WHERE user_id`+condition, append([]any{now.Add(sweepLease).Unix()}, ids...)...)
		})
		if err != nil || found == 0 {
			return err
		}
		left -= found
	}
	return nil
}

// due returns the users whose time in a column has come.
func (f *Fleet) due(ctx context.Context, tx *sql.Tx, column string, now time.Time, limit int) ([]string, error) {
	return sqldb.Query(ctx, tx, sqldb.Dialect(f.db.Dialect), `SELECT user_id FROM basiq_fleet_user WHERE `+column+` <= ? ORDER BY `+column+` LIMIT ?`,
		func(userID *string) []any { return []any{userID} }, now.Unix(), limit)
}

// addUsers adds users to the schedule, except for those that it has and those that were erased. They are due for a sync
// immediately, and for a refresh at a random time, so that refreshes are never sent in bulk.
func (f *Fleet) addUsers(ctx context.Context, tx *sql.Tx, users ...string) error {
	now := time.Now()
	for _, userID := range users {
		refreshAt := now.Add(rand.N(max(f.config.RefreshAge, time.Second))) //nolint:gosec // it spreads refreshes
		if err := f.db.exec(ctx, tx, `INSERT INTO basiq_fleet_user (user_id, sync_at, refresh_at)
			SELECT CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT)
			WHERE NOT EXISTS (SELECT 1 FROM basiq_user WHERE user_id = ? AND erased_at IS NOT NULL) ON CONFLICT DO NOTHING`,
			userID, now.Unix(), refreshAt.Unix(), userID); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fleet) removeUser(ctx context.Context, db execer, userID string) error {
	return f.db.exec(ctx, db, `DELETE FROM basiq_fleet_user WHERE user_id = ?`, userID)
}

// scheduleSync sets when a user is due for a sync. It does nothing for a user who is not in the schedule.
func (f *Fleet) scheduleSync(ctx context.Context, db execer, userID string, at time.Time) error {
	return f.db.exec(ctx, db, `UPDATE basiq_fleet_user SET sync_at = ? WHERE user_id = ?`, at.Unix(), userID)
}

func (f *Fleet) scheduleRefresh(ctx context.Context, db execer, userID string, at time.Time) error {
	return f.db.exec(ctx, db, `UPDATE basiq_fleet_user SET refresh_at = ? WHERE user_id = ?`, at.Unix(), userID)
}

type listUsersWorker struct {
	river.WorkerDefaults[listUsersArgs]

	fleet *Fleet
}

// Timeout implements [river.Worker].
func (w *listUsersWorker) Timeout(*river.Job[listUsersArgs]) time.Duration { return listTimeout }

// Work adds the users that Basiq lists.
func (w *listUsersWorker) Work(ctx context.Context, job *river.Job[listUsersArgs]) error {
	var users []string
	for user, err := range w.fleet.config.Client.Users.List(ctx) {
		if err != nil {
			return w.fleet.outcome(ctx, job.JobRow, Ask{}, err)
		}
		users = append(users, user.ID)
	}
	return w.fleet.outcome(ctx, job.JobRow, Ask{}, w.fleet.AddUsers(ctx, users...))
}
