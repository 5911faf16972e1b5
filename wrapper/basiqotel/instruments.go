package basiqotel

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// instruments holds the instruments that the package documentation lists.
type instruments struct {
	callDuration, waitDuration, jobWaitDuration metric.Float64Histogram
	callAttempts                                metric.Int64Histogram
	throttled, tokenRequests                    metric.Int64Counter
}

// The bounds of the histograms. Those for calls are the bounds of http.client.request.duration and longer ones, because a call
// can wait for minutes.
var (
	callBounds    = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120}
	jobBounds     = []float64{1, 2.5, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600}
	attemptBounds = []float64{1, 2, 3, 4, 5, 6, 8, 10}
)

// create creates all instruments.
func (i *instruments) create(meter metric.Meter) error {
	var errs [6]error
	i.callDuration, errs[0] = meter.Float64Histogram("basiq.client.call.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of calls, including retries and waits."), metric.WithExplicitBucketBoundaries(callBounds...))
	i.callAttempts, errs[1] = meter.Int64Histogram("basiq.client.call.attempts", metric.WithUnit("{attempt}"),
		metric.WithDescription("Number of attempts of calls."), metric.WithExplicitBucketBoundaries(attemptBounds...))
	i.waitDuration, errs[2] = meter.Float64Histogram("basiq.client.wait.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of waits of calls."), metric.WithExplicitBucketBoundaries(callBounds...))
	i.throttled, errs[3] = meter.Int64Counter("basiq.client.throttled", metric.WithUnit("{response}"),
		metric.WithDescription("Number of responses that asked the client to slow down."))
	i.tokenRequests, errs[4] = meter.Int64Counter("basiq.client.token.requests", metric.WithUnit("{request}"),
		metric.WithDescription("Number of token requests."))
	i.jobWaitDuration, errs[5] = meter.Float64Histogram("basiq.client.job.wait.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of waits for jobs."), metric.WithExplicitBucketBoundaries(jobBounds...))
	return errors.Join(errs[:]...)
}
