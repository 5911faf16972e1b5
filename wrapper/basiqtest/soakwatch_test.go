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

// watch sees a soak from both ends: as a hook of the client it numbers each attempt of each call, and as the logger of the
// sandbox it learns what became of the requests with that number. The number travels as a parameter that the API does
// not have, which the sandbox passes over.
type watch struct {
	mu    sync.Mutex
	calls []*watchedCall
	// byURL finds the call of an attempt: the requests of its attempts share the URL value.
	byURL     map[*url.URL]*watchedCall
	requests  map[string][]request // by number
	unwatched int
	// wrong is what is wrong at once.
	wrong []string
}

const number = "soak"

// watchedCall is a call of an operation.
type watchedCall struct {
	// followed is set if its step made another call after it.
	followed  bool
	id        int
	operation basiq.Operation
	attempts  int
	err       error // what the caller got
	expected  bool  // err is what it had to be
	unheard   bool  // nobody was told what came of it
}

// request is what the sandbox tells of a request.
type request struct {
	status int
	faults []string
}

type stepKey struct{}

// soakStep is a call of a method, which may make several calls.
type soakStep struct{ calls []*watchedCall }

func newWatch() *watch {
	return &watch{byURL: map[*url.URL]*watchedCall{}, requests: map[string][]request{}}
}

// observe is the hook.
func (w *watch) observe(next basiq.Doer) basiq.Doer {
	return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
		ctx := req.Context()
		clone := req.Clone(ctx)
		clone.URL.RawQuery = strings.TrimPrefix(clone.URL.RawQuery+"&"+number+"="+w.attempt(ctx, req.URL), "&")
		return next.Do(clone)
	})
}

// attempt notes an attempt and returns its number. All attempts of a call have the same URL value.
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
		w.wrong = append(w.wrong, fmt.Sprintf("%s: attempt %d says that it is %d", call.Operation.ID, c.attempts, call.Attempt))
	}
	return c.number(c.attempts)
}

func (c *watchedCall) number(attempt int) string {
	return strconv.Itoa(c.id) + "." + strconv.Itoa(attempt)
}

// soFar is how many calls there were.
func (w *watch) soFar() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.calls)
}

// do makes a step and notes what came of its calls: one may have failed, which the error names. An error that is one of
// allowed is as good as success.
func (w *watch) do(ctx context.Context, name string, call func(ctx context.Context) error, allowed ...error) error {
	step := new(soakStep)
	err := call(context.WithValue(ctx, stepKey{}, step))
	expected := slices.ContainsFunc(allowed, func(target error) bool { return errors.Is(err, target) })
	w.mu.Lock()
	defer w.mu.Unlock()
	failed := slices.IndexFunc(step.calls, func(c *watchedCall) bool { return c.operation.Name == failedOperation(err) })
	for _, c := range slices.Backward(step.calls) { // the last of that operation
		if failed >= 0 && c.operation.Name == step.calls[failed].operation.Name {
			c.err, c.expected = err, expected
			break
		}
		// After an answer to a challenge has failed, the client looks at the job, and returns the answer's error.
		c.unheard = failed >= 0
	}
	if errors.Is(err, basiq.ErrWaitedTooLong) && failed < 0 && len(step.calls) > 0 {
		step.calls[len(step.calls)-1].unheard = true // the wait ended during this poll
	}
	switch {
	case failed >= 0:
	case errors.Is(err, basiq.ErrListChanged): // a job of another step refreshed the data
	case err != nil && !expected && !lostAnswer(step, err):
		w.wrong = append(w.wrong, fmt.Sprintf("%s: %v", name, err))
	}
	return err
}

// lostAnswer reports whether a job failed, or did not end, in a step that answered a challenge: a fault may have lost the
// answer.
func lostAnswer(step *soakStep, err error) bool {
	_, failed := errors.AsType[*basiq.JobError](err)
	return (failed || errors.Is(err, basiq.ErrWaitedTooLong)) && slices.ContainsFunc(step.calls, func(c *watchedCall) bool { return c.operation.ID == "postJobMfa" })
}

