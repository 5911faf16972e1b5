package api_test

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
)

func TestAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[api.Amount]string{
		"-299292.25": "-299292.25", "0": "0.00", "+5": "5.00", ".5": "0.50", "5.": "5.00", "-1.5e3": "-1500.00", "123E-2": "1.23", "1e+2": "100.00",
		"12345678901234567890.12": "12345678901234567890.12",
	} {
		value, known := text.Rat()
		require.True(t, known, text)
		assert.Equal(t, want, value.FloatString(2))
	}
	for _, text := range []api.Amount{"", "-", ".", "1/3", "1e", "1e1000", "1e999999999", "1e-", "1e1.5", "0x10", "1,000.00", " 1", "1_000", "NaN", "Inf", "$5", "5\n"} {
		_, known := text.Rat()
		assert.False(t, known, "%q", string(text))
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[api.Time]time.Time{
		"2020-09-09T11:06:52Z":      time.Date(2020, 9, 9, 11, 6, 52, 0, time.UTC),
		"2017-09-28T11:15:09.756Z":  time.Date(2017, 9, 28, 11, 15, 9, 756e6, time.UTC),
		"2020-09-09T11:06:52+10:00": time.Date(2020, 9, 9, 1, 6, 52, 0, time.UTC),
		"2019-10-29T00:00:00":       time.Date(2019, 10, 29, 0, 0, 0, 0, time.UTC),
		"2019-10-29":                time.Date(2019, 10, 29, 0, 0, 0, 0, time.UTC),
	} {
		moment, known := text.Time()
		require.True(t, known, text)
		assert.True(t, want.Equal(moment), "%s is %s", text, moment)
		assert.Equal(t, api.Date(text[:10]), text.Date())
	}
	for _, text := range []api.Time{"", "soon", "2018-02-228", "2018-02-31T00:00:00Z", "12/01/2024"} {
		_, known := text.Time()
		assert.False(t, known, text)
		assert.Empty(t, text.Date(), text)
	}
}

func TestTime_DateIn(t *testing.T) {
	t.Parallel()
	zone := func(name string) *time.Location {
		location, err := time.LoadLocation(name)
		require.NoError(t, err)
		return location
	}
	sydney, auckland, perth, honolulu := zone("Australia/Sydney"), zone("Pacific/Auckland"), zone("Australia/Perth"), zone("Pacific/Honolulu")
	for _, tc := range []struct {
		text api.Time
		zone *time.Location
		want api.Date
	}{
		{"2021-11-18T13:00:00Z", sydney, "2021-11-19"}, // summer time
		{"2021-11-18T12:59:59Z", sydney, "2021-11-18"},
		{"2021-06-17T14:00:00Z", sydney, "2021-06-18"}, // winter time
		{"2021-06-17T13:59:59.999Z", sydney, "2021-06-17"},
		{"2020-12-31T13:00:00Z", sydney, "2021-01-01"},
		{"2021-11-18T11:00:00Z", auckland, "2021-11-19"},
		{"2021-11-18T16:00:00Z", perth, "2021-11-19"},
		{"2021-11-19T00:00:00+11:00", sydney, "2021-11-19"},
		{"2021-11-19T00:00:00+11:00", nil, "2021-11-18"},
		{"2021-11-18T13:00:00Z", nil, "2021-11-18"},
		{"2021-11-18T13:00:00", sydney, "2021-11-19"},
		{"2021-11-19T00:00:00Z", sydney, "2021-11-19"}, // web connections
		{"2021-11-19T00:00:00Z", auckland, "2021-11-19"},
		{"2021-11-19T00:00:00Z", honolulu, "2021-11-19"},
		{"2021-11-19", honolulu, "2021-11-19"},
		{"", sydney, ""},
		{"soon", sydney, ""},
		{"2021-02-30T13:00:00Z", sydney, ""},
	} {
		assert.Equal(t, tc.want, tc.text.DateIn(tc.zone), "%q in %v", tc.text, tc.zone)
	}
	assert.Equal(t, api.Date("2021-11-18"), api.Time("2021-11-18T13:00:00Z").Date(), "the date as sent")
}

