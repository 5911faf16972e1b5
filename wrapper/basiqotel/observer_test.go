package basiqotel_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqotel"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// telemetry holds what an observer has exported, in memory.
type telemetry struct {
	observer basiq.Observer
	spans    *tracetest.SpanRecorder
	reader   *sdkmetric.ManualReader
}

func newTelemetry(t *testing.T) *telemetry {
	t.Helper()
	o := &telemetry{spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	var err error
	o.observer, err = basiqotel.New(
		basiqotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(o.spans))),
		basiqotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(o.reader))))
	require.NoError(t, err)
	return o
}

// sums holds the points of all metrics, by metric and the value of one attribute.
type sums map[string]map[string]point

type point struct {
	count uint64
	sum   float64
}

// collect returns the metrics by the value of an attribute.
func (o *telemetry) collect(t *testing.T, by attribute.Key) sums {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, o.reader.Collect(context.Background(), &all))
	found := sums{}
	add := func(metric string, attributes attribute.Set, count uint64, sum float64) {
		if found[metric] == nil {
			found[metric] = map[string]point{}
		}
		value, _ := attributes.Value(by)
		at := found[metric][value.String()]
		found[metric][value.String()] = point{at.count + count, at.sum + sum}
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, p.Count, p.Sum)
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, p.Count, float64(p.Sum))
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, 1, float64(p.Value))
				}
			default:
				t.Errorf("unexpected metric %s", m.Name)
			}
		}
	}
	return found
}

// total returns the sum of a metric over all attributes.
func (s sums) total(metric string) point {
	var total point
	for _, p := range s[metric] {
		total = point{total.count + p.count, total.sum + p.sum}
	}
	return total
}

func valueOf(span sdktrace.ReadOnlySpan, key attribute.Key) (attribute.Value, bool) {
	for _, a := range span.Attributes() {
		if a.Key == key {
			return a.Value, true
		}
	}
	return attribute.Value{}, false
}

func intOf(span sdktrace.ReadOnlySpan, key attribute.Key, otherwise int) int {
	if value, found := valueOf(span, key); found {
		return int(value.AsInt64())
	}
	return otherwise
}

func durationOf(span sdktrace.ReadOnlySpan) time.Duration {
	return span.EndTime().Sub(span.StartTime())
}

// isAttempt reports whether a span is an attempt: only their names have a path.
func isAttempt(span sdktrace.ReadOnlySpan) bool { return strings.Contains(span.Name(), " /") }

func isWait(span sdktrace.ReadOnlySpan) bool {
	return strings.HasPrefix(span.Name(), "wait ") && span.Name() != "wait for job"
}

// slowLimiter allows a request after 250 ms.
type slowLimiter struct{}

