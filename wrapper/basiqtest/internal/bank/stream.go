package bank

// Basiq's classes of transactions.
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

// stream is a row of a persona's script: money that comes or goes, again and again.
type stream struct {
	account string // the key of the plan
	when    schedule
	amount  amount
	credit  bool
	// shops are whom it may be paid to or come from, each as likely; none where that is a private person.
	shops []string
	// text is what a statement says before the shop's name, or all it says where there is no shop.
	text         string
	class        string
	group        string // one of groups; "" takes the shop's category
	flow         string // what Flow says before the name of the shop or the person; "" for what belongs to no stream
	counterparty string // the private person, for the flow
	// settles is for what is paid by card: it is pending for a day or two. It is not done where the money is lacking.
	byCard bool
	// optional is what is not done where the money is lacking.
	optional bool
	// from is the first month, counted from that in which the books begin; until is the first without, 0 for never.
	from, until int
	// shared is for what stands in two people's books: the same dates and amounts for all streams that share it.
	shared string
}

// during limits a stream to some months.
func (s stream) during(from, until int) stream {
	s.from, s.until = from, until
	return s
}

// income is what a shop pays into the account.
func income(flow, group, text, shop string, when schedule, amount amount) stream {
	return stream{
		account: "everyday", when: when, amount: amount, credit: true, shops: []string{shop}, text: text,
		class: directCredit, group: group, flow: flow,
	}
}

func salary(shop string, when schedule, amount amount) stream {
	return income("salary", "salary", "SALARY", shop, when, amount)
}

// debit is what a shop takes from the account by itself.
func debit(flow, shop string, when schedule, amount amount) stream {
	return stream{
		account: "everyday", when: when, amount: amount, shops: []string{shop}, text: "DIRECT DEBIT", class: payment, flow: flow,
	}
}

// repayment is what a lender elsewhere takes from the account.
func repayment(shop string, when schedule, amount amount) stream {
	s := debit("loan", shop, when, amount)
	s.class = loanRepayment
	return s
}

// spend is what is paid by card at one of the shops.
func spend(account string, when schedule, amount amount, shops ...string) stream {
	return stream{account: account, when: when, amount: amount, shops: shops, class: payment, byCard: true}
}

// bring is what is brought back to a shop.
func refundFrom(account string, when schedule, amount amount, shops ...string) stream {
	return stream{account: account, when: when, amount: amount, credit: true, shops: shops, text: "REFUND", class: refund}
}

// subscription is paid by card on a day of the month.
func subscription(account, shop string, dom int, dollars float64) stream {
	s := spend(account, monthly(dom), exactly(dollars), shop)
	s.flow = "subscription"
	return s
}

// cash is what is drawn at a machine.
func cash(text string, when schedule, amount amount) stream {
	return stream{
		account: "everyday", when: when, amount: amount, text: text, class: cashWithdrawal, group: "cash", optional: true,
	}
}

// send is what is sent to a private person.
func send(group, text, party string, when schedule, amount amount) stream {
	return stream{
		account: "everyday", when: when, amount: amount, text: text, class: transfer, group: group, flow: group, counterparty: party,
	}
}

// receive is what a private person sends.
func receive(group, text, party string, when schedule, amount amount) stream {
	s := send(group, text, party, when, amount)
	s.credit = true
	return s
}

// plan is a row of a persona's script: an account.
type plan struct {
	key           string
	kind          Kind
	product, name string // the bank's name goes before the product
	number        string
	opening       float64 // the balance when the books begin
	months        int     // since it was opened when the books begin
	joint         string  // with whom it is held
	limit         float64 // the card's, or what was lent
	rate          int     // a year, in hundredths of a percent
	fee           float64 // a month, for having it

	// repay is paid to a loan each month on the day, from the everyday account; of a card it is a part of what is owed, and
	// where it is 0, all of the last statement.
	repay    float64
	repayDay int
	missed   []int // months in which the card's repayment is forgotten

	// floor is what people leave when they pay by card or draw cash.
	floor float64
	// What is above most once a month goes to the reserve, so that keep is left; what is lacking for a bill comes back from
	// there. The reserve is the key of an account, or the name of one elsewhere; "" when there is none.
	reserve    string
	most, keep float64
}

// script is a person's life at a bank.
type script struct {
	plans   []plan
	streams []stream
}
