package bank_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

func TestOpen_Begin(t *testing.T) {
	t.Parallel()
	sydney := time.FixedZone("AEDT", 11*60*60)
	for _, c := range []struct{ from, begin time.Time }{
		{epoch, day(1999, time.January, 1)},
		{someday, day(2025, time.November, 1)},
		{day(2024, time.February, 29), day(2023, time.February, 1)},
		{time.Date(2026, time.March, 1, 5, 0, 0, 0, sydney), day(2025, time.February, 1)}, // still February in UTC
	} {
		assert.Equal(t, c.begin, bank.Open(1, c.from).Begin(), c.from)
	}
}

func TestBooks_Empty(t *testing.T) {
	t.Parallel()
	b := bank.Open(1, someday)
	richard := person(t, "richard")
	assert.Empty(t, b.Accounts(richard, hooli, b.Begin().Add(-time.Nanosecond)), "before the books begin")
	assert.Empty(t, b.Transactions(richard, hooli, "everyday", b.Begin().Add(-time.Nanosecond)))
	assert.NotEmpty(t, b.Accounts(richard, hooli, b.Begin()))
	assert.Empty(t, b.Accounts(richard, "AU99999", someday), "at no bank")
	assert.Empty(t, b.Transactions(richard, hooli, "no such account", someday))
	assert.Empty(t, b.Accounts(&bank.Person{Login: "stranger"}, hooli, someday))
	assert.Empty(t, b.Accounts(nil, hooli, someday))
	for _, p := range bank.People() {
		if p.Failure != nil {
			assert.Empty(t, b.Accounts(p, hooli, someday), p.Login)
			assert.Empty(t, b.Transactions(p, hooli, "everyday", someday), p.Login)
		}
	}
}

// Invariants of all test users' books on any day.
func TestBooks_Consistent(t *testing.T) {
	t.Parallel()
	for _, from := range []time.Time{epoch, someday} {
		for seed := range uint64(3) {
			b := bank.Open(seed, from)
			for _, p := range banking() {
				t.Run(fmt.Sprintf("%d/%d/%s", from.Year(), seed, p.Login), func(t *testing.T) {
					t.Parallel()
					for _, institution := range bank.Banks() {
						for _, at := range []time.Time{b.Begin().AddDate(0, 0, 3), from.AddDate(0, -5, 3), from, from.AddDate(3, 1, 2)} {
							consistent(t, b, p, institution, at)
						}
					}
				})
			}
		}
	}
}

func consistent(t *testing.T, b *bank.Books, p *bank.Person, institution *bank.Bank, at time.Time) {
	t.Helper()
	accounts := b.Accounts(p, institution.ID, at)
	require.NotEmpty(t, accounts)
	own := map[string]map[time.Time]bank.Cents{} // by flow and day
	for _, a := range accounts {
		list := b.Transactions(p, institution.ID, a.Key, at)
		held, pendings := listed(t, b, a, list, at)
		require.True(t, strings.HasPrefix(a.Product, institution.Name+" "), a.Product)
		require.False(t, a.Opened.After(b.Begin()))
		require.Contains(t, a.Holder, p.Profile.Last[:4])
		switch a.Kind {
		case bank.Mortgage, bank.Loan:
			require.Equal(t, a.Kind == bank.Mortgage, a.HasAvailable)
			require.Zero(t, a.Available)
			require.LessOrEqual(t, a.Balance, bank.Cents(0))
			require.NotEmpty(t, a.Rate)
			require.LessOrEqual(t, -a.Balance, a.Limit)
		case bank.CreditCard:
			require.Equal(t, a.Balance+a.Limit+held, a.Available)
			require.GreaterOrEqual(t, a.Available, bank.Cents(0), "beyond the limit of %s", a.Key)
			require.Empty(t, a.BSB)
		case bank.TermDeposit:
			require.Zero(t, a.Available)
		default:
			require.Equal(t, a.Balance+held, a.Available)
			require.GreaterOrEqual(t, a.Balance, bank.Cents(-800_00), "%s %s", a.Key, at)
			require.LessOrEqual(t, a.Balance, bank.Cents(400_000_00), "%s %s", a.Key, at)
		}
		if a.Kind != bank.Everyday && a.Kind != bank.CreditCard {
			require.Zero(t, pendings, "no pending transactions in %s", a.Key)
		}
		for _, tx := range list {
			if strings.HasPrefix(tx.Flow, "own:") || strings.HasPrefix(tx.Flow, "card:") || strings.Contains(tx.Flow, "loan:"+institution.Name) {
				if own[tx.Flow] == nil {
					own[tx.Flow] = map[time.Time]bank.Cents{}
				}
				own[tx.Flow][tx.Posted] += tx.Amount
			}
		}
	}
	for flow, days := range own {
		for d, sum := range days {
			require.Zero(t, sum, "one side only of %s on %s", flow, d)
		}
	}
}

