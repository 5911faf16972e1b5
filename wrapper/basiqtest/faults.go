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

// Fault is something that goes wrong with a call. [Fail], [Latency] and their like make one, and [Sandbox.Inject] or the
// option [WithFault] puts it into a sandbox. What is wrong with the arguments of those functions is reported there.
type Fault struct {
	kind    faultKind
	text    string // as ParseFault reads it
	err     error  // what is wrong with it
	failure *failure
	wait    time.Duration // how late the answer comes, or how long the caller is told to wait
	asDate  bool          // tells that as a date
	rate    int           // bytes a second
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

// String returns the fault as [ParseFault] reads it, such as "latency=2s".
func (f Fault) String() string { return f.text }

// Fail answers with an error in the documented envelope, and does not carry the call out. The texts are the error's code,
// title and detail. Where they are left out, those stand in that the documents have for the status; a code alone has the
// name of the status for its title. A status that is not from 400 to 599 is an error.
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
		f.err = fmt.Errorf("%d is no status of an error: take one from 400 to 599", status)
	case len(texts) > 3:
		f.err = fmt.Errorf("Fail(%d) has %d texts: give the code, the title and the detail", status, len(texts))
	case len(texts) > 0 && texts[0] == "":
		f.err = fmt.Errorf("the code of Fail(%d) is empty: leave the texts out to get those of the documents", status)
	}
	return f
}

// defaultFailure is the error that the documents have for a status, or the most common of several.
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
	// Not documented: named after the status, in the way of the others.
	title := cmp.Or(http.StatusText(status), "Unknown error")
	return &failure{status: status, code: strings.ReplaceAll(strings.ToLower(title), " ", "-"), title: title}
}

// TooManyRequests answers with 429 too-many-requests and a Retry-After in seconds, rounded up. [Fail] with 429 is the same
// without Retry-After, which no document of Basiq's mentions.
func TooManyRequests(after time.Duration) Fault {
	return Fault{
		kind: faultTooMany, text: "429-after=" + after.String(), failure: tooManyRequests(limitReached), wait: after,
		err: checkDuration(after, 0),
	}
}

// TooManyRequestsDate is [TooManyRequests] whose Retry-After is a date, which is that long after the call.
func TooManyRequestsDate(after time.Duration) Fault {
	f := TooManyRequests(after)
	f.text, f.asDate = "429-date="+after.String(), true
	return f
}

// BadGateway answers with 502 and a page of HTML, as a proxy in front of the API does, and does not carry the call out.
func BadGateway() Fault { return Fault{kind: faultBadGateway, text: "502-html"} }

// Latency holds the answer back for a while. The call is carried out when it comes: who does not wait for the answer
// cannot undo it. Latency adds to every other fault, and to other latency.
func Latency(d time.Duration) Fault {
	return Fault{kind: faultLatency, text: "latency=" + d.String(), wait: d, err: checkDuration(d, 1)}
}

// Hang never answers, and does not carry the call out. It ends when the caller gives up or the sandbox is closed. For a
// call that is carried out and not answered take a long [Latency].
func Hang() Fault { return Fault{kind: faultHang, text: "hang"} }

// ResetBefore resets the connection and does not carry the call out. The client of net/http, like those of other languages,
// sends a GET again of its own accord when the connection had been used before, once for each such connection: a reset
// with [Next](1) may then go unnoticed.
func ResetBefore() Fault { return Fault{kind: faultResetBefore, text: "reset-before"} }

// ResetAfter carries the call out, and resets the connection in place of an answer. What [ResetBefore] says of GET holds
// here too.
func ResetAfter() Fault { return Fault{kind: faultResetAfter, text: "reset-after"} }

// Truncate carries the call out and sends half of the body, whose Content-Length is that of the whole. An answer with no
// body comes as it is.
func Truncate() Fault { return Fault{kind: faultTruncate, text: "truncate"} }

// SlowBody carries the call out and sends the header at once, but of the body no more than so many bytes a second.
func SlowBody(bytesPerSecond int) Fault {
	f := Fault{kind: faultSlowBody, text: "slow-body=" + strconv.Itoa(bytesPerSecond), rate: bytesPerSecond}
	if bytesPerSecond < 1 {
		f.err = fmt.Errorf("%d bytes a second are too few: take 1 or more, or Hang", bytesPerSecond)
	}
	return f
}

// Garbage carries the call out and sends its status with a body that says it is JSON and is not. An answer with no body
// comes as it is.
func Garbage() Fault { return Fault{kind: faultGarbage, text: "garbage"} }

