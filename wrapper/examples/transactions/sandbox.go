package main

import (
	"context"
	"io"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// runSandbox prints the transactions of a new user in the sandbox.
func runSandbox(ctx context.Context, out io.Writer) error {
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(100)) //nolint:contextcheck // closed below
	if err != nil {
		return err
	}
	defer func() { _ = sandbox.Close() }()
	client, err := sandbox.NewClient()
	if err != nil {
		return err
	}
	user, err := client.Users.Create(ctx, basiq.CreateUser{Email: "gavin@hooli.com"})
	if err != nil {
		return err
	}
	if _, err := client.Jobs.Wait(ctx, sandbox.Connect(user.ID, "AU00000", "gavinBelson")); err != nil {
		return err
	}
	return printTransactions(ctx, client, user.ID, out)
}