func TestDate(t *testing.T) {
	t.Parallel()
	day, known := api.Date("2019-10-29").Time()
	require.True(t, known)
	assert.Equal(t, time.Date(2019, 10, 29, 0, 0, 0, 0, time.UTC), day)
	for _, text := range []api.Date{"", "2019-02-30", "2019-10-29T00:00:00Z"} {
		_, known := text.Time()
		assert.False(t, known, text)
	}
}

func TestScalars_Null(t *testing.T) {
	t.Parallel()
	var v struct {
		Amount api.Amount
		Date   api.Date
		Time   api.Time
	}
	require.NoError(t, json.Unmarshal([]byte(`{"Amount":null,"Date":null,"Time":null}`), &v))
	assert.Empty(t, v)
}

func TestOneOrMany(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`null`, `[]`, `{"a":1}`, `[{"a":1}]`, `[{"a":1},{"a":2}]`} {
		var list api.OneOrMany[map[string]int]
		require.NoError(t, json.Unmarshal([]byte(body), &list), body)
		again, err := json.Marshal(list)
		require.NoError(t, err)
		assert.JSONEq(t, body, string(again), "the form of the input is kept")
		assert.Equal(t, body == `null`, list.IsZero())
		assert.Equal(t, strings.Contains(body, "{"), list.First() != nil)
	}
	var list api.OneOrMany[map[string]int]
	require.Error(t, json.Unmarshal([]byte(`"text"`), &list))
	require.Error(t, json.Unmarshal([]byte(`["text"]`), &list))
}

// FuzzScalars compares the parsers with independent ones and checks that formatted values parse to the same value.
func FuzzScalars(f *testing.F) {
	for _, seed := range []string{
		"", "-299292.25", "1e9", "-12.5E-999", "1e1000", "2020-09-09T11:06:52Z", "2019-10-29", "null", strings.Repeat("9", 1000), strings.Repeat("9", 1001), "+.5", "5.", "1/3", "0x1", "1_0",
		"2020-09-09T11:06:52.756+10:00", "2019-10-29T00:00:00", "2019-02-29", "2020-02-29", "0000-01-01", "9999-12-31T23:59:59-23:59", "2019-1-1", "NaN", "٣",
	} {
		f.Add(seed, int64(len(seed))<<32)
	}
	amount := regexp.MustCompile(`^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3}))?$`)
	moment := regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?$`)
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		value, known := api.Amount(text).Rat()
		digits := amount.FindStringSubmatch(text)
		require.Equal(t, len(text) <= 1000 && digits != nil && digits[2]+digits[3] != "", known)
		if known {
			number, _ := new(big.Int).SetString(digits[1]+digits[2]+digits[3], 10)
			power, _ := strconv.Atoi(digits[4]) // 0 without an exponent
			scale := func(places int) *big.Int {
				return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(0, places))), nil)
			}
			number.Mul(number, scale(power))
			require.Zero(t, value.Cmp(new(big.Rat).SetFrac(number, new(big.Int).Mul(scale(len(digits[3])), scale(-power)))))
		}

		day, isDate := api.Date(text).Time()
		if isDate {
			require.Equal(t, api.Date(text), api.DateOf(day))
			require.Equal(t, time.UTC, day.Location())
		}
		at, isTime := api.Time(text).Time()
		require.True(t, isTime || !isDate, "every Date is also a Time")
		parts := moment.FindStringSubmatch(text)
		require.True(t, parts != nil || !isTime, "%q", text)
		if isTime {
			_, offset := at.Zone()
			require.Equal(t, parts[1], at.Format(time.DateOnly), "the date is not converted to another time zone")
			require.LessOrEqual(t, offset, 24*60*60)
			require.Equal(t, text == parts[1], isDate)
			if year := at.UTC().Year(); year >= 0 && year <= 9999 {
				again, known := api.TimeOf(at).Time()
				require.True(t, known)
				require.True(t, at.Truncate(time.Second).Equal(again))
			}
		}

		made := time.Unix(seconds%(200*365*24*60*60), 0).UTC()
		again, known := api.TimeOf(made).Time()
		require.True(t, known && made.Equal(again), "%v", made)
		day, known = api.DateOf(made).Time()
		require.True(t, known && made.Truncate(24*time.Hour).Equal(day), "%v", made)
	})
}
