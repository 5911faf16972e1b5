package basiq_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestInstitutions_Get(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, official(t, "assembled/swagger-2.1/getInstitution.200.1")))
	institution, err := client.Institutions.Get(t.Context(), "AU00000")
	require.NoError(t, err)
	assert.Equal(t, "Hooli Bank", institution.Name)
	assert.Equal(t, "3", institution.Tier)
	assert.Equal(t, basiq.InstitutionStageLive, institution.Stage)
	assert.Equal(t, basiq.InstitutionAuthorizationUser, institution.Authorization)
	assert.Equal(t, basiq.InstitutionStatus("placeholder status"), institution.Status, "unknown statuses must be kept")
	assert.Equal(t, []string{"web", "pdf", "csv"}, institution.Features.Accounts.Balance)
	assert.Equal(t, []string{"web"}, institution.Features.Login)
	assert.Equal(t, int64(1), *institution.Stats.AverageDurationMs.Total)
}

func TestInstitutions_Get_MissingFields(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"type":"institution","id":"AU1","features":null,"logo":null,"stats":null,"tier":null,"stage":"","authorization":"retina"}`))
	institution, err := client.Institutions.Get(t.Context(), "AU1")
	require.NoError(t, err)
	assert.Nil(t, institution.Features)
	assert.Zero(t, institution.Stats)
	assert.Empty(t, institution.Tier)
	assert.Equal(t, basiq.InstitutionAuthorization("retina"), institution.Authorization)
}

func TestInstitutions_List(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, official(t, "assembled/swagger-2.1/getPublicInstitutions.200.1")))
	fields := basiq.InstitutionFields
	options := basiq.InstitutionListOptions{Filter: fields.Country.In("Australia", "New Zealand").And(
		fields.Tier.Eq("1"), fields.Authorization.Ne(basiq.InstitutionAuthorizationToken),
		fields.ServiceType.Eq("Personal Banking"), fields.Type.Ne("Test Bank"), fields.Stage.Eq(basiq.InstitutionStageLive),
	)}
	const want = "institution.country.in('Australia','New Zealand'),institution.tier.eq('1'),institution.authorization.ne('token')," +
		"institution.serviceType.eq('Personal Banking'),institution.institutionType.ne('Test Bank'),institution.stage.eq('live')"
	assert.Len(t, all(t, client.Institutions.List(t.Context(), options)), 1)
	assert.Len(t, all(t, client.Institutions.ListPublic(t.Context(), options)), 1)
	require.Len(t, s.seen(), 2)
	for i, path := range []string{"/institutions", "/public/institutions"} {
		assert.Equal(t, "GET "+path, s.seen()[i].String())
		query, err := url.ParseQuery(s.seen()[i].Query)
		require.NoError(t, err)
		assert.Equal(t, url.Values{"filter": {want}}, query)
	}
	require.ErrorIs(t, rangeErr(client.Institutions.ListPublic(t.Context(), basiq.InstitutionListOptions{Filter: fields.Tier.In()})), basiq.ErrInvalidInput)
	assert.Len(t, s.seen(), 2, "an invalid filter must not cause a request")
}

// API 3.0 has connectors instead of institutions.
func TestInstitutions_API30(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(404, `{"type":"list","data":[{"type":"error","code":"resource-not-found","detail":"Route not found for this API version"}]}`))
	require.ErrorIs(t, rangeErr(client.Institutions.List(t.Context())), basiq.ErrWrongAPIVersion)
	err := errOf(client.Institutions.Get(t.Context(), "AU00000"))
	require.ErrorIs(t, err, basiq.ErrWrongAPIVersion)
	require.NotErrorIs(t, err, basiq.ErrNotFound)
}
