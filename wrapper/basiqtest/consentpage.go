package basiqtest

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// Paths of the consent page. It is for browsers and not an operation of the API.
const (
	homePath  = "/home"
	stylePath = homePath + "/style.css"
	linkPath  = homePath + "/link/"
	visitPath = homePath + "/visit/"
)

// maxForm is the maximum size of a submitted form in bytes.
const maxForm = 64 << 10

// A page is a response of the consent page: either a template with its data, or a redirect.
type page struct {
	status   int
	template string
	data     *pageData
	location string        // redirect target; "" for none
	refresh  time.Duration // interval after which the browser reloads; 0 for never
}

func redirect(location string) page { return page{status: http.StatusSeeOther, location: location} }

// refusal returns an error page without further links.
func refusal(status int, title string, text ...string) page {
	return page{status: status, template: "refusal", data: &pageData{Title: title, Text: text}}
}

// Error pages for visits that cannot start or continue.
func noToken() page {
	return refusal(http.StatusBadRequest, "This link has no token",
		"The address of this page must have the query parameter token=… with a CLIENT_ACCESS token that is bound to the user.")
}

func unknownTokenPage() page {
	return refusal(http.StatusUnauthorized, "Unknown link",
		"Its token was not issued by this sandbox, or it has been revoked.", goBack)
}

func expiredPage() page {
	return refusal(http.StatusForbidden, "This link has expired", "Its token has expired.", goBack)
}

func serverTokenPage() page {
	return refusal(http.StatusForbidden, "This link must not be used",
		"Its token has the scope SERVER_ACCESS, which grants access to the data of all users. Such a token must never reach a browser.",
		"Developers: create a CLIENT_ACCESS token with the user's userId for each visit.")
}

func unboundPage() page {
	return refusal(http.StatusForbidden, "This link has no user",
		"Its token is not bound to a user.", "Developers: request the token with the user's userId.")
}

func unknownVisit() page {
	return refusal(http.StatusNotFound, "This visit has ended", "It was finished or has expired.", goBack)
}

func connectionGone() page {
	return refusal(http.StatusNotFound, "Connection not found", "It has been removed, or it belongs to another user.", goBack)
}

const goBack = "Go back to the app and start again."

// servePage handles a request of a browser. It reads the request before locking the sandbox.
func (s *Sandbox) servePage(w http.ResponseWriter, r *http.Request, path []string) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", s.pagePolicy())
	if r.URL.Path == stylePath && r.Method == http.MethodGet {
		header.Set("Content-Type", "text/css; charset=utf-8")
		header.Set("Cache-Control", "no-cache")
		_, _ = w.Write(templates().style)
		return
	}
	header.Set("Cache-Control", "no-store")
	var form url.Values
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if r.ParseForm() == nil { // an invalid form is treated as empty, which no step accepts
			form = r.PostForm
		}
	}
	result, body, logged := s.renderPage(r, path, form)
	if result.location != "" {
		header.Set("Location", result.location)
	} else {
		header.Set("Content-Type", "text/html; charset=utf-8")
	}
	if result.refresh > 0 {
		// Use a header, because screen readers announce an equivalent <meta> element but not the header.
		header.Set("Refresh", strconv.Itoa(int((result.refresh+time.Second-1)/time.Second)))
	}
	w.WriteHeader(result.status)
	s.logRequest(r.Context(), logged)
	_, _ = w.Write(body) //nolint:gosec // The body was written by html/template, which escapes it.
}

// pagePolicy returns the Content-Security-Policy of all pages. Submitting a form may redirect to the redirect URL.
func (s *Sandbox) pagePolicy() string {
	forms := "'self'"
	if back := s.config.redirectURL; back != nil {
		forms += " " + back.Scheme + "://" + back.Host
	}
	return "default-src 'none'; style-src 'self'; form-action " + forms + "; base-uri 'none'; frame-ancestors 'none'"
}

