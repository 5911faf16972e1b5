package bank

import "time"

// Kind is an account type, as documented by Basiq.
type Kind string

// Kinds of accounts that the test users have.
const (
	Everyday    Kind = "transaction"
	Savings     Kind = "savings"
	CreditCard  Kind = "credit-card"
	Mortgage    Kind = "mortgage"
	Loan        Kind = "loan"
	TermDeposit Kind = "term-deposit"
	Investment  Kind = "investment"
)

// An Account is an account at a point in time.
type Account struct {
	// Key identifies an account of a person at a bank. It never changes.
	Key     string
	Kind    Kind
	Product string // such as "Hooli Home Loan"
	Name    string // chosen by the owner
	Number  string // as displayed; masked for cards
	BSB     string // "" for cards
	Holder  string
	Joint   bool
	Opened  time.Time
	// Balance is the sum of all posted transactions and the opening balance. It is negative if money is owed.
	Balance Cents
	// Available is the amount that can be spent: balance plus limit, less pending transactions. HasAvailable is false for
	// personal loans.
	Available    Cents
	HasAvailable bool
	// Limit is the credit limit or the original loan amount, or 0 if there is none.
	Limit Cents
	// Rate is the yearly interest rate in percent, such as "6.14", or "" if there is none.
	Rate string
	// First and Last are the posting dates of the first and the last transaction since the books began.
	First, Last time.Time
}

// A Transaction is a transaction on an account.
type Transaction struct {
	// Key identifies a transaction of an account. The key of a posted transaction never changes. A pending transaction has
	// a different key, as at Basiq, where pending transactions are imported anew.
	Key string
	// Account is the key of the account.
	Account string
	// Made is the time of the transaction. Posted is the posting date, or zero if the transaction is pending.
	Made, Posted time.Time
	Amount       Cents // negative for a debit
	// Balance is the account balance after the transaction, or 0 if it is pending.
	Balance     Cents
	Description string // as on a statement, such as "WOOLWORTHS 1624 DEE WHY NSW"
	// Class is Basiq's transaction class: payment, bank-fee, transfer, cash-withdrawal, interest, refund, loan-repayment,
	// direct-credit and so on.
	Class string
	// Category is never nil.
	Category *Category
	// Merchant is the payee or payer, or nil if none is known, as for transfers.
	Merchant *Merchant
	// Flow identifies the recurring money flow that the transaction belongs to, such as "salary:Hooli Pty Ltd", or "" for
	// none. Summaries use it to group the payments of one employer.
	Flow string
}

// Pending reports whether the transaction has not been posted.
func (t *Transaction) Pending() bool { return t.Posted.IsZero() }

// A Category classifies a transaction by ANZSIC and for summaries.
type Category struct {
	// Group is the category used by summaries: salary, other-income, benefits, rent-received, transfer-in, transfer-out,
	// loan, credit-card-repayment, rent, groceries, dining, transport, utilities, telecommunication, insurance, health,
	// education, entertainment, gambling, cash, crypto, bnpl, fees, interest-paid, interest-earned, tax, shopping, other.
	Group string
	// The ANZSIC levels. They are empty if the transaction is not a purchase.
	Division, Subdivision, ANZSICGroup, Class Code
	// MCC is the merchant category code used by card schemes.
	MCC Code
}

// A Code is a classification code with its title.
type Code struct{ Code, Title string }

// A Merchant is the payee or payer of a transaction.
type Merchant struct {
	ID, Name, ABN          string
	Website                string
	PhoneLocal, PhoneInter string
	RouteNo, Route         string
	Suburb, State          string
	PostalCode             string
	Lat, Lng               string
}
