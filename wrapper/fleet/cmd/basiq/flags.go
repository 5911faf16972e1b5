package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/fleet"
)

const usage = `basiq serve keeps a local copy of the bank data of many users in SQLite or PostgreSQL.

Usage: basiq serve [flags]

Without BASIQ_API_KEY it starts an in-memory sandbox with three test users and a new database.

  -db ADDRESS          name of a SQLite file, or postgres:// URL, which several machines can share (default basiq.db,
                       or a temporary file with the sandbox)
  -admin HOST:PORT     address of the web UI, /healthz and /metrics, without authentication (default 127.0.0.1:8080)
  -webhook HOST:PORT   address of the webhook's URL, the only one that Basiq must reach (default 127.0.0.1:8081)
  -api URL             URL of the API (default Basiq's)
  -sandbox HOST:PORT   address of the sandbox; port 0 selects a free port (default 127.0.0.1:0)
  -rate N              requests per second of all machines together (default 20)
  -sync-rate N         users per second that are synced without an event (default 5)
  -refresh-rate N      users per second whose connections are checked, and refreshed if they are stale (default 1)
  -refresh-age D       age of a stale connection; negative to refresh none (default 24h)
  -workers N           users that are synced at the same time by this process (default 10)
  -log-format FORMAT   text or json (default text)
  -log-level LEVEL     debug, info, warn or error (default info)
  -h                   print this help

Each flag can be set by a variable, such as BASIQ_DB for -db and BASIQ_SYNC_RATE for -sync-rate. A flag takes precedence.
These are set by variables only. A variable with the suffix _FILE names a file that has the value:

  BASIQ_API_KEY          API key
  BASIQ_WEBHOOK_SECRET   secret of the webhook, which Basiq returns when it is created; without it no delivery is accepted
  BASIQ_WEBHOOK_ID       ID of the webhook, whose state is checked every day
`

// settings holds the parsed flags and variables.
type settings struct {
	db, admin, webhook, api, sandboxAddress string
	format                                  string
	level                                   slog.Level
	rate                                    float64
	config                                  fleet.Config
	apiKey, webhookSecret                   basiq.Secret
}

// parse parses the flags and the variables. Errors do not contain secrets.
func parse(args []string, getenv func(string) string) (*settings, error) {
	if len(args) == 0 || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		return nil, flag.ErrHelp
	}
	if args[0] != "serve" {
		return nil, fmt.Errorf("unknown command %q", args[0])
	}
	s := new(settings)
	flags := flag.NewFlagSet("basiq serve", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run prints errors itself, without the usage text
	flags.StringVar(&s.db, "db", "", "")
	flags.StringVar(&s.admin, "admin", "127.0.0.1:8080", "")
	flags.StringVar(&s.webhook, "webhook", "127.0.0.1:8081", "")
	flags.StringVar(&s.api, "api", basiq.DefaultBaseURL, "")
	flags.StringVar(&s.sandboxAddress, "sandbox", "127.0.0.1:0", "")
	flags.Float64Var(&s.rate, "rate", 20, "")
	flags.Float64Var(&s.config.SyncRate, "sync-rate", 0, "")
	flags.Float64Var(&s.config.RefreshRate, "refresh-rate", 0, "")
	flags.DurationVar(&s.config.RefreshAge, "refresh-age", 24*time.Hour, "")
	flags.IntVar(&s.config.Workers, "workers", 0, "")
	flags.StringVar(&s.format, "log-format", "text", "")
	flags.TextVar(&s.level, "log-level", slog.LevelInfo, "")
	var failed error
	flags.VisitAll(func(f *flag.Flag) {
		name := "BASIQ_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := getenv(name); value != "" && f.Value.Set(value) != nil {
			failed = errors.Join(failed, fmt.Errorf("invalid value of %s", name))
		}
	})
	if err := errors.Join(failed, flags.Parse(args[1:])); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return s, s.complete(getenv)
}

func (s *settings) complete(getenv func(string) string) (err error) {
	for _, address := range []string{s.admin, s.webhook, s.sandboxAddress} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("invalid address %q: must be host:port", address)
		}
	}
	switch {
	case s.format != "text" && s.format != "json":
		return fmt.Errorf("invalid -log-format %q: must be text or json", s.format)
	case !(s.rate > 0): // also true for NaN
		return errors.New("-rate must be positive")
	}
	if s.apiKey, err = secret(getenv, "BASIQ_API_KEY"); err != nil {
		return err
	}
	if s.webhookSecret, err = secret(getenv, "BASIQ_WEBHOOK_SECRET"); err != nil {
		return err
	}
	s.config.WebhookID = getenv("BASIQ_WEBHOOK_ID")
	if s.db == "" && !s.apiKey.IsZero() {
		s.db = fleet.DefaultDatabase
	}
	return nil
}

// secret returns the value of a variable, or the contents of the file that the variable with the suffix _FILE names.
func secret(getenv func(string) string, name string) (basiq.Secret, error) {
	if value := getenv(name); value != "" {
		return basiq.NewSecret(value), nil
	}
	file := getenv(name + "_FILE")
	if file == "" {
		return basiq.Secret{}, nil
	}
	content, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return basiq.Secret{}, fmt.Errorf("%s_FILE: %w", name, err)
	}
	value := strings.TrimSpace(string(content))
	if value == "" {
		return basiq.Secret{}, fmt.Errorf("%s_FILE: file is empty", name)
	}
	return basiq.NewSecret(value), nil
}

func (s *settings) handler(w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: s.level}
	if s.format == "json" {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}
