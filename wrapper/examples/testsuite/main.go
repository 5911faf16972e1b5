// Command testsuite prints how much money a user has. Its test shows how to test a program that uses Basiq: with the basiqtest
// sandbox, with faults and without waiting.
//
//	BASIQ_API_KEY=... go run ./wrapper/examples/testsuite USER_ID
//	go test ./wrapper/examples/testsuite
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/big"
	"os"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: testsuite USER_ID")
	}
	client, err := basiq.New(os.Getenv("BASIQ_API_KEY"))
	if err != nil {
		log.Fatal(err, "\nSet BASIQ_API_KEY to a key from Basiq's dashboard.")
	}
	total, err := available(context.Background(), client, os.Args[1])
	if errors.Is(err, basiq.ErrUnavailable) {
		log.Fatal(err, "\nBasiq is unavailable. Try again later.")
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(total.FloatString(2))
}

// available returns the sum of the available funds in a user's accounts, without rounding.
func available(ctx context.Context, client *basiq.Client, userID string) (*big.Rat, error) {
	total := new(big.Rat)
	for account, err := range client.Accounts.List(ctx, userID) {
		if err != nil {
			return nil, err
		}
		if funds, ok := account.AvailableFunds.Rat(); ok {
			total.Add(total, funds)
		}
	}
	return total, nil
}
