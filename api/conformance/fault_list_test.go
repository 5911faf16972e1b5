package conformance

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// moment is where a call is when a fault strikes it.
type moment string

// The moments of a call, in their order.
const (
	connecting moment = "Connecting"
	sending    moment = "Sending the request"
	waiting    moment = "Waiting for the answer"
	head       moment = "Reading the answer's head"
	body       moment = "Reading the answer's body"
	decoding   moment = "Decoding the answer"
	refusal    moment = "Basiq, or a proxy before it, answers with an error"
	redirect   moment = "A redirect"
)

var moments = []moment{connecting, sending, waiting, head, body, decoding, refusal, redirect}

// meaning is what a fault tells about the call it strikes. What must happen follows from it, and from what kind of call it
// is: see expect.
type meaning int

const (
	// unsent: the request cannot have reached Basiq, and another attempt may.
	unsent meaning = iota + 1
	// distrusted: the request cannot have reached Basiq, and no other attempt can.
	distrusted
	// lost: the request may have reached Basiq; there is no answer.
	lost
	// broken: Basiq says that it has done what was asked; the answer breaks off.
	broken
	// unsure: Basiq answers, and it may have done what was asked.
	unsure
	// busy: Basiq answers that it has done nothing, and may be asked again.
	busy
	// final: Basiq answers that it has done nothing, and asking again does not help.
	final
	// stale: Basiq refuses the token. With another one it may do what was asked.
	stale
	// unusable: Basiq says that it has done what was asked; the answer is whole, and cannot be read.
	unusable
	// excessive: Basiq says that it has done what was asked; the answer is larger than the client takes.
	excessive
	// cutOff: as unusable, but where the answer is a document nobody can tell.
	cutOff
	// harmless: the answer is odd, and says all the same what it should.
	harmless
	// numbers: as unusable where the answer has a number that must be whole, else harmless.
	numbers
)

// fault is what goes wrong. Exactly one of dial, accept, reading, answer and idle plays it.
type fault struct {
	name    string
	moment  moment
	meaning meaning
	// mends: another attempt may help, so there is a row in which the fault strikes once and all is well then.
	mends bool
	once  bool

	// dial fails an attempt to connect, accept gets a new connection before anything is read, reading one whose client has
	// begun to send, and answer a whole request; it reports whether the connection is still good.
	dial    func(ctx context.Context) error
	accept  func(conn *serverConn)
	reading func(conn *serverConn)
	answer  func(x *victim) bool
	// idle: the connections are closed while nobody uses them.
	idle bool
	// reused: the connection that is struck has carried a call before.
	reused bool
	https  bool
	// json: the answer is JSON, whatever was asked for.
	json bool
	// done: Basiq may have carried out what was asked before the fault.
	done bool
	// number is what all numbers of the answer are.
	number string
	// limit is the answers' limit where it is not the client's own.
	limit int64

	// status is that of the answer, 0 for that of a healthy server; asked what it has in Retry-After.
	status int
	asked  time.Duration
	// roughly: asked may be up to a second less.
	roughly bool
	// takes is how long each attempt takes; until is set where that is as long as the client lets it.
	takes time.Duration
	until bool
	// cause tells the errors that the fault may lead to; nil is any.
	cause func(error) bool
}

