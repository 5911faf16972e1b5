// Command prometheus serves the metrics of a client to Prometheus, while the client makes calls of a sandbox with faults:
//
//	go -C wrapper/basiqotel/examples run ./prometheus -listen localhost:9464
//
// Add the address to the targets of Prometheus, and import dashboard.json into Grafana to see the metrics.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqotel"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func main() {
	address := flag.String("listen", "localhost:9464", "the `address` of the metrics")
	flag.Parse()
	if err := run(*address); err != nil {
		log.Fatal(err)
	}
}

// run serves the metrics at an address until the program is interrupted.
func run(address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/metrics\n", listener.Addr())
	return serve(ctx, listener, time.Second)
}

// serve serves the metrics until ctx ends. It makes a round of calls, with a pause after each.
func serve(ctx context.Context, listener net.Listener, pause time.Duration) error {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		return err
	}
	observer, err := basiqotel.New(basiqotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err = makeCalls(ctx, observer, pause)
	err = errors.Join(err, server.Close())
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// makeCalls makes calls until ctx ends. Errors of calls are expected, and the metrics show them.
func makeCalls(ctx context.Context, observer basiq.Observer, pause time.Duration) error {
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(100), //nolint:contextcheck // the sandbox runs until Close
		basiqtest.WithFault(basiqtest.Latency(300*time.Millisecond), basiqtest.Probability(0.1)),
		basiqtest.WithFault(basiqtest.BadGateway(), basiqtest.Every(5), basiqtest.Operations("getAccounts", "getTransactions")),
		basiqtest.WithFault(basiqtest.TooManyRequests(time.Second), basiqtest.Every(7), basiqtest.Operations("getUser")))
	if err != nil {
		return err
	}
	defer func() { _ = sandbox.Close() }()
	client, err := sandbox.NewClient(basiq.WithObserver(observer))
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		round(ctx, client, sandbox)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return nil
}

// round connects a user, and reads and deletes the user's data.
func round(ctx context.Context, client *basiq.Client, sandbox *basiqtest.Sandbox) {
	user, err := client.Users.Create(ctx, basiq.CreateUser{Email: "gavin@hooli.com"})
	if err != nil {
		return
	}
	for _, login := range []string{"gavinBelson", "bighead"} { // the bank rejects the second login
		_, _ = client.Jobs.Wait(ctx, sandbox.Connect(user.ID, "AU00000", login))
	}
	for range 3 {
		_, _ = client.Users.Get(ctx, user.ID)
	}
	for _, err := range client.Accounts.List(ctx, user.ID) {
		if err != nil {
			break
		}
	}
	for _, err := range client.Transactions.List(ctx, user.ID) {
		if err != nil {
			break
		}
	}
	_, _ = client.Users.Get(ctx, "unknown")
	_ = client.Users.Delete(ctx, user.ID)
}
