package bank

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Books holds the ledgers of all test users at all banks. It is safe for concurrent use. Ledgers are created on first
// use.
type Books struct {
	seed  string
	begin time.Time

	mu      sync.RWMutex
	ledgers map[ledgerKey]*cachedLedger
}

type ledgerKey struct{ login, bank string }

// Open returns the books for a seed. They begin twelve months before the first day of the month of from, in UTC. Before
// that, only the opening balances are known.
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

// Accounts returns the accounts of a person at a bank at the end of the day of at, in a stable order. It returns nil
// before the books begin, for unknown banks, and for users whose logins fail.
func (b *Books) Accounts(p *Person, bankID string, at time.Time) []Account {
	v := b.view(p, bankID, at)
	if v == nil {
		return nil
	}
	return append([]Account(nil), v.accounts...)
}

// Transactions returns the transactions of an account at the end of the day of at: pending transactions first, then the
// newest posted ones. Callers must not modify the list.
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

// view returns the state of a ledger at a time, or nil if there is none.
func (b *Books) view(p *Person, bankID string, at time.Time) *view {
	if p == nil || at.Before(b.begin) {
		return nil
	}
	if s := b.cachedLedger(p, bankID); s != nil {
		return s.view(dayNumber(at))
	}
	return nil
}

// cachedLedger returns the ledger of a person at a bank, or nil if there is none.
func (b *Books) cachedLedger(p *Person, bankID string) *cachedLedger {
	// Look up the person by login, because p may be a copy with a changed password.
	k := ledgerKey{p.Login, bankID}
	b.mu.RLock()
	s, ok := b.ledgers[k]
	b.mu.RUnlock()
	if ok {
		return s
	}
	known, bank := FindPerson(p.Login), FindBank(bankID)
	if known == nil || known.Failure != nil || bank == nil {
		return nil // not cached, because unknown names are unlimited
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

// A cachedLedger is a ledger with a cache of recently read days.
type cachedLedger struct {
	mu     sync.Mutex
	ledger *ledger
	views  map[int]*view
}

// keptViews is the number of cached days per ledger. A client usually reads one or two.
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

// A view is the state of a ledger at the end of a day. It is immutable.
type view struct {
	accounts     []Account
	transactions [][]*Transaction // by account
}

// viewAt returns the view of a day that the ledger has reached.
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

// postedUntil returns the transactions posted by the end of a day.
func (a *account) postedUntil(day int) []*Transaction {
	end := len(a.posted)
	for end > 0 && dayNumber(a.posted[end-1].Posted) > day {
		end--
	}
	return a.posted[:end:end]
}

// pending returns the transactions pending at the end of a day, newest first, and their sum. It includes transactions
// that the ledger has posted since, because the result must not depend on how far the ledger has advanced.
func (l *ledger) pending(a *account, day int) (list []*Transaction, sum Cents) {
	for _, t := range slices.Concat(a.posted[len(a.postedUntil(day)):], l.unposted) {
		if t.Account != a.key || dayNumber(t.Made) > day {
			continue
		}
		list, sum = append(list, t), sum+t.Amount
	}
	slices.SortFunc(list, func(a, b *Transaction) int { return cmp.Or(b.Made.Compare(a.Made), cmp.Compare(a.Key, b.Key)) })
	for i, t := range list {
		// As at Basiq, pending transactions are imported anew every day, with new keys.
		p := *t
		p.Key = key(mix(hash("pending", t.Key), uint64(day))) //nolint:gosec // wraparound is fine: days before 1970 are negative
		p.Posted, p.Balance = time.Time{}, 0
		list[i] = &p
	}
	return list, sum
}

// statementOf returns the account after the posted transactions.
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
		s.HasAvailable = true // zero until the term ends, or for a mortgage repaid as scheduled
	default:
		s.HasAvailable, s.Available = true, s.Balance+cents(a.creditLimit())+held
	}
	return s
}
