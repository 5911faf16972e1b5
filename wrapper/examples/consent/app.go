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

// redirectPath is the path to which the consent page redirects the browser.
const redirectPath = "/connected"

// app is the web app. It stores its data in memory; a production app needs a database.
type app struct {
	ctx     context.Context //nolint:containedctx // Jobs are watched for the lifetime of the program, not of a request.
	client  *basiq.Client
	waiting sync.WaitGroup // for watched jobs

	mu       sync.Mutex // guards sessions and their contents
	sessions map[string]*session
}

// session is the server-side data of a browser. The browser stores only the random key of its session.
type session struct {
	userID string
	state  string              // of the current visit to the consent page, or "" if there is none
	action basiq.ConsentAction // the purpose of the visit
	jobs   []*watchedJob
	notice string // shown once
}

// watchedJob is a job and its last known state.
type watchedJob struct {
	job  *basiq.Job // nil until the first poll
	err  error      // why the job failed or could not be polled
	done bool
}

func newApp(ctx context.Context, client *basiq.Client) *app {
	return &app{ctx: ctx, client: client, sessions: map[string]*session{}}
}

// close waits for the watched jobs, whose context must be canceled, and deletes the users.
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
	// Reject cross-site form posts.
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		protected.ServeHTTP(w, r)
	})
}

const sessionCookie = "session"

// session returns the browser's session, or nil if it has none.
func (a *app) session(r *http.Request) *session {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sessions[cookie.Value]
}

// newSession creates a session for the browser. The cookie must be Lax, not Strict: the consent page is on another site, and
// the browser must send the cookie when that page redirects to the app. With HTTPS the cookie should also be Secure.
func (a *app) newSession(w http.ResponseWriter, userID string) *session {
	name, s := rand.Text(), &session{userID: userID}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sessions[name] = s
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // The loopback interface does not use HTTPS.
		Name: sessionCookie, Value: name, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return s
}

// connect redirects the browser to the consent page. It first creates the user if the browser has no session.
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
	w.Header().Set("Cache-Control", "no-store") // the URL contains a token
	http.Redirect(w, r, page.Reveal(), http.StatusSeeOther)
}

// connected handles the redirect from the consent page and watches the jobs that it names.
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
	s.state, s.jobs, s.notice = "", nil, "" // a state is valid once
	if len(redirect.JobIDs) == 0 && s.action != basiq.ConsentActionManage {
		s.notice = "No bank was connected."
	}
	for _, jobID := range redirect.JobIDs {
		f := &watchedJob{}
		s.jobs = append(s.jobs, f)
		a.waiting.Go(func() { a.watch(f, jobID, s.userID) })
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// watch stores the progress of a job for the page to show. The job ID comes from the browser, so watch checks that the job
// belongs to the user.
func (a *app) watch(f *watchedJob, jobID, userID string) {
	for job, err := range a.client.Jobs.Watch(a.ctx, jobID, basiq.WithUser(userID)) {
		a.mu.Lock()
		if job != nil {
			f.job = job
		}
		f.err = err
		a.mu.Unlock()
	}
	a.mu.Lock()
	f.done = true
	a.mu.Unlock()
}

// forget deletes the user and all data that Basiq has about the user.
func (a *app) forget(w http.ResponseWriter, r *http.Request) {
	if s := a.session(r); s != nil {
		if err := a.client.Users.Delete(r.Context(), s.userID); err != nil && !errors.Is(err, basiq.ErrNotFound) {
			fail(w, err)
			return
		}
		cookie, _ := r.Cookie(sessionCookie) // the session exists, so the cookie does
		a.mu.Lock()
		delete(a.sessions, cookie.Value)
		a.mu.Unlock()
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
