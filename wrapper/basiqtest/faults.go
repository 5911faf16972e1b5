package basiqtest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Fault is an error or delay that the sandbox can produce. Create one with [Fail], [Latency] or a similar function,
// and add it to a sandbox with [Sandbox.Inject] or the option [WithFault]. Those report invalid arguments.
type Fault struct {
	kind    faultKind
	text    string // in the syntax of ParseFault
	err     error  // error in the arguments
	failure *failure
	wait    time.Duration // latency, or the value of Retry-After
	asDate  bool          // send Retry-After as a date
	rate    int           // bytes per second
}

type faultKind uint8

const (
	noFault faultKind = iota
	faultFail
	faultTooMany
	faultBadGateway
	faultLatency
	faultHang
	faultResetBefore
	faultResetAfter
	faultTruncate
	faultSlowBody
	faultGarbage
	faultRevokeToken
	faultRevokeAll
	faultExpireToken
	faultExpireAll
	faultEndlessJob
)

// String returns the fault in the syntax of [ParseFault], such as "latency=2s".
func (f Fault) String() string { return f.text }

// Fail responds with a documented error and does not execute the request. The texts are the error's code, title and
// detail. Without texts, it uses the documented ones for the status. If only a code is given, the title is the name of
// the status. The status must be in the range 400 to 599.
func Fail(status int, texts ...string) Fault {
	f := Fault{kind: faultFail, text: strconv.Itoa(status), failure: defaultFailure(status)}
	if len(texts) > 0 {
		f.text += "=" + texts[0]
		f.failure = &failure{status: status, code: texts[0], title: cmp.Or(http.StatusText(status), texts[0])}
	}
	if len(texts) > 1 {
		f.failure.title = texts[1]
	}
	if len(texts) > 2 {
		f.failure.detail = texts[2]
	}
	switch {
	case status < 400 || status > 599:
		f.err = fmt.Errorf("status %d out of range [400, 599]", status)
	case len(texts) > 3:
		f.err = fmt.Errorf("Fail(%d): %d texts, want at most 3 (code, title, detail)", status, len(texts))
	case len(texts) > 0 && texts[0] == "":
		f.err = fmt.Errorf("Fail(%d): empty code", status)
	}
	return f
}

// defaultFailure returns the documented error for a status, or the most common one if there are several.
func defaultFailure(status int) *failure {
	switch status {
	case http.StatusBadRequest:
		return notValid("", nil)
	case http.StatusUnauthorized:
		return invalidToken()
	case http.StatusForbidden:
		return forbiddenAccess()
	case http.StatusNotFound:
		return resourceNotFound()
	case http.StatusMethodNotAllowed:
		return methodNotAllowed()
	case http.StatusConflict:
		return &failure{status: status, code: "resource-already-exists", title: "Resource already exists"}
	case http.StatusGone:
		return &failure{status: status, code: "resource-no-longer-available", title: "Resource no longer available"}
	case http.StatusRequestEntityTooLarge:
		return requestTooLong()
	case http.StatusUnsupportedMediaType:
		return unsupportedContentType()
	case http.StatusTooManyRequests:
		return tooManyRequests(limitReached)
	case http.StatusInternalServerError:
		return &failure{
			status: status, code: "internal-server-error", title: "Internal server error",
			detail: "Internal server error. Please contact support.",
		}
	case http.StatusServiceUnavailable:
		return &failure{
			status: status, code: "service-unavailable", title: "Service unavailable",
			detail: "Service is currently unavailable. Please try again later.",
		}
	}
	// Not documented: derive code and title from the name of the status.
	title := cmp.Or(http.StatusText(status), "Unknown error")
	return &failure{status: status, code: strings.ReplaceAll(strings.ToLower(title), " ", "-"), title: title}
}

// TooManyRequests responds with 429 too-many-requests and a Retry-After header in seconds, rounded up. Basiq does not
// document Retry-After. For a 429 response without it, use [Fail].
func TooManyRequests(after time.Duration) Fault {
	return Fault{
		kind: faultTooMany, text: "429-after=" + after.String(), failure: tooManyRequests(limitReached), wait: after,
		err: checkDuration(after, 0),
	}
}

// TooManyRequestsDate is like [TooManyRequests], but sends Retry-After as a date.
func TooManyRequestsDate(after time.Duration) Fault {
	f := TooManyRequests(after)
	f.text, f.asDate = "429-date="+after.String(), true
	return f
}

