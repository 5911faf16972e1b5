package basiqtest

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// A connector is a method of retrieving data from a bank.
type connector struct {
	bank   *bank.Bank
	method gen.ConnectionMethod
}

// openBankingID is the bank that the documentation also lists for open banking.
const openBankingID = "AU00000"

// connectors returns all connectors, in the order of the banks.
func connectors() []connector {
	var list []connector
	for _, b := range bank.Banks() {
		if b.Login {
			list = append(list, connector{b, gen.ConnectionMethodWeb})
		}
		if b.ID == openBankingID {
			list = append(list, connector{b, gen.ConnectionMethodOpenBanking})
		}
		for _, kind := range b.Statements {
			list = append(list, connector{b, gen.ConnectionMethod(kind)})
		}
	}
	return list
}

func (ctor connector) authorization() gen.InstitutionAuthorization {
	if ctor.method != gen.ConnectionMethodWeb {
		return gen.InstitutionAuthorizationOther
	}
	return authorizationOf(ctor.bank)
}

// authorizationOf returns the login type of a bank.
func authorizationOf(b *bank.Bank) gen.InstitutionAuthorization {
	switch {
	case !b.Login:
		return gen.InstitutionAuthorizationOther
	case b.Asks == bank.Always:
		return gen.InstitutionAuthorizationUserMFA
	case b.Asks == bank.EveryOther:
		return gen.InstitutionAuthorizationUserMFAIntermittent
	default:
		return gen.InstitutionAuthorizationUser
	}
}

// scopes returns the data that the connector can fetch. Only customer.person.basic is documented. The other names
// follow the pattern of the open-banking scopes.
func (ctor connector) scopes() []string {
	switch ctor.method {
	case gen.ConnectionMethodWeb:
		return []string{"bank.accounts.basic", "bank.accounts.detail", "bank.transactions", "customer.person.basic"}
	case gen.ConnectionMethodOpenBanking:
		return []string{
			"bank.accounts.basic", "bank.accounts.detail", "bank.transactions", "customer.person.basic",
			"customer.person.detail",
		}
	default:
		return []string{"bank.accounts.basic", "bank.transactions"}
	}
}

// engine returns the engine of the connector, which is only visible to filters. The documentation names two engines,
// but not which connectors use them.
func (ctor connector) engine() string {
	if ctor.method == gen.ConnectionMethodWeb {
		return "chrome"
	}
	return "node"
}

// pathMethod returns the method as responses of a version spell it. The latest 3.0 documentation spells open banking
// with a hyphen, as filters do. Older documentation spells it without.
func (ctor connector) pathMethod(version versions) string {
	if version.since(v30) {
		return string(ctor.method)
	}
	return unhyphenated(string(ctor.method))
}

func unhyphenated(method string) string { return strings.ReplaceAll(method, "-", "") }

// Documented filter values. The schemas list eight institution types, the filters only six of them.
var (
	countries        = []string{"Australia", "New Zealand"}
	tiers            = []string{"1", "2", "3", "4"}
	stages           = []string{"live", "beta", "alpha"}
	authorizations   = []string{"user", "user-mfa", "user-mfa-intermittent", "other", "token"}
	institutionTypes = []string{
		"Bank", "Bank (Foreign)", "Test Bank", "Credit Union", "Financial Services", "Superannuation",
		"Building Society", "Government",
	}
	connectorMethods  = []string{"web", "open-banking", "pdf", "csv"}
	connectorEngines  = []string{"chrome", "node"}
	connectorStatuses = []string{
		"operational", "degraded-performance", "partial-outage", "major-outage", "under-maintenance",
	}
)

// connectorFilters returns the filters of a version. Version 2.1 has an additional status and another name for the
// engine.
func connectorFilters(version versions) filterable {
	filters := filterable{
		"connector.id":                  {operators: eq, form: institutionForm},
		"connector.method":              {operators: eq, values: connectorMethods},
		"connector.status":              {operators: eqNeIn, values: connectorStatuses},
		"connector.stage":               {operators: eqNeIn, values: stages},
		"connector.scopes":              {operators: eqNeIn},
		"connector.institution.country": {operators: eqNeIn, values: countries},
		"connector.institution.tier":    {operators: eqNeIn, values: tiers},
		"connector.institution.type":    {operators: eqNe, values: institutionTypes},
		"connector.authorization.type":  {operators: eqNeIn, values: authorizations},
	}
	engine := filterRule{operators: eqNe, values: connectorEngines}
	if version.since(v30) {
		filters["connector.connectorEngine"] = engine
		return filters
	}
	filters["connector.connectorCategory"] = engine
	filters["connector.status"] = filterRule{
		operators: eqNeIn, values: append(slices.Clone(connectorStatuses), string(gen.InstitutionStatusUnderImprovement)),
	}
	return filters
}

func (ctor connector) property(name string) string {
	switch name {
	case "connector.id":
		return ctor.bank.ID
	case "connector.method":
		return string(ctor.method)
	case "connector.status":
		return string(gen.InstitutionStatusOperational)
	case "connector.stage":
		return string(gen.InstitutionStageLive)
	case "connector.institution.country":
		return ctor.bank.Country
	case "connector.institution.tier":
		return ctor.bank.Tier
	case "connector.institution.type":
		return ctor.bank.Type
	case "connector.authorization.type":
		return string(ctor.authorization())
	default:
		return ctor.engine()
	}
}

