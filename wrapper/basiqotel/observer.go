package basiqotel

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// scope is the name of the instrumentation.
const scope = "github.com/basiq-go/basiq-go/wrapper/basiqotel"

// The attributes that the semantic conventions do not define.
const (
	operationKey     = attribute.Key("basiq.operation")
	pageKey          = attribute.Key("basiq.page")
	pollKey          = attribute.Key("basiq.poll")
	attemptsKey      = attribute.Key("basiq.attempts")
	requestsKey      = attribute.Key("basiq.requests")
	itemsKey         = attribute.Key("basiq.items")
	responseSizeKey  = attribute.Key("basiq.response.size")
	correlationIDKey = attribute.Key("basiq.correlation_id")
	waitReasonKey    = attribute.Key("basiq.wait.reason")
	jobOutcomeKey    = attribute.Key("basiq.job.outcome")
	jobPollsKey      = attribute.Key("basiq.job.polls")
)

// minWait is the shortest reported wait for the rate limit or a token. Every call checks both, usually without waiting.
const minWait = time.Millisecond

// An Option configures an observer.
type Option func(*config)

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

// WithTracerProvider sets the provider of the tracer. The default is the global provider.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(c *config) { c.tracers = provider }
}

// WithMeterProvider sets the provider of the meter. The default is the global provider.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return func(c *config) { c.meters = provider }
}

// New returns an observer for [basiq.WithObserver]. Several clients can share it. It returns an error if an argument is nil
// or the meter cannot create an instrument.
func New(options ...Option) (basiq.Observer, error) {
	config := config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider()}
	for _, option := range options {
		if option == nil {
			return basiq.Observer{}, errors.New("basiqotel: nil option")
		}
		option(&config)
	}
	if config.tracers == nil || config.meters == nil {
		return basiq.Observer{}, errors.New("basiqotel: nil provider")
	}
	o := &observer{tracer: config.tracers.Tracer(scope, trace.WithInstrumentationVersion(basiq.Version), trace.WithSchemaURL(semconv.SchemaURL))}
	meter := config.meters.Meter(scope, metric.WithInstrumentationVersion(basiq.Version), metric.WithSchemaURL(semconv.SchemaURL))
	if err := o.instruments.create(meter); err != nil {
		return basiq.Observer{}, errors.New("basiqotel: " + err.Error())
	}
	return basiq.Observer{
		CallStarted: o.callStarted, CallEnded: o.callEnded,
		AttemptStarted: o.attemptStarted, AttemptEnded: o.attemptEnded,
		Waited:         o.waited,
		JobWaitStarted: o.jobWaitStarted, JobWaitEnded: o.jobWaitEnded,
	}, nil
}

// observer holds the tracer and the instruments.
type observer struct {
	tracer      trace.Tracer
	instruments instruments
}

type spanKind int

const (
	callSpan spanKind = iota
	attemptSpan
	jobWaitSpan
)

// spanKey is the key of a span in a context. The active span of the context may belong to another observer.
type spanKey struct {
	*observer

	kind spanKind
}

// start starts a span and returns its context.
func (o *observer) start(ctx context.Context, kind spanKind, name string, options ...trace.SpanStartOption) context.Context {
	ctx, span := o.tracer.Start(ctx, name, options...)
	return context.WithValue(ctx, spanKey{o, kind}, span)
}

// span returns the span of a context that start returned.
func (o *observer) span(ctx context.Context, kind spanKind) trace.Span {
	if span, ok := ctx.Value(spanKey{o, kind}).(trace.Span); ok {
		return span
	}
	return noop.Span{} // the context was not derived from the context of the start
}

