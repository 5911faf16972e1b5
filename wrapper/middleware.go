package basiq

import (
	"net/http"
)

// Middleware is a hook around every attempt of every call, those for access tokens included: it gets the Doer to call
// next and returns the one to call instead. [CallFromContext] on the request's context tells which operation and which
// attempt it is.
//
// A hook sees the request before the token or the API key is put into it, and must not change it but on a clone. Bodies it
// must not log: a request's can hold the credentials of a bank login or the answer to an MFA challenge, and that of the
// answer to POST /token is the token. A hook that wants the bytes on the wire belongs into the transport of
// [WithHTTPClient]. An error of the hook's own, without having called next, ends the call; nothing is sent again.
type Middleware func(next Doer) Doer

// DoerFunc is a function that is a [Doer].
type DoerFunc func(req *http.Request) (*http.Response, error)

// Do calls f.
func (f DoerFunc) Do(req *http.Request) (*http.Response, error) { return f(req) }
