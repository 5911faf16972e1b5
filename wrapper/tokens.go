package basiq

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// TokenScope is what a token may do.
type TokenScope = gen.TokenScope

// The scopes of tokens.
const (
	// TokenScopeServerAccess may do nearly everything and must never reach a browser.
	TokenScopeServerAccess = gen.TokenScopeServerAccess
	// TokenScopeClientAccess is bound to one user and may be given to that user's browser.
	TokenScopeClientAccess = gen.TokenScopeClientAccess
)

// Scope says what a token is for: the application's server, or one user. Two scopes can be compared with ==.
type Scope struct {
	// Access is what the token may do.
	Access TokenScope
	// UserID is the user that the token is bound to; empty for the server's.
	UserID string
}

const (
	// defaultTokenLifetime is for an answer that does not say how long its token is good. One hour is documented.
	defaultTokenLifetime = time.Hour
	// maxTokenSeconds bounds what an answer can say, far above what is documented.
	maxTokenSeconds = 24 * 60 * 60
)

// ServerAccess is the scope of the application's own server, which nearly all operations want.
func ServerAccess() Scope { return Scope{Access: TokenScopeServerAccess} }

// ClientAccess is the scope that is bound to one user: for that user's browser, and for answering MFA challenges.
func ClientAccess(userID string) Scope { return Scope{Access: TokenScopeClientAccess, UserID: userID} }

// ContextWithScope returns a context whose calls go out with a token of scope instead of the one that the client would
// choose, which is [ServerAccess] for all but [JobsService.AnswerMFA]. A scope that cannot be right fails the call with
// [ErrInvalidInput].
func ContextWithScope(ctx context.Context, scope Scope) context.Context {
	return context.WithValue(ctx, scopeKey, scope)
}

// contextWithDefaultScope is ContextWithScope for where the caller has not chosen.
func contextWithDefaultScope(ctx context.Context, scope Scope) context.Context {
	if _, chosen := ctx.Value(scopeKey).(Scope); chosen {
		return ctx
	}
	return ContextWithScope(ctx, scope)
}

// Token is an access token. To keep one in a store, keep what Value.Reveal returns: marshaled, it is redacted.
type Token struct {
	// Value is the token itself.
	Value Secret
	// Expires is until when it is good. The zero Time stands for not known.
	Expires time.Time
}

// TokenSource is where a client gets its access tokens from. It must be safe for use by many goroutines at once.
//
// The client has one of its own, which keeps tokens in memory. One for a fleet of processes keeps them in a shared
// store, and gets new ones from [TokensService.Create] of a client made with [New] and the API key.
type TokenSource interface {
	// Token returns a token of scope. It is called for every attempt of every call, so it must keep what it has.
	Token(ctx context.Context, scope Scope) (Token, error)
	// Reject tells that Basiq has refused token. The next call of Token must not return it again. Where the source has
	// got another one meanwhile, there is nothing to do: many calls may have been refused with the same token.
	Reject(ctx context.Context, scope Scope, token Token)
}

// TokensService trades the API key for access tokens. Calls of the other services get theirs by themselves; this is for
// a token that goes elsewhere, such as a user's browser.
type TokensService struct{ client *Client }

// Get returns a token of scope that is good for half a minute at least, from the client's own store where it has one. To a
// browser give only a token of [ClientAccess].
//
// Errors: as [TokensService.Create]. operationId: postToken.
func (s *TokensService) Get(ctx context.Context, scope Scope) (Token, error) {
	if err := checkScope("Tokens.Get", scope); err != nil {
		return Token{}, err
	}
	if ctx == nil {
		return Token{}, invalidInput("Tokens.Get", "ctx", "nil context")
	}
	token, err := s.client.tokens.Token(ctx, scope)
	token.Expires = token.Expires.Round(0)
	return token, ownError(ctx, err)
}

// Create gets a new token from Basiq, whatever the client has in store, and does not keep it. Basiq refuses more than
// 1,500 of these in five minutes from one address, so that a client makes 100 at once and then two a second, and the
// others wait: use [TokensService.Get] unless you store the token yourself.
//
// Errors: [ErrInvalidAPIKey], [ErrTooManyTokenRequests], [CodeAccessDenied] when Basiq has disabled the account.
// operationId: postToken.
func (s *TokensService) Create(ctx context.Context, scope Scope) (Token, error) {
	if err := checkScope(opPostToken.Name, scope); err != nil {
		return Token{}, err
	}
	c := s.client
	if c.config.apiKey.IsZero() {
		return Token{}, invalidInput(opPostToken.Name, "apiKey", "the client was made without one; give it to basiq.New")
	}
	request := gen.TokenRequest{Scope: scope.Access}
	if scope.UserID != "" {
		request.UserID = &scope.UserID
	}
	sent := time.Now().Round(0) // the wall clock: see newCachedToken
	answer, err := c.do(ctx, opPostToken, nil, func(ctx context.Context, _ ...gen.RequestEditorFn) (*http.Response, error) {
		return c.raw.PostTokenWithFormdataBody(ctx, &gen.PostTokenParams{BasiqVersion: string(c.config.version)}, request)
	})
	if err != nil {
		return Token{}, err
	}
	token, err := read[gen.Token](answer)
	if err != nil {
		return Token{}, err
	}
	if token.AccessToken.IsZero() {
		return Token{}, unreadable(opPostToken, answer.status, nil, errors.New("missing access_token"))
	}
	lifetime := defaultTokenLifetime
	if token.ExpiresIn > 0 {
		lifetime = time.Duration(min(token.ExpiresIn, maxTokenSeconds)) * time.Second
	}
	return Token{Value: token.AccessToken.Secret, Expires: sent.Add(lifetime)}, nil
}

func checkScope(operation string, scope Scope) error {
	switch scope.Access {
	case TokenScopeServerAccess:
		if scope.UserID != "" {
			return invalidInput(operation, "scope", "SERVER_ACCESS is bound to no user; use basiq.ClientAccess for a user's token")
		}
	case TokenScopeClientAccess:
		if err := api.ID(scope.UserID).Validate(); err != nil {
			return invalidInput(operation, "scope", "the user's id: "+err.Error())
		}
	default:
		return invalidInput(operation, "scope", "use basiq.ServerAccess() or basiq.ClientAccess(userID)")
	}
	return nil
}
