package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"riverqueue.com/riverui"
)

// AdminHandler returns a handler for operators: the web UI of River at /, /healthz and /metrics. The UI can cancel and retry
// jobs and shows user IDs. It has no authentication: serve it on the loopback interface, or behind a proxy that
// authenticates. Requests of web pages of other origins are rejected. Background work of the UI ends with ctx.
func (f *Fleet) AdminHandler(ctx context.Context) (http.Handler, error) {
	ui, err := riverui.NewHandler(&riverui.HandlerOpts{Endpoints: riverui.NewEndpoints(f.river, nil), Logger: f.config.Logger})
	if err != nil {
		return nil, fmt.Errorf("fleet: AdminHandler: %w", err)
	}
	if err := ui.Start(ctx); err != nil {
		return nil, fmt.Errorf("fleet: AdminHandler: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", ui)
	mux.HandleFunc("GET /healthz", f.serveHealth)
	mux.Handle("GET /metrics", promhttp.HandlerFor(f.metrics.gatherer, promhttp.HandlerOpts{}))
	return http.NewCrossOriginProtection().Handler(loopbackHost(mux)), nil
}

// loopbackHost rejects requests to the loopback interface that name another host, which DNS rebinding causes.
func loopbackHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && isLoopback(local.String()) && !isLoopback(r.Host) {
			http.Error(w, "unknown host", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopback reports whether an address, with or without a port, is localhost or a loopback address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// serveHealth responds with 200 if the workers run and the database responds within two seconds.
func (f *Fleet) serveHealth(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	select {
	case <-f.river.Stopped():
		http.Error(w, "workers are stopped", http.StatusServiceUnavailable)
		return
	default:
	}
	if err := f.db.DB.PingContext(ctx); err != nil {
		f.config.Logger.ErrorContext(ctx, "database does not respond", slog.Any("error", err))
		http.Error(w, "database does not respond", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}
