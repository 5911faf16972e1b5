// Command consentweb lets a user connect a bank on Basiq's consent page. It is the smallest web app that does so; the example
// consent is a complete one. Set the redirect URL in Basiq's dashboard to http://localhost:8080/connected.
//
//	BASIQ_API_KEY=... go run ./wrapper/examples/consentweb USER_ID
package main

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: consentweb USER_ID")
	}
	client, err := basiq.New(os.Getenv("BASIQ_API_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	log.Print("open http://localhost:8080/connect")
	server := http.Server{Addr: "localhost:8080", Handler: handler(client, os.Args[1]), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// handler returns the web app for one user. An app with many users takes the user ID from the session.
func handler(client *basiq.Client, userID string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /connect", func(w http.ResponseWriter, r *http.Request) {
		state := basiq.NewConsentState()
		page, err := client.Consents.PageURL(r.Context(), userID, basiq.ConsentPage{State: state})
		if err != nil {
			fail(w, err)
			return
		}
		// SameSite must be Lax: the browser returns from another site. Set Secure if the app uses HTTPS.
		http.SetCookie(w, &http.Cookie{Name: "state", Value: state, HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // localhost
		w.Header().Set("Cache-Control", "no-store")                                                                  // the URL contains a token
		http.Redirect(w, r, page.Reveal(), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /connected", func(w http.ResponseWriter, r *http.Request) {
		state, err := r.Cookie("state")
		if err != nil {
			fail(w, basiq.ErrConsentState)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "state", MaxAge: -1}) //nolint:gosec // deletes the cookie: a state is valid once
		redirect, err := basiq.ParseConsentRedirect(r.URL, state.Value)
		if err != nil {
			fail(w, err)
			return
		}
		// A production app responds immediately and waits in the background.
		jobs, err := client.Jobs.WaitAll(r.Context(), redirect.JobIDs, basiq.WithUser(userID))
		if err != nil {
			fail(w, err)
			return
		}
		fmt.Fprintf(w, "Connected banks: %d\n", len(jobs)) //nolint:gosec // it is a number
	})
	return mux
}

// fail logs an error and responds with what the user can do. The error itself is not for the user.
func fail(w http.ResponseWriter, err error) {
	log.Print(err)
	if errors.Is(err, basiq.ErrConsentState) {
		http.Error(w, "This visit is no longer valid. Open /connect.", http.StatusBadRequest)
		return
	}
	http.Error(w, "Please try again later.", http.StatusBadGateway)
}
