package bank

import (
	"math/rand/v2"
	"strings"
	"time"
)

// ledger keeps the accounts of one person at one bank. It lives day by day from the first and never goes back, so that
// what is posted stays, and what a day brings depends on nothing later. It is not safe for concurrent use.
type ledger struct {
	bank     *Bank
	person   *Person
	begin    time.Time
	next     int // the first day that is not done
	accounts []*account
	streams  []*activeStream
	unposted []*Transaction // made by card and not posted, in the order in which they were made
	pcg      *rand.PCG
	rand     *rand.Rand
}

// account is a plan that came to life.
type account struct {
	*plan
	id              uint64
	balance         Cents
	pendingTotal    Cents          // what is due from it; negative
	statement       Cents          // what was owed when the card's last statement was written; negative
	externalReserve Cents          // what was put by elsewhere
	overdrawn       bool           // in this month
	posted          []*Transaction // oldest first
	bookedCount     uint64         // how many of its transactions are no stream's; it numbers them
}

// source is a stream that came to life.
type activeStream struct {
	*stream
	id      uint64 // of its transactions
	seed    uint64 // of its chance
	account *account
	shops   []*shop
	ref     string // what the statement says after the name of a shop
}

func newLedger(seed string, begin time.Time, bank *Bank, person *Person, script *script) *ledger {
	pcg := rand.NewPCG(0, 0)
	l := &ledger{
		bank: bank, person: person, begin: begin, next: dayNumber(begin), pcg: pcg,
		rand: rand.New(pcg), //nolint:gosec // The books must be the same for the same seed.
	}
	for i := range script.plans {
		p := &script.plans[i]
		l.accounts = append(l.accounts, &account{
			plan: p, id: hash(seed, person.Login, bank.ID, "account", p.key), balance: cents(p.opening), statement: cents(p.opening),
		})
	}
	for i := range script.streams {
		s := &script.streams[i]
		id := mix(hash(seed, person.Login, bank.ID, "stream", s.account, s.text), uint64(i))
		src := &activeStream{stream: s, id: id, seed: id, account: l.account(s.account), ref: digits(id, 6)}
		if s.shared != "" {
			src.seed = hash(seed, "shared", s.shared)
		}
		for _, name := range s.shops {
			src.shops = append(src.shops, catalogue[name])
		}
		l.streams = append(l.streams, src)
	}
	return l
}

// account returns the account with the key, or nil.
func (l *ledger) account(key string) *account {
	for _, a := range l.accounts {
		if a.key == key {
			return a
		}
	}
	return nil
}

// extend lives until the end of a day.
func (l *ledger) advanceTo(until int) {
	for ; l.next <= until; l.next++ {
		d := newDay(l.next, l.begin)
		l.postDue(d)
		l.runBankDay(d)
		for _, s := range l.streams {
			l.runStream(d, s)
		}
		l.sweep(d)
		l.writeStatements(d)
	}
}

// settle posts what was paid by card a day or two before.
func (l *ledger) postDue(d day) {
	rest, today := l.unposted[:0], dayTime(d.number)
	for _, t := range l.unposted {
		if t.Posted.After(today) {
			rest = append(rest, t)
			continue
		}
		a := l.account(t.Account)
		a.pendingTotal -= t.Amount
		a.post(t)
	}
	l.unposted = rest
}

// post writes a transaction into the account.
func (a *account) post(t *Transaction) {
	a.balance += t.Amount
	t.Balance = a.balance
	a.posted = append(a.posted, t)
	a.overdrawn = a.overdrawn || a.balance < 0
}

// spendable is what can be drawn from the account.
func (a *account) spendable() Cents { return a.balance + a.pendingTotal + cents(a.creditLimit()) }

// creditLimit is what may be owed.
func (p *plan) creditLimit() float64 {
	if p.kind == CreditCard {
		return p.limit
	}
	return 0
}

// left is what people leave when they can choose: their floor, and of a card's limit what its interest and fees need.
func (p *plan) minimumBalance() Cents {
	if p.kind == CreditCard {
		return cents(p.limit * 0.06)
	}
	return cents(p.floor)
}

// flow does what a stream does on a day.
func (l *ledger) runStream(d day, s *activeStream) {
	if d.month < s.from || s.until > 0 && d.month >= s.until {
		return
	}
	l.pcg.Seed(s.seed, mix(s.seed, uint64(d.number))) //nolint:gosec // Days before 1970 have numbers, too.
	for n := range s.when(d, l.rand) {
		sum := s.amount(d, l.rand)
		if !s.credit {
			sum = -sum
			if l.shouldSkip(d, s, sum) {
				continue
			}
		}
		l.addTransaction(d, s, n, sum)
	}
}

// lacks reports whether the money for something is not there and it is left. For what must be paid, it is fetched.
func (l *ledger) shouldSkip(d day, s *activeStream, sum Cents) bool {
	if s.byCard || s.optional {
		return s.account.spendable()+sum < s.account.minimumBalance()
	}
	l.topUp(d, s.account, -sum)
	return false
}

// enter makes the transaction of a stream, and posts it unless it was paid by card.
func (l *ledger) addTransaction(d day, s *activeStream, n int, sum Cents) {
	t := &Transaction{
		Key:     key(mix(s.id, uint64(d.number)<<8|uint64(n))), //nolint:gosec // As above.
		Account: s.account.key, Made: dayTime(d.number), Amount: sum, Class: s.class, Category: plainCategoriesByGroup[s.group],
	}
	var chosen *shop
	if len(s.shops) > 0 {
		chosen = s.shops[l.rand.IntN(len(s.shops))]
		t.Merchant = chosen.Merchant
		if t.Category == nil {
			t.Category = chosen.category
		}
	}
	t.Description, t.Flow = s.describe(l, chosen), s.flowName(chosen)
	if !s.byCard {
		t.Posted = t.Made
		s.account.post(t)
		return
	}
	t.Posted = dayTime(d.number + 1 + l.rand.IntN(2))
	s.account.pendingTotal += sum
	l.unposted = append(l.unposted, t)
}

// describe says what a statement says.
func (s *activeStream) describe(l *ledger, at *shop) string {
	switch {
	case at == nil:
		return s.text
	case s.class == refund || s.byCard && at.online:
		return strings.TrimSpace(s.text + " " + at.line)
	case s.byCard:
		return at.line + " " + digits(mix(at.branch(), l.rand.Uint64N(3)), 4) + " " +
			strings.ToUpper(l.person.Profile.Suburb) + " " + l.person.Profile.State
	}
	return strings.TrimSpace(s.text+" "+at.line) + " " + s.ref
}

// branch is where the numbers of a shop's branches come from.
func (s *shop) branch() uint64 { return hash("branch", s.ID) }

// flowName names the stream for whoever sums up the months.
func (s *activeStream) flowName(at *shop) string {
	switch {
	case s.flow == "":
		return ""
	case at != nil:
		return s.flow + ":" + at.Name
	}
	return s.flow + ":" + s.counterparty
}
