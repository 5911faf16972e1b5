// Command quickstart shows the life cycle of a connection. It connects a user to a bank, waits until the bank's data is
// available, reads it, refreshes it and deletes the connection.
//
//	go run ./wrapper/examples/quickstart
//
// By default the program uses the basiqtest sandbox, which needs no network and no API key. If BASIQ_API_KEY is set, it uses
// Basiq instead. It creates its own user and deletes it at the end.
//
//	-login bighead                          a login that the bank rejects
//	-login jared -institution AU00002       a bank that requires MFA
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "quickstart:", explain(err))
		os.Exit(1)
	}
}

// settings holds the values of flags and environment variables.
type settings struct {
	login, institution string
	password           basiq.Secret
	answers            []basiq.Secret
	version            string
	speed              float64
	baseURL            string
	apiKey             string
}

// testUser holds the password and the MFA answers of one of Basiq's documented test users. They are public.
type testUser struct {
	password string
	answers  []string
}

var testUsers = map[string]testUser{
	"Wentworth-Smith": {"whislter", []string{"Basiq", "AU00000"}},
	"Whistler":        {"ShowBox", []string{"Basiq", "AU00000"}},
	"Gilfoyle":        {"PiedPiper", []string{"Hooli"}},
	"gavinBelson":     {"hooli2016", []string{"Hooli"}},
	"jared":           {"django", []string{"1234"}},
	"richard":         {"tabsnotspaces", []string{"1234"}},
	"laurieBream":     {"business2024", nil},
	"ashMann":         {"hooli2024", nil},
	"bighead":         {"password", nil},
	"erlich":          {"aviato", nil},
	"jianYang":        {"nothotdog", nil},
}

func parse(args []string, getenv func(string) string, out io.Writer) (*settings, error) {
	var s settings
	var answers string
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.login, "login", "Wentworth-Smith", "the `login` at the bank: one of Basiq's test users, or another login whose password is in BASIQ_PASSWORD")
	flags.StringVar(&s.institution, "institution", "AU00000", "the bank's `ID`; AU00002 always requires MFA")
	flags.StringVar(&answers, "answers", "", "comma-separated `answers` to the bank's questions; not needed for test users")
	flags.StringVar(&s.version, "api-version", string(basiq.APIVersion21), "the API `version`; creating a connection with a login requires 2.1")
	flags.Float64Var(&s.speed, "speed", 4, "run the sandbox at this `multiple` of the speed of a real bank")
	flags.StringVar(&s.baseURL, "base-url", "", "the `URL` of the API; requires BASIQ_API_KEY")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(out, "Connects a user to a bank. It uses the basiqtest sandbox, or Basiq if BASIQ_API_KEY is set.")
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
	if s.baseURL != "" && s.apiKey == "" {
		return nil, errors.New("-base-url requires BASIQ_API_KEY")
	}
	user, known := testUsers[s.login]
	s.password = basiq.NewSecret(user.password)
	if password := getenv("BASIQ_PASSWORD"); password != "" {
		s.password = basiq.NewSecret(password)
	} else if !known {
		return nil, fmt.Errorf("%q is not one of Basiq's test users; its password must be in BASIQ_PASSWORD", s.login)
	}
	if answers != "" {
		user.answers = strings.Split(answers, ",")
	}
	for _, answer := range user.answers {
		s.answers = append(s.answers, basiq.NewSecret(answer))
	}
	return &s, nil
}

// newClient returns a client for Basiq. Without an API key it returns a client for a new sandbox, and the sandbox.
func newClient(s *settings, requests *counter) (*basiq.Client, *basiqtest.Sandbox, error) {
	options := []basiq.Option{
		basiq.WithAPIVersion(basiq.APIVersion(s.version)),
		basiq.WithMiddleware(requests.middleware),
	}
	if s.apiKey != "" {
		if s.baseURL != "" {
			options = append(options, basiq.WithBaseURL(s.baseURL))
		}
		client, err := basiq.New(s.apiKey, options...)
		return client, nil, err
	}
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(s.speed))
	if err != nil {
		return nil, nil, err
	}
	client, err := basiq.New(sandbox.APIKey(), append(options, basiq.WithBaseURL(sandbox.URL()))...)
	if err != nil {
		_ = sandbox.Close()
		return nil, nil, err
	}
	return client, sandbox, nil
}

func run(ctx context.Context, args []string, getenv func(string) string, in io.Reader, out io.Writer) (err error) {
	s, err := parse(args, getenv, out)
	if err != nil {
		return err
	}
	var requests counter
	client, sandbox, err := newClient(s, &requests) //nolint:contextcheck // the sandbox must outlive ctx
	if err != nil {
		return err
	}

	start := time.Now()
	where := "Basiq"
	if sandbox != nil {
		defer func() { _ = sandbox.Close() }()
		where = "the basiqtest sandbox (no network, no API key)"
	}
	fmt.Fprintf(out, "Using %s, API version %s.\n\n", where, s.version)

	user, err := client.Users.Create(ctx, basiq.CreateUser{Email: "quickstart@example.com", FirstName: "Quick", LastName: "Start"})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "client.Users.Create: user %s.\n", user.ID)
	// Delete the user even after an error. This also deletes the connection.
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := client.Users.Delete(ctx, user.ID); err != nil {
			fmt.Fprintf(out, "Could not delete user %s: %v\n", user.ID, err)
		} else {
			fmt.Fprintf(out, "client.Users.Delete: user %s deleted.\n", user.ID)
		}
		fmt.Fprintf(out, "\n%s, in %.1f s.\n", &requests, time.Since(start).Seconds())
		if err == nil && sandbox != nil {
			fmt.Fprint(out, "Next: set BASIQ_API_KEY to a key for Basiq's sandbox environment and run the program again.\n")
		}
	}()
	return tour(ctx, client, sandbox, user.ID, s, bufio.NewScanner(in), out)
}

