package basiq_test

import (
	"context"
	"fmt"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// Decide what to do about an error: here the bank rejects the login.
func ExampleAdviseOn() {
	client, userID, done := sandbox()
	defer done()

	_, err := client.Connections.CreateAndWait(context.Background(), userID, basiq.CreateConnection{
		InstitutionID: "AU00000",
		LoginID:       basiq.NewSecret("gavinBelson"),
		Password:      basiq.NewSecret("wrong"),
	})
	switch advice := basiq.AdviseOn(err); advice.Action {
	case basiq.ActionRetry, basiq.ActionWait:
		fmt.Println("try again in", advice.After)
	case basiq.ActionAskUser:
		fmt.Println("ask the user for", advice.Need)
	case basiq.ActionCheck:
		fmt.Println("look whether it exists")
	default:
		fmt.Println(advice, err)
	}
	// Output: ask the user for credentials
}