// BadGateway responds with 502 and an HTML page, like a proxy in front of the API. It does not execute the request.
func BadGateway() Fault { return Fault{kind: faultBadGateway, text: "502-html"} }

// Latency delays the response. The request is executed on arrival, so it takes effect even if the caller does not wait
// for the response. Latency can be combined with any other fault, including other latency.
func Latency(d time.Duration) Fault {
	return Fault{kind: faultLatency, text: "latency=" + d.String(), wait: d, err: checkDuration(d, 1)}
}

// Hang never responds and does not execute the request. It ends when the caller closes the connection or the sandbox is
// closed. To execute the request but never respond, use a long [Latency].
func Hang() Fault { return Fault{kind: faultHang, text: "hang"} }

// ResetBefore resets the connection without executing the request. HTTP clients such as net/http retry a GET once for
// each reused connection that was reset, so a reset with [Times](1) may not be visible to the caller.
func ResetBefore() Fault { return Fault{kind: faultResetBefore, text: "reset-before"} }

// ResetAfter executes the request and resets the connection instead of responding. The note about GET at [ResetBefore]
// also applies here.
func ResetAfter() Fault { return Fault{kind: faultResetAfter, text: "reset-after"} }

// Truncate executes the request and sends half of the body with the Content-Length of the full body. Responses without
// a body are not changed.
func Truncate() Fault { return Fault{kind: faultTruncate, text: "truncate"} }

// SlowBody executes the request and sends the header immediately, but the body at a limited rate.
func SlowBody(bytesPerSecond int) Fault {
	f := Fault{kind: faultSlowBody, text: "slow-body=" + strconv.Itoa(bytesPerSecond), rate: bytesPerSecond}
	if bytesPerSecond < 1 {
		f.err = fmt.Errorf("rate %d is not positive", bytesPerSecond)
	}
	return f
}

// Garbage executes the request and responds with the normal status and a body that is invalid JSON. Responses without a
// body are not changed.
func Garbage() Fault { return Fault{kind: faultGarbage, text: "garbage"} }

// RevokeToken revokes the token of the request before it is processed. This request and all later ones with the token
// fail with 401. Operations without a token are not affected and not counted.
func RevokeToken() Fault { return Fault{kind: faultRevokeToken, text: "revoke-token"} }

// RevokeAllTokens is like [RevokeToken], but revokes all tokens issued so far.
func RevokeAllTokens() Fault { return Fault{kind: faultRevokeAll, text: "revoke-all-tokens"} }

// ExpireToken expires the token of the request before it is processed. This request and all later ones with the token
// fail with 403 "Token has expired". Operations without a token are not affected and not counted.
func ExpireToken() Fault { return Fault{kind: faultExpireToken, text: "expire-token"} }

// ExpireAllTokens is like [ExpireToken], but expires all tokens issued so far.
func ExpireAllTokens() Fault { return Fault{kind: faultExpireAll, text: "expire-all-tokens"} }

// EndlessJob keeps new jobs in their first step permanently. It does not change the response of the request that starts
// the job. Its conditions count jobs, not requests.
func EndlessJob() Fault { return Fault{kind: faultEndlessJob, text: "endless-job"} }

func checkDuration(d, least time.Duration) error {
	switch {
	case d >= least:
		return nil
	case least == 0:
		return fmt.Errorf("duration %v is negative", d)
	default:
		return fmt.Errorf("duration %v is not positive", d)
	}
}

// jobOperations lists the operations that start jobs.
var jobOperations = []string{
	"postConnection", "refreshConnections", "updateConnection", "refreshConnection", "createStatement", "createReport",
}

// appliesTo reports whether the fault can occur in an operation.
func (f Fault) appliesTo(r *route) bool {
	switch f.kind {
	case faultRevokeToken, faultRevokeAll, faultExpireToken, faultExpireAll:
		return r.scopes != 0
	case faultEndlessJob:
		return slices.Contains(jobOperations, r.operation)
	default:
		return true
	}
}

// A Condition limits which requests a fault applies to. Without conditions it applies to all. Conditions can be
// combined in any order. They are evaluated as follows: [Operations] selects operations, [Skip] skips the first
// requests, [Every] selects every k-th of the rest, [Probability] selects at random, and [Times] limits the total.
type Condition func(*faultConditions) error