// faults are all that is played. Those of Basiq's own answers have bodies as Basiq and the proxies before it write them.
func faults() []fault {
	tooMany := envelope(429, "too-many-requests", "Slow down.")
	unavailable := envelope(503, "service-unavailable", "Come back later.")
	all := []fault{
		{
			name: "connection refused", moment: connecting, meaning: unsent, mends: true, cause: is(syscall.ECONNREFUSED),
			dial: func(context.Context) error {
				return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
			},
		},
		{
			name: "no answer to the attempt to connect", moment: connecting, meaning: unsent, mends: true, takes: 10 * time.Second, cause: timedOut,
			dial: func(ctx context.Context) error { // as a net.Dialer with a Timeout of 10 s
				ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
				defer cancel()
				<-ctx.Done()
				return &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
			},
		},
		{
			name: "DNS failure", moment: connecting, meaning: unsent, mends: true, cause: isA[*net.DNSError],
			dial: func(context.Context) error {
				return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "au-api.basiq.io", IsTemporary: true}}
			},
		},
		{
			name: "TLS: the certificate is not trusted", moment: connecting, meaning: distrusted, https: true, cause: isA[*tls.CertificateVerificationError],
			accept: func(conn *serverConn) {
				written := patient(conn)
				_ = tls.Server(written, &tls.Config{Certificates: []tls.Certificate{certificates().stranger}, MinVersion: tls.VersionTLS12}).Handshake()
				close(written.writes)
			},
		},
		{
			name: "TLS: the handshake is broken off", moment: connecting, meaning: unsent, mends: true, https: true, cause: is(syscall.ECONNRESET),
			accept: func(conn *serverConn) {
				_, _ = io.ReadFull(conn, make([]byte, 5))
				conn.reset()
			},
		},
		{
			name: "TLS: the handshake hangs", moment: connecting, meaning: unsent, mends: true, https: true, takes: 10 * time.Second, cause: timedOut,
			accept: func(conn *serverConn) { _, _ = io.Copy(io.Discard, conn) },
		},

		{
			name: "a new connection is reset before the request is sent", moment: sending, meaning: lost, mends: true, cause: is(syscall.ECONNRESET),
			accept: func(conn *serverConn) { conn.reset() },
		},
		{
			name: "reset while the request is sent", moment: sending, meaning: lost, mends: true, cause: is(syscall.ECONNRESET),
			reading: func(conn *serverConn) { conn.reset() },
		},
		{name: "an idle connection was closed before", moment: sending, meaning: harmless, idle: true, reused: true},
		{
			name: "an idle connection is closed as the request is sent", moment: sending, meaning: lost, mends: true, reused: true,
			reading: func(conn *serverConn) {
				// Without this, whether the client's write or its read fails first would be a matter of luck.
				_, _ = conn.Read(make([]byte, 64<<10))
				_ = conn.Close()
			},
		},

		{
			name: "reset after the request was sent", moment: waiting, meaning: lost, mends: true, done: true, cause: is(syscall.ECONNRESET),
			answer: func(x *victim) bool { x.conn.reset(); return false },
		},
		{
			name: "the same, on a connection that was used before", moment: waiting, meaning: lost, mends: true, done: true, reused: true, cause: is(syscall.ECONNRESET),
			answer: func(x *victim) bool { x.conn.reset(); return false },
		},
		{
			name: "no answer ever", moment: waiting, meaning: lost, mends: true, done: true, until: true, cause: timedOut,
			answer: func(x *victim) bool { x.hang(); return false },
		},
		{
			name: "1xx answers without end", moment: waiting, meaning: lost, done: true,
			answer: func(x *victim) bool {
				for x.send("HTTP/1.1 103 Early Hints\r\nLink: <" + strings.Repeat(marker, 100) + ">\r\n\r\n") {
				}
				return false
			},
		},

		{
			name: "not HTTP", moment: head, meaning: lost, mends: true, done: true,
			answer: func(x *victim) bool { return x.send("SSH-2.0-"+marker+"\r\n") && false },
		},
		{
			name: "reset in the head", moment: head, meaning: lost, mends: true, done: true, cause: is(syscall.ECONNRESET),
			answer: func(x *victim) bool {
				x.send(x.good.head() + "X-Header: " + marker)
				x.conn.reset()
				return false
			},
		},
		{
			name: "headers without end", moment: head, meaning: lost, done: true,
			answer: func(x *victim) bool {
				line := "X-" + marker + ": " + strings.Repeat("x", 8<<10) + "\r\n"
				for ok := x.send(x.good.head()); ok; {
					ok = x.send(line)
				}
				return false
			},
		},

		{
			name: "reset in the body", moment: body, meaning: broken, mends: true, done: true, cause: is(syscall.ECONNRESET),
			answer: func(x *victim) bool {
				x.sendHalf(x.good.withBody())
				x.conn.reset()
				return false
			},
		},
		{
			name: "a body that ends before its Content-Length", moment: body, meaning: broken, mends: true, done: true, cause: is(io.ErrUnexpectedEOF),
			answer: func(x *victim) bool { x.sendHalf(x.good.withBody()); return false },
		},
		{
			name: "a Content-Length above what comes, and then silence", moment: body, meaning: broken, mends: true, done: true, until: true, cause: timedOut,
			answer: func(x *victim) bool {
				answer := x.good.withBody()
				x.send(answer.head() + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(answer.body)+1, answer.body))
				x.hang()
				return false
			},
		},
		{
			name: "a chunked body without its end", moment: body, meaning: broken, mends: true, done: true, cause: is(io.ErrUnexpectedEOF),
			answer: func(x *victim) bool {
				answer := x.good.withBody()
				x.send(answer.head() + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(answer.body), answer.body))
				return false
			},
		},
		{
			name: "a byte every five seconds", moment: body, meaning: broken, mends: true, done: true, until: true, cause: timedOut,
			answer: func(x *victim) bool {
				answer := x.good.withBody()
				answer.body += strings.Repeat(" ", 1000)
				for ok := x.send(answer.head() + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(answer.body))); ok && answer.body != ""; {
					ok, answer.body = x.send(answer.body[:1]), answer.body[1:]
					time.Sleep(5 * time.Second)
				}
				return false
			},
		},
		{
			name: "a body of 1 GiB", moment: body, meaning: excessive, done: true, limit: 256 << 10, cause: is(basiq.ErrResponseTooLarge),
			answer: func(x *victim) bool { return x.sendGiB(x.good.withBody()) },
		},
		{
			name: "gzip that unpacks to 1 GiB", moment: body, meaning: excessive, done: true, limit: 256 << 10, cause: is(basiq.ErrResponseTooLarge),
			answer: func(x *victim) bool { return x.sendBomb(x.good.withBody()) },
		},

		{
			name: "a Content-Length below what comes", moment: decoding, meaning: cutOff, done: true,
			answer: func(x *victim) bool {
				answer := x.good.withBody()
				x.send(answer.head() + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(answer.body)/2, answer.body))
				return false
			},
		},
		{name: "a success with an empty body", moment: decoding, meaning: unusable, done: true, answer: answering(func(r reply) reply {
			return reply{status: r.withBody().status}
		})},
		{name: "a success with a proxy's HTML", moment: decoding, meaning: unusable, done: true, answer: answering(func(r reply) reply {
			return reply{status: r.withBody().status, mediaType: "text/html", body: "<html>" + marker + "</html>"}
		})},
		{name: "garbage that says it is JSON", moment: decoding, meaning: unusable, done: true, json: true, answer: answeringJSON(func(string) string {
			return marker + `{"type":]`
		})},
		{name: "JSON of another kind", moment: decoding, meaning: unusable, done: true, json: true, answer: answeringJSON(func(string) string {
			return `["` + marker + `"]`
		})},
		{name: "a million open brackets", moment: decoding, meaning: unusable, done: true, json: true, answer: answeringJSON(func(string) string {
			return deep()
		})},
		{name: "NUL bytes", moment: decoding, meaning: unusable, done: true, json: true, answer: answeringJSON(func(s string) string {
			return strings.ReplaceAll(s, ":", ":\x00")
		})},
		{name: "a text that is not UTF-8", moment: decoding, meaning: harmless, done: true, json: true, answer: answeringJSON(func(s string) string {
			return strings.Replace(s, marker, marker+"\xff\xfe\xc0\x80", 1)
		})},
		numbered("numbers of 400 digits", strings.Repeat("9", 400)),
		numbered("numbers such as 1e999999", "1e999999"),

		status(unsure, html(408)),
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
		named("401", status(stale, envelope(401, "invalid-authorization-token", "Invalid token."))),
		named(`403 "Token has expired"`, status(stale, envelope(403, "access-denied", "Token has expired."))),
		named("403 for another reason", status(final, envelope(403, "access-denied", "Not for you."))),

		leading("to the same host", "http://"+host+"/elsewhere"),
		leading("to another host", "http://elsewhere.example/users"),
		leading("without end", "?"),
	}
	plain := leading("from https to http", "http://"+host+"/elsewhere")
	plain.https = true
	all = append(all, plain)

	var rows []fault
	for _, f := range all {
		if f.cause == nil {
			f.cause = anything
		}
		rows = append(rows, f)
		if f.mends {
			f.once = true
			rows = append(rows, f)
		}
	}
	return rows
}

