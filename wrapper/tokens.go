package basiq

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// TokenScope specifies what a token allows.
type TokenScope = gen.TokenScope

// The scopes of tokens.
const (
	// TokenScopeServerAccess allows nearly all operations. Never send such a token to a browser.
	TokenScopeServerAccess = gen.TokenScopeServerAccess
	// TokenScopeClientAccess is bound to one user. The user's browser may receive such a token.
	TokenScopeClientAccess = gen.TokenScopeClientAccess
)

// Scope specifies whether a token is for the application's server or for one user. Scopes are comparable.
type Scope struct {
	// Access is [TokenScopeServerAccess] or [TokenScopeClientAccess].
	Access TokenScope
	// UserID is the user that the token is bound to; empty for a server token.
	UserID string
}

const (
	// defaultTokenLifetime applies if a response has no lifetime. One hour is documented.
	defaultTokenLifetime = time.Hour
	// maxTokenSeconds is the maximum lifetime that a response can set.
	maxTokenSeconds = 24 * 60 * 60
)

// ServerAccess returns the scope of the application's server, which nearly all operations require.
func ServerAccess() Scope { return Scope{Access: TokenScopeServerAccess} }

// ClientAccess returns the scope of one user: for the user's browser, and for answering MFA challenges.
func ClientAccess(userID string) Scope { return Scope{Access: TokenScopeClientAccess, UserID: userID} }

// ContextWithScope returns a context whose calls use a token of scope. The default is [ServerAccess], except for
// [JobsService.AnswerMFA]. An invalid scope fails the call with [ErrInvalidInput].
func ContextWithScope(ctx context.Context, scope Scope) context.Context {
	return context.WithValue(ctx, scopeKey, scope)
}

// contextWithDefaultScope is ContextWithScope unless the caller has set a scope.
func contextWithDefaultScope(ctx context.Context, scope Scope) context.Context {
	if _, chosen := ctx.Value(scopeKey).(Scope); chosen {
		return ctx
	}
	return ContextWithScope(ctx, scope)
}

// Token is an access token. To store it, store the result of Value.Reveal; a marshaled Token is redacted.
type Token struct {
	// Value is sent in the Authorization header.
	Value Secret
	// Expires is when the token expires. It is zero if that is not known.
	Expires time.Time
}

// TokenSource provides a client's access tokens. It must be safe for concurrent use. The default keeps tokens in
// memory. A source for several processes keeps them in a shared store, and gets new ones from [TokensService.Create] of
// a client with the API key.
type TokenSource interface {
	// Token returns a token of scope. It is called for every attempt of every call, so it must cache tokens.
	Token(ctx context.Context, scope Scope) (Token, error)
	// Reject reports that Basiq has rejected token. Token must not return it again. Several calls may reject the same
	// token.
	Reject(ctx context.Context, scope Scope, token Token)
}

// TokensService exchanges the API key for access tokens. Other services do so automatically; use it for a token that is
// used elsewhere, such as in a user's browser.
type TokensService struct{ client *Client }

// Get returns a token of scope, cached if possible. The token is valid for at least 30 seconds, or for a tenth of its life
// if that is shorter, unless it is from a [TokenSource]. A browser must get only [ClientAccess] tokens. Errors: as
// [TokensService.Create]. operationId: postToken.
func (s *TokensService) Get(ctx context.Context, scope Scope) (Token, error) {
	if err := checkScope("Tokens.Get", scope); err != nil {
		return Token{}, err
	}
	if ctx == nil {
		return Token{}, invalidInput("Tokens.Get", "ctx", "nil context")
	}
	token, err := s.client.tokens.Token(ctx, scope)
	if err != nil {
		return Token{}, withoutCause(ctx, err)
	}
	token.Expires = token.Expires.Round(0)
	return token, nil
}

// Create requests a new token and does not cache it. Use [TokensService.Get] unless you store the token yourself: Basiq
// accepts 1,500 token requests in five minutes from one address. A client sends up to 100 at once and then two per
// second; further requests wait.
//
// Errors: [ErrInvalidAPIKey], [ErrTooManyTokenRequests], [CodeAccessDenied] if Basiq has disabled the account.
// operationId: postToken.
func (s *TokensService) Create(ctx context.Context, scope Scope) (Token, error) {
	if err := checkScope(opPostToken.Name, scope); err != nil {
		return Token{}, err
	}
	c := s.client
	if c.config.apiKey.IsZero() {
		return Token{}, invalidInput(opPostToken.Name, "apiKey", "must be passed to basiq.New")
	}
	request := gen.TokenRequest{Scope: scope.Access}
	if scope.UserID != "" {
		request.UserID = &scope.UserID
	}
	sent := time.Now().Round(0) // wall clock time, see tokenSlot
	resp, err := c.do(ctx, opPostToken, nil, func(ctx context.Context, _ ...gen.RequestEditorFn) (*http.Response, error) {
		return c.raw.PostTokenWithFormdataBody(ctx, &gen.PostTokenParams{BasiqVersion: string(c.config.version)}, request)
	})
	if err != nil {
		return Token{}, err
	}
	token, err := read(resp, func(token *gen.Token) error {
		if token.AccessToken.IsZero() {
			return errors.New("missing access_token")
		}
		return nil
	})
	if err != nil {
		return Token{}, err
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
			return invalidInput(operation, "scope", "UserID must be empty for SERVER_ACCESS")
		}
	case TokenScopeClientAccess:
		if err := api.ID(scope.UserID).Validate(); err != nil {
			return invalidInput(operation, "scope", "invalid UserID: "+idProblem(err))
		}
	default:
		return invalidInput(operation, "scope", "must be basiq.ServerAccess() or basiq.ClientAccess(userID)")
	}
	return nil
}