// faultConditions holds the conditions of an injection. Zero values mean no condition.
type faultConditions struct {
	operations         []string
	skip, every, times int
	probability        float64
}

// Operations limits a fault to the given operations, by operationId. It is an error if an operation does not exist or
// the fault cannot occur in it.
func Operations(operations ...string) Condition {
	return func(a *faultConditions) error {
		if len(operations) == 0 {
			return errors.New("Operations: no operations")
		}
		a.operations = append(a.operations, operations...)
		return nil
	}
}

// Times applies a fault n times in total.
func Times(n int) Condition {
	return func(c *faultConditions) error { return setCount(&c.times, "Times", n) }
}

// Every applies a fault to every k-th request. For example, Every(3) selects the third, the sixth and so on.
func Every(k int) Condition {
	return func(c *faultConditions) error { return setCount(&c.every, "Every", k) }
}

// Skip skips the first n requests.
func Skip(n int) Condition {
	return func(c *faultConditions) error { return setCount(&c.skip, "Skip", n) }
}

func setCount(field *int, name string, n int) error {
	switch {
	case n < 1:
		return fmt.Errorf("%s(%d): must be at least 1", name, n)
	case *field != 0:
		return fmt.Errorf("duplicate condition %s", name)
	}
	*field = n
	return nil
}

// Probability applies a fault with the given probability, which must be greater than 0 and at most 1. Random decisions
// are derived from [WithSeed].
func Probability(probability float64) Condition {
	return func(a *faultConditions) error {
		switch {
		case !(probability > 0 && probability <= 1):
			return fmt.Errorf("probability %v out of range (0, 1]", probability)
		case a.probability != 0:
			return errors.New("duplicate condition Probability")
		}
		a.probability = probability
		return nil
	}
}

// An Injection is a fault that was added to a sandbox. Its methods are safe for concurrent use.
type Injection struct {
	sandbox    *Sandbox
	fault      Fault
	conditions faultConditions

	// Guarded by the sandbox's mutex.
	seen    int
	applied int
}

// Inject adds a fault to the sandbox. It applies to requests received from now on that meet all conditions:
//
//	sandbox.Inject(basiqtest.Fail(503), basiqtest.Operations("getJobs"), basiqtest.Times(2))
//
// If several faults match a request, the one injected first applies. The others do not count the request. Latency is an
// exception: it is added to other faults. Faults apply only to operations, not to unknown paths or the consent page.
//
// If the fault or a condition is invalid, Inject fails the test that created the sandbox with [New]. For a sandbox
// created with [Start], it panics.
func (s *Sandbox) Inject(fault Fault, conditions ...Condition) *Injection {
	injection, err := newInjection(fault, conditions)
	if err != nil {
		if s.tb != nil {
			s.tb.Helper()
		}
		s.fatalf("Inject", err)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.registerInjection(injection)
	return injection
}

// fatalf fails the test that the sandbox belongs to, or panics if there is none.
func (s *Sandbox) fatalf(method string, err error) {
	if s.tb == nil {
		panic("basiqtest: " + method + ": " + err.Error())
	}
	s.tb.Helper()
	s.tb.Fatalf("basiqtest: %s: %v", method, err)
}

// WithFault adds a fault when the sandbox is created. See [Sandbox.Inject].
func WithFault(fault Fault, conditions ...Condition) Option {
	return func(c *config) error {
		injection, err := newInjection(fault, conditions) // one per sandbox, because options can be reused
		if err != nil {
			return err
		}
		c.injections = append(c.injections, injection)
		return nil
	}
}

// Remove removes the fault from the sandbox. Requests that it already applied to are not affected.
func (i *Injection) Remove() {
	i.sandbox.mu.Lock()
	defer i.sandbox.mu.Unlock()
	i.sandbox.injections = slices.DeleteFunc(i.sandbox.injections, func(other *Injection) bool { return other == i })
}

// Count returns how many times the fault was applied.
func (i *Injection) Count() int {
	i.sandbox.mu.Lock()
	defer i.sandbox.mu.Unlock()
	return i.applied
}

func newInjection(fault Fault, conditions []Condition) (*Injection, error) {
	i := &Injection{fault: fault}
	if fault.kind == noFault {
		return nil, errors.New("empty fault")
	}
	if fault.err != nil {
		return nil, fmt.Errorf("fault %v: %w", fault, fault.err)
	}
	for _, condition := range conditions {
		if condition == nil {
			return nil, fmt.Errorf("fault %v: nil condition", fault)
		}
		if err := condition(&i.conditions); err != nil {
			return nil, fmt.Errorf("fault %v: %w", fault, err)
		}
	}
	for _, operation := range i.conditions.operations {
		r, err := findOperation(operation)
		if err != nil {
			return nil, fmt.Errorf("fault %v: %w", fault, err)
		}
		if !fault.appliesTo(r) {
			return nil, fmt.Errorf("fault %v: not applicable to %s, which %s", fault, operation, fault.unsupportedReason())
		}
	}
	return i, nil
}

// unsupportedReason explains why the fault does not apply to an operation.
func (f Fault) unsupportedReason() string {
	if f.kind == faultEndlessJob {
		return "does not start jobs; operations that do: " + strings.Join(jobOperations, ", ")
	}
	return "requires no token"
}

// findOperation returns the route of an operation. If there is none, the error suggests similar names.
func findOperation(name string) (*route, error) {
	var names []string
	for _, r := range routes() {
		if r.operation == name {
			return &r, nil
		}
		names = append(names, r.operation)
	}
	return nil, fmt.Errorf("unknown operation %q%s", name, didYouMean(name, names,
		"; must be an operationId of openapi.yaml, such as getJobs"))
}

// didYouMean suggests known names that are similar to name. The text otherwise is the result if no known name is similar.
func didYouMean(name string, known []string, otherwise string) string {
	near := map[string]int{}
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d <= max(2, len(k)/3) {
			near[k] = d
		}
	}
	names := slices.DeleteFunc(slices.Clone(known), func(k string) bool { _, ok := near[k]; return !ok })
	if len(names) == 0 {
		return otherwise
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(near[a], near[b]) })
	return ": did you mean " + strings.Join(names[:min(3, len(names))], " or ") + "?"
}

