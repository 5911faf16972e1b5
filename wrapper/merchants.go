package basiq

import (
	"context"
	"iter"
	"net/url"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Merchant is a merchant with its location and industry. Its ID is Merchant.ID. Unknown fields are empty, including the
	// numbers of Location.Geometry.
	Merchant = gen.Merchant
	// MerchantMatch is a merchant that matches a search. MatchScore is between 0 and 1.
	MerchantMatch = gen.MerchantMatch
)

// MerchantQuery describes the merchants to search for. ABN or Name is required.
type MerchantQuery struct {
	// ABN is the Australian Business Number.
	ABN string
	// Name is the name of the merchant.
	Name string
	// Suburb is the suburb of the merchant.
	Suburb string
	// EntityType is the type of business, for example "Individual/Sole Trader".
	EntityType string
}

// MerchantsService reads the merchants that Basiq recognizes in transactions. It requires [APIVersion30].
type MerchantsService struct{ client *Client }

// Search returns the merchants with a business number or a name. The list is empty if no merchant was found. A merchant
// may occur more than once. Errors: [ErrInvalidInput] if both ABN and Name are empty. operationId: MerchantSearch.
func (s *MerchantsService) Search(ctx context.Context, query MerchantQuery) iter.Seq2[*MerchantMatch, error] {
	if query.ABN == "" && query.Name == "" {
		return failedList[MerchantMatch](invalidInput(opSearchMerchants.Name, "query", "ABN or Name is required"))
	}
	parameters := url.Values{}
	for name, value := range map[string]string{
		"abn": query.ABN, "merchantName": query.Name, "suburb": query.Suburb, "entityType": query.EntityType,
	} {
		if value != "" {
			parameters.Set(name, value)
		}
	}
	return collection[MerchantMatch]{
		client: s.client, op: opSearchMerchants, query: parameters,
		resource: resource[MerchantMatch]{"", func(m *MerchantMatch) (string, string) { return "", m.MerchantID }},
		request:  bindInput(s.client.raw.MerchantSearch, nil),
		key:      func(*MerchantMatch) string { return "" },
	}.all(ctx)
}

// Get returns a merchant. operationId: GetMerchantById.
func (s *MerchantsService) Get(ctx context.Context, merchantID string) (*Merchant, error) {
	return get(ctx, s.client, opGetMerchant, []pathParam{{"merchantID", merchantID}}, merchantResource, bindID(s.client.raw.GetMerchantByID, merchantID))
}

var merchantResource = resource[Merchant]{"", func(m *Merchant) (string, string) { return "", m.Merchant.ID }}
