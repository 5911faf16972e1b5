package basiq

import (
	"context"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Connector is a way to fetch data from an institution.
	Connector = gen.Connector
	// InstitutionStatus is the current status of the support for an institution.
	InstitutionStatus = gen.InstitutionStatus
	// InstitutionStage is the maturity of the support for an institution.
	InstitutionStage = gen.InstitutionStage
	// InstitutionAuthorization is the login method of an institution.
	InstitutionAuthorization = gen.InstitutionAuthorization
)

// The statuses of the support for an institution.
const (
	InstitutionStatusOperational         = gen.InstitutionStatusOperational
	InstitutionStatusDegradedPerformance = gen.InstitutionStatusDegradedPerformance
	InstitutionStatusPartialOutage       = gen.InstitutionStatusPartialOutage
	// InstitutionStatusMajorOutage: users cannot connect at the moment.
	InstitutionStatusMajorOutage      = gen.InstitutionStatusMajorOutage
	InstitutionStatusUnderMaintenance = gen.InstitutionStatusUnderMaintenance
	// InstitutionStatusUnderImprovement: only API 2.1 documents it as a value of a filter.
	InstitutionStatusUnderImprovement = gen.InstitutionStatusUnderImprovement
)

// The maturity of the support for an institution.
const (
	InstitutionStageLive  = gen.InstitutionStageLive
	InstitutionStageBeta  = gen.InstitutionStageBeta
	InstitutionStageAlpha = gen.InstitutionStageAlpha
)

// The login methods of institutions.
const (
	// InstitutionAuthorizationUser: with a login and a password.
	InstitutionAuthorizationUser = gen.InstitutionAuthorizationUser
	// InstitutionAuthorizationToken: with a token, see [CreateConnection].
	InstitutionAuthorizationToken = gen.InstitutionAuthorizationToken
	// InstitutionAuthorizationUserMFA: also with a second factor; InstitutionAuthorizationUserMFAIntermittent: sometimes with
	// a second factor. See [WithMFA].
	InstitutionAuthorizationUserMFA             = gen.InstitutionAuthorizationUserMFA
	InstitutionAuthorizationUserMFAIntermittent = gen.InstitutionAuthorizationUserMFAIntermittent
	// InstitutionAuthorizationOther: another method.
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
	// ID is the institution's ID, for example "AU00000".
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

// List returns the connectors that the options select; see [ConnectorListOptions]. operationId: getConnectors.
func (s *ConnectorsService) List(ctx context.Context, options ...ConnectorListOptions) iter.Seq2[*Connector, error] {
	return collection[Connector]{
		client: s.client, op: opGetConnectors, resource: connectorResource, options: listOptionsOf(options), key: connectorKey,
		request: bindInput(s.client.raw.GetConnectors, nil),
	}.all(ctx)
}

// Get returns the connector for an institution, such as "AU00000", and a method. operationId: getConnector.
func (s *ConnectorsService) Get(ctx context.Context, institutionID string, method ConnectionMethod) (*Connector, error) {
	return get(ctx, s.client, opGetConnector, []pathParam{{"method", string(method)}, {"institutionID", institutionID}}, connectorResource, bindIDs(s.client.raw.GetConnector, institutionID, string(method)))
}

// ListPublic is [ConnectorsService.List] without a token or API key. Only API 2.1 documents it, but clients of both
// versions can call it. operationId: getPublicConnectors.
func (s *ConnectorsService) ListPublic(ctx context.Context, options ...ConnectorListOptions) iter.Seq2[*Connector, error] {
	return collection[Connector]{
		client: s.client, op: opGetPublicConnectors, resource: connectorResource, options: listOptionsOf(options), key: connectorKey,
		request: bindInput(s.client.raw.GetPublicConnectors, nil),
	}.all(ctx)
}

// GetPublic is [ConnectorsService.Get] without a token or API key; see [ConnectorsService.ListPublic]. operationId:
// getPublicConnector.
func (s *ConnectorsService) GetPublic(ctx context.Context, institutionID string, method ConnectionMethod) (*Connector, error) {
	return get(ctx, s.client, opGetPublicConnector, []pathParam{{"method", string(method)}, {"institutionID", institutionID}}, connectorResource, bindIDs(s.client.raw.GetPublicConnector, institutionID, string(method)))
}

var connectorResource = resource[Connector]{"connector", func(c *Connector) (string, string) { return c.Type, c.ID }}

// connectorKey identifies a connector in a list. An institution has one connector for each method.
func connectorKey(c *Connector) string {
	if c.Method == "" {
		return ""
	}
	return c.ID + "/" + string(c.Method)
}
