package bank

import (
	"math/rand/v2"
	"slices"
)

// Days of the month for recurring bank tasks.
const (
	interestDay  = 1
	statementDay = 4
	sweepDay     = 26
)

// runBankDay processes what banks do automatically: interest, fees and repayments.
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

// processCard charges interest and fees, and repays the last statement in full or in part.
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
		rate *= 3 // a quarter
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

// writeStatements sets the statement balances of cards, after all transactions of the day.
func (l *ledger) writeStatements(d day) {
	if d.dom != statementDay {
		return
	}
	for _, a := range l.accounts {
		a.statement = min(a.balance, 0)
	}
}

// charge books the account fee.
func (l *ledger) charge(d day, a *account, text string) {
	if a.fee > 0 {
		l.book(d, a, -cents(a.fee), text, bankFee, "fees", "")
	}
}

// repays reports whether a repayment of the account is due on the day.
func repays(d day, a *account) bool {
	var none *rand.Rand
	return monthly(a.repayDay)(d, none) > 0
}

// book posts a transaction that belongs to no stream, dated today.
func (l *ledger) book(d day, a *account, sum Cents, text, class, group, flow string) {
	today := dayTime(d.number)
	a.bookedCount++
	a.post(&Transaction{
		Key: key(mix(a.id, a.bookedCount)), Account: a.key, Made: today, Posted: today, Amount: sum,
		Description: text, Class: class, Category: plainCategoriesByGroup[group], Flow: flow,
	})
}

// transferText holds the descriptions and classification of both sides of a transfer. If groupIn is set, it is the
// group of the receiving side.
type transferText struct{ out, in, class, group, groupIn, flow string }

// repayDebt transfers money to a loan or card account. It first tops up the paying account if necessary.
func (l *ledger) repayDebt(d day, from, to *account, sum Cents, w *transferText) {
	l.topUp(d, from, sum)
	l.book(d, from, -sum, w.out, w.class, w.group, w.flow)
	group := w.groupIn
	if group == "" {
		group = w.group
	}
	l.book(d, to, sum, w.in, w.class, group, w.flow)
}

// topUp transfers money from the reserve if the account lacks funds for a payment. It does nothing if the reserve is
// too small.
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

// sweep transfers excess money to the reserve once a month.
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

// transferReserve transfers money between a person's own deposit accounts.
func (l *ledger) transferReserve(d day, from, to *account, sum Cents) {
	w := &transferText{
		out: "TRANSFER TO " + to.number, in: "TRANSFER FROM " + from.number, class: transfer,
		group: "transfer-out", groupIn: "transfer-in", flow: "own:" + from.number + " " + to.number,
	}
	l.book(d, from, -sum, w.out, w.class, w.group, w.flow)
	l.book(d, to, sum, w.in, w.class, w.groupIn, w.flow)
}

// productName returns the product name with the bank's name.
func (l *ledger) productName(p *plan) string { return l.bank.Name + " " + p.product }
