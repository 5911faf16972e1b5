package basiq

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
)

// ErrProxyAuth is matched by the error of a call that a proxy rejected with 407: it wants credentials, or others. The
// call is not retried, because proxies lock accounts.
var ErrProxyAuth = errors.New("proxy authentication required")

// isPermanent reports whether an attempt failed for a reason that no retry changes.
func isPermanent(last outcome) bool {
	if dns, ok := errors.AsType[*net.DNSError](last.err); ok {
		return dns.IsNotFound
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](last.err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](last.err); ok {
		return true
	}
	if isHandshakeAlert(last.err) || errors.Is(last.err, ErrProxyAuth) {
		return true
	}
	if last.maybeApplied { // then there was a connection, and the rest is about getting one
		return false
	}
	text := last.err.Error()
	return strings.HasPrefix(text, "tls: ") || text == "http: server gave HTTP response to HTTPS client" || isProxyRefusal(text)
}

// isProxyRefusal reports whether text is how net/http reports a proxy's 4xx response to CONNECT: by the status text alone.
// 408, 425 and 429 may pass.
func isProxyRefusal(text string) bool {
	for status := 400; status < 500; status++ {
		if status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests {
			continue
		}
		if text == http.StatusText(status) && text != "" {
			return true
		}
	}
	return false
}

// nameProxyError returns ErrProxyAuth with err's text if err is a proxy's 407.
func nameProxyError(err error) error {
	if withoutURL(err).Error() == http.StatusText(http.StatusProxyAuthRequired) {
		return ErrProxyAuth
	}
	return err
}
