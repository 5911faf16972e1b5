package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// defaultAddr uses a port that few programs use: BASIQ on a telephone keypad.
const defaultAddr = "127.0.0.1:22747"

const usage = `basiq-sandbox plays the Basiq API in memory, with test banks and test users.

Usage: basiq-sandbox [flags]

  -addr HOST:PORT       where to listen; port 0 is any that is free (default 127.0.0.1:22747)
  -seed N               what ids, tokens, amounts and odds are drawn from (default 0)
  -speed FACTOR         jobs run FACTOR times as fast as Basiq's (default 1)
  -token-lifetime D     for how long a token is good (default 1h)
  -limits               enforce the limits that Basiq documents
  -redirect-url URL     where the consent page sends the browser in the end
  -allow-origin ORIGIN  let a browser's pages from there, such as http://localhost:3000 or '*', call the API; repeatable
  -fault FAULT          break calls; may be given several times, and the first that fits strikes
  -log-format FORMAT    text or json (default text)
  -log-level LEVEL      debug, info, warn or error (default info); debug shows bodies, with secrets redacted
  -h                    this page

Its API key is basiqtest-not-a-real-api-key. A token, and a user, whose id is in the answer:

  URL=http://127.0.0.1:22747
  curl $URL/token -H 'Authorization: Basic basiqtest-not-a-real-api-key' -H 'basiq-version: 3.0' -d scope=SERVER_ACCESS
  curl $URL/users -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"email":"gavin@hooli.com"}'

The consent page, where a user connects to a bank, wants a token of the scope CLIENT_ACCESS with the user's id:

  curl $URL/token -H 'Authorization: Basic basiqtest-not-a-real-api-key' -H 'basiq-version: 3.0' \
    -d scope=CLIENT_ACCESS -d userId=$USER
  echo "Open $URL/home?token=$CLIENT_TOKEN in a browser"

There, or with API 2.1 by POST $URL/users/$USER/connections, take a bank and a test user such as these; the page lists all:

  AU00000 (no second factor), AU00002 (always), AU00003 (every other time)
  gavinBelson with the password hooli2016, who answers Hooli; bighead with password, whose login fails

FAULT is what goes wrong, and then, with blanks between, when:

  503, 400, ...                      an error with that status; 403=no-production-access has that code
  502-html                           the HTML page of a proxy
  429-after=30s, 429-date=30s        too many requests, with a Retry-After in seconds or as a date
  latency=2s, hang                   an answer that comes late, or never
  reset-before, reset-after          a connection that breaks before or after the call is carried out
  truncate, slow-body=100, garbage   a body that ends early, dribbles at 100 bytes a second, or is no JSON
  revoke-token, expire-token         the call's token is forgotten, or expires; revoke-all-tokens, expire-all-tokens
  endless-job                        jobs that begin never end

  on=getJobs,getUser   only calls of these operations, by their operationIds
  after=N, every=K     let N calls pass first; of the rest take each K-th
  chance=P, next=N     of these with the probability P; N times in all

For example two failures, then late answers for good:

  basiq-sandbox -fault '503 on=getJobs next=2' -fault latency=500ms
`

// settings holds the parsed flags.
type settings struct {
	addr    string
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
	limits := flags.Bool("limits", false, "")
	redirect := flags.String("redirect-url", "", "")
	flags.Func("allow-origin", "", func(text string) error {
		s.options = append(s.options, basiqtest.AllowOrigin(text))
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
			return errors.New("take debug, info, warn or error")
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return nil, err // err names the flag
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is no flag: flags begin with -, and a value with blanks wants quotes", flags.Arg(0))
	case s.format != "text" && s.format != "json":
		return nil, fmt.Errorf("-log-format is %q: take text or json", s.format)
	}
	s.options = append(s.options, basiqtest.Address(s.addr), basiqtest.Seed(*seed), basiqtest.Speed(*speed),
		basiqtest.TokenLifetime(*lifetime))
	if *limits {
		s.options = append(s.options, basiqtest.EnforceLimits())
	}
	if *redirect != "" {
		s.options = append(s.options, basiqtest.RedirectURL(*redirect))
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
