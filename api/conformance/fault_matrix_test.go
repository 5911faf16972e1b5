package conformance

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// expectation is what must come of a call that a fault strikes.
type expectation struct {
	// attempts is how often the library tries, handled how many whole requests reach the server, and tokens how many new
	// tokens are fetched.
	attempts, handled, tokens int
	// err says what the caller gets, and status what an Error has.
	err    failureKind
	status int
	// maybe is what MayHaveBeenDone says of the error.
	maybe bool
	// cutOff: the caller gets half of a document, and nobody can know.
	cutOff bool
	// least and most bound the virtual time that the call takes.
	least, most time.Duration
}

type failureKind int

const (
	noFailure failureKind = iota
	transportFailure
	answerFailure
)

// expect says what must come of a call. It is the promise: nothing is lost silently, nothing is done twice that must not
// be, what may be tried again is, and no longer than is bearable.
func expect(s subject, f fault) expectation {
	k := s.kind
	m := f.meaning
	switch { // what the fault means for this kind
	case f.json && k.document, m == cutOff && !k.document && !k.noAnswer, m == numbers && slices.Contains(wholeNumbers, s.name):
		m = unusable
	case m == numbers:
		m = harmless
	case m == stale && (k.public || k.withKey || k.stream):
		m = final // there is no other token, or no way to send it all again
	}
	if k.noAnswer && (m == unusable || m == cutOff) {
		m = harmless // nobody reads it
	}

	again := false
	switch m {
	case unsent, busy:
		again = true
	case lost, broken, unsure:
		again = !k.once
	default:
	}
	again = again && !k.stream && f.asked <= maxDelay
	replayed := m == lost && f.reused && k.replayed

	e := expectation{attempts: 1, least: f.takes, most: f.takes}
	if f.until {
		timeout := max(k.timeout, attemptTimeout)
		e.least, e.most = timeout, timeout
	}
	mended := f.once && (again || replayed || m == stale)
	struck := 1
	switch {
	case replayed && f.once, m == stale:
	case again && f.once:
		e.attempts = 2
	case again:
		e.attempts, struck = maxAttempts, maxAttempts
	}
	e.least, e.most = e.least*time.Duration(struck), e.most*time.Duration(struck)
	for i := range e.attempts - 1 {
		least, most := time.Duration(0), baseDelay<<i
		if f.asked > 0 {
			least, most = f.asked, min(f.asked+baseDelay, maxDelay)
			if f.roughly {
				least -= time.Second
			}
		}
		e.least, e.most = e.least+least, e.most+most
	}

	switch {
	case f.answer == nil && (mended || m == harmless):
		e.handled = 1
	case f.answer != nil:
		e.handled = e.attempts
		if replayed || m == stale {
			e.handled++
		}
	}
	if m == stale {
		e.tokens = 1
	}

	switch {
	case mended || m == harmless:
		return e
	case m == cutOff:
		e.cutOff = true
		return e
	case m == unsent || m == distrusted || m == lost:
		e.err = transportFailure
	default:
		e.err, e.status = answerFailure, f.status
		if f.status == 0 {
			e.status = s.good.withBody().status
		}
	}
	e.maybe = slices.Contains([]meaning{lost, broken, unsure, unusable, excessive}, m)
	if k.forToken {
		e.maybe = false // the call itself was not sent
		e.least, e.most = min(e.least, tokenPatience), min(e.most, tokenPatience)
	}
	return e
}

// ending is what came of a call.
type ending struct {
	attempts, handled int
	value             any
	err               error
	// next is what the same call returns after a fault whose trace on the connection could be taken for its answer.
	next any
}

