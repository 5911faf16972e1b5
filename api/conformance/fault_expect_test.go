package conformance

import (
	"net/http"
	"slices"
	"time"
)

// expectation is the outcome of a call to which a fault applies. It is computed independently of the library.
type expectation struct {
	// attempts is the number of attempts by the library, arrived the number of complete requests that reach the server, and
	// tokens the number of new tokens.
	attempts, arrived, tokens int
	// err is the kind of error that the caller gets, and status the StatusCode of an Error.
	err    failureKind
	status int
	// maybe is the result of MayHaveSucceeded for the error.
	maybe bool
	// cutOff: the caller gets half of a document without an error.
	cutOff bool
	// least and most limit the virtual duration of the call.
	least, most time.Duration
}

type failureKind int

const (
	noFailure failureKind = iota
	transportFailure
	responseFailure
)

func meaningFor(s subject, f fault) meaning {
	k, m := s.kind, f.meaning
	switch {
	case f.json && k.document, m == cutOff && !k.document && !k.noContent:
		m = unusable
	case f.stalls && !k.body && s.name != "testMessage":
		m = harmless
	case m == stale && (k.public || k.withKey || k.stream):
		m = final // the call cannot use another token, or the request cannot be rewound
	case m == refused && k.unreplayed():
		m = unsent // net/http cannot replay it, and returns the error
	case m == refused && f.times > 0:
		m = harmless
	case m == refused:
		m = lost // the attempt times out while net/http retries
	}
	if k.noContent && (m == unusable && !f.foreign || m == cutOff) {
		m = harmless // the content is not decoded
	}
	return m
}

// expect returns the expected outcome of a call. A failed call returns an error, a call that is not safe to retry is never sent
// twice, a safe one is retried, and no call takes too long.
func expect(p protocol, s subject, f fault) expectation {
	k, m := s.kind, meaningFor(s, f)
	retried := false
	switch m {
	case unsent, busy:
		retried = true
	case lost, broken, unsure:
		retried = !k.once
	default:
	}
	read := f.moment != connecting // the stream of an upload can be read only once
	retried = retried && (!k.stream || !read) && f.retryAfter <= maxDelay
	replayed := f.replays == p && (p == h1 && k.replayed || p == h2 && !k.unreplayed())
	recovers := f.times > 0 && (retried || replayed || m == stale)

	e := expectation{attempts: 1}
	lasting := 1
	switch {
	case replayed && f.times > 0, m == stale:
	case retried && f.times > 0:
		e.attempts = 1 + f.times
	case retried:
		e.attempts, lasting = maxAttempts, maxAttempts
	}
	e.setTime(s, f, m, lasting)
	switch {
	case f.respond == nil && (recovers || m == harmless):
		e.arrived = 1
	case f.respond != nil:
		e.arrived = e.attempts * arrivals(s, f)
		if replayed || m == stale {
			e.arrived++
		}
	}
	if m == stale {
		e.tokens = 1
	}
	switch {
	case recovers || m == harmless:
		return e
	case m == cutOff:
		e.cutOff = true
		return e
	case m == unsent || m == permanent || m == lost:
		e.err = transportFailure
	default:
		e.err, e.status = responseFailure, f.status
		if f.status == 0 {
			e.status = s.good.withBody().status
		}
	}
	e.maybe = slices.Contains([]meaning{lost, broken, unsure, unusable, excessive}, m)
	if k.forToken {
		e.maybe = false // the call itself was not sent
		e.least, e.most = min(e.least, tokenTimeout), min(e.most, tokenTimeout)
	}
	return e
}

// arrivals returns the number of complete requests that reach the server in one attempt.
func arrivals(s subject, f fault) int {
	switch {
	case f.meaning != refused || s.kind.unreplayed():
		return 1
	case f.times > 0:
		return f.times + 1
	default:
		return f.resends
	}
}

// setTime sets the limits of the duration of a call. The fault applies to the given number of attempts.
func (e *expectation) setTime(s subject, f fault, m meaning, lasting int) {
	timeout := max(s.kind.timeout, attemptTimeout)
	e.least, e.most = f.takes, f.takes
	switch {
	case f.stalls && m == harmless, f.meaning == refused && s.kind.unreplayed() && f.times == 3:
		e.least, e.most = 0, 0
	case f.until, f.meaning == refused && m == lost:
		e.least, e.most = timeout, timeout
	}
	e.least, e.most = e.least*time.Duration(lasting), e.most*time.Duration(lasting)
	for i := range e.attempts - 1 {
		least, most := time.Duration(0), baseDelay<<i
		if f.status == http.StatusTooManyRequests {
			most += baseDelay // the operation is throttled as well
		}
		if f.retryAfter > 0 {
			least, most = f.retryAfter, min(f.retryAfter+baseDelay, maxDelay)
			if f.roughly {
				least -= time.Second
			}
		}
		e.least, e.most = e.least+least, e.most+most
	}
}