// listed checks an account's transactions. It returns the sum and the number of pending ones.
func listed(t *testing.T, b *bank.Books, a bank.Account, list []*bank.Transaction, at time.Time) (held bank.Cents, n int) {
	t.Helper()
	keys := make(map[string]bool, len(list))
	for i, tx := range list {
		var older *bank.Transaction
		if i+1 < len(list) {
			older = list[i+1]
		}
		newest := !tx.Pending() && (i == 0 || list[i-1].Pending())
		// There are millions of transactions, so avoid assertions here.
		fault := ""
		switch {
		case keys[tx.Key]:
			fault = "it has the key of another"
		case tx.Account != a.Key:
			fault = "it is another account's"
		case tx.Category == nil || tx.Category.Group == "" || tx.Class == "" || tx.Description == "" || tx.Amount == 0:
			fault = "something is missing"
		case tx.Made.After(at) || tx.Made.Before(b.Begin()) || tx.Posted.After(at):
			fault = "it is not of this time"
		case tx.Pending() && (tx.Balance != 0 || tx.Amount > 0 || at.Sub(tx.Made) >= 48*time.Hour):
			fault = "it cannot be pending"
		case tx.Pending() && i > 0 && !list[i-1].Pending():
			fault = "pending transactions come first"
		case !tx.Posted.Equal(tx.Posted.Truncate(24 * time.Hour)):
			fault = "midnight in UTC"
		case newest && (a.Balance != tx.Balance || !a.Last.Equal(tx.Posted)):
			fault = "the account is not what its last transaction left"
		case !tx.Pending() && older != nil && (tx.Balance != older.Balance+tx.Amount || older.Posted.After(tx.Posted)):
			fault = "it does not follow from the one before"
		case !tx.Pending() && older == nil && !a.First.Equal(tx.Posted):
			fault = "it is the first"
		}
		if fault != "" {
			require.Fail(t, fault, "%s at %s: %+v", a.Key, at, *tx)
		}
		keys[tx.Key] = true
		if tx.Pending() {
			held += tx.Amount
			n++
		}
	}
	return held, n
}

func TestBooks_Seed(t *testing.T) {
	t.Parallel()
	one, other, another := bank.Open(7, someday), bank.Open(7, someday), bank.Open(8, someday)
	people := banking()
	// Read the other books in a different order and further ahead.
	for _, p := range slices.Backward(people) {
		other.Accounts(p, hooli, someday.AddDate(0, 8, 0))
	}
	for _, p := range people {
		want := one.Accounts(p, hooli, someday)
		assert.Equal(t, want, other.Accounts(p, hooli, someday))
		for _, a := range want {
			same(t, one.Transactions(p, hooli, a.Key, someday), other.Transactions(p, hooli, a.Key, someday))
		}
		mine := everything(one, p, hooli, someday)
		assert.NotEqual(t, keys(mine), keys(everything(another, p, hooli, someday)), "another seed")
		assert.NotEqual(t, keys(mine), keys(everything(one, p, "AU00002", someday)), "another bank")
	}
}

// Compare with a fixed transaction of one seed, to detect changes that would affect all users of a seed.
func TestBooks_Golden(t *testing.T) {
	t.Parallel()
	b := bank.Open(1, epoch)
	a := b.Accounts(person(t, "Wentworth-Smith"), hooli, epoch)
	require.Len(t, a, 4)
	first := posted(b, person(t, "Wentworth-Smith"), hooli, "everyday", epoch)[3]
	assert.Equal(t, golden, fmt.Sprint(first.Key, " ", first.Posted.Format(time.DateOnly), " ", first.Amount, " ", first.Description))
}

