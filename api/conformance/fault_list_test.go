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

// moment is the part of a call in which a fault applies.
type moment string

// The moments of a call, in their order.
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

// meaning is what a fault says about the request. The expected outcome follows from it and from the kind of call: see expect.
type meaning int

const (
	// unsent: the request cannot have been handled, and another attempt may succeed.
	unsent meaning = iota + 1
	// permanent: the request cannot have been handled, and no other attempt can succeed.
	permanent
	// lost: the request may have been handled, and no response comes.
	lost
	// broken: the request was handled, and the response breaks off.
	broken
	// unsure: there is an error response, and the request may have been handled.
	unsure
	// busy: the request was turned away, and another attempt may succeed.
	busy
	// final: the request was turned away, and another attempt does not help.
	final
	// stale: the token is rejected. With another one the request may succeed.
	stale
	// unusable: the request was handled. The response is whole and cannot be used.
	unusable
	// excessive: the request was handled. The response is larger than the client's limit.
	excessive
	// cutOff: as unusable, but nothing shows it if the response is a document.
	cutOff
	// harmless: the call succeeds.
	harmless
	// refused: the server proves that it did not handle the request, and net/http sends it again. See resends.
	refused
)

// fault is one thing that goes wrong. Exactly one of dial, proxy, handshake, accept, reading, respond, idle and stalls plays it.
type fault struct {
	name    string
	moment  moment
	meaning meaning
	// only is the protocol of a fault that applies to one of them, or that differs between them.
	only protocol
	// temporary: another attempt may succeed. Such a fault is also played once.
	temporary bool
	// times is how often the fault applies. 0 is always.
	times int

	// dial fails an attempt to connect. handshake gets a new connection, accept one after the TLS handshake, and reading one
	// whose client has begun to send. respond responds to a whole request.
	dial      func(ctx context.Context) error
	handshake handshake
	accept    func(conn *serverConn)
	reading   func(conn *serverConn)
	respond   func(x *faultExchange)
	// proxy: a proxy before the server refuses the connection.
	proxy bool
	// idle: the connections are closed while they are idle.
	idle bool
	// stalls: HTTP/2 flow control never lets the client send a body.
	stalls bool
	// reused: the connection has carried a call before.
	reused bool
	https  bool
	// json: the response is JSON, whatever was asked for.
	json bool
	// foreign: the body of the response does not begin as JSON.
	foreign bool
	// handled: the server may have carried out the request before the fault.
	handled bool
	// number is the value of all numbers in the response.
	number string
	// limit is the client's limit of a response, if it is not the default.
	limit int64

	// status is the status of the response, or 0 if the server sends the usual one. asked is the value of Retry-After.
	status int
	asked  time.Duration
	// roughly: asked may be up to a second less.
	roughly bool
	// takes is how long each attempt takes. until: as long as the client's timeout.
	takes time.Duration
	until bool
	// replays is the protocol in which net/http itself sends an idempotent request again.
	replays protocol
	// resends is how many requests net/http sends within one attempt of 30 s while the fault lasts.
	resends int
	// cause reports whether an error may be the cause; nil allows any.
	cause func(error) bool
}

// faults returns all faults. Error responses have bodies as Basiq and the proxies before it write them.
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

// String names the fault's row.
func (f fault) String() string {
	if f.times == 1 {
		return f.name + ", once"
	}
	return f.name
}

// in reports whether the fault can be played in a protocol.
func (f fault) in(p protocol) bool { return f.only == "" || f.only == p }

// varies reports whether the outcome depends on the call: on the body of its request.
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

// ask is what a response asks for in Retry-After.
type ask struct {
	words string
	wait  time.Duration
	// write writes the header's value. A date has no fractions of a second.
	write func(time.Duration) string
	date  bool
}

var (
	inSeconds = ask{words: "7 seconds", wait: 7 * time.Second, write: seconds}
	inADate   = ask{words: "a date in 7 seconds", wait: 7 * time.Second, write: date, date: true}
	inAnHour  = ask{words: "an hour", wait: time.Hour, write: seconds}
)

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
func date(d time.Duration) string    { return time.Now().Add(d).UTC().Format(http.TimeFormat) }

func status(meaning meaning, response reply, asks ...ask) fault {
	f := fault{
		name: fmt.Sprintf("%d %s", response.status, http.StatusText(response.status)), moment: refusal, meaning: meaning,
		temporary: meaning != final, status: response.status, handled: meaning == unsure,
		respond: func(x *faultExchange) {
			response := response
			for _, ask := range asks {
				response.header += "Retry-After: " + ask.write(ask.wait) + "\r\n"
			}
			x.respond(response)
		},
	}
	for _, ask := range asks {
		f.name += ", Retry-After: " + ask.words
		f.asked, f.roughly = ask.wait, ask.date
		f.temporary = ask.wait <= maxDelay
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
