package bank

import (
	"math/rand/v2"
	"slices"
)

// Days of the month on which the banks do things.
const (
	interestDay  = 1
	statementDay = 4
	sweepDay     = 26
)

// keep does what the banks do by themselves: interest, fees, statements, repayments.
func (l *ledger) runBankDay(d day) {
	for _, a := range l.accounts {
		switch a.kind {
		case Mortgage, Loan:
			l.processLoan(d, a)
		case CreditCard:
			l.processCard(d, a)
		case Savings, TermDeposit, Investment:
			l.processSavings(d, a)
		default:
			l.processEveryday(d, a)
		}
	}
}

func (l *ledger) processLoan(d day, a *account) {
	if owed := -a.balance.share(a.rate); d.dom == interestDay && owed > 0 {
		l.book(d, a, -owed, "INTEREST CHARGED", loanInterest, "interest-paid", "")
	}
	if repays(d, a) && a.balance < 0 {
		l.repayDebt(d, l.account("everyday"), a, min(cents(a.repay), -a.balance), &transferText{
			out: "LOAN REPAYMENT " + a.number, in: "REPAYMENT RECEIVED THANK YOU",
			class: loanRepayment, group: "loan", flow: "loan:" + l.productName(a.plan) + " " + a.number,
		})
	}
}

// keepCard charges interest on what the last statement left, and pays the statement, in full or in part.
func (l *ledger) processCard(d day, a *account) {
	if d.dom == statementDay {
		if owed := -a.balance.share(a.rate); a.repay > 0 && owed > 0 {
			l.book(d, a, -owed, "INTEREST CHARGED", interest, "interest-paid", "")
		}
		l.charge(d, a, "ACCOUNT FEE")
	}
	owed := min(-a.statement, -a.balance)
	if !repays(d, a) || owed <= 0 {
		return
	}
	if slices.Contains(a.missed, d.month) {
		l.book(d, a, -cents(30), "LATE PAYMENT FEE", bankFee, "fees", "")
		return
	}
	if a.repay > 0 {
		owed = min(owed, cents(a.repay))
	}
	l.repayDebt(d, l.account("everyday"), a, owed, &transferText{
		out: "CARD REPAYMENT " + a.number, in: "PAYMENT RECEIVED THANK YOU", class: transfer, group: "credit-card-repayment",
		flow: "card:" + l.productName(a.plan) + " " + a.number,
	})
}

func (l *ledger) processSavings(d day, a *account) {
	if d.dom != interestDay || a.kind == TermDeposit && d.month%3 != 0 {
		return
	}
	rate := a.rate
	if a.kind == TermDeposit {
		rate *= 3 // for a quarter
	}
	if earned := a.balance.share(rate); earned > 0 {
		l.book(d, a, earned, "CREDIT INTEREST", interest, "interest-earned", "interest:"+l.bank.Name)
	}
}

func (l *ledger) processEveryday(d day, a *account) {
	if d.dom != interestDay {
		return
	}
	l.charge(d, a, "MONTHLY ACCOUNT FEE")
	if a.overdrawn {
		l.book(d, a, -cents(9), "OVERDRAWN FEE", bankFee, "fees", "")
	}
	a.overdrawn = a.balance < 0
}

// write writes the cards' statements, when all of the day is known.
func (l *ledger) writeStatements(d day) {
	if d.dom != statementDay {
		return
	}
	for _, a := range l.accounts {
		a.statement = min(a.balance, 0)
	}
}

// charge takes the fee for having the account.
func (l *ledger) charge(d day, a *account, text string) {
	if a.fee > 0 {
		l.book(d, a, -cents(a.fee), text, bankFee, "fees", "")
	}
}

// repays reports whether the account is to be repaid on the day.
func repays(d day, a *account) bool {
	var none *rand.Rand
	return monthly(a.repayDay)(d, none) > 0
}

// book posts what the bank or its owner does with an account, today.
func (l *ledger) book(d day, a *account, sum Cents, text, class, group, flow string) {
	today := dayTime(d.number)
	a.bookedCount++
	a.post(&Transaction{
		Key: key(mix(a.id, a.bookedCount)), Account: a.key, Made: today, Posted: today, Amount: sum,
		Description: text, Class: class, Category: plainCategoriesByGroup[group], Flow: flow,
	})
}

// wording is what the two sides of a transfer say. The group of the side that receives is in, when it differs.
type transferText struct{ out, in, class, group, groupIn, flow string }

// move posts a transfer between two accounts of the person. What is lacking is fetched first.
func (l *ledger) repayDebt(d day, from, to *account, sum Cents, w *transferText) {
	l.topUp(d, from, sum)
	l.book(d, from, -sum, w.out, w.class, w.group, w.flow)
	group := w.groupIn
	if group == "" {
		group = w.group
	}
	l.book(d, to, sum, w.in, w.class, group, w.flow)
}

// fund fetches from the reserve what an account lacks to pay a sum, if it is there.
func (l *ledger) topUp(d day, a *account, sum Cents) {
	lack := sum - (a.balance + a.pendingTotal)
	if a.reserve == "" || lack <= 0 {
		return
	}
	lack = (lack + cents(a.floor)).roundUp(cents(100))
	reserve := l.account(a.reserve)
	switch {
	case reserve == nil && a.externalReserve >= lack:
		a.externalReserve -= lack
		l.book(d, a, lack, "TRANSFER FROM "+a.reserve, transfer, "transfer-in", "transfer-in:"+a.reserve)
	case reserve != nil && reserve.balance >= lack:
		l.transferReserve(d, reserve, a, lack)
	}
}

// sweep puts by what is more than the account's owner wants to have there, once a month.
func (l *ledger) sweep(d day) {
	if d.dom != sweepDay {
		return
	}
	for _, a := range l.accounts {
		if a.reserve == "" || a.balance+a.pendingTotal < cents(a.most) {
			continue
		}
		sum := (a.balance + a.pendingTotal - cents(a.keep)) / cents(100) * cents(100)
		if reserve := l.account(a.reserve); reserve != nil {
			l.transferReserve(d, a, reserve, sum)
			continue
		}
		a.externalReserve += sum
		l.book(d, a, -sum, "TRANSFER TO "+a.reserve, transfer, "transfer-out", "transfer-out:"+a.reserve)
	}
}

// shift is a transfer between own accounts that are neither loans nor cards.
func (l *ledger) transferReserve(d day, from, to *account, sum Cents) {
	w := &transferText{
		out: "TRANSFER TO " + to.number, in: "TRANSFER FROM " + from.number, class: transfer,
		group: "transfer-out", groupIn: "transfer-in", flow: "own:" + from.number + " " + to.number,
	}
	l.book(d, from, -sum, w.out, w.class, w.group, w.flow)
	l.book(d, to, sum, w.in, w.class, w.groupIn, w.flow)
}

// productName is the product with the bank's name.
func (l *ledger) productName(p *plan) string { return l.bank.Name + " " + p.product }
