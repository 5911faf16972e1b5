package bank_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest/internal/bank"
)

func TestBanks(t *testing.T) {
	t.Parallel()
	cases := []struct {
		id, name string
		asks     bank.Asking
		login    bool
	}{
		{"AU00000", "Hooli", bank.Never, true},
		{"AU00002", "Pied Piper", bank.Always, true},
		{"AU00003", "Nucleus", bank.EveryOther, true},
		{"AU00004", "HooliGov", bank.Never, true},
		{"AU01001", "National Australia Bank", bank.Never, false},
		{"AU00201", "ING Bank (Australia)", bank.Never, false},
	}
	banks := bank.Banks()
	require.Len(t, banks, len(cases))
	for i, c := range cases {
		got := banks[i]
		assert.Equal(t, c.id, got.ID)
		assert.Equal(t, c.name, got.Name)
		assert.Equal(t, c.asks, got.Asks, c.id)
		assert.Equal(t, c.login, got.Login, c.id)
		assert.Equal(t, "Australia", got.Country, c.id)
		assert.NotEmpty(t, got.ShortName, c.id)
		assert.NotEmpty(t, got.Tier, c.id)
		if c.login {
			assert.Equal(t, "Test Bank", got.Type, c.id)
			assert.Empty(t, got.Statements, "test banks accept no statements")
		} else {
			assert.Equal(t, []string{"pdf", "csv"}, got.Statements, c.id)
		}
		assert.Same(t, got, bank.FindBank(c.id))
	}
	assert.Nil(t, bank.FindBank("AU99999"))

	banks[0] = nil
	assert.NotNil(t, bank.Banks()[0], "callers get a copy")
}

func TestPeople(t *testing.T) {
	t.Parallel()
	cases := []struct {
		login, password string
		method          string
		answers         []string
		step, code      string
	}{
		{"Wentworth-Smith", "whislter", "security-questions", []string{"Basiq", "AU00000"}, "", ""},
		{"Whistler", "ShowBox", "security-questions", []string{"Basiq", "AU00000"}, "", ""},
		{"Gilfoyle", "PiedPiper", "security-questions", []string{"Hooli"}, "", ""},
		{"gavinBelson", "hooli2016", "security-questions", []string{"Hooli"}, "", ""},
		{"jared", "django", "token", []string{"1234"}, "", ""},
		{"richard", "tabsnotspaces", "token", []string{"1234"}, "", ""},
		{"laurieBream", "business2024", "", nil, "", ""},
		{"ashMann", "hooli2024", "", nil, "", ""},
		{"bighead", "password", "", nil, "verify-credentials", "invalid-credentials"},
		{"erlich", "aviato", "", nil, "retrieve-accounts", "account-not-accessible-requires-user-action"},
		{"jianYang", "nothotdog", "", nil, "retrieve-accounts", "service-unavailable"},
	}
	people := bank.People()
	require.Len(t, people, len(cases))
	for i, c := range cases {
		got := people[i]
		assert.Equal(t, c.login, got.Login)
		assert.Equal(t, c.password, got.Password, c.login)
		assert.Same(t, got, bank.FindPerson(c.login))

		if c.method == "" {
			assert.Nil(t, got.Challenge, c.login)
		} else if assert.NotNil(t, got.Challenge, c.login) {
			assert.Equal(t, c.method, got.Challenge.Method, c.login)
			answers := make([]string, 0, len(got.Challenge.Questions))
			for _, q := range got.Challenge.Questions {
				answers = append(answers, q.Answer)
				assert.Equal(t, q.Answer == "AU00000", q.OrBankID, "only the question for the bank's ID has an alternative answer")
			}
			assert.Equal(t, c.answers, answers, c.login)
		}

		if c.step == "" {
			assert.Nil(t, got.Failure, c.login)
			assert.NotEmpty(t, got.Profile.Email, c.login)
			assert.Regexp(t, `^\d{4}-\d\d-\d\d$`, got.Profile.BirthDate, c.login)
		} else if assert.NotNil(t, got.Failure, c.login) {
			assert.Equal(t, c.step, got.Failure.Step, c.login)
			assert.Equal(t, c.code, got.Failure.Code, c.login)
			assert.NotEmpty(t, got.Failure.Detail, c.login)
		}
		assert.Equal(t, c.login == "laurieBream", got.Business != nil, "laurieBream is the business: %s", c.login)
	}
	assert.Nil(t, bank.FindPerson("wentworth-smith"), "logins are case-sensitive")
}

func TestCents_String(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]bank.Cents{
		"0.00": 0, "0.07": 7, "-0.07": -7, "1.00": 100, "-1.50": -150, "12.34": 1234, "-299292.25": -29929225,
	} {
		assert.Equal(t, want, c.String())
	}
}

func TestEnrich_Known(t *testing.T) {
	t.Parallel()
	cases := []struct{ line, merchant, class, group string }{
		{"WOOLWORTHS 1234 & SONS", "Woolworths", "4110", "groceries"},
		{"woolworths", "Woolworths", "4110", "groceries"},
		{"garfish MANLY NS", "Garfish Manly", "4511", "dining"},
		{"METRO PETROLEUM FR FORE", "Metro Petroleum", "4000", "transport"},
		{"UBER DRIVER PAYMENTS 12", "Uber Driver Payments", "6419", "other-income"},
		{"UBER *TRIP", "Uber", "4623", "transport"},
		{"UBER *EATS", "Uber Eats", "4512", "dining"},
		{"Visa Purchase Zip Pay Sydney", "Zip Pay", "6230", "bnpl"},
	}
	for _, c := range cases {
		m, category, ok := bank.Enrich(c.line)
		if assert.True(t, ok, c.line) {
			assert.Equal(t, c.merchant, m.Name, c.line)
			assert.Equal(t, c.class, category.Class.Code, c.line)
			assert.Equal(t, c.group, category.Group, c.line)
		}
	}
	for _, line := range []string{"", "KMARTINI BAR", "TRANSFER TO JARED DUNN", "STEPBROTHERS BPX", "ÜBPÉ", "\xff\xfe"} {
		_, _, ok := bank.Enrich(line)
		assert.False(t, ok, line)
	}
}

// Descriptions generated for a merchant name it, and other descriptions name none.
func TestEnrich_GeneratedDescriptions(t *testing.T) {
	t.Parallel()
	b := bank.Open(5, someday)
	for _, p := range banking() {
		for _, bankID := range []string{hooli, "AU00004"} {
			seen := map[string]bool{}
			for _, tx := range everything(b, p, bankID, someday) {
				if seen[tx.Description] {
					continue
				}
				seen[tx.Description] = true
				m, _, ok := bank.Enrich(tx.Description)
				assert.Equal(t, tx.Merchant != nil, ok, tx.Description)
				assert.Same(t, tx.Merchant, m, tx.Description)
			}
		}
	}
}

// Enrich ignores case and surrounding text, and does not match a text without words.
func FuzzEnrich(f *testing.F) {
	for _, line := range []string{"WOOLWORTHS 1624 DEE WHY NSW", "\xffKMART\x00", "kmart", "KMARTS", "ÄKMART", "UBER DRIVER PAYMENTS", "7-ELEVEN", ""} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		m, c, ok := bank.Enrich(line)
		require.Equal(t, ok, m != nil)
		require.Equal(t, ok, c != nil)
		require.True(t, !ok || strings.ContainsFunc(line, unicode.IsLetter))
		for _, other := range []string{strings.ToUpper(line), "~ " + line + " ~", "*" + line} {
			again, _, _ := bank.Enrich(other)
			require.Same(t, m, again, "%q", other)
		}
	})
}
