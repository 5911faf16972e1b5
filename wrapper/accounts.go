package basiq

import (
	"context"
	"iter"
	"strings"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Account is an account at an institution.
	Account = gen.Account
	// AccountClass is the classification of an account.
	AccountClass = gen.AccountClass
	// AccountStatus is the status of an account, usually [AccountStatusAvailable].
	AccountStatus = gen.AccountStatus
	// AccountOwnership is the number of customers who own an account.
	AccountOwnership = gen.AccountOwnership
)

// The statuses of an account.
const (
	AccountStatusAvailable   = gen.AccountStatusAvailable
	AccountStatusUnavailable = gen.AccountStatusUnavailable
)

// The numbers of customers who own an account.
const (
	AccountOwnershipUnknown   = gen.AccountOwnershipUnknown
	AccountOwnershipOneParty  = gen.AccountOwnershipOneParty
	AccountOwnershipTwoParty  = gen.AccountOwnershipTwoParty
	AccountOwnershipManyParty = gen.AccountOwnershipManyParty
	AccountOwnershipOther     = gen.AccountOwnershipOther
)

// AccountFields are the fields that [AccountsService.List] can filter by.
var AccountFields = accountFields{
	ID:            EqualField[Account, string]{name: "account.id"},
	ConnectionID:  EqualField[Account, string]{name: "connection.id"},
	InstitutionID: EqualField[Account, string]{name: "institution.id"},
}

type accountFields struct {
	ID            EqualField[Account, string]
	ConnectionID  EqualField[Account, string]
	InstitutionID EqualField[Account, string]
}

// AccountsService reads the accounts that a user's connections have fetched.
type AccountsService struct{ client *Client }

// List returns the user's accounts that the options select; see [AccountListOptions]. It includes accounts of deleted
// connections, except open-banking connections, whose accounts are deleted with them. Display an account with [AccountName],
// because its Name may be empty. Errors: [ErrBadRequest] if a filter contains the ID of a connection that does not exist.
// operationId: getAccounts.
func (s *AccountsService) List(ctx context.Context, userID string, options ...AccountListOptions) iter.Seq2[*Account, error] {
	return list(ctx, s.client, opGetAccounts, []pathParam{{"userID", userID}}, accountResource, bindIDInput(s.client.raw.GetAccounts, userID, nil), listOptionsOf(options))
}

// Get returns an account. [Amount.MinorUnits] converts its Balance to cents, [Amount.Rat] to an exact number. operationId:
// getAccount.
func (s *AccountsService) Get(ctx context.Context, userID, accountID string) (*Account, error) {
	return get(ctx, s.client, opGetAccount, []pathParam{{"userID", userID}, {"accountID", accountID}}, accountResource, bindIDsInput(s.client.raw.GetAccount, userID, accountID, nil))
}

// AccountName returns the display name of an account, which is never blank: the first of the user's Name, the
// institution's DisplayName, the Product of its Class, its AccountNo and its ID that is not blank.
//
// In open banking the Name is empty unless the user has set it. API 3.0 added DisplayName. The accounts of
// [ConnectionsService.Get] do not have it.
func AccountName(account *Account) string {
	for _, name := range []string{account.Name, account.DisplayName, account.Class.Product, account.AccountNo} {
		if name = strings.TrimSpace(name); name != "" {
			return name
		}
	}
	return account.ID
}

var accountResource = resource[Account]{"account", func(a *Account) (string, string) { return a.Type, a.ID }}
