package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A condition that Basiq does not document for a collection must be a compile-time error.
func TestFilters_CompileTimeErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ call, want string }{
		"valid": {`client.Transactions.List(ctx, "u1", basiq.TransactionListOptions{Filter: basiq.TransactionFields.PostDate.Gteq("2024-01-01"), PageSize: 100})`, ""},
		"of another collection": {
			`client.Transactions.List(ctx, "u1", basiq.TransactionListOptions{Filter: basiq.AccountFields.ID.Eq("a1")})`, "Account",
		},
		"of a report, for a user": {
			`client.Transactions.List(ctx, "u1", basiq.TransactionListOptions{Filter: basiq.ReportTransactionFields.ID.Eq("t1")})`, "ReportTransaction",
		},
		"a field without filters": {
			`client.Transactions.List(ctx, "u1", basiq.TransactionListOptions{Filter: basiq.TransactionFields.Amount.Eq("1")})`, "Amount",
		},
		"a range of IDs":                 {`client.Accounts.List(ctx, "u1", basiq.AccountListOptions{Filter: basiq.AccountFields.ID.Between("a", "b")})`, "Between"},
		"Ne for a field with only Eq":    {`client.Connections.List(ctx, "u1", basiq.ConnectionListOptions{Filter: basiq.ConnectionFields.Status.Ne("active")})`, "Ne"},
		"Ne for an account":              {`client.Accounts.List(ctx, "u1", basiq.AccountListOptions{Filter: basiq.AccountFields.InstitutionID.Ne("AU00000")})`, "Ne"},
		"a choice of IDs":                {`client.Connectors.List(ctx, basiq.ConnectorListOptions{Filter: basiq.ConnectorFields.ID.In("AU00000", "AU00001")})`, "In"},
		"an enum of another field":       {`client.Transactions.List(ctx, "u1", basiq.TransactionListOptions{Filter: basiq.TransactionFields.Status.Eq(basiq.ConnectionStatusActive)})`, "ConnectionStatus"},
		"a page size of an unpaged list": {`client.Accounts.List(ctx, "u1", basiq.AccountListOptions{PageSize: 10})`, "PageSize"},
		"a page size of events":          {`client.Events.List(ctx, basiq.EventListOptions{PageSize: 10})`, "PageSize"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := vet(t, "main.go", fmt.Sprintf(`package main

import (
	"context"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func main() {
	var client *basiq.Client
	ctx := context.Background()
	_ = %s
}
`, c.call))
			if c.want == "" {
				require.NoError(t, err, out)
				return
			}
			require.Error(t, err)
			assert.Contains(t, out, c.want)
			assert.Contains(t, out, "main.go:12:", "the only error must be in the call")
		})
	}
}