// renderPage creates and renders the page with the sandbox locked, because the page shows data that may change. The log
// omits the last path segment, because anyone who knows the path of a visit or an auth link can use it.
func (s *Sandbox) renderPage(r *http.Request, path []string, form url.Values) (page, []byte, Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.runDue(now)
	shown := homePath
	var result page
	switch {
	case len(path) == 0 && r.Method == http.MethodGet:
		result = s.openVisit(r.URL.Query(), now)
	case len(path) == 2 && path[0] == "link" && r.Method == http.MethodGet:
		shown = linkPath + "{linkId}"
		result = s.openLink(path[1], now)
	case len(path) == 2 && path[0] == "visit" && (r.Method == http.MethodGet || r.Method == http.MethodPost):
		shown = visitPath + "{visitId}"
		result = s.visitPage(path[1], r.Method == http.MethodPost, form, now)
	default:
		shown = homePath + "/…"
		result = refusal(http.StatusNotFound, "Page not found", goBack)
	}
	logged := Request{Method: r.Method, Path: shown, Status: result.status, Time: now}
	s.log.add(logged)
	if result.location != "" {
		return result, nil, logged
	}
	var body bytes.Buffer
	if err := templates().pages[result.template].Execute(&body, result.data); err != nil {
		panic("basiqtest: cannot render page: " + err.Error())
	}
	return result, body.Bytes(), logged
}

// openVisit starts a visit with a token. It redirects to a URL with the visit's ID, so that the token does not stay in
// the address bar. The ID expires with the token and is valid for this page only.
func (s *Sandbox) openVisit(query url.Values, now time.Time) page {
	text := query.Get("token")
	t := s.tokens[text]
	switch {
	case text == "":
		return noToken()
	case t == nil:
		return unknownTokenPage()
	case !now.Before(t.expires):
		return expiredPage()
	case t.scope != client:
		return serverTokenPage()
	case t.user == "":
		return unboundPage()
	case s.users[t.user] == nil:
		return refusal(http.StatusNotFound, "User not found", "It has been deleted.", goBack)
	}
	v := &visit{id: s.newID(), user: s.users[t.user], token: text, action: query.Get("action")}
	if query.Has("state") {
		v.state = new(query.Get("state"))
	}
	if id := query.Get("institutionId"); id != "" {
		if v.presetBank = bank.FindBank(id); v.presetBank == nil || !v.presetBank.Login {
			return refusal(http.StatusBadRequest, "Unknown bank",
				"The bank of the institutionId in the address does not support logins here.", goBack)
		}
	}
	if id := query.Get("connectionId"); id != "" {
		i := slices.IndexFunc(v.user.connections, func(conn *connection) bool {
			return conn.id == id && conn.statement == nil // uploaded statements have no login
		})
		if i < 0 {
			return connectionGone()
		}
		v.target = v.user.connections[i]
	}
	if refused := v.start(now); refused != nil {
		refused.data.Back = s.returnURL(v)
		return *refused
	}
	return s.addVisit(v, t.expires)
}

// openLink starts a visit with an auth link, for a first consent or for more banks under an existing one.
func (s *Sandbox) openLink(id string, now time.Time) page {
	for _, u := range s.users {
		link := u.authLink
		if link == nil || link.id != id {
			continue
		}
		if link.expired(now) {
			return refusal(http.StatusGone, "This link has expired", "Request a new one from the app.")
		}
		v := &visit{id: s.newID(), user: u, link: link, action: actionConnect}
		v.start(now) // cannot be refused with this action
		return s.addVisit(v, link.expires)
	}
	return refusal(http.StatusNotFound, "Unknown link", "It may have been replaced by a newer one.")
}

func (s *Sandbox) addVisit(v *visit, expires time.Time) page {
	s.visits[v.id] = v
	s.schedule(expires, func(time.Time) { delete(s.visits, v.id) })
	return redirect(visitPath + v.id)
}

// visitPage shows the current step of a visit, or submits a form to it.
func (s *Sandbox) visitPage(id string, post bool, form url.Values, now time.Time) page {
	v := s.visits[id]
	if v == nil || s.users[v.user.id] != v.user {
		return unknownVisit()
	}
	if v.link != nil {
		if v.user.authLink != v.link && v.step(now) != stepDone {
			return unknownVisit()
		}
	} else if t := s.tokens[v.token]; t == nil || !now.Before(t.expires) {
		return unknownVisit()
	}
	if v.step(now) == stepLogin && v.connection != nil && !slices.Contains(v.user.connections, v.connection) {
		return connectionGone()
	}
	if post {
		return s.submit(v, form, now)
	}
	return s.show(v, now, nil)
}

// returnURL returns the URL that the browser is sent to after the visit, or "" if no redirect URL is set. It lists the
// jobs of the connected banks, separated by unescaped commas, as documented.
func (s *Sandbox) returnURL(v *visit) string {
	if s.config.redirectURL == nil {
		return ""
	}
	u := *s.config.redirectURL
	add := func(name, value string) {
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += name + "=" + value
	}
	if len(v.done) > 0 {
		add("jobIds", v.jobIDs())
	}
	if v.state != nil {
		add("state", url.QueryEscape(*v.state))
	}
	return u.String()
}
