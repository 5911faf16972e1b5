package basiqtest

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// payee is a payee that a user has saved at the bank of a connection. All payees are fictitious.
type payee struct {
	id, kind   string
	connection *connection
	created    time.Time
	nickname   string
	details    object
}

// defaultPayees is the documented page size.
const defaultPayees = 25

// savedPayees are the payees of every user, with their ages in days.
var savedPayees = []struct {
	key, kind, nickname string
	age                 int
	details             object
}{
	{"account", "domestic", "Landlord", 700, object{
		"payeeAccountUType": "account", "account": object{"bsb": "062000", "accountNumber": "10445533", "accountName": "Manly Property Management"},
	}},
	{"payid", "domestic", "Monica", 420, object{
		"payeeAccountUType": "payId", "payId": object{"name": "Monica Hall", "identifier": "monica@example.com", "type": "EMAIL"},
	}},
	{"biller", "biller", "Electricity", 365, object{"billerCode": "23796", "crn": "123456789", "billerName": "Hooli Energy"}},
	{"international", "international", "Jane", 90, object{
		"beneficiaryDetails": object{"name": "Jane Doe", "country": "GB", "message": "Rent"},
		"bankDetails": object{
			"country": "GB", "accountNumber": "12345678", "beneficiaryBankBIC": "BARCGB22", "routingNumber": "123456",
			"bankAddress": "1 Churchill Place, London",
		},
	}},
	{"wallet", "digitalWallet", "", 30, object{
		"name": "Nelson Bighetti", "identifier": "nelson@example.com", "type": "EMAIL", "provider": "PayPal",
	}},
}

// payees returns the payees of all connections that have fetched data, except statements.
func (u *user) payees(now time.Time) []*payee {
	var list []*payee
	for _, conn := range u.connections {
		if conn.person() == nil || conn.stateAt(now).fetched.IsZero() {
			continue
		}
		for _, saved := range savedPayees {
			list = append(list, &payee{
				id: derivedID(conn.id, "payee "+saved.key), kind: saved.kind, connection: conn, nickname: saved.nickname,
				created: conn.created.AddDate(0, 0, -saved.age), details: saved.details,
			})
		}
	}
	return list
}

func (p *payee) summary(v *view) object {
	o := object{
		"type": "payee", "id": p.id, "payeeType": p.kind, "connectionId": p.connection.id, "createdDate": formatTime(p.created),
		"links": v.selfLinks(p.connection.user.path() + "/payees/" + p.id),
	}
	o.addIfSet("nickname", p.nickname)
	return o
}

var payeeFilters = filterable{"type": {operators: eq}, "connectionId": {operators: eq}, "created": {operators: ranges, date: true}}

func (p *payee) property(name string) string {
	switch name {
	case "type":
		return p.kind
	case "connectionId":
		return p.connection.id
	default:
		return formatTime(p.created)
	}
}

// getPayees returns a page of payees. Its next link contains limit and cursor, as in the document.
func (s *Sandbox) getPayees(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	if !s.resumeAt(c, "cursor") {
		return response{}, notValid("Cursor value is not valid", fromParameter("cursor"))
	}
	conditions, err := c.filter(payeeFilters)
	if err != nil {
		return response{}, err
	}
	limit, err := c.limit(defaultPayees)
	if err != nil {
		return response{}, err
	}
	found := slices.DeleteFunc(u.payees(c.now), func(p *payee) bool { return !conditions.match(p.property) })
	page, next := pageOf(s, c, limit, found,
		func(p *payee) string { return p.id }, func(p *payee) any { return p.summary(&c.view) })
	if page.reversed = true; next != "" {
		page.links["next"] = c.url(c.http.URL.Path + "?limit=" + strconv.Itoa(limit) + "&cursor=" + next)
	}
	return response{http.StatusOK, page}, nil
}

func (s *Sandbox) getPayeeDetails(c *call) (response, error) {
	u, err := s.user(c)
	if err != nil {
		return response{}, err
	}
	id := c.http.PathValue("payeeId")
	if !idFormat.MatchString(id) {
		return response{}, notValid("Payee ID value is not valid", fromParameter("payeeId"))
	}
	for _, p := range u.payees(c.now) {
		if p.id == id {
			o := p.summary(&c.view)
			o[p.kind] = p.details
			return response{http.StatusOK, o}, nil
		}
	}
	return response{}, resourceNotFound()
}
