package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// moment is the phase of a call in which a fault applies.
type moment string

// The phases of a call, in order.
const (
	connecting moment = "Connecting"
	sending    moment = "Sending the request"
	waiting    moment = "Waiting for the response"
	head       moment = "Reading the response headers"
	body       moment = "Reading the response body"
	decoding   moment = "Decoding the response"
	refusal    moment = "An error response from Basiq or a proxy"
	redirect   moment = "A redirect"
)

var moments = []moment{connecting, sending, waiting, head, body, decoding, refusal, redirect}

// meaning is the effect of a fault on the request. The expected outcome follows from it and from the kind of call: see expect.
type meaning int

const (
	// unsent: the request cannot have been handled, and another attempt may succeed.
	unsent meaning = iota + 1
	// permanent: the request cannot have been handled, and no other attempt can succeed.
	permanent
	// lost: the request may have been handled, and the response is lost.
	lost
	// broken: the request was handled, and the response is incomplete.
	broken
	// unsure: the response is an error, and the request may have been handled.
	unsure
	// busy: the request was rejected, and another attempt may succeed.
	busy
	// final: the request was rejected, and another attempt cannot succeed.
	final
	// stale: the token is rejected. The request may succeed with another token.
	stale
	// unusable: the request was handled. The response is complete but invalid.
	unusable
	// excessive: the request was handled. The response is larger than the client's limit.
	excessive
	// cutOff: as unusable, but undetectable if the response is a document.
	cutOff
	// harmless: the call succeeds.
	harmless
	// refused: the server proves that it did not handle the request, and net/http retries it. See resends.
	refused
)

// fault is a failure. Exactly one of dial, proxy, handshake, accept, reading, respond, idle and stalls implements it.
type fault struct {
	name    string
	moment  moment
	meaning meaning
	// only is the protocol of a fault that exists in only one protocol or differs between them.
	only protocol
	// temporary: another attempt may succeed. Such a fault is also tested once.
	temporary bool
	// times is the number of times that the fault applies, or 0 for always.
	times int

	// dial fails a connection attempt. handshake receives a new connection, accept a connection after the TLS handshake, and
	// reading a connection whose client has begun to send. respond responds to a complete request.
	dial      func(ctx context.Context) error
	handshake handshake
	accept    func(conn *serverConn)
	reading   func(conn *serverConn)
	respond   func(x *faultExchange)
	// proxy: a proxy rejects the connection.
	proxy bool
	// idle: the connections are closed while they are idle.
	idle bool
	// stalls: HTTP/2 flow control never lets the client send a body.
	stalls bool
	// reused: the connection has been used for a call before.
	reused bool
	https  bool
	// json: the response is JSON, even if a document was requested.
	json bool
	// foreign: the body of the response does not start like JSON.
	foreign bool
	// handled: the server may have carried out the request before the fault.
	handled bool
	// number is the value of all numbers in the response.
	number string
	// limit is the client's limit of the response size, or 0 for the default.
	limit int64

	// status is the status of the response, or 0 for the usual one. retryAfter is the value of Retry-After.
	status     int
	retryAfter time.Duration
	// roughly: retryAfter may be up to a second less.
	roughly bool
	// takes is the duration of each attempt. until: each attempt lasts until the client's timeout.
	takes time.Duration
	until bool
	// replays is the protocol in which net/http itself retries an idempotent request.
	replays protocol
	// resends is the number of requests that net/http sends within one attempt of 30 s while the fault lasts.
	resends int
	// cause reports whether an error may be the cause. nil allows any error.
	cause func(error) bool
}

// faults returns all faults. Error responses have bodies as Basiq and proxies send them.
func faults() []fault {
	all := slices.Concat(
		connectionFaults(), sendingFaults(), responseFaults(), bodyFaults(), contentFaults(), statusFaults(), redirectFaults(), http2Faults(),
	)
	var rows []fault
	for _, f := range all {
		if f.cause == nil {
			f.cause = anything
		}
		rows = append(rows, f)
		if f.temporary && f.times == 0 {
			f.times = 1
			rows = append(rows, f)
		}
	}
	return rows
}

