package basiq_test

import (
	"context"
	"fmt"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// connectedUser returns a client for a sandbox, and the ID of a user who has connected a bank.
func connectedUser() (client *basiq.Client, userID string, done func()) {
	box, err := basiqtest.Start(basiqtest.WithSpeed(10_000))
	if err != nil {
		panic(err)
	}
	client, err = box.NewClient()
	if err != nil {
		panic(err)
	}
	user, err := client.Users.Create(context.Background(), basiq.CreateUser{Email: "maxsmith@gmail.com"})
	if err != nil {
		panic(err)
	}
	if _, err := client.Jobs.Wait(context.Background(), box.Connect(user.ID, "AU00000", "Wentworth-Smith")); err != nil {
		panic(err)
	}
	return client, user.ID, func() { _ = box.Close() }
}

// Verify that a user has an account with at least $1.
func ExampleInsightsService_VerifyBalance() {
	client, userID, done := connectedUser() // basiq.New(os.Getenv("BASIQ_API_KEY"))
	defer done()

	insight, err := client.Insights.VerifyBalance(context.Background(), userID, basiq.BalanceRange{Min: "1"})
	if err != nil {
		fmt.Println(err) // if basiq.MayHaveSucceeded(err), look for the insight in client.Insights.List
		return
	}
	for i := range insight.Data {
		match := basiq.BalanceMatch(&insight.Data[i]).Match
		if match == nil {
			fmt.Println("unknown")
			continue
		}
		fmt.Println(*match)
	}
	// Output:
	// true
	// false
	// false
	// true
}

// Verify a user's name and email address.
func ExampleInsightsService_VerifyIdentity() {
	client, userID, done := connectedUser()
	defer done()

	insight, err := client.Insights.VerifyIdentity(context.Background(), userID, basiq.VerifyIdentity{
		Name: "Max Wentworth-Smith", Email: "max@example.com",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, result := range insight.Data {
		for _, match := range append(result.Emails, result.Name) {
			fmt.Println(match.Input.Text, match.Match != nil && *match.Match)
		}
	}
	// Output:
	// max@example.com false
	// Max Wentworth-Smith true
}

// List the billers that a user has saved, with their details.
func ExamplePayeesService_List() {
	client, userID, done := connectedUser()
	defer done()
	ctx := context.Background()

	for summary, err := range client.Payees.List(ctx, userID, basiq.PayeeListOptions{Filter: basiq.PayeeFields.Type.Eq(basiq.PayeeTypeBiller)}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		payee, err := client.Payees.Get(ctx, userID, summary.ID)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(payee.Biller.BillerName, payee.Biller.BillerCode)
	}
	// Output: Hooli Energy 23796
}

// Find a merchant by its name.
func ExampleMerchantsService_Search() {
	client, _, done := connectedUser()
	defer done()
	ctx := context.Background()

	for found, err := range client.Merchants.Search(ctx, basiq.MerchantQuery{Name: "Coles"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		merchant, err := client.Merchants.Get(ctx, found.MerchantID)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(merchant.Merchant.BusinessName, merchant.Location.State, merchant.Category.ANZSIC.Class.Title)
	}
	// Output: Coles VIC Supermarket and Grocery Stores
}
