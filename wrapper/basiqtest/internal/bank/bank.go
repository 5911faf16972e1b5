package bank

// A Bank is a test bank.
type Bank struct {
	ID        string // such as AU00000
	Name      string // such as Hooli
	ShortName string
	Country   string // Australia or New Zealand
	// Type is the institution type as in Basiq's connectors, such as "Test Bank".
	Type string
	Tier string
	// Asks specifies when a login requires a second factor.
	Asks Asking
	// Statements lists the accepted types of statements, "pdf" and "csv". Test banks accept none.
	Statements []string
	// Login reports whether users can log in at the bank.
	Login bool
}

// Asking specifies when a bank asks for a second factor.
type Asking int

// Values of Asking.
const (
	Never Asking = iota
	Always
	EveryOther // every other job of a connection, starting with the first; documented as half of all jobs
)
