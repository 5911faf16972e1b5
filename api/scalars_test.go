package api_test

import (
	"encoding/json"
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
		"-299292.25": "-299292.25", "0": "0.00", "+5": "5.00", ".5": "0.50", "5.": "5.00", "12345678901234567890.12": "12345678901234567890.12",
	} {
		value, known := text.Rat()
		require.True(t, known, text)
		assert.Equal(t, want, value.FloatString(2))
	}
	for _, text := range []api.Amount{"", "-", ".", "1/3", "1e9", "1e999999999", "0x10", "1,000.00", " 1", "1_000", "NaN", "Inf", "$5", "5\n"} {
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
	}
	for _, text := range []api.Time{"", "soon", "2018-02-228", "2018-02-31T00:00:00Z", "12/01/2024"} {
		_, known := text.Time()
		assert.False(t, known, text)
	}
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

func TestScalarsTakeNull(t *testing.T) {
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
	for body, want := range map[string]string{
		`null`: `null`, `[]`: `null`, `{"a":1}`: `{"a":1}`, `[{"a":1}]`: `{"a":1}`, `[{"a":1},{"a":2}]`: `[{"a":1},{"a":2}]`,
	} {
		var list api.OneOrMany[map[string]int]
		require.NoError(t, json.Unmarshal([]byte(body), &list), body)
		again, err := json.Marshal(list)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(again))
		assert.Equal(t, strings.Contains(body, "{"), list.First() != nil)
	}
	var list api.OneOrMany[map[string]int]
	require.Error(t, json.Unmarshal([]byte(`"text"`), &list))
	require.Error(t, json.Unmarshal([]byte(`["text"]`), &list))
}

func FuzzScalars(f *testing.F) {
	for _, seed := range []string{"", "-299292.25", "1e9", "2020-09-09T11:06:52Z", "2019-10-29", "null", strings.Repeat("9", 1000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if value, known := api.Amount(text).Rat(); known {
			assert.NotNil(t, value)
			assert.LessOrEqual(t, len(value.Num().String()), len(text)+1, "no more digits than were sent")
		}
		_, isDate := api.Date(text).Time()
		_, isTime := api.Time(text).Time()
		assert.True(t, isTime || !isDate, "a date is a moment too")
	})
}
