// Command stdout prints the traces and metrics of a few calls of a sandbox to standard output:
//
//	go -C wrapper/basiqotel/examples run ./stdout
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"

	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqotel"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	spans, err := stdouttrace.New(stdouttrace.WithWriter(out), stdouttrace.WithPrettyPrint())
	if err != nil {
		return err
	}
	values, err := stdoutmetric.New(stdoutmetric.WithWriter(out), stdoutmetric.WithPrettyPrint())
	if err != nil {
		return err
	}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(values)))
	defer func() { // prints what is not printed yet
		err = errors.Join(err, tracers.Shutdown(ctx), meters.Shutdown(ctx))
	}()

	observer, err := basiqotel.New(basiqotel.WithTracerProvider(tracers), basiqotel.WithMeterProvider(meters))
	if err != nil {
		return err
	}
	// The first request for a user fails and is retried.
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(100), //nolint:contextcheck // the sandbox runs until Close
		basiqtest.WithFault(basiqtest.BadGateway(), basiqtest.Operations("getUser"), basiqtest.Times(1)))
	if err != nil {
		return err
	}
	defer func() { _ = sandbox.Close() }()
	client, err := sandbox.NewClient(basiq.WithObserver(observer))
	if err != nil {
		return err
	}
	user, err := client.Users.Create(ctx, basiq.CreateUser{Email: "gavin@hooli.com"})
	if err != nil {
		return err
	}
	if _, err := client.Jobs.Wait(ctx, sandbox.Connect(user.ID, "AU00000", "gavinBelson")); err != nil {
		return err
	}
	_, err = client.Users.Get(ctx, user.ID)
	return err
}
