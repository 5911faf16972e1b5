package bank

// A Person is a test user as known to the banks.
type Person struct {
	Login    string
	Password string
	// Challenge is the person's second factor, or nil if banks never ask for one.
	Challenge *Challenge
	// Failure is the error in every job of this person, or nil if jobs succeed.
	Failure *Failure
	Profile Profile
	// Business is nil for a private person.
	Business *Business
}

// A Challenge is one or more questions that a bank asks.
type Challenge struct {
	Method      string // token or security-questions
	Description string
	Questions   []Question
}

// A Question is a question with its correct answer. If OrBankID is set, the ID of the bank is also correct.
type Question struct {
	Text, Answer string
	OrBankID     bool
}

// A Failure describes how a step of a job fails.
type Failure struct{ Step, Code, Title, Detail string }

// A Profile holds a person's details.
type Profile struct {
	Title, First, Middle, Last string
	BirthDate                  string // 2006-01-02
	Email, Phone               string
	Street, Suburb             string
	State, Postcode            string
	OccupationCode             string // ANZSCO
}

// Address returns the address as one line.
func (p *Profile) Address() string {
	return p.Street + ", " + p.Suburb + " " + p.State + " " + p.Postcode + ", Australia"
}

// A Business holds the details of a business.
type Business struct {
	Name, LegalName   string
	ABN, ACN          string
	OrganisationType  string
	IndustryCode      string // ANZSIC
	EstablishmentDate string // 2006-01-02
}
