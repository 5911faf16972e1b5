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
// An answer of its own is treated as Basiq's, so a 503 may be asked for again. The request that a hook hands to next must
// keep its context, or one made from it. When Basiq refuses a token, the request is sent once more with another inside
// the same attempt, and the hook sees only what comes of that.
type Middleware func(next Doer) Doer

// DoerFunc is a function that is a [Doer].
type DoerFunc func(req *http.Request) (*http.Response, error)

// Do calls f.
func (f DoerFunc) Do(req *http.Request) (*http.Response, error) { return f(req) }
