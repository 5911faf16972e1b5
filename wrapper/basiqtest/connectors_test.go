package basiqtest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// Banks that only accept statements.
const (
	nab = "AU01001"
	ing = "AU00201"
)

// names returns id/method for each item of a list of connectors.
func (r reply) names() []string {
	r.t.Helper()
	require.Equal(r.t, http.StatusOK, r.status, r.raw)
	total, _ := r.at("totalCount")
	require.Equal(r.t, json.Number(strconv.Itoa(r.length("data"))), total)
	names := []string{}
	for i := range r.length("data") {
		at := "data." + strconv.Itoa(i)
		names = append(names, r.text(at+".id")+"/"+r.text(at+".method"))
	}
	return names
}

func TestConnectors_List(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct{ version, path, payload string }{
		"2.1":    {"2.1", "/connectors", "assembled/swagger-2.1/getConnectors.200.1"},
		"3.0":    {"3.0", "/connectors", "assembled/data/getConnectors.200.1"},
		"public": {"2.1", "/public/connectors", "assembled/swagger-2.1/getPublicConnectors.200.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := new30(t)
			c = c.as(of.version, client, c.newUser())
			if name == "public" {
				c.token = ""
			}
			everything := []string{
				"AU00000/web", "AU00000/openbanking", "AU00002/web", "AU00003/web", "AU00004/web", "AU01001/pdf", "AU01001/csv",
				"AU00201/pdf", "AU00201/csv",
			}
			if of.version == "3.0" {
				everything[1] = "AU00000/open-banking"
			}
			r := c.get(of.path)
			require.Equal(t, everything, r.names())
			r.requireShape(official(t, of.payload))
			for i, name := range everything {
				at := "data." + strconv.Itoa(i)
				r.requireFields(at, "type", "stage", "status", "institution.type", "institution.name", "institution.shortName",
					"institution.tier", "institution.country", "institution.logo.links.square", "institution.logo.links.full",
					"scopes.0", "authorization.type", "stats.averageDurationMs.total")
				assert.Equal(t, c.sandbox.URL()+of.path+"/"+name, r.text(at+".links.self"))
				one := c.get(of.path + "/" + name)
				item, _ := r.at(at)
				assert.Equal(t, item, one.body)
			}
			assert.Equal(t, "User name", r.text("data.0.authorization.meta.login_id_caption"))
			assert.Equal(t, of.version == "3.0", r.has("data.1.institution.cdrPolicy"), "open banking in 3.0")
			assert.False(t, r.has("data.0.institution.cdrPolicy"))
			assert.Equal(t, "user", r.text("data.0.authorization.type"))
			assert.Equal(t, "user-mfa", r.text("data.2.authorization.type"))
			assert.Equal(t, "user-mfa-intermittent", r.text("data.3.authorization.type"))
			assert.Equal(t, "other", r.text("data.5.authorization.type"))
			for _, spelling := range []string{"open-banking", "openbanking"} {
				assert.Equal(t, everything[1], "AU00000/"+c.get(of.path+"/AU00000/"+spelling).text("method"), spelling)
			}

			for _, name := range []string{"/AU00001/web", "/AU00000/pdf", "/AU01001/web", "/AU00000/carrier-pigeon"} {
				c.get(of.path+name).requireError(404, "resource-not-found", "Requested resource is not found")
			}
			for filter, want := range map[string][]string{
				"connector.id.eq('AU00000')":                                                     everything[:2],
				"connector.id.eq('AU99999')":                                                     {},
				"connector.method.eq('web')":                                                     {"AU00000/web", "AU00002/web", "AU00003/web", "AU00004/web"},
				"connector.method.eq('open-banking')":                                            everything[1:2],
				"connector.method.eq('pdf')":                                                     {"AU01001/pdf", "AU00201/pdf"},
				"connector.method.eq('csv')":                                                     {"AU01001/csv", "AU00201/csv"},
				"connector.status.eq('operational')":                                             everything,
				"connector.status.ne('operational')":                                             {},
				"connector.status.in('major-outage','operational')":                              everything,
				"connector.stage.eq('live')":                                                     everything,
				"connector.stage.ne('live')":                                                     {},
				"connector.stage.in('alpha','beta')":                                             {},
				"connector.scopes.eq('customer.person.detail')":                                  everything[1:2],
				"connector.scopes.ne('customer.person.basic')":                                   everything[5:],
				"connector.scopes.in('customer.person.detail','nothing')":                        everything[1:2],
				"connector.institution.country.eq('Australia')":                                  everything,
				"connector.institution.country.ne('Australia')":                                  {},
				"connector.institution.country.in('New Zealand')":                                {},
				"connector.institution.tier.eq('1')":                                             everything[5:7],
				"connector.institution.tier.ne('1')":                                             slices.Concat(everything[:5], everything[7:]),
				"connector.institution.tier.in('1','2')":                                         everything[5:],
				"connector.institution.type.eq('Test Bank')":                                     everything[:5],
				"connector.institution.type.ne('Test Bank')":                                     everything[5:],
				"connector.institution.type.eq('Bank (Foreign)')":                                {},
				"connector.authorization.type.eq('user-mfa')":                                    everything[2:3],
				"connector.authorization.type.ne('other')":                                       {"AU00000/web", "AU00002/web", "AU00003/web", "AU00004/web"},
				"connector.authorization.type.in('user-mfa','user-mfa-intermittent')":            everything[2:4],
				"connector.stage.eq('live'),connector.institution.tier.in('1','2')":              everything[5:],
				"connector.institution.type.eq('Test Bank'),connector.method.eq('open-banking')": everything[1:2],
			} {
				list := c.get(filtered(of.path, filter))
				assert.Equal(t, want, list.names(), filter)
				assert.Contains(t, list.text("links.self"), "?filter=")
			}
			for _, filter := range []string{
				"connector.id.eq('hooli')", "connector.id.ne('AU00000')", "connector.method.eq('openbanking')",
				"connector.method.ne('web')", "connector.status.eq('fine')", "connector.stage.gt('live')",
				"connector.institution.country.eq('Austria')", "connector.institution.tier.eq('5')",
				"connector.institution.type.in('Bank')", "connector.authorization.type.eq('password')", "connector.name.eq('x')",
				"institution.tier.eq('1')", "connector.stage",
			} {
				c.get(filtered(of.path, filter)).
					requireError(400, "parameter-not-valid", "The provided filter parameter is in invalid format or unsupported")
			}
			// The name of the engine filter depends on the version, and 2.1 has an additional status.
			mine, other := "connector.connectorCategory", "connector.connectorEngine"
			if of.version == "3.0" {
				mine, other = other, mine
			}
			assert.Equal(t, []string{"AU00000/web", "AU00002/web", "AU00003/web", "AU00004/web"},
				c.get(filtered(of.path, mine+".eq('chrome')")).names())
			assert.Len(t, c.get(filtered(of.path, mine+".ne('chrome')")).names(), 5)
			c.get(filtered(of.path, other+".eq('chrome')")).
				requireError(400, "parameter-not-valid", "The provided filter parameter is in invalid format or unsupported")
			improving := c.get(filtered(of.path, "connector.status.eq('under-improvement')"))
			assert.Equal(t, of.version == "2.1", improving.status == http.StatusOK, improving.raw)
		})
	}
}