// String names the fault's row.
func (f fault) String() string {
	if f.once {
		return f.name + ", once"
	}
	return f.name
}

// ask is what an answer asks for in Retry-After.
type ask struct {
	words string
	wait  time.Duration
	// write writes the header's value; a date has no fractions of a second.
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

// status is the fault that Basiq answers like that.
func status(meaning meaning, answer reply, asks ...ask) fault {
	f := fault{
		name: fmt.Sprintf("%d %s", answer.status, http.StatusText(answer.status)), moment: refusal, meaning: meaning,
		mends: meaning != final, status: answer.status, done: meaning == unsure,
		answer: func(x *victim) bool {
			answer := answer
			for _, ask := range asks {
				answer.header += "Retry-After: " + ask.write(ask.wait) + "\r\n"
			}
			return x.send(answer.whole())
		},
	}
	for _, ask := range asks {
		f.name += ", Retry-After: " + ask.words
		f.asked, f.roughly = ask.wait, ask.date
		f.mends = ask.wait <= maxDelay
	}
	return f
}

// named gives a fault another name.
func named(name string, f fault) fault {
	f.name = name
	return f
}

// numbered is an answer all of whose numbers are that one.
func numbered(name, number string) fault {
	return fault{
		name: name, moment: decoding, meaning: numbers, done: true, json: true, number: number,
		answer: answeringJSON(func(s string) string { return withNumbers(s, number) }),
	}
}

// leading is a redirect.
func leading(words, location string) fault {
	return fault{
		name: "307, " + words, moment: redirect, meaning: final, status: http.StatusTemporaryRedirect,
		answer: func(x *victim) bool {
			to := location
			if to == "?" {
				to = fmt.Sprintf("?n=%d", x.strike)
			}
			return x.send(reply{status: http.StatusTemporaryRedirect, mediaType: "text/html", header: "Location: " + to + "\r\n", body: marker}.whole())
		},
	}
}

// html is what a proxy says.
func html(code int) reply {
	return reply{status: code, mediaType: "text/html", body: "<html>" + marker + "</html>"}
}

// answering answers with what change makes of the good answer.
func answering(change func(reply) reply) func(x *victim) bool {
	return func(x *victim) bool { return x.send(change(x.good).whole()) }
}

// answeringJSON is answering for what only the body of JSON can have. It is JSON where a document was asked for, too.
func answeringJSON(change func(string) string) func(x *victim) bool {
	return answering(func(r reply) reply {
		r = r.withBody()
		if r.mediaType != "application/json" {
			r.mediaType, r.body = "application/json", reply{}.withBody().body
		}
		r.body = change(r.body)
		return r
	})
}

// sendHalf sends an answer up to half its body.
func (x *victim) sendHalf(r reply) bool {
	return x.send(r.head() + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(r.body), r.body[:len(r.body)/2]))
}

