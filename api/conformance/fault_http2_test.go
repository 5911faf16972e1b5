package conformance

import (
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

// lostPing is the time in which the default transport detects a dead HTTP/2 connection: 10 s without a frame, and 5 s for
// the acknowledgment of a ping.
const lostPing = 15 * time.Second

// goAwayDelay delays the server's notice that it did not handle a request. Without the delay, net/http would retry endlessly at
// the same virtual time.
const goAwayDelay = 8 * time.Second

func http2Faults() []fault {
	all := slices.Concat(http2StreamFaults(), http2ConnectionFaults())
	for i := range all {
		all[i].only = h2
	}
	return all
}

// onStream returns a response that consists of HTTP/2 frames.
func onStream(play func(s *http2Stream, good reply)) func(x *faultExchange) {
	return func(x *faultExchange) { play(x.wire.(*http2Stream), x.good) }
}

func resetting(code http2.ErrCode) func(x *faultExchange) {
	return onStream(func(s *http2Stream, _ reply) { s.refuse(code) })
}

// http2StreamFaults returns faults that do not affect the connection.
func http2StreamFaults() []fault {
	isStreamError := isA[http2.StreamError]
	return []fault{
		{
			// This needs a reused connection: on a new one, the client sends the first bytes before it receives the server's window.
			name: "flow control never lets the request body through", moment: sending, meaning: lost, temporary: true, reused: true,
			until: true, cause: timedOut, stalls: true,
		},
		{name: "REFUSED_STREAM", moment: waiting, meaning: refused, temporary: true, resends: 6, respond: resetting(http2.ErrCodeRefusedStream)},
		{
			name: "REFUSED_STREAM, three times", moment: waiting, meaning: refused, times: 3, takes: 3 * time.Second,
			respond: resetting(http2.ErrCodeRefusedStream),
		},
		{
			name: "RST_STREAM before the request was handled", moment: waiting, meaning: lost, temporary: true, cause: isStreamError,
			respond: resetting(http2.ErrCodeInternal),
		},
		{
			name: "RST_STREAM after the request was handled", moment: waiting, meaning: lost, temporary: true, handled: true, cause: isStreamError,
			respond: resetting(http2.ErrCodeCancel),
		},
		{
			// net/http retries such a request, although the server may have handled it (golang/go#47635).
			name: "RST_STREAM with PROTOCOL_ERROR after the request was handled", moment: waiting, meaning: lost, times: 1, handled: true,
			replays: h2, respond: resetting(http2.ErrCodeProtocol),
			cause: func(err error) bool { return strings.Contains(err.Error(), "PROTOCOL_ERROR") },
		},
		{
			name: "headers without a status", moment: head, meaning: lost, temporary: true, handled: true,
			respond: func(x *faultExchange) { x.head(reply{header: "X-Header: " + marker + "\r\n"}, -1) },
		},
		{
			name: "the stream stalls after the headers", moment: body, meaning: broken, temporary: true, handled: true, until: true, cause: timedOut,
			respond: func(x *faultExchange) {
				x.head(x.good.withBody(), -1)
				x.hang()
			},
		},
		{
			name: "RST_STREAM in the body", moment: body, meaning: broken, temporary: true, handled: true, cause: isStreamError,
			respond: onStream(func(s *http2Stream, good reply) {
				good = good.withBody()
				s.head(good, -1)
				s.body(good.body[:len(good.body)/2])
				s.refuse(http2.ErrCodeInternal)
			}),
		},
		{
			name: "the stream ends before the Content-Length and without data", moment: body, meaning: broken, temporary: true, handled: true,
			cause: is(io.ErrUnexpectedEOF),
			respond: func(x *faultExchange) {
				x.head(x.good.withBody(), len(x.good.withBody().body))
				x.end()
			},
		},
	}
}

func http2ConnectionFaults() []fault {
	return []fault{
		{
			name: "neither a response nor an acknowledgment of a ping", moment: waiting, meaning: lost, temporary: true, handled: true, takes: lostPing,
			respond: onStream(func(s *http2Stream, _ reply) {
				s.change(func() { s.silent = true })
				s.hang()
			}),
		},
		{
			name: "GOAWAY without the request", moment: waiting, meaning: refused, temporary: true, takes: goAwayDelay, resends: 4,
			respond: onStream(func(s *http2Stream, _ reply) {
				time.Sleep(goAwayDelay)
				if s.alive() {
					s.goAway(s.id-1, http2.ErrCodeNo)
				}
			}),
		},
		{
			// net/http returns this as an error if the request is the first of its connection.
			name: "GOAWAY with ENHANCE_YOUR_CALM without the request", moment: waiting, meaning: unsent, temporary: true,
			respond: onStream(func(s *http2Stream, _ reply) { s.goAway(0, http2.ErrCodeEnhanceYourCalm) }),
		},
		{
			name: "GOAWAY with the request, and then the response", moment: waiting, meaning: harmless, handled: true,
			respond: onStream(func(s *http2Stream, good reply) {
				s.goAway(s.id, http2.ErrCodeNo)
				time.Sleep(time.Nanosecond)
				s.respond(good)
			}),
		},
		{
			name: "GOAWAY with the request, and then the end of the connection", moment: waiting, meaning: lost, temporary: true, handled: true,
			respond: onStream(func(s *http2Stream, _ reply) {
				s.goAway(s.id, http2.ErrCodeNo)
				_ = s.conn.Close()
			}),
		},
		{
			name: "a frame that is too large", moment: body, meaning: broken, temporary: true, handled: true,
			respond: onStream(func(s *http2Stream, good reply) {
				s.head(good.withBody(), -1)
				s.write(func() error { return s.framer.WriteData(s.id, true, make([]byte, 1<<20)) })
				_ = s.conn.Close()
			}),
		},
	}
}
