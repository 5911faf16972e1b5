package basiq_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// TestSummaries_Create, in affordability_test.go, tests how a summary is created.
func TestExpenses_Get(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{"assembled/swagger-2.1/getExpenses.200.1", "assembled/affordability/getExpenses.200.1"} {
		t.Run(payload, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, official(t, payload)))
			expenses, err := client.Expenses.Get(t.Context(), userID, "s55bf3")
			require.NoError(t, err)
			assert.Equal(t, "s55bf3", expenses.ID)
			assert.Equal(t, int64(392), *expenses.CoverageDays)
			assertCents(t, -42100, expenses.BankFees.AvgMonthly)
			assertCents(t, -42100, expenses.LoanRepayments.AvgMonthly)
			assert.Equal(t, "2018-09", expenses.CashWithdrawals.ChangeHistory[0].Date, "a month, not a day")
			assertCents(t, -1100, expenses.ExternalTransfers.ChangeHistory[0].Amount)

			require.Len(t, expenses.Payments, 1)
			assert.Equal(t, "Education", expenses.Payments[0].Division)
			assertCents(t, -63688, expenses.Payments[0].AvgMonthly)
			require.Len(t, expenses.Payments[0].SubCategory, 1)
			class := expenses.Payments[0].SubCategory[0].Category.ExpenseClass
			assert.Equal(t, "0703030101", class.ClassCode, "the leading zero must be kept")
			assert.Equal(t, "04", class.DivisionCode)
		})
	}
}

func TestExpenses_Get_MissingFields(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"type":"expenses","id":"s1","bankFees":null,"loanInterests":{"avgMonthly":null,"changeHistory":null,"summary":null},
		"payments":[{"division":"Brand new","avgMonthly":"","percentageTotal":12.5,"subCategory":[{"category":null}]}],"brandNew":{}}`))
	expenses, err := client.Expenses.Get(t.Context(), userID, "s1")
	require.NoError(t, err)
	assert.Zero(t, expenses.BankFees)
	assert.Zero(t, expenses.CashWithdrawals)
	for _, none := range []basiq.Amount{expenses.LoanInterests.AvgMonthly, expenses.Payments[0].AvgMonthly} {
		_, known := none.Rat()
		assert.False(t, known)
	}
	assert.Equal(t, "12.5", expenses.Payments[0].PercentageTotal.String(), "a number instead of a string")
	assert.Zero(t, expenses.Payments[0].SubCategory[0].Category)
}