// tour creates, reads, refreshes, lists and deletes a connection.
func tour(ctx context.Context, client *basiq.Client, sandbox *basiqtest.Sandbox, userID string, s *settings, in *bufio.Scanner, out io.Writer) error {
	fmt.Fprintf(out, "\nclient.Connections.Create and client.Jobs.Watch: connecting %s to %s\n", s.login, s.institution)
	job, err := client.Connections.Create(ctx, userID, basiq.CreateConnection{
		InstitutionID: s.institution,
		LoginID:       basiq.NewSecret(s.login),
		Password:      s.password,
	})
	if err != nil {
		return err
	}
	mfa := basiq.WithMFA(func(_ context.Context, challenge basiq.MFAChallenge) ([]basiq.Secret, error) {
		return response(challenge, s.answers, in, out)
	})
	job, err = follow(ctx, client, job.ID, out, basiq.WithUser(userID), mfa)
	if err != nil {
		return err
	}
	connectionID, _ := job.ConnectionID()

	connection, err := client.Connections.Get(ctx, userID, connectionID)
	if err != nil {
		return err
	}
	fmt.Fprint(out, "\nclient.Connections.Get: the connection and its accounts\n")
	describe(out, connection)

	fmt.Fprint(out, "\nclient.Connections.Refresh and client.Jobs.Watch: fetching the latest data\n")
	if sandbox != nil {
		sandbox.ExpireTokens()
		fmt.Fprint(out, "  (all tokens in the sandbox have expired; the client requests a new one automatically)\n")
	}
	if job, err = client.Connections.Refresh(ctx, userID, connectionID); err != nil {
		return err
	}
	if _, err = follow(ctx, client, job.ID, out, basiq.WithUser(userID), mfa); err != nil {
		return err
	}

	active := 0
	for _, err := range client.Connections.List(ctx, userID, basiq.ConnectionListOptions{Filter: basiq.ConnectionFields.InstitutionID.Eq(s.institution).And(basiq.ConnectionFields.Status.Eq(basiq.ConnectionStatusActive))}) {
		if err != nil {
			return err
		}
		active++
	}
	fmt.Fprintf(out, "\nclient.Connections.List: %d active at %s.\n", active, s.institution)

	if err = client.Connections.Delete(ctx, userID, connectionID); err != nil {
		return err
	}
	_, err = client.Connections.Get(ctx, userID, connectionID)
	if !errors.Is(err, basiq.ErrNotFound) {
		return fmt.Errorf("deleted connection still exists: %w", err)
	}
	fmt.Fprintf(out, "client.Connections.Delete: connection %s deleted.\n", connectionID)
	return nil
}

// answer prints the bank's questions and returns the known answers, or reads the answers from in.
func response(challenge basiq.MFAChallenge, known []basiq.Secret, in *bufio.Scanner, out io.Writer) ([]basiq.Secret, error) {
	fmt.Fprintf(out, "  The bank requires MFA (%s, answer within %s): %s\n", challenge.Method, challenge.ValidFor, challenge.Description)
	if len(known) == len(challenge.Questions) {
		for i, question := range challenge.Questions {
			fmt.Fprintf(out, "    %s %s\n", question, known[i].Reveal()) // public, or from the command line
		}
		return known, nil
	}
	answers := make([]basiq.Secret, 0, len(challenge.Questions))
	for _, question := range challenge.Questions {
		fmt.Fprintf(out, "    %s ", question)
		if !in.Scan() {
			return nil, errors.New("no answers to the bank's questions; use -answers")
		}
		answers = append(answers, basiq.NewSecret(strings.TrimSpace(in.Text())))
	}
	return answers, nil
}

// explain returns a one-line message for an error, with advice for applications.
func explain(err error) string {
	switch {
	case errors.Is(err, basiq.ErrInvalidAPIKey):
		return "invalid API key in BASIQ_API_KEY; copy the key from Basiq's dashboard"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	text := strings.TrimPrefix(err.Error(), "basiq: ")
	if input, ok := errors.AsType[*basiq.InputError](err); ok && input.Operation == "New" {
		flags := map[string]string{"apiKey": "BASIQ_API_KEY", "WithBaseURL": "-base-url", "WithAPIVersion": "-api-version"}
		text = flags[input.Argument] + ": " + input.Problem
	}
	if advice := advise(err); advice != "" {
		text = strings.TrimSuffix(text, ".") + "; " + advice
	}
	return text
}

// advise returns what an application would do about the error, or "".
func advise(err error) string {
	switch advice := basiq.AdviseOn(err); {
	case errors.Is(err, basiq.ErrWrongAPIVersion):
		return "use -api-version 2.1"
	case advice.Need == basiq.NeedCredentials:
		return "an application would ask the user for the correct login, then call Connections.Update"
	case advice.Need == basiq.NeedBankAction:
		return "an application would ask the user to log in at the bank, then call Connections.Refresh"
	case advice.Need == basiq.NeedMFA:
		return "an application would call Connections.Refresh and ask the user for new answers"
	case advice.Action == basiq.ActionRetry:
		return fmt.Sprintf("an application would retry after %v", advice.After)
	case advice.Action == basiq.ActionWait:
		return fmt.Sprintf("an application would wait for the job again after %v", advice.After)
	case advice.Action == basiq.ActionCheck:
		return "the call may have taken effect: an application would check before it calls again"
	default:
		return ""
	}
}