// waited reports whether a call was one of a wait that went on after it: a poll, or the answer to a challenge. Its failure
// is not the wait's.
func (c *watchedCall) waited() bool {
	return c.followed && c.err == nil && (c.operation.ID == "getJobs" || c.operation.ID == "postJobMfa")
}

// failedOperation is the name of the operation whose call failed, or "".
func failedOperation(err error) string {
	if lost, ok := errors.AsType[*basiq.TransportError](err); ok { // which may hold the answer to a call for a token
		return lost.Operation
	}
	if answer, ok := errors.AsType[*basiq.Error](err); ok {
		return answer.Operation
	}
	return ""
}

// complain notes something that must not be.
func (w *watch) complain(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// Enabled, Handle, WithAttrs and WithGroup make a watch a slog.Handler.
func (*watch) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle notes a request.
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

// WithAttrs returns w: the sandbox adds none.
func (w *watch) WithAttrs([]slog.Attr) slog.Handler { return w }

// WithGroup returns w: the sandbox has none.
func (w *watch) WithGroup(string) slog.Handler { return w }

// has reports whether a fault struck whose name begins so.
func (r request) has(names ...string) bool {
	return slices.ContainsFunc(r.faults, func(fault string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(fault, name) })
	})
}

// struck reports whether a fault struck that may make the attempt fail.
func (r request) struck() bool {
	return r.has("4", "5", "hang", "reset", "truncate", "slow-body") || r.status == 0 && r.has("latency")
}

// refused reports whether the token was no longer good.
func (r request) refused() bool {
	return r.status == http.StatusUnauthorized || r.status == http.StatusForbidden
}

// mayBeDone reports whether the sandbox has carried the call out, as far as can be told: where there was no answer, it may
// have refused the call.
func (r request) mayBeDone() bool {
	return (r.status == 0 || r.status/100 == 2) && !r.has("hang", "reset-before")
}

// verdict is what came of all calls.
type verdict struct {
	problems            []string
	requests, struck    int
	retries, duplicates int
	tokens              int
	userTokens          int            // that may have been asked for
	noTokens            map[string]int // failures to get one, by their reason
	calls               map[string]int // by operation
	repeatable, others  map[string]int // by what came of them
	attempts            [5]int         // of calls that succeeded
}

// The most attempts that the client makes.
const mostAttempts = 4

// budgetSpent is what came of a call that was not sent again though it could have been.
const budgetSpent = "failed: the budget for retries is spent"

// once are the operations that must not be carried out twice for one call. The client has a table of its own, which is not
// to judge itself.
var once = []string{
	"createUser", "updateUser", "postAuthLink", "deleteAuthLink", "postConnection", "updateConnection", "purgeConnectionData",
	"postJobMfa", "createStatement", "postAffordability", "postIncome", "postExpenses", "createReport", "addWebhook",
	"updateWebhook", "testMessage",
}

func (c *watchedCall) once() bool { return slices.Contains(once, c.operation.ID) }