// distance returns the Levenshtein distance of two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// registerInjection adds an injection. The sandbox must be locked, or not yet in use.
func (s *Sandbox) registerInjection(i *Injection) {
	i.sandbox = s
	s.injections = append(s.injections, i)
}

// applyFaults determines the faults of a call. The sandbox must be locked.
func (s *Sandbox) applyFaults(c *call) {
	if c.route.operation == "" {
		return
	}
	for _, i := range s.injections {
		late := i.fault.kind == faultLatency
		if i.fault.kind == faultEndlessJob || !late && c.fault.kind != noFault || !i.shouldApply(c.route) {
			continue
		}
		if late {
			c.latency += min(i.fault.wait, math.MaxInt64-c.latency)
		} else {
			c.fault = i.fault
		}
		c.recordFault(i.fault)
	}
	s.expireInjections()
}

// applyJobFaults reports whether a new job never ends. The sandbox must be locked.
func (s *Sandbox) applyJobFaults() bool {
	startedBy := &route{} // not started by an operation, for example on the consent page
	if s.currentCall != nil {
		startedBy = s.currentCall.route
	}
	for _, i := range s.injections {
		if i.fault.kind == faultEndlessJob && i.shouldApply(startedBy) {
			if s.currentCall != nil {
				s.currentCall.recordFault(i.fault)
			}
			s.expireInjections()
			return true
		}
	}
	return false
}

// shouldApply counts a request or job and reports whether the fault applies to it.
func (i *Injection) shouldApply(r *route) bool {
	a := &i.conditions
	if len(a.operations) > 0 && !slices.Contains(a.operations, r.operation) {
		return false
	}
	if i.fault.kind != faultEndlessJob && !i.fault.appliesTo(r) {
		return false
	}
	i.seen++
	if i.seen <= a.skip || a.every > 0 && (i.seen-a.skip)%a.every != 0 {
		return false
	}
	if a.probability > 0 && i.sandbox.random.Float64() >= a.probability {
		return false
	}
	i.applied++
	return true
}

// expireInjections removes the injections that have reached their limit.
func (s *Sandbox) expireInjections() {
	s.injections = slices.DeleteFunc(s.injections, func(i *Injection) bool { return i.conditions.times > 0 && i.applied >= i.conditions.times })
}
