package basiq_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// TestSummaries_Create, in affordability_test.go, tests how a summary is created.
func TestIncome_Get(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{"assembled/swagger-2.1/getIncome.200.1", "assembled/affordability/getIncome.200.1"} {
		t.Run(payload, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, official(t, payload)))
			income, err := client.Income.Get(t.Context(), userID, "s55bf4")
			require.NoError(t, err)
			assert.Equal(t, "s55bf4", income.ID)

			require.Len(t, income.Regular, 1)
			regular := income.Regular[0]
			assert.Equal(t, basiq.IncomeFrequencyMonthly, regular.Frequency)
			assertCents(t, 1809800, regular.Current.Amount)
			assertMoment(t, "2018-12-30T18:30:49Z", regular.Current.NextDate)
			assert.Equal(t, []string{"2020-03"}, regular.Irregularity.Gaps)
			assertCents(t, 1809800, regular.Previous3Months.AmountAvgMonthly)

			require.Len(t, income.Irregular, 1)
			irregular := income.Irregular[0]
			assert.Equal(t, basiq.IncomeFrequencyIrregular, irregular.Frequency)
			assert.Equal(t, int64(5), *irregular.NoOccurrences)
			assertMoment(t, "2018-10-13T20:03:37Z", irregular.ChangeHistory[0].Date) // sent without a time zone
			_, next := irregular.Current.NextDate.Time()
			assert.False(t, next, "the next date is unknown")

			require.Len(t, income.OtherCredit, 1)
			assertCents(t, 9299, income.OtherCredit[0].Current.Amount)
			assert.Equal(t, "regular income small amount", income.OtherCredit[0].Current.OtherCreditLabel)

			require.NotNil(t, income.Summary)
			assertCents(t, 9049000, income.Summary.RegularIncomeYTD)
		})
	}
}

// A sum is null if there is less than a whole year of data. It must not be decoded as an income of 0.
func TestIncome_Get_MissingFields(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"type":"income","id":"s1","regular":[{"frequency":"fortnightly-ish","current":null,"irregularity":null,"ageDays":0}],
		"irregular":null,"otherCredit":[],"summary":{"regularIncomeAvg":"0.00","regularIncomeYTD":"","regularIncomeYear":null},"links":null}`))
	income, err := client.Income.Get(t.Context(), userID, "s1")
	require.NoError(t, err)
	assert.Equal(t, basiq.IncomeFrequency("fortnightly-ish"), income.Regular[0].Frequency)
	require.NotNil(t, income.Regular[0].AgeDays)
	assert.Zero(t, *income.Regular[0].AgeDays)
	assertCents(t, 0, income.Summary.RegularIncomeAvg)
	for _, none := range []basiq.Amount{income.Summary.RegularIncomeYear, income.Summary.RegularIncomeYTD, income.Summary.IrregularIncomeAvg} {
		_, known := none.MinorUnits(2)
		assert.False(t, known)
	}
	assert.Nil(t, income.CoverageDays)
}
