package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

// Payee is a payment recipient that a user has saved at an institution. Its details are in the field that PayeeType
// specifies: Domestic, Biller, International or DigitalWallet.
type Payee = gen.Payee

// The documented values of the PayeeType of a [Payee]. Institutions may send other values.
const (
	PayeeTypeDomestic      = "domestic"
	PayeeTypeBiller        = "biller"
	PayeeTypeInternational = "international"
	PayeeTypeDigitalWallet = "digitalWallet"
)

// PayeeFields are the fields that [PayeesService.List] can filter by.
var PayeeFields = payeeFields{
	Type:         EqualField[Payee, string]{name: "type"},
	ConnectionID: EqualField[Payee, string]{name: "connectionId"},
	Created:      DateField[Payee, Date]{name: "created"},
}

type payeeFields struct {
	// Type is the PayeeType of a payee.
	Type         EqualField[Payee, string]
	ConnectionID EqualField[Payee, string]
	// Created is the CreatedDate of a payee.
	Created DateField[Payee, Date]
}

// PayeesService reads the payees that users have saved at their institutions. It requires [APIVersion30].
type PayeesService struct{ client *Client }

// List returns the user's payees that the options select, without their details; see [PayeeListOptions].
// operationId: GetPayees.
func (s *PayeesService) List(ctx context.Context, userID string, options ...PayeeListOptions) iter.Seq2[*Payee, error] {
	return s.collection(userID, options).all(ctx)
}

// Page returns one page of [PayeesService.List]; see [TransactionsService.Page]. operationId: GetPayees.
func (s *PayeesService) Page(ctx context.Context, userID string, at Cursor, options ...PayeeListOptions) (*Page[Payee], error) {
	return s.collection(userID, options).one(ctx, at)
}

func (s *PayeesService) collection(userID string, options []PayeeListOptions) collection[Payee] {
	return collection[Payee]{
		client: s.client, op: opGetPayees, ids: []pathParam{{"userID", userID}}, resource: payeeResource, options: listOptionsOf(options),
		sized: true, uncounted: true, request: bindIDInput(s.client.raw.GetPayees, userID, nil),
	}
}

// Get returns a payee with its details. Errors: [CodeParameterNotValid] if the ID is malformed. operationId:
// GetPayeeDetails.
func (s *PayeesService) Get(ctx context.Context, userID, payeeID string) (*Payee, error) {
	return get(ctx, s.client, opGetPayee, []pathParam{{"userID", userID}, {"payeeID", payeeID}}, payeeResource, bindIDs(s.client.raw.GetPayeeDetails, userID, payeeID))
}

var payeeResource = resource[Payee]{"payee", func(p *Payee) (string, string) { return p.Type, p.ID }}
