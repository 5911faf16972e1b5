package basiqtest

import (
	"net/http"
	"strings"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// entityType is the entity type of all merchants.
const entityType = "Australian Private Company"

// merchantSearch finds merchants by number and by a part of their name. The match score of a complete name or number is 1. A
// partial match scores the fraction of the name that it covers.
func (s *Sandbox) merchantSearch(c *call) (response, error) {
	query, err := c.parameters()
	if err != nil {
		return response{}, notValid("Parameter merchantName is not valid.", fromParameter("merchantName"))
	}
	number, name := digitsOnly(query.Get("abn")), strings.ToLower(strings.TrimSpace(query.Get("merchantName")))
	if query.Get("abn") == "" && name == "" {
		return response{}, notSupplied("One of 'abn' or 'merchantName' is required.", fromParameter("abn"))
	}
	data := []object{}
	for m := range bank.Merchants() {
		switch {
		case query.Get("abn") != "" && number != m.ABN, !strings.Contains(strings.ToLower(m.Name), name):
			continue
		case query.Get("suburb") != "" && !strings.EqualFold(query.Get("suburb"), m.Suburb):
			continue
		case query.Get("entityType") != "" && !strings.EqualFold(query.Get("entityType"), entityType):
			continue
		}
		score := 1.0
		if name != "" {
			score = float64(len(name)) / float64(len(m.Name))
		}
		data = append(data, object{
			"merchantName": m.Name, "merchantId": m.ID, "matchScore": score, "suburb": m.Suburb, "state": m.State,
			"country": "Australia", "abn": m.ABN, "entityType": entityType,
		})
	}
	return response{http.StatusOK, object{"type": "list", "size": len(data), "data": data, "links": c.requestLinks()}}, nil
}

func (s *Sandbox) getMerchantByID(c *call) (response, error) {
	for m, category := range bank.Merchants() {
		if m.ID != c.http.PathValue("merchantId") {
			continue
		}
		merchant := merchantObject(m)
		merchant["id"], merchant["abn"] = m.ID, m.ABN
		business := categoryObject(&c.view, category)
		business["matchScore"] = 1
		return response{http.StatusOK, object{
			"source": "enrich", "merchant": merchant, "category": business, "location": locationObject(m),
			"links": object{"self": c.url("/merchants/" + m.ID), "logo-master": logo(m, "master"), "logo-thumb": logo(m, "thumb")},
		}}, nil
	}
	return response{}, resourceNotFound()
}
