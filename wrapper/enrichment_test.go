package basiq_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

func TestEnrichment_Get(t *testing.T) {
	t.Parallel()
	_, client := newStub(t, ok(200, official(t, "examples/enrich/Enrich.200.example")))
	enrich, err := client.Enrichment.Get(t.Context(), basiq.EnrichQuery{Description: "WOOLWORTHS", InstitutionID: "AU00000", Country: "AU"})
	require.NoError(t, err)
	assert.Equal(t, basiq.TransactionClassPayment, enrich.Class)
	assert.Equal(t, basiq.TransactionDirectionDebit, enrich.Direction)
	assert.Equal(t, basiq.EnrichMatchTypeMerchantFull, enrich.Data.Category.MatchType)
	assert.Equal(t, "1.0", enrich.Data.Category.MatchScore.String())
	assert.Equal(t, "411000", enrich.Data.Category.ANZSIC.Subclass.Code)
	assert.Equal(t, "Woolworths", enrich.Data.Merchant.BusinessName)
	assert.Equal(t, "88000014675", enrich.Data.Merchant.ABN)
	assert.Equal(t, "+61 2 4276 6018", enrich.Data.Merchant.PhoneNumber.International)
	lat, ok := enrich.Data.Location.Geometry.Lat.Rat()
	require.True(t, ok)
	assert.Equal(t, "-33.79988520000001", lat.FloatString(14), "all digits must be kept")
	assert.Equal(t, []string{"conduct:dishonour"}, enrich.Data.Tags.Strings())
	assert.Contains(t, enrich.Links.LogoThumb, "woolworths-thumb.svg")
}