func (slowLimiter) Wait(ctx context.Context) error {
	select {
	case <-time.After(250 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// faults is one fault of every kind, in the syntax of basiqtest.ParseFault.
var faults = []string{
	"none", "400", "401", "403", "404", "409", "500", "503=service-unavailable", "429-after=1s", "429-date=2s", "502-html", "latency=1s", "hang",
	"reset-before", "reset-after", "truncate", "slow-body=1000", "garbage", "revoke-token", "revoke-all-tokens", "expire-token",
	"expire-all-tokens", "endless-job",
}

// Every operation is called with a fault of every kind in half of the requests. The exported durations and counts are those of
// the clock and of the sandbox's log, call by call.
func TestObserver_AddsUp(t *testing.T) {
	t.Parallel()
	for _, fault := range faults {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				exported := newTelemetry(t)
				var options []basiqtest.Option
				if fault != "none" {
					option, err := basiqtest.ParseFault(fault + " every=2")
					require.NoError(t, err)
					options = append(options, option)
				}
				sandbox := basiqtest.New(t, append(options, basiqtest.WithSeed(1))...)
				transport, ok := sandbox.HTTPClient().Transport.(*http.Transport)
				require.True(t, ok)
				transport = transport.Clone()
				transport.DisableKeepAlives = true // otherwise net/http sends some requests twice
				clients := map[basiq.APIVersion]*basiq.Client{}
				for _, version := range []basiq.APIVersion{basiq.APIVersion21, basiq.APIVersion30} {
					var err error
					clients[version], err = sandbox.NewClient(basiq.WithObserver(exported.observer), basiq.WithAPIVersion(version),
						basiq.WithHTTPClient(&http.Client{Transport: transport, Timeout: 5 * time.Second}), basiq.WithRateLimit(slowLimiter{}))
					require.NoError(t, err)
				}
				userID := "x1"
				if user, err := clients[basiq.APIVersion30].Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"}); err == nil {
					userID = user.ID
				}
				synctest.Wait()
				counted := newCounts(exported, sandbox)
				for _, op := range basiq.Operations() {
					path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(strings.ReplaceAll(op.Path, "{userId}", userID), "x1")
					req, err := http.NewRequestWithContext(t.Context(), op.Method, sandbox.URL()+path, strings.NewReader("{}"))
					require.NoError(t, err)
					req.Header.Set("Content-Type", "application/json")
					start := time.Now()
					resp, err := clients[op.Versions()[len(op.Versions())-1]].Raw().Client.Do(req)
					took := time.Since(start)
					synctest.Wait() // until a token request in the background has ended
					calls := counted.check(t, exported, sandbox)
					if op.ID == "postToken" {
						continue // a background renewal has the same operation
					}
					require.Len(t, calls[op.Name], 1, op.Name)
					call := calls[op.Name][0]
					assert.Equal(t, took, durationOf(call), op.Name)
					failed := call.Status().Code == codes.Error
					assert.Equal(t, err != nil || resp.StatusCode >= 300 || failed, failed, op.Name)
				}
				checkTotals(t, exported, sandbox)
			})
		})
	}
}

// counts holds how many spans and requests were checked.
type counts struct {
	spans    int
	requests map[string]int // by operationId
}

func newCounts(exported *telemetry, sandbox *basiqtest.Sandbox) *counts {
	c := &counts{spans: len(exported.spans.Ended()), requests: map[string]int{}}
	for _, op := range basiq.Operations() {
		c.requests[op.ID] = len(sandbox.RequestsOf(op.ID))
	}
	return c
}

// check compares the spans since the last check with the sandbox's log, and returns the calls by operation.
func (c *counts) check(t *testing.T, exported *telemetry, sandbox *basiqtest.Sandbox) map[string][]sdktrace.ReadOnlySpan {
	t.Helper()
	ended := exported.spans.Ended()[c.spans:]
	c.spans += len(ended)
	calls, children := map[string][]sdktrace.ReadOnlySpan{}, map[trace.SpanID][]sdktrace.ReadOnlySpan{}
	for _, span := range ended {
		if span.Parent().IsValid() {
			children[span.Parent().SpanID()] = append(children[span.Parent().SpanID()], span)
		} else {
			calls[span.Name()] = append(calls[span.Name()], span)
		}
	}
	for _, op := range basiq.Operations() {
		log := sandbox.RequestsOf(op.ID)[c.requests[op.ID]:]
		c.requests[op.ID] += len(log)
		sent := 0
		for _, call := range calls[op.Name] {
			var total time.Duration
			attempts := 0
			for _, part := range children[call.SpanContext().SpanID()] {
				total += durationOf(part)
				if !isAttempt(part) {
					assert.True(t, isWait(part), part.Name())
					continue
				}
				attempts++
				assert.Equal(t, attempts-1, intOf(part, "http.request.resend_count", 0))
				requests := intOf(part, "basiq.requests", 1)
				sent += requests
				if status := intOf(part, "http.response.status_code", 0); requests > 0 && assert.LessOrEqual(t, sent, len(log), op.Name) && status != 0 {
					assert.Equal(t, log[sent-1].Status, status, op.Name)
				}
			}
			assert.Equal(t, durationOf(call), total, "attempts and waits of %s", op.Name)
			assert.Equal(t, attempts, intOf(call, "basiq.attempts", -1))
		}
		assert.Len(t, log, sent, "requests of %s", op.Name)
	}
	return calls
}

