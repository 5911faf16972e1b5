package fleet

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/basiq-go/basiq-go/api"
	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// Config configures a [Fleet]. Client and Database are required. Other fields have a default if they are zero. All processes
// that share a database must have the same configuration.
type Config struct {
	Client   *basiq.Client
	Database *Database
	// OnAskUser is called if only the end user can help, for example to correct a password. It is called again if it returns
	// an error, and otherwise once in 24 hours for the same need. By default the need is logged without the user.
	OnAskUser func(ctx context.Context, ask Ask) error
	// InTx is called in every database transaction that changes transactions; see [mirror.InTx].
	InTx func(ctx context.Context, tx *sql.Tx, changes []mirror.Change) error
	// Mirror are further options of the mirror.
	Mirror []mirror.Option
	// WebhookID is the webhook whose state is checked every day. By default no webhook is checked.
	WebhookID string
	// RefreshAge is how long ago a connection must have been used to be refreshed. The default is 24 hours. If it is negative,
	// the sweep refreshes nothing.
	RefreshAge time.Duration
	// SyncRate and RefreshRate are how many users the sweep syncs and refreshes at most, per second, in all processes
	// together. The defaults are 5 and 1. The work of events is not limited.
	SyncRate, RefreshRate float64
	// SkipUserList disables the daily list of all users. Set it if there are so many that Basiq cannot list them in one
	// response, and add them with [Fleet.AddUsers].
	SkipUserList bool
	// Workers is how many users are synced at the same time in this process. The default is 10. It is also the number of
	// concurrent polls of jobs.
	Workers int
	// JobTimeout is how long one run of a job may take. The default is 2 minutes. A sync that takes longer continues a minute
	// later with the accounts that it has not written. A job of a process that was killed runs again within a minute after
	// this time.
	JobTimeout time.Duration
	// Logger logs the work of the queues, without user IDs. By default nothing is logged.
	Logger *slog.Logger
	// Registerer is where the metrics are registered. By default [Fleet.AdminHandler] serves a registry of its own.
	Registerer prometheus.Registerer

	// tune changes the configuration of River in tests.
	tune func(*river.Config)
}

func (c *Config) setDefaults() error {
	c.RefreshAge = cmp.Or(c.RefreshAge, 24*time.Hour)
	c.SyncRate, c.RefreshRate = cmp.Or(c.SyncRate, 5), cmp.Or(c.RefreshRate, 1)
	c.Workers = cmp.Or(c.Workers, 10)
	c.JobTimeout = cmp.Or(c.JobTimeout, 2*time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Client == nil:
		return errors.New("Config.Client: missing")
	case c.Database == nil:
		return errors.New("Config.Database: missing")
	case !(c.SyncRate > 0) || !(c.RefreshRate > 0): // also true for NaN
		return errors.New("Config.SyncRate and Config.RefreshRate: must be positive")
	case c.Workers < 1 || c.Workers > river.QueueNumWorkersMax:
		return fmt.Errorf("Config.Workers: %d out of range [1, %d]", c.Workers, river.QueueNumWorkersMax)
	case c.JobTimeout < time.Second:
		return errors.New("Config.JobTimeout: must be at least 1s")
	}
	return nil
}

// rescueMargin is how long after its timeout a job is taken from a process that does not respond. Jobs end within it, because
// they respect their context.
const rescueMargin = 15 * time.Second

// Fleet keeps the mirror of many users up to date, in one process or in many that share a database. Its methods are safe for
// concurrent use.
type Fleet struct {
	config  Config
	db      *Database
	mirror  *mirror.Mirror
	inbox   *mirror.Inbox
	river   *river.Client[*sql.Tx]
	metrics *metrics
}

// New returns a Fleet. It sends nothing and does no work until [Fleet.Start].
func New(ctx context.Context, config Config) (*Fleet, error) {
	f := &Fleet{config: config}
	if err := f.init(ctx); err != nil {
		return nil, fmt.Errorf("fleet: New: %w", err)
	}
	return f, nil
}

func (f *Fleet) init(ctx context.Context) error {
	if err := f.config.setDefaults(); err != nil {
		return err
	}
	f.db = f.config.Database
	store, err := mirror.OpenSQL(ctx, f.db.DB, f.db.Dialect, mirror.InTx(f.inMirrorTx), mirror.OnDelivery(f.onDelivery))
	if err != nil {
		return err
	}
	if f.mirror, err = mirror.New(f.config.Client, store, f.config.Mirror...); err != nil {
		return err
	}
	if f.inbox, err = mirror.NewInbox(f.mirror, f.config.WebhookID); err != nil {
		return err
	}
	if f.metrics, err = newMetrics(f.config.Registerer, f.db); err != nil {
		return err
	}
	config := &river.Config{
		JobTimeout:           f.config.JobTimeout,
		RescueStuckJobsAfter: f.config.JobTimeout + rescueMargin,
		SoftStopTimeout:      10 * time.Second,
		Logger:               f.config.Logger,
		Queues:               queues(f.config.Workers),
		Workers:              f.workers(),
		PeriodicJobs:         f.periodicJobs(),
		Plugins:              plugins(f.metrics),
	}
	if f.config.tune != nil {
		f.config.tune(config)
	}
	f.river, err = river.NewClient(f.db.driver(), config)
	return err
}

