package bank

// Bank is a test bank.
type Bank struct {
	ID        string // such as AU00000
	Name      string // such as Hooli
	ShortName string
	Country   string // Australia or New Zealand
	// Type is what kind of institution it is, as Basiq's connectors have it: "Test Bank" and so on.
	Type string
	Tier string
	// Asks says when a login needs a second factor.
	Asks Asking
	// Statements says which kinds of bank statement can be uploaded for it, "pdf" and "csv"; none at the test banks.
	Statements []string
	// Login says whether people can log in at all; at a bank that only takes statements they cannot.
	Login bool
}

// Asking is when a bank asks for a second factor.
type Asking int

// When a bank asks.
const (
	Never Asking = iota
	Always
	EveryOther // job of a connection, beginning with the first; the documents say half of them
)
