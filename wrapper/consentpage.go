package basiq

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/api"
)

// DefaultConsentURL is where Basiq's consent page is.
const DefaultConsentURL = "https://consent.basiq.io/home"

// ConsentAction is what the user comes to the consent page for. The list is open.
type ConsentAction string

// What the consent page can do.
const (
	// ConsentActionNone: give a first consent and connect a bank.
	ConsentActionNone ConsentAction = ""
	// ConsentActionConnect: connect more banks under a consent that is still good.
	ConsentActionConnect ConsentAction = "connect"
	// ConsentActionManage: look at consents and connections, revoke and remove them.
	ConsentActionManage ConsentAction = "manage"
	// ConsentActionExtend: extend a consent before it expires. The page shows an error when there is none.
	ConsentActionExtend ConsentAction = "extend"
	// ConsentActionUpdate: agree to a policy that has changed. It revokes the consent before, and deletes its connections.
	ConsentActionUpdate ConsentAction = "update"
	// ConsentActionReauthorise: authorise open-banking connections again that expire within seven days. Their accounts
	// keep their ids.
	ConsentActionReauthorise ConsentAction = "reauthorise"
)

// ErrConsentState says that a redirect from the consent page does not carry the state that was given for this user's
// visit: it may be forged. Do not use what it says.
var ErrConsentState = errors.New("the state in the redirect is not the one that was sent")

// consentTokenLife is how long the token of a consent page must be good at least: the user has to log in to a bank with it.
const consentTokenLife = 30 * time.Minute

// maxRedirectJobs bounds what a browser can have us wait for: far more banks than anybody connects at once.
const maxRedirectJobs = 100

// ConsentPage is a visit to Basiq's consent page.
type ConsentPage struct {
	// Action is what the user comes for; [ConsentActionNone] for a first consent.
	Action ConsentAction
	// State comes back with the redirect, so that nobody can pass off another visit's as this one's: make one with
	// [NewConsentState], keep it in the user's session, and give it to [ParseConsentRedirect]. Required.
	State string
	// InstitutionID names the bank, for example "AU00000", and skips the list of banks. Optional.
	InstitutionID string
	// ConnectionID names a connection: a web connection to give new credentials for, or one of open banking to authorise
	// again or choose the accounts of. Optional.
	ConnectionID string
}

// NewConsentState returns a random state that cannot be guessed.
func NewConsentState() string { return rand.Text() }

// PageURL returns the URL of the consent page for a user, to which the user's browser is to be sent: with API 3.0 that is
// how users connect their banks. Afterwards the browser comes back to the redirect URL that is set in Basiq's dashboard:
// see [ParseConsentRedirect].
//
// The URL holds an access token of [ClientAccess], for this user alone; so it is a Secret: reveal it to nobody but the
// user's browser, as in
//
//	http.Redirect(w, r, page.Reveal(), http.StatusSeeOther)
//
// The token is good for half an hour at least, as far as Basiq's tokens are. It is never the server's: whatever
// [ContextWithScope] says, it is asked for with [ClientAccess], of Basiq itself where the client has an API key. A
// [TokenSource] without an API key beside it is asked for both, and refused when it gives the same, or one that says of
// itself that it is a server's; one that makes a new server's token for every scope cannot be found out.
//
// Errors: [ErrInvalidInput], and those of [TokensService.Create]. operationId: postToken; the page itself is described in
// Basiq's guides only.
func (s *ConsentsService) PageURL(ctx context.Context, userID string, page ConsentPage) (Secret, error) {
	const name = "Consents.PageURL"
	op := &Operation{Name: name}
	if err := checkIDs(op, id{"userID", userID}); err != nil {
		return Secret{}, err
	}
	for _, optional := range []id{{"page.InstitutionID", page.InstitutionID}, {"page.ConnectionID", page.ConnectionID}} {
		if optional.value != "" {
			if err := checkIDs(op, optional); err != nil {
				return Secret{}, err
			}
		}
	}
	switch {
	case page.State == "":
		return Secret{}, invalidInput(name, "page.State", "it is empty; make one with basiq.NewConsentState and keep it in the user's session")
	case strings.ContainsFunc(string(page.Action), func(r rune) bool { return r < 'a' || r > 'z' }):
		return Secret{}, invalidInput(name, "page.Action", "it is no action; use one of the ConsentAction constants")
	}
	token, err := s.token(ctx, userID)
	if err != nil {
		return Secret{}, err
	}
	query := url.Values{"token": {token.Reveal()}, "state": {page.State}}
	for parameter, value := range map[string]string{
		"action": string(page.Action), "institutionId": page.InstitutionID, "connectionId": page.ConnectionID,
	} {
		if value != "" {
			query.Set(parameter, value)
		}
	}
	u := *s.client.config.consentURL
	u.RawQuery = query.Encode()
	return NewSecret(u.String()), nil
}

