package basiqtest_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Income and its kinds are derived from the test users' transactions. The traits of the test users are documented.
func TestIncome_Sources(t *testing.T) {
	t.Parallel()
	for login, want := range map[string][]string{
		"Wentworth-Smith": {
			"regular monthly salary hooli", "regular bi-weekly salary northern beaches hosp",
			"otherCredit monthly credit interest: regular income small amount",
		},
		"Gilfoyle": {
			"regular bi-weekly jobseeker centrelink", "otherCredit bi-weekly salary pied piper: former regular income",
		},
		"gavinBelson": {"regular monthly salary hooli", "irregular irregular cluey learning"},
		"jared": {
			"irregular irregular uber driver payments", "irregular irregular didi mobility",
			"otherCredit monthly transfer from whistler smith: transfer",
			"otherCredit quarterly credit interest: regular income small amount",
		},
		"richard": {
			"regular bi-weekly salary aviato", "regular monthly rent ray white", "regular monthly rent lj hooker",
		},
		"ashMann": {"regular monthly salary raviga", "regular monthly rent harcourts"},
	} {
		t.Run(login, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := new30(t)
				r := c.summary(c.customer(login), "income", nil)
				var got []string
				for _, kind := range []string{"regular", "irregular", "otherCredit"} {
					for _, s := range r.each(kind) {
						text := kind + " " + s.text("frequency") + " " + s.text("source")
						if s.has("current.otherCreditLabel") {
							text += ": " + s.text("current.otherCreditLabel")
						}
						got = append(got, text)
					}
				}
				require.Len(t, got, len(want), "%q", got)
				for i := range want {
					// Ignore the generated words and numbers at the end of descriptions.
					head, label, _ := strings.Cut(want[i], ":")
					assert.True(t, strings.HasPrefix(got[i], head) && strings.HasSuffix(got[i], label), "%q is not %q", got[i], want[i])
				}
			})
		})
	}
}

func TestIncome_Consistent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("Wentworth-Smith")
		made := c.summary(id, "affordability", nil)
		r := c.get(c.local(made.text("links.income")))
		assert.Equal(t, "income", r.text("type"))
		assert.Equal(t, c.sandbox.URL()+"/users/"+id+"/income/"+r.text("id"), r.text("links.self"))
		lines := c.pages(c.local(made.text("links.self")) + "/transactions")
		var average, toDate int64
		for i, source := range []struct {
			name, amount, next string
			months             []string // months before the last full ones have another sum
		}{{"SALARY HOOLI", "6850.00", "2000-01-15", nil}, {"SALARY NORTHERN BEACHES", "2140.35", "2000-01-06", nil}} {
			s := r.under("regular." + []string{"0", "1"}[i])
			paid := filter(lines, func(l reply) bool { return strings.HasPrefix(l.text("description"), source.name) })
			history := s.each("changeHistory")
			require.Len(t, history, len(paid))
			for j, l := range paid {
				assert.Equal(t, map[string]any{
					"amount": l.text("amount"), "date": l.on() + "T00:00:00", "source": strings.ToLower(l.text("description")),
				}, history[j].body)
			}
			assert.Equal(t, map[string]any{
				"amount": source.amount, "date": paid[0].on() + "T00:00:00", "nextDate": source.next + "T00:00:00",
			}, s.under("current").body)
			assert.Equal(t, map[string]any{"gaps": []any{}, "stability": "100.00"}, s.under("irregularity").body)
			months := map[string]int64{"1999-10": 0, "1999-11": 0, "1999-12": 0}
			for _, l := range paid {
				if _, recent := months[l.on()[:7]]; recent {
					months[l.on()[:7]] += l.money("amount")
				}
				if l.on() >= "1999-07-01" {
					toDate += l.money("amount")
				}
			}
			sums := []int64{months["1999-10"], months["1999-11"], months["1999-12"]}
			slices.Sort(sums)
			assert.Equal(t, map[string]any{"amountAvg": source.amount, "amountAvgMonthly": amount(sums[1]), "variance": "0.00"}, s.under("previous3Months").body)
			average += sums[1]
		}
		assert.Equal(t, map[string]any{
			"regularIncomeAvg": amount(average), "regularIncomeYTD": amount(toDate), "regularIncomeYear": nil,
			"irregularIncomeAvg": "0.00",
		}, r.under("summary").body)
		old := c.as("2.1", server, "").get(c.local(r.text("links.self")))
		assert.Equal(t, amount(12*average), old.text("summary.regularIncomeYear"))
	})
}

func TestIncome_Irregular(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("jared")
		made := c.summary(id, "affordability", nil)
		r := c.get(c.local(made.text("links.income")))
		lines := c.pages(c.local(made.text("links.self")) + "/transactions")
		var total int64
		for _, s := range r.each("irregular") {
			paid := filter(lines, func(l reply) bool { return strings.ToLower(l.text("description")) == s.text("source") })
			sum := sum(paid, "amount")
			total += sum
			count := int64(len(paid))
			assert.Equal(t, json.Number("52"), s.under("noOccurrences").body)
			assert.Equal(t, (sum+count/2)/count, s.money("amountAvg"))
			assert.Equal(t, "4", s.text("avgMonthlyOccurence"), "52 in 13 months")
			assert.Equal(t, paid[0].on()+"T00:00:00", s.text("current.date"))
			assert.False(t, s.has("current.nextDate"))
			assert.Equal(t, sum, sumOf(s.each("changeHistory")))
		}
		assert.Equal(t, monthly(total, r.days()), r.money("summary.irregularIncomeAvg"))
		assert.Equal(t, "0.00", r.text("summary.regularIncomeAvg"))
	})
}

func sumOf(history []reply) int64 { return sum(history, "amount") }

// A transfer between accounts is income if only the receiving account is included.
func TestIncome_OneAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new30(t)
		id := c.customer("Wentworth-Smith")
		saved := numbers(with(c.accounts(id), "class.type", "savings"))
		r := c.summary(id, "income", map[string]any{"accounts": saved})
		labels := []string{}
		for _, s := range r.each("otherCredit") {
			labels = append(labels, s.text("current.otherCreditLabel"))
		}
		assert.Contains(t, labels, "transfer")
		assert.Equal(t, 0, r.length("regular"))
		for _, kind := range []string{"mortgage", "credit-card"} {
			debts := numbers(with(c.accounts(id), "class.type", kind))
			r = c.summary(id, "income", map[string]any{"accounts": debts})
			assert.Equal(t, 0, r.length("regular")+r.length("irregular")+r.length("otherCredit"), "debt repayments are not income")
		}
		// A single month does not show which income is regular.
		r = c.summary(id, "income", map[string]any{"fromMonth": "1999-12", "toMonth": "1999-12"})
		assert.Equal(t, 0, r.length("regular"))
		for _, s := range r.each("otherCredit") {
			if strings.HasPrefix(s.text("source"), "salary") {
				assert.Equal(t, "potential future income", s.text("current.otherCreditLabel"))
				assert.Equal(t, "other", s.text("frequency"))
			}
		}
	})
}
