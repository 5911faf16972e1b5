package basiqtest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

// newExample creates a sandbox, a client and a user. In a test, use New in a synctest bubble, and omit Speed.
func newExample(options ...basiqtest.Option) (*basiqtest.Sandbox, *basiq.Client, string) {
	sandbox, err := basiqtest.Start(append(options, basiqtest.WithSpeed(1000))...)
	if err != nil {
		panic(err)
	}
	// Use short delays, because this example runs in real time. Programs should keep the defaults.
	client, err := sandbox.NewClient(basiq.WithRetry(basiq.RetryPolicy{BaseDelay: time.Millisecond, MaxDelay: time.Millisecond}))
	if err != nil {
		panic(err)
	}
	user, err := client.Users.Create(context.Background(), basiq.CreateUser{Email: "gavin@hooli.com", Mobile: "+61400000000"})
	if err != nil {
		panic(err)
	}
	return sandbox, client, user.ID
}

// Start a test with a user who has connected a bank, with API 3.0 and without a browser.
func ExampleSandbox_Connect() {
	sandbox, client, userID := newExample()
	defer func() { _ = sandbox.Close() }()
	ctx := context.Background()

	if _, err := client.Jobs.Wait(ctx, sandbox.Connect(userID, "AU00000", "gavinBelson")); err != nil {
		fmt.Println(err)
	}
	for account, err := range client.Accounts.List(ctx, userID) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(basiq.AccountName(account))
	}

	_, err := client.Jobs.Wait(ctx, sandbox.Connect(userID, "AU00000", "bighead"))
	fmt.Println(errors.Is(err, basiq.CodeInvalidCredentials))
	// Output:
	// Everyday
	// Credit Card
	// Personal Loan
	// true
}

// Follow the complete flow of a web app's user, through the consent page and back.
func ExampleSandbox_VisitConsentPage() {
	sandbox, client, userID := newExample(basiqtest.WithRedirectURL("http://localhost:8080/connected"))
	defer func() { _ = sandbox.Close() }()
	ctx := context.Background()

	state := basiq.NewConsentState()
	page, err := client.Consents.PageURL(ctx, userID, basiq.ConsentPage{State: state}) // where the app sends the browser
	if err != nil {
		fmt.Println(err)
		return
	}
	back, err := sandbox.VisitConsentPage(page.Reveal(), "AU00002", "jared")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the browser comes back to", back.Path)

	redirect, err := basiq.ParseConsentRedirect(back, state) // how the app handles the redirect
	if err != nil {
		fmt.Println(err)
		return
	}
	jobs, err := client.Jobs.WaitAll(ctx, redirect.JobIDs, basiq.WithUser(userID))
	fmt.Println(len(jobs), "job done:", err == nil)
	// Output:
	// the browser comes back to /connected
	// 1 job done: true
}

// Inject a fault and check how the program handled it.
func ExampleSandbox_Inject() {
	sandbox, client, userID := newExample()
	defer func() { _ = sandbox.Close() }()

	sandbox.Inject(basiqtest.Fail(503), basiqtest.Operations("getUser"), basiqtest.Times(1))
	_, err := client.Users.Get(context.Background(), userID)
	fmt.Println("failed:", err != nil)
	for _, request := range sandbox.RequestsOf("getUser") {
		fmt.Println(request.Status, request.Fault)
	}
	// Output:
	// failed: false
	// 503 503
	// 200
}

// Deliver webhooks to the program's own handler.
func ExampleSandbox_DeliverTo() {
	mux := http.NewServeMux() // the program's own
	sandbox, client, userID := newExample()
	defer func() { _ = sandbox.Close() }()
	ctx := context.Background()

	sandbox.DeliverTo(mux)
	created, err := client.Webhooks.Create(ctx, basiq.CreateWebhook{
		URL: "https://app.example/basiq", SubscribedEvents: []basiq.EventTypeName{basiq.EventTypeNameTransactionsUpdated},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := webhook.New(created.Secret)
	if err != nil {
		fmt.Println(err)
		return
	}
	received := make(chan *webhook.Event, 1)
	mux.Handle("/basiq", verifier.Handler(func(_ context.Context, event *webhook.Event) error {
		received <- event
		return nil
	}))

	sandbox.Connect(userID, "AU00000", "gavinBelson")
	event := <-received
	fmt.Println(event.EventTypeID, event.UserID() == userID)
	// Output:
	// transactions.updated true
}

// Test how the program handles a transaction that the test banks do not have.
func ExampleSandbox_AddTransaction() {
	sandbox, client, userID := newExample()
	defer func() { _ = sandbox.Close() }()
	ctx := context.Background()

	if _, err := client.Jobs.Wait(ctx, sandbox.Connect(userID, "AU00000", "gavinBelson")); err != nil {
		fmt.Println(err)
		return
	}
	for account, err := range client.Accounts.List(ctx, userID) {
		if err != nil {
			fmt.Println(err)
			return
		}
		id := sandbox.AddTransaction(account.ID, basiqtest.Transaction{Description: "RENT", Amount: "-500.00"})
		transaction, err := client.Transactions.Get(ctx, userID, id)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(basiq.AccountName(account), transaction.Amount, transaction.Description)
		sandbox.RemoveTransaction(id)
		break
	}
	// Output:
	// Everyday -500.00 RENT
}