// judgeAll judges all calls. The sandbox must be closed.
func (w *watch) judgeAll() *verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := &verdict{
		calls: map[string]int{}, repeatable: map[string]int{}, others: map[string]int{}, noTokens: map[string]int{}, problems: w.wrong,
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
			if c.operation.ID == "postJobMfa" && r.refused() {
				v.userTokens++
			}
			if len(r.faults) > 0 && !r.has("revoke", "expire") {
				v.struck++
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
			outcome, problem = "failed, and the wait went on", ""
		}
		if c.once() {
			v.others[outcome]++
			if p := judgeOnce(c, all); p != "" {
				v.duplicates++
				problem = p
			}
		} else {
			v.repeatable[outcome]++
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

// judgeToken judges a call for a token, which nobody's context waits for: what came of it shows in what came of its last
// attempt.
func (v *verdict) judgeToken(c *watchedCall, attempts [][]request) {
	last := attempts[len(attempts)-1]
	if len(last) == 0 {
		v.problems = append(v.problems, "an attempt at getting a token did not arrive")
		return
	}
	decisive := last[len(last)-1]
	if decisive.status == http.StatusOK && !decisive.has("garbage", "truncate") {
		v.tokens++
		return
	}
	switch {
	case decisive.has("garbage") && decisive.status != 0:
		v.noTokens["the answer is garbage"]++
	case c.attempts == mostAttempts:
		v.noTokens["all attempts struck"]++
	case decisive.struck():
		v.noTokens[budgetSpent]++
	default:
		v.problems = append(v.problems, fmt.Sprintf("a token was given up: the sandbox saw %v", attempts))
	}
}

// judge says what came of a call in a word or two, and what is wrong with that.
//
// A call that nothing strikes succeeds. One that is struck is sent again, as long as its operation may be: what is
// repeatable fails only when all its attempts were struck, or the budget for retries is spent. There are three ways to fail sooner. An answer that is whole and
// unusable, which is not asked for again: the caller is told that it was done. A token that could not be had, after all the
// attempts at that. And a token that is refused in words that a fault has garbled, or for which another came that the next
// wave met before it was used: each attempt replaces a token once.
func judge(c *watchedCall, attempts [][]request) (outcome, problem string) {
	for i, sent := range attempts[:len(attempts)-1] {
		if len(sent) == 0 {
			return "failed", fmt.Sprintf("attempt %d did not arrive", i+1)
		}
		switch r := sent[len(sent)-1]; {
		case r.status == http.StatusTooManyRequests:
		case !r.struck():
			return "failed", fmt.Sprintf("it was sent again after attempt %d, which nothing struck", i+1)
		case c.once():
			return "failed", fmt.Sprintf("it was sent again after attempt %d, which may have been carried out", i+1)
		}
	}
	if c.unheard {
		return "unheard", ""
	}
	last := attempts[len(attempts)-1]
	if c.err == nil || c.expected {
		switch {
		case len(last) == 0:
			return "failed", "success without a request"
		case c.expected && last[len(last)-1].status/100 != 4:
			return "failed", "an expected error that did not come from the sandbox"
		case c.err == nil && last[len(last)-1].status/100 != 2 &&
			(c.operation.Method != http.MethodDelete || len(attempts) == 1 ||
				last[len(last)-1].status != http.StatusNotFound && last[len(last)-1].status != http.StatusGone):
			return "failed", "success that did not come from the sandbox"
		}
		return "succeeded", ""
	}

	if failed, ok := tokenFailure(c); ok {
		if len(last) > 0 && !last[len(last)-1].refused() {
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
	case decisive.has("garbage", "truncate") && decisive.refused():
		return "failed: a garbled refusal of the token", ""
	case len(last) > 1 && decisive.refused() && twoWaves(last):
		return "failed: two tokens refused", ""
	case decisive.has("garbage") && decisive.status != 0:
		if answer == nil || answer.StatusCode != decisive.status {
			return "failed", "the status is lost"
		}
		return "failed: the answer is garbage", ""
	case !decisive.struck():
		return "failed", "nothing struck the last attempt"
	case len(attempts) == mostAttempts:
		return "failed: all attempts struck", ""
	case c.once() && decisive.status != http.StatusTooManyRequests:
		return "failed: not to be repeated", ""
	default:
		return budgetSpent, ""
	}
}

// twoWaves reports whether an attempt was refused once because its token was revoked, and once because it had expired. Since
// these come in turns, the tokens were two: who sends a refused token again is refused twice for the same reason.
func twoWaves(sent []request) bool {
	revoked := slices.ContainsFunc(sent, func(r request) bool { return r.status == http.StatusUnauthorized })
	expired := slices.ContainsFunc(sent, func(r request) bool { return r.status == http.StatusForbidden })
	return revoked && expired
}

// tokenFailure reports whether a call failed because there was no token for it.
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

// judgeOnce holds a call that must not be carried out twice to what the sandbox did.
func judgeOnce(c *watchedCall, requests []request) (problem string) {
	done := 0
	for _, r := range requests {
		if r.mayBeDone() {
			done++
		}
	}
	switch {
	case done > 1:
		return fmt.Sprintf("it was carried out %d times", done)
	case c.err == nil && done != 1 && !c.waited():
		return "it succeeded without being carried out"
	case c.err != nil && done == 1 && !basiq.MayHaveBeenDone(c.err):
		return "it was carried out, and the error denies it"
	}
	return ""
}
