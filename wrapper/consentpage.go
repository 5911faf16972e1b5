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

// DefaultConsentURL is the URL of Basiq's consent page.
const DefaultConsentURL = "https://consent.basiq.io/home"

// ConsentAction is the purpose of a visit to the consent page.
type ConsentAction string

// Actions of the consent page.
const (
	// ConsentActionNone creates the first consent and connects a bank.
	ConsentActionNone ConsentAction = ""
	// ConsentActionConnect connects more banks under a valid consent.
	ConsentActionConnect ConsentAction = "connect"
	// ConsentActionManage shows, revokes and removes consents and connections.
	ConsentActionManage ConsentAction = "manage"
	// ConsentActionExtend extends a consent before it expires. The page shows an error if the user has no consent.
	ConsentActionExtend ConsentAction = "extend"
	// ConsentActionUpdate accepts a changed policy. It revokes the previous consent and deletes its connections.
	ConsentActionUpdate ConsentAction = "update"
	// ConsentActionReauthorise renews open-banking connections that expire within seven days. Account IDs do not
	// change.
	ConsentActionReauthorise ConsentAction = "reauthorise"
)

// minConsentTokenLife is the minimum validity of the token in a page URL, because the user needs time to log in to a
// bank.
const minConsentTokenLife = 30 * time.Minute

// maxRedirectJobs limits the job IDs that a browser can send.
const maxRedirectJobs = 100

// ConsentPage describes a visit to Basiq's consent page.
type ConsentPage struct {
	// Action is the purpose of the visit. The default is [ConsentActionNone].
	Action ConsentAction
	// State is returned with the redirect and prevents forged redirects. Create it with [NewConsentState], keep it in
	// the user's session, and pass it to [ParseConsentRedirect]. Required.
	State string
	// InstitutionID optionally names the bank, for example "AU00000", and skips the list of banks.
	InstitutionID string
	// ConnectionID optionally names a connection to update: its credentials, authorization or accounts.
	ConnectionID string
}

// NewConsentState returns a random State for a [ConsentPage], which cannot be guessed.
func NewConsentState() string { return rand.Text() }

// PageURL returns the URL of the consent page for a user, which contains a [ClientAccess] token of the user.
// Reveal it to the user's browser only:
//
//	http.Redirect(w, r, page.Reveal(), http.StatusSeeOther)
//
// Then the browser returns to the redirect URL that is set in Basiq's dashboard; see [ParseConsentRedirect]. The token
// is valid for at least 30 minutes, unless Basiq issues tokens with a shorter life. [ContextWithScope] has no effect. A
// client with an API key requests the token from Basiq, even with a [TokenSource]. Without an API key, PageURL fails if
// the TokenSource returns the server's token or a token that names the server scope. It cannot detect a TokenSource
// that creates a new server token for every scope.
//
// Errors: as [TokensService.Create]. operationId: postToken. The page itself is described only in Basiq's guides.
func (s *ConsentsService) PageURL(ctx context.Context, userID string, page ConsentPage) (Secret, error) {
	const name = "Consents.PageURL"
	op := &Operation{Name: name}
	if err := checkIDs(op, pathParam{"userID", userID}); err != nil {
		return Secret{}, err
	}
	for _, optional := range []pathParam{{"page.InstitutionID", page.InstitutionID}, {"page.ConnectionID", page.ConnectionID}} {
		if optional.value != "" {
			if err := checkIDs(op, optional); err != nil {
				return Secret{}, err
			}
		}
	}
	switch {
	case page.State == "":
		return Secret{}, invalidInput(name, "page.State", "must not be empty; see basiq.NewConsentState")
	case strings.ContainsFunc(string(page.Action), func(r rune) bool { return r < 'a' || r > 'z' }):
		return Secret{}, invalidInput(name, "page.Action", "must be one of the ConsentAction constants")
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
	if err == nil && timeToExpiry(token) < minConsentTokenLife {
		token, err = c.Tokens.Create(ctx, scope)
	}
	return token.Value, err
}

// timeToExpiry returns how long a token is valid by the wall clock. The monotonic clock stops while the machine sleeps.
func timeToExpiry(token Token) time.Duration { return time.Until(token.Expires.Round(0)) }

// sourcedToken returns a token if the caller has a TokenSource, which may ignore scopes.
func (s *ConsentsService) sourcedToken(ctx context.Context, scope Scope) (Secret, error) {
	c := s.client
	if !c.config.apiKey.IsZero() {
		token, err := c.Tokens.Create(ctx, scope)
		return token.Value, err
	}
	token, err := c.tokens.Token(ctx, scope)
	if err == nil && isExpired(token) {
		c.tokens.Reject(ctx, scope, token)
		token, err = c.tokens.Token(ctx, scope)
	}
	switch {
	case err != nil:
		return Secret{}, err
	case token.Value.IsZero() || isExpired(token):
		return Secret{}, errNoToken
	}
	server, err := c.tokens.Token(ctx, ServerAccess())
	if err != nil {
		return Secret{}, fmt.Errorf("basiq: Consents.PageURL: server token for comparison: %w", err)
	}
	if server.Value.Equal(token.Value) || isServerToken(token.Value) {
		return Secret{}, errServerToken
	}
	return token.Value, nil
}

// isExpired reports whether a token is known to have expired.
func isExpired(token Token) bool { return !token.Expires.IsZero() && timeToExpiry(token) <= 0 }

var errNoToken = errors.New("basiq: Consents.PageURL: TokenSource returned an empty or expired token")

var errServerToken = errors.New("basiq: Consents.PageURL: TokenSource returned a SERVER_ACCESS token, which must not be sent to a browser")

// isServerToken reports whether a token names the server scope. Basiq's tokens are JWTs with undocumented content, so a
// token that names no scope passes.
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

// ConsentRedirect holds the parameters of the redirect from the consent page.
type ConsentRedirect struct {
	// JobIDs are the jobs that fetch the data of the connected banks, for [JobsService.WaitAll]. The browser may have
	// changed them: pass [WithUser] too, so that jobs of other users are rejected.
	JobIDs []string
	// Query holds all parameters of the URL.
	Query url.Values
}

// ParseConsentRedirect parses the URL to which the browser returned, and compares its state in constant time:
//
//	redirect, err := basiq.ParseConsentRedirect(r.URL, session.ConsentState)
//
// state is the State of the [ConsentPage]; use it once. If the option "skip error screen" is set in Basiq's dashboard,
// the browser also returns after a failed connection. Basiq does not document what the query holds then: JobIDs may be
// empty or name a job that failed, which [JobsService.Wait] reports as a [*JobError]. Errors: [ErrInvalidInput] for an
// invalid URL or job ID, [ErrConsentState].
func ParseConsentRedirect(u *url.URL, state string) (*ConsentRedirect, error) {
	const name = "ParseConsentRedirect"
	switch {
	case u == nil:
		return nil, invalidInput(name, "u", "must not be nil")
	case state == "":
		return nil, invalidInput(name, "state", "must not be empty")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, invalidInput(name, "u", "invalid query")
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
				return nil, invalidInput(name, "u", "invalid ID in jobIds: "+idProblem(err))
			}
			if len(redirect.JobIDs) == maxRedirectJobs {
				return nil, invalidInput(name, "u", fmt.Sprintf("more than %d jobIds", maxRedirectJobs))
			}
			redirect.JobIDs = append(redirect.JobIDs, jobID)
		}
	}
	return redirect, nil
}