// RevokeToken makes the sandbox forget the call's token before it looks at the call, which is then refused with 401, as
// are all later ones with that token. Calls of operations that take no token are left alone and not counted.
func RevokeToken() Fault { return Fault{kind: faultRevokeToken, text: "revoke-token"} }

// RevokeAllTokens is [RevokeToken] for all tokens handed out so far.
func RevokeAllTokens() Fault { return Fault{kind: faultRevokeAll, text: "revoke-all-tokens"} }

// ExpireToken makes the call's token expire before the call is looked at. The call is then refused with 403 "Token has
// expired", as are all later ones with that token. Calls of operations that take no token are left alone and not counted.
func ExpireToken() Fault { return Fault{kind: faultExpireToken, text: "expire-token"} }

// ExpireAllTokens is [ExpireToken] for all tokens handed out so far.
func ExpireAllTokens() Fault { return Fault{kind: faultExpireAll, text: "expire-all-tokens"} }

// EndlessJob keeps the jobs that begin in their first step, for ever. It changes nothing else of the calls that begin
// them, and its conditions count jobs, not calls.
func EndlessJob() Fault { return Fault{kind: faultEndlessJob, text: "endless-job"} }

func checkDuration(d, least time.Duration) error {
	switch {
	case d >= least:
		return nil
	case least == 0:
		return fmt.Errorf("the duration %v is negative", d)
	default:
		return fmt.Errorf("the duration %v is not positive", d)
	}
}

// jobOperations are the operations that begin jobs.
var jobOperations = []string{
	"postConnection", "refreshConnections", "updateConnection", "refreshConnection", "createStatement", "createReport",
}

// fits reports whether the fault can happen to calls of an operation.
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

// When says which calls a fault strikes. Without any it strikes them all. Several hold together, in any order: of the
// calls of the operations that [On] names, those that [After] lets pass are left out first, of the rest [Every] takes
// each k-th, [Chance] decides about each of these, and [Next] ends it all.
type When func(*faultConditions) error

// aim is what conditions say. A zero means that nothing is said.
type faultConditions struct {
	operations         []string
	after, every, next int
	chance             float64
}

// On limits a fault to the calls of operations, by their operationIds. A name that is none is an error, as is an operation
// that the fault cannot happen to.
func On(operations ...string) When {
	return func(a *faultConditions) error {
		if len(operations) == 0 {
			return errors.New("On names no operation: leave it out for all of them")
		}
		a.operations = append(a.operations, operations...)
		return nil
	}
}

// Next has a fault strike n times and then no more.
func Next(n int) When { return func(a *faultConditions) error { return setCount(&a.next, "Next", n) } }

// Every has a fault strike each k-th call: with 3 the third, the sixth, and so on.
func Every(k int) When {
	return func(a *faultConditions) error { return setCount(&a.every, "Every", k) }
}

// After lets n calls pass before a fault strikes.
func After(n int) When {
	return func(a *faultConditions) error { return setCount(&a.after, "After", n) }
}

func setCount(field *int, name string, n int) error {
	switch {
	case n < 1:
		return fmt.Errorf("%s(%d) makes no sense: take 1 or more", name, n)
	case *field != 0:
		return fmt.Errorf("%s is given twice", name)
	}
	*field = n
	return nil
}

// Chance has a fault strike with a probability, which is more than 0 and 1 at the most. The sandbox's [Seed] decides.
func Chance(probability float64) When {
	return func(a *faultConditions) error {
		switch {
		case !(probability > 0 && probability <= 1):
			return fmt.Errorf("the chance %v is no probability: take one over 0 and up to 1", probability)
		case a.chance != 0:
			return errors.New("Chance is given twice")
		}
		a.chance = probability
		return nil
	}
}

// Injection is a fault in a sandbox. All its methods are safe for concurrent use.
type Injection struct {
	sandbox    *Sandbox
	fault      Fault
	conditions faultConditions

	// Guarded by the sandbox's lock.
	seen    int
	applied int
}

