package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

// Institution is a bank or another institution in API 2.1. Connectors replace institutions.
type Institution = gen.Institution

// InstitutionFields are the fields that [InstitutionsService.List] and [InstitutionsService.ListPublic] can filter by.
var InstitutionFields = institutionFields{
	Country:       ChoiceField[Institution, string]{name: "institution.country"},
	Tier:          ChoiceField[Institution, string]{name: "institution.tier"},
	Authorization: ChoiceField[Institution, InstitutionAuthorization]{name: "institution.authorization"},
	ServiceType:   MatchField[Institution, string]{name: "institution.serviceType"},
	Type:          MatchField[Institution, string]{name: "institution.institutionType"},
	Stage:         MatchField[Institution, InstitutionStage]{name: "institution.stage"},
}

type institutionFields struct {
	// Country is "Australia" or "New Zealand".
	Country ChoiceField[Institution, string]
	// Tier is "1" to "4".
	Tier          ChoiceField[Institution, string]
	Authorization ChoiceField[Institution, InstitutionAuthorization]
	// ServiceType is "Personal Banking", "Business Banking", "Card Access" or "Test".
	ServiceType MatchField[Institution, string]
	// Type is for example "Bank", "Test Bank" or "Credit Union".
	Type  MatchField[Institution, string]
	Stage MatchField[Institution, InstitutionStage]
}

// InstitutionsService lists the institutions that users can connect. Basiq documents it only for API 2.1, but accepts
// tokens of API 3.0. New programs should use [ConnectorsService].
type InstitutionsService struct{ client *Client }

// List returns the institutions that the options select; see [InstitutionListOptions]. operationId: getInstitutions.
func (s *InstitutionsService) List(ctx context.Context, options ...InstitutionListOptions) iter.Seq2[*Institution, error] {
	return list(ctx, s.client, opGetInstitutions, nil, institutionResource, bindInput(s.client.raw.GetInstitutions, nil), listOptionsOf(options))
}

// Get returns an institution, for example "AU00000". operationId: getInstitution.
func (s *InstitutionsService) Get(ctx context.Context, institutionID string) (*Institution, error) {
	return get(ctx, s.client, opGetInstitution, []pathParam{{"institutionID", institutionID}}, institutionResource, bindID(s.client.raw.GetInstitution, institutionID))
}

// ListPublic is [InstitutionsService.List] without a token or API key. operationId: getPublicInstitutions.
func (s *InstitutionsService) ListPublic(ctx context.Context, options ...InstitutionListOptions) iter.Seq2[*Institution, error] {
	return list(ctx, s.client, opGetPublicInstitutions, nil, institutionResource, bindInput(s.client.raw.GetPublicInstitutions, nil), listOptionsOf(options))
}

var institutionResource = resource[Institution]{"institution", func(i *Institution) (string, string) { return i.Type, i.ID }}
