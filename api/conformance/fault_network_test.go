package conformance

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// handshake fails the TLS handshake of a new connection. It receives the configuration of the healthy server.
type handshake func(conn *serverConn, config *tls.Config)

func shakeHands(change func(config *tls.Config)) handshake {
	return func(conn *serverConn, config *tls.Config) {
		change(config)
		_ = tls.Server(conn, config).Handshake()
		_, _ = io.Copy(io.Discard, conn) // the client must read the alert before a write of its request fails
	}
}

// swallow reads everything and sends nothing until the client disconnects.
func swallow(conn *serverConn) { _, _ = io.Copy(io.Discard, conn) }

// connectionFaults returns faults that occur before a request can be sent on a connection.
func connectionFaults() []fault {
	all := []fault{
		{
			name: "connection refused", meaning: unsent, temporary: true, cause: is(syscall.ECONNREFUSED),
			dial: func(context.Context) error {
				return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
			},
		},
		{
			name: "no response to the attempt to connect", meaning: unsent, temporary: true, takes: 10 * time.Second, cause: timedOut,
			dial: func(ctx context.Context) error { // like a net.Dialer with a Timeout of 10 s
				ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
				defer cancel()
				<-ctx.Done()
				return &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
			},
		},
		{
			name: "DNS: temporary failure", meaning: unsent, temporary: true, cause: isA[*net.DNSError],
			dial: func(context.Context) error {
				return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "au-api.basiq.io", IsTemporary: true}}
			},
		},
		{
			name: "DNS: the name does not exist", meaning: permanent, cause: isA[*net.DNSError],
			dial: func(context.Context) error {
				return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "au-api.basiq.io", IsNotFound: true}}
			},
		},
		{name: "the proxy asks for a password (407)", meaning: permanent, https: true, proxy: true},
		{
			name: "TLS: the certificate is not trusted", meaning: permanent, https: true, cause: isA[*tls.CertificateVerificationError],
			handshake: shakeHands(func(config *tls.Config) { config.Certificates = []tls.Certificate{certificates().untrusted} }),
		},
		{
			name: "TLS: the server supports only old versions", meaning: permanent, https: true,
			handshake: shakeHands(func(config *tls.Config) { config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }),
		},
		{
			name: "TLS: the server requires a client certificate", meaning: permanent, https: true,
			// With TLS 1.3 the alert races with the request; TestRetry_PermanentFailures in wrapper tests that case.
			handshake: shakeHands(func(config *tls.Config) {
				config.ClientAuth, config.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
			}),
		},
		{
			name: "TLS: the handshake is cut", meaning: unsent, temporary: true, https: true, cause: is(syscall.ECONNRESET),
			handshake: func(conn *serverConn, _ *tls.Config) {
				_, _ = io.ReadFull(conn, make([]byte, 5))
				conn.reset()
			},
		},
		{
			name: "TLS: the handshake hangs", meaning: unsent, temporary: true, https: true, takes: 10 * time.Second, cause: timedOut,
			handshake: func(conn *serverConn, _ *tls.Config) { swallow(conn) },
		},
	}
	for i := range all {
		all[i].moment = connecting
	}
	return all
}

// sendingFaults returns faults that end the connection before the server has received the complete request.
func sendingFaults() []fault {
	return []fault{
		{
			name: "a new connection is reset before the request is read", moment: sending, meaning: lost, temporary: true, cause: is(syscall.ECONNRESET),
			accept: func(conn *serverConn) {
				time.Sleep(time.Nanosecond) // lets the client write as much as it can
				conn.reset()
			},
		},
		{
			name: "reset while the request is read", moment: sending, meaning: lost, temporary: true, cause: is(syscall.ECONNRESET),
			reading: func(conn *serverConn) {
				time.Sleep(time.Nanosecond)
				conn.reset()
			},
		},
		{name: "an idle connection was closed before", moment: sending, meaning: harmless, idle: true, reused: true},
		{
			name: "an idle connection is closed as the request is sent", moment: sending, meaning: lost, temporary: true, reused: true, replays: h1,
			reading: func(conn *serverConn) {
				time.Sleep(time.Nanosecond)
				_ = conn.Close()
			},
		},
		{
			name: "the connection is dead: everything is swallowed", moment: sending, meaning: lost, temporary: true, only: h1, reused: true,
			until: true, cause: timedOut, reading: swallow,
		},
		{
			name: "the connection is dead: everything is swallowed", moment: sending, meaning: lost, temporary: true, only: h2, reused: true,
			takes: lostPing, reading: swallow,
		},
	}
}