// String returns the name of the fault's row.
func (f fault) String() string {
	if f.times == 1 {
		return f.name + ", once"
	}
	return f.name
}

// in reports whether the fault exists in a protocol.
func (f fault) in(p protocol) bool { return f.only == "" || f.only == p }

// varies reports whether the outcome depends on the call, because the fault affects the request body.
func (f fault) varies() bool { return f.stalls }

func statusFaults() []fault {
	tooMany := envelope(429, "too-many-requests", "Slow down.")
	unavailable := envelope(503, "service-unavailable", "Come back later.")
	return []fault{
		named("407 from a proxy that the client did not choose", status(final, html(407))),
		status(unsure, html(408)),
		status(busy, html(421)),
		status(busy, html(425)),
		status(busy, tooMany),
		status(busy, tooMany, inSeconds),
		status(busy, tooMany, inADate),
		status(busy, tooMany, inAnHour),
		status(unsure, envelope(500, "internal-server-error", "Something went wrong.")),
		status(unsure, html(502)),
		status(unsure, unavailable),
		status(unsure, unavailable, inSeconds),
		status(unsure, unavailable, inAnHour),
		status(unsure, html(504)),
		named("522 from a content delivery network", status(unsure, html(522))),
		named("401", status(stale, envelope(401, "invalid-authorization-token", "Invalid token."))),
		named(`403 "Token has expired"`, status(stale, envelope(403, "access-denied", "Token has expired."))),
		named("403 for another reason", status(final, envelope(403, "access-denied", "Not for you."))),
	}
}

func redirectFaults() []fault {
	plain := redirecting("from https to http", "http://"+host+"/elsewhere")
	plain.https = true
	return []fault{
		redirecting("to the same host", "http://"+host+"/elsewhere"),
		redirecting("to another host", "http://elsewhere.example/users"),
		redirecting("without end", "?"),
		plain,
	}
}

// retryAfter is a Retry-After header of a response.
type retryAfter struct {
	words string
	wait  time.Duration
	// write formats the header's value. A date has no fractions of a second.
	write func(time.Duration) string
	date  bool
}

var (
	inSeconds = retryAfter{words: "7 seconds", wait: 7 * time.Second, write: seconds}
	inADate   = retryAfter{words: "a date in 7 seconds", wait: 7 * time.Second, write: date, date: true}
	inAnHour  = retryAfter{words: "an hour", wait: time.Hour, write: seconds}
)

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
func date(d time.Duration) string    { return time.Now().Add(d).UTC().Format(http.TimeFormat) }

func status(meaning meaning, response reply, headers ...retryAfter) fault {
	f := fault{
		name: fmt.Sprintf("%d %s", response.status, http.StatusText(response.status)), moment: refusal, meaning: meaning,
		temporary: meaning != final, status: response.status, handled: meaning == unsure,
		respond: func(x *faultExchange) {
			response := response
			for _, header := range headers {
				response.header += "Retry-After: " + header.write(header.wait) + "\r\n"
			}
			x.respond(response)
		},
	}
	for _, header := range headers {
		f.name += ", Retry-After: " + header.words
		f.retryAfter, f.roughly = header.wait, header.date
		f.temporary = header.wait <= maxDelay
	}
	return f
}

func named(name string, f fault) fault {
	f.name = name
	return f
}

func redirecting(words, location string) fault {
	return fault{
		name: "307, " + words, moment: redirect, meaning: final, status: http.StatusTemporaryRedirect,
		respond: func(x *faultExchange) {
			to := location
			if to == "?" {
				to = fmt.Sprintf("?n=%d", x.count)
			}
			x.respond(reply{status: http.StatusTemporaryRedirect, mediaType: "text/html", header: "Location: " + to + "\r\n", body: marker})
		},
	}
}

func html(code int) reply {
	return reply{status: code, mediaType: "text/html", body: "<html>" + marker + "</html>"}
}

func anything(error) bool { return true }

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isA[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

func timedOut(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded)
}
