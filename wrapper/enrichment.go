package basiq

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Enrich holds the merchant, location and industry that Basiq derives from a bank's description of a transaction.
	Enrich = gen.Enrich
	// EnrichData is the enrichment of a transaction.
	EnrichData = gen.EnrichData
	// EnrichMerchant is the merchant of a transaction.
	EnrichMerchant = gen.EnrichMerchant
	// EnrichMatchType is the method by which Basiq determined the industry of a merchant.
	EnrichMatchType = gen.EnrichMatchType
)

// The methods by which Basiq determines the industry of a merchant.
const (
	// EnrichMatchTypeMerchantFull: the merchant is known. Compare with both spellings.
	EnrichMatchTypeMerchantFull          = gen.EnrichMatchTypeMerchantFull
	EnrichMatchTypeMerchantFullLowercase = gen.EnrichMatchTypeMerchantFullLowercase
	// EnrichMatchTypeMerchantPartial: the merchant resembles a known one.
	EnrichMatchTypeMerchantPartial = gen.EnrichMatchTypeMerchantPartial
	// EnrichMatchTypeMCC: by the merchant category code.
	EnrichMatchTypeMCC = gen.EnrichMatchTypeMCC
	// EnrichMatchTypeML: by machine learning.
	EnrichMatchTypeML = gen.EnrichMatchTypeML
	// EnrichMatchTypeNone: the industry is unknown.
	EnrichMatchTypeNone = gen.EnrichMatchTypeNone
)

// EnrichQuery describes a transaction, which may be from a source other than Basiq.
type EnrichQuery struct {
	// Description is the bank's text, for example "WOOLWORTHS 1234 SYDNEY NSW". Required, at least three characters.
	Description string
	// InstitutionID is the ID of the bank, for example "AU00000". Required.
	InstitutionID string
	// Country is "AU" or "NZ". Required.
	Country string
	// MCC is the merchant category code.
	MCC string
	// AccountType is "transaction", "credit-card", "savings", "mortgage", "loan" or "foreign".
	AccountType string
	// Amount is negative for debits.
	Amount Amount
}

var country = regexp.MustCompile(`^[A-Za-z]{2}$`)

// minDescription is the minimum number of characters.
const minDescription = 3

// EnrichmentService derives merchants, locations and industries from the descriptions of transactions.
type EnrichmentService struct{ client *Client }

// Get returns the enrichment of a transaction. Basiq's sandbox environment accepts 100 of these calls a month.
// Errors: [ErrBadRequest], [ErrForbidden] if Basiq has not enabled it for the API key. operationId: getEnrich, which
// the 3.0 document calls Enrich.
func (s *EnrichmentService) Get(ctx context.Context, query EnrichQuery) (*Enrich, error) {
	switch {
	case utf8.RuneCountInString(strings.TrimSpace(query.Description)) < minDescription:
		return nil, invalidInput(opGetEnrich.Name, "query", fmt.Sprintf("Description must have at least %d characters", minDescription))
	case query.InstitutionID == "":
		return nil, invalidInput(opGetEnrich.Name, "query", "InstitutionID is required")
	case !country.MatchString(query.Country):
		return nil, invalidInput(opGetEnrich.Name, "query", `Country must be a two-letter code, for example "AU" or "NZ"`)
	}
	if _, ok := query.Amount.Rat(); !ok && query.Amount != "" {
		return nil, invalidInput(opGetEnrich.Name, "query", "Amount is not a decimal number")
	}
	resp, err := s.client.do(ctx, opGetEnrich, nil, bindInput(s.client.raw.GetEnrich, &gen.GetEnrichParams{
		Q: query.Description, Institution: query.InstitutionID, Country: query.Country, MCC: optional(query.MCC),
		AccountType: optional(query.AccountType), Amount: optional(query.Amount),
	}))
	if err != nil {
		return nil, err
	}
	return read(resp, func(enrich *Enrich) error {
		if enrich.Type == "" {
			return errors.New("missing type")
		}
		return nil
	})
}

// optional returns a parameter that is omitted if it is empty.
func optional[T ~string](value T) *T {
	if value == "" {
		return nil
	}
	return &value
}
