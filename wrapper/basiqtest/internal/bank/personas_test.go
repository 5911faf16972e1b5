package bank_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

func TestPersonas_Accounts(t *testing.T) {
	t.Parallel()
	b := bank.Open(1, someday)
	const everyday, savings, card, mortgage, loan = bank.Everyday, bank.Savings, bank.CreditCard, bank.Mortgage, bank.Loan
	for login, kinds := range map[string][]bank.Kind{
		"Wentworth-Smith": {savings, mortgage, card, everyday},
		"Whistler":        {everyday, savings},
		"Gilfoyle":        {everyday, card},
		"gavinBelson":     {everyday, card, loan},
		"jared":           {everyday, bank.TermDeposit},
		"richard":         {everyday, mortgage, mortgage, mortgage, loan, loan, card, card, card, card},
		"laurieBream":     {everyday, savings},
		"ashMann":         {everyday, card},
	} {
		for _, institution := range []string{hooli, "AU00002", "AU00003"} {
			var got []bank.Kind
			for _, a := range b.Accounts(person(t, login), institution, someday) {
				got = append(got, a.Kind)
			}
			assert.Equal(t, kinds, got, "%s at %s", login, institution)
		}
	}

	joint := map[bank.Kind]int{}
	for _, a := range b.Accounts(person(t, "richard"), hooli, someday) {
		if a.Joint {
			joint[a.Kind]++
			assert.Contains(t, a.Holder, " & ")
		}
	}
	assert.Equal(t, map[bank.Kind]int{mortgage: 1, loan: 1, card: 1}, joint, "richard has one joint account of each kind")
	assert.True(t, slices.ContainsFunc(b.Accounts(person(t, "Wentworth-Smith"), hooli, someday),
		func(a bank.Account) bool { return a.Kind == everyday && a.Joint }))

	gov := b.Accounts(person(t, "gavinBelson"), "AU00004", someday)
	require.Len(t, gov, 1)
	assert.Equal(t, "HooliGov Payments", gov[0].Product)
	assert.NotEmpty(t, flows(everything(b, person(t, "gavinBelson"), "AU00004", someday), "benefits:"))
	assert.Len(t, b.Accounts(person(t, "richard"), "AU00004", someday), 10, "other users have their usual accounts")
}

func TestPersonas_TwelveMonths(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		for _, from := range []time.Time{epoch, someday} {
			b := bank.Open(seed, from)
			for _, p := range banking() {
				n := len(everything(b, p, hooli, b.Begin().AddDate(1, 0, -1)))
				assert.GreaterOrEqual(t, n, 700, "%s, seed %d", p.Login, seed)
				assert.LessOrEqual(t, n, 1500, "%s, seed %d", p.Login, seed)
			}
		}
	}
}

// Days between the transactions of regular flows.
func TestPersonas_Frequency(t *testing.T) {
	t.Parallel()
	cases := []struct {
		login, flow string
		least, most int
		weekday     time.Weekday
		times       int // at least
	}{
		{"Wentworth-Smith", "salary:Northern Beaches Hospital", 14, 14, time.Thursday, 26},
		{"Wentworth-Smith", "salary:Hooli Pty Ltd", 28, 33, -1, 12},
		{"Wentworth-Smith", "loan:Toyota Finance", 28, 33, -1, 12},
		{"Wentworth-Smith", "loan:Hooli Home Loan", 0, 33, -1, 24}, // both sides
		{"Whistler", "salary:", 14, 14, time.Wednesday, 26},
		{"Gilfoyle", "salary:", 14, 14, time.Thursday, 14},
		{"Gilfoyle", "benefits:Services Australia", 14, 14, time.Monday, 8},
		{"gavinBelson", "salary:", 28, 33, -1, 12},
		{"gavinBelson", "tutoring:", 7, 7, time.Tuesday, 52},
		{"jared", "ride-share:Uber", 7, 7, time.Monday, 52},
		{"jared", "ride-share:DiDi", 7, 7, time.Tuesday, 52},
		{"jared", "loan:Athena", 28, 33, -1, 12},
		{"jared", "loan:Macquarie", 28, 33, -1, 12},
		{"richard", "salary:", 14, 14, time.Thursday, 26},
		{"richard", "rent:Ray White", 28, 33, -1, 12},
		{"richard", "rent:LJ Hooker", 28, 33, -1, 12},
		{"laurieBream", "sales:Square", 1, 3, -1, 250},
		{"ashMann", "salary:", 28, 33, -1, 12},
		{"ashMann", "rent:Harcourts", 28, 33, -1, 12},
		{"ashMann", "rent:Ray White", 7, 7, time.Monday, 52},
	}
	for seed := range uint64(3) {
		for _, from := range []time.Time{epoch, someday} {
			b := bank.Open(seed, from)
			for _, c := range cases {
				list := flows(everything(b, person(t, c.login), hooli, from), c.flow)
				assert.GreaterOrEqual(t, len(list), c.times, "%s %s", c.login, c.flow)
				for _, gap := range gaps(list) {
					assert.True(t, c.least <= gap && gap <= c.most, "%s %s: %d days", c.login, c.flow, gap)
				}
				for _, tx := range list {
					if c.weekday >= 0 {
						assert.Equal(t, c.weekday, tx.Posted.Weekday(), "%s %s", c.login, c.flow)
					}
					assert.True(t, tx.Posted.Weekday() != time.Saturday && tx.Posted.Weekday() != time.Sunday, "%s %s", c.login, c.flow)
				}
			}
		}
	}
}

