package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// shutdownTimeout is how long requests in flight may take to finish on shutdown.
const shutdownTimeout = 3 * time.Second

// Exit statuses.
const (
	exitEnded = iota
	exitCannotListen
	exitBadFlag
)

// run runs the program until ctx is done and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	settings, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return exitEnded
	case err != nil:
		return exitUsageError(stderr, err)
	}
	logger := slog.New(settings.handler(stderr))
	sandbox, err := basiqtest.Start(append(settings.options, basiqtest.WithLogger(logger))...) //nolint:contextcheck // The sandbox runs until it is closed.
	if err != nil {
		return exitStartError(ctx, logger, stderr, "-addr", settings.addr, err)
	}
	defer func() { _ = sandbox.Close() }()
	if err := sandbox.Advance(settings.advance); err != nil {
		return exitUsageError(stderr, fmt.Errorf("invalid -advance %v: %w", settings.advance, errors.Unwrap(err)))
	}
	if settings.admin != "" {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", settings.admin)
		if err != nil {
			return exitStartError(ctx, logger, stderr, "-admin", settings.admin, err)
		}
		admin := &http.Server{Handler: newAdmin(sandbox), ReadHeaderTimeout: time.Minute}
		defer func() { _ = admin.Close() }()
		go func() { _ = admin.Serve(listener) }() // always http.ErrServerClosed
		logger.LogAttrs(ctx, slog.LevelInfo, "admin endpoint", slog.String("url", "http://"+listener.Addr().String()+"/clock"))
	}
	logStartup(ctx, logger, sandbox.URL(), sandbox.APIKey(), settings.faults)

	<-ctx.Done()
	logger.LogAttrs(ctx, slog.LevelInfo, "shutting down")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	_ = sandbox.Shutdown(ending) // nothing can be done about an error at exit
	return exitEnded
}

// exitStartError reports that the program cannot start with the address of a flag, and returns the exit status.
func exitStartError(ctx context.Context, logger *slog.Logger, stderr io.Writer, name, address string, err error) int {
	failure, listening := errors.AsType[*net.OpError](err)
	switch {
	case !listening:
		return exitUsageError(stderr, err)
	case isInvalidAddress(failure):
		return exitUsageError(stderr, fmt.Errorf("invalid %s %q: %w", name, address, failure.Err))
	default:
		logger.LogAttrs(ctx, slog.LevelError, "cannot listen", slog.String(strings.TrimPrefix(name, "-"), address),
			slog.Any("error", failure), slog.String("hint", hint(name, failure)))
		return exitCannotListen
	}
}

// logStartup logs how to reach the sandbox.
func logStartup(ctx context.Context, logger *slog.Logger, url, key string, faults []string) {
	logger.LogAttrs(ctx, slog.LevelInfo, "listening",
		slog.String("url", url), slog.String("key", key), slog.String("consent", url+"/home?token=CLIENT_TOKEN"))
	for _, fault := range faults {
		logger.LogAttrs(ctx, slog.LevelInfo, "injected", slog.String("fault", fault))
	}
	if !onLoopback(url) {
		logger.LogAttrs(ctx, slog.LevelWarn, "sandbox is reachable from other machines",
			slog.String("hint", "the API key is public; set -addr to a loopback address, such as "+defaultAddr))
	}
}

// exitUsageError prints an error about the flags and returns exitBadFlag.
func exitUsageError(stderr io.Writer, err error) int {
	_, _ = fmt.Fprintf(stderr, "basiq-sandbox: %s\nRun basiq-sandbox -h for its flags.\n",
		strings.TrimPrefix(err.Error(), "basiqtest.Start: "))
	return exitBadFlag
}

// isInvalidAddress reports whether listening failed because the address is invalid, not because it is in use.
func isInvalidAddress(failure *net.OpError) bool {
	_, wrong := errors.AsType[*net.AddrError](failure)
	dns, unknown := errors.AsType[*net.DNSError](failure)
	return wrong || unknown && !dns.IsTemporary
}

func hint(name string, failure *net.OpError) string {
	if errors.Is(failure, syscall.EADDRINUSE) {
		return "the port is in use; set " + name + " to another address, such as 127.0.0.1:0 for any free port"
	}
	return "set " + name + " to another address, such as 127.0.0.1:0 for any free port"
}

// onLoopback reports whether the host of a URL is a loopback address.
func onLoopback(text string) bool {
	u, err := url.Parse(text)
	return err == nil && isLoopback(u.Hostname())
}
