package bank

import (
	"math/rand/v2"
	"strings"
	"time"
)

// A ledger holds the accounts of one person at one bank. It is simulated day by day and only advances, so posted
// transactions never change and a day does not depend on later days. It is not safe for concurrent use.
type ledger struct {
	bank     *Bank
	person   *Person
	begin    time.Time
	next     int // next day to simulate
	accounts []*account
	streams  []*activeStream
	unposted []*Transaction // card payments not yet posted, in the order they were made
	pcg      *rand.PCG
	rand     *rand.Rand
}

// An account is the state of a plan.
type account struct {
	*plan
	id              uint64
	balance         Cents
	pendingTotal    Cents          // sum of unposted card payments; negative
	statement       Cents          // amount owed at the last card statement; negative
	externalReserve Cents          // balance of the reserve at another bank
	overdrawn       bool           // at any time this month
	posted          []*Transaction // oldest first
	bookedCount     uint64         // numbers transactions that belong to no stream
}

// An activeStream is the state of a stream.
type activeStream struct {
	*stream
	id      uint64 // base of transaction keys
	seed    uint64 // seed of the stream's random source
	account *account
	shops   []*shop
	ref     string // reference after the name of the shop
}

func newLedger(seed string, begin time.Time, bank *Bank, person *Person, script *script) *ledger {
	pcg := rand.NewPCG(0, 0)
	l := &ledger{
		bank: bank, person: person, begin: begin, next: dayNumber(begin), pcg: pcg,
		rand: rand.New(pcg), //nolint:gosec // deterministic by design
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
			src.shops = append(src.shops, catalog[name])
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

// advanceTo simulates all days up to and including a day.
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

// postDue posts the card payments of the previous days that are due.
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

// post adds a posted transaction to the account.
func (a *account) post(t *Transaction) {
	a.balance += t.Amount
	t.Balance = a.balance
	a.posted = append(a.posted, t)
	a.overdrawn = a.overdrawn || a.balance < 0
}

// spendable returns the amount that can be drawn from the account.
func (a *account) spendable() Cents { return a.balance + a.pendingTotal + cents(a.creditLimit()) }

// creditLimit returns the limit of a credit card, or 0 for other accounts.
func (p *plan) creditLimit() float64 {
	if p.kind == CreditCard {
		return p.limit
	}
	return 0
}

// minimumBalance returns the balance kept when paying by card: the floor or, for a credit card, a part of the limit
// reserved for interest and fees.
func (p *plan) minimumBalance() Cents {
	if p.kind == CreditCard {
		return cents(p.limit * 0.06)
	}
	return cents(p.floor)
}

// runStream creates the transactions of a stream on a day.
func (l *ledger) runStream(d day, s *activeStream) {
	if d.month < s.from || s.until > 0 && d.month >= s.until {
		return
	}
	l.pcg.Seed(s.seed, mix(s.seed, uint64(d.number))) //nolint:gosec // wraparound is fine: days before 1970 are negative
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

// shouldSkip reports whether a card payment or optional transaction is skipped for lack of funds. For other
// transactions, it tops up the account instead.
func (l *ledger) shouldSkip(d day, s *activeStream, sum Cents) bool {
	if s.byCard || s.optional {
		return s.account.spendable()+sum < s.account.minimumBalance()
	}
	l.topUp(d, s.account, -sum)
	return false
}

// addTransaction creates a transaction of a stream. It posts the transaction immediately unless it is a card payment.
func (l *ledger) addTransaction(d day, s *activeStream, n int, sum Cents) {
	t := &Transaction{
		Key:     key(mix(s.id, uint64(d.number)<<8|uint64(n))), //nolint:gosec // as above
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

// describe returns the description of the transaction as a statement shows it.
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

// branch returns the hash that a shop's branch numbers are derived from.
func (s *shop) branch() uint64 { return hash("branch", s.ID) }

// flowName returns the Flow of the stream's transactions.
func (s *activeStream) flowName(at *shop) string {
	switch {
	case s.flow == "":
		return ""
	case at != nil:
		return s.flow + ":" + at.Name
	}
	return s.flow + ":" + s.counterparty
}
