// Command upstream compares the contract with Basiq's currently published descriptions, and reports what the contract lacks:
// operations, parameters, properties, members of enums, and statuses.
//
//	go run ./upstream
//
// It exits with status 1 if the contract lacks something that testdata/official/lacking.tsv and testdata/upstream.tsv do
// not list. With -issue it instead opens an issue in $GITHUB_REPOSITORY, or updates the open one, and requires
// $GITHUB_TOKEN. Without a network it prints a message and succeeds.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"time"
)

const (
	published = "https://raw.githubusercontent.com/basiqio-oss/Basiq-docs/refs/heads/v3.0/reference"
	// maxSize is the maximum size of a description in bytes. The largest has 0.8 MB.
	maxSize = 16 << 20
	timeout = time.Minute // timeout of a request
)

// files are the descriptions that Basiq's documentation links to.
var files = []string{
	"affordability.json", "analytics.json", "connect.json", "enrich.json", "identity.json", "insights.json", "payees.json",
	"platform.json", "reporting.json", "webhooks.json",
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := command(ctx, os.Args[1:], os.Getenv, os.Stdout) //nolint:forbidigo // main function
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		os.Exit(1) //nolint:forbidigo // main function
	}
}

func command(ctx context.Context, arguments []string, getenv func(string) string, out io.Writer) error {
	flags := flag.NewFlagSet("upstream", flag.ContinueOnError)
	from := flags.String("from", published, "the `URL` of the directory with the descriptions")
	root := flags.String("root", "../..", "the root `directory` of this repository")
	issue := flags.Bool("issue", false, "open or update an issue")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	r, err := newReport(os.DirFS(*root))
	if err != nil {
		return err
	}
	for _, name := range files {
		text, err := fetch(ctx, *from+"/"+name)
		r.add(name, text, err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := io.WriteString(out, r.text()); err != nil {
		return err
	}
	switch {
	case len(r.lacks) == 0:
		return nil
	case !*issue:
		return errors.New("the contract lacks something")
	}
	tracker := tracker{
		api:        cmp.Or(getenv("GITHUB_API_URL"), "https://api.github.com"),
		repository: getenv("GITHUB_REPOSITORY"), token: getenv("GITHUB_TOKEN"),
	}
	done, err := tracker.file(ctx, r.issue())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, done)
	return err
}

// errUnavailable is the error if a description could not be downloaded.
var errUnavailable = errors.New("not available")

// fetch downloads a description. The error wraps errUnavailable if the network is unavailable or the server responds with
// an unexpected status.
func fetch(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("no longer published (%s)", resp.Status)
	default:
		return nil, fmt.Errorf("%w: %s", errUnavailable, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	case len(text) > maxSize:
		return nil, fmt.Errorf("larger than %d bytes", maxSize)
	case !json.Valid(text):
		return nil, errors.New("not JSON")
	}
	return text, nil
}
