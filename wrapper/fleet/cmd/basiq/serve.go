package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"
	_ "time/tzdata" // the mirror needs the time zones of the banks

	"github.com/prometheus/client_golang/prometheus"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqotel"
	"github.com/basiq-go/basiq-go/wrapper/fleet"
	"github.com/basiq-go/basiq-go/wrapper/fleet/shared"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

// shutdownTimeout limits how long the shutdown of a server or of the workers takes.
const shutdownTimeout = 15 * time.Second

// server is a running program. close functions run in reverse order.
type server struct {
	*settings

	logger  *slog.Logger
	sandbox *sandbox // nil with an API key
	client  *basiq.Client
	fleet   *fleet.Fleet
	closers []func(ctx context.Context) error
	// failed receives the error of a listener.
	failed chan error
}

// serve runs the program until ctx is done.
func serve(ctx context.Context, settings *settings, stdout, stderr io.Writer) error {
	s := &server{settings: settings, logger: slog.New(settings.handler(stderr)), failed: make(chan error, 2)}
	err := s.start(ctx, stdout)
	if err == nil {
		select {
		case <-ctx.Done():
			s.logger.InfoContext(ctx, "stopping")
		case err = <-s.failed:
		}
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	for _, closer := range slices.Backward(s.closers) {
		err = errors.Join(err, closer(ending))
	}
	if err == nil {
		s.logger.InfoContext(ctx, "stopped")
	}
	return err
}

func (s *server) onClose(f func(ctx context.Context) error) { s.closers = append(s.closers, f) }

func (s *server) start(ctx context.Context, stdout io.Writer) error {
	if err := s.openSandbox(); err != nil { //nolint:contextcheck // the sandbox runs until it is closed
		return err
	}
	database, err := fleet.OpenDatabase(ctx, s.db)
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return database.Close() })
	registry := prometheus.NewRegistry()
	if s.client, err = s.newClient(ctx, database, registry); err != nil {
		return err
	}
	hooks, err := s.listen(ctx, s.webhook)
	if err != nil {
		return err
	}
	admin, err := s.listen(ctx, s.admin)
	if err != nil {
		return errors.Join(err, hooks.Close())
	}
	if s.sandbox != nil {
		if err := s.sandbox.connect(ctx, s, hooks.Addr()); err != nil {
			return errors.Join(err, hooks.Close(), admin.Close())
		}
	}
	s.config.Client, s.config.Database, s.config.Logger, s.config.Registerer = s.client, database, s.logger, registry
	if s.fleet, err = fleet.New(ctx, s.config); err != nil {
		return errors.Join(err, hooks.Close(), admin.Close())
	}
	if err := s.fleet.Start(context.WithoutCancel(ctx)); err != nil {
		return errors.Join(err, hooks.Close(), admin.Close())
	}
	s.onClose(s.fleet.Stop)
	if err := s.serveAll(ctx, hooks, admin); err != nil {
		return err
	}
	if s.sandbox != nil {
		if err := s.sandbox.wait(ctx, s.fleet); err != nil {
			return err
		}
	}
	return s.print(ctx, stdout, hooks.Addr(), admin.Addr())
}

// newClient returns a client whose token and rate limit are shared by all processes of the database. The registry gets the
// metrics of its calls.
func (s *server) newClient(ctx context.Context, database *fleet.Database, registry *prometheus.Registry) (*basiq.Client, error) {
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		return nil, err
	}
	observer, err := basiqotel.New(basiqotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))))
	if err != nil {
		return nil, err
	}
	state, err := shared.Open(ctx, database.DB, database.Dialect)
	if err != nil {
		return nil, err
	}
	if err := state.Migrate(ctx); err != nil {
		return nil, err
	}
	limiter, err := state.Limiter("basiq", s.rate)
	if err != nil {
		return nil, err
	}
	options := []basiq.Option{
		basiq.WithBaseURL(s.api), basiq.WithLogger(s.logger), basiq.WithUserAgent("basiq-serve"),
		basiq.WithRateLimit(limiter), basiq.WithMiddleware(limiter.Middleware), basiq.WithObserver(observer),
	}
	if s.sandbox != nil {
		options = append(options, basiq.WithConsentURL(s.api+"/home"))
	}
	tokens, err := state.TokenSource(s.apiKey.Reveal(), options...)
	if err != nil {
		return nil, err
	}
	return basiq.New(s.apiKey.Reveal(), append(options, basiq.WithTokenSource(tokens))...)
}

func (s *server) listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err == nil && address == s.admin && !listener.Addr().(*net.TCPAddr).IP.IsLoopback() { //nolint:forcetypeassert // the network is tcp
		s.logger.WarnContext(ctx, "the web UI has no authentication and is reachable from other machines", slog.String("address", address))
	}
	return listener, err
}

// serveAll serves the webhook and the admin pages.
func (s *server) serveAll(ctx context.Context, hooks, admin net.Listener) error {
	receiver := http.NotFoundHandler()
	if !s.webhookSecret.IsZero() {
		verifier, err := webhook.New(s.webhookSecret, webhook.WithLogger(s.logger))
		if err != nil {
			return err
		}
		receiver = s.fleet.WebhookHandler(verifier)
	} else {
		s.logger.WarnContext(ctx, "no delivery is accepted, because BASIQ_WEBHOOK_SECRET is not set; events are read once a day")
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.onClose(func(context.Context) error { cancel(); return nil })
	pages, err := s.fleet.AdminHandler(background)
	if err != nil {
		return err
	}
	s.serve(hooks, receiver)
	s.serve(admin, pages)
	return nil
}

func (s *server) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	s.onClose(func(ctx context.Context) error {
		if err := server.Shutdown(ctx); err != nil {
			return errors.Join(err, server.Close())
		}
		return nil
	})
}

// print prints what to open.
func (s *server) print(ctx context.Context, stdout io.Writer, hooks, admin net.Addr) error {
	where := s.db
	if name := filepath.Base(s.db); name == s.db {
		if directory, err := os.Getwd(); err == nil {
			where = filepath.Join(directory, name)
		}
	}
	if s.sharesDatabase() {
		where = "PostgreSQL" // the URL may contain a password
	}
	_, err := fmt.Fprintf(stdout, "jobs      http://%s/\nhealth    http://%s/healthz\nmetrics   http://%s/metrics\nwebhook   http://%s/\ndatabase  %s\n",
		admin, admin, admin, hooks, where)
	if err == nil && s.sandbox != nil {
		err = s.sandbox.print(ctx, stdout, s.client)
	}
	if err == nil {
		_, err = fmt.Fprintln(stdout, "ready")
	}
	return err
}
