package basiq_test

import (
	"encoding/json"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// assertCents checks that both methods of an amount return exactly want hundredths.
func assertCents(t testing.TB, want int64, amount interface {
	MinorUnits(places int) (int64, bool)
	Rat() (*big.Rat, bool)
},
) {
	t.Helper()
	cents, ok := amount.MinorUnits(2)
	assert.True(t, ok, "%v", amount)
	assert.Equal(t, want, cents)
	exact, ok := amount.Rat()
	require.True(t, ok, "%v", amount)
	assert.Zero(t, exact.Cmp(big.NewRat(want, 100)), "%v", amount)
}

// assertMoment checks that a time is present and equal to want.
func assertMoment(t testing.TB, want string, moment interface{ Time() (time.Time, bool) }) {
	t.Helper()
	at, ok := moment.Time()
	assert.True(t, ok, "%v", moment)
	assert.Equal(t, want, at.UTC().Format(time.RFC3339))
}

func TestAccounts_Get(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ payload, product string }{
		"2.1": {"assembled/swagger-2.1/getAccount.200.1", "saver"},
		"3.0": {"assembled/data/getAccount.200.1", "Hooli Home Loan"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, official(t, c.payload)))
			account, err := client.Accounts.Get(t.Context(), userID, "s55bf3")
			require.NoError(t, err)
			assert.Equal(t, "s55bf3", account.ID)
			assert.Equal(t, "GAVIN BELSON", account.AccountHolder)
			assert.Equal(t, "AUD", account.Currency)
			assert.Equal(t, "8fce3b", account.Connection.ID)
			assert.Equal(t, "AU00000", account.Institution.String())
			assert.Equal(t, basiq.AccountStatusAvailable, account.Status)
			require.NotNil(t, account.Class)
			assert.Equal(t, c.product, account.Class.Product)
			assert.Equal(t, basiq.Amount("356.50"), account.Balance, "the digits must be unchanged")
			assertCents(t, 35650, account.Balance)
			assertCents(t, 42028, account.AvailableFunds)
			assertMoment(t, "2019-09-28T13:39:33Z", account.LastUpdated)
			require.Len(t, account.TransactionIntervals, 1)
			assertMoment(t, "2018-07-01T00:00:00Z", account.TransactionIntervals[0].From)
			assertMoment(t, "2018-12-30T00:00:00Z", account.TransactionIntervals[0].To)
		})
	}
}

// Open banking adds many fields to an account of API 3.0. All of them are decoded.
func TestAccounts_Get_OpenBanking(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, official(t, "assembled/data/getAccount.200.1")))
	account, err := client.Accounts.Get(t.Context(), userID, "s55bf3")
	require.NoError(t, err)
	assert.Equal(t, basiq.AccountOwnershipOneParty, account.AccountOwnership)
	assertCents(t, 40000000, account.CreditLimit)
	require.NotNil(t, account.IsOwned)
	assert.True(t, *account.IsOwned)
	require.NotNil(t, account.Meta)
	require.NotNil(t, account.Meta.Loan)
	assertMoment(t, "2019-10-01T00:00:00Z", account.Meta.Loan.StartDate)
	require.Len(t, account.Meta.TermDeposit, 1)
	require.Len(t, account.Meta.Addresses, 1)
	require.Len(t, account.Purses, 1)

	// This payload has placeholders instead of numbers and dates. They are kept as strings and do not cause errors.
	assert.Equal(t, basiq.Amount("placeholder amortisedLimit"), account.AmortisedLimit)
	_, isNumber := account.AmortisedLimit.MinorUnits(2)
	assert.False(t, isNumber)
	_, isNumber = account.Purses[0].Amount.Rat()
	assert.False(t, isNumber)
	_, isDate := account.CreationDate.Time()
	assert.False(t, isDate)
}