// checkTotals compares the metrics with the spans and the sandbox's log.
func checkTotals(t *testing.T, exported *telemetry, sandbox *basiqtest.Sandbox) {
	t.Helper()
	durations, attempts, waits, waited := map[string]time.Duration{}, 0, map[string]uint64{}, time.Duration(0)
	calls := uint64(0)
	for _, span := range exported.spans.Ended() {
		switch {
		case isWait(span):
			waits[strings.TrimPrefix(span.Name(), "wait ")]++
			waited += durationOf(span)
		case isAttempt(span):
			attempts++
		default:
			calls++
			durations[span.Name()] += durationOf(span)
		}
	}
	byOperation := exported.collect(t, "basiq.operation")
	for name, duration := range durations {
		assert.InDelta(t, duration.Seconds(), byOperation["basiq.client.call.duration"][name].sum, 1e-6, name)
	}
	assert.Equal(t, calls, byOperation.total("basiq.client.call.duration").count)
	assert.InDelta(t, attempts, byOperation.total("basiq.client.call.attempts").sum, 0)
	byReason := map[string]uint64{}
	for reason, p := range exported.collect(t, "basiq.wait.reason")["basiq.client.wait.duration"] {
		byReason[reason] = p.count
	}
	assert.Equal(t, waits, byReason)
	assert.InDelta(t, waited.Seconds(), byOperation.total("basiq.client.wait.duration").sum, 1e-6)
	throttled := slices.DeleteFunc(sandbox.Requests(), func(r basiqtest.Request) bool { return r.Status != http.StatusTooManyRequests })
	assert.InDelta(t, len(throttled), byOperation.total("basiq.client.throttled").sum, 0)
	assert.InDelta(t, len(sandbox.RequestsOf("postToken")), byOperation.total("basiq.client.token.requests").sum, 0)
}

// Spans have the attributes of the semantic conventions for HTTP, and neither IDs nor secrets.
func TestObserver_Spans(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		exported := newTelemetry(t)
		sandbox := basiqtest.New(t, basiqtest.WithFault(basiqtest.Fail(503, "service-unavailable"), basiqtest.Operations("getUser"), basiqtest.Times(1)))
		client, err := sandbox.NewClient(basiq.WithObserver(exported.observer))
		require.NoError(t, err)
		user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
		require.NoError(t, err)
		_, err = client.Users.Get(t.Context(), user.ID)
		require.NoError(t, err)
		for _, err := range client.Users.List(t.Context()) {
			require.NoError(t, err)
		}
		var lines []string
		for _, span := range exported.spans.Ended() {
			if span.Name() == "wait backoff" {
				assert.Equal(t, trace.SpanKindInternal, span.SpanKind())
				lines = append(lines, span.Name())
				continue
			}
			assert.Equal(t, trace.SpanKindClient, span.SpanKind())
			attributes := slices.DeleteFunc(slices.Clone(span.Attributes()), func(a attribute.KeyValue) bool {
				switch a.Key {
				case "basiq.correlation_id", "basiq.response.size":
					return true
				case "server.address", "server.port":
					return true
				}
				return false
			})
			set := attribute.NewSet(attributes...)
			lines = append(lines, fmt.Sprint(span.Name(), " ", set.Encoded(attribute.DefaultEncoder()), " ", span.Status().Code))
			_, found := valueOf(span, "server.address")
			assert.True(t, found)
		}
		assert.Equal(t, []string{
			"POST /token http.request.method=POST,http.response.status_code=200,url.template=/token Unset",
			"Tokens.Create basiq.attempts=1,basiq.operation=Tokens.Create,http.request.method=POST,http.response.status_code=200,url.template=/token Unset",
			"POST /users http.request.method=POST,http.response.status_code=201,url.template=/users Unset",
			"Users.Create basiq.attempts=1,basiq.operation=Users.Create,http.request.method=POST,http.response.status_code=201,url.template=/users Unset",
			"GET /users/{userId} error.type=503,http.request.method=GET,http.response.status_code=503,url.template=/users/{userId} Error",
			"wait backoff",
			"GET /users/{userId} http.request.method=GET,http.request.resend_count=1,http.response.status_code=200,url.template=/users/{userId} Unset",
			"Users.Get basiq.attempts=2,basiq.operation=Users.Get,http.request.method=GET,http.response.status_code=200,url.template=/users/{userId} Unset",
			"GET /users http.request.method=GET,http.response.status_code=200,url.template=/users Unset",
			"Users.List basiq.attempts=1,basiq.items=1,basiq.operation=Users.List,basiq.page=1,http.request.method=GET,http.response.status_code=200,url.template=/users Unset",
		}, lines)
		exported.assertNoIDs(t, user.ID, "gavin@hooli.com", sandbox.APIKey())
	})
}

