package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// defaultAddr uses a port that few programs use: BASIQ on a telephone keypad.
const defaultAddr = "127.0.0.1:22747"

const usage = `basiq-sandbox serves an in-memory sandbox of the Basiq API, with test banks and test users.

Usage: basiq-sandbox [flags]

  -addr HOST:PORT       address to listen on; port 0 selects a free port (default 127.0.0.1:22747)
  -seed N               seed of IDs, tokens, amounts and random faults (default 0)
  -speed FACTOR         run jobs FACTOR times as fast as at Basiq (default 1)
  -token-lifetime D     lifetime of tokens (default 1h)
  -advance D            set the clock ahead by D, such as 720h
  -admin HOST:PORT      serve the admin endpoint on this loopback address, such as 127.0.0.1:22748
  -limits               enforce the limits that Basiq documents
  -concurrent-refreshes start a job for every refresh, also while one is running
  -redirect-url URL     URL that the consent page redirects to after a visit
  -allow-origin ORIGIN  allow web pages of this origin, such as http://localhost:3000 or '*', to call the API; repeatable
  -fault FAULT          inject a fault; repeatable, and the first that matches a request applies
  -log-format FORMAT    text or json (default text)
  -log-level LEVEL      debug, info, warn or error (default info); debug includes bodies, with secrets redacted
  -h                    print this help

Its API key is basiqtest-not-a-real-api-key. To get a token and create a user:

  URL=http://127.0.0.1:22747
  curl $URL/token -H 'Authorization: Basic basiqtest-not-a-real-api-key' -H 'basiq-version: 3.0' -d scope=SERVER_ACCESS
  curl $URL/users -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"email":"gavin@hooli.com"}'

The consent page, where a user connects to a bank, requires a CLIENT_ACCESS token with the user's ID:

  curl $URL/token -H 'Authorization: Basic basiqtest-not-a-real-api-key' -H 'basiq-version: 3.0' \
    -d scope=CLIENT_ACCESS -d userId=$USER
  echo "Open $URL/home?token=$CLIENT_TOKEN in a browser"

On the page, or with POST $URL/users/$USER/connections of API 2.1, use a bank and a test user such as these. The page
lists all of them.

  AU00000 (no second factor), AU00002 (always), AU00003 (every other time)
  gavinBelson with the password hooli2016 and the MFA answer Hooli; bighead with password, whose login fails

The admin endpoint shows the clock, and advances it while the program is running. With -admin 127.0.0.1:22748:

  curl http://127.0.0.1:22748/clock
  curl http://127.0.0.1:22748/clock -d advance=24h

FAULT is a fault, followed by conditions separated by spaces:

  503, 400, ...                      an error with that status; 403=no-production-access also sets the error code
  502-html                           an HTML page from a proxy
  429-after=30s, 429-date=30s        too many requests, with a Retry-After in seconds or as a date
  latency=2s, hang                   a delayed response, or none
  reset-before, reset-after          a connection reset before or after the request is executed
  truncate, slow-body=100, garbage   a truncated body, a body at 100 bytes per second, or invalid JSON
  revoke-token, expire-token         the token of the request is revoked or expires
  revoke-all-tokens, expire-all-tokens
                                     all tokens are revoked or expire
  endless-job                        new jobs never end

  operations=getJobs,getUser   only requests of these operations, by operationId
  skip=N, every=K              skip the first N requests, then select every K-th
  probability=P, times=N       select with probability P; N times in total

For example, two failures, and then delayed responses permanently:

  basiq-sandbox -fault '503 operations=getJobs times=2' -fault latency=500ms
`

// settings holds the parsed flags.
type settings struct {
	addr    string
	admin   string // "" for none
	advance time.Duration
	faults  []string
	format  string
	level   slog.Level
	options []basiqtest.Option
}

// parse parses the flags. Some values are validated later, by basiqtest.Start.
func parse(args []string) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("basiq-sandbox", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run prints errors itself, without the usage text
	flags.StringVar(&s.addr, "addr", defaultAddr, "")
	seed := flags.Uint64("seed", 0, "")
	speed := flags.Float64("speed", 1, "")
	lifetime := flags.Duration("token-lifetime", time.Hour, "")
	flags.DurationVar(&s.advance, "advance", 0, "")
	flags.StringVar(&s.admin, "admin", "", "")
	limits := flags.Bool("limits", false, "")
	concurrent := flags.Bool("concurrent-refreshes", false, "")
	redirect := flags.String("redirect-url", "", "")
	flags.Func("allow-origin", "", func(text string) error {
		s.options = append(s.options, basiqtest.WithAllowedOrigin(text))
		return nil
	})
	flags.Func("fault", "", func(text string) error {
		option, err := basiqtest.ParseFault(text)
		s.faults, s.options = append(s.faults, text), append(s.options, option)
		return err // Package flag adds the name and value of the flag.
	})
	flags.StringVar(&s.format, "log-format", "text", "")
	flags.Func("log-level", "", func(text string) error {
		if s.level.UnmarshalText([]byte(text)) != nil {
			return errors.New("must be debug, info, warn or error")
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return nil, err // err names the flag
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case s.format != "text" && s.format != "json":
		return nil, fmt.Errorf("invalid -log-format %q: must be text or json", s.format)
	}
	if host, _, err := net.SplitHostPort(s.admin); s.admin != "" && (err != nil || !isLoopback(host)) {
		return nil, fmt.Errorf("invalid -admin %q: must be a loopback address with a port, such as 127.0.0.1:22748", s.admin)
	}
	s.options = append(s.options, basiqtest.WithAddress(s.addr), basiqtest.WithSeed(*seed), basiqtest.WithSpeed(*speed),
		basiqtest.WithTokenLifetime(*lifetime))
	if *limits {
		s.options = append(s.options, basiqtest.WithLimits())
	}
	if *concurrent {
		s.options = append(s.options, basiqtest.WithConcurrentRefreshes())
	}
	if *redirect != "" {
		s.options = append(s.options, basiqtest.WithRedirectURL(*redirect))
	}
	return s, nil
}

// handler returns the log handler for the chosen format and level.
func (s *settings) handler(w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: s.level}
	if s.format == "json" {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}
