package bank_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

// with returns the transactions with this description.
func with(list []*bank.Transaction, description string) []*bank.Transaction {
	var found []*bank.Transaction
	for _, tx := range list {
		if tx.Description == description {
			found = append(found, tx)
		}
	}
	return found
}

func TestRecurring_Interest(t *testing.T) {
	t.Parallel()
	b := bank.Open(1, epoch)
	term := posted(b, person(t, "jared"), hooli, "term", epoch)
	require.Len(t, term, 5, "each quarter")
	assert.Equal(t, "268.75", term[0].Amount.String(), "a quarter of 4.30 % of 25000")
	assert.Equal(t, "interest", term[0].Class)

	mortgage := posted(b, person(t, "Wentworth-Smith"), hooli, "mortgage", epoch)
	assert.Equal(t, "-1531.38", mortgage[0].Amount.String(), "a twelfth of 6.14 % of 299292.25")
	assert.Equal(t, "loan-interest", mortgage[0].Class)
	assert.Less(t, mortgage[0].Balance, mortgage[len(mortgage)-1].Balance, "the debt has decreased")

	savings := with(posted(b, person(t, "Wentworth-Smith"), hooli, "savings", epoch), "CREDIT INTEREST")
	assert.Len(t, savings, 13)
}

// Some users repay the full statement. Others repay a part and pay interest.
func TestRecurring_Cards(t *testing.T) {
	t.Parallel()
	b := bank.Open(1, epoch)
	for login, part := range map[string]bank.Cents{"Wentworth-Smith": 0, "gavinBelson": 0, "Gilfoyle": 160_00, "ashMann": 420_00} {
		list := posted(b, person(t, login), hooli, "card", epoch)
		owed, payments := bank.Cents(0), 0
		for i, tx := range list {
			if tx.Posted.Day() <= 4 && (i+1 == len(list) || list[i+1].Posted.Day() != tx.Posted.Day()) {
				owed = -tx.Balance // until the day of the statement
			}
			if tx.Category.Group != "credit-card-repayment" {
				continue
			}
			want := part
			if part == 0 {
				want = owed
			}
			if payments++; payments > 1 {
				assert.Equal(t, want, tx.Amount, "%s on %s", login, tx.Posted)
			}
		}
		assert.GreaterOrEqual(t, payments, 11, login)
		if charged := with(list, "INTEREST CHARGED"); part == 0 {
			assert.Empty(t, charged, login)
		} else {
			assert.NotEmpty(t, charged, login)
		}
	}
}

// An overdrawn account is charged a fee in the next month, and no other account is.
func TestRecurring_Overdrawn(t *testing.T) {
	t.Parallel()
	b := bank.Open(1, someday)
	at, fees := someday.AddDate(3, 0, 0), 0
	for _, login := range []string{"Gilfoyle", "ashMann", "richard"} {
		overdrawn := map[time.Time]bool{} // months with an overdrawn balance, by the first day of the following month
		for _, tx := range posted(b, person(t, login), hooli, "everyday", at) {
			if tx.Description == "OVERDRAWN FEE" {
				fees++
				assert.True(t, overdrawn[tx.Posted], "%s on %s", login, tx.Posted)
				assert.Equal(t, "bank-fee", tx.Class)
				delete(overdrawn, tx.Posted)
			}
			if tx.Balance < 0 {
				overdrawn[time.Date(tx.Posted.Year(), tx.Posted.Month()+1, 1, 0, 0, 0, 0, time.UTC)] = true
			}
		}
		for month := range overdrawn {
			assert.True(t, month.After(at), "%s paid nothing on %s", login, month)
		}
	}
	assert.NotZero(t, fees, "precondition")
}

// Excess money is transferred to savings or to another bank. Transfers back never exceed the amounts sent.
func TestRecurring_Reserve(t *testing.T) {
	t.Parallel()
	b := bank.Open(1, someday)
	at := someday.AddDate(4, 0, 0)
	for _, login := range []string{"Wentworth-Smith", "Whistler", "laurieBream"} {
		assert.NotEmpty(t, flows(posted(b, person(t, login), hooli, "savings", at), "own:"), login)
	}
	back := 0
	for _, login := range []string{"Gilfoyle", "gavinBelson", "jared", "richard", "ashMann"} {
		aside := bank.Cents(0)
		for _, tx := range posted(b, person(t, login), hooli, "everyday", at) {
			switch tx.Description {
			case "TRANSFER TO OTHER BANK SAVER", "TRANSFER FROM OTHER BANK SAVER":
				aside -= tx.Amount
				if tx.Amount > 0 {
					back++
				}
			}
			require.GreaterOrEqual(t, aside, bank.Cents(0), "%s on %s", login, tx.Posted)
		}
	}
	assert.NotZero(t, back, "precondition")
}
