package basiqtest

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

// A token is an access token. Its API version is fixed.
type token struct {
	scope   scopes
	user    string // ID of the user that the token is limited to; "" for all users
	version versions
	expires time.Time
}

// tokenVersions maps the accepted version headers. Version 2.0 has no operations that 2.1 does not have, so it is
// treated as 2.1.
var tokenVersions = map[string]versions{"2.0": v21, "2.1": v21, "3.0": v30}

func (s *Sandbox) postToken(c *call) (response, error) {
	version, err := checkTokenHeaders(c.http.Header)
	if err != nil {
		return response{}, err
	}
	form, err := c.form()
	if err != nil {
		return response{}, err
	}
	t := &token{scope: server, version: version, expires: c.now.Add(s.config.tokenLifetime)}
	switch gen.TokenScope(form.Get("scope")) {
	case "", gen.TokenScopeServerAccess: // a userId is ignored
	case gen.TokenScopeClientAccess:
		t.scope = client
		t.user = form.Get("userId")
		if err := s.checkTokenUser(t); err != nil {
			return response{}, err
		}
	default:
		return response{}, notValid("Scope value is not valid", fromParameter("scope"))
	}
	if err := s.countToken(c.now); err != nil {
		return response{}, err
	}
	value := s.newToken(t, c.now)
	return response{http.StatusOK, object{
		"access_token": value,
		"token_type":   "Bearer",
		"expires_in":   int64(s.config.tokenLifetime / time.Second),
	}}, nil
}

// newToken stores a token and returns its text. Like Basiq's tokens, it is a JWT. The claims of Basiq's tokens are not
// documented, so these are the sandbox's own.
func (s *Sandbox) newToken(t *token, now time.Time) string {
	scope := gen.TokenScopeServerAccess
	if t.scope == client {
		scope = gen.TokenScopeClientAccess
	}
	claims := object{
		"jti": s.newID(), "iss": "basiqtest", "scope": scope, "partnerid": partnerID, "applicationid": applicationID,
		"iat": now.Unix(), "exp": t.expires.Unix(),
	}
	if t.user != "" {
		claims["userid"] = t.user
	}
	_, payload := encode(response{body: claims})
	signature := s.randomBytes(4) // never verified; only the length is realistic
	encoding := base64.RawURLEncoding
	text := encoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		encoding.EncodeToString(payload) + "." + encoding.EncodeToString(signature)
	s.addToken(text, t, now)
	return text
}

// maxTokensRetained is the number of tokens kept. If it is exceeded, the oldest expired tokens become unknown.
const maxTokensRetained = 10_000

func (s *Sandbox) addToken(text string, t *token, now time.Time) {
	for len(s.tokenOrder) >= maxTokensRetained {
		if oldest := s.tokens[s.tokenOrder[0]]; oldest != nil && now.Before(oldest.expires) {
			break // valid tokens are always kept
		}
		delete(s.tokens, s.tokenOrder[0])
		s.tokenOrder = s.tokenOrder[1:]
	}
	s.tokens[text] = t
	s.tokenOrder = append(s.tokenOrder, text)
}

// checkTokenHeaders returns the requested version. It reports missing headers before invalid ones, and an unknown key
// last. The order is not documented.
func checkTokenHeaders(header http.Header) (versions, error) {
	const authorization, basiqVersion = "Authorization", "basiq-version"
	if header.Get(authorization) == "" {
		return 0, headerNotValid(authorization, "Authorization header parameter is required")
	}
	// The documentation has Basic and Bearer. Schemes are case-insensitive, as always in HTTP.
	scheme, key, ok := strings.Cut(header.Get(authorization), " ")
	if !ok || !strings.EqualFold(scheme, "Basic") || strings.TrimSpace(key) == "" {
		return 0, headerNotValid(authorization, "Invalid authorization header")
	}
	wanted := header.Get(basiqVersion)
	if wanted == "" {
		return 0, headerNotValid(basiqVersion, "Basiq-version must be specified in HTTP request header")
	}
	version, ok := tokenVersions[wanted]
	if !ok {
		return 0, headerNotValid(basiqVersion,
			"Version "+sanitizeVersion(wanted)+" is no longer supported. Please upgrade to the latest version")
	}
	if key != apiKey {
		return 0, unknownKey()
	}
	return version, nil
}

// sanitizeVersion returns a version for use in an error text. A value that does not look like a version may be a
// misplaced secret and is not returned.
func sanitizeVersion(version string) string {
	if len(version) > 8 || strings.Trim(version, "0123456789.") != "" {
		return "given"
	}
	return version
}

// form parses the form in the body. It also accepts a JSON object, as in a guide and as sent by an application. Any
// other content type is an error; Basiq's error for it is not documented.
func (c *call) form() (url.Values, error) {
	contentType := c.http.Header.Get("Content-Type")
	if isJSON(contentType) {
		fields := map[string]string{}
		if c.bodyIncomplete || json.Unmarshal(c.body, &fields) != nil {
			return nil, invalidContent("form")
		}
		form := url.Values{}
		for name, value := range fields {
			form.Set(name, value)
		}
		return form, nil
	}
	if contentType != "" {
		mediaType, _, err := mime.ParseMediaType(contentType)
		if err != nil || mediaType != "application/x-www-form-urlencoded" {
			return nil, invalidContent("form")
		}
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil || c.bodyIncomplete {
		return nil, invalidContent("form")
	}
	return form, nil
}

// checkTokenUser validates the user that a CLIENT_ACCESS token is bound to. In version 2.1, the user is optional. The
// error for an unknown user is not documented. The sandbox uses 400, because 404 means a wrong API key.
func (s *Sandbox) checkTokenUser(t *token) error {
	if t.user == "" {
		if t.version.since(v30) {
			return notSupplied("User ID parameter is required.", fromParameter("userId"))
		}
		return nil
	}
	if s.users[t.user] == nil {
		return notValid("User ID value is not valid", fromParameter("userId"))
	}
	return nil
}

// bearer returns the token of a request, or "".
func bearer(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return value
}

// expireTokens expires all tokens. The sandbox must be locked.
func (s *Sandbox) expireTokens() {
	for _, t := range s.tokens {
		t.expires = time.Time{}
	}
}

// authorize checks the token of the call and stores it in the call.
func (s *Sandbox) authorize(c *call) error {
	t := s.tokens[bearer(c.http)]
	switch {
	case c.http.Header.Get("Authorization") == "" && c.route.operation == "deleteUser":
		return missingToken() // documented for this operation only
	case t == nil:
		return invalidToken()
	case !c.now.Before(t.expires):
		return tokenExpired()
	case t.version&c.route.versions == 0:
		return wrongVersion()
	case t.scope&c.route.scopes == 0:
		return forbiddenAccess()
	}
	c.token = t
	c.version, c.scope = t.version, t.scope
	if id := c.http.PathValue("userId"); id != "" {
		return c.checkUserAccess(id)
	}
	return nil
}

// checkUserAccess returns an error if the call's token is not valid for the user.
func (c *call) checkUserAccess(userID string) error {
	if c.token.user != "" && c.token.user != userID {
		return unauthorizedAccess()
	}
	return nil
}