func (f *Fleet) workers() *river.Workers {
	workers := river.NewWorkers()
	river.AddWorker(workers, &syncWorker{fleet: f})
	river.AddWorker(workers, &syncLaterWorker{fleet: f})
	river.AddWorker(workers, &refreshWorker{fleet: f})
	river.AddWorker(workers, &waitWorker{fleet: f})
	river.AddWorker(workers, &eraseWorker{fleet: f})
	river.AddWorker(workers, &askWorker{fleet: f})
	river.AddWorker(workers, &sweepWorker{fleet: f})
	river.AddWorker(workers, &catchUpWorker{fleet: f})
	river.AddWorker(workers, &listUsersWorker{fleet: f})
	return workers
}

// Start starts the workers. They stop when ctx ends or with [Fleet.Stop].
func (f *Fleet) Start(ctx context.Context) error { return f.river.Start(ctx) }

// Stop stops the workers and waits for them. Running jobs have 10 seconds to end. What they have not done is done later, or by
// another process. It does not close the database.
func (f *Fleet) Stop(ctx context.Context) error { return f.river.Stop(ctx) }

// River returns the client of the queue, for example to insert a [WaitArgs] job in a transaction of the application.
func (f *Fleet) River() *river.Client[*sql.Tx] { return f.river }

// Mirror returns the mirror, for example to read changes.
func (f *Fleet) Mirror() *mirror.Mirror { return f.mirror }

// AddUsers adds users to the schedule. They are synced at the rate of the sweep. It does nothing for users who have been
// added before or erased. Users who connect are added by their first event.
func (f *Fleet) AddUsers(ctx context.Context, users ...string) error {
	if err := checkIDs("AddUsers", users...); err != nil {
		return err
	}
	for some := range slices.Chunk(users, usersAtOnce) {
		if err := sqldb.InTx(ctx, f.db.DB, func(tx *sql.Tx) error { return f.addUsers(ctx, tx, some...) }); err != nil {
			return err
		}
	}
	return nil
}

// Sync syncs a user as soon as a worker is free.
func (f *Fleet) Sync(ctx context.Context, userID string) error {
	if err := checkIDs("Sync", userID); err != nil {
		return err
	}
	return sqldb.InTx(ctx, f.db.DB, func(tx *sql.Tx) error {
		if err := f.insertSync(ctx, tx, userID); err != nil {
			return err
		}
		return f.addUsers(ctx, tx, userID)
	})
}

// Refresh refreshes the connections of a user that were last used longer ago than [Config].RefreshAge, and syncs the user when
// they have new data.
func (f *Fleet) Refresh(ctx context.Context, userID string) error {
	if err := checkIDs("Refresh", userID); err != nil {
		return err
	}
	if f.config.RefreshAge < 0 {
		return errors.New("fleet: Refresh: Config.RefreshAge is negative")
	}
	_, err := f.river.Insert(ctx, RefreshArgs{UserID: userID}, nil)
	return err
}

// WaitForJob waits for a Basiq job in the background, for example of the consent page, and then syncs the user.
func (f *Fleet) WaitForJob(ctx context.Context, userID, jobID string) error {
	if err := checkIDs("WaitForJob", userID, jobID); err != nil {
		return err
	}
	_, err := f.river.Insert(ctx, WaitArgs{UserID: userID, JobID: jobID}, nil)
	return err
}

// Erase erases a user from the mirror in the background; see [EraseArgs].
func (f *Fleet) Erase(ctx context.Context, userID string, reason mirror.Reason) error {
	if err := checkIDs("Erase", userID); err != nil {
		return err
	}
	switch reason {
	case mirror.ReasonConsentRevoked, mirror.ReasonConsentExpired, mirror.ReasonUserDeleted, mirror.ReasonUserRequest:
	default:
		return errors.New("fleet: Erase: unknown reason")
	}
	_, err := f.river.Insert(ctx, EraseArgs{UserID: userID, Reason: reason}, nil)
	return err
}

func checkIDs(method string, ids ...string) error {
	for _, id := range ids {
		if err := api.ID(id).Validate(); err != nil {
			return fmt.Errorf("fleet: %s: invalid ID: %w", method, err)
		}
	}
	return nil
}
