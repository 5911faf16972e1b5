package basiq

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
)

// isPermanent reports whether an attempt failed for a reason that retries do not change.
func isPermanent(last outcome) bool {
	if dns, ok := errors.AsType[*net.DNSError](last.err); ok {
		return dns.IsNotFound
	}
	_, badCertificate := errors.AsType[*tls.CertificateVerificationError](last.err)
	_, notTLS := errors.AsType[tls.RecordHeaderError](last.err)
	if badCertificate || notTLS || isHandshakeAlert(last.err) || errors.Is(last.err, ErrProxyAuth) {
		return true
	}
	if last.maybeApplied { // there was a connection, and the errors below occur without one
		return false
	}
	text := last.err.Error()
	return strings.HasPrefix(text, "tls: ") || isProxyRefusal(text)
}

// isProxyRefusal reports whether text is the error of net/http for a proxy's 4xx response to CONNECT: only the status
// text.
func isProxyRefusal(text string) bool {
	temporary := []int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}
	for status := 400; status < 500; status++ {
		if text != "" && text == http.StatusText(status) {
			return !slices.Contains(temporary, status)
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