// Inject has a fault strike the calls that come from now on, when all conditions hold:
//
//	sandbox.Inject(basiqtest.Fail(503), basiqtest.On("getJobs"), basiqtest.Next(2))
//
// Of several faults the one injected first strikes; those after it do not see the call, nor count it. Latency adds to the
// others, and strikes calls that they strike. Faults strike no calls of what is no operation, such as unknown paths and
// the consent page.
//
// A bad fault or condition ends the test that made the sandbox with [New]; with [Start] it panics.
func (s *Sandbox) Inject(fault Fault, when ...When) *Injection {
	injection, err := newInjection(fault, when)
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

// misused ends the test that the sandbox belongs to, or panics when there is none.
func (s *Sandbox) fatalf(method string, err error) {
	if s.tb == nil {
		panic("basiqtest: " + method + ": " + err.Error())
	}
	s.tb.Helper()
	s.tb.Fatalf("basiqtest: %s: %v", method, err)
}

// WithFault is [Sandbox.Inject] as an option, for faults from the first call on.
func WithFault(fault Fault, when ...When) Option {
	return func(c *config) error {
		injection, err := newInjection(fault, when) // here, since an option may be used for several sandboxes
		if err != nil {
			return err
		}
		c.injections = append(c.injections, injection)
		return nil
	}
}

// Remove takes the fault out of the sandbox. Calls that it has struck already suffer it to the end.
func (i *Injection) Remove() {
	i.sandbox.mu.Lock()
	defer i.sandbox.mu.Unlock()
	i.sandbox.injections = slices.DeleteFunc(i.sandbox.injections, func(other *Injection) bool { return other == i })
}

// Count returns how often the fault has struck.
func (i *Injection) Count() int {
	i.sandbox.mu.Lock()
	defer i.sandbox.mu.Unlock()
	return i.applied
}

func newInjection(fault Fault, when []When) (*Injection, error) {
	i := &Injection{fault: fault}
	if fault.kind == noFault {
		return nil, errors.New("the fault is empty: make one with Fail, Latency or their like")
	}
	if fault.err != nil {
		return nil, fmt.Errorf("fault %v: %w", fault, fault.err)
	}
	for _, condition := range when {
		if condition == nil {
			return nil, fmt.Errorf("fault %v: a condition is nil", fault)
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
			return nil, fmt.Errorf("fault %v: it cannot happen to %s, which %s", fault, operation, fault.unsupportedReason())
		}
	}
	return i, nil
}

// misfit says why a fault does not fit an operation.
func (f Fault) unsupportedReason() string {
	if f.kind == faultEndlessJob {
		return "begins no job; these do: " + strings.Join(jobOperations, ", ")
	}
	return "takes no token"
}

// findOperation returns the operation of that name. The error tells of names that are close.
func findOperation(name string) (*route, error) {
	var names []string
	for _, r := range routes() {
		if r.operation == name {
			return &r, nil
		}
		names = append(names, r.operation)
	}
	return nil, fmt.Errorf("operation %q is unknown%s", name, didYouMean(name, names,
		": take an operationId of openapi.yaml, such as getJobs"))
}

// didYouMean names what is spelt much like a name, or says otherwise.
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

// distance is in how many places two names differ, as Levenshtein counts it.
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

// arm puts an injection into the sandbox, which must be locked, or not in use yet.
func (s *Sandbox) registerInjection(i *Injection) {
	i.sandbox = s
	s.injections = append(s.injections, i)
}

// strike finds out what goes wrong with a call. The sandbox must be locked.
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

// strikeJob reports whether a job that begins never ends. The sandbox must be locked.
func (s *Sandbox) applyJobFaults() bool {
	begunBy := &route{} // the consent page, or what else is no operation
	if s.currentCall != nil {
		begunBy = s.currentCall.route
	}
	for _, i := range s.injections {
		if i.fault.kind == faultEndlessJob && i.shouldApply(begunBy) {
			if s.currentCall != nil {
				s.currentCall.recordFault(i.fault)
			}
			s.expireInjections()
			return true
		}
	}
	return false
}

// strikes counts a call, or a job that it begins, and reports whether the fault strikes.
func (i *Injection) shouldApply(r *route) bool {
	a := &i.conditions
	if len(a.operations) > 0 && !slices.Contains(a.operations, r.operation) {
		return false
	}
	if i.fault.kind != faultEndlessJob && !i.fault.appliesTo(r) {
		return false
	}
	i.seen++
	if i.seen <= a.after || a.every > 0 && (i.seen-a.after)%a.every != 0 {
		return false
	}
	if a.chance > 0 && i.sandbox.random.Float64() >= a.chance {
		return false
	}
	i.applied++
	return true
}

// disarm removes the faults that have struck for the last time.
func (s *Sandbox) expireInjections() {
	s.injections = slices.DeleteFunc(s.injections, func(i *Injection) bool { return i.conditions.next > 0 && i.applied >= i.conditions.next })
}