// cell is the ending as it stands in the table. Statuses of successes differ among operations, and do not matter.
func (e ending) cell(want expectation) string {
	var text strings.Builder
	if e.attempts > 1 {
		fmt.Fprintf(&text, "%d× ", e.attempts)
	}
	if answer, ok := errors.AsType[*basiq.Error](e.err); e.err == nil {
		text.WriteString("ok")
	} else if lost, isLost := errors.AsType[*basiq.TransportError](e.err); isLost {
		text.WriteString("TransportError")
		if _, noToken := errors.AsType[*basiq.Error](lost.Err); noToken {
			text.WriteString(" (Error)")
		}
	} else if ok && answer.StatusCode < 300 {
		text.WriteString("Error 2xx")
	} else if ok {
		fmt.Fprintf(&text, "Error %d", answer.StatusCode)
	}
	if basiq.MayHaveBeenDone(e.err) {
		text.WriteString("?")
	}
	if want.cutOff {
		text.WriteString(", cut off")
	}
	if e.handled > e.attempts {
		fmt.Fprintf(&text, ", %d requests", e.handled)
	}
	if took := interval(want.least, want.most); took != "" {
		text.WriteString(", " + took)
	}
	return text.String()
}

// interval writes how long something takes, unless that is no more than the waits between attempts can be.
func interval(least, most time.Duration) string {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%g", d.Seconds()) }
	if least == 0 {
		return ""
	}
	if least == most {
		return seconds(most) + " s"
	}
	return seconds(least) + "–" + seconds(most) + " s"
}

// matrix has the cells: by fault, then by subject.
type matrix struct {
	mu    sync.Mutex
	cells map[string]map[string]string
}

func (m *matrix) set(f fault, s subject, cell string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cells[f.String()] == nil {
		m.cells[f.String()] = map[string]string{}
	}
	m.cells[f.String()][s.name] = cell
}

// Every call meets every fault, each in a bubble of its own, whose time is virtual and which ends only when no goroutine is
// left. The table of what came of it is in wrapper/RELIABILITY.md, which `make reliability` writes.
func TestFaultMatrix(t *testing.T) { //nolint:tparallel // the tables come after all cells
	t.Parallel()
	// net/http tells the standard logger when a server sends more than it said.
	log.SetOutput(io.Discard)
	all, rows := subjects(t), faults()
	healthy := make(map[string]any, len(all))
	synctest.Test(t, func(t *testing.T) {
		for _, s := range all {
			end, _ := play(t, s, fault{name: "none", meaning: harmless, idle: true})
			require.NoError(t, end.err, s.name)
			if !s.kind.noAnswer {
				assert.NotEmpty(t, end.value, s.name)
			}
			healthy[s.name] = end.value
		}
	})
	m := &matrix{cells: map[string]map[string]string{}}
	t.Run("cells", func(t *testing.T) { // which ends when they all have
		for _, f := range rows {
			t.Run(f.String(), func(t *testing.T) {
				t.Parallel()
				for _, s := range all {
					t.Run(s.name, func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) {
							want := expect(s, f)
							end, _ := play(t, s, f)
							check(t, s, f, want, end, healthy[s.name])
							if !t.Failed() {
								m.set(f, s, end.cell(want))
							}
						})
					})
				}
			})
		}
	})
	if !t.Failed() {
		checkReliability(t, m, rows, all)
	}
}

// An answer of 1 GiB, packed or not, costs a multiple of what the client takes at most, and no more of it is read: for a call
// of each kind, and once with the limit that a client has by default.
func TestHugeAnswersAreBounded(t *testing.T) { //nolint:paralleltest // what others allocate would count too
	const byDefault = 32 << 20
	// Of the limit, and of all that was ever allocated: the buffer grows by doubling, the answer is copied once, and the
	// race detector has things allocated twice.
	const factor = 16
	all := subjects(t)
	for _, f := range faults() { //nolint:paralleltest // as above
		if f.meaning != excessive {
			continue
		}
		for i := range kinds {
			s := all[slices.IndexFunc(all, func(s subject) bool { return s.kind == &kinds[i] })]
			limit := int64(1 << 20)
			f.limit = limit
			if i == 0 {
				limit, f.limit = byDefault, 0
			}
			t.Run(f.name+"/"+s.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					end, server := play(t, s, f)
					runtime.ReadMemStats(&after)
					require.ErrorIs(t, end.err, basiq.ErrResponseTooLarge)
					assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(factor*limit), "what was allocated in all")
					assert.Less(t, server.sent.Load(), limit+1<<20, "what was read of it")
				})
			})
		}
	}
}

