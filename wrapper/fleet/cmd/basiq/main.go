// Command basiq keeps a local copy of the bank data of many users in SQLite or PostgreSQL.
//
//	go -C wrapper/fleet run ./cmd/basiq serve
//
// Without an API key it starts a sandbox with three test users, and prints what to open in a browser. With BASIQ_API_KEY it
// uses Basiq. `basiq serve -h` prints the flags and the environment variables.
//
// The exit status is 0 after SIGINT or SIGTERM, 1 if it cannot start or work, and 2 if a flag or variable is invalid.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process immediately
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run runs the program until ctx is done and returns the exit status.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	settings, err := parse(args, getenv)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return 0
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "basiq: %v\nRun basiq serve -h for its flags.\n", err)
		return 2
	}
	if err := serve(ctx, settings, stdout, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "basiq: %v\n", err)
		return 1
	}
	return 0
}
