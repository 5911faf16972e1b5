package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/basiq-go/basiq-go/wrapper/internal/sqldb"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// metrics counts the work of this process, and describes the queues of all processes.
type metrics struct {
	river.MiddlewareDefaults

	gatherer  prometheus.Gatherer
	db        *Database
	jobs      *prometheus.HistogramVec
	changes   *prometheus.CounterVec
	requests  prometheus.Counter
	refreshes *prometheus.CounterVec
	queue     *prometheus.Desc
	oldest    *prometheus.Desc
}

func newMetrics(registerer prometheus.Registerer, db *Database) (*metrics, error) {
	m := &metrics{
		db: db,
		jobs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "basiq_fleet_job_duration_seconds", Help: "Duration of the runs of jobs, by kind and outcome.",
			Buckets: []float64{.005, .025, .1, .5, 1, 5, 15, 60, 120},
		}, []string{"kind", "outcome"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "basiq_fleet_sync_changes_total", Help: "Transactions that syncs have changed, by kind.",
		}, []string{"kind"}),
		requests: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "basiq_fleet_sync_requests_total", Help: "Calls to Basiq that syncs have made.",
		}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "basiq_fleet_refreshes_total", Help: "Refreshes of connections, by whether a job was already running.",
		}, []string{"already_running"}),
		queue: prometheus.NewDesc("basiq_fleet_jobs", "Unfinished jobs of all processes, by queue and state.", []string{"queue", "state"}, nil),
		oldest: prometheus.NewDesc("basiq_fleet_oldest_available_seconds", "How long the oldest job that is due has been waiting, by queue.",
			[]string{"queue"}, nil),
	}
	if registerer == nil {
		registry := prometheus.NewRegistry()
		registerer, m.gatherer = registry, registry
	} else if gatherer, ok := registerer.(prometheus.Gatherer); ok {
		m.gatherer = gatherer
	} else {
		m.gatherer = prometheus.DefaultGatherer
	}
	var failed error
	for _, collector := range []prometheus.Collector{m, m.jobs, m.changes, m.requests, m.refreshes} {
		failed = errors.Join(failed, registerer.Register(collector))
	}
	return m, failed
}

func plugins(m *metrics) []rivertype.Plugin { return []rivertype.Plugin{m} }

// Work implements [rivertype.WorkerMiddleware]. It measures the runs of jobs.
func (m *metrics) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	began := time.Now()
	outcome := "panicked"
	defer func() { m.jobs.WithLabelValues(job.Kind, outcome).Observe(time.Since(began).Seconds()) }()
	err := work(ctx)
	var (
		snoozed  *river.JobSnoozeError
		canceled *river.JobCancelError
	)
	switch {
	case err == nil:
		outcome = "completed"
	case errors.As(err, &snoozed):
		outcome = "snoozed"
	case errors.As(err, &canceled):
		outcome = "canceled"
	default:
		outcome = "failed"
	}
	return err
}

func (m *metrics) synced(r mirror.Result) {
	m.requests.Add(float64(r.Requests))
	for kind, n := range map[mirror.Kind]int{
		mirror.KindAdded: r.Added, mirror.KindModified: r.Modified, mirror.KindRemoved: r.Removed, mirror.KindSettled: r.Settled,
	} {
		m.changes.WithLabelValues(string(kind)).Add(float64(n))
	}
}

func (m *metrics) refreshed(alreadyRunning bool) {
	label := "false"
	if alreadyRunning {
		label = "true"
	}
	m.refreshes.WithLabelValues(label).Inc()
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- m.queue
	descs <- m.oldest
}

// Collect implements [prometheus.Collector]. It counts the unfinished jobs in the database.
func (m *metrics) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := m.collect(ctx, metrics); err != nil {
		metrics <- prometheus.NewInvalidMetric(m.queue, err)
	}
}

func (m *metrics) collect(ctx context.Context, metrics chan<- prometheus.Metric) error {
	seconds := `EXTRACT(EPOCH FROM MIN(scheduled_at))`
	if m.db.Dialect == mirror.SQLite {
		seconds = `(julianday(MIN(scheduled_at)) - 2440587.5) * 86400`
	}
	type group struct {
		queue, state  string
		count, oldest float64
	}
	groups, err := sqldb.Query(ctx, m.db.DB, sqldb.Dialect(m.db.Dialect), `SELECT queue, state, COUNT(*), `+seconds+` FROM river_job
		WHERE state IN ('available', 'running', 'retryable', 'scheduled') GROUP BY queue, state`, func(g *group) []any {
		return []any{&g.queue, &g.state, &g.count, &g.oldest}
	})
	for _, g := range groups {
		metrics <- prometheus.MustNewConstMetric(m.queue, prometheus.GaugeValue, g.count, g.queue, g.state)
		if g.state == string(rivertype.JobStateAvailable) {
			age := time.Since(time.UnixMicro(int64(g.oldest * 1e6))).Seconds()
			metrics <- prometheus.MustNewConstMetric(m.oldest, prometheus.GaugeValue, max(age, 0), g.queue)
		}
	}
	return err
}