// Every listed connector works: logins for web connectors, uploads for PDF and CSV.
func TestConnectors_List_Usable(t *testing.T) {
	t.Parallel()
	c := new21(t)
	id := c.newUser()
	for _, name := range c.get("/connectors").names() {
		bank, method, _ := strings.Cut(name, "/")
		switch method {
		case "web":
			r := c.post("/users/"+id+"/connections", credentials(bank, "gavinBelson", "hooli2016"))
			assert.Equal(t, http.StatusAccepted, r.status, r.raw)
		case "pdf":
			r := c.upload(id, bank, file{name: "a.pdf", content: "%PDF-1.7 x"})
			assert.Equal(t, http.StatusAccepted, r.status, r.raw)
		}
	}
	c.post("/users/"+id+"/connections", credentials(nab, "gavinBelson", "hooli2016")).
		requireError(400, "parameter-not-valid", "Requested institution does not exist.")
}

// The durations depend on the speed of the sandbox.
func TestConnectors_Get_Stats(t *testing.T) {
	t.Parallel()
	slow, fast := new21(t).get("/connectors/AU00000/web"), new21(t, basiqtest.WithSpeed(10)).get("/connectors/AU00000/web")
	total := func(r reply) string {
		value, _ := r.at("stats.averageDurationMs.total")
		return string(value.(json.Number))
	}
	assert.Equal(t, "11375", total(slow))
	assert.Equal(t, "1137", total(fast))
}
