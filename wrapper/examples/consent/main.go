// Command consent is a small web app whose users connect their banks on the consent page, as API 3.0 requires. It creates a
// user, redirects the browser to the page, handles the redirect back, waits for the jobs and shows the accounts.
//
//	go run ./wrapper/examples/consent
//
// By default the program uses the basiqtest sandbox, which includes a consent page and needs no network and no API key. If
// BASIQ_API_KEY is set, it uses Basiq instead; first set the redirect URL that it prints in Basiq's dashboard. The program
// deletes the users that it created when it exits.
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

// settings holds the values of flags and environment variables.
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
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8080", "the `address` to listen on; anyone with access to it can use the app")
	flags.Float64Var(&s.speed, "speed", 2, "run the sandbox at this `multiple` of the speed of a real bank")
	flags.StringVar(&s.baseURL, "base-url", basiq.DefaultBaseURL, "the `URL` of the API; requires BASIQ_API_KEY")
	flags.StringVar(&s.consentURL, "consent-url", basiq.DefaultConsentURL, "the `URL` of the consent page; requires BASIQ_API_KEY")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(out, "A web app whose users connect their banks. It uses the basiqtest sandbox, or Basiq if BASIQ_API_KEY is set.")
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
		return nil, errors.New("-base-url and -consent-url require BASIQ_API_KEY")
	}
	return &s, nil
}

// newClient returns a client for Basiq. Without an API key it returns a client for a new sandbox, and the sandbox.
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
	client, sandbox, err := newClient(s, url+redirectPath) //nolint:contextcheck // the sandbox must outlive ctx
	if err != nil {
		return err
	}
	if sandbox != nil {
		defer func() { _ = sandbox.Close() }()
		fmt.Fprintln(out, "Using the basiqtest sandbox (no network, no API key).")
	} else {
		fmt.Fprintf(out, "Using Basiq. The redirect URL in its dashboard must be %s%s\n", url, redirectPath)
	}

	app := newApp(ctx, client)
	server := &http.Server{Handler: app.handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Fprintf(out, "Open %s/ in a browser. Press Ctrl-C to stop.\n", url)
	select {
	case err = <-ended:
	case <-ctx.Done():
	}

	// Delete the users even if the program was interrupted.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = server.Shutdown(last)
	for _, problem := range app.close(last) {
		fmt.Fprintln(out, "Could not delete a user:", problem)
	}
	fmt.Fprintln(out, "All created users are deleted.")
	return err
}

// explain returns a one-line message for an error.
func explain(err error) string {
	if errors.Is(err, basiq.ErrInvalidAPIKey) {
		return "invalid API key in BASIQ_API_KEY; copy the key from Basiq's dashboard"
	}
	if input, ok := errors.AsType[*basiq.InputError](err); ok && input.Operation == "New" {
		flags := map[string]string{
			"apiKey": "BASIQ_API_KEY", "WithBaseURL": "-base-url", "WithConsentURL": "-consent-url",
		}
		return flags[input.Argument] + ": " + input.Problem
	}
	return strings.TrimPrefix(err.Error(), "basiq: ")
}
