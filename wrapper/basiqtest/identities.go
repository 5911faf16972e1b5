package basiqtest

import (
	"net/http"
	"strings"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// identity returns the customer's identity according to the connection's bank. It is nil before the first fetch and for
// statements, which contain no identity.
func (conn *connection) identity(v *view) object {
	fetched, person := conn.stateAt(v.now).fetched, conn.person()
	if fetched.IsZero() || person == nil {
		return nil
	}
	id := conn.identityID()
	o := object{
		"type": "identity", "id": id, "created": formatTime(conn.created), "updated": formatTime(fetched),
		"source": strings.ReplaceAll(string(conn.method), "-", ""), // spelled this way in the documented examples
		// The field is called job, but in all examples it links to the connection, with a path that does not exist. Use the
		// correct path.
		"links": object{"self": v.url(conn.user.path() + "/identities/" + id), "job": v.url(conn.path())},
	}
	if v.version.since(v30) {
		o["connectionID"], o["institutionID"] = conn.id, conn.institution.ID
	}
	emails := "emailAddresses"
	if !v.version.since(v30) {
		emails = "emails"
	}
	// As in the examples, all fields are present, and fields that do not apply are empty: an organisation has no personal
	// name.
	if person.Business != nil {
		addPerson(o, emails, nil)
		o["organisation"] = organisation(person)
	} else {
		addPerson(o, emails, &person.Profile)
		o["organisation"] = organisation(&bank.Person{})
	}
	return o
}

func (conn *connection) identityID() string { return derivedID(conn.id, "identity") }

func addPerson(o object, emails string, p *bank.Profile) {
	phones, addresses, mails := []string{}, []object{}, []string{}
	version := ""
	if p == nil {
		p = &bank.Profile{}
	} else {
		phones, mails, version = append(phones, p.Phone), append(mails, p.Email), "V1.2"
		addresses = append(addresses, object{
			"type": "home", "addressLine1": p.Street, "addressLine2": "", "addressLine3": "", "city": p.Suburb,
			"state": p.State, "postcode": p.Postcode, "country": "Australia", "countryCode": "AU",
			"formattedAddress": p.Address(),
		})
	}
	o["title"], o["firstName"], o["middleName"], o["lastName"] = p.Title, p.First, p.Middle, p.Last
	o["fullName"] = strings.Join(strings.Fields(p.First+" "+p.Middle+" "+p.Last), " ")
	o["DOB"] = p.BirthDate
	o["occupationCode"], o["occupationCodeVersion"] = p.OccupationCode, version
	o["phoneNumbers"], o[emails], o["physicalAddresses"] = phones, mails, addresses
}

func organisation(person *bank.Person) object {
	b := person.Business
	if b == nil {
		return object{
			"agentFirstName": "", "agentLastName": "", "agentRole": "", "businessName": "", "legalName": "", "shortName": "",
			"abn": "", "acn": "", "isACNCRegistered": false, "industryCode": "", "industryCodeVersion": "",
			"organisationType": "", "registeredCountry": "",
		}
	}
	return object{
		"agentFirstName": person.Profile.First, "agentLastName": person.Profile.Last, "agentRole": "Nominated Representative",
		"businessName": b.Name, "legalName": b.LegalName, "shortName": b.Name, "abn": b.ABN, "acn": b.ACN,
		"isACNCRegistered": false, "industryCode": b.IndustryCode, "industryCodeVersion": "V2.0",
		"organisationType": b.OrganisationType, "registeredCountry": "AUS",
	}
}

func (s *Sandbox) getUserIdentities(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	data := []object{}
	for _, conn := range u.connections {
		if o := conn.identity(&c.view); o != nil {
			data = append(data, o)
		}
	}
	return response{http.StatusOK, object{"type": "list", "count": len(data), "data": data}}, nil
}

// getUserIdentity responds with 404 for the identity of a deleted connection.
func (s *Sandbox) getUserIdentity(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	for _, conn := range u.connections {
		if conn.identityID() != c.http.PathValue("identityId") {
			continue
		}
		if o := conn.identity(&c.view); o != nil {
			return response{http.StatusOK, o}, nil
		}
	}
	return response{}, resourceNotFound()
}
