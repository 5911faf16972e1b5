// Command basiq-sandbox plays the Basiq API on a port, for programs in any language, for curl and for a browser. It keeps
// everything in memory: no network, no real API key, no real bank.
//
//	go run github.com/basiq-go/basiq-go/wrapper/basiqtest/cmd/basiq-sandbox@latest
//
// It says on standard error where it listens and which API key it takes, and has a line for each request. With -h it shows
// its flags, and commands to begin with. It ends on SIGINT or SIGTERM.
//
// Its exit status is 0 when it was told to end, 1 when it cannot listen, and 2 when a flag is wrong.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
