package basiqtest

import (
	"net/http"
	"slices"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// institutionFilters accepts any value: in a recording, a filter by a country without institutions returned an empty
// list. The last two filters are not documented, but Basiq's own consent UI sends them.
var institutionFilters = filterable{
	"institution.country":           {operators: eqNeIn},
	"institution.tier":              {operators: eqNeIn},
	"institution.authorization":     {operators: eqNeIn},
	"institution.serviceType":       {operators: eqNe},
	"institution.institutionType":   {operators: eqNe},
	"institution.stage":             {operators: eqNe},
	"institution.connectorStatus":   {operators: eq},
	"institution.openBankingSource": {operators: eq},
}

func institutionProperty(b *bank.Bank, name string) string {
	switch name {
	case "institution.country":
		return b.Country
	case "institution.tier":
		return b.Tier
	case "institution.authorization":
		return string(authorizationOf(b))
	case "institution.serviceType":
		return serviceType
	case "institution.institutionType":
		return b.Type
	case "institution.connectorStatus":
		return "active"
	case "institution.openBankingSource":
		return "web"
	default:
		return string(gen.InstitutionStageLive)
	}
}

// serviceType is the service type of all institutions, as recorded for AU00000.
const serviceType = "Personal Banking"

// getPublicInstitutions responds like getInstitutions. The links are also the same, because no public operation
// exists for a single institution.
func (s *Sandbox) getPublicInstitutions(c *call) (response, error) {
	c.version = v21
	return s.getInstitutions(c)
}

func (s *Sandbox) getInstitutions(c *call) (response, error) {
	conditions, err := c.filter(institutionFilters)
	if err != nil {
		return response{}, err
	}
	data := []object{}
	for _, b := range bank.Banks() {
		if conditions.match(func(name string) string { return institutionProperty(b, name) }) {
			data = append(data, s.institutionItem(&c.view, b))
		}
	}
	return response{http.StatusOK, object{
		"type": "list", "totalCount": len(data), "data": data, "links": c.requestLinks(),
	}}, nil
}

func (s *Sandbox) getInstitution(c *call) (response, error) {
	b := bank.FindBank(c.http.PathValue("institutionId"))
	if b == nil {
		return response{}, notFound("Requested institution does not exist.")
	}
	return response{http.StatusOK, s.institutionItem(&c.view, b)}, nil
}

// institutionItem returns an institution in the format of 2.1, which is also used for tokens of 3.0.
func (s *Sandbox) institutionItem(v *view, b *bank.Bank) object {
	method, name := gen.ConnectionMethodWeb, b.Name
	if !b.Login {
		method = gen.ConnectionMethodPDF
	}
	if b.ID == openBankingID {
		name = "Hooli Bank" // recorded; connectors use the documented name
	}
	o := object{
		"type": "institution", "id": b.ID, "name": name, "shortName": b.ShortName, "institutionType": b.Type,
		"country": b.Country, "serviceName": "Personal Online Banking", "serviceType": serviceType, "tier": b.Tier,
		"authorization": authorizationOf(b), "features": featuresOf(b), "stage": gen.InstitutionStageLive,
		"status": gen.InstitutionStatusOperational, "stats": s.stats(method), "logo": logoOf(b),
		"links": v.selfLinks("/institutions/" + b.ID),
	}
	if b.Login {
		o["loginIdCaption"], o["passwordCaption"], o["forgottenPasswordUrl"] = "Login", passwordCaption, forgottenURL(b)
	}
	return o
}

// featuresOf returns the sources of each type of data: a login or types of statement. In the recording of AU00000, the
// MFA challenge has a source although the bank never asks, and addresses have none.
func featuresOf(b *bank.Bank) object {
	web := []string{}
	if b.Login {
		web = append(web, "web")
	}
	all := slices.Concat(web, b.Statements)
	each := func(sources []string, names ...string) object {
		o := object{}
		for _, name := range names {
			o[name] = sources
		}
		return o
	}
	profile := each(web, "fullName", "firstName", "lastName", "middleName", "phoneNumbers", "emailAddresses")
	profile["physicalAddresses"] = []string{}
	return object{
		"login": web, "mfaChallenge": web, "profile": profile,
		"accounts": each(all,
			"accountNo", "name", "currency", "balance", "availableFunds", "lastUpdated", "accountHolder", "meta"),
		"transactions": each(all, "status", "description", "date", "amount", "balance", "class"),
	}
}
