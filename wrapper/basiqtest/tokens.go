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

// token is an access token. Its API version is the token's for life.
type token struct {
	scope   scopes
	user    string // the id of the only user that it is good for, or "" for all
	version versions
	expires time.Time
}

// tokenVersions are the versions that may be asked for. 2.0 has no operation that 2.1 has not, and is treated alike.
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
	case "", gen.TokenScopeServerAccess: // a userId is of no use here, and not looked at
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

// newToken keeps a token and returns its text, a JWT as Basiq's are. What those hold is not documented; here it is what the
// sandbox itself knows of the token.
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
	signature := s.randomBytes(4) // as long as one is; nobody here checks it
	encoding := base64.RawURLEncoding
	text := encoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		encoding.EncodeToString(payload) + "." + encoding.EncodeToString(signature)
	s.addToken(text, t, now)
	return text
}

// maxTokensKept bounds the tokens that are kept when they have expired, so that a sandbox may run for days. The oldest are
// unknown then.
const maxTokensRetained = 10_000

func (s *Sandbox) addToken(text string, t *token, now time.Time) {
	for len(s.tokenOrder) >= maxTokensRetained {
		if oldest := s.tokens[s.tokenOrder[0]]; oldest != nil && now.Before(oldest.expires) {
			break // Those that are good are kept, however many there are.
		}
		delete(s.tokens, s.tokenOrder[0])
		s.tokenOrder = s.tokenOrder[1:]
	}
	s.tokens[text] = t
	s.tokenOrder = append(s.tokenOrder, text)
}

// checkTokenHeaders returns the version asked for. What is missing is reported before what is wrong, and the key last;
// the documents do not say.
func checkTokenHeaders(header http.Header) (versions, error) {
	const authorization, basiqVersion = "Authorization", "basiq-version"
	if header.Get(authorization) == "" {
		return 0, headerNotValid(authorization, "Authorization header parameter is required")
	}
	// The documents write Basic and Bearer; both count as such in capitals or not, as in all of HTTP.
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

// printable returns a version as an error text may repeat it: what looks like none might be a secret in the wrong place.
func sanitizeVersion(version string) string {
	if len(version) > 8 || strings.Trim(version, "0123456789.") != "" {
		return "given"
	}
	return version
}

// form reads the form in the body, or a JSON object in its place, as in a guide and sent by an application. Another content
// type is not valid; no document says how that is answered.
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

// checkTokenUser checks the user that a CLIENT_ACCESS token is to be bound to. Version 2.1 knows tokens that are bound
// to none. How an unknown user is answered is not documented; 404 is what a wrong API key gets, so it is 400.
func (s *Sandbox) checkTokenUser(t *token) error {
	if t.user == "" {
		if t.version == v30 {
			return notSupplied("User ID parameter is required.", fromParameter("userId"))
		}
		return nil
	}
	if s.users[t.user] == nil {
		return notValid("User ID value is not valid", fromParameter("userId"))
	}
	return nil
}

// bearer returns the token that came with a request, or "".
func bearer(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return value
}

// expireTokens makes all tokens expire. The sandbox must be locked.
func (s *Sandbox) expireTokens() {
	for _, t := range s.tokens {
		t.expires = time.Time{}
	}
}

// authorize checks the call's token and keeps it.
func (s *Sandbox) authorize(c *call) error {
	t := s.tokens[bearer(c.http)]
	switch {
	case c.http.Header.Get("Authorization") == "" && c.route.operation == "deleteUser":
		return missingToken() // is documented for this operation only
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

// mayAccess checks that the call's token is good for the user.
func (c *call) checkUserAccess(userID string) error {
	if c.token.user != "" && c.token.user != userID {
		return unauthorizedAccess()
	}
	return nil
}
