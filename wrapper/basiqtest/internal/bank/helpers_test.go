package bank_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

const hooli = "AU00000"

// golden is a transaction of the books with seed 1.
const golden = "52833128ba81c397 1999-01-04 -2150.00 LOAN REPAYMENT 105148119696"

var (
	epoch   = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC) // start time of synctest bubbles
	someday = time.Date(2026, time.November, 24, 15, 4, 5, 0, time.UTC)
)

func day(year int, month time.Month, dom int) time.Time {
	return time.Date(year, month, dom, 0, 0, 0, 0, time.UTC)
}

func person(t *testing.T, login string) *bank.Person {
	t.Helper()
	p := bank.FindPerson(login)
	require.NotNil(t, p, login)
	return p
}

// banking returns the people whose logins work.
func banking() []*bank.Person {
	return slices.DeleteFunc(bank.People(), func(p *bank.Person) bool { return p.Failure != nil })
}

// posted returns the posted transactions of an account, oldest first.
func posted(b *bank.Books, p *bank.Person, bankID, account string, at time.Time) []*bank.Transaction {
	list := slices.Clone(b.Transactions(p, bankID, account, at))
	list = slices.DeleteFunc(list, (*bank.Transaction).Pending)
	slices.Reverse(list)
	return list
}

// everything returns the posted transactions at a bank, by account, oldest first.
func everything(b *bank.Books, p *bank.Person, bankID string, at time.Time) []*bank.Transaction {
	var all []*bank.Transaction
	for _, a := range b.Accounts(p, bankID, at) {
		all = append(all, posted(b, p, bankID, a.Key, at)...)
	}
	return all
}

// flows returns the transactions whose Flow has this prefix, by date.
func flows(list []*bank.Transaction, prefix string) []*bank.Transaction {
	var found []*bank.Transaction
	for _, t := range list {
		if strings.HasPrefix(t.Flow, prefix) {
			found = append(found, t)
		}
	}
	slices.SortStableFunc(found, func(a, b *bank.Transaction) int { return a.Posted.Compare(b.Posted) })
	return found
}

// gaps returns the days between consecutive transactions.
func gaps(list []*bank.Transaction) []int {
	var days []int
	for i := 1; i < len(list); i++ {
		days = append(days, int(list[i].Posted.Sub(list[i-1].Posted).Hours()/24))
	}
	return days
}

// keys returns the keys of the transactions.
func keys(list []*bank.Transaction) []string {
	out := make([]string, 0, len(list))
	for _, t := range list {
		out = append(out, t.Key)
	}
	return out
}

// same fails the test if the lists differ. It shows only the first difference, because the complete lists are too long.
func same(t *testing.T, want, got []*bank.Transaction) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if *want[i] != *got[i] {
			require.Equal(t, *want[i], *got[i], "transaction %d", i)
		}
	}
}
