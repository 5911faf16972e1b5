package basiqtest_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInstitutions_List(t *testing.T) {
	t.Parallel()
	everything := []string{hooli, piedPiper, nucleus, hooliGov, nab, ing}
	for path, payload := range map[string]string{
		"/institutions":        "assembled/swagger-2.1/getInstitutions.200.1",
		"/public/institutions": "assembled/swagger-2.1/getPublicInstitutions.200.1",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			c := new21(t)
			lister := c.as("2.1", client, "")
			if path != "/institutions" {
				lister.token = ""
			}
			r := lister.get(path)
			require.Equal(t, http.StatusOK, r.status, r.raw)
			require.Equal(t, everything, r.ids())
			r.requireShape(official(t, payload))
			for i, id := range everything {
				at := "data." + strconv.Itoa(i)
				r.requireFields(at, "type", "id", "name", "shortName", "institutionType", "country", "serviceName",
					"serviceType", "tier", "authorization", "features.login", "features.accounts.meta",
					"features.profile.physicalAddresses", "features.transactions.class", "stage", "status",
					"stats.averageDurationMs.retrieveMeta", "logo.links.full", "links.self")
				item, _ := r.at(at)
				assert.Equal(t, item, c.get("/institutions/"+id).body)
			}
			assert.Equal(t, "Pied Piper", r.text("data.1.name"))
			assert.Equal(t, "web", r.text("data.0.features.login.0"))
			assert.Equal(t, "web", r.text("data.1.features.mfaChallenge.0"))
			assert.False(t, r.has("data.4.loginIdCaption"), "no logins at this bank")
			assert.Zero(t, r.length("data.4.features.login"))
			sources, _ := r.at("data.4.features.transactions.amount")
			assert.Equal(t, []any{"pdf", "csv"}, sources)

			for filter, want := range map[string][]string{
				"institution.country.eq('Australia')":                              everything,
				"institution.country.ne('Australia')":                              {},
				"institution.country.in('Australia','New Zealand')":                everything,
				"institution.tier.eq('1')":                                         {nab},
				"institution.tier.ne('1')":                                         {hooli, piedPiper, nucleus, hooliGov, ing},
				"institution.tier.in('1','2')":                                     {nab, ing},
				"institution.authorization.eq('user')":                             {hooli, hooliGov},
				"institution.authorization.ne('other')":                            everything[:4],
				"institution.authorization.in('user-mfa','user-mfa-intermittent')": {piedPiper, nucleus},
				"institution.serviceType.eq('Personal Banking')":                   everything,
				"institution.serviceType.ne('Personal Banking')":                   {},
				"institution.institutionType.eq('Bank')":                           {nab, ing},
				"institution.institutionType.ne('Bank')":                           everything[:4],
				"institution.stage.eq('live')":                                     everything,
				"institution.stage.ne('live')":                                     {},
				"institution.country.in('Yugoslavia')":                             {},
				"institution.country.eq('Mars')":                                   {},
				"institution.tier.eq('0')":                                         {},
				"institution.authorization.eq('none')":                             {},
				"institution.serviceType.eq('Tennis')":                             {},
				"institution.authorization.in('user', 'user-mfa')":                 {hooli, piedPiper, hooliGov},
				"institution.connectorStatus.eq('active')":                         everything,
				"institution.openBankingSource.eq('web')":                          everything,
				"institution.stage.eq('live'),institution.tier.in('1','2')":        {nab, ing},
			} {
				assert.Equal(t, want, lister.get(filtered(path, filter)).ids(), filter)
			}
			for _, filter := range []string{
				"institution.stage.in('live')", "institution.serviceType.in('Test')", "institution.institutionType.in('Bank')",
				"institution.id.eq('AU00000')", "connector.tier.eq('1')", "institution.connectorStatus.ne('active')",
			} {
				lister.get(filtered(path, filter)).
					requireError(400, "parameter-not-valid", "The provided filter parameter is in invalid format or unsupported")
			}
		})
	}
}

func TestInstitutions_Get_Unknown(t *testing.T) {
	t.Parallel()
	c := new21(t)
	c.get("/institutions/AU00001").requireError(404, "resource-not-found", "Requested institution does not exist.")
	r := c.as("3.0", server, "").get("/institutions/AU00000")
	assert.Equal(t, http.StatusOK, r.status, "tokens of 3.0 are accepted too")
	assert.Equal(t, c.get("/institutions/AU00000").raw, r.raw)
}