// matches reports whether the connector meets all conditions. A connector has several scopes: eq and in match if it has
// one of the values, ne matches if it does not. These semantics are not documented.
func (ctor connector) matches(all filterConditions) bool {
	for _, cond := range all {
		var holds bool
		if cond.property == "connector.scopes" {
			has := slices.ContainsFunc(ctor.scopes(), func(scope string) bool { return slices.Contains(cond.values, scope) })
			holds = has == (cond.operator != "ne")
		} else {
			holds = cond.match(ctor.property(cond.property))
		}
		if !holds {
			return false
		}
	}
	return true
}

func (s *Sandbox) getConnectors(c *call) (response, error) { return s.listConnectors(c, "/connectors") }

// getPublicConnectors uses version 2.1, as all public operations do. They have no token that determines the version.
func (s *Sandbox) getPublicConnectors(c *call) (response, error) {
	c.version = v21
	return s.listConnectors(c, "/public/connectors")
}

func (s *Sandbox) listConnectors(c *call, path string) (response, error) {
	conditions, err := c.filter(connectorFilters(c.version))
	if err != nil {
		return response{}, err
	}
	data := []object{}
	for _, ctor := range connectors() {
		if ctor.matches(conditions) {
			data = append(data, s.connector(&c.view, ctor, path))
		}
	}
	return response{http.StatusOK, object{
		"type": "list", "totalCount": len(data), "data": data, "links": c.requestLinks(),
	}}, nil
}

func (s *Sandbox) getConnector(c *call) (response, error) { return s.findConnector(c, "/connectors") }

func (s *Sandbox) getPublicConnector(c *call) (response, error) {
	c.version = v21
	return s.findConnector(c, "/public/connectors")
}

// findConnector accepts both spellings of open banking.
func (s *Sandbox) findConnector(c *call, path string) (response, error) {
	method := unhyphenated(c.http.PathValue("method"))
	for _, ctor := range connectors() {
		if ctor.bank.ID == c.http.PathValue("connectorId") && unhyphenated(string(ctor.method)) == method {
			return response{http.StatusOK, s.connector(&c.view, ctor, path)}, nil
		}
	}
	return response{}, resourceNotFound()
}

// connector returns the JSON object of a connector. The path is the path of the collection.
func (s *Sandbox) connector(v *view, ctor connector, path string) object {
	b := ctor.bank
	institution := object{
		"type": b.Type, "name": b.Name, "shortName": b.ShortName, "tier": b.Tier, "country": b.Country, "logo": logoOf(b),
	}
	if v.version.since(v30) && ctor.method == gen.ConnectionMethodOpenBanking {
		institution["cdrFAQ"] = "https://example.com/" + b.ID + "/open-banking"
		institution["cdrEmail"] = "open-banking@example.com"
		institution["cdrPolicy"] = "https://example.com/" + b.ID + "/cdr-policy"
		institution["cdrProviderNumber"] = "DHTEST" + b.ID[2:]
	}
	authorization := object{"type": ctor.authorization()}
	if ctor.method == gen.ConnectionMethodWeb {
		// Banks without a second factor have no captions for it.
		authorization["meta"] = object{
			"login_id_caption": loginCaption, "password_caption": passwordCaption, "forgotten_password_url": forgottenURL(b),
		}
	}
	return object{
		"type": "connector", "id": b.ID, "method": ctor.pathMethod(v.version), "stage": gen.InstitutionStageLive,
		"status": gen.InstitutionStatusOperational, "institution": institution, "scopes": ctor.scopes(),
		"authorization": authorization, "stats": s.stats(ctor.method),
		"links": v.selfLinks(path + "/" + b.ID + "/" + ctor.pathMethod(v.version)),
	}
}

const (
	loginCaption    = "User name"
	passwordCaption = "Password"
)

func forgottenURL(b *bank.Bank) string { return "https://example.com/" + b.ID + "/forgotten-password" }

func logoOf(b *bank.Bank) object {
	return object{
		"type": "image", "colors": object{"primary": "#0A66C2"},
		"links": object{"square": "https://example.com/" + b.ID + ".svg", "full": "https://example.com/" + b.ID + "-full.svg"},
	}
}

// stats returns the expected average durations of the job steps.
func (s *Sandbox) stats(method gen.ConnectionMethod) object {
	pace := averagePace
	if method == gen.ConnectionMethodPDF || method == gen.ConnectionMethodCSV {
		pace = statementPace
	}
	ms := func(d time.Duration) int64 { return s.scaleDuration(time.Duration(float64(d) * pace)).Milliseconds() }
	return object{"averageDurationMs": object{
		"verifyCredentials": ms(verifyTime), "retrieveAccounts": ms(accountsTime),
		"retrieveTransactions": ms(transactionsTime), "retrieveMeta": 0,
		"total": ms(verifyTime + accountsTime + transactionsTime),
	}}
}

// averagePace is the average of the values that pace returns.
const averagePace = 1.75