// play makes the call and has the fault strike it.
func play(t *testing.T, s subject, f fault) (ending, *faultServer) {
	t.Helper()
	server := &faultServer{subject: s, fault: f}
	transport := newFaultTransport(server)
	scheme := "http://"
	if f.https {
		scheme = "https://"
	}
	var mu sync.Mutex
	attempts := map[string]int{}
	options := []basiq.Option{
		basiq.WithBaseURL(scheme + host),
		basiq.WithHTTPClient(&http.Client{Transport: transport}), // with the timeouts that the library has by default
		basiq.WithMiddleware(func(next basiq.Doer) basiq.Doer {
			return basiq.DoerFunc(func(req *http.Request) (*http.Response, error) {
				call, _ := basiq.CallFromContext(req.Context())
				mu.Lock()
				attempts[call.Operation.ID]++
				mu.Unlock()
				return next.Do(req)
			})
		}),
	}
	if f.limit > 0 {
		options = append(options, basiq.WithMaxResponseBytes(f.limit))
	}
	c, err := basiq.New(marker+"-key", options...)
	require.NoError(t, err)

	if f.reused {
		first := s.call
		if s.kind.forToken {
			first = calls["getPublicConnector"] // which needs no token
		}
		_, err = first(t.Context(), c)
		require.NoError(t, err, "before the fault")
	}
	if !s.kind.forToken && !s.kind.withKey && !s.kind.public {
		for _, scope := range []basiq.Scope{basiq.ServerAccess(), basiq.ClientAccess("u1")} {
			_, err = c.Tokens.Get(t.Context(), scope)
			require.NoError(t, err, "before the fault")
		}
	}
	call := s.call
	if s.begin != nil {
		call = s.begin(t, c)
	}
	if !f.reused {
		transport.CloseIdleConnections()
	}
	synctest.Wait()
	mu.Lock()
	clear(attempts)
	mu.Unlock()
	server.arm()
	if f.idle {
		server.hangUp()
		synctest.Wait()
	}

	begin := time.Now()
	var end ending
	end.value, end.err = call(t.Context(), c)
	took := time.Since(begin)

	want := expect(s, f)
	assert.GreaterOrEqual(t, took, want.least, "how long it took")
	assert.LessOrEqual(t, took, want.most, "how long it took")

	synctest.Wait()
	server.mu.Lock()
	end.handled = server.handled
	mu.Lock()
	end.attempts = attempts[s.operation]
	if s.kind.forToken {
		end.attempts = attempts["postToken"]
		wantOthers := 0
		if end.err == nil {
			wantOthers = 1
		}
		assert.Equal(t, wantOthers, server.others, "the call is sent once there is a token, and once")
		assert.Equal(t, 1, attempts[s.operation])
	}
	mu.Unlock()
	assert.Equal(t, want.tokens, server.tokens, "new tokens")
	assert.Empty(t, server.strangers, "nothing goes to another host")

	// The promise, whatever is expected of the cell.
	if s.kind.once {
		assert.LessOrEqual(t, server.done, 1, "it must not be done twice")
	}
	switch {
	case end.err == nil:
		assert.Positive(t, server.done, "a call that succeeds has been done")
	case !basiq.MayHaveBeenDone(end.err) && !s.kind.forToken:
		assert.Zero(t, server.done, "a call that has not been done, says the error")
	}

	server.mu.Unlock()
	if f.meaning == cutOff && !s.kind.deletes && s.begin == nil {
		server.disarm()
		end.next, err = s.call(t.Context(), c)
		require.NoError(t, err, "the next call")
	}
	transport.CloseIdleConnections()
	synctest.Wait()
	assert.Zero(t, server.open.Load(), "connections that are left open")
	server.serve.Wait()
	return end, server
}

