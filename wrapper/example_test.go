package basiq_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// sandbox returns a client of a fast sandbox and the ID of a user.
func sandbox() (client *basiq.Client, userID string, done func()) {
	box, err := basiqtest.Start(basiqtest.WithSpeed(10_000))
	if err != nil {
		panic(err)
	}
	client, err = box.NewClient(basiq.WithAPIVersion(basiq.APIVersion21))
	if err != nil {
		panic(err)
	}
	user, err := client.Users.Create(context.Background(), basiq.CreateUser{Email: "gavin@hooli.com"})
	if err != nil {
		panic(err)
	}
	return client, user.ID, func() { _ = box.Close() }
}

// Connect a user to a bank and read the accounts.
func Example() {
	client, userID, done := sandbox() // basiq.New(os.Getenv("BASIQ_API_KEY"), basiq.WithAPIVersion(basiq.APIVersion21))
	defer done()
	ctx := context.Background()

	connection, err := client.Connections.CreateAndWait(ctx, userID, basiq.CreateConnection{
		InstitutionID: "AU00000",
		LoginID:       basiq.NewSecret("Wentworth-Smith"),
		Password:      basiq.NewSecret("whislter"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(connection.Status, connection.Profile.FullName)
	for _, account := range connection.Accounts.Data {
		cents, known := account.Balance.MinorUnits(2)
		fmt.Println(account.Name, account.Class.Type, account.Currency, known, cents < 0)
	}
	// Output:
	// active Max Wentworth-Smith
	// Savings savings AUD true false
	// Home Loan mortgage AUD true true
	// Credit Card credit-card AUD true true
	// Everyday transaction AUD true false
}

// Show the steps of a job while it runs.
func ExampleJobsService_Watch() {
	client, userID, done := sandbox()
	defer done()
	ctx := context.Background()

	job, err := client.Connections.Create(ctx, userID, basiq.CreateConnection{
		InstitutionID: "AU00000",
		LoginID:       basiq.NewSecret("bighead"),
		Password:      basiq.NewSecret("password"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for job, err := range client.Jobs.Watch(ctx, job.ID) {
		if job != nil && job.Done() {
			for _, step := range job.Steps {
				fmt.Println(step.Title, step.Status)
			}
		}
		if errors.Is(err, basiq.CodeInvalidCredentials) {
			fmt.Println("ask the user for the right password")
		}
	}
	// Output:
	// verify-credentials failed
	// retrieve-accounts pending
	// retrieve-transactions pending
	// ask the user for the right password
}

// Answer a bank that asks for a second factor.
func ExampleWithMFA() {
	client, userID, done := sandbox()
	defer done()

	connection, err := client.Connections.CreateAndWait(context.Background(), userID, basiq.CreateConnection{
		InstitutionID: "AU00002",
		LoginID:       basiq.NewSecret("jared"),
		Password:      basiq.NewSecret("django"),
	}, basiq.WithMFA(func(_ context.Context, challenge basiq.MFAChallenge) ([]basiq.Secret, error) {
		fmt.Println(challenge.Method, challenge.Questions)
		return []basiq.Secret{basiq.NewSecret("1234")}, nil // ask the user
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(connection.Status)
	// Output:
	// token [OTP Password]
	// active
}

// List the connections to one bank.
func ExampleConnectionsService_List() {
	client, userID, done := sandbox()
	defer done()

	n := 0
	for connection, err := range client.Connections.List(context.Background(), userID, basiq.ConnectionListOptions{Filter: basiq.ConnectionFields.InstitutionID.Eq("AU00000").And(basiq.ConnectionFields.Status.Eq(basiq.ConnectionStatusActive))}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(connection.ID)
		n++
	}
	fmt.Println(n, "connections")
	// Output: 0 connections
}

// Distinguish failures.
func ExampleError() {
	client, userID, done := sandbox()
	defer done()

	_, err := client.Connections.Get(context.Background(), userID, "00000000-0000-4000-8000-000000000000")
	fmt.Println(errors.Is(err, basiq.ErrNotFound))
	if failure, ok := errors.AsType[*basiq.Error](err); ok {
		fmt.Println(failure.Operation, failure.StatusCode, failure.Code())
		// failure.CorrelationID identifies the request for Basiq's support.
	}
	// Output:
	// true
	// Connections.Get 404 resource-not-found
}

// sharedStore represents a store that all processes of a service can reach.
type sharedStore struct {
	mu     sync.Mutex
	tokens map[basiq.Scope]basiq.Token
	// create requests a new token, for example with TokensService.Create of a client that has the API key.
	create func(context.Context, basiq.Scope) (basiq.Token, error)
}

// Token returns the stored token, or a new one if the stored token is about to expire.
func (s *sharedStore) Token(ctx context.Context, scope basiq.Scope) (basiq.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token, ok := s.tokens[scope]; ok && time.Until(token.Expires) > time.Minute {
		return token, nil
	}
	token, err := s.create(ctx, scope)
	if err == nil {
		s.tokens[scope] = token
	}
	return token, err
}

// Reject deletes a token that Basiq has rejected, if it is still the stored one.
func (s *sharedStore) Reject(_ context.Context, scope basiq.Scope, token basiq.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens[scope].Value.Equal(token.Value) {
		delete(s.tokens, scope)
	}
}

// Share tokens between clients, here in memory.
func ExampleWithTokenSource() {
	box, err := basiqtest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = box.Close() }()
	withKey, err := box.NewClient()
	if err != nil {
		fmt.Println(err)
		return
	}
	store := &sharedStore{tokens: map[basiq.Scope]basiq.Token{}, create: withKey.Tokens.Create}
	for range 3 {
		client, err := basiq.New("", basiq.WithTokenSource(store), basiq.WithBaseURL(box.URL())) // no API key
		if err != nil {
			fmt.Println(err)
			return
		}
		_, err = client.Users.Get(context.Background(), "00000000-0000-4000-8000-000000000000")
		fmt.Println(errors.Is(err, basiq.ErrNotFound))
	}
	requests := 0
	for _, request := range box.Requests() {
		if request.Operation == "postToken" {
			requests++
		}
	}
	fmt.Println(requests, "token request")
	// Output:
	// true
	// true
	// true
	// 1 token request
}

// Test a program against the sandbox. In a synctest bubble the job's 30 seconds pass instantly.
func Example_testing() {
	_ = func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, err := basiqtest.New(t).NewClient(basiq.WithAPIVersion(basiq.APIVersion21))
			if err != nil {
				t.Fatal(err)
			}
			user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
			if err != nil {
				t.Fatal(err)
			}
			_ = user // test your program here
		})
	}
	// Output:
}

// Read fields of a response that this version of the package does not know.
func ExampleContextWithRawJSON() {
	client, userID, done := sandbox()
	defer done()
	var raw []byte
	user, err := client.Users.Get(basiq.ContextWithRawJSON(context.Background(), &raw), userID)
	if err != nil {
		fmt.Println(err)
		return
	}
	var more struct {
		Type, Email string
	}
	fmt.Println(json.Unmarshal(raw, &more), more.Type, more.Email == user.Email)
	// Output:
	// <nil> user true
}

// Report additions to the API, for example in a canary deployment.
func ExampleWithUnknownFields() {
	client, err := basiq.New("api-key", basiq.WithUnknownFields(func(f basiq.UnknownField) {
		slog.Warn("basiq: unknown field", slog.String("operation", f.Operation.ID),
			slog.String("path", f.Path), slog.String("problem", string(f.Problem)))
	}))
	fmt.Println(client, err)
	// Output:
	// basiq.Client(https://au-api.basiq.io, API 3.0) <nil>
}

// Get the calendar day of a transaction. Open banking sends midnight at the bank in UTC.
func ExampleTime() {
	sydney, err := time.LoadLocation("Australia/Sydney")
	if err != nil {
		fmt.Println(err)
		return
	}
	transaction := basiq.Transaction{PostDate: "2021-11-18T13:00:00Z"}
	fmt.Println("as sent:    ", transaction.PostDate.Date())
	fmt.Println("at the bank:", transaction.PostDate.DateIn(sydney))
	// Output:
	// as sent:     2021-11-18
	// at the bank: 2021-11-19
}