// Transactions have "ABN" and enrichments "abn".
func TestEnrichMerchant_ABN(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"ABN":"88000014675"}`, `{"abn":"88000014675"}`} {
		_, client := newStub(t, ok(200, `{"type":"enrich","data":{"merchant":`+text+`}}`),
			ok(200, `{"type":"transaction","id":"t1","enrich":{"merchant":`+text+`}}`))
		enrich, err := client.Enrichment.Get(t.Context(), basiq.EnrichQuery{Description: "ATM", InstitutionID: "AU00000", Country: "AU"})
		require.NoError(t, err)
		assert.Equal(t, "88000014675", enrich.Data.Merchant.ABN)
		transaction, err := client.Transactions.Get(t.Context(), userID, "t1")
		require.NoError(t, err)
		assert.Equal(t, "88000014675", transaction.Enrich.Merchant.ABN)
	}
}

func TestEnrichment_Get_Query(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		query basiq.EnrichQuery
		want  url.Values
	}{
		"required parameters": {
			basiq.EnrichQuery{Description: "ATM", InstitutionID: "AU00000", Country: "AU"},
			url.Values{"q": {"ATM"}, "institution": {"AU00000"}, "country": {"AU"}},
		},
		"everything": {
			basiq.EnrichQuery{
				Description: "CAFÉ & CO #12 50% OFF + TIP", InstitutionID: "NZ00001", Country: "NZ", MCC: "5812",
				AccountType: "credit-card", Amount: "-12.50",
			},
			url.Values{
				"q": {"CAFÉ & CO #12 50% OFF + TIP"}, "institution": {"NZ00001"}, "country": {"NZ"}, "mcc": {"5812"},
				"accountType": {"credit-card"}, "amount": {"-12.50"},
			},
		},
		"three letters in six bytes": {
			basiq.EnrichQuery{Description: "äöü", InstitutionID: "AU00000", Country: "AU"},
			url.Values{"q": {"äöü"}, "institution": {"AU00000"}, "country": {"AU"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, `{"type":"enrich"}`))
			_, err := client.Enrichment.Get(t.Context(), c.query)
			require.NoError(t, err)
			require.Len(t, s.seen(), 1)
			assert.Equal(t, "GET /enrich", s.seen()[0].String())
			query, err := url.ParseQuery(s.seen()[0].Query)
			require.NoError(t, err)
			assert.Equal(t, c.want, query, "omitted values must not be sent as empty parameters")
		})
	}
}

// Basiq limits enrichment to a hundred calls a month, so queries that Basiq would reject are not sent.
func TestEnrichment_Get_InvalidQuery(t *testing.T) {
	t.Parallel()
	good := basiq.EnrichQuery{Description: "WOOLWORTHS", InstitutionID: "AU00000", Country: "AU"}
	for name, c := range map[string]struct {
		change func(q *basiq.EnrichQuery)
		want   string
	}{
		"missing description":   {func(q *basiq.EnrichQuery) { q.Description = "" }, "Description must have at least 3 characters"},
		"short description":     {func(q *basiq.EnrichQuery) { q.Description = "WO" }, "Description must have at least 3 characters"},
		"two non-ASCII letters": {func(q *basiq.EnrichQuery) { q.Description = "äö" }, "Description must have at least 3 characters"},
		"padded description":    {func(q *basiq.EnrichQuery) { q.Description = "  WO \t" }, "Description must have at least 3 characters"},
		"missing institution":   {func(q *basiq.EnrichQuery) { q.InstitutionID = "" }, "InstitutionID is required"},
		"missing country":       {func(q *basiq.EnrichQuery) { q.Country = "" }, `Country must be a two-letter code, for example "AU" or "NZ"`},
		"country name":          {func(q *basiq.EnrichQuery) { q.Country = "Australia" }, `Country must be a two-letter code, for example "AU" or "NZ"`},
		"decimal comma":         {func(q *basiq.EnrichQuery) { q.Amount = "12,50" }, "Amount is not a decimal number"},
		"currency symbol":       {func(q *basiq.EnrichQuery) { q.Amount = "$12.50" }, "Amount is not a decimal number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := newStub(t, ok(200, `{"type":"enrich"}`))
			query := good
			c.change(&query)
			enrich, err := client.Enrichment.Get(t.Context(), query)
			require.ErrorIs(t, err, basiq.ErrInvalidInput)
			assert.Equal(t, "basiq: Enrichment.Get: query: "+c.want, err.Error())
			assert.Nil(t, enrich)
			assert.Empty(t, s.seen(), "an invalid query must not be sent")
		})
	}
}

func TestEnrichment_Get_Responses(t *testing.T) {
	t.Parallel()
	query := basiq.EnrichQuery{Description: "WOOLWORTHS", InstitutionID: "AU00000", Country: "AU"}
	t.Run("nothing found", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(200, `{"type":"enrich","class":"barter","direction":"unknown","data":{"category":{"matchType":"sorcery","matchScore":0.25,"anzsic":null},
			"location":{"geometry":{"lat":-33.5,"lng":null}},"merchant":null,"tags":null},"links":null,"brandNew":1}`))
		enrich, err := client.Enrichment.Get(t.Context(), query)
		require.NoError(t, err)
		assert.Equal(t, basiq.TransactionDirectionUnknown, enrich.Direction)
		assert.Equal(t, basiq.EnrichMatchType("sorcery"), enrich.Data.Category.MatchType)
		assert.Equal(t, "0.25", enrich.Data.Category.MatchScore.String(), "a number instead of a string")
		assert.Zero(t, enrich.Data.Merchant)
		assert.True(t, enrich.Data.Location.Geometry.Lng.IsZero())
		_, known := enrich.Data.Location.Geometry.Lng.Rat()
		assert.False(t, known)
	})
	for name, body := range map[string]string{"missing type": `{"id":"x"}`, "null": `null`, "empty": ``, "list": `[]`, "HTML": `<html>`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := newStub(t, ok(200, body))
			_, err := client.Enrichment.Get(t.Context(), query)
			var failure *basiq.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, "Enrichment.Get", failure.Operation)
			assert.Equal(t, 200, failure.StatusCode)
		})
	}
	t.Run("rejected", func(t *testing.T) {
		t.Parallel()
		_, client := newStub(t, ok(400, official(t, "examples/enrich/Enrich.400.bad-request")))
		_, err := client.Enrichment.Get(t.Context(), query)
		require.ErrorIs(t, err, basiq.ErrBadRequest)
	})
}
