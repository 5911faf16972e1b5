package basiqtest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// watch observes a soak at both ends. As middleware of the client, it numbers each attempt of each call. As the logger
// of the sandbox, it records the outcome of the request with that number. The number is sent as a query parameter that
// the API ignores.
type watch struct {
	mu    sync.Mutex
	calls []*watchedCall
	// byURL maps the URL value of a request to its call. All attempts of a call share the URL value.
	byURL     map[*url.URL]*watchedCall
	requests  map[string][]request // by number
	unwatched int
	// realTime is set if the machine determines how long calls take.
	realTime bool
	// problems lists problems found during the run.
	problems []string
}

const number = "soak"

// A watchedCall is a call of an operation.
type watchedCall struct {
	// followed is set if its step made another call after it.
	followed   bool
	id         int
	operation  basiq.Operation
	attempts   int
	err        error // result for the caller
	expected   bool  // err is an expected error
	unreported bool  // the outcome was not reported to any caller
}

// A request holds what the sandbox logged about a request.
type request struct {
	status int
	faults []string
}

type stepKey struct{}

// A soakStep is a call of a client method, which may call several operations.
type soakStep struct{ calls []*watchedCall }

func newWatch() *watch {
	return &watch{byURL: map[*url.URL]*watchedCall{}, requests: map[string][]request{}}
}

// observe is the middleware.
func (w *watch) observe(next basiq.Doer) basiq.Doer {
	return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
		ctx := req.Context()
		clone := req.Clone(ctx)
		clone.URL.RawQuery = strings.TrimPrefix(clone.URL.RawQuery+"&"+number+"="+w.attempt(ctx, req.URL), "&")
		return next.Do(clone)
	})
}

// attempt records an attempt and returns its number. All attempts of a call have the same URL value.
func (w *watch) attempt(ctx context.Context, u *url.URL) string {
	call, _ := basiq.CallFromContext(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.byURL[u]
	if c == nil {
		c = &watchedCall{id: len(w.calls), operation: call.Operation}
		w.calls = append(w.calls, c)
		w.byURL[u] = c
		if step, ok := ctx.Value(stepKey{}).(*soakStep); ok {
			for _, earlier := range step.calls {
				earlier.followed = true
			}
			step.calls = append(step.calls, c)
		}
	}
	c.attempts++
	if c.attempts != call.Attempt {
		w.problems = append(w.problems, fmt.Sprintf("%s: attempt %d has the number %d", call.Operation.ID, c.attempts, call.Attempt))
	}
	return c.number(c.attempts)
}

func (c *watchedCall) number(attempt int) string {
	return strconv.Itoa(c.id) + "." + strconv.Itoa(attempt)
}

// soFar returns the number of calls so far.
func (w *watch) soFar() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.calls)
}

// do runs a step and records the outcome of its calls. If the step fails, the error names the failed operation. An
// error in allowed counts as success.
func (w *watch) do(ctx context.Context, name string, call func(ctx context.Context) error, allowed ...error) error {
	step := new(soakStep)
	err := call(context.WithValue(ctx, stepKey{}, step))
	expected := slices.ContainsFunc(allowed, func(target error) bool { return errors.Is(err, target) })
	w.mu.Lock()
	defer w.mu.Unlock()
	waitTimeout := errors.Is(err, basiq.ErrWaitTimeout)
	failed := -1 // the timeout of a wait is not the failure of a call, even if the error contains that of the last poll
	if !waitTimeout {
		failed = slices.IndexFunc(step.calls, func(c *watchedCall) bool { return c.operation.Name == failedOperation(err) })
	}
	for _, c := range slices.Backward(step.calls) { // last call of that operation
		if failed >= 0 && c.operation.Name == step.calls[failed].operation.Name {
			c.err, c.expected = err, expected
			break
		}
		// After a failed MFA answer, the client polls the job and returns the error of the answer.
		c.unreported = failed >= 0
	}
	if waitTimeout && len(step.calls) > 0 {
		step.calls[len(step.calls)-1].unreported = true // the wait may have ended during this call
	}
	switch {
	case failed >= 0:
	case waitTimeout && w.realTime: // the machine is slow
	case errors.Is(err, basiq.ErrListChanged): // a job of another step refreshed the data
	case err != nil && !expected && !lostAnswer(step, err):
		w.problems = append(w.problems, fmt.Sprintf("%s: %v", name, err))
	}
	return err
}

