package fleet

import (
	"cmp"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// The queues of a fleet.
const (
	QueueSync    = "basiq_sync"
	QueueRefresh = "basiq_refresh"
	QueueWait    = "basiq_wait"
	QueueControl = "basiq_control"
)

// SyncArgs is a job that brings the mirror of a user up to date.
type SyncArgs struct {
	UserID string `json:"user_id"`
}

// SyncLaterArgs is a job that inserts a [SyncArgs] job as soon as no such job of the user is running.
type SyncLaterArgs struct {
	UserID string `json:"user_id"`
}

// RefreshArgs is a job that refreshes the stale connections of a user, and inserts a [WaitArgs] job for each.
type RefreshArgs struct {
	UserID string `json:"user_id"`
}

// WaitArgs is a job that waits for a Basiq job, and inserts a [SyncArgs] job after its success.
type WaitArgs struct {
	UserID string `json:"user_id"`
	JobID  string `json:"job_id"`
	// ConnectionID may be empty.
	ConnectionID string `json:"connection_id"`
}

// EraseArgs is a job that erases a user from the mirror. With [mirror.ReasonConsentRevoked] and
// [mirror.ReasonConsentExpired] it erases the user only if no consent is active, and inserts a [SyncArgs] job otherwise.
type EraseArgs struct {
	UserID string        `json:"user_id"`
	Reason mirror.Reason `json:"reason"`
	// EventID is the event that the job is about, or empty.
	EventID string `json:"event_id"`
}

// Ask is a job that calls [Config].OnAskUser. It is what only the end user can provide.
type Ask struct {
	UserID string         `json:"user_id"`
	Need   basiq.UserNeed `json:"need"`
	// ConnectionID and JobID are empty if they are not known. The challenge of [basiq.NeedMFA] is in the Basiq job JobID.
	ConnectionID string `json:"connection_id"`
	JobID        string `json:"job_id"`
}

// leader identifies the process that inserts a periodic job. It is an argument of these jobs, so that a job of a process that
// was killed does not prevent the job of the next leader.
type leader struct {
	Leader string `json:"leader"`
}

// sweepArgs is a job that inserts the jobs of users that are due.
type sweepArgs struct{ leader }

// catchUpArgs is a job that reads the events that no webhook delivered, and checks the webhook.
type catchUpArgs struct{ leader }

// listUsersArgs is a job that adds the users that Basiq lists.
type listUsersArgs struct{ leader }

// Kind implements [river.JobArgs].
func (SyncArgs) Kind() string { return "basiq_sync" }

// Kind implements [river.JobArgs].
func (SyncLaterArgs) Kind() string { return "basiq_sync_later" }

// Kind implements [river.JobArgs].
func (RefreshArgs) Kind() string { return "basiq_refresh" }

// Kind implements [river.JobArgs].
func (WaitArgs) Kind() string { return "basiq_wait" }

// Kind implements [river.JobArgs].
func (EraseArgs) Kind() string { return "basiq_erase" }

// Kind implements [river.JobArgs].
func (Ask) Kind() string { return "basiq_ask_user" }

func (sweepArgs) Kind() string     { return "basiq_sweep" }
func (catchUpArgs) Kind() string   { return "basiq_catch_up" }
func (listUsersArgs) Kind() string { return "basiq_list_users" }

// unfinished are the states in which a job is unique by its arguments.
var unfinished = slices.DeleteFunc(rivertype.UniqueOptsByStateDefault(), func(s rivertype.JobState) bool { return s == rivertype.JobStateCompleted })

func uniqueIn(queue string, priority int) river.InsertOpts {
	return river.InsertOpts{Queue: queue, Priority: priority, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: unfinished}}
}

// The priorities of jobs. What an event asks for precedes the sweep.
const (
	priorityEvent = 1
	prioritySweep = 3
)

// InsertOpts implements [river.JobArgsWithInsertOpts].
func (SyncArgs) InsertOpts() river.InsertOpts { return uniqueIn(QueueSync, priorityEvent) }

// InsertOpts implements [river.JobArgsWithInsertOpts].
func (SyncLaterArgs) InsertOpts() river.InsertOpts { return uniqueIn(QueueControl, priorityEvent) }

// InsertOpts implements [river.JobArgsWithInsertOpts].
func (RefreshArgs) InsertOpts() river.InsertOpts { return uniqueIn(QueueRefresh, priorityEvent) }

// InsertOpts implements [river.JobArgsWithInsertOpts].
func (WaitArgs) InsertOpts() river.InsertOpts { return uniqueIn(QueueWait, priorityEvent) }

// InsertOpts implements [river.JobArgsWithInsertOpts].
func (EraseArgs) InsertOpts() river.InsertOpts { return uniqueIn(QueueControl, priorityEvent) }

// InsertOpts implements [river.JobArgsWithInsertOpts]. A job is also unique after its completion, until River deletes it
// after 24 hours, so that a user is not asked twice for the same thing on one day.
func (Ask) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueControl, Priority: priorityEvent, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

func (sweepArgs) InsertOpts() river.InsertOpts     { return uniqueIn(QueueControl, priorityEvent) }
func (catchUpArgs) InsertOpts() river.InsertOpts   { return uniqueIn(QueueControl, prioritySweep) }
func (listUsersArgs) InsertOpts() river.InsertOpts { return uniqueIn(QueueControl, prioritySweep) }

// queues returns the number of workers of each queue.
func queues(workers int) map[string]river.QueueConfig {
	return map[string]river.QueueConfig{
		QueueSync:    {MaxWorkers: workers},
		QueueRefresh: {MaxWorkers: cmp.Or(workers/4, 1)},
		QueueWait:    {MaxWorkers: workers},
		QueueControl: {MaxWorkers: 4},
	}
}

// period returns a schedule of a periodic job, which the leader of the processes inserts.
func (f *Fleet) period(interval time.Duration, args func(leader) river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(interval), func() (river.JobArgs, *river.InsertOpts) {
		return args(leader{f.river.ID()}), nil
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

func (f *Fleet) periodicJobs() []*river.PeriodicJob {
	jobs := []*river.PeriodicJob{
		f.period(sweepInterval, func(l leader) river.JobArgs { return sweepArgs{l} }),
		f.period(dailyInterval, func(l leader) river.JobArgs { return catchUpArgs{l} }),
	}
	if !f.config.SkipUserList {
		jobs = append(jobs, f.period(dailyInterval, func(l leader) river.JobArgs { return listUsersArgs{l} }))
	}
	return jobs
}
