package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// follow shows a job's steps until it ends. On a terminal it redraws them in place, otherwise it prints a line per change.
func follow(ctx context.Context, client *basiq.Client, jobID string, out io.Writer, options ...basiq.WaitOption) (*basiq.Job, error) {
	options = append(options, basiq.WithPollInterval(250*time.Millisecond, 2*time.Second))
	view := stepView{out: out, redraw: isTerminal(out), shown: map[basiq.JobStepTitle]basiq.JobStepStatus{}, start: time.Now()}
	var last *basiq.Job
	for job, err := range client.Jobs.Watch(ctx, jobID, options...) {
		if job != nil {
			view.show(job)
		}
		if err != nil {
			return job, err
		}
		last = job
	}
	return last, nil
}

// stepView shows the steps of one job.
type stepView struct {
	out    io.Writer
	redraw bool
	start  time.Time
	lines  int
	shown  map[basiq.JobStepTitle]basiq.JobStepStatus
}

var marks = map[basiq.JobStepStatus]string{
	basiq.JobStepStatusPending:    " ",
	basiq.JobStepStatusInProgress: "…",
	basiq.JobStepStatusSuccess:    "✓",
	basiq.JobStepStatusFailed:     "✗",
	basiq.JobStepStatusSkipped:    "-",
}

func (v *stepView) show(job *basiq.Job) {
	elapsed := time.Since(v.start).Seconds()
	mfa := job.MFA() != nil
	if v.redraw && v.lines > 0 {
		fmt.Fprintf(v.out, "\x1b[%dA", v.lines)
	}
	v.lines = 0
	for _, step := range job.Steps {
		mark, known := marks[step.Status]
		if !known {
			mark = "?"
		}
		switch changed := v.shown[step.Title] != step.Status; {
		case v.redraw:
			fmt.Fprintf(v.out, "\x1b[2K  %s %-22s %s\n", mark, step.Title, step.Status)
			v.lines++
		case changed && step.Status != basiq.JobStepStatusPending:
			fmt.Fprintf(v.out, "  %5.1f s  %s %-22s %s\n", elapsed, mark, step.Title, step.Status)
		}
		v.shown[step.Title] = step.Status
	}
	if mfa {
		v.lines = 0 // the questions are printed below the steps, so do not redraw
	}
	if failure, ok := errors.AsType[*basiq.JobError](job.Err()); ok {
		fmt.Fprintf(v.out, "  %s\n", failure.Detail)
	}
}

// isTerminal reports whether out is a terminal that supports cursor movement.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || os.Getenv("TERM") == "" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// describe prints a connection as a table.
func describe(out io.Writer, c *basiq.Connection) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "  %s\t%s\n", name, value)
		}
	}
	row("id", c.ID)
	row("institution", c.Institution.ID)
	row("method", string(c.Method))
	row("status", string(c.Status))
	row("created", moment(c.CreatedDate))
	row("last used", moment(c.LastUsed))
	row("consent until", moment(c.ExpiryDate))
	if c.MFAEnabled != nil {
		row("second factor", map[bool]string{true: "yes", false: "no"}[*c.MFAEnabled])
	}
	if p := c.Profile; p != nil {
		row("name", p.FullName)
		row("email", strings.Join(p.EmailAddresses, ", "))
		row("phone", strings.Join(p.PhoneNumbers, ", "))
		for _, address := range p.PhysicalAddresses {
			row("address", address.FormattedAddress)
		}
	}
	_ = table.Flush()
	if c.Accounts == nil || len(c.Accounts.Data) == 0 {
		return
	}
	fmt.Fprintln(out)
	fmt.Fprintf(table, "  account\tkind\tnumber\t%14s\t%14s\n", "balance", "available")
	for _, account := range c.Accounts.Data {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%14s\t%14s\t%s\n", basiq.AccountName(&account), account.Class.Type, account.AccountNo,
			account.Balance, account.AvailableFunds, account.Currency)
	}
	_ = table.Flush()
}

// moment formats a time, or returns "" if it is unknown.
func moment(t basiq.Time) string {
	when, known := t.Time()
	if !known {
		return ""
	}
	return when.UTC().Format("2 January 2006, 15:04:05 UTC")
}

// counter is a middleware that counts requests.
type counter struct{ calls, retries, tokens atomic.Int64 }

func (c *counter) middleware(next basiq.Doer) basiq.Doer {
	return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
		switch call, _ := basiq.CallFromContext(req.Context()); {
		case call.Attempt > 1:
			c.retries.Add(1)
		case call.Operation.ID == "postToken":
			c.tokens.Add(1)
		default:
			c.calls.Add(1)
		}
		return next.Do(req)
	})
}

// String returns a summary of the counts.
func (c *counter) String() string {
	return fmt.Sprintf("Calls: %d, retries: %d, token requests: %d", c.calls.Load(), c.retries.Load(), c.tokens.Load())
}
