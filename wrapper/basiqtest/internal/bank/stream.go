package bank

// Transaction classes defined by Basiq.
const (
	payment        = "payment"
	bankFee        = "bank-fee"
	transfer       = "transfer"
	cashWithdrawal = "cash-withdrawal"
	interest       = "interest"
	loanInterest   = "loan-interest"
	loanRepayment  = "loan-repayment"
	refund         = "refund"
	directCredit   = "direct-credit"
)

// A stream is a recurring money flow in a persona's script.
type stream struct {
	account string // key of the plan
	when    schedule
	amount  amount
	credit  bool
	// shops lists the possible payees or payers, each equally likely. It is empty if the other party is a private person.
	shops []string
	// text is the part of the description before the shop's name, or the complete description without a shop.
	text         string
	class        string
	group        string // key of plainCategoriesByGroup; "" for the shop's category
	flow         string // prefix of Flow, before the name of the shop or person; "" for none
	counterparty string // name of the private person, for Flow
	// byCard marks card payments. They are pending for one or two days, and skipped if funds are insufficient.
	byCard bool
	// optional transactions are skipped if funds are insufficient.
	optional bool
	// from is the first month, counted from the start of the books. until is the first month without the stream, or 0 for
	// no end.
	from, until int
	// shared is a seed for streams that appear in two persons' books with the same dates and amounts.
	shared string
}

// during limits a stream to a range of months.
func (s stream) during(from, until int) stream {
	s.from, s.until = from, until
	return s
}

// income is a payment from a shop into the account.
func income(flow, group, text, shop string, when schedule, amount amount) stream {
	return stream{
		account: "everyday", when: when, amount: amount, credit: true, shops: []string{shop}, text: text,
		class: directCredit, group: group, flow: flow,
	}
}

func salary(shop string, when schedule, amount amount) stream {
	return income("salary", "salary", "SALARY", shop, when, amount)
}

// debit is a direct debit by a shop.
func debit(flow, shop string, when schedule, amount amount) stream {
	return stream{
		account: "everyday", when: when, amount: amount, shops: []string{shop}, text: "DIRECT DEBIT", class: payment, flow: flow,
	}
}

// repayment is a direct debit by a lender elsewhere.
func repayment(shop string, when schedule, amount amount) stream {
	s := debit("loan", shop, when, amount)
	s.class = loanRepayment
	return s
}

// spend is a card payment at one of the shops.
func spend(account string, when schedule, amount amount, shops ...string) stream {
	return stream{account: account, when: when, amount: amount, shops: shops, class: payment, byCard: true}
}

// refundFrom is a refund by a shop.
func refundFrom(account string, when schedule, amount amount, shops ...string) stream {
	return stream{account: account, when: when, amount: amount, credit: true, shops: shops, text: "REFUND", class: refund}
}

// subscription is a monthly card payment.
func subscription(account, shop string, dom int, dollars float64) stream {
	s := spend(account, monthly(dom), exactly(dollars), shop)
	s.flow = "subscription"
	return s
}

// cash is a cash withdrawal.
func cash(text string, when schedule, amount amount) stream {
	return stream{
		account: "everyday", when: when, amount: amount, text: text, class: cashWithdrawal, group: "cash", optional: true,
	}
}

// send is a transfer to a private person.
func bindInput(group, text, party string, when schedule, amount amount) stream {
	return stream{
		account: "everyday", when: when, amount: amount, text: text, class: transfer, group: group, flow: group, counterparty: party,
	}
}

// receive is a transfer from a private person.
func receive(group, text, party string, when schedule, amount amount) stream {
	s := bindInput(group, text, party, when, amount)
	s.credit = true
	return s
}

// A plan is an account in a persona's script.
type plan struct {
	key           string
	kind          Kind
	product, name string // the bank's name is prepended to product
	number        string
	opening       float64 // balance at the start of the books
	months        int     // age of the account at the start of the books
	joint         string  // name of the joint holder
	limit         float64 // credit limit or original loan amount
	rate          int     // per year, in hundredths of a percent
	fee           float64 // monthly account fee

	// repay is the monthly repayment from the everyday account. For a card, it is a partial repayment, or 0 to repay the
	// last statement in full.
	repay    float64
	repayDay int
	missed   []int // months without a card repayment

	// floor is the minimum balance after card payments and cash withdrawals.
	floor float64
	// Once a month, if the balance exceeds most, the excess over keep is transferred to the reserve. If a bill cannot be
	// paid, money is transferred back. The reserve is the key of an account, or the name of one elsewhere, or "" for none.
	reserve    string
	most, keep float64
}

// A script describes a person's accounts and money flows at a bank.
type script struct {
	plans   []plan
	streams []stream
}
