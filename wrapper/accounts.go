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
	// AccountClass is what kind of account it is.
	AccountClass = gen.AccountClass
	// AccountStatus is the state of an account, usually [AccountStatusAvailable].
	AccountStatus = gen.AccountStatus
	// AccountOwnership is how many customers own an account.
	AccountOwnership = gen.AccountOwnership
)

// The states of an account.
const (
	AccountStatusAvailable   = gen.AccountStatusAvailable
	AccountStatusUnavailable = gen.AccountStatusUnavailable
)

// How many customers own an account.
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

// List returns the user's accounts that satisfy all filters; see [AccountFields]. It includes accounts of deleted
// connections, except open-banking connections: their accounts are deleted with them. Show an account with [AccountName],
// because its Name may be empty. Errors: [ErrBadRequest] if a filter names a connection that does not exist. operationId: getAccounts.
func (s *AccountsService) List(ctx context.Context, userID string, filters ...Filter[Account]) iter.Seq2[*Account, error] {
	return list(ctx, s.client, opGetAccounts, []pathParam{{"userID", userID}}, accountResource, bindIDInput(s.client.raw.GetAccounts, userID, nil), filters)
}

// Get returns an account. [Amount.MinorUnits] returns its Balance in cents and [Amount.Rat] exactly. operationId:
// getAccount.
func (s *AccountsService) Get(ctx context.Context, userID, accountID string) (*Account, error) {
	return get(ctx, s.client, opGetAccount, []pathParam{{"userID", userID}, {"accountID", accountID}}, accountResource, bindIDsInput(s.client.raw.GetAccount, userID, accountID, nil))
}

// AccountName returns a name to show for an account, which is never blank: the Name that the user gave it, or else the
// institution's DisplayName, the Product of its Class, its AccountNo, or its ID.
//
// In open banking the Name is empty if the user gave none. DisplayName is new in API 3.0 and not in the accounts of
// [ConnectionsService.Get].
func AccountName(account *Account) string {
	for _, name := range []string{account.Name, account.DisplayName, account.Class.Product, account.AccountNo} {
		if name = strings.TrimSpace(name); name != "" {
			return name
		}
	}
	return account.ID
}

var accountResource = resource[Account]{"account", func(a *Account) (string, string) { return a.Type, a.ID }}
