package basiqtest

import (
	"slices"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// institution is a test bank.
type institution struct {
	id   string
	asks asking
}

// asking is when a bank asks for a second factor.
type asking int

const (
	never asking = iota
	always
	everyOther // job of a connection, beginning with the first; the documents say half of them
)

// hooliID is the bank whose id counts as an answer at the other banks too.
const hooliID = "AU00000"

var institutions = []institution{
	{hooliID, never},        // Hooli
	{"AU00002", always},     // Pied Piper
	{"AU00003", everyOther}, // Nucleus
	{"AU00004", never},      // HooliGov
}

func findInstitution(id string) (institution, bool) {
	i := slices.IndexFunc(institutions, func(in institution) bool { return in.id == id })
	if i < 0 {
		return institution{}, false
	}
	return institutions[i], true
}

// path is where the institution is found, which changed with version 3.0.
func (in institution) path(c *call) string {
	if c.token.version == v30 {
		return "/connectors/" + in.id
	}
	return "/institutions/" + in.id
}

func (in institution) reference(c *call) object {
	return object{"type": "institution", "id": in.id, "links": c.self(in.path(c))}
}

// challenge is what a bank asks a test user.
type challenge struct {
	method      gen.MFAMethod
	description string
	questions   []question
}

// question is a question and the right answer to it.
type question struct{ text, answer string }

// accepts reports whether the answers are right, given in the order of the questions and letter for letter. The
// documents disagree about the one that asks for the bank's id: AU00000 is right everywhere, and so is the bank's own.
func (ch *challenge) accepts(answers []api.WireSecret, institutionID string) bool {
	return slices.EqualFunc(ch.questions, answers, func(q question, given api.WireSecret) bool {
		return string(given) == q.answer || q.answer == hooliID && string(given) == institutionID
	})
}

func (ch *challenge) object(c *call, j *job) object {
	input := make([]string, 0, len(ch.questions))
	for _, q := range ch.questions {
		input = append(input, q.text)
	}
	return object{
		"type": "mfa", "method": ch.method, "description": ch.description, "input": input,
		"expiryMs": challengeLifetime.Milliseconds(), "links": object{"response": c.url(j.path() + "/mfa")},
	}
}

// The three challenges of the test banks. The description of the first is the documents', the other's is not known.
var (
	codeChallenge = &challenge{
		gen.MFAMethodToken, "A SMS code has been sent to your device, please enter valid number.",
		[]question{{"OTP Password", "1234"}},
	}
	firstCompany = &challenge{
		gen.MFAMethodSecurityQuestions, "Please answer your security questions.",
		[]question{{"What's your first company?", "Hooli"}},
	}
	favouriteCompany = &challenge{
		gen.MFAMethodSecurityQuestions, "Please answer your security questions.",
		[]question{{"What's your favourite company?", "Basiq"}, {"What's the ID of this institution?", hooliID}},
	}
)

// persona is a test user.
type persona struct {
	password  string
	challenge *challenge // nil: is never asked; the documents name no challenge
	failsAt   gen.JobStepTitle
	failure   reason
	profile   profile
	accounts  []bankAccount
}

// profile is what a bank knows about a person.
type profile struct {
	first, last     string
	email, phone    string
	street, suburb  string
	state, postcode string
}

func (p profile) object() object {
	return object{
		"fullName": p.first + " " + p.last, "firstName": p.first, "middleName": "", "lastName": p.last,
		"phoneNumbers": []string{p.phone}, "emailAddresses": []string{p.email},
		"physicalAddresses": []object{{
			"addressLine1": p.street, "addressLine2": nil, "addressLine3": nil,
			"city": p.suburb, "state": p.state, "postcode": p.postcode, "country": "Australia", "countryCode": "AU",
			"formattedAddress": p.street + ", " + p.suburb + " " + p.state + " " + p.postcode + ", Australia",
		}},
	}
}

// bankAccount is an account as a bank holds it. The amounts are decimals; what is owed is negative.
type bankAccount struct {
	kind, product, name string
	number              string
	balance, available  string
}

// personas are the test users by login. Logins, passwords, challenges, failures and the kinds of the accounts are the
// documents'; so are name, email and address of Wentworth-Smith. Everything else is made up and never changes.
//
// The step at which a user fails is not in the documents. That of bighead is the only one where credentials are
// checked. Public programs look for the errors of the other two in retrieve-accounts.
var personas = map[string]persona{
	"Wentworth-Smith": {
		password: "whislter", challenge: favouriteCompany,
		profile: profile{
			first: "Max", last: "Wentworth-Smith", email: "maxsmith@gmail.com", phone: "0400 555 001",
			street: "91 Fisher Road", suburb: "Dee Why", state: "NSW", postcode: "2099",
		},
		accounts: []bankAccount{
			{"savings", "Hooli Savings", "Savings", "105148119695", "12850.35", "12850.35"},
			{"mortgage", "Hooli Home Loan", "Home Loan", "105148119696", "-299292.25", ""},
			{"credit-card", "Hooli Platinum Card", "Credit Card", "5353XXXXXXXX7716", "-1842.60", "8157.40"},
			{"transaction", "Hooli Everyday", "Everyday", "105148119697", "3460.12", "3410.12"},
		},
	},
	"Whistler": {
		password: "ShowBox", challenge: favouriteCompany,
		profile: profile{
			first: "Whistler", last: "Smith", email: "whistler@example.com", phone: "0400 555 002",
			street: "12 Bay Street", suburb: "Glebe", state: "NSW", postcode: "2037",
		},
		accounts: []bankAccount{
			{"transaction", "Hooli Everyday", "Everyday", "105148220101", "18204.77", "18204.77"},
			{"savings", "Hooli Savings", "Rainy Day", "105148220102", "41000.00", "41000.00"},
		},
	},
	"Gilfoyle": {
		password: "PiedPiper", challenge: firstCompany,
		profile: profile{
			first: "Bertram", last: "Gilfoyle", email: "gilfoyle@example.com", phone: "0400 555 003",
			street: "8 Brunswick Street", suburb: "Fitzroy", state: "VIC", postcode: "3065",
		},
		accounts: []bankAccount{
			{"transaction", "Hooli Everyday", "Everyday", "105148330101", "212.08", "212.08"},
			{"credit-card", "Hooli Low Rate Card", "Credit Card", "5353XXXXXXXX0303", "-4971.15", "28.85"},
		},
	},
	"gavinBelson": {
		password: "hooli2016", challenge: firstCompany,
		profile: profile{
			first: "Gavin", last: "Belson", email: "gavin@hooli.com", phone: "XXXX 888 991",
			street: "13/91 Fisher Rd", suburb: "Dee Why", state: "NSW", postcode: "2099",
		},
		accounts: []bankAccount{
			{"transaction", "Hooli Everyday", "Everyday", "105148440101", "7310.44", "7310.44"},
			{"credit-card", "Hooli Platinum Card", "Credit Card", "5353XXXXXXXX0404", "-2209.90", "12790.10"},
			{"loan", "Hooli Personal Loan", "Personal Loan", "105148440103", "-18750.00", ""},
		},
	},
	"jared": {
		password: "django", challenge: codeChallenge,
		profile: profile{
			first: "Jared", last: "Dunn", email: "jared@example.com", phone: "0400 555 005",
			street: "3 Hay Street", suburb: "Subiaco", state: "WA", postcode: "6008",
		},
		accounts: []bankAccount{
			{"transaction", "Hooli Everyday", "Everyday", "105148550101", "1934.50", "1934.50"},
			{"term-deposit", "Hooli Term Deposit", "Term Deposit", "105148550102", "25000.00", "0.00"},
		},
	},
	"richard": {
		password: "tabsnotspaces", challenge: codeChallenge,
		profile: profile{
			first: "Richard", last: "Hendricks", email: "richard@example.com", phone: "0400 555 006",
			street: "27 Queen Street", suburb: "Brisbane", state: "QLD", postcode: "4000",
		},
		accounts: []bankAccount{
			{"transaction", "Hooli Everyday", "Everyday", "105148660101", "26480.93", "26480.93"},
			{"mortgage", "Hooli Home Loan", "Home Loan", "105148660102", "-612400.00", ""},
			{"mortgage", "Hooli Investment Loan", "Investment Loan", "105148660103", "-388150.75", ""},
			{"mortgage", "Hooli Investment Loan", "Joint Investment Loan", "105148660104", "-450020.10", ""},
			{"loan", "Hooli Car Loan", "Car Loan", "105148660105", "-21500.00", ""},
			{"loan", "Hooli Car Loan", "Joint Car Loan", "105148660106", "-9875.40", ""},
			{"credit-card", "Hooli Platinum Card", "Platinum Card", "5353XXXXXXXX0606", "-3120.00", "16880.00"},
			{"credit-card", "Hooli Low Rate Card", "Low Rate Card", "5353XXXXXXXX0607", "-640.25", "4359.75"},
			{"credit-card", "Hooli Rewards Card", "Rewards Card", "5353XXXXXXXX0608", "0.00", "10000.00"},
			{"credit-card", "Hooli Rewards Card", "Joint Rewards Card", "5353XXXXXXXX0609", "-1499.99", "8500.01"},
		},
	},
	"laurieBream": {
		password: "business2024",
		profile: profile{
			first: "Laurie", last: "Bream", email: "laurie@example.com", phone: "0400 555 007",
			street: "1 Collins Street", suburb: "Melbourne", state: "VIC", postcode: "3000",
		},
		accounts: []bankAccount{
			{"transaction", "Hooli Business", "Business Cheque", "105148770101", "88214.61", "88214.61"},
			{"savings", "Hooli Business Saver", "Business Saver", "105148770102", "150000.00", "150000.00"},
		},
	},
	"ashMann": {
		password: "hooli2024",
		profile: profile{
			first: "Ash", last: "Mann", email: "ash@example.com", phone: "0400 555 008",
			street: "44 Rundle Street", suburb: "Adelaide", state: "SA", postcode: "5000",
		},
		accounts: []bankAccount{
			{"transaction", "Hooli Everyday", "Everyday", "105148880101", "640.19", "640.19"},
			{"credit-card", "Hooli Rewards Card", "Rewards Card", "5353XXXXXXXX0808", "-7310.00", "690.00"},
		},
	},
	"bighead": {
		password: "password", failsAt: gen.JobStepTitleVerifyCredentials,
		failure: reason{wrongCredentials.code, wrongCredentials.title, "Account is locked"},
	},
	"erlich": {
		password: "aviato", failsAt: gen.JobStepTitleRetrieveAccounts,
		failure: reason{
			"account-not-accessible-requires-user-action", "Not accessible",
			"An action is required from end-user before account details can be returned.",
		},
	},
	"jianYang": {
		password: "nothotdog", failsAt: gen.JobStepTitleRetrieveAccounts,
		failure: reason{
			"service-unavailable", "Service unavailable", "Service is currently unavailable. Please try again later.",
		},
	},
}
