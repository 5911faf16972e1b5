package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Connector is one way to fetch data from one institution.
	Connector = gen.Connector
	// InstitutionStatus is how well the support for an institution works now.
	InstitutionStatus = gen.InstitutionStatus
	// InstitutionStage is how mature the support for an institution is.
	InstitutionStage = gen.InstitutionStage
	// InstitutionAuthorization is how users log in.
	InstitutionAuthorization = gen.InstitutionAuthorization
)

// How well the support for an institution works.
const (
	InstitutionStatusOperational         = gen.InstitutionStatusOperational
	InstitutionStatusDegradedPerformance = gen.InstitutionStatusDegradedPerformance
	InstitutionStatusPartialOutage       = gen.InstitutionStatusPartialOutage
	// InstitutionStatusMajorOutage: connecting does not work now; wait.
	InstitutionStatusMajorOutage      = gen.InstitutionStatusMajorOutage
	InstitutionStatusUnderMaintenance = gen.InstitutionStatusUnderMaintenance
	// InstitutionStatusUnderImprovement: only API 2.1 documents it as a value of a filter.
	InstitutionStatusUnderImprovement = gen.InstitutionStatusUnderImprovement
)

// How mature the support for an institution is.
const (
	InstitutionStageLive  = gen.InstitutionStageLive
	InstitutionStageBeta  = gen.InstitutionStageBeta
	InstitutionStageAlpha = gen.InstitutionStageAlpha
)

// How users log in.
const (
	// InstitutionAuthorizationUser: with a login and a password.
	InstitutionAuthorizationUser = gen.InstitutionAuthorizationUser
	// InstitutionAuthorizationToken: with a token, see [CreateConnection].
	InstitutionAuthorizationToken = gen.InstitutionAuthorizationToken
	// InstitutionAuthorizationUserMFA: with a second factor as well; InstitutionAuthorizationUserMFAIntermittent: now and
	// then. See [WithMFA].
	InstitutionAuthorizationUserMFA             = gen.InstitutionAuthorizationUserMFA
	InstitutionAuthorizationUserMFAIntermittent = gen.InstitutionAuthorizationUserMFAIntermittent
	// InstitutionAuthorizationOther: in another way.
	InstitutionAuthorizationOther = gen.InstitutionAuthorizationOther
)

// ConnectorFields are the fields that [ConnectorsService.List] and [ConnectorsService.ListPublic] can filter by.
var ConnectorFields = connectorFields{
	ID:                 EqualField[Connector, string]{name: "connector.id"},
	Method:             EqualField[Connector, ConnectionMethod]{name: "connector.method"},
	Status:             ChoiceField[Connector, InstitutionStatus]{name: "connector.status"},
	Stage:              ChoiceField[Connector, InstitutionStage]{name: "connector.stage"},
	Scopes:             ChoiceField[Connector, string]{name: "connector.scopes"},
	InstitutionCountry: ChoiceField[Connector, string]{name: "connector.institution.country"},
	InstitutionTier:    ChoiceField[Connector, string]{name: "connector.institution.tier"},
	InstitutionType:    MatchField[Connector, string]{name: "connector.institution.type"},
	AuthorizationType:  ChoiceField[Connector, InstitutionAuthorization]{name: "connector.authorization.type"},
	Engine:             MatchField[Connector, string]{name: "connector.connectorEngine", name21: "connector.connectorCategory"},
}

type connectorFields struct {
	// ID is the institution's id, for example "AU00000".
	ID     EqualField[Connector, string]
	Method EqualField[Connector, ConnectionMethod]
	Status ChoiceField[Connector, InstitutionStatus]
	Stage  ChoiceField[Connector, InstitutionStage]
	Scopes ChoiceField[Connector, string]
	// InstitutionCountry is "Australia" or "New Zealand".
	InstitutionCountry ChoiceField[Connector, string]
	// InstitutionTier is "1" to "4".
	InstitutionTier ChoiceField[Connector, string]
	// InstitutionType is for example "Bank", "Test Bank" or "Credit Union".
	InstitutionType   MatchField[Connector, string]
	AuthorizationType ChoiceField[Connector, InstitutionAuthorization]
	// Engine is "chrome" or "node". API 2.1 and [ConnectorsService.ListPublic] call the field connectorCategory, API 3.0
	// connectorEngine; each call sends the name for its version.
	Engine MatchField[Connector, string]
}

// ConnectorsService returns the ways to connect to institutions.
type ConnectorsService struct{ client *Client }

// List returns the connectors that satisfy all filters; see [ConnectorFields]. operationId: getConnectors.
func (s *ConnectorsService) List(ctx context.Context, filters ...Filter[Connector]) iter.Seq2[*Connector, error] {
	return collection[Connector]{
		client: s.client, op: opGetConnectors, resource: connectorResource, filters: filters, key: connectorKey,
		request: bindInput(s.client.raw.GetConnectors, nil),
	}.all(ctx)
}

// Get returns the connector for an institution, such as "AU00000", and a method. operationId: getConnector.
func (s *ConnectorsService) Get(ctx context.Context, institutionID string, method ConnectionMethod) (*Connector, error) {
	return get(ctx, s.client, opGetConnector, []pathParam{{"method", string(method)}, {"institutionID", institutionID}}, connectorResource, bindIDs(s.client.raw.GetConnector, institutionID, string(method)))
}

// ListPublic is [ConnectorsService.List] without a token or API key. API 2.1 documents it. operationId:
// getPublicConnectors.
func (s *ConnectorsService) ListPublic(ctx context.Context, filters ...Filter[Connector]) iter.Seq2[*Connector, error] {
	return collection[Connector]{
		client: s.client, op: opGetPublicConnectors, resource: connectorResource, filters: filters, key: connectorKey,
		request: bindInput(s.client.raw.GetPublicConnectors, nil),
	}.all(ctx)
}

// GetPublic is [ConnectorsService.Get] without a token. operationId: getPublicConnector.
func (s *ConnectorsService) GetPublic(ctx context.Context, institutionID string, method ConnectionMethod) (*Connector, error) {
	return get(ctx, s.client, opGetPublicConnector, []pathParam{{"method", string(method)}, {"institutionID", institutionID}}, connectorResource, bindIDs(s.client.raw.GetPublicConnector, institutionID, string(method)))
}

var connectorResource = resource[Connector]{"connector", func(c *Connector) (string, string) { return c.Type, c.ID }}

// connectorKey identifies a connector in a list: an institution has one for each method.
func connectorKey(c *Connector) string {
	if c.Method == "" {
		return ""
	}
	return c.ID + "/" + string(c.Method)
}
