//go:build rivals

// Package easy has what easyjson generates for a page of transactions, and copies of the types, because easyjson can only
// give methods to types of its own package.
//
// To make types_easyjson.go again, run go generate -tags rivals here. TestTypesForEasyJSONAreTheModels fails when the
// copies are no longer the contract's models.
//
//nolint:recvcheck,modernize // The methods are easyjson's, the tags those of package gen.
package easy

//go:generate go run github.com/mailru/easyjson/easyjson@v0.9.2 -all -no_std_marshalers -build_tags rivals -gen_build_flags -tags=rivals types.go

import (
	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// PageLinks is a copy of gen.PageLinks.
type PageLinks struct {
	Next string `json:"next,omitempty,omitzero"`
	Self string `json:"self,omitempty,omitzero"`
}

// Transaction is a copy of gen.Transaction.
type Transaction struct {
	Account         string                     `json:"account,omitempty,omitzero"`
	Amount          api.Amount                 `json:"amount,omitempty,omitzero"`
	Balance         api.Amount                 `json:"balance,omitempty,omitzero"`
	Class           gen.TransactionClass       `json:"class,omitempty,omitzero"`
	Connection      string                     `json:"connection,omitempty,omitzero"`
	Currency        string                     `json:"currency,omitempty,omitzero"`
	Description     string                     `json:"description,omitempty,omitzero"`
	Direction       gen.TransactionDirection   `json:"direction,omitempty,omitzero"`
	Enrich          *EnrichData                `json:"enrich,omitempty"`
	ID              string                     `json:"id"`
	Institution     string                     `json:"institution,omitempty,omitzero"`
	Links           *TransactionLinks          `json:"links,omitempty"`
	PaymentDetails  *TransactionPaymentDetails `json:"paymentDetails,omitempty"`
	PostDate        api.Time                   `json:"postDate,omitempty,omitzero"`
	Reference       string                     `json:"reference,omitempty,omitzero"`
	Status          gen.TransactionStatus      `json:"status,omitempty,omitzero"`
	SubClass        *TransactionSubClass       `json:"subClass,omitempty"`
	TransactionDate api.Time                   `json:"transactionDate,omitempty,omitzero"`
	Type            string                     `json:"type"`
}

// TransactionBPAY is a copy of gen.TransactionBPAY.
type TransactionBPAY struct {
	BillerCode string `json:"billerCode,omitempty,omitzero"`
	BillerName string `json:"billerName,omitempty,omitzero"`
	CRN        string `json:"crn,omitempty,omitzero"`
}

// TransactionLinks is a copy of gen.TransactionLinks.
type TransactionLinks struct {
	Account     string `json:"account,omitempty,omitzero"`
	Connection  string `json:"connection,omitempty,omitzero"`
	Institution string `json:"institution,omitempty,omitzero"`
	Self        string `json:"self,omitempty,omitzero"`
}

// TransactionList is a copy of gen.TransactionList.
type TransactionList struct {
	Count int64         `json:"count,omitempty,omitzero"`
	Data  []Transaction `json:"data"`
	Links *PageLinks    `json:"links,omitempty"`
	Size  int64         `json:"size,omitempty,omitzero"`
	Type  string        `json:"type"`
}

// TransactionPaymentDetails is a copy of gen.TransactionPaymentDetails.
type TransactionPaymentDetails struct {
	APCANumber string           `json:"apcaNumber,omitempty,omitzero"`
	BPAY       *TransactionBPAY `json:"bpay,omitempty"`
}

// TransactionSubClass is a copy of gen.TransactionSubClass.
type TransactionSubClass struct {
	Code  string `json:"code,omitempty,omitzero"`
	Title string `json:"title,omitempty,omitzero"`
}

// EnrichANZSIC is a copy of gen.EnrichANZSIC.
type EnrichANZSIC struct {
	Class       *EnrichCode `json:"class,omitempty"`
	Division    *EnrichCode `json:"division,omitempty"`
	Group       *EnrichCode `json:"group,omitempty"`
	Subclass    *EnrichCode `json:"subclass,omitempty"`
	Subdivision *EnrichCode `json:"subdivision,omitempty"`
}

// EnrichCategory is a copy of gen.EnrichCategory.
type EnrichCategory struct {
	ANZSIC     *EnrichANZSIC       `json:"anzsic,omitempty"`
	MatchScore gen.Decimal         `json:"matchScore,omitempty,omitzero"`
	MatchType  gen.EnrichMatchType `json:"matchType,omitempty,omitzero"`
	MCC        *EnrichCode         `json:"mcc,omitempty"`
}

// EnrichCode is a copy of gen.EnrichCode.
type EnrichCode struct {
	Code  string `json:"code,omitempty,omitzero"`
	Title string `json:"title,omitempty,omitzero"`
}

// EnrichData is a copy of gen.EnrichData.
type EnrichData struct {
	Category         *EnrichCategory `json:"category,omitempty"`
	CleanDescription string          `json:"cleanDescription,omitempty,omitzero"`
	Location         *EnrichLocation `json:"location,omitempty"`
	Merchant         *EnrichMerchant `json:"merchant,omitempty"`
	Tags             api.TextOrList  `json:"tags,omitempty,omitzero"`
}

// EnrichGeometry is a copy of gen.EnrichGeometry.
type EnrichGeometry struct {
	Lat gen.Decimal `json:"lat,omitempty,omitzero"`
	Lng gen.Decimal `json:"lng,omitempty,omitzero"`
}

// EnrichLocation is a copy of gen.EnrichLocation.
type EnrichLocation struct {
	Country          string          `json:"country,omitempty,omitzero"`
	FormattedAddress string          `json:"formattedAddress,omitempty,omitzero"`
	Geometry         *EnrichGeometry `json:"geometry,omitempty"`
	PostalCode       string          `json:"postalCode,omitempty,omitzero"`
	Route            string          `json:"route,omitempty,omitzero"`
	RouteNo          string          `json:"routeNo,omitempty,omitzero"`
	State            string          `json:"state,omitempty,omitzero"`
	Suburb           string          `json:"suburb,omitempty,omitzero"`
}

// EnrichMerchant is a copy of gen.EnrichMerchant.
type EnrichMerchant struct {
	ABNCapitals  string             `json:"ABN,omitempty,omitzero"`
	ABN          string             `json:"abn,omitempty,omitzero"`
	BusinessName string             `json:"businessName,omitempty,omitzero"`
	ID           string             `json:"id,omitempty,omitzero"`
	LogoMaster   string             `json:"logoMaster,omitempty,omitzero"`
	LogoThumb    string             `json:"logoThumb,omitempty,omitzero"`
	PhoneNumber  *EnrichPhoneNumber `json:"phoneNumber,omitempty"`
	Website      string             `json:"website,omitempty,omitzero"`
}

// EnrichPhoneNumber is a copy of gen.EnrichPhoneNumber.
type EnrichPhoneNumber struct {
	International string `json:"international,omitempty,omitzero"`
	Local         string `json:"local,omitempty,omitzero"`
}
