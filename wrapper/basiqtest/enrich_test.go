package basiqtest_test

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

func enrich(parameters ...string) string {
	query := url.Values{"institution": {hooli}, "country": {"AU"}}
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
		if parameters[i+1] == "" {
			query.Del(parameters[i])
		}
	}
	return "/enrich?" + query.Encode()
}

func TestEnrich_Known(t *testing.T) {
	t.Parallel()
	c := new30(t)
	r := c.get(enrich("q", "WOOLWORTHS 1624 DEE WHY NSW"))
	require.Equal(t, http.StatusOK, r.status, r.raw)
	r.requireShape(official(t, "examples/enrich/Enrich.200.example"))
	r.requireFields("data", "merchant.id", "merchant.abn", "merchant.phoneNumber.local", "category.anzsic.subclass.code",
		"location.geometry.lat", "tags")
	assert.Equal(t, "enrich", r.text("type"))
	assert.Equal(t, "debit", r.text("direction"))
	assert.Equal(t, "payment", r.text("class"))
	assert.Equal(t, "Woolworths", r.text("data.merchant.businessName"))
	assert.Equal(t, "4110", r.text("data.category.anzsic.class.code"))
	assert.Equal(t, "merchantFull", r.text("data.category.matchType"))
	assert.Equal(t, c.sandbox.URL()+"/enrich?country=AU&institution=AU00000&q=WOOLWORTHS%201624%20DEE%20WHY%20NSW", r.text("links.self"))
	assert.NotEmpty(t, r.text("links.logo-thumb"))

	old := c.as("2.1", client, "").get(enrich("q", "garfish manly ns", "country", ""))
	require.Equal(t, http.StatusOK, old.status, "the country is optional in 2.1: %s", old.raw)
	old.requireShape(official(t, "assembled/swagger-2.1/getEnrich.200.1"))
	assert.Equal(t, "Garfish Manly", old.text("data.merchant.businessName"))
	assert.Equal(t, "Manly", old.text("data.location.suburb"))
}

// For an unknown merchant, the response is 200 with an empty set.
func TestEnrich_Unknown(t *testing.T) {
	t.Parallel()
	c := new30(t)
	for name, path := range map[string]string{
		"stranger":     enrich("q", "XYZZY 123"),
		"elsewhere":    enrich("q", "WOOLWORTHS", "country", "NZ"),
		"no purchase":  enrich("q", "TRANSFER TO WOOLWORTHS"),
		"other banks'": enrich("q", "XYZZY", "institution", "AU04301", "accountType", "credit-card", "mcc", "3299"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := (&caller{t: t, sandbox: c.sandbox, token: c.token}).get(path)
			require.Equal(t, http.StatusOK, r.status, r.raw)
			data, _ := r.at("data")
			assert.Equal(t, map[string]any{}, data)
			assert.Equal(t, "unknown", r.text("direction"))
			thumb, there := r.at("links.logo-thumb")
			assert.True(t, there)
			assert.Nil(t, thumb)
		})
	}
}

func TestEnrich_Classes(t *testing.T) {
	t.Parallel()
	c := new30(t)
	for _, row := range []struct{ q, amount, class, direction string }{
		{"WOOLWORTHS", "-12.95", "payment", "debit"},
		{"XYZZY", "12.95", "direct-credit", "credit"},
		{"XYZZY", "-12", "payment", "debit"},
		{"REFUND WOOLWORTHS", "", "refund", "credit"},
		{"REFUND WOOLWORTHS", "-1.00", "refund", "debit"},
		{"ATM WITHDRAWAL DEE WHY", "", "cash-withdrawal", "debit"},
		{"TRANSFER TO JARED", "", "transfer", "unknown"},
		{"MONTHLY ACCOUNT FEE", "", "bank-fee", "debit"},
		{"COFFEE HOUSE", "", "payment", "unknown"},
		{"CREDIT INTEREST", "", "interest", "credit"},
		{"INTEREST CHARGED", "-3.10", "loan-interest", "debit"},
		{"LOAN INTEREST", "", "loan-interest", "debit"},
		{"LOAN REPAYMENT 1234", "", "loan-repayment", "debit"},
		{"SALARY PIED PIPER", "", "direct-credit", "credit"},
	} {
		r := c.get(enrich("q", row.q, "amount", row.amount))
		require.Equal(t, http.StatusOK, r.status, r.raw)
		assert.Equal(t, row.class, r.text("class"), row.q)
		assert.Equal(t, row.direction, r.text("direction"), "%s %s", row.q, row.amount)
	}
}

func TestEnrich_Errors(t *testing.T) {
	t.Parallel()
	c := new30(t)
	for _, row := range []struct{ path, code, parameter, detail string }{
		{enrich(), "parameter-not-supplied", "q", "Missing"},
		{enrich("q", "WOOLWORTHS", "institution", ""), "parameter-not-supplied", "institution", "Missing"},
		{enrich("q", "WOOLWORTHS", "country", ""), "parameter-not-supplied", "country", "Missing"},
		{enrich("q", "WO"), "parameter-not-valid", "q", "Parameter q is not valid."},
		{enrich("q", "WOOLWORTHS", "institution", "hooli"), "parameter-not-valid", "institution", "Parameter institution is not valid."},
		{enrich("q", "WOOLWORTHS", "country", "Australia"), "parameter-not-valid", "country", "Parameter country is not valid."},
		{enrich("q", "WOOLWORTHS", "amount", "much"), "parameter-not-valid", "amount", "Parameter amount is not valid."},
		{enrich("q", "WOOLWORTHS", "mcc", "1"), "parameter-not-valid", "mcc", "Parameter mcc is not valid."},
		{enrich("q", "WOOLWORTHS", "accountType", "piggy"), "parameter-not-valid", "accountType", "Parameter accountType is not valid."},
	} {
		r := c.get(row.path)
		r.requireError(400, row.code, row.detail)
		assert.Equal(t, row.parameter, r.text("data.0.source.parameter"))
	}
}

// The limit counts successful requests, and only if limits are enforced.
func TestEnrich_Limit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, free := new30(t, basiqtest.WithLimits()), new30(t)
		path := enrich("q", "WOOLWORTHS")
		for range 100 {
			require.Equal(t, http.StatusOK, c.get(path).status)
			c.get(enrich()).requireError(400, "parameter-not-supplied", "Missing")
			require.Equal(t, http.StatusOK, free.get(path).status)
		}
		c.get(path).requireError(429, "too-many-requests", "Query limit reached.")
		assert.Equal(t, http.StatusOK, free.get(path).status)
		time.Sleep(31*24*time.Hour - time.Second) // to the last second of January
		c.as("3.0", server, "").get(path).requireError(429, "too-many-requests", "Query limit reached.")
		time.Sleep(time.Second)
		assert.Equal(t, http.StatusOK, c.as("3.0", server, "").get(path).status, "a new month")
	})
}