// check holds the ending of a call to what is expected of it.
func check(t *testing.T, s subject, f fault, want expectation, end ending, healthy any) {
	t.Helper()
	assert.Equal(t, want.attempts, end.attempts, "attempts")
	assert.Equal(t, want.handled, end.handled, "whole requests that arrived")
	if end.next != nil {
		assert.Equal(t, healthy, end.next, "what is left on the connection is nobody's answer")
	}
	if want.err == noFailure {
		require.NoError(t, end.err)
		switch {
		case want.cutOff:
			assert.Equal(t, s.good.body[:len(s.good.body)/2], string(end.value.([]byte)))
		case f.number != "" && !assert.ObjectsAreEqual(healthy, end.value):
			assert.Contains(t, marshal(t, end.value), f.number, "every digit is kept")
		default:
			assert.Equal(t, healthy, end.value, "what a healthy server answers")
		}
		return
	}
	require.Error(t, end.err)
	assert.Nil(t, end.value, "no value beside an error")
	assert.Equal(t, want.maybe, basiq.MayHaveBeenDone(end.err), "MayHaveBeenDone")
	assert.True(t, f.cause(end.err), "its cause: %v", end.err)

	name := operationOf(s.operation).Name
	err := end.err
	if s.kind.forToken {
		var outer *basiq.TransportError
		require.ErrorAs(t, err, &outer)
		assert.Equal(t, name, outer.Operation)
		assert.Equal(t, 1, outer.Attempts)
		assert.Contains(t, err.Error(), "basiq: "+name+": no access token: ")
		err, name = outer.Err, operationOf("postToken").Name
	}
	var lost *basiq.TransportError
	var answer *basiq.Error
	switch want.err {
	case transportFailure:
		require.ErrorAs(t, err, &lost)
		assert.Equal(t, name, lost.Operation)
		assert.Equal(t, want.attempts, lost.Attempts)
		assert.NotErrorAs(t, err, &answer, "there was no answer")
	default:
		require.ErrorAs(t, err, &answer)
		assert.Equal(t, name, answer.Operation)
		assert.Equal(t, want.status, answer.StatusCode)
		assert.NotErrorAs(t, err, &lost, "there was an answer")
		asked := f.asked
		if f.roughly {
			assert.InDelta(t, asked, answer.RetryAfter, float64(time.Second))
		} else {
			assert.Equal(t, asked, answer.RetryAfter)
		}
		for _, s := range sentinels {
			assert.Equal(t, slices.Contains(s.statuses, want.status), errors.Is(end.err, s.err), "%v", s.err)
		}
	}
	assert.Contains(t, err.Error(), "basiq: "+name+": ")
	checkText(t, end.err)
}

// sentinels are the errors by status.
var sentinels = []struct {
	err      error
	statuses []int
}{
	{basiq.ErrBadRequest, []int{400}},
	{basiq.ErrUnauthorized, []int{401}},
	{basiq.ErrForbidden, []int{403}},
	{basiq.ErrNotFound, nil},
	{basiq.ErrTooManyRequests, []int{429}},
	{basiq.ErrUnavailable, []int{502, 503, 504}},
}

// checkText looks for what must not be in an error's texts, those of the errors in it included.
func checkText(t *testing.T, err error) {
	t.Helper()
	texts := []string{fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)}
	for _, inner := range tree(err) {
		texts = append(texts, inner.Error())
	}
	for _, text := range texts {
		assert.NotContains(t, text, marker)
	}
	text := err.Error()
	assert.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
	assert.True(t, utf8.ValidString(text), "%q", text)
	assert.Less(t, len(text), 4<<10)
}

// tree returns an error and all that it wraps.
func tree(err error) []error {
	all := []error{err}
	switch err := err.(type) { //nolint:errorlint // it is the wrapping that is looked at
	case interface{ Unwrap() error }:
		if inner := err.Unwrap(); inner != nil {
			all = append(all, tree(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range err.Unwrap() {
			all = append(all, tree(inner)...)
		}
	}
	return all
}

func operationOf(id string) basiq.Operation {
	for _, op := range basiq.Operations() {
		if op.ID == id {
			return op
		}
	}
	return basiq.Operation{}
}
