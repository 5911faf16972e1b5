package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

func TestDecimal(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text, exact string // exact is "" if the text is not a number
		zero        bool
	}{
		`12.50`:      {"12.50", "25/2", false},
		`"12.50"`:    {"12.50", "25/2", false},
		`-0.10`:      {"-0.10", "-1/10", false},
		`0`:          {"0", "0", false},
		`1.5e3`:      {"1.5e3", "1500", false},
		`1E-2`:       {"1E-2", "1/100", false},
		`1e9999`:     {"1e9999", "", false},
		`"n/a"`:      {"n/a", "", false},
		`"a\"b"`:     {`a"b`, "", false},
		`""`:         {"", "", true},
		`null`:       {"", "", true},
		`true`:       {"true", "", false},
		`{"a":[1]}`:  {`{"a":[1]}`, "", false},
		`"1e999999"`: {"1e999999", "", false},
	}
	for sent, want := range cases {
		t.Run(sent, func(t *testing.T) {
			t.Parallel()
			var d api.Decimal
			require.NoError(t, json.Unmarshal([]byte(sent), &d))
			assert.Equal(t, want.text, d.String())
			assert.Equal(t, want.text, fmt.Sprint(d))
			assert.Equal(t, want.zero, d.IsZero())
			value, known := d.Rat()
			require.Equal(t, want.exact != "", known)
			if known {
				assert.Equal(t, want.exact, value.RatString())
			}
			again, err := json.Marshal(d)
			require.NoError(t, err)
			assert.Equal(t, sent, string(again))
		})
	}
}

func TestDecimal_OmitZero(t *testing.T) {
	t.Parallel()
	type thing struct {
		A, B api.Decimal `json:",omitzero"`
	}
	var v thing
	require.NoError(t, json.Unmarshal([]byte(`{"A":1.10,"B":2}`), &v))
	require.NoError(t, json.Unmarshal([]byte(`{"B":null}`), &v))
	text, err := json.Marshal(v)
	require.NoError(t, err)
	assert.Equal(t, `{"A":1.10}`, string(text))
}

func TestDateOf_TimeOf(t *testing.T) {
	t.Parallel()
	sydney := time.FixedZone("AEST", 10*60*60)
	moment := time.Date(2024, 3, 1, 8, 30, 0, 5, sydney)
	assert.Equal(t, api.Date("2024-03-01"), api.DateOf(moment), "the date in the location of the time")
	assert.Equal(t, api.Time("2024-02-29T22:30:00Z"), api.TimeOf(moment))
}

func TestMinorUnits(t *testing.T) {
	t.Parallel()
	cases := []struct {
		text   string
		places int
		units  int64
		known  bool
	}{
		{"-12.95", 2, -1295, true},
		{"12.950", 2, 1295, true},
		{"0.00", 2, 0, true},
		{"-0.00", 2, 0, true},
		{"+5", 2, 500, true},
		{".5", 2, 50, true},
		{"5.", 2, 500, true},
		{"-.05", 2, -5, true},
		{"7", 0, 7, true},
		{".0", 0, 0, true},
		{"-.00", 0, 0, true},
		{"7.0", 0, 7, true},
		{"92233720368547758.07", 2, 9223372036854775807, true},
		{"-92233720368547758.08", 2, -9223372036854775808, true},
		{"92233720368547758.08", 2, 0, false},
		{"12.955", 2, 0, false},
		{"0.1", 0, 0, false},
		{"1", -1, 0, false},
		{"1", 1000000000, 0, false},
		{"", 2, 0, false},
		{"-", 2, 0, false},
		{"1,000.00", 2, 0, false},
		{"n/a", 2, 0, false},
	}
	for _, tc := range cases {
		t.Run(fmt.Sprint(tc.text, " ", tc.places), func(t *testing.T) {
			t.Parallel()
			units, known := api.Amount(tc.text).MinorUnits(tc.places)
			assert.Equal(t, tc.known, known)
			if known {
				assert.Equal(t, tc.units, units)
			}
			var d api.Decimal
			quoted, err := json.Marshal(tc.text)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(quoted, &d))
			again, knownToo := d.MinorUnits(tc.places)
			assert.Equal(t, known, knownToo)
			assert.Equal(t, units, again)
		})
	}
	for text, want := range map[string]int64{"1.25e1": 1250, "1e-2": 1, "1e3": 100000} {
		var d api.Decimal
		require.NoError(t, json.Unmarshal([]byte(text), &d))
		units, known := d.MinorUnits(2)
		assert.True(t, known)
		assert.Equal(t, want, units)
	}
	for _, text := range []string{"1e-3", "1e-30", "1e99"} {
		var d api.Decimal
		require.NoError(t, json.Unmarshal([]byte(text), &d))
		_, known := d.MinorUnits(2)
		assert.False(t, known, text)
	}
}

// Parsing time grows with the square of the number of digits, and a response may contain millions of digits.
func TestRat_MaxDigits(t *testing.T) {
	t.Parallel()
	for digits, want := range map[int]bool{1000: true, 1001: false, 1_000_000: false} {
		text := strings.Repeat("7", digits)
		_, known := api.Amount(text).Rat()
		assert.Equal(t, want, known, digits)
	}
	var d api.Decimal
	require.NoError(t, json.Unmarshal([]byte("1"+strings.Repeat("0", 1000)+"e1"), &d))
	_, known := d.Rat()
	assert.False(t, known)
}
