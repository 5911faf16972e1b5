// Command mfa connects a bank with the user's credentials and asks for the answers to the bank's questions in the terminal. It
// requires API 2.1. With API 3.0, users connect on the consent page, which asks the questions.
//
//	BASIQ_API_KEY=... BASIQ_LOGIN=jared BASIQ_PASSWORD=django go run ./wrapper/examples/mfa USER_ID AU00002
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: mfa USER_ID INSTITUTION_ID")
	}
	client, err := basiq.New(os.Getenv("BASIQ_API_KEY"), basiq.WithAPIVersion(basiq.APIVersion21))
	if err == nil {
		err = connect(context.Background(), client, os.Args[1], basiq.CreateConnection{
			InstitutionID: os.Args[2],
			LoginID:       basiq.NewSecret(os.Getenv("BASIQ_LOGIN")),
			Password:      basiq.NewSecret(os.Getenv("BASIQ_PASSWORD")),
		}, os.Stdin, os.Stdout)
	}
	switch advice := basiq.AdviseOn(err); {
	case advice.Action == basiq.ActionCheck:
		log.Fatal(err, "\nThe connection may exist. Check client.Connections.List before you create another.")
	case err != nil:
		log.Fatal(err, "\nAdvice: ", advice) // for example "ask user for credentials"; banks lock logins that fail too often
	}
}

// connect creates a connection and answers the bank's questions with lines from in.
func connect(ctx context.Context, client *basiq.Client, userID string, bank basiq.CreateConnection, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	answers := func(_ context.Context, challenge basiq.MFAChallenge) (answers []basiq.Secret, err error) {
		fmt.Fprintf(out, "%s (answer within %s)\n", challenge.Description, challenge.ValidFor)
		for _, question := range challenge.Questions {
			fmt.Fprintf(out, "%s ", question)
			if !lines.Scan() {
				return nil, errors.Join(errors.New("end of input"), lines.Err())
			}
			answers = append(answers, basiq.NewSecret(lines.Text()))
		}
		return answers, nil
	}
	connection, err := client.Connections.CreateAndWait(ctx, userID, bank, basiq.WithMFA(answers))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "connection %s: %s\n", connection.ID, connection.Status)
	return nil
}
