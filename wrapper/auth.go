package basiq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// authorizer is the stage that adds the Authorization header to a request. It runs inside all middleware.
type authorizer struct {
	next   *sender
	config config
	tokens TokenSource
	// last is the header of the last token, ready for the next request.
	last atomic.Pointer[bearer]
	// bucket limits the rate of token requests.
	bucket *rate.Limiter
}

const (
	// tokenRate and tokenBurst limit a client to 700 token requests in five minutes. Basiq allows an address 1,500. The
	// limit matters if a caller requests tokens for many users, or if a server rejects every token that it returns.
	tokenRate  = 2 // a second
	tokenBurst = 100
	// tokenRequestsHold is how long the client waits after Basiq has rejected a token request as one too many.
	tokenRequestsHold = time.Minute
)

func newAuthorizer(next *sender, config config, tokens TokenSource) *authorizer {
	return &authorizer{next: next, config: config, tokens: tokens, bucket: rate.NewLimiter(tokenRate, tokenBurst)}
}

var (
	errUnsafeURL = errors.New("request URL is outside the client's base URL")
	// Nothing can be recorded about a request without its context.
	errContextReplaced = errors.New("middleware replaced the request's context; a new context must be derived from it")
)

// tokenError is returned if no token is available. The request that needs the token was not sent.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// Do sends req with a token. If Basiq rejects the token, it sends req once more with a new token.
func (a *authorizer) Do(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	call, record := callFrom(ctx), attemptFrom(ctx)
	scope, chosen := ctx.Value(scopeKey).(Scope)
	if !chosen {
		scope = ServerAccess()
	}
	token, header, err := a.authorize(req, call, record, scope)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := a.next.send(req, call, record, header)
	if err != nil || token.Value.IsZero() || !tokenRejected(resp) {
		return resp, err
	}
	a.tokens.Reject(ctx, scope, token)
	if !rewindable(req) {
		return resp, nil
	}
	fresh, header, err := a.token(ctx, scope, record)
	if err == nil && fresh.Value.Equal(token.Value) {
		return resp, nil // the source has no other token
	}
	_ = resp.Body.Close()
	if err == nil {
		req, err = rewind(req)
	}
	if err != nil {
		return nil, err
	}
	return a.next.send(req, call, record, header)
}

// authorize returns the Authorization header for req and the token in it. Both are empty if req needs none.
func (a *authorizer) authorize(req *http.Request, call *callState, record *attempt, scope Scope) (Token, []string, error) {
	switch {
	case call == nil || record == nil:
		return Token{}, nil, errContextReplaced
	case !sameOrigin(req.URL, a.config.baseURL):
		return Token{}, nil, errUnsafeURL
	case call.operation == opPostToken:
		// The key is sent unchanged, because it is encoded already.
		return Token{}, []string{"Basic " + a.config.apiKey.Reveal()}, a.waitForBucket(req.Context(), record)
	case call.operation.public():
		return Token{}, nil, nil
	}
	return a.token(req.Context(), scope, record)
}

// waitForBucket waits until a token may be requested.
func (a *authorizer) waitForBucket(ctx context.Context, record *attempt) error {
	defer record.addWait(WaitRateLimit, time.Now())
	err := a.bucket.Wait(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return contextError(ctx)
	}
	return fmt.Errorf("%w: limit of the client (burst of %d, %d per second) exceeds the context's deadline",
		ErrTooManyTokenRequests, tokenBurst, tokenRate)
}

// bearer is a token and its Authorization header. The Secret compares in constant time and prints nothing.
type bearer struct {
	token  Secret
	header func() []string // a function, so that printing a value prints no token
}

// token returns a token and its Authorization header.
func (a *authorizer) token(ctx context.Context, scope Scope, record *attempt) (Token, []string, error) {
	defer record.addWait(WaitToken, time.Now())
	token, err := a.tokens.Token(ctx, scope)
	if err != nil {
		return Token{}, nil, &tokenError{withoutCause(ctx, err)}
	}
	if last := a.last.Load(); last != nil && last.token.Equal(token.Value) {
		return token, last.header(), nil
	}
	if !isHeaderSafe(token.Value.Reveal()) {
		return Token{}, nil, &tokenError{errors.New("token is empty or contains characters that are invalid in a header")}
	}
	header := []string{"Bearer " + token.Value.Reveal()}
	a.last.Store(&bearer{token: token.Value, header: func() []string { return header }})
	return token, header, nil
}

// closeBody closes a request's body, as a transport does for every request.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// isHeaderSafe reports whether a credential consists of printable ASCII without spaces.
func isHeaderSafe(credential string) bool {
	return credential != "" && !strings.ContainsFunc(credential, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// tokenRejected reports whether a response rejects the token. The body can still be read from its start.
func tokenRejected(resp *http.Response) bool {
	if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
		return false
	}
	head, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = &bufferedBody{err: err}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), resp.Body}

	rejection := newError(opUnknown, resp.StatusCode, nil, head)
	if resp.StatusCode == http.StatusUnauthorized {
		// With this code the token is valid, but not for this user. A new token would not be valid for the user either.
		return !errors.Is(rejection, CodeUnauthorizedAccess)
	}
	// 403 has several meanings. Only this text means that the token has expired.
	return slices.ContainsFunc(rejection.Details, func(detail ErrorDetail) bool {
		return strings.Contains(strings.ToLower(detail.Detail+detail.Title), "token has expired")
	})
}