// Posted transactions do not change, and new ones are added.
func TestBooks_Grow(t *testing.T) {
	t.Parallel()
	b := bank.Open(11, epoch)
	for _, p := range banking() {
		for _, a := range b.Accounts(p, hooli, epoch) {
			before := posted(b, p, hooli, a.Key, epoch)
			for _, days := range []int{0, 1, 2, 3, 30, 400} {
				after := posted(b, p, hooli, a.Key, epoch.AddDate(0, 0, days))
				require.GreaterOrEqual(t, len(after), len(before), p.Login)
				same(t, before, after[:len(before)])
				before = after
			}
		}
	}
}

func TestBooks_TimeOfDay(t *testing.T) {
	t.Parallel()
	b := bank.Open(3, someday)
	p := person(t, "ashMann")
	morning, night := day(2026, time.November, 20), day(2026, time.November, 21).Add(-time.Second)
	same(t, b.Transactions(p, hooli, "everyday", morning), b.Transactions(p, hooli, "everyday", night))
	assert.Equal(t, b.Accounts(p, hooli, morning), b.Accounts(p, hooli, night))
}

// The key of a pending transaction changes every day, and again when it is posted.
func TestBooks_PendingKeys(t *testing.T) {
	t.Parallel()
	b := bank.Open(1, someday)
	for _, p := range banking() {
		days, seen := 0, map[string]string{}
		for n := range 40 {
			at := someday.AddDate(0, 0, n)
			pending := 0
			for _, a := range b.Accounts(p, hooli, at) {
				for _, tx := range b.Transactions(p, hooli, a.Key, at) {
					name := at.Format(time.DateOnly)
					if tx.Pending() {
						pending++
					} else {
						name = "posted"
					}
					was, ok := seen[a.Key+tx.Key]
					if ok && (was != name || name != "posted") {
						require.Fail(t, "duplicate key", "%s has the key of %s", name, was)
					}
					seen[a.Key+tx.Key] = name
				}
			}
			assert.Less(t, pending, 16, p.Login)
			if pending > 0 {
				days++
			}
		}
		assert.Greater(t, days, 22, "%s usually has pending transactions", p.Login)
	}
}

// A pending transaction is posted within two days, with the same amount.
func TestBooks_PendingIsPosted(t *testing.T) {
	t.Parallel()
	b := bank.Open(2, someday)
	type purchase struct {
		made        time.Time
		sum         bank.Cents
		description string
	}
	what := func(tx *bank.Transaction) purchase { return purchase{tx.Made, tx.Amount, tx.Description} }
	for _, p := range banking() {
		for n := range 20 {
			at := someday.AddDate(0, 0, n)
			for _, a := range b.Accounts(p, hooli, at) {
				later := map[purchase]int{}
				for _, tx := range posted(b, p, hooli, a.Key, at.AddDate(0, 0, 2)) {
					later[what(tx)]++
				}
				for _, tx := range b.Transactions(p, hooli, a.Key, at) {
					if tx.Pending() {
						require.Positive(t, later[what(tx)], "%v was lost", what(tx))
					}
				}
			}
		}
	}
}

func TestBooks_Concurrent(t *testing.T) {
	t.Parallel()
	b, want := bank.Open(4, epoch), bank.Open(4, epoch)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for n := range 20 {
				at := epoch.AddDate(0, 0, (n*7+worker*3)%40)
				for _, p := range banking() {
					for _, a := range b.Accounts(p, hooli, at) {
						list := b.Transactions(p, hooli, a.Key, at)
						_ = append(list, nil) // must not affect other readers
					}
				}
			}
		})
	}
	wg.Wait()
	for _, p := range banking() {
		same(t, everything(want, p, hooli, epoch.AddDate(0, 0, 9)), everything(b, p, hooli, epoch.AddDate(0, 0, 9)))
	}
}

func BenchmarkTransactions_Cached(b *testing.B) {
	books, p := bank.Open(1, someday), bank.FindPerson("richard")
	books.Transactions(p, hooli, "everyday", someday)
	b.ReportAllocs()
	for b.Loop() {
		books.Transactions(p, hooli, "everyday", someday)
	}
}

func BenchmarkTransactions_Cold(b *testing.B) {
	p := bank.FindPerson("richard")
	b.ReportAllocs()
	for b.Loop() {
		bank.Open(1, someday).Transactions(p, hooli, "everyday", someday)
	}
}

func BenchmarkTransactions_NextDay(b *testing.B) {
	books, p := bank.Open(1, someday), bank.FindPerson("richard")
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		books.Transactions(p, hooli, "everyday", someday.AddDate(0, 0, n%300))
		n++
	}
}