// lostAnswer reports whether a job failed or did not end in a step that answered an MFA challenge. A fault may have
// lost the MFA answer.
func lostAnswer(step *soakStep, err error) bool {
	_, failed := errors.AsType[*basiq.JobError](err)
	return (failed || errors.Is(err, basiq.ErrWaitTimeout)) && slices.ContainsFunc(step.calls, func(c *watchedCall) bool { return c.operation.ID == "postJobMfa" })
}

// waited reports whether the call was part of a wait that continued after it: a poll or an MFA answer. The failure of
// such a call does not fail the wait.
func (c *watchedCall) waited() bool {
	return c.followed && c.err == nil && (c.operation.ID == "getJobs" || c.operation.ID == "postJobMfa")
}

// failedOperation returns the operation of the failed call, or "".
func failedOperation(err error) string {
	if lost, ok := errors.AsType[*basiq.TransportError](err); ok { // may wrap the error of a token request
		return lost.Operation
	}
	if answer, ok := errors.AsType[*basiq.Error](err); ok {
		return answer.Operation
	}
	return ""
}

// addProblem records a problem.
func (w *watch) addProblem(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// Enabled, Handle, WithAttrs and WithGroup implement slog.Handler.
func (*watch) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle records a request.
func (w *watch) Handle(_ context.Context, record slog.Record) error {
	if record.Message != "request" {
		return nil
	}
	var r request
	var key string
	record.Attrs(func(attr slog.Attr) bool {
		switch attr.Key {
		case "status":
			r.status = int(attr.Value.Int64())
		case "fault":
			r.faults = strings.Split(attr.Value.String(), ", ")
		case "query":
			for pair := range strings.SplitSeq(attr.Value.String(), "&") {
				if value, ok := strings.CutPrefix(pair, number+"="); ok {
					key = value
				}
			}
		}
		return true
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if key == "" {
		w.unwatched++
	} else {
		w.requests[key] = append(w.requests[key], r)
	}
	return nil
}

// WithAttrs returns w, because the sandbox adds no attributes.
func (w *watch) WithAttrs([]slog.Attr) slog.Handler { return w }

// WithGroup returns w, because the sandbox uses no groups.
func (w *watch) WithGroup(string) slog.Handler { return w }

// has reports whether a fault with one of these prefixes was applied.
func (r request) has(names ...string) bool {
	return slices.ContainsFunc(r.faults, func(fault string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(fault, name) })
	})
}

// hadFault reports whether a fault was applied that may make the attempt fail.
func (r request) hadFault() bool {
	return r.has("4", "5", "hang", "reset", "truncate", "slow-body") || r.status == 0 && r.has("latency")
}

// tokenRejected reports whether the token was rejected.
func (r request) tokenRejected() bool {
	return r.status == http.StatusUnauthorized || r.status == http.StatusForbidden
}

// mayBeExecuted reports whether the sandbox may have executed the request. Without a response, it is unknown.
func (r request) mayBeExecuted() bool {
	return (r.status == 0 || r.status/100 == 2) && !r.has("hang", "reset-before")
}

// A verdict is the outcome of all calls.
type verdict struct {
	problems            []string
	realTime            bool // of the watch
	requests, faulted   int
	retries, duplicates int
	tokens              int
	userTokens          int            // upper bound
	tokenFailures       map[string]int // failed token requests by reason
	calls               map[string]int // by operation
	idempotent, others  map[string]int // by outcome
	attempts            [5]int         // of successful calls
}

// maxAttempts is the maximum number of attempts of the client.
const maxAttempts = 4

// budgetSpent is the outcome of a call that was not retried because the retry budget was spent.
const budgetSpent = "failed: the budget for retries is spent"

// notIdempotent lists the operations that must not be executed twice for one call. It is independent of the client's
// own table, so that the test does not compare the table with itself.
var notIdempotent = []string{
	"createUser", "updateUser", "postAuthLink", "deleteAuthLink", "postConnection", "updateConnection", "purgeConnectionData",
	"postJobMfa", "createStatement", "postAffordability", "postIncome", "postExpenses", "createReport", "addWebhook",
	"updateWebhook", "testMessage",
}

func (c *watchedCall) once() bool { return slices.Contains(notIdempotent, c.operation.ID) }

// judgeAll judges all calls. The sandbox must be closed.
func (w *watch) judgeAll() *verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := &verdict{
		calls: map[string]int{}, idempotent: map[string]int{}, others: map[string]int{}, tokenFailures: map[string]int{}, problems: w.problems,
		realTime: w.realTime,
	}
	for _, c := range w.calls {
		var all []request
		attempts := make([][]request, c.attempts)
		for i := range attempts {
			attempts[i] = w.requests[c.number(i+1)]
			all = append(all, attempts[i]...)
		}
		for _, r := range all {
			v.requests++
			if c.operation.ID == "postJobMfa" && r.tokenRejected() {
				v.userTokens++
			}
			if len(r.faults) > 0 && !r.has("revoke", "expire") {
				v.faulted++
			}
		}
		v.retries += c.attempts - 1
		v.calls[c.operation.ID]++
		if c.operation.ID == "postToken" {
			v.judgeToken(c, attempts)
			continue
		}
		if c.operation.ID == "postJobMfa" {
			v.userTokens++
		}
		outcome, problem := judge(c, attempts)
		if c.waited() {
			outcome, problem = "failed, and the wait continued", ""
		}
		if c.once() {
			v.others[outcome]++
			if p := judgeOnce(c, all); p != "" {
				v.duplicates++
				problem = p
			}
		} else {
			v.idempotent[outcome]++
		}
		if problem != "" {
			v.problems = append(v.problems, fmt.Sprintf("%s: %s: %v; the sandbox saw %v", c.operation.ID, problem, c.err, attempts))
		}
		if c.err == nil {
			v.attempts[min(c.attempts, len(v.attempts)-1)]++
		}
	}
	return v
}