// token returns a token for the user's browser.
func (s *ConsentsService) token(ctx context.Context, userID string) (Secret, error) {
	c, scope := s.client, ClientAccess(userID)
	if c.config.tokenSource != nil {
		return s.sourcedToken(ctx, scope)
	}
	token, err := c.tokens.Token(ctx, scope)
	if err == nil && lifeLeft(token) < consentTokenLife {
		token, err = c.Tokens.Create(ctx, scope)
	}
	return token.Value, err
}

// lifeLeft returns how long a token is valid by the wall clock. The monotonic clock stops while the machine sleeps.
func lifeLeft(token Token) time.Duration { return time.Until(token.Expires.Round(0)) }

// sourcedToken returns a token where the caller has a TokenSource, which may know nothing of scopes. With an API key, it
// is not asked.
func (s *ConsentsService) sourcedToken(ctx context.Context, scope Scope) (Secret, error) {
	c := s.client
	if !c.config.apiKey.IsZero() {
		token, err := c.Tokens.Create(ctx, scope)
		return token.Value, err
	}
	token, err := c.tokens.Token(ctx, scope)
	if err == nil && hasEnded(token) {
		c.tokens.Reject(ctx, scope, token)
		token, err = c.tokens.Token(ctx, scope)
	}
	switch {
	case err != nil:
		return Secret{}, err
	case token.Value.IsZero() || hasEnded(token):
		return Secret{}, errNoToken
	}
	server, err := c.tokens.Token(ctx, ServerAccess())
	if err != nil {
		return Secret{}, fmt.Errorf("basiq: Consents.PageURL: the server's token, to compare with: %w", err)
	}
	if server.Value.Equal(token.Value) || isServerToken(token.Value) {
		return Secret{}, errServerToken
	}
	return token.Value, nil
}

// hasEnded reports whether a token is known to have expired.
func hasEnded(token Token) bool { return !token.Expires.IsZero() && lifeLeft(token) <= 0 }

var errNoToken = errors.New("basiq: Consents.PageURL: the TokenSource returned an empty or expired token")

var errServerToken = errors.New("basiq: Consents.PageURL: the token is not bound to the user: the TokenSource has given a " +
	"SERVER_ACCESS token, which must never reach a browser")

// isServerToken reports whether a token says of itself that it is for the server. Basiq's tokens are JWTs; what stands
// in them is not documented, so one that says nothing passes.
func isServerToken(token Secret) bool {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return false
	}
	return bytes.Contains(payload, []byte(TokenScopeServerAccess))
}

// ConsentRedirect is what the consent page tells when it sends the browser back.
type ConsentRedirect struct {
	// JobIDs are the jobs that fetch the data of the banks that the user has connected: give them to
	// [JobsService.WaitAll]. Empty when the user has connected none. The user's browser has carried them and may have
	// changed them: give [WaitForUser] as well, so that nobody is shown another user's.
	JobIDs []string
	// Query is all that the page has sent.
	Query url.Values
}

// ParseConsentRedirect reads the URL at which the browser has come back from the consent page, as in
//
//	redirect, err := basiq.ParseConsentRedirect(r.URL, session.ConsentState)
//
// state is the one that was given to [ConsentPage]. It is compared in constant time, and a redirect with another one, or
// with none, is an error that is [ErrConsentState]. Use a state once, and forget it then.
//
// Errors: [ErrInvalidInput] for a URL that is nil or cannot be read, and for job ids that cannot be any; [ErrConsentState].
func ParseConsentRedirect(u *url.URL, state string) (*ConsentRedirect, error) {
	const name = "ParseConsentRedirect"
	switch {
	case u == nil:
		return nil, invalidInput(name, "u", "it is nil; give the URL of the request")
	case state == "":
		return nil, invalidInput(name, "state", "it is empty; give the state that ConsentPage had")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, invalidInput(name, "u", "its query cannot be read")
	}
	if states := query["state"]; len(states) != 1 || subtle.ConstantTimeCompare([]byte(states[0]), []byte(state)) != 1 {
		return nil, ErrConsentState
	}
	redirect := &ConsentRedirect{Query: query}
	for _, value := range query["jobIds"] {
		for jobID := range strings.SplitSeq(value, ",") {
			jobID = strings.TrimSpace(jobID)
			if jobID == "" || slices.Contains(redirect.JobIDs, jobID) {
				continue
			}
			if err := api.ID(jobID).Validate(); err != nil {
				return nil, invalidInput(name, "u", "one of its jobIds: "+err.Error())
			}
			if len(redirect.JobIDs) == maxRedirectJobs {
				return nil, invalidInput(name, "u", fmt.Sprintf("it has more than %d jobIds", maxRedirectJobs))
			}
			redirect.JobIDs = append(redirect.JobIDs, jobID)
		}
	}
	return redirect, nil
}
