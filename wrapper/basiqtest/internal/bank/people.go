package bank

import "slices"

// The challenges of the test banks. Only the description of the first is documented.
var (
	codeChallenge = &Challenge{
		Method: "token", Description: "A SMS code has been sent to your device, please enter valid number.",
		Questions: []Question{{Text: "OTP Password", Answer: "1234"}},
	}
	firstCompany = &Challenge{
		Method: "security-questions", Description: "Please answer your security questions.",
		Questions: []Question{{Text: "What's your first company?", Answer: "Hooli"}},
	}
	favouriteCompany = &Challenge{
		Method: "security-questions", Description: "Please answer your security questions.",
		Questions: []Question{
			{Text: "What's your favourite company?", Answer: "Basiq"},
			{Text: "What's the ID of this institution?", Answer: "AU00000", OrBankID: true},
		},
	}
)

// people lists the test users. Logins, passwords, challenges and failures are documented by Basiq, as are the name,
// email and address of Wentworth-Smith. Everything else is fictional and stable.
//
// The documentation does not say in which step a login fails. For bighead, it must be the step that verifies the
// credentials. Public programs expect the errors of the other two in retrieve-accounts.
var people = []*Person{
	{
		Login: "Wentworth-Smith", Password: "whislter", Challenge: favouriteCompany,
		Profile: Profile{
			Title: "Mr", First: "Max", Last: "Wentworth-Smith", BirthDate: "1983-04-12",
			Email: "maxsmith@gmail.com", Phone: "0400 555 001",
			Street: "91 Fisher Road", Suburb: "Dee Why", State: "NSW", Postcode: "2099", OccupationCode: "261312",
		},
	},
	{
		Login: "Whistler", Password: "ShowBox", Challenge: favouriteCompany,
		Profile: Profile{
			Title: "Mr", First: "Whistler", Last: "Smith", BirthDate: "1990-09-03",
			Email: "whistler@example.com", Phone: "0400 555 002",
			Street: "12 Bay Street", Suburb: "Glebe", State: "NSW", Postcode: "2037", OccupationCode: "232411",
		},
	},
	{
		Login: "Gilfoyle", Password: "PiedPiper", Challenge: firstCompany,
		Profile: Profile{
			Title: "Mr", First: "Bertram", Last: "Gilfoyle", BirthDate: "1987-10-31",
			Email: "gilfoyle@example.com", Phone: "0400 555 003",
			Street: "8 Brunswick Street", Suburb: "Fitzroy", State: "VIC", Postcode: "3065", OccupationCode: "263111",
		},
	},
	{
		Login: "gavinBelson", Password: "hooli2016", Challenge: firstCompany,
		Profile: Profile{
			Title: "Mr", First: "Gavin", Last: "Belson", BirthDate: "1972-02-20",
			Email: "gavin@hooli.com", Phone: "XXXX 888 991",
			Street: "13/91 Fisher Rd", Suburb: "Dee Why", State: "NSW", Postcode: "2099", OccupationCode: "135112",
		},
	},
	{
		Login: "jared", Password: "django", Challenge: codeChallenge,
		Profile: Profile{
			Title: "Mr", First: "Jared", Last: "Dunn", BirthDate: "1985-06-17",
			Email: "jared@example.com", Phone: "0400 555 005",
			Street: "3 Hay Street", Suburb: "Subiaco", State: "WA", Postcode: "6008", OccupationCode: "731112",
		},
	},
	{
		Login: "richard", Password: "tabsnotspaces", Challenge: codeChallenge,
		Profile: Profile{
			Title: "Mr", First: "Richard", Last: "Hendricks", BirthDate: "1988-01-24",
			Email: "richard@example.com", Phone: "0400 555 006",
			Street: "27 Queen Street", Suburb: "Brisbane", State: "QLD", Postcode: "4000", OccupationCode: "111111",
		},
	},
	{
		Login: "laurieBream", Password: "business2024",
		Profile: Profile{
			Title: "Ms", First: "Laurie", Last: "Bream", BirthDate: "1979-11-08",
			Email: "laurie@example.com", Phone: "0400 555 007",
			Street: "1 Collins Street", Suburb: "Melbourne", State: "VIC", Postcode: "3000", OccupationCode: "142111",
		},
		Business: &Business{
			Name: "Bream Homewares", LegalName: "Bream Homewares Pty Ltd", ABN: "23000555000", ACN: "000555000",
			OrganisationType: "COMPANY", IndustryCode: "4213", EstablishmentDate: "1996-03-01",
		},
	},
	{
		Login: "ashMann", Password: "hooli2024",
		Profile: Profile{
			Title: "Mx", First: "Ash", Last: "Mann", BirthDate: "1993-07-29",
			Email: "ash@example.com", Phone: "0400 555 008",
			Street: "44 Rundle Street", Suburb: "Adelaide", State: "SA", Postcode: "5000", OccupationCode: "225113",
		},
	},
	{
		Login: "bighead", Password: "password",
		Failure: &Failure{
			Step: "verify-credentials", Code: "invalid-credentials",
			Title:  "Cannot login to target institution, check credentials.",
			Detail: "Account is locked",
		},
	},
	{
		Login: "erlich", Password: "aviato",
		Failure: &Failure{
			Step: "retrieve-accounts", Code: "account-not-accessible-requires-user-action", Title: "Not accessible",
			Detail: "An action is required from end-user before account details can be returned.",
		},
	},
	{
		Login: "jianYang", Password: "nothotdog",
		Failure: &Failure{
			Step: "retrieve-accounts", Code: "service-unavailable", Title: "Service unavailable",
			Detail: "Service is currently unavailable. Please try again later.",
		},
	},
}

// People returns the test users in a stable order. Callers must not modify them.
func People() []*Person { return slices.Clone(people) }

// FindPerson returns the test user with exactly this login, or nil if there is none.
func FindPerson(login string) *Person {
	for _, p := range people {
		if p.Login == login {
			return p
		}
	}
	return nil
}