func (o *observer) callStarted(ctx context.Context, call basiq.CallInfo) context.Context {
	attributes := append(httpAttributes(call), operationKey.String(call.Operation.Name))
	if call.Page > 0 {
		attributes = append(attributes, pageKey.Int(call.Page))
	}
	if call.Poll > 0 {
		attributes = append(attributes, pollKey.Int(call.Poll))
	}
	return o.start(ctx, callSpan, call.Operation.Name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
}

func (o *observer) callEnded(ctx context.Context, call basiq.CallInfo, result basiq.CallResult) {
	operation, outcome := operationKey.String(call.Operation.Name), outcomeAttributes(result.StatusCode, result.Failure)
	span := o.span(ctx, callSpan)
	span.SetAttributes(outcome...)
	span.SetAttributes(attemptsKey.Int(result.Attempts), responseSizeKey.Int64(result.Bytes))
	if result.Items > 0 {
		span.SetAttributes(itemsKey.Int(result.Items))
	}
	end(span, string(result.Failure))
	o.instruments.callDuration.Record(ctx, result.Duration.Seconds(), metric.WithAttributes(append(outcome, operation)...))
	o.instruments.callAttempts.Record(ctx, int64(result.Attempts), metric.WithAttributes(operation))
}

func (o *observer) attemptStarted(ctx context.Context, call basiq.CallInfo) context.Context {
	attributes := httpAttributes(call)
	if call.Attempt > 1 {
		attributes = append(attributes, semconv.HTTPRequestResendCount(call.Attempt-1))
	}
	name := call.Operation.Method + " " + call.Operation.Path
	if call.Operation.Method == "" {
		name = call.Operation.Name
	}
	return o.start(ctx, attemptSpan, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
}

func (o *observer) attemptEnded(ctx context.Context, call basiq.CallInfo, result basiq.AttemptResult) {
	outcome := outcomeAttributes(result.StatusCode, result.Failure)
	span := o.span(ctx, attemptSpan)
	span.SetAttributes(outcome...)
	if result.Requests != 1 {
		span.SetAttributes(requestsKey.Int(result.Requests))
	}
	if result.CorrelationID != "" {
		span.SetAttributes(correlationIDKey.String(result.CorrelationID))
	}
	end(span, string(result.Failure))
	if result.Throttled {
		o.instruments.throttled.Add(ctx, 1, metric.WithAttributes(operationKey.String(call.Operation.Name)))
	}
	if call.Operation.ID == "postToken" && result.Requests > 0 {
		o.instruments.tokenRequests.Add(ctx, int64(result.Requests), metric.WithAttributes(outcome...))
	}
}

// waited records a wait as a span that has ended.
func (o *observer) waited(ctx context.Context, call basiq.CallInfo, wait basiq.WaitInfo) {
	if wait.Duration < minWait && (wait.Reason == basiq.WaitToken || wait.Reason == basiq.WaitRateLimit) {
		return
	}
	now := time.Now()
	_, span := o.tracer.Start(ctx, "wait "+string(wait.Reason), trace.WithTimestamp(now.Add(-wait.Duration)))
	span.End(trace.WithTimestamp(now))
	o.instruments.waitDuration.Record(ctx, wait.Duration.Seconds(),
		metric.WithAttributes(operationKey.String(call.Operation.Name), waitReasonKey.String(string(wait.Reason))))
}

// failedWaits are the outcomes that are errors. The others are up to the user, the bank or the program.
var failedWaits = []basiq.JobWaitOutcome{basiq.JobWaitFailed, basiq.JobWaitTimeout, basiq.JobWaitError}

func (o *observer) jobWaitStarted(ctx context.Context) context.Context {
	return o.start(ctx, jobWaitSpan, "wait for job")
}

func (o *observer) jobWaitEnded(ctx context.Context, result basiq.JobWaitResult) {
	outcome := jobOutcomeKey.String(string(result.Outcome))
	span := o.span(ctx, jobWaitSpan)
	span.SetAttributes(outcome, jobPollsKey.Int(result.Polls))
	problem := result.Outcome
	if !slices.Contains(failedWaits, result.Outcome) {
		problem = ""
	}
	end(span, string(problem))
	o.instruments.jobWaitDuration.Record(ctx, result.Duration.Seconds(), metric.WithAttributes(outcome))
}

// end ends a span, with the status of an error unless problem is empty.
func end(span trace.Span, problem string) {
	if problem != "" {
		span.SetStatus(codes.Error, problem)
	}
	span.End()
}

// httpAttributes returns the attributes of a request that are known before it is sent.
func httpAttributes(call basiq.CallInfo) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 8)
	if call.Operation.Method == "" { // of a request that does not match an operation
		attributes = append(attributes, semconv.HTTPRequestMethodOther)
	} else {
		attributes = append(attributes, semconv.HTTPRequestMethodKey.String(call.Operation.Method), semconv.URLTemplate(call.Operation.Path))
	}
	if host, port, err := net.SplitHostPort(call.Server); err == nil {
		number, _ := strconv.Atoi(port) // 0 if it is not a number, which net/http rejects
		attributes = append(attributes, semconv.ServerAddress(host), semconv.ServerPort(number))
	}
	return attributes
}

// outcomeAttributes returns the attributes of a response, or of its absence.
func outcomeAttributes(status int, failure basiq.Failure) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 3)
	if status != 0 {
		attributes = append(attributes, semconv.HTTPResponseStatusCode(status))
	}
	switch failure {
	case "":
	case basiq.FailureStatus:
		attributes = append(attributes, semconv.ErrorTypeKey.String(strconv.Itoa(status)))
	default:
		attributes = append(attributes, semconv.ErrorTypeKey.String(string(failure)))
	}
	return attributes
}