func TestPersonas_Income(t *testing.T) {
	t.Parallel()
	b := bank.Open(1, someday)
	amounts := func(login, flow string) []bank.Cents {
		var list []bank.Cents
		for _, tx := range flows(everything(b, person(t, login), hooli, someday), flow) {
			assert.Positive(t, tx.Amount, "%s %s", login, flow)
			list = append(list, tx.Amount)
		}
		require.NotEmpty(t, list, "%s %s", login, flow)
		return list
	}

	for _, steady := range []struct{ login, flow string }{
		{"Wentworth-Smith", "salary:Hooli"},
		{"Wentworth-Smith", "salary:Northern"},
		{"Whistler", "salary:"},
		{"richard", "salary:"},
		{"ashMann", "salary:"},
		{"richard", "rent:Ray White"},
	} {
		list := amounts(steady.login, steady.flow)
		assert.Equal(t, slices.Min(list), slices.Max(list), "%s %s is constant", steady.login, steady.flow)
	}
	raised := amounts("gavinBelson", "salary:")
	assert.Greater(t, raised[len(raised)-1], raised[0])
	assert.True(t, slices.IsSorted(raised), "never decreases")
	for _, volatile := range []struct{ login, flow string }{
		{"gavinBelson", "tutoring:"}, {"jared", "ride-share:Uber"}, {"jared", "ride-share:DiDi"},
	} {
		list := amounts(volatile.login, volatile.flow)
		assert.Greater(t, slices.Max(list), 2*slices.Min(list), "%s %s varies", volatile.login, volatile.flow)
	}
}

func TestPersonas_Gilfoyle(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		b := bank.Open(seed, epoch)
		all := everything(b, person(t, "Gilfoyle"), hooli, epoch)
		wages, benefits := flows(all, "salary:"), flows(all, "benefits:")
		require.NotEmpty(t, wages)
		require.NotEmpty(t, benefits)
		stopped, began := wages[len(wages)-1].Posted, benefits[0].Posted
		assert.True(t, stopped.After(b.Begin().AddDate(0, 6, 0)) && stopped.Before(b.Begin().AddDate(0, 7, 0)), stopped)
		assert.True(t, began.After(stopped) && began.Before(stopped.AddDate(0, 2, 0)), began)
		assert.Equal(t, "benefits", benefits[0].Category.Group)

		for _, lender := range []string{"bnpl:Afterpay", "bnpl:Zip"} {
			list := flows(all, lender)
			assert.Less(t, list[len(list)-1].Amount, 2*list[0].Amount, "%s has more than doubled", lender)
		}
		late := slices.DeleteFunc(slices.Clone(all), func(tx *bank.Transaction) bool { return tx.Description != "LATE PAYMENT FEE" })
		require.Len(t, late, 1)
		assert.Equal(t, "bank-fee", late[0].Class)
		assert.Equal(t, "card", late[0].Account)
	}
}

// Transfers from Whistler match those received by jared, on the same days, at every bank.
func TestPersonas_WhistlerPaysJared(t *testing.T) {
	t.Parallel()
	b := bank.Open(9, someday)
	type sent struct {
		day time.Time
		sum bank.Cents
	}
	list := func(login, bankID, flow string, sign bank.Cents) []sent {
		var out []sent
		for _, tx := range flows(everything(b, person(t, login), bankID, someday), flow) {
			out = append(out, sent{tx.Posted, sign * tx.Amount})
		}
		return out
	}
	out := list("Whistler", hooli, "transfer-out:Jared Dunn", -1)
	require.Len(t, out, 14)
	assert.Equal(t, out, list("jared", hooli, "transfer-in:Whistler Smith", 1))
	assert.Equal(t, out, list("jared", "AU00003", "transfer-in:Whistler Smith", 1))
	large := slices.MaxFunc(out, func(a, b sent) int { return int(a.sum - b.sum) })
	assert.Equal(t, "15000.00", large.sum.String())
}

func TestPersonas_Habits(t *testing.T) {
	t.Parallel()
	b := bank.Open(6, someday)
	groups := func(login string) map[string]int {
		n := map[string]int{}
		for _, tx := range everything(b, person(t, login), hooli, someday) {
			n[tx.Category.Group]++
		}
		return n
	}
	ash := groups("ashMann")
	for _, group := range []string{"gambling", "cash", "crypto", "rent", "rent-received"} {
		assert.Greater(t, ash[group], 10, group)
	}
	assert.Greater(t, groups("Whistler")["bnpl"], 50)
	assert.Greater(t, groups("laurieBream")["other-income"], 250)
	assert.NotZero(t, groups("laurieBream")["tax"])
	for _, p := range banking() {
		if p.Login != "ashMann" {
			assert.Zero(t, groups(p.Login)["gambling"], p.Login)
		}
	}
}
