package basiq_test

import (
	"encoding/json"
	"math"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestTransactions_Get(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ payload, subClass string }{
		"2.1": {"assembled/swagger-2.1/getTransaction.200.1", "Formal child care services nec"},
		"3.0": {"assembled/connect/getTransaction.200.1", "Cafes and Restaurants"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, official(t, c.payload)))
			transaction, err := client.Transactions.Get(t.Context(), userID, "d3de1ca1")
			require.NoError(t, err)
			assert.Equal(t, "d3de1ca1", transaction.ID)
			assert.Equal(t, "AU00000", transaction.Institution)
			assertCents(t, 12312, transaction.Amount)
			assertCents(t, 12312, transaction.Balance)
			assertMoment(t, "2018-11-02T00:00:00Z", transaction.PostDate)
			require.NotNil(t, transaction.SubClass)
			assert.Equal(t, c.subClass, transaction.SubClass.Title)
			assert.Equal(t, basiq.TransactionClassPayment, transaction.Class)
		})
	}
}

// A transaction includes its enrichment if Basiq has enabled enrichment.
func TestTransactions_Get_Enrichment(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, official(t, "assembled/connect/getTransaction.200.1")))
	transaction, err := client.Transactions.Get(t.Context(), userID, "d3de1ca1")
	require.NoError(t, err)
	assert.Equal(t, basiq.TransactionStatusPosted, transaction.Status)
	assert.Equal(t, basiq.TransactionDirectionDebit, transaction.Direction)
	_, known := transaction.TransactionDate.Time()
	assert.False(t, known, "null is not a date")
	enrich := transaction.Enrich
	require.NotNil(t, enrich)
	assert.Equal(t, basiq.EnrichMatchTypeMerchantFullLowercase, enrich.Category.MatchType)
	assert.Equal(t, "451100", enrich.Category.ANZSIC.Subclass.Code)
	assert.Equal(t, "txMccCode-25028", enrich.Category.MCC.Code)
	assert.Equal(t, "Garfish Manly", enrich.Merchant.BusinessName)
	assert.Equal(t, "90065628864", enrich.Merchant.ABN)
	assert.Equal(t, "-33.79988520000001", enrich.Location.Geometry.Lat.String(), "all digits must be kept")
	assert.Equal(t, []string{"conduct:dishonour"}, enrich.Tags.Strings())
	require.NotNil(t, transaction.PaymentDetails)
	assert.Equal(t, "placeholder paymentDetails.bpay.crn", transaction.PaymentDetails.BPAY.CRN)
}

// Amounts are exact for any format of the institution. The methods of an invalid amount return false.
func TestTransactions_Get_Amounts(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]struct {
		cents    int64
		hasCents bool
		exact    string
	}{
		`"-299292.25"`:            {-29929225, true, "-1197169/4"},
		`"0.10"`:                  {10, true, "1/10"},
		`"0.1"`:                   {10, true, "1/10"},
		`"12"`:                    {1200, true, "12"},
		`"+7.00"`:                 {700, true, "7"},
		`"-0.01"`:                 {-1, true, "-1/100"},
		`"0.00"`:                  {0, true, "0"},
		`"-0"`:                    {0, true, "0"},
		`"1.2300"`:                {123, true, "123/100"},
		`"0.005"`:                 {0, false, "1/200"}, // not rounded
		`"92233720368547758.07"`:  {math.MaxInt64, true, "9223372036854775807/100"},
		`"92233720368547758.08"`:  {0, false, "2305843009213693952/25"},
		`"-92233720368547758.08"`: {math.MinInt64, true, "-2305843009213693952/25"},
		`"9007199254740993"`:      {900719925474099300, true, "9007199254740993"}, // not representable as float64
		`""`:                      {0, false, ""},
		`null`:                    {0, false, ""},
		`"1,234.50"`:              {0, false, ""},
		`"$5.00"`:                 {0, false, ""},
		`"1.5e-1"`:                {15, true, "3/20"}, // as JSON encoders write small and large numbers
		`"1e9"`:                   {100000000000, true, "1000000000"},
		`"1e999999999"`:           {0, false, ""},
		`"NaN"`:                   {0, false, ""},
		`" 1.00"`:                 {0, false, ""},
		`"n/a"`:                   {0, false, ""},
	} {
		t.Run(sent, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, `{"type":"transaction","id":"t1","amount":`+sent+`}`))
			transaction, err := client.Transactions.Get(t.Context(), userID, "t1")
			require.NoError(t, err, "an invalid amount must not fail the transaction")
			cents, ok := transaction.Amount.MinorUnits(2)
			assert.Equal(t, want.hasCents, ok)
			assert.Equal(t, want.cents, cents)
			exact, ok := transaction.Amount.Rat()
			assert.Equal(t, want.exact != "", ok)
			if want.exact != "" {
				wanted, _ := new(big.Rat).SetString(want.exact)
				assert.Zero(t, exact.Cmp(wanted), "%v", exact)
			}
			var digits string
			require.NoError(t, json.Unmarshal([]byte(sent), &digits))
			assert.Equal(t, digits, string(transaction.Amount), "the digits must be unchanged")
		})
	}
	t.Run("absent", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, `{"type":"transaction","id":"t1"}`))
		transaction, err := client.Transactions.Get(t.Context(), userID, "t1")
		require.NoError(t, err)
		_, ok := transaction.Amount.MinorUnits(2)
		assert.False(t, ok)
	})
	t.Run("yen and dinars", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, `{"type":"transaction","id":"t1","amount":"1250","balance":"1.234"}`))
		transaction, err := client.Transactions.Get(t.Context(), userID, "t1")
		require.NoError(t, err)
		yen, ok := transaction.Amount.MinorUnits(0)
		assert.True(t, ok)
		assert.Equal(t, int64(1250), yen)
		fils, ok := transaction.Balance.MinorUnits(3)
		assert.True(t, ok)
		assert.Equal(t, int64(1234), fils)
	})
}

