package bank

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Books are what all banks have written about all people. They are safe for concurrent use. Nothing is written before
// it is read.
type Books struct {
	seed  string
	begin time.Time

	mu      sync.RWMutex
	ledgers map[ledgerKey]*cachedLedger
}

type ledgerKey struct{ login, bank string }

// Open returns the books for a seed. They begin on the first day of the month twelve months before the month of from, in
// UTC; of what was before they know balances only.
func Open(seed uint64, from time.Time) *Books {
	from = from.UTC()
	return &Books{
		seed:    strconv.FormatUint(seed, 10),
		begin:   time.Date(from.Year(), from.Month()-12, 1, 0, 0, 0, 0, time.UTC),
		ledgers: map[ledgerKey]*cachedLedger{},
	}
}

// Begin returns the first day of the books.
func (b *Books) Begin() time.Time { return b.begin }

// Accounts returns the accounts that a person has at a bank, as they stand at the end of the day in which at lies, in a
// stable order. There are none before the books begin, at unknown banks, and of people who cannot connect.
func (b *Books) Accounts(p *Person, bankID string, at time.Time) []Account {
	v := b.view(p, bankID, at)
	if v == nil {
		return nil
	}
	return append([]Account(nil), v.accounts...)
}

// Transactions returns what is in the books of the account with that key at the end of the day in which at lies:
// pending ones first, then those that are posted, newest first. Callers only read it.
func (b *Books) Transactions(p *Person, bankID, account string, at time.Time) []*Transaction {
	v := b.view(p, bankID, at)
	if v == nil {
		return nil
	}
	for i := range v.accounts {
		if v.accounts[i].Key == account {
			return v.transactions[i]
		}
	}
	return nil
}

// view returns how things stand at a time, or nil where there is nothing.
func (b *Books) view(p *Person, bankID string, at time.Time) *view {
	if p == nil || at.Before(b.begin) {
		return nil
	}
	if s := b.cachedLedger(p, bankID); s != nil {
		return s.view(dayNumber(at))
	}
	return nil
}

// shelf returns where the ledger of a person at a bank stands, or nil.
func (b *Books) cachedLedger(p *Person, bankID string) *cachedLedger {
	// The person may be a copy, or the password changed: the login says who it is.
	k := ledgerKey{p.Login, bankID}
	b.mu.RLock()
	s, ok := b.ledgers[k]
	b.mu.RUnlock()
	if ok {
		return s
	}
	known, bank := FindPerson(p.Login), FindBank(bankID)
	if known == nil || known.Failure != nil || bank == nil {
		return nil // And not kept: strangers' names are without end.
	}
	script := findScript(known, bankID)
	if script == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, ok = b.ledgers[k]; !ok {
		s = &cachedLedger{ledger: newLedger(b.seed, b.begin, bank, known, script), views: map[int]*view{}}
		b.ledgers[k] = s
	}
	return s
}

// shelf holds a ledger and the days of it that were read of late.
type cachedLedger struct {
	mu     sync.Mutex
	ledger *ledger
	views  map[int]*view
}

// keptViews is how many days of a ledger are kept as they were read. A client reads one or two.
const keptViews = 8

func (s *cachedLedger) view(day int) *view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.views[day]
	if !ok {
		s.ledger.advanceTo(day)
		v = s.ledger.viewAt(day)
		if len(s.views) >= keptViews {
			clear(s.views)
		}
		s.views[day] = v
	}
	return v
}

// view is how a ledger stands at the end of a day. It is never changed.
type view struct {
	accounts     []Account
	transactions [][]*Transaction // by account
}

// view makes the view of a day that the ledger has lived.
func (l *ledger) viewAt(day int) *view {
	v := &view{}
	for _, a := range l.accounts {
		pending, held := l.pending(a, day)
		posted := a.postedUntil(day)
		list := make([]*Transaction, 0, len(pending)+len(posted))
		list = append(list, pending...)
		for _, t := range slices.Backward(posted) {
			list = append(list, t)
		}
		v.transactions = append(v.transactions, slices.Clip(list))
		v.accounts = append(v.accounts, l.statementOf(a, posted, held))
	}
	return v
}

// postedUntil is what was posted until the end of a day.
func (a *account) postedUntil(day int) []*Transaction {
	end := len(a.posted)
	for end > 0 && dayNumber(a.posted[end-1].Posted) > day {
		end--
	}
	return a.posted[:end:end]
}

// pending is what was pending at the end of a day, newest first, and its sum. Some of it the ledger may have posted
// since, in another order; what a day looked like must not depend on how far the ledger has come.
func (l *ledger) pending(a *account, day int) (list []*Transaction, sum Cents) {
	for _, t := range slices.Concat(a.posted[len(a.postedUntil(day)):], l.unposted) {
		if t.Account != a.key || dayNumber(t.Made) > day {
			continue
		}
		list, sum = append(list, t), sum+t.Amount
	}
	slices.SortFunc(list, func(a, b *Transaction) int { return cmp.Or(b.Made.Compare(a.Made), cmp.Compare(a.Key, b.Key)) })
	for i, t := range list {
		// As at Basiq they are imported anew each day, with new keys.
		p := *t
		p.Key = key(mix(hash("pending", t.Key), uint64(day))) //nolint:gosec // Days before 1970 have numbers, too.
		p.Posted, p.Balance = time.Time{}, 0
		list[i] = &p
	}
	return list, sum
}

// statementOf is an account after what was posted.
func (l *ledger) statementOf(a *account, posted []*Transaction, held Cents) Account {
	holder := strings.TrimSpace(l.person.Profile.First + " " + l.person.Profile.Last)
	if l.person.Business != nil {
		holder = l.person.Business.LegalName
	}
	if a.joint != "" {
		holder += " & " + a.joint
	}
	s := Account{
		Key: a.key, Kind: a.kind, Product: l.productName(a.plan), Name: a.name, Number: a.number, Holder: holder,
		Joint: a.joint != "", Opened: l.begin.AddDate(0, -a.months, int(a.id%27)), Balance: cents(a.opening),
		Limit: cents(a.limit),
	}
	if a.rate > 0 {
		s.Rate = Cents(a.rate).String()
	}
	if a.kind != CreditCard {
		s.BSB = bsbs[l.bank.ID]
	}
	if len(posted) > 0 {
		last := posted[len(posted)-1]
		s.Balance, s.First, s.Last = last.Balance, posted[0].Posted, last.Posted
	}
	switch a.kind {
	case Loan:
	case Mortgage, TermDeposit:
		s.HasAvailable = true // Nothing is available before the term ends, or from a mortgage that is repaid as scheduled.
	default:
		s.HasAvailable, s.Available = true, s.Balance+cents(a.creditLimit())+held
	}
	return s
}
