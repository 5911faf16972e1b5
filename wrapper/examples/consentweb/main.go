// Command consentweb lets a user connect a bank on Basiq's consent page. The example consent is a complete web app. Set the
// redirect URL in Basiq's dashboard to http://localhost:8080/connected, and open http://localhost:8080/connect.
//
//	BASIQ_API_KEY=... USER_ID=... go run ./wrapper/examples/consentweb
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func main() {
	client, err := basiq.New(os.Getenv("BASIQ_API_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal((&http.Server{Addr: "localhost:8080", Handler: handler(client, os.Getenv("USER_ID")), ReadTimeout: 5 * time.Second}).ListenAndServe())
}

// handler returns the web app for one user. With many users, take the user ID from the session.
func handler(client *basiq.Client, userID string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /connect", func(w http.ResponseWriter, r *http.Request) {
		state := basiq.NewConsentState()
		page, err := client.Consents.PageURL(r.Context(), userID, basiq.ConsentPage{State: state})
		if err != nil {
			http.Error(w, "Please try again later.", http.StatusBadGateway)
			log.Print(err) // not for the user
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
			state = new(http.Cookie) // ParseConsentRedirect rejects an empty state
		}
		http.SetCookie(w, &http.Cookie{Name: "state", MaxAge: -1}) //nolint:gosec // deletes the cookie: a state is valid once
		redirect, err := basiq.ParseConsentRedirect(r.URL, state.Value)
		var jobs []*basiq.Job
		if err == nil { // A production app responds immediately and waits in the background.
			jobs, err = client.Jobs.WaitAll(r.Context(), redirect.JobIDs, basiq.WithUser(userID))
		}
		if err != nil {
			log.Print(err)
			http.Error(w, "Open /connect to try again.", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "Connected banks: %d\n", len(jobs)) //nolint:gosec // it is a number
	})
	return mux
}
