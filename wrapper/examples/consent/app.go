package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// redirectPath is where the consent page sends the browser back to.
const redirectPath = "/connected"

// app is the web app. What it knows is in memory; one that is more than an example has a database.
type app struct {
	ctx     context.Context //nolint:containedctx // Jobs are followed for as long as the program runs, not as a request does.
	client  *basiq.Client
	waiting sync.WaitGroup // for jobs

	mu       sync.Mutex // guards sessions, and what is in them
	sessions map[string]*session
}

// session is what is kept of a browser. The browser has nothing but its random name.
type session struct {
	userID string
	state  string              // of the visit to the consent page; "" when the browser is not on one
	action basiq.ConsentAction // what that visit is for
	jobs   []*following
	notice string // to be shown once
}

// following is a job and how far it is known to be.
type following struct {
	job  *basiq.Job // nil until it is known
	err  error      // why it failed, or cannot be followed
	over bool
}

func newApp(ctx context.Context, client *basiq.Client) *app {
	return &app{ctx: ctx, client: client, sessions: map[string]*session{}}
}

// close waits for what is under way, which must have been cancelled, and deletes the users.
func (a *app) close(ctx context.Context) (problems []error) {
	a.waiting.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.sessions {
		if err := a.client.Users.Delete(ctx, s.userID); err != nil && !errors.Is(err, basiq.ErrNotFound) {
			problems = append(problems, err)
		}
	}
	return problems
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("POST /connect", a.connect)
	mux.HandleFunc("GET "+redirectPath, a.connected)
	mux.HandleFunc("POST /forget", a.forget)
	mux.HandleFunc("GET /style.css", serveStyle)
	// No other site can have a browser post here.
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		protected.ServeHTTP(w, r)
	})
}

const sessionCookie = "session"

// session returns the browser's session, or nil when it has none.
func (a *app) session(r *http.Request) *session {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sessions[cookie.Value]
}

// newSession gives the browser a session. The cookie must be Lax, not Strict: the consent page is another site, and the
// browser brings it along when that page sends it back. On a server with https it would be Secure as well.
func (a *app) newSession(w http.ResponseWriter, userID string) *session {
	name, s := rand.Text(), &session{userID: userID}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sessions[name] = s
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // There is no https on the loopback interface.
		Name: sessionCookie, Value: name, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return s
}

// connect sends the browser to the consent page. For one that comes for the first time it creates the user before that.
func (a *app) connect(w http.ResponseWriter, r *http.Request) {
	s := a.session(r)
	if s == nil {
		email := strings.TrimSpace(r.FormValue("email"))
		if email == "" {
			a.start(w, email, "Enter your email address")
			return
		}
		user, err := a.client.Users.Create(r.Context(), basiq.CreateUser{Email: email})
		if errors.Is(err, basiq.ErrBadRequest) {
			a.start(w, email, "Enter an email address such as name@example.com")
			return
		}
		if err != nil {
			fail(w, err)
			return
		}
		s = a.newSession(w, user.ID)
	}
	state := basiq.NewConsentState()
	action := basiq.ConsentAction(r.FormValue("action"))
	page, err := a.client.Consents.PageURL(r.Context(), s.userID, basiq.ConsentPage{Action: action, State: state})
	if err != nil {
		fail(w, err)
		return
	}
	a.mu.Lock()
	s.state, s.action = state, action
	a.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store") // the URL has a token in it
	http.Redirect(w, r, page.Reveal(), http.StatusSeeOther)
}

// connected takes the browser that the consent page has sent back, and follows the jobs that it brings.
func (a *app) connected(w http.ResponseWriter, r *http.Request) {
	s := a.session(r)
	if s == nil {
		fail(w, basiq.ErrConsentState)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.state == "" {
		fail(w, basiq.ErrConsentState)
		return
	}
	redirect, err := basiq.ParseConsentRedirect(r.URL, s.state)
	if err != nil {
		fail(w, err)
		return
	}
	s.state, s.jobs, s.notice = "", nil, "" // a state is good once
	if len(redirect.JobIDs) == 0 && s.action != basiq.ConsentActionManage {
		s.notice = "No bank was connected."
	}
	for _, jobID := range redirect.JobIDs {
		f := &following{}
		s.jobs = append(s.jobs, f)
		a.waiting.Go(func() { a.follow(f, jobID, s.userID) })
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// follow keeps what becomes of a job, for the page to show. The browser has brought the job's id, so it is said whose job
// it has to be.
func (a *app) follow(f *following, jobID, userID string) {
	for job, err := range a.client.Jobs.Watch(a.ctx, jobID, basiq.WaitForUser(userID)) {
		a.mu.Lock()
		if job != nil {
			f.job = job
		}
		f.err = err
		a.mu.Unlock()
	}
	a.mu.Lock()
	f.over = true
	a.mu.Unlock()
}

// forget deletes the user, with all that Basiq has of it.
func (a *app) forget(w http.ResponseWriter, r *http.Request) {
	if s := a.session(r); s != nil {
		if err := a.client.Users.Delete(r.Context(), s.userID); err != nil && !errors.Is(err, basiq.ErrNotFound) {
			fail(w, err)
			return
		}
		cookie, _ := r.Cookie(sessionCookie) // the session was found by it
		a.mu.Lock()
		delete(a.sessions, cookie.Value)
		a.mu.Unlock()
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
