// Command consent is a small web app whose users connect their banks on the consent page, which is how API 3.0 wants it:
// it creates a user, sends the browser to the page, takes it back, waits for the jobs and shows the accounts.
//
//	go run ./wrapper/examples/consent
//
// runs it against the sandbox of package basiqtest, which plays the consent page too, with no network and no key. With an
// API key in BASIQ_API_KEY the same program does the same with Basiq itself; set the redirect URL that it prints in Basiq's
// dashboard first. The users that it creates are deleted when it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "consent:", explain(err))
		os.Exit(1)
	}
}

// settings is what the flags and the environment say.
type settings struct {
	listen              string
	speed               float64
	baseURL, consentURL string
	apiKey              string
}

func parse(args []string, getenv func(string) string, out io.Writer) (*settings, error) {
	var s settings
	flags := flag.NewFlagSet("consent", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8080", "the `address` to listen on; everyone who can reach it can use the app")
	flags.Float64Var(&s.speed, "speed", 2, "how many `times` faster than a real bank the sandbox is")
	flags.StringVar(&s.baseURL, "base-url", basiq.DefaultBaseURL, "another `URL` for the API, with the key in BASIQ_API_KEY")
	flags.StringVar(&s.consentURL, "consent-url", basiq.DefaultConsentURL, "another `URL` for the consent page, with the key in BASIQ_API_KEY")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(out, "A web app whose users connect their banks: in the sandbox or, with BASIQ_API_KEY set, at Basiq.")
		flags.SetOutput(out)
		flags.PrintDefaults()
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w; see -help", err)
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is not a flag; see -help", flags.Arg(0))
	}
	s.apiKey = getenv("BASIQ_API_KEY")
	if s.apiKey == "" && (s.baseURL != basiq.DefaultBaseURL || s.consentURL != basiq.DefaultConsentURL) {
		return nil, errors.New("-base-url and -consent-url need a key in BASIQ_API_KEY")
	}
	return &s, nil
}

// newClient returns a client of Basiq, or, when there is no key, of a sandbox, and the sandbox.
func newClient(s *settings, redirectURL string) (*basiq.Client, *basiqtest.Sandbox, error) {
	if s.apiKey != "" {
		client, err := basiq.New(s.apiKey, basiq.WithAPIVersion(basiq.APIVersion30),
			basiq.WithBaseURL(s.baseURL), basiq.WithConsentURL(s.consentURL))
		return client, nil, err
	}
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(s.speed), basiqtest.WithRedirectURL(redirectURL))
	if err != nil {
		return nil, nil, err
	}
	client, err := basiq.New(sandbox.APIKey(), basiq.WithAPIVersion(basiq.APIVersion30),
		basiq.WithBaseURL(sandbox.URL()), basiq.WithConsentURL(sandbox.URL()+"/home"))
	if err != nil {
		_ = sandbox.Close()
		return nil, nil, err
	}
	return client, sandbox, nil
}

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	s, err := parse(args, getenv, out)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	url := "http://" + listener.Addr().String()
	client, sandbox, err := newClient(s, url+redirectPath) //nolint:contextcheck // the sandbox outlives what ctx ends
	if err != nil {
		return err
	}
	if sandbox != nil {
		defer func() { _ = sandbox.Close() }()
		fmt.Fprintln(out, "Talking to the sandbox in this program (no network, no key).")
	} else {
		fmt.Fprintf(out, "Talking to Basiq. Its dashboard must have the redirect URL %s%s\n", url, redirectPath)
	}

	app := newApp(ctx, client)
	server := &http.Server{Handler: app.handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Fprintf(out, "Open %s/ in a browser; Ctrl-C ends this program.\n", url)
	select {
	case err = <-ended:
	case <-ctx.Done():
	}

	// What was made here goes, however the program ends.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = server.Shutdown(last)
	for _, problem := range app.close(last) {
		fmt.Fprintln(out, "Could not delete a user:", problem)
	}
	fmt.Fprintln(out, "The users that were created here are deleted.")
	return err
}

// explain says in one line what is wrong.
func explain(err error) string {
	if errors.Is(err, basiq.ErrInvalidAPIKey) {
		return "Basiq does not know the key in BASIQ_API_KEY; copy it from the dashboard exactly as it stands there"
	}
	if input, ok := errors.AsType[*basiq.InputError](err); ok && input.Operation == "New" {
		here := map[string]string{
			"apiKey": "BASIQ_API_KEY", "WithBaseURL": "-base-url", "WithConsentURL": "-consent-url",
		}
		return here[input.Argument] + ": " + input.Problem
	}
	return strings.TrimPrefix(err.Error(), "basiq: ")
}
