package basiq_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// pages returns a client of a server with three transactions on two pages.
func pages() (client *basiq.Client, done func()) {
	const (
		first = `{"type":"list","count":2,"size":3,"data":[
			{"type":"transaction","id":"t1","status":"pending","amount":"-12.95","postDate":"","direction":"debit"},
			{"type":"transaction","id":"t2","status":"posted","amount":"-80.00","postDate":"2024-03-02T00:00:00Z","direction":"debit"}],
			"links":{"next":"/users/u1/transactions?next=2f1c"}}`
		second = `{"type":"list","count":1,"size":3,"data":[
			{"type":"transaction","id":"t3","status":"posted","amount":"7228.40","postDate":"2024-02-28T00:00:00Z","direction":"credit"}],
			"links":{}}`
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/token":
			_, _ = io.WriteString(w, `{"access_token":"token","token_type":"Bearer","expires_in":3600}`)
		case r.URL.Query().Has("next"):
			_, _ = io.WriteString(w, second)
		default:
			_, _ = io.WriteString(w, first)
		}
	}))
	client, err := basiq.New("key", basiq.WithBaseURL(server.URL))
	if err != nil {
		panic(err)
	}
	return client, server.Close
}

// Add up what was spent from an account, to the cent, over all pages.
func ExampleTransactionsService_List() {
	client, done := pages() // basiq.New(os.Getenv("BASIQ_API_KEY"))
	defer done()

	var spent int64
	for transaction, err := range client.Transactions.List(context.Background(), "u1", basiq.TransactionListOptions{Filter: basiq.TransactionFields.AccountID.Eq("a1")}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		cents, known := transaction.Amount.MinorUnits(2)
		if known && transaction.Direction == basiq.TransactionDirectionDebit {
			spent -= cents
		}
		if _, posted := transaction.PostDate.Time(); !posted {
			fmt.Println(transaction.ID, "has no post date yet")
		}
	}
	fmt.Printf("%d.%02d AUD\n", spent/100, spent%100)
	// Output:
	// t1 has no post date yet
	// 92.95 AUD
}

// Read one page at a time and store the cursor of the next one.
func ExampleTransactionsService_Page() {
	client, done := pages()
	defer done()

	stored := basiq.Cursor("") // the cursor of the previous run
	for {
		page, err := client.Transactions.Page(context.Background(), "u1", stored, basiq.TransactionListOptions{PageSize: 2})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(page.Items), "of", page.Total)
		if stored = page.Next; stored == "" {
			return
		}
	}
	// Output:
	// 2 of 3
	// 1 of 3
}

// Send a user to Basiq's consent page, then wait for the banks that the user has connected there.
func ExampleConsentsService_PageURL() {
	var (
		client  *basiq.Client     // from basiq.New
		session map[string]string // your web framework's session for one browser
		userID  string            // from client.Users.Create
	)
	http.HandleFunc("/connect", func(w http.ResponseWriter, r *http.Request) {
		session["state"] = basiq.NewConsentState()
		page, err := client.Consents.PageURL(r.Context(), userID, basiq.ConsentPage{State: session["state"]})
		if err != nil {
			http.Error(w, "Basiq cannot be reached", http.StatusBadGateway)
			return
		}
		http.Redirect(w, r, page.Reveal(), http.StatusSeeOther)
	})
	// The redirect URL configured in Basiq's dashboard.
	http.HandleFunc("/connected", func(w http.ResponseWriter, r *http.Request) {
		redirect, err := basiq.ParseConsentRedirect(r.URL, session["state"])
		if err != nil {
			http.Error(w, "the consent was not started in this session", http.StatusForbidden)
			return
		}
		delete(session, "state")
		// The job IDs come from the browser: WithUser checks whose they are.
		jobs, err := client.Jobs.WaitAll(r.Context(), redirect.JobIDs, basiq.WithUser(userID))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		for _, job := range jobs {
			if connectionID, known := job.ConnectionID(); known {
				_, _ = fmt.Fprintln(w, "connected:", connectionID)
			}
		}
	})
}

// Create filters from the fields of a collection. Conditions that Basiq does not document do not compile.
func ExampleFilter() {
	fmt.Println(basiq.TransactionFields.PostDate.Between("2024-01-01", "2024-03-31"))
	fmt.Println(basiq.InstitutionFields.Country.Ne("New Zealand"))
	fmt.Println(basiq.ConnectorFields.Stage.In(basiq.InstitutionStageLive, basiq.InstitutionStageBeta))
	// Output:
	// transaction.postDate.bt('2024-01-01','2024-03-31')
	// institution.country.ne('New Zealand')
	// connector.stage.in('live','beta')
}
