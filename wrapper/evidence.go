package basiq

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"regexp"
	"slices"
)

// PassThrough is implemented by a RoundTripper that hands each request to one other RoundTripper, at most once and with
// the request's context, such as one that adds a header or records a trace. A [Client] accepts an error as proof that a
// request was not sent only from an *http.Transport, or from PassThroughs that wrap one. Any other RoundTripper may
// have sent the request twice or to another server. With such a RoundTripper a create is not retried after any error.
type PassThrough interface {
	http.RoundTripper

	// PassThrough returns the RoundTripper that requests are handed to.
	PassThrough() http.RoundTripper
}

// knownTransport returns the *http.Transport that requests go to, or nil if they may go to another RoundTripper.
func knownTransport(roundTripper http.RoundTripper) *http.Transport {
	for range 16 { // more is a loop
		switch known := roundTripper.(type) {
		case nil:
			roundTripper = http.DefaultTransport
		case *http.Transport:
			return known
		case PassThrough:
			roundTripper = known.PassThrough()
		default:
			return nil
		}
	}
	return nil
}

// notApplied reports whether there is proof that the request was not carried out.
func (x *exchange) notApplied(resp *http.Response, err error) bool {
	switch {
	case err == nil:
		return rejects(resp.StatusCode)
	case x.transport == nil:
		return false
	case x.conn.Load() == nil:
		return x.connRequested.Load() || x.proxyFails(err)
	}
	return unprocessed.MatchString(withoutURL(err).Error()) || isHandshakeAlert(err)
}

// rejects reports whether a status proves that the request was not carried out.
func rejects(status int) bool {
	return status >= 300 && status < 500 && status != http.StatusRequestTimeout
}

// proxyFails reports whether err comes from the transport's Proxy function. net/http calls it first and
// does not wrap its errors.
func (x *exchange) proxyFails(err error) bool {
	if x.transport.Proxy == nil {
		return false
	}
	_, proxyErr := x.transport.Proxy(x.wire)
	return proxyErr != nil && withoutURL(err).Error() == proxyErr.Error()
}

// unprocessed matches the errors with which net/http reports that an HTTP/2 server did not process a request: the
// stream was refused, or it came after the last stream of a GOAWAY. The error with a code occurs on the first stream of
// a connection.
var unprocessed = regexp.MustCompile(`^(http2: Transport: cannot retry err \[)?` +
	`(stream error: stream ID \d+; REFUSED_STREAM(; received from peer)?|http2: Transport received Server's graceful shutdown GOAWAY|` +
	`http2: Transport received GOAWAY from server ErrCode:[\w ]+)` +
	`(\] after Request\.Body was written; define Request\.GetBody to avoid this error)?$`)

// handshakeAlerts are the TLS alerts of a server that rejects the client. With TLS 1.3 they arrive after the client has
// completed its part of the handshake and has sent its request.
var handshakeAlerts = []tls.AlertError{
	40,  // handshake_failure
	42,  // bad_certificate
	43,  // unsupported_certificate
	44,  // certificate_revoked
	45,  // certificate_expired
	46,  // certificate_unknown
	48,  // unknown_ca
	49,  // access_denied
	70,  // protocol_version
	71,  // insufficient_security
	112, // unrecognized_name
	116, // certificate_required
	120, // no_application_protocol
}

// isHandshakeAlert reports whether err is a TLS alert with which the server rejects the client.
func isHandshakeAlert(err error) bool {
	remote, ok := errors.AsType[*net.OpError](err)
	// crypto/tls returns the alert as an unexported type with the text of AlertError.
	return ok && remote.Op == "remote error" && remote.Err != nil && slices.ContainsFunc(handshakeAlerts, func(alert tls.AlertError) bool {
		return remote.Err.Error() == alert.Error()
	})
}