func TestTransactions_Get_Dates(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		`"2018-11-02T00:00:00Z"`:           "2018-11-02T00:00:00Z",
		`"2018-11-02T10:00:00+11:00"`:      "2018-11-01T23:00:00Z",
		`"2024-06-19T10:38:31.152930692Z"`: "2024-06-19T10:38:31Z",
		`"2018-11-30T09:23:37"`:            "2018-11-30T09:23:37Z", // without a time zone, as in the income example
		`"2018-11-02"`:                     "2018-11-02T00:00:00Z",
		`null`:                             "",
		`""`:                               "",
		`"0000-00-00"`:                     "",
		`"02/11/2018"`:                     "",
		`"soon"`:                           "",
	} {
		t.Run(sent, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, `{"type":"transaction","id":"t1","postDate":`+sent+`,"transactionDate":`+sent+`}`))
			transaction, err := client.Transactions.Get(t.Context(), userID, "t1")
			require.NoError(t, err)
			for _, date := range []basiq.Time{transaction.PostDate, transaction.TransactionDate} {
				moment, ok := date.Time()
				assert.Equal(t, want != "", ok)
				if want == "" {
					assert.True(t, moment.IsZero())
					continue
				}
				assert.Equal(t, want, moment.UTC().Format(time.RFC3339))
			}
		})
	}
}

// An amount that is a JSON number keeps its digits. It is not converted to a float.
func TestTransactions_Get_AmountAsNumber(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"type":"transaction","id":"t1","amount":-4711.250}`))
	transaction, err := client.Transactions.Get(t.Context(), userID, "t1")
	require.NoError(t, err)
	assert.Equal(t, basiq.Amount("-4711.250"), transaction.Amount)
}

func TestTransactions_Get_UnknownValues(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, `{"type":"transaction","id":"t1","status":"settled","direction":"sideways","class":"barter","enrich":null,
		"subClass":null,"links":null,"paymentDetails":null,"brandNew":[1]}`))
	transaction, err := client.Transactions.Get(t.Context(), userID, "t1")
	require.NoError(t, err)
	assert.Equal(t, basiq.TransactionStatus("settled"), transaction.Status)
	assert.Equal(t, basiq.TransactionDirection("sideways"), transaction.Direction)
	assert.Equal(t, basiq.TransactionClass("barter"), transaction.Class)
	assert.Nil(t, transaction.Enrich)
	assert.Zero(t, transaction.SubClass)
}

func TestTransactions_List_Filters(t *testing.T) {
	t.Parallel()
	s, client := newStub(t, ok(200, `{"type":"list","data":[]}`))
	fields := basiq.TransactionFields
	all(t, client.Transactions.List(t.Context(), userID, basiq.TransactionListOptions{Filter: fields.AccountID.Eq("a1").And(fields.ConnectionID.Eq("c1"), fields.InstitutionID.Eq("AU00000"), fields.PostDate.Between("2019-10-01", "2019-10-29"), fields.PostDate.Gteq(basiq.DateOf(time.Date(2019, time.October, 1, 23, 0, 0, 0, time.FixedZone("AEST", 10*60*60)))), fields.Status.Eq(basiq.TransactionStatusPending), fields.Direction.Eq(basiq.TransactionDirectionCredit), fields.Class.Eq(basiq.TransactionClassBankFee)), PageSize: 50}))
	query, err := url.ParseQuery(s.seen()[0].Query)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"limit": {"50"}, "filter": {
		"account.id.eq('a1'),connection.id.eq('c1'),institution.id.eq('AU00000'),transaction.postDate.bt('2019-10-01','2019-10-29')," +
			"transaction.postDate.gteq('2019-10-01'),transaction.status.eq('pending'),transaction.direction.eq('credit'),transaction.class.eq('bank-fee')",
	}}, query)
}

func TestTimeOf(t *testing.T) {
	t.Parallel()
	at := time.Date(2019, time.October, 2, 9, 0, 0, 0, time.FixedZone("AEST", 10*60*60))
	assert.Equal(t, basiq.Time("2019-10-01T23:00:00Z"), basiq.TimeOf(at))
}
