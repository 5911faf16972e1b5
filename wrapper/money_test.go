package basiq_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestFormatMoney(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount   basiq.Amount
		currency string
		want     string
	}{
		{"-299292.25", "AUD", "-299292.25 AUD"},
		{"12.50", "", "12.50"},
		{"", "AUD", ""},
		{" 7 ", " NZD ", "7 NZD"},
		{"0.100000000000000000000000000001", "AUD", "0.100000000000000000000000000001 AUD"},
	} {
		assert.Equal(t, c.want, basiq.FormatMoney(c.amount, c.currency))
	}
	for text, want := range map[string]string{`"12.50"`: "12.50 AUD", `12.50`: "12.50 AUD", `null`: "", `""`: ""} {
		var amount basiq.Amount
		require.NoError(t, json.Unmarshal([]byte(text), &amount))
		assert.Equal(t, want, basiq.FormatMoney(amount, "AUD"))
	}
}

func ExampleFormatMoney() {
	account := basiq.Account{Balance: "-299292.25", Currency: "AUD"}
	fmt.Println(basiq.FormatMoney(account.Balance, account.Currency))
	// Output: -299292.25 AUD
}

func TestSummaryIDs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ income, expenses, wantIncome, wantExpenses string }{
		{"https://au-api.basiq.io/users/u1/income/i1", "https://au-api.basiq.io/users/u1/expenses/e1", "i1", "e1"},
		{"/users/u1/income/i1/", "", "i1", ""},
		{"/users/u1/expenses/e1", "/users/u1/income/i1", "", ""},
		{"/users/u1/income/..", "%", "", ""},
	} {
		summary := &basiq.Affordability{Links: gen.AffordabilityLinks{Income: c.income, Expenses: c.expenses}}
		income, expenses := basiq.SummaryIDs(summary)
		assert.Equal(t, c.wantIncome, income)
		assert.Equal(t, c.wantExpenses, expenses)
	}
}
