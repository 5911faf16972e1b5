package bank

import "time"

// Kind is the type of an account as Basiq's documents list them.
type Kind string

// The kinds of accounts that the test users have.
const (
	Everyday    Kind = "transaction"
	Savings     Kind = "savings"
	CreditCard  Kind = "credit-card"
	Mortgage    Kind = "mortgage"
	Loan        Kind = "loan"
	TermDeposit Kind = "term-deposit"
	Investment  Kind = "investment"
)

// Account is an account as it stands at a moment.
type Account struct {
	// Key tells the accounts of a person at a bank apart. It never changes.
	Key     string
	Kind    Kind
	Product string // such as "Hooli Home Loan"
	Name    string // as the owner calls it
	Number  string // as it is shown, masked for cards
	BSB     string // "" for cards
	Holder  string
	Joint   bool
	Opened  time.Time
	// Balance is what is there, or, negative, owed; the sum of all that is posted.
	Balance Cents
	// Available is what can be spent: balance and limit less what is pending. HasAvailable is false for personal loans.
	Available    Cents
	HasAvailable bool
	// Limit is the credit limit, or what was lent; 0 where there is none.
	Limit Cents
	// Rate is the interest a year in percent, such as "6.14"; "" where there is none.
	Rate string
	// First and Last are the days of the first and the last transaction, First being no earlier than the books begin.
	First, Last time.Time
}

// Transaction is a line in the books.
type Transaction struct {
	// Key tells the transactions of an account apart. A posted one keeps it for ever. While it was pending it had another,
	// as at Basiq, where pending transactions are imported anew.
	Key string
	// Account is the Key of the account.
	Account string
	// Made is when it happened. Posted is the day of posting; of a pending one, the zero time.
	Made, Posted time.Time
	Amount       Cents // negative for a debit
	// Balance is the account's after this one; of a pending one it is not known, and 0.
	Balance     Cents
	Description string // as on a statement, such as "WOOLWORTHS 1624 DEE WHY NSW"
	// Class is Basiq's: payment, bank-fee, transfer, cash-withdrawal, interest, refund, loan-repayment, direct-credit, ...
	Class string
	// Category says what it is about; never nil.
	Category *Category
	// Merchant is who was paid; nil where it was nobody's business, such as a transfer.
	Merchant *Merchant
	// Flow says which regular or irregular stream of money it belongs to, such as "salary:Hooli Pty Ltd". It is how the
	// sums over months find what is one employer's. "" where none.
	Flow string
}

// Pending reports whether the transaction has not been posted.
func (t *Transaction) Pending() bool { return t.Posted.IsZero() }

// Category is what a transaction is about, by ANZSIC and for the sums of affordability.
type Category struct {
	// Group is how the sums count it: salary, other-income, benefits, rent-received, transfer-in, transfer-out, loan,
	// credit-card-repayment, rent, groceries, dining, transport, utilities, telecommunication, insurance, health, education,
	// entertainment, gambling, cash, crypto, bnpl, fees, interest-paid, interest-earned, tax, shopping, other.
	Group string
	// The ANZSIC ladder, each code with its title; empty for what is no purchase.
	Division, Subdivision, ANZSICGroup, Class Code
	// MCC is the merchant category code of card schemes.
	MCC Code
}

// Code is a code of a classification with its title.
type Code struct{ Code, Title string }

// Merchant is where money was spent, or who paid it.
type Merchant struct {
	ID, Name, ABN          string
	Website                string
	PhoneLocal, PhoneInter string
	RouteNo, Route         string
	Suburb, State          string
	PostalCode             string
	Lat, Lng               string
}
