// Package fleet keeps the mirror of many users up to date, in one process or on several machines that share a database. Its
// work is jobs of River (https://riverqueue.com), a queue in SQLite or PostgreSQL, so it survives restarts.
//
//	database, err := fleet.OpenDatabase(ctx, "basiq.db") // or postgres://...
//	...
//	f, err := fleet.New(ctx, fleet.Config{Client: client, Database: database, OnAskUser: notify})
//	...
//	err = f.Start(ctx)
//	...
//	http.Handle("/basiq", f.WebhookHandler(verifier))
//
// The command basiq is a program around this package. It needs no API key to try:
//
//	go -C wrapper/fleet run ./cmd/basiq serve
//
// CHOOSING.md, beside this package's source, compares the package with an errgroup and with package mirror alone. SCALE.md has
// measurements.
//
// # Jobs
//
//   - [SyncArgs] syncs a user. An event, a Basiq job that ended and the sweep insert it.
//   - [SyncLaterArgs] inserts a sync later: after the running one, or when the import of new accounts is complete.
//   - [RefreshArgs] lists the connections of a user and refreshes the stale ones.
//   - [WaitArgs] waits for a Basiq job. Each run polls once. Between two runs the wait is a row in the database.
//   - [EraseArgs] erases a user, for example because the last consent has ended.
//   - [Ask] calls the application if only the end user can help.
//
// The methods of [Fleet] insert these jobs. To insert one in a transaction of the application, use [Fleet.River].
//
// A job is unique by its arguments until it has ended, so a user is never synced twice at the same time. An event that arrives
// during a sync causes another sync after it. A process that is killed leaves its jobs in state running. They run again within a
// minute after [Config].JobTimeout.
//
// # What happens after an error
//
// A job returns what [basiq.AdviseOn] advises. If the call may succeed later, the job is snoozed for as long as Basiq asks,
// which does not use an attempt. After 8 days it is canceled. If only the user can help, the application is called and the job
// is canceled. If nothing can help, the job is canceled with the error, which the web UI shows. Errors of the database and
// errors without advice are retried by River, up to 25 times with a growing delay.
//
// # Webhooks
//
// [Fleet.WebhookHandler] stores a delivery and its job in one transaction before it responds. So a delivery that Basiq knows to
// be received has its job, and a delivery that comes again has no second one. Events that were not delivered are read at the
// start and once a day.
//
// # Users
//
// Users are in the schedule after their first event, after [Fleet.AddUsers] or [Fleet.Sync], or because Basiq lists them, which
// the fleet asks for at the start and once a day. The sweep runs every minute and inserts jobs for users that are due: for a
// full read 7 days after the last one, and for a refresh. [Config].SyncRate and [Config].RefreshRate limit it.
//
// Basiq asks clients not to refresh in bulk. A refresh begins with the list of the user's connections. New users are due for a
// refresh at a random time within [Config].RefreshAge. An open-banking connection is refreshed at most 20 times in 24 hours.
//
// An erased user leaves the schedule in the transaction of the erasure, and does not come back until [mirror.Mirror.Readmit].
// The IDs of users remain in the arguments of ended jobs until River deletes them: after 24 hours, or after 7 days if all
// attempts have failed.
//
// # Several machines
//
// All processes with the same PostgreSQL database share the jobs. Each needs the same configuration. Package shared lets their
// clients share access tokens and a rate limit. Do not put PgBouncer in transaction mode before the database, because the queue
// waits for notifications.
//
// # Operation
//
// [Fleet.AdminHandler] serves the web UI of River, /healthz and /metrics for Prometheus. It has no authentication. The UI
// shows why the data of a user is late: search for the user's ID in the jobs. The logs have no user IDs.
//
// /metrics has the metrics of jobs. For the metrics of calls, create the client with an observer of package basiqotel whose
// exporter registers in [Config].Registerer. The command basiq does so, and the dashboard of basiqotel shows its calls.
package fleet
