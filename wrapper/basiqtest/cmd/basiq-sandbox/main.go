// Command basiq-sandbox serves the basiqtest sandbox on a TCP port, for programs in any language, curl and browsers.
// All data is in memory. It uses no network, no real API key and no real bank.
//
//	go run github.com/basiq-go/basiq-go/wrapper/basiqtest/cmd/basiq-sandbox@latest
//
// On startup it logs its address and API key to standard error, and then one line per request. The flag -h prints the
// flags and some first commands. The program exits on SIGINT or SIGTERM.
//
// The exit status is 0 after a signal, 1 if it cannot listen on the address, and 2 if a flag is invalid.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal exits immediately
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
