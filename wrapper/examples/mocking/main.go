// Command mocking prints the names of a user's accounts. Its test replaces the service with a fake, for tests that need no
// sandbox. The services are structs: declare an interface with the methods that the code calls.
//
//	BASIQ_API_KEY=... go run ./wrapper/examples/mocking USER_ID
//	go test ./wrapper/examples/mocking
package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"os"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// accountLister is the part of the client that this program uses.
type accountLister interface {
	List(ctx context.Context, userID string, options ...basiq.AccountListOptions) iter.Seq2[*basiq.Account, error]
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: mocking USER_ID")
	}
	client, err := basiq.New(os.Getenv("BASIQ_API_KEY"))
	if err != nil {
		log.Fatal(err, "\nSet BASIQ_API_KEY to a key from Basiq's dashboard.")
	}
	names, err := accountNames(context.Background(), client.Accounts, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range names {
		fmt.Println(name)
	}
}

// errNoAccounts is returned for a user without accounts.
var errNoAccounts = errors.New("the user has not connected a bank; see the example consentweb")

// accountNames returns the names of a user's accounts.
func accountNames(ctx context.Context, accounts accountLister, userID string) (names []string, err error) {
	for account, err := range accounts.List(ctx, userID) {
		if err != nil {
			return nil, err
		}
		names = append(names, basiq.AccountName(account))
	}
	if len(names) == 0 {
		return nil, errNoAccounts
	}
	return names, nil
}
