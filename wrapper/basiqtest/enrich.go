package basiqtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/basiq-go/basiq-go/gen"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// maxCachedEnrichments is the size of the enrichment cache. The test banks' transactions need a few hundred entries,
// but uploaded statements may have any number.
const maxCachedEnrichments = 10_000

// enrichmentKey holds everything that determines the enrichment of a transaction.
type enrichmentKey struct {
	version            versions
	description, class string
	merchant           *bank.Merchant
	category           *bank.Category
}

// enrichments caches encoded enrichments, because most transactions share one with others.
type enrichments map[enrichmentKey]json.RawMessage

// enrichment returns the enrichment of a transaction, which the documents of both versions require. Its members are
// null if nothing is known, as in recorded responses.
func (s *Sandbox) enrichment(v *view, t *bank.Transaction) json.RawMessage {
	key := enrichmentKey{v.version, t.Description, t.Class, t.Merchant, t.Category}
	if written, known := s.enrichments[key]; known {
		return written
	}
	o := object{"merchant": nil, "location": nil, "category": nil}
	if v.version.since(v30) {
		o["cleanDescription"], o["tags"] = cleanDescription(t.Description, t.Merchant), tagsOf(t)
	}
	if m := t.Merchant; m != nil {
		merchant := merchantObject(m)
		if v.version.since(v30) {
			merchant["id"], merchant["ABN"] = m.ID, m.ABN
			merchant["logoMaster"], merchant["logoThumb"] = logo(m, "master"), logo(m, "thumb")
		}
		o["merchant"], o["location"] = merchant, locationObject(m)
	}
	if t.Category.Class.Code != "" {
		category := categoryObject(v, t.Category)
		if v.version.since(v30) {
			category["mcc"] = codeObject(t.Category.MCC)
		}
		o["category"] = category
	}
	written, err := json.Marshal(o)
	if err != nil {
		panic("basiqtest: cannot encode enrichment: " + err.Error())
	}
	if s.enrichments == nil || len(s.enrichments) >= maxCachedEnrichments {
		s.enrichments = enrichments{}
	}
	s.enrichments[key] = written
	return written
}

func merchantObject(m *bank.Merchant) object {
	return object{
		"businessName": m.Name, "website": m.Website,
		"phoneNumber": object{"local": m.PhoneLocal, "international": m.PhoneInter},
	}
}

func locationObject(m *bank.Merchant) object {
	return object{
		"routeNo": m.RouteNo, "route": m.Route, "postalCode": m.PostalCode, "suburb": m.Suburb, "state": m.State,
		"country": "Australia", "geometry": object{"lat": m.Lat, "lng": m.Lng},
		"formattedAddress": strings.TrimSpace(m.RouteNo+" "+m.Route) + ", " + m.Suburb + " " + m.State + " " + m.PostalCode,
	}
}

// categoryObject returns the category of a business. The subclass of 3.0 is derived from the class, because both have
// the same titles in the documented examples.
func categoryObject(v *view, category *bank.Category) object {
	anzsic := object{
		"division": codeObject(category.Division), "subdivision": codeObject(category.Subdivision),
		"group": codeObject(category.ANZSICGroup), "class": codeObject(category.Class),
	}
	if !v.version.since(v30) {
		return object{"anzsic": anzsic}
	}
	anzsic["subclass"] = codeObject(bank.Code{Code: category.Class.Code + "00", Title: category.Class.Title})
	return object{"matchType": gen.EnrichMatchTypeMerchantFull, "matchScore": "1.0", "anzsic": anzsic}
}

func codeObject(code bank.Code) object { return object{"code": code.Code, "title": code.Title} }

// logo returns a placeholder URL for a merchant's logo.
func logo(m *bank.Merchant, size string) string {
	return "https://example.com/merchants/" + m.ID + "-" + size + ".svg"
}

// cleanDescription returns the merchant's name, or the description without numbers.
func cleanDescription(description string, m *bank.Merchant) string {
	if m != nil {
		return m.Name
	}
	words := slices.DeleteFunc(strings.Fields(description), func(word string) bool {
		return strings.ContainsAny(word, "0123456789")
	})
	for i, word := range words {
		_, size := utf8.DecodeRuneInString(word)
		words[i] = strings.ToUpper(word[:size]) + strings.ToLower(word[size:])
	}
	return strings.Join(words, " ")
}

// tagsOf returns the documented tags that apply to a transaction.
func tagsOf(t *bank.Transaction) []string {
	text := strings.ToUpper(t.Description)
	switch t.Category.Group {
	case "salary":
		return []string{"income:salary"}
	case "rent-received":
		return []string{"income:rent"}
	case "rent":
		return []string{"expense:rent"}
	case "benefits":
		return []string{"governmentPayment:centrelink"}
	case "loan":
		return []string{"loan:loan repayment"}
	case "bnpl":
		if t.Merchant != nil {
			return []string{"liability:" + strings.ToLower(t.Merchant.Name)}
		}
	case "credit-card-repayment":
		return []string{"creditCard:creditCard"}
	case "interest-paid":
		return []string{"conduct:interest"}
	case "fees":
		for _, conduct := range conductTags {
			if strings.Contains(text, conduct.word) {
				return []string{"conduct:" + conduct.tag}
			}
		}
	}
	return []string{}
}