// judgeToken judges a token request. It is not tied to the context of a caller, so its outcome is the outcome of its
// last attempt.
func (v *verdict) judgeToken(c *watchedCall, attempts [][]request) {
	last := attempts[len(attempts)-1]
	if len(last) == 0 {
		v.problems = append(v.problems, "a token request did not arrive")
		return
	}
	decisive := last[len(last)-1]
	if decisive.status == http.StatusOK && !decisive.has("garbage", "truncate") {
		v.tokens++
		return
	}
	switch {
	case decisive.has("garbage") && decisive.status != 0:
		v.tokenFailures["the answer is garbage"]++
	case decisive.status == http.StatusBadRequest && v.realTime: // a token for a user that was deleted after a wait timed out
		v.tokenFailures["the user no longer exists"]++
	case c.attempts == maxAttempts:
		v.tokenFailures["all attempts had faults"]++
	case decisive.hadFault():
		v.tokenFailures[budgetSpent]++
	default:
		v.problems = append(v.problems, fmt.Sprintf("token request abandoned: the sandbox saw %v", attempts))
	}
}

// judge returns the outcome of a call in a few words, and a problem if there is one.
//
// A call without faults must succeed. A call with a fault is retried if its operation is safe to retry. It may fail
// only if all attempts met a fault or the retry budget was spent. There are three exceptions. First, a complete but
// invalid response is not retried, because the request took effect. Second, no token may be available after all
// attempts to get one. Third, a token may be rejected with a garbled response, or the replacement token may be
// invalidated by the next wave before it is used, because each attempt replaces the token only once.
func judge(c *watchedCall, attempts [][]request) (outcome, problem string) {
	for i, sent := range attempts[:len(attempts)-1] {
		if len(sent) == 0 {
			return "failed", fmt.Sprintf("attempt %d did not arrive", i+1)
		}
		switch r := sent[len(sent)-1]; {
		case r.status == http.StatusTooManyRequests:
		case !r.hadFault():
			return "failed", fmt.Sprintf("retried after attempt %d, which had no fault", i+1)
		case c.once():
			return "failed", fmt.Sprintf("retried after attempt %d, which may have been executed", i+1)
		}
	}
	if c.unreported {
		return "unheard", ""
	}
	last := attempts[len(attempts)-1]
	if c.err == nil || c.expected {
		switch {
		case len(last) == 0:
			return "failed", "success without a request"
		case c.expected && last[len(last)-1].status/100 != 4:
			return "failed", "an expected error not returned by the sandbox"
		case c.err == nil && last[len(last)-1].status/100 != 2 &&
			(c.operation.Method != http.MethodDelete || len(attempts) == 1 ||
				last[len(last)-1].status != http.StatusNotFound && last[len(last)-1].status != http.StatusGone):
			return "failed", "a success not returned by the sandbox"
		}
		return "succeeded", ""
	}

	if failed, ok := tokenFailure(c); ok {
		if len(last) > 0 && !last[len(last)-1].tokenRejected() {
			return failed, "it has a token"
		}
		return failed, ""
	}
	if len(last) == 0 {
		return "failed", "the last attempt did not arrive"
	}
	decisive := last[len(last)-1]
	answer, _ := errors.AsType[*basiq.Error](c.err)
	switch {
	case decisive.has("garbage", "truncate") && decisive.tokenRejected():
		return "failed: garbled token rejection", ""
	case len(last) > 1 && decisive.tokenRejected() && twoWaves(last):
		return "failed: two tokens rejected", ""
	case decisive.has("garbage") && decisive.status != 0:
		if answer == nil || answer.StatusCode != decisive.status {
			return "failed", "missing status"
		}
		return "failed: invalid response body", ""
	case !decisive.hadFault():
		return "failed", "the last attempt had no fault"
	case len(attempts) == maxAttempts:
		return "failed: all attempts had faults", ""
	case c.once() && decisive.status != http.StatusTooManyRequests:
		return "failed: not safe to retry", ""
	default:
		return budgetSpent, ""
	}
}