// A value that an institution does not provide is absent, null or "". It is never decoded as 0, false or the year 1.
func TestAccounts_Get_MissingFields(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"absent": `{"type":"account","id":"a1"}`,
		"null": `{"type":"account","id":"a1","balance":null,"availableFunds":null,"creditLimit":null,"lastUpdated":null,"creationDate":null,
			"isOwned":null,"class":null,"connection":null,"institution":null,"links":null,"meta":null,"purses":null,"transactionIntervals":null,"status":null}`,
		"empty": `{"type":"account","id":"a1","balance":"","availableFunds":"","creditLimit":"","lastUpdated":"","creationDate":"",
			"class":{},"connection":"","institution":"","links":{},"meta":{},"purses":[],"transactionIntervals":[{}],"status":""}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, body))
			account, err := client.Accounts.Get(t.Context(), userID, "a1")
			require.NoError(t, err)
			for _, amount := range []basiq.Amount{account.Balance, account.AvailableFunds, account.CreditLimit} {
				assert.Empty(t, amount)
				_, isNumber := amount.MinorUnits(2)
				assert.False(t, isNumber)
				_, isNumber = amount.Rat()
				assert.False(t, isNumber)
			}
			_, isTime := account.LastUpdated.Time()
			assert.False(t, isTime)
			_, isDate := account.CreationDate.Time()
			assert.False(t, isDate)
			assert.Nil(t, account.IsOwned, "unknown must not be false")
			assert.True(t, account.Connection.IsZero())
			assert.True(t, account.Institution.IsZero())
			assert.Empty(t, account.Status)
		})
	}
}

// Values that this version does not know are kept, because Basiq may add values.
func TestAccounts_List_UnknownValues(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"type":"list","data":[{"type":"account","id":"a1","status":"frozen","accountOwnership":"FIVE_PARTY",
		"class":{"type":"pocket-money","product":"Hooli Kids","meta":{"any":"thing","other":null}},
		"institution":{"type":"institution","id":"AU00000","links":{"self":"x"}},"brandNew":{"a":1}}]}`))
	accounts := all(t, client.Accounts.List(t.Context(), userID))
	require.Len(t, accounts, 1)
	assert.Equal(t, basiq.AccountStatus("frozen"), accounts[0].Status)
	assert.Equal(t, basiq.AccountOwnership("FIVE_PARTY"), accounts[0].AccountOwnership)
	assert.Equal(t, "pocket-money", accounts[0].Class.Type)
	assert.Equal(t, "AU00000", accounts[0].Institution.ID, "an object instead of an ID")
}

func TestAccounts_List_Filters(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
	fields := basiq.AccountFields
	all(t, client.Accounts.List(t.Context(), userID, basiq.AccountListOptions{Filter: fields.ID.Eq("a1").And(fields.ConnectionID.Eq("c1"), fields.InstitutionID.Eq("AU00000"))}))
	require.Len(t, s.seen(), 1)
	query, err := url.ParseQuery(s.seen()[0].Query)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"filter": {"account.id.eq('a1'),connection.id.eq('c1'),institution.id.eq('AU00000')"}}, query)

	for _, err := range client.Accounts.List(t.Context(), userID, basiq.AccountListOptions{Filter: fields.ConnectionID.Eq("")}) {
		require.ErrorIs(t, err, basiq.ErrInvalidInput)
		assert.Contains(t, err.Error(), "connection.id: empty value")
	}
	assert.Len(t, s.seen(), 1, "an invalid filter must not cause a request")
}

// The error is the documented example for a filter that Basiq cannot parse.
func TestAccounts_List_FilterRejected(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(400, official(t, "examples/data/getAccounts.400.invalid-filters")))
	err := rangeErr(client.Accounts.List(t.Context(), userID, basiq.AccountListOptions{Filter: basiq.AccountFields.ConnectionID.Eq("gone")}))
	require.ErrorIs(t, err, basiq.ErrBadRequest)
	require.ErrorIs(t, err, basiq.CodeParameterNotValid)
	var failure *basiq.Error
	require.ErrorAs(t, err, &failure)
	require.Len(t, failure.Details, 1)
	require.NotNil(t, failure.Details[0].Source)
	assert.Equal(t, "filter", failure.Details[0].Source.Parameter)
}

// AccountName returns the first name that is not missing or blank, and the ID if all names are.
func TestAccountName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		account string
		want    string
	}{
		{"nickname", `{"id":"a1","name":"My Home Loan","displayName":"Hooli Home Loan","accountNo":"600000157441965"}`, "My Home Loan"},
		{"null nickname", `{"id":"a1","name":null,"displayName":"Hooli Home Loan","class":{"product":"Loan"}}`, "Hooli Home Loan"},
		{"empty nickname", `{"id":"a1","name":"","displayName":"Hooli Home Loan"}`, "Hooli Home Loan"},
		{"blank nickname", `{"id":"a1","name":" \t","displayName":" Hooli Home Loan "}`, "Hooli Home Loan"},
		{"product", `{"id":"a1","displayName":null,"class":{"type":"mortgage","product":"Home Loan"},"accountNo":"600000157441965"}`, "Home Loan"},
		{"number", `{"id":"a1","class":null,"accountNo":"600000157441965"}`, "600000157441965"},
		{"only an ID", `{"id":"a1"}`, "a1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var account basiq.Account
			require.NoError(t, json.Unmarshal([]byte(test.account), &account))
			assert.Equal(t, test.want, basiq.AccountName(&account))
		})
	}
}