// responseFaults returns faults between the complete request and the end of the response headers.
func responseFaults() []fault {
	return []fault{
		{
			name: "reset after the request was read", moment: waiting, meaning: lost, temporary: true, handled: true, cause: is(syscall.ECONNRESET),
			respond: func(x *faultExchange) { x.reset() },
		},
		{
			name: "the same on a connection that was used before", moment: waiting, meaning: lost, temporary: true, handled: true, reused: true, replays: h1,
			cause: is(syscall.ECONNRESET), respond: func(x *faultExchange) { x.reset() },
		},
		{
			name: "no response", moment: waiting, meaning: lost, temporary: true, handled: true, until: true, cause: timedOut,
			respond: func(x *faultExchange) { x.hang() },
		},
		{
			name: "1xx responses without end", moment: waiting, meaning: lost, handled: true,
			respond: func(x *faultExchange) {
				early := reply{status: 103, header: "Link: <" + strings.Repeat(marker, 100) + ">\r\n"}
				for x.head(early, -1) {
				}
			},
		},
		{
			name: "not HTTP", moment: head, meaning: lost, temporary: true, handled: true,
			respond: func(x *faultExchange) {
				x.raw("SSH-2.0-" + marker + "\r\n")
				x.end()
			},
		},
		{
			name: "reset in the headers", moment: head, meaning: lost, temporary: true, handled: true, cause: is(syscall.ECONNRESET),
			respond: func(x *faultExchange) {
				x.openHead(x.good)
				x.field("X-Header", marker)
				x.reset()
			},
		},
		{
			name: "headers without end", moment: head, meaning: lost, handled: true,
			respond: func(x *faultExchange) {
				for ok := x.openHead(x.good); ok; {
					ok = x.field("X-"+marker, strings.Repeat("x", 8<<10))
				}
			},
		},
	}
}

func bodyFaults() []fault {
	all := []fault{
		{
			name: "reset in the body", meaning: broken, temporary: true, cause: is(syscall.ECONNRESET),
			respond: func(x *faultExchange) {
				x.half(x.good.withBody())
				x.reset()
			},
		},
		{
			name: "a body shorter than its Content-Length", meaning: broken, temporary: true, cause: is(io.ErrUnexpectedEOF),
			respond: func(x *faultExchange) {
				x.half(x.good.withBody())
				x.end()
			},
		},
		{
			name: "the body stalls before its end", meaning: broken, temporary: true, until: true, cause: timedOut,
			respond: func(x *faultExchange) {
				x.half(x.good.withBody())
				x.hang()
			},
		},
		{
			name: "a chunked body without its end", meaning: broken, temporary: true, only: h1, cause: is(io.ErrUnexpectedEOF),
			respond: func(x *faultExchange) {
				response := x.good.withBody()
				response.header += "Transfer-Encoding: chunked\r\n"
				x.openHead(response)
				x.raw(fmt.Sprintf("\r\n%x\r\n%s\r\n", len(response.body), response.body))
				x.end()
			},
		},
		{
			name: "a byte every five seconds", meaning: broken, temporary: true, until: true, cause: timedOut,
			respond: func(x *faultExchange) {
				response := x.good.withBody()
				response.body += strings.Repeat(" ", 1000)
				for ok := x.head(response, len(response.body)); ok && response.body != ""; {
					ok, response.body = x.body(response.body[:1]), response.body[1:]
					time.Sleep(5 * time.Second)
				}
				x.end()
			},
		},
		{
			name: "a body of 1 GiB", meaning: excessive, limit: 256 << 10, cause: is(basiq.ErrResponseTooLarge),
			respond: func(x *faultExchange) { x.huge(x.good.withBody()) },
		},
		{
			name: "gzip that unpacks to 1 GiB", meaning: excessive, limit: 256 << 10, cause: is(basiq.ErrResponseTooLarge),
			respond: func(x *faultExchange) { x.bomb(x.good.withBody()) },
		},
	}
	for i := range all {
		all[i].moment, all[i].handled = body, true
	}
	return all
}
