package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// newAdmin returns the handler of the admin endpoint. It accepts only requests to a loopback address, because another
// host name may be that of a web page that attacks programs on this machine (DNS rebinding).
func newAdmin(sandbox *basiqtest.Sandbox) http.Handler {
	mux := http.NewServeMux()
	show := func(w http.ResponseWriter) { _, _ = fmt.Fprintln(w, sandbox.Now().UTC().Format(time.RFC3339)) }
	mux.HandleFunc("GET /clock", func(w http.ResponseWriter, _ *http.Request) { show(w) })
	mux.HandleFunc("POST /clock", func(w http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.FormValue("advance"))
		if err != nil {
			http.Error(w, "advance: must be a duration, such as 24h", http.StatusBadRequest)
			return
		}
		if err := sandbox.Advance(d); err != nil {
			http.Error(w, "advance: "+errors.Unwrap(err).Error(), http.StatusBadRequest)
			return
		}
		show(w)
	})
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback((&url.URL{Host: r.Host}).Hostname()) {
			http.Error(w, "host must be a loopback address", http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
		protected.ServeHTTP(w, r)
	})
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }
