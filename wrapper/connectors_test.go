package basiq_test

import (
	"context"
	"iter"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestConnectors_Get(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{
		"2.1": "assembled/swagger-2.1/getConnector.200.1",
		"3.0": "assembled/data/getConnector.200.1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, official(t, payload)))
			connector, err := client.Connectors.Get(t.Context(), "AU00000", basiq.ConnectionMethodOpenBanking)
			require.NoError(t, err)
			assert.Equal(t, "AU00000", connector.ID)
			assert.Equal(t, basiq.ConnectionMethodWeb, connector.Method)
			assert.Equal(t, "Hooli Bank", connector.Institution.Name)
			assert.Equal(t, basiq.InstitutionAuthorizationUser, connector.Authorization.Type)
			assert.Equal(t, "User name", connector.Authorization.Meta.LoginIDCaption)
			assert.Equal(t, "https://example.com/AU00000.svg", connector.Institution.Logo.Links.Square)
			assert.Equal(t, "GET /connectors/AU00000/"+string(basiq.ConnectionMethodOpenBanking), s.seen()[0].String())
			assert.Equal(t, "Bearer token-1", s.seen()[0].Authorization)
		})
	}
}

// Values that this version does not know are kept, because Basiq may add values.
func TestConnectors_List_UnknownValues(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"type":"list","totalCount":2,"data":[
		{"type":"connector","id":"AU1","method":"telepathy","status":"on-fire","stage":"gamma","authorization":{"type":"retina","meta":null},"scopes":["brand.new"],"stats":null},
		{"type":"connector","id":"AU2","authorization":null,"institution":null,"scopes":null,"stats":{"averageDurationMs":{"total":null,"retrieveMeta":0}}}]}`))
	connectors := all(t, client.Connectors.List(t.Context()))
	require.Len(t, connectors, 2)
	assert.Equal(t, basiq.ConnectionMethod("telepathy"), connectors[0].Method)
	assert.Equal(t, basiq.InstitutionStatus("on-fire"), connectors[0].Status)
	assert.Equal(t, basiq.InstitutionStage("gamma"), connectors[0].Stage)
	assert.Equal(t, basiq.InstitutionAuthorization("retina"), connectors[0].Authorization.Type)
	assert.Nil(t, connectors[1].Authorization)
	durations := connectors[1].Stats.AverageDurationMs
	assert.Nil(t, durations.Total, "not measured")
	require.NotNil(t, durations.RetrieveMeta)
	assert.Zero(t, *durations.RetrieveMeta, "zero is a measured duration")
}

// The field for the engine has a different name in each API version. Public lists are sent without a token, so they use the
// name of API 2.1.
func TestConnectorFields_Engine(t *testing.T) {
	t.Parallel()
	engine := basiq.ConnectorFields.Engine
	for _, filter := range []basiq.Filter[basiq.Connector]{engine.Eq("chrome"), engine.Ne("node")} {
		text := filter.String()
		assert.Contains(t, text, "connector.connectorEngine.")
		text21 := strings.Replace(text, "connectorEngine", "connectorCategory", 1)
		for _, version := range []basiq.APIVersion{basiq.APIVersion21, basiq.APIVersion30} {
			s := &stub{respond: respondWith(ok(200, `{"type":"list","data":[]}`))}
			client := newClient(t, s, basiq.WithAPIVersion(version))
			all(t, client.Connectors.List(t.Context(), basiq.ConnectorListOptions{Filter: filter}))
			all(t, client.Connectors.ListPublic(t.Context(), basiq.ConnectorListOptions{Filter: filter}))
			want := []string{text, text21}
			if version == basiq.APIVersion21 {
				want[0] = text21
			}
			for i, seen := range s.seen() {
				query, err := url.ParseQuery(seen.Query)
				require.NoError(t, err)
				assert.Equal(t, want[i], query.Get("filter"), "%s with %s", seen, version)
			}
		}
	}
}

func TestConnectors_List_Filters(t *testing.T) {
	t.Parallel()
	fields := basiq.ConnectorFields
	filter := fields.ID.Eq("AU00000").And(
		fields.Method.Eq(basiq.ConnectionMethodWeb),
		fields.Status.In(basiq.InstitutionStatusMajorOutage, basiq.InstitutionStatusPartialOutage), fields.Stage.Ne(basiq.InstitutionStageAlpha),
		fields.Scopes.In("account.basic"), fields.InstitutionCountry.Eq("New Zealand"), fields.InstitutionTier.In("1", "2"),
		fields.InstitutionType.Ne("Test Bank"), fields.AuthorizationType.Eq(basiq.InstitutionAuthorizationUserMFA), fields.Engine.Eq("node"),
	)
	const want = "connector.id.eq('AU00000'),connector.method.eq('web'),connector.status.in('major-outage','partial-outage'),connector.stage.ne('alpha')," +
		"connector.scopes.in('account.basic'),connector.institution.country.eq('New Zealand'),connector.institution.tier.in('1','2')," +
		"connector.institution.type.ne('Test Bank'),connector.authorization.type.eq('user-mfa'),connector.connectorEngine.eq('node')"
	for path, list := range map[string]func(context.Context, *basiq.Client, ...basiq.ConnectorListOptions) iter.Seq2[*basiq.Connector, error]{
		"/connectors": func(ctx context.Context, c *basiq.Client, options ...basiq.ConnectorListOptions) iter.Seq2[*basiq.Connector, error] {
			return c.Connectors.List(ctx, options...)
		},
		"/public/connectors": func(ctx context.Context, c *basiq.Client, options ...basiq.ConnectorListOptions) iter.Seq2[*basiq.Connector, error] {
			return c.Connectors.ListPublic(ctx, options...)
		},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
			all(t, list(t.Context(), client, basiq.ConnectorListOptions{Filter: filter}))
			require.Len(t, s.seen(), 1)
			assert.Equal(t, "GET "+path, s.seen()[0].String())
			query, err := url.ParseQuery(s.seen()[0].Query)
			require.NoError(t, err)
			want := want
			if path == "/public/connectors" { // API 2.1, regardless of the client's version
				want = strings.Replace(want, "connectorEngine", "connectorCategory", 1)
			}
			assert.Equal(t, url.Values{"filter": {want}}, query)

			for name, bad := range map[string]basiq.Filter[basiq.Connector]{
				"no values": fields.Status.In(), "quote": fields.InstitutionType.Eq("People's Choice"), "empty": fields.Stage.In("live", ""),
			} {
				require.ErrorIs(t, rangeErr(list(t.Context(), client, basiq.ConnectorListOptions{Filter: bad})), basiq.ErrInvalidInput, name)
			}
			assert.Len(t, s.seen(), 1, "an invalid filter must not cause a request")
		})
	}
}