// twoWaves reports whether an attempt was rejected once for a revoked and once for an expired token. Waves alternate,
// so these were two different tokens. A client that reused a rejected token would be rejected twice for the same
// reason.
func twoWaves(sent []request) bool {
	revoked := slices.ContainsFunc(sent, func(r request) bool { return r.status == http.StatusUnauthorized })
	expired := slices.ContainsFunc(sent, func(r request) bool { return r.status == http.StatusForbidden })
	return revoked && expired
}

// tokenFailure reports whether a call failed because it could not get a token.
func tokenFailure(c *watchedCall) (outcome string, ok bool) {
	lost, ok := errors.AsType[*basiq.TransportError](c.err)
	if !ok {
		return "", false
	}
	if answer, ok := errors.AsType[*basiq.Error](lost.Err); ok && answer.Operation == "Tokens.Create" {
		return "failed: no token", true
	}
	if again, ok := errors.AsType[*basiq.TransportError](lost.Err); ok && again.Operation == "Tokens.Create" {
		return "failed: no token", true
	}
	return "", false
}

// judgeOnce checks that the sandbox executed a call at most once.
func judgeOnce(c *watchedCall, requests []request) (problem string) {
	done := 0
	for _, r := range requests {
		if r.mayBeExecuted() {
			done++
		}
	}
	switch {
	case done > 1:
		return fmt.Sprintf("executed %d times", done)
	case c.err == nil && done != 1 && !c.waited() && !c.unreported:
		return "it succeeded without being carried out"
	case c.err != nil && done == 1 && !basiq.MayHaveSucceeded(c.err):
		return "it was carried out, and the error denies it"
	}
	return ""
}