// conductTags maps words in the descriptions of fees to their tags.
var conductTags = []struct{ word, tag string }{
	{"DISHONOUR", "dishonour"}, {"OVERDRAWN", "overdrawn"}, {"LATE ", "late"}, {"ATM ", "atm"},
}

// Formats of query parameters.
var (
	institutionForm = regexp.MustCompile(`^[A-Z]{2}[0-9]{5}$`)
	countryForm     = regexp.MustCompile(`^[A-Z]{2}$`)
	amountForm      = regexp.MustCompile(`^-?[0-9]{1,13}(\.[0-9]{1,2})?$`)
	mccForm         = regexp.MustCompile(`^[0-9]{4}$`)
)

var enrichAccountTypes = []string{"transaction", "credit-card", "savings", "mortgage", "loan", "foreign"}

// checkQuery validates the parameters of getEnrich. The validation is documented, but not its error texts. Any
// institution is accepted, because the sandbox has only some of Basiq's institutions.
func checkQuery(v *view, query url.Values) error {
	required := []string{"q", "institution"}
	if v.version.since(v30) {
		required = append(required, "country")
	}
	for _, name := range required {
		if query.Get(name) == "" {
			return notSupplied("Missing", fromParameter(name)) // recorded
		}
	}
	invalid := func(name string) error {
		return notValid("Parameter "+name+" is not valid.", fromParameter(name))
	}
	if len([]rune(query.Get("q"))) < 3 {
		return invalid("q")
	}
	for _, form := range []struct {
		name string
		form *regexp.Regexp
	}{{"institution", institutionForm}, {"country", countryForm}, {"amount", amountForm}, {"mcc", mccForm}} {
		if text := query.Get(form.name); text != "" && !form.form.MatchString(text) {
			return invalid(form.name)
		}
	}
	if kind := query.Get("accountType"); kind != "" && !slices.Contains(enrichAccountTypes, kind) {
		return invalid("accountType")
	}
	return nil
}

// getEnrich responds with 200 and an empty set if the merchant is unknown, as documented. It ignores mcc and
// accountType, because it identifies merchants by name.
func (s *Sandbox) getEnrich(c *call) (response, error) {
	query, err := c.parameters()
	if err != nil {
		return response{}, notValid("Parameter q is not valid.", fromParameter("q"))
	}
	if err := checkQuery(&c.view, query); err != nil {
		return response{}, err
	}
	if err := s.countEnrichment(c.now); err != nil {
		return response{}, err
	}
	amount, hasAmount := parseCents(query.Get("amount"))
	class := classify(query.Get("q"), amount)
	merchant, category, known := bank.Enrich(query.Get("q"))
	if country := query.Get("country"); country != "" && country != "AU" {
		known = false // all merchants of the sandbox are in Australia
	}
	known = known && hasMerchant(class)
	data, links := object{}, object{"self": c.url("/enrich?" + strings.ReplaceAll(query.Encode(), "+", "%20"))}
	if c.version.since(v30) {
		links["logo-master"], links["logo-thumb"] = nil, nil
	}
	direction := impliedDirection(class, known)
	if hasAmount {
		direction = directionOf(amount)
	}
	if known {
		found := merchantObject(merchant)
		if c.version.since(v30) {
			found["id"], found["abn"] = merchant.ID, merchant.ABN
			data["tags"] = tagsOf(&bank.Transaction{Description: query.Get("q"), Merchant: merchant, Category: category})
			links["logo-master"], links["logo-thumb"] = logo(merchant, "master"), logo(merchant, "thumb")
		}
		data["merchant"], data["location"] = found, locationObject(merchant)
		data["category"] = categoryObject(&c.view, category)
	}
	return response{http.StatusOK, object{
		"type": "enrich", "direction": direction, "class": class, "data": data, "links": links,
	}}, nil
}

// hasMerchant reports whether transactions of a class have a merchant. The documentation mentions payments only. The
// sandbox includes refunds and direct credits.
func hasMerchant(class gen.TransactionClass) bool {
	return class == gen.TransactionClassPayment || class == gen.TransactionClassRefund ||
		class == gen.TransactionClassDirectCredit
}

// impliedDirection returns the direction that the class of a transaction implies, for a query without an amount.
func impliedDirection(class gen.TransactionClass, known bool) gen.TransactionDirection {
	switch class {
	case gen.TransactionClassDirectCredit, gen.TransactionClassRefund, gen.TransactionClassInterest:
		return gen.TransactionDirectionCredit
	case gen.TransactionClassBankFee, gen.TransactionClassCashWithdrawal, gen.TransactionClassLoanInterest,
		gen.TransactionClassLoanRepayment:
		return gen.TransactionDirectionDebit
	case gen.TransactionClassPayment:
		if known {
			return gen.TransactionDirectionDebit
		}
	case gen.TransactionClassTransfer, gen.TransactionClassInternalTransfer, gen.TransactionClassExternalTransfer:
	}
	return gen.TransactionDirectionUnknown
}
