package bank

// Person is a test user, as the banks know it.
type Person struct {
	Login    string
	Password string
	// Challenge is the second factor that it is asked for; nil when it is never asked.
	Challenge *Challenge
	// Failure is what goes wrong in each of its jobs; nil when all goes well.
	Failure *Failure
	Profile Profile
	// Business is nil for those who are no business.
	Business *Business
}

// Challenge is a question or more that a bank asks.
type Challenge struct {
	Method      string // token or security-questions
	Description string
	Questions   []Question
}

// Question is a question and the right answer to it. When OrBankID is set the id of the bank in use is right, too.
type Question struct {
	Text, Answer string
	OrBankID     bool
}

// Failure is how a step of a person's jobs fails.
type Failure struct{ Step, Code, Title, Detail string }

// Profile is what a bank knows about a person.
type Profile struct {
	Title, First, Middle, Last string
	BirthDate                  string // 2006-01-02
	Email, Phone               string
	Street, Suburb             string
	State, Postcode            string
	OccupationCode             string // ANZSCO
}

// Address returns the address in one line.
func (p *Profile) Address() string {
	return p.Street + ", " + p.Suburb + " " + p.State + " " + p.Postcode + ", Australia"
}

// Business is what a bank knows about a business.
type Business struct {
	Name, LegalName   string
	ABN, ACN          string
	OrganisationType  string
	IndustryCode      string // ANZSIC
	EstablishmentDate string // 2006-01-02
}