// assertNoIDs checks that no span and no metric contains one of the texts.
func (o *telemetry) assertNoIDs(t *testing.T, texts ...string) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, o.reader.Collect(context.Background(), &all))
	var dump strings.Builder
	fmt.Fprintf(&dump, "%+v", all)
	for _, span := range o.spans.Ended() {
		fmt.Fprintf(&dump, "%s %+v %+v %+v\n", span.Name(), span.Attributes(), span.Events(), span.Status())
	}
	for _, text := range texts {
		require.NotEmpty(t, text)
		assert.NotContains(t, dump.String(), text)
	}
}

// Waits for jobs are counted by their outcome, and their polls are children of their spans.
func TestObserver_Jobs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		exported := newTelemetry(t)
		sandbox := basiqtest.New(t)
		client, err := sandbox.NewClient(basiq.WithObserver(exported.observer))
		require.NoError(t, err)
		user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
		require.NoError(t, err)
		start := time.Now()
		_, err = client.Jobs.Wait(t.Context(), sandbox.Connect(user.ID, "AU00000", "gavinBelson"))
		require.NoError(t, err)
		took := time.Since(start)
		_, err = client.Jobs.Wait(t.Context(), sandbox.Connect(user.ID, "AU00000", "bighead"))
		require.Error(t, err)
		_, err = client.Jobs.Wait(t.Context(), sandbox.Connect(user.ID, "AU00000", "gavinBelson"), basiq.WithMaxWait(time.Millisecond))
		require.ErrorIs(t, err, basiq.ErrWaitTimeout)

		outcomes := exported.collect(t, "basiq.job.outcome")["basiq.client.job.wait.duration"]
		assert.Equal(t, uint64(1), outcomes["failed"].count)
		assert.Equal(t, point{1, 0.001}, outcomes["timeout"])
		assert.Equal(t, uint64(1), outcomes["succeeded"].count)
		assert.InDelta(t, took.Seconds(), outcomes["succeeded"].sum, 1e-9)
		polls := map[trace.SpanID]int{}
		var waits []sdktrace.ReadOnlySpan
		for _, span := range exported.spans.Ended() {
			switch span.Name() {
			case "Jobs.Get":
				polls[span.Parent().SpanID()]++
				assert.Equal(t, polls[span.Parent().SpanID()], intOf(span, "basiq.poll", 0))
			case "wait for job":
				waits = append(waits, span)
			}
		}
		require.Len(t, waits, 3)
		for i, code := range []codes.Code{codes.Unset, codes.Error, codes.Error} {
			assert.Equal(t, polls[waits[i].SpanContext().SpanID()], intOf(waits[i], "basiq.job.polls", 0))
			assert.Equal(t, code, waits[i].Status().Code)
		}
		assert.Equal(t, took, durationOf(waits[0]))
		exported.assertNoIDs(t, user.ID)
	})
}

// Two observers, for example of two exporters, do not mix up their spans.
func TestObserver_Two(t *testing.T) {
	t.Parallel()
	one, two := newTelemetry(t), newTelemetry(t)
	sandbox := basiqtest.New(t)
	client, err := sandbox.NewClient(basiq.WithObserver(one.observer), basiq.WithObserver(two.observer))
	require.NoError(t, err)
	_, err = client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
	require.NoError(t, err)
	assert.Len(t, one.spans.Ended(), len(one.spans.Started()))
	assert.Len(t, two.spans.Ended(), len(one.spans.Ended()))
}

func TestNew_Invalid(t *testing.T) {
	t.Parallel()
	for _, option := range []basiqotel.Option{nil, basiqotel.WithTracerProvider(nil), basiqotel.WithMeterProvider(nil)} {
		_, err := basiqotel.New(option)
		require.ErrorContains(t, err, "basiqotel: nil ")
	}
	_, err := basiqotel.New() // with the global providers
	require.NoError(t, err)
}