// sendGiB sends a body of 1 GiB as long as the client takes it.
func (x *victim) sendGiB(r reply) bool {
	r.body += marker
	const size = 1 << 30
	block := strings.Repeat(" ", 64<<10)
	ok := x.send(r.head() + fmt.Sprintf("Content-Length: %d\r\n\r\n", size))
	for left := size; ok && left > 0; left -= len(block) {
		ok = x.send(block)
	}
	return ok
}

// sendBomb sends 1 GiB of spaces in about 1 MiB of gzip.
func (x *victim) sendBomb(r reply) bool {
	packed := bomb()
	r.header = "Content-Encoding: gzip\r\n"
	return x.send(r.head() + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(packed)) + packed)
}

var (
	deep = sync.OnceValue(func() string { return strings.Repeat("[", 1_000_000) })
	// A gzip file may be several, one after the other.
	bomb = sync.OnceValue(func() string {
		var member bytes.Buffer
		w := gzip.NewWriter(&member)
		_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<20))
		_ = w.Close()
		return strings.Repeat(member.String(), 1<<10)
	})
)

// withNumbers replaces all numbers of a JSON text, and adds one that no schema knows.
func withNumbers(text, number string) string {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value map[string]any
	if err := decoder.Decode(&value); err != nil {
		panic(err)
	}
	value["plantedNumber"] = json.Number("0")
	changed, err := json.Marshal(replaced(value, json.Number(number)))
	if err != nil {
		panic(err)
	}
	return string(changed)
}

func replaced(value any, number json.Number) any {
	switch value := value.(type) {
	case map[string]any:
		for name := range value {
			value[name] = replaced(value[name], number)
		}
	case []any:
		for i := range value {
			value[i] = replaced(value[i], number)
		}
	case json.Number:
		return number
	}
	return value
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
